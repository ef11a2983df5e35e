"""The contract that every network keeps: reading now, answering when the ledger calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from allhours.domain.errors import NetworkError
from allhours.domain.life import Life as Life  # noqa: PLC0414 - the networks import it from here

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
    """One HTTP request to our webhook, body as the raw bytes that were signed; header names in lower case.

    `came_at` is for signatures that carry a time; `None` leaves that part unchecked.
    """

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    came_at: datetime | None = None


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

        A malformed entry becomes `Unreadable` and the rest goes on. Where a delivery only says that there is
        something new, it is fetched; `Busy` when that fails for now, and the network delivers again. What
        only a person can mend is `Skipped` with a reason that begins with `NEEDS_A_PERSON`.
        """
        ...


@runtime_checkable
class Addressed(Protocol):
    """A network whose deliveries say outside their body which of our handles they are for."""

    def addressed(self, delivery: Delivery, handles: Sequence[Handle]) -> Sequence[Handle]:
        """Return the handles that a verified delivery is for."""
        ...


@runtime_checkable
class AuthorBook(Protocol):
    """A network whose posts name the author by id only; asked only when a case opens."""

    def authors(self, handle: Handle, author_ids: Sequence[str], *, at: datetime) -> Mapping[str, Author]:
        """Return what the network tells of them, by id; an unknown one is left out."""
        ...


# The answering side. The reply ledger (reliability.md §3) calls it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether this handle may answer this item, and until when; `reason` is for the person at the desk."""

    allowed: bool
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a text is by one of the network's measures, and how long it may be."""

    used: int
    allowed: int
    unit: str
    least: int = 0

    @property
    def fits(self) -> bool:
        """Return whether the network will take it."""
        return self.least <= self.used <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What sending a text costs: US dollars, or units of the network's quota; `why` in words."""

    usd: float = 0.0
    units: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An approved answer with everything fixed that a repeated attempt must not change.

    `private` on a public item moves the conversation to private. `by_person` is false for an approved
    automatic answer: some windows are open to people only. `fixed` is what `prepare` found out.
    """

    reply_id: str
    item: Item
    text: str
    approved_at: datetime
    private: bool = False
    by_person: bool = True
    fixed: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The network has our answer: its own id and address of it."""

    native_id: str
    permalink: str = ""


class DefiniteNo(NetworkError):
    """The answer had no effect (reliability.md §3, assumption A1).

    `again_at` is when the same attempt may be made once more; `None` means never, and `detail` tells the
    person at the desk what to do instead.
    """

    def __init__(
        self, network: str, detail: str, *, handle: str = "", again_at: datetime | None = None
    ) -> None:
        """Keep the instant from which it is worth trying again."""
        super().__init__(network, detail, handle=handle)
        self.again_at = again_at


class CannotTell(NetworkError):
    """The network shows nobody what was sent: a person has to look (NEEDS_HUMAN)."""


class Several(CannotTell):
    """More than one post of ours could be the answer; `native_ids` names them."""

    def __init__(self, network: str, detail: str, *, handle: str = "", native_ids: tuple[str, ...]) -> None:
        """Keep which ones."""
        super().__init__(network, detail, handle=handle)
        self.native_ids = native_ids


@runtime_checkable
class Replier(Protocol):
    """A network on which we can answer.

    `permission`, `length` and `cost` ask the network nothing: the desk calls them while somebody types. Where
    `private` is true they speak of a private answer, also to a public item.
    """

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether this handle may answer the item now, by what is known of the item."""
        ...

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length by every measure of this network; the text goes out only if all fit."""
        ...

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return what sending this text costs."""
        ...

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Return the answer with its keys fixed (record key, idempotency key, container), once, at approval.

        May ask the network, but shows nobody anything; what it returns is stored before `send`.
        """
        ...

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST that publishes the prepared answer.

        Return what is on record; raise `DefiniteNo` when the network turned it down; every other
        `NetworkError` stands for doubt, which only `find` may resolve.
        """
        ...

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our answer if the network shows it, by author and target first, by text only as tie-break.

        `CannotTell` where the network shows nobody what was sent.
        """
        ...


@runtime_checkable
class Withdrawer(Protocol):
    """A network on which we can delete what we said."""

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our answer; one that is gone already is no error."""
        ...


@runtime_checkable
class Hider(Protocol):
    """A network on which we can hide what somebody said under our own post."""

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Hide the item, or show it again; `DefiniteNo` says why it cannot be."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a network told later of an answer: `state` is `sent`, `delivered`, `read`, `failed` or `hidden`.

    `reply_id` is ours where the network carries it (WhatsApp), else empty; `detail` says why it failed.
    """

    network: str
    native_id: str
    state: str
    reply_id: str = ""
    detail: str = ""


