"""A way out that reaches public addresses only: a feed's address is a stranger's word (request forgery).

The name is resolved once, what it resolves to is checked, and the connection goes to the checked address
itself, so a name that answers differently a moment later (DNS rebinding) gains nothing. `Host`, the TLS
server name and the check of the certificate still use the name. Every redirect is a request of its own, so it
holds for each.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last four bytes are an IPv4 address


class NotPublic(Exception):
    """The name leads into a private network; raised before a byte is sent."""


def public_only() -> requests.Session:
    """Return a session that connects to public addresses only and raises `NotPublic` for any other."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _PublicAdapter())
    return session


def is_public(address: str) -> bool:
    """Return whether anybody on the internet could ask this address too, whatever form it is written in."""
    ip = ipaddress.ip_address(address.partition("%")[0])  # without the zone of fe80::1%eth0
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _connect(connection: HTTPConnection) -> socket.socket:
    """Resolve once, check every answer, connect to the first that takes us; an `OSError` when none does."""
    try:
        found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that no name may have
        raise OSError("the name is no name") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(is_public(address) for address in addresses):
        raise NotPublic(connection.host)
    trouble: OSError = OSError("the name has no address")
    for address in addresses[:2]:  # as many as fit into a function's time
        try:
            return create_connection(
                (address, connection.port),
                connection.timeout,
                source_address=connection.source_address,
                socket_options=connection.socket_options,
            )
        except OSError as error:
            trouble = error
    raise trouble


class _PublicConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PublicTLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection  # pyright: ignore[reportAssignmentType] - urllib3's own does not fit


class _PublicTLSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicTLSConnection  # pyright: ignore[reportAssignmentType] - as above


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Make the pool out of connections that look before they leap."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicTLSPool}
