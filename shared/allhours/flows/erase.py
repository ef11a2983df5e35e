"""Forget and erase: what a customer takes back is gone everywhere; what an author asks for is proved.

`forget` follows each deletion within minutes: the item's own row and its case are done by the router, in the
deletion's own transaction, and this sees to the rest. `erase` is the request of a person, by command. Both
may be run again at any time: what is gone already stays gone, what a crash left is found again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from allhours.domain.errors import AllhoursError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from allhours.domain.erasing import Traces

HELD_AGAIN = timedelta(hours=1)
"""How long after a legal hold ended what it held is kept at most."""
MOST = 100  # endings in one tick
EVERY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """An item that was deleted or has expired, and the case that it was in."""

    item_key: str
    case_id: str
    deleted: bool


class Endings(Protocol):
    """What else is kept of items that ended; each part may be done again, and then changes nothing."""

    def due(self, at: datetime, *, most: int) -> Sequence[Ending]:
        """Return endings that nobody has seen to yet."""
        ...

    def held(self, ending: Ending) -> str:
        """Return why a legal hold keeps the conversation's words, "" where none does."""
        ...

    def forget(self, ending: Ending, units: Collection[str]) -> None:
        """Remove what is kept beside the item's row; `units` may have been paged for its case."""
        ...

    def later(self, ending: Ending, until: datetime) -> None:
        """Look at it again then."""
        ...

    def done(self, ending: Ending) -> None:
        """Nothing is left of it."""
        ...


@dataclass(kw_only=True)
class Forgot:
    """How many endings were seen to, how many a legal hold keeps, and what went wrong with the others."""

    count: int = 0
    held: int = 0
    troubles: list[str] = field(default_factory=list[str])


def forget(endings: Endings, units: Collection[str], *, at: datetime) -> Forgot:
    """See to what is due; one that fails is due again with the next tick and holds up no other."""
    forgot = Forgot()
    for ending in endings.due(at, most=MOST):
        try:
            if endings.held(ending):
                endings.later(ending, at + HELD_AGAIN)
                forgot.held += 1
                continue
            endings.forget(ending, units)
            endings.done(ending)  # the last: until then it is due
            forgot.count += 1
        except AllhoursError as error:
            forgot.troubles.append(f"forgetting {ending.item_key}: {error}")
    return forgot


def release(endings: Endings, *, at: datetime) -> tuple[int, int]:
    """Let the next tick see to every ending that no hold keeps any more; count them, and those still held."""
    released = held = 0
    for ending in endings.due(at + HELD_AGAIN, most=EVERY):
        if endings.held(ending):
            held += 1
        else:
            endings.later(ending, at)
            released += 1
    return released, held


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the table holds of somebody: rows by kind, cases on hold with the reason, links to other systems.

    `kept` are keys that a network's own ids of posts make; `waiting` counts answers that are on their way.
    """

    traces: Traces
    rows: dict[str, int]
    held: dict[str, str]
    elsewhere: dict[str, str]
    kept: int = 0
    waiting: int = 0

    @property
    def left(self) -> int:
        """Return how many rows hold a trace."""
        return sum(self.rows.values()) + self.waiting


class Ledger(Protocol):
    """Everything on record, row by row."""

    def find(self, traces: Traces) -> Found:
        """Read all of it for traces of an author or an item, and for what belongs to them."""
        ...

    def clean(self, traces: Traces, *, at: datetime) -> int:
        """Remove the traces, last those by which they were found; return how many rows were written."""
        ...

    def prove(self, traces: Traces) -> Found:
        """Read all of it again, for nothing but the traces as they were found before."""
        ...

    def record(self, before: Found, because: str, *, at: datetime) -> None:
        """Leave an audit row that names nobody."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was found, how many rows were written, and what is found after it."""

    before: Found
    written: int
    after: Found


def erase(ledger: Ledger, wanted: Traces, *, because: str, at: datetime) -> Erased:
    """Erase an author or an item and prove it; the words themselves are in no answer of this."""
    before = ledger.find(wanted)
    written = ledger.clean(before.traces, at=at) if before.left else 0
    if written:
        ledger.record(before, because, at=at)
    return Erased(before=before, written=written, after=ledger.prove(before.traces))
