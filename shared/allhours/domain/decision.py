"""What one item changes, as values: the item's row, its case, pages and notices, in one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from allhours.domain.item import item_to_json

if TYPE_CHECKING:
    from allhours.domain.case import Case
    from allhours.domain.item import Item
    from allhours.domain.notice import Notice
    from allhours.domain.page import Page
    from allhours.domain.reply import Reply


class Outcome(StrEnum):
    """What became of an item; the summary of a run counts them."""

    ROUTED = "routed"
    EDITED = "edited"
    DELETED = "deleted"
    EXPIRED = "expired"
    FILTERED = "filtered"
    LIGHT = "light"
    DUPLICATE = "duplicate"
    NAMED = "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the item's row says already; `told` are the events so far, oldest first, as JSON texts.

    `said` is the item itself as its row keeps it, for what a legal hold keeps of it.
    """

    version: int
    deleted: bool
    case_id: str = ""
    conversation_key: str = ""
    author_id: str = ""
    told: tuple[str, ...] = ()
    said: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The item's row as it shall be; `event` is what leaves through the outbox, "" keeps it inside.

    `replaces` is the version that the row must still have (None: there must be no row). `told` are the events
    before this one, which stay on record. `why` is the whole reason of one that is told to nobody. `held` is
    what a legal hold keeps of words that their author took back: no desk and no event shows it.
    """

    item: Item
    replaces: int | None
    deleted: bool = False
    case_id: str = ""
    conversation_key: str = ""
    event: dict[str, Any] | None = None
    told: tuple[str, ...] = ()
    why: dict[str, Any] | None = None
    held: str = field(default="", repr=False)

    def as_known(self) -> Known:
        """Return what the row says once it is written."""
        return Known(
            version=self.item.version,
            deleted=self.deleted,
            case_id=self.case_id,
            conversation_key=self.conversation_key,
            author_id=self.item.author.author_id,
            told=(*self.told, json.dumps(self.event, separators=(",", ":"))) if self.event else self.told,
            said="" if self.deleted else json.dumps(item_to_json(self.item)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One transaction's worth of change; `case_was` is the case as read, None when the row must be absent.

    `reply` is an answer that goes out by itself; `case` counts it.
    """

    outcome: Outcome
    entry: Entry | None = None
    case: Case | None = None
    case_was: Case | None = None
    pages: tuple[Page, ...] = ()
    notices: tuple[Notice, ...] = ()
    reason: str = ""
    reply: Reply | None = None

    @property
    def ended(self) -> str:
        """Return how the item ended, where whatever else is kept of it has to go too; else ""."""
        ends = self.entry is not None and self.outcome in {Outcome.DELETED, Outcome.EXPIRED}
        return self.outcome.value if ends else ""

    @property
    def moved_in_shadow(self) -> bool:
        """Tell whether a rule that only runs in shadow would have decided otherwise."""
        grounds = self.entry and (self.entry.event or self.entry.why)
        return bool(grounds and "shadow" in grounds)
