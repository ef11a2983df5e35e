"""What changes by the hour: overrides, swaps, leave, taking a shift; what is refused, and what stands in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from allhours.domain.calendar import calendar_of_member, calendar_of_unit, rota_of
from allhours.domain.changes import (
    Change,
    agreed_by,
    change_from_json,
    change_to_json,
    expired,
    leave,
    override,
    overrides_of,
    swap,
    swap_back,
    takeover,
    withdrawn,
)
from allhours.domain.errors import BadInput
from allhours.domain.organisation import Member, Organisation
from allhours.domain.people import Leave
from allhours.domain.proof import prove
from allhours.domain.rota import Desk, Rotation, Shift, every_duty
from tests.builders import NIGHT, NOON, an_organisation

HOUR = timedelta(hours=1)
MONDAY = date(2027, 3, 15)


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def a_bank(*changes: Change, **more: Any) -> Organisation:
    """Found the small bank: Ana and Ben take turns, Cy has no desk, Dee heads fraud, Eli is always there."""
    bank = an_organisation(**more)
    names = ("Ana", "Ben", "Cy", "Dee", "Eli")
    members = {name.lower(): Member(member_id=name.lower(), name=name, zone="UTC") for name in names}
    units = {**bank.units, "fraud": replace(bank.units["fraud"], head="dee")}
    return replace(bank, members=members, units=units, company_duty="eli", changes=changes)


def an_override(bank: Organisation, **asked: Any) -> Change:
    """Let Ben stand in for Ana from noon to two."""
    usual: dict[str, Any] = {
        "start": seconds(NOON),
        "end": seconds(NOON + 2 * HOUR),
        "by": "ana",
        "at": NOON,
        "remove": "ana",
        "add": "ben",
    }
    return override(bank, "cards", **(usual | asked))


def a_swap(bank: Organisation, **asked: Any) -> Change:
    """Let Ana propose that Ben works her Monday."""
    usual: dict[str, Any] = {"shift": "day", "day": MONDAY, "remove": "ana", "add": "ben", "by": "ana"}
    return swap(bank, "cards", at=NOON, **(usual | asked))


def people(bank: Organisation, unit: str = "cards", at: datetime = NOON) -> tuple[str, ...]:
    return bank.on_duty(unit, at).members


def refused(asked: Any) -> str:
    with pytest.raises(BadInput) as told:
        asked()
    return str(told.value)


# overrides


def test_an_override_holds_from_its_start_to_its_end_and_in_its_unit_only() -> None:
    bank = a_bank(an_override(a_bank()))
    hours = (NOON - HOUR, NOON, NOON + 2 * HOUR)
    assert [people(bank, at=at) for at in hours] == [("ana",), ("ben",), ("ana",)]
    assert people(bank, "payments") == ("ana",)


def test_what_is_only_proposed_or_was_withdrawn_does_not_count() -> None:
    made = an_override(a_bank())
    assert people(a_bank(replace(made, state="proposed"))) == ("ana",)
    assert people(a_bank(withdrawn(made, "leela", NOON))) == ("ana",)


def test_changes_count_in_the_order_in_which_they_were_made_however_they_are_listed() -> None:
    ben, cy = an_override(a_bank()), an_override(a_bank(), add="cy", at=NOON + timedelta(seconds=1))
    back = replace(cy, remove="ben")
    assert people(a_bank(back, ben)) == people(a_bank(ben, back)) == ("cy",)
    same = replace(back, made_at=ben.made_at, change_id="zz")
    assert people(a_bank(same, ben)) == ("cy",)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"end": seconds(NOON)}, "it ends at 2027-03-15T12:00Z, not after it begins at 2027-03-15T12:00Z"),
        ({"at": NOON + 2 * HOUR}, "it was over at 2027-03-15T14:00Z"),
        ({"remove": "", "add": ""}, "it changes nothing"),
        ({"remove": "ben", "add": "ana"}, "ben is not on duty then, so nobody is taken off"),
        ({"remove": "zoe"}, "zoe is not on duty then"),
        ({"add": "ana"}, "ana cannot replace ana"),
        ({"remove": "", "add": "zoe"}, "'zoe' is no desk of the unit and no member"),
        ({"remove": "", "add": "cy"}, "cy works at no desk of the unit: say at which desk"),
        ({"desk": "paris"}, "desk 'paris' is unknown; there are london"),
        ({"by": ""}, "say who makes it"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused_with_what_to_mend(
    asked: dict[str, Any], told: str
) -> None:
    assert told in refused(lambda: an_override(a_bank(), **asked))


def test_an_override_may_take_off_whoever_an_earlier_one_put_on() -> None:
    bank = a_bank(an_override(a_bank()))
    assert an_override(bank, remove="ben", add="").remove == "ben"
    assert "ana is not on duty then" in refused(lambda: an_override(bank))


def test_an_unknown_unit_is_named() -> None:
    asked: dict[str, Any] = {"start": 0, "end": 1, "by": "ana", "at": NOON, "remove": "ana"}
    assert "no unit is called 'loans'; there are cards" in refused(
        lambda: override(a_bank(), "loans", **asked)
    )


def test_a_change_that_the_file_has_overtaken_leaves_the_plan_as_it_is() -> None:
    gone = replace(an_override(a_bank()), add="zoe")
    assert people(a_bank(gone)) == ("ana",)
    no_desk = replace(an_override(a_bank()), desk="paris")
    assert people(a_bank(no_desk)) == ("ana",)
    swapped = agreed_by(a_swap(a_bank()), "ben", NOON)
    assert people(a_bank(replace(swapped, shift="evening"))) == ("ana",)


# swaps


def test_a_swap_counts_when_both_sides_have_agreed_and_for_its_shift_alone() -> None:
    proposed = a_swap(a_bank())
    assert (proposed.state, proposed.agreed) == ("proposed", ("ana",))
    assert people(a_bank(proposed)) == ("ana",)
    midnight = datetime(2027, 3, 15, tzinfo=UTC)
    swapped = agreed_by(proposed, "ben", midnight)
    assert (swapped.state, swapped.agreed) == ("in_force", ("ana", "ben"))
    bank = a_bank(swapped)
    days = (midnight - HOUR, midnight, midnight + 24 * HOUR)
    assert [people(bank, at=at) for at in days] == [
        ("ben",),
        ("ben",),
        ("ana",),
    ]  # Ben's week ended on Sunday


def test_a_swap_that_somebody_else_proposes_needs_both() -> None:
    proposed = a_swap(a_bank(), by="leela")
    assert proposed.agreed == ()
    once = agreed_by(proposed, "ben", NOON)
    assert once.state == "proposed"
    assert agreed_by(once, "ben", NOON) == once
    assert agreed_by(once, "ana", NOON).state == "in_force"


def test_a_swap_follows_its_shift_when_the_file_moves_it() -> None:
    bank = a_bank(agreed_by(a_swap(a_bank()), "ben", NOON - 12 * HOUR))
    cards = bank.units["cards"]
    later = replace(cards.rota.shifts[0], desk="leeds", start=600, end=1200)
    leeds = Desk(desk_id="leeds", zone="UTC")
    moved = replace(cards, rota=replace(cards.rota, shifts=(later,), desks={"leeds": leeds}))
    (swapped,) = overrides_of(bank.changes, moved.rota, bank.members)
    assert (swapped.from_at, swapped.until_at) == (seconds(NOON - 2 * HOUR), seconds(NOON + 8 * HOUR))
    assert swapped.desk == "leeds"


def test_a_swap_takes_the_member_off_at_that_desk_only() -> None:
    bank = a_bank()
    cards = bank.units["cards"]
    paris = Desk(desk_id="paris", zone="UTC", members=("ana",))
    both = replace(
        cards.rota,
        desks={**cards.rota.desks, "paris": paris},
        shifts=(
            *cards.rota.shifts,
            replace(cards.rota.shifts[0], shift_id="paris-day", desk="paris", rotation=None),
        ),
    )
    bank = replace(bank, units={**bank.units, "cards": replace(cards, rota=both)})
    swapped = agreed_by(a_swap(bank), "ben", NOON)
    seats = replace(bank, changes=(swapped,)).segment("cards", NOON).seats
    assert seats == {("london", "ben"), ("paris", "ana")}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"shift": "evening"}, "unit cards has no shift 'evening'; there are day"),
        ({"remove": "ben", "add": "ana"}, "ben is not on it; on it: ana"),
        ({"add": "zoe"}, "'zoe' is no member of unit cards"),
        ({"add": "ana"}, "ana is on it already"),
        (
            {"day": MONDAY - timedelta(days=1), "remove": "ben", "add": "ana"},
            "it was over at 2027-03-15T00:00Z",
        ),
    ],
)
def test_a_swap_that_cannot_be_is_refused_with_what_to_mend(asked: dict[str, Any], told: str) -> None:
    assert told in refused(lambda: a_swap(a_bank(), **asked))


def test_a_swap_that_is_agreed_in_the_midst_of_its_shift_leaves_the_past_as_it_was() -> None:
    bank = a_bank(agreed_by(a_swap(a_bank()), "ben", NOON + HOUR))
    assert [people(bank, at=at) for at in (NOON, NOON + HOUR)] == [("ana",), ("ben",)]


def test_a_swap_is_asked_back_by_either_side_and_only_while_it_counts() -> None:
    swapped = agreed_by(a_swap(a_bank()), "ben", NOON - 12 * HOUR)
    bank = a_bank(swapped)
    back = swap_back(bank, swapped, "ana", NOON)
    assert (back.remove, back.add, back.state, back.agreed) == ("ben", "ana", "proposed", ("ana",))
    both = a_bank(swapped, agreed_by(back, "ben", NOON))
    assert [people(both, at=at) for at in (NOON - HOUR, NOON)] == [("ben",), ("ana",)]
    assert swap_back(bank, swapped, "ben", NOON).agreed == ("ben",)
    assert "cy is no side" in refused(lambda: swap_back(bank, swapped, "cy", NOON))
    assert "no swap in force" in refused(lambda: swap_back(bank, a_swap(a_bank()), "ana", NOON))


def a_holiday_bank(*changes: Change) -> Organisation:
    """Let Ben have London's Monday, 7 to 16, while Ana covers New York's, 15 to 23, from the same desk."""
    bank = a_bank(*changes)
    cards = bank.units["cards"]
    every = frozenset(range(7))
    turns = {
        desk: Rotation(members=members, every=1, unit="day", anchor=MONDAY, size=1)
        for desk, members in (("london", ("ben", "cy", "ana")), ("newyork", ("eli",)))
    }
    planned = (("late", "newyork", 15, 23), ("early", "london", 7, 16), ("night", "newyork", 23, 7))
    late, *others = (
        Shift(shift_id=name, desk=desk, days=every, start=start * 60, end=end * 60, rotation=turns[desk])
        for name, desk, start, end in planned
    )
    shifts = (replace(late, on_holiday="cover", cover_from=("london",)), *others)
    london = Desk(desk_id="london", zone="UTC", members=("cy", "ana", "ben"))
    newyork = Desk(desk_id="newyork", zone="UTC", members=("eli",), holidays=frozenset({MONDAY}))
    desks = {"london": london, "newyork": newyork}
    rota = replace(cards.rota, desks=desks, shifts=shifts)
    members = ("ana", "ben", "cy", "eli")
    return replace(bank, units={**bank.units, "cards": replace(cards, rota=rota, members=members)})


DAWN = NOON - 6 * HOUR


def early(bank: Organisation, remove: str, add: str, shift: str = "early", at: datetime = DAWN) -> Change:
    """Let both agree to a swap on Monday as soon as it is proposed."""
    proposed = swap(bank, "cards", shift=shift, day=MONDAY, remove=remove, add=add, by=remove, at=at)
    return agreed_by(proposed, add, at)


def monday(bank: Organisation) -> set[tuple[str | None, int, int]]:
    """Say who works from which hour to which of those that Monday's shifts of the day touch."""
    rota, day = bank.units["cards"].rota, seconds(NOON - 12 * HOUR)
    overrides = overrides_of(bank.changes, rota, bank.members)
    hours = every_duty(rota, overrides, seconds(NOON - 5 * HOUR), seconds(NOON + 11 * HOUR))
    return {(one.member, (one.since - day) // 3600, (one.until - day) // 3600) for one in hours}


def test_who_covers_another_shift_from_the_same_desk_is_not_on_the_one_that_is_swapped() -> None:
    bank = a_holiday_bank()
    assert monday(bank) == {("ben", 7, 16), ("ana", 15, 23)}
    assert "ana is not on it; on it: ben" in refused(lambda: early(bank, "ana", "cy"))
    told = refused(lambda: early(bank, "ben", "cy", "late"))
    assert told.endswith("ben is not on it; on it: ana")


def test_a_swap_with_who_works_another_shift_of_the_desk_is_for_the_proof_to_judge() -> None:
    bank = a_holiday_bank()
    swapped = a_holiday_bank(early(bank, "ben", "ana"))
    assert monday(swapped) == {("ana", 7, 16), ("ana", 15, 23)}
    found = prove(swapped, seconds(NOON), seconds(NOON + 24 * HOUR))
    assert any("Ana is on shift 'swap-" in finding.sentence for finding in found)
    onward = a_holiday_bank(*swapped.changes, early(swapped, "ana", "cy", at=DAWN + HOUR))
    assert monday(onward) == {("cy", 7, 16), ("ana", 15, 23)}  # what she covers stays hers, to the hour


def test_a_covered_shift_is_swapped_with_somebody_of_the_covering_desk_and_back() -> None:
    swapped = early(a_holiday_bank(), "ana", "cy", "late")
    bank = a_holiday_bank(swapped)
    assert monday(bank) == {("ben", 7, 16), ("cy", 15, 23)}
    assert bank.segment("cards", NOON + 4 * HOUR).seats == {("london", "cy")}
    back = agreed_by(swap_back(bank, swapped, "ana", DAWN + HOUR), "cy", DAWN + HOUR)
    assert monday(a_holiday_bank(swapped, back)) == monday(a_holiday_bank())


def test_a_shift_is_swapped_from_hand_to_hand() -> None:
    bank = a_holiday_bank()
    once = a_holiday_bank(early(bank, "ben", "cy"))
    assert "ben is not on it; on it: cy" in refused(lambda: early(once, "ben", "eli"))
    assert "cy is on it already" in refused(lambda: early(once, "cy", "cy"))
    twice = a_holiday_bank(*once.changes, early(once, "cy", "eli", at=DAWN + HOUR))
    assert monday(twice) == {("eli", 7, 16), ("ana", 15, 23)}


def test_a_night_shift_is_swapped_from_hand_to_hand_over_midnight_and_no_other_night() -> None:
    bank = a_holiday_bank()
    once = a_holiday_bank(early(bank, "eli", "cy", "night"))
    twice = a_holiday_bank(*once.changes, early(once, "cy", "ben", "night", at=DAWN + HOUR))
    hours = [NOON + 10 * HOUR + timedelta(days=day, hours=each) for day in (-1, 0, 1) for each in (1, 8)]
    assert [people(twice, at=at) for at in hours] == [("eli",)] * 2 + [("ben",)] * 2 + [("eli",)] * 2


def test_a_shift_that_was_taken_is_swapped_by_who_took_it_from_then_on() -> None:
    bank = a_holiday_bank()
    taken = a_holiday_bank(takeover(bank, "cards", "cy", NOON, by="dee"))
    assert "ben is not on it; on it: cy" in refused(lambda: early(taken, "ben", "eli", at=NOON + HOUR))
    onward = a_holiday_bank(*taken.changes, early(taken, "cy", "ben", at=NOON + HOUR))
    assert monday(onward) == {("ben", 7, 12), ("cy", 12, 13), ("ben", 13, 16), ("ana", 15, 23)}


def test_who_stands_in_for_the_end_of_a_shift_swaps_that_end_alone() -> None:
    asked: dict[str, Any] = {"start": seconds(NOON), "end": seconds(NOON + 4 * HOUR), "by": "ben", "at": DAWN}
    bank = a_holiday_bank(override(a_holiday_bank(), "cards", remove="ben", add="cy", **asked))
    onward = a_holiday_bank(*bank.changes, early(bank, "cy", "eli", at=DAWN + HOUR))
    assert monday(onward) == {("ben", 7, 12), ("eli", 12, 16), ("ana", 15, 23)}


def test_who_was_put_on_beside_a_shift_is_not_on_it() -> None:
    asked: dict[str, Any] = {"start": seconds(NOON), "end": seconds(NOON + 4 * HOUR), "by": "ben", "at": DAWN}
    bank = a_holiday_bank(override(a_holiday_bank(), "cards", add="cy", desk="london", **asked))
    assert "cy is not on it; on it: ben" in refused(lambda: early(bank, "cy", "eli"))
    swapped = a_holiday_bank(*bank.changes, early(bank, "ben", "eli", at=DAWN + HOUR))
    assert monday(swapped) == {("eli", 7, 16), ("cy", 12, 16), ("ana", 15, 23)}


def test_a_swap_of_a_day_without_the_shift_is_refused() -> None:
    bank = a_bank()
    cards = bank.units["cards"]
    tuesdays = replace(cards.rota, shifts=(replace(cards.rota.shifts[0], days=frozenset({1})),))
    bank = replace(bank, units={**bank.units, "cards": replace(cards, rota=tuesdays)})
    assert "does not start on that day" in refused(lambda: a_swap(bank))


def test_only_its_sides_agree_to_a_swap_and_not_to_one_that_is_gone() -> None:
    proposed = a_swap(a_bank())
    assert "cy is no side of a swap: ana and ben agree" in refused(lambda: agreed_by(proposed, "cy", NOON))
    gone = withdrawn(proposed, "ana", NOON)
    assert "it was withdrawn by ana: propose a new one" in refused(lambda: agreed_by(gone, "ben", NOON))
    assert "no side of a swap" in refused(lambda: agreed_by(an_override(a_bank()), "ana", NOON))


def test_who_withdrew_a_change_first_stays_on_the_record() -> None:
    gone = withdrawn(an_override(a_bank()), "leela", NOON)
    assert (gone.state, gone.withdrawn_by) == ("withdrawn", "leela")
    assert withdrawn(gone, "ana", NOON) == gone
    assert "say who withdraws it" in refused(lambda: withdrawn(gone, "", NOON))


def test_taking_back_what_has_begun_ends_it_now_and_the_past_stays_as_it_was() -> None:
    taken = takeover(a_bank(), "cards", "ben", NOON)
    back = withdrawn(taken, "ben", NOON + 2 * HOUR)
    assert (back.state, back.standing, back.end) == ("in_force", "withdrawn", seconds(NOON + 2 * HOUR))
    bank = a_bank(back)
    hours = (NOON - HOUR, NOON + HOUR, NOON + 2 * HOUR)
    assert [people(bank, at=at) for at in hours] == [("ana",), ("ben",), ("ana",)]
    rota = rota_of(bank, "cards", seconds(NOON), seconds(NOON + 4 * HOUR))
    told = [each.at for each in rota.handovers(seconds(NOON), seconds(NOON + 3 * HOUR))]
    assert told == [seconds(NOON + 2 * HOUR)]  # so the clock hands over, and tells it
    assert "it was over at" in refused(lambda: withdrawn(back, "ana", NOON + 3 * HOUR))


def test_what_has_not_begun_is_taken_back_whole() -> None:
    soon = an_override(a_bank(), start=seconds(NOON + HOUR))
    assert withdrawn(soon, "ana", NOON).state == "withdrawn"
    assert withdrawn(an_override(a_bank()), "ana", NOON).state == "withdrawn"  # in its very first second


def test_a_swap_that_is_taken_back_in_the_midst_of_its_shift_ends_then() -> None:
    swapped = agreed_by(a_swap(a_bank()), "ben", NOON - 12 * HOUR)
    bank = a_bank(withdrawn(swapped, "dee", NOON))
    assert [people(bank, at=at) for at in (NOON - HOUR, NOON)] == [("ben",), ("ana",)]


def test_a_proposal_is_forgotten_when_it_would_be_over_or_after_thirty_days() -> None:
    proposed = a_swap(a_bank(), day=MONDAY + timedelta(weeks=8))
    assert not expired(proposed, NOON + timedelta(days=29))
    assert expired(proposed, NOON + timedelta(days=30))
    assert expired(a_swap(a_bank()), NOON + 12 * HOUR)
    assert not expired(agreed_by(a_swap(a_bank()), "ben", NOON), NOON + timedelta(days=31))


# leave


def sick(member: str, hours: int = 4) -> Change:
    return leave(
        a_bank(),
        member,
        start=seconds(NOON),
        end=seconds(NOON + hours * HOUR),
        by=member,
        at=NOON,
        reason="sick",
    )


def test_who_is_sick_is_off_in_every_unit() -> None:
    bank = a_bank(sick("ana"))
    for unit in ("cards", "payments", "fraud"):
        duty = bank.on_duty(unit, NOON)
        assert (duty.gap, duty.members) == (True, ("ben",))
    assert not bank.on_duty("cards", NOON + 4 * HOUR).gap


def test_leave_of_the_file_counts_and_an_override_may_put_somebody_on_all_the_same() -> None:
    bank = a_bank()
    away = replace(bank.members["ana"], leave=(Leave(start=0, end=seconds(NOON + HOUR), reason="holiday"),))
    bank = replace(bank, members={**bank.members, "ana": away})
    assert bank.on_duty("cards", NOON).gap
    assert not bank.on_duty("cards", NOON + HOUR).gap
    back = override(
        bank, "cards", start=seconds(NOON), end=seconds(NOON + HOUR), by="ana", at=NOON, add="ana"
    )
    assert people(replace(bank, changes=(back,))) == ("ana",)


def test_leave_of_a_stranger_or_backwards_is_refused() -> None:
    stretch: dict[str, Any] = {"start": seconds(NOON), "end": seconds(NOON) + 1, "by": "ana", "at": NOON}
    assert "leave of zoe: there is no such member" in refused(lambda: leave(a_bank(), "zoe", **stretch))
    assert "mend the two" in refused(lambda: leave(a_bank(), "ana", **(stretch | {"end": 0})))


# taking a shift


def test_who_takes_the_running_shift_has_it_from_now_to_its_end() -> None:
    taken = takeover(a_bank(), "cards", "ben", NOON + HOUR)
    bank = a_bank(taken)
    assert (taken.remove, taken.add, taken.by) == ("ana", "ben", "ben")
    assert [people(bank, at=at) for at in (NOON, NOON + HOUR)] == [("ana",), ("ben",)]
    assert bank.on_duty("cards", NOON + HOUR).until == seconds(datetime(2027, 3, 16, tzinfo=UTC))
    assert people(bank, at=NOON + 12 * HOUR) == ("ana",)


def test_who_works_elsewhere_takes_a_shift_at_the_desk_where_it_runs() -> None:
    bank = a_bank(takeover(a_bank(), "cards", "cy", NOON))
    assert bank.segment("cards", NOON).seats == {("london", "cy")}


def test_who_takes_a_gap_has_it_until_somebody_comes() -> None:
    taken = takeover(a_bank(), "fraud", "cy", NIGHT)
    assert (taken.remove, taken.end) == ("", seconds(datetime(2027, 3, 16, 8, tzinfo=UTC)))
    assert people(a_bank(taken), "fraud", NIGHT) == ("cy",)


def test_a_shift_that_cannot_be_taken_is_refused() -> None:
    bank = a_bank()
    assert "ana is on duty already" in refused(lambda: takeover(bank, "cards", "ana", NOON))
    assert "there is no member 'zoe'" in refused(lambda: takeover(bank, "cards", "zoe", NOON))
    assert "cy is not on duty" in refused(lambda: takeover(bank, "cards", "ben", NOON, instead_of="cy"))
    assert "leave ana out" in refused(lambda: takeover(bank, "fraud", "ben", NIGHT, instead_of="ana"))


# the record


def test_a_change_survives_being_written_and_read() -> None:
    made = (
        an_override(a_bank()),
        agreed_by(a_swap(a_bank()), "ben", NOON),
        withdrawn(sick("ana"), "ana", NOON),
    )
    forced = replace(made[0], forced=True, objections=("nobody from one to two",))
    for change in (*made, forced):
        assert change_from_json(json.loads(json.dumps(change_to_json(change)))) == change


def test_the_same_tap_twice_in_a_second_is_one_change_and_other_taps_are_others() -> None:
    bank = a_bank()
    once, again = an_override(bank), an_override(bank, reason="typed otherwise")
    assert once.change_id == again.change_id
    others = (an_override(bank, at=NOON + timedelta(seconds=1)), an_override(bank, add="cy"), a_swap(bank))
    assert len({once.change_id, *(each.change_id for each in others)}) == 4


def test_what_a_newer_release_added_to_a_change_is_left_out() -> None:
    told = change_to_json(an_override(a_bank()))
    assert change_from_json(told | {"mood": "good"}) == an_override(a_bank())
    older = {name: value for name, value in told.items() if name not in {"agreed_at", "more_objections"}}
    assert change_from_json(older) == an_override(a_bank())


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "standby"},
        {"state": "paused"},
        {"start": "noon"},
        {"end": 10**18},
        {"day": "soon"},
        {"add": None},
        {"agreed": [1]},
        {"objections": 3},
    ],
)
def test_a_change_of_a_kind_that_is_unknown_here_is_bad_input_and_nothing_worse(
    broken: dict[str, Any],
) -> None:
    told = change_to_json(an_override(a_bank()))
    assert "cannot be read" in refused(lambda: change_from_json(told | broken))


