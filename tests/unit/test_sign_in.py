"""The small sign-in of `make run`, and the front before page and API, over loopback."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from allhours.domain.access import Role, who_is
from infra.local.front import Front
from infra.local.standins.oidc import AUDIENCE, CLIENT_ID, SignIn
from tests.builders import NOON
from tests.desk_fakes import a_bank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
HERE = "http://127.0.0.1:9/desk"
ASKED = {
    "client_id": CLIENT_ID,
    "redirect_uri": HERE,
    "response_type": "code",
    "scope": "openid profile email offline_access",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
BANK = a_bank()


@pytest.fixture(scope="module")
def sign_in() -> Iterator[SignIn]:
    with SignIn.of(BANK) as serving:
        yield serving


def asked(
    sign_in: SignIn,
    method: str,
    path: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", sign_in.port, timeout=10)
    usual = {"content-type": "application/x-www-form-urlencoded"}
    connection.request(method, path, urlencode(form) if form else None, {**usual, **(headers or {})})
    answer = connection.getresponse()
    told = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return told


def code_for(sign_in: SignIn, member: str = "petra", **other: str) -> str:
    password = sign_in.people[member].password
    status, headers, _ = asked(
        sign_in, "POST", "/authorize", {**ASKED, **other, "member": member, "password": password}
    )
    assert status == 303
    back = urlsplit(headers["Location"])
    assert f"{back.scheme}://{back.netloc}{back.path}" == HERE
    told = parse_qs(back.query)
    assert told["state"] == ["s1"]
    return told["code"][0]


def exchanged(sign_in: SignIn, code: str, **other: str) -> tuple[int, dict[str, Any]]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": CLIENT_ID,
        "redirect_uri": HERE,
        "code_verifier": VERIFIER,
    }
    status, _, body = asked(sign_in, "POST", "/token", {**form, **other})
    return status, json.loads(body)


def claims_of(sign_in: SignIn, token: str, audience: str) -> dict[str, Any]:
    """Read a token as a verifier does, by the keys that discovery leads to."""
    found = json.loads(asked(sign_in, "GET", "/.well-known/openid-configuration")[2])
    assert found["issuer"] == sign_in.issuer
    keys = jwt.PyJWKSet.from_dict(json.loads(asked(sign_in, "GET", urlsplit(found["jwks_uri"]).path)[2]))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    told: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience, issuer=found["issuer"]
    )
    return told


def test_a_member_signs_in_and_is_known_to_the_desk(sign_in: SignIn) -> None:
    status, tokens = exchanged(sign_in, code_for(sign_in))
    assert status == 200
    claims = claims_of(sign_in, tokens["id_token"], CLIENT_ID)
    assert (claims["nonce"], claims["email"], claims["email_verified"]) == ("n1", "petra@bank.test", True)
    assert who_is(BANK, claims, NOON).everywhere == {Role.ADMIN}
    by_access_token = claims_of(sign_in, tokens["access_token"], AUDIENCE)
    assert who_is(BANK, by_access_token, NOON).member == "petra"


def test_a_code_is_good_for_one_token(sign_in: SignIn) -> None:
    code = code_for(sign_in)
    assert exchanged(sign_in, code)[0] == 200
    assert exchanged(sign_in, code) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    "other", [{"code_verifier": "w" * 50}, {"redirect_uri": HERE + "2"}, {"client_id": "another"}]
)
def test_a_code_is_good_for_who_asked_for_it(sign_in: SignIn, other: dict[str, str]) -> None:
    assert exchanged(sign_in, code_for(sign_in), **other)[0] == 400


def test_a_refresh_token_works_once_and_brings_the_next(sign_in: SignIn) -> None:
    _, tokens = exchanged(sign_in, code_for(sign_in))
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": tokens["refresh_token"]}
    status, _, body = asked(sign_in, "POST", "/token", form)
    assert status == 200
    assert json.loads(body)["refresh_token"] != tokens["refresh_token"]
    assert asked(sign_in, "POST", "/token", form)[0] == 400


def test_nobody_comes_in_with_another_password(sign_in: SignIn) -> None:
    for member, password in (
        ("petra", "x"),
        ("petra", sign_in.people["ana"].password),
        ("nobody", ""),
        ("", ""),
    ):
        status, headers, page = asked(
            sign_in, "POST", "/authorize", {**ASKED, "member": member, "password": password}
        )
        assert (status, "Location" in headers) == (401, False)
        assert "not the password" in page


@pytest.mark.parametrize(
    "other",
    [
        {"redirect_uri": "https://evil.test/desk"},
        {"redirect_uri": "http://127.0.0.1.evil.test/"},
        {"redirect_uri": ""},
        {"client_id": "another"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"response_type": "token"},
    ],
)
def test_a_wrong_request_is_told_and_sent_nowhere(sign_in: SignIn, other: dict[str, str]) -> None:
    status, headers, _ = asked(sign_in, "GET", f"/authorize?{urlencode({**ASKED, **other})}")
    assert (status, "Location" in headers) == (400, False)
    told = {**ASKED, **other, "member": "petra", "password": sign_in.people["petra"].password}
    assert asked(sign_in, "POST", "/authorize", told)[0] == 400


def test_the_form_carries_what_was_asked_and_no_markup(sign_in: SignIn) -> None:
    told = {**ASKED, "state": '"><script>alert(1)</script>'}
    status, headers, page = asked(sign_in, "GET", f"/authorize?{urlencode(told)}")
    assert status == 200
    assert "<script>" not in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert set(re.findall(r'name="(\w+)"', page)) >= {*ASKED, "member", "password"}


def test_a_system_gets_a_token_for_its_secret(sign_in: SignIn) -> None:
    form = {"grant_type": "client_credentials"}
    basic = base64.b64encode(f"client-crm:{sign_in.systems['client-crm']}".encode()).decode()
    status, _, body = asked(sign_in, "POST", "/token", form, {"authorization": f"Basic {basic}"})
    assert status == 200
    claims = claims_of(sign_in, json.loads(body)["access_token"], AUDIENCE)
    assert who_is(BANK, claims, NOON).system == "crm"
    wrong = {**form, "client_id": "client-crm", "client_secret": "guess"}
    assert asked(sign_in, "POST", "/token", wrong)[0] == 401
    assert asked(sign_in, "POST", "/token", {**form, "client_id": "", "client_secret": ""})[0] == 401


def test_passwords_are_made_up_anew_each_time() -> None:
    one, other = SignIn.of(BANK), SignIn.of(BANK)
    words = {person.password for each in (one, other) for person in each.people.values()}
    assert len(words) == 2 * len(one.people)
    assert one.systems != other.systems


def test_who_may_not_sign_in_has_no_password_here() -> None:
    nobody = replace(BANK, members={"ana": replace(BANK.members["ana"], sign_in="")})
    assert SignIn.of(nobody).people == {}


# The front


class _Behind(BaseHTTPRequestHandler):
    """Says what it was asked."""

    def _told(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        told = {"path": self.path, "method": self.command, "body": raw.decode()}
        told["authorization"] = self.headers.get("authorization", "")
        body = json.dumps(told).encode()
        self.send_response(304 if "if-none-match" in self.headers else 200)
        self.send_header("etag", '"1"')
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if "if-none-match" in self.headers else body)

    do_GET = do_PUT = _told  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        pass


@pytest.fixture
def front() -> Iterator[Front]:
    behind = ThreadingHTTPServer(("127.0.0.1", 0), _Behind)
    Thread(target=behind.serve_forever, args=(0.05,), daemon=True).start()
    with Front(target=f"http://127.0.0.1:{behind.server_address[1]}/_aws/execute-api/a/$default") as serving:
        yield serving
    behind.shutdown()
    behind.server_close()


def through(
    front: Front, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)
    connection.request(method, path, body, {n.replace("_", "-"): v for n, v in headers.items()})
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


def test_the_front_hands_on_a_request_as_it_is(front: Front) -> None:
    path = "/api/items/x%23209/promote?a=b%20c"
    status, raw = through(front, "PUT", path, b'{"a": 1}', authorization="Bearer t")
    told = json.loads(raw)
    assert (status, told["method"], told["body"]) == (200, "PUT", '{"a": 1}')
    assert told["path"] == f"/_aws/execute-api/a/$default{path}"
    assert told["authorization"] == "Bearer t"


def test_the_front_hands_back_what_has_no_body(front: Front) -> None:
    assert through(front, "GET", "/desk", if_none_match='"1"') == (304, b"")


def test_the_front_says_when_nobody_is_behind_it() -> None:
    with Front(target="http://127.0.0.1:9") as lonely:
        status, raw = through(lonely, "GET", "/desk")
    assert (status, raw) == (502, b"the local cloud does not answer")
