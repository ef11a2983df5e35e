"""What holds for every rota: random plans against a model that answers for one instant at a time."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from allhours.domain.instants import instant, local_date
from allhours.domain.rota import (
    Desk,
    Handover,
    Need,
    Override,
    Rota,
    Rotation,
    Segment,
    Shift,
    UnitRota,
    compile_rota,
)
from allhours.domain.rota_json import unit_rota_from_json, unit_rota_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400
EVERY_DAY = frozenset(range(7))
ALL_ZONES = (resources.files("tzdata") / "zones").read_text(encoding="ascii").split()
ODD_ZONES = [
    "Europe/Madrid",
    "Australia/Lord_Howe",
    "America/New_York",
    "Pacific/Apia",
    "Africa/Cairo",
    "Asia/Kolkata",
]
CLOCK_CHANGES = [
    date(2027, 3, 28),
    date(2027, 10, 31),
    date(2026, 10, 4),
    date(2027, 4, 4),
    date(2027, 3, 14),
    date(2026, 11, 1),
    date(2011, 12, 30),
    date(2027, 4, 30),
]
ZONES = st.sampled_from(ODD_ZONES) | st.sampled_from(ALL_ZONES)
DATES = st.sampled_from(CLOCK_CHANGES) | st.dates(date(2000, 1, 1), date(2040, 12, 31))
STARTS = st.integers(0, 1439)
ENDS = st.integers(0, 1440)
WEEKDAYS = st.frozensets(st.integers(0, 6), min_size=1) | st.just(EVERY_DAY)
TEAMS = {"london": ("ana", "ben", "cy"), "manila": ("dee", "eve"), "night": ()}  # nobody works at two


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A rota, its overrides, and a window in which to ask."""

    unit_rota: UnitRota
    overrides: tuple[Override, ...]
    start: int
    end: int

    def compile(self) -> Rota:
        """Compile the plan over its window."""
        return compile_rota(self.unit_rota, self.overrides, self.start, self.end)


def midnight(day: date) -> int:
    """Say when a date begins in UTC."""
    return int(datetime.combine(day, time(), UTC).timestamp())


@st.composite
def shifts(draw: st.DrawFn, number: int, day: date) -> Shift:
    """Draw a shift of one of the teams, valid, turning and keeping holidays as it likes."""
    desk = draw(st.sampled_from(sorted(TEAMS)))
    near = st.none() | st.integers(-4, 4).map(lambda days: day + timedelta(days=days))
    rotation = Rotation(
        members=TEAMS[desk] or ("fay",),
        every=draw(st.integers(1, 3)),
        unit=draw(st.sampled_from(["day", "week"])),
        anchor=day + timedelta(days=draw(st.integers(-400, 400))),
        size=draw(st.integers(1, 3)),
    )
    return Shift(
        shift_id=f"shift-{number}",
        desk=desk,
        days=draw(WEEKDAYS),
        start=draw(STARTS),
        end=draw(ENDS),
        on_holiday=draw(st.sampled_from(["keep", "skip", "cover"])),
        cover_from=tuple(draw(st.permutations(sorted(TEAMS)))[: draw(st.integers(1, 3))]),
        valid_from=draw(near),
        valid_until=draw(near),
        rotation=draw(st.none() | st.just(rotation)),
    )


