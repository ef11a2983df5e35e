"""What a person does to a case at the desk, each with its audit row; `desk_send` answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.domain import notice
from allhours.domain.access import Action, as_member, may
from allhours.domain.case import State, owner_of
from allhours.domain.errors import BadInput, Conflict, NotAllowed
from allhours.domain.note import LONGEST, Note
from allhours.domain.personal_data import mask
from allhours.domain.service_level import deadlines
from allhours.domain.staffed_clock import StaffedClock
from allhours.flows.desk_deeds import audited, do, must_be_open, reason_of
from allhours.flows.desk_ports import Deed
from allhours.flows.desk_settle import settle as settle  # noqa: PLC0414 - a deed like these

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.case import Case
    from allhours.flows.desk_ports import Desk, OnRecord

OTHER = "other"
CAUSES = ("answered", "no answer needed", "duplicate", "moved elsewhere", "spam", OTHER)


def take(case_id: str, *, who: Who, desk: Desk, at: datetime) -> Case:
    """Put an open case into one's own hands, from whoever has it, and return it."""

    def plan(on: OnRecord) -> Deed:
        must_be_open(on.case)
        if on.case.owner == who.member and on.case.touched:
            return Deed(case_was=on.case, case=on.case)
        return _owned(on.case, who.member, "taken", "", who, desk, at)

    return do(case_id, Action.TAKE, plan, who=who, desk=desk, at=at).case


def assign(case_id: str, member: str, *, because: str, who: Who, desk: Desk, at: datetime) -> Case:
    """Put an open case into a member's hands who may answer it; "" gives it back to the desk on duty."""
    why = reason_of(because)

    def plan(on: OnRecord) -> Deed:
        must_be_open(on.case)
        owner = member or owner_of(desk.organisation.on_duty(on.case.unit, at, case=case_id))
        if member and member not in desk.organisation.members:
            raise BadInput(f"member: there is no member {member!r}")
        if member and not may(as_member(desk.organisation, member, at), Action.SEND, on.case.unit).allowed:
            raise BadInput(f"member: {member} may not answer for {on.case.unit}")
        if on.case.owner == owner:
            return Deed(case_was=on.case, case=on.case)
        return _owned(on.case, owner, "assigned", why, who, desk, at)

    return do(case_id, Action.ASSIGN, plan, who=who, desk=desk, at=at).case


def _owned(  # noqa: PLR0917 - what, whose, how, why, by whom: as one says it
    case: Case, owner: str, did: str, why: str, who: Who, desk: Desk, at: datetime
) -> Deed:
    after = case.taken_by(owner, at)
    because = f"{did} by {who.member}" + (f": {why}" if why else "")
    return Deed(
        case_was=case,
        case=after,
        audit=audited(after, did, who, at, owner=owner, owner_before=case.owner, because=why),
        notices=(notice.assigned(desk.organisation, after, case.owner, because, at),),
    )


def close(case_id: str, *, cause: str, because: str, who: Who, desk: Desk, at: datetime) -> Case:
    """Close a case with one of CAUSES (`other` needs its reason) and return it; nothing of it is due then."""
    if cause not in CAUSES:
        raise BadInput(f"cause: one of {', '.join(CAUSES)}")
    why = reason_of(because, needed=cause == OTHER)
    told = f"{cause}: {why}" if why else cause

    def plan(on: OnRecord) -> Deed:
        if on.case.state is State.CLOSED:
            if on.case.closed_because == told:
                return Deed(case_was=on.case, case=on.case)
            must_be_open(on.case)
        if on.draft and on.draft.held_by_another(who.member, at):
            since = f"{on.draft.since:%H:%M} UTC"
            raise Conflict(f"{on.draft.by} is writing an answer since {since}: talk to them first")
        after = on.case.closed_by_hand(told, at)
        return Deed(
            case_was=on.case,
            case=after,
            draft_was=on.draft,
            audit=audited(after, "closed", who, at, cause=cause, because=why),
            notices=(notice.by_hand(desk.organisation, after, "case.closed", who.member, told, at),),
        )

    return do(case_id, Action.CLOSE, plan, who=who, desk=desk, at=at).case


