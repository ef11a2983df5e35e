"""Who is on duty, by examples: follow the sun, rotations, holidays, overrides, needs, handovers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from allhours.domain.errors import BadInput
from allhours.domain.instants import tzdata_version
from allhours.domain.people import Certificate, Member
from allhours.domain.qualified import QualifiedGap, qualified_gaps
from allhours.domain.rota import (
    Desk,
    Gap,
    Handover,
    Need,
    Override,
    Rota,
    Rotation,
    Segment,
    Shift,
    UnitRota,
    compile_rota,
    shift_on,
)

HOUR = 3600
EVERY_DAY = frozenset(range(7))
WEEKDAYS = frozenset(range(5))


def at(written: str) -> int:
    """Read 2027-03-15T00:00 as UTC seconds."""
    return int(datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp())


def written(instant: int) -> str:
    """Write UTC seconds as 2027-03-15T00:00."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M")


def minutes(clock: str) -> int:
    """Read 08:30 as 510."""
    hours, rest = clock.split(":")
    return int(hours) * 60 + int(rest)


def a_shift(desk: str, hours: str, days: frozenset[int] = EVERY_DAY) -> Shift:
    """Plan a desk's day, for example 09:00-17:00."""
    start, end = map(minutes, hours.split("-"))
    return Shift(shift_id=f"{desk}-day", desk=desk, days=days, start=start, end=end)


def a_unit(*shifts: Shift, desks: tuple[Desk, ...] = (), needs: tuple[Need, ...] = ()) -> UnitRota:
    """Plan a unit of these shifts."""
    return UnitRota(
        unit="cards",
        desks={desk.desk_id: desk for desk in desks},
        shifts=shifts,
        needs=needs,
        fallback="cards-duty",
        choose="order",
    )


def an_override(
    since: str, until: str, *, remove: str | None = None, add: str | None = None, override_id: str = "o1"
) -> Override:
    """Change a duty by hand between two instants."""
    return Override(
        override_id=override_id,
        unit="cards",
        from_at=at(since),
        until_at=at(until),
        remove=remove,
        add=add,
        reason="party",
        by="ana",
    )


FOLLOW_THE_SUN = a_unit(
    a_shift("kolkata", "06:30-14:30"),
    a_shift("london", "09:00-17:00"),
    a_shift("newyork", "12:00-20:00"),
    desks=(
        Desk(desk_id="kolkata", zone="Asia/Kolkata"),
        Desk(desk_id="london", zone="Europe/London"),
        Desk(desk_id="newyork", zone="America/New_York"),
    ),
)
LONDON = Desk(desk_id="london", zone="Europe/London", members=("ana", "ben", "cy"))
TURNS = Rotation(members=("ana", "ben", "cy"), every=1, unit="week", anchor=date(2026, 1, 5), size=2)


@pytest.fixture(scope="module")
def year() -> Rota:
    """Compile follow the sun for 2027."""
    return compile_rota(FOLLOW_THE_SUN, [], at("2027-01-01T00:00"), at("2028-01-01T00:00"))


def day_of(rota: Rota) -> list[tuple[str, str]]:
    """Write a short rota down: from when, which desks."""
    return [(written(segment.start)[11:], "+".join(segment.desks)) for segment in rota.segments]


def members_on(rota: Rota, instant: str) -> list[str | None]:
    """Name who is on duty, in order."""
    return [duty.member for duty in rota.who(at(instant)).duties]


def test_follow_the_sun_leaves_238_gaps_of_an_hour_in_2027(year: Rota) -> None:
    gaps = year.gaps()
    assert len(year.segments) == 1572
    assert len(gaps) == 238
    assert {(gap.end - gap.start, gap.staff, gap.need) for gap in gaps} == {(HOUR, 0, 1)}
    assert (written(gaps[0].start), written(gaps[-1].start)) == ("2027-03-15T00:00", "2027-11-07T00:00")
    assert year.tzdata == tzdata_version()


