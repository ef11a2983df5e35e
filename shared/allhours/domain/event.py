"""A case event: what business units receive, versioned; its JSON Schema is `docs/case-event.schema.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.domain.priority import NORMAL

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_SCHEMA = "allhours.case-event/1"


def case_event(told: Mapping[str, Any], item: Mapping[str, Any], case_id: str) -> dict[str, Any]:
    """Return the whole event from a row's parts.

    `event_id` is the same however often it is sent, so drop repeats by it.
    """
    body = dict(told)
    said = dict(item)
    if "version" in said:  # X's are 19 digits, more than a JavaScript number holds
        said["version"] = str(said["version"])
    if author := body.pop("author", None):
        said["author"] = {**said["author"], **author}
    return {
        "schema": EVENT_SCHEMA,
        "event_id": f"{item['network']}#{item['id']}@{item.get('version', 0)}:{body['event']}",
        "case_id": case_id,
        **body,
        "priority": body.get("priority", NORMAL),
        "item": said,
    }
