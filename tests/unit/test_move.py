"""A case that a member hands to another unit: owner, promises, event, label, pages; once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import BadInput, Busy
from allhours.domain.event import case_event
from allhours.domain.item import Change, item_to_json
from allhours.domain.moving import Label, Move, label_from_json, label_to_json
from allhours.domain.page import Why
from allhours.domain.recorded import Recorded
from allhours.domain.router import Router
from allhours.domain.service_level import ServiceLevel
from allhours.flows.move import TRIES, examples, move
from tests.builders import (
    NIGHT,
    NOON,
    STRANGER,
    FakeRecords,
    a_general_item,
    an_item,
    an_organisation,
)
from tests.case_events import assert_published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.item import Item

LEVELS = (
    ServiceLevel(priority=1, first_answer=900, resolution=3600, clock="wall"),
    ServiceLevel(priority=3, first_answer=7200, resolution=36_000, clock="wall"),
)
BANK = an_organisation()
BANK = replace(
    BANK,
    units={
        **BANK.units,
        "payments": replace(BANK.units["payments"], service_levels=LEVELS),
        "fraud": replace(BANK.units["fraud"], service_levels=LEVELS, topics=("fraud_security",)),
    },
)


@dataclass
class FakeMoves:
    """Cases with their rows; `meanwhile` runs before a save, as somebody else."""

    records: FakeRecords = field(default_factory=FakeRecords)
    moves: list[Move] = field(default_factory=list)
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    busy: bool = False

    def hear(self, *items: Item, at: datetime = NOON) -> Case:
        for item in items:
            known = self.records.known.get(item.key)
            case = self.records.cases.get(item.conversation_key)
            assert self.records.commit(
                Router(BANK).decide(item, known, case, item.conversation_key, at), at=at
            )
        return self.records.cases[items[0].conversation_key]

    def case(self, case_id: str) -> Case | None:
        return next((one for one in self.records.cases.values() if one.case_id == case_id), None)

    def rows(self, case: Case) -> list[Recorded]:
        entries = {one.entry.item.key: one.entry for one in self.records.decisions if one.entry}
        rows = [
            Recorded(
                item=entry.item,
                conversation_key=entry.conversation_key,
                deleted=entry.deleted,
                case_id=entry.case_id,
                events=tuple(json.loads(each) for each in self.records.known[key].told),
            )
            for key, entry in entries.items()
            if entry.case_id == case.case_id
        ]
        return sorted(rows, key=lambda row: row.item.created_at)

    def save(self, move: Move, *, at: datetime) -> str:
        del at
        if self.meanwhile:
            self.meanwhile.pop(0)()
        if self.records.cases[move.was.conversation_key] != move.was:
            return "stale"
        self.records.cases[move.was.conversation_key] = move.case
        known = self.records.known[move.item.key]
        self.records.known[move.item.key] = replace(known, told=(*known.told, json.dumps(move.event)))
        self.moves.append(move)
        if self.busy:
            raise Busy("moving a case: the answer was lost")
        return "done"


def moved(cases: FakeMoves, case: Case, unit: str = "payments", **more: Any) -> Case:
    usual: dict[str, Any] = {"by": "ana", "organisation": BANK, "at": NOON + timedelta(minutes=5)}
    return move(case.case_id, unit, cases=cases, **(usual | more))


def test_the_other_unit_has_it_with_its_own_owner_account_and_promises() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item())
    after = moved(cases, case, because="it is a transfer")
    assert (after.unit, after.account, after.owner, after.version) == ("payments", "acmepay", "ana", 2)
    assert after.due["first_answer"] == case.opened_at + timedelta(seconds=7200)
    assert after.reason == "moved by ana"


def test_both_units_are_told_with_the_words_who_moved_it_and_why() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item())
    moved(cases, case, because="it is a transfer, leela@example.org wrote")
    (done,) = cases.moves
    assert done.event["event"] == "case.moved"
    assert (done.event["unit"], done.event["moved_from"], done.event["moved_from_account"]) == (
        "payments",
        "cards",
        "acmecards",
    )
    assert done.event["moved"]["by"] == "ana"
    assert "leela@" not in str(done)
    assert_published(case_event(done.event, item_to_json(done.item), done.case.case_id))


def test_two_moves_of_a_case_are_two_events() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item())
    moved(cases, case)
    moved(cases, case, "cards", by="ben")
    ids = {case_event(one.event, item_to_json(one.item), "c")["event_id"] for one in cases.moves}
    assert len(ids) == 2


def test_what_is_said_next_stays_where_the_desk_has_put_the_case() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item())
    moved(cases, case)
    assert cases.hear(an_item("2", text="and my card?")).unit == "payments"


def test_a_label_names_who_had_sent_the_case_there_and_holds_no_words() -> None:
    cases = FakeMoves()
    case = cases.hear(a_general_item(text="my card and a hello", language="en"))
    moved(cases, case, "fraud")
    label = cases.moves[0].label
    assert (label.item, label.start, label.end, label.topic) == ("x#1", "cards", "fraud", "fraud_security")
    assert (label.step, label.decided, label.by, label.language) == ("rule", "rule cards", "ana", "en")
    assert "hello" not in str(label_to_json(label))
    assert label_from_json(json.loads(json.dumps(label_to_json(label)))) == label


def test_a_case_that_words_had_moved_is_labelled_by_what_moved_it() -> None:
    cases = FakeMoves()
    case = cases.hear(a_general_item(text="my card"), a_general_item("2", text="stolen"))
    assert case.unit == "cards"
    case = cases.hear(an_item("3", addressed=("@acmepay",)))
    moved(cases, case, "cards")
    assert (cases.moves[0].label.step, cases.moves[0].label.start) == ("addressed", "payments")


def test_an_urgent_case_calls_the_person_on_duty_in_its_new_unit() -> None:
    cases = FakeMoves()
    case = cases.hear(a_general_item(text="I am desperate"))
    moved(cases, case)
    assert [(page.why, page.unit) for page in cases.moves[0].pages] == [(Why.URGENT, "payments")]
    assert cases.moves[0].case.due["first_answer"] <= case.opened_at + timedelta(seconds=900)


@pytest.mark.parametrize(("promised", "after"), [(300, 300), (1200, 900)])
def test_a_move_never_puts_off_the_answer_that_urgency_promised(promised: int, after: int) -> None:
    """Payments promises one in 900 seconds: whichever is sooner."""
    cases = FakeMoves()
    case = cases.hear(a_general_item(text="I am desperate"))
    due = {"first_answer": case.opened_at + timedelta(seconds=promised)}
    case = cases.records.cases[case.conversation_key] = replace(case, urgent="distress", due=due)
    moved(cases, case)
    assert cases.moves[0].case.due["first_answer"] == case.opened_at + timedelta(seconds=after)


def test_a_case_that_is_moved_into_a_gap_pages_and_tells_of_it() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item(created_at=NIGHT), at=NIGHT)
    moved(cases, case, "fraud", at=NIGHT)
    assert [page.why for page in cases.moves[0].pages] == [Why.NOBODY_ON_DUTY]
    assert [one.event for one in cases.moves[0].notices] == ["gap.met"]


def test_the_same_member_may_ask_again_and_nothing_is_moved_twice() -> None:
    cases = FakeMoves(busy=True)
    case = cases.hear(an_item())
    with pytest.raises(Busy):
        moved(cases, case)
    assert moved(cases, case).unit == "payments"
    assert len(cases.moves) == 1
    with pytest.raises(BadInput, match="is with payments already"):
        moved(cases, case, by="ben")


def test_a_router_that_was_quicker_is_met_and_its_words_are_kept() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item())
    cases.meanwhile = [lambda: cases.hear(an_item("2", text="more"))]
    after = moved(cases, case)
    assert (after.items, after.version, len(cases.moves)) == (2, 3, 1)


def test_a_case_that_keeps_changing_is_given_up_with_a_sentence() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item())
    others = [an_item(f"other {number}") for number in range(TRIES)]
    cases.meanwhile = [partial(cases.hear, other) for other in others]
    with pytest.raises(Busy, match="changed 4 times"):
        moved(cases, case)
    assert cases.moves == []


@pytest.mark.parametrize(
    ("unit", "more", "says"),
    [
        ("loans", {}, "no unit is called 'loans'; there are cards, payments, fraud, customer_care"),
        ("payments", {"by": "cleo"}, "--by cleo: there is no such member"),
        ("cards", {}, "is with cards already"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(unit: str, more: dict[str, Any], says: str) -> None:
    cases = FakeMoves()
    with pytest.raises(BadInput, match=says):
        moved(cases, cases.hear(an_item()), unit, **more)


def test_a_closed_case_and_an_unknown_one_are_refused() -> None:
    cases = FakeMoves()
    case = cases.hear(an_item())
    cases.hear(an_item(change=Change.DELETED, version=9))
    with pytest.raises(BadInput, match="is closed"):
        moved(cases, case)
    with pytest.raises(BadInput, match="no case 'x-nothing'"):
        moved(cases, replace(case, case_id="x-nothing"))


def test_the_other_unit_is_shown_what_is_left_of_the_authors_words() -> None:
    cases = FakeMoves()
    case = cases.hear(
        an_item(),
        an_item("2", author=STRANGER, text="me too", created_at=NOON),
        an_item("3", text="my words", created_at=NOON + timedelta(minutes=1)),
    )
    cases.hear(an_item(change=Change.DELETED, version=9))
    moved(cases, case)
    assert cases.moves[0].item.native_id == "3"


# What the model learns


@dataclass
class FakeLabels:
    kept: list[tuple[Label, Recorded | None]]

    def since(self, since: datetime) -> Iterator[tuple[Label, Recorded | None]]:
        return (one for one in self.kept if one[0].at >= since)


def a_label(**changes: Any) -> Label:
    label = Label(
        item="x#1",
        start="cards",
        end="fraud",
        topic="fraud_security",
        step="rule",
        decided="rule cards",
        model="",
        language="en",
        network="x",
        at=NOON,
        by="ana",
    )
    return replace(label, **changes)


def learned(*kept: tuple[Label, Recorded | None]) -> list[dict[str, str]]:
    return list(examples(FakeLabels(list(kept)), NOON - timedelta(days=1)))


def test_the_last_label_of_a_post_counts_and_tells_topic_and_decision() -> None:
    row = Recorded(item=an_item(text="where is my money"), conversation_key="x#1")
    later = a_label(end="payments", topic="payments", start="fraud", at=NOON + timedelta(hours=1))
    (line,) = learned((a_label(), row), (later, row))
    assert (line["text"], line["unit"], line["from"], line["to"]) == (
        "where is my money",
        "payments",
        "fraud",
        "payments",
    )
    assert "ana" not in str(line)


def test_nothing_is_learned_from_words_that_are_gone_or_from_units_without_a_topic() -> None:
    gone = Recorded(item=an_item(text=""), conversation_key="x#1", deleted=True)
    there = Recorded(item=an_item(), conversation_key="x#1")
    assert (
        learned((a_label(), gone), (a_label(item="x#2"), None), (a_label(item="x#3", topic=""), there)) == []
    )
