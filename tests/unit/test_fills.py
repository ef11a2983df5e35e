"""Fills: who could take a hole, the cheapest first, and why not the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from allhours.domain.changes import Change
from allhours.domain.people import Certificate, Leave
from allhours.domain.proof import Kind, prove
from tests.proofs import HOUR, a_need, a_shift, a_unit, at, bank_of

if TYPE_CHECKING:
    from allhours.domain.fills import Fill
    from allhours.domain.organisation import Organisation

MONDAY = at("2027-03-15T00:00")
DAY = 24 * HOUR


def fills_of(bank: Organisation, start: int = MONDAY) -> list[Fill]:
    """Return the fills of the first gap."""
    gaps = [one for one in prove(bank, start, start + 2 * DAY) if one.kind is Kind.GAP]
    return [fill for fill in (gaps[0].fill, *gaps[0].runners_up) if fill]


def who(bank: Organisation) -> list[str]:
    return [fill.member or fill.how for fill in fills_of(bank)]


LATE = a_shift("late", "17:00", "23:00", ["ben"])
NEEDED = a_need(1, "08:00", "23:00")  # 16:00 to 17:00 is open
UNIT = a_unit(a_shift("day", "08:00", "16:00", ["ana"]), LATE, needs=[NEEDED], members=("ana", "ben", "cy"))


def with_member(bank: Organisation, name: str, **changes: object) -> Organisation:
    new = replace(bank.members[name], **changes)  # type: ignore[arg-type]
    return replace(bank, members=dict(bank.members) | {name: new})


def test_the_cheapest_fill_says_who_from_when_and_at_what_cost_in_fairness() -> None:
    hour, mean = "16:00 to 17:00 in UTC", "against a mean of 130.7 h"
    assert [(fill.action, fill.effect) for fill in fills_of(bank_of(UNIT))] == [
        (f"Cy (desk london) comes in, {hour}", f"+1 h, 1 h in 4 weeks {mean}; Jain index 0.65 → 0.66"),
        (
            f"Ben (desk london) begins late earlier, {hour}",
            f"+1 h, 169 h in 4 weeks {mean}; Jain index 0.65 → 0.65",
        ),
        (
            f"Ana (desk london) stays on after day, {hour}",
            f"+1 h, 225 h in 4 weeks {mean}; Jain index 0.65 → 0.65",
        ),
        (f"a shift of desk london, {hour}", ""),
    ]


def test_among_equals_who_is_there_anyway_is_cheaper_than_who_comes_in() -> None:
    turns = a_shift("day", "08:00", "16:00", ["ana", "ben"])
    unit = a_unit(turns, needs=[a_need(1, "08:00", "17:00")])
    assert fills_of(bank_of(unit))[0].how == "stays"


def test_unsocial_hours_count_twice() -> None:
    social = a_unit(a_shift("day", "09:00", "16:00", ["ana"]), needs=[a_need(1, "09:00", "17:00")])
    night = a_unit(a_shift("day", "15:00", "22:00", ["ana"]), needs=[a_need(1, "15:00", "23:00")])
    assert [fills_of(bank_of(unit))[-1].cost for unit in (social, night)] == [HOUR, 2 * HOUR]


def test_a_shift_between_two_of_the_same_member_is_bridged() -> None:
    unit = a_unit(
        a_shift("one", "08:00", "12:00", ["ana"]),
        a_shift("two", "13:00", "17:00", ["ana"]),
        needs=[a_need(1, "08:00", "17:00")],
    )
    assert (
        fills_of(bank_of(unit))[0].action
        == "Ana (desk london) stays on from one to two, 12:00 to 13:00 in UTC"
    )


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({}, ["cy", "ben", "ana", "shift"]),
        ({"leave": (Leave(start=MONDAY + 16 * HOUR + 1800, end=MONDAY + DAY),)}, ["ben", "ana", "shift"]),
        ({"leave": (Leave(start=MONDAY, end=MONDAY + 16 * HOUR),)}, ["cy", "ben", "ana", "shift"]),
    ],
)
def test_who_is_on_leave_in_any_part_of_the_hole_is_no_candidate(
    changes: dict[str, object], left: list[str]
) -> None:
    assert who(with_member(bank_of(UNIT), "cy", **changes)) == left


def test_who_is_sick_today_is_no_candidate() -> None:
    sick = Change(
        change_id="s",
        kind="leave",
        unit="",
        start=MONDAY,
        end=MONDAY + DAY,
        by="cy",
        made_at=MONDAY,
        remove="cy",
    )
    assert who(bank_of(UNIT, changes=(sick,))) == ["ben", "ana", "shift"]
    assert who(bank_of(UNIT, changes=(replace(sick, state="withdrawn"),)))[0] == "cy"


def test_certificates_must_hold_until_the_hole_is_over_and_languages_be_spoken() -> None:
    hole_ends = MONDAY + 17 * HOUR
    bank = bank_of(replace(UNIT, certificates=("complaints",), languages=("en",)))
    for name, until in (("ana", None), ("ben", hole_ends - 60), ("cy", hole_ends)):
        held = (Certificate(certificate_id="complaints", valid_until=until),)
        bank = with_member(bank, name, certificates=held, languages=("en",) if name != "ana" else ())
    assert who(bank) == ["cy", "shift"]


def test_who_would_not_rest_enough_before_or_after_is_no_candidate() -> None:
    early = a_shift("early", "04:00", "08:00", ["cy"])  # 11 h after 17:00
    assert who(bank_of(replace(UNIT, rota=replace(UNIT.rota, shifts=(*UNIT.rota.shifts, early)))))[0] == "cy"
    earlier = replace(early, start=3 * 60)
    unit = replace(UNIT, rota=replace(UNIT.rota, shifts=(*UNIT.rota.shifts, earlier)))
    assert "cy" not in who(bank_of(unit))
    assert "cy" in who(bank_of(unit, rest=10 * HOUR))


def test_who_is_on_duty_for_another_unit_then_is_no_candidate() -> None:
    loans = a_unit(
        a_shift("teatime", "16:30", "17:00", ["cy"]), name="loans", needs=[a_need(1, "16:30", "17:00")]
    )
    assert who(bank_of(UNIT, loans)) == ["ben", "ana", "shift"]


def test_nobody_is_asked_to_fill_a_hole_longer_than_a_days_work() -> None:
    unit = a_unit(a_shift("day", "08:00", "16:00", ["ana"]), members=("ana", "ben"))
    (whole_night,) = [
        one for one in prove(bank_of(unit), MONDAY + 12 * HOUR, MONDAY + 36 * HOUR) if one.kind is Kind.GAP
    ]
    assert whole_night.seconds == 16 * HOUR
    assert whole_night.fill is not None
    assert whole_night.fill.how == "shift"


def test_a_desk_that_names_nobody_stays_on_or_begins_earlier_by_day_rather_than_by_night() -> None:
    sun = a_unit(
        a_shift("kol-day", "06:30", "14:30", desk="kolkata"),
        a_shift("ldn-day", "09:00", "17:00", desk="london"),
        a_shift("ny-day", "12:00", "20:00", desk="newyork"),
        zones={"kolkata": "Asia/Kolkata", "london": "Europe/London", "newyork": "America/New_York"},
    )
    fills = fills_of(bank_of(sun), at("2027-07-01T12:00"))
    assert [(fill.how, fill.desk) for fill in fills[:2]] == [("stays", "newyork"), ("begins", "kolkata")]
    assert fills[0].sentence == "desk newyork stays on after ny-day, 20:00 to 21:00 in America/New_York"
    assert fills[1].sentence == "desk kolkata begins kol-day earlier, 05:30 to 06:30 in Asia/Kolkata"
    assert {fill.how for fill in fills[2:]} == {"shift"}


def test_a_unit_with_nobody_to_ask_is_offered_a_shift() -> None:
    bank = bank_of(a_unit(a_shift("day", "08:00", "16:00")))
    night_after = fills_of(bank, MONDAY + 12 * HOUR)
    assert [fill.sentence for fill in night_after] == ["a shift of desk london, 16:00 to 08:00 in UTC"]
