"""What desks moved on, as shares that say how sure they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from allhours.domain.misroutes import Report, reported, wilson
from allhours.domain.recorded import Conversation, Recorded, decided_by
from tests.builders import NOON, an_item

DAY = timedelta(days=1)


def told(event: str, version: int, **more: Any) -> dict[str, Any]:
    at = (NOON + timedelta(minutes=version)).isoformat()
    usual = {"event": event, "at": at, "unit": "cards", "case_version": version, "state": "open"}
    return {**usual, "step": "rule", "reason": "rule cards, “card”", **more}


def a_report(*events: dict[str, Any], since: Any = NOON) -> Report:
    row = Recorded(item=an_item(), conversation_key="x#1", case_id="x-1", events=events)
    return reported([Conversation(key="x#1", rows=(row,))], since, NOON + DAY)


def test_a_move_counts_against_who_had_sent_the_case_there() -> None:
    report = a_report(
        told("case.opened", 1),
        told(
            "item.added",
            2,
            unit="payments",
            moved_from="cards",
            step="addressed",
            reason="addressed @acmepay",
        ),
        told("case.moved", 3, unit="fraud", moved_from="payments", step="moved"),
    )
    assert {name: (sent.routed, sent.moved) for name, sent in report.sent.items()} == {
        ("cards", "rule cards"): (1, 0),
        ("payments", "addressed"): (1, 1),
    }
    assert report.moves == {("payments", "fraud"): 1}
    assert (report.all_sent.routed, report.all_sent.moved) == (2, 1)


def test_a_desk_that_moves_a_case_back_counts_against_nobody() -> None:
    report = a_report(
        told("case.opened", 1),
        told("case.moved", 2, unit="fraud", moved_from="cards"),
        told("case.moved", 3, unit="cards", moved_from="fraud"),
    )
    assert report.sent["cards", "rule cards"].moved == 1
    assert report.moves.total() == 2


def test_a_case_from_before_the_time_is_no_part_of_the_rate() -> None:
    report = a_report(
        told("case.opened", 1),
        told("case.moved", 2, unit="fraud", moved_from="cards"),
        since=NOON + timedelta(minutes=2),
    )
    assert report.sent == {}
    assert report.moves.total() == 1


def test_shadow_rules_are_counted_by_what_they_would_have_changed() -> None:
    shadow = {"unit": "fraud", "priority": 1, "lane": "case", "because": "rule a, “fee”; rule b, “tax”"}
    raised = {"unit": "cards", "priority": 1, "lane": "case", "because": "rule a, “fee”"}
    light = told("item.light", 0, shadow={**shadow, "because": "rule a, #x"}, lane="light")
    del light["case_version"]
    assert a_report(told("case.opened", 1, shadow=shadow)).shadow == {
        ("a", "cards", "cards → fraud"): 1,
        ("b", "cards", "cards → fraud"): 1,
    }
    assert list(a_report(told("case.opened", 1, shadow=raised)).shadow) == [
        ("a", "cards", "cards, priority 1")
    ]
    assert list(a_report(light).shadow) == [("a", "no case", "no case → fraud")]


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"step": "urgent", "urgent": {"kind": "theft"}, "reason": "theft, “stole my card”"}, "list theft"),
        ({"step": "urgent", "urgent": {"kind": "rule"}, "reason": "rule now, “now”"}, "rule now"),
        ({"step": "rule", "reason": "rule fees, pattern 2"}, "rule fees"),
        ({"step": "engagement", "policy": "press"}, "policy press"),
        ({"step": "classifier", "model": "0a1b2c3d"}, "classifier 0a1b2c3d"),
        ({"step": "doubt"}, "doubt"),
        ({"step": "addressed"}, "addressed"),
        ({}, ""),
    ],
)
def test_who_decided_is_named_in_a_few_words(event: dict[str, Any], name: str) -> None:
    assert decided_by(event) == name


@pytest.mark.parametrize(  # Newcombe 1998, table I, method 3
    ("part", "whole", "between"),
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (0, 0, (0.0, 1.0)),
    ],
)
def test_an_interval_is_wilsons(part: int, whole: int, between: tuple[float, float]) -> None:
    low, high = wilson(part, whole)
    assert (round(low, 4), round(high, 4)) == between
