"""The rule that turns a wall clock into an instant: its table, its definition minute by minute, its order."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.domain.errors import BadInput
from allhours.domain.instants import instant, local_date, tzdata_version, zone_named

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600
ZONES = (resources.files("tzdata") / "zones").read_text(encoding="ascii").split()
DAYS = st.dates(date(2000, 1, 1), date(2040, 12, 31))
MINUTES = st.integers(0, 2880)

# zone, local date, start and end by the clock, start and end in UTC, hours
SHIFTS = """
America/New_York    2027-03-14 00:00-24:00 2027-03-14T05:00Z 2027-03-15T04:00Z 23
America/New_York    2027-03-14 02:30-06:00 2027-03-14T07:00Z 2027-03-14T10:00Z 3
America/New_York    2027-03-13 22:00-02:30 2027-03-14T03:00Z 2027-03-14T07:00Z 4
America/New_York    2026-11-01 00:00-24:00 2026-11-01T04:00Z 2026-11-02T05:00Z 25
America/New_York    2026-11-01 01:30-09:00 2026-11-01T05:30Z 2026-11-01T14:00Z 8.5
America/New_York    2026-10-31 20:00-01:30 2026-11-01T00:00Z 2026-11-01T05:30Z 5.5
Europe/London       2027-03-28 00:00-24:00 2027-03-28T00:00Z 2027-03-28T23:00Z 23
Europe/London       2027-03-28 01:15-09:00 2027-03-28T01:00Z 2027-03-28T08:00Z 7
Europe/London       2026-10-25 00:00-24:00 2026-10-24T23:00Z 2026-10-26T00:00Z 25
Europe/London       2026-10-24 22:00-01:30 2026-10-24T21:00Z 2026-10-25T00:30Z 3.5
Europe/Madrid       2027-03-28 00:00-24:00 2027-03-27T23:00Z 2027-03-28T22:00Z 23
Europe/Madrid       2027-03-28 02:30-08:00 2027-03-28T01:00Z 2027-03-28T06:00Z 5
Asia/Kolkata        2027-03-14 08:00-20:00 2027-03-14T02:30Z 2027-03-14T14:30Z 12
Australia/Lord_Howe 2026-10-04 00:00-24:00 2026-10-03T13:30Z 2026-10-04T13:00Z 23.5
Australia/Lord_Howe 2026-10-04 02:10-10:00 2026-10-03T15:30Z 2026-10-03T23:00Z 7.5
Australia/Lord_Howe 2027-04-04 00:00-24:00 2027-04-03T13:00Z 2027-04-04T13:30Z 24.5
Australia/Lord_Howe 2027-04-04 01:45-10:00 2027-04-03T14:45Z 2027-04-03T23:30Z 8.75
Pacific/Apia        2011-12-30 08:00-20:00 2011-12-30T10:00Z 2011-12-30T10:00Z 0
Pacific/Apia        2011-12-29 20:00-08:00 2011-12-30T06:00Z 2011-12-30T10:00Z 4
Pacific/Apia        2011-12-29 00:00-24:00 2011-12-29T10:00Z 2011-12-30T10:00Z 24
Africa/Casablanca   2026-02-15 00:00-24:00 2026-02-14T23:00Z 2026-02-16T00:00Z 25
Africa/Casablanca   2026-03-22 00:00-24:00 2026-03-22T00:00Z 2026-03-22T23:00Z 23
Africa/Casablanca   2026-09-20 00:00-24:00 2026-09-19T23:00Z 2026-09-21T00:00Z 25
Africa/Casablanca   2026-11-23 09:00-17:00 2026-11-23T09:00Z 2026-11-23T17:00Z 8
America/Vancouver   2026-11-23 09:00-17:00 2026-11-23T16:00Z 2026-11-24T00:00Z 8
Africa/Cairo        2027-04-30 00:00-08:00 2027-04-29T22:00Z 2027-04-30T05:00Z 7
America/Sao_Paulo   2018-11-04 00:00-08:00 2018-11-04T03:00Z 2018-11-04T10:00Z 7
"""


def minutes(clock: str) -> int:
    """Read 08:30 as 510."""
    hours, rest = clock.split(":")
    return int(hours) * 60 + int(rest)


def seconds(written: str) -> int:
    """Read an ISO instant as UTC seconds."""
    return int(datetime.fromisoformat(written).timestamp())


def shown(zone: str, at: int) -> datetime:
    """Read the zone's clock, without its zone, so that comparing is comparing what is shown."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone_named(zone)).replace(tzinfo=None, fold=0)


def wall(day: date, minute: int) -> datetime:
    """Say what a clock shows at that minute of the day."""
    return datetime.combine(day, time()) + timedelta(minutes=minute)


