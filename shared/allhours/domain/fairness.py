"""How evenly duty is shared: hours, nights, weekends and holidays of each member, and Jain's index of them.

Jain, Chiu and Hawe 1984: (sum x)^2 / (n sum x^2), 1 when all have the same and 1/n when one has it all.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from allhours.domain.instants import instant, local_date
from allhours.domain.turns import stretches, turns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from allhours.domain.organisation import Organisation
    from allhours.domain.turns import Turn

PERIOD = 28 * 86_400  # seconds: four weeks, what every figure is told for
TARGETS = {"hours": 0.95, "unsocial": 0.90}  # Jain's index that a fair rota reaches
_NIGHT_ENDS, _NIGHT_BEGINS, _DAY = 6 * 60, 22 * 60, 24 * 60  # minutes of the local day
_SATURDAY = 5


class Worked(NamedTuple):
    """Seconds on duty; what is night, weekend or holiday, or several of them, is unsocial once."""

    hours: int = 0
    night: int = 0
    weekend: int = 0
    holiday: int = 0
    unsocial: int = 0

    def plus(self, other: Worked) -> Worked:
        """Add up."""
        return Worked(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def minus(self, other: Worked) -> Worked:
        """Take away."""
        return Worked(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def burden(self) -> int:
        """Return the seconds with unsocial ones counted twice."""
        return self.hours + self.unsocial


class LocalHours:
    """Says how much of a stretch is unsocial by the clock and calendar of one place; quick to ask again."""

    def __init__(self, zone: str, holidays: frozenset[date], start: int, end: int) -> None:
        """Lay the days out that touch [start, end); nothing outside may be asked."""
        edges: list[int] = []
        rates: list[Worked] = []
        day, last = local_date(zone, start) - timedelta(days=1), local_date(zone, end) + timedelta(days=1)
        while day <= last:
            weekend, holiday = int(day.weekday() >= _SATURDAY), int(day in holidays)
            for minute in (0, _NIGHT_ENDS, _NIGHT_BEGINS):
                night = int(minute != _NIGHT_ENDS)
                edges.append(instant(zone, day, minute))
                rates.append(Worked(1, night, weekend, holiday, night | weekend | holiday))
            day += timedelta(days=1)
        spans = zip(rates, pairwise(edges), strict=False)  # the last edge ends the last span
        self._edges, self._rates = edges, rates
        self._sums = list(
            accumulate((_times(rate, b - a) for rate, (a, b) in spans), Worked.plus, initial=Worked())
        )

    def worked(self, since: int, until: int) -> Worked:
        """Tell what [since, until) is made of."""
        return self._until(until).minus(self._until(since))

    def _until(self, at: int) -> Worked:
        place = bisect_right(self._edges, at) - 1
        return self._sums[place].plus(_times(self._rates[place], at - self._edges[place]))


def _times(rate: Worked, seconds: int) -> Worked:
    return Worked(*(each * seconds for each in rate))


class Record:
    """What one member works over a window, and any part of it."""

    def __init__(self, turns: Sequence[Turn], local: LocalHours) -> None:
        """Add up stretch by stretch, so that a part is two bisections."""
        self.turns, self.local = turns, local
        self.stretches = stretches(turns)
        self._starts = [stretch.since for stretch in self.stretches]
        each = (local.worked(stretch.since, stretch.until) for stretch in self.stretches)
        self._sums = list(accumulate(each, Worked.plus, initial=Worked()))

    def worked(self, since: int, until: int) -> Worked:
        """Tell what the member works in [since, until)."""
        return self._until(until).minus(self._until(since))

    def _until(self, at: int) -> Worked:
        place = bisect_right(self._starts, at)
        if not place:
            return Worked()
        last = self.stretches[place - 1]
        after = self.local.worked(at, last.until) if at < last.until else Worked()
        return self._sums[place].minus(after)


def records_of(organisation: Organisation, start: int, end: int) -> dict[str, Record]:
    """Return what each member works in [start, end) and a day around it, all units together.

    Nights and weekends are those of the member's own clock, holidays those of their site, or else those of
    the desks where they are on duty.
    """
    turns = turns_of(organisation, start, end)
    first = min([start, *(theirs[0].since for theirs in turns.values())])
    last = max([end, *(turn.until for theirs in turns.values() for turn in theirs)])
    places: dict[tuple[str, frozenset[date]], LocalHours] = {}
    made: dict[str, Record] = {}
    for member in organisation.members.values():
        theirs = turns.get(member.member_id, [])
        site = organisation.sites.get(member.site)
        desks = {(turn.unit, turn.desk) for turn in theirs}
        holidays = (
            site.holidays
            if site
            else frozenset[date]().union(
                *(organisation.units[unit].rota.desks[desk].holidays for unit, desk in desks)
            )
        )
        place = member.zone, holidays
        if place not in places:
            places[place] = LocalHours(*place, first, last)
        made[member.member_id] = Record(theirs, places[place])
    return made


def jain(shares: Iterable[float]) -> float:
    """Return Jain's index; 1 where nobody has anything."""
    given = list(shares)
    squares = sum(share * share for share in given)
    return sum(given) ** 2 / (len(given) * squares) if squares else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """What each member of a unit works over [start, end), as seconds of four weeks."""

    unit: str
    start: int
    end: int
    shares: tuple[tuple[str, Worked], ...]

    def index(self, of: str) -> float:
        """Return Jain's index of `hours`, `night`, `weekend`, `holiday` or `unsocial`."""
        return jain(getattr(worked, of) for _, worked in self.shares)

    @property
    def is_met(self) -> bool:
        """Tell whether the unit reaches both targets."""
        return all(self.index(of) >= target for of, target in TARGETS.items())


def fairness(organisation: Organisation, start: int, end: int) -> tuple[Fairness, ...]:
    """Tell for each unit how evenly its members share duty, that for other units included."""
    records = records_of(organisation, start, end)
    return tuple(
        Fairness(
            unit=unit.unit_id,
            start=start,
            end=end,
            shares=tuple(
                (
                    member,
                    Worked(*(each * PERIOD // (end - start) for each in records[member].worked(start, end))),
                )
                for member in unit.members
            ),
        )
        for unit in organisation.units.values()
    )
