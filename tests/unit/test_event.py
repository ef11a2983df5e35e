"""Case events: every kind keeps the published schema, and an id is the same however often it is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from allhours.domain.case import Case, State
from allhours.domain.decision import Known
from allhours.domain.event import case_event
from allhours.domain.item import Author, Change, Item, Kind, item_to_json
from allhours.domain.router import Router
from tests.builders import NIGHT, NOON, STRANGER, a_case, a_general_item, an_item, an_organisation
from tests.case_events import assert_published

LEELA_NAMED = Author(author_id="7001", handle="leela", name="Leela of X")
HEARD = Known(version=0, deleted=False, case_id=a_case().case_id, conversation_key="x#1", author_id="7001")
CLOSED = a_case(state=State.CLOSED, closed_at=NOON - timedelta(days=1), closed_because="answered")
KINDS: dict[str, tuple[Item, Known | None, Case | None]] = {
    "case.opened": (a_general_item(text="stolen", masked=("card",)), None, None),
    "item.added": (an_item("2", author=STRANGER), None, a_case()),
    "case.reopened": (an_item("2", addressed=("@acmepay",)), None, CLOSED),
    "item.edited": (an_item(version=10**18, change=Change.EDITED), HEARD, a_case()),
    "item.deleted": (an_item(change=Change.DELETED), HEARD, a_case()),
    "case.author_known": (
        an_item("profile:7001:1", kind=Kind.PROFILE, version=5, author=LEELA_NAMED),
        None,
        a_case(),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_keeps_the_published_schema(kind: str) -> None:
    item, known, case = KINDS[kind]
    bank = an_organisation()
    fraud = replace(bank.units["fraud"], holding_answer={"en": "We are back at {time}."})
    bank = replace(bank, units={**bank.units, "fraud": fraud})
    decision = Router(bank).decide(item, known, case, "x#1", NIGHT)
    assert decision.entry is not None
    assert decision.entry.event is not None
    told = json.loads(json.dumps(decision.entry.event))
    assert ("holding_answer" in told) == (kind == "case.opened")
    event = case_event(told, item_to_json(decision.entry.item), decision.entry.case_id)
    assert event["event"] == kind
    assert_published(event)
    assert case_event(told, item_to_json(decision.entry.item), decision.entry.case_id) == event


def test_a_version_of_nineteen_digits_is_told_as_text() -> None:
    event = case_event({"event": "item.edited"}, item_to_json(an_item(version=10**18)), "c")
    assert event["item"]["version"] == "1000000000000000000"
    assert event["event_id"] == "x#1@1000000000000000000:item.edited"
