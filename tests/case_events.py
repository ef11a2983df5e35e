"""The published schema of case events, for every test that sees one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = Path(__file__).parents[1] / "docs" / "case-event.schema.json"
_VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))


def assert_published(event: Mapping[str, Any]) -> None:
    """Fail unless the event is what docs/case-event.schema.json promises to units."""
    mistakes = [f"{'/'.join(map(str, one.path))}: {one.message}" for one in _VALIDATOR.iter_errors(event)]
    assert not mistakes, mistakes
