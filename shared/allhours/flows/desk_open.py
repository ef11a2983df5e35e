"""From outside: another system has a ticket for a post, and wants the case of it.

A case is a conversation on a network, so none is made out of nothing: where the post is in a case already,
that one is linked, and where it opened none a case is made of it, as a person would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allhours.domain.access import Action, may_see, must
from allhours.domain.errors import Conflict, NotThere
from allhours.flows.desk_write import link
from allhours.flows.promote import promote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.case import Case
    from allhours.domain.router import Router
    from allhours.flows.desk_ports import Desk
    from allhours.flows.promote import Promotable


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """The other system's side of a case; without an `id` there is none. `system` "" is the one that asks."""

    id: str = ""
    state: str = ""
    url: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The post's case, and whether it was made just now."""

    case: Case
    new: bool


def opened(
    item_key: str,
    *,
    unit: str,
    because: str,
    external: External,
    who: Who,
    desk: Desk,
    router: Router,
    records: Promotable,
    at: datetime,
) -> Opened:
    """Return the case of a post, linked to the other system's; asked again it is the same one.

    `unit` is who gets a new one, the only unit of the one who asks where left out. `NotThere` for a post that
    is not on record, or whose case may not be seen.
    """
    row = records.item(item_key)
    if row is None or row["deleted"]:
        raise NotThere(f"no post {item_key!r} is on record here")
    case = _case_of(str(row["case_id"]), who, desk)
    new = case is None
    if case is None:
        if not any(may_see(who, each) for each in _told_to(row)):
            raise NotThere(f"no post {item_key!r} is on record here")
        unit = unit or _only_unit(who, desk)
        must(who, Action.LINK, unit)
        case = promote(
            item_key, unit=unit, by=who.member, because=because, router=router, records=records, at=at
        )
    else:
        must(who, Action.LINK, case.unit)
    if external.id:
        case = link(
            case.case_id,
            external_id=external.id,
            state=external.state,
            url=external.url,
            system=external.system,
            who=who,
            desk=desk,
            at=at,
        )
    return Opened(case=case, new=new)


def _case_of(case_id: str, who: Who, desk: Desk) -> Case | None:
    """Return the post's case if it has one; `NotThere` where that may not be seen."""
    if not case_id:
        return None
    found = desk.store.read(case_id)
    if found is None or not may_see(who, found.case.unit):
        raise NotThere(f"no case {case_id!r} is on record here")
    return found.case


def _told_to(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the units that a post without a case was decided for."""
    for told in (*row["events"], row.get("why") or {}):
        if unit := str(told.get("unit", "")):
            yield unit


def _only_unit(who: Who, desk: Desk) -> str:
    units = who.units(desk.organisation)
    if len(units) != 1:
        raise Conflict("say which unit gets the case: more than one is yours")
    return units[0]
