"""Prove that somebody is on duty at every instant, and name the cheapest fill of every gap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from allhours.cli.organisation_file import PROVED_FOR
from allhours.domain.instants import zone_named
from allhours.domain.rota import compile_rota

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from allhours.cli.organisation_file import AcceptedGap
    from allhours.domain.organisation import Member, Organisation, Unit
    from allhours.domain.rota import Gap, Rota

_DAY = 86_400
_NIGHT = (22, 6)  # o'clock; such a minute costs twice (rota.md: unsocial hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A gap of a unit, the sentence that fills it for the least, and whether the file accepts it."""

    unit: str
    gap: Gap
    fill: str
    accepted: bool

    @property
    def minutes(self) -> int:
        """Return its length."""
        return (self.gap.end - self.gap.start) // 60


class _Fill(NamedTuple):
    """Fills sort by what they cost."""

    cost: int
    sentence: str


def window(at: datetime) -> tuple[int, int]:
    """Return the UTC seconds that a proof covers: from the day's beginning on."""
    start = int(at.timestamp()) // _DAY * _DAY
    return start, start + int(PROVED_FOR.total_seconds())


def holes(organisation: Organisation, accepted: Sequence[AcceptedGap], at: datetime) -> list[Hole]:
    """List every gap of every unit in the time that is proved."""
    start, end = window(at)
    return [
        hole
        for unit in organisation.units.values()
        for hole in _holes(organisation, unit, accepted, start, end)
    ]


def _holes(
    organisation: Organisation, unit: Unit, accepted: Sequence[AcceptedGap], start: int, end: int
) -> Iterator[Hole]:
    rota = compile_rota(unit.rota, (), start, end)
    for gap in rota.gaps():
        yield Hole(
            unit=unit.unit_id,
            gap=gap,
            fill=_cheapest(unit, rota, gap, organisation.members),
            accepted=any(
                a.unit == unit.unit_id and a.start <= gap.start and gap.end <= a.end for a in accepted
            ),
        )


def _cheapest(unit: Unit, rota: Rota, gap: Gap, members: Mapping[str, Member]) -> str:
    """Say which desk, and who of it, fills the gap for the least: staying on or beginning earlier, by day."""
    fills = [*_staying(unit, rota, gap, members), *_beginning(unit, rota, gap, members)]
    fills += [
        _Fill(2 * _cost(desk.zone, gap), f"a shift of desk {desk_id}, {_clocks(desk.zone, gap)}")
        for desk_id, desk in unit.rota.desks.items()
    ]
    return min(fills).sentence if fills else "give the unit a desk"


def _staying(unit: Unit, rota: Rota, gap: Gap, members: Mapping[str, Member]) -> Iterator[_Fill]:
    if gap.start == rota.start:
        return
    for duty in rota.who(gap.start - 1).duties:
        if duty.until == gap.start:
            zone = unit.rota.desks[duty.desk].zone
            who = f" ({members[duty.member].name})" if duty.member else ""
            text = f"desk {duty.desk}{who} stays on after {duty.because}, {_clocks(zone, gap)}"
            yield _Fill(_cost(zone, gap), text)


def _beginning(unit: Unit, rota: Rota, gap: Gap, members: Mapping[str, Member]) -> Iterator[_Fill]:
    if gap.end == rota.end:
        return
    for duty in rota.who(gap.end).duties:
        if duty.since == gap.end:
            zone = unit.rota.desks[duty.desk].zone
            who = f" ({members[duty.member].name})" if duty.member else ""
            text = f"desk {duty.desk}{who} begins {duty.because} earlier, {_clocks(zone, gap)}"
            yield _Fill(_cost(zone, gap), text)


def _cost(zone: str, gap: Gap) -> int:
    """Return the minutes of the gap, those of the zone's night twice, in steps of a quarter of an hour."""
    cost = 0
    for at in range(gap.start, gap.end, 900):
        hour = datetime.fromtimestamp(at, zone_named(zone)).hour
        cost += (min(gap.end - at, 900) // 60) * (2 if hour >= _NIGHT[0] or hour < _NIGHT[1] else 1)
        if at - gap.start > _DAY:  # a gap of days is no matter of hours
            return cost * (gap.end - gap.start) // (at - gap.start)
    return cost


def _clocks(zone: str, gap: Gap) -> str:
    begin, end = (datetime.fromtimestamp(at, zone_named(zone)) for at in (gap.start, gap.end))
    return f"{begin:%H:%M} to {end:%H:%M} in {zone}"


def utc(at: int) -> str:
    """Write UTC seconds as people and calendars do."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