@pytest.mark.parametrize("nothing", [[], "x", None, {}])
def test_what_is_no_change_at_all_is_bad_input(nothing: Any) -> None:
    assert "cannot be read" in refused(lambda: change_from_json(nothing))


# when the file has moved on


@pytest.mark.parametrize("kind", ["swap", "takeover"])
def test_whom_a_deployment_removed_is_put_on_nowhere_and_the_plan_holds(kind: str) -> None:
    bank = a_bank()
    cards = bank.units["cards"]
    with_cy = replace(bank, units={**bank.units, "cards": replace(cards, members=("ana", "ben", "cy"))})
    if kind == "swap":
        made = agreed_by(a_swap(with_cy, add="cy"), "cy", NOON - 12 * HOUR)
    else:
        made = takeover(with_cy, "cards", "cy", NOON)
    assert people(replace(with_cy, changes=(made,)), at=NOON + HOUR) == ("cy",)
    members = {name: member for name, member in bank.members.items() if name != "cy"}
    certified = replace(cards, certificates=("psd2",))
    after = replace(bank, members=members, units={**bank.units, "cards": certified}, changes=(made,))
    assert people(after, at=NOON + HOUR) == ("ana",)
    start, end = seconds(NOON), seconds(NOON + timedelta(days=400))
    assert not any("cy" in finding.sentence for finding in prove(after, start, end))
    for text in (
        calendar_of_unit(after, "cards", start, start + 86_400, NOON),
        calendar_of_member(after, "ana", start, start + 86_400, NOON),
    ):
        assert "cy" not in text


