"""Sending an answer: as the conversation was seen, and with a second person's word where that is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allhours.domain import notice
from allhours.domain.access import Action, as_member
from allhours.domain.approval import may_agree, may_let_go
from allhours.domain.draft import Draft, DraftState
from allhours.domain.errors import Answered, BadInput, Busy, Changed, Conflict, NotAllowed
from allhours.domain.reply import Reply
from allhours.domain.seen import answering, changes_since
from allhours.flows.desk_deeds import TRIES, audited, must_be_open, on_record, reason_of
from allhours.flows.desk_draft import drafted, must_hold, touched, waiting, words_of
from allhours.flows.desk_ports import Deed
from allhours.flows.desk_words import checked
from allhours.flows.ports import Committed
from allhours.flows.reply_ports import Go

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.audit import Audit
    from allhours.flows.desk_ports import Desk, OnRecord
    from allhours.flows.desk_words import Checked, Words

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of an answer: the reply is on its way, or the draft waits for a second person."""

    reply: Reply | None = None
    draft: Draft | None = None


def send(
    case_id: str,
    words: Words,
    *,
    reply_id: str,
    version: int | None,
    seen: str,
    who: Who,
    desk: Desk,
    at: datetime,
    second: bool = False,
    because: str = "",
) -> Sent:
    """Let an answer go, or have it wait for a second person; the same `reply_id` again is the same answer.

    `version` is that of the draft which is sent, None where there is none. `seen` is the conversation as it
    was shown: `Changed` lists what happened meanwhile. A `second` answer to an item is deliberate. `because`
    is why a lead answers where only who knows why may. `BadInput` says why the words cannot go out.
    """
    if reply := _sent_before(reply_id, case_id, desk):
        on_record(case_id, Action.SEND, who=who, desk=desk)
        return Sent(reply=reply)
    why = reason_of(because)
    for _ in range(TRIES):
        on = on_record(case_id, Action.SEND, who=who, desk=desk)
        if reply := _sent_meanwhile(reply_id, on):
            return Sent(reply=reply)
        draft = on.draft
        if _waits_already(draft, words, version, who):
            return Sent(draft=draft)
        must_be_open(on.case)
        must_hold(draft, version, who, at)
        shown = _fit(on, words, seen, who, desk, at, second=second)
        if shown.needs_approval:
            asked = _ask(on, words, shown, seen, who, desk, at)
            if asked:
                return Sent(draft=asked)
            continue
        ruling = may_let_go(who, on.case, why)
        if not ruling.allowed:
            raise NotAllowed(ruling.reason)
        reply = _reply(on, words, shown, reply_id, who.member, who.member, at)
        row = audited(on.case, "sent", who, at, reply_id, **_of(reply), because=why)
        if gone := _let_go(on, reply, row, desk):
            return Sent(reply=gone)
    raise Busy(f"case {case_id} changed {TRIES} times meanwhile: try again")


def approve(
    case_id: str,
    *,
    reply_id: str,
    version: int,
    seen: str,
    who: Who,
    desk: Desk,
    at: datetime,
    second: bool = False,
    because: str = "",
) -> Reply:
    """Agree to a draft that waits, and let it go as the reply.

    `Changed` says what happened since who agrees looked at it: they have to look, and to agree, again. What
    happened since it was written, the case shows (`Whole.changed`).
    """
    if before := _sent_before(reply_id, case_id, desk):
        on_record(case_id, Action.APPROVE, who=who, desk=desk)
        return before
    why = reason_of(because)
    for _ in range(TRIES):
        on = on_record(case_id, Action.APPROVE, who=who, desk=desk)
        if reply := _sent_meanwhile(reply_id, on):
            return reply
        must_be_open(on.case)
        draft = waiting(on, version)
        for ruling in (may_agree(who, on.case, draft), may_let_go(who, on.case, why)):
            if not ruling.allowed:
                raise NotAllowed(ruling.reason)
        writer = as_member(desk.organisation, draft.by, at)
        words = words_of(draft)
        shown = _fit(on, words, seen, writer, desk, at, second=second)
        reply = _reply(on, words, shown, reply_id, draft.by, who.member, at)
        row = audited(on.case, "approved", who, at, reply_id, **_of(reply), because=why)
        if gone := _let_go(on, reply, row, desk):
            return gone
    raise Busy(f"case {case_id} changed {TRIES} times meanwhile: try again")


