"""Who is on duty when, member by member and over all units: the other side of the rota.

Shift by shift, so that two duties at once are both seen; changes and leave count.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from allhours.domain.changes import overrides_of
from allhours.domain.rota import every_duty

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allhours.domain.organisation import Organisation


class Turn(NamedTuple):
    """One duty of a member; turns sort by time."""

    since: int
    until: int
    unit: str
    shift: str
    desk: str


class Stretch(NamedTuple):
    """Time on duty without a break, whatever for."""

    since: int
    until: int


def turns_of(organisation: Organisation, start: int, end: int) -> dict[str, list[Turn]]:
    """List the turns of each member that touch the UTC seconds [start, end), in order."""
    found: dict[str, set[Turn]] = defaultdict(set)
    for unit in organisation.units.values():
        overrides = overrides_of(organisation.changes, unit.rota, organisation.members)
        for duty in every_duty(unit.rota, overrides, start, end):
            if duty.member and duty.since < end and duty.until > start:
                turn = Turn(duty.since, duty.until, unit.unit_id, duty.because, duty.desk)
                found[duty.member].add(turn)
    return {member: sorted(turns) for member, turns in found.items()}


def stretches(turns: Iterable[Turn]) -> list[Stretch]:
    """Join turns that overlap or touch."""
    joined: list[Stretch] = []
    for turn in turns:
        if joined and turn.since <= joined[-1].until:
            joined[-1] = Stretch(joined[-1].since, max(joined[-1].until, turn.until))
        else:
            joined.append(Stretch(turn.since, turn.until))
    return joined
