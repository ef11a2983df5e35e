"""Post to a webhook of somebody else's: one attempt, to the public internet and nowhere else.

The host's addresses are looked up once and all must be public; the connection goes to the address that was
looked at, so that a second look-up cannot lead it into our own network (DNS rebinding). No redirect is
followed, no body is read, and five seconds are enough for everything.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from allhours.domain.errors import Refused, Unreachable
from allhours.networks.http import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

WITHIN = 5.0  # seconds for connecting, TLS, sending and the answer's head
NAME = "webhook"
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address, perhaps a private one


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a receiver said: the status, and `Retry-After` as it stood there."""

    status: int
    retry_after: str = ""


class Receiver:
    """Posts; `local` lets the local cloud call what runs beside it, over plain HTTP on loopback."""

    def __init__(self, *, local: bool = False, within: float = WITHIN) -> None:
        """Remember what is allowed."""
        self._local = local
        self._within = within

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Make one attempt; `Unreachable` without an answer in time, `Refused` where we must not call."""
        parts = urlsplit(url)
        host, port, secure = self._checked(parts)
        address = self._address(host, port)
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            with self._connected(address, port, host if secure else "") as sock:
                connection = http.client.HTTPConnection(host, port)
                connection.default_port = 443 if secure else 80  # which the Host header leaves out
                connection.sock = sock
                connection.request("POST", target, body, {"User-Agent": USER_AGENT, **headers})
                answer = connection.getresponse()
                return Answered(status=answer.status, retry_after=answer.getheader("Retry-After", ""))
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(NAME, f"{host} did not answer ({type(error).__name__})") from None

    def _checked(self, parts: SplitResult) -> tuple[str, int, bool]:
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        secure = parts.scheme == "https"
        plain = self._local and parts.scheme == "http"
        if not host or not host.isascii() or parts.username is not None or not (secure or plain):
            raise Refused(NAME, "its url is no https address of a host: mend it in the organisation file")
        return host, port or (443 if secure else 80), secure

    def _address(self, host: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unreachable(NAME, f"{host} has no address") from None
        addresses = [str(each[4][0]) for each in found]
        if not self._local and not all(map(is_public, addresses)):
            raise Refused(NAME, f"{host} is at an address that is not public: we do not call our own network")
        return addresses[0]

    @contextlib.contextmanager
    def _connected(self, address: str, port: int, name: str) -> Generator[socket.socket]:
        """Connect, and hang up when the time is over, however slowly the other side dribbles."""
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.create_connection((address, port), timeout=self._within))
            wire = stack.enter_context(sock.dup())  # TLS takes the socket over; this stays ours
            over = threading.Event()
            end = threading.Timer(self._within, _hang_up, [wire, over])
            end.start()
            stack.callback(end.cancel)
            yield stack.enter_context(_tls().wrap_socket(sock, server_hostname=name)) if name else sock
            if over.is_set():  # what was read until then is half an answer
                raise TimeoutError


@cache
def _tls() -> ssl.SSLContext:
    """Return what checks certificates; reading the authorities takes 20 ms."""
    return ssl.create_default_context()


def _hang_up(wire: socket.socket, over: threading.Event) -> None:
    over.set()
    with contextlib.suppress(OSError):  # it is over already
        wire.shutdown(socket.SHUT_RDWR)


def is_public(address: str) -> bool:
    """Return whether an address is on the public internet, and not ours in a disguise."""
    told = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(told, ipaddress.IPv6Address):
        if told.sixtofour or told.teredo or told in _TRANSLATED:
            return False
        if told.ipv4_mapped:
            told = told.ipv4_mapped
    return told.is_global and not told.is_multicast
