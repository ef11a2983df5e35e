"""Asking the desk's API as API Gateway does, with every answer held against docs/openapi.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from openapi_schema_validator import OAS31Validator

from allhours.aws.desk_api.api import answered
from tests.templates import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.aws.desk_api.ports import Ports

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """Return the word for programs."""
        return str(self.body["error"]["code"])

    @property
    def message(self) -> str:
        """Return the sentence for people."""
        return str(self.body["error"]["message"])


@dataclass(kw_only=True)
class Caller:
    """Somebody with a token."""

    claims: Mapping[str, str]
    ports: Ports | None = None
    asked: list[str] = field(default_factory=list)

    def get(self, path: str, query: str = "", **headers: str) -> Reply:
        return self.ask("GET", path, query=query, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.ask("POST", path, body=body, headers=headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.ask("PUT", path, body=body, headers=headers)

    def delete(self, path: str, **headers: str) -> Reply:
        return self.ask("DELETE", path, headers=headers)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask; raise where the answer is not as the document says."""
        event = event_of(method, path, query=query, body=body, headers=headers, claims=self.claims)
        told = answered(event, self.ports)
        reply = Reply(
            status=told["statusCode"],
            headers=told["headers"],
            body=json.loads(told["body"]) if told["body"] else None,
        )
        if reply.status not in {304, 405} and method != "HEAD":
            assert_as_documented(method, path, reply)
        return reply


def event_of(
    method: str,
    path: str,
    *,
    query: str = "",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    claims: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what API Gateway would call us with; a path is decoded by it, but for its percent signs."""
    named = {name.replace("_", "-").lower(): value for name, value in (headers or {}).items()}
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": "%25".join(unquote(part) for part in re.split("%25", path)),
        "rawQueryString": query,
        "headers": named,
        "requestContext": {"http": {"method": method}},
        "isBase64Encoded": False,
    }
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        named.setdefault("content-type", "application/json")
    if claims:
        event["requestContext"]["authorizer"] = {"jwt": {"claims": dict(claims), "scopes": []}}
    return event


def assert_as_documented(method: str, path: str, reply: Reply) -> None:
    """Hold an answer against the document: its status is there, and its body has that shape."""
    operation = _operation(method, unquote(path))
    told = operation["responses"].get(str(reply.status))
    assert told, f"{method} {path}: {reply.status} is not documented ({reply.body})"
    wrong = [
        f"{'/'.join(map(str, each.absolute_path))}: {each.message}"
        for each in _validator(told["content"]["application/json"]["schema"]["$ref"]).iter_errors(reply.body)
    ]
    assert not wrong, f"{method} {path}: {reply.status} is not as documented: {wrong}"


@cache
def _operation(method: str, path: str) -> Mapping[str, Any]:
    for template, operations in DOCUMENT["paths"].items():
        pattern = re.sub(r"\\?\{\w+\\?\}", ".+", re.escape(template))
        if method.lower() in operations and re.fullmatch(pattern, path) and _is_it(template, path):
            found: Mapping[str, Any] = operations[method.lower()]
            return found
    return {"responses": {str(status): {"content": _TROUBLE} for status in (401, 404)}}


_TROUBLE = {"application/json": {"schema": {"$ref": "#/components/schemas/Trouble"}}}


def _is_it(template: str, path: str) -> bool:
    """Tell whether only an item key or a page's id has slashes in it."""
    return template.count("/") == path.count("/") or "{item_key}" in template or "{page_id}" in template


@cache
def _validator(ref: str) -> OAS31Validator:
    return OAS31Validator({"$ref": ref, "components": DOCUMENT["components"]})
