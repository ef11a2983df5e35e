"""Hold a document against the schema and say in our words what does not fit."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator

from allhours.cli.organisation_schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema.exceptions import ValidationError

    from allhours.cli.yaml_lines import Document, Place

_KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}
_FOUND: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
}
_SENTENCES = {
    "maxLength": "is longer than {limit} characters",
    "minItems": "must not be empty",
    "maxItems": "has more than {limit} entries",
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "uniqueItems": "names somebody twice",
    "const": "must be {limit}: this version of allhours reads no other",
}


def check_shape(document: Document) -> set[Place]:
    """Tell every value of the wrong shape, and return their places."""
    broken: set[Place] = set()
    for error in Draft202012Validator(SCHEMA).iter_errors(document.values):
        for place, text in _told(error, tuple(error.absolute_path)):
            document.tell(place, text)
            broken.add(place)
    return broken


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question that ends a sentence about an unknown name, or what there is."""
    names = list(known)
    by_folded = {each.casefold(): each for each in names}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {by_folded[close[0]]!r}?"
    return f"there are {', '.join(names)}" if 0 < len(names) <= 12 else "look at docs/organisation.md"  # noqa: PLR2004 - a line


def _told(error: ValidationError, place: Place) -> list[tuple[Place, str]]:
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    keyword, limit, found = (
        str(error.validator),
        cast("Any", error.validator_value),
        cast("Any", error.instance),
    )
    if keyword == "anyOf":
        return _of_alternatives(error, place, schema)
    if keyword == "additionalProperties":
        return _unknown_keys(found, place, schema)
    if keyword == "required":  # one error for each that is missing
        return [((*place, name), "is missing") for name in limit if error.message.startswith(f"{name!r} ")]
    if "propertyNames" in error.absolute_schema_path:
        return [((*place, str(found)), schema["errorMessage"])]
    return [(place, _sentence(keyword, limit, found, schema))]


def _sentence(keyword: str, limit: Any, found: object, schema: dict[str, Any]) -> str:  # noqa: ANN401 - the schema's
    if keyword == "type":
        return _wrong_type(limit, found)
    if keyword == "enum" and "errorMessage" not in schema:
        return f"{found!r} is none of {', '.join(map(str, limit))}"
    if keyword in {"pattern", "enum"}:
        return (f"{found!r}: " if str(found).strip() else "") + str(schema["errorMessage"])
    return _SENTENCES[keyword].format(limit=limit)


def _unknown_keys(found: dict[str, object], place: Place, schema: dict[str, Any]) -> list[tuple[Place, str]]:
    known = list(schema["properties"])
    noun = schema.get("x-noun")
    sentence = f"no {noun} is called" if noun else "unknown key"
    return [
        ((*place, key), f"{sentence} {key!r}; {did_you_mean(key, known)}")
        for key in found
        if key not in known
    ]


def _wrong_type(wanted: str, found: object) -> str:
    kind = _KINDS[wanted]
    if found is None:
        return f"must be {kind}, and there is nothing"
    if wanted == "string" and not isinstance(found, (list, dict)):
        shown = str(found).lower() if isinstance(found, bool) else found
        return f'must be a text: quote it, "{shown}"'
    return f"must be {kind}, not {_FOUND[type(found)]}"


def _of_alternatives(error: ValidationError, place: Place, schema: dict[str, Any]) -> list[tuple[Place, str]]:
    """Tell what is wrong with the alternative that was meant: the one whose type fits."""
    alternatives: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        alternatives.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    for inners in alternatives.values():
        if not any(inner.validator == "type" and not inner.relative_path for inner in inners):
            return [told for inner in inners for told in _told(inner, (*place, *inner.relative_path))]
    return [(place, schema["errorMessage"])]
