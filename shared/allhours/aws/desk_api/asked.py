"""One request as it comes from API Gateway, payload format 2.0; of it only the route is ever logged."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from allhours.aws.desk_api.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

BODY_LIMIT = 65_536  # bytes; the longest text a network takes is a tenth of it
_JSON = re.compile(r"application/([\w.-]+\+)?json")
_ROOT = re.compile(r"^.*?(?=/(?:api|desk)(?:/|$))")  # a custom domain may put words of its own before them


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked: `path` from /api or /desk on, header names in lower case, claims of a checked token."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    claims: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever was sent; its shape is checked next
        """Return the body; `Trouble` for too much of it, another type, or what is no JSON."""
        if len(self.body) > BODY_LIMIT:
            raise Trouble(413, "too_long", f"the body is longer than {BODY_LIMIT} bytes: send less")
        told = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not _JSON.fullmatch(told):
            raise Trouble(415, "not_json", "send the body as JSON: content-type: application/json")
        try:
            return json.loads(self.body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise Trouble(422, "no_json", "the body is no JSON", {"field": ""}) from None


def asked_of(event: Mapping[str, Any]) -> Asked:
    """Read the event of an HTTP API."""
    context, body = event["requestContext"], event.get("body") or ""
    headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
    # AWS decodes a path but for %25, so that nothing is decoded twice
    path = _ROOT.sub("", event["rawPath"], count=1).replace("%25", "%")
    return Asked(
        method=context["http"]["method"],
        path=path,
        query=dict(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True)),
        headers=headers,
        claims=context.get("authorizer", {}).get("jwt", {}).get("claims") or {},
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
    )


def _no_number(name: str) -> float:
    raise ValueError(name)