@runtime_checkable
class ReceiptReader(Protocol):
    """A network that tells by webhook, or shows, what became of an answer."""

    def receipts(self, body: bytes) -> tuple[Receipt, ...]:
        """Return the receipts in a verified body; one that is malformed is left out."""
        ...


# Setting up: `allhours connect`, `allhours doctor`, and the daily care for tokens and webhooks.


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One field of a secret that a person types: where to find it, and whether it belongs to the app."""

    field: str
    prompt: str
    where: str
    of_app: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a token belongs to: `native_id` and `name` as the organisation file needs them."""

    native_id: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a handle's connection is: everything that a person would have to look up by hand.

    `token_expires` is the instant after which a person is needed (not that of a token which renews itself);
    `None` where nothing runs out. `webhook` says in words what the network knows of ours, and `webhook_ok`
    is `None` where there is none. `quota_used` is a share of 1. `notes` are what else is not as it should be.
    """

    token_expires: datetime | None = None
    webhook: str = ""
    webhook_ok: bool | None = None
    quota: str = ""
    quota_used: float | None = None
    notes: tuple[str, ...] = ()


@runtime_checkable
class Connector(Protocol):
    """A network that can be set up from the command line."""

    questions: tuple[Question, ...]

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return the address at which the owner consents; empty where the network has no such page.

        `given` holds what was typed, the app's fields too; `verifier` is for PKCE (RFC 7636).
        """
        ...

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return the fields of the handle's secret for a consent's code, a long-lived token at once."""
        ...

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Prove the stored secret with one read; `Refused` says what to mend."""
        ...

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Subscribe our webhook, again if need be; return in words what was done or is left for a person."""
        ...

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look how the connection is; changes nothing. `callback` is empty when we have no webhook."""
        ...

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew a token that would otherwise run out, when it is time; return whether it was."""
        ...


class Meter(Protocol):
    """What paid reads and quota units are counted with, per account and day."""

    def room(self, handle: Handle, cost: float) -> None:
        """Raise `OverBudget` when the day's ceiling has no room for so much more."""
        ...

    def spend(self, handle: Handle, cost: float) -> None:
        """Count what a call has cost, in the unit of the network's `Budget`; nothing for 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is counted with the meter: `unit` in words, the usual ceiling a day, and the zone of its midnight.

    `of_app` says that the network counts all our handles together.
    """

    unit: str
    a_day: float
    zone: str = "UTC"
    of_app: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """Whether a network can do something: how, or why not."""

    can: bool
    how: str


def yes(how: str) -> Ability:
    """Return what the network can do, and how."""
    return Ability(can=True, how=how)


def no(why: str) -> Ability:
    """Return what the network cannot do, or we leave alone, and why."""
    return Ability(can=False, how=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a network can do, what it costs and what we leave alone: the manifest behind `docs/networks.md`.

    `native_id` says what the organisation file must give as the handle's native id, empty where it need not.
    `reads` and `pushes` name streams; `polls_every` is the cadence we advise, `None` where nothing can be
    polled. `replies` are public answers, `private_replies` answer a private item, `moves_to_private` writes
    in private to the author of a public one. `settles_within` is S and `seen_within` V of reliability.md §3;
    `found_again` says how a sent reply is found after a crash; `length` is the rule in words;
    `answer_windows` are those for private items; `storage_within` limits how long the network lets us keep
    a customer's words; `leaves_alone` is what we do not do, with the reason. `allhours networks` prints it.
    """

    name: str
    title: str
    base_url: str
    native_id: str = ""
    life: Life = Life.LIVE
    reads: tuple[str, ...]
    pushes: tuple[str, ...] = ()
    polls_every: timedelta | None
    edits: Ability
    deletes: Ability
    private_items: Ability
    authors_by_look_up: bool = False
    replies: Ability
    private_replies: Ability
    moves_to_private: Ability
    hides: Ability
    withdraws: Ability
    length: str
    answer_within: str = ""
    answer_windows: tuple[timedelta, ...] = ()
    found_again: Ability
    idempotent_replies: bool
    settles_within: timedelta = timedelta(seconds=120)
    seen_within: timedelta = timedelta(seconds=30)
    storage_within: timedelta | None = None
    cost: str = "nothing"
    budget: Budget | None = None
    needs: tuple[str, ...]
    secret_fields: tuple[str, ...]
    optional_secret_fields: tuple[str, ...] = ()
    app_secret_fields: tuple[str, ...] = ()
    leaves_alone: tuple[str, ...] = ()
    api_pages: tuple[str, ...]
