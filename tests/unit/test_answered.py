"""The first answer: what it settles, who said so, and that nobody says it for a case that does not wait."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.case import State, case_from_json, case_to_json
from allhours.domain.errors import BadInput, Busy
from allhours.domain.notice import notice_to_json
from allhours.domain.routing import Route
from allhours.flows.answered import answered
from tests.builders import NOON, FakeOpenCases, a_case, an_organisation
from tests.case_events import assert_published

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from allhours.domain.case import Case

MINUTE = timedelta(minutes=1)
PROMISED = {"first_answer": NOON + 30 * MINUTE, "resolution": NOON + 90 * MINUTE}
WAITING = a_case(owner="ana", due=PROMISED)
BANK = an_organisation()


@dataclass(kw_only=True)
class Desk(FakeOpenCases):
    """Open cases, and every case by its id; `before` runs before one is looked up, as a router would."""

    before: list[Callable[[], object]] = field(default_factory=list)

    def case(self, case_id: str) -> Case | None:
        found = self.cases.get(case_id)
        if self.before:
            self.before.pop(0)()
        return found


def a_desk(case: Case = WAITING) -> Desk:
    desk = Desk()
    desk.put(case)
    return desk


def say(
    desk: Desk,
    answered_at: datetime = NOON,
    *,
    by: str = "ana",
    case_id: str = WAITING.case_id,
    at: datetime = NOON + 60 * MINUTE,
) -> Case:
    return answered(case_id, by=by, answered_at=answered_at, organisation=BANK, kept=desk, cases=desk, at=at)


def test_an_answer_in_time_settles_the_promise_and_the_unit_is_told_whose_word_it_is() -> None:
    desk = a_desk()
    case = say(desk)
    assert desk.cases[case.case_id] == case
    assert (case.answered_at, case.missed) == (NOON, {})
    assert case.due == {"resolution": PROMISED["resolution"]}
    (told,) = desk.notices
    body = notice_to_json(told)
    assert_published(body)
    assert (body["event"], body["by"], body["late"], body["waited"]) == ("case.answered", "ana", False, 60)


def test_a_late_answer_is_a_broken_promise_though_the_clock_has_not_said_so_yet() -> None:
    desk = a_desk()
    case = say(desk, NOON + 31 * MINUTE)
    assert case.missed == {"first_answer": PROMISED["first_answer"]}
    assert notice_to_json(desk.notices[0])["late"] is True


def test_an_answer_that_was_told_late_and_given_in_time_breaks_no_promise() -> None:
    case = say(a_desk(WAITING.told(["first_answer"])), NOON + 29 * MINUTE)
    assert (case.missed, "first_answer" in case.due) == ({}, False)


def test_said_again_it_changes_nothing_and_nobody_is_told_twice() -> None:
    desk = a_desk()
    first = say(desk)
    assert say(desk, NOON + MINUTE, by="ben") == first
    assert len(desk.notices) == 1


def test_what_became_urgent_after_the_first_answer_is_answered_too_and_the_first_one_stays_first() -> None:
    desk = a_desk()
    again = say(desk).to_be_answered_by(NOON + 50 * MINUTE)
    desk.put(again)
    case = say(desk, NOON + 40 * MINUTE)
    assert (case.answered_at, "first_answer" in case.due) == (NOON, False)
    assert len(desk.notices) == 2


def test_a_unit_that_gets_an_answered_case_promises_no_first_answer() -> None:
    case = WAITING.answered(NOON).routed(
        Route(unit="fraud", account="acmesafe", step="rule", reason="rule x")
    )
    moved = case.promised(PROMISED, moved=True)
    assert moved.due == {"resolution": PROMISED["resolution"]}


def test_who_comes_back_waits_for_an_answer_again() -> None:
    back = WAITING.answered(NOON).reopened_again(NOON + 60 * MINUTE)
    assert back.answered_at is None
    assert "first_answer" in back.promised(PROMISED, moved=True).due


def test_an_answer_survives_the_row() -> None:
    case = replace(WAITING.answered(NOON), alike="0f" * 8, language="en", audience=0)
    assert case_from_json(case_to_json(case)) == case
    assert not {"answered_at", "alike", "language", "audience"} & case_to_json(WAITING).keys()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"by": "zoe"}, "no such member"),
        ({"case_id": "x-none"}, "on record"),
        ({"answered_at": NOON + 61 * MINUTE}, "yet to come"),
        ({"answered_at": NOON - 2 * MINUTE}, "cannot have been answered before"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(asked: Mapping[str, object], told: str) -> None:
    desk = a_desk()
    with pytest.raises(BadInput, match=told):
        say(desk, **asked)  # type: ignore[arg-type]
    assert (desk.cases[WAITING.case_id], desk.notices) == (WAITING, [])


def test_nobody_waits_in_a_closed_case() -> None:
    gone = replace(WAITING, state=State.CLOSED, closed_at=NOON, closed_because="deleted by its author")
    with pytest.raises(BadInput, match="deleted by its author"):
        say(a_desk(gone))


def test_a_post_that_comes_meanwhile_is_not_lost() -> None:
    desk = a_desk()
    desk.before.append(lambda: desk.put(replace(WAITING, items=2, version=WAITING.version + 1)))
    assert (say(desk).items, len(desk.notices)) == (2, 1)


def test_a_case_that_changes_all_the_time_is_left_for_later() -> None:
    desk = a_desk()
    desk.before.extend(
        [lambda n=n: desk.put(replace(WAITING, version=n)) for n in range(2, 9)]  # type: ignore[misc]
    )
    with pytest.raises(Busy, match="changed 4 times"):
        say(desk)
