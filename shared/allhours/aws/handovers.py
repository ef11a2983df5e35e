"""Which handovers were told, and the clock's bookmark, in the records table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.notices import put_notice
from allhours.aws.table import commit, get_rows, put_if
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from allhours.domain.notice import Notice

HANDOVER_KEPT = timedelta(days=30)  # far longer than the clock looks back
_CLOCK = "CLOCK"


class DynamoHandovers:
    """One row a handover, written with its packet; one bookmark, which moves last."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def last_tick(self) -> datetime | None:
        """Return the bookmark."""
        row = next(get_rows(self._table, [_CLOCK]), None)
        return datetime.fromisoformat(row["at"]["S"]) if row else None

    def units_seen(self) -> frozenset[str]:
        """Return all units of the ticks so far; a set in the table only grows."""
        row = next(get_rows(self._table, [_CLOCK]), {})
        return frozenset(row.get("units", {}).get("SS", ()))

    def ticked(self, at: datetime, units: Iterable[str]) -> None:
        """Move the bookmark on and add the units; where a later tick was faster, its own stand."""
        with passing_trouble("moving the clock's bookmark"):
            try:
                dynamodb().update_item(
                    TableName=self._table,
                    Key={"key": {"S": _CLOCK}},
                    UpdateExpression="SET #at = :at ADD #units :units",
                    ConditionExpression="attribute_not_exists(#at) OR #at < :at",
                    ExpressionAttributeNames={"#at": "at", "#units": "units"},
                    ExpressionAttributeValues={
                        ":at": {"S": at.astimezone(UTC).isoformat()},
                        ":units": {"SS": sorted(units)},
                    },
                )
            except dynamodb().exceptions.ConditionalCheckFailedException:
                return

    def told(self, unit: str, changed_at: Sequence[int]) -> set[int]:
        """Return which of these handovers have their row."""
        keys = {_key(unit, at): at for at in changed_at}
        return {keys[row["key"]["S"]] for row in get_rows(self._table, list(keys))}

    def tell(self, packet: Notice, unit: str, changed_at: int, *, at: datetime) -> bool:
        """Write the handover's row and its packet in one transaction; False when another tick has."""
        expires = str(int((at + HANDOVER_KEPT).timestamp()))
        row = {
            "key": {"S": _key(unit, changed_at)},
            "told_at": {"S": at.astimezone(UTC).isoformat()},
            "expires_at": {"N": expires},
        }
        writes = [
            ("once", put_if(self._table, row, "key", None)),
            ("notice", put_notice(self._table, packet, at)),
        ]
        return commit(writes, "telling a handover") == Committed.DONE


def _key(unit: str, changed_at: int) -> str:
    return f"HANDOVER#{unit}#{changed_at}"
