"""Changing the rota by hand: what opens a hole is refused with the reason; who is slower proves again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.changes import leave, override, swap, takeover
from allhours.domain.errors import BadInput, Busy
from allhours.domain.notice import notice_to_json
from allhours.domain.own_rota import own_rota
from allhours.domain.proof import prove
from allhours.flows.change_rota import Changed, ChangeRefused, change, recheck
from allhours.flows.wishes import agreement, days_off, wish, withdrawal
from tests.builders import NOON
from tests.case_events import assert_published
from tests.rotas import DAY, FakeGaps, FakeRotaChanges, a_covered_bank, at, certified

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation
    from allhours.flows.change_rota import Proposal

BANK = a_covered_bank()


def changed(
    proposal: Proposal,
    changes: FakeRotaChanges,
    *,
    bank: Organisation = BANK,
    by: str = "ana",
    force: bool = False,
) -> Changed:
    return change(proposal, organisation=bank, changes=changes, prove=prove, by=by, force=force, at=NOON)


def off(name: str, start: int, end: int, add: str = "") -> Proposal:
    return lambda now: override(
        now, "cards", start=start, end=end, remove=name, add=add, by="ana", at=NOON, reason="a party"
    )


def asked(fields: dict[str, str], member: str = "ana", bank: Organisation = BANK) -> Any:
    return wish(fields, organisation=bank, member_id=member, at=NOON)


def on(organisation: Organisation, hour: int, days: int = 0) -> tuple[str, ...]:
    moment = NOON.replace(hour=0) + timedelta(hours=hour, days=days)
    duty = organisation.on_duty("cards", moment)
    return () if duty.gap else duty.members


# The proof


def test_a_change_that_opens_a_gap_is_refused_with_the_hole_and_who_could_fill_it() -> None:
    changes = FakeRotaChanges()
    with pytest.raises(ChangeRefused) as told:
        changed(off("ana", at(14), at(16)), changes)
    assert "cards, 2027-03-15T14:00Z to 2027-03-15T16:00Z: nobody is on duty" in str(told.value)
    assert "could fill it" in str(told.value)
    assert (changes.recorded, changes.known.version, changes.told) == ([], 0, [])


def test_a_forced_change_is_made_and_says_so_on_the_record() -> None:
    changes = FakeRotaChanges()
    done = changed(off("ana", at(14), at(16)), changes, force=True).change
    assert done.forced
    assert "nobody is on duty" in done.objections[0]
    assert changes.known.changes == (done,)
    assert changes.told[0].body["forced"] is True


def test_force_is_not_recorded_where_nothing_stood_against_it() -> None:
    done = changed(off("ana", at(14), at(16), add="cleo"), FakeRotaChanges(), force=True)
    assert (done.change.forced, done.change.objections) == (False, ())
    assert on(done.organisation, 15) == ("cleo",)


def test_two_changes_that_are_each_fine_and_together_open_a_gap_cannot_both_pass() -> None:
    bank = a_covered_bank()
    both = replace(
        bank.units["cards"].rota.shifts[0],
        rotation=replace(bank.units["cards"].rota.shifts[0].rotation, members=("ana", "cleo"), size=2),  # type: ignore[type-var] # has one
    )
    rota = replace(bank.units["cards"].rota, shifts=(both, bank.units["cards"].rota.shifts[1]))
    bank = replace(bank, units={"cards": replace(bank.units["cards"], rota=rota)})
    rival = off("cleo", at(14), at(16))(bank)
    assert changed(off("ana", at(14), at(16)), FakeRotaChanges(), bank=bank).change.state == "in_force"
    with pytest.raises(ChangeRefused, match="nobody is on duty"):
        changed(off("ana", at(14), at(16)), FakeRotaChanges(rival), bank=bank)


def test_a_change_that_others_keep_overtaking_is_busy_and_not_written() -> None:
    rivals = [
        override(BANK, "cards", start=at(9), end=at(10), add="cleo", by=f"r{n}", at=NOON - timedelta(hours=4))
        for n in range(9)
    ]
    changes = FakeRotaChanges(*rivals)
    with pytest.raises(Busy):
        changed(off("ana", at(14), at(16), add="cleo"), changes)
    assert changes.recorded == []


def test_a_write_whose_answer_was_lost_is_not_made_twice() -> None:
    changes = FakeRotaChanges()
    changes.lose_answer = True
    done = changed(lambda now: takeover(now, "cards", "cleo", NOON), changes, by="cleo")
    assert len(changes.recorded) == 1
    assert on(done.organisation, 13) == ("cleo",)
    changes.lose_answer = True
    changed(withdrawal(done.change.change_id, "cleo", NOON), changes, by="cleo")
    assert changes.known.changes == ()


def test_the_same_tap_twice_is_one_change() -> None:
    changes = FakeRotaChanges()
    proposal = off("ana", at(14), at(16), add="cleo")
    made = proposal(BANK)
    first = changed(lambda _: made, changes).change
    assert changed(lambda _: made, changes).change == first
    assert len(changes.recorded) == 1


def test_a_hole_that_was_there_before_is_nobodys_fault_and_one_that_grows_is() -> None:
    changes = FakeRotaChanges()
    changed(off("ana", at(14), at(16)), changes, force=True)
    changed(off("ben", at(22), at(23), add="dee"), changes)
    with pytest.raises(ChangeRefused, match="14:00Z to 2027-03-15T17:00Z: nobody"):
        changed(off("ana", at(16), at(17)), changes)


def test_filling_half_of_a_hole_is_no_offence() -> None:
    changes = FakeRotaChanges()
    changed(off("ana", at(14), at(16)), changes, force=True)
    half = override(
        replace(BANK, changes=changes.known.changes),
        "cards", start=at(14), end=at(15), add="cleo", by="cleo", at=NOON,
    )  # fmt: skip
    assert not changed(lambda _: half, changes, by="cleo").change.forced


def test_who_lacks_the_certificate_is_refused_the_shift() -> None:
    bank = certified(a_covered_bank(), "ana", "ben", "cleo")
    with pytest.raises(ChangeRefused, match="Dee is on duty without psd2"):
        changed(off("ana", at(14), at(16), add="dee"), FakeRotaChanges(), bank=bank)
    done = changed(off("ana", at(14), at(16), add="cleo"), FakeRotaChanges(), bank=bank)
    assert on(done.organisation, 15) == ("cleo",)


def test_who_would_not_rest_is_refused_the_shift() -> None:
    with pytest.raises(ChangeRefused, match="Ben rests"):
        changed(off("ana", at(12, 1), at(16, 1), add="ben"), FakeRotaChanges())


def test_who_would_be_on_two_shifts_at_once_is_refused_the_second() -> None:
    twice = override(BANK, "cards", start=at(13), end=at(14), add="ana", desk="nights", by="ana", at=NOON)
    with pytest.raises(ChangeRefused, match="Ana is on"):
        changed(lambda _: twice, FakeRotaChanges())


# Kinds of change


def a_swap(now: Organisation) -> Any:
    return swap(
        now, "cards", shift="day", day=DAY + timedelta(days=1), remove="ana", add="cleo", by="ana", at=NOON
    )


def test_a_swap_counts_when_both_have_agreed_and_is_proved_then() -> None:
    changes = FakeRotaChanges()
    proposed = changed(a_swap, changes)
    assert (proposed.change.state, proposed.change.agreed) == ("proposed", ("ana",))
    assert on(proposed.organisation, 12, 1) == ("ana",)
    agreed = changed(agreement(proposed.change.change_id, "cleo", NOON), changes, by="cleo")
    assert agreed.change.state == "in_force"
    assert on(agreed.organisation, 12, 1) == ("cleo",)
    assert [by for _, by in changes.recorded] == ["ana", "cleo"]


def test_a_swap_that_has_become_wrong_meanwhile_is_refused_at_the_agreement() -> None:
    changes = FakeRotaChanges()
    proposed = changed(a_swap, changes).change
    changed(lambda now: override(
        now, "cards", start=at(21), end=at(7, 1), remove="ben", add="cleo", desk="nights", by="cleo", at=NOON
    ), changes, by="cleo", force=True)  # fmt: skip
    with pytest.raises(ChangeRefused, match="Cleo rests"):
        changed(agreement(proposed.change_id, "cleo", NOON), changes, by="cleo")
    assert changes.known.changes[0].state == "proposed"


def test_only_the_two_sides_of_a_swap_agree() -> None:
    changes = FakeRotaChanges()
    proposed = changed(a_swap, changes).change
    with pytest.raises(BadInput, match="dee"):
        changed(agreement(proposed.change_id, "dee", NOON), changes, by="dee")


def test_taking_back_a_change_that_fills_a_hole_is_proved_too() -> None:
    changes = FakeRotaChanges()
    changed(lambda now: leave(now, "ana", start=at(14), end=at(16), by="ana", at=NOON), changes, force=True)
    cover = changed(
        lambda now: override(now, "cards", start=at(14), end=at(16), add="cleo", by="cleo", at=NOON), changes
    ).change
    with pytest.raises(ChangeRefused, match="nobody is on duty"):
        changed(withdrawal(cover.change_id, "cleo", NOON), changes, by="cleo")


def test_what_was_taken_back_counts_no_more() -> None:
    changes = FakeRotaChanges()
    done = changed(off("ana", at(14), at(16), add="cleo"), changes).change
    after = changed(withdrawal(done.change_id, "petra", NOON), changes, by="petra")
    assert on(after.organisation, 15) == ("ana",)
    assert after.change.withdrawn_by == "petra"
    with pytest.raises(BadInput, match="no change is called"):
        changed(withdrawal(done.change_id, "petra", NOON), changes, by="petra")


def test_what_is_taken_back_in_its_midst_is_proved_and_told_for_the_rest_of_it() -> None:
    changes, later = FakeRotaChanges(), NOON + timedelta(hours=2)
    changed(
        lambda now: leave(now, "ana", start=at(12), end=at(20, 3), by="ana", at=NOON), changes, force=True
    )
    cover = changed(
        lambda now: override(now, "cards", start=at(12), end=at(20, 3), add="cleo", by="cleo", at=NOON),
        changes,
        by="cleo",
        force=True,
    ).change
    back = withdrawal(cover.change_id, "cleo", later)
    with pytest.raises(ChangeRefused, match="2027-03-18T08:00Z to 2027-03-18T20:00Z: nobody is on duty"):
        change(
            back, organisation=BANK, changes=changes, prove=prove, by="cleo", force=False, at=later
        )  # two days on, too
    gone = change(back, organisation=BANK, changes=changes, prove=prove, by="cleo", force=True, at=later)
    assert (on(gone.organisation, 13), on(gone.organisation, 15)) == (("cleo",), ())
    told = changes.told[-1]
    assert (told.body["state"], told.body["from"]) == ("withdrawn", later.isoformat())
    assert told.body["until"] == "2027-03-18T20:00:00+00:00"
    assert_published(notice_to_json(told))


def test_one_side_alone_does_not_take_back_a_swap_that_both_agreed_to() -> None:
    changes = FakeRotaChanges()
    proposed = changed(a_swap, changes).change
    changed(agreement(proposed.change_id, "cleo", NOON), changes, by="cleo")
    bank, back = (
        replace(BANK, changes=changes.known.changes),
        {"do": "withdraw", "change": proposed.change_id},
    )
    for side in ("ana", "cleo"):
        with pytest.raises(BadInput, match="propose the reverse swap"):
            changed(asked(back, side, bank).proposal, changes, by=side)
        with pytest.raises(BadInput, match="ask the head of the unit"):
            changed(withdrawal(proposed.change_id, side, NOON), changes, by=side)
    assert asked(back, "petra", bank).proposal(bank).state == "withdrawn"
    forced = changed(withdrawal(proposed.change_id, "ana", NOON, force=True), changes).change
    assert (forced.state, forced.forced) == ("withdrawn", True)


def test_both_sides_may_ask_for_the_reverse_of_their_swap() -> None:
    changes = FakeRotaChanges()
    swapped = changed(a_swap, changes).change
    changed(agreement(swapped.change_id, "cleo", NOON), changes, by="cleo")
    bank = replace(BANK, changes=changes.known.changes)
    back = changed(
        asked({"do": "swap_back", "change": swapped.change_id}, "ana", bank).proposal, changes
    ).change
    assert back.agreed == ("ana",)
    done = changed(agreement(back.change_id, "cleo", NOON + timedelta(minutes=2)), changes, by="cleo")
    assert on(done.organisation, 12, 1) == ("ana",)
    assert swapped.change_id in {one.change_id for one in own_rota(bank, "cleo", NOON).changes}


def test_a_head_of_one_unit_insists_on_nothing_in_another() -> None:
    loans = replace(BANK.units["cards"], unit_id="loans", head="dee")
    bank = replace(
        BANK, units={**BANK.units, "loans": replace(loans, rota=replace(loans.rota, unit="loans"))}
    )
    proposed = a_swap(bank)
    bank = replace(bank, changes=(proposed,))
    for do in ("agree", "withdraw", "swap_back"):
        mine = {"do": do, "change": proposed.change_id, "force": "yes"}
        for beside in ({}, {"unit": "loans"}):
            wanted = asked(mine | beside, "dee", bank)
            assert (wanted.may_force, wanted.force) == (False, False)
        assert asked(mine, "petra", bank).force
        assert asked(mine | {"unit": "loans"}, "petra", bank).force
    take = {"do": "take", "unit": "cards", "change": "none", "force": "yes"}
    assert not asked(take, "dee", bank).force
    with pytest.raises(BadInput, match="not yours to withdraw"):
        asked({"do": "withdraw", "change": proposed.change_id, "unit": "loans"}, "dee", bank).proposal(bank)


def test_a_few_of_many_objections_are_kept_and_the_rest_is_counted() -> None:
    changes = FakeRotaChanges()
    done = changed(
        lambda now: leave(now, "ana", start=at(12), end=at(20, 29), by="ana", at=NOON), changes, force=True
    ).change
    assert (len(done.objections), done.more_objections) == (10, 20)
    (told,) = changes.told
    assert len(told.body["objections"]) == 11
    assert told.body["objections"][-1] == "and 20 more"
    assert_published(notice_to_json(told))


def test_a_member_proposes_twenty_swaps_at_a_time_and_old_ones_are_forgotten() -> None:
    changes = FakeRotaChanges()

    def ask(days: int, at: Any = NOON) -> Any:
        day = DAY + timedelta(days=days)
        return change(
            lambda now: swap(
                now, "cards", shift="day", day=day, remove="ana", add="cleo", by="ana", at=at
            ),
            organisation=BANK, changes=changes, prove=prove, by="ana", force=False, at=at,
        )  # fmt: skip

    for days in range(1, 21):
        ask(days)
    with pytest.raises(BadInput, match="ana has proposed 20 swaps that wait for an answer"):
        ask(21)
    changed(lambda now: takeover(now, "cards", "cleo", NOON), changes, by="cleo")
    proposed = changes.known.changes[0].change_id
    later = NOON + timedelta(days=2)
    ask(23, later)
    assert proposed not in {one.change_id for one in changes.known.changes}
    with pytest.raises(BadInput, match="its time is over"):
        change(
            agreement(proposed, "cleo", later),
            organisation=BANK, changes=changes, prove=prove, by="cleo", force=False, at=later,
        )  # fmt: skip


def test_leave_is_told_to_every_unit_without_the_reason() -> None:
    changes = FakeRotaChanges()
    changed(
        lambda now: leave(now, "cleo", start=at(14), end=at(16), by="cleo", at=NOON, reason="sick"), changes
    )
    (told,) = changes.told
    assert (told.event, told.unit, told.accounts) == ("rota.changed", "cards", ("acmecards",))
    assert "sick" not in str(told)


def test_each_state_of_a_change_is_told_once() -> None:
    changes = FakeRotaChanges()
    proposed = changed(a_swap, changes).change
    changed(agreement(proposed.change_id, "cleo", NOON), changes, by="cleo")
    changed(withdrawal(proposed.change_id, "petra", NOON), changes, by="petra")
    ids = [told.notice_id for told in changes.told]
    assert [one.split("#")[2] for one in ids] == ["proposed", "in_force", "withdrawn"]
    assert len(set(ids)) == 3
    for told in changes.told:
        assert_published(notice_to_json(told))


def test_a_hole_that_was_forced_is_on_record_at_once() -> None:
    gaps: Any = FakeGaps()
    done = changed(off("ana", at(14), at(16)), FakeRotaChanges(), force=True)
    assert recheck(done, gaps=gaps, at=NOON)
    assert gaps.found_holes == [("cards", at(14), at(16))]
    gaps.busy = True
    assert not recheck(done, gaps=gaps, at=NOON)


# What members ask for


def test_sick_today_takes_the_night_shift_of_the_evening_too() -> None:
    done = asked({"do": "sick"}, "ben").proposal(BANK)
    assert (done.start, done.end, done.reason) == (int(NOON.timestamp()), at(8, 1), "sick")


def test_leave_from_a_day_leaves_the_night_before_to_be_worked() -> None:
    off_days = days_off(BANK, "ben", DAY + timedelta(days=1), DAY + timedelta(days=2), NOON, reason="leave")
    assert (off_days.start, off_days.end) == (at(8, 1), at(8, 3))


def test_nobody_is_refused_to_be_sick_and_anybody_may_insist_on_leave() -> None:
    assert asked({"do": "sick"}).force
    leave_days = {"do": "leave", "from": "2027-03-16", "until": "2027-03-17"}
    assert (asked(leave_days).force, asked(leave_days).may_force) == (False, True)
    assert asked(leave_days | {"force": "yes"}).force


def test_only_the_head_of_the_unit_may_insist_on_the_rest() -> None:
    take = {"do": "take", "unit": "cards", "force": "yes"}
    assert (asked(take, "cleo").force, asked(take, "petra").force) == (False, True)


def test_nobody_takes_a_shift_of_a_unit_in_which_they_do_not_work() -> None:
    members = {**BANK.members, "zoe": replace(BANK.members["ana"], member_id="zoe", name="Zoe")}
    bank = replace(BANK, members=members)
    take = {"do": "take", "unit": "cards"}
    with pytest.raises(BadInput, match="do not work in unit cards"):
        asked(take, "zoe", bank).proposal(bank)
    assert asked(take, "petra", bank).proposal(bank).add == "petra"


def test_a_colleagues_change_is_not_yours_to_take_back() -> None:
    changes = FakeRotaChanges()
    done = changed(off("ana", at(14), at(16), add="cleo"), changes).change
    bank, back = replace(BANK, changes=changes.known.changes), {"do": "withdraw", "change": done.change_id}
    with pytest.raises(BadInput, match="not yours"):
        asked(back, "dee", bank).proposal(bank)
    assert asked(back, "petra", bank).proposal(bank).state == "withdrawn"


def test_whoever_is_asked_to_swap_may_say_no() -> None:
    changes = FakeRotaChanges()
    proposed = changed(a_swap, changes).change
    bank = replace(BANK, changes=changes.known.changes)
    wanted = asked({"do": "withdraw", "change": proposed.change_id}, "cleo", bank)
    assert changed(wanted.proposal, changes, by="cleo").change.state == "withdrawn"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "do is missing"),
        ({"do": "dance"}, "say take"),
        ({"do": "take"}, "unit is missing"),
        ({"do": "take", "unit": "nowhere"}, "no unit"),
        ({"do": "leave", "from": "soon", "until": "2027-03-16"}, "from is no date"),
        ({"do": "leave", "from": "2027-03-17", "until": "2027-03-16"}, "before it begins"),
        ({"do": "leave", "from": "2027-03-17", "until": "9999-12-31"}, "400 days"),
        ({"do": "leave", "from": "0001-01-01", "until": "2027-03-16"}, "from is more than 400 days"),
        ({"do": "leave", "from": "9999-12-31", "until": "9999-12-31"}, "from is more than 400 days"),
        ({"do": "sick", "until": "0001-01-01"}, "until is more than 400 days"),
        (
            {"do": "swap", "unit": "cards", "shift": "day", "date": "0001-01-01", "with": "cleo"},
            "date is more",
        ),
        (
            {"do": "swap", "unit": "cards", "shift": "day", "date": "9999-12-31", "with": "cleo"},
            "date is more",
        ),
        ({"do": "swap_back"}, "change is missing"),
        ({"do": "agree", "change": "none"}, "no change"),
        ({"do": "swap", "unit": "cards", "shift": "day", "date": "2027-03-16", "with": "zoe"}, "zoe"),
    ],
)
def test_what_makes_no_sense_is_said_in_words(fields: dict[str, str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        asked(fields).proposal(BANK)


def test_the_own_rota_shows_two_weeks_of_shifts_and_what_waits() -> None:
    changes = FakeRotaChanges()
    proposed = changed(a_swap, changes).change
    bank = replace(BANK, changes=changes.known.changes)
    ana, cleo = own_rota(bank, "ana", NOON), own_rota(bank, "cleo", NOON)
    assert (ana.shifts[0].start, ana.shifts[0].end, ana.shifts[0].day) == (at(8), at(20), DAY)
    assert len(ana.shifts) == 15
    assert [duty.members for duty in ana.on_duty] == [("ana",)]
    assert (ana.waiting, ana.changes) == ((), (proposed,))
    assert (cleo.shifts, cleo.waiting) == ((), (proposed,))


def test_a_shift_taken_by_a_change_is_not_offered_for_a_swap() -> None:
    changes = FakeRotaChanges()
    changed(lambda now: takeover(now, "cards", "cleo", NOON), changes, by="cleo")
    (shift,) = own_rota(replace(BANK, changes=changes.known.changes), "cleo", NOON).shifts
    assert (shift.start, shift.end, shift.day) == (at(12), at(20), None)


def test_the_day_of_a_shift_is_that_of_its_desk() -> None:
    assert {shift.day for shift in own_rota(BANK, "ben", NOON).shifts[:2]} == {
        date(2027, 3, 15),
        date(2027, 3, 16),
    }
