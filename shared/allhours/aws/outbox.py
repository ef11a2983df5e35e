"""The handler behind the table's stream: forward events, notices and pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.packed import unpacked
from allhours.domain.event import case_event
from allhours.flows.forward import forward

logger = Logger()


def forward_batch(event: Mapping[str, Any]) -> None:
    """Send on what the table's stream brings; an error makes the stream come again with all of it.

    A page that no other try can send as it is holds nothing up: the sweep raises for it each minute.
    """
    at = datetime.now(UTC)
    events, due = list[Mapping[str, Any]](), list[str]()
    for record in event["Records"]:
        row = unpacked(record["dynamodb"].get("NewImage", {}))
        if "event" in row:
            events.append(
                case_event(
                    json.loads(row["event"]["S"]),
                    json.loads(row["item"]["S"]),
                    row.get("in_case", {}).get("S", ""),
                )
            )
        elif "notice" in row:
            events.append(json.loads(row["notice"]["S"]))
        elif "page" in row and "list" in row:
            due.append(row["key"]["S"].removeprefix("PAGE#"))
    done = forward(events, due, topic=wiring.topic(), board=partial(wiring.switchboard, at), at=at)
    for why in done.refused:
        logger.warning("page left to the sweep", reason=why)
    emit({"Forwarded": done.events, "Paged": done.pages})
