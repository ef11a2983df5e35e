"""A small sign-in beside the stand-ins: an OpenID provider on loopback for the members of an organisation.

Discovery, keys, a page that asks for a password, codes with PKCE (S256), refresh tokens that work once and
client credentials for other systems. Keys, passwords and secrets are made up at its start and die with it;
none is in a file of the project.

Written from OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, 7636 and 8252. What it leaves out: consent,
sessions, user info, revocation, every signature but RS256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.standins.base import Asked, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.organisation import Organisation

CLIENT_ID = "allhours-desk"
AUDIENCE = "allhours-api"
SCOPES = ("openid", "profile", "email", "offline_access")
CODE_FOR, TOKEN_FOR = 60, 3_600  # seconds
LOOPBACK = {"127.0.0.1", "localhost"}
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # those that nobody mistakes for others

_STYLE = (
    "body{font:17px/1.5 system-ui;max-width:24rem;margin:12vh auto;padding:0 1rem;color-scheme:light dark}"
    "label,input,button{display:block;width:100%;font:inherit;box-sizing:border-box}"
    "label{margin-top:1rem}input,button{padding:.7rem;min-height:3rem}button{margin-top:1.5rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member who can sign in here; `claims` say who that is."""

    member: str
    name: str
    password: str
    claims: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A sign-in that a code or a refresh token stands for."""

    person: Person
    client_id: str
    scope: str
    until: float
    redirect_uri: str = ""
    challenge: str = ""
    nonce: str = ""


@dataclass(slots=True, kw_only=True)
class SignIn:
    """The provider; `people` by member's id and `systems` (secrets by client id) are for who runs it."""

    people: Mapping[str, Person]
    systems: Mapping[str, str]
    port: int = 0
    _key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    )
    _codes: dict[str, _Begun] = field(default_factory=dict[str, _Begun])
    _refresh: dict[str, _Begun] = field(default_factory=dict[str, _Begun])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    @classmethod
    def of(cls, organisation: Organisation, *, port: int = 0) -> Self:
        """Return the provider for everybody whom the organisation file lets sign in."""
        people = {
            each.member_id: Person(
                member=each.member_id,
                name=each.name,
                password=_made_up(),
                claims=_claims(each.sign_in, each.name),
            )
            for each in organisation.members.values()
            if each.sign_in
        }
        return cls(
            people=people,
            systems={each.sign_in: _made_up(24) for each in organisation.systems.values()},
            port=port,
        )

    @property
    def issuer(self) -> str:
        """Return the address that tokens name."""
        return f"http://127.0.0.1:{self.port}"

    def parameters(self) -> dict[str, str]:
        """Return what the template must be told of it."""
        return {"OidcIssuer": self.issuer, "OidcClientId": CLIENT_ID, "OidcAudience": AUDIENCE}

    def token_of(self, member: str) -> str:
        """Return a member's token as the desk's page would send it; for tests and scripts."""
        return str(self._tokens(self._begun(self.people[member]), "")["access_token"])

    def token_of_system(self, client_id: str) -> str:
        """Return a system's token; for tests and scripts."""
        return str(self._machine_token(client_id)["access_token"])

    # Serving

    def __enter__(self) -> Self:
        """Start serving, in a thread."""
        sign_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                sign_in.serve(self)

            do_GET = do_POST = do_OPTIONS = _serve  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet: an address may hold a code."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sign-in", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving; every token that was given ends with the key."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        url = urlsplit(handler.path)
        length = int(handler.headers.get("content-length") or 0)
        asked = Asked(
            method=handler.command,
            path=url.path,
            query=tuple(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in handler.headers.items()},
            body=handler.rfile.read(length),
        )
        with self._lock:
            told = self.answer(asked)
        raw = told.raw()
        handler.send_response(told.status)
        for name, value in {"Cache-Control": "no-store", **told.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", told.content_type)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    def answer(self, asked: Asked) -> Told:  # noqa: PLR0911 - an address each
        """Answer as an OpenID provider does."""
        match asked.method, asked.path:
            case "OPTIONS", _:
                allowed = {"Access-Control-Allow-Headers": "authorization, content-type"}
                return Told(status=204, headers={**_ANY_ORIGIN, **allowed})
            case "GET", "/.well-known/openid-configuration":
                return Told(body=self._discovery(), headers=_ANY_ORIGIN)
            case "GET", "/jwks":
                return Told(body={"keys": [self._public_key()]}, headers=_ANY_ORIGIN)
            case "GET", "/authorize":
                return self._asks(dict(asked.query), "")
            case "POST", "/authorize":
                return self._signs_in(dict(parse_qsl(asked.body.decode(), keep_blank_values=True)))
            case "POST", "/token":
                return self._gives(asked)
            case "GET", "/logout":
                back = asked.first("post_logout_redirect_uri")
                return (
                    Told(status=302, headers={"Location": back}) if _is_ours(back) else Told(body="Goodbye")
                )
        return Told(status=404, body={"error": "not_found"})

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        }

    # A person

    def _asks(self, told: Mapping[str, str], wrong: str) -> Told:
        """Show the form, or say why it is not shown; a wrong request is told here, and goes nowhere."""
        trouble = _trouble(told)
        if trouble:
            return Told(status=400, body={"error": "invalid_request", "error_description": trouble})
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in told.items()
            if name not in {"member", "password"}
        )
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<style>{_STYLE}</style></head><body><main><h1>Sign in</h1>"
            "<p>The organisation's people, on this machine alone.</p>"
            f'<p role="alert">{escape(wrong)}</p><form method="post" action="/authorize">{hidden}'
            '<label for="member">Member</label><input id="member" name="member" autocomplete="username" '
            f'autofocus required value="{escape(told.get("member", ""))}">'
            '<label for="password">Password</label><input id="password" name="password" type="password" '
            'autocomplete="current-password" required><button>Sign in</button></form></main></body></html>'
        )
        policy = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"
        headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
        status = 401 if wrong else 200
        return Told(
            status=status, body=page.encode(), headers=headers, content_type="text/html; charset=utf-8"
        )

    def _signs_in(self, form: Mapping[str, str]) -> Told:
        person = self.people.get(form.get("member", "").strip().lower())
        password = person.password if person else secrets.token_urlsafe()
        if (
            not hmac.compare_digest(form.get("password", "").strip().encode(), password.encode())
            or not person
        ):
            return self._asks(form, "That is not the password of that member.")
        if trouble := _trouble(form):
            return Told(status=400, body={"error": "invalid_request", "error_description": trouble})
        code = secrets.token_urlsafe(32)
        self._codes[code] = self._begun(person, form)
        back = {"code": code, "iss": self.issuer, **({"state": form["state"]} if "state" in form else {})}
        return Told(status=303, headers={"Location": f"{form['redirect_uri']}?{urlencode(back)}"})

    def _begun(self, person: Person, form: Mapping[str, str] | None = None) -> _Begun:
        form = form or {}
        return _Begun(
            person=person,
            client_id=CLIENT_ID,
            scope=form.get("scope", "openid profile email"),
            until=time.time() + CODE_FOR,
            redirect_uri=form.get("redirect_uri", ""),
            challenge=form.get("code_challenge", ""),
            nonce=form.get("nonce", ""),
        )

    # Tokens

    def _gives(self, asked: Asked) -> Told:
        form = dict(parse_qsl(asked.body.decode(errors="replace"), keep_blank_values=True))
        match form.get("grant_type"):
            case "authorization_code":
                begun = self._codes.pop(form.get("code", ""), None)
                if begun and time.time() < begun.until and _holds(begun, form):
                    return Told(body=self._tokens(begun, begun.nonce), headers=_ANY_ORIGIN)
            case "refresh_token":
                begun = self._refresh.pop(form.get("refresh_token", ""), None)
                if begun and form.get("client_id") == begun.client_id:
                    return Told(body=self._tokens(begun, ""), headers=_ANY_ORIGIN)
            case "client_credentials":
                name, secret = _client(asked, form)
                known = self.systems.get(name, "")
                if known and hmac.compare_digest(secret.encode(), known.encode()):
                    return Told(body=self._machine_token(name), headers=_ANY_ORIGIN)
                return Told(status=401, body={"error": "invalid_client"}, headers=_ANY_ORIGIN)
            case _:
                return Told(status=400, body={"error": "unsupported_grant_type"}, headers=_ANY_ORIGIN)
        return Told(status=400, body={"error": "invalid_grant"}, headers=_ANY_ORIGIN)

    def _tokens(self, begun: _Begun, nonce: str) -> dict[str, Any]:
        who = {**begun.person.claims}
        refresh = {}
        if "offline_access" in begun.scope.split():
            token = secrets.token_urlsafe(32)
            self._refresh[token] = begun
            refresh = {"refresh_token": token}
        return {
            "token_type": "Bearer",
            "expires_in": TOKEN_FOR,
            "scope": begun.scope,
            "id_token": self._signed({**who, "aud": begun.client_id, **({"nonce": nonce} if nonce else {})}),
            "access_token": self._signed(
                {**who, "aud": AUDIENCE, "client_id": begun.client_id, "scope": begun.scope}
            ),
            **refresh,
        }

    def _machine_token(self, client_id: str) -> dict[str, Any]:
        token = self._signed({"sub": client_id, "aud": AUDIENCE, "client_id": client_id, "scope": "desk"})
        return {"token_type": "Bearer", "expires_in": TOKEN_FOR, "scope": "desk", "access_token": token}

    def _signed(self, claims: Mapping[str, object]) -> str:
        now = int(time.time())
        told = {"iss": self.issuer, "iat": now, "exp": now + TOKEN_FOR, "jti": secrets.token_hex(8), **claims}
        return jwt.encode(told, self._key, algorithm="RS256", headers={"kid": self._kid})

    def _public_key(self) -> dict[str, Any]:
        told = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {**told, "kid": self._kid, "use": "sig", "alg": "RS256"}

    @property
    def _kid(self) -> str:
        return hashlib.sha256(str(self._key.public_key().public_numbers().n).encode()).hexdigest()[:16]


_ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*"
}  # the desk's page asks from an origin of its own, without cookies


def _trouble(told: Mapping[str, str]) -> str:
    """Say what is wrong with a request for a code; "" for nothing."""
    if told.get("client_id") != CLIENT_ID:
        return "client_id is unknown"
    if not _is_ours(told.get("redirect_uri", "")):
        return "redirect_uri must be on this machine"
    if told.get("response_type") != "code" or told.get("code_challenge_method") != "S256":
        return "only codes with PKCE (S256) are given"
    return "" if told.get("code_challenge") else "code_challenge is missing"


def _is_ours(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.query and not parts.fragment


def _holds(begun: _Begun, form: Mapping[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    proved = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return (
        form.get("redirect_uri") == begun.redirect_uri
        and form.get("client_id") == begun.client_id
        and hmac.compare_digest(proved, begun.challenge)
    )


def _client(asked: Asked, form: Mapping[str, str]) -> tuple[str, str]:
    kind, _, basic = asked.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(basic, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        return name, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _claims(sign_in: str, name: str) -> dict[str, object]:
    """Return what tokens say of a member: an address is verified, anything else is the subject itself."""
    if "@" in sign_in:
        subject = hashlib.sha256(sign_in.casefold().encode()).hexdigest()[:16]
        return {"sub": subject, "email": sign_in, "email_verified": True, "name": name}
    return {"sub": sign_in, "name": name}


def _made_up(letters: int = 8) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(letters))