def test_a_change_whose_names_are_all_gone_hurts_nobody() -> None:
    made = an_override(a_bank())
    gone = (
        replace(made, change_id="1", remove="zoe"),
        replace(made, change_id="2", remove="zoe", add=""),
        replace(made, change_id="3", desk="paris"),
        replace(made, change_id="4", unit="loans"),
        replace(made, change_id="5", add="zoe", remove="", desk="london"),
        replace(made, change_id="6", kind="leave", unit="", remove="zoe", add=""),
        replace(made, change_id="7", kind="swap", shift="evening", day=MONDAY),
    )
    bank = a_bank(*gone)
    assert people(bank) == ("ben", "ana")  # Ben was put on beside her, and nothing else
    prove(bank, seconds(NOON), seconds(NOON + timedelta(days=30)))
    calendar_of_unit(bank, "cards", seconds(NOON), seconds(NOON + HOUR), NOON)


# how far


@pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31)])
def test_a_swap_in_another_age_is_refused_in_words(day: date) -> None:
    assert "more than 400 days from today" in refused(lambda: a_swap(a_bank(), day=day))


def test_what_is_further_off_than_the_proof_or_has_been_is_refused() -> None:
    far = seconds(NOON + timedelta(days=500))
    assert "more than 400 days ahead" in refused(lambda: an_override(a_bank(), end=far))
    late = seconds(NOON - timedelta(minutes=61))
    assert "so let it begin now, 2027-03-15T12:00Z" in refused(lambda: an_override(a_bank(), start=late))
    assert an_override(a_bank(), start=late + 120).start == late + 120
    asked: dict[str, Any] = {"start": late, "end": seconds(NOON + HOUR), "by": "ana", "at": NOON}
    assert "more than an hour ago" in refused(lambda: leave(a_bank(), "ana", **asked))
    assert "shorten it" in refused(lambda: an_override(a_bank(), reason="x" * 501))


