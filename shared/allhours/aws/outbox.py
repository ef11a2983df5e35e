"""The handler behind the table's stream: forward events and pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.domain.event import case_event
from allhours.domain.page import page_from_json
from allhours.flows.forward import forward

if TYPE_CHECKING:
    from collections.abc import Mapping


def forward_batch(event: Mapping[str, Any]) -> None:
    """Send on what the table's stream brings; an error makes the stream come again with all of it."""
    at = datetime.now(UTC)
    events, due = [], []
    for record in event["Records"]:
        row = record["dynamodb"].get("NewImage", {})
        if "event" in row:
            events.append(
                case_event(
                    json.loads(row["event"]["S"]),
                    json.loads(row["item"]["S"]),
                    row.get("in_case", {}).get("S", ""),
                )
            )
        elif "page" in row and "list" in row:
            due.append(page_from_json(json.loads(row["page"]["S"])))
    done = forward(events, due, topic=wiring.topic(), pager=wiring.pager(), pages=wiring.pages(), at=at)
    emit({"Forwarded": done.events, "Paged": done.pages})
