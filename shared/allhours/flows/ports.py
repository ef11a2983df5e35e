"""What the flows ask for, by role; `aws` answers, and the tests' fakes answer with a list inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.decision import Decision, Known
    from allhours.domain.handle import Handle
    from allhours.domain.item import Author, Item
    from allhours.networks.contract import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookmark:
    """A handle's cursor as stored.

    `version` guards the next save, `heard_at` is when something new last came.
    """

    cursor: Cursor
    version: int
    heard_at: datetime | None = None


class Cursors(Protocol):
    """Where reading stands, per handle."""

    def load(self, handle: Handle, *, part: str = "") -> Bookmark:
        """Return the bookmark; version 0 when the handle, or this part of the work, was never read."""
        ...

    def save(
        self, handle: Handle, bookmark: Bookmark, cursor: Cursor, *, at: datetime, heard: bool, part: str = ""
    ) -> Bookmark:
        """Move the cursor if nobody else has since `bookmark` was loaded; `StaleCursor` otherwise."""
        ...


class ItemQueue(Protocol):
    """The common queue."""

    def put(self, items: Sequence[Item], *, heard_by: str = "") -> None:
        """Queue every item or raise `Busy`: a batch that answers 200 with failures inside has failed.

        `heard_by` goes with each, see `Item`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Something that could not be handled: where it is from and why, never what it says.

    `body` is set when it had passed the guard and can be queued again, as the queue carried it: also that of
    a newer release, which this code cannot read yet. The store keeps it, notices do not show it.
    """

    letter_id: str
    where: str
    reason: str
    body: Mapping[str, Any] | None = None


class DeadLetters(Protocol):
    """Where what cannot be handled is kept until a person has mended the cause."""

    def park(self, letters: Sequence[DeadLetter], *, at: datetime) -> int:
        """Keep each letter once, with its page in the same write; return how many were new."""
        ...


class Topic(Protocol):
    """The topic that every inbox subscribes to."""

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish every event or raise `Busy`; at least once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the store knows of the items at hand, read in one call.

    Rows by item key, cases by conversation key.
    """

    known: dict[str, Known]
    cases: dict[str, Case]


class Committed:
    """The words a commit answers with."""

    DONE = "done"
    KNOWN = "known"  # the item's row is another than was read: read and decide again
    STALE = "stale"  # the case moved on: read and decide again


class Records(Protocol):
    """Items and cases; what one item changes is written whole or not at all."""

    def read(
        self, item_keys: Sequence[str], conversation_keys: Sequence[str], *, consistent: bool = False
    ) -> World:
        """Return what is known of these items and conversations.

        Without `consistent` an answer may be a second old; the conditions of `commit` notice.
        """
        ...

    def commit(self, *decisions: Decision, at: datetime) -> str:
        """Write items, cases and pages together; return one of `Committed`, or raise `Busy`.

        No two decisions may touch the same item. Those on one case are in their order, each made of what the
        one before it makes of the case. A page whose cause has paged before is left out, the
        others are not.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Some of what is stored; `back_to` is where the next slice begins, None when there is no more.

    `since` says from when on each item is kept, in the order of `items`.
    """

    items: tuple[Item, ...]
    back_to: datetime | None = None
    since: tuple[datetime, ...] = ()


class KeptItems(Protocol):
    """What is stored of a handle's posts, for reading them again."""

    def opened(self, handle: Handle, *, since: datetime, until: datetime, most: int) -> Kept:
        """Return items of cases opened in [since, until), newest case first, without tombstones."""
        ...


class KnownAuthors(Protocol):
    """Who an author is, as a network told lately; some networks charge for every answer."""

    def known(self, network: str, author_ids: Sequence[str]) -> Mapping[str, Author]:
        """Return those looked up in the last days."""
        ...

    def remember(self, network: str, authors: Iterable[Author], *, at: datetime) -> None:
        """Keep what was told for some days."""
        ...
