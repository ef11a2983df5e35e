"""Notices: every kind keeps the published schema, says whom it is for, and is told once for its cause."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from allhours.domain import notice
from allhours.domain.notice import Notice, notice_to_json, to_unit
from allhours.domain.plan import Moved, plan_of
from allhours.domain.segments import Handover
from tests.builders import NIGHT, NOON, a_case, an_organisation
from tests.case_events import assert_published
from tests.replies import a_reply

BANK = an_organisation()
CASE = a_case(owner="ana", due={"first_answer": NOON, "window_24h": NOON + timedelta(hours=1)}, version=3)
CHANGE = Handover(
    at=int(NOON.timestamp()), left=frozenset({("london", "ana")}), joined=frozenset({("ny", None)})
)
KINDS = {
    "case.overdue": notice.overdue(BANK, CASE, "first_answer", NOON, NOON),
    "case.due_soon": notice.due_soon(BANK, CASE, "window_24h", NOON, NOON),
    "case.assigned": notice.assigned(BANK, CASE, "", "nobody is not on duty, ana is", NOON),
    "handover": notice.handover(BANK, "cards", CHANGE, [CASE, a_case(priority=1)], CHANGE.at - 60, NOON),
    "case.reply_posted": notice.reply_told(
        BANK, a_reply().claimed("own", NOON).posted("p1", "", NOON), "cards", NOON
    ),
    "case.reply_rejected": notice.reply_told(BANK, a_reply().rejected("blocked"), "cards", NOON),
    "case.reply_needs_human": notice.reply_told(BANK, a_reply().needs_human("look"), "cards", NOON),
    "gap.met": notice.gap_met(BANK, replace(CASE, unit="fraud"), NIGHT),
}


def test_a_plan_that_moved_keeps_the_published_schema_and_names_ten_stretches() -> None:
    start = int(NOON.timestamp())
    before = plan_of(BANK, "cards", start)
    after = replace(before, revision="next", tzdata="2027a")
    ends = [start + hour * 3_600 for hour in range(13)]
    stretches = [Moved(start=a, end=b, was=CHANGE.left, now=CHANGE.joined) for a, b in pairwise(ends)]
    told = notice_to_json(notice.plan_moved(BANK, before, after, stretches, NOON))
    assert (len(told["moved"]), told["more"]) == (10, 2)
    assert_published(json.loads(json.dumps(told)))
    with pytest.raises(AssertionError):
        assert_published(told | {"moved": []})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_notice_keeps_the_published_schema(kind: str) -> None:
    told = json.loads(json.dumps(notice_to_json(KINDS[kind])))
    assert told["event"] == kind
    assert_published(told)


@pytest.mark.parametrize(
    "wrong", [{"case_id": ""}, {"kind": "window_24h"}, {"text": "words"}, {"accounts": None}]
)
def test_the_schema_refuses_what_is_not_promised(wrong: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        assert_published(notice_to_json(KINDS["case.overdue"]) | wrong)


def test_a_notice_of_an_answer_says_where_it_is_and_never_what_it_says() -> None:
    for kind in ("case.reply_posted", "case.reply_rejected", "case.reply_needs_human"):
        assert a_reply().text not in str(KINDS[kind])
    told = notice_to_json(KINDS["case.reply_posted"])
    with pytest.raises(AssertionError):
        assert_published(told | {"reason": "why not"})
    with pytest.raises(AssertionError):
        assert_published({name: value for name, value in told.items() if name != "post_id"})


def test_a_notice_goes_to_all_accounts_of_the_unit_and_to_none_for_operations() -> None:
    assert KINDS["gap.met"].accounts == ("acmesafe",)
    assert to_unit("x", "page.exhausted", BANK, "operations", NOON, {}).accounts == ()


def test_a_gap_is_one_incident_however_long_it_lasts_and_whoever_looks() -> None:
    later = notice.gap_met(BANK, replace(CASE, unit="fraud", case_id="x-2"), NIGHT + timedelta(hours=7))
    assert later.notice_id == KINDS["gap.met"].notice_id
    assert (later.body["from"], later.body["until"]) == (
        "2027-03-15T16:00:00+00:00",
        "2027-03-16T08:00:00+00:00",
    )
    next_night = notice.gap_met(BANK, replace(CASE, unit="fraud"), NIGHT + timedelta(days=1))
    assert next_night.notice_id != later.notice_id


@pytest.mark.parametrize(
    ("once", "again"),
    [
        (KINDS["case.overdue"], notice.overdue(BANK, replace(CASE, reopened=1), "first_answer", NOON, NOON)),
        (KINDS["case.overdue"], notice.overdue(BANK, CASE, "resolution", NOON, NOON)),
        (KINDS["case.due_soon"], notice.due_soon(BANK, CASE, "window_24h", NIGHT, NOON)),
        (KINDS["case.assigned"], notice.assigned(BANK, replace(CASE, version=4), "ana", "why", NOON)),
    ],
)
def test_another_cause_is_another_notice(once: Notice, again: Notice) -> None:
    assert once.notice_id != again.notice_id
