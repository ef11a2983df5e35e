"""How things look in the API's JSON (docs/openapi.json says it field by field)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain.access import Action
from allhours.domain.case import DESK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.audit import Audit
    from allhours.domain.changes import Change
    from allhours.domain.draft import Draft
    from allhours.domain.item import Item
    from allhours.domain.organisation import AnswerCard, OnDuty, Organisation
    from allhours.domain.reply import Reply
    from allhours.domain.reply_from import Way
    from allhours.flows.cover_ports import Called
    from allhours.flows.desk_read import Line, Row, Suggested, Whole
    from allhours.flows.desk_words import Checked

Json = dict[str, Any]

ACTIONS: Mapping[Action, tuple[str, ...]] = {
    Action.WRITE: ("draft",),
    Action.APPROVE: ("approve", "return"),
    Action.SETTLE: ("verdict",),
}
"""What an action is called where its address is called otherwise."""

_CASE_ID = re.compile(r"[a-z]+-[a-z2-7]{16}(\.\d+)?")


def instant(at: datetime | None) -> str | None:
    """Return an instant in UTC, to the second; None for none."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else None


def seconds(at: int) -> str | None:
    """Return an instant that is counted in UTC seconds."""
    return instant(datetime.fromtimestamp(at, UTC))


def name_of(organisation: Organisation, member: str) -> str:
    """Return how a member is called; a desk or a system by its id."""
    known = organisation.members.get(member)
    return known.name if known else member.removeprefix(DESK)


def row(one: Row, organisation: Organisation) -> Json:
    """Return a case as lists show it."""
    case = one.case
    return {
        "case_id": case.case_id,
        "unit": case.unit,
        "account": case.account,
        "network": case.network,
        "state": case.state.value,
        "priority": case.priority,
        "urgent": case.urgent,
        "stance": case.stance,
        "reason": case.reason,
        "author": {"handle": case.author_handle, "name": case.author_name},
        "excerpt": one.excerpt,
        "opened_at": instant(case.opened_at),
        "closed_at": instant(case.closed_at),
        "closed_because": case.closed_because,
        "due": {kind: instant(ends) for kind, ends in case.due.items()},
        "next_due_at": instant(min(case.due.values(), default=None)),
        "missed": {kind: instant(ends) for kind, ends in case.missed.items()},
        "owner": case.owner,
        "owner_name": one.owner_name,
        "items": case.items,
        "replies": case.replies,
        "draft": _in_short(one.draft, organisation) if one.draft else None,
        "veto": case.veto,
        "hold": case.hold,
        "external": dict(case.external),
        "alike": one.alike,
        "version": case.version,
    }


def _in_short(draft: Draft, organisation: Organisation) -> Json:
    return {
        "by": draft.by,
        "by_name": name_of(organisation, draft.by),
        "since": instant(draft.since),
        "state": draft.state.value,
    }


def whole(one: Whole, organisation: Organisation) -> Json:
    """Return a case with all that somebody needs who answers it."""
    return {
        **row(one.row, organisation),
        "seen": one.seen,
        "changed": list(one.changed),
        "answers": one.answers,
        "conversation": [_line(each) for each in one.conversation],
        "why": list(one.why),
        "ways": [way(each) for each in one.ways],
        "cards": [_suggested(each) for each in one.cards],
        "draft": {**draft(one.row.draft, organisation), "signed": one.signed} if one.row.draft else None,
        "voice": {"tone": one.voice.tone, "promise": one.voice.promise, "signature": one.signature},
        "on_duty": on_duty(one.on_duty, organisation) if one.on_duty else None,
        "protocol": one.protocol,
        "actions": [word for each in one.actions for word in ACTIONS.get(each, (each.value,))],
        "similar": {
            "count": len(one.similar),
            "cases": [
                {
                    "case_id": each.case_id,
                    "account": each.account,
                    "owner": each.owner,
                    "excerpt": excerpt,
                }
                for each, excerpt in one.similar
            ],
        },
    }


def _line(line: Line) -> Json:
    return {
        "kind": line.kind,
        "at": instant(line.at),
        "who": line.who,
        "by": line.by,
        "handle": line.handle,
        "text": line.text,
        "key": line.key,
        "private": line.private,
        "deleted": line.deleted,
        "edited": line.edited,
        "bystander": line.bystander,
        "state": line.state,
        "reason": line.reason,
        "receipt": line.receipt,
        "permalink": line.permalink,
        "attachments": list(line.attachments),
        "rating": line.rating,
        "masked": list(line.masked),
    }


def way(one: Way) -> Json:
    """Return a way to answer, or why it is none."""
    return {
        "account": one.account,
        "handle": one.handle,
        "private": one.private,
        "allowed": one.allowed,
        "reason": one.reason,
        "until": instant(one.until),
        "signature": one.signature,
        "moves": one.moves,
        "invitation": one.invitation,
    }


def _suggested(one: Suggested) -> Json:
    told = {"card_id": one.card.card_id, "title": one.card.title, "url": one.card.url}
    return {**told, "text": one.text, "expires": one.card.expires}


