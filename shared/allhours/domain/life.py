"""A network's life with us: live, listen only, frozen, archived (docs/decisions/0023)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Life(StrEnum):
    """Where a network is in its life with us; the order of the members is the way it goes."""

    LIVE = "live"
    LISTEN_ONLY = "listen_only"
    FROZEN = "frozen"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Whether something may be done with a network, and why, in words for a clerk."""

    allowed: bool
    reason: str


MEANS: Mapping[Life, str] = MappingProxyType(
    {
        Life.LIVE: "it is read and answered",
        Life.LISTEN_ONLY: "it is read and watched, and nobody answers there: answer on another network",
        Life.FROZEN: (
            "nothing is read, watched or answered, and its webhooks get 410; what was said stays with its "
            "case and is found by `allhours trace`"
        ),
        Life.ARCHIVED: (
            "it has ended and does not come back; what was said is found by `allhours trace` until it is "
            "older than `retention`"
        ),
    }
)
"""What each state means for the people at the desks."""

_ORDER = tuple(Life)
_READ = frozenset({Life.LIVE, Life.LISTEN_ONLY})


def may_read(life: Life) -> Ruling:
    """Return whether a network in this state is polled, re-read, watched for silence and heard by webhook."""
    return Ruling(allowed=life in _READ, reason=MEANS[life])


def may_answer(life: Life) -> Ruling:
    """Return whether anything may be sent to a network in this state."""
    return Ruling(allowed=life is Life.LIVE, reason=MEANS[life])


def may_become(now: Life, then: Life) -> Ruling:
    """Return whether a network may go from one state to another.

    Forwards one state at a time, so that each shows what breaks; back from any but the last.
    """
    if now is Life.ARCHIVED and then is not now:
        return Ruling(allowed=False, reason="an archived network does not come back: what it read is gone")
    steps = _ORDER.index(then) - _ORDER.index(now)
    if steps > 1:
        following = _ORDER[_ORDER.index(now) + 1]
        return Ruling(allowed=False, reason=f"from {now} it goes to {following} first")
    return Ruling(allowed=True, reason=MEANS[then])


def next_states(now: Life) -> tuple[Life, ...]:
    """Return where a network may go from this state, the way forwards last."""
    return tuple(then for then in Life if then is not now and may_become(now, then).allowed)
