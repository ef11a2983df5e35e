"""Hostile feeds: documents that grow, answers that never end, and addresses that lead inside."""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
import tracemalloc
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from allhours.domain.errors import Malformed, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks import _public_only, feeds
from allhours.networks._public_only import NotPublic, is_public, public_only
from allhours.networks.http import LARGEST_BODY, Http
from tests.unit.standins.bluesky_wire import NoMeter

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "feeds"
HANDLE = Handle(
    network="feeds",
    account="acme",
    unit="cards",
    handle="Money forum",
    base_url="https://forum.example/feed",
    settings={"own_authors": "Acme Bank"},
)


# Bombs.

OPENS = b"<rss version='2.0'><channel><item><title>"
LAUGHS = b"<!ENTITY a0 'ha'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
)
QUADRATIC = b'<!DOCTYPE rss [\n<!ENTITY a "' + b"x" * 9_000 + b'">\n]>' + OPENS + b"&a;" * 500_000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            b"<!DOCTYPE rss [" + LAUGHS + b"]>" + OPENS + b"&a9;</title></item></channel></rss>", id="laughs"
        ),
        pytest.param(
            b"<!-- <a --><!DOCTYPE rss [" + LAUGHS + b"]>" + OPENS + b"&a9;", id="laughs behind a comment"
        ),
        pytest.param(QUADRATIC, id="one long entity, repeated"),
        pytest.param(
            ("<?xml version='1.0'?>" + QUADRATIC.decode()).encode("utf-16"), id="the same in UTF-16"
        ),
        pytest.param(
            b"<?xml version='1.0' encoding='utf-7'?>" + QUADRATIC.replace(b"<", b"+ADw-"),
            id="the same in UTF-7",
        ),
        pytest.param(
            b"<!DOCTYPE rss [<!ATTLIST a b CDATA '" + b"x" * 99 + b"'>]>" + OPENS, id="attribute defaults"
        ),
        pytest.param(
            b"<?xml version='1.0'?>" + b"encoding='a' " * 100_000 + OPENS, id="cubic search for the encoding"
        ),
        pytest.param(b"<?xml version='1.0'?>" + b"\n<!DOCTYPE" * 100_000 + OPENS, id="many doctypes"),
        pytest.param(b"<rss>" + b"<item/>" * 5_000, id="more entries than a feed holds"),
    ],
)
def test_a_bomb_is_refused_before_it_is_read(body: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        feeds.parse(body, HANDLE, AT)
    assert "ha" * 10 not in str(refused.value)


def test_what_feedparser_would_read_for_hours_is_read() -> None:
    author = b"<rss version='2.0'><channel><item><title>One</title><author>%s</author></item></channel></rss>"
    blank = b"<?xml version='1.0'?>" + b"\n" * 1_000_000
    comments = b"<rss version='2.0'><channel><item><title>One</title><description>" + b"&lt;!--" * 100_000
    for body in (author % (b"a" * 1_000_000), blank + author % b"Ben", comments):
        (item,) = feeds.parse(body, HANDLE, AT)
        assert isinstance(item, Item)
        assert item.text == "One"


def test_an_external_entity_is_never_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the vault's combination")
    body = (
        f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
        "<rss version='2.0'><channel><item><title>One &x;</title></item></channel></rss>"
    ).encode()
    (item,) = feeds.parse(body, HANDLE, AT)
    assert isinstance(item, Item)
    assert "combination" not in item.text


def test_harmless_entities_and_old_doctypes_are_read() -> None:
    body = (
        b'<?xml version="1.0"?>\n<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN"'
        b' "http://my.netscape.com/publish/formats/rss-0.91.dtd" [\n<!ENTITY copyright "(C)">\n]>\n'
        b"<rss version='0.91'><channel><item><title>All rights &copyright;</title></item></channel></rss>"
    )
    (item,) = feeds.parse(body, HANDLE, AT)
    assert isinstance(item, Item)
    assert item.text.startswith("All rights")


@pytest.fixture
def bomber() -> Iterator[str]:
    """Serve a hundred megabytes of blanks in a hundred kilobytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as writer:
        for _ in range(100):
            writer.write(b" " * 1_000_000)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            try:
                self.wfile.write(packed.getvalue())
            except OSError:
                return  # the reader left, as it should

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/feed"
        server.shutdown()
        thread.join()


def test_a_gzip_bomb_ends_at_the_ceiling_and_costs_no_more_memory(bomber: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="larger"):
            Http().call("feeds", "GET", bomber)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * LARGEST_BODY


# Addresses.


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing binds to it
        ("224.0.1.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_private_addresses_are_known_in_every_form(address: str, public: bool) -> None:  # noqa: FBT001 - a table
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://2130706433:9/", "http://[::1]:9/"]
)
def test_a_private_address_is_refused_before_a_byte_is_sent(url: str) -> None:
    with pytest.raises(NotPublic):
        Http(public_only()).call("feeds", "GET", url)


def test_the_checked_address_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers publicly once and privately from then on gets nothing (DNS rebinding)."""
    answers = iter([("93.184.215.14",), ("127.0.0.1",)])
    connected: list[tuple[str, int]] = []

    def resolve(_host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(answers)]

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address)
        raise OSError("no way out in a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(_public_only, "create_connection", connect)
    session = public_only()
    with pytest.raises(requests.ConnectionError):
        session.get("http://rebinding.example/feed", timeout=1)
    with pytest.raises(NotPublic):
        session.get("http://rebinding.example/feed", timeout=1)
    assert connected == [("93.184.215.14", 80)]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_name_is_still_the_one_that_server_and_certificate_see(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    heard: list[bytes] = []

    def resolve(_host: str, port: int, **_: object) -> list[Any]:
        return [(2, 1, 6, "", ("93.184.215.14", port))]

    def listen(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(4_096))

    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(_public_only, "create_connection", lambda *_, **__: ours)
        thread = threading.Thread(target=listen, args=(server,))
        thread.start()
        with pytest.raises(requests.ConnectionError):  # it hangs up once it has heard the name
            public_only().get(f"{scheme}://feed.example/", timeout=5)
        thread.join()
    assert b"feed.example" in heard[0]


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def resolve(_host: str, port: int, **_: object) -> list[Any]:
        return [(2, 1, 6, "", ("93.184.215.14", port)), (2, 1, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(NotPublic):
        public_only().get("https://mixed.example/feed", timeout=1)


def test_no_error_tells_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[Any]:
        return [(2, 1, 6, "", ("10.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    secret = Handle(
        network="feeds", account="a", unit="u", handle="Forum", base_url="http://f.example/?token=sesame"
    )
    network = feeds.connect(None, Http(), app_secret="", meter=NoMeter())  # type: ignore[arg-type]
    (step,) = network.fetch(secret, {}, at=AT)
    assert isinstance(step.trouble, Refused)
    assert "sesame" not in str(step.trouble)
    assert "sesame" not in json.dumps(step.cursor)
