"""Writing an answer: one member at a time holds the draft, and others see who and since when."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from allhours.domain import notice
from allhours.domain.access import Action
from allhours.domain.approval import may_agree
from allhours.domain.draft import Draft, DraftState
from allhours.domain.errors import BadInput, Conflict, NotAllowed
from allhours.flows.desk_deeds import audited, do, must_be_open, on_record, reason_of
from allhours.flows.desk_ports import Deed
from allhours.flows.desk_words import Checked, Words, checked, fit_to_keep

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.access import Who
    from allhours.domain.audit import Audit
    from allhours.domain.case import Case
    from allhours.flows.desk_ports import Desk, OnRecord

LONGEST_DRAFT = 15_000  # characters; more than any network takes


def write(
    case_id: str,
    words: Words,
    *,
    version: int | None,
    take_over: str,
    who: Who,
    desk: Desk,
    at: datetime,
    seen: str = "",
) -> Draft:
    """Keep a draft and hold it; `version` is that of the draft which was read, None for none.

    `Conflict` names who holds it and since when, unless `take_over` says why one takes it over. Personal data
    that could not go out is not kept. `seen` is the conversation as it was shown.
    """
    if len(words.text) > LONGEST_DRAFT:
        raise BadInput(f"text: a draft has at most {LONGEST_DRAFT} characters")
    why = reason_of(take_over, field="take_over")

    def plan(on: OnRecord) -> Deed:
        must_be_open(on.case)
        shown = checked(on, words, writer=who, desk=desk, at=at)
        kept = replace(words, item_key=shown.item_key, text=fit_to_keep(words.text, shown.findings))
        was = on.draft
        if was and was.by == who.member and was.version == (version or 0) + 1 and words_of(was) == kept:
            return Deed(case_was=on.case, case=on.case, draft_was=was, draft=was)  # its answer was lost
        must_hold(was, version, who, at, took_over=bool(why))
        draft = drafted(case_id, was, kept, seen or (was.seen if was else ""), who, at)
        return Deed(
            case_was=on.case,
            case=touched(on.case),
            draft_was=was,
            draft=draft,
            audit=_begun(on.case, was, draft, who, at, why),
        )

    draft = do(case_id, Action.WRITE, plan, who=who, desk=desk, at=at).draft
    if draft is None:
        raise Conflict(f"the draft of case {case_id} is gone")
    return draft


def drop(case_id: str, *, version: int, who: Who, desk: Desk, at: datetime) -> None:
    """Throw a draft away that nobody else holds; one that is gone is no error."""

    def plan(on: OnRecord) -> Deed:
        if on.draft is None:
            return Deed(case_was=on.case, case=on.case)
        must_hold(on.draft, version, who, at)
        row = audited(on.case, "dropped a draft", who, at, _cause(on.draft), written_by=on.draft.by)
        return Deed(case_was=on.case, case=on.case, draft_was=on.draft, audit=row)

    do(case_id, Action.WRITE, plan, who=who, desk=desk, at=at)


def check(case_id: str, words: Words, *, who: Who, desk: Desk, at: datetime) -> Checked:
    """Show words as they would go out; changes nothing."""
    on = on_record(case_id, Action.WRITE, who=who, desk=desk)
    return checked(on, words, writer=who, desk=desk, at=at)


def give_back(case_id: str, *, comment: str, version: int, who: Who, desk: Desk, at: datetime) -> Draft:
    """Give a draft that waits back to who wrote it, with the reason."""
    why = reason_of(comment, field="comment", needed=True)

    def plan(on: OnRecord) -> Deed:
        was = on.draft
        if was and was.state is DraftState.RETURNED and was.comment == why and was.version == version + 1:
            return Deed(case_was=on.case, case=on.case, draft_was=was, draft=was)
        draft = waiting(on, version)
        ruling = may_agree(who, on.case, draft)
        if not ruling.allowed:
            raise NotAllowed(ruling.reason)
        told = notice.by_hand(desk.organisation, on.case, "case.draft_returned", who.member, why, at)
        return Deed(
            case_was=on.case,
            case=on.case,
            draft_was=draft,
            draft=draft.returned(why),
            audit=audited(
                on.case, "gave a draft back", who, at, _cause(draft), because=why, written_by=draft.by
            ),
            notices=(told,),
        )

    draft = do(case_id, Action.APPROVE, plan, who=who, desk=desk, at=at).draft
    if draft is None:
        raise Conflict(f"the draft of case {case_id} is gone")
    return draft


def waiting(on: OnRecord, version: int) -> Draft:
    """Return the draft that waits for a second person; `Conflict` where none does, or another version."""
    draft = on.draft
    if draft is None or draft.state is not DraftState.WAITING:
        raise Conflict(f"no draft of case {on.case.case_id} waits for a second person")
    if draft.version != version:
        raise Conflict(f"the draft has been written on since: it is version {draft.version} now")
    return draft


def must_hold(
    draft: Draft | None, version: int | None, who: Who, at: datetime, *, took_over: bool = False
) -> None:
    """Raise `Conflict` unless somebody may go on with the draft as they read it, or takes it over."""
    if draft is None:
        if version is not None:
            raise Conflict("the draft is gone: it was sent or thrown away")
        return
    others = draft.by != who.member
    if others and took_over:
        return
    waits = draft.state is DraftState.WAITING
    if draft.held_by_another(who.member, at) or (others and waits):
        does = "waits for a second person with what they wrote" if waits else "has been writing"
        since = f"{draft.asked_at or draft.since:%H:%M} UTC"
        raise Conflict(f"{draft.by} {does} since {since}: say in `take_over` why you take it over")
    if draft.version != version:
        raise Conflict(f"the draft has been written on since: it is version {draft.version} now")


def touched(case: Case) -> Case:
    """Return the case as one that a person has in hand."""
    return case if case.touched else case.marked(touched=True)


def drafted(  # noqa: PLR0917 - of which case, over what, what, as seen, by whom: as one says it
    case_id: str, was: Draft | None, words: Words, seen: str, who: Who, at: datetime
) -> Draft:
    """Return the draft with these words, in somebody's hands."""
    blank = Draft(case_id=case_id, item_key="", by=who.member, since=at, lease_until=at, version=0)
    return (was or blank).written(who.member, at, seen=seen, **asdict(words))


def words_of(draft: Draft) -> Words:
    """Return what a draft wants to answer."""
    return Words(
        text=draft.text,
        item_key=draft.item_key,
        private=draft.private,
        account=draft.account,
        handle=draft.handle,
        card=draft.card,
    )


def _begun(  # noqa: PLR0917 - of what, from what to what, by whom, when, why: as one says it
    case: Case, was: Draft | None, draft: Draft, who: Who, at: datetime, why: str
) -> Audit | None:
    """Return the audit row of a draft that somebody begins or takes over; typing on leaves none."""
    if was and was.by == who.member and was.state is DraftState.WRITING:
        return None
    did = "took a draft over" if was and was.by != who.member else "wrote a draft"
    return audited(
        case, did, who, at, _cause(draft), because=why, written_by=was.by if was else "", item=draft.item_key
    )


def _cause(draft: Draft) -> str:
    """Return what tells one draft of a case from another, and its versions from each other."""
    return f"{int(draft.since.timestamp())}.{draft.version}"
