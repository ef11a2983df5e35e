"""A conversation as it happened: what was said, what we answered, what colleagues noted, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from allhours.domain.audit import MACHINE
from allhours.domain.item import Kind, Visibility

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.note import Note
    from allhours.domain.people import Member
    from allhours.domain.recorded import Recorded
    from allhours.domain.reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing in a conversation; `who` is a name, `by` the member where one of us said it.

    What was deleted has no text. Of a reply `key` is its id and `handle` who said it; of a note `key` is the
    note's id. `reason` is why an answer is not out, `receipt` what the network says became of it. A
    `bystander` is neither the author nor one of us.
    """

    kind: Literal["item", "reply", "note"]
    at: datetime
    who: str
    text: str
    key: str
    by: str = ""
    handle: str = ""
    private: bool = False
    deleted: bool = False
    edited: bool = False
    bystander: bool = False
    state: str = ""
    reason: str = ""
    receipt: str = ""
    permalink: str = ""
    attachments: tuple[str, ...] = ()
    rating: int = 0
    masked: tuple[str, ...] = ()


def conversation(
    case: Case,
    rows: Sequence[Recorded],
    replies: Sequence[Reply],
    notes: Sequence[Note],
    members: Mapping[str, Member],
) -> tuple[Line, ...]:
    """Return the conversation in order of time; an answer stands where the network has it."""
    lines = [*_said(case, rows), *_answered(replies, members), *_noted(notes, members)]
    return tuple(sorted(lines, key=lambda line: line.at))


def _said(case: Case, rows: Sequence[Recorded]) -> Iterator[Line]:
    for row in rows:
        item = row.item
        if item.kind is Kind.PROFILE:
            continue
        is_author = item.author.author_id == case.author_id
        names = (
            item.author.name,
            item.author.handle,
            *((case.author_name, case.author_handle) if is_author else ()),
        )
        yield Line(
            kind="item",
            at=item.created_at,
            who=next((name for name in names if name), item.author.author_id),
            text="" if row.deleted else item.text,
            key=item.key,
            handle=item.author.handle or (case.author_handle if is_author else ""),
            private=item.visibility is Visibility.PRIVATE,
            deleted=row.deleted,
            edited=not row.deleted and any(told.get("event") == "item.edited" for told in row.events),
            bystander=not is_author,
            permalink="" if row.deleted else item.permalink,
            attachments=() if row.deleted else item.attachments,
            rating=item.rating,
            masked=() if row.deleted else item.masked,
        )


def _answered(replies: Sequence[Reply], members: Mapping[str, Member]) -> Iterator[Line]:
    for reply in replies:
        yield Line(
            kind="reply",
            at=reply.posted_at or reply.approved_at,
            who=_name(reply.by, members),
            text=reply.text,
            key=reply.reply_id,
            by=reply.by,
            handle=reply.handle,
            private=reply.private,
            state=reply.state.value,
            reason=reply.reason,
            receipt=reply.receipt,
            permalink=reply.permalink,
        )


def _noted(notes: Sequence[Note], members: Mapping[str, Member]) -> Iterator[Line]:
    for note in notes:
        who = _name(note.by, members)
        yield Line(
            kind="note", at=note.at, who=who, text=note.text, key=note.note_id, by=note.by, private=True
        )


def _name(member: str, members: Mapping[str, Member]) -> str:
    if member == MACHINE:
        return "automatic"
    return members[member].name if member in members else member
