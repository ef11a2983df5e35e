"""Why me? The layers that led to an answer, from the top: changes by hand, shifts, who stands in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from allhours.domain.changes import overrides_of
from allhours.domain.rota import cover_of, hours, shift_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from allhours.domain.organisation import OnDuty, Organisation
    from allhours.domain.rota import Override, Shift, UnitRota
    from allhours.domain.segments import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One layer: what it says about the instant, whom it has answer, and whether it is the one that won."""

    kind: Literal["change", "shift", "stand_in"]
    name: str
    says: str
    people: tuple[str, ...]
    won: bool = False


def ladder(organisation: Organisation, unit: str, at: datetime) -> tuple[Rung, ...]:
    """Return every layer that has a say at the instant; the later change first, as it counts."""
    now, rota = int(at.timestamp()), organisation.units[unit].rota
    overrides = [
        each
        for each in reversed(overrides_of(organisation.changes, rota, organisation.members))
        if each.from_at <= now < each.until_at
    ]
    duty = organisation.on_duty(unit, at)
    shifts = list(_shifts(rota, organisation.segment(unit, at), overrides, duty, now))
    concerned = {name for rung in shifts for name in rung.people} | {each.add for each in overrides}
    changes = [
        _change(each, duty) for each in overrides if each.add or each.remove in {*concerned, *rota.desks}
    ]
    return (*changes, *shifts, *_stand_ins(organisation, duty))


def _change(override: Override, duty: OnDuty) -> Rung:
    moves = [f"{name} {way}" for name, way in ((override.remove, "off"), (override.add, "on")) if name]
    reason = f" ({override.reason})" if override.reason else ""
    return Rung(
        kind="change",
        name=override.override_id,
        says=f"{', '.join(moves)}, by {override.by}{reason}, until {_utc(override.until_at)}",
        people=(override.add,) if override.add else (),
        won=not duty.gap and duty.because == override.override_id,
    )


def _shifts(
    rota: UnitRota, segment: Segment, overrides: Sequence[Override], duty: OnDuty, now: int
) -> Iterator[Rung]:
    """Say what decided about each shift whose hours cover the instant; `people` are those planned."""
    for shift in sorted(rota.shifts, key=lambda shift: list(rota.desks).index(shift.desk)):
        for day, since, _ in hours(shift, rota.desks[shift.desk].zone, now, now + 1):
            planned = shift_on(rota, shift.shift_id, day)
            says, won = _decided(rota, shift, day, since), False
            if planned:
                on = {each.seat for each in segment.duties}
                taken_off = [each.member or each.desk for each in planned if each.seat not in on]
                won = not duty.gap and planned[0].because == duty.because
                if taken_off:
                    why = dict.fromkeys(
                        each.override_id
                        for each in overrides
                        if each.remove in taken_off or each.remove == planned[0].desk
                    )
                    says += f"; {', '.join(taken_off)} taken off by {', '.join(why)}"
                elif not won and planned[0].desk != duty.desk:
                    says += f"; desk {duty.desk} is asked first"
            people = tuple(each.member for each in planned if each.member)
            yield Rung(kind="shift", name=shift.shift_id, says=says, people=people, won=won)


def _decided(rota: UnitRota, shift: Shift, day: date, since: int) -> str:
    """Say what made a shift of one local date what it is: validity, a holiday, a turn, or the whole desk."""
    if not shift.planned_on(day):
        return f"not valid on {day} (from {shift.valid_from or 'ever'}, until {shift.valid_until or 'ever'})"
    is_holiday = day in rota.desks[shift.desk].holidays
    if is_holiday and shift.on_holiday == "skip":
        return f"skipped: {day} is a holiday of desk {shift.desk}"
    covering = cover_of(rota, shift, day, since)
    if covering:
        return f"{day} is a holiday of desk {shift.desk}: covered by desk {covering}"
    turn = (
        f"turn {shift.rotation.turn(day)} of its rotation" if shift.rotation else f"all of desk {shift.desk}"
    )
    if not is_holiday:
        return turn
    kept = "no desk is free to cover it" if shift.on_holiday == "cover" else "it is kept"
    return f"{turn}, though {day} is a holiday: {kept}"


def _stand_ins(organisation: Organisation, duty: OnDuty) -> Iterator[Rung]:
    passed_over = duty.steps[1:]
    for place, (name, people) in enumerate(organisation.standing_in(duty.unit)):
        if place < len(passed_over):
            yield Rung(
                kind="stand_in", name=name, says=passed_over[place].removeprefix(f"{name}: "), people=()
            )
            continue
        won = duty.gap and place == len(passed_over)
        says = "stands in" if won else "not asked"
        yield Rung(kind="stand_in", name=name, says=says, people=duty.members if won else people, won=won)


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
