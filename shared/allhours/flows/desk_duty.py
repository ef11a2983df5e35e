"""What a person does beside answering: hand a case over, make one, have a page, change a shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.access import Action, may_see, must
from allhours.domain.changes import override
from allhours.domain.errors import BadInput, Conflict, NotThere
from allhours.flows.acknowledge import acknowledge, release
from allhours.flows.change_rota import change
from allhours.flows.desk_deeds import on_record, reason_of
from allhours.flows.move import move
from allhours.flows.promote import promote

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.case import Case
    from allhours.domain.router import Router
    from allhours.flows.acknowledge import Acknowledged
    from allhours.flows.change_rota import Changed, Prove
    from allhours.flows.cover_ports import Pages, Reaches, RotaChanges
    from allhours.flows.desk_ports import Desk
    from allhours.flows.move import Movable
    from allhours.flows.promote import Promotable


def hand_over(
    case_id: str, unit: str, *, because: str, who: Who, desk: Desk, cases: Movable, at: datetime
) -> Case:
    """Give an open case to another unit, whose desk on duty has it then, and return it.

    Refused while somebody else is writing an answer. Who hands it over may see it no longer.
    """
    why = reason_of(because)
    on = desk.store.read(case_id)
    if on and on.case.unit == unit and not may_see(who, unit):  # said again, after it has gone
        try:
            return _moved(case_id, unit, why, who, desk, cases, at)
        except BadInput:
            raise NotThere(f"no case {case_id} is on record here") from None
    on = on_record(case_id, Action.MOVE, who=who, desk=desk)
    if on.draft and on.draft.held_by_another(who.member, at):
        raise Conflict(
            f"{on.draft.by} is writing an answer since {on.draft.since:%H:%M} UTC: talk to them first"
        )
    return _moved(case_id, unit, why, who, desk, cases, at)


def _moved(  # noqa: PLR0917 - which, where to, why, by whom: as one says it
    case_id: str, unit: str, why: str, who: Who, desk: Desk, cases: Movable, at: datetime
) -> Case:
    return move(case_id, unit, by=who.member, because=why, organisation=desk.organisation, cases=cases, at=at)


def promoted(
    item_key: str, *, unit: str, because: str, who: Who, router: Router, records: Promotable, at: datetime
) -> Case:
    """Make a case of an item that opened none, for a unit of one's own; `unit` "" leaves it to the ladder."""
    why = reason_of(because, needed=True)
    row = records.item(item_key)
    if row is None:
        raise NotThere(f"nothing is on record for {item_key}")
    account = router.organisation.accounts.get(str(row["item"]["account"]))
    told = [str(one.get("unit", "")) for one in (*row["events"], row.get("why") or {})]
    heard_by = account.unit if account else router.organisation.fallback_unit
    theirs = [each for each in told if each] or [heard_by]
    if not any(may_see(who, each) for each in theirs):
        raise NotThere(f"nothing is on record for {item_key}")
    must(who, Action.PROMOTE, unit or theirs[-1])
    return promote(item_key, unit=unit, by=who.member, because=why, router=router, records=records, at=at)


def acknowledged(
    page_id: str, *, who: Who, desk: Desk, pages: Pages, reaches: Reaches, at: datetime
) -> Acknowledged:
    """Have a page: its climb stops."""
    _must_have(page_id, who, pages)
    return acknowledge(
        page_id, None, who.member, pages=pages, reaches=reaches, organisation=desk.organisation, at=at
    )


def released(page_id: str, *, who: Who, desk: Desk, pages: Pages, at: datetime) -> Acknowledged:
    """Hand a page back: it climbs again from its first step."""
    _must_have(page_id, who, pages)
    return release(page_id, None, who.member, pages=pages, organisation=desk.organisation, at=at)


def _must_have(page_id: str, who: Who, pages: Pages) -> None:
    """Raise unless somebody may have the page: one of their unit, or one that called themselves."""
    called = pages.load(page_id)
    if called is None or not (may_see(who, called.page.unit) or called.page.member == who.member):
        raise NotThere(f"no page {page_id} is on record here")
    if called.page.member != who.member:
        must(who, Action.ACKNOWLEDGE, called.page.unit)


def overridden(
    unit: str,
    *,
    start: datetime,
    end: datetime,
    who: Who,
    desk: Desk,
    changes: RotaChanges,
    prove: Prove,
    at: datetime,
    remove: str = "",
    add: str = "",
    at_desk: str = "",
    reason: str = "",
    force: bool = False,
) -> Changed:
    """Put somebody on, take somebody off, or both, for a while; `ChangeRefused` says what would not hold."""
    if unit not in desk.organisation.units or not may_see(who, unit):
        raise NotThere(f"there is no unit {unit}")
    must(who, Action.OVERRIDE, unit)
    why = reason_of(reason, field="reason")
    if start.tzinfo is None or end.tzinfo is None:
        raise BadInput("start, end: instants with a zone")
    return change(
        lambda organisation: override(
            organisation,
            unit,
            start=int(start.timestamp()),
            end=int(end.timestamp()),
            by=who.member,
            at=at,
            remove=remove,
            add=add,
            desk=at_desk,
            reason=why,
        ),
        organisation=desk.organisation,
        changes=changes,
        prove=prove,
        by=who.member,
        force=force,
        at=at,
    )
