"""HTTP: what never left, and what may have arrived all the same."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from allhours.domain.errors import NetworkError, NotSent, Refused, Unreachable
from allhours.networks.answering import post_once
from allhours.networks.contract import DefiniteNo
from allhours.networks.http import Http, Reply
from allhours.networks.oauth import tokens_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate for 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "localhost.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def bad_record(certificate: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Serve TLS that reads the whole request and then sends a record that is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plain, _ = listener.accept()
        try:
            spoken = context.wrap_socket(plain, server_side=True)
        except OSError:  # the client did not like our certificate
            plain.close()
            return
        heard.append(spoken.recv(65_536))
        while not heard[-1].endswith(b"}"):  # head and body may come apart
            heard[-1] += spoken.recv(65_536)
        raw = socket.socket(fileno=spoken.detach())
        raw.sendall(b"\x17\x03\x03\x00\x10" + b"\x00" * 16)
        raw.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://localhost:{listener.getsockname()[1]}/", heard
    thread.join(5)
    listener.close()


def test_tls_that_fails_after_the_request_went_out_is_a_doubt(
    bad_record: tuple[str, list[bytes]], certificate: Path
) -> None:
    address, heard = bad_record
    http = Http()
    http._session.verify = str(certificate)
    with pytest.raises(Unreachable) as doubt:
        http.call("x", "POST", address, json_body={"text": "hello"})
    assert b"hello" in heard[0]
    assert not isinstance(doubt.value, NotSent)


def test_a_certificate_that_is_turned_down_stops_the_request_before_it_leaves(
    bad_record: tuple[str, list[bytes]],
) -> None:
    with pytest.raises(NotSent):
        Http().call("x", "POST", bad_record[0])


def test_what_never_left_may_be_sent_again_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    with pytest.raises(NotSent):
        Http().call("x", "POST", address)
    with pytest.raises(DefiniteNo) as no:
        post_once(Http(), "x", "POST", address, handle="@acme", at=AT)
    assert no.value.again_at == AT + dt.timedelta(minutes=1)


def test_a_connection_that_breaks_before_the_answer_is_a_doubt() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        spoken, _ = listener.accept()
        spoken.recv(65_536)
        spoken.close()

    thread = threading.Thread(target=hang_up, daemon=True)
    thread.start()
    with pytest.raises(Unreachable) as doubt:
        Http().call("x", "POST", f"http://127.0.0.1:{listener.getsockname()[1]}/")
    assert not isinstance(doubt.value, NotSent)
    thread.join(5)
    listener.close()


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (200, Refused), (429, Unreachable), (503, Unreachable)]
)
def test_a_token_endpoint_in_trouble_refuses_nobody(status: int, kind: type[NetworkError]) -> None:
    class Told(Http):
        def call(self, *_: object, **__: object) -> Reply:
            return Reply(status=status, headers={}, body=b'{"error": "invalid_grant"}', url="")

    with pytest.raises(kind) as error:
        tokens_for(Told(), "x", "https://x.test/token", handle="@acme", form={})
    assert type(error.value) is kind
