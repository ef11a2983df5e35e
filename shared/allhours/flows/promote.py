"""Promote: a person makes a case of an item that opened none; the clock starts then, the record says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from allhours.domain.case import State
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import Kind, item_from_json
from allhours.domain.personal_data import mask
from allhours.flows.ports import Committed, World

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.decision import Decision
    from allhours.domain.item import Item
    from allhours.domain.router import Router

TRIES = 4  # a row that two of us want changes hands within a write


class Promotable(Protocol):
    """Items as they are on record, and the way to write a decision about one."""

    def item(self, item_key: str) -> Mapping[str, Any] | None:
        """Return an item's row as one JSON object; None when nothing is on record."""
        ...

    def read(
        self, item_keys: Sequence[str], conversation_keys: Sequence[str], *, consistent: bool = False
    ) -> World:
        """Return what is known of these items and conversations."""
        ...

    def commit(self, *decisions: Decision, at: datetime) -> str:
        """Write item, case, event and pages together, and answer in `Committed`'s words."""
        ...


def promote(
    item_key: str, *, unit: str, by: str, because: str, router: Router, records: Promotable, at: datetime
) -> Case:
    """Open the case and return it; `BadInput` says why it cannot be, `Busy` that somebody else was at it.

    `unit` "" leaves it to the ladder. The item's inbox hears of it as of any case, with who and why.
    """
    _check(unit, by, because, router)
    for _ in range(TRIES):
        row = records.item(item_key)
        if row is None:
            message = f"nothing is on record for {item_key!r}; an item is written as network#id, x#209 say"
            raise BadInput(message)
        item = item_from_json(row["item"])
        _check_row(item_key, row, item)
        decision = _decided(
            item, row, unit=unit, by=by, because=because, router=router, records=records, at=at
        )
        if decision.case and records.commit(decision, at=at) == Committed.DONE:
            return decision.case
    raise Busy(f"{item_key}: its row changed {TRIES} times while it was being promoted")


def _check(unit: str, by: str, because: str, router: Router) -> None:
    if unit and unit not in router.organisation.units:
        raise BadInput(f"no unit is called {unit!r}; there are {', '.join(router.organisation.units)}")
    if by not in router.organisation.members and by not in router.organisation.systems:
        raise BadInput(f"--by {by}: there is no such member")
    if not because.strip():
        raise BadInput("a promotion needs its reason: --because TEXT")


def _check_row(item_key: str, row: Mapping[str, Any], item: Item) -> None:
    if row["deleted"]:
        raise BadInput(f"{item_key} was deleted: nothing can be made of it")
    if row["case_id"]:
        raise BadInput(f"{item_key} is in case {row['case_id']} already")
    if item.kind is Kind.PROFILE:
        raise BadInput(f"{item_key} is the answer to a look-up, not a post")


def _decided(
    item: Item,
    row: Mapping[str, Any],
    *,
    unit: str,
    by: str,
    because: str,
    router: Router,
    records: Promotable,
    at: datetime,
) -> Decision:
    known = records.read((item.key,), (), consistent=True).known.get(item.key)
    if known is None or known.version != item.version:
        raise Busy(f"{item.key} changed while it was being promoted")
    case = records.read((), (known.conversation_key,), consistent=True).cases.get(known.conversation_key)
    if case and case.state is State.OPEN:
        raise BadInput(f"{item.key}: its conversation has case {case.case_id} already, with {case.unit}")
    grounds: Mapping[str, Any] = row.get("why") or next(iter(reversed(row["events"])), {})
    return router.promoted(
        item,
        known,
        case,
        unit=unit,
        by=by,
        because=mask(because.strip()).text,
        was=str(grounds.get("reason", "")),
        at=at,
    )
