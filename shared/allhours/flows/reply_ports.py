"""What answering asks for, by role: the ledger of replies, their queue, and the networks that can answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allhours.domain.audit import Audit
    from allhours.domain.case import Case
    from allhours.domain.item import Item
    from allhours.domain.notice import Notice
    from allhours.domain.page import Page
    from allhours.domain.reply import Reply
    from allhours.networks.contract import Receipt, Replier


class Go(StrEnum):
    """The words that `approve` answers with."""

    DONE = "done"
    ALREADY = "already"  # a repeated click: this reply_id is on record, and `reply` is what it holds
    TAKEN = "taken"  # another reply, `reply_id`, may answer the item in this slot
    CASE_CHANGED = "case_changed"  # read and decide again
    DRAFT_CHANGED = "draft_changed"  # somebody else has written meanwhile, or sent it


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo:
    """What became of an approval; `reply_id` names who has the slot, `reply` is what is on record."""

    word: Go
    reply_id: str = ""
    reply: Reply | None = None


class Approvals(Protocol):
    """Where approved replies are put (W0); the only way into the ledger."""

    def approve(
        self,
        reply: Reply,
        *,
        case: Case,
        case_was: Case,
        draft: int | None,
        audit: Audit,
    ) -> LetGo:
        """Write reply, slot, case and audit row and delete the draft, all or none; `Busy` to try again.

        `case` is `case_was.reply_approved(...)`; `draft` is the version of the case's draft that is sent,
        None where the answer was made without one.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """How long a network may take to let an accepted answer appear (S), and a look-up to show it (V)."""

    settles_within: timedelta = timedelta(seconds=120)
    seen_within: timedelta = timedelta(seconds=30)


class Saved(StrEnum):
    """The words that `save` answers with."""

    DONE = "done"
    LOST = "lost"  # the reply is not as it was read: somebody else has it in hand
    STALE = "stale"  # the case moved on, or another transaction is at one of the rows: read again
    DELETED = "deleted"  # the item's author took it back, or it is no longer on record


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One arrow of a reply and all that is written with it; `was` is the reply as it was read.

    `case_was` alone, without a `case`, must still be on record as it was read.

    The store adds what belongs to the arrow: a claim holds only while the item is there, POSTED leaves a row
    by which the network's receipts find the reply, REJECTED frees its slot.
    """

    was: Reply
    reply: Reply
    case_was: Case | None = None
    case: Case | None = None
    audit: Audit | None = None
    notices: tuple[Notice, ...] = ()
    pages: tuple[Page, ...] = ()
    settling: Settling = Settling()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An item as it is on record; `gone` says that its author took it back."""

    item: Item
    gone: bool


class Ledger(Protocol):
    """Replies, each arrow written whole or not at all."""

    def reply(self, reply_id: str) -> Reply | None:
        """Return a reply as it is on record, None for none."""
        ...

    def by_post(self, network: str, post_id: str) -> Reply | None:
        """Return the reply that the network has under this id, None when it is none of ours."""
        ...

    def item(self, item_key: str) -> Told | None:
        """Return what the reply answers, as it is now."""
        ...

    def case(self, case_id: str) -> Case | None:
        """Return the reply's case, as it is now."""
        ...

    def save(self, step: Step, *, at: datetime) -> Saved:
        """Write the arrow if the reply is still as it was read; `Busy` leaves it unknown whether it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """That somebody has to see to a reply: in order within its case, and once for each `stamp`."""

    reply_id: str
    case_id: str
    stamp: str


class Replies(Protocol):
    """The queue of `respond`."""

    def visit(self, visits: Sequence[Visit]) -> None:
        """Queue every visit or raise `Busy`."""
        ...

    def hear(self, receipts: Sequence[Receipt]) -> None:
        """Queue every receipt or raise `Busy`."""
        ...


class DueReplies(Protocol):
    """Which replies somebody has to see to."""

    def due(self, at: datetime, *, most: int) -> Sequence[Visit]:
        """Return at most so many visits that are due at that instant, soonest first."""
        ...


class Repliers(Protocol):
    """The networks that can answer, by name."""

    def replier(self, network: str) -> Replier | None:
        """Return the network, ready to answer; None where nobody can."""
        ...

    def settling(self, network: str) -> Settling:
        """Return how long its answers take to appear."""
        ...
