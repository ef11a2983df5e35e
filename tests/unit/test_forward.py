"""Forwarding: a page is marked as sent only after it was, whom it calls is whom its ladder says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain import page
from allhours.domain.errors import AllhoursError, BadInput, Busy
from allhours.domain.escalation import Step
from allhours.domain.organisation import OnDuty, Organisation
from allhours.domain.people import Leave
from allhours.flows.acknowledge import acknowledge
from allhours.flows.escalate import escalate
from allhours.flows.forward import Switchboard, send_pages
from allhours.flows.forward import forward as forwarded
from allhours.flows.reply_ports import Visit
from tests.builders import (
    NIGHT,
    NOON,
    FakeBudgets,
    FakePager,
    FakePages,
    FakeReaches,
    FakeTopic,
    a_case,
    a_switchboard,
    an_organisation,
)
from tests.replies import FakeReplies

if TYPE_CHECKING:
    from allhours.domain.case import Case
    from allhours.flows.cover_ports import Spent
    from allhours.flows.forward import Forwarded

PAGE = page.dead_letter("x @acmecards", "no time", NOON)
LADDER = (
    Step(after=0, notify="on_shift"),
    Step(after=600, notify="member:ben", repeat=300, times=2, alarm=True),
)
BANK = an_organisation(escalation=MappingProxyType(dict.fromkeys(("cards", "fraud", "operations"), LADDER)))
DUTY = OnDuty(unit="cards", desk="london", members=("ana",), because="day", since=0, until=1)


VISIT = Visit(reply_id="r1", case_id="x-1", stamp="r1#1")


def forward(
    events: list[dict[str, str]],
    due: list[str],
    *ready: Visit,
    replies: FakeReplies | None = None,
    **ports: Any,
) -> Forwarded:
    return forwarded(events, due, ready, replies=lambda: replies or FakeReplies(), at=NOON, **ports)


def an_urgent_page(case: Case | None = None) -> page.Page:
    return page.urgent(case or a_case(), DUTY, "rule stolen", NOON)


def on_leave(organisation: Organisation, *members: str) -> Organisation:
    away = Leave(start=0, end=4_000_000_000)
    people = {name: replace(organisation.members[name], leave=(away,)) for name in members}
    return replace(organisation, members={**organisation.members, **people})


def sent(*written: page.Page, organisation: Organisation = BANK) -> tuple[FakePages, FakePager, Switchboard]:
    pages, pager = FakePages(written=list(written)), FakePager()
    desk = a_switchboard(pages, pager, organisation)
    send_pages([one.page_id for one in written], board=desk, at=NOON).check()
    return pages, pager, desk


def test_pages_go_first_and_are_marked_after_they_went() -> None:
    topic, pager, pages = FakeTopic(), FakePager(), FakePages(written=[PAGE])
    desk = a_switchboard(pages, pager)
    done = forward([{"event": "case.opened"}], [PAGE.page_id], topic=topic, board=lambda: desk)
    assert (done.events, done.pages) == (1, 1)
    assert pager.pages == pages.marked == [PAGE]
    assert topic.events == [{"event": "case.opened"}]


def test_a_page_that_did_not_go_is_not_marked() -> None:
    topic, pager, pages = FakeTopic(), FakePager(busy=1), FakePages(written=[PAGE])
    desk = a_switchboard(pages, pager)
    with pytest.raises(Busy):
        forward([{"event": "case.opened"}], [PAGE.page_id], topic=topic, board=lambda: desk)
    assert pages.marked == []
    assert len(topic.events) == 1


def test_nothing_to_forward_publishes_nothing() -> None:
    topic = FakeTopic()
    forward([], [], topic=topic, board=a_switchboard)
    assert topic.events == []


def test_answers_that_are_ready_are_queued_beside_the_events() -> None:
    topic, replies = FakeTopic(), FakeReplies()
    forward([{"event": "e"}], [], VISIT, replies=replies, topic=topic, board=a_switchboard)
    assert replies.visits == [VISIT]
    assert len(topic.events) == 1


def test_a_queue_that_takes_no_answer_brings_all_of_it_again_and_holds_back_no_event() -> None:
    topic = FakeTopic()
    with pytest.raises(Busy):
        forward([{"event": "e"}], [], VISIT, replies=FakeReplies(busy=1), topic=topic, board=a_switchboard)
    assert len(topic.events) == 1


def test_a_page_that_did_not_go_holds_back_no_answer() -> None:
    replies = FakeReplies()
    desk = a_switchboard(FakePages(written=[PAGE]), FakePager(busy=1))
    with pytest.raises(Busy):
        forward([], [PAGE.page_id], VISIT, replies=replies, topic=FakeTopic(), board=lambda: desk)
    assert replies.visits == [VISIT]


def test_a_critical_page_calls_its_first_step_with_a_link_and_climbs() -> None:
    one = an_urgent_page()
    pages, pager, _ = sent(one)
    assert pager.called == ["ana"]
    assert pager.links == [f"https://oncall.test/pages/{one.page_id}/0/ana"]
    assert pages.climb(one.page_id).next_at == NOON + timedelta(minutes=10)
    assert pages.climb(one.page_id).calling == ()


def test_a_warning_is_sent_once_and_asks_for_nothing() -> None:
    pages, pager, desk = sent(PAGE)
    send_pages([PAGE.page_id], board=desk, at=NOON).check()
    assert (pager.called, pager.links) == (["operations"], [""])
    assert pages.rows[PAGE.page_id].climb is None


def test_a_step_that_has_nobody_is_passed_over_in_the_same_second() -> None:
    one = replace(an_urgent_page(), unit="fraud", at=NIGHT)  # nobody is on duty for fraud at night
    pages, pager = FakePages(written=[one]), FakePager()
    send_pages([one.page_id], board=a_switchboard(pages, pager, BANK), at=NIGHT).check()
    assert pager.called == ["ben"]
    (passed,) = pages.climb(one.page_id).passed_over
    assert (passed.step, passed.at, passed.why) == (0, NIGHT, "nobody is on duty")


def test_who_is_called_beside_the_ladder_is_called_once_at_its_beginning_and_on_record() -> None:
    both = replace(an_urgent_page(), also=("ben", "ana"))
    pages, pager, board = sent(both)
    assert pager.called == ["ana", "ben"]
    assert [one.member for one in pages.climb(both.page_id).told] == ["ana", "ben"]
    send_pages([both.page_id], board=board, at=NOON).check()
    assert pager.called == ["ana", "ben"]


def test_without_a_ladder_the_page_calls_its_member_and_who_is_beside() -> None:
    _, pager, _ = sent(replace(an_urgent_page(), also=("ben",)), organisation=an_organisation())
    assert pager.called == ["ana", "ben"]


def test_when_everybody_is_away_who_subscribes_to_the_unit_hears_it_and_the_clock_ends_it() -> None:
    one = an_urgent_page()
    pages, pager, _ = sent(one, organisation=on_leave(BANK, "ana", "ben"))
    assert pager.called == [one.member]
    climb = pages.climb(one.page_id)
    assert (climb.exhausted, climb.next_at) == (False, NOON)
    assert len(climb.passed_over) == 2


def test_a_page_of_a_unit_without_a_ladder_is_sent_once() -> None:
    pages, pager, _ = sent(an_urgent_page(), organisation=an_organisation())
    assert pager.called == ["ana"]
    assert pages.due(NOON + timedelta(days=1)) == []


def test_a_page_that_was_acknowledged_meanwhile_calls_nobody() -> None:
    one = an_urgent_page()
    pages, pager = FakePages(written=[one]), FakePager()
    acknowledge(one.page_id, None, "ben", pages=pages, reaches=FakeReaches(), organisation=BANK, at=NOON)
    send_pages([one.page_id], board=a_switchboard(pages, pager, BANK), at=NOON).check()
    assert pager.called == []


def test_an_acknowledgement_while_it_is_being_sent_is_kept_and_nobody_is_called_twice() -> None:
    one = an_urgent_page()
    pages, pager = FakePages(written=[one]), FakePager()
    reaches = FakeReaches()
    pages.meanwhile.append(
        lambda: acknowledge(one.page_id, 0, "ana", pages=pages, reaches=reaches, organisation=BANK, at=NOON)
    )
    send_pages([one.page_id], board=a_switchboard(pages, pager, BANK), at=NOON).check()
    assert pager.called == ["ana"]
    assert pages.climb(one.page_id).acknowledged_by == "ana"
    assert pages.due(NOON + timedelta(days=1)) == []


BOTH = replace(  # two people at once, then one of them again
    BANK,
    escalation=MappingProxyType(
        {
            "cards": (
                Step(after=0, notify="member:ana"),
                Step(after=0, notify="member:ben"),
                Step(after=600, notify="member:ben", alarm=True),
            )
        }
    ),
)


def an_hour(pages: FakePages, pager: FakePager, *, since: int = 0) -> list[int]:
    """Let the stream, the clock and the sweep run; return the minutes in which a page was exhausted."""
    desk, ends = a_switchboard(pages, pager, BOTH), list[int]()
    for minute in range(since, since + 60):
        at = NOON + timedelta(minutes=minute)
        ends += [minute] * escalate(pages=pages, organisation=BOTH, at=at).exhausted
        send_pages(list(pages.unsent(at + timedelta(seconds=1))), board=desk, at=at)
    return ends


@pytest.mark.parametrize("why", [BadInput("SNS refuses it for good"), Busy("SNS is throttled")], ids=str)
def test_who_can_be_called_is_called_once_and_the_ladder_climbs_to_its_alarm_whatever_sns_does(
    why: AllhoursError,
) -> None:
    one = an_urgent_page()
    pages, pager = FakePages(written=[one]), FakePager(turns_down={"ben": why})
    assert an_hour(pages, pager) == [20]
    assert pager.called == ["ana"]
    assert [notice.event for notice in pages.notices] == ["page.exhausted"]
    assert pages.climb(one.page_id).calling == ("ben",)
    assert pages.marked == []


def test_when_sns_is_back_who_was_not_reached_is_called_and_the_end_of_the_ladder_stays_the_end() -> None:
    one = an_urgent_page()
    pages = FakePages(written=[one])
    pager = FakePager(turns_down=dict.fromkeys(("ana", "ben"), Busy("SNS is down")))
    assert an_hour(pages, pager) == [20]
    pager.turns_down = {}
    assert an_hour(pages, pager, since=60) == []
    assert pager.called == ["ana", "ben"]
    climb = pages.climb(one.page_id)
    assert (climb.exhausted, climb.next_at, climb.calling) == (True, None, ())
    assert [notice.event for notice in pages.notices] == ["page.exhausted"]


@pytest.mark.parametrize("organisation", [BOTH, on_leave(BOTH, "ana", "ben")], ids=["at work", "away"])
def test_a_call_that_fails_again_writes_nothing_that_would_wake_the_stream(
    organisation: Organisation,
) -> None:
    one = an_urgent_page()
    pages, pager = FakePages(written=[one]), FakePager(busy=99)
    desk = a_switchboard(pages, pager, organisation)
    versions = []
    for second in range(5):
        with pytest.raises(Busy, match="sending a page"):
            send_pages([one.page_id], board=desk, at=NOON + timedelta(seconds=second)).check()
        versions.append(pages.rows[one.page_id].version)
    assert versions == [2] * 5


def test_a_page_that_no_other_try_can_send_holds_up_neither_the_next_nor_the_events() -> None:
    topic, pager = FakeTopic(), FakePager()
    pages = FakePages(written=[PAGE], unreadable=["newer"])
    desk = a_switchboard(pages, pager)
    done = forward([{"event": "e"}], ["newer", PAGE.page_id], topic=topic, board=lambda: desk)
    assert (done.events, done.pages, pages.marked) == (1, 1, [PAGE])
    assert done.refused == ("page newer: PAGE#newer: this release cannot read the row",)


def test_a_bug_in_paging_does_not_hold_back_the_events() -> None:
    topic = FakeTopic()

    def desk() -> Switchboard:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        forward([{"event": "e"}], [PAGE.page_id], topic=topic, board=desk)
    assert len(topic.events) == 1


def storm(count: int) -> list[page.Page]:
    return [an_urgent_page(a_case(case_id=f"x-{number}")) for number in range(count)]


def test_a_storm_is_bundled_and_every_page_of_it_climbs() -> None:
    written = storm(9)
    pages, pager, desk = sent(*written)
    assert pager.called == ["ana"] * 5
    assert isinstance(desk.budgets, FakeBudgets)
    assert [one.page_id for one in desk.budgets.budgets["ana"].budget.waiting] == [
        one.page_id for one in written[5:]
    ]
    assert len(list(pages.due(NOON + timedelta(minutes=10)))) == 9


def test_the_first_of_a_kind_goes_out_in_the_midst_of_a_storm() -> None:
    other = page.nobody_on_duty(a_case(), DUTY, NOON)
    _, pager, _ = sent(*storm(9), other)
    assert pager.pages[-1] == other


def test_a_page_whose_row_could_not_be_marked_is_counted_once() -> None:
    written = storm(1)
    pages, pager = FakePages(written=written), FakePager()
    desk = a_switchboard(pages, pager, BANK)
    pages.save = lambda *_, **__: False  # type: ignore[method-assign]
    for _ in range(9):
        with pytest.raises(Busy):
            send_pages([written[0].page_id], board=desk, at=NOON).check()
    assert pager.called == ["ana"] * 9
    assert isinstance(desk.budgets, FakeBudgets)
    assert len(desk.budgets.budgets["ana"].budget.counted) == 1


@pytest.mark.parametrize("why", [Busy("throttled"), BadInput("BUDGET#ana: of another release")], ids=str)
def test_a_budget_that_cannot_be_had_holds_up_no_page(why: AllhoursError) -> None:
    def load(member: str) -> Spent:
        raise type(why)(f"the budget of {member}: {why}")

    one = an_urgent_page()
    pages, pager = FakePages(written=[one]), FakePager()
    desk = a_switchboard(pages, pager, BANK)
    desk.budgets.load = load  # type: ignore[method-assign]
    send_pages([one.page_id], board=desk, at=NOON).check()
    assert pager.called == ["ana"]
