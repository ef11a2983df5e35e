"""Tell a unit when its plan moves and nobody moved it by hand: a deployment did, or other clocks (tzdata)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.domain.errors import BadInput
from allhours.domain.notice import plan_moved
from allhours.domain.plan import moved, plan_of

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import Plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """In how many units the plan moved, and what went wrong."""

    moved: int
    troubles: tuple[str, ...]


def compare_plans(organisation: Organisation, plans: Plans, at: datetime) -> Compared:
    """Compare each unit's next eight weeks with what the last night saw of them, and keep what is seen."""
    count, troubles = 0, list[str]()
    for unit in organisation.units:
        now = plan_of(organisation, unit, int(at.timestamp()))
        try:
            known = plans.load(unit)
        except BadInput as error:
            troubles.append(str(error))
            continue
        differences = tuple(moved(known.plan, now)) if known else ()
        told = plan_moved(organisation, known.plan, now, differences, at) if known and differences else None
        if plans.keep(now, told, replaces=known, at=at):
            count += told is not None
    return Compared(moved=count, troubles=tuple(troubles))