def test_follow_the_sun_has_as_many_double_hours_as_gaps_but_in_other_months(year: Rota) -> None:
    def per_month(segments: list[Segment] | list[Gap]) -> dict[int, int]:
        total: Counter[int] = Counter()
        for segment in segments:
            total[datetime.fromtimestamp(segment.start, UTC).month] += (segment.end - segment.start) // 60
        return dict(total)

    double = [segment for segment in year.segments if len(segment.desks) == 2]
    summer = {4: 1800, 5: 1860, 6: 1800, 7: 1860, 8: 1860, 9: 1800, 10: 1860}
    assert per_month(list(year.gaps())) == {3: 1020, **summer, 11: 420}
    assert per_month(double) == {3: 1080, **summer, 11: 360}
    assert sum(segment.end - segment.start for segment in double) == 238 * HOUR


@pytest.mark.parametrize(
    ("instant", "desks"),
    [
        ("2027-01-15T00:30", ("newyork",)),
        ("2027-01-15T01:00", ("kolkata",)),
        ("2027-01-15T08:59", ("kolkata",)),
        ("2027-01-15T09:00", ("london",)),
        ("2027-03-20T00:30", ()),
        ("2027-03-20T16:30", ("london", "newyork")),
        ("2027-07-01T00:30", ()),
        ("2027-07-01T08:30", ("kolkata", "london")),
        ("2027-10-31T00:30", ()),
        ("2027-11-08T00:30", ("newyork",)),
    ],
)
def test_follow_the_sun_has_these_desks_on_shift(year: Rota, instant: str, desks: tuple[str, ...]) -> None:
    assert year.who(at(instant)).desks == desks


def test_overrides_fill_a_gap_and_give_an_evening_to_another_desk() -> None:
    overrides = [
        an_override("2027-07-01T00:00", "2027-07-01T01:00", add="london"),
        an_override("2027-07-01T18:00", "2027-07-01T20:00", remove="newyork", add="london", override_id="o2"),
    ]
    rota = compile_rota(FOLLOW_THE_SUN, overrides, at("2027-07-01T00:00"), at("2027-07-02T00:00"))
    assert day_of(rota) == [
        ("00:00", "london"),
        ("01:00", "kolkata"),
        ("08:00", "kolkata+london"),
        ("09:00", "london"),
        ("16:00", "newyork"),
        ("18:00", "london"),
        ("20:00", "newyork"),
    ]
    assert rota.gaps() == ()
    assert [
        duty.because for segment in rota.segments for duty in segment.duties if duty.desk == "london"
    ] == [
        "o1",
        "london-day",
        "london-day",
        "o2",
    ]


def test_a_duty_says_since_when_and_until_when_whatever_window_was_compiled() -> None:
    rota = compile_rota(FOLLOW_THE_SUN, [], at("2027-07-01T10:00"), at("2027-07-01T11:00"))
    (duty,) = rota.who(at("2027-07-01T10:30")).duties
    assert (written(duty.since), written(duty.until)) == ("2027-07-01T08:00", "2027-07-01T16:00")


def test_an_override_ends_the_duty_of_who_it_takes_off_and_lets_it_begin_again() -> None:
    party = an_override("2027-07-01T10:00", "2027-07-01T12:00", remove="london", add="newyork")
    rota = compile_rota(FOLLOW_THE_SUN, [party], at("2027-07-01T09:00"), at("2027-07-01T16:00"))
    duties = [rota.who(at(f"2027-07-01T{hour}:00")).duties[0] for hour in ("09", "11", "13")]
    assert [(duty.desk, written(duty.since)[11:], written(duty.until)[11:]) for duty in duties] == [
        ("london", "08:00", "10:00"),
        ("newyork", "10:00", "12:00"),
        ("london", "12:00", "16:00"),
    ]


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2027-07-01T16:00:00", "2027-07-01T18:00:00"),
        ("2027-07-01T16:00:01", "2027-07-01T18:00:00"),
        ("2027-07-01T06:00:00", "2027-07-01T08:00:00"),
        ("2027-07-01T06:00:00", "2027-07-01T07:59:59"),
    ],
)
def test_an_override_beside_a_shift_leaves_it_alone(since: str, until: str) -> None:
    window = at("2027-07-01T00:00"), at("2027-07-02T00:00")
    beside = an_override(since, until, remove="london")
    assert compile_rota(FOLLOW_THE_SUN, [beside], *window) == compile_rota(FOLLOW_THE_SUN, [], *window)


