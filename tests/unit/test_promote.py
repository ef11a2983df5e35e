"""A person makes a case of what opened none: on record with who and why, and the clock starts then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.case import State
from allhours.domain.decision import Decision, Known
from allhours.domain.errors import BadInput, Busy
from allhours.domain.event import case_event
from allhours.domain.item import Change, Item, Kind, item_to_json
from allhours.domain.judgement import Opinion, Said
from allhours.domain.router import Router
from allhours.domain.service_level import ServiceLevel
from allhours.flows.ports import Committed
from allhours.flows.promote import promote
from tests.builders import NOON, FakeRecords, a_case, a_general_item, an_organisation
from tests.case_events import assert_published

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.case import Case

LEVEL = ServiceLevel(priority=3, first_answer=3600, resolution=7200, clock="wall")
LATER = NOON + timedelta(hours=5)


def nobodys(_said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion:
    return Opinion(odds={"none": 0.98, "cards": 0.02}, model="m")


def a_router() -> Router:
    units = {name: replace(unit, service_levels=(LEVEL,)) for name, unit in an_organisation().units.items()}
    return Router(an_organisation(units=units, word_lists={"thanks": ("thank you",)}), judge=nobodys)


ROUTER = a_router()


@dataclass(kw_only=True)
class Kept(FakeRecords):
    """Records that show their rows, as the stack's do."""

    def item(self, item_key: str) -> Mapping[str, Any] | None:
        for decision in reversed(self.decisions):
            entry = decision.entry
            if entry and entry.item.key == item_key:
                shown = {"item": item_to_json(entry.item), "deleted": entry.deleted, "case_id": entry.case_id}
                events = [entry.event] if entry.event else []
                return {**shown, "events": events, **({"why": entry.why} if entry.why else {})}
        return None


def kept(*items: Item) -> Kept:
    records = Kept()
    for item in items:
        known, case = records.known.get(item.key), records.cases.get(item.conversation_key)
        records.commit(ROUTER.decide(item, known, case, item.conversation_key, NOON), at=NOON)
    return records


def promoted(records: Kept, unit: str = "cards", by: str = "ana", because: str = "he rang as well") -> Case:
    return promote("x#1", unit=unit, by=by, because=because, router=ROUTER, records=records, at=LATER)


@pytest.mark.parametrize("text", ["thank you", "giveaway"])
def test_a_promoted_item_is_a_case_whose_clock_starts_at_the_promotion(text: str) -> None:
    records = kept(a_general_item(text=text))
    case = promoted(records)
    assert (case.unit, case.account, case.owner, case.state) == ("cards", "acmecards", "ana", State.OPEN)
    assert (case.promised_from, case.opened_at) == (LATER, NOON - timedelta(minutes=1))
    assert case.due["first_answer"] == LATER + timedelta(hours=1)
    event = records.events[-1]
    assert (event["event"], event["step"]) == ("case.opened", "promoted")
    assert event["reason"] == "promoted by ana: he rang as well"
    assert event["promoted"]["by"] == "ana"
    assert event["promoted"]["because"] == "he rang as well"
    assert event["promoted"]["was"]
    entry = records.decisions[-1].entry
    assert entry is not None
    assert_published(case_event(event, item_to_json(entry.item), entry.case_id))
    assert len(entry.told) == (text == "thank you")


def test_without_a_unit_the_ladder_names_it() -> None:
    assert promoted(kept(a_general_item(text="thank you")), unit="").unit == "customer_care"
    assert promoted(kept(a_general_item(text="giveaway of cards: a card")), unit="").unit == "cards"


def test_a_reason_holds_no_personal_data() -> None:
    records = kept(a_general_item(text="thank you"))
    promoted(records, because="call 4111 1111 1111 1111")
    assert "4111 1111" not in str(records.events)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"unit": "loans"}, "no unit is called 'loans'"),
        ({"by": "zoe"}, "--by zoe: there is no such member"),
        ({"because": "  "}, "needs its reason"),
    ],
)
def test_a_promotion_needs_a_unit_a_member_and_a_reason(asked: dict[str, str], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        promoted(kept(a_general_item(text="thank you")), **asked)


def test_what_is_gone_or_has_a_case_is_not_promoted() -> None:
    with pytest.raises(BadInput, match="nothing is on record"):
        promoted(kept())
    with pytest.raises(BadInput, match="was deleted"):
        promoted(kept(a_general_item(text="thank you"), a_general_item(change=Change.DELETED)))
    records = kept(a_general_item(text="my card"))
    with pytest.raises(BadInput, match="is in case"):
        promoted(records)
    later = kept(a_general_item(text="thank you"), a_general_item("2", text="my card"))
    with pytest.raises(BadInput, match="its conversation has case"):
        promoted(later)


def test_the_answer_to_a_look_up_is_no_post() -> None:
    records = kept()
    profile = a_general_item(kind=Kind.PROFILE, version=5)
    decision = ROUTER.decide(profile, None, a_case(author_name=""), "x#1", NOON)
    row: dict[str, Any] = {"item": item_to_json(profile), "deleted": False, "case_id": "", "events": []}
    assert decision.entry is not None
    records.item = lambda _key: row  # type: ignore[method-assign,assignment]
    with pytest.raises(BadInput, match="look-up"):
        promoted(records)


def test_after_a_closed_case_the_next_one_of_the_conversation_is_opened() -> None:
    closed = a_case(state=State.CLOSED, closed_at=NOON - timedelta(days=30))
    records = kept()
    records.cases["x#1"] = closed
    item = a_general_item(text="thank you", created_at=NOON)
    # Said after the case could be reopened, by its author: thanks are added to it, and it stays closed.
    assert ROUTER.decide(item, None, closed, "x#1", NOON).case is not None
    giveaway = ROUTER.decide(a_general_item(text="giveaway", created_at=NOON), None, closed, "x#1", NOON)
    records.commit(giveaway, at=NOON)
    case = promoted(records)
    assert (case.generation, case.case_id) == (2, f"{closed.case_id}.2")


def test_two_who_promote_at_once_open_one_case() -> None:
    records = kept(a_general_item(text="thank you"))
    records.meanwhile.append(lambda: promoted(records, by="ben"))
    with pytest.raises(BadInput, match="is in case"):
        promoted(records)
    assert [event["promoted"]["by"] for event in records.events if "promoted" in event] == ["ben"]


def test_a_row_that_keeps_changing_is_busy() -> None:
    records = kept(a_general_item(text="thank you"))

    def stale(*_decisions: Decision, at: object) -> str:
        del at
        return Committed.STALE

    records.commit = stale  # type: ignore[method-assign]
    with pytest.raises(Busy, match="changed 4 times"):
        promoted(records)
    known: Known = records.known["x#1"]
    records.known["x#1"] = Known(version=known.version + 1, deleted=False, conversation_key="x#1")
    with pytest.raises(Busy, match="while it was being promoted"):
        promoted(records)
