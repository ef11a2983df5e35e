"""Random days of answering: whatever fails, nobody is answered twice, and every approved answer ends.

What is assumed of networks is what docs/replies.md says: a definite no had no effect (A1), nothing takes
effect after lease and settle time (A2), and a look that is V later shows it (A3).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from allhours.domain.errors import Busy, Unreachable
from allhours.domain.page import Why
from allhours.domain.reply import Reply, ReplyState
from allhours.flows.respond import hear, visit
from allhours.networks.contract import CannotTell, DefiniteNo, Posted, Receipt
from tests.builders import NOON, an_item, an_organisation
from tests.replies import SETTLING, FakeLedger, FakeReplier, FakeRepliers, a_reply

if TYPE_CHECKING:
    from allhours.domain.handle import Handle
    from allhours.flows.reply_ports import Saved, Step
    from allhours.networks.contract import Answer

BANK = an_organisation()
SECOND = timedelta(seconds=1)
S, V = SETTLING.settles_within, SETTLING.seen_within
ENDED = {ReplyState.POSTED, ReplyState.REJECTED, ReplyState.NEEDS_HUMAN}
SENDS = ("yes", "yes", "no for now", "no", "lost before", "lost after", "late", "crash before", "crash after")
WRITES = ("", "", "", "crash before", "crash after", "busy", "lost answer")


class Crash(BaseException):
    """The function was killed: nothing catches it."""


@dataclass
class Shown:
    """One post of ours on the network."""

    reply_id: str
    native_id: str
    from_at: datetime  # when it takes effect; a look shows it V later


@dataclass
class Network(FakeReplier):
    """A network within its assumptions; `doing` is what the next send does."""

    at: datetime = NOON
    settled: datetime = NOON
    doing: str = "yes"
    looking: str = ""
    blind: bool = False
    shown: list[Shown] = field(default_factory=list)

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        del handle
        doing, self.doing = self.doing, "yes"
        if doing == "crash before":
            raise Crash
        if doing == "no":
            raise DefiniteNo("x", "blocked")
        if doing == "no for now":
            raise DefiniteNo("x", "too many", again_at=at + timedelta(minutes=1))
        if doing == "lost before":
            raise Unreachable("x", "no answer")
        post = Shown(answer.reply_id, f"p{len(self.shown)}", self.settled if doing == "late" else at)
        self.shown.append(post)
        self.meanwhile()
        if doing == "crash after":
            raise Crash
        if doing in {"lost after", "late"}:
            raise Unreachable("x", "no answer")
        return Posted(native_id=post.native_id)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        del handle
        looking, self.looking = self.looking, ""
        if looking:
            raise Unreachable("x", "HTTP 503")
        if self.blind:
            raise CannotTell("x", "look into the chat")
        found = (p for p in self.shown if p.reply_id == answer.reply_id and p.from_at + V <= at)
        return next((Posted(native_id=post.native_id) for post in found), None)


@dataclass
class Ledger(FakeLedger):
    """A ledger whose next writes go wrong as planned."""

    plan: list[str] = field(default_factory=list)

    def save(self, step: Step, *, at: datetime) -> Saved:
        fault = self.plan.pop(0) if self.plan else ""
        if fault == "crash before":
            raise Crash
        if fault == "busy":
            raise Busy("Throttled")
        saved = super().save(step, at=at)
        if fault == "crash after":
            raise Crash
        if fault == "lost answer":
            raise Busy("ReadTimeoutError")
        return saved


class Answering(RuleBasedStateMachine):
    """Two items, several replies, a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.visits, self.made = NOON, 0, 0
        self.ledger, self.network = Ledger(), Network()

    @initialize(blind=st.booleans())
    def a_network(self, blind: bool) -> None:  # noqa: FBT001 - drawn
        self.network.blind = blind

    @rule(item=st.sampled_from(["1", "2"]), second=st.booleans())
    def approve(self, item: str, second: bool) -> None:  # noqa: FBT001 - drawn
        told = self.ledger.items.get(f"x#{item}")
        slot = 2 if second else 1
        if f"x#{item}#{slot}" in self.ledger.slots or (told and told.gone) or self.made > 8:
            return
        self.made += 1
        reply = a_reply(f"r{self.made}", item_key=f"x#{item}", slot=slot, approved_at=self.at)
        self.ledger.put(reply, an_item(item))

    @precondition(lambda self: self.ledger.replies)
    @rule(
        which=st.integers(0, 8),
        sends=st.sampled_from(SENDS),
        writes=st.lists(st.sampled_from(WRITES), max_size=5),
        looking=st.sampled_from(["", "", "trouble"]),
        beside=st.sampled_from(["", "post", "write"]),
    )
    def visit_one(self, which: int, sends: str, writes: list[str], looking: str, beside: str) -> None:
        reply = list(self.ledger.replies.values())[which % len(self.ledger.replies)]
        self.network.doing, self.network.looking, self.ledger.plan = sends, looking, writes
        if beside == "post":
            self.network.meanwhile = lambda: self._visit(reply.reply_id)
        if beside == "write":
            self.ledger.first = lambda _step: self._beside(reply.reply_id)
        self._visit(reply.reply_id)
        self.network.meanwhile = lambda: None
        self.network.doing, self.network.looking, self.ledger.plan = "yes", "", []

    @rule(seconds=st.sampled_from([1, 20, 60, 130, 181, 215, 600, 3700]))
    def wait(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)

    @rule()
    def wait_until_something_is_due(self) -> None:
        due = [when for reply in self.ledger.replies.values() if (when := reply.next_visit_at(S, V))]
        self.at = max(self.at, min(due, default=self.at))

    @precondition(lambda self: self.network.shown)
    @rule(which=st.integers(0, 8), state=st.sampled_from(["sent", "delivered"]))
    def receipt(self, which: int, state: str) -> None:
        post = self.network.shown[which % len(self.network.shown)]
        if post.from_at <= self.at:
            told = Receipt(network="x", native_id=post.native_id, state=state, reply_id=post.reply_id)
            hear(told, **self._ports())  # type: ignore[arg-type] # by name

    @rule(item=st.sampled_from(["1", "2"]))
    def delete(self, item: str) -> None:
        if told := self.ledger.items.get(f"x#{item}"):
            self.ledger.items[f"x#{item}"] = replace(told, gone=True)

    @rule(again=st.booleans())
    def a_person_looks(self, again: bool) -> None:  # noqa: FBT001 - drawn
        for reply in self.ledger.replies.values():
            if reply.state is ReplyState.NEEDS_HUMAN:
                self._ruled(reply, again=again)
                break

    def _ruled(self, reply: Reply, *, again: bool) -> None:
        posted = next((p for p in self.network.shown if p.reply_id == reply.reply_id), None)
        if posted:
            ruled = reply.posted(posted.native_id, "", self.at)
            self.ledger.posts[f"x#{posted.native_id}"] = reply.reply_id
        elif again:
            ruled = reply.again(self.at, "not posted, says ana")
        else:
            ruled = reply.rejected("not to be sent, says ana")
            del self.ledger.slots[reply.answer_key]
        self.ledger.replies[reply.reply_id] = ruled

    def _visit(self, reply_id: str) -> None:
        lease = (
            self.ledger.replies[reply_id].claimed("x", self.at).lease_until
            if self._is_ready(reply_id)
            else None
        )
        self.network.settled = (lease or self.at) + S
        with contextlib.suppress(Busy, Crash):
            visit(reply_id, **self._ports())  # type: ignore[arg-type] # by name

    def _beside(self, reply_id: str) -> None:
        self.ledger.first = lambda _step: None
        self._visit(reply_id)

    def _is_ready(self, reply_id: str) -> bool:
        return self.ledger.replies[reply_id].state is ReplyState.READY

    def _ports(self) -> dict[str, object]:
        self.visits += 1
        return {
            "ledger": self.ledger,
            "repliers": FakeRepliers(self.network),
            "organisation": BANK,
            "own": f"own{self.visits}",
            "at": self.at,
        }

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        slots = Counter(self.ledger.replies[post.reply_id].answer_key for post in self.network.shown)
        assert max(slots.values(), default=0) <= 1, slots

    @invariant()
    def nobody_is_called_to_a_second_answer(self) -> None:
        assert Why.ANSWERED_TWICE not in {page.why for page in self.ledger.pages}

    def teardown(self) -> None:
        """Let everything work, and each reply end."""
        for _ in range(200):
            left = [each for each in self.ledger.replies.values() if each.state not in ENDED]
            if not left:
                break
            self.at = max(self.at, *(each.next_visit_at(S, V) or self.at for each in left))
            for reply in left:
                self._visit(reply.reply_id)
                self.nobody_is_answered_twice()
        posts = {post.reply_id for post in self.network.shown}
        for reply in self.ledger.replies.values():
            assert reply.state in ENDED, reply
            assert (reply.reply_id in posts) or reply.state is not ReplyState.POSTED
            assert (reply.reply_id not in posts) or reply.state is not ReplyState.REJECTED
        stuck = sum(reply.state is ReplyState.NEEDS_HUMAN for reply in self.ledger.replies.values())
        assert sum(page.why is Why.REPLY_STUCK for page in self.ledger.pages) >= stuck


Answering.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestRandomDays = Answering.TestCase
