"""Service levels: how soon a case is answered and resolved, on the wall clock or the staffed clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allhours.domain.staffed_clock import StaffedClock

LONGEST_WAIT = 400 * 86_400  # seconds; a staffed clock that runs less than that promises nothing
FIRST_ANSWER, RESOLUTION = "first_answer", "resolution"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """What is promised for one priority, in seconds; 0 promises nothing.

    The staffed clock runs only while somebody is on duty for the unit.
    """

    priority: int
    first_answer: int
    resolution: int
    clock: Literal["wall", "staffed"]


def deadlines(
    levels: Iterable[ServiceLevel], priority: int, unit: str, start: datetime, clock: StaffedClock
) -> dict[str, datetime]:
    """Return until when a unit promises to answer and to resolve; counted from the network's time."""
    level = next((each for each in levels if each.priority == priority), None)
    if level is None:
        return {}
    promised = {FIRST_ANSWER: level.first_answer, RESOLUTION: level.resolution}
    if level.clock == "wall":
        return {kind: start + timedelta(seconds=length) for kind, length in promised.items() if length}
    found = {kind: staffed_until(clock, unit, start, length) for kind, length in promised.items() if length}
    return {kind: ends for kind, ends in found.items() if ends}


def staffed_until(clock: StaffedClock, unit: str, start: datetime, seconds: int) -> datetime | None:
    """Return the first instant by which somebody was on duty for so many seconds since the start.

    None when that is further off than anybody plans.
    """
    at, left = start, timedelta(seconds=seconds)
    last = start + timedelta(seconds=LONGEST_WAIT)
    while at < last:
        segment = clock.segment(unit, int(at.timestamp()))
        until = datetime.fromtimestamp(segment.end, UTC)
        if segment.duties:
            if at + left <= until:
                return at + left
            left -= until - at
        at = until
    return None
