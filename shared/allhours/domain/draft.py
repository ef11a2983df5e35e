"""A draft: one answer in the making to a case, in one member's hands at a time.

Whoever writes holds the draft on a lease, which typing renews; others see who and since when, and may take
it over with a word on the record. Where a second person has to agree it waits, and goes out only as the
conversation was when it was written: `seen` is a digest of that (`conversation_digest`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WRITING = timedelta(minutes=5)
"""How long a draft stays in somebody's hands after their last key."""


class DraftState(StrEnum):
    """Where a draft is."""

    WRITING = "writing"
    WAITING = "waiting"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer in the making; `item_key` is what it answers, `handle` of `account` is to say it.

    `text` has no signature yet. `comment` is why an approver gave it back. `asked_at` is since when it waits
    for one, `because` why it has to. `version` guards every write.
    """

    case_id: str
    item_key: str
    by: str
    since: datetime
    lease_until: datetime
    text: str = ""
    private: bool = False
    account: str = ""
    handle: str = ""
    card: str = ""
    seen: str = ""
    state: DraftState = DraftState.WRITING
    asked_at: datetime | None = None
    because: str = ""
    comment: str = ""
    version: int = 1

    def held_by_another(self, member: str, at: datetime) -> bool:
        """Return whether somebody else has it in hand now."""
        return self.by != member and at < self.lease_until

    def written(self, member: str, at: datetime, **changes: Any) -> Draft:  # noqa: ANN401 - the fields above
        """Return the draft with other words, in the member's hands; an approval asked for is void."""
        mine = self.by == member
        return replace(
            self,
            **changes,
            by=member,
            since=self.since if mine else at,
            lease_until=at + WRITING,
            state=DraftState.WRITING,
            asked_at=None,
            because="",
            version=self.version + 1,
        )

    def waiting(self, because: str, at: datetime) -> Draft:
        """Return the draft waiting for a second person."""
        return replace(
            self, state=DraftState.WAITING, asked_at=at, because=because, comment="", version=self.version + 1
        )

    def returned(self, comment: str) -> Draft:
        """Return the draft given back to who wrote it, with the reason."""
        return replace(self, state=DraftState.RETURNED, comment=comment, version=self.version + 1)


def conversation_digest(items: Iterable[tuple[str, int, bool]]) -> str:
    """Return a digest of a conversation: the key, version and deletion of every post, in any order."""
    told = "\n".join(f"{key} {version} {deleted:d}" for key, version, deleted in sorted(items))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


_USUAL = {each.name: each.default for each in fields(Draft)}
_INSTANTS = ("since", "lease_until", "asked_at")


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """Return the draft as its row keeps it; what is usual is left out."""
    body = {name: getattr(draft, name) for name in _USUAL}
    body |= {name: value.isoformat() for name, value in body.items() if isinstance(value, datetime)}
    return {name: value for name, value in body.items() if value != _USUAL[name]}


def draft_from_json(body: Mapping[str, Any]) -> Draft:
    """Return the draft that `draft_to_json` wrote; `BadInput` names one that this release cannot read."""
    try:
        known = dict(body)
        known |= {name: datetime.fromisoformat(known[name]) for name in _INSTANTS if name in known}
        known["state"] = DraftState(known.get("state", DraftState.WRITING))
        return Draft(**known)
    except (KeyError, TypeError, ValueError) as wrong:
        name = body.get("case_id", "?")
        raise BadInput(f"the draft of case {name} is not one of ours ({type(wrong).__name__})") from None
