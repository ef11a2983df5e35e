from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.fake_desk import Call, Desk

SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())[
    "components"
]["schemas"]
OWN = {"risk", "item", "account"}  # what the fake keeps for itself in a case and its lines
SOON = {"odds"}  # of a card: the page shows them where they are told


def told(path: str, desk: Desk, method: str = "GET", body: dict[str, Any] | None = None) -> Any:
    call = Call(desk=desk, member="ana", method=method, path=path, query={}, body=body or {}, match="*")
    return call.answer()


def unknown(value: Any, schema: Any) -> set[str]:
    """Return the fields, at any depth, that the schema does not have."""
    schema = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    schema = next(
        (each for each in schema.get("anyOf", schema.get("oneOf", [])) if each != {"type": "null"}), schema
    )
    if "$ref" in schema:
        return unknown(value, schema)
    if isinstance(value, list):
        return {field for each in value for field in unknown(each, schema.get("items", {}))}
    if not isinstance(value, dict) or "properties" not in schema:
        return set()
    fields = schema["properties"]
    deeper = {field for name in value.keys() & fields.keys() for field in unknown(value[name], fields[name])}
    return deeper.union(value.keys() - fields.keys())


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("me", "Me"),
        ("cases", "Cases"),
        ("cases/facebook%3A7003", "Whole"),
        ("cases/x%3A7007", "Whole"),
        ("pages", "Pages"),
        ("light", "Light"),
    ],
)
def test_the_fake_desk_says_nothing_that_the_real_one_does_not(path: str, schema: str) -> None:
    desk = Desk()
    assert unknown(told(path, desk), SCHEMAS[schema]) <= OWN | SOON


def test_a_checked_answer_looks_like_the_real_one() -> None:
    words = {"text": "I guarantee it, 4111 1111 1111 1111"}
    checked = told("cases/x%3A7004/check", Desk(), "POST", words)
    assert unknown(checked, SCHEMAS["Checked"]) == set()
    assert checked["findings"]
