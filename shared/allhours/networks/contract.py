"""The contract that every network keeps: reading now, answering when the ledger calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from allhours.domain.errors import NetworkError

if TYPE_CHECKING:
    from allhours.domain.handle import Handle
    from allhours.domain.item import Author, Heard, Item

Cursor = Mapping[str, Any]
"""Where reading stands, per stream of the network; JSON, written and understood by the network alone."""

EMPTY: Mapping[str, str] = MappingProxyType({})

MOST_LISTED = 20  # attachments, and handles addressed, of one item: what the networks' own apps show
LONGEST_ADDRESS = 2_000  # characters; what browsers and chat tools take


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One step of reading: queue `heard` first, then save `cursor`.

    `trouble` is what ended one stream early while the others went on; its consequences (when to ask again)
    are already in `cursor`.
    """

    heard: tuple[Heard, ...] = ()
    cursor: Cursor
    trouble: NetworkError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One HTTP request to our webhook, body as the raw bytes that were signed; header names in lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """What a network wants to hear back when it asks whether this webhook is ours."""

    body: str
    content_type: str


class Credentials(Protocol):
    """Secrets by name; a rotated one is seen within minutes, without a deployment."""

    def read(self, secret: str) -> Mapping[str, str]:
        """Return the secret's fields; `Refused` says which secret is missing or unreadable."""
        ...

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        """Return newer fields than `stale`, asking the network at most once across all functions.

        Takes the lock, reads the secret again, returns it when somebody else renewed it meanwhile; otherwise
        calls `ask(fields)` and stores what it returns **before** anybody uses it (single-use refresh tokens).
        """
        ...


@runtime_checkable
class Source(Protocol):
    """A network that can be polled."""

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield what is new for the handle, step by step.

        Each step's cursor is safe once its items are queued.
        """
        ...


@runtime_checkable
class Rereader(Protocol):
    """A network whose edits and deletions are found by reading again what we keep."""

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of the kept posts, and answers below them that notified nobody."""
        ...


@runtime_checkable
class Push(Protocol):
    """A network that calls our webhook."""

    def greet(self, delivery: Delivery) -> Greeting:
        """Answer the network's challenge; `BadSignature` when it is not meant for us."""
        ...

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless the raw body was signed with our app's secret."""
        ...

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body.

        A malformed entry becomes `Unreadable` and the rest goes on.
        """
        ...


@runtime_checkable
class AuthorBook(Protocol):
    """A network whose posts name the author by id only; asked only when a case opens."""

    def authors(self, handle: Handle, author_ids: Sequence[str], *, at: datetime) -> Mapping[str, Author]:
        """Return what the network tells of them, by id; an unknown one is left out."""
        ...


# The answering side. The reply ledger (reliability.md §3) calls it; every network implements it in one go.


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether this handle may answer this item, and until when; `reason` is for the person at the desk."""

    allowed: bool
    reason: str
    until: datetime | None = None
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a text is as the network counts, and how long it may be."""

    used: int
    allowed: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An approved answer with everything fixed that a repeated attempt must not change."""

    reply_id: str
    item: Item
    text: str
    approved_at: datetime
    private: bool = False
    fixed: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The network has our answer: its own id and address of it."""

    native_id: str
    permalink: str = ""


class DefiniteNo(NetworkError):
    """The answer had no effect and never will (reliability.md §3, assumption A1).

    Anything else raised is a doubt.
    """


@runtime_checkable
class Replier(Protocol):
    """A network on which we can answer.

    `send` makes exactly one POST. It returns what is on record, raises `DefiniteNo` when the network turned
    it down, and lets every other `NetworkError` stand for doubt, which only `find` may resolve.
    """

    def permission(self, handle: Handle, item: Item, *, at: datetime) -> Permission:
        """Return whether this handle may answer the item now."""
        ...

    def length(self, text: str, item: Item) -> Length:
        """Return the length as this network counts it; cheap enough to call at every keystroke."""
        ...

    def prepare(self, answer: Answer) -> Answer:
        """Return the answer with its keys fixed (record key, idempotency key), once, at approval."""
        ...

    def send(self, handle: Handle, answer: Answer) -> Posted:
        """Post the answer, once."""
        ...

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our answer if the network shows it."""
        ...

    def withdraw(self, handle: Handle, posted: Posted) -> None:
        """Delete our answer."""
        ...

    def hide(self, handle: Handle, item: Item) -> None:
        """Hide the item where the network lets us."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a network can do, what it costs and what we leave alone: the manifest behind `docs/networks.md`.

    `reads` and `pushes` name streams; `polls_every` is the cadence we advise; `settles_within` is S and
    `seen_within` V of reliability.md §3; `found_again` says how a sent reply is found after a crash; `length`
    is the rule in words; `answer_windows` are those for private items; `storage_within` limits how long the
    network lets us keep a post; `leaves_alone` is what we do not do, with the reason.
    """

    name: str
    title: str
    base_url: str
    reads: tuple[str, ...]
    pushes: tuple[str, ...] = ()
    polls_every: timedelta
    edits: str
    deletes: str
    private_items: str
    authors_by_look_up: bool = False
    replies: str
    private_replies: str
    hides: str
    length: str
    answer_within: str = ""
    answer_windows: tuple[timedelta, ...] = ()
    found_again: str
    idempotent_replies: bool
    settles_within: timedelta = timedelta(seconds=120)
    seen_within: timedelta = timedelta(seconds=30)
    storage_within: timedelta | None = None
    cost_per_read_usd: float = 0.0
    cost_per_reply_usd: float = 0.0
    needs: tuple[str, ...]
    secret_fields: tuple[str, ...]
    optional_secret_fields: tuple[str, ...] = ()
    app_secret_fields: tuple[str, ...] = ()
    leaves_alone: tuple[str, ...] = ()
    api_pages: tuple[str, ...]
