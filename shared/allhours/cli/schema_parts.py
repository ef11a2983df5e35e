"""What the schema of the organisation file is made of: each part with its description and its mend."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_END = r"(?![\s\S])"  # the end of the text, for editors as well; `$` would let a line break follow
_ONE_LINE = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f\u2028\u2029])[\s\S]*\S"


def text(description: str, **more: object) -> Schema:
    """Return the shape of one line of text."""
    return {
        "type": "string",
        "pattern": _ONE_LINE,
        "errorMessage": "must not be blank, and must be one line without control characters",
        "maxLength": 1000,
        "description": description,
        **more,
    }


def shaped(description: str, pattern: str, mend: str, **more: object) -> Schema:
    """Return the shape of a text that fits a pattern, with the mend for one that does not."""
    whole = pattern.removesuffix("$") + _END
    return {"type": "string", "pattern": whole, "errorMessage": mend, "description": description, **more}


def an_id(description: str) -> Schema:
    """Return the shape of an id."""
    mend = "an id is lower-case letters, digits, - and _, begins with a letter and has at most 40"
    return shaped(description, r"^[a-z][a-z0-9_-]{0,39}$", mend)


def a_length(description: str, **more: object) -> Schema:
    """Return the shape of a length of time."""
    return shaped(description, r"^\d{1,5}[smhd]$", 'write a length as "30s", "30m", "6h" or "90d"', **more)


def whole(description: str, least: int, most: int, **more: object) -> Schema:
    """Return the shape of a whole number between two others."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": description, **more}


def date(description: str) -> Schema:
    """Return the shape of a date."""
    return shaped(description, r"^\d{4}-\d{2}-\d{2}$", "write a date as 2027-01-31")


def an_instant(description: str) -> Schema:
    """Return the shape of an instant."""
    mend = 'write an instant with its offset, as "2027-01-31T09:00Z"'
    return shaped(description, r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$", mend)


def date_or_instant(description: str) -> Schema:
    """Return the shape of a date or an instant."""
    pattern = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$"
    mend = 'write a date as 2027-01-31, or an instant with its offset, as "2027-01-31T09:00Z"'
    return shaped(description, pattern, mend)


def clock(description: str, *, end: bool = False) -> Schema:
    """Return the shape of a clock time; `end` may be the next midnight."""
    pattern = r"^(([01]\d|2[0-3]):[0-5]\d" + ("|24:00" if end else "") + ")$"
    last = '"24:00"' if end else '"23:59"'
    return shaped(description, pattern, f'write a clock time as "09:00", from "00:00" to {last}, in quotes')


def a_list(items: Schema, description: str, **more: object) -> Schema:
    """Return the shape of a list."""
    return {"type": "array", "items": items, "description": description, "maxItems": 1000, **more}


def an_object(description: str, properties: Schema, required: tuple[str, ...] = (), **more: object) -> Schema:
    """Return the shape of a mapping with these keys and no others."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def by_id(items: Schema, description: str) -> Schema:
    """Return the shape of a mapping from ids."""
    return {
        "type": "object",
        "description": description,
        "propertyNames": an_id("its id"),
        "additionalProperties": items,
    }
