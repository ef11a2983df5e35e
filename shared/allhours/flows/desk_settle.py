"""Settling a reply that needs a human: somebody looked at the network, and says whether it is out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain import notice
from allhours.domain.access import Action, may_see, must
from allhours.domain.audit import Audit
from allhours.domain.case import State
from allhours.domain.errors import BadInput, Busy, Conflict, NotThere
from allhours.domain.reply import ReplyState
from allhours.flows.desk_deeds import TRIES, reason_of
from allhours.flows.reply_ports import Saved, Settling, Step

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.case import Case
    from allhours.domain.reply import Reply
    from allhours.flows.desk_ports import Desk

LONGEST = 2_000  # characters of an address


def settle(
    reply_id: str, *, posted: str | None, again: bool, because: str, who: Who, desk: Desk, at: datetime
) -> Reply:
    """Say what became of a reply: out at `posted`, its address; to be sent `again`; or, with neither, never.

    Only who has looked says so, and says why. Said again it is done already.
    """
    why = reason_of(because, needed=True)
    address = (posted or "").strip()
    if address and again:
        raise BadInput("again: what is out is not sent again")
    if posted is not None and not (address.startswith("https://") and len(address) <= LONGEST):
        raise BadInput("posted: the address of the answer on the network, which begins with https://")
    for _ in range(TRIES):
        was = reply_for(reply_id, who=who, desk=desk)
        must(who, Action.SETTLE, was.unit)
        if was.state is not ReplyState.NEEDS_HUMAN:
            if _is_so(was, address, why, again=again):
                return was
            raise Conflict(f"reply {reply_id} is {was.state}: nobody has to look for it")
        said = f"{who.member}: {why}"
        case = desk.ledger.case(was.case_id)
        if address:
            after = was.posted(address, address, was.first_try_at or at)
        else:
            after = was.again(at, said) if again else was.rejected(said)
        if desk.ledger.save(_step(was, after, case, who, why, desk, at), at=at) is Saved.DONE:
            return after
    raise Busy(f"reply {reply_id} changed {TRIES} times meanwhile: try again")


def reply_for(reply_id: str, *, who: Who, desk: Desk) -> Reply:
    """Return a reply for somebody who may see its unit; else it is not there for them."""
    reply = desk.ledger.reply(reply_id)
    if reply is None or not may_see(who, reply.unit):
        raise NotThere(f"no reply {reply_id} is on record here")
    return reply


def _is_so(reply: Reply, address: str, why: str, *, again: bool) -> bool:
    """Return whether the same was said before."""
    if address:
        return reply.state is ReplyState.POSTED and reply.permalink == address
    told = ReplyState.READY if again else ReplyState.REJECTED
    return reply.state is told and reply.reason.endswith(f": {why}")


def _step(  # noqa: PLR0917 - from what to what, of which case, by whom, why: as one says it
    was: Reply, after: Reply, case: Case | None, who: Who, why: str, desk: Desk, at: datetime
) -> Step:
    answered = None
    if case and after.posted_at and case.state is State.OPEN and not case.answered_at:
        answered = case.answered(after.posted_at)
    capabilities = desk.networks.capabilities(was.network)
    unit = case.unit if case else was.unit
    told = notice.reply_told(desk.organisation, after, unit, at)
    return Step(
        was=was,
        reply=after,
        case_was=case if answered else None,
        case=answered,
        audit=Audit(
            audit_id=f"settled#{was.reply_id}#{after.version}",
            at=at,
            by=who.member,
            did="settled",
            subject=was.case_id,
            unit=unit,
            details={"reply_id": was.reply_id, "state": after.state.value, "because": why},
        ),
        notices=() if after.state is ReplyState.READY else (told,),
        settling=Settling(settles_within=capabilities.settles_within, seen_within=capabilities.seen_within),
    )
