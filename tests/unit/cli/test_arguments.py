from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime

import pytest

from allhours.cli.arguments import instant


@pytest.mark.parametrize(
    ("text", "hint", "hour"),
    [
        ("2027-03-01", "2027-03-01T00:00Z", 0),
        ("20270301", "2027-03-01T00:00Z", 0),
        ("2027-W09-1", "2027-03-01T00:00Z", 0),
        ("2027-03-01T09:00", "2027-03-01T09:00Z", 9),
        ("2027-03-01 09", "2027-03-01 09Z", 9),
    ],
)
def test_the_mend_of_an_instant_without_a_zone_is_read(text: str, hint: str, hour: int) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        instant(text)
    assert str(caught.value) == f"{text!r} has no zone: write {hint} for UTC, or +01:00 for the Z"
    assert instant(hint) == datetime(2027, 3, 1, hour, tzinfo=UTC)