def _sent_before(reply_id: str, case_id: str, desk: Desk) -> Reply | None:
    """Return the reply that a click before this one made."""
    if not _TOKEN.fullmatch(reply_id):
        raise BadInput("reply_id: 8 to 64 letters, digits, - and _, made up at the click")
    reply = desk.ledger.reply(reply_id)
    if reply and reply.case_id != case_id:
        raise Conflict(f"reply_id {reply_id} is another case's answer: make up a new one")
    return reply


def _sent_meanwhile(reply_id: str, on: OnRecord) -> Reply | None:
    """Return the reply that the same click, come twice at once, has just made."""
    return next((each for each in on.replies if each.reply_id == reply_id), None)


def _waits_already(draft: Draft | None, words: Words, version: int | None, who: Who) -> bool:
    return bool(
        draft
        and draft.state is DraftState.WAITING
        and (draft.by, draft.text) == (who.member, words.text)
        and draft.version == (version or 0) + 2  # written, and then asked for
    )


def _fit(  # noqa: PLR0917 - of what, what, as seen, by whom: as one says it
    on: OnRecord, words: Words, seen: str, writer: Who, desk: Desk, at: datetime, *, second: bool
) -> Checked:
    """Return the words as they go out; raises what keeps them in."""
    if changes := changes_since(seen, on.case, on.rows, on.replies):
        raise Changed(f"case {on.case.case_id}", changes)
    shown = checked(on, words, writer=writer, desk=desk, at=at)
    before = answering(on.replies, shown.item_key)
    if before and not second:
        last = before[-1]
        when = f"{last.approved_at:%H:%M} UTC"
        raise Answered(f"{last.by} has answered this post ({when}): another answer has to be meant")
    if shown.blocked:
        raise BadInput(f"text: it cannot go out: {'; '.join(shown.blocked)}")
    return shown


def _ask(  # noqa: PLR0917 - as above
    on: OnRecord, words: Words, shown: Checked, seen: str, who: Who, desk: Desk, at: datetime
) -> Draft | None:
    """Have the words wait for a second person; None where somebody was faster."""
    written = drafted(on.case.case_id, on.draft, replace(words, item_key=shown.item_key), seen, who, at)
    draft = written.waiting(shown.needs_approval, at)
    case = touched(on.case)
    deed = Deed(
        case_was=on.case,
        case=case,
        draft_was=on.draft,
        draft=draft,
        audit=audited(
            on.case,
            "asked for agreement",
            who,
            at,
            f"{int(at.timestamp())}.{draft.version}",
            because=draft.because,
        ),
        notices=(
            notice.by_hand(desk.organisation, case, "case.approval_asked", who.member, draft.because, at),
        ),
    )
    return None if desk.store.save(deed, at=at) == Committed.STALE else draft


def _reply(  # noqa: PLR0917 - as above
    on: OnRecord, words: Words, shown: Checked, reply_id: str, by: str, approved_by: str, at: datetime
) -> Reply:
    if shown.way is None:
        raise BadInput("handle: none of ours could say this")
    return Reply(
        reply_id=reply_id,
        case_id=on.case.case_id,
        item_key=shown.item_key,
        slot=len(answering(on.replies, shown.item_key)),
        unit=on.case.unit,
        account=shown.way.account,
        network=on.case.network,
        handle=shown.way.handle,
        text=shown.text,
        private=shown.way.private,
        by=by,
        approved_by=approved_by,
        approved_at=at,
        card=words.card,
    )


def _let_go(on: OnRecord, reply: Reply, row: Audit, desk: Desk) -> Reply | None:
    """Put the reply into the ledger (W0); None where case or draft moved on: read them again."""
    after = on.case.reply_approved(by_person=True)
    draft = on.draft.version if on.draft else None
    gone = desk.approvals.approve(reply, case=after, case_was=on.case, draft=draft, audit=row)
    if gone.word is Go.DONE:
        return reply
    if gone.word is Go.ALREADY and gone.reply and gone.reply.case_id == reply.case_id:
        return gone.reply
    if gone.word is Go.ALREADY:
        raise Conflict(f"reply_id {reply.reply_id} is another case's answer: make up a new one")
    if gone.word is Go.TAKEN:
        other = desk.ledger.reply(gone.reply_id)
        by = other.by if other else "somebody"
        raise Answered(f"{by} has answered this post meanwhile: another answer has to be meant")
    return None


def _of(reply: Reply) -> dict[str, object]:
    return {
        "reply_id": reply.reply_id,
        "item": reply.item_key,
        "account": reply.account,
        "handle": reply.handle,
        "private": reply.private,
        "card": reply.card,
        "written_by": reply.by,
    }