def test_the_later_override_wins() -> None:
    on = an_override("2027-07-01T00:00", "2027-07-01T01:00", add="london")
    off = an_override("2027-07-01T00:00", "2027-07-01T01:00", remove="london", override_id="o2")
    window = at("2027-07-01T00:00"), at("2027-07-01T01:00")
    assert compile_rota(FOLLOW_THE_SUN, [on, off], *window).segments[0].desks == ()
    assert compile_rota(FOLLOW_THE_SUN, [off, on], *window).segments[0].desks == ("london",)


def test_the_later_of_two_overrides_is_the_reason_where_both_hold() -> None:
    long = an_override("2027-07-01T00:00", "2027-07-01T12:00", add="newyork")
    short = an_override("2027-07-01T02:00", "2027-07-01T03:00", add="newyork", override_id="o2")
    window = at("2027-07-01T02:00"), at("2027-07-01T03:00")
    for overrides in ([long, short], [short, long]):
        rota = compile_rota(FOLLOW_THE_SUN, overrides, *window)
        reasons = {duty.desk: duty.because for duty in rota.who(window[0]).duties}
        assert reasons == {"kolkata": "kolkata-day", "newyork": overrides[-1].override_id}


def test_an_override_that_ends_before_it_starts_changes_nothing() -> None:
    backwards = an_override("2027-07-01T12:00", "2027-07-01T10:00", remove="london", add="newyork")
    window = at("2027-07-01T00:00"), at("2027-07-02T00:00")
    assert compile_rota(FOLLOW_THE_SUN, [backwards], *window) == compile_rota(FOLLOW_THE_SUN, [], *window)


def test_an_override_is_the_reason_while_it_puts_on_who_is_on_anyway() -> None:
    again = an_override("2027-07-01T10:00", "2027-07-01T12:00", add="london")
    rota = compile_rota(FOLLOW_THE_SUN, [again], at("2027-07-01T09:00"), at("2027-07-01T16:00"))
    assert [segment.duties[0].because for segment in rota.segments] == ["london-day", "o1", "london-day"]
    assert rota.handovers(at("2027-07-01T09:00"), at("2027-07-01T15:00")) == ()


def test_the_override_of_another_unit_changes_nothing() -> None:
    foreign = replace(an_override("2027-07-01T00:00", "2027-07-02T00:00", remove="london"), unit="loans")
    window = at("2027-07-01T00:00"), at("2027-07-02T00:00")
    assert compile_rota(FOLLOW_THE_SUN, [foreign], *window) == compile_rota(FOLLOW_THE_SUN, [], *window)


def test_turns_change_every_week_and_the_next_in_line_stands_by() -> None:
    unit = a_unit(replace(a_shift("london", "09:00-17:00"), rotation=TURNS), desks=(LONDON,))
    rota = compile_rota(unit, [], at("2025-12-29T00:00"), at("2026-02-01T00:00"))
    days = ("2026-01-04", "2026-01-05", "2026-01-11", "2026-01-12", "2026-01-19", "2026-01-26")
    assert [members_on(rota, f"{day}T12:00") for day in days] == [
        ["cy", "ana"],
        ["ana", "ben"],
        ["ana", "ben"],
        ["ben", "cy"],
        ["cy", "ana"],
        ["ana", "ben"],
    ]


def test_turns_of_several_days_or_weeks_are_counted_from_the_anchor() -> None:
    fortnights = replace(TURNS, every=2, size=1)
    days = (date(2026, 1, 4), date(2026, 1, 5), date(2026, 1, 18), date(2026, 1, 19), date(2026, 2, 16))
    assert [fortnights.on(day) for day in days] == [("cy",), ("ana",), ("ana",), ("ben",), ("ana",)]
    threes = replace(TURNS, every=3, unit="day", size=1)
    assert [threes.on(date(2026, 1, day)) for day in (4, 5, 7, 8, 11)] == [
        ("cy",),
        ("ana",),
        ("ana",),
        ("ben",),
        ("cy",),
    ]


