"""How far a command looks back."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from allhours.cli import past
from tests.builders import NOON


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("yesterday", datetime(2027, 3, 14, tzinfo=UTC)),
        ("36h", NOON - timedelta(hours=36)),
        ("2d", NOON - timedelta(days=2)),
        ("4w", NOON - timedelta(weeks=4)),
        ("2027-03-01", datetime(2027, 3, 1, tzinfo=UTC)),
        ("2027-03-01T08:00+01:00", datetime(2027, 3, 1, 7, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_word_a_length_a_date_or_an_instant(
    text: str, since: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "now", lambda: NOON)
    assert past.since(text) == since


@pytest.mark.parametrize("text", ["", "2x", "0d", "2027-03-01T08:00", "tomorrow"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        past.since(text)
