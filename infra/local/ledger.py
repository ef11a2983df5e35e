"""The ledger of a run: every post on the networks against the table and the inboxes, from outside.

Each post ends in one of five columns, by what the network, the records table and the inboxes show:
deleted (by its author, and no words of it are left with us), filtered (an item that nobody is told of, or an
entry that names none of the words its feed is read for), light (no case, but in an inbox), routed (in a case
and in an inbox), or open.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.local.town import Posted

LIGHT = "item.light"
NEW = ("case.opened", "case.reopened", "item.added")  # an item's arrival, once in its life
FATES = ("routed", "light", "filtered", "deleted", "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One event as it was taken out of a unit's inbox; `at` in seconds since the epoch."""

    unit: str
    event: Mapping[str, Any]
    at: float

    @property
    def item_key(self) -> str:
        """Return the key of the item that the event is about."""
        return f"{self.event['item']['network']}#{self.event['item']['id']}"


@dataclass(slots=True, kw_only=True)
class Balance:
    """Where the posts stand: counts per network and fate, and each open one by name."""

    posted: Counter[str] = field(default_factory=Counter[str])
    fates: dict[str, Counter[str]] = field(default_factory=lambda: {fate: Counter[str]() for fate in FATES})
    open: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    wrong: list[str] = field(default_factory=list[str])

    def total(self, fate: str) -> int:
        """Return how many posts of all networks met this fate."""
        return self.fates[fate].total()

    @property
    def adds_up(self) -> bool:
        """Return whether posted = routed + light + filtered + deleted, with nothing that nobody did."""
        return not self.open and not self.wrong


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What came out of the inboxes; everything else is counted where it lies."""

    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    notices: list[Arrival] = field(default_factory=list[Arrival])
    delays: list[float] = field(default_factory=list[float])
    masked: Counter[str] = field(default_factory=Counter[str])
    _heard: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _light: set[str] = field(default_factory=set[str])
    _seen: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _twice: list[str] = field(default_factory=list[str])

    def note(self, arrival: Arrival, said_at: float | None) -> None:
        """Write an event down; the same event, or the same item as new, a second time is noted as twice.

        `said_at` is when the post was made.
        """
        event, key = arrival.event, arrival.item_key
        self.arrivals.append(arrival)
        if (once := (arrival.unit, event["event_id"])) in self._seen:
            self._twice.append(f"{arrival.unit}: event {event['event_id']}")
        self._seen.add(once)
        if event["unit"] != arrival.unit:
            return  # told that the case has moved away
        units = self._heard.setdefault(key, set())
        if event["event"] in NEW and units:
            self._twice.append(f"{arrival.unit}: item {key}")
        if event["event"] in {*NEW, LIGHT}:
            self.masked[event["item"]["network"]] += bool(event["item"].get("masked"))
            if said_at is not None:
                self.delays.append(arrival.at - said_at)
        if event["event"] == LIGHT:  # with other words it may become a case later
            self._light.add(key)
        else:
            units.add(arrival.unit)

    def note_notice(self, arrival: Arrival) -> None:
        """Write a notice down, which is about no item; the same one a second time is noted as twice."""
        self.notices.append(arrival)
        if (once := (arrival.unit, arrival.event["notice_id"])) in self._seen:
            self._twice.append(f"{arrival.unit}: notice {arrival.event['notice_id']}")
        self._seen.add(once)

    @property
    def twice(self) -> Sequence[str]:
        """List what came more than once."""
        return self._twice

    def delay(self, share: float) -> float:
        """Return the delay from post to inbox that this share of the posts keeps within, in seconds."""
        ordered = sorted(self.delays)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def balance(self, posts: Iterable[Posted], rows: Iterable[Mapping[str, Any]]) -> Balance:
        """Count every post once, and name what was told though nobody said or deleted it."""
        posts = list(posts)
        kept = {
            row["key"]["S"].removeprefix("ITEM#"): row for row in rows if row["key"]["S"].startswith("ITEM#")
        }
        found = Balance()
        for post in posts:
            network = post.handle.network
            fate, why = self._fate(post, kept.get(post.key))
            found.posted[network] += 1
            found.fates[fate][network] += 1
            if fate == "open":
                found.open.append((network, post.native_id, why))
        played, said = {post.handle.key for post in posts}, {post.key: post for post in posts}
        for arrival in self.arrivals:
            item = arrival.event["item"]
            if f"{item['network']}#{item['account']}#{item['handle']}" not in played:
                continue
            there = said.get(arrival.item_key)
            if arrival.event["event"] == "item.deleted" and not (there and there.deleted):
                found.wrong.append(f"{arrival.item_key}: told as deleted, and nobody deleted it")
            elif there is None and item["kind"] != "profile":
                found.wrong.append(f"{arrival.item_key}: in an inbox, and nobody said it")
        return found

    def _fate(self, post: Posted, row: Mapping[str, Any] | None) -> tuple[str, str]:
        wordless = row is None or (row["deleted"]["BOOL"] and not json.loads(row["item"]["S"]).get("text"))
        if post.deleted:
            return ("deleted", "") if wordless else ("open", "deleted there, still kept here")
        if row is None:
            return ("open", "not in the table") if _concerns_us(post) else ("filtered", "")
        if row["deleted"]["BOOL"]:
            return "open", "there on the network, deleted here"
        if "in_case" in row:
            return ("routed", "") if self._heard.get(post.key) else ("open", "in a case, not in an inbox")
        if "event" not in row:
            return "filtered", ""
        return ("light", "") if post.key in self._light else ("open", "told without a case, not in an inbox")


def _concerns_us(post: Posted) -> bool:
    """Tell whether we want to hear it; a feed with words to listen for is full of other people's posts."""
    if post.handle.network != "feeds" or not post.handle.listen:
        return True
    return any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", post.text, re.IGNORECASE) for word in post.handle.listen
    )
