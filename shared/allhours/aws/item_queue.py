"""The common queue on SQS, fair between networks and accounts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import passing_trouble, sqs
from allhours.aws.table import compact
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

    def put(self, items: Sequence[Item], *, heard_by: str = "") -> None:
        """Queue every item in batches of ten; one that is not taken raises `Busy`, so the cursor stays."""
        way = {"heard_by": heard_by} if heard_by else {}
        self.put_again([item_to_json(item) | way for item in items])

    def put_again(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Queue bodies as the queue carried them before, with the same promise."""
        for batch in _batches(bodies):
            with passing_trouble("queueing items"):
                answer = sqs().send_message_batch(QueueUrl=self._url, Entries=batch)
            if failed := answer.get("Failed"):
                code = failed[0].get("Code", "?")
                message = f"queueing items: {len(failed)} of {len(batch)} not taken ({code})"
                raise Busy(message)


def _batches(bodies: Sequence[Mapping[str, Any]]) -> Iterator[list[SendMessageBatchRequestEntryTypeDef]]:
    batch: list[SendMessageBatchRequestEntryTypeDef] = []
    size = 0
    for body in bodies:
        text = compact(body)
        weight = len(text.encode())
        if batch and (len(batch) == MOST or size + weight > LARGEST):
            yield batch
            batch, size = [], 0
        batch.append({"Id": str(len(batch)), "MessageBody": text, "MessageGroupId": _group(body)})
        size += weight
    if batch:
        yield batch


def _group(body: Mapping[str, Any]) -> str:
    """Return the fairness group, in the characters that SQS allows."""
    name = f"{body.get('network', '')}.{body.get('account', '')}"
    return "".join(char if char.isascii() and char.isprintable() and char != " " else "_" for char in name)[
        :128
    ]


def item_of(record: Mapping[str, Any]) -> Item:
    """Return the item in an SQS record; `BadInput` for anything else that found its way into the queue."""
    try:
        return item_from_json(json.loads(record["body"]))
    except (RecursionError, ValueError):
        message = f"message {record.get('messageId', '?')} is no JSON"
        raise BadInput(message) from None
