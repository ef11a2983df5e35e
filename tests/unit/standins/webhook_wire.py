"""A webhook function of ours on loopback: what Meta's stand-ins push to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlsplit

from allhours.domain.errors import AllhoursError
from allhours.networks.contract import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Push


class Webhook:
    """Our function on loopback: greet, verify, unpack, keep."""

    def __init__(self, network: Push, handle: Handle) -> None:
        webhook = self
        self.network, self.handle = network, handle
        self.heard: list[Heard] = []
        self.bodies: list[bytes] = []
        self.came = threading.Condition()

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(lambda delivery: str(network.greet(delivery).body))

            def do_POST(self) -> None:
                self._answer(webhook.take)

            def _answer(self, take: Callable[[Delivery], str]) -> None:
                delivery = Delivery(
                    method=self.command,
                    query=dict(parse_qsl(urlsplit(self.path).query)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=self.rfile.read(int(self.headers.get("content-length") or 0)),
                )
                try:
                    body, status = take(delivery), 200
                except AllhoursError:
                    body, status = "", 403
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet."""

        self._server = HTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhook"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, delivery: Delivery) -> str:
        self.network.verify(delivery)
        heard = self.network.unpack(delivery.body, [self.handle], at=datetime.now(UTC))
        with self.came:
            self.heard += heard
            self.bodies.append(delivery.body)
            self.came.notify_all()
        return ""

    def wait_for(self, count: int) -> list[Heard]:
        with self.came:
            assert self.came.wait_for(lambda: len(self.heard) >= count, timeout=10)
            return list(self.heard)
