"""The handlers behind the queues: route what comes, park what could not be routed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.item_queue import item_of
from allhours.aws.metrics import emit
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import item_to_json
from allhours.domain.personal_data import mask
from allhours.flows.guard import guarded
from allhours.flows.ports import DeadLetter
from allhours.flows.route import Routed, route

logger = Logger()

Batch = Mapping[str, Any]


def route_batch(event: Batch) -> dict[str, Any]:
    """Route a batch.

    Transient trouble returns the message to the queue, what is no item is kept apart by its id.
    """
    at = datetime.now(UTC)
    records: list[Mapping[str, Any]] = event["Records"]
    items, poison = [], list[DeadLetter]()
    for place, record in enumerate(records):
        try:
            items.append((place, item_of(record)))
        except BadInput as error:
            poison.append(_poison(record, error))
    if poison:
        wiring.dead_letters().park(poison, at=at)
    try:
        router = wiring.router(at)
    except Busy as busy:  # without the changes of the rota a case would go to who is away
        routed = Routed(again=[place for place, _ in items], why_again=[str(busy)])
    else:
        routed = route(items, router=router, records=wiring.records(), at=at)
    for why in routed.why_again:
        logger.warning("item returned to the queue", reason=why)
    emit(
        {
            "Routed": routed.outcomes["routed"],
            "Filtered": routed.outcomes["filtered"],
            "Light": routed.outcomes["light"],
            "Edited": routed.outcomes["edited"],
            "Deleted": routed.outcomes["deleted"],
            "Expired": routed.outcomes["expired"],
            "Duplicates": routed.outcomes["duplicate"],
            "Named": routed.outcomes["named"],
            "ShadowMoved": routed.moved_in_shadow,
            "Failed": len(routed.again),
            "Poison": len(poison),
            "PostToRouteMs": routed.slowest_ms,
        }
    )
    for network in sorted({network for network, _ in routed.heard}):
        heard = {way: count for (name, way), count in routed.heard.items() if name == network}
        emit(
            {
                "FirstByPoll": heard.get("FirstByPoll", 0),
                "FirstByWebhook": heard.get("FirstByWebhook", 0),
                "AgainByPoll": heard.get("AgainByPoll", 0),
                "AgainByWebhook": heard.get("AgainByWebhook", 0),
                "MissedByWebhook": heard.get("MissedByWebhook", 0),
            },
            network=network,
        )
    return {"batchItemFailures": [{"itemIdentifier": records[place]["messageId"]} for place in routed.again]}


def _poison(record: Mapping[str, Any], error: BadInput) -> DeadLetter:
    """Return the dead letter of a message that this code cannot read: its id, size and digest, not its words.

    What a newer release queued is kept whole, masked once more, for the release that can read it.
    """
    text = str(record.get("body", ""))
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return DeadLetter(
        letter_id=f"message#{record.get('messageId', digest)}",
        where="the common queue",
        reason=f"{error} ({len(text)} characters, sha256 {digest})",
        body=_ours(text),
    )


def _ours(text: str) -> Mapping[str, Any] | None:
    """Return the body, masked, if it says of which network, account and post it is; else None."""
    try:
        body = json.loads(text)
    except (RecursionError, ValueError):
        return None
    if not isinstance(body, dict) or not {"network", "account", "id"} <= body.keys():
        return None
    return {name: mask(value).text if isinstance(value, str) else value for name, value in body.items()}


def park_batch(event: Batch) -> dict[str, Any]:
    """Take the words out of dead letters: the guarded item into the table, its id and reason to a person."""
    at = datetime.now(UTC)
    parked = wiring.dead_letters().park([_letter(record) for record in event["Records"]], at=at)
    emit({"Parked": parked})
    return {"batchItemFailures": []}


def _letter(record: Mapping[str, Any]) -> DeadLetter:
    try:
        item = guarded(item_of(record))
    except BadInput as error:
        return _poison(record, error)
    tries = record.get("attributes", {}).get("ApproximateReceiveCount", "?")
    return DeadLetter(
        letter_id=f"{item.key}@{item.version}{item.change.value}",
        where=f"{item.network} {item.handle}",
        reason=f"item {item.native_id} could not be routed in {tries} tries",
        body=item_to_json(item),
    )
