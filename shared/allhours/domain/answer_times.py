"""How long customers wait for a first answer, and whether some wait longer for who they are.

A case that is not answered yet has waited so far, and counts so: leaving it out would make slow desks quick.
So the times within which a share of a group was answered are Kaplan and Meier's, and a group is compared with
the rest by Gehan's test; where everybody was answered these are the plain quantiles, and the test of Mann and
Whitney. Like is compared with like: cases of the same unit and priority.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from math import erfc, sqrt
from typing import TYPE_CHECKING

from allhours.domain.case import State
from allhours.domain.service_level import FIRST_ANSWER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.case import Case

UNKNOWN = "unknown"
BEYOND_CHANCE = 0.05  # how likely a difference may be by chance, and still be told
_FEWEST = 10  # cases of a group and of the rest, below which no test is worth its name
_TENTHS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One customer's wait in seconds, over or not; `late` says that an answer was promised for before."""

    unit: str
    priority: int
    network: str
    language: str
    audience: int
    seconds: float
    answered: bool
    late: bool


def waits(cases: Iterable[Case], *, since: datetime, until: datetime, at: datetime) -> Iterator[Wait]:
    """Yield the waits that began in [since, until), as they stood at an instant.

    Who took everything back, or whose case was closed without an answer, waits no longer and is left out.
    """
    for case in cases:
        ended = case.answered_at if case.answered_at and case.answered_at <= at else None
        if since <= case.promised_from < until and (ended or case.state is State.OPEN):
            yield Wait(
                unit=case.unit,
                priority=case.priority,
                network=case.network,
                language=case.language.replace("_", "-").partition("-")[0].lower() or UNKNOWN,
                audience=case.audience,
                seconds=max(0.0, ((ended or at) - case.promised_from).total_seconds()),
                answered=ended is not None,
                late=FIRST_ANSWER in case.missed,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How a group fares beside the rest of a unit, or of all (unit ""); times in seconds, None: not reached.

    `chance` is how likely such a difference, or a greater one, is by chance, after correction for the number
    of comparisons in the report; None where there are too few cases to tell. `longer` says which way it goes.
    """

    unit: str
    by: str
    group: str
    count: int
    waiting: int
    rest_count: int
    median: float | None
    ninetieth: float | None
    rest_median: float | None
    in_time: float | None
    chance: float | None = None
    longer: bool = False

    @property
    def is_unlike(self) -> bool:
        """Return whether the group waits longer or shorter than the rest, beyond chance."""
        return self.chance is not None and self.chance < BEYOND_CHANCE


def answer_times(found: Sequence[Wait]) -> list[Figures]:
    """Return the figures of each unit, and before them of all, by followers, network and language."""
    scores = _scores(found)
    told, chances = list[Figures](), list[float | None]()
    for unit in ("", *sorted({wait.unit for wait in found})):
        here = [n for n, wait in enumerate(found) if unit in {"", wait.unit}]
        for by, names in _groupings(found).items():
            for group in sorted({names[n] for n in here}, key=_in_order):
                inside = [n for n in here if names[n] == group]
                rest = [n for n in here if names[n] != group]
                chance, longer = _compared(found, scores, inside, rest)
                figures = _figures([found[n] for n in inside], [found[n] for n in rest])
                told.append(replace(figures, unit=unit, by=by, group=group, longer=longer))
                chances.append(chance)
    return [replace(each, chance=p) for each, p in zip(told, _corrected(chances), strict=True)]


def answered_within(found: Iterable[Wait], share: float) -> float | None:
    """Return the seconds within which this share was answered; None when it was not, so far."""
    ordered = sorted(found, key=lambda wait: (wait.seconds, not wait.answered))
    waiting = 1.0
    for at_risk, wait in zip(range(len(ordered), 0, -1), ordered, strict=True):
        if wait.answered:
            waiting *= 1 - 1 / at_risk
            if waiting <= 1 - share + 1e-9:  # a rounding error is no customer
                return wait.seconds
    return None


def _groupings(found: Sequence[Wait]) -> Mapping[str, list[str]]:
    return {
        "followers": _tenths([wait.audience for wait in found]),
        "network": [wait.network for wait in found],
        "language": [wait.language for wait in found],
    }


def _tenths(audiences: Sequence[int]) -> list[str]:
    """Return for each number of followers its tenth of all that are known; equal numbers share one."""
    known = sorted(each for each in audiences if each >= 0)
    cuts = [known[-(-len(known) * tenth // _TENTHS) - 1] for tenth in range(1, _TENTHS)] if known else []
    tenths = defaultdict[int, list[int]](list)
    for each in known:
        tenths[bisect_left(cuts, each)].append(each)
    names = {tenth: f"{tenth + 1}: {own[0]:,} to {own[-1]:,}" for tenth, own in tenths.items()}
    return [names[bisect_left(cuts, each)] if each >= 0 else UNKNOWN for each in audiences]


def _in_order(group: str) -> tuple[bool, int, str]:
    """Order tenths by number, other groups by name, and what is unknown last."""
    number, colon, _ = group.partition(": ")
    return group == UNKNOWN, int(number) if colon else 0, group


def _figures(inside: Sequence[Wait], rest: Sequence[Wait]) -> Figures:
    late = sum(wait.late for wait in inside)
    in_time = sum(wait.answered and not wait.late for wait in inside)
    return Figures(
        unit="",
        by="",
        group="",
        count=len(inside),
        waiting=sum(not wait.answered for wait in inside),
        rest_count=len(rest),
        median=answered_within(inside, 0.5),
        ninetieth=answered_within(inside, 0.9),
        rest_median=answered_within(rest, 0.5),
        in_time=in_time / (in_time + late) if in_time + late else None,
    )


def _like(wait: Wait) -> tuple[str, int]:
    return wait.unit, wait.priority


def _scores(found: Sequence[Wait]) -> list[int]:
    """Return for each wait how many of its like were surely shorter, less those that were surely longer."""
    ended, going_on = (
        defaultdict[tuple[str, int], list[float]](list),
        defaultdict[tuple[str, int], list[float]](list),
    )
    for wait in found:
        (ended if wait.answered else going_on)[_like(wait)].append(wait.seconds)
    for each in (*ended.values(), *going_on.values()):
        each.sort()
    scores = []
    for wait in found:
        over, still = ended[_like(wait)], going_on[_like(wait)]
        if wait.answered:
            longer = (
                len(over) - bisect_right(over, wait.seconds) + len(still) - bisect_left(still, wait.seconds)
            )
            scores.append(bisect_left(over, wait.seconds) - longer)
        else:
            scores.append(bisect_right(over, wait.seconds))
    return scores


def _compared(
    found: Sequence[Wait], scores: Sequence[int], inside: Sequence[int], rest: Sequence[int]
) -> tuple[float | None, bool]:
    """Return how likely the group's scores are by chance, and whether it waits longer.

    By chance means: in each sort of case any of them could as well have been the group's.
    """
    alike = defaultdict[tuple[str, int], tuple[list[int], list[int]]](lambda: ([], []))
    for side, places in enumerate((inside, rest)):
        for n in places:
            alike[_like(found[n])][side].append(scores[n])
    surplus = variance = 0.0
    compared = [0, 0]
    for ours, theirs in alike.values():
        if ours and theirs:
            every = (*ours, *theirs)
            mean = sum(every) / len(every)
            surplus += sum(ours) - len(ours) * mean
            spread = sum((score - mean) ** 2 for score in every)
            variance += len(ours) * len(theirs) / (len(every) * (len(every) - 1)) * spread
            compared = [compared[0] + len(ours), compared[1] + len(theirs)]
    if min(compared) < _FEWEST or not variance:
        return None, False
    return erfc(abs(surplus) / sqrt(2 * variance)), surplus > 0


def _corrected(chances: Sequence[float | None]) -> list[float | None]:
    """Return the probabilities after Holm's correction: among many comparisons some look odd by chance."""
    asked = sorted((p, n) for n, p in enumerate(chances) if p is not None)
    corrected, least = list(chances), 0.0
    for place, (p, n) in enumerate(asked):
        least = max(least, min(1.0, p * (len(asked) - place)))
        corrected[n] = least
    return corrected