def draft(one: Draft, organisation: Organisation) -> Json:
    """Return a draft."""
    return {
        "item_key": one.item_key,
        "text": one.text,
        "private": one.private,
        "account": one.account,
        "handle": one.handle,
        "card": one.card,
        "by": one.by,
        "by_name": name_of(organisation, one.by),
        "since": instant(one.since),
        "lease_until": instant(one.lease_until),
        "state": one.state.value,
        "asked_at": instant(one.asked_at),
        "because": one.because,
        "comment": one.comment,
        "seen": one.seen,
        "version": one.version,
    }


def checked(one: Checked) -> Json:
    """Return words as they would go out."""
    return {
        "text": one.text,
        "item_key": one.item_key,
        "findings": [
            {
                "kind": each.kind,
                "ruling": each.ruling,
                "message": each.message,
                "start": each.start,
                "end": each.end,
            }
            for each in one.findings
        ],
        "lengths": [
            {"unit": each.unit, "used": each.used, "allowed": each.allowed, "fits": each.fits}
            for each in one.lengths
        ],
        "cost": {"usd": one.cost.usd, "units": one.cost.units, "why": one.cost.why},
        "way": way(one.way) if one.way else None,
        "ways": [way(each) for each in one.ways],
        "needs_approval": one.needs_approval,
        "blocked": list(one.blocked),
        "may_send": one.may_send,
    }


def reply(one: Reply) -> Json:
    """Return an answer and where it is on its way."""
    return {
        "reply_id": one.reply_id,
        "case_id": one.case_id,
        "item_key": one.item_key,
        "state": one.state.value,
        "text": one.text,
        "by": one.by,
        "approved_by": one.approved_by,
        "approved_at": instant(one.approved_at),
        "account": one.account,
        "handle": one.handle,
        "private": one.private,
        "automatic": one.automatic,
        "attempts": one.attempts,
        "post_id": one.post_id,
        "permalink": one.permalink,
        "posted_at": instant(one.posted_at),
        "reason": one.reason,
        "receipt": one.receipt,
    }


def on_duty(duty: OnDuty, organisation: Organisation) -> Json:
    """Return who is on duty, until when."""
    return {
        "desk": duty.desk,
        "members": [{"member": each, "name": name_of(organisation, each)} for each in duty.members],
        "because": duty.because,
        "since": seconds(duty.since),
        "until": seconds(duty.until),
        "gap": duty.gap,
    }


def audit(one: Audit, organisation: Organisation) -> Json:
    """Return who did what, when."""
    return {
        "audit_id": one.audit_id,
        "at": instant(one.at),
        "by": one.by,
        "who": name_of(organisation, one.by),
        "what": one.did,
        "because": str(one.details.get("because", "")),
        "details": dict(one.details),
    }


def page(called: Called, organisation: Organisation) -> Json:
    """Return a page and where it stands on its ladder."""
    one, climb = called.page, called.climb
    told = list(dict.fromkeys(each.member for each in climb.told)) if climb else []
    holder = climb.acknowledged_by if climb else ""
    last = told[-1] if told else one.member
    about = one.page_id.split("#")[1:2]
    state = "taken" if holder else "exhausted" if climb and climb.exhausted else "open"
    return {
        "page_id": one.page_id,
        "why": one.why.value,
        "severity": one.severity,
        "unit": one.unit,
        "subject": one.subject,
        "story": one.story,
        "case_id": next((each for each in about if _CASE_ID.fullmatch(each)), ""),
        "at": instant(one.at),
        "asks": one.asks,
        "state": state,
        "told": [name_of(organisation, each) for each in told],
        "member": last,
        "member_name": name_of(organisation, last),
        "by": holder,
        "by_name": name_of(organisation, holder),
        "since": instant(climb.acknowledged_at) if climb else None,
        "next_at": instant(climb.next_at) if climb else None,
    }


def card(one: AnswerCard) -> Json:
    """Return an answer card."""
    return {
        "card_id": one.card_id,
        "unit": one.unit,
        "title": one.title,
        "url": one.url,
        "text": one.text,
        "variants": dict(one.variants),
        "owner": one.owner,
        "expires": one.expires,
        "approved_by": one.approved_by,
        "automatic": one.automatic,
    }


def light(one: Item, told: Mapping[str, Any]) -> Json:
    """Return an item that opened no case, and what was told of it."""
    return {
        "item_key": one.key,
        "network": one.network,
        "unit": told.get("unit", ""),
        "account": told.get("account", ""),
        "reason": told.get("reason", ""),
        "at": instant(one.created_at),
        "author": {"handle": one.author.handle, "name": one.author.name},
        "text": one.text,
        "permalink": one.permalink,
    }


def change(one: Change) -> Json:
    """Return a change to the rota."""
    return {
        "change_id": one.change_id,
        "kind": one.kind,
        "state": one.standing,
        "unit": one.unit,
        "from": seconds(one.start),
        "until": seconds(one.end),
        "remove": one.remove,
        "add": one.add,
        "desk": one.desk,
        "reason": one.reason,
        "by": one.by,
        "forced": one.forced,
        "objections": list(one.objections),
    }


def listed(name: str, rows: list[Json], then: str = "") -> Mapping[str, Any]:
    """Return a list, and where it goes on; "" where it ends."""
    return {name: rows, "next": then}
