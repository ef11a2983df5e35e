"""Stand between the functions and the emulator, and make chosen AWS calls fail a chosen number of times.

    with FaultProxy.start() as faults, Emulator.start(state=..., calls_through=faults.address) as emulator:
        faults.forward_to(emulator.endpoint)
        faults.throttle("sqs", "SendMessageBatch", times=2)

Requests are passed on byte for byte with their Host header, so signatures stay valid.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
THROTTLED = {"__type": "ThrottlingException", "message": "Rate exceeded"}
LONGEST_CALL_SECONDS = 120
"""SQS answers a long poll after 20 s, Lambda a synchronous call after its function's time-out."""


@dataclass(slots=True)
class FaultProxy:
    """A reverse proxy with a list of faults to come and a count of the calls that came."""

    server: ThreadingHTTPServer
    upstream: str = ""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    callers: set[tuple[str, str, str]] = field(default_factory=set)
    """Access key, service and action of every call that ever came; `clear` leaves them."""
    faults: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def start(cls) -> Self:
        """Listen on a free port of loopback."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.daemon_threads = True
        proxy = cls(server)
        server.RequestHandlerClass = type("Handler", (_Handler,), {"proxy": proxy})
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return proxy

    @property
    def address(self) -> str:
        """Give the endpoint that functions call."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def forward_to(self, endpoint: str) -> None:
        """Pass calls on to this emulator."""
        self.upstream = endpoint

    def throttle(self, service: str, action: str, *, times: int = 1) -> None:
        """Refuse the next calls with HTTP 400 `ThrottlingException`; `"sqs"`, `"SendMessageBatch"`."""
        self._expect("throttle", service, action, times)

    def cut(self, service: str, action: str, *, times: int = 1) -> None:
        """Close the connection of the next calls before anything is done."""
        self._expect("cut", service, action, times)

    def lose_answer(self, service: str, action: str, *, times: int = 1) -> None:
        """Do what the next calls ask for, then close the connection instead of answering."""
        self._expect("lose", service, action, times)

    def clear(self) -> None:
        """Forget the faults that have not happened and the calls that have."""
        with self.lock:
            self.faults.clear()
            self.calls.clear()

    def stop(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _expect(self, fault: str, service: str, action: str, times: int) -> None:
        with self.lock:
            self.faults[fault, service, action] += times

    def fault_for(self, service: str, action: str, key: str = "") -> str | None:
        """Count the call and take the fault that is due for it, if one is."""
        with self.lock:
            self.callers.add((key, service, action))
            self.calls[service, action] += 1
            for fault in ("throttle", "cut", "lose"):
                if self.faults[fault, service, action] > 0:
                    self.faults[fault, service, action] -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def answer(self) -> None:
        """Pass one call on, or let it fail as told."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        fault = self.proxy.fault_for(*call_named(self.command, self.path, dict(self.headers), body), key)
        if fault == "cut":
            self.close_connection = True
            return
        if fault == "throttle":
            self._reply(400, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(THROTTLED).encode())
            return
        upstream = urlsplit(self.proxy.upstream)
        connection = http.client.HTTPConnection(upstream.netloc, timeout=LONGEST_CALL_SECONDS)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body=body, headers=headers)
            response = connection.getresponse()
            content = response.read()
        except OSError:
            self.close_connection = True  # the emulator is gone; so is the answer
            return
        finally:
            connection.close()
        if fault == "lose":
            self.close_connection = True
            return
        kept = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
        self._reply(response.status, kept, content)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = answer  # noqa: N815 (http.server's names)

    def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Stay silent; `calls` counts."""


def call_named(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[str, str]:
    """Tell service and action of a signed call: `("dynamodb", "PutItem")`, `("s3", "GET")`."""
    lowered = {name.lower(): value for name, value in headers.items()}
    scope = lowered.get("authorization", "").partition("Credential=")[2].partition(",")[0].split("/")
    service = scope[3] if len(scope) > 3 else "unsigned"  # noqa: PLR2004 (key/date/region/service)
    if target := lowered.get("x-amz-target"):
        return service, target.rpartition(".")[2]
    if lowered.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return service, parse_qs(body.decode()).get("Action", [method])[0]
    return service, parse_qs(urlsplit(path).query).get("Action", [method])[0]
