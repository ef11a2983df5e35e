"""A unit's rota: shifts of desks in their time zones, rotations, holidays, overrides; the sweep over them.

Compiling is pure: the same rota, overrides and window give the same answer everywhere, and a longer window
says of any part of it what a shorter one says. Compile three days to ask one question, weeks to look ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from allhours.domain.errors import BadInput
from allhours.domain.instants import instant, local_date, tzdata_version
from allhours.domain.segments import Duty, Gap, Handover, Rota, Seat, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

__all__ = [
    "Desk",
    "Duty",
    "Gap",
    "Handover",
    "Need",
    "Override",
    "Rota",
    "Rotation",
    "Seat",
    "Segment",
    "Shift",
    "UnitRota",
    "compile_rota",
]

_DAY = 1440  # minutes on a clock face; how long a day lasts is for the zone to say
_DAYS_OF: dict[str, int] = {"day": 1, "week": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Members who take turns: the turn changes `every` so many units, counted from the anchor's local date.

    Of the `size` members on at once the first is the one whose turn it is, the others are next in line.
    """

    members: tuple[str, ...]
    every: int
    unit: Literal["day", "week"]
    anchor: date
    size: int

    def on(self, day: date) -> tuple[str, ...]:
        """Name the members whose turn it is on a local date."""
        turn = (day - self.anchor).days // (self.every * _DAYS_OF[self.unit])
        count = len(self.members)
        return tuple(self.members[(turn + place) % count] for place in range(min(self.size, count)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Hours of a desk, by its local clock, on some weekdays (0 is Monday), within [valid_from, valid_until).

    `start` and `end` are minutes of the day, 1440 is the next midnight, and an end not after the start is the
    next day's. Weekday, validity, holiday and turn are those of the local date on which the shift starts.
    On a holiday of its desk the shift is kept, skipped, or covered by the first desk of `cover_from` that has
    no holiday itself.
    """

    shift_id: str
    desk: str
    days: frozenset[int]
    start: int
    end: int
    on_holiday: Literal["keep", "skip", "cover"] = "keep"
    cover_from: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    rotation: Rotation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A team in one time zone; `concurrency` is how many cases a member handles at a time."""

    desk_id: str
    zone: str
    members: tuple[str, ...] = ()
    holidays: frozenset[date] = frozenset()
    concurrency: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The least number of people by a zone's clock; where several apply, the greatest counts.

    With `certificates` or `languages` only people who have all of them are counted, and it stands apart from
    the others.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: str
    need: int
    certificates: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A change by hand over [from_at, until_at): a desk or member off, a desk or member on, or both."""

    override_id: str
    unit: str
    from_at: int
    until_at: int
    remove: str | None
    add: str | None
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRota:
    """All that is planned for a unit; its desks stand in the order in which they are asked."""

    unit: str
    desks: Mapping[str, Desk]
    shifts: tuple[Shift, ...]
    needs: tuple[Need, ...]
    fallback: str
    choose: Literal["order", "least_open", "hash"]


class _Span(NamedTuple):
    """A duty with its place among others; sorted, the first span of a seat is the one that counts."""

    desk_place: int
    layer: int  # 0 for shifts, then one less for each override: the later wins
    place: int  # in the turn, or among the desk's members
    since: int
    until: int
    because: str
    member: str  # "" for a desk that names none
    desk: str

    def duty(self) -> Duty:
        """Drop the place."""
        return Duty(
            desk=self.desk,
            member=self.member or None,
            because=self.because,
            since=self.since,
            until=self.until,
        )


def compile_rota(unit_rota: UnitRota, overrides: Sequence[Override], start: int, end: int) -> Rota:
    """Compile the rota over the UTC seconds [start, end), overrides applied in order.

    Raises BadInput for an empty window, an unknown zone or desk, or an override that adds somebody unknown.
    """
    if start >= end:
        raise BadInput(f"rota of {unit_rota.unit}: the window {start}..{end} is empty")
    spans = [span for shift in unit_rota.shifts for span in _spans(unit_rota, shift, start, end)]
    for number, override in enumerate(overrides, start=1):
        if override.unit == unit_rota.unit and override.from_at < override.until_at:
            spans = [*_cut(unit_rota, spans, override), *_added(unit_rota, override, layer=-number)]
    return Rota(
        unit=unit_rota.unit,
        start=start,
        end=end,
        tzdata=tzdata_version(),
        segments=_sweep(spans, start, end),
        needs=_needs(unit_rota.needs, start, end),
    )


def _spans(unit_rota: UnitRota, shift: Shift, start: int, end: int) -> Iterator[_Span]:
    """Lay one shift out over the local dates that can touch the window."""
    desk = _desk(unit_rota, shift.desk, f"shift {shift.shift_id}")
    place_of_desk = list(unit_rota.desks).index(shift.desk)
    for day, since, until in _hours(shift, desk.zone, start, end):
        if (
            (shift.valid_from and day < shift.valid_from)
            or (shift.valid_until and day >= shift.valid_until)
            or (shift.on_holiday == "skip" and day in desk.holidays)
        ):
            continue
        members = shift.rotation.on(day) if shift.rotation else desk.members
        for place, member in enumerate(members or ("",)):
            yield _Span(place_of_desk, 0, place, since, until, shift.shift_id, member, desk.desk_id)


def _hours(hours: Shift | Need, zone: str, start: int, end: int) -> Iterator[tuple[date, int, int]]:
    """Turn hours by the clock into instants: the local date of the start, since, until.

    Two dates earlier, because a night shift reaches into the next day and a zone may skip a whole one.
    """
    day, last = local_date(zone, start) - timedelta(days=2), local_date(zone, end) + timedelta(days=1)
    until_minute = hours.end if hours.end > hours.start else hours.end + _DAY
    while day <= last:
        if day.weekday() in hours.days:
            since, until = instant(zone, day, hours.start), instant(zone, day, until_minute)
            if since < until and since < end and until > start:
                yield day, since, until
        day += timedelta(days=1)


def _cut(unit_rota: UnitRota, spans: Iterable[_Span], override: Override) -> Iterator[_Span]:
    """Take the removed desk or member off for the time of the override."""
    removes_desk = override.remove in unit_rota.desks
    for span in spans:
        is_theirs = (span.desk if removes_desk else span.member) == override.remove
        if not is_theirs or span.until <= override.from_at or span.since >= override.until_at:
            yield span
            continue
        if span.since < override.from_at:
            yield span._replace(until=override.from_at)
        if span.until > override.until_at:
            yield span._replace(since=override.until_at)


def _added(unit_rota: UnitRota, override: Override, layer: int) -> Iterator[_Span]:
    """Put the added desk's members, or the added member at their desk, on for the time of the override."""
    if not override.add:
        return
    homes = _homes(unit_rota, override.add)
    if not homes:
        where = f"override {override.override_id} of {unit_rota.unit}"
        raise BadInput(f"{where}: add names {override.add!r}, who is no desk or member there")
    shared = set(_homes(unit_rota, override.remove or ""))
    desk_id = next((home for home in homes if home in shared), homes[0])
    members = unit_rota.desks[desk_id].members if override.add in unit_rota.desks else (override.add,)
    for place, member in enumerate(members or ("",)):
        yield _Span(
            list(unit_rota.desks).index(desk_id),
            layer,
            place,
            override.from_at,
            override.until_at,
            override.override_id,
            member,
            desk_id,
        )


def _homes(unit_rota: UnitRota, name: str) -> list[str]:
    """List the desks that a name stands for: itself, or those where the member works."""
    if name in unit_rota.desks:
        return [name]
    turns = {shift.desk for shift in unit_rota.shifts if shift.rotation and name in shift.rotation.members}
    return [desk_id for desk_id, desk in unit_rota.desks.items() if name in desk.members or desk_id in turns]


def _desk(unit_rota: UnitRota, desk_id: str, where: str) -> Desk:
    try:
        return unit_rota.desks[desk_id]
    except KeyError:
        raise BadInput(f"{where} of {unit_rota.unit}: desk {desk_id!r} is unknown") from None


def _sweep(spans: Sequence[_Span], start: int, end: int) -> tuple[Segment, ...]:
    """Walk over the boundaries of the spans and say what holds between each and the next."""
    edges = {edge for span in spans for edge in (span.since, span.until) if start < edge < end}
    coming = sorted(spans, key=lambda span: span.since, reverse=True)
    active: list[tuple[_Span, Duty]] = []
    found: list[tuple[int, tuple[Duty, ...]]] = []
    for at in (start, *sorted(edges)):
        active = [taken for taken in active if taken[0].until > at]
        while coming and coming[-1].since <= at:
            span = coming.pop()
            if span.until > at:
                active.append((span, span.duty()))
        active.sort()
        seats: dict[Seat, Duty] = {}
        for span, duty in active:
            seats.setdefault((span.desk, span.member), duty)
        duties = tuple(seats.values())
        if not found or found[-1][1] != duties:
            found.append((at, duties))
    found.append((end, ()))
    return tuple(Segment(start=at, end=until, duties=duties) for (at, duties), (until, _) in pairwise(found))


def _needs(needs: Sequence[Need], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Say from when on how many people are needed; one at all times where nothing is said."""
    if not needs:
        return ((start, 1),)
    spans = [
        (since, until, need.need) for need in needs for _, since, until in _hours(need, need.zone, start, end)
    ]
    edges = {edge for since, until, _ in spans for edge in (since, until) if start < edge < end}
    steps: list[tuple[int, int]] = []
    for at in (start, *sorted(edges)):
        level = max((need for since, until, need in spans if since <= at < until), default=0)
        if not steps or steps[-1][1] != level:
            steps.append((at, level))
    return tuple(steps)
