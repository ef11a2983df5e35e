"""The handler behind the webhooks' two queues: events to be split, deliveries to be made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.organisation import organisation
from allhours.domain.delivery import Meaning, delivery_from_json
from allhours.domain.errors import BadInput, Busy
from allhours.flows.notify import deliver, split

logger = Logger()


def notify_batch(event: Mapping[str, Any]) -> dict[str, Any]:
    """Split the events of a batch, make its deliveries; the answer names the messages that come again."""
    at = datetime.now(UTC)
    failed, counts = list[str](), Counter[Meaning]()
    events = list[tuple[str, Mapping[str, Any]]]()
    for record in event["Records"]:
        try:
            body = _object(record["body"])
            if "webhook" in body:
                if _delivered(record, body, counts, at):
                    continue
                failed.append(record["messageId"])
            else:
                events.append((record["messageId"], body))
        except (BadInput, Busy) as error:
            logger.warning("webhook message returned to its queue", kind=type(error).__name__)
            failed.append(record["messageId"])
    failed += _split(events)
    emit(
        {
            "Notified": counts[Meaning.DONE],
            "NotifiedAgain": counts[Meaning.AGAIN],
            "NotifiedDead": counts[Meaning.DEAD] + counts[Meaning.OFF],
        }
    )
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _object(text: str) -> dict[str, Any]:
    """Return a message's body; `BadInput` when it is no JSON object."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadInput("a message of the webhooks is no object")
    return body


def _split(events: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Queue the deliveries of these events; return the messages of those that could not be."""
    try:
        split([body for _, body in events], organisation().webhooks, wiring.deliveries())
    except (BadInput, Busy, KeyError) as error:
        logger.warning("events for webhooks returned to their queue", kind=type(error).__name__)
        return [message for message, _ in events]
    return []


def _delivered(
    record: Mapping[str, Any], body: Mapping[str, Any], counts: Counter[Meaning], at: datetime
) -> bool:
    """Make one attempt; return whether the message has been dealt with."""
    delivery = delivery_from_json(body)
    tries = int(record.get("attributes", {}).get("ApproximateReceiveCount", "1"))
    told = deliver(delivery, tries, wiring.office(), at=at)
    counts[told.meaning] += 1
    if not told.reason:
        return True
    logger.info(
        "webhook told",
        webhook=delivery.webhook_id,
        id=delivery.message_id,
        tries=tries,
        meaning=told.meaning.value,
        reason=told.reason,
    )
    if told.meaning is not Meaning.AGAIN:
        return True
    try:
        wiring.deliveries().hide(record["receiptHandle"], told.wait)
    except Busy:
        logger.warning("a delivery comes again sooner than it should", webhook=delivery.webhook_id)
    return False
