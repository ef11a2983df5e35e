"""The queue of `respond` on SQS FIFO: visits in order within their case, receipts within their post."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import passing_trouble, sqs
from allhours.aws.table import compact
from allhours.domain.errors import BadInput, Busy
from allhours.networks.contract import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

    from allhours.flows.reply_ports import Visit

_ID = re.compile(r"[!-~]{1,128}")  # what SQS allows
MOST = 10  # entries in one SendMessageBatch, SQS's limit


class SqsReplies:
    """Puts visits and receipts on the queue, each once in five minutes for the same cause."""

    def __init__(self, url: str) -> None:
        """Remember where."""
        self._url = url

    def visit(self, visits: Sequence[Visit]) -> None:
        """Queue every visit."""
        self._send((each.case_id, each.stamp, {"reply_id": each.reply_id}) for each in visits)

    def hear(self, receipts: Sequence[Receipt]) -> None:
        """Queue every receipt."""
        bodies = [asdict(receipt) for receipt in receipts]
        self._send((f"{body['network']}#{body['native_id']}", compact(body), body) for body in bodies)

    def _send(self, messages: Iterator[tuple[str, str, Mapping[str, Any]]]) -> None:
        entries = [_entry(number, *each) for number, each in enumerate(messages)]
        for start in range(0, len(entries), MOST):
            batch = entries[start : start + MOST]
            with passing_trouble("queueing replies"):
                answer = sqs().send_message_batch(QueueUrl=self._url, Entries=batch)
            if failed := answer.get("Failed"):
                code = failed[0].get("Code", "?")
                message = f"queueing replies: {len(failed)} of {len(batch)} not taken ({code})"
                raise Busy(message)


def _entry(
    number: int, group: str, stamp: str, body: Mapping[str, Any]
) -> SendMessageBatchRequestEntryTypeDef:
    return {
        "Id": str(number % MOST),
        "MessageBody": compact(body),
        "MessageGroupId": _short(group),
        "MessageDeduplicationId": _short(stamp),
    }


def _short(text: str) -> str:
    """Return a text as SQS takes it for an id, or its digest."""
    return text if _ID.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()


def told_in(record: Mapping[str, Any]) -> str | Receipt:
    """Return what a record asks for: the reply to be visited, or a receipt; `BadInput` for anything else."""
    try:
        body = json.loads(record["body"])
        return str(body["reply_id"]) if body.keys() == {"reply_id"} else Receipt(**body)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        message = f"message {record.get('messageId', '?')} asks for no reply"
        raise BadInput(message) from None
