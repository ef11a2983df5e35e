"""A POST with an `Idempotency-Key` is done once: what it led to is kept for a day, and shown again.

The row `IDEMPOTENT#member#key` keeps no words: a digest of the request, its answer's status, and what to
show. So an erased customer is not remembered here, and who asks again sees how things stand now.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.desk_api.trouble import Trouble

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.aws.desk_api.asked import Asked
    from allhours.aws.table import Row

KEPT = timedelta(hours=24)
AT_WORK = timedelta(seconds=30)  # longer than the function may run, so that nobody is at it any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a write led to: the status of its answer, and what to show: a kind, and its id."""

    status: int
    shows: str
    subject: str


class DynamoOnce:
    """Remembers what was asked under a key, and what came of it."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def begin(self, member: str, key: str, digest: str, at: datetime) -> Done | None:
        """Return what came of the same request before; None when it is to be done now.

        `Trouble` 422 for another request under this key, 409 while the first one is still at work.
        """
        client, now = dynamodb(), int(at.timestamp())
        row: Row = {
            "key": {"S": _key(member, key)},
            "digest": {"S": digest},
            "until": {"N": str(now + int(AT_WORK.total_seconds()))},
            "expires_at": {"N": str(now + int(KEPT.total_seconds()))},
        }
        try:
            with passing_trouble("looking up an idempotency key"):
                client.put_item(
                    TableName=self._table,
                    Item=row,
                    # expired rows stay a while; one that nobody finished is taken over by the same request
                    ConditionExpression=(
                        "attribute_not_exists(#key) OR expires_at <= :now OR "
                        "(digest = :digest AND attribute_not_exists(done) AND #until <= :now)"
                    ),
                    ExpressionAttributeNames={"#key": "key", "#until": "until"},
                    ExpressionAttributeValues={":now": {"N": str(now)}, ":digest": {"S": digest}},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except client.exceptions.ConditionalCheckFailedException as there:
            return _known(there.response["Item"], digest)  # type: ignore[typeddict-item] # not in the stubs
        return None

    def finish(self, member: str, key: str, done: Done) -> None:
        """Keep what came of it."""
        with passing_trouble("keeping what a request led to"):
            dynamodb().update_item(
                TableName=self._table,
                Key={"key": {"S": _key(member, key)}},
                UpdateExpression="SET done = :done",
                ExpressionAttributeValues={
                    ":done": {"S": json.dumps([done.status, done.shows, done.subject])}
                },
            )

    def forget(self, member: str, key: str) -> None:
        """Forget a request that came to nothing, so that it may be tried again."""
        with passing_trouble("forgetting an idempotency key"):
            dynamodb().delete_item(TableName=self._table, Key={"key": {"S": _key(member, key)}})


def digest_of(asked: Asked) -> str:
    """Return what tells one request from another: method, path and body."""
    return hashlib.sha256(b"\n".join([asked.method.encode(), asked.path.encode(), asked.body])).hexdigest()


def _known(row: Row, digest: str) -> Done | None:
    if row.get("digest", {}).get("S") != digest:
        raise Trouble(
            422,
            "key_used",
            "this Idempotency-Key stands for another request: make up a new one",
            {"field": "Idempotency-Key"},
        )
    if "done" not in row:
        raise Trouble(
            409,
            "at_work",
            "the same request is being done right now: ask again",
            headers={"retry-after": "2"},
        )
    status, shows, subject = json.loads(row["done"]["S"])
    return Done(status=status, shows=shows, subject=subject)


def _key(member: str, key: str) -> str:
    return f"IDEMPOTENT#{member}#{key}"
