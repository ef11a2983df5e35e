"""How often each handle is spoken to: a row a handle, learnt once an hour from the list of cases."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.table import FIRST, compact, get_rows, listed_at, readable, unless_changed
from allhours.domain.expected import rate_from_json, rate_to_json
from allhours.flows.silence import Learnt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from allhours.domain.expected import Rate
    from allhours.domain.handle import Handle


class DynamoRates:
    """Rates, guarded by a version."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def load(self, handles: Iterable[Handle]) -> Mapping[str, Learnt]:
        """Return what is known, a hundred handles a call."""
        found: dict[str, Learnt] = {}
        for row in get_rows(self._table, [_key(handle) for handle in handles], consistent=False):
            with readable(row["key"]["S"]):
                rate = rate_from_json(json.loads(row["rate"]["S"]))
                found[row["key"]["S"].partition("#")[2]] = Learnt(rate=rate, version=int(row["v"]["N"]))
        return found

    def save(self, handle: Handle, was: Learnt | None, rate: Rate) -> None:
        """Write the rate, unless somebody else has since it was read."""
        client = dynamodb()
        try:
            with passing_trouble("saving a rate"):
                client.put_item(
                    TableName=self._table,
                    Item={
                        "key": {"S": _key(handle)},
                        "rate": {"S": compact(rate_to_json(rate))},
                        "v": {"N": str(was.version + 1 if was else 1)},
                    },
                    **unless_changed("v", was.version if was else None),
                )
        except client.exceptions.ConditionalCheckFailedException:
            return  # another tick learnt the same hours


class DynamoConversations:
    """When conversations began, from the list of a handle's cases."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def begun(self, handle: Handle, *, since: datetime, until: datetime) -> Sequence[datetime]:
        """Return when each conversation with a handle began, in [since, until)."""
        name = f"KEPT#{handle.network}#{handle.handle}"
        listed = listed_at(self._table, name, since=since.isoformat(), until=until.isoformat())
        return [datetime.fromisoformat(one).astimezone(UTC) for one in listed]

    def newest(self, handle: Handle) -> datetime | None:
        """Return when the newest one began."""
        name = f"KEPT#{handle.network}#{handle.handle}"
        newest = next(listed_at(self._table, name, since=FIRST, newest_first=True, page=1), "")
        return datetime.fromisoformat(newest).astimezone(UTC) if newest else None


def _key(handle: Handle) -> str:
    return f"RATE#{handle.key}"
