"""The live view: each arrival with its step, its reason and what more was found; what is asked most."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from allhours.domain.alike import fingerprint
from allhours.domain.case import State, case_to_json
from infra.local import view
from infra.local.ledger import Arrival
from infra.local.scene import asked
from tests.builders import NOON, a_case, an_organisation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

OUTAGE = "The app has been down since this morning, I can't log in and nobody answers the phone"


def shown(content: RenderableType) -> str:
    console = Console(width=140, file=io.StringIO())
    console.print(content)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def arrived(**event: Any) -> Arrival:
    usual = {"event": "case.opened", "unit": "cards", "priority": 3, "item": {"network": "x"}}
    return Arrival(unit="cards", event={**usual, **event}, at=NOON.timestamp())


def a_scene(*arrivals: Arrival, rows: list[Mapping[str, Any]] | None = None) -> Any:
    ledger = SimpleNamespace(arrivals=list(arrivals))
    return SimpleNamespace(ledger=ledger, organisation=an_organisation(), questions=asked(rows or []))


def test_an_arrival_tells_step_reason_odds_and_the_cards_that_answer() -> None:
    said = arrived(
        step="classifier",
        reason="reads like cards, 91%, “card”",
        odds={"cards": 0.91, "payments": 0.05, "none": 0.02},
        answers=["card_arrival"],
    )
    text = shown(view._latest(a_scene(said)))
    assert "classifier: reads like cards, 91%, “card”" in text
    assert "cards 91%, payments 5% · answer: card_arrival" in text


def test_what_is_urgent_names_its_kind_and_what_is_light_its_policy_and_shadow_rules_speak_up() -> None:
    urgent = arrived(step="urgent", reason="urgent: “stole my card”", priority=1, urgent={"kind": "theft"})
    light = arrived(
        event="item.light", step="engagement", reason="thanks", policy="thanks", stance="may", priority=4
    )
    quiet = arrived(step="rule", reason="rule a", shadow={"unit": "fraud", "lane": "case"})
    text = shown(view._latest(a_scene(urgent, light, quiet)))
    assert "! urgent: “stole my card”" in text
    assert "urgent: theft" in text
    assert "light: engagement: thanks" in text
    assert "thanks: may answer" in text
    assert "in shadow: fraud, case" in text


def row(number: int, said: str, **changes: Any) -> Mapping[str, Any]:
    key = f"x#{number}"
    case = a_case(
        case_id=f"x-{number}", first_item=key, conversation_key=key, alike=fingerprint(said), **changes
    )
    return {"key": {"S": f"CASE#{case.case_id}"}, "case": {"S": json.dumps(case_to_json(case))}}


def test_an_inbox_tells_what_it_got_what_is_no_case_and_the_question_that_most_ask() -> None:
    rows = [
        row(1, OUTAGE),
        row(2, f"RT {OUTAGE}", network="mastodon"),
        row(3, "my new card has not come"),
        row(4, OUTAGE, state=State.CLOSED),
        {"key": {"S": "ITEM#x#1"}},
    ]
    light = arrived(event="item.light")
    line = next(
        each
        for each in shown(view._inboxes(a_scene(arrived(), light, rows=rows))).splitlines()
        if "cards" in each
    )
    assert line.split()[:4] == ["cards", "2", "1", "3"]
    assert "2 alike: mastodon, x" in line
