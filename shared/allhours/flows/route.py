"""Route items: read what is known in one call, decide each item, write it in one transaction."""

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
    from allhours.domain.decision import Decision, Router
    from allhours.domain.item import Item
    from allhours.flows.ports import Records

WEBHOOK_LATE = timedelta(seconds=30)  # who calls us does so within seconds; polls come each minute, and bring
# a post that the webhook never will before it is much older
TOLD_BY_WEBHOOK = frozenset({Kind.COMMENT, Kind.MESSAGE, Kind.REVIEW})  # and what names us; searches are not
TRIES = 4  # a case that two routers want changes hands within a write; four are enough for ten at once


@dataclass(kw_only=True)
class Routed:
    """What became of a batch: outcomes, and the places of items that are to come again."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    again: list[int] = field(default_factory=list[int])
    why_again: list[str] = field(default_factory=list[str])
    slowest_ms: float = 0.0
    heard: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """Of networks that are polled and call us too: how many items each way brought first, or again."""

    def reconcile(self, item: Item, outcome: Outcome, at: datetime) -> None:
        """Count which way an item came; one that the webhook should have brought by now is missed by it."""
        if not item.heard_by:
            return
        way = item.heard_by.title()
        if outcome is Outcome.DUPLICATE:
            self.heard[item.network, f"AgainBy{way}"] += 1
        elif outcome in {Outcome.ROUTED, Outcome.FILTERED}:
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
    routed = Routed()
    ordered = sorted(
        ((place, guarded(item)) for place, item in items),
        key=lambda pair: (pair[1].created_at, pair[1].version),
    )
    try:
        world = _read(records, [item for _, item in ordered])
    except Busy as busy:
        routed.again = [place for place, _ in ordered]
        routed.why_again = [str(busy)]
        return routed
    except BadInput:  # somewhere in the batch: each item finds what is on record when it is to be written
        world = World(known={}, cases={})
    for place, item in ordered:
        try:
            outcome = _route_one(item, router=router, records=records, world=world, at=at)
        except (BadInput, Busy) as error:
            routed.again.append(place)
            routed.why_again.append(str(error))
            continue
        routed.outcomes[outcome.value] += 1
        routed.reconcile(item, outcome, at)
        if outcome is Outcome.ROUTED:
            routed.slowest_ms = max(routed.slowest_ms, (at - item.created_at).total_seconds() * 1000)
    return routed


def _route_one(item: Item, *, router: Router, records: Records, world: World, at: datetime) -> Outcome:
    sure = False
    for _ in range(TRIES):
        known = world.known.get(item.key)
        conversation_key = _conversation(item, world)
        decision = router.decide(item, known, world.cases.get(conversation_key), conversation_key, at)
        if decision.entry is None:
            return decision.outcome
        unguarded = decision.case is None and not sure  # no condition would notice an old reading of the case
        answer = Committed.STALE if unguarded else records.commit(decision, at=at)
        if answer == Committed.DONE:
            _remember(world, decision)
            return decision.outcome
        sure = True
        world.known.pop(item.key, None)
        world.cases.pop(conversation_key, None)
        fresh = _read(records, [item], consistent=True)
        world.known.update(fresh.known)
        world.cases.update(fresh.cases)
    message = f"{item.key}: its case changed {TRIES} times while it was being routed"
    raise Busy(message)


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


def _remember(world: World, decision: Decision) -> None:
    """Keep the world of this batch true after a write."""
    entry = decision.entry
    if entry is None:
        return
    world.known[entry.item.key] = entry.as_known()
    case: Case | None = decision.case
    if case:
        world.cases[case.conversation_key] = case
