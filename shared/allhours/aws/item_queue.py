"""The common queue on SQS, fair between networks and accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import passing_trouble, sqs
from allhours.aws.records import compact
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import item_from_json, item_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from allhours.domain.item import Item

MOST = 10  # entries in one SendMessageBatch, SQS's limit
LARGEST = 250_000  # bytes in one batch; SQS takes 256 KiB at least everywhere


class SqsItemQueue:
    """Puts items on the queue.

    The message group makes a standard queue fair (one noisy account delays only itself).
    """

    def __init__(self, url: str) -> None:
        """Remember where."""
        self._url = url

    def put(self, items: Sequence[Item]) -> None:
        """Queue every item in batches of ten; one that is not taken raises `Busy`, so the cursor stays."""
        for batch in _batches(items):
            with passing_trouble("queueing items"):
                answer = sqs().send_message_batch(QueueUrl=self._url, Entries=batch)
            if failed := answer.get("Failed"):
                message = (
                    f"queueing items: {len(failed)} of {len(batch)} not taken ({failed[0].get('Code', '?')})"
                )
                raise Busy(message)


def _batches(items: Sequence[Item]) -> Iterator[list[SendMessageBatchRequestEntryTypeDef]]:
    batch: list[SendMessageBatchRequestEntryTypeDef] = []
    size = 0
    for item in items:
        body = compact(item_to_json(item))
        weight = len(body.encode())
        if batch and (len(batch) == MOST or size + weight > LARGEST):
            yield batch
            batch, size = [], 0
        batch.append({"Id": str(len(batch)), "MessageBody": body, "MessageGroupId": _group(item)})
        size += weight
    if batch:
        yield batch


def _group(item: Item) -> str:
    """Return the fairness group, in the characters that SQS allows."""
    return f"{item.network}.{item.account}"[:128]


def item_of(record: Mapping[str, Any]) -> Item:
    """Return the item in an SQS record; `BadInput` for anything else that found its way into the queue."""
    try:
        return item_from_json(json.loads(record["body"]))
    except (RecursionError, ValueError):
        message = f"message {record.get('messageId', '?')} is no JSON"
        raise BadInput(message) from None