def test_a_night_belongs_to_the_turn_of_the_date_it_starts_on() -> None:
    daily = replace(TURNS, unit="day", size=1)
    unit = a_unit(replace(a_shift("london", "20:00-08:00"), rotation=daily), desks=(LONDON,))
    rota = compile_rota(unit, [], at("2026-01-05T00:00"), at("2026-01-08T00:00"))
    assert [
        members_on(rota, f"2026-01-{night}") for night in ("05T07:59", "05T20:00", "06T07:59", "06T20:00")
    ] == [
        ["cy"],
        ["ana"],
        ["ana"],
        ["ben"],
    ]


def test_a_shift_without_a_rotation_has_the_whole_desk_on() -> None:
    rota = compile_rota(
        a_unit(a_shift("london", "09:00-17:00"), desks=(LONDON,)),
        [],
        at("2026-01-05T00:00"),
        at("2026-01-06T00:00"),
    )
    assert members_on(rota, "2026-01-05T09:00") == ["ana", "ben", "cy"]
    assert members_on(rota, "2026-01-05T17:00") == []


def test_a_turn_never_has_the_same_member_twice() -> None:
    assert replace(TURNS, size=5).on(date(2026, 1, 12)) == ("ben", "cy", "ana")


def test_a_swap_gives_ben_s_shift_to_cy_at_the_desk_where_ben_would_have_been() -> None:
    manila = Desk(desk_id="manila", zone="Asia/Manila", members=("cy", "dee"))
    unit = a_unit(
        replace(a_shift("london", "09:00-17:00"), rotation=replace(TURNS, size=1)), desks=(manila, LONDON)
    )
    swap = an_override("2026-01-12T09:00", "2026-01-12T17:00", remove="ben", add="cy", override_id="s1")
    rota = compile_rota(unit, [swap], at("2026-01-12T00:00"), at("2026-01-14T00:00"))
    assert rota.who(at("2026-01-12T12:00")).seats == {("london", "cy")}
    assert rota.who(at("2026-01-13T12:00")).seats == {("london", "ben")}


def test_a_member_who_is_only_in_a_rotation_can_be_put_on() -> None:
    unit = a_unit(
        replace(a_shift("london", "09:00-17:00"), rotation=replace(TURNS, size=1)),
        desks=(replace(LONDON, members=()),),
    )
    help_out = an_override("2026-01-05T17:00", "2026-01-05T19:00", add="cy")
    rota = compile_rota(unit, [help_out], at("2026-01-05T00:00"), at("2026-01-06T00:00"))
    assert rota.who(at("2026-01-05T18:00")).seats == {("london", "cy")}


def test_a_holiday_skips_the_shift_that_starts_on_it_or_keeps_it_as_planned() -> None:
    england = replace(
        LONDON, holidays=frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2026, 12, 28)})
    )
    skips = replace(a_shift("london", "20:00-08:00"), on_holiday="skip")
    window = at("2026-12-24T12:00"), at("2026-12-29T12:00")
    rota = compile_rota(a_unit(skips, desks=(england,)), [], *window)
    assert [(written(segment.start), bool(segment.duties)) for segment in rota.segments] == [
        ("2026-12-24T12:00", False),
        ("2026-12-24T20:00", True),  # into Christmas Day
        ("2026-12-25T08:00", False),
        ("2026-12-27T20:00", True),
        ("2026-12-28T08:00", False),
    ]
    keeps = compile_rota(a_unit(replace(skips, on_holiday="keep"), desks=(england,)), [], *window)
    assert all(keeps.who(at(f"2026-12-{day}T20:00")).duties for day in (24, 25, 26, 27, 28))


def test_a_shift_is_valid_from_its_first_date_until_before_its_last() -> None:
    summer = replace(
        a_shift("london", "00:00-24:00"), valid_from=date(2026, 1, 6), valid_until=date(2026, 1, 8)
    )
    rota = compile_rota(a_unit(summer, desks=(LONDON,)), [], at("2026-01-05T00:00"), at("2026-01-10T00:00"))
    assert [written(gap.start)[:10] for gap in rota.gaps()] == ["2026-01-05", "2026-01-08"]
    assert [written(gap.end)[:10] for gap in rota.gaps()] == ["2026-01-06", "2026-01-10"]


