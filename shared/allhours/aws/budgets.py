"""How many pages each member was sent lately, one row a member."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.due import due_attributes, due_rows
from allhours.aws.pages import put_page
from allhours.aws.table import Row, commit, compact, put_if, readable
from allhours.domain.budget import Budget, budget_from_json, budget_to_json
from allhours.flows.cover_ports import Spent
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.page import Page

PARTITION = "BUNDLES"
BUDGET_KEPT = timedelta(days=1)  # beyond the hour for which it counts, and any bundle


class DynamoBudgets:
    """The members' budgets; what waits is due in the partition BUNDLES."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def load(self, member: str) -> Spent:
        """Return the member's budget as it is now; `BadInput` when this release cannot read it."""
        with passing_trouble("reading a budget"):
            row = (
                dynamodb()
                .get_item(TableName=self._table, Key={"key": {"S": f"BUDGET#{member}"}}, ConsistentRead=True)
                .get("Item")
            )
        if row is None:
            return Spent(member=member, budget=Budget(), version=0)
        with readable(row["key"]["S"]):
            budget = budget_from_json(json.loads(row["budget"]["S"]))
            return Spent(member=member, budget=budget, version=int(row["v"]["N"]))

    def save(self, was: Spent, budget: Budget, *, at: datetime, bundle: Page | None = None) -> bool:
        """Write the budget, and the bundle in the same transaction."""
        row: Row = {
            "key": {"S": f"BUDGET#{was.member}"},
            "budget": {"S": compact(budget_to_json(budget))},
            "v": {"N": str(was.version + 1)},
            **(due_attributes(PARTITION, budget.frees_at) if budget.frees_at else {}),
        }
        if budget.frees_at is None:  # what waits is kept until it went out
            row["expires_at"] = {"N": str(int((at + BUDGET_KEPT).timestamp()))}
        put = put_if(self._table, row, "v", was.version or None)
        if bundle:
            writes = [("item", put), ("once", put_page(self._table, bundle, at))]
            return commit(writes, "writing a bundle") == Committed.DONE
        try:
            with passing_trouble("writing a budget"):
                dynamodb().put_item(**put["Put"])
        except dynamodb().exceptions.ConditionalCheckFailedException:
            return False
        return True

    def due(self, at: datetime) -> Iterator[str]:
        """Yield the members for whom a bundle is due."""
        for key in list(due_rows(self._table, PARTITION, at)):
            yield key.removeprefix("BUDGET#")
