"""What is due, by the table's sparse index `due`: the clock asks for it and never scans.

A row in a partition of the index carries `due`, the partition, and `due_at`, when somebody has to look at it;
a row that waits for nothing yet but belongs to the partition says FAR. `CASES#unit` holds a unit's open cases
and `CLOSED#unit` its closed ones, by when they closed; `PAGES` pages that climb, `GAPS` announced gaps,
`BUNDLES` pages held back for a busy member.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import dynamodb, passing_trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.aws.table import Row

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
FAR = NEVER.isoformat()


def due_attributes(partition: str, at: datetime | None) -> Row:
    """Return what puts a row into a partition; None waits for nothing."""
    return {"due": {"S": partition}, "due_at": {"S": (at or NEVER).astimezone(UTC).isoformat()}}


def due_rows(table: str, partition: str, until: datetime) -> Iterator[str]:
    """Yield the keys of rows due at that instant or before, soonest first, a page a call."""
    more: dict[str, Any] = {}
    while True:
        with passing_trouble(f"looking for what is due in {partition}"):
            answer = dynamodb().query(
                TableName=table,
                IndexName="due",
                KeyConditionExpression="due = :partition AND due_at <= :until",
                ExpressionAttributeValues={
                    ":partition": {"S": partition},
                    ":until": {"S": until.astimezone(UTC).isoformat()},
                },
                **more,
            )
        yield from (row["key"]["S"] for row in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def count_due(table: str, partition: str, *, since: str = "0", until: str = FAR) -> int:
    """Return how many rows are due in [since, until], as far as one call looks: some thousands."""
    with passing_trouble(f"counting what is due in {partition}"):
        answer = dynamodb().query(
            TableName=table,
            IndexName="due",
            Select="COUNT",
            KeyConditionExpression="due = :partition AND due_at BETWEEN :since AND :until",
            ExpressionAttributeValues={
                ":partition": {"S": partition},
                ":since": {"S": since},
                ":until": {"S": until},
            },
        )
    return answer["Count"]


def due_keys(table: str, partition: str, until: datetime, most: int) -> list[str]:
    """Return the keys of at most so many rows due at that instant or before, soonest first."""
    return list(islice(due_rows(table, partition, until), most))