def test_weekdays_are_those_of_the_desk_s_own_clock() -> None:
    manila = Desk(desk_id="manila", zone="Asia/Manila", members=("dee",))
    unit = a_unit(a_shift("manila", "06:00-14:00", WEEKDAYS), desks=(manila,))
    rota = compile_rota(unit, [], at("2027-01-10T00:00"), at("2027-01-16T00:00"))
    assert written(rota.segments[0].end) == "2027-01-10T22:00"  # Monday in Manila is still Sunday in UTC
    assert rota.who(at("2027-01-15T12:00")).duties == ()


def test_minimum_staffing_finds_thin_hours_by_the_clock_it_is_written_for() -> None:
    one_by_one = replace(a_shift("london", "00:00-24:00"), rotation=replace(TURNS, size=1))
    pair = Need(days=WEEKDAYS, start=540, end=1020, zone="Europe/London", need=2)
    three = replace(pair, days=frozenset({1}), start=600, end=660, need=3)
    unit = a_unit(
        one_by_one,
        replace(a_shift("london", "09:00-10:00"), shift_id="all"),
        desks=(LONDON,),
        needs=(pair, three),
    )
    rota = compile_rota(unit, [], at("2027-06-14T00:00"), at("2027-06-16T00:00"))
    found = [(written(gap.start)[8:], written(gap.end)[8:], gap.staff, gap.need) for gap in rota.gaps()]
    assert found == [
        ("14T09:00", "14T16:00", 1, 2),
        ("15T09:00", "15T10:00", 1, 3),
        ("15T10:00", "15T16:00", 1, 2),
    ]


def test_a_gap_goes_on_while_as_many_are_missing_whoever_is_on() -> None:
    daily = replace(TURNS, unit="day", size=1)
    pair = Need(days=EVERY_DAY, start=0, end=1440, zone="Europe/London", need=2)
    unit = a_unit(replace(a_shift("london", "00:00-24:00"), rotation=daily), desks=(LONDON,), needs=(pair,))
    rota = compile_rota(unit, [], at("2026-01-05T00:00"), at("2026-01-08T00:00"))
    assert len(rota.segments) == 3
    assert rota.gaps() == (Gap(start=rota.start, end=rota.end, staff=1, need=2),)


def test_a_member_at_two_desks_is_one_person() -> None:
    both = (LONDON, Desk(desk_id="paris", zone="Europe/Paris", members=("ana", "eve")))
    unit = a_unit(a_shift("london", "00:00-24:00"), a_shift("paris", "00:00-24:00"), desks=both)
    rota = compile_rota(unit, [], at("2027-06-14T00:00"), at("2027-06-15T00:00"))
    assert {segment.staff for segment in rota.segments if len(segment.desks) == 2} == {4}


def test_desks_are_asked_in_the_unit_s_order_and_overrides_before_the_rotation() -> None:
    manila = Desk(desk_id="manila", zone="Asia/Manila", members=("dee",))
    turns = replace(a_shift("london", "00:00-24:00"), rotation=replace(TURNS, size=1))
    unit = a_unit(turns, a_shift("manila", "00:00-24:00"), desks=(manila, LONDON))
    extra = an_override("2026-01-05T00:00", "2026-01-06T00:00", add="cy")
    rota = compile_rota(unit, [extra], at("2026-01-05T00:00"), at("2026-01-06T00:00"))
    assert members_on(rota, "2026-01-05T12:00") == ["dee", "cy", "ana"]


def test_a_handover_names_who_left_and_who_joined(year: Rota) -> None:
    day = year.handovers(at("2027-07-01T08:00"), at("2027-07-01T16:00"))
    london, kolkata, newyork = ("london", None), ("kolkata", None), ("newyork", None)
    assert day == (
        Handover(at=at("2027-07-01T09:00"), left=frozenset({kolkata}), joined=frozenset()),
        Handover(at=at("2027-07-01T16:00"), left=frozenset({london}), joined=frozenset({newyork})),
    )


def test_the_next_day_s_shift_of_the_same_people_is_no_handover() -> None:
    unit = a_unit(a_shift("london", "00:00-24:00"), desks=(LONDON,))
    rota = compile_rota(unit, [], at("2026-01-05T00:00"), at("2026-01-10T00:00"))
    assert len(rota.segments) == 5
    assert rota.handovers(rota.start, rota.end - 1) == ()