def reopen(case_id: str, *, because: str, who: Who, desk: Desk, at: datetime) -> Case:
    """Open a closed case again and return it; what its unit promises counts from now."""
    why = reason_of(because, needed=True)

    def plan(on: OnRecord) -> Deed:
        case = on.case
        if case.state is State.OPEN:
            return Deed(case_was=case, case=case)
        if on.replaced or not case.live:
            gone = "a later case took its place" if on.replaced else "its author deleted all of it"
            raise Conflict(f"case {case_id} cannot be reopened: {gone}")
        unit = desk.organisation.units[case.unit]
        after = replace(case.reopened_again(at).changed(), touched=True)
        after = after.owned_by(owner_of(desk.organisation.on_duty(case.unit, at, case=case_id)), at)
        clock = StaffedClock(desk.organisation)
        due = deadlines(unit.service_levels, after.priority, case.unit, after.promised_from, clock)
        after = after.promised(due, moved=False)
        return Deed(
            case_was=case,
            case=after,
            audit=audited(after, "reopened", who, at, because=why),
            notices=(notice.by_hand(desk.organisation, after, "case.reopened_by_hand", who.member, why, at),),
        )

    return do(case_id, Action.REOPEN, plan, who=who, desk=desk, at=at).case


def note(case_id: str, text: str, *, note_id: str, who: Who, desk: Desk, at: datetime) -> Note:
    """Leave a note for colleagues, masked; the same `note_id` again is the same note."""
    said = text.strip()
    if not said or len(said) > LONGEST:
        raise BadInput(f"text: a note has 1 to {LONGEST} characters")
    written = Note(note_id=note_id, by=who.member, at=at, text=mask(said).text)

    def plan(on: OnRecord) -> Deed:
        return Deed(
            case_was=on.case,
            case=on.case if on.case.touched or who.system else on.case.marked(touched=True),
            note=written,
            audit=audited(on.case, "noted", who, at, note_id, note_id=note_id),
        )

    do(case_id, Action.NOTE, plan, who=who, desk=desk, at=at)
    return written


def hold(case_id: str, *, because: str, who: Who, desk: Desk, at: datetime) -> Case:
    """Keep a case's words although somebody wants them gone; an empty reason lets them go again."""
    return _marked(case_id, "hold", Action.HOLD, because, who=who, desk=desk, at=at)


def veto(case_id: str, *, because: str, who: Who, desk: Desk, at: datetime) -> Case:
    """Forbid to answer a case for now; an empty reason allows it again.

    Who forbade it may say so, or a lead.
    """
    return _marked(case_id, "veto", Action.VETO, because, who=who, desk=desk, at=at)


_MARKED = {
    ("hold", True): ("held", "case.held"),
    ("hold", False): ("lifted a hold", "case.let_go"),
    ("veto", True): ("vetoed", "case.vetoed"),
    ("veto", False): ("lifted a veto", "case.allowed"),
}


def _marked(
    case_id: str, mark: str, action: Action, because: str, *, who: Who, desk: Desk, at: datetime
) -> Case:
    why = reason_of(because)
    told = f"{who.member}: {why}" if why else ""
    did, event = _MARKED[mark, bool(why)]

    def plan(on: OnRecord) -> Deed:
        was: str = getattr(on.case, mark)
        if was == told:
            return Deed(case_was=on.case, case=on.case)
        theirs = was.partition(": ")[0]
        if was and theirs != who.member and not may(who, Action.HOLD, on.case.unit).allowed:
            raise NotAllowed(f"{theirs} said so: they, or a lead, may change it")
        after = on.case.marked(**{mark: told})
        return Deed(
            case_was=on.case,
            case=after,
            audit=audited(after, did, who, at, because=why),
            notices=(notice.by_hand(desk.organisation, after, event, who.member, why, at),),
        )

    return do(case_id, action, plan, who=who, desk=desk, at=at).case


def link(
    case_id: str,
    *,
    external_id: str,
    state: str,
    url: str,
    who: Who,
    desk: Desk,
    at: datetime,
    system: str = "",
) -> Case:
    """Show another system's id and state of the case; an empty id takes the link away.

    A system links its own, whatever `system` says.
    """
    name = who.system or system
    if name not in desk.organisation.systems:
        raise BadInput(f"system: there is no system {name!r} in the organisation file")
    if url and not url.startswith("https://"):
        raise BadInput("url: an address that begins with https://")
    given = {"system": name, "id": external_id, "state": state, "url": url}
    external = {field: value for field, value in given.items() if value} if external_id else {}

    def plan(on: OnRecord) -> Deed:
        if dict(on.case.external) == external:
            return Deed(case_was=on.case, case=on.case)
        after = on.case.marked(external=external)
        return Deed(
            case_was=on.case,
            case=after,
            audit=audited(after, "linked", who, at, system=name, external_id=external_id, state=state),
            notices=(
                notice.by_hand(
                    desk.organisation, after, "case.linked", who.member, "", at, external=external
                ),
            ),
        )

    return do(case_id, Action.LINK, plan, who=who, desk=desk, at=at).case
