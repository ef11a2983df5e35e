"""A storm is bundled: nobody drowns, the first of a kind never waits, and nothing is dropped."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from allhours.domain import page
from allhours.domain.budget import HOUR, LIMITS, MOST_NAMED, Budget, Call, budget_from_json, budget_to_json
from allhours.flows.escalate import send_bundles
from allhours.flows.forward import send_pages
from tests.builders import NOON, FakeBudgets, FakePager, FakePages, a_switchboard

MINUTE = timedelta(minutes=1)


def a_call(number: int, kind: str = "urgent#cards") -> Call:
    return Call(
        call_id=f"c{number}", page_id=f"p{number}", kind=kind, sentence=f"Urgent case {number} for cards"
    )


def after(count: int, at: datetime = NOON) -> Budget:
    budget = Budget()
    for number in range(count):
        budget, _ = budget.asked(a_call(number), at)
    return budget


def test_five_in_a_quarter_of_an_hour_go_out_and_the_sixth_waits() -> None:
    budget = after(6)
    assert len(budget.counted) == 5
    assert [one.page_id for one in budget.waiting] == ["p5"]
    assert budget.frees_at == NOON + 15 * MINUTE


def test_eleven_go_out_in_an_hour() -> None:
    budget, gone = Budget(), 0
    for minute in range(60):
        budget, goes = budget.asked(a_call(minute), NOON + minute * MINUTE)
        gone += goes
        if budget.frees_at and budget.frees_at <= NOON + minute * MINUTE:
            budget = budget.bundled(f"b{minute}", NOON + minute * MINUTE)
            gone += 1
    assert gone == 11


def test_the_first_of_a_kind_goes_out_at_once_however_many_went_before() -> None:
    budget, goes = after(9).asked(a_call(99, "nobody_on_duty#cards"), NOON)
    assert goes
    assert not budget.asked(a_call(100, "nobody_on_duty#cards"), NOON)[1]
    assert budget.asked(a_call(100, "urgent#fraud"), NOON)[1]


def test_what_waits_goes_before_what_comes_later() -> None:
    budget = after(6)
    assert not budget.asked(a_call(7), NOON + 16 * MINUTE)[1]


def test_a_bundle_waits_an_hour_at_most_even_while_firsts_of_a_kind_keep_coming() -> None:
    budget = after(6)
    for minute in range(1, 60):
        budget, goes = budget.asked(a_call(minute + 10, f"kind#{minute}"), NOON + minute * MINUTE)
        assert goes
    assert budget.frees_at == NOON + HOUR


def test_a_row_stays_small_in_any_storm_and_counts_what_it_does_not_name() -> None:
    budget = after(5 + MOST_NAMED + 1000)
    assert len(budget.waiting) == MOST_NAMED
    assert budget.more == 1000
    assert len(json.dumps(budget_to_json(budget))) < 100_000
    assert f"{MOST_NAMED + 1000} MORE PAGES" in page.bundle("ana", budget, NOON).sms


asked = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from(("a#x", "b#x", "c#y")), st.integers(0, 40)), max_size=80
)


@given(asked)
def test_nothing_is_dropped_and_nobody_gets_more_than_the_limits_but_firsts(
    calls: list[tuple[int, str, int]],
) -> None:
    budget, at = Budget(), NOON
    out, given_out = set[str](), set[str]()
    firsts, sent = set[str](), list[datetime]()
    for wait, kind, number in calls:
        at += timedelta(seconds=wait)
        if budget.frees_at and budget.frees_at <= at:
            out |= {one.call_id for one in budget.waiting}
            budget = budget.bundled(f"b{at}", at)
            sent.append(at)
        call = a_call(number, kind)
        seen = {one.call_id for one in budget.counted} | {one.call_id for one in budget.waiting}
        recent = [one for one in budget.counted if one.at > at - HOUR]
        first = all(one.kind != kind for one in recent) and call.call_id not in seen
        before = budget
        budget, goes = budget.asked(call, at)
        given_out.add(call.call_id)
        if goes:
            out.add(call.call_id)
        if call.call_id in seen:
            assert budget == before
        elif first:
            assert goes
            firsts.add(call.call_id)
        elif goes:
            for window, most in LIMITS:
                assert sum(one.at > at - window for one in budget.counted) <= most
        assert out | {one.call_id for one in budget.waiting} == given_out
        assert (budget.frees_at is None) == (not budget.waiting)
        assert budget_from_json(json.loads(json.dumps(budget_to_json(budget)))) == budget


def test_a_bundle_is_one_page_that_names_all_and_whose_link_takes_them() -> None:
    pages, pager = FakePages(), FakePager()
    desk = a_switchboard(pages, pager)
    budgets = desk.budgets
    assert isinstance(budgets, FakeBudgets)
    urgent = [
        page.Page(
            page_id=f"p{number}",
            why=page.Why.URGENT,
            severity="critical",
            unit="cards",
            member="ana",
            sms="URGENT: x. y",
            subject=f"Urgent {number}",
            story="s",
            at=NOON,
        )
        for number in range(8)
    ]
    pages.written += urgent
    send_pages([one.page_id for one in urgent], board=desk, at=NOON).check()
    assert send_bundles(budgets=budgets, at=NOON + 14 * MINUTE).count == 0
    assert send_bundles(budgets=budgets, at=NOON + 15 * MINUTE).count == 1
    assert send_bundles(budgets=budgets, at=NOON + 15 * MINUTE).count == 0
    bundle = pages.written[-1]
    assert bundle.about == ("p5", "p6", "p7")
    assert all(one.subject in bundle.story for one in urgent[5:])
    send_pages([bundle.page_id], board=desk, at=NOON + 15 * MINUTE).check()
    assert (pager.called[-1], pager.links[-1]) == ("ana", f"https://oncall.test/pages/{bundle.page_id}/0/ana")
    assert len(pager.pages) == 6
