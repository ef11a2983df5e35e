"""A unit's rota: shifts of desks in their time zones, rotations, holidays, overrides; the sweep over them.

Compiling is pure: the same rota, overrides and window give the same answer everywhere, and a longer window
says of any part of it what a shorter one says. Compile three days to ask one question, weeks to look ahead.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from allhours.domain.errors import BadInput
from allhours.domain.instants import instant, local_date, tzdata_version
from allhours.domain.segments import Duty, Gap, Handover, Rota, Seat, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    "cover_of",
    "every_duty",
    "homes",
    "hours",
    "pool",
    "shift_on",
    "works_in",
]

_DAY = 1440  # minutes on a clock face; how long a day lasts is for the zone to say
_UTC_DAY = 86_400  # seconds
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
        turn, count = self.turn(day), len(self.members)
        return tuple([self.members[(turn + place) % count] for place in range(min(self.size, count))])

    def turn(self, day: date) -> int:
        """Count the turns from the anchor's to that of a local date; negative before it."""
        return (day.toordinal() - self.anchor.toordinal()) // (self.every * _DAYS_OF[self.unit])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Hours of a desk, by its local clock, on some weekdays (0 is Monday), within [valid_from, valid_until).

    `start` and `end` are minutes of the day, 1440 is the next midnight, and an end not after the start is the
    next day's. Weekday, validity, holiday and turn are those of the local date on which the shift starts.
    On a holiday of its desk the shift is kept, skipped, or covered: during the same instants by the first
    desk of `cover_from` that has no holiday itself on its own local date; it is kept where all have one.
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

    def planned_on(self, day: date) -> bool:
        """Tell whether the shift starts on a local date, holidays apart."""
        return (
            day.weekday() in self.days
            and not (self.valid_from and day < self.valid_from)
            and not (self.valid_until and day >= self.valid_until)
        )


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
    """A change by hand over [from_at, until_at): a desk or member off, a desk or member on, or both.

    With `desk` a member goes off and on at that desk only; with `because` a member goes off those duties only
    that follow from one of these shifts or overrides, at whatever desk.
    """

    override_id: str
    unit: str
    from_at: int
    until_at: int
    remove: str | None
    add: str | None
    reason: str
    by: str
    desk: str | None = None
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRota:
    """All that is planned for a unit; its desks stand in the order in which they are asked.

    Who covers a holiday should have `rest` seconds off before and after.
    """

    unit: str
    desks: Mapping[str, Desk]
    shifts: tuple[Shift, ...]
    needs: tuple[Need, ...]
    fallback: str
    choose: Literal["order", "least_open", "hash"]
    rest: int = 39_600  # seconds; 11 hours a day, Directive 2003/88/EC, article 3


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


class _Start(NamedTuple):
    """One start of a shift: the shift, its local date, since, until."""

    shift: Shift
    day: date
    since: int
    until: int


_Removed: TypeAlias = "dict[tuple[str, str, str], list[tuple[int, int]]]"
"""Who is off when, by desk, member and reason, "" for any; the stretches of each sorted and apart."""


def compile_rota(unit_rota: UnitRota, overrides: Sequence[Override], start: int, end: int) -> Rota:
    """Compile the rota over the UTC seconds [start, end), overrides applied in order.

    Raises BadInput for an empty window, an unknown zone or desk, or an override that adds somebody unknown.
    """
    if start >= end:
        raise BadInput(f"rota of {unit_rota.unit}: the window {start}..{end} is empty")
    spans = _laid_out(unit_rota, overrides, start, end)
    return Rota(
        unit=unit_rota.unit,
        start=start,
        end=end,
        tzdata=tzdata_version(),
        segments=_sweep(spans, start, end),
        needs=_needs(unit_rota.needs, start, end),
    )


def every_duty(unit_rota: UnitRota, overrides: Sequence[Override], start: int, end: int) -> tuple[Duty, ...]:
    """List all that touches [start, end), shift by shift: who is on two at once stands there twice."""
    return tuple([_duty(span) for span in _laid_out(unit_rota, overrides, start, end)])


def _laid_out(unit_rota: UnitRota, overrides: Sequence[Override], start: int, end: int) -> list[_Span]:
    plan = _Plan(unit_rota)
    spans = [span for shift in unit_rota.shifts for span in plan.spans(shift, start, end)]
    if overrides:
        spans = _overridden(plan, spans, [each for each in overrides if each.unit == unit_rota.unit])
    return spans