@pytest.mark.parametrize("row", SHIFTS.strip().splitlines(), ids=lambda row: " ".join(row.split()[:3]))
def test_a_shift_by_the_clock_lasts_from_this_instant_to_that_one(row: str) -> None:
    zone, day, clock, since, until, hours = row.split()
    start, end = map(minutes, clock.split("-"))
    first = instant(zone, date.fromisoformat(day), start)
    last = instant(zone, date.fromisoformat(day), end if end > start else end + 1440)
    assert (first, last, (last - first) / HOUR) == (seconds(since), seconds(until), float(hours))


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Madrid", date(2027, 3, 28)),
        ("Europe/Madrid", date(2027, 10, 31)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("Australia/Lord_Howe", date(2027, 4, 4)),
        ("America/New_York", date(2027, 3, 14)),
        ("America/New_York", date(2026, 11, 1)),
        ("Africa/Cairo", date(2027, 4, 30)),
        ("Pacific/Apia", date(2011, 12, 30)),
    ],
)
def test_walking_minute_by_minute_over_a_clock_change_finds_the_same_instants(zone: str, day: date) -> None:
    first, last = wall(day - timedelta(days=1), 0), wall(day + timedelta(days=2), 0)
    at = int(datetime.combine(day - timedelta(days=3), time(), UTC).timestamp())
    expected: dict[datetime, int] = {}
    due = first
    while due < last:
        clock = shown(zone, at)
        while due <= clock and due < last:
            expected[due] = at
            due += timedelta(minutes=1)
        at += 60
    assert len(expected) == 3 * 1440
    assert expected == {
        moment: instant(zone, moment.date(), moment.hour * 60 + moment.minute) for moment in expected
    }


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), DAYS, MINUTES)
def test_no_earlier_instant_shows_that_time_or_later_in_any_zone(zone: str, day: date, minute: int) -> None:
    at = instant(zone, day, minute)
    assert shown(zone, at) >= wall(day, minute)
    earlier = [at - 1, *range(at - 300, at - 26 * HOUR, -300)]
    assert max(shown(zone, before) for before in earlier) < wall(day, minute)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), DAYS, MINUTES, MINUTES)
def test_a_later_time_by_the_clock_is_never_an_earlier_instant(
    zone: str, day: date, one: int, other: int
) -> None:
    assert instant(zone, day, min(one, other)) <= instant(zone, day, max(one, other))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), DAYS, st.integers(0, 1440))
def test_neighbouring_shifts_stay_neighbours_over_midnight(zone: str, day: date, minute: int) -> None:
    assert instant(zone, day, minute + 1440) == instant(zone, day + timedelta(days=1), minute)


@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Europe/London",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Asia/Kolkata",
        "Africa/Cairo",
    ],
)
def test_a_full_day_lasts_24_hours_except_when_the_offset_changes(zone: str) -> None:
    lengths = set()
    for number in range(date(2008, 1, 1).toordinal(), date(2013, 1, 1).toordinal()):
        day = date.fromordinal(number)
        start, end = instant(zone, day, 0), instant(zone, day, 1440)
        jump = shown(zone, end - 1) - shown(zone, start - 1) - timedelta(seconds=end - start)
        skipped = end == start  # once, in Apia
        assert skipped or (end - start == 24 * HOUR) == (jump % timedelta(days=1) == timedelta())
        lengths.add((end - start) / HOUR)
    assert (
        lengths
        == {
            "America/New_York": {23, 24, 25},
            "Europe/London": {23, 24, 25},
            "Australia/Lord_Howe": {23.5, 24, 24.5},
            "Pacific/Apia": {0, 23, 24, 25},
            "Asia/Kolkata": {24},
            "Africa/Cairo": {23, 24, 25},
        }[zone]
    )


def test_a_moment_before_midnight_is_still_the_old_date() -> None:
    assert local_date("Asia/Kolkata", seconds("2027-03-13T18:29:59Z")) == date(2027, 3, 13)
    assert local_date("Asia/Kolkata", seconds("2027-03-13T18:30:00Z")) == date(2027, 3, 14)


@pytest.mark.parametrize(
    "zone", ["", "Europe", "Europe/Atlantis", "/etc/localtime", "../zones", "Europe/../UTC", "zone.tab"]
)
def test_an_unknown_zone_is_named(zone: str) -> None:
    with pytest.raises(BadInput, match=re.escape(f"zone {zone!r} is unknown")):
        instant(zone, date(2027, 1, 1), 0)


def test_the_rules_of_the_machine_are_not_asked(tmp_path: Path) -> None:
    stale = tmp_path / "Vancouver" / "Elsewhere"
    stale.parent.mkdir()
    stale.write_bytes((resources.files("tzdata") / "zoneinfo" / "Asia" / "Kolkata").read_bytes())
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    try:
        assert zoneinfo.ZoneInfo("Vancouver/Elsewhere").key == "Vancouver/Elsewhere"
        with pytest.raises(BadInput):
            zone_named("Vancouver/Elsewhere")
    finally:
        zoneinfo.reset_tzpath()


def test_the_version_of_the_rules_is_named_as_iana_names_it() -> None:
    assert re.fullmatch(r"20\d\d[a-z]", tzdata_version())
