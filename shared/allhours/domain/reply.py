"""A reply and its states: what the ledger keeps so that no customer is answered twice.

    READY -> CLAIMED -> POSTED, REJECTED or NEEDS_HUMAN

Each method is one arrow. An expired claim never goes straight back to READY: somebody looks first whether
the network shows the answer. Times: an attempt ends before its lease does, and what it did shows within the
network's settle time after that; `absent` takes two looks that are apart by the network's lag.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

LEASE = timedelta(seconds=60)
"""How long a claim holds; longer than the function that made it can run (30 s), clocks' skew included."""

ATTEMPTS = 5  # and then a person looks
LOOK_AGAIN = (timedelta(minutes=15), timedelta(hours=24))
"""When we look after the answer was posted whether there are two of it."""
LOOKING = timedelta(hours=1)
"""How long a network that does not answer is asked whether it shows the answer; then a person looks."""

_EMPTY: Mapping[str, str] = MappingProxyType({})


class ReplyState(StrEnum):
    """Where a reply is on its way out."""

    READY = "ready"
    CLAIMED = "claimed"
    POSTED = "posted"
    REJECTED = "rejected"
    NEEDS_HUMAN = "needs_human"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An approved answer to an item; `reply_id` is the desk's own token: a repeated click is the same one.

    `handle` of `account` says it, which may be another unit's where only that one is allowed to. `slot`
    numbers the answers to one item: a deliberate second answer takes the next. `text` is what goes out,
    signature and all. `by` wrote it, `approved_by` let it go; `automatic` says that no person did. `card` is
    the answer card it was made from. `fixed` is what every attempt must repeat, `own` the token of who
    claimed it last. `absent_at` is the first look that did not show it. `version` grows with every change.
    """

    reply_id: str
    case_id: str
    item_key: str
    slot: int
    unit: str
    account: str
    network: str
    handle: str
    text: str
    private: bool
    by: str
    approved_by: str
    approved_at: datetime
    automatic: bool = False
    card: str = ""
    state: ReplyState = ReplyState.READY
    version: int = 1
    own: str = ""
    lease_until: datetime | None = None
    attempts: int = 0
    first_try_at: datetime | None = None
    not_before: datetime | None = None
    absent_at: datetime | None = None
    look_at: datetime | None = None
    fixed: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    prepared: bool = False
    post_id: str = ""
    permalink: str = ""
    posted_at: datetime | None = None
    reason: str = ""
    looked_again: int = 0
    receipt: str = ""

    @property
    def answer_key(self) -> str:
        """Return the key of the slot that it takes: network, id and number."""
        return f"{self.item_key}#{self.slot}"

    def claimed(self, own: str, at: datetime) -> Reply:
        """Return the reply in somebody's hands until the lease ends (W1)."""
        self._must_be(ReplyState.READY)
        return self._next(
            state=ReplyState.CLAIMED,
            own=own,
            lease_until=at + LEASE,
            attempts=self.attempts + 1,
            first_try_at=self.first_try_at or at,
            not_before=None,
            absent_at=None,
            look_at=None,
            reason="",
        )

    def held_back(self, not_before: datetime, reason: str) -> Reply:
        """Return the reply ready still, but for later; no attempt is counted."""
        self._must_be(ReplyState.READY)
        return self._next(not_before=not_before, reason=reason)

    def with_keys(self, fixed: Mapping[str, str]) -> Reply:
        """Return the reply with what `prepare` found out, which every attempt repeats."""
        self._must_be(ReplyState.CLAIMED)
        return self._next(fixed=MappingProxyType(dict(fixed)), prepared=True)

    def posted(self, post_id: str, permalink: str, at: datetime) -> Reply:
        """Return the reply as the network has it, with the network's own id (W2, R1)."""
        if not post_id:
            raise BadInput(f"reply {self.reply_id}: without the network's id it is not posted")
        self._must_be(ReplyState.CLAIMED, ReplyState.NEEDS_HUMAN)
        return self._next(
            state=ReplyState.POSTED,
            post_id=post_id,
            permalink=permalink,
            posted_at=at,
            lease_until=None,
            absent_at=None,
            look_at=None,
            reason="",
        )

    def again(self, not_before: datetime, reason: str) -> Reply:
        """Return the reply ready once more from an instant on: a definite no, or proved absent (W3, R2)."""
        self._must_be(ReplyState.CLAIMED, ReplyState.NEEDS_HUMAN)
        return self._next(
            state=ReplyState.READY,
            lease_until=None,
            not_before=not_before,
            absent_at=None,
            look_at=None,
            reason=reason,
        )

    def rejected(self, reason: str) -> Reply:
        """Return the reply refused for good; its slot is free again (W3)."""
        self._must_be(ReplyState.READY, ReplyState.CLAIMED, ReplyState.NEEDS_HUMAN)
        return self._next(state=ReplyState.REJECTED, lease_until=None, look_at=None, reason=reason)

    def absent(self, at: datetime) -> Reply:
        """Return the reply after a first look that did not show it."""
        self._must_be(ReplyState.CLAIMED)
        return self._next(absent_at=at, look_at=None)

    def look_later(self, look_at: datetime) -> Reply:
        """Return the reply to be looked for at another instant: the network did not answer."""
        self._must_be(ReplyState.CLAIMED)
        return self._next(look_at=look_at)

    def needs_human(self, reason: str) -> Reply:
        """Return the reply given up: a person looks whether it is out (R3)."""
        self._must_be(ReplyState.CLAIMED, ReplyState.READY)
        return self._next(state=ReplyState.NEEDS_HUMAN, lease_until=None, look_at=None, reason=reason)

    def looked(self) -> Reply:
        """Return the posted reply after one more look whether there are two of it."""
        self._must_be(ReplyState.POSTED)
        return self._next(looked_again=self.looked_again + 1)

    def with_receipt(self, receipt: str) -> Reply:
        """Return the posted reply with what the network told of it later: delivered, read, failed, hidden."""
        self._must_be(ReplyState.POSTED)
        return self._next(receipt=receipt)

    def next_visit_at(self, settles_within: timedelta, seen_within: timedelta) -> datetime | None:
        """Return when somebody has to see to the reply; None when nothing is left to do by a machine."""
        if self.state is ReplyState.READY:
            return self.not_before or self.approved_at
        if self.state is ReplyState.CLAIMED and self.lease_until:
            settled = self.lease_until + settles_within
            return max(settled, self.look_at or settled, (self.absent_at or settled) + seen_within)
        if self.state is ReplyState.POSTED and self.posted_at and self.looked_again < len(LOOK_AGAIN):
            return self.posted_at + LOOK_AGAIN[self.looked_again]
        return None

    def _must_be(self, *states: ReplyState) -> None:
        if self.state not in states:
            raise BadInput(f"reply {self.reply_id} is {self.state}: it cannot become what was asked")

    def _next(self, **changes: Any) -> Reply:  # noqa: ANN401 - the fields above, each of its own type
        return replace(self, version=self.version + 1, **changes)


_USUAL = {each.name: each.default for each in fields(Reply)}
_INSTANTS = (
    "approved_at", "lease_until", "first_try_at", "not_before", "absent_at", "look_at", "posted_at",
)  # fmt: skip


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """Return the reply as its row keeps it; what is usual is left out."""
    body = {name: getattr(reply, name) for name in _USUAL}
    body |= {name: value.isoformat() for name, value in body.items() if isinstance(value, datetime)}
    body["fixed"] = dict(reply.fixed)
    return {name: value for name, value in body.items() if value != _USUAL[name] and value != {}}


def reply_from_json(body: Mapping[str, Any]) -> Reply:
    """Return the reply that `reply_to_json` wrote; `BadInput` names one that this release cannot read."""
    try:
        known = dict(body)
        known |= {name: datetime.fromisoformat(known[name]) for name in _INSTANTS if name in known}
        known["state"] = ReplyState(known.get("state", ReplyState.READY))
        known["fixed"] = MappingProxyType(dict(known.get("fixed", {})))
        return Reply(**known)
    except (KeyError, TypeError, ValueError) as wrong:
        name = body.get("reply_id", "?")
        raise BadInput(f"reply {name} is not one of ours ({type(wrong).__name__})") from None
