"""One answer as Lambda hands it on: its headers keep browsers and caches from doing more than they should."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SAFE: Mapping[str, str] = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
JSON: Mapping[str, str] = {
    "content-type": "application/json; charset=utf-8",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What goes back; `body` is text, or bytes that are no text."""

    status: int
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_event(self) -> dict[str, Any]:
        """Return it as Lambda hands it on."""
        told: dict[str, Any] = {"statusCode": self.status, "headers": {**SAFE, **self.headers}}
        if isinstance(self.body, bytes):
            return {**told, "body": base64.b64encode(self.body).decode(), "isBase64Encoded": True}
        return {**told, "body": self.body}


def in_json(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Told:
    """Return an answer in JSON."""
    return Told(status=status, body=_JSON.encode(document), headers={**JSON, **(headers or {})})


def tagged(told: Told, if_none_match: str) -> Told:
    """Return the answer with its tag, or only that where the asker has the same already (RFC 9110, 13.1.2).

    The tag is weak: the same content, perhaps packed another way. A browser keeps the answer and asks anew
    each time.
    """
    raw = told.body.encode() if isinstance(told.body, str) else told.body
    tag = f'"{hashlib.sha256(raw).hexdigest()[:27]}"'
    headers = {**told.headers, "etag": f"W/{tag}", "cache-control": "private, no-cache"}
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    if tag in known or "*" in known:
        return Told(status=304, headers={n: v for n, v in headers.items() if n != "content-type"})
    return Told(status=told.status, body=told.body, headers=headers)