def shift_on(unit_rota: UnitRota, shift_id: str, day: date) -> tuple[Duty, ...]:
    """List the duties of one shift that starts on a local date as planned, overrides apart; often none.

    Raises BadInput for an unknown shift.
    """
    shift = next((each for each in unit_rota.shifts if each.shift_id == shift_id), None)
    if shift is None:
        there = ", ".join(each.shift_id for each in unit_rota.shifts)
        raise BadInput(f"unit {unit_rota.unit} has no shift {shift_id!r}; there are {there}")
    plan = _Plan(unit_rota)
    zone = plan.desk_of(shift).zone
    since, until = instant(zone, day, shift.start), instant(zone, day, _until_minute(shift))
    if since >= until or not shift.planned_on(day):
        return ()
    return tuple(_duty(span) for span in plan.of_start(_Start(shift, day, since, until)))


def pool(unit_rota: UnitRota, desk_id: str) -> tuple[str, ...]:
    """List who works at a desk: the members it names, else those in its shifts' rotations, by shift id."""
    turns = (
        member
        for shift in sorted(unit_rota.shifts, key=lambda shift: shift.shift_id)
        if shift.desk == desk_id and shift.rotation
        for member in shift.rotation.members
    )
    return unit_rota.desks[desk_id].members or tuple(dict.fromkeys(turns))


def works_in(unit_rota: UnitRota) -> frozenset[str]:
    """Name everybody who works at one of the desks or in one of the rotations."""
    turns = {m for shift in unit_rota.shifts if shift.rotation for m in shift.rotation.members}
    return frozenset(turns.union(*(desk.members for desk in unit_rota.desks.values())))


def cover_of(unit_rota: UnitRota, shift: Shift, day: date, at: int) -> str | None:
    """Name the desk that covers a shift which starts at an instant, on a holiday of its own desk."""
    if shift.on_holiday != "cover" or day not in unit_rota.desks[shift.desk].holidays:
        return None
    for desk_id in shift.cover_from:
        desk = _desk(unit_rota, desk_id, f"cover_from of shift {shift.shift_id}")
        if local_date(desk.zone, at) not in desk.holidays:
            return desk_id
    return None


