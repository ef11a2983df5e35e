"""`allhours doctor`: whom test pages did not reach is named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from allhours.cli.doctor import _reach
from allhours.domain.organisation import TestPages
from tests.builders import NOON, an_organisation


@pytest.mark.parametrize(
    ("silent", "tests", "well", "told"),
    [
        ({"ben", "ana"}, TestPages(), False, "no answer from ana, ben: see A test page was not answered"),
        (set(), TestPages(), True, "everybody answered"),
        (set(), None, True, "none are sent: set test_pages in the file"),
    ],
)
def test_whom_the_test_page_did_not_reach_is_named(
    silent: set[str], tests: TestPages | None, told: str, *, well: bool
) -> None:
    stack: Any = SimpleNamespace(reaches=SimpleNamespace(unreachable=lambda _bank, _at: frozenset(silent)))
    found = _reach(stack, an_organisation(test_pages=tests), NOON)
    assert (found.what, found.well) == ("test pages", well)
    assert found.how.startswith(told)
