"""What ends an item, or only names its author: deletions, expiries, look-ups. No words are judged here."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.domain.decision import Decision, Entry, Known, Outcome
from allhours.domain.event import event_body, told_again, without_quotes
from allhours.domain.item import NO_ANSWER_NEEDS, Author

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.item import Item
    from allhours.domain.organisation import Organisation


def without_words(item: Item) -> Item:
    """Return the item without anything that somebody said."""
    return replace(item, text="", attachments=(), answer_needs=NO_ANSWER_NEEDS)


def deleted(
    organisation: Organisation, item: Item, known: Known | None, case: Case | None, at: datetime
) -> Decision:
    """Leave a tombstone, also for an item never heard of, so that a late copy of it stays out."""
    reason = "the author deleted it"
    gone = replace(
        without_words(item),
        permalink="",
        author=Author(author_id=known.author_id if known and known.author_id else item.author.author_id),
        version=max(item.version, known.version + 1 if known else 0),  # so that no edit beside it wins
    )
    if known is None:
        entry = Entry(item=gone, replaces=None, deleted=True)
        return Decision(outcome=Outcome.DELETED, entry=entry, reason="deleted before it was heard")
    entry = _last(gone, known)
    if case and case.hold:  # of the conversation, whichever of its cases the item is in
        entry = replace(entry, held=held_words(known))
    if case is None or case.case_id != known.case_id:  # no case, or one that has been replaced since
        entry = replace(entry, event=told_again(known, "item.deleted", reason, at))
        return Decision(outcome=Outcome.DELETED, entry=entry, reason=reason)
    after = case.without_one(at)
    event = event_body(organisation, "item.deleted", gone, after, at, reason=reason, step="deleted")
    return Decision(
        outcome=Outcome.DELETED,
        entry=replace(entry, event=event),
        case=after,
        case_was=case,
        reason=reason,
    )


def held_words(known: Known) -> str:
    """Return what a legal hold keeps of an item: the item and its events as they were."""
    said = json.loads(known.said) if known.said else None
    held = {"item": said, "told": [json.loads(one) for one in known.told]}
    return json.dumps(held, ensure_ascii=False, separators=(",", ":"))


def expired(
    organisation: Organisation, item: Item, known: Known | None, case: Case | None, at: datetime
) -> Decision:
    """Take the words off the row of an item that its network lets us keep no longer; its case goes on."""
    if known is None:
        return Decision(outcome=Outcome.DUPLICATE, reason="gone already")
    reason = "the network lets nobody keep it longer"
    bare = replace(
        without_words(item),
        answer_needs=item.answer_needs,  # ids, with which the case is answered still
        author=Author(author_id=known.author_id),
        version=max(item.version, known.version + 1),
    )
    entry = _last(bare, known)  # deleted: a later poll or edit of it must not bring the words back
    if case is None or case.case_id != known.case_id:
        entry = replace(entry, event=told_again(known, "item.expired", reason, at, step="expired"))
        return Decision(outcome=Outcome.EXPIRED, entry=entry, reason=reason)
    after = case.expired()
    event = event_body(organisation, "item.expired", bare, after, at, reason=reason, step="expired")
    return Decision(
        outcome=Outcome.EXPIRED,
        entry=replace(entry, event=event),
        case=after,
        case_was=case,
        reason=reason,
    )


def _last(item: Item, known: Known) -> Entry:
    return Entry(
        item=item,
        replaces=known.version,
        deleted=True,
        case_id=known.case_id,
        conversation_key=known.conversation_key,
        told=tuple(map(without_quotes, known.told)),
    )


def author_named(
    organisation: Organisation, item: Item, known: Known | None, case: Case | None, at: datetime
) -> Decision:
    """Put the name that a look-up found on the case; a case that is gone needs none."""
    if case is None or not case.live or case.author_id != item.author.author_id:
        return Decision(outcome=Outcome.DUPLICATE, reason="its case is gone")
    if (case.author_handle, case.author_name) == (item.author.handle, item.author.name):
        return Decision(outcome=Outcome.DUPLICATE, reason="known already")
    after = case.author_known(item.author.handle, item.author.name)
    event = event_body(
        organisation,
        "case.author_known",
        item,
        after,
        at,
        reason="the network told the name",
        step="look-up",
    )
    entry = Entry(
        item=item,
        replaces=known.version if known else None,
        told=known.told if known else (),
        case_id=case.case_id,
        conversation_key=case.conversation_key,
        event=event,
    )
    return Decision(outcome=Outcome.NAMED, entry=entry, case=after, case_was=case)