class _Plan:
    """A unit's shifts, laid out stretch by stretch, holidays in mind; overrides come later."""

    def __init__(self, unit_rota: UnitRota) -> None:
        """Number the desks."""
        self.unit_rota = unit_rota
        self.place_of = {desk_id: place for place, desk_id in enumerate(unit_rota.desks)}
        self._found: dict[int, list[tuple[_Start, str]]] = {}
        self._given: dict[int, list[tuple[str, _Start]]] = {}

    def spans(self, shift: Shift, start: int, end: int) -> Iterator[_Span]:
        """Lay one shift out over the local dates that can touch the window."""
        for starting in self.starts(shift, start, end):
            yield from self.of_start(starting)

    def starts(self, shift: Shift, start: int, end: int) -> Iterator[_Start]:
        """List the starts of a shift whose stretches touch the window, skipped holidays left out."""
        desk = self.desk_of(shift)
        skipped = desk.holidays if shift.on_holiday == "skip" else ()
        for day, since, until in hours(shift, desk.zone, start, end):
            if shift.planned_on(day) and day not in skipped:
                yield _Start(shift, day, since, until)

    def of_start(self, starting: _Start) -> Iterator[_Span]:
        """Say who is on because a shift starts: its turn, its desk, or who covers a holiday."""
        shift, day, since, until = starting
        holidays, because, desk_id = self.unit_rota.desks[shift.desk].holidays, shift.shift_id, shift.desk
        if day in holidays and shift.on_holiday == "skip":
            return
        covering = cover_of(self.unit_rota, shift, day, since) if day in holidays else None
        if covering:
            desk_id, because = covering, f"{shift.shift_id} (holiday, covered)"
            members = tuple(m for m, theirs in self._covers(since) if theirs[:2] == starting[:2])
        else:
            members = shift.rotation.on(day) if shift.rotation else self.unit_rota.desks[desk_id].members
        place_of_desk = self.place_of[desk_id]
        for place, member in enumerate(members or ("",)):
            yield _Span(place_of_desk, 0, place, since, until, because, member, desk_id)

    def desk_of(self, shift: Shift) -> Desk:
        """Find the desk of a shift; BadInput where there is none."""
        return _desk(self.unit_rota, shift.desk, f"shift {shift.shift_id}")

    def _covers(self, at: int) -> Sequence[tuple[str, _Start]]:
        """Say who covers which of the shifts that start on the UTC date of an instant.

        They are given out in order, so that nobody has two of them at once, or no rest, if that can be
        helped; and from the beginning of a run of holidays, so that every window that can see one of them
        decides alike. What began three dates ago has ended, and who worked it has rested.
        """
        number = first = at // _UTC_DAY
        while first not in self._given and (self._to_cover(first - 1) or self._to_cover(first - 2)):
            first -= 1
        for each in range(first, number + 1):
            if each not in self._given:
                given = [*self._given.get(each - 2, ()), *self._given.get(each - 1, ())]
                before = len(given)
                for starting, covering in self._to_cover(each):
                    given += [(member, starting) for member in self._coverers(starting, covering, given)]
                self._given[each] = given[before:]
        return self._given[number]

    def _to_cover(self, number: int) -> Sequence[tuple[_Start, str]]:
        """List the shifts to cover that start on a UTC date, and which desk covers each, in order."""
        if number not in self._found:
            start = number * _UTC_DAY
            found = [
                (starting, covering)
                for shift in self.unit_rota.shifts
                if shift.on_holiday == "cover"
                for starting in self.starts(shift, start, start + _UTC_DAY)
                if starting.since >= start
                for covering in [cover_of(self.unit_rota, shift, starting.day, starting.since)]
                if covering
            ]
            self._found[number] = sorted(found, key=lambda one: (one[0].since, one[0].shift.shift_id))
        return self._found[number]

    def _coverers(
        self, starting: _Start, desk_id: str, given: Sequence[tuple[str, _Start]]
    ) -> tuple[str, ...]:
        """Choose from the covering desk, by daily turn, who is free and rested; else the next anyway."""
        people = pool(self.unit_rota, desk_id)
        size = starting.shift.rotation.size if starting.shift.rotation else 1
        turn = starting.day.toordinal() % max(len(people), 1)
        in_turn = people[turn:] + people[:turn]
        rest = self.unit_rota.rest
        earliest, latest = starting.since - rest, starting.until + rest
        busy = {
            member
            for shift in self.unit_rota.shifts
            for own in self.starts(shift, earliest, latest)
            if not cover_of(self.unit_rota, shift, own.day, own.since)
            for member in (shift.rotation.on(own.day) if shift.rotation else self.desk_of(shift).members)
        }
        busy |= {member for member, other in given if other.since < latest and other.until > earliest}
        return tuple(sorted(in_turn, key=busy.__contains__)[:size])  # a stable sort keeps the turn


def hours(planned: Shift | Need, zone: str, start: int, end: int) -> Iterator[tuple[date, int, int]]:
    """Turn hours by the clock into instants that touch [start, end): local date of the start, since, until.

    Two dates earlier, because a night shift reaches into the next day and a zone may skip a whole one.
    """
    day, last = local_date(zone, start) - timedelta(days=2), local_date(zone, end) + timedelta(days=1)
    start_minute, until_minute, weekdays = planned.start, _until_minute(planned), planned.days
    for number in range(day.toordinal(), last.toordinal() + 1):
        if (number + 6) % 7 in weekdays:
            day = date.fromordinal(number)
            since, until = instant(zone, day, start_minute), instant(zone, day, until_minute)
            if since < until and since < end and until > start:
                yield day, since, until


def _until_minute(planned: Shift | Need) -> int:
    return planned.end if planned.end > planned.start else planned.end + _DAY


def _overridden(plan: _Plan, spans: Sequence[_Span], overrides: Sequence[Override]) -> list[_Span]:
    """Apply the overrides: what an override adds, and all that is planned, is cut by those that come later.

    From the last to the first, so that each finds who is taken off after it.
    """
    removed: _Removed = {}
    result: list[_Span] = []
    for number in range(len(overrides), 0, -1):
        override = overrides[number - 1]
        if override.from_at < override.until_at:
            for span in _added(plan, override, layer=-number):
                result += _cut(span, removed)
            _remove(plan.unit_rota, override, removed)
    for span in spans:
        result += _cut(span, removed)
    return result


