"""A case: one conversation with one customer, from the first post to the close."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.alike import fingerprint
from allhours.domain.errors import BadInput
from allhours.domain.event import unquoted
from allhours.domain.item import UNKNOWN_AUDIENCE
from allhours.domain.service_level import FIRST_ANSWER

if TYPE_CHECKING:
    from allhours.domain.item import Item
    from allhours.domain.organisation import OnDuty
    from allhours.domain.routing import Route

Deadlines = Mapping[str, datetime]
"""Instants by kind: first_answer, resolution, and the networks' windows, window_24h and window_7d."""

NONE_DUE: Deadlines = MappingProxyType({})
NOTHING: Mapping[str, str] = MappingProxyType({})
ERASED = "erased"
"""The author of what was erased on request: nobody any more, and nobody's post goes on in it."""
WINDOW = "window_"
DESK = "desk:"
MOST_NAMED = 800  # characters of ids in a case, which with them still fits into one write unit
WARNED_BEFORE = timedelta(hours=2)  # before a window ends: time enough to answer, and soon enough to matter


class State(StrEnum):
    """Where a case is in its life."""

    OPEN = "open"
    CLOSED = "closed"


@lru_cache(maxsize=256)  # a batch asks for each key several times
def case_key_of(conversation_key: str) -> str:
    """Return the key of a conversation's case.

    The same however often it is delivered, short enough for an SMS.
    """
    digest = hashlib.sha256(conversation_key.encode()).digest()
    return f"{conversation_key.partition('#')[0]}-{b32encode(digest)[:16].decode().lower()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known of a conversation; `version` grows with every change and guards every write.

    `opened_at` is the network's time of the first post, from which answering times count; duplicates, edits
    and moves never change it (reliability.md I7). `asked_for` are our accounts that the author has addressed
    so far. `added` are the ids of the posts after the first, as far as they have room here; the others are in
    an index. `live` counts the posts that are not deleted, `bystanders` those by others than the author;
    `generation` counts the conversation's cases, of which one at most is open.

    `owner` is a member's id, or desk:<id> while it is nobody's in particular. `due` holds the deadlines that
    were not told yet, `missed` the promises that were broken and when they ended; both count from
    `counted_from` once the case was reopened or promoted. `held` says that the customer got a holding answer.
    `urgent` is the gravest kind of urgency that was told in it, `stance` is must_not where only a person who
    knows why may answer.

    `alike` is near for cases that ask the same (alike.py). `answered_at` is when somebody first answered,
    counted as promises are. `language` and `audience`, the author's followers, are kept for one report, which
    shows whether anybody waits longer for them (`allhours fairness --answers`).

    `touched` says that a person has had it in hand, after which nothing automatic answers; `replies` counts
    the answers that were let go. `hold` is why its words are kept although somebody wants them gone, `veto`
    why it must not be answered for now, each with who said so. `external` is another system's id of it, its
    state there, its address.
    """

    case_id: str
    conversation_key: str
    first_item: str
    network: str
    handle: str
    unit: str
    account: str
    author_id: str
    opened_at: datetime
    priority: int
    reason: str
    author_handle: str = ""
    author_name: str = ""
    asked_for: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    state: State = State.OPEN
    closed_at: datetime | None = None
    closed_because: str = ""
    reopened: int = 0
    generation: int = 1
    items: int = 1
    live: int = 1
    bystanders: int = 0
    version: int = 1
    owner: str = ""
    owner_since: datetime | None = None
    counted_from: datetime | None = None
    due: Deadlines = field(default_factory=lambda: NONE_DUE)
    missed: Deadlines = field(default_factory=lambda: NONE_DUE)
    held: bool = False
    urgent: str = ""
    stance: str = ""
    alike: str = ""
    answered_at: datetime | None = None
    language: str = ""
    audience: int = UNKNOWN_AUDIENCE
    touched: bool = False
    replies: int = 0
    hold: str = ""
    veto: str = ""
    external: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @staticmethod
    def opened(item: Item, route: Route, conversation_key: str, before: Case | None = None) -> Case:
        """Return the case that an item opens; `before` is the conversation's closed one, if there was one."""
        generation = before.generation + 1 if before else 1
        return Case(
            case_id=case_key_of(conversation_key) + (f".{generation}" if before else ""),
            generation=generation,
            version=before.version + 1 if before else 1,
            conversation_key=conversation_key,
            first_item=item.key,
            network=item.network,
            handle=item.handle,
            unit=route.unit,
            account=route.account,
            author_id=item.author.author_id,
            author_handle=item.author.handle,
            author_name=item.author.name,
            asked_for=item.addressed,
            opened_at=item.created_at,
            priority=route.priority,
            reason=route.reason,
            alike=fingerprint(item.text),
            language=item.language,
            audience=item.audience,
            hold=before.hold if before else "",  # it is on the conversation
        )

    def heard(self, item: Item) -> Case:
        """Return the case with one more post in it."""
        bystander = item.author.author_id != self.author_id
        added = (*self.added, item.native_id)
        return replace(
            self,
            author_handle=self.author_handle or ("" if bystander else item.author.handle),
            author_name=self.author_name or ("" if bystander else item.author.name),
            alike=self.alike or ("" if bystander else fingerprint(item.text)),
            items=self.items + 1,
            live=self.live + 1,
            bystanders=self.bystanders + bystander,
            asked_for=self.asked_for
            if bystander
            else (*self.asked_for, *(h for h in item.addressed if h not in self.asked_for)),
            added=added if sum(map(len, added)) <= MOST_NAMED else self.added,
            version=self.version + 1,
        )

    def routed(self, route: Route) -> Case:
        """Return the case at the unit that the ladder now names.

        Priority only ever rises (1 is the highest).
        """
        moved = route.unit != self.unit
        if not moved and route.account == self.account and route.priority >= self.priority:
            return self
        return replace(
            self,
            unit=route.unit,
            account=route.account,
            priority=min(self.priority, route.priority),
            reason=route.reason if moved else self.reason,
        )

    def reopened_again(self, at: datetime) -> Case:
        """Return the case open again by its author's post of that instant, from which promises count anew."""
        return replace(
            self,
            state=State.OPEN,
            closed_at=None,
            closed_because="",
            reopened=self.reopened + 1,
            counted_from=at,
            answered_at=None,
            due=NONE_DUE,
            missed=NONE_DUE,
        )

    def may_reopen(self, author_id: str, at: datetime, within: timedelta) -> bool:
        """Return whether this author's post reopens the closed case.

        Only its own author's, only within the window.
        """
        return author_id == self.author_id and self.closed_at is not None and at - self.closed_at <= within

    def changed(self) -> Case:
        """Return the case one version on, when something inside it changed."""
        return replace(self, version=self.version + 1)

    def edited(self, item: Item) -> Case:
        """Return the case one version on, with other words in one of its posts."""
        alike = fingerprint(item.text) if item.key == self.first_item else self.alike
        return replace(self.changed(), alike=alike)

    def expired(self) -> Case:
        """Return the case one version on, without what may be known no longer than the words in it."""
        return self.bare().changed()

    def bare(self) -> Case:
        """Return the case without what it knows of its author beside the id, and of what they said."""
        return replace(
            self,
            author_handle="",
            author_name="",
            audience=UNKNOWN_AUDIENCE,
            alike="",
            reason=unquoted(self.reason),
        )

    def without_one(self, at: datetime) -> Case:
        """Return the case after a deletion; when nothing of it is left it closes and forgets the name."""
        left = max(0, self.live - 1)
        gone = replace(self, live=left, alike="", reason=unquoted(self.reason), version=self.version + 1)
        if left:
            return gone
        nameless = gone.bare()
        if self.state is State.CLOSED:
            return nameless
        return replace(
            nameless, state=State.CLOSED, closed_at=at, closed_because="deleted by its author", due=NONE_DUE
        )

    def names(self, item_key: str) -> bool:
        """Return whether the case says itself that the item is in it."""
        return item_key in self.item_keys

    @property
    def item_keys(self) -> tuple[str, ...]:
        """Return the keys of the items that the case names, the first one first."""
        return (self.first_item, *(f"{self.network}#{native_id}" for native_id in self.added))

    @property
    def promised_from(self) -> datetime:
        """Return the instant from which the promises count."""
        return self.counted_from or self.opened_at

    @property
    def next_due_at(self) -> datetime | None:
        """Return when somebody has to be told something about the case; None when nothing waits."""
        return min(map(told_at, self.due, self.due.values()), default=None)

    def owned_by(self, owner: str, at: datetime) -> Case:
        """Return the case in other hands; the same hands keep it since they have had it."""
        return self if owner == self.owner else replace(self, owner=owner, owner_since=at)

    def handed_to(self, owner: str, at: datetime) -> Case:
        """Return the case one version on, in other hands."""
        return replace(self.owned_by(owner, at), version=self.version + 1)

    def promised(self, deadlines: Deadlines, *, moved: bool) -> Case:
        """Return the case with what its unit promises for its priority.

        With a risen priority a deadline may only become earlier; another unit has promises of its own, but
        for the first answer that urgency promised. What was missed stays missed and is not promised again.
        """
        windows = {kind: ends for kind, ends in self.due.items() if kind.startswith(WINDOW)}
        settled = {*self.missed, *([FIRST_ANSWER] if self.answered_at else ())}
        promises = {kind: ends for kind, ends in deadlines.items() if kind not in settled}
        before = {
            kind: ends
            for kind, ends in self.due.items()
            if kind not in windows and (not moved or (self.urgent and kind == FIRST_ANSWER))
        }
        promises = before | {kind: min(ends, before.get(kind, ends)) for kind, ends in promises.items()}
        return replace(self, due={**promises, **windows})

    def answered(self, at: datetime) -> Case:
        """Return the case one version on, answered at that instant: its first answer is due no longer.

        Whether the promise was kept goes by the answer, not by when we were told of it.
        """
        missed = dict(self.missed)
        ends = self.due.get(FIRST_ANSWER) or missed.pop(FIRST_ANSWER, None)
        if ends and at > ends:
            missed[FIRST_ANSWER] = ends
        return replace(
            self,
            answered_at=min(at, self.answered_at or at),
            due={kind: until for kind, until in self.due.items() if kind != FIRST_ANSWER},
            missed=missed,
            version=self.version + 1,
        )

    def to_be_answered_by(self, until: datetime) -> Case:
        """Return the case with an answer promised by then, or sooner; not again once it was missed."""
        if FIRST_ANSWER in self.missed:
            return self
        return replace(self, due={**self.due, FIRST_ANSWER: min(until, self.due.get(FIRST_ANSWER, until))})

    def windowed(self, said_at: datetime, windows: Iterable[timedelta], at: datetime) -> Case:
        """Return the case with the network's windows after the author's private post, but for those over."""
        ends = {window_kind(length): said_at + length for length in windows if said_at + length > at}
        later = {kind: max(end, self.due.get(kind, end)) for kind, end in ends.items()}
        return replace(self, due={**self.due, **later}) if later else self

    def told(self, kinds: Iterable[str]) -> Case:
        """Return the case one version on, when these kinds were told; a promise among them was missed."""
        gone = {kind: self.due[kind] for kind in kinds}
        return replace(
            self,
            due={kind: ends for kind, ends in self.due.items() if kind not in gone},
            missed={
                **self.missed,
                **{kind: ends for kind, ends in gone.items() if not kind.startswith(WINDOW)},
            },
            version=self.version + 1,
        )

    def taken_by(self, member: str, at: datetime) -> Case:
        """Return the case one version on, in a member's own hands; nothing automatic answers it any more."""
        return replace(self.owned_by(member, at), touched=True, version=self.version + 1)

    def closed_by_hand(self, because: str, at: datetime) -> Case:
        """Return the case one version on, closed with the cause; nothing of it is due any more."""
        return replace(
            self,
            state=State.CLOSED,
            closed_at=at,
            closed_because=because,
            due=NONE_DUE,
            touched=True,
            version=self.version + 1,
        )

    def reply_approved(self, *, by_person: bool) -> Case:
        """Return the case one version on, with one more answer on its way."""
        return replace(
            self, replies=self.replies + 1, touched=self.touched or by_person, version=self.version + 1
        )

    def marked(self, **marks: Any) -> Case:  # noqa: ANN401 - hold, veto and external, each of its own type
        """Return the case one version on with another hold, veto or external state."""
        return replace(self, **marks, version=self.version + 1)

    def author_known(self, handle: str, name: str) -> Case:
        """Return the case with the name that a look-up found."""
        return replace(self, author_handle=handle, author_name=name, version=self.version + 1)


