"""The answers of a run: what the stand-ins show against what was approved, from outside.

An answer that a network shows and nobody approved, shows a second time, from another account or more openly
than approved is a defect; so is an answer that we call posted and the network does not show.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from allhours.domain.reply import Reply, ReplyState, reply_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from infra.local.town import Answer

MOST_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How the answers of a run stand; `shown` counts those that customers can see."""

    states: Mapping[ReplyState, int] = field(default_factory=dict[ReplyState, int])
    shown: int = 0
    twice: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()
    """From approval to the network's answer, of each that is posted."""
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])
    """Why others were rejected or need a person, the commonest first."""

    @property
    def all(self) -> int:
        """Return how many were approved."""
        return sum(self.states.values())

    @property
    def under_way(self) -> int:
        """Return how many have not ended."""
        return self.states.get(ReplyState.READY, 0) + self.states.get(ReplyState.CLAIMED, 0)

    @property
    def holds(self) -> bool:
        """Return whether nobody was answered twice, from a wrong account, or only in our records."""
        return not self.twice and not self.wrong

    def in_short(self) -> str:
        """Return `answered 9 = posted 8 + rejected 1 · approve to posted median 0.8 s · …`."""
        told = {name: self.states.get(state, 0) for state, name in _NAMES.items()}
        parts = [f"{name} {count}" for name, count in told.items() if count or name == "posted"]
        if self.under_way:
            parts.append(f"on the way {self.under_way}")
        took = f"{median(self.seconds):.1f} s" if self.seconds else "-"
        return (
            f"answered {self.all} = {' + '.join(parts)} · approve to posted median {took} · "
            f"answered twice {len(self.twice)}, wrongly {len(self.wrong)}"
        )


_NAMES = {
    ReplyState.POSTED: "posted",
    ReplyState.REJECTED: "rejected",
    ReplyState.NEEDS_HUMAN: "needs a person",
}


def approved(rows: Iterable[Mapping[str, Any]]) -> list[Reply]:
    """Return every answer of the records table."""
    return [
        reply_from_json(json.loads(row["reply"]["S"])) for row in rows if row["key"]["S"].startswith("REPLY#")
    ]


def compared(
    replies: Sequence[Reply], before: Iterable[Answer], after: Iterable[Answer], *, played: Iterable[str]
) -> Answers:
    """Hold what is shown against what was approved; `before` and `after` the replies were read.

    `played` are the keys of the handles that stand-ins play. What is shown must have been approved already;
    what is posted must still be shown, or have been.
    """
    known, shown = set(played), list(before)
    ours = [reply for reply in replies if _handle_of(reply) in known]
    twice, wrong, found = _attributed(ours, shown)
    late = list(after)
    missing = [
        reply
        for reply in ours
        if reply.state is ReplyState.POSTED
        and reply.reply_id not in found
        and not any(_fits(reply, each) for each in late)
    ]
    wrong += [f"{each.item_key}: posted as {each.handle}, and not to be seen there" for each in missing]
    ended = [each for each in replies if each.state in {ReplyState.REJECTED, ReplyState.NEEDS_HUMAN}]
    reasons = Counter(f"{each.network}: {each.reason}" for each in ended)
    return Answers(
        states=Counter(reply.state for reply in replies),
        shown=len(late),
        twice=tuple(twice),
        wrong=tuple(wrong),
        seconds=tuple(
            (each.posted_at - each.approved_at).total_seconds() for each in replies if each.posted_at
        ),
        reasons=dict(reasons.most_common(MOST_REASONS)),
    )


def _attributed(
    replies: Sequence[Reply], shown: Sequence[Answer]
) -> tuple[list[str], list[str], Mapping[str, Answer]]:
    """Find the reply of each answer that is shown: by the post that the network named, else by its words."""
    by_post = {(_handle_of(each), each.post_id): each for each in replies if each.post_id}
    by_item: dict[str, list[Reply]] = defaultdict(list)
    for each in replies:
        by_item[each.item_key].append(each)
    found: dict[str, Answer] = {}
    rest: list[Answer] = []
    twice: list[str] = []
    wrong: list[str] = []
    for answer in shown:
        reply = by_post.get((answer.handle.key, answer.native_id))
        if reply and reply.reply_id not in found:
            found[reply.reply_id] = answer
            if reply.private and not answer.private:
                wrong.append(f"{reply.item_key}: answered in public, and it was meant to be private")
        else:
            rest.append(answer)
    for answer in rest:
        fitting = [each for each in replies if _fits(each, answer)]
        first = next((each for each in fitting if each.reply_id not in found), None)
        if first:
            found[first.reply_id] = answer
        elif fitting:
            twice.append(f"{fitting[0].item_key}: answered again by {answer.handle.handle}")
        elif others := by_item.get(answer.key):
            wrong.append(f"{answer.key}: answered by {answer.handle.handle}, not by {others[0].handle}")
        else:
            wrong.append(f"{answer.handle.key}: {answer.native_id} was approved by nobody")
    return twice, wrong, found


def _fits(reply: Reply, answer: Answer) -> bool:
    """Tell whether a shown answer may be this reply: the handle's, and the post or the item, or its words."""
    if answer.handle.key != _handle_of(reply):
        return False
    return answer.native_id == reply.post_id or answer.key == reply.item_key or answer.text == reply.text


def _handle_of(reply: Reply) -> str:
    return f"{reply.network}#{reply.account}#{reply.handle}"
