"""How many pages one person gets: a storm is bundled, the first of a kind never waits.

At most 5 in 15 minutes and 11 in an hour, as GoAlert allows for SMS. What is over waits for one later page.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = timedelta(hours=1)
LIMITS = ((timedelta(minutes=15), 5), (HOUR, 11))  # (window, most), sliding, open at its old end
MOST_NAMED = 200  # calls that a bundle names one by one; the others it counts, for a row has 400 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One page to one member: `kind` is why and for which unit, `sentence` what a bundle says of it."""

    call_id: str
    page_id: str
    kind: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A call that was let through."""

    call_id: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a member was sent within the hour, and what waits; `more` waits beside it, unnamed."""

    counted: tuple[Counted, ...] = ()
    waiting: tuple[Call, ...] = ()
    more: int = 0
    waiting_since: datetime | None = None

    def asked(self, call: Call, at: datetime) -> tuple[Budget, bool]:
        """Return the budget after a call, and whether the call goes out at once.

        The same call is counted once. While something waits, what is not the first of its kind joins it.
        """
        if any(one.call_id == call.call_id for one in self.counted):
            return self, True
        if any(one.call_id == call.call_id for one in self.waiting):
            return self, False
        fresh = replace(self, counted=tuple(one for one in self.counted if one.at > at - HOUR))
        first = all(one.kind != call.kind for one in fresh.counted)
        if first or (not self.waiting and fresh.has_room(at)):
            return replace(fresh, counted=(*fresh.counted, _counted(call.call_id, call.kind, at))), True
        since = self.waiting_since or at
        if len(self.waiting) >= MOST_NAMED:
            return replace(fresh, more=self.more + 1, waiting_since=since), False
        return replace(fresh, waiting=(*self.waiting, call), waiting_since=since), False

    @property
    def frees_at(self) -> datetime | None:
        """Return when what waits goes out; after an hour whatever else came. None when nothing waits."""
        if self.waiting_since is None:
            return None
        free = [
            self.counted[-most].at + window for window, most in LIMITS if len(self.counted) >= most
        ]  # the oldest of the last `most` has to leave the window
        return min(max((self.waiting_since, *free)), self.waiting_since + HOUR)

    def bundled(self, bundle_id: str, at: datetime) -> Budget:
        """Return the budget after all that waited went out as one."""
        counted = tuple(one for one in self.counted if one.at > at - HOUR)
        return Budget(counted=(*counted, _counted(bundle_id, "bundle", at)))

    def has_room(self, at: datetime) -> bool:
        """Tell whether no window is full."""
        return all(sum(one.at > at - window for one in self.counted) < most for window, most in LIMITS)


def _counted(call_id: str, kind: str, at: datetime) -> Counted:
    return Counted(call_id=call_id, kind=kind, at=at)


def budget_to_json(budget: Budget) -> dict[str, Any]:
    """Return the budget as its row keeps it."""
    since = budget.waiting_since
    return {
        "counted": [[one.call_id, one.kind, one.at.isoformat()] for one in budget.counted],
        "waiting": [asdict(one) for one in budget.waiting],
        "more": budget.more,
        "waiting_since": since.isoformat() if since else None,
    }


def budget_from_json(body: Mapping[str, Any]) -> Budget:
    """Return the budget that `budget_to_json` wrote."""
    since = body["waiting_since"]
    return Budget(
        counted=tuple(
            _counted(call_id, kind, datetime.fromisoformat(at)) for call_id, kind, at in body["counted"]
        ),
        waiting=tuple(Call(**one) for one in body["waiting"]),
        more=body["more"],
        waiting_since=datetime.fromisoformat(since) if since else None,
    )
