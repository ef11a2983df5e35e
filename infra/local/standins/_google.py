"""What the stand-ins of Google's networks share: the token endpoint, the consent page, the error bodies.

`POST /token` takes refresh tokens, codes (with PKCE) and JWTs of service accounts, `GET /o/oauth2/v2/auth`
consents at once and redirects. Access tokens last an hour; `expire` ends them all.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from infra.local.standins.base import Asked, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT = {"client_id": "1234-allhours.apps.googleusercontent.com", "client_secret": "GOCSPX-allhours"}
EMAIL = "allhours@acme-reviews.iam.gserviceaccount.com"
LONGEST_ASSERTION = 3_600  # seconds
AUDIENCE = "https://oauth2.googleapis.com/token"
TOKEN_PATH, CONSENT_PATH = "/token", "/o/oauth2/v2/auth"


@cache
def service_key() -> str:
    """Return a private key as the JSON key file holds it; one for all, for making one takes time."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return (
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        .decode()
        .strip()
    )


class GoogleSignIn:
    """Google's OAuth 2.0 for one stand-in."""

    def __init__(self, *, testing: bool = False, clock: Callable[[], datetime] = now) -> None:
        """Give out nothing yet; in `testing` a consent holds 7 days, and Google says so."""
        self.testing = testing
        self.clock = clock
        self.refresh_token = f"1//{secrets.token_urlsafe(24)}"
        self.scopes: list[str] = []
        self.revoked = False
        self._tokens: dict[str, datetime] = {}
        self._codes: dict[str, dict[str, str]] = {}

    def expire(self) -> None:
        """Let every access token run out now."""
        self._tokens.clear()

    def lets_in(self, asked: Asked) -> bool:
        """Return whether the request carries an access token that holds."""
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return not self.revoked and self._tokens.get(token, self.clock()) > self.clock()

    def answer(self, asked: Asked) -> Told | None:
        """Answer at the paths of Google's sign-in; None at any other."""
        if asked.path == CONSENT_PATH and asked.method == "GET":
            return self._consent(asked)
        if asked.path == TOKEN_PATH and asked.method == "POST":
            return self._token(dict(parse_qsl(asked.body.decode())))
        return None

    def _consent(self, asked: Asked) -> Told:
        query = dict(asked.query)
        if query.get("client_id") != CLIENT["client_id"] or query.get("response_type") != "code":
            return Told(status=400, body=b"<html>Error 400: invalid_request</html>", content_type="text/html")
        code = f"4/{secrets.token_urlsafe(16)}"
        self._codes[code] = query
        self.scopes = query.get("scope", "").split()
        back = urlencode({"code": code, "state": query.get("state", "")})
        return Told(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    def _token(self, form: dict[str, str]) -> Told:
        grant = form.get("grant_type", "")
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return self._service_account(form)
        if {name: form.get(name) for name in CLIENT} != CLIENT:
            return Told(status=401, body={"error": "invalid_client", "error_description": "Unauthorized"})
        if grant == "refresh_token" and form.get("refresh_token") == self.refresh_token and not self.revoked:
            return self._granted({})
        asked_for = self._codes.pop(form.get("code", ""), None)
        if grant == "authorization_code" and asked_for and self._is_verifier(form, asked_for):
            self.revoked = False
            more: dict[str, object] = {"refresh_token": self.refresh_token}
            if self.testing:
                more["refresh_token_expires_in"] = 604_799
            return self._granted(more)
        return Told(
            status=400,
            body={"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
        )

    def _service_account(self, form: dict[str, str]) -> Told:
        key = serialization.load_pem_private_key(service_key().encode(), None).public_key()
        assert isinstance(key, rsa.RSAPublicKey)  # noqa: S101 - made above
        try:
            claims = jwt.decode(
                form.get("assertion", ""),
                key,
                algorithms=["RS256"],
                audience=AUDIENCE,
                issuer=EMAIL,
                options={"verify_exp": False, "verify_iat": False, "require": ["iat", "exp", "scope"]},
            )
        except jwt.PyJWTError:
            claims = {"iat": 0, "exp": 9_999}
        if self.revoked or claims["exp"] - claims["iat"] > LONGEST_ASSERTION:
            body = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return Told(status=400, body=body)
        self.scopes = str(claims["scope"]).split()
        return self._granted({})

    def _granted(self, more: dict[str, object]) -> Told:
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self._tokens[token] = self.clock() + timedelta(hours=1)
        body = {"access_token": token, "expires_in": 3_599, "token_type": "Bearer", "scope": self.scopes}
        return Told(body={**body, "scope": " ".join(self.scopes), **more})

    @staticmethod
    def _is_verifier(form: dict[str, str], asked_for: dict[str, str]) -> bool:
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        same_address = form.get("redirect_uri") == asked_for.get("redirect_uri")
        return same_address and challenge == asked_for.get("code_challenge")


def error(status: int, name: str, message: str, *, reason: str = "", **details: object) -> Told:
    """Return one of Google's error bodies, in both shapes at once as the APIs send them."""
    body: dict[str, object] = {"code": status, "message": message, "status": name}
    if reason:
        body["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    if details:
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **details}]
    return Told(status=status, body={"error": body})


class Refusing(Protocol):
    """A stand-in that can be told that its tokens are revoked."""

    def refuses(self) -> bool:
        """Return whether the call meets a revoked token."""
        ...


def signed_in(site: Refusing, sign_in: GoogleSignIn, asked: Asked) -> Told | None:
    """Answer at the paths of the sign-in, and turn down whose token does not hold; None for a call let in."""
    if told := sign_in.answer(asked):
        return Told(status=400, body={"error": "invalid_grant"}) if site.refuses() else told
    if site.refuses() or not sign_in.lets_in(asked):
        sign_in.expire()
        return unauthenticated()
    return None


def unauthenticated() -> Told:
    """Return what Google says to a token that does not hold."""
    message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
    return error(401, "UNAUTHENTICATED", message, reason="authError")
