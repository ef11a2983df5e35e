"""P8: compiling eight weeks for twelve units, and one look-up; recurring-ical-events does the same rules."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import recurring_ical_events
from icalendar import Calendar, Event

from allhours.domain.rota import Desk, Override, Shift, UnitRota, compile_rota
from tests.bench.measure import ROUNDS, fastest

if TYPE_CHECKING:
    from allhours.domain.rota import Rota

UNITS, WEEKS = 12, 8
LOOK_UPS = 20_000
START = datetime(2027, 3, 1, tzinfo=UTC)  # clocks change in New York and in London meanwhile
END = START + timedelta(weeks=WEEKS)
PARTY = START + timedelta(days=10, hours=18)  # two hours of New York's evening are London's
ZONES = {"kolkata": "Asia/Kolkata", "london": "Europe/London", "newyork": "America/New_York"}
EVERY_DAY, WEEKDAYS = frozenset(range(7)), frozenset(range(5))
HOURS = (  # desk, days, start and end in minutes of its day
    ("kolkata", EVERY_DAY, 390, 870),
    ("london", EVERY_DAY, 540, 1020),
    ("london", WEEKDAYS, 600, 1080),
    ("newyork", EVERY_DAY, 720, 1200),
    ("newyork", WEEKDAYS, 1200, 1830),  # half past six on the next day
)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def unit_rota(number: int) -> UnitRota:
    """Plan a unit."""
    return UnitRota(
        unit=f"unit{number}",
        desks={desk: Desk(desk_id=desk, zone=zone) for desk, zone in ZONES.items()},
        shifts=tuple(
            Shift(shift_id=f"shift{place}", desk=desk, days=days, start=start, end=end % 1440)
            for place, (desk, days, start, end) in enumerate(HOURS)
        ),
        needs=(),
        fallback="london",
        choose="order",
    )


def override(unit: str) -> Override:
    """Give an evening to another desk."""
    start = int(PARTY.timestamp())
    return Override(
        override_id="party",
        unit=unit,
        from_at=start,
        until_at=start + 7200,
        remove="newyork",
        add="london",
        reason="party",
        by="ana",
    )


def calendar() -> Calendar:
    """Write the same rules as a calendar; the evening off is one occurrence cut in two."""
    told = Calendar()
    for place, (desk, days, start, end) in enumerate(HOURS):
        zone = ZoneInfo(ZONES[desk])
        first = date(2026, 1, 5)
        rule = {"FREQ": "WEEKLY", "BYDAY": [_DAYS[day] for day in sorted(days)]}
        event = _event(f"shift{place}", desk, _wall(first, start, zone), _wall(first, end, zone))
        event.add("RRULE", rule)
        told.add_component(event)
    zone = ZoneInfo(ZONES["newyork"])
    begin = _wall(PARTY.astimezone(zone).date(), 720, zone)
    shorter = _event("shift3", "newyork", begin, PARTY.astimezone(zone))
    shorter.add("RECURRENCE-ID", begin)
    told.add_component(shorter)
    told.add_component(_event("party", "london", PARTY, PARTY + timedelta(hours=2)))
    told.add_component(_event("late", "newyork", PARTY + timedelta(hours=2), _wall(begin.date(), 1200, zone)))
    return told


def _wall(day: date, minute: int, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)


def _event(uid: str, desk: str, start: datetime, end: datetime) -> Event:
    event = Event()
    for name, value in (("UID", uid), ("SUMMARY", desk), ("DTSTART", start), ("DTEND", end)):
        event.add(name, value)
    return event


def ours() -> list[Rota]:
    """Compile every unit."""
    return [
        compile_rota(rota, (override(rota.unit),), int(START.timestamp()), int(END.timestamp()))
        for rota in _PLANNED
    ]


def theirs() -> list[list[Event]]:
    """Let recurring-ical-events lay every calendar out; nothing is merged and no gap is looked for."""
    return [recurring_ical_events.of(each).between(START, END) for each in _CALENDARS]


def on_duty_by_us(rota: Rota) -> set[tuple[int, int, str]]:
    """List each stretch of duty of a desk."""
    return {(duty.since, duty.until, duty.desk) for segment in rota.segments for duty in segment.duties}


def on_duty_by_them(events: list[Event]) -> set[tuple[int, int, str]]:
    """List each occurrence."""
    return {(_instant(each.start), _instant(each.end), str(each["SUMMARY"])) for each in events}


def _instant(wall: date) -> int:
    assert isinstance(wall, datetime)
    return int(wall.timestamp())


def figures() -> dict[str, Any]:
    """Return milliseconds for all units by turns, and microseconds for one look-up."""
    spent = fastest({"ours": ours, "theirs": theirs})
    return {"compile_ms": spent, "who_us": min(_look_up() for _ in range(ROUNDS))}


def _look_up() -> float:
    rota = ours()[0]
    step = (rota.end - rota.start) // 997  # a prime, so that look-ups land everywhere
    instants = list(islice(cycle(range(rota.start, rota.end, step)), LOOK_UPS))
    who = rota.who
    begun = time.process_time()
    for at in instants:
        who(at)
    return (time.process_time() - begun) / LOOK_UPS * 1e6


_PLANNED = [unit_rota(number) for number in range(UNITS)]
_CALENDARS = [calendar() for _ in range(UNITS)]
