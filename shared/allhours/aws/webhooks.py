"""Webhooks of other systems: the queue of deliveries, their dead letters, and what is on record for them."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import dynamodb, passing_trouble, sqs
from allhours.aws.pages import put_page
from allhours.aws.records import events_of
from allhours.aws.table import Row, commit, compact, get_rows, put_if
from allhours.domain.delivery import delivery_to_json
from allhours.domain.errors import BadInput, Busy
from allhours.domain.event import case_event
from allhours.flows.notify import Looked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.delivery import Delivery
    from allhours.domain.page import Page
    from allhours.domain.voice import Webhook

MOST = 10  # entries in one SendMessageBatch, SQS's limit; a notice is a few kilobytes at most
LOOKS = 5  # at an empty queue: a short one does not show every message at every look
OFF_KEPT = timedelta(days=90)


class DynamoWebhooks:
    """Which webhooks are off, and the events as they read now."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def look(self, delivery: Delivery, webhook: Webhook) -> Looked:
        """Return the event and whether the webhook is off, in one consistent call."""
        keys = [key_of(webhook), *([f"ITEM#{delivery.item_key}"] if delivery.item_key else [])]
        rows = {row["key"]["S"]: row for row in get_rows(self._table, keys)}
        off = rows.pop(key_of(webhook), None) is not None
        event = delivery.notice or _event(delivery, next(iter(rows.values()), None))
        return Looked(event=event, off=off)

    def switch_off(self, webhook: Webhook, page: Page, *, at: datetime) -> None:
        """Keep that the webhook is off, with its page, once."""
        row: Row = {
            "key": {"S": key_of(webhook)},
            "off_at": {"S": at.isoformat()},
            "expires_at": {"N": str(int((at + OFF_KEPT).timestamp()))},
        }
        writes = [("once", put_if(self._table, row, "key", None)), ("page", put_page(self._table, page, at))]
        commit(writes, "switching a webhook off")

    def switch_on(self, webhook: Webhook) -> None:
        """Forget that it was switched off."""
        with passing_trouble("switching a webhook on"):
            dynamodb().delete_item(TableName=self._table, Key={"key": {"S": key_of(webhook)}})


def key_of(webhook: Webhook) -> str:
    """Return the key of the row that says a webhook is off; with another address it is another."""
    digest = hashlib.sha256(webhook.url.encode()).hexdigest()[:16]
    return f"WEBHOOK#{webhook.webhook_id}#{digest}"


def _event(delivery: Delivery, row: Row | None) -> Mapping[str, Any] | None:
    """Return the event with its item as the row has it now: without words, where they were taken back."""
    for told in map(json.loads, events_of(row) if row else ()):
        if row and (told["event"], told["at"]) == (delivery.told, delivery.at):
            case_id = row.get("in_case", {}).get("S", "")
            event = case_event(told, json.loads(row["item"]["S"]), case_id)
            return {**event, "event_id": delivery.cause}
    return None


class SqsDeliveries:
    """Deliveries on a standard queue, fair between webhooks by its groups; dead letters on another."""

    def __init__(self, url: str, dead_url: str) -> None:
        """Remember where."""
        self._url = url
        self._dead_url = dead_url

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Queue all, ten a call; one that is not taken raises `Busy`."""
        for start in range(0, len(deliveries), MOST):
            batch = deliveries[start : start + MOST]
            with passing_trouble("queueing deliveries"):
                answer = sqs().send_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {
                            "Id": str(place),
                            "MessageBody": compact(delivery_to_json(one)),
                            "MessageGroupId": one.webhook_id,
                        }
                        for place, one in enumerate(batch)
                    ],
                )
            if failed := answer.get("Failed"):
                raise Busy(f"queueing deliveries: {len(failed)} of {len(batch)} not taken")

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Let a delivery come again after so many seconds."""
        with passing_trouble("hiding a delivery"):
            sqs().change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Put a delivery among the dead letters, with the reason."""
        body = compact({**delivery_to_json(delivery), "reason": reason})
        with passing_trouble("burying a delivery"):
            sqs().send_message(QueueUrl=self._dead_url, MessageBody=body)

    def buried(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield each dead letter once with its receipt, as far as the queue shows it now."""
        seen, empty = set[str](), 0
        while empty < LOOKS:
            with passing_trouble("reading dead letters"):
                answer = sqs().receive_message(QueueUrl=self._dead_url, MaxNumberOfMessages=MOST)
            fresh = [one for one in answer.get("Messages", []) if one["MessageId"] not in seen]
            empty = 0 if fresh else empty + 1
            for message in fresh:
                seen.add(message["MessageId"])
                yield message["ReceiptHandle"], _read(message["Body"])

    def forget(self, receipt_handle: str) -> None:
        """Delete a dead letter that has been dealt with."""
        with passing_trouble("forgetting a dead letter"):
            sqs().delete_message(QueueUrl=self._dead_url, ReceiptHandle=receipt_handle)


def _read(text: str) -> Mapping[str, Any]:
    """Return a message's body; `BadInput` for what no function of ours has put there."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadInput("the webhooks' dead letters hold a message that is none of ours: look at it by hand")
    return body
