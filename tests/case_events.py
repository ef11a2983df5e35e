"""The published schemas of case events and notices, for every test that sees one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[1] / "docs"
SCHEMA = DOCS / "case-event.schema.json"
_VALIDATORS = {
    "allhours.case-event/1": Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))),
    "allhours.notice/1": Draft202012Validator(json.loads((DOCS / "notice.schema.json").read_text("utf-8"))),
}


def assert_published(event: Mapping[str, Any]) -> None:
    """Fail unless the event or notice is what its schema in docs/ promises to units."""
    validator = _VALIDATORS[event["schema"]]
    mistakes = [f"{'/'.join(map(str, one.path))}: {one.message}" for one in validator.iter_errors(event)]
    assert not mistakes, mistakes
