"""How fast one member, or system, may ask: a bucket that fills evenly and is emptied by asking.

Writes are counted in the table, the same for all functions that run: 10 a second, 30 at once. Reads, which
change nothing, are counted by each warm function for itself: 20 a second, 60 at once; their bound beyond
that is the API's own throttle. A bucket is one number, the instant up to which it has been spent (GCRA).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.desk_api.trouble import Trouble

if TYPE_CHECKING:
    from datetime import datetime

WRITES, WRITES_AT_ONCE = 10, 30  # a second; nobody taps so fast, and a system may wait
READS, READS_AT_ONCE = 20, 60
_KEPT = 3600  # seconds that a full bucket's row stays
_MS = 1000


class DynamoPace:
    """The buckets of writes."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def spend(self, member: str, at: datetime) -> None:
        """Take one write off the member's bucket; `Trouble` 429 says when there is another.

        One conditional update where the bucket was full, as it is for a person; two for who is faster.
        """
        now, each = _ms(at), _MS // WRITES
        spent = self._set(member, now, now + each, until=now)
        if spent is None:
            return
        latest = now + (WRITES_AT_ONCE - 1) * each
        if spent > latest or self._add(member, now, each, latest) is not None:
            raise _too_fast(max(spent, latest + 1) - latest)

    def _set(self, member: str, now: int, spent: int, *, until: int) -> int | None:
        """Begin with a full bucket, if it is; else return up to when it is spent."""
        return self._update(
            member,
            now,
            "SET spent = :spent, expires_at = :expires",
            "attribute_not_exists(spent) OR spent <= :until",
            {":spent": spent, ":until": until},
        )

    def _add(self, member: str, now: int, each: int, latest: int) -> int | None:
        return self._update(
            member,
            now,
            "SET spent = spent + :each, expires_at = :expires",
            "spent <= :latest",
            {":each": each, ":latest": latest},
        )

    def _update(
        self, member: str, now: int, update: str, condition: str, values: dict[str, int]
    ) -> int | None:
        client = dynamodb()
        numbers = {**values, ":expires": now // _MS + _KEPT}
        try:
            with passing_trouble("counting a member's writes"):
                client.update_item(
                    TableName=self._table,
                    Key={"key": {"S": f"PACE#{member}"}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={name: {"N": str(value)} for name, value in numbers.items()},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except client.exceptions.ConditionalCheckFailedException as there:
            return int(there.response["Item"]["spent"]["N"])  # type: ignore[typeddict-item] # not in the stubs
        return None


@dataclass(slots=True)
class ReadPace:
    """The buckets of reads, in one warm function."""

    _spent: dict[str, int] = field(default_factory=dict[str, int])

    def spend(self, member: str, at: datetime) -> None:
        """Take one read off the member's bucket; `Trouble` 429 says when there is another."""
        now, each = _ms(at), _MS // READS
        spent = max(self._spent.get(member, 0), now)
        latest = now + (READS_AT_ONCE - 1) * each
        if spent > latest:
            raise _too_fast(spent - latest)
        self._spent[member] = spent + each


def _ms(at: datetime) -> int:
    return int(at.timestamp() * _MS)


def _too_fast(wait: int) -> Trouble:
    """Return the refusal; `wait` in milliseconds."""
    seconds = -(-wait // _MS)
    return Trouble(
        429, "too_fast", f"that was too fast: wait {seconds} s", headers={"retry-after": str(seconds)}
    )
