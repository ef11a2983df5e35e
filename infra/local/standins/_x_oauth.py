"""OAuth 2.0 of the stand-in for X: consent with PKCE, codes, and refresh tokens that work once."""

from __future__ import annotations

import base64
import hashlib
import urllib.parse
from itertools import count
from typing import TYPE_CHECKING

from infra.local.standins.base import Asked, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPE = "tweet.read users.read tweet.write dm.read dm.write tweet.moderate.write offline.access"
CLIENT = {"client_id": "stand-in-client", "client_secret": "stand-in-client-secret"}


class Tokens:
    """The tokens of one account for one app."""

    def __init__(self) -> None:
        """Begin with a pair that works."""
        self.access, self.refresh, self.scope = "access-0", "refresh-0", SCOPE
        self._numbers = count(1)
        self._old_refresh: set[str] = set()
        self._codes: dict[str, tuple[str, str]] = {}

    def revoke(self) -> None:
        """End the whole family."""
        self.access = self.refresh = ""

    def consent(self, asked: Asked) -> Told:
        """Let the owner consent at once: send the browser back with a code."""
        code = f"code-{next(self._numbers)}"
        redirect = asked.first("redirect_uri")
        self._codes[code] = (redirect, asked.first("code_challenge"))
        self.scope = asked.first("scope")
        back = urllib.parse.urlencode({"state": asked.first("state"), "code": code})
        return Told(status=302, headers={"Location": f"{redirect}?{back}"})

    def token(self, asked: Asked) -> Told:
        """Give tokens for a code or a refresh token; neither works twice."""
        form = dict(urllib.parse.parse_qsl(asked.body.decode()))
        ours = base64.b64encode(":".join(CLIENT.values()).encode()).decode()
        if asked.headers.get("authorization", "") != f"Basic {ours}":
            body = {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
            return Told(status=401, body=body)
        right = (
            self._code_holds(form) if form.get("grant_type") == "authorization_code" else self._again(form)
        )
        if not right:
            description = "Value passed for the token was invalid."
            return Told(status=400, body={"error": "invalid_request", "error_description": description})
        number = next(self._numbers)
        self.access, self.refresh = f"access-{number}", f"refresh-{number}"
        pair = {"access_token": self.access, "refresh_token": self.refresh, "scope": self.scope}
        return Told(body={"token_type": "bearer", "expires_in": 7_200, **pair})

    def _code_holds(self, form: Mapping[str, str]) -> bool:
        redirect, challenge = self._codes.pop(form.get("code", ""), ("", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        return bool(redirect) and redirect == form.get("redirect_uri") and proved

    def _again(self, form: Mapping[str, str]) -> bool:
        refresh = form.get("refresh_token", "")
        if refresh in self._old_refresh:
            self.revoke()  # used twice: somebody stole it, so the whole family ends
        right = form.get("grant_type") == "refresh_token" and bool(refresh) and refresh == self.refresh
        if right:
            self._old_refresh.add(refresh)
        return right