def test_a_question_outside_the_window_is_refused(year: Rota) -> None:
    assert year.who(year.start).start == year.start
    assert year.who(year.end - 1).end == year.end
    for outside in (year.start - 1, year.end):
        with pytest.raises(BadInput, match="rota of cards: instant"):
            year.who(outside)
    with pytest.raises(BadInput, match="outside"):
        year.handovers(year.start - 1, year.end - 1)
    with pytest.raises(BadInput, match="outside"):
        year.handovers(year.start, year.end)


def test_a_rota_that_cannot_be_compiled_says_what_to_mend() -> None:
    window = at("2026-01-05T00:00"), at("2026-01-06T00:00")
    with pytest.raises(BadInput, match="shift london-day of cards: desk 'london' is unknown"):
        compile_rota(a_unit(a_shift("london", "09:00-17:00")), [], *window)
    stranger = an_override("2026-01-05T00:00", "2026-01-06T00:00", add="zoe")
    with pytest.raises(BadInput, match="override o1 of cards: add names 'zoe'"):
        compile_rota(FOLLOW_THE_SUN, [stranger], *window)
    with pytest.raises(BadInput, match="is empty"):
        compile_rota(FOLLOW_THE_SUN, [], window[1], window[0])


CHRISTMAS = date(2026, 12, 25)
WORLD = a_unit(
    replace(
        a_shift("london", "09:00-17:00"),
        on_holiday="cover",
        cover_from=("newyork", "manila"),
        rotation=replace(TURNS, size=1),
    ),
    desks=(
        replace(LONDON, holidays=frozenset({CHRISTMAS})),
        Desk(
            desk_id="newyork",
            zone="America/New_York",
            members=("dee", "eli"),
            holidays=frozenset({CHRISTMAS}),
        ),
        Desk(desk_id="manila", zone="Asia/Manila", members=("fay", "gus", "hal")),
    ),
)


def covered(unit: UnitRota, day: str = "2026-12-25") -> list[tuple[str, str | None, str, str, str]]:
    """Say who is on from noon to noon and why, in UTC."""
    rota = compile_rota(unit, [], at(f"{day}T00:00"), at(f"{day}T00:00") + 24 * HOUR)
    return [
        (duty.desk, duty.member, duty.because, written(segment.start)[11:], written(segment.end)[11:])
        for segment in rota.segments
        for duty in segment.duties
    ]


def test_a_holiday_moves_the_cover_to_the_first_desk_that_has_none_at_the_same_instants() -> None:
    assert covered(WORLD, "2026-12-24") == [("london", "cy", "london-day", "09:00", "17:00")]
    turn = ("fay", "gus", "hal")[CHRISTMAS.toordinal() % 3]
    assert covered(WORLD) == [("manila", turn, "london-day (holiday, covered)", "09:00", "17:00")]


def test_whether_the_covering_desk_has_a_holiday_is_asked_of_its_own_date() -> None:
    boxing_day = replace(WORLD.desks["manila"], holidays=frozenset({date(2026, 12, 26)}))
    unit = replace(WORLD, desks={**WORLD.desks, "manila": boxing_day})
    assert {duty[0] for duty in covered(unit)} == {"manila"}  # 17:00 there when London's shift starts
    late = replace(WORLD.shifts[0], start=17 * 60, end=23 * 60)
    assert {duty[0] for duty in covered(replace(unit, shifts=(late,)))} == {"london"}  # 01:00 on the 26th


def test_a_shift_is_kept_where_every_desk_has_a_holiday() -> None:
    desks = {**WORLD.desks, "manila": replace(WORLD.desks["manila"], holidays=frozenset({CHRISTMAS}))}
    assert covered(replace(WORLD, desks=desks)) == [("london", "cy", "london-day", "09:00", "17:00")]


def test_who_covers_a_holiday_has_rested_and_will_rest() -> None:
    manila = replace(a_shift("manila", "06:00-12:00"), rotation=replace(TURNS, members=("fay",), size=1))
    night = replace(
        manila,
        shift_id="night",
        start=12 * 60 - 1,
        end=12 * 60,
        rotation=replace(TURNS, members=("gus",), size=1),
    )
    unit = replace(WORLD, shifts=(*WORLD.shifts, manila, night))
    for day in (CHRISTMAS, date(2026, 12, 28), date(2026, 12, 29)):  # whoever's turn it is
        holiday = replace(unit.desks["london"], holidays=frozenset({day}))
        there = covered(replace(unit, desks={**unit.desks, "london": holiday}), day.isoformat())
        if day != CHRISTMAS:  # New York has no holiday then
            assert {duty[1] for duty in there if duty[2].endswith("covered)")} <= {"dee", "eli"}
        else:
            assert [duty[1] for duty in there if duty[2].endswith("covered)")] == ["hal"]


