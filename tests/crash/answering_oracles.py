"""What must be true of answers whatever was killed (docs/reliability.md, I3, I3L, I8, I10).

Each approved text of the tests has its reply's id in it, so that what a network shows tells whose it is.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from allhours.aws.packed import unpacked
from allhours.domain.audit import MACHINE
from allhours.domain.page import Why
from allhours.domain.reply import Reply, ReplyState, reply_from_json
from tests.crash.seen import notices, pages, reached, rows, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from infra.local.standins.base import Shown, StandIn
    from tests.crash.world import World

WORDS = "we are looking into it"  # in every answer: kept to the ledger and the network
READY, CLAIMED, POSTED, REJECTED, NEEDS_HUMAN = ReplyState
TOLD = {POSTED, REJECTED, NEEDS_HUMAN}  # arrows with an audit row, a notice and, the last two, a page
LISTED = {
    (None, READY),
    (READY, READY),  # held back
    (READY, CLAIMED),
    (READY, REJECTED),
    (READY, POSTED),  # proved while it waited for another attempt
    (CLAIMED, CLAIMED),  # keys, looks
    (CLAIMED, READY),
    (CLAIMED, POSTED),
    (CLAIMED, REJECTED),
    (CLAIMED, NEEDS_HUMAN),
    (NEEDS_HUMAN, POSTED),  # a receipt
    (POSTED, POSTED),  # looks, receipts
}


class Watch:
    """What was seen of answers so far: each arrow of the ledger, and when a network first had which."""

    def __init__(self) -> None:
        """Know of nothing."""
        self.replies: dict[str, Reply] = {}
        self.out: dict[str, datetime] = {}
        self.known: dict[str, datetime] = {}
        self.told: list[tuple[str, int]] = []
        self._seen: dict[int, Any] = {}
        self._barred: set[str] = set()

    @property
    def longest(self) -> float:
        """Return how many seconds an answer was out before that was on record, at most."""
        each = (self.known[one] - self.out[one] for one in self.known if one in self.out)
        return max((one.total_seconds() for one in each), default=0.0)

    def step(self, stand_ins: Iterable[StandIn], at: datetime) -> list[str]:
        """Look after one invocation; return what is broken."""
        found = list(self._arrows(at))
        if not self.replies:
            return found
        each = [(one, reply) for stand_in in stand_ins for one, reply in shown(stand_in, self.replies)]
        slots = Counter(reply.answer_key for _, reply in each)
        found += [f"I3 {slot} was answered {times} times" for slot, times in slots.items() if times > 1]
        for _, reply in each:
            if reply.reply_id not in self.out:
                self.out[reply.reply_id] = at
                if reply.reply_id in self._barred:
                    found.append(f"I8 {reply.reply_id} went out after its item was deleted")
        self._bar()
        return found

    def _bar(self) -> None:
        """Remember what may not go out any more: whose item is gone, and no attempt is under way."""
        self._barred |= {
            reply.reply_id
            for reply in self.replies.values()
            if reply.state is not CLAIMED and _is_gone(reply.item_key)
        }

    def _arrows(self, at: datetime) -> Iterator[str]:
        """I10: from each row of the stream to the next is one of the arrows, a version apart."""
        shard = table().stream_shard
        assert shard is not None
        for one in shard.items:
            if id(one) in self._seen:
                continue
            self._seen[id(one)] = one
            record = one.to_json()
            if not record["dynamodb"]["Keys"]["key"]["S"].startswith("REPLY#"):
                continue
            if record["eventName"] == "REMOVE":
                yield f"I10 {record['dynamodb']['Keys']} was removed"
                continue
            now = reply_from_json(json.loads(unpacked(record["dynamodb"]["NewImage"])["reply"]["S"]))
            was = self.replies.get(now.reply_id)
            self.replies[now.reply_id] = now
            before, version = (was.state, was.version) if was else (None, 0)
            if was == now:
                continue  # what stands in the stream stood in the table when we began
            claimed_at_once = (before, now.state) == (READY, POSTED)
            if (before, now.state) not in LISTED or now.version != version + 1 + claimed_at_once:
                yield f"I10 {now.reply_id} went from {before} {version} to {now.state} {now.version}"
            if now.state is not before and now.state in TOLD:
                self.told.append((now.reply_id, now.version))
            if now.state is POSTED:
                self.known.setdefault(now.reply_id, at)

    def begin(self, stand_ins: Iterable[StandIn]) -> None:
        """Take what is there for what was before; what is out already went out with its last attempt."""
        shard = table().stream_shard
        assert shard is not None
        self._seen = {id(one): one for one in shard.items}
        self.replies = {one.reply_id: one for one in on_record()}
        self.told = [(one.reply_id, one.version) for one in self.replies.values() if one.state in TOLD]
        for stand_in in stand_ins:
            for _, reply in shown(stand_in, self.replies):
                self.out[reply.reply_id] = reply.first_try_at or reply.approved_at
                if reply.state is POSTED:
                    self.known[reply.reply_id] = self.out[reply.reply_id]
        self._bar()


def shown(stand_in: StandIn, replies: dict[str, Reply]) -> Iterator[tuple[Shown, Reply]]:
    """Yield what a network has or had of ours, with the reply whose words they are."""
    for one in stand_in.shown:
        for reply_id, reply in replies.items():
            if reply_id in one.text:
                yield one, reply


def on_record() -> list[Reply]:
    """Return every reply in the table."""
    items: Any = table().items
    found = (row.to_json()["Attributes"] for key, row in items.items() if key.value.startswith("REPLY#"))
    return [reply_from_json(json.loads(unpacked(row)["reply"]["S"])) for row in found]


def _is_gone(item_key: str) -> bool:
    items: Any = table().items
    row = next((one for key, one in items.items() if key.value == f"ITEM#{item_key}"), None)
    return bool(row and row.attrs["deleted"].value and "expired" not in row.attrs)


def answers_that_did_not_end(world: World) -> list[str]:
    """I3L, I10: in the end each reply is POSTED as the network has it, or visible to people."""
    return [*_replies_that_did_not_end(world), *_words_that_leaked(world)]


def _replies_that_did_not_end(world: World) -> Iterator[str]:
    all_rows = rows()
    told = {(one["event"], one["reply_id"]) for one in notices() if "reply_id" in one}
    called, out = reached(), {one.reply_id for one in on_record()}
    posts = {reply.reply_id: one for s in world.stand_ins.values() for one, reply in shown(s, by_id())}
    audits = [json.loads(row["audit"]["S"]) for key, row in all_rows.items() if key.startswith("AUDIT#")]
    by_machine = Counter(
        one["details"]["reply_id"] for one in audits if one["by"] == MACHINE and "reply_id" in one["details"]
    )
    approved = Counter(
        one["details"]["reply_id"] for one in audits if one["did"] == "sent" and "reply_id" in one["details"]
    )
    for reply_id in sorted(out):
        reply = by_id()[reply_id]
        state, slot = reply.state, all_rows.get(f"ANSWER#{reply.answer_key}", {}).get("reply_id", {}).get("S")
        arrows = sum(one == reply_id for one, _ in world.watch_answers.told)
        if by_machine[reply_id] != arrows or approved[reply_id] != 1:
            yield (
                f"I10 {reply_id} has {by_machine[reply_id]} audit rows for {arrows} arrows, "
                f"{approved[reply_id]} of its approval"
            )
        if state not in TOLD:
            yield f"I3L {reply_id} is {state} for ever"
            continue
        if (f"case.reply_{state.value}", reply_id) not in told:
            yield f"I3L nobody was told that {reply_id} is {state}"
        why = {REJECTED: Why.REPLY_REJECTED, NEEDS_HUMAN: Why.REPLY_STUCK}.get(state)
        if why and not any(one.startswith(f"{why.value}#{reply_id}#") for one in called):
            yield f"I3L nobody was called to {reply_id}, which is {state}"
        if state is POSTED and (reply_id not in posts or posts[reply_id].native_id != reply.post_id):
            yield f"I3L {reply_id} is on record as {reply.post_id}, and the network has it not"
        if state is REJECTED and (reply_id in posts or slot == reply_id):
            yield f"I3 {reply_id} is rejected, and it is out or holds its slot"
        if state is not REJECTED and slot != reply_id:
            yield f"I3 {reply_id} is {state} and {slot} has its slot"
    if any(one.startswith(f"{Why.ANSWERED_TWICE.value}#") for one in called) and not world.taken:
        yield "I3 somebody was called to a second answer"


def by_id() -> dict[str, Reply]:
    """Return every reply in the table by its id."""
    return {one.reply_id: one for one in on_record()}


def _words_that_leaked(world: World) -> Iterator[str]:
    """I6: what is said to a customer stands in the ledger and with the network only."""
    audits = [row for key, row in rows().items() if key.startswith("AUDIT#")]
    sinks = (notices(), pages(), audits, world.answers, world.out.getvalue())
    for number, sink in enumerate(sinks):
        if WORDS in str(sink).lower():
            yield f"I6 an answer's words in sink {number}"
