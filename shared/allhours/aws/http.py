"""Requests and answers of the HTTP API, payload format 2.0; what is in a path or a body is never logged."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

BODY_LIMIT = 10_240  # bytes; a wish is a few words


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a phone or a program asked: `kind` is the first word of the route."""

    kind: str
    token: str
    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def in_json(self) -> bool:
        """Tell whether a program asks, for it says so."""
        said = self.headers.get("accept", "") + self.headers.get("content-type", "")
        return "application/json" in said

    def fields(self) -> dict[str, str]:
        """Return the body's fields, of a form or of JSON, where true is yes; `BadInput` for anything else."""
        if len(self.body) > BODY_LIMIT:
            raise BadInput(f"the body is longer than {BODY_LIMIT} bytes")
        try:
            text = self.body.decode()
            if not self.headers.get("content-type", "").startswith("application/json"):
                return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20))
            told = json.loads(text)
        except (ValueError, RecursionError):
            raise BadInput("the body is neither a form nor JSON") from None
        if not isinstance(told, dict):
            raise BadInput("the body is no JSON object")
        return {
            name: _word(name, value)
            for name, value in told.items()
            if value is not None and value is not False
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_event(self) -> dict[str, Any]:
        """Return it as Lambda hands it on."""
        return {"statusCode": self.status, "headers": dict(self.headers), "body": self.body}


def request_of(event: Mapping[str, Any]) -> Request:
    """Read the event of an HTTP API."""
    body = event.get("body") or ""
    *_, kind, token = event["rawPath"].split("/")  # a custom domain may put words of its own before them
    return Request(
        kind=kind,
        token=token,
        method=event["requestContext"]["http"]["method"],
        query=dict(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True)),
        headers={name.lower(): value for name, value in event.get("headers", {}).items()},
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
    )


def in_json(status: int, document: Mapping[str, Any]) -> Answer:
    """Return an answer for a program."""
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Answer(status=status, body=json.dumps(document, ensure_ascii=False), headers=headers)


def _word(name: str, value: object) -> str:
    if value is True:
        return "yes"
    if not isinstance(value, str):
        raise BadInput(f"{name} is neither text nor true or false")
    return value