def test_where_nobody_has_rested_the_next_in_turn_covers_anyway() -> None:
    manila = replace(
        a_shift("manila", "06:00-12:00"), rotation=replace(TURNS, members=("fay", "gus", "hal"), size=3)
    )
    turn = ("fay", "gus", "hal")[CHRISTMAS.toordinal() % 3]
    there = covered(replace(WORLD, shifts=(*WORLD.shifts, manila)))
    assert [duty[1] for duty in there if duty[2].endswith("covered)")] == [turn]


def test_two_shifts_that_are_covered_at_once_are_given_to_two_people() -> None:
    second = replace(WORLD.shifts[0], shift_id="second", start=10 * 60, end=18 * 60)
    there = covered(replace(WORLD, shifts=(second, *WORLD.shifts)))
    first = CHRISTMAS.toordinal() % 3
    names = ("fay", "gus", "hal", "fay")
    assert {duty[1:3] for duty in there} == {
        (names[first], "london-day (holiday, covered)"),
        (names[first + 1], "second (holiday, covered)"),
    }


def test_who_covers_the_night_does_not_cover_the_next_day() -> None:
    boxing_day = date(2026, 12, 26)
    london = replace(LONDON, holidays=frozenset({CHRISTMAS, boxing_day}))
    night = replace(WORLD.shifts[0], shift_id="night", start=22 * 60, end=6 * 60, rotation=TURNS)
    unit = replace(WORLD, desks={**WORLD.desks, "london": london}, shifts=(night, *WORLD.shifts))
    unit = replace(unit, shifts=tuple(replace(shift, cover_from=("manila",)) for shift in unit.shifts))
    first = CHRISTMAS.toordinal() % 3
    names = ("fay", "gus", "hal", "fay", "gus")
    there = covered(unit, "2026-12-26")
    assert {duty[1] for duty in there if duty[2].startswith("night") and duty[3] == "00:00"} == {
        names[first + 1],  # London's day went to the first
        names[first + 2],
    }
    assert [duty[1] for duty in there if duty[2].startswith("london-day")] == [names[first]]
    alone = compile_rota(
        unit, [], at("2026-12-26T09:00"), at("2026-12-26T10:00")
    )  # the night is not in sight
    assert members_on(alone, "2026-12-26T09:00") == [names[first]]


def test_who_has_the_day_off_because_their_own_shift_is_covered_may_cover_another() -> None:
    first = ("fay", "gus", "hal")[CHRISTMAS.toordinal() % 3]
    cebu = Desk(desk_id="cebu", zone="Asia/Manila", members=(first,), holidays=frozenset({CHRISTMAS}))
    lima = Desk(desk_id="lima", zone="America/Lima", members=("ivo",))
    own = replace(a_shift("cebu", "12:00-20:00"), on_holiday="cover", cover_from=("lima",))
    unit = replace(WORLD, desks={**WORLD.desks, "cebu": cebu, "lima": lima}, shifts=(*WORLD.shifts, own))
    assert {duty[:2] for duty in covered(unit)} == {("manila", first), ("lima", "ivo")}
    kept = replace(unit, shifts=(*WORLD.shifts, replace(own, on_holiday="keep")))
    assert ("manila", first) not in {duty[:2] for duty in covered(kept)}


def test_a_pair_is_covered_by_a_pair_and_a_desk_without_names_covers_as_a_desk() -> None:
    pair = replace(WORLD.shifts[0], rotation=TURNS)
    assert len({duty[1] for duty in covered(replace(WORLD, shifts=(pair,)))}) == 2
    nameless = {**WORLD.desks, "manila": replace(WORLD.desks["manila"], members=())}
    assert {duty[:2] for duty in covered(replace(WORLD, desks=nameless))} == {("manila", None)}