# nobody home


def test_in_a_gap_the_fallback_stands_in_who_is_at_work_first() -> None:
    bank = a_bank()
    london = replace(bank.units["fraud"].rota.desks["london"], members=("ben", "ana"))
    fraud = replace(bank.units["fraud"], rota=replace(bank.units["fraud"].rota, desks={"london": london}))
    duty = replace(bank, units={**bank.units, "fraud": fraud}).on_duty("fraud", NIGHT)
    assert (duty.gap, duty.members, duty.desk) == (True, ("ana", "ben"), "london")
    assert duty.because == "nobody is on duty: fallback desk london stands in"
    assert duty.steps == ("nobody is on shift",)


def test_the_climb_passes_over_who_is_away_and_says_so() -> None:
    def asleep(*members: str) -> Organisation:
        away = [replace(sick(each), start=0, end=seconds(NIGHT + 2 * HOUR)) for each in members]
        return a_bank(*away)

    head = asleep("ben").on_duty("fraud", NIGHT)
    assert head.members == ("dee",)
    assert head.steps == ("nobody is on shift", "fallback desk london: ben away")
    assert head.until == seconds(NIGHT + 2 * HOUR)  # when Ben is back
    assert asleep("ben").on_duty("fraud", NIGHT + 2 * HOUR).members == ("ben",)
    company = asleep("ben", "dee").on_duty("fraud", NIGHT)
    assert (company.members, company.steps[-1]) == (("eli",), "unit head: dee away")
    nobody = asleep("ben", "dee", "eli").on_duty("fraud", NIGHT)
    assert (nobody.members, nobody.person, nobody.gap) == ((), "london", True)
    assert nobody.because == "nobody is on duty: nobody stands in"
    assert nobody.steps[-1] == "company duty: eli away"


