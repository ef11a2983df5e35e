"""How well cases were sent: what desks moved on, people had to promote, rules in shadow would have done."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

from allhours.domain.recorded import MOVED, decided_by

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from allhours.domain.recorded import Conversation, Decided

_SURE = 1.959964  # standard deviations of a normal distribution to either side that hold 95 %
_RULE = re.compile(r"(?:^|; )rule ([^,]+), ")  # as a rule's reason begins


@dataclass(kw_only=True)
class Sent:
    """Cases that one decider sent to one unit, and how many of them a desk then moved elsewhere."""

    routed: int = 0
    moved: int = 0

    @property
    def rate(self) -> float:
        """Return the share that was moved."""
        return self.moved / self.routed if self.routed else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Return between which shares the true one is, with 95 % confidence."""
        return wilson(self.moved, self.routed)


@dataclass(kw_only=True)
class Report:
    """What is on record of a time: cases by unit and decider, promotions by reason, shadows by rule."""

    decisions: int = 0
    casual: int = 0
    sent: dict[tuple[str, str], Sent] = field(default_factory=dict[tuple[str, str], Sent])
    moves: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    promoted: Counter[str] = field(default_factory=Counter[str])
    shadow: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])

    def count(self, conversation: Conversation, since: datetime, until: datetime) -> None:
        """Count what was decided of one conversation in [since, until).

        A move counts against who had sent the case there, when that was in the time as well.
        """
        sender: Sent | None = None
        for one in conversation.decisions():
            if one.at >= until:
                return
            counts = one.at >= since
            told = one.told
            if one.kind == MOVED:
                if sender:
                    sender.moved += 1
                if counts:
                    self.moves[str(told.get("moved_from", "")), str(told["unit"])] += 1
                sender = None  # a desk sent it, and no decider of ours
            elif _sends(one):
                sender = self._sent(one) if counts else None
            if counts:
                self._note(one)

    def _sent(self, one: Decided) -> Sent:
        sent = self.sent.setdefault((str(one.told["unit"]), decided_by(one.told)), Sent())
        sent.routed += 1
        return sent

    def _note(self, one: Decided) -> None:
        told = one.told
        self.decisions += one.kind != MOVED
        self.casual += not one.case_version
        if promoted := told.get("promoted"):
            was = re.split("[,;]", str(promoted.get("was", "")))[0]  # without the words, and how sure it was
            self.promoted[was or "no reason kept"] += 1
        if shadow := told.get("shadow"):
            start = str(told["unit"]) if one.case_version else "no case"
            end = str(shadow["unit"]) if shadow["lane"] == "case" else "no case"
            change = f"{start} → {end}" if start != end else f"{start}, priority {shadow['priority']}"
            for rule in _RULE.findall(str(shadow["because"])) or ["?"]:
                self.shadow[rule, start, change] += 1

    @property
    def all_sent(self) -> Sent:
        """Return all cases together."""
        every = self.sent.values()
        return Sent(routed=sum(one.routed for one in every), moved=sum(one.moved for one in every))


def reported(past: Iterable[Conversation], since: datetime, until: datetime) -> Report:
    """Return what is to be told of [since, until)."""
    report = Report()
    for conversation in past:
        report.count(conversation, since, until)
    return report


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; all is possible where nothing was counted."""
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, _SURE * _SURE
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = _SURE * sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def _sends(one: Decided) -> bool:
    """Tell whether a decision sent a case to a unit."""
    told = one.told
    return one.case_version > 0 and (one.kind == "case.opened" or bool(told.get("moved_from")))
