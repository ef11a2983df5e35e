"""Answers for tests: a reply that Ana let go, a ledger in memory, a network that does what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Busy
from allhours.domain.reply import Reply, ReplyState
from allhours.flows.reply_ports import Saved, Settling, Told, Visit
from allhours.networks.contract import Answer, Cost, Length, Permission, Posted
from tests.builders import NOON, a_case, an_item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from allhours.domain.audit import Audit
    from allhours.domain.case import Case
    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.domain.notice import Notice
    from allhours.domain.page import Page
    from allhours.flows.reply_ports import Step
    from allhours.networks.contract import Receipt

SETTLING = Settling(settles_within=timedelta(seconds=120), seen_within=timedelta(seconds=30))


def a_reply(reply_id: str = "r1", **changes: Any) -> Reply:
    """Let Ana answer Leela on X; Ben let it go at noon."""
    reply = Reply(
        reply_id=reply_id,
        case_id=a_case().case_id,
        item_key="x#1",
        slot=1,
        unit="cards",
        account="acmecards",
        network="x",
        handle="@acmecards",
        text="We are looking into it. ^A",
        private=False,
        by="ana",
        approved_by="ben",
        approved_at=NOON,
    )
    return replace(reply, **changes)


@dataclass
class FakeLedger:
    """Replies and what belongs to them; its conditions are those of the table.

    `busy` writes are turned down, `forgetful` ones are made and their answer is lost; `first` is called
    before each write, for whoever comes between.
    """

    replies: dict[str, Reply] = field(default_factory=dict)
    items: dict[str, Told] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    posts: dict[str, str] = field(default_factory=dict)
    audits: list[Audit] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    arrows: list[tuple[ReplyState, ReplyState]] = field(default_factory=list)
    busy: int = 0
    forgetful: int = 0
    first: Callable[[Step], None] = lambda _step: None

    def put(self, reply: Reply, item: Item | None = None, case: Case | None = None) -> Reply:
        """Put a reply on record with its item and its open case."""
        self.replies[reply.reply_id] = reply
        self.items.setdefault(reply.item_key, Told(item=item or an_item(), gone=False))
        self.cases.setdefault(reply.case_id, case or a_case())
        self.slots[reply.answer_key] = reply.reply_id
        return reply

    def reply(self, reply_id: str) -> Reply | None:
        return self.replies.get(reply_id)

    def by_post(self, network: str, post_id: str) -> Reply | None:
        return self.replies.get(self.posts.get(f"{network}#{post_id}", ""))

    def item(self, item_key: str) -> Told | None:
        return self.items.get(item_key)

    def case(self, case_id: str) -> Case | None:
        return self.cases.get(case_id)

    def due(self, at: datetime, *, most: int) -> list[Visit]:
        due = {name: each.next_visit_at(*_times()) for name, each in self.replies.items()}
        return [
            Visit(reply_id=name, case_id=self.replies[name].case_id, stamp=f"{name}#{at:%H:%M}")
            for name, when in due.items()
            if when and when <= at
        ][:most]

    def save(self, step: Step, *, at: datetime) -> Saved:
        del at
        self.first(step)
        if self.busy:
            self.busy -= 1
            raise Busy("writing a reply: Throttled")
        there = self.replies[step.was.reply_id]
        if there == step.reply:
            return Saved.DONE
        if (there.state, there.own, there.version) != (step.was.state, step.was.own, step.was.version):
            return Saved.LOST
        told = self.items.get(step.reply.item_key)
        claims = (step.was.state, step.reply.state) == (ReplyState.READY, ReplyState.CLAIMED)
        if claims and (told is None or told.gone):
            return Saved.DELETED
        if step.case_was and self.cases[step.case_was.case_id].version != step.case_was.version:
            return Saved.STALE
        self._write(step)
        if self.forgetful:
            self.forgetful -= 1
            raise Busy("writing a reply: ReadTimeoutError")
        return Saved.DONE

    def _write(self, step: Step) -> None:
        reply = step.reply
        self.replies[reply.reply_id] = reply
        if reply.state is not step.was.state:
            self.arrows.append((step.was.state, reply.state))
        if reply.state is ReplyState.REJECTED:
            self.slots.pop(reply.answer_key, None)
        if reply.state is ReplyState.POSTED:
            self.posts[f"{reply.network}#{reply.post_id}"] = reply.reply_id
        if step.case:
            self.cases[step.case.case_id] = step.case
        self.audits += [step.audit] if step.audit else []
        self.notices += step.notices
        self.pages += step.pages


def _times() -> tuple[timedelta, timedelta]:
    return SETTLING.settles_within, SETTLING.seen_within


@dataclass
class FakeReplies:
    """The queue of `respond`."""

    visits: list[Visit] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    busy: int = 0

    def visit(self, visits: Sequence[Visit]) -> None:
        self._ask()
        self.visits += visits

    def hear(self, receipts: Sequence[Receipt]) -> None:
        self._ask()
        self.receipts += receipts

    def _ask(self) -> None:
        if self.busy:
            self.busy -= 1
            raise Busy("queueing replies")


def _as_it_is(answer: Answer) -> Answer:
    return answer


@dataclass
class FakeReplier:
    """A network that is told what to do.

    `sends` are what the next calls of `send` do: an exception is raised, a native id is posted; with both
    the post is made and the error raised all the same. `finds` the same for `find`; without any it shows its
    posts.
    """

    sends: list[str | Exception | tuple[str, Exception]] = field(default_factory=list)
    finds: list[str | Exception | None] = field(default_factory=list)
    posts: list[tuple[str, str, str]] = field(default_factory=list)  # reply, id, text
    asked: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    refusal: str = ""
    prepares: Callable[[Answer], Answer] = _as_it_is
    meanwhile: Callable[[], None] = lambda: None

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        del handle, item, private, at
        return Permission(allowed=not self.refusal, reason=self.refusal)

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        del item, private
        return (Length(used=len(text), allowed=280, unit="characters"),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        del text, item, private
        return Cost()

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        del handle, at
        self.asked.append("prepare")
        return self.prepares(answer)

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        del handle, at
        self.asked.append("send")
        self.answers.append(answer)
        told = self.sends.pop(0) if self.sends else f"p{len(self.posts) + 1}"
        native_id, error = told if isinstance(told, tuple) else (told, None)
        if isinstance(native_id, Exception):
            raise native_id
        self.posts.append((answer.reply_id, native_id, answer.text))
        self.meanwhile()
        if error:
            raise error
        return Posted(native_id=native_id, permalink=f"https://x.test/{native_id}")

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        del handle, at
        self.asked.append("find")
        found = self.finds.pop(0) if self.finds else next(self._of(answer.reply_id), None)
        if isinstance(found, Exception):
            raise found
        return Posted(native_id=found) if found else None

    def _of(self, reply_id: str) -> Iterator[str]:
        return (native_id for name, native_id, _ in self.posts if name == reply_id)


@dataclass
class FakeRepliers:
    """One network that can answer."""

    network: FakeReplier = field(default_factory=FakeReplier)
    only: str = "x"

    def replier(self, network: str) -> FakeReplier | None:
        return self.network if network == self.only else None

    def settling(self, network: str) -> Settling:
        del network
        return SETTLING
