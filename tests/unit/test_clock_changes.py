"""Every clock change of 2024 to 2032 in forty zones and more, walked minute by minute.

The walk knows nothing of instants or spans. It looks at the zone's clock each minute and keeps the latest
time that it has shown: a shift is on once its start has been shown or passed, until its end has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.instants import tzdata_version, zone_named
from allhours.domain.rota import Desk, Shift, UnitRota, compile_rota

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

DAY, WEEK = 1440, 10_080  # minutes
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2033, 1, 1, tzinfo=UTC)
EVERY_DAY = frozenset(range(7))
CHANGING = """\
Africa/Cairo Africa/Casablanca Africa/Ceuta Africa/El_Aaiun America/Adak America/Anchorage America/Asuncion
America/Chicago America/Denver America/Goose_Bay America/Halifax America/Havana America/Los_Angeles
America/Miquelon America/Moncton America/New_York America/Nuuk America/Port-au-Prince America/Santiago
America/Scoresbysund America/St_Johns America/Thule America/Tijuana America/Vancouver Antarctica/Macquarie
Antarctica/Troll Asia/Almaty Asia/Beirut Asia/Famagusta Asia/Gaza Asia/Hebron Asia/Jerusalem Atlantic/Azores
Atlantic/Bermuda Australia/Adelaide Australia/Lord_Howe Australia/Sydney Europe/Chisinau Europe/Dublin
Europe/Kyiv Europe/Lisbon Europe/London Europe/Madrid Pacific/Auckland Pacific/Chatham Pacific/Easter
Pacific/Norfolk
""".split()  # noqa: SIM905 - a word a zone is easier to read than a list of strings
STEADY = ["Asia/Kathmandu", "Asia/Kolkata", "Pacific/Apia", "Pacific/Kiritimati"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The first minute with another offset, and what the clock would have shown and shows then."""

    at: datetime
    before: int
    after: int


def shown(zone: ZoneInfo, at: float) -> datetime:
    """Read the zone's clock."""
    return datetime.fromtimestamp(at, zone)


def changes_of(zone: ZoneInfo) -> Iterator[Change]:
    """Find each change, looking at every half day and then closer."""
    at, half = FIRST, timedelta(hours=12)
    while at < LAST:
        low, high = at, at + half
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            while high - low > timedelta(minutes=1):
                middle = low + timedelta(minutes=(high - low) // timedelta(minutes=2))
                changed = middle.astimezone(zone).utcoffset() != low.astimezone(zone).utcoffset()
                low, high = (low, middle) if changed else (middle, high)
            offset = low.astimezone(zone).utcoffset() or timedelta()
            before = (high + offset).replace(tzinfo=None)
            yield Change(at=high, before=minute_of(before), after=minute_of(high.astimezone(zone)))
        at += half


def minute_of(clock: datetime) -> int:
    """Say which minute of its day a clock shows."""
    return clock.hour * 60 + clock.minute


def shifts_around(changes: list[Change]) -> tuple[Shift, ...]:
    """Tile the day at and around the times of the changes; besides, nights and short days at weekends."""
    edges = {change.before for change in changes} | {change.after for change in changes} or {0}
    near = sorted({(edge + off) % DAY for edge in edges for off in (-61, -1, 0, 17)} | {720})
    tiles = [("tile", EVERY_DAY, start, end) for start, end in zip(near, [*near[1:], near[0]], strict=True)]
    nights = [("night", frozenset({5}), (edge - 300) % DAY, (edge + 1) % DAY) for edge in sorted(edges)]
    days = [("day", frozenset({5, 6}), (edge - 30) % DAY, (edge + 45) % DAY) for edge in sorted(edges)]
    return tuple(
        Shift(shift_id=f"{kind} {start}", desk=f"{kind} {start}", days=on, start=start, end=end)
        for kind, on, start, end in (*tiles, *nights, *days)
    )


def week_of(shifts: tuple[Shift, ...]) -> list[frozenset[str]]:
    """Say for each minute of a week, by the latest time that the clock has shown, which desks are on."""
    week: list[set[str]] = [set() for _ in range(WEEK)]
    for shift in shifts:
        length = (shift.end - shift.start) % DAY or DAY
        for day in shift.days:
            for minute in range(length):
                week[(day * DAY + shift.start + minute) % WEEK].add(shift.desk)
    return list(map(frozenset, week))


def walked(zone: ZoneInfo, week: list[frozenset[str]], middle: int) -> list[tuple[int, frozenset[str]]]:
    """Walk from a day before to a day after: from when on which desks are on."""
    monday = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    latest = max(shown(zone, middle - 86_400 - back).replace(tzinfo=None) for back in range(60, 90_000, 60))
    found: list[tuple[int, frozenset[str]]] = []
    for at in range(middle - 86_400, middle + 86_400, 60):
        latest = max(latest, shown(zone, at).replace(tzinfo=None, fold=0))
        on = week[int((latest - monday).total_seconds()) // 60 % WEEK]
        if not found or found[-1][1] != on:
            found.append((at, on))
    return found


def test_forty_zones_and_more_change_their_clocks_in_these_years() -> None:
    assert len(CHANGING) >= 40
    assert [name for name in CHANGING if not any(changes_of(zone_named(name)))] == []
    assert [name for name in STEADY if any(changes_of(zone_named(name)))] == []


@pytest.mark.parametrize("name", [*CHANGING, *STEADY])
def test_over_every_clock_change_duty_changes_when_the_clock_says_so(name: str) -> None:
    zone = zone_named(name)
    changes = list(changes_of(zone))
    shifts = shifts_around(changes)
    week = week_of(shifts)
    desks = {shift.desk: Desk(desk_id=shift.desk, zone=name) for shift in shifts}
    unit = UnitRota(unit="cards", desks=desks, shifts=shifts, needs=(), fallback="none", choose="order")
    middles = [change.at for change in changes] or [datetime(2028, 2, 29, tzinfo=UTC)]
    for middle in (int(at.timestamp()) for at in middles):
        rota = compile_rota(unit, (), middle - 86_400, middle + 86_400)
        segments = [(segment.start, frozenset(segment.desks)) for segment in rota.segments]
        same = [one for at, one in enumerate(segments) if not at or segments[at - 1][1] != one[1]]
        assert same == walked(zone, week, middle)
        assert rota.tzdata == tzdata_version()
        assert not rota.gaps()
