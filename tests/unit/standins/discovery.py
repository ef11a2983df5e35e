"""A small validator for Google's discovery documents: answers against schemas, requests against methods."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from infra.local.standins.base import Asked

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class Discovery:
    """One discovery document; `newer` names fields that Google added after it was written."""

    def __init__(self, path: Path, *, newer: frozenset[str] = frozenset()) -> None:
        self._document: dict[str, Any] = json.loads(path.read_bytes())
        self._newer = newer

    def wrong(self, name: str, value: object) -> list[str]:
        """Return what in a value does not fit the schema."""
        return list(self._check({"$ref": name}, value, name))

    def wrong_request(self, method_id: str, asked: Asked) -> list[str]:
        """Return what in a request does not fit its method."""
        method = next(each for each in self._methods(self._document) if each["id"] == method_id)
        found: list[str] = []
        if asked.method != method["httpMethod"]:
            found.append(f"{asked.method} in place of {method['httpMethod']}")
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(method.get("flatPath", method["path"])))
        if not re.fullmatch(f"/{pattern}", asked.path):
            found.append(f"path {asked.path}")
        query = {
            name: spec for name, spec in method.get("parameters", {}).items() if spec["location"] == "query"
        }
        for name, value in asked.query:
            if name not in query:
                found.append(f"unknown parameter {name}")
            elif query[name]["type"] == "integer" and not value.isdecimal():
                found.append(f"parameter {name} is no integer")
        if "request" in method:
            found += self._check(method["request"], json.loads(asked.body), "body")
        elif asked.body:
            found.append("a body that nobody asked for")
        return found

    def _check(self, spec: Mapping[str, Any], value: object, where: str) -> Iterator[str]:
        if "$ref" in spec:
            spec = self._document["schemas"][spec["$ref"]]
        kind = spec.get("type", "any")
        if kind != "any" and (
            not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "boolean")
        ):
            yield f"{where} is {type(value).__name__} in place of {kind}"
        elif kind == "string" and "enum" in spec and value not in spec["enum"]:
            yield f"{where} is none of its words"
        elif isinstance(value, list):
            for each in value:
                yield from self._check(spec["items"], each, f"{where}[]")
        elif isinstance(value, dict):
            for name, inner in value.items():
                if name in spec.get("properties", {}):
                    yield from self._check(spec["properties"][name], inner, f"{where}.{name}")
                elif name not in self._newer:
                    yield f"{where}.{name} is unknown"

    def _methods(self, node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for resource in node.get("resources", {}).values():
            yield from resource.get("methods", {}).values()
            yield from self._methods(resource)
