"""One network, its stand-in and a webhook of ours, as the contract tests meet them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from allhours.domain.errors import BadSignature, NetworkError
from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks import network_module
from allhours.networks.contract import Addressed, Answer, Delivery, Push, Rereader, Source
from allhours.networks.http import Http
from infra.local.standins import stand_in_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from allhours.domain.item import Heard
    from allhours.networks.contract import Connector, Cursor, Replier


@dataclass
class Secrets:
    """Secrets by name; a renewed one is stored before it is used, and `renewed` counts."""

    kept: dict[str, Mapping[str, str]]
    renewed: list[str] = field(default_factory=list)

    def read(self, secret: str) -> Mapping[str, str]:
        return self.kept[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        now = self.kept[secret]
        if now != stale:
            return now
        self.kept[secret] = dict(ask(now))
        self.renewed.append(secret)
        return self.kept[secret]


@dataclass
class Purse:
    """A meter that lets everything through and keeps what it cost."""

    spent: list[float] = field(default_factory=list)

    def room(self, handle: Handle, cost: float) -> None:
        """There is room."""

    def spend(self, handle: Handle, cost: float) -> None:
        del handle
        self.spent.append(cost)


class Town:
    """A stand-in that plays for one handle, the network that reads and answers it, and what was heard."""

    def __init__(self, network: str) -> None:
        self.network = network
        self.module = network_module(network)
        self.capabilities = self.module.capabilities
        planned = Handle(
            network=network,
            account="acmebank",
            unit="customer_care",
            handle="@AcmeBank",
            base_url="",
            native_id="1000000000000000101",
            secret=f"{network}/acmebank",
            settings=MappingProxyType({"updates": "poll"}),  # a Telegram bot; no other network knows it
        )
        self.stand_in = stand_in_for(network).playing(planned)
        self.cursor: Cursor = {}
        self.heard: list[Heard] = []
        self.pushed: list[Heard] = []
        self.refused: list[NetworkError] = []
        self.meter = Purse()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.stand_in.start()
        told = self.stand_in.handle_settings
        self.handle = Handle(
            network=self.network,
            account="acmebank",
            unit="customer_care",
            handle=str(told["handle"]),
            base_url=str(told["base_url"]),
            native_id=str(told.get("native_id", "")),
            listen=tuple(told.get("listen", ())),
            secret=f"{self.network}/acmebank",
            settings=MappingProxyType(dict(told.get("settings", {}))),
        )
        self.secrets = Secrets(
            {self.handle.secret: self.stand_in.secret, f"{self.network}/app": self.stand_in.app_secret}
        )
        app = f"{self.network}/app"
        self.reader = self.module.connect(self.secrets, Http(), app_secret=app, meter=self.meter)
        return self

    def __exit__(self, *_: object) -> None:
        self.stand_in.stop()
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    @property
    def replier(self) -> Replier:
        app = f"{self.network}/app"
        return self.module.answering(self.secrets, Http(), app_secret=app, meter=self.meter)

    @property
    def connector(self) -> Connector:
        return self.module.setting_up(self.secrets, Http(), app_secret=f"{self.network}/app")

    def poll(self) -> list[Heard]:
        """Read to the end, as `flows.ingest` does; trouble of one stream is raised at the end."""
        assert isinstance(self.reader, Source)
        new: list[Heard] = []
        trouble = None
        for step in self.reader.fetch(self.handle, self.cursor, at=datetime.now(UTC)):
            new += step.heard
            self.cursor = step.cursor
            trouble = step.trouble or trouble
        self.heard += new
        if trouble:
            raise trouble
        return new

    def reread(self) -> list[Heard]:
        """Read again what was heard, if the network does that."""
        if not isinstance(self.reader, Rereader):
            return []
        new = list(self.reader.reread(self.handle, tuple(self.items.values()), at=datetime.now(UTC)))
        self.heard += new
        return new

    def listen(self) -> str:
        """Open a webhook of ours that believes what the network signed, and return its address."""
        town = self

        class Webhook(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                url = urlsplit(self.path)
                delivery = Delivery(
                    method=self.command,
                    query=dict(parse_qsl(url.query, keep_blank_values=True)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                    came_at=datetime.now(UTC),
                )
                status, told, kind = town.receive(delivery)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/{self.network}"

    def receive(self, delivery: Delivery) -> tuple[int, bytes, str]:
        """Do what `flows.receive` does with one delivery."""
        assert isinstance(self.reader, Push)
        try:
            if delivery.method == "GET":
                greeting = self.reader.greet(delivery)
                return 200, greeting.body.encode(), greeting.content_type
            self.reader.verify(delivery)
        except BadSignature as error:
            self.refused.append(error)
            return 403, b"", "text/plain"
        handles: Sequence[Handle] = (self.handle,)
        if isinstance(self.reader, Addressed):
            handles = self.reader.addressed(delivery, handles)
        heard = self.reader.unpack(delivery.body, handles, at=datetime.now(UTC))
        self.pushed += heard
        self.heard += heard
        return 200, b"", "text/plain"

    @property
    def items(self) -> dict[str, Item]:
        """Return the newest state of each item that was heard."""
        newest: dict[str, Item] = {}
        for one in self.heard:
            if isinstance(one, Item):
                old = newest.get(one.native_id)
                if old is None or one.version >= old.version:
                    newest[one.native_id] = one
        return newest

    def hear(self, native_id: str) -> Item:
        """Return the item of a post, polled for or delivered."""
        if native_id not in self.items and isinstance(self.reader, Source):
            self.poll()
        wait = threading.Event()
        for _ in range(200):
            if native_id in self.items:
                return self.items[native_id]
            wait.wait(0.02)
        raise AssertionError(f"{self.network}: {native_id} was never heard, only {list(self.items)}")

    def answer(self, item: Item, text: str, *, private: bool = False, reply_id: str = "") -> Answer:
        """Return an approved answer, prepared."""
        at = datetime.now(UTC)
        answer = Answer(
            reply_id=reply_id or f"reply-{item.native_id[-20:]}",
            item=item,
            text=text,
            approved_at=at,
            private=private,
        )
        return self.replier.prepare(self.handle, answer, at=at)


def named(item: Item, **changes: Any) -> Item:
    """Return an item with changes."""
    return replace(item, **changes)
