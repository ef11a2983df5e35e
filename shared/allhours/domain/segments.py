"""What a rota says once it is compiled: who is on duty, where it has gaps, when duty changes hands.

Instants are UTC epoch seconds, intervals are half-open: a handover belongs to exactly one person.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Seat: TypeAlias = tuple[str, str | None]
"""A desk and one of its members, or a desk that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One seat taken from `since` to `until`, whatever window was compiled.

    `because` is the shift or override it follows from.
    """

    desk: str
    member: str | None
    because: str
    since: int
    until: int

    @property
    def seat(self) -> Seat:
        """Name who is on, without the reason."""
        return self.desk, self.member


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch in which the same duties hold; desks in the unit's order, overrides before the rotation."""

    start: int
    end: int
    duties: tuple[Duty, ...]

    @property
    def desks(self) -> tuple[str, ...]:
        """List the desks on shift, each once, in the order in which they are asked."""
        return tuple(dict.fromkeys(duty.desk for duty in self.duties))

    @property
    def seats(self) -> frozenset[Seat]:
        """Say who is on, without the reasons."""
        return frozenset(duty.seat for duty in self.duties)

    @property
    def staff(self) -> int:
        """Count the people on duty: a member at two desks is one, a desk that names nobody counts as one."""
        return len({duty.member or duty.seat for duty in self.duties})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch with fewer people than needed; `staff` is how many there are."""

    start: int
    end: int
    staff: int
    need: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """The instant at which some leave and others take over; who stays is in neither."""

    at: int
    left: frozenset[Seat]
    joined: frozenset[Seat]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rota:
    """One unit's rota over the window [start, end), compiled with one version of the time zone rules."""

    unit: str
    start: int
    end: int
    tzdata: str
    segments: tuple[Segment, ...]
    needs: tuple[tuple[int, int], ...]  # (from when, how many people), sorted
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the starts by themselves, so that a look-up is one bisection."""
        object.__setattr__(self, "_starts", tuple(segment.start for segment in self.segments))

    def who(self, at: int) -> Segment:
        """Find who is on duty; BadInput outside the window."""
        if not self.start <= at < self.end:
            raise self._outside(at)
        return self.segments[bisect_right(self._starts, at) - 1]

    def gaps(self) -> tuple[Gap, ...]:
        """List where fewer people are on duty than needed, in order, equal neighbours as one."""
        found: list[Gap] = []
        for start, end, staff, need in self._levels():
            if staff >= need:
                continue
            last = found[-1] if found else None
            if last and (last.end, last.staff, last.need) == (start, staff, need):
                found[-1] = Gap(start=last.start, end=end, staff=staff, need=need)
            else:
                found.append(Gap(start=start, end=end, staff=staff, need=need))
        return tuple(found)

    def handovers(self, after: int, until: int) -> tuple[Handover, ...]:
        """List the handovers in (after, until], so that ticks which follow one another see each once.

        Raises BadInput where the window is too short to tell.
        """
        if after < self.start:
            raise self._outside(after)
        if until >= self.end:
            raise self._outside(until)
        first, last = bisect_right(self._starts, after), bisect_right(self._starts, until)
        return tuple(changes_of_duty(self.segments[first - 1 : last]))

    def _levels(self) -> Iterator[tuple[int, int, int, int]]:
        """Cut the segments where the need changes: start, end, staff, need."""
        steps = [*self.needs, (self.end, 0)]
        at = 0
        for segment in self.segments:
            start = segment.start
            while start < segment.end:
                while steps[at + 1][0] <= start:
                    at += 1
                end = min(segment.end, steps[at + 1][0])
                yield start, end, segment.staff, steps[at][1]
                start = end

    def _outside(self, at: int) -> BadInput:
        window = f"{self.start}..{self.end}"
        return BadInput(f"rota of {self.unit}: instant {at} is outside the compiled window {window}")


def changes_of_duty(segments: Iterable[Segment]) -> Iterator[Handover]:
    """Yield the handovers between segments that follow one another."""
    for before, now in pairwise(segments):
        left, joined = before.seats - now.seats, now.seats - before.seats
        if left or joined:
            yield Handover(at=now.start, left=left, joined=joined)
