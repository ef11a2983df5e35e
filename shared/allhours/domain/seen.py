"""A conversation as somebody saw it: told apart from how it is now, and what happened in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.draft import conversation_digest
from allhours.domain.reply import ReplyState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from allhours.domain.case import Case
    from allhours.domain.recorded import Recorded
    from allhours.domain.reply import Reply

_HAPPENED = {
    "case.opened": "wrote",
    "case.reopened": "wrote again",
    "item.added": "wrote more",
    "item.edited": "edited a post",
    "item.deleted": "deleted a post",
}
_UNTOLD = "a post or an answer in it has changed"


def seen_of(case: Case, rows: Sequence[Recorded], replies: Sequence[Reply]) -> str:
    """Return what stands for the conversation as it is: its digest, then where changes are counted from."""
    answers = _answers(replies)
    told = [(row.item.key, row.item.version, row.deleted) for row in rows]
    digest = conversation_digest([*told, *((f"reply#{one.reply_id}", 0, False) for one in answers)])
    return f"{digest}.{case.version}.{len(answers)}"


def changes_since(
    seen: str, case: Case, rows: Sequence[Recorded], replies: Sequence[Reply]
) -> tuple[str, ...]:
    """Return what happened in a conversation since it was seen, in words; nothing where it is the same."""
    digest, _, counted = seen.partition(".")
    if digest == seen_of(case, rows, replies).partition(".")[0]:
        return ()
    version, _, answers = counted.partition(".")
    if not (version.isdecimal() and answers.isdecimal()):
        return (_UNTOLD,)
    return (*_said(rows, int(version)), *_answered(replies, int(answers))) or (_UNTOLD,)


def answering(replies: Sequence[Reply], item_key: str) -> tuple[Reply, ...]:
    """Return the answers that take a slot of the item's: all that were not refused for good."""
    return tuple(one for one in _answers(replies) if one.item_key == item_key)


def _answers(replies: Sequence[Reply]) -> list[Reply]:
    kept = (one for one in replies if one.state is not ReplyState.REJECTED)
    return sorted(kept, key=lambda one: (one.approved_at, one.reply_id))


def _said(rows: Sequence[Recorded], version: int) -> Iterator[str]:
    for row in rows:
        for told in row.events:
            happened = _HAPPENED.get(str(told.get("event")))
            if happened and int(told.get("case_version", 0)) > version:
                author = row.item.author.handle or row.item.author.name or "the author"
                yield f"{author} {happened} ({str(told['at'])[11:16]} UTC)"


def _answered(replies: Sequence[Reply], known: int) -> Iterator[str]:
    answers = _answers(replies)
    for one in answers[known:]:
        yield f"{one.by} answered ({one.approved_at:%H:%M} UTC)"
    if len(answers) < known:
        yield "an answer was refused"
