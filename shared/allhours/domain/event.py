"""A case event: what business units receive, versioned; its JSON Schema is `docs/case-event.schema.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.domain.decision import EVENT_SCHEMA
from allhours.domain.routing import NORMAL

if TYPE_CHECKING:
    from collections.abc import Mapping


def case_event(told: Mapping[str, Any], item: Mapping[str, Any], case_id: str) -> dict[str, Any]:
    """Return the whole event from a row's parts; `event_id` is the same however often it is sent, so drop repeats by it."""
    body = dict(told)
    author = body.pop("author", None)
    event = {
        "schema": EVENT_SCHEMA,
        "event_id": f"{item['network']}#{item['id']}@{item.get('version', 0)}:{body['event']}",
        "case_id": case_id,
        **body,
        "priority": body.get("priority", NORMAL),
        "item": dict(item),
    }
    if "version" in event["item"]:
        event["item"]["version"] = str(
            event["item"]["version"]
        )  # X's are 19 digits, more than a JavaScript number holds
    if author:
        event["item"] = {**event["item"], "author": {**event["item"]["author"], **author}}
    return event
