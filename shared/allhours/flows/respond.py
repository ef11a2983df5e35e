"""Respond: take an approved answer to the network exactly once (docs/replies.md is the whole protocol).

A visit looks at one reply and makes at most one attempt. What decides is the ledger's row, never the message
that brought us here: a visit that is late, doubled or beside another one loses its conditional write and
changes nothing. After the one POST an error without a definite no changes nothing either: whether the
customer has the answer is found out later, by looking, and by nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from allhours.domain import notice, page
from allhours.domain.audit import MACHINE, Audit
from allhours.domain.case import State
from allhours.domain.errors import Busy, NetworkError, RateLimited
from allhours.domain.life import may_answer
from allhours.domain.reply import ATTEMPTS, LEASE, LOOKING, Reply, ReplyState
from allhours.flows.reply_ports import Saved, Step
from allhours.networks.contract import Answer, CannotTell, DefiniteNo, Posted, Several

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.handle import Handle
    from allhours.domain.organisation import OnDuty, Organisation
    from allhours.domain.page import Page
    from allhours.flows.reply_ports import Ledger, Repliers, Settling, Told
    from allhours.networks.contract import Receipt, Replier

TRIES = 8  # of a write that meets a case in other hands; after the POST every one of them is worth it
VETO_HOLDS = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)

_ORDER = ("", "sent", "delivered", "read")  # of receipts, which come in any order
_NOT_THERE = frozenset({"failed", "hidden"})


class Became(StrEnum):
    """What a visit made of the reply."""

    NOTHING = "nothing"
    WAITS = "waits"  # ready, for later: a veto, or a definite no that may be tried again
    DOUBT = "doubt"  # the POST was made, and nobody knows yet
    POSTED = "posted"
    REJECTED = "rejected"
    NEEDS_HUMAN = "needs_human"
    AGAIN = "again"  # proved absent, ready once more
    LOOKED = "looked"  # for it, or for a second one; or a receipt was put on record


@dataclass(frozen=True, slots=True, kw_only=True)
class Visited:
    """What became of the reply, and why; `reply` is what is on record now, as far as this visit knows."""

    became: Became = Became.NOTHING
    reply: Reply | None = None
    why: str = ""


def visit(
    reply_id: str, *, ledger: Ledger, repliers: Repliers, organisation: Organisation, own: str, at: datetime
) -> Visited:
    """See to one reply; `own` is a token that no other visit has. `Busy` when it has to be visited again."""
    return _Visit(ledger, repliers, organisation, own, at).see_to(reply_id)


def hear(
    receipt: Receipt,
    *,
    ledger: Ledger,
    repliers: Repliers,
    organisation: Organisation,
    own: str,
    at: datetime,
) -> Visited:
    """Put on record what a network told of an answer later; a receipt that we know of is proof of POSTED."""
    return _Visit(ledger, repliers, organisation, own, at).hear(receipt)


class _Visit:
    """One visit: its ports, and the instant at which it began."""

    def __init__(
        self, ledger: Ledger, repliers: Repliers, organisation: Organisation, own: str, at: datetime
    ) -> None:
        self._ledger = ledger
        self._repliers = repliers
        self._organisation = organisation
        self._own = own
        self._at = at

    def see_to(self, reply_id: str) -> Visited:
        for _ in range(TRIES):
            reply = self._ledger.reply(reply_id)
            if reply is None:
                return Visited()
            if not self._is_due(reply):
                return Visited(reply=reply)
            arrow = {
                ReplyState.READY: self._ready,
                ReplyState.CLAIMED: self._claimed,
                ReplyState.POSTED: self._posted,
            }[reply.state]
            if visited := arrow(reply):
                return visited
        message = f"reply {reply_id}: its case or item changed {TRIES} times while it was looked at"
        raise Busy(message)

    def _is_due(self, reply: Reply) -> bool:
        """Return whether it is time; if not, the clock comes again, or nothing is left to do.

        One that has just been let go is due, whatever the desk's clock says.
        """
        if reply.state is ReplyState.READY and reply.not_before is None:
            return True
        due = reply.next_visit_at(*self._times(reply))
        return due is not None and due <= self._at

    # READY: claim it, then the one attempt

    def _ready(self, reply: Reply) -> Visited | None:
        """Refuse, hold back or claim it, and then send it; None when it has to be read again."""
        told = self._ledger.item(reply.item_key)
        handle, replier = self._handle(reply), self._repliers.replier(reply.network)
        if told is None or told.gone or handle is None or replier is None:
            return self._reject(reply, _why_not(reply, told, handle))
        answer = _answer(reply, told)
        try:
            against = self._against(replier, handle, answer)
        except Exception as bug:  # or it would be met each minute, and the answer would never end
            self._give_up(reply, f"nothing was sent: whether it may be met {type(bug).__name__}")
            raise
        if against:
            return self._reject(reply, against)
        case = self._ledger.case(reply.case_id)
        if case and case.veto:
            waits = reply.held_back(self._at + VETO_HOLDS, f"vetoed: {case.veto}")
            return self._moved(reply, waits, Became.WAITS, "vetoed")
        if reply.automatic and (why := _why_for_people(case)):
            after = reply.rejected(why)  # a person sees to it, so nobody is called
            return _told(self._write(reply, after), Became.REJECTED, after, why)
        claimed = reply.claimed(self._own, self._at)
        saved = self._save(reply, claimed, cases=(case, None) if reply.automatic and case else None)
        if saved in {Saved.STALE, Saved.DELETED}:
            return None
        return self._attempt(claimed, replier, handle, answer) if saved is Saved.DONE else Visited()

    def _against(self, replier: Replier, handle: Handle, answer: Answer) -> str:
        """Return why the network takes no answer to this item, "" when it may."""
        ruling = may_answer(self._organisation.life_of(answer.item.network))
        if not ruling.allowed:
            return ruling.reason
        asked = replier.permission(handle, answer.item, private=answer.private, at=self._at)
        return "" if asked.allowed else asked.reason

    def _attempt(self, reply: Reply, replier: Replier, handle: Handle, answer: Answer) -> Visited:  # noqa: PLR0911 - one an outcome
        """Prepare it once, send it once, and write down what is known then."""
        if not reply.prepared:
            try:
                fixed = replier.prepare(handle, answer, at=self._at).fixed
            except DefiniteNo as no:
                return self._refused(reply, no)
            except NetworkError as error:  # nobody was shown anything yet
                again_at = error.retry_at if isinstance(error, RateLimited) else None
                return self._once_more(reply, error.detail, again_at)
            prepared = reply.with_keys(fixed)
            if self._save(reply, prepared) is not Saved.DONE:
                return Visited(reply=reply)  # it is not ours any more, or not for sure: nothing is sent
            reply = prepared
        try:
            posted = replier.send(handle, replace(answer, fixed=reply.fixed), at=self._at)
        except DefiniteNo as no:
            return self._refused(reply, no)
        except NetworkError as doubt:
            return Visited(became=Became.DOUBT, reply=reply, why=doubt.detail)
        if not posted.native_id:
            return Visited(became=Became.DOUBT, reply=reply, why="the network told no id of it")
        return self._record(reply, posted, self._at)

    def _refused(self, reply: Reply, no: DefiniteNo) -> Visited:
        """Write down a definite no (W3)."""
        if no.again_at is None:
            return self._reject(reply, no.detail)
        return self._once_more(reply, no.detail, no.again_at)

    def _once_more(self, reply: Reply, reason: str, again_at: datetime | None) -> Visited:
        """Make it ready for a later attempt, each a while longer after the last; a person after too many."""
        if reply.attempts >= ATTEMPTS:
            return self._give_up(reply, f"not sent in {reply.attempts} attempts: {reason}")
        wait = self._at + MINUTE * 2 ** (reply.attempts - 1)
        return self._again(reply, max(wait, again_at or wait), reason, Became.WAITS)

    def _again(self, reply: Reply, not_before: datetime, reason: str, became: Became) -> Visited:
        return self._moved(reply, reply.again(not_before, reason), became, reason)

    # CLAIMED, and nobody came back: look whether it is out

    def _claimed(self, reply: Reply) -> Visited:  # noqa: PLR0911 - one an outcome
        if not reply.prepared:  # its keys are stored before the POST, so the POST was never made
            return self._once_more(reply, "the attempt ended before anything was sent", None)
        told = self._ledger.item(reply.item_key)
        handle, replier = self._handle(reply), self._repliers.replier(reply.network)
        if told is None or handle is None or replier is None:
            return self._give_up(reply, f"{_why_not(reply, told, handle)}: nobody can look for it")
        try:
            found = replier.find(handle, _answer(reply, told), at=self._at)
        except CannotTell as error:
            return self._give_up(reply, error.detail)
        except NetworkError as trouble:
            return self._look_later(reply, trouble.detail)
        except Exception as bug:
            why = f"looking for it met {type(bug).__name__}"
            if told.gone:  # a tombstone has no more than an id
                return self._give_up(reply, f"its author deleted the post, and {why}")
            self._look_later(reply, why)
            raise
        if found is None:
            return self._absent(reply)
        if self._is_anothers(reply, found, told):
            return self._give_up(reply, f"{found.native_id} is there, which is another answer of ours")
        return self._record(reply, found, _sent_at(reply, self._at))

    def _absent(self, reply: Reply) -> Visited:
        """Believe the second look only, which is V later than the first (R2)."""
        if reply.absent_at is None:
            return self._moved(reply, reply.absent(self._at), Became.LOOKED, "not seen yet")
        if reply.attempts >= ATTEMPTS:
            return self._give_up(reply, f"the network shows it not, after {reply.attempts} attempts")
        return self._again(reply, self._at, "the network shows it not", Became.AGAIN)

    def _look_later(self, reply: Reply, why: str) -> Visited:
        """Look again after as long as this has taken already, and not for ever."""
        settled = (reply.lease_until or self._at) + self._times(reply)[0]
        if self._at > settled + LOOKING:
            return self._give_up(reply, f"nobody can look whether it is out: {why}")
        later = reply.look_later(self._at + max(MINUTE, self._at - settled))
        return self._moved(reply, later, Became.LOOKED, why)

    def _is_anothers(self, reply: Reply, found: Posted, told: Told) -> bool:
        """Return whether what was found is on record as another reply.

        Where there is one answer for each review, it has the review's own id, and its words were compared.
        """
        if found.native_id == told.item.native_id:
            return False
        other = self._ledger.by_post(reply.network, found.native_id)
        return other is not None and other.reply_id != reply.reply_id

    # POSTED: look again whether there are two

    def _posted(self, reply: Reply) -> Visited:
        told = self._ledger.item(reply.item_key)
        handle, replier = self._handle(reply), self._repliers.replier(reply.network)
        looked, there, why = reply.looked(), tuple[str, ...](), ""
        try:
            if told and handle and replier:
                found = replier.find(handle, _answer(reply, told), at=self._at)
                there = (found.native_id,) if found else ()
        except Several as several:
            there, why = several.native_ids, several.detail
        except NetworkError as trouble:  # CannotTell as well: there is nothing to be seen
            why = trouble.detail
        except Exception:
            self._moved(reply, looked, Became.LOOKED, "")  # once each time, whatever comes of it
            raise
        pages: tuple[Page, ...] = ()
        if second := next((one for one in there if self._is_second(reply, one)), ""):
            why = f"{second} is there beside {reply.post_id}"
            pages = (page.answered_twice(looked, self._duty(reply), second, self._at),)
        return self._moved(reply, looked, Became.LOOKED, why, pages)

    def _is_second(self, reply: Reply, post_id: str) -> bool:
        """Return whether a post of ours is neither this reply nor another one that somebody let go."""
        return post_id != reply.post_id and self._ledger.by_post(reply.network, post_id) is None

    # Receipts

    def hear(self, receipt: Receipt) -> Visited:
        for _ in range(TRIES):
            reply = self._ledger.by_post(receipt.network, receipt.native_id)
            if reply is None and receipt.reply_id:
                reply = self._ledger.reply(receipt.reply_id)
            if reply is None or reply.network != receipt.network:
                return Visited()  # said in the network's own app
            if reply.state is ReplyState.REJECTED:
                return Visited(reply=reply, why=f"{receipt.state} was told of a rejected answer")
            if reply.state is not ReplyState.POSTED:
                proved = Posted(native_id=receipt.native_id)
                visited = self._record(reply, proved, _sent_at(reply, self._at))
                if receipt.state not in _NOT_THERE or visited.became is not Became.POSTED:
                    return visited
                continue
            if received := self._received(reply, receipt):
                return received
        message = f"a receipt for {receipt.network} {receipt.native_id}: the reply changed {TRIES} times"
        raise Busy(message)

    def _received(self, reply: Reply, receipt: Receipt) -> Visited | None:
        """Put a receipt for a posted reply on record, unless a later one is."""
        if receipt.native_id != reply.post_id:
            if receipt.state in _NOT_THERE or reply.receipt == (second := f"second {receipt.native_id}"):
                return Visited(reply=reply)
            after = reply.with_receipt(second)
            pages: tuple[Page, ...] = (
                page.answered_twice(after, self._duty(reply), receipt.native_id, self._at),
            )
        elif not _is_news(reply.receipt, receipt.state):
            return Visited(reply=reply)
        else:
            after = reply.with_receipt(receipt.state)
            because = receipt.detail or f"{reply.network} says that it {receipt.state}"
            pages = (
                (page.reply_lost(after, self._duty(reply), because, self._at),)
                if receipt.state in _NOT_THERE
                else ()
            )
        if self._save(reply, after, pages=pages) is not Saved.DONE:
            return None
        return Visited(became=Became.LOOKED, reply=after, why=after.receipt)

    # What every way ends with

    def _record(self, reply: Reply, posted: Posted, posted_at: datetime) -> Visited:
        """Put on record that the network has it, whoever has the reply now (W2, R1).

        The case's first answer counts from when it was sent. Somebody else may have taken the reply
        meanwhile, and it is out all the same: what is proved is written over READY and NEEDS_HUMAN as well.
        """
        now: Reply | None = reply
        for _ in range(TRIES):
            if now is None or now.state is ReplyState.REJECTED:
                return Visited(reply=now, why=f"{posted.native_id} is out, and nobody expects it")
            if now.state is ReplyState.POSTED:
                return self._recorded_before(now, posted)
            held = now.claimed(self._own, self._at) if now.state is ReplyState.READY else now
            after = held.posted(posted.native_id, posted.permalink, posted_at)
            saved = self._write(
                now, after, lambda case: case.answered(posted_at) if case.state is State.OPEN else None
            )
            if saved is Saved.DONE:
                return Visited(became=Became.POSTED, reply=after)
            now = self._ledger.reply(reply.reply_id)
        message = f"reply {reply.reply_id} is out as {posted.native_id} and could not be recorded"
        raise Busy(message)

    def _recorded_before(self, reply: Reply, posted: Posted) -> Visited:
        """See whether what was sent is what is on record; else there are two of it."""
        if reply.post_id == posted.native_id:
            return Visited(reply=reply)
        after = reply.with_receipt(f"second {posted.native_id}")
        twice = page.answered_twice(after, self._duty(reply), posted.native_id, self._at)
        return self._moved(reply, after, Became.LOOKED, after.receipt, (twice,))

    def _reject(self, reply: Reply, reason: str) -> Visited:
        after = reply.rejected(reason)
        pages = (page.reply_rejected(after, self._duty(reply), self._at),)
        return _told(self._write(reply, after, pages=pages), Became.REJECTED, after, reason)

    def _give_up(self, reply: Reply, reason: str) -> Visited:
        after = reply.needs_human(reason)
        pages = (page.reply_stuck(after, self._duty(reply), self._at),)
        return _told(self._write(reply, after, pages=pages), Became.NEEDS_HUMAN, after, reason)

    def _moved(
        self, was: Reply, after: Reply, became: Became, why: str, pages: tuple[Page, ...] = ()
    ) -> Visited:
        """Write an arrow that changes nothing for anybody but the next visit."""
        return _told(self._again_and_again(lambda: self._save(was, after, pages=pages)), became, after, why)

    def _write(
        self,
        was: Reply,
        after: Reply,
        change: Callable[[Case], Case | None] | None = None,
        pages: tuple[Page, ...] = (),
    ) -> Saved:
        """Write an arrow that people are told of, with audit row and notice; again when the case moved."""

        def write() -> Saved:
            case = self._ledger.case(was.case_id)
            after_case = change(case) if change and case else None
            unit = case.unit if case else was.unit
            return self._save(
                was,
                after,
                pages=pages,
                audit=_audit(after, unit, self._at),
                told=(notice.reply_told(self._organisation, after, unit, self._at),),
                cases=(case, after_case) if case and after_case else None,
            )

        return self._again_and_again(write)

    def _again_and_again(self, write: Callable[[], Saved]) -> Saved:
        """Write until it is known what became of it: what was written is met again by its own condition."""
        trouble = Busy("rows of the reply are in other hands each time")
        for _ in range(TRIES):
            try:
                saved = write()
            except Busy as busy:
                trouble = busy
                continue
            if saved is not Saved.STALE:
                return saved
        raise trouble

    def _save(
        self,
        was: Reply,
        after: Reply,
        *,
        pages: tuple[Page, ...] = (),
        audit: Audit | None = None,
        told: tuple[notice.Notice, ...] = (),
        cases: tuple[Case, Case | None] | None = None,
    ) -> Saved:
        before, case = cases or (None, None)
        step = Step(
            was=was,
            reply=after,
            case_was=before,
            case=case,
            audit=audit,
            notices=told,
            pages=pages,
            settling=self._repliers.settling(was.network),
        )
        return self._ledger.save(step, at=self._at)

    def _handle(self, reply: Reply) -> Handle | None:
        """Return the handle as the organisation has it now: it may have been withdrawn since (I9)."""
        account = self._organisation.accounts.get(reply.account)
        handles = account.handles if account else ()
        return next((h for h in handles if (h.network, h.handle) == (reply.network, reply.handle)), None)

    def _duty(self, reply: Reply) -> OnDuty:
        bank = self._organisation
        unit = reply.unit if reply.unit in bank.units else bank.fallback_unit
        return bank.on_duty(unit, self._at, case=reply.case_id)

    def _times(self, reply: Reply) -> tuple[timedelta, timedelta]:
        settling: Settling = self._repliers.settling(reply.network)
        return settling.settles_within, settling.seen_within


def _told(saved: Saved, became: Became, after: Reply, why: str) -> Visited:
    return Visited(became=became, reply=after, why=why) if saved is Saved.DONE else Visited()


def _why_not(reply: Reply, told: Told | None, handle: Handle | None) -> str:
    """Return why it cannot be sent, and what to do instead."""
    if told is None:
        return "what it answers is no longer on record"
    if told.gone:
        return "its author deleted it"
    if handle is None:
        return (
            f"{reply.handle} of account {reply.account} is no longer on {reply.network} in the organisation "
            "file: answer from another handle, or put it back"
        )
    return f"nobody can answer on {reply.network} with this release"


def _why_for_people(case: Case | None) -> str:
    """Return why nothing automatic may be said in a case any more, "" while it may."""
    if case is None or case.state is not State.OPEN:
        return "its case is no longer open: nothing automatic is said in it"
    if case.touched:
        return "a person has the case in hand: nothing automatic is said in it"
    if case.items > 1:
        return "more was said meanwhile, which a person reads: nothing automatic is said in it"
    return ""


def _answer(reply: Reply, told: Told) -> Answer:
    return Answer(
        reply_id=reply.reply_id,
        item=told.item,
        text=reply.text,
        approved_at=reply.approved_at,
        private=reply.private,
        by_person=not reply.automatic,
        fixed=reply.fixed,
    )


def _sent_at(reply: Reply, at: datetime) -> datetime:
    """Return when the last attempt was made, which is when the customer had it, or nearly."""
    return reply.lease_until - LEASE if reply.lease_until else (reply.first_try_at or at)


def _is_news(known: str, state: str) -> bool:
    """Return whether a receipt tells more than what is known; what arrived once has arrived."""
    if state in _NOT_THERE:
        return known not in {*_NOT_THERE, "delivered", "read"}
    return state in _ORDER and known in _ORDER and _ORDER.index(state) > _ORDER.index(known)


def _audit(reply: Reply, unit: str, at: datetime) -> Audit:
    details = {
        "reply_id": reply.reply_id,
        "network": reply.network,
        "handle": reply.handle,
        "attempts": reply.attempts,
        **({"post_id": reply.post_id} if reply.post_id else {"reason": reply.reason}),
    }
    return Audit(
        audit_id=f"{reply.reply_id}#{reply.version}",
        at=at,
        by=MACHINE,
        did=reply.state.value,
        subject=reply.case_id,
        unit=unit,
        details=details,
    )
