"""What the last night saw of each unit's plan, one row a unit."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.aws.notices import put_notice
from allhours.aws.table import Row, commit, compact, get_rows, put_if, readable
from allhours.domain.plan import Plan
from allhours.flows.cover_ports import KnownPlan
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.notice import Notice

KEPT = timedelta(days=90)  # of a unit that is no more


class DynamoPlans:
    """Each row is written with its notice, and guarded by its version."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def load(self, unit: str) -> KnownPlan | None:
        """Return what the last night saw; `BadInput` where this release cannot read it."""
        row = next(iter(get_rows(self._table, [_key(unit)])), None)
        if row is None:
            return None
        with readable(_key(unit)):
            body = json.loads(row["plan"]["S"])
            seats = [(desk, member) for desk, member in body["seats"]]
            plan = Plan(
                unit=unit,
                tzdata=body["tzdata"],
                revision=body["revision"],
                start=body["start"],
                end=body["end"],
                stretches=tuple(
                    (since, frozenset(seats[place] for place in places))
                    for since, places in body["stretches"]
                ),
            )
            return KnownPlan(plan=plan, version=int(row["v"]["N"]))

    def keep(self, plan: Plan, told: Notice | None, *, replaces: KnownPlan | None, at: datetime) -> bool:
        """Put the row and its notice together; what another night has written meanwhile stands."""
        row = _row(plan, (replaces.version if replaces else 0) + 1, at)
        put = put_if(self._table, row, "v", replaces.version if replaces else None)
        writes: list[tuple[str, TransactWriteItemTypeDef]] = [("case", put)]
        if told:
            writes.append(("notice", put_notice(self._table, told, at)))
        return commit(writes, "keeping a plan") == Committed.DONE


def _key(unit: str) -> str:
    return f"PROVED#{unit}"


def _row(plan: Plan, version: int, at: datetime) -> Row:
    """Return the row; who sits where is named once, and meant by its place."""
    seats = sorted(
        {seat for _, on in plan.stretches for seat in on}, key=lambda seat: (seat[0], seat[1] or "")
    )
    place_of = {seat: place for place, seat in enumerate(seats)}
    body = {
        "tzdata": plan.tzdata,
        "revision": plan.revision,
        "start": plan.start,
        "end": plan.end,
        "seats": seats,
        "stretches": [[since, sorted(place_of[seat] for seat in on)] for since, on in plan.stretches],
    }
    return {
        "key": {"S": _key(plan.unit)},
        "plan": {"S": compact(body)},
        "v": {"N": str(version)},
        "expires_at": {"N": str(int((at + KEPT).timestamp()))},
    }
