"""The ladder: somebody is called until somebody answers, and the end of it is never silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain import page
from allhours.domain.changes import Change
from allhours.domain.errors import Busy
from allhours.domain.escalation import (
    Climb,
    Step,
    away,
    begun,
    climb_from_json,
    climb_to_json,
    climbed,
    ladder,
)
from allhours.domain.organisation import OnDuty, Organisation
from allhours.domain.people import Leave, Member
from allhours.flows.acknowledge import acknowledge, release
from allhours.flows.escalate import MOST_DUE, escalate
from allhours.flows.forward import send_pages
from tests.builders import (
    NIGHT,
    NOON,
    FakePager,
    FakePages,
    FakeReaches,
    a_case,
    a_switchboard,
    an_organisation,
)

MINUTE = timedelta(minutes=1)
LADDER = (
    Step(after=0, notify="on_shift"),
    Step(after=600, notify="member:ben"),
    Step(after=1800, notify="member:cy", repeat=600, times=3, alarm=True),
)
BANK = an_organisation()
BANK = replace(
    BANK,
    members={**BANK.members, "cy": Member(member_id="cy", name="Cy", zone="UTC")},
    escalation=MappingProxyType({"cards": LADDER, "fraud": LADDER, "operations": LADDER[2:]}),
)
DUTY = OnDuty(unit="cards", desk="london", members=("ana",), because="day", since=0, until=1)
PAGE = page.urgent(a_case(), DUTY, "rule stolen", NOON)


def on_leave(*members: str, bank: Organisation = BANK) -> Organisation:
    leave = Leave(start=int(NOON.timestamp()) - 86_400, end=int(NOON.timestamp()) + 900_000)
    people = {name: replace(bank.members[name], leave=(leave,)) for name in members}
    return replace(bank, members={**bank.members, **people})


def calls(
    bank: Organisation, unit: str = "cards", *, steps: tuple[Step, ...] = LADDER, at: datetime = NOON
) -> list[tuple[int, str]]:
    """Let a page climb to its end, with a tick each minute; return (minute, who is called)."""
    climb, told = begun(steps, at), list[tuple[int, str]]()
    for minute in range(600):
        climb, people = climbed(climb, steps, bank, unit, at + minute * MINUTE)
        told += [(minute, one) for one in people]
        if climb.next_at is None:
            return [*told, (minute, "exhausted")]
    pytest.fail("the ladder has no end")


def test_a_page_climbs_step_by_step_and_its_last_step_repeats_until_it_is_exhausted() -> None:
    assert calls(BANK) == [
        (0, "ana"),
        (10, "ben"),
        (30, "cy"),
        (40, "cy"),
        (50, "cy"),
        (60, "exhausted"),
    ]


def test_an_empty_first_step_moves_to_the_next_in_the_same_second_and_the_spacing_stays() -> None:
    assert calls(BANK, "fraud", at=NIGHT)[:2] == [(0, "ben"), (20, "cy")]


def test_steps_of_members_who_are_away_are_passed_over_and_it_says_why() -> None:
    climb, people = climbed(begun(LADDER, NOON), LADDER, on_leave("ana", "ben"), "fraud", NIGHT)
    assert people == ("cy",)
    assert [(one.step, one.why) for one in climb.passed_over] == [(0, "nobody is on duty"), (1, "ben away")]


def test_a_ladder_with_nobody_at_all_ends_in_the_alarm_in_the_same_second() -> None:
    climb, people = climbed(begun(LADDER, NOON), LADDER, on_leave("ana", "ben", "cy"), "fraud", NOON)
    assert people == ()
    assert climb.exhausted


def test_who_reported_sick_is_not_called() -> None:
    sick = Change(
        change_id="c1",
        kind="leave",
        unit="",
        start=int(NOON.timestamp()),
        end=int(NOON.timestamp()) + 60,
        by="ben",
        made_at=0,
        remove="ben",
    )
    assert away(replace(BANK, changes=(sick,)), "ben", NOON)
    assert not away(replace(BANK, changes=(replace(sick, state="withdrawn"),)), "ben", NOON)
    assert not away(replace(BANK, changes=(sick,)), "ben", NOON + MINUTE)


def test_a_step_in_the_middle_repeats_until_the_next_begins() -> None:
    steps = (Step(after=0, notify="member:ben", repeat=240, times=9), Step(after=600, notify="member:cy"))
    assert calls(BANK, steps=steps) == [(0, "ben"), (4, "ben"), (8, "ben"), (10, "cy"), (20, "exhausted")]


def test_after_a_long_outage_every_step_that_is_due_is_made_at_once_and_nobody_is_called_twice() -> None:
    climb, _ = climbed(begun(LADDER, NOON), LADDER, BANK, "cards", NOON)
    late = NOON + timedelta(hours=5)
    climb, people = climbed(climb, LADDER, BANK, "cards", late)
    assert people == ("ben", "cy")
    assert climb.next_at == late + timedelta(minutes=10)


def test_a_desk_calls_its_people() -> None:
    assert calls(BANK, steps=(Step(after=0, notify="desk:london"),))[0] == (0, "ben")
    assert calls(BANK, steps=(Step(after=0, notify="desk:paris"),)) == [(0, "exhausted")]


def test_a_unit_without_steps_climbs_those_of_operations() -> None:
    assert ladder(BANK, "payments") == LADDER[2:]
    assert ladder(an_organisation(), "payments") == ()


members = st.sampled_from(("ana", "ben", "cy"))
steps_strategy = st.lists(
    st.builds(
        Step,
        after=st.integers(0, 3600),
        notify=st.one_of(members.map("member:{}".format), st.sampled_from(("on_shift", "desk:london"))),
        repeat=st.sampled_from((0, 60, 300, 600)),
        times=st.integers(1, 4),
    ),
    min_size=1,
    max_size=5,
).map(lambda steps: tuple(sorted(steps, key=lambda step: step.after)))
ticks = st.lists(st.integers(0, 5000), max_size=30)


units, backs = st.sampled_from(("cards", "fraud")), st.sampled_from(("", "handed back"))


@given(steps_strategy, st.sets(members), ticks, units, backs)
def test_until_it_is_acknowledged_a_page_has_a_next_step_or_is_exhausted(
    steps: tuple[Step, ...], gone: set[str], waits: list[int], unit: str, back: str
) -> None:
    bank, at = on_leave(*gone), NIGHT
    climb = begun(steps, at)
    for wait in waits:
        at += timedelta(seconds=wait)
        was = climb
        climb, people = climbed(climb, steps, bank, unit, at)
        assert (climb.next_at is None) == climb.exhausted
        assert climb.next_at is None or climb.next_at > at
        assert len(people) == len(set(people))
        assert not set(people) & gone
        assert climbed(climb, steps, bank, unit, at) == (climb, ())  # a doubled tick
        assert climb_from_json(json.loads(json.dumps(climb_to_json(climb)))) == climb
        if not was.is_due(at):
            assert (climb, people) == (was, ())
        if climb.exhausted and back:
            climb = climb.acknowledged("ana", at).handed_back(at)
            assert climb.is_due(at)


@given(steps_strategy, st.sets(members), st.sampled_from((NOON, NIGHT)))
def test_somebody_is_called_in_the_second_in_which_it_begins_if_anybody_in_the_chain_can_be(
    steps: tuple[Step, ...], gone: set[str], at: datetime
) -> None:
    bank = on_leave(*gone)
    steps = (replace(steps[0], after=0), *steps[1:])
    climb, people = climbed(begun(steps, at), steps, bank, "fraud", at)
    could = {
        one
        for step in steps
        for one in climbed(begun((replace(step, after=0),), at), (step,), bank, "fraud", at)[1]
    }
    assert bool(people) == bool(could)
    assert climb.exhausted == (not could)


@given(steps_strategy, ticks)
def test_who_has_acknowledged_ends_it_and_a_page_that_is_handed_back_begins_anew(
    steps: tuple[Step, ...], waits: list[int]
) -> None:
    climb, _ = climbed(begun(steps, NOON), steps, BANK, "cards", NOON)
    climb, at = climb.acknowledged("ben", NOON), NOON
    for wait in waits:
        at += timedelta(seconds=wait)
        assert climbed(climb, steps, BANK, "cards", at) == (climb, ())
    again = climb.handed_back(at)
    after, people = climbed(again, steps, BANK, "cards", at)
    assert people
    assert (after.released, after.acknowledged_by, after.started_at) == (1, "", at)


# The flows around it


def climbing() -> tuple[FakePages, FakePager]:
    pages, pager = FakePages(written=[PAGE]), FakePager()
    send_pages([PAGE.page_id], board=a_switchboard(pages, pager, BANK), at=NOON).check()
    return pages, pager


def tick(pages: FakePages, at: datetime) -> tuple[int, int]:
    done = escalate(pages=pages, organisation=BANK, at=at)
    done.check()
    return done.climbed, done.exhausted


def test_the_clock_puts_who_is_next_before_forward_and_a_doubled_tick_changes_nothing() -> None:
    pages, pager = climbing()
    at = NOON + 10 * MINUTE
    assert tick(pages, at) == (1, 0)
    assert tick(pages, at) == (0, 0)
    assert pages.rows[PAGE.page_id].waiting
    send_pages([PAGE.page_id], board=a_switchboard(pages, pager, BANK), at=at).check()
    assert pager.called == ["ana", "ben"]
    assert not pages.rows[PAGE.page_id].waiting


def test_a_step_that_forward_has_not_sent_yet_is_sent_with_the_next() -> None:
    pages, pager = climbing()
    tick(pages, NOON + 10 * MINUTE)
    tick(pages, NOON + 30 * MINUTE)
    send_pages([PAGE.page_id], board=a_switchboard(pages, pager, BANK), at=NOON + 30 * MINUTE).check()
    assert pager.called == ["ana", "ben", "cy"]


def test_the_end_of_the_ladder_is_told_and_counted_once_and_the_page_can_still_be_taken() -> None:
    pages, _ = climbing()
    counted = [tick(pages, NOON + minute * MINUTE)[1] for minute in range(120)]
    assert sum(counted) == 1
    assert [one.event for one in pages.notices] == ["page.exhausted"]
    done = acknowledge(
        PAGE.page_id, 0, "ana", pages=pages, reaches=FakeReaches(), organisation=BANK, at=NOON + 200 * MINUTE
    )
    assert done.outcome == "acknowledged"


def test_the_clock_leaves_a_page_alone_that_was_acknowledged_meanwhile() -> None:
    pages, _ = climbing()
    reaches = FakeReaches()
    pages.meanwhile.append(
        lambda: acknowledge(PAGE.page_id, 0, "ana", pages=pages, reaches=reaches, organisation=BANK, at=NOON)
    )
    assert tick(pages, NOON + 10 * MINUTE) == (0, 0)
    assert not pages.rows[PAGE.page_id].waiting


def test_a_page_that_cannot_be_looked_at_does_not_hold_up_the_others() -> None:
    pages, _ = climbing()
    pages.due = lambda _: ["broken", PAGE.page_id]  # type: ignore[method-assign, assignment]
    whole = pages.load

    def load(page_id: str) -> object:
        if page_id == "broken":
            raise Busy("reading a page")
        return whole(page_id)

    pages.load = load  # type: ignore[method-assign, assignment]
    done = escalate(pages=pages, organisation=BANK, at=NOON + 10 * MINUTE)
    assert done.climbed == 1
    with pytest.raises(Busy, match="page broken"):
        done.check()


def test_a_tick_makes_the_steps_of_so_many_pages_and_the_next_tick_goes_on() -> None:
    written = [page.urgent(a_case(case_id=f"x-{number}"), DUTY, "r", NOON) for number in range(MOST_DUE + 7)]
    pages = FakePages(written=written)
    send_pages(
        [one.page_id for one in written], board=a_switchboard(pages, organisation=BANK), at=NOON
    ).check()
    at = NOON + 10 * MINUTE
    assert [tick(pages, at)[0] for _ in range(3)] == [MOST_DUE, 7, 0]
    assert all(len(pages.climb(one.page_id).told) == 2 for one in written)


def test_pages_that_this_release_cannot_read_are_told_and_take_nobodys_place() -> None:
    pages, _ = climbing()
    pages.unreadable = [f"newer-{number}" for number in range(MOST_DUE)]
    done = escalate(pages=pages, organisation=BANK, at=NOON + 10 * MINUTE)
    assert (done.climbed, len(done.troubles)) == (1, MOST_DUE)
    with pytest.raises(Busy, match="page newer-0: PAGE#newer-0"):
        done.check()


def test_a_page_that_is_handed_back_climbs_again_at_once_with_new_links() -> None:
    pages, pager = climbing()
    acknowledge(PAGE.page_id, 0, "ana", pages=pages, reaches=FakeReaches(), organisation=BANK, at=NOON)
    release(PAGE.page_id, 0, "ana", pages=pages, organisation=BANK, at=NOON + MINUTE)
    send_pages([PAGE.page_id], board=a_switchboard(pages, pager, BANK), at=NOON + MINUTE).check()
    assert pager.called == ["ana", "ana"]
    assert [link.rsplit("/", 2)[1] for link in pager.links] == ["0", "1"]
    assert pages.climb(PAGE.page_id).next_at == NOON + 11 * MINUTE


def test_a_climb_that_was_begun_by_hand_is_written_as_it_is_read() -> None:
    climb = Climb(started_at=NOON, next_at=None, calling=("ana",)).acknowledged("ana", NOON)
    assert climb_from_json(json.loads(json.dumps(climb_to_json(climb)))) == climb
