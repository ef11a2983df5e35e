"""A person at the desk without its page: signs in through the provider's form, and works over HTTP."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.standins.oidc import Person, SignIn

PATIENCE = 40.0  # seconds


class SignInError(Exception):
    """Say at which step a sign-in failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the desk answered; `body` is None where it was no JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def trouble(self) -> str:
        """Return the error's word and sentence, "" for none."""
        if self.status < http.HTTPStatus.BAD_REQUEST:
            return ""
        error = self.body.get("error", {}) if isinstance(self.body, dict) else {}
        return f"{self.status} {error.get('code', '')}: {error.get('message', '')}"


@dataclass(slots=True, kw_only=True)
class AtDesk:
    """Somebody with a token; `address` is the desk's origin."""

    address: str
    member: str
    token: str

    def get(self, path: str, **query: str | int) -> Said:
        """Read."""
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Said:
        """Write, under a key of its own unless one is given."""
        return self.ask("POST", path, body or {}, {"Idempotency-Key": key or made_up()})

    def put(self, path: str, body: Mapping[str, Any], *, version: int | None = None) -> Said:
        """Write a draft over the version that was read, None for none."""
        guard = {"If-None-Match": "*"} if version is None else {"If-Match": f'"{version}"'}
        return self.ask("PUT", path, body, guard)

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        """Ask the API; raises `OSError` where nobody answers."""
        told = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        raw = None
        if body is not None:
            told["Content-Type"], raw = "application/json", json.dumps(body)
        return _asked(method, f"{self.address}{path}", raw, told)


def made_up() -> str:
    """Make up an id, as the page does at a click."""
    return secrets.token_urlsafe(12)


@dataclass(slots=True, kw_only=True)
class Door:
    """The desk's door: lets members in, each once while the token holds."""

    address: str
    sign_in: SignIn
    _inside: dict[str, AtDesk] = field(default_factory=dict[str, AtDesk])

    def enter(self, member: str, *, anew: bool = False) -> AtDesk:
        """Return the member at the desk, signed in as the page would; `SignInError` says what failed."""
        if anew or member not in self._inside:
            token = signed_in(self.address, self.sign_in.issuer, self.sign_in.people[member])
            self._inside[member] = AtDesk(address=self.address, member=member, token=token)
        return self._inside[member]


def signed_in(address: str, issuer: str, person: Person) -> str:
    """Sign a person in with their password, by code and PKCE, and return the token that the desk takes."""
    settings = _asked("GET", f"{address}/desk/config.json").body
    if not isinstance(settings, dict) or settings.get("issuer") != issuer:
        raise SignInError("the desk names no such issuer")
    found = _asked("GET", f"{issuer}/.well-known/openid-configuration").body
    verifier, redirect = secrets.token_urlsafe(48), f"{address}/desk"
    digest = hashlib.sha256(verifier.encode()).digest()
    form = {
        "response_type": "code",
        "client_id": settings["client_id"],
        "redirect_uri": redirect,
        "scope": settings["scope"],
        "state": made_up(),
        "nonce": made_up(),
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "member": person.member,
        "password": person.password,
    }
    there = _asked("POST", found["authorization_endpoint"], urlencode(form), _FORM).headers.get(
        "location", ""
    )
    code = parse_qs(urlsplit(there).query).get("code")
    if not code:
        raise SignInError(f"{person.member} was not let in")
    grant = {
        "grant_type": "authorization_code",
        "client_id": settings["client_id"],
        "redirect_uri": redirect,
        "code": code[0],
        "code_verifier": verifier,
    }
    gave = _asked("POST", found["token_endpoint"], urlencode(grant), _FORM)
    if gave.trouble:
        raise SignInError(f"{person.member} got no token ({gave.status})")
    return str(gave.body[settings["token"]])


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _asked(method: str, url: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> Said:
    there = urlsplit(url)
    connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=PATIENCE)
    try:
        path = f"{there.path}?{there.query}" if there.query else there.path
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        raw = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(type(error).__name__) from error
    finally:
        connection.close()
    told = {name.lower(): value for name, value in answer.getheaders()}
    is_json = re.match(r"application/(\w+\+)?json", told.get("content-type", ""))
    return Said(status=answer.status, body=json.loads(raw) if is_json and raw else None, headers=told)
