"""`allhours verify-accounts`: what holds, and everything that does not."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws.statement_key import StatementKey
from allhours.cli import verify_accounts
from allhours.cli.__main__ import main
from allhours.cli.verify_accounts import proved
from allhours.domain.errors import BadInput
from allhours.domain.verified import HOLDS_FOR, statement
from allhours.domain.voice import Withdrawn
from allhours.networks.profiles import profile
from tests.builders import NOON, an_organisation
from tests.statements import FakeKms

if TYPE_CHECKING:
    from collections.abc import Iterator

Captured = pytest.CaptureFixture[str]
KEY = StatementKey(FakeKms(), "alias/test")
OTHER = StatementKey(FakeKms(), "alias/test")
BANK = an_organisation(withdrawn=(Withdrawn(network="x", handle="@acmehelp", since="2026-03-31"),))
SAID = statement(BANK, NOON, profile=profile)
KEYS = {"keys": [dict(KEY.jwk)]}
DOCUMENT = {**SAID, "jws": KEY.signed(SAID)}


def test_a_good_list_is_proved() -> None:
    assert proved(DOCUMENT, KEYS, at=NOON) == SAID
    assert proved(DOCUMENT, KEYS, at=NOON, kid=KEY.jwk["kid"]) == SAID


def broken(part: int) -> dict[str, Any]:
    """Return the list with one letter changed in its header, what is said, or the signature."""
    parts = DOCUMENT["jws"].split(".")
    middle = len(parts[part]) // 2
    letter = "A" if parts[part][middle] != "A" else "B"
    parts[part] = f"{parts[part][:middle]}{letter}{parts[part][middle + 1 :]}"
    return {**DOCUMENT, "jws": ".".join(parts)}


BESIDE = {**DOCUMENT, "accounts": [*SAID["accounts"], {"network": "x", "handle": "@thief"}]}
ELSE = {"schema": "another/1", "exp": SAID["exp"]}


@pytest.mark.parametrize(
    ("document", "keys", "later", "kid", "why"),
    [
        (broken(0), KEYS, timedelta(0), "", "signature|published"),
        (broken(1), KEYS, timedelta(0), "", "signature"),
        (broken(2), KEYS, timedelta(0), "", "signature"),
        (SAID, KEYS, timedelta(0), "", "carries no signature"),
        ({**DOCUMENT, "jws": 7}, KEYS, timedelta(0), "", "carries no signature"),
        ({**DOCUMENT, "jws": "x"}, KEYS, timedelta(0), "", "does not hold"),
        (BESIDE, KEYS, timedelta(0), "", "something else"),
        (DOCUMENT, {"keys": [dict(OTHER.jwk)]}, timedelta(0), "", "not among the published"),
        (DOCUMENT, {"keys": [{**OTHER.jwk, "kid": KEY.jwk["kid"]}]}, timedelta(0), "", "signature"),
        (DOCUMENT, {}, timedelta(0), "", "does not hold"),
        (DOCUMENT, KEYS, HOLDS_FOR + timedelta(seconds=1), "", "too old"),
        (DOCUMENT, KEYS, timedelta(0), "another", "not with another"),
        ({**ELSE, "jws": KEY.signed(ELSE)}, KEYS, timedelta(0), "", "no list of accounts"),
    ],
)
def test_what_is_not_proved_says_why(
    document: dict[str, Any], keys: dict[str, Any], later: timedelta, kid: str, why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        proved(document, keys, at=NOON + later, kid=kid)


def test_a_list_that_names_no_algorithm_proves_nothing() -> None:
    header, body, _ = DOCUMENT["jws"].split(".")
    del header
    none = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    with pytest.raises(BadInput):
        proved({**DOCUMENT, "jws": f"{none}.{body}."}, KEYS, at=NOON)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the list and the key, as of noon."""
    pages = {
        "/.well-known/verified-accounts.json": DOCUMENT,
        "/.well-known/allhours-jwks.json": KEYS,
        "/bad/.well-known/verified-accounts.json": broken(2),
        "/bad/.well-known/allhours-jwks.json": KEYS,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(pages.get(self.path, {})).encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    monkeypatch.setattr(verify_accounts, "now", lambda: NOON)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("handle", "code", "told"),
    [
        ("@acmecards", 0, "@acmecards on x is Acme Bank: Cards"),
        ("@acmehelp", 1, "not Acme Bank any more, since 2026-03-31"),
        ("@acmecardz", 1, "@acmecardz is not on Acme Bank's list"),
    ],
)
def test_a_customer_is_told_whether_a_handle_is_the_banks(
    site: str, capsys: Captured, handle: str, code: int, told: str
) -> None:
    assert main(["verify-accounts", site, "--handle", handle]) == code
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("path", ["", "/", "/accounts", "/.well-known/verified-accounts.json"])
def test_the_sites_address_the_page_and_the_list_itself_will_do(
    site: str, capsys: Captured, path: str
) -> None:
    assert main(["verify-accounts", site + path]) == 0
    assert KEY.jwk["kid"] in capsys.readouterr().out


def test_machines_are_told_in_json(site: str, capsys: Captured) -> None:
    assert main(["verify-accounts", site, "--json", "--handle", "acmehelp", "--network", "x"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["is_ours"], told["accounts"], len(told["withdrawn"])) == (False, [], 1)


def test_a_bad_signature_vouches_for_nobody(site: str, capsys: Captured) -> None:
    assert main(["verify-accounts", f"{site}/bad", "--handle", "@acmecards"]) == 1
    assert "signature does not hold" in capsys.readouterr().err


def test_without_tls_nobody_knows_whose_list_it_is(capsys: Captured) -> None:
    assert main(["verify-accounts", "http://acmebank.example"]) == 1
    assert "https" in capsys.readouterr().err


def test_a_site_without_a_list_is_told(site: str, capsys: Captured) -> None:
    assert main(["verify-accounts", f"{site}/nowhere"]) == 1
    assert "no list of accounts" in capsys.readouterr().err