def owner_of(duty: OnDuty) -> str:
    """Return who gets a case from those on duty: the first member, or the desk where it names nobody."""
    return duty.members[0] if duty.members else DESK + duty.desk


def told_at(kind: str, ends_at: datetime) -> datetime:
    """Return when a deadline is told: a window before it ends, a promise when it is broken."""
    return ends_at - WARNED_BEFORE if kind.startswith(WINDOW) else ends_at


def window_kind(length: timedelta) -> str:
    """Name a window by its length: window_24h, window_7d."""
    named = f"{length.days}d" if length > timedelta(days=1) else f"{length // timedelta(hours=1)}h"
    return WINDOW + named


_DEADLINES = ("due", "missed")
_MAPPINGS = (*_DEADLINES, "external")
_USUAL = {each.name: NOTHING if each.name in _MAPPINGS else each.default for each in fields(Case)}
_values = attrgetter(*_USUAL)


def case_to_json(case: Case) -> dict[str, Any]:
    """Return the case as its row keeps it; what is usual is left out."""
    both = zip(_USUAL.items(), _values(case), strict=True)
    body = {name: value for (name, usual), value in both if value != usual}
    body |= {name: value.isoformat() for name, value in body.items() if isinstance(value, datetime)}
    body |= {
        name: {kind: at.isoformat() for kind, at in body[name].items()} for name in _DEADLINES if name in body
    }
    return body


def case_from_json(body: Mapping[str, Any]) -> Case:
    """Return the case that `case_to_json` wrote."""
    try:
        known = dict(body)
        for name in ("opened_at", "closed_at", "owner_since", "counted_from", "answered_at"):
            if name in known:
                known[name] = _instant(known[name])
        known["external"] = dict(known.get("external", NOTHING))
        for name in _DEADLINES:
            known[name] = {kind: _instant(at) for kind, at in known.get(name, NONE_DUE).items()}
        known["state"] = State(known.get("state", State.OPEN))
        for name in ("asked_for", "added"):
            known[name] = tuple(known.get(name, ()))
        return Case(**known)
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        message = f"the row of case {body.get('case_id', '?')} is not one of ours ({type(wrong).__name__})"
        raise BadInput(message) from None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
