"""What the stand-in for Mastodon does with apps, consents and what the brand writes, per flavour."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from infra.local.standins.base import Asked, Shown, Told

if TYPE_CHECKING:
    from infra.local.standins._mastodon_json import JSON, Said
    from infra.local.standins.mastodon import MastodonStandIn

_KEY_LIVES = timedelta(hours=1)
_LINK = 23
_OURS = "read:accounts read:notifications read:search read:statuses write:statuses"
_NO_PARENT = "The post you are trying to reply to does not appear to exist"


class Writes:
    """Apps, tokens and statuses of one server.

    `mastodon` keeps an idempotency key for an hour and returns its first status whatever the text is;
    `gotosocial` ignores it and posts twice. An answer to a post that is gone is 404 on the one, and stands
    alone on the other.
    """

    def __init__(self, server: MastodonStandIn) -> None:
        """Begin with a token of every scope that we need."""
        self._server = server
        self.scopes = _OURS
        self.blocked_by: set[str] = set()
        self._keys: dict[str, tuple[Said, datetime]] = {}
        self._apps: dict[str, tuple[str, str]] = {}
        self._codes: dict[str, tuple[str, str, str, str]] = {}
        self._numbers = count(1)

    # Apps and consent; nothing of it needs a token.

    def open_to_all(self, asked: Asked) -> Told | None:
        """Answer what everybody may ask; None for anything else."""
        match (asked.method, asked.path):
            case ("POST", "/api/v1/apps"):
                return self._register(_fields(asked))
            case ("GET", "/oauth/authorize"):
                return self._consent(asked)
            case ("POST", "/oauth/token"):
                return self._token(_fields(asked))
        return None

    def _register(self, fields: JSON) -> Told:
        redirects = fields.get("redirect_uris")
        if not fields.get("client_name") or not redirects:
            return Told(
                status=422, body={"error": "Validation failed: Redirect URI must be an absolute URI."}
            )
        number = next(self._numbers)
        client_id, client_secret = f"client-{number}", f"secret-{number}"
        self._apps[client_id] = (client_secret, str(redirects))
        scopes = str(fields.get("scopes", "read")).split()
        body = {"id": str(number), "name": fields["client_name"], "website": fields.get("website")}
        body |= {
            "client_id": client_id,
            "client_secret": client_secret,
            "client_secret_expires_at": 0,
            "vapid_key": "none",
        }
        return Told(body=body | {"redirect_uris": [redirects], "redirect_uri": redirects, "scopes": scopes})

    def _consent(self, asked: Asked) -> Told:
        client_id, redirect = asked.first("client_id"), asked.first("redirect_uri")
        if self._apps.get(client_id, ("", ""))[1] != redirect:
            return Told(status=400, body={"error": "invalid_redirect_uri"})
        code = f"code-{next(self._numbers)}"
        self._codes[code] = (client_id, redirect, asked.first("code_challenge"), asked.first("scope"))
        back = urlencode({"code": code, "state": asked.first("state")})
        return Told(status=302, headers={"Location": f"{redirect}?{back}"})

    def _token(self, fields: JSON) -> Told:
        client_id, redirect, challenge, scope = self._codes.pop(str(fields.get("code")), ("", "", "", ""))
        digest = hashlib.sha256(str(fields.get("code_verifier")).encode()).digest()
        proved = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        told = (fields.get("client_id"), fields.get("client_secret"), fields.get("redirect_uri"))
        secret = self._apps.get(client_id, ("", ""))[0]
        if not client_id or not proved or told != (client_id, secret, redirect):
            error = {"error": "invalid_grant", "error_description": "The authorization grant is invalid."}
            return Told(status=400, body=error)
        self._server.token = f"stand-in-token-{next(self._numbers)}"
        self.scopes = scope
        at = int(self._server.clock().timestamp())
        token = {"access_token": self._server.token, "token_type": "Bearer"}
        return Told(body={**token, "scope": scope, "created_at": at})

    # Statuses.

    def answer(self, asked: Asked) -> Told | None:
        """Answer a call that writes; None for a path that is not there."""
        parts = asked.path.strip("/").split("/")
        if "write:statuses" not in self.scopes.split():
            return Told(status=403, body={"error": "This action is outside the authorized scopes"})
        if asked.method == "POST" and parts == ["api", "v1", "statuses"]:
            return self._create(_fields(asked), asked.headers.get("idempotency-key", ""))
        if asked.method == "DELETE" and parts[:3] == ["api", "v1", "statuses"]:
            return self._delete(parts[-1])
        return None

    def _create(self, fields: JSON, key: str) -> Told:
        server = self._server
        at = server.clock()
        if server.mastodon and key in self._keys and at < self._keys[key][1] + _KEY_LIVES:
            return Told(body=server.status_of(self._keys[key][0]))
        text = str(fields.get("status") or "")
        parent = server.known(str(fields.get("in_reply_to_id") or ""))
        if fields.get("in_reply_to_id") and server.mastodon and (parent is None or parent.deleted):
            return Told(status=404, body={"error": _NO_PARENT})
        if parent and parent.author in self.blocked_by:
            return Told(status=404, body={"error": _NO_PARENT})
        most = server.longest
        if not text or len(re.sub(r"https?://\S+", "x" * _LINK, text)) > most:
            sentence = f"Validation failed: Text character limit of {most} exceeded"
            return Told(status=422 if server.mastodon else 400, body={"error": sentence})
        reply_to = parent.id if parent and not parent.deleted else ""
        usual = "public" if server.mastodon else "unlisted"
        said = server.keep(server.brand, text, reply_to, str(fields.get("visibility") or usual), None)
        said.by_brand = True
        if key:
            self._keys[key] = (said, at)
        to, named = (parent.id, f"@{parent.author} ") if parent else ("", "")
        answer = text.removeprefix(named)  # without the name that only sees to it that the person is told
        shown = Shown(native_id=said.status_id, to=to, text=answer, by=server.brand)
        shown.private = said.visibility == "direct"
        server.shown.append(shown)
        return Told(body=server.status_of(said))

    def _delete(self, status_id: str) -> Told | None:
        said = self._server.known(status_id)
        if said is None or said.deleted or not said.by_brand:
            return None
        said.deleted = True
        for shown in self._server.shown:
            shown.deleted = shown.deleted or shown.native_id == status_id
        return Told(body={**self._server.status_of(said), "text": said.text})


def _fields(asked: Asked) -> dict[str, Any]:
    """Return a body's fields, JSON or a form."""
    if "json" in asked.headers.get("content-type", ""):
        body = json.loads(asked.body or b"{}")
        return body if isinstance(body, dict) else {}
    return dict(parse_qsl(asked.body.decode()))