@st.composite
def plans(draw: st.DrawFn, grain: int = 1, days: int = 5) -> Plan:
    """Draw a plan whose window and overrides lie on multiples of `grain` seconds."""
    day = draw(DATES)
    holidays = st.frozensets(st.integers(-2, 4).map(lambda later: day + timedelta(days=later)), max_size=3)
    desks = {
        desk: Desk(desk_id=desk, zone=draw(ZONES), members=members, holidays=draw(holidays), concurrency=4)
        for desk, members in TEAMS.items()
    }
    need = st.builds(Need, days=WEEKDAYS, start=STARTS, end=ENDS, zone=ZONES, need=st.integers(0, 4))
    planned = tuple(draw(shifts(number, day)) for number in range(draw(st.integers(0, 4))))
    moments = st.integers(-DAY // grain, days * DAY // grain).map(lambda step: midnight(day) + step * grain)
    for shift in planned:  # where a shift starts or ends is where an override is likely to
        edges = [instant(desks[shift.desk].zone, day, minute) for minute in (shift.start, shift.end)]
        moments |= st.sampled_from([edge + near * grain for edge in edges for near in (-1, 0, 1)])
    names = st.none() | st.sampled_from([*TEAMS, "ana", "ben", "cy", "dee", "eve"])
    overrides = [
        Override(
            override_id=f"o{number}",
            unit="cards",
            from_at=draw(moments),
            until_at=draw(moments),
            remove=draw(names),
            add=draw(names),
            reason="swap",
            by="ana",
            desk=draw(st.none() | st.sampled_from(sorted(TEAMS))),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    start = draw(moments)
    return Plan(
        unit_rota=UnitRota(
            unit="cards",
            desks=desks,
            shifts=planned,
            needs=tuple(draw(st.lists(need, max_size=2))),
            fallback="night",
            choose="order",
        ),
        overrides=tuple(overrides),
        start=start,
        end=start + grain * draw(st.integers(1, days * DAY // grain)),
    )


class Model:
    """Answer for one instant: every shift of the dates around it, then each override in turn."""

    def __init__(self, plan: Plan) -> None:
        """Lay all shifts out, more widely than needed."""
        self.plan = plan
        self.stretches = list(self._lay_out())
        self.needed = [
            (*self._hours(need, need.zone, day), need.need)
            for need in plan.unit_rota.needs
            for day in self._days(need.zone)
            if day.weekday() in need.days
        ]

    def on(self, at: int) -> dict[tuple[str, str | None], set[str]]:
        """Name who is on duty and what may be given as the reason."""
        seats: dict[tuple[str, str | None], set[str]] = {}
        for since, until, seat, because in self.stretches:
            if since <= at < until:
                seats.setdefault(seat, set()).add(because)
        for override in self.plan.overrides:
            if override.from_at <= at < override.until_at:
                if override.remove:
                    seats = {seat: why for seat, why in seats.items() if not self._goes(override, seat)}
                for desk, team in TEAMS.items():
                    there = override.desk or desk
                    if override.add == desk:
                        seats |= {(there, member): {override.override_id} for member in team or (None,)}
                    elif override.add in team:
                        seats[there, override.add] = {override.override_id}
        return seats

    @staticmethod
    def _goes(override: Override, seat: tuple[str, str | None]) -> bool:
        if override.remove in TEAMS or override.desk is None:
            return override.remove in seat
        return seat == (override.desk, override.remove)

    def need(self, at: int) -> int:
        """Say how many people are needed."""
        if not self.plan.unit_rota.needs:
            return 1
        return max((need for since, until, need in self.needed if since <= at < until), default=0)

    def _lay_out(self) -> Iterator[tuple[int, int, tuple[str, str | None], str]]:
        """Own shifts first; then the covered ones, in order."""
        own: list[tuple[int, int, str | None]] = []
        covered: list[tuple[int, str, int, date, Shift, str]] = []
        for shift in self.plan.unit_rota.shifts:
            desk = self.plan.unit_rota.desks[shift.desk]
            for day in self._days(desk.zone):
                valid = (shift.valid_from or date.min) <= day < (shift.valid_until or date.max)
                closed = shift.on_holiday == "skip" and day in desk.holidays
                since, until = self._hours(shift, desk.zone, day)
                if day.weekday() not in shift.days or not valid or closed or since >= until:
                    continue
                takers = [name for name in shift.cover_from if not self._has_holiday(name, since)]
                if shift.on_holiday == "cover" and day in desk.holidays and takers:
                    covered.append((since, shift.shift_id, until, day, shift, takers[0]))
                    continue
                for member in (shift.rotation.on(day) if shift.rotation else desk.members) or (None,):
                    own.append((since, until, member))
                    yield since, until, (shift.desk, member), shift.shift_id
        given: list[tuple[int, int, str | None]] = []
        for since, shift_id, until, day, shift, taker in sorted(covered, key=lambda one: one[:2]):
            team = TEAMS[taker] or self._turners(taker)
            queue = [team[(day.toordinal() + place) % len(team)] for place in range(len(team))]
            free = [who for who in queue if self._is_rested(who, since, until, [*own, *given])]
            tired = [who for who in queue if who not in free]
            size = shift.rotation.size if shift.rotation else 1
            for who in tuple([*free, *tired][:size]) or (None,):
                given.append((since, until, who))
                yield since, until, (taker, who), f"{shift_id} (holiday, covered)"

    def _turners(self, desk: str) -> tuple[str, ...]:
        return ("fay",) if any(s.rotation for s in self.plan.unit_rota.shifts if s.desk == desk) else ()

    def _has_holiday(self, desk: str, at: int) -> bool:
        team = self.plan.unit_rota.desks[desk]
        return local_date(team.zone, at) in team.holidays

    @staticmethod
    def _is_rested(who: str, since: int, until: int, duties: list[tuple[int, int, str | None]]) -> bool:
        rest = 11 * 3600
        return all(
            who != member or begin >= until + rest or end <= since - rest for begin, end, member in duties
        )

    def _days(self, zone: str) -> Iterator[date]:
        first, last = local_date(zone, self.plan.start), local_date(zone, self.plan.end)
        return (first + timedelta(days=later) for later in range(-12, (last - first).days + 12))

    @staticmethod
    def _hours(hours: Shift | Need, zone: str, day: date) -> tuple[int, int]:
        end_day = day if hours.end > hours.start else day + timedelta(days=1)
        return instant(zone, day, hours.start), instant(zone, end_day, hours.end)


def cut(segments: tuple[Segment, ...], start: int, end: int) -> tuple[Segment, ...]:
    """Keep what lies in [start, end)."""
    return tuple(
        replace(segment, start=max(segment.start, start), end=min(segment.end, end))
        for segment in segments
        if segment.end > start and segment.start < end
    )


@settings(max_examples=120, deadline=None)
@given(plans())
def test_segments_tile_the_window_and_neighbours_differ(plan: Plan) -> None:
    segments = plan.compile().segments
    assert segments[0].start == plan.start
    assert segments[-1].end == plan.end
    assert all(segment.start < segment.end for segment in segments)
    for before, now in pairwise(segments):
        assert before.end == now.start
        assert before.duties != now.duties


@settings(max_examples=120, deadline=None)
@given(plans(), st.data())
def test_who_is_on_is_what_shifts_and_overrides_say_of_that_instant(plan: Plan, data: st.DataObject) -> None:
    rota, model = plan.compile(), Model(plan)
    edges = {segment.start for segment in rota.segments}
    edges |= {edge for since, until, _, _ in model.stretches for edge in (since, until)}
    edges |= {edge for override in plan.overrides for edge in (override.from_at, override.until_at)}
    asked = {edge + near for edge in edges for near in (-1, 0, 1)}
    asked |= set(data.draw(st.lists(st.integers(plan.start, plan.end - 1), max_size=10), label="asked"))
    for at in sorted(asked):
        if plan.start <= at < plan.end:
            segment, expected = rota.who(at), model.on(at)
            assert segment.start <= at < segment.end
            assert segment.seats == set(expected)
            assert len(segment.duties) == len(segment.seats)
            for duty in segment.duties:
                assert duty.because in expected[duty.seat]
                assert duty.since <= segment.start
                assert segment.end <= duty.until


@settings(max_examples=40, deadline=None)
@given(plans(grain=60, days=2))
def test_walking_minute_by_minute_finds_every_desk_s_time_and_every_gap(plan: Plan) -> None:
    rota, model = plan.compile(), Model(plan)
    time_on = dict.fromkeys(TEAMS, 0)
    short: dict[int, tuple[int, int]] = {}
    for at in range(plan.start, plan.end, 60):
        seats = model.on(at)
        for desk in {desk for desk, _ in seats}:
            time_on[desk] += 60
        staff = len({member or desk for desk, member in seats})  # who is at two desks is one person
        if staff < model.need(at):
            short[at] = staff, model.need(at)
    assert time_on == {
        desk: sum(segment.end - segment.start for segment in rota.segments if desk in segment.desks)
        for desk in TEAMS
    }
    gaps = rota.gaps()
    assert short == {at: (gap.staff, gap.need) for gap in gaps for at in range(gap.start, gap.end, 60)}
    for before, now in pairwise(gaps):
        assert before.end < now.start or (before.staff, before.need) != (now.staff, now.need)


@settings(max_examples=120, deadline=None)
@given(plans(), st.integers(0, 6 * DAY), st.integers(0, 6 * DAY))
def test_a_longer_window_says_the_same_about_any_part_of_it(plan: Plan, earlier: int, later: int) -> None:
    wide = replace(plan, start=plan.start - earlier, end=plan.end + later).compile()
    assert cut(wide.segments, plan.start, plan.end) == plan.compile().segments


@settings(max_examples=80, deadline=None)
@given(plans(), st.data())
def test_the_order_of_shifts_does_not_matter(plan: Plan, data: st.DataObject) -> None:
    mixed = data.draw(st.permutations(plan.unit_rota.shifts), label="mixed")
    assert replace(plan, unit_rota=replace(plan.unit_rota, shifts=tuple(mixed))).compile() == plan.compile()


@settings(max_examples=80, deadline=None)
@given(plans(), st.lists(st.integers(0, 5 * DAY), max_size=12), st.lists(st.integers(0, 3 * DAY), max_size=3))
def test_ticks_that_follow_one_another_see_each_handover_once(
    plan: Plan, ticks: list[int], late: list[int]
) -> None:
    rota = plan.compile()
    last = plan.end - 1
    stops = sorted({plan.start, *(min(plan.start + tick, last) for tick in [*ticks, *late]), last})
    seen = [handover for after, until in pairwise(stops) for handover in rota.handovers(after, until)]
    assert seen == [
        Handover(at=now.start, left=before.seats - now.seats, joined=now.seats - before.seats)
        for before, now in pairwise(rota.segments)
        if before.seats != now.seats
    ]


@settings(max_examples=120, deadline=None)
@given(ZONES, DATES, st.integers(0, 1439), st.integers(1, 720), st.integers(1, 720))
@example("America/New_York", date(2027, 3, 14), 150, 120, 240)
@example("Australia/Lord_Howe", date(2026, 10, 4), 130, 60, 60)
def test_neighbouring_shifts_never_gap_or_overlap(
    zone: str, day: date, at: int, before: int, after: int
) -> None:
    early = Shift(shift_id="early", desk="one", days=EVERY_DAY, start=(at - before) % 1440, end=at or 1440)
    late = Shift(shift_id="late", desk="two", days=EVERY_DAY, start=at, end=(at + after) % 1440)
    desks = {desk: Desk(desk_id=desk, zone=zone) for desk in ("one", "two")}
    unit = UnitRota(unit="cards", desks=desks, shifts=(early, late), needs=(), fallback="one", choose="order")
    rota = compile_rota(unit, [], midnight(day) - 5 * DAY, midnight(day) + 5 * DAY)
    for later in range(-2, 3):
        there = day + timedelta(days=later)
        since, boundary, until = (instant(zone, there, minute) for minute in (at - before, at, at + after))
        if since < boundary:  # the clock may skip one of them altogether
            assert rota.who(boundary - 1).desks == ("one",)
        if boundary < until:
            assert rota.who(boundary).desks == ("two",)


@settings(max_examples=60, deadline=None)
@given(ZONES, DATES, st.sets(STARTS, min_size=1, max_size=6))
@example("Pacific/Apia", date(2011, 12, 30), {480, 1200})
@example("Australia/Lord_Howe", date(2026, 10, 4), {130, 600})
def test_shifts_that_tile_the_day_leave_no_gap_and_never_overlap(
    zone: str, day: date, cuts: set[int]
) -> None:
    starts = sorted(cuts)
    tiles = tuple(
        Shift(shift_id=str(start), desk=str(start), days=EVERY_DAY, start=start, end=end)
        for start, end in zip(starts, [*starts[1:], starts[0]], strict=True)
    )
    desks = {tile.desk: Desk(desk_id=tile.desk, zone=zone) for tile in tiles}
    unit = UnitRota(unit="cards", desks=desks, shifts=tiles, needs=(), fallback="0", choose="order")
    rota = compile_rota(unit, [], midnight(day) - 3 * DAY, midnight(day) + 4 * DAY)
    assert rota.gaps() == ()
    assert {len(segment.duties) for segment in rota.segments} == {1}


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Madrid", date(2027, 3, 27)),
        ("Europe/Madrid", date(2027, 10, 30)),
        ("Australia/Lord_Howe", date(2026, 10, 3)),
        ("Australia/Lord_Howe", date(2027, 4, 3)),
        ("America/New_York", date(2027, 3, 13)),
        ("America/New_York", date(2026, 10, 31)),
    ],
)
def test_over_a_clock_change_everybody_is_on_when_their_own_clock_says_so(zone: str, first: date) -> None:
    start, end = midnight(first) - DAY // 2, midnight(first) + 3 * DAY
    for minute in range(0, 240, 5):  # every boundary near the change, which is at two or three in the morning
        unit = UnitRota(
            unit="cards",
            desks={"day": Desk(desk_id="day", zone=zone), "night": Desk(desk_id="night", zone=zone)},
            shifts=(
                Shift(shift_id="day", desk="day", days=EVERY_DAY, start=minute, end=minute + 720),
                Shift(shift_id="night", desk="night", days=EVERY_DAY, start=minute + 720, end=minute),
            ),
            needs=(),
            fallback="day",
            choose="order",
        )
        plan = Plan(unit_rota=unit, overrides=(), start=start, end=end)
        rota, model = plan.compile(), Model(plan)
        walked = [(at, tuple(desk for desk, _ in model.on(at))) for at in range(start, end, 60)]
        changes = [walked[0], *(now for was, now in pairwise(walked) if was[1] != now[1])]
        assert changes == [(segment.start, segment.desks) for segment in rota.segments]


@settings(max_examples=100, deadline=None)
@given(plans())
def test_a_rota_survives_being_written_and_read(plan: Plan) -> None:
    text = json.dumps(unit_rota_to_json(plan.unit_rota), sort_keys=True)
    read = unit_rota_from_json(json.loads(text))
    assert read == plan.unit_rota
    assert list(read.desks) == list(plan.unit_rota.desks)
    assert json.dumps(unit_rota_to_json(read), sort_keys=True) == text
    assert replace(plan, unit_rota=read).compile() == plan.compile()
