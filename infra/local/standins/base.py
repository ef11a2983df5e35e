"""What every stand-in shares: a server on loopback, faults on demand, and signed deliveries to a webhook."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from allhours.domain.handle import Handle


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in; header names in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def first(self, name: str, otherwise: str = "") -> str:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), otherwise)

    def every(self, name: str) -> tuple[str, ...]:
        """Return all values of a repeated query parameter."""
        return tuple(value for key, value in self.query if key == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One answer: a JSON value, or bytes sent as they are."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"

    def raw(self) -> bytes:
        """Return the bytes that go over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass(slots=True, kw_only=True)
class Shown:
    """One of our answers as the network shows it; `to` is the native id of what it answers.

    `text` is as the network stores it. `by` is the account that it is shown under.
    """

    native_id: str
    to: str
    text: str
    by: str
    private: bool = False
    deleted: bool = False


FAULTS = (
    "rate_limited",
    "server_error",
    "cut",
    "malformed",
    "duplicate",
    "late",
    "expired_token",
    "refused_token",
)
"""What a stand-in can be told to do next, in its network's own way."""


class StandIn(ABC):
    """A network on loopback that keeps state and can be told to fail.

    `fail(fault, times)` arms a fault for the next `times` requests that the network's API receives. `say` and
    its kin (each network names its own) are what customers do. `asked` keeps every request for the tests.
    """

    name: str
    private_sayable = False
    """Whether a customer can say something here that only we can read."""
    public_sayable = True
    """Whether a customer can say something here that everybody can read."""
    polled = True
    """Whether this handle is read by polling; a Telegram bot with a webhook, for one, is not."""

    def __init__(self, port: int = 0) -> None:
        """Bind to loopback only; port 0 takes a free one."""
        self._port = port
        self._armed: deque[str] = deque()
        self._server: ThreadingHTTPServer | None = None
        self.lock = threading.RLock()
        self.asked: list[Asked] = []
        self.open_connections: set[socket.socket] = set()
        self.pushes: Pusher | None = None
        self.shown: list[Shown] = []
        self.hidden: set[str] = set()

    @classmethod
    @abstractmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the network as this handle of an organisation meets it, with generous rate limits.

        `place` is different for each handle: native ids of several stand-ins must never meet.
        """

    @abstractmethod
    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer say something so that our handle hears it; return the post's native id.

        Takes any name for the author and makes of it one that the network allows; mentions us where only
        that is heard; puts it below a post of ours where customers can only comment.
        """

    @property
    @abstractmethod
    def posts(self) -> Sequence[Any]:
        """List what customers said: `native_id`, `author`, `text` and `deleted` of each, as it is now."""

    @abstractmethod
    def edit(self, native_id: str, text: str) -> None:
        """Let the author change a post; a network without edits raises `NotImplementedError`."""

    @abstractmethod
    def delete(self, native_id: str) -> None:
        """Let the author delete a post."""

    @abstractmethod
    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Post as ourselves by hand, beside Allhours; return the native id."""

    @property
    @abstractmethod
    def secret(self) -> Mapping[str, str]:
        """Return the fields that the handle's secret must hold; empty for none."""

    @property
    def app_secret(self) -> Mapping[str, str]:
        """Return the fields that the secret `<network>/app` must hold; empty for none."""
        return {}

    @property
    @abstractmethod
    def handle_settings(self) -> Mapping[str, Any]:
        """Return what the organisation file says of the handle: `handle`, base_url, native_id, settings."""

    def register(self, url: str) -> None:  # noqa: B027 - nothing to do for a network without webhooks
        """Let the network call this webhook from now on, after its own verification of it."""

    @property
    def base_url(self) -> str:
        """Return where it listens, without a trailing slash."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        """Start serving."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving; state stays, so that a restart is an outage and not a new world."""
        self.stop()

    def start(self) -> None:
        """Serve in a thread, on the same port after a stop."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = (
                True  # headers and body are two writes; waiting for an ACK costs 40 ms a request
            )

            def _serve(self) -> None:
                stand_in.serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet; `asked` is the record."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self) -> tuple[socket.socket, Any]:
                connection, address = super().get_request()
                stand_in.open_connections.add(connection)
                return connection, address

            def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's signature
                stand_in.open_connections.discard(request)
                super().shutdown_request(request)

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hung up is no error of ours."""

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name=self.name, daemon=True).start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            for connection in tuple(self.open_connections):  # an outage ends kept-alive connections too
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        if self.pushes:
            self.pushes.stop()

    def fail(self, fault: str, times: int = 1) -> None:
        """Arm a fault for the next requests."""
        if fault not in FAULTS:
            message = f"{fault!r} is no fault; there are {', '.join(FAULTS)}"
            raise ValueError(message)
        with self.lock:
            self._armed.extend([fault] * times)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, or fail as armed."""
        url = urlsplit(handler.path)
        length = int(handler.headers.get("content-length") or 0)
        asked = Asked(
            method=handler.command,
            path=url.path,
            query=tuple(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in handler.headers.items()},
            body=handler.rfile.read(length),
        )
        with self.lock:
            self.asked.append(asked)
            fault = self._armed.popleft() if self._armed and self.may_fail(asked) else ""
            told = self.failed(fault, asked) if fault else self.answer(asked)
        raw = told.raw()
        if fault == "cut":
            handler.send_response(told.status)
            handler.send_header("Content-Length", str(len(raw) + 1_000))
            handler.end_headers()
            handler.wfile.write(raw[: len(raw) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        handler.send_response(told.status)
        for name, value in told.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", told.content_type)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def may_fail(self, asked: Asked) -> bool:
        """Return whether an armed fault may hit this request; a network exempts what must stay up."""
        return bool(asked)

    @abstractmethod
    def answer(self, asked: Asked) -> Told:
        """Answer as the network does."""

    @abstractmethod
    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as the network does.

        `cut`, `duplicate` and `late` return what would have been said, altered if need be.
        """


class Pusher:
    """Deliver signed bodies to one webhook, again and again until it answers 200, as the networks do."""

    def __init__(
        self, url: str, sign: Callable[[bytes], Mapping[str, str]], *, again_after: float = 0.5
    ) -> None:
        """Deliver to `url` with the headers that `sign` makes of the raw body."""
        self.url = url
        self._sign = sign
        self._again_after = again_after
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Condition()
        self._ended = False
        self.delivered: list[bytes] = []
        self.refused: list[int] = []
        threading.Thread(target=self._work, name="pusher", daemon=True).start()

    def push(self, body: object, *, copies: int = 1) -> None:
        """Queue a delivery; more copies than one are what networks do on a bad day."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with self._wake:
            self._waiting.extend([raw] * copies)
            self._wake.notify()

    @property
    def idle(self) -> bool:
        """Return whether everything has been delivered."""
        return not self._waiting

    def stop(self) -> None:
        """Stop delivering; what waits is dropped, as a network drops it after its last try."""
        with self._wake:
            self._ended = True
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._ended)
                if self._ended:
                    return
                raw = self._waiting[0]
            if self._deliver(raw):
                with self._wake:
                    self._waiting.popleft()
                self.delivered.append(raw)
            else:
                with self._wake:
                    self._wake.wait_for(lambda: self._ended, timeout=self._again_after)

    def _deliver(self, raw: bytes) -> bool:
        request = urllib.request.Request(self.url, data=raw, method="POST")
        request.add_header("Content-Type", "application/json")
        for name, value in self._sign(raw).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except urllib.error.HTTPError as error:
            self.refused.append(error.code)
            return False
        except OSError:
            return False


def now() -> datetime:
    """Return the stand-in's clock, to the millisecond as networks show it."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
