"""A validator for AT Protocol lexicons: what a method answers and is sent, against the official files."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FORMATS: Mapping[str, str] = {
    "at-uri": r"at://[A-Za-z0-9._:%-]+(/[A-Za-z0-9.-]+(/[A-Za-z0-9._:~-]+)?)?",
    "at-identifier": r"did:[a-z]+:[A-Za-z0-9._:%-]+|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
    "cid": r"b[a-z2-7]{58,}",
    "did": r"did:[a-z]+:[A-Za-z0-9._:%-]+",
    "handle": r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+",
    "language": r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*",
    "nsid": r"[a-z0-9.-]+\.[A-Za-z]+",
    "record-key": r"[A-Za-z0-9._:~-]{1,512}",
    "tid": r"[234567a-j][234567a-z]{12}",
    "uri": r"[a-z][a-z0-9+.-]*:\S+",
}


class Lexicons:
    """The lexicons of a folder; every method lists what is wrong, by path; nothing is when it is empty."""

    def __init__(self, folder: Path) -> None:
        files = (json.loads(file.read_text("utf-8")) for file in folder.rglob("*.json"))
        self._defs = {file["id"]: file["defs"] for file in files}

    def output(self, method: str, body: object) -> list[str]:
        """Return what is wrong with a method's answer."""
        return list(self._value(self._defs[method]["main"]["output"]["schema"], body, method, method))

    def input(self, method: str, body: object) -> list[str]:
        """Return what is wrong with the body sent to a method; one without input takes none."""
        asked = self._defs[method]["main"].get("input")
        if asked is None:
            return [] if body is None else [f"{method}: takes no body"]
        return list(self._value(asked["schema"], body, method, method))

    def record(self, collection: str, record: object) -> list[str]:
        """Return what is wrong with a record of a collection."""
        return list(self._value(self._defs[collection]["main"]["record"], record, collection, "record"))

    def parameters(self, method: str, query: Iterable[tuple[str, str]]) -> list[str]:
        """Return what is wrong with a method's query, as texts on the wire."""
        schema = self._defs[method]["main"].get("parameters", {"properties": {}})
        given: dict[str, Any] = {}
        for name, text in query:
            rule = schema["properties"].get(name)
            if rule is None:
                return [f"{method}: has no parameter {name}"]
            if rule["type"] == "array":
                given.setdefault(name, []).append(_from_text(rule["items"], text))
            else:
                given[name] = _from_text(rule, text)
        return list(self._value({**schema, "type": "object"}, given, method, method))

    def _value(  # noqa: C901 - one case for each type of the language
        self, rule: Mapping[str, Any], value: object, home: str, path: str
    ) -> Iterator[str]:
        match rule["type"]:
            case "ref":
                name, found = self._found(rule["ref"], home)
                yield from self._value(found, value, name, path)
            case "union":
                yield from self._union(rule, value, home, path)
            case "object":
                yield from self._object(rule, value, home, path)
            case "array":
                yield from self._array(rule, value, home, path)
            case "string":
                yield from _string(rule, value, path)
            case "integer":
                yield from _integer(rule, value, path)
            case "boolean":
                if not isinstance(value, bool):
                    yield f"{path}: not a boolean"
            case "unknown" | "blob":
                if not isinstance(value, dict):
                    yield f"{path}: not an object"
            case other:
                message = f"{path}: this validator does not know {other}"
                raise NotImplementedError(message)

    def _found(self, ref: str, home: str) -> tuple[str, Mapping[str, Any]]:
        name, _, part = ref.partition("#")
        return name or home, self._defs[name or home][part or "main"]

    def _union(self, rule: Mapping[str, Any], value: object, home: str, path: str) -> Iterator[str]:
        kind = value.get("$type") if isinstance(value, dict) else None
        refs = {_absolute(ref, home): ref for ref in rule["refs"]}
        if not isinstance(kind, str):
            yield f"{path}: a member of a union needs $type"
        elif kind in refs:
            name, found = self._found(refs[kind], home)
            yield from self._value(found, value, name, path)
        elif rule.get("closed"):
            yield f"{path}: {kind} is not in the union"
        elif kind.partition("#")[0] in self._defs:
            yield f"{path}: {kind} is known and not in the union"

    def _object(self, rule: Mapping[str, Any], value: object, home: str, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path}: not an object"
            return
        for name in rule.get("required", ()):
            if name not in value:
                yield f"{path}.{name}: missing"
        for name, inner in rule.get("properties", {}).items():
            if name in value and not (value[name] is None and name in rule.get("nullable", ())):
                yield from self._value(inner, value[name], home, f"{path}.{name}")

    def _array(self, rule: Mapping[str, Any], value: object, home: str, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path}: not an array"
            return
        if len(value) > rule.get("maxLength", len(value)):
            yield f"{path}: more than {rule['maxLength']} elements"
        for place, each in enumerate(value):
            yield from self._value(rule["items"], each, home, f"{path}[{place}]")


def _absolute(ref: str, home: str) -> str:
    return home + ref if ref.startswith("#") else ref


def _from_text(rule: Mapping[str, Any], text: str) -> object:
    if rule["type"] == "integer" and re.fullmatch("-?[0-9]+", text):
        return int(text)
    if rule["type"] == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text


def _string(rule: Mapping[str, Any], value: object, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: not a string"
        return
    if len(value.encode()) > rule.get("maxLength", len(value.encode())):
        yield f"{path}: longer than {rule['maxLength']} bytes"
    seen = len(regex.findall(r"\X", value))
    if seen > rule.get("maxGraphemes", seen):
        yield f"{path}: longer than {rule['maxGraphemes']} graphemes"
    if "const" in rule and value != rule["const"]:
        yield f"{path}: not {rule['const']}"
    form = rule.get("format")
    if form == "datetime":
        yield from _datetime(value, path)
    elif form and not re.fullmatch(FORMATS[form], value):
        yield f"{path}: not a {form}"


def _datetime(value: str, path: str) -> Iterator[str]:
    try:
        zone = datetime.fromisoformat(value).tzinfo
    except ValueError:
        yield f"{path}: not a datetime"
        return
    if zone is None or "T" not in value:
        yield f"{path}: a datetime without a zone"


def _integer(rule: Mapping[str, Any], value: object, path: str) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield f"{path}: not an integer"
    elif not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        yield f"{path}: out of range"
