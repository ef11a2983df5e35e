"""Whether the plan asks more of a member than a person can give: two shifts at once, too short a rest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from allhours.cli.yaml_lines import Mistake, path_of
from allhours.domain.rota import compile_rota

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.cli.yaml_lines import Document, Place
    from allhours.domain.organisation import Organisation, Unit

REST = timedelta(hours=11)  # Directive 2003/88/EC, article 3: a day's rest


class _Duty(NamedTuple):
    since: int
    until: int
    unit: str
    shift: str


def check_duties(
    document: Document, organisation: Organisation, at: datetime, ahead: timedelta
) -> list[Mistake]:
    """Tell who is on two shifts of a unit at once; warn of two units at once and of short rests."""
    start = int(at.timestamp()) // 86_400 * 86_400
    duties: dict[str, list[_Duty]] = defaultdict(list)
    for unit in organisation.units.values():
        for member, duty in _duties(unit, start, start + int(ahead.total_seconds())):
            duties[member].append(duty)
    warnings: dict[tuple[str, ...], tuple[Place, str]] = {}
    told: set[tuple[str, ...]] = set()
    for member, theirs in duties.items():
        name = organisation.members[member].name
        for before, after in pairwise(sorted(theirs)):
            key = (member, before.unit, before.shift, after.unit, after.shift)
            place = _place(document, after)
            when = _instant(max(before.since, after.since))
            if after.since < before.until and before.unit == after.unit:
                if key not in told:
                    document.tell(
                        place, f"{name} is on shift {before.shift!r} at the same time, first at {when}"
                    )
                told.add(key)
            elif after.since < before.until:
                warnings.setdefault(
                    key,
                    (place, f"{name} is on duty for unit {before.unit!r} at the same time, first at {when}"),
                )
            elif 0 < after.since - before.until < REST.total_seconds():
                hours = (after.since - before.until) / 3_600
                text = f"{name} rests {hours:g} h after {before.shift!r}, first before {when}: 11 h are due"
                warnings.setdefault(key, (place, text))
    return sorted(
        Mistake(
            file=document.line_of(place)[0], line=document.line_of(place)[1], path=path_of(place), text=text
        )
        for place, text in warnings.values()
    )


def _duties(unit: Unit, start: int, end: int) -> Iterator[tuple[str, _Duty]]:
    """Yield each member's duties of a unit, shift by shift, so that none hides another."""
    for shift in unit.rota.shifts:
        rota = compile_rota(replace(unit.rota, shifts=(shift,), needs=()), (), start, end)
        found = {
            (duty.member, duty.since, duty.until) for segment in rota.segments for duty in segment.duties
        }
        for member, since, until in found:
            if member:
                yield member, _Duty(since, until, unit.unit_id, shift.shift_id)


def _place(document: Document, duty: _Duty) -> Place:
    place: Place = ("units", duty.unit, "shifts")
    value = document.values
    for part in place:
        value = value[part]  # type: ignore[assignment,index]
    number = [shift["id"] for shift in value].index(duty.shift)  # type: ignore[index]
    return (*place, number)


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
