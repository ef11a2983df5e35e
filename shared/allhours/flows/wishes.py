"""What members may ask for through their own link, and what becomes of it: a proposal for the rota.

A day off covers every shift that starts on it, as the rota counts days: a night shift belongs to its evening.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from allhours.domain.calendar import rota_of, stints
from allhours.domain.changes import FARTHEST, agreed_by, leave, swap, swap_back, takeover, withdrawn
from allhours.domain.errors import BadInput
from allhours.domain.instants import instant, local_date
from allhours.domain.own_rota import is_own, units_of, wants_both

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from allhours.domain.changes import Change
    from allhours.domain.organisation import Organisation
    from allhours.flows.change_rota import Proposal

_NEAR = 2 * 86_400  # seconds; a shift that starts on a day is in sight from two days off, in every zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A proposal, and whether it is made although the proof objects; `may_force` if that is theirs to say."""

    proposal: Proposal
    may_force: bool
    force: bool


def wish(asked: Mapping[str, str], *, organisation: Organisation, member_id: str, at: datetime) -> Wish:
    """Read what a member asks for: `do` is take, sick, leave, swap, swap_back, agree or withdraw.

    Nobody is refused to be sick; leave is anybody's to insist on, the rest the head's of the unit whose duty
    it moves: the change's own, whatever unit is asked for beside it. `BadInput` says what is missing or makes
    no sense.
    """
    do = _needed(asked, "do")
    heads = _heads_of(organisation, _units(do, asked, organisation))
    may_force = do in {"sick", "leave"} or member_id in heads
    return Wish(
        proposal=_proposal(do, asked, member_id, at),
        may_force=may_force,
        force=do == "sick" or (may_force and asked.get("force") == "yes"),
    )


def _proposal(do: str, asked: Mapping[str, str], member_id: str, at: datetime) -> Proposal:
    if do == "take":
        unit, instead_of = _needed(asked, "unit"), asked.get("instead_of", "")
        return lambda now: takeover(_theirs(now, unit, member_id), unit, member_id, at, instead_of=instead_of)
    if do in {"sick", "leave"}:
        first = _day(asked, "from", at) if do == "leave" else None
        last = _day(asked, "until", at) if do == "leave" or asked.get("until") else None
        return lambda now: days_off(
            now, member_id, first, last, at, reason="sick" if do == "sick" else "leave"
        )
    if do == "swap":
        unit, shift, day = _needed(asked, "unit"), _needed(asked, "shift"), _day(asked, "date", at)
        add = _needed(asked, "with")
        return lambda now: swap(
            now, unit, shift=shift, day=day, remove=member_id, add=add, by=member_id, at=at
        )
    if do == "swap_back":
        swapped = _needed(asked, "change")
        return lambda now: swap_back(now, found(now, swapped), member_id, at)
    if do == "agree":
        return agreement(_needed(asked, "change"), member_id, at)
    if do == "withdraw":
        return _own_withdrawal(_needed(asked, "change"), member_id, at)
    raise BadInput(f"do is {do!r}: say take, sick, leave, swap, swap_back, agree or withdraw")


def days_off(
    organisation: Organisation,
    member_id: str,
    first: date | None,
    last: date | None,
    at: datetime,
    *,
    reason: str,
) -> Change:
    """Take a member off from `first` to `last` by their own clock, both included; None is today."""
    zone = organisation.members[member_id].zone
    today = local_date(zone, int(at.timestamp()))
    first = first or today
    last = last or first
    if last < first:
        raise BadInput(f"it ends on {last}, before it begins on {first}: mend the two")
    if last - today > FARTHEST:
        raise BadInput(f"{last} is more than {FARTHEST.days} days ahead: ask for it later")
    now = int(at.timestamp())
    return leave(
        organisation,
        member_id,
        start=_boundary(organisation, member_id, first) if first > today else now,
        end=_boundary(organisation, member_id, last + timedelta(days=1)),
        by=member_id,
        at=at,
        reason=reason,
    )


def agreement(change_id: str, by: str, at: datetime) -> Proposal:
    """Return the agreement of one side to the swap of that id."""
    return lambda now: agreed_by(found(now, change_id), by, at)


def withdrawal(change_id: str, by: str, at: datetime, *, force: bool = False) -> Proposal:
    """Return the withdrawal of the change of that id.

    `BadInput` for a swap that both have agreed to, unless the unit's head takes it back, or it is forced,
    which stays on the record.
    """

    def proposal(now: Organisation) -> Change:
        change = found(now, change_id)
        alone = wants_both(change) and by not in _heads_of(now, [change.unit])
        if alone and not force:
            raise BadInput(
                f"change {change_id}: both have agreed to this swap, so one alone does not take it back: "
                "propose the reverse swap, or ask the head of the unit"
            )
        gone = withdrawn(change, by, at)
        return replace(gone, forced=True) if alone else gone

    return proposal


def found(organisation: Organisation, change_id: str) -> Change:
    """Return a change that counts or waits; `BadInput` when there is none of that id."""
    for change in organisation.changes:
        if change.change_id == change_id:
            return change
    raise BadInput(f"no change is called {change_id!r}: it was withdrawn, or its time is over")


def _own_withdrawal(change_id: str, member_id: str, at: datetime) -> Proposal:
    def proposal(now: Organisation) -> Change:
        change = found(now, change_id)
        if not is_own(change, member_id) and member_id not in _heads_of(now, [change.unit]):
            raise BadInput(f"change {change_id} is not yours to withdraw: ask {change.by}, who made it")
        return withdrawal(change_id, member_id, at)(now)

    return proposal


def _theirs(organisation: Organisation, unit: str, member_id: str) -> Organisation:
    """Return the organisation; `BadInput` when the member neither works in the unit nor heads it."""
    if unit in organisation.units and not (
        unit in units_of(organisation, member_id) or member_id in _heads_of(organisation, [unit])
    ):
        raise BadInput(f"you do not work in unit {unit}: ask its head to put you on")
    return organisation


def _boundary(organisation: Organisation, member_id: str, day: date) -> int:
    """Return when a day begins for a member: at midnight, or when a shift from the evening before ends."""
    midnight = instant(organisation.members[member_id].zone, day, 0)
    ends = (
        end
        for unit in units_of(organisation, member_id)
        for start, end, duty in stints(rota_of(organisation, unit, midnight - _NEAR, midnight + _NEAR))
        if duty.member == member_id and start < midnight < end
    )
    return max(ends, default=midnight)


def _units(do: str, asked: Mapping[str, str], organisation: Organisation) -> list[str]:
    """Name the unit whose duty it moves: of what is on record its own, else the one asked for."""
    if do in {"take", "swap"}:
        return [asked.get("unit", "")]
    return [one.unit for one in organisation.changes if one.change_id == asked.get("change")]


def _heads_of(organisation: Organisation, units: Iterable[str]) -> set[str]:
    return {organisation.units[unit].head for unit in units if unit in organisation.units}


def _needed(asked: Mapping[str, str], name: str) -> str:
    if not asked.get(name):
        raise BadInput(f"{name} is missing")
    return asked[name]


def _day(asked: Mapping[str, str], name: str, at: datetime) -> date:
    """Read a date within the time that is proved, to either side of today."""
    text = _needed(asked, name)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{name} is no date: write it as 2027-03-28") from None
    if abs(day - at.date()) > FARTHEST + timedelta(days=1):  # the member's today may be another
        raise BadInput(f"{name} is more than {FARTHEST.days} days from today: choose a nearer day")
    return day
