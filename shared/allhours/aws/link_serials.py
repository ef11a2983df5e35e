"""Which links of a member or unit still hold: those with the current serial; taking them back raises it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble

if TYPE_CHECKING:
    from datetime import datetime


class DynamoLinkSerials:
    """One row for each member or unit whose links were ever taken back."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def current(self, owner: str) -> int:
        """Return the serial that links of `member:ana` or `unit:cards` carry; 0 at first."""
        with passing_trouble("reading the serial of links"):
            row = (
                dynamodb()
                .get_item(TableName=self._table, Key={"key": {"S": f"LINK#{owner}"}}, ConsistentRead=True)
                .get("Item")
            )
        return int(row["serial"]["N"]) if row else 0

    def revoke(self, owner: str, at: datetime) -> int:
        """Make all earlier links void; return the serial of those to come."""
        with passing_trouble("taking links back"):
            row = dynamodb().update_item(
                TableName=self._table,
                Key={"key": {"S": f"LINK#{owner}"}},
                UpdateExpression="ADD serial :one SET revoked_at = :at",
                ExpressionAttributeValues={":one": {"N": "1"}, ":at": {"S": at.isoformat()}},
                ReturnValues="UPDATED_NEW",
            )["Attributes"]
        return int(row["serial"]["N"])
