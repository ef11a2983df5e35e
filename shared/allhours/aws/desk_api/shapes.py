"""What may be sent: shapes in a part of JSON Schema, which the OpenAPI document repeats word for word.

`checked` is all that is needed of a validator: types, lengths, ranges, choices, patterns, nested objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from allhours.aws.desk_api.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

Shape = Mapping[str, Any]

_HALF = re.compile("[\ud800-\udfff]")  # of a character, which no service takes
LONGEST_TEXT = 20_000  # characters of an answer; no network takes more
LONGEST_WORD = 500  # characters of a reason or a comment


def text(most: int = LONGEST_WORD, *, least: int = 0, says: str = "") -> Shape:
    """Return the shape of a text, in characters."""
    told = {"type": "string", "maxLength": most, **({"minLength": least} if least else {})}
    return {**told, **({"description": says} if says else {})}


def one_of(*words: str) -> Shape:
    """Return the shape of a choice."""
    return {"type": "string", "enum": list(words)}


def matching(pattern: str, most: int, says: str) -> Shape:
    """Return the shape of a text that looks like this from its first to its last character."""
    return {"type": "string", "pattern": f"^{pattern}$", "maxLength": most, "description": says}


def object_of(needed: Mapping[str, Shape], more: Mapping[str, Shape] | None = None) -> Shape:
    """Return the shape of an object that has these fields, may have more of those, and no others."""
    fields = {**needed, **(more or {})}
    required = {"required": list(needed)} if needed else {}
    return {"type": "object", "properties": fields, **required, "additionalProperties": False}


FLAG: Shape = {"type": "boolean"}
NUMBER: Shape = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
NAME = matching(r"[a-z][a-z0-9_]{0,59}", 60, "an id of the organisation file")
WORD = text(least=1, says="why, in members' own words; personal data in it are masked")
ID = matching(r"[A-Za-z0-9_-]{8,64}", 64, "8 to 64 letters, digits, - and _, the same for a repetition")
INSTANT: Shape = {
    "format": "date-time",
    **matching(
        r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
        r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
        40,
        "an instant with its zone (RFC 3339)",
    ),
}


def checked(value: object, shape: Shape) -> Any:  # noqa: ANN401 - what the shape says
    """Return the value; `Trouble` 422 names the first field that is not as its shape says, and what it is."""
    for field, wrong in _wrong(value, shape, ""):
        where = field or "the body"
        raise Trouble(422, "invalid", f"{where}: {wrong}", {"field": field})
    return value


def checked_query(given: Mapping[str, str], shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Return the known parameters of a query, numbers as numbers; others count for nothing."""
    read: dict[str, Any] = {}
    for name, shape in shapes.items():
        if name not in given:
            continue
        told: object = given[name]
        if shape["type"] == "integer" and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", given[name]):
            told = int(given[name])
        read[name] = checked({name: told}, object_of({name: shape}))[name]
    return read


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def _is(value: object, kind: str) -> bool:
    if kind == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    return isinstance(value, _TYPES[kind])


def _wrong(value: object, shape: Shape, field: str) -> Iterator[tuple[str, str]]:
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    if not any(_is(value, kind) for kind in kinds):
        yield field, f"must be of type {' or '.join(kinds)}"
    elif "enum" in shape:
        if value not in shape["enum"]:
            yield field, f"must be one of {', '.join(map(str, shape['enum']))}"
    elif isinstance(value, str):
        yield from _wrong_text(value, shape, field)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if not shape["minimum"] <= value <= shape["maximum"]:
            yield field, f"must be {shape['minimum']} to {shape['maximum']}"
    elif isinstance(value, Mapping):
        yield from _wrong_object(value, shape, field)


def _wrong_text(value: str, shape: Shape, field: str) -> Iterator[tuple[str, str]]:
    if len(value) > shape["maxLength"]:
        yield field, f"must have {shape['maxLength']} characters at most"
    if len(value) < shape.get("minLength", 0):
        yield field, f"must have {shape['minLength']} characters at least"
    if "pattern" in shape and not re.fullmatch(shape["pattern"][1:-1], value, re.ASCII):
        yield field, f"must be {shape['description']}"
    if shape.get("format") == "date-time" and not _is_instant(value):
        yield field, "must be an instant that there is"
    if _HALF.search(value):
        yield field, "must be text in Unicode"


def _is_instant(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _wrong_object(value: Mapping[Any, Any], shape: Shape, field: str) -> Iterator[tuple[str, str]]:
    fields, dot = shape["properties"], f"{field}." if field else ""
    for name in shape.get("required", ()):
        if name not in value:
            yield f"{dot}{name}", "is missing"
    for name, each in value.items():
        if name not in fields:
            told = str(name)[:80].encode("ascii", "replace").decode()  # whatever was sent, it can be shown
            yield f"{dot}{told}", "is no field of this request"
        else:
            yield from _wrong(each, fields[name], f"{dot}{name}")
