"""A case's life: who reopens it, what closes it, and that its clock does not move."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from allhours.domain.case import State, case_from_json, case_key_of, case_to_json, window_kind
from allhours.domain.errors import BadInput
from allhours.domain.routing import Route
from tests.builders import NOON, STRANGER, a_case, an_item

WEEK = timedelta(days=7)
TO_FRAUD = Route(unit="fraud", account="acmesafe", step="rule", reason="rule stolen", priority=1)


@pytest.mark.parametrize(
    "case",
    [
        a_case(),
        a_case(
            state=State.CLOSED, closed_at=NOON, closed_because="answered", reopened=2, generation=3, live=0
        ),
        a_case(author_handle="", author_name="", asked_for=(), account=""),
        a_case(owner="ana", owner_since=NOON, counted_from=NOON, due={"window_7d": NOON}, held=True),
        a_case(owner="desk:london", missed={"first_answer": NOON}),
    ],
)
def test_a_case_comes_out_of_its_row_as_it_went_in(case: object) -> None:
    assert case_from_json(case_to_json(case)) == case  # type: ignore[arg-type]


@pytest.mark.parametrize("broken", [{}, {"state": "open"}, {**case_to_json(a_case()), "state": "asleep"}])
def test_a_row_that_is_no_case_is_bad_input(broken: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        case_from_json(broken)


def test_case_keys_are_stable_short_and_tell_the_network() -> None:
    assert case_key_of("x#1") == case_key_of("x#1") == "x-" + case_key_of("x#1")[2:]
    assert len(case_key_of("mastodon#" + "u" * 500)) < 30


def test_only_its_author_reopens_a_case_and_only_within_the_window() -> None:
    closed = a_case(state=State.CLOSED, closed_at=NOON)
    assert closed.may_reopen("7001", NOON + WEEK, WEEK)
    assert not closed.may_reopen("7001", NOON + WEEK + timedelta(seconds=1), WEEK)
    assert not closed.may_reopen("7002", NOON, WEEK)


def test_nothing_moves_the_clock_of_a_case() -> None:
    case = a_case()
    later = an_item("2", created_at=NOON + timedelta(hours=1))
    for after in (
        case.heard(later),
        case.changed(),
        case.routed(TO_FRAUD),
        case.handed_to("ben", NOON),
        replace(case, due={"resolution": NOON}).told(["resolution"]),
        case.reopened_again(NOON),
        case.without_one(NOON),
        case.author_known("@leela", "Leela"),
    ):
        assert after.opened_at == case.opened_at


def test_priority_only_rises() -> None:
    raised = a_case().routed(TO_FRAUD)
    assert raised.priority == 1
    assert raised.routed(Route(unit="cards", account="a", step="case", reason="", priority=3)).priority == 1


def test_a_stranger_is_counted_as_a_bystander_and_asks_for_nobody() -> None:
    after = a_case().heard(an_item("2", author=STRANGER, addressed=("@acmepay",)))
    assert (after.items, after.bystanders, after.asked_for) == (2, 1, ("@acmecards",))


def test_a_case_closes_when_all_its_posts_are_deleted_and_not_before() -> None:
    two = a_case().heard(an_item("2"))
    one = two.without_one(NOON)
    none = one.without_one(NOON)
    assert (one.state, none.state) == (State.OPEN, State.CLOSED)
    assert none.closed_because == "deleted by its author"
    assert none.without_one(NOON).live == 0


def test_what_is_due_next_is_the_first_promise_or_two_hours_before_a_window_ends() -> None:
    hour = timedelta(hours=1)
    case = a_case(due={"resolution": NOON, "window_24h": NOON + hour})
    assert case.next_due_at == NOON - hour
    assert case.told(["window_24h"]).next_due_at == NOON
    assert case.told(["window_24h", "resolution"]).next_due_at is None


def test_the_same_owner_keeps_a_case_since_they_have_had_it() -> None:
    case = a_case(owner="ana", owner_since=NOON)
    assert case.owned_by("ana", NOON + WEEK).owner_since == NOON
    assert case.owned_by("ben", NOON + WEEK).owner_since == NOON + WEEK


def test_a_closed_case_is_due_nothing() -> None:
    assert a_case(due={"resolution": NOON}).without_one(NOON).next_due_at is None


def test_a_case_kept_small_says_nothing_usual() -> None:
    told = case_to_json(a_case())
    assert not {"due", "missed", "owner", "owner_since", "counted_from", "held"} & told.keys()


def test_windows_are_named_by_their_length() -> None:
    assert [window_kind(timedelta(hours=24)), window_kind(WEEK)] == ["window_24h", "window_7d"]