def test_a_change_at_a_desk_leaves_the_member_s_other_desk_alone() -> None:
    paris = Desk(desk_id="paris", zone="Europe/London", members=("ana",))
    unit = a_unit(a_shift("london", "09:00-17:00"), a_shift("paris", "09:00-17:00"), desks=(LONDON, paris))
    off = replace(an_override("2026-01-05T10:00", "2026-01-05T11:00", remove="ana", add="zoe"), desk="london")
    rota = compile_rota(unit, [off], at("2026-01-05T10:00"), at("2026-01-05T11:00"))
    assert rota.segments[0].seats == {
        ("london", "ben"),
        ("london", "cy"),
        ("london", "zoe"),
        ("paris", "ana"),
    }


def test_many_overrides_cut_a_shift_as_if_they_had_come_one_after_the_other() -> None:
    hours = [(minute, minute + 7) for minute in range(540, 1020, 10)]
    overrides = [
        an_override(
            f"2026-01-05T{since // 60:02}:{since % 60:02}",
            f"2026-01-05T{until // 60:02}:{until % 60:02}",
            remove="london",
            override_id=f"o{since}",
        )
        for since, until in hours
    ]
    unit = a_unit(a_shift("london", "09:00-17:00"), desks=(replace(LONDON, members=()),))
    for order in (overrides, overrides[::-1]):
        rota = compile_rota(unit, order, at("2026-01-05T09:00"), at("2026-01-05T17:00"))
        on = [(segment.start, segment.end) for segment in rota.segments if segment.duties]
        assert on == [
            (at("2026-01-05T00:00") + 60 * until, at("2026-01-05T00:00") + 60 * (until + 3))
            for _, until in hours
        ]


def test_a_need_for_certificates_stands_apart_from_the_others() -> None:
    fraud = Need(days=EVERY_DAY, start=540, end=1020, zone="Europe/London", need=2, certificates=("fraud",))
    unit = a_unit(a_shift("london", "00:00-24:00"), desks=(LONDON,), needs=(fraud,))
    end = at("2026-01-06T00:00")
    rota = compile_rota(unit, [], at("2026-01-05T00:00"), end)
    assert rota.gaps() == ()
    ana = Certificate(certificate_id="fraud", valid_until=at("2026-01-05T12:00"))
    members = {
        "ana": Member(member_id="ana", name="Ana", zone="UTC", certificates=(ana,)),
        "ben": Member(
            member_id="ben", name="Ben", zone="UTC", certificates=(Certificate(certificate_id="fraud"),)
        ),
        "cy": Member(member_id="cy", name="Cy", zone="UTC", languages=("es",)),
    }
    assert qualified_gaps(unit, rota, members) == (
        QualifiedGap(need=fraud, start=at("2026-01-05T12:00"), end=at("2026-01-05T17:00"), staff=1),
    )
    spanish = replace(fraud, certificates=(), languages=("es",), need=1)
    assert qualified_gaps(replace(unit, needs=(spanish,)), rota, members) == ()
    nobody = compile_rota(
        a_unit(a_shift("london", "00:00-24:00"), desks=(replace(LONDON, members=()),)), [], rota.start, end
    )
    (gap,) = qualified_gaps(replace(unit, needs=(spanish,)), nobody, members)
    assert (gap.staff, gap.start, gap.end) == (0, at("2026-01-05T09:00"), at("2026-01-05T17:00"))


def test_a_shift_says_who_is_planned_on_a_day_and_a_wrong_name_is_told() -> None:
    assert [duty.member for duty in shift_on(WORLD, "london-day", date(2026, 12, 24))] == ["cy"]
    assert [duty.desk for duty in shift_on(WORLD, "london-day", CHRISTMAS)] == ["manila"]
    weekdays = replace(WORLD, shifts=(replace(WORLD.shifts[0], days=WEEKDAYS, on_holiday="skip"),))
    assert shift_on(weekdays, "london-day", date(2026, 12, 26)) == ()
    assert shift_on(weekdays, "london-day", CHRISTMAS) == ()
    with pytest.raises(BadInput, match="unit cards has no shift 'late'; there are london-day"):
        shift_on(WORLD, "late", CHRISTMAS)
