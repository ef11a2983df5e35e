"""Move: a member hands a case to another unit, in one call; the model learns from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from allhours.domain.case import State
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import Kind
from allhours.domain.moving import moved, placed
from allhours.domain.personal_data import mask
from allhours.domain.recorded import MOVED, Conversation
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.item import Item
    from allhours.domain.moving import Label, Move
    from allhours.domain.organisation import Organisation
    from allhours.domain.recorded import Recorded

TRIES = 4  # a case that two of us want changes hands within a write


class Movable(Protocol):
    """Cases with their items, and the way to write a move."""

    def case(self, case_id: str) -> Case | None:
        """Return a case by its id, as it is now."""
        ...

    def rows(self, case: Case) -> Sequence[Recorded]:
        """Return what is on record of its items, in the order in which they were said."""
        ...

    def save(self, move: Move, *, at: datetime) -> str:
        """Write case, event, label and pages in one transaction; answer in `Committed`'s words."""
        ...


class Labels(Protocol):
    """What desks have labelled by moving cases."""

    def since(self, since: datetime) -> Iterator[tuple[Label, Recorded | None]]:
        """Yield each label since then, oldest first, with its item's row as it is now, if it is there."""
        ...


def move(
    case_id: str,
    unit: str,
    *,
    by: str,
    because: str = "",
    organisation: Organisation,
    cases: Movable,
    at: datetime,
) -> Case:
    """Give an open case to another unit and return it; `BadInput` says why it cannot be.

    Asked again by the same member it is done already, and stays as it is.
    """
    if unit not in organisation.units:
        raise BadInput(f"no unit is called {unit!r}; there are {', '.join(organisation.units)}")
    if by not in organisation.members:
        raise BadInput(f"--by {by}: there is no such member")
    why = mask(because.strip()).text
    for _ in range(TRIES):
        case = cases.case(case_id)
        if case is None:
            raise BadInput(f"no case {case_id!r} is on record here")
        rows = cases.rows(case)
        told = [one.told for one in Conversation(key=case.conversation_key, rows=tuple(rows)).decisions()]
        told = [one for one in told if "case_version" in one]
        if case.unit == unit:
            if _is_theirs(placed(told), by):
                return case
            raise BadInput(f"case {case_id} is with {unit} already")
        if case.state is State.CLOSED:
            raise BadInput(
                f"case {case_id} is closed ({case.closed_because or 'answered'}): nobody has to take it"
            )
        changes = moved(organisation, case, _shown(case, rows), unit, told, by=by, because=why, at=at)
        if cases.save(changes, at=at) == Committed.DONE:
            return changes.case
    raise Busy(f"case {case_id} changed {TRIES} times while it was being moved")


def _is_theirs(event: Mapping[str, object], by: str) -> bool:
    told = event.get("moved")
    return event.get("event") == MOVED and isinstance(told, dict) and told.get("by") == by


def _shown(case: Case, rows: Sequence[Recorded]) -> Item:
    """Return the item that the other unit is shown: the first of its author's that is still there."""
    kept = [row.item for row in rows if not row.deleted and row.item.kind is not Kind.PROFILE]
    own = (item for item in kept if item.author.author_id == case.author_id)
    item = next(own, kept[0] if kept else None)
    if item is None:
        raise BadInput(f"case {case.case_id} has no post that is still kept: there is nothing to hand over")
    return item


def examples(labels: Labels, since: datetime) -> Iterator[dict[str, str]]:
    """Yield what a model may learn from, a post each: the last label, while the words are there.

    What its author deleted, or a network lets us keep no longer, is left out, as is a unit without a topic.
    """
    last = {label.item: (label, row) for label, row in labels.since(since)}
    for label, row in last.values():
        if row and not row.deleted and row.item.text and label.topic:
            yield {
                "text": row.item.text,
                "unit": label.topic,
                "from": label.start,
                "to": label.end,
                "step": label.step,
                "decided": label.decided,
                "model": label.model,
                "language": label.language,
                "network": label.network,
                "item": label.item,
                "at": label.at.isoformat(timespec="seconds"),
            }
