"""Pages and their climbs as the records table has them: who was told, who has it, who is next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from allhours.domain.escalation import climb_from_json
from allhours.domain.page import page_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from allhours.domain.escalation import Climb
    from allhours.domain.page import Page


MINUTE = 60  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The pages over somebody's budget: how many, and those that are named."""

    count: int
    page_ids: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledFor:
    """A page and its climb, which one that was not sent yet does not have."""

    page: Page
    climb: Climb | None

    @property
    def open(self) -> bool:
        """Return whether it waits for somebody to acknowledge it."""
        return self.page.asks and not (self.climb and self.climb.acknowledged_by)

    @property
    def told(self) -> str:
        """Say whom it told, step by step: `zoe, abel → olga`."""
        told = self.climb.told if self.climb else ()
        steps = [
            ", ".join(dict.fromkeys(one.member for one in step))
            for _, step in groupby(told, key=lambda one: one.step)
        ]
        return " → ".join(steps) or self.page.member

    def how_it_stands(self, at: datetime) -> str:
        """Say in a few words what became of it."""
        if not self.page.asks:
            return "a warning"
        climb = self.climb
        if climb and climb.acknowledged_by:
            return f"{climb.acknowledged_by} has it"
        if climb and climb.exhausted:
            return "nobody answered"
        return f"climbs on {_in(climb.next_at - at)}" if climb and climb.next_at else "leaves"


def called_for(rows: Iterable[Mapping[str, Any]]) -> list[CalledFor]:
    """Return the pages among the table's rows, oldest first."""
    found = [
        CalledFor(
            page=page_from_json(json.loads(row["page"]["S"])),
            climb=climb_from_json(json.loads(row["climb"]["S"])) if "climb" in row else None,
        )
        for row in rows
        if row["key"]["S"].startswith("PAGE#")
    ]
    return sorted(found, key=lambda each: each.page.at)


def _in(left: timedelta) -> str:
    seconds = left.total_seconds()
    if seconds <= 0:
        return "now"
    return f"in {seconds:.0f} s" if seconds < MINUTE else f"in {seconds // MINUTE:.0f} min"


def held_back(rows: Iterable[Mapping[str, Any]]) -> dict[str, Held]:
    """Return what waits for one later page, by the member whose budget is spent."""
    budgets = {
        row["key"]["S"].removeprefix("BUDGET#"): json.loads(row["budget"]["S"])
        for row in rows
        if row["key"]["S"].startswith("BUDGET#")
    }
    return {
        member: Held(
            count=len(each["waiting"]) + each["more"],
            page_ids=frozenset(call["page_id"] for call in each["waiting"]),
        )
        for member, each in budgets.items()
        if each["waiting"]
    }