def _remove(unit_rota: UnitRota, override: Override, removed: _Removed) -> None:
    """Note who is off for the time of the override, joined with what it touches."""
    if not override.remove:
        return
    if override.remove in unit_rota.desks:
        keys = [(override.remove, "", "")]
    elif override.because:
        keys = [("", override.remove, because) for because in override.because]
    else:
        keys = [(override.desk or "", override.remove, "")]
    for key in keys:
        stretches = removed.setdefault(key, [])
        first = bisect_left(stretches, override.from_at, key=_until)
        last = bisect_right(stretches, override.until_at, key=_since)
        touched = [(override.from_at, override.until_at), *stretches[first:last]]
        stretches[first:last] = [(min(map(_since, touched)), max(map(_until, touched)))]


def _since(stretch: tuple[int, int]) -> int:
    return stretch[0]


def _until(stretch: tuple[int, int]) -> int:
    return stretch[1]


def _cut(span: _Span, removed: _Removed) -> list[_Span]:
    """Take off a span whatever its desk, its member, the two together, or it by name is removed from."""
    left, (desk, member, because) = [span], (span.desk, span.member, span.because)
    for key in ((desk, "", ""), ("", member, ""), (desk, member, ""), ("", member, because)):
        stretches = removed.get(key)
        if stretches:
            left = [piece for each in left for piece in _pieces(each, stretches)]
    return left


def _pieces(span: _Span, stretches: Sequence[tuple[int, int]]) -> Iterator[_Span]:
    since = span.since
    for begin, end in stretches[bisect_right(stretches, since, key=_until) :]:
        if begin >= span.until:
            break
        if since < begin:
            yield span._replace(since=since, until=begin)
        since = end
    if since < span.until:
        yield span._replace(since=since)


def _added(plan: _Plan, override: Override, layer: int) -> Iterator[_Span]:
    """Put the added desk's members, or the added member at a desk, on for the time of the override."""
    if not override.add:
        return
    unit_rota = plan.unit_rota
    desks = [override.desk] if override.desk else homes(unit_rota, override.add)
    where = f"override {override.override_id}"
    if not desks:
        raise BadInput(
            f"{where} of {unit_rota.unit}: add names {override.add!r}, who is no desk or member there"
        )
    shared = set(homes(unit_rota, override.remove or ""))
    desk_id = _desk(unit_rota, next((each for each in desks if each in shared), desks[0]), where).desk_id
    members = unit_rota.desks[override.add].members if override.add in unit_rota.desks else (override.add,)
    for place, member in enumerate(members or ("",)):
        yield _Span(
            plan.place_of[desk_id],
            layer,
            place,
            override.from_at,
            override.until_at,
            override.override_id,
            member,
            desk_id,
        )


def homes(unit_rota: UnitRota, name: str) -> list[str]:
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


def _duty(span: _Span) -> Duty:
    return Duty(
        desk=span.desk, member=span.member or None, because=span.because, since=span.since, until=span.until
    )


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
                active.append((span, _duty(span)))
        active.sort()
        seats: dict[Seat, Duty] = {}
        for span, duty in active:
            seats.setdefault((span.desk, span.member), duty)
        duties = tuple(seats.values())
        if not found or found[-1][1] != duties:
            found.append((at, duties))
    found.append((end, ()))
    return tuple(
        [Segment(start=at, end=until, duties=duties) for (at, duties), (until, _) in pairwise(found)]
    )


def _needs(needs: Sequence[Need], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Say from when on how many people are needed; one at all times where nothing is said."""
    plain = [need for need in needs if not need.certificates and not need.languages]
    if not plain:
        return ((start, 1),)
    coming = sorted(
        (
            (since, until, need.need)
            for need in plain
            for _, since, until in hours(need, need.zone, start, end)
        ),
        reverse=True,
    )
    edges = {edge for since, until, _ in coming for edge in (since, until) if start < edge < end}
    active: list[tuple[int, int]] = []  # the greatest first
    steps: list[tuple[int, int]] = []
    for at in (start, *sorted(edges)):
        while coming and coming[-1][0] <= at:
            _, until, need = coming.pop()
            heappush(active, (-need, until))
        while active and active[0][1] <= at:
            heappop(active)
        level = -active[0][0] if active else 0
        if not steps or steps[-1][1] != level:
            steps.append((at, level))
    return tuple(steps)
