"""What one member sees of the rota: own shifts, who is on duty beside them, changes that wait for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.domain.calendar import rota_of, stints
from allhours.domain.changes import expired
from allhours.domain.instants import local_date
from allhours.domain.rota import pool, shift_on, works_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from allhours.domain.changes import Change
    from allhours.domain.organisation import OnDuty, Organisation, Unit
    from allhours.domain.rota import UnitRota

SHOWN = 14 * 86_400  # seconds; two weeks of shifts fit a phone


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnShift:
    """A stretch on duty over the UTC seconds [start, end).

    `day` is the date by which a planned shift is swapped, None for what no longer follows from the plan.
    """

    unit: str
    because: str
    start: int
    end: int
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRota:
    """All of it.

    `waiting` are swaps that count once the member agrees; `changes` those to take back, or to swap back.
    """

    shifts: tuple[OwnShift, ...]
    on_duty: tuple[OnDuty, ...]
    waiting: tuple[Change, ...]
    changes: tuple[Change, ...]


def own_rota(organisation: Organisation, member_id: str, at: datetime) -> OwnRota:
    """Look at the next two weeks."""
    now = int(at.timestamp())
    units = [organisation.units[name] for name in units_of(organisation, member_id)]
    open_still = [
        one
        for one in organisation.changes
        if one.end > now and one.state != "withdrawn" and not expired(one, at)
    ]
    return OwnRota(
        shifts=tuple(
            sorted(
                (shift for unit in units for shift in _shifts(organisation, unit, member_id, now)),
                key=lambda shift: (shift.start, shift.unit),
            )
        ),
        on_duty=tuple(organisation.on_duty(unit.unit_id, at) for unit in units),
        waiting=tuple(one for one in open_still if waits_for(one, member_id)),
        changes=tuple(one for one in open_still if is_own(one, member_id)),
    )


def units_of(organisation: Organisation, member_id: str) -> tuple[str, ...]:
    """Name the units in which a member works, by the plan or because a change put them on."""
    helps = {one.unit for one in organisation.changes if one.add == member_id}
    return tuple(
        name
        for name, unit in organisation.units.items()
        if name in helps or member_id in unit.members or member_id in works_in(unit.rota)
    )


def colleagues_of(unit_rota: UnitRota, member_id: str) -> tuple[str, ...]:
    """Name those who work in the unit too, desk by desk."""
    there = (name for desk_id in unit_rota.desks for name in pool(unit_rota, desk_id))
    return tuple(name for name in dict.fromkeys(there) if name != member_id)


def waits_for(change: Change, member_id: str) -> bool:
    """Tell whether a swap counts once the member agrees."""
    asked = (change.remove, change.add)
    return change.state == "proposed" and member_id in asked and member_id not in change.agreed


def may_withdraw(change: Change, member_id: str) -> bool:
    """Tell whether a change is the member's to take back: made by them, their own leave, or asked of them."""
    own_leave = change.kind == "leave" and change.remove == member_id
    return change.by == member_id or own_leave or waits_for(change, member_id)


def wants_both(change: Change) -> bool:
    """Tell whether one side alone does not take it back: a swap to which both have agreed."""
    return change.kind == "swap" and change.state == "in_force"


def is_own(change: Change, member_id: str) -> bool:
    """Tell whether a change is the member's to take back, alone or with the other side of a swap."""
    if wants_both(change):
        return member_id in (change.remove, change.add)
    return may_withdraw(change, member_id)


def _shifts(organisation: Organisation, unit: Unit, member_id: str, now: int) -> Iterator[OwnShift]:
    for start, end, duty in stints(rota_of(organisation, unit.unit_id, now, now + SHOWN)):
        if duty.member == member_id:
            yield OwnShift(
                unit=unit.unit_id,
                because=duty.because,
                start=start,
                end=end,
                day=_planned_day(unit.rota, duty.because, member_id, duty.since),
            )


def _planned_day(unit_rota: UnitRota, because: str, member_id: str, since: int) -> date | None:
    shift = next((each for each in unit_rota.shifts if each.shift_id == because), None)
    if shift is None:
        return None
    day = local_date(unit_rota.desks[shift.desk].zone, since)
    planned = any(duty.member == member_id for duty in shift_on(unit_rota, because, day))
    return day if planned else None
