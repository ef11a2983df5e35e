"""The handler behind the table's stream: forward events, notices, pages, and answers that may go out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.packed import unpacked
from allhours.domain.event import case_event
from allhours.flows.forward import forward

if TYPE_CHECKING:
    from allhours.aws.table import Row
    from allhours.flows.reply_ports import Visit

CLOCKS_DIFFER = timedelta(seconds=5)  # the desk's and ours, at most
logger = Logger()


def forward_batch(event: Mapping[str, Any]) -> None:
    """Send on what the table's stream brings; an error makes the stream come again with all of it.

    A page that no other try can send as it is holds nothing up: the sweep raises for it each minute.
    """
    at = datetime.now(UTC)
    soon = (at + CLOCKS_DIFFER).isoformat()
    events, due = list[Mapping[str, Any]](), list[str]()
    ready: list[Visit] = []
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
        elif "st" in row:
            ready += _ready(row, soon)
    done = forward(
        events,
        due,
        ready,
        topic=wiring.topic(),
        board=partial(wiring.switchboard, at),
        replies=wiring.reply_queue,
        at=at,
    )
    for why in done.refused:
        logger.warning("page left to the sweep", reason=why)
    emit({"Forwarded": done.events, "Paged": done.pages, "Answers": len(ready)})


def _ready(row: Row, soon: str) -> Iterator[Visit]:
    """Yield the visit of an answer that may go out by then; what may go out later, the clock finds."""
    from allhours.aws.replies import visit_of  # noqa: PLC0415 - a cold start without an answer needs none of it
    from allhours.domain.reply import ReplyState  # noqa: PLC0415

    if row["st"]["S"] == ReplyState.READY and row["due_at"]["S"] <= soon:
        yield visit_of(row)
