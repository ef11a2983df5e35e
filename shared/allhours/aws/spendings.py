"""What paid reads and quota units have cost, one row a purse and day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from allhours.aws.clients import dynamodb, passing_trouble

KEPT = timedelta(days=40)  # so that a month's bill can be compared


class DynamoSpendings:
    """Sums that any number of functions add to."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def total(self, purse: str, day: str) -> float:
        """Return what a purse has spent on a day."""
        with passing_trouble("reading what was spent"):
            row = (
                dynamodb()
                .get_item(TableName=self._table, Key=_key(purse, day), ConsistentRead=True)
                .get("Item", {})
            )
        return float(row["spent"]["N"]) if row else 0.0

    def add(self, purse: str, day: str, cost: float) -> float:
        """Count a cost; return the day's total with it.

        An answer that is lost on the way is asked for again by the SDK and counts twice: too much, never too
        little.
        """
        expires = int((datetime.fromisoformat(day).replace(tzinfo=UTC) + KEPT).timestamp())
        with passing_trouble("counting what was spent"):
            row = dynamodb().update_item(
                TableName=self._table,
                Key=_key(purse, day),
                UpdateExpression="ADD spent :cost SET expires_at = :expires",
                ExpressionAttributeValues={
                    ":cost": {"N": f"{cost:.6f}"},
                    ":expires": {"N": str(expires)},
                },
                ReturnValues="UPDATED_NEW",
            )
        return float(row["Attributes"]["spent"]["N"])


def _key(purse: str, day: str) -> dict[str, dict[str, str]]:
    return {"key": {"S": f"SPENT#{purse}#{day}"}}
