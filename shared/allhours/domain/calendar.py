"""Calendars of duty for people's phones: RFC 5545, with RFC 7986's name and refresh interval.

Times are UTC instants, because calendar programs read a wall time that a clock change skips differently from
us. A calendar is published whole each time, so an event that is gone is taken off the phone, and one with the
same UID is the same duty however often the rota is compiled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from allhours.domain.changes import overrides_of
from allhours.domain.errors import BadInput
from allhours.domain.rota import compile_rota

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from allhours.domain.organisation import Organisation, Unit
    from allhours.domain.rota import Duty, Rota

_OCTETS = 75  # of a line, RFC 5545 section 3.1
_REFRESHED = "PT1H"  # how often a phone is asked to look again
_REACH = int(timedelta(days=3).total_seconds())  # a duty that touches the window is shown whole


class Stint(NamedTuple):
    """A duty while it counts: without the part that a later change puts in the shade."""

    start: int
    end: int
    duty: Duty


def rota_of(organisation: Organisation, unit_id: str, start: int, end: int) -> Rota:
    """Compile a unit's rota over the UTC seconds [start, end), with leave and the changes in force."""
    rota = organisation.units[unit_id].rota
    return compile_rota(rota, overrides_of(organisation.changes, rota, organisation.members), start, end)


def stints(rota: Rota) -> tuple[Stint, ...]:
    """List the duties of a rota in order, each once, whole also where the window cuts it."""
    found: list[Stint] = []
    held: dict[Duty, int] = {}
    for segment in (*rota.segments, None):
        now = segment.duties if segment else ()
        for duty in [duty for duty in held if duty not in now]:
            end = segment.start if segment else duty.until
            found.append(Stint(held.pop(duty), end, duty))
        for duty in now:
            held.setdefault(duty, segment.start if segment and segment.start > rota.start else duty.since)
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.duty.desk, one.duty.member or "")))


def calendar_of_member(organisation: Organisation, member_id: str, start: int, end: int, at: datetime) -> str:
    """Write the duties of a member in all units that touch the UTC seconds [start, end).

    `at` is when it was asked for. `BadInput` for a member whom nobody knows.
    """
    if member_id not in organisation.members:
        raise BadInput(f"no member is called {member_id!r}; there are {', '.join(organisation.members)}")
    events = [
        _duty(organisation, unit, stint, mine=True)
        for unit in organisation.units.values()
        for stint in _touching(organisation, unit, start, end)
        if stint.duty.member == member_id
    ]
    name = f"{organisation.members[member_id].name}: duty at {organisation.name}"
    return _calendar(name, sorted(events), at)


def calendar_of_unit(organisation: Organisation, unit_id: str, start: int, end: int, at: datetime) -> str:
    """Write all duties of a unit that touch the UTC seconds [start, end), and its gaps; `at` as above."""
    return calendar_of_units(organisation, (unit_id,), start, end, at)


def calendar_of_units(
    organisation: Organisation, unit_ids: Sequence[str], start: int, end: int, at: datetime
) -> str:
    """Write the duties and gaps of several units as one calendar; `BadInput` for one that is unknown."""
    events: list[_Event] = []
    for unit_id in unit_ids:
        if unit_id not in organisation.units:
            raise BadInput(f"no unit is called {unit_id!r}; there are {', '.join(organisation.units)}")
        unit = organisation.units[unit_id]
        theirs = _touching(organisation, unit, start, end)
        events += (_duty(organisation, unit, stint, mine=False) for stint in theirs)
        events += _gaps(organisation, unit, start, end)
    names = " + ".join(organisation.units[unit_id].title for unit_id in unit_ids)
    return _calendar(f"{names}: rota of {organisation.name}", sorted(events), at)


class _Event(NamedTuple):
    start: int
    end: int
    uid: str
    summary: str
    description: str
    mine: bool = False


def _touching(organisation: Organisation, unit: Unit, start: int, end: int) -> Iterator[Stint]:
    rota = rota_of(organisation, unit.unit_id, start - _REACH, end + _REACH)
    return (each for each in stints(rota) if each.start < end and each.end > start)


def _duty(organisation: Organisation, unit: Unit, stint: Stint, *, mine: bool) -> _Event:
    duty = stint.duty
    name = organisation.members[duty.member].name if duty.member else "whoever is there"
    change = next((one for one in organisation.changes if one.change_id == duty.because), None)
    because = f"{change.kind} by {change.by}" if change else f"shift {duty.because}"
    if mine and change and change.reason:  # people write there who is sick, which is nobody else's business
        because += f" ({change.reason})"
    return _Event(
        start=stint.start,
        end=stint.end,
        uid=f"{unit.unit_id}-{duty.because}-{duty.desk}-{duty.member or ''}-{stint.start}",
        summary=f"{unit.title} ({duty.desk})" if mine else f"{unit.title}: {name} ({duty.desk})",
        description=f"{because}, revision {organisation.revision}",
        mine=mine,
    )


def _gaps(organisation: Organisation, unit: Unit, start: int, end: int) -> Iterator[_Event]:
    rota = rota_of(organisation, unit.unit_id, start - _REACH, end + _REACH)
    for gap in (each for each in rota.gaps() if each.start < end and each.end > start):
        there = f"{gap.staff} of {gap.need} people" if gap.staff else "NOBODY"
        yield _Event(
            start=gap.start,
            end=gap.end,
            uid=f"{unit.unit_id}-gap-{gap.start}",
            summary=f"{unit.title}: {there}",
            description=f"gap: {gap.need} needed",
        )


def _calendar(name: str, events: Iterable[_Event], at: datetime) -> str:
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Allhours//rota//EN",
        "CALSCALE:GREGORIAN",
        f"NAME:{_escaped(name)}",
        f"X-WR-CALNAME:{_escaped(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{_REFRESHED}",
        f"X-PUBLISHED-TTL:{_REFRESHED}",
    ]
    asked_at = int(at.timestamp())
    for event in events:
        lines += [
            "BEGIN:VEVENT",
            f"UID:{event.uid}@allhours",
            f"DTSTAMP:{_stamp(asked_at)}",
            f"SEQUENCE:{asked_at // 60}",  # grows with time: a change taken back must win as well
            f"DTSTART:{_stamp(event.start)}",
            f"DTEND:{_stamp(event.end)}",
            f"SUMMARY:{_escaped(event.summary)}",
            f"DESCRIPTION:{_escaped(event.description)}",
            f"TRANSP:{'OPAQUE' if event.mine else 'TRANSPARENT'}",  # others' duties do not make one busy
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    """Write a TEXT value: RFC 5545 section 3.3.11; control characters have no place in one."""
    for plain in ("\\", ";", ","):
        text = text.replace(plain, f"\\{plain}")
    return " ".join("".join(one if one.isprintable() else "\n" for one in text).split("\n"))


def _folded(line: str) -> Iterator[str]:
    """Cut a line into pieces of at most 75 octets, never inside a character."""
    piece, octets = "", 0
    for character in line:
        size = len(character.encode())
        if octets + size > _OCTETS:
            yield piece
            piece, octets = " ", 1
        piece, octets = piece + character, octets + size
    yield piece
