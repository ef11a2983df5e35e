"""Route items: read what is known in one call, decide each, write what touches different rows together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.domain.decision import Outcome
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import Kind
from allhours.flows.guard import guarded
from allhours.flows.ports import Committed, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.decision import Decision, Known
    from allhours.domain.item import Item
    from allhours.domain.router import Router
    from allhours.flows.ports import Records

WEBHOOK_LATE = timedelta(seconds=30)  # who calls us does so within seconds; polls come each minute, and bring
# a post that the webhook never will before it is much older
TOLD_BY_WEBHOOK = frozenset({Kind.COMMENT, Kind.MESSAGE, Kind.REVIEW})  # and what names us; searches are not
TRIES = 4  # a case that two routers want changes hands within a write; four are enough for ten at once
MOST_TOGETHER = 10  # items in a transaction; DynamoDB takes 100 rows, and an item has nine at most


@dataclass(kw_only=True)
class Routed:
    """What became of a batch: outcomes, and the places of items that are to come again."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    again: list[int] = field(default_factory=list[int])
    why_again: list[str] = field(default_factory=list[str])
    slowest_ms: float = 0.0
    moved_in_shadow: int = 0
    heard: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """Of networks that are polled and call us too: how many items each way brought first, or again."""

    def count(self, item: Item, decision: Decision, at: datetime) -> None:
        """Count what became of an item."""
        outcome = decision.outcome
        self.outcomes[outcome.value] += 1
        self.moved_in_shadow += decision.moved_in_shadow
        self.reconcile(item, outcome, at)
        if outcome is Outcome.ROUTED:
            self.slowest_ms = max(self.slowest_ms, (at - item.created_at).total_seconds() * 1000)

    def put_back(self, place: int, error: Exception) -> None:
        """Let an item come again."""
        self.again.append(place)
        self.why_again.append(str(error))

    def reconcile(self, item: Item, outcome: Outcome, at: datetime) -> None:
        """Count which way an item came; one that the webhook should have brought by now is missed by it."""
        if not item.heard_by:
            return
        way = item.heard_by.title()
        if outcome is Outcome.DUPLICATE:
            self.heard[item.network, f"AgainBy{way}"] += 1
        elif outcome in {Outcome.ROUTED, Outcome.FILTERED, Outcome.LIGHT}:
            self.heard[item.network, f"FirstBy{way}"] += 1
            pushed = item.addressed or item.kind in TOLD_BY_WEBHOOK
            if item.heard_by == "poll" and pushed and at - item.created_at > WEBHOOK_LATE:
                self.heard[item.network, "MissedByWebhook"] += 1


def route(items: Sequence[tuple[int, Item]], *, router: Router, records: Records, at: datetime) -> Routed:
    """Route each (place, item) exactly once.

    An item whose write is turned down for now is returned in `again`; so is one whose rows this release
    cannot read, and the others of the batch are routed.

    Items are taken in the order in which they were said, so that a batch keeps a conversation's order.
    """
    ordered = sorted(
        ((place, guarded(item)) for place, item in items),
        key=lambda pair: (pair[1].created_at, pair[1].version),
    )
    times = Counter(item.key for _, item in ordered)
    batch = _Batch(router=router, records=records, at=at, twice={key for key in times if times[key] > 1})
    try:
        batch.world = _read(records, [item for _, item in ordered])
    except Busy as busy:
        for place, _ in ordered:
            batch.routed.put_back(place, busy)
        return batch.routed
    except BadInput:  # somewhere in the batch: each item finds what is on record when it is to be written
        for place, item in ordered:
            batch.take_alone(place, item)
        return batch.routed
    for place, item in ordered:
        batch.take(place, item)
    batch.write()
    return batch.routed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """An item that is decided and not written, and what it was decided by."""

    place: int
    item: Item
    known: Known | None
    case: Case | None
    decision: Decision


