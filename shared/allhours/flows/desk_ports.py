"""What the desk asks for, by role: what is on record of a case, and one place to write what a person did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.audit import Audit
    from allhours.domain.cards import Health
    from allhours.domain.case import Case
    from allhours.domain.draft import Draft
    from allhours.domain.item import Item
    from allhours.domain.lint import Ours
    from allhours.domain.note import Note
    from allhours.domain.notice import Notice
    from allhours.domain.organisation import Organisation
    from allhours.domain.recorded import Recorded
    from allhours.domain.reply import Reply
    from allhours.flows.reply_ports import Approvals, Ledger
    from allhours.networks.contract import Capabilities, Replier

Listing = Literal["open", "waiting", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """A case and all that is kept of it, read together; `alike` are the unit's cases that ask the same.

    Rows, replies and notes are in order of time. `alike` and `notes` are read only where they are asked for.
    `replaced` says that a later case of the same conversation took its place.
    """

    case: Case
    replaced: bool = False
    rows: tuple[Recorded, ...] = ()
    replies: tuple[Reply, ...] = ()
    draft: Draft | None = None
    notes: tuple[Note, ...] = ()
    alike: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person did, for one transaction; it holds only while case and draft are as they were read.

    `case_was` is the case as it was read, `case` what it becomes, the same where it stays; so with the draft,
    where None is none. A `note` is written once.
    """

    case_was: Case
    case: Case
    draft_was: Draft | None = None
    draft: Draft | None = None
    audit: Audit | None = None
    note: Note | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which cases somebody wants to see: those of `units`, narrowed by what is not empty.

    `owner` is a member's id or desk:<id>. `cursor` is what the list before answered with, "" for its begin.
    """

    units: tuple[str, ...]
    state: Listing = "open"
    account: str = ""
    owner: str = ""
    due_before: datetime | None = None
    cursor: str = ""
    most: int = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One case of a list, with its draft and the newest of its author's posts that is still there."""

    case: Case
    draft: Draft | None = None
    item: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Some cases in order, where the list goes on ("" where it ends), and what could not be read."""

    found: tuple[Found, ...]
    next: str = ""
    troubles: tuple[str, ...] = ()


class DeskStore(Protocol):
    """Cases as the desk sees and changes them."""

    def read(self, case_id: str, *, whole: bool = False) -> OnRecord | None:
        """Return what is on record, read consistently; `whole` adds notes and cases that ask the same."""
        ...

    def save(self, deed: Deed, *, at: datetime) -> str:
        """Write it in one transaction; answer in `Committed`'s words, KNOWN where the note is there."""
        ...

    def listed(self, asked: Asked) -> Listed:
        """Return one page of a list; `BadInput` for a cursor that is none of ours."""
        ...

    def audits(self, subject: str) -> Sequence[Audit]:
        """Return what was done to a case, or at a unit beside its cases, in order of time."""
        ...


class Networks(Protocol):
    """The networks as the desk knows them: what each can do, and who answers there."""

    def replier(self, network: str) -> Replier | None:
        """Return the network, ready to answer; None where nobody can."""
        ...

    def capabilities(self, network: str) -> Capabilities:
        """Return what the network can do."""
        ...


class CardStates(Protocol):
    """How the links of answer cards were last night."""

    def healths(self, card_ids: Collection[str]) -> Mapping[str, Health]:
        """Return what is known, by card."""
        ...


@dataclass(frozen=True, kw_only=True)
class Desk:
    """All that it takes to work at a desk; `organisation` is the one of this instant, `ours` made from it."""

    organisation: Organisation
    ours: Ours
    store: DeskStore
    approvals: Approvals
    ledger: Ledger
    networks: Networks
    cards: CardStates
