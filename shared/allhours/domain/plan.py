"""Who is planned when, changes by hand apart, and how that moved since an earlier look.

It moves with the file (another rotation, a leave) and with the clocks: tzdata tells governments' decisions.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from allhours.domain.changes import overrides_of
from allhours.domain.rota import compile_rota

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.organisation import Organisation
    from allhours.domain.segments import Seat

WEEKS = 8
_WEEK = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who sits where over the UTC seconds [start, end): `stretches` are (since, seats), each until the next.

    Compiled of one `revision` of the file with one `tzdata`.
    """

    unit: str
    tzdata: str
    revision: str
    start: int
    end: int
    stretches: tuple[tuple[int, frozenset[Seat]], ...]

    def on(self, at: int) -> frozenset[Seat]:
        """Return the seats at an instant of [start, end)."""
        return self.stretches[bisect_right(self.stretches, at, key=_since) - 1][1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A stretch over the UTC seconds [start, end) with other people than before."""

    start: int
    end: int
    was: frozenset[Seat]
    now: frozenset[Seat]


def plan_of(organisation: Organisation, unit: str, start: int) -> Plan:
    """Compile the next eight weeks of a unit by the file alone: its shifts, and its members' leave."""
    unit_rota, end = organisation.units[unit].rota, start + WEEKS * _WEEK
    rota = compile_rota(unit_rota, overrides_of((), unit_rota, organisation.members), start, end)
    stretches: list[tuple[int, frozenset[Seat]]] = []
    for segment in rota.segments:
        seats = frozenset(duty.seat for duty in segment.duties)
        if not stretches or stretches[-1][1] != seats:
            stretches.append((segment.start, seats))
    return Plan(
        unit=unit,
        tzdata=rota.tzdata,
        revision=organisation.revision,
        start=start,
        end=end,
        stretches=tuple(stretches),
    )


def moved(before: Plan, now: Plan) -> Iterator[Moved]:
    """Yield where others are planned than before, as far as both look; that time has gone on is no change."""
    start, end = max(before.start, now.start), min(before.end, now.end)
    edges = {start, *(since for plan in (before, now) for since, _ in plan.stretches if start < since < end)}
    found: Moved | None = None
    bounds = [*sorted(edges), end]
    for since, until in pairwise(bounds):
        if since >= until:
            break
        was, are = before.on(since), now.on(since)
        if found and (was, are) == (found.was, found.now):
            found = Moved(start=found.start, end=until, was=was, now=are)
            continue
        if found and found.was != found.now:
            yield found
        found = Moved(start=since, end=until, was=was, now=are)
    if found and found.was != found.now:
        yield found


def _since(stretch: tuple[int, frozenset[Seat]]) -> int:
    return stretch[0]