@dataclass(kw_only=True)
class _Batch:
    """A batch on its way: what is known, and what waits to be written.

    What touches different items is written in one transaction, for a call costs more than all that is in it;
    `ahead` are the cases as they will be then, on which the next word of a conversation builds. Whatever
    keeps that from being written, each item of it is looked at again and written by itself.
    """

    router: Router
    records: Records
    at: datetime
    twice: set[str]
    world: World = field(default_factory=lambda: World(known={}, cases={}))
    routed: Routed = field(default_factory=Routed)
    waiting: list[_Decided] = field(default_factory=list["_Decided"])
    touched: set[str] = field(default_factory=set[str])
    ahead: dict[str, Case] = field(default_factory=dict[str, "Case"])

    def take(self, place: int, item: Item) -> None:
        """Decide an item; if it needs what waits, that is written first."""
        rows = (f"item {item.key}", f"conversation {_conversation(item, self.world)}")
        if len(self.waiting) == MOST_TOGETHER or not self.touched.isdisjoint(rows):
            self.write()
        try:
            decided = self._decide(place, item)
        except (BadInput, Busy) as error:
            self.routed.put_back(place, error)
            return
        if decided.decision.entry is None:
            self.routed.count(item, decided.decision, self.at)
            return
        self.waiting.append(decided)
        self.touched.add(f"item {item.key}")
        if case := decided.decision.case:
            self.ahead[case.conversation_key] = case
        else:  # it is written by itself, after a sure reading of its conversation
            self.touched.add(f"conversation {_conversation(item, self.world)}")

    def write(self) -> None:
        """Write what waits; what belongs to no case by itself, for a transaction costs twice as much."""
        waiting, self.waiting, self.touched, self.ahead = self.waiting, [], set(), {}
        of_cases = [each for each in waiting if each.decision.case]
        left = [] if self._settled(of_cases) else of_cases
        caseless = [each for each in waiting if not each.decision.case]
        sure = self._still_true(caseless)
        left += [each for each in caseless if each.place not in sure or not self._settled([each])]
        for each in left:
            self.take_alone(each.place, each.item)

    def take_alone(self, place: int, item: Item) -> None:
        """Route an item by what is on record now."""
        try:
            decision = self._route_alone(item)
        except (BadInput, Busy) as error:
            self.routed.put_back(place, error)
        else:
            self.routed.count(item, decision, self.at)

    def _route_alone(self, item: Item) -> Decision:
        for _ in range(TRIES - 1):  # the batch was the first
            self.world.cases.pop(_conversation(item, self.world), None)
            self.world.known.pop(item.key, None)
            fresh = _read(self.records, [item], consistent=True)
            self.world.known.update(fresh.known)
            self.world.cases.update(fresh.cases)
            decision = self._decide(0, item).decision
            if decision.entry is None:
                return decision
            if self.records.commit(decision, at=self.at) == Committed.DONE:
                self._remember(decision)
                return decision
        message = f"{item.key}: its case changed {TRIES} times while it was being routed"
        raise Busy(message)

    def _decide(self, place: int, item: Item) -> _Decided:
        conversation_key = _conversation(item, self.world)
        known = self.world.known.get(item.key)
        case = self.ahead.get(conversation_key) or self.world.cases.get(conversation_key)
        decision = self.router.decide(item, known, case, conversation_key, self.at)
        return _Decided(place=place, item=item, known=known, case=case, decision=decision)

    def _settled(self, together: Sequence[_Decided]) -> bool:
        """Write these together; return False when each has to be looked at again, and nothing is written."""
        try:
            decisions = [each.decision for each in together]
            if decisions and self.records.commit(*decisions, at=self.at) != Committed.DONE:
                return False
        except (BadInput, Busy) as error:
            if len(together) > 1:
                return False
            self.routed.put_back(together[0].place, error)
            return True
        for each in together:
            self._remember(each.decision)
            self.routed.count(each.item, each.decision, self.at)
        return True

    def _remember(self, decision: Decision) -> None:
        """Keep the world of this batch true after a write, where the batch will look again."""
        if decision.entry and decision.entry.item.key in self.twice:
            self.world.known[decision.entry.item.key] = decision.entry.as_known()
        if decision.case:
            self.world.cases[decision.case.conversation_key] = decision.case

    def _still_true(self, caseless: Sequence[_Decided]) -> set[int]:
        """Return the places of those that a sure reading does not change: no condition guards their case."""
        if not caseless:
            return set()
        try:
            world = _read(self.records, [each.item for each in caseless], consistent=True)
        except (BadInput, Busy):
            return set()
        return {
            each.place
            for each in caseless
            if world.known.get(each.item.key) == each.known
            and world.cases.get(_conversation(each.item, world)) == each.case
        }


def _conversation(item: Item, world: World) -> str:
    """Return the key of the item's conversation: the one that its row names, else its own."""
    known = world.known.get(item.key)
    return known.conversation_key if known and known.conversation_key else item.conversation_key


def _read(records: Records, items: Iterable[Item], *, consistent: bool = False) -> World:
    """Read the rows of the items and of their conversations, then of those that only the rows name."""
    asked = list(items)
    conversations = dict.fromkeys(item.conversation_key for item in asked)
    item_keys = dict.fromkeys(item.key for item in asked)
    world = records.read(tuple(item_keys), tuple(conversations), consistent=consistent)
    named = {_conversation(item, world) for item in asked} - set(conversations)
    if named:
        world.cases.update(records.read((), tuple(named), consistent=consistent).cases)
    return world