def test_a_member_who_is_the_fallback_stands_in_unless_away() -> None:
    bank = a_bank()
    fraud = replace(bank.units["fraud"], rota=replace(bank.units["fraud"].rota, fallback="cy"))
    bank = replace(bank, units={**bank.units, "fraud": fraud})
    assert people(bank, "fraud", NIGHT) == ("cy",)
    away = replace(sick("cy"), end=seconds(NIGHT + HOUR))
    assert people(replace(bank, changes=(away,)), "fraud", NIGHT) == ("dee",)


def test_a_gap_is_told_from_end_to_end_however_long_it_is() -> None:
    bank = a_bank()
    mondays = replace(bank.units["fraud"].rota.shifts[0], days=frozenset({0}))
    fraud = replace(bank.units["fraud"], rota=replace(bank.units["fraud"].rota, shifts=(mondays,)))
    bank = replace(bank, units={**bank.units, "fraud": fraud})
    end, begin = datetime(2027, 3, 15, 16, tzinfo=UTC), datetime(2027, 3, 22, 8, tzinfo=UTC)
    for days in range(7):
        duty = bank.on_duty("fraud", NIGHT + timedelta(days=days) - HOUR * 16 * (days == 6))
        assert (duty.since, duty.until) == (seconds(end), seconds(begin))
    assert bank.staffed_from("fraud", NIGHT) == begin
    assert bank.staffed_from("fraud", NOON) == NOON


