"""Deadlines: from the network's time, on the wall or the staffed clock, told once each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.domain.changes import Change
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import Change as Said
from allhours.domain.item import Item, Visibility
from allhours.domain.rota import Desk, Shift
from allhours.domain.router import Router
from allhours.domain.service_level import ServiceLevel, deadlines, staffed_until
from allhours.domain.staffed_clock import StaffedClock
from allhours.flows import deadlines as flow
from allhours.flows.deadlines import tell_deadlines
from tests.builders import NIGHT, NOON, FakeOpenCases, a_case, a_general_item, an_item, an_organisation

if TYPE_CHECKING:
    from allhours.domain.case import Case
    from allhours.domain.decision import Decision
    from allhours.domain.organisation import Organisation

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SAID = NOON - MINUTE  # when Leela's post was said


def a_level(
    priority: int = 3, clock: str = "wall", answer: int = 3600, resolution: int = 28_800
) -> ServiceLevel:
    return ServiceLevel(priority=priority, first_answer=answer, resolution=resolution, clock=clock)  # type: ignore[arg-type]


def promising(organisation: Organisation | None = None, **levels: tuple[ServiceLevel, ...]) -> Organisation:
    bank = organisation or an_organisation()
    units = {name: replace(unit, service_levels=levels.get(name, ())) for name, unit in bank.units.items()}
    return replace(bank, units=units)


BANK = promising(
    cards=(a_level(), a_level(1, answer=900, resolution=0)),
    payments=(a_level(answer=1800, resolution=7200),),
    fraud=(a_level(1, clock="staffed", answer=3600, resolution=36_000),),
)


def decided(item: Item, case: Case | None = None, at: datetime = NOON, **windows: Any) -> Decision:
    known = None
    return Router(BANK, **windows).decide(item, known, case, item.conversation_key, at)


def case_after(item: Item, case: Case | None = None, at: datetime = NOON, **windows: Any) -> Case:
    after = decided(item, case, at, **windows).case
    assert after is not None
    return after


def opened() -> Case:
    return case_after(an_item())


# What is promised


def test_promises_count_from_the_networks_time_however_late_we_hear() -> None:
    late = case_after(an_item(), at=NOON + 5 * HOUR)
    assert late.due == opened().due == {"first_answer": SAID + HOUR, "resolution": SAID + 8 * HOUR}


def test_copies_and_further_posts_move_no_deadline() -> None:
    for item in (an_item("2", created_at=NOON + HOUR), an_item("0", created_at=NOON - 9 * HOUR)):
        assert case_after(item, opened()).due == opened().due
    assert opened().handed_to("ben", NOON).due == opened().due


def test_a_risen_priority_only_brings_deadlines_forward() -> None:
    urgent = case_after(an_item("2", text="I am desperate", created_at=NOON + HOUR), opened())
    assert urgent.priority == 1
    assert urgent.due == {"first_answer": SAID + 15 * MINUTE, "resolution": SAID + 8 * HOUR}
    lax = promising(cards=(a_level(), a_level(1, answer=90_000)))
    after = Router(lax).decide(an_item("2", text="I am desperate"), None, opened(), "x#1", NOON).case
    assert after is not None
    assert after.due["first_answer"] == SAID + HOUR


def test_another_unit_has_promises_of_its_own_from_the_same_instant() -> None:
    moved = case_after(an_item("2", addressed=("@acmepay",), created_at=NOON + HOUR), opened())
    assert (moved.unit, moved.due) == (
        "payments",
        {"first_answer": SAID + HOUR / 2, "resolution": SAID + 2 * HOUR},
    )


@pytest.mark.parametrize(("promised", "after"), [(MINUTE, MINUTE), (HOUR, HOUR / 2)])
def test_another_unit_never_puts_off_the_answer_that_urgency_promised(
    promised: timedelta, after: timedelta
) -> None:
    urgent = replace(opened(), urgent="distress", due={"first_answer": SAID + promised})
    moved = case_after(an_item("2", addressed=("@acmepay",)), urgent)
    assert (moved.unit, moved.due["first_answer"]) == ("payments", SAID + after)
    answered = case_after(an_item("2", addressed=("@acmepay",)), urgent.answered(NOON))
    assert "first_answer" not in answered.due


def test_what_was_missed_is_not_promised_again_by_the_next_unit() -> None:
    missed = opened().told(["first_answer"])
    moved = case_after(an_item("2", addressed=("@acmepay",)), missed)
    assert (list(moved.due), dict(moved.missed)) == (["resolution"], {"first_answer": SAID + HOUR})


def test_a_reopened_case_is_promised_anew_from_the_post_that_reopened_it() -> None:
    closed = opened().told(["first_answer"]).without_one(NOON)
    assert closed.due == {}
    again = an_item("2", created_at=NOON + 9 * HOUR)
    after = case_after(again, closed, at=NOON + 10 * HOUR)
    assert after.due == {"first_answer": NOON + 10 * HOUR, "resolution": NOON + 17 * HOUR}
    assert (after.missed, after.opened_at) == ({}, SAID)
    moved = case_after(an_item("3", addressed=("@acmepay",)), after, at=NOON + 10 * HOUR)
    assert moved.due["resolution"] == NOON + 11 * HOUR


def test_strangers_and_deletions_promise_nothing() -> None:
    gone = decided(an_item(change=Said.DELETED, version=9), opened())
    assert gone.case is None
    stranger = an_item("2", author=replace(an_item().author, author_id="7002"), text="I am desperate")
    assert case_after(stranger, opened()).due == opened().due


def test_a_case_without_a_level_for_its_priority_is_due_nothing() -> None:
    assert case_after(a_general_item(text="hello")).due == {}
    assert case_after(a_general_item(text="hello")).next_due_at is None


# The staffed clock


def test_the_staffed_clock_stands_still_while_nobody_is_on_duty() -> None:
    """Fraud works from eight to four; this is said at half past eleven at night."""
    said = a_general_item(text="stolen", created_at=NIGHT)
    morning = datetime(2027, 3, 16, 8, tzinfo=UTC)
    due = case_after(said, at=NIGHT).due
    assert due == {"first_answer": morning + HOUR, "resolution": morning + 26 * HOUR}


def test_a_shift_that_ends_with_the_promise_keeps_it() -> None:
    clock = StaffedClock(an_organisation())
    eight = datetime(2027, 3, 16, 8, tzinfo=UTC)
    assert staffed_until(clock, "fraud", eight, 8 * 3600) == eight + 8 * HOUR
    assert staffed_until(clock, "fraud", eight, 8 * 3600 + 1) == eight + 24 * HOUR + timedelta(seconds=1)


def test_a_unit_where_nobody_ever_works_promises_nothing_on_the_staffed_clock() -> None:
    bank = an_organisation()
    fraud = bank.units["fraud"]
    empty = replace(bank, units={**bank.units, "fraud": replace(fraud, rota=replace(fraud.rota, shifts=()))})
    levels = (a_level(1, clock="staffed"),)
    assert deadlines(levels, 1, "fraud", NOON, StaffedClock(empty)) == {}


def test_changes_by_hand_count_on_the_staffed_clock() -> None:
    sick = Change(
        change_id="c1",
        kind="leave",
        unit="",
        start=int(NOON.timestamp()),
        end=int((NOON + HOUR).timestamp()),
        by="ana",
        made_at=int(NOON.timestamp()),
        remove="ana",
    )
    clock = StaffedClock(replace(an_organisation(), changes=(sick,)))
    assert staffed_until(clock, "fraud", NOON, 3600) == NOON + 2 * HOUR


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    days=st.sets(st.integers(0, 6), min_size=1),
    start=st.integers(0, 95),
    length=st.integers(8, 96),
    near=st.sampled_from([date(2027, 3, 14), date(2027, 3, 28), date(2027, 10, 31), date(2027, 4, 4)]),
    offset=st.integers(-2000, 2000),
    minutes=st.integers(1, 900),
)
def test_the_staffed_clock_agrees_with_a_walk_minute_by_minute_over_clock_changes(
    *, zone: str, days: set[int], start: int, length: int, near: date, offset: int, minutes: int
) -> None:
    shift = Shift(
        shift_id="day",
        desk="here",
        days=frozenset(days),
        start=start * 15,
        end=(start * 15 + length * 15 - 1) % 1440 + 1,
    )
    bank = an_organisation()
    fraud = bank.units["fraud"]
    desks = {"here": Desk(desk_id="here", zone=zone, members=("ana",))}
    rota = replace(fraud.rota, desks=desks, shifts=(shift,), fallback="here")
    bank = replace(bank, units={**bank.units, "fraud": replace(fraud, rota=rota)})
    said = datetime(near.year, near.month, near.day, tzinfo=UTC) + offset * MINUTE
    at, left = said, minutes
    while left:
        left -= bool(bank.segment("fraud", at).duties)
        at += MINUTE
    assert staffed_until(StaffedClock(bank), "fraud", said, minutes * 60) == at


# The networks' windows

WINDOWS: dict[str, Any] = {"answer_windows": {"x": (timedelta(hours=24), timedelta(days=7))}}


def private(native_id: str = "1", **changes: Any) -> Item:
    return an_item(native_id, visibility=Visibility.PRIVATE, **changes)


def test_a_private_post_opens_the_networks_windows_and_the_next_one_opens_them_again() -> None:
    case = case_after(private(), **WINDOWS)
    assert (case.due["window_24h"], case.due["window_7d"]) == (SAID + 24 * HOUR, SAID + 7 * 24 * HOUR)
    later = case_after(private("2", created_at=NOON + HOUR), case, at=NOON + HOUR, **WINDOWS)
    assert later.due["window_24h"] == NOON + 25 * HOUR
    assert case_after(private("3", created_at=SAID - HOUR), later, **WINDOWS).due == later.due
    assert "window_24h" not in case_after(an_item(), **WINDOWS).due


def test_a_window_that_is_over_when_we_hear_of_it_is_not_told() -> None:
    case = case_after(private(), at=NOON + 30 * HOUR, **WINDOWS)
    assert "window_24h" not in case.due
    assert "window_7d" in case.due


def test_a_move_and_a_risen_priority_leave_the_windows_alone() -> None:
    case = case_after(private(), **WINDOWS)
    for item in (an_item("2", addressed=("@acmepay",)), an_item("2", text="I am desperate")):
        assert case_after(item, case, **WINDOWS).due["window_24h"] == case.due["window_24h"]


# What the clock tells


def a_due_case(name: str = "x-1", **changes: Any) -> Case:
    return a_case(case_id=name, owner="ana", **changes)


def told(cases: FakeOpenCases, at: datetime) -> flow.Told:
    return tell_deadlines(organisation=BANK, cases=cases, at=at)


def of(*cases: Case) -> FakeOpenCases:
    return FakeOpenCases(cases={one.case_id: one for one in cases})


def test_a_broken_promise_is_told_and_paged_once() -> None:
    cases = of(a_due_case(due={"first_answer": NOON, "resolution": NOON + HOUR}))
    assert told(cases, NOON - MINUTE).overdue == 0
    assert [told(cases, NOON).overdue, told(cases, NOON).overdue] == [1, 0]
    [notice], [page] = cases.notices, cases.pages
    assert (notice.event, notice.body["kind"], notice.body["case_version"]) == (
        "case.overdue",
        "first_answer",
        2,
    )
    assert (page.page_id, page.member, page.severity) == ("overdue#x-1#first_answer#0", "ana", "critical")
    assert dict(cases.cases["x-1"].missed) == {"first_answer": NOON}
    assert cases.cases["x-1"].next_due_at == NOON + HOUR


def test_a_broken_resolution_waits_for_the_morning() -> None:
    cases = of(a_due_case(due={"resolution": NOON}))
    told(cases, NOON)
    assert [page.severity for page in cases.pages] == ["warning"]


def test_a_case_that_is_the_desks_pages_who_is_on_duty() -> None:
    cases = of(replace(a_due_case(due={"first_answer": NOON}), owner="desk:london"))
    told(cases, NOON)
    assert cases.pages[0].member == "ana"


def test_a_case_of_somebody_who_is_no_member_any_more_pages_who_is_on_duty() -> None:
    cases = of(replace(a_due_case(due={"resolution": NOON}), owner="zoe"))
    told(cases, NOON)
    assert (cases.pages[0].member, cases.cases["x-1"].owner) == ("ana", "zoe")  # handing over is not our part


def test_a_window_is_told_two_hours_before_it_ends_and_pages_nobody() -> None:
    cases = of(a_due_case(due={"window_24h": NOON + 2 * HOUR}))
    assert told(cases, NOON - MINUTE).due_soon == 0
    assert [told(cases, NOON).due_soon, told(cases, NOON).due_soon] == [1, 0]
    [notice] = cases.notices
    assert (notice.event, notice.body["due_at"]) == ("case.due_soon", "2027-03-15T14:00:00.000+00:00")
    assert cases.pages == []
    assert cases.cases["x-1"].missed == {}


def test_a_case_that_was_reopened_is_overdue_again() -> None:
    cases = of(a_due_case(due={"first_answer": NOON}))
    told(cases, NOON)
    cases.put(replace(cases.cases["x-1"], reopened=1, due={"first_answer": NOON + HOUR}, missed={}))
    told(cases, NOON + HOUR)
    assert len({page.page_id for page in cases.pages}) == 2


def test_a_case_that_a_router_changes_meanwhile_is_due_again_next_minute() -> None:
    cases = of(a_due_case(due={"first_answer": NOON}))
    cases.meanwhile = [lambda: cases.put(replace(cases.cases["x-1"], version=2, items=2))]
    assert told(cases, NOON).overdue == 0
    assert (told(cases, NOON + MINUTE).overdue, cases.cases["x-1"].items) == (1, 2)


def test_more_than_one_tick_tells_is_told_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_DUE", 3)
    cases = of(*(a_due_case(f"x-{n}", due={"first_answer": NOON}) for n in range(5)))
    first, second = told(cases, NOON), told(cases, NOON + MINUTE)
    assert [(one.overdue, one.behind) for one in (first, second)] == [(3, True), (2, False)]


def test_trouble_in_one_unit_does_not_hold_up_the_next() -> None:
    cases = of(
        a_due_case("x-1", due={"first_answer": NOON}),
        replace(a_due_case("x-2", due={"first_answer": NOON}), unit="payments"),
    )
    cases.busy = 1
    done = told(cases, NOON)
    assert done.overdue == 1
    with pytest.raises(Busy, match="deadlines of"):
        done.check()


def test_a_case_that_cannot_be_read_is_reported_each_minute_and_starves_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow, "MOST_DUE", 2)
    cases = of(*(a_due_case(f"x-{n}", due={"first_answer": NOON + n * MINUTE}) for n in range(2)))
    cases.unreadable = {"cards": [BadInput(f"CASE#y-{n} holds no case") for n in range(9)]}
    for minute, overdue in ((0, 1), (1, 1), (2, 0)):
        done = told(cases, NOON + minute * MINUTE)
        assert done.overdue == overdue
        [trouble] = done.troubles
        assert trouble.startswith("deadlines of cards: CASE#y-0 holds no case")
        assert trouble.endswith("and 6 more")


def test_a_case_that_cannot_be_written_does_not_hold_up_the_next_of_its_unit() -> None:
    cases = of(*(a_due_case(f"x-{n}", due={"first_answer": NOON}) for n in range(3)))
    cases.stuck = {"x-0"}
    done = told(cases, NOON)
    assert (done.overdue, done.troubles) == (2, ["deadlines of cards: changing a case: ValidationError"])


def test_when_the_table_turns_all_down_a_tick_leaves_the_unit_to_the_next() -> None:
    cases = of(*(a_due_case(f"x-{n}", due={"first_answer": NOON}) for n in range(30)))
    cases.busy = 30
    assert told(cases, NOON).overdue == 0
    assert cases.busy == 20