# next


def test_the_next_on_duty_are_other_people_not_the_same_people_s_next_day() -> None:
    found = a_bank().next_on_duty("cards", NOON)
    assert found is not None
    at, duty = found
    assert (at, duty.members) == (datetime(2027, 3, 22, tzinfo=UTC), ("ben",))


def test_the_next_on_duty_may_be_a_gap_or_somebody_by_a_change() -> None:
    found = a_bank().next_on_duty("fraud", NOON)
    assert found is not None
    assert (found[0].hour, found[1].gap) == (16, True)
    changed = a_bank(an_override(a_bank(), start=seconds(NOON + HOUR))).next_on_duty("cards", NOON)
    assert changed is not None
    assert (changed[0], changed[1].members) == (NOON + HOUR, ("ben",))


def test_who_never_changes_has_no_next_and_who_never_comes_is_not_waited_for() -> None:
    bank = a_bank()
    cards, fraud = bank.units["cards"], bank.units["fraud"]
    alone = replace(cards.rota, shifts=(replace(cards.rota.shifts[0], rotation=None),))
    never = replace(fraud.rota, shifts=())
    units = {**bank.units, "cards": replace(cards, rota=alone), "fraud": replace(fraud, rota=never)}
    bank = replace(bank, units=units)
    assert bank.next_on_duty("cards", NOON) is None
    assert bank.staffed_from("fraud", NOON) is None
    assert bank.on_duty("fraud", NOON).gap
