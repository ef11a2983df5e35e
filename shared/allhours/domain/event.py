"""A case event: what business units receive, versioned; its JSON Schema is `docs/case-event.schema.json`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from allhours.domain.priority import NORMAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.decision import Known
    from allhours.domain.item import Item
    from allhours.domain.organisation import OnDuty, Organisation

EVENT_SCHEMA = "allhours.case-event/1"
_QUOTED = re.compile("“[^”]*”")
REVISION = 12  # letters of the organisation's digest that an event carries


def case_event(told: Mapping[str, Any], item: Mapping[str, Any], case_id: str) -> dict[str, Any]:
    """Return the whole event from a row's parts; what belongs to no case has no `case_id`.

    `event_id` is the same however often it is sent, so drop repeats by it.
    """
    body = dict(told)
    again = (
        f":{body['case_version']}" if body["event"] == "case.moved" else ""
    )  # by people, as often as they like
    said = dict(item)
    if "version" in said:  # X's are 19 digits, more than a JavaScript number holds
        said["version"] = str(said["version"])
    if author := body.pop("author", None):
        said["author"] = {**said["author"], **author}
    return {
        "schema": EVENT_SCHEMA,
        "event_id": f"{item['network']}#{item['id']}@{item.get('version', 0)}:{body['event']}{again}",
        **({"case_id": case_id} if case_id else {}),
        **body,
        "priority": body.get("priority", NORMAL),
        "item": said,
    }


def event_body(
    organisation: Organisation,
    event: str,
    item: Item,
    case: Case,
    at: datetime,
    *,
    reason: str,
    step: str,
    duty: OnDuty | None = None,
    was: Case | None = None,
    grounds: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the event without its item, which stands in the same row; `grounds`: what it was judged by."""
    body: dict[str, Any] = {
        "event": event,
        "at": at.isoformat(timespec="milliseconds"),
        "unit": case.unit,
        "account": case.account,
        "reason": reason,
        "step": step,
        "case_version": case.version,
        "state": case.state.value,
        "author": {"handle": case.author_handle, "name": case.author_name}
        if event == "case.author_known"
        else {},
        "priority": case.priority if case.priority != NORMAL else 0,
        "bystander": item.author.author_id != case.author_id,
        "alike": case.alike if was is None or was.alike != case.alike else "",
        "moved_from": was.unit if was and was.unit != case.unit else "",
        "moved_from_account": was.account if was and was.account != case.account else "",
        "revision": organisation.revision[:REVISION],
        **(grounds or {}),
    }
    if duty:
        body["on_duty"] = {
            "desk": duty.desk,
            "members": list(duty.members),
            "because": duty.because,
            "until": duty.until,
        }
        if duty.gap:
            body["on_duty"]["gap"] = True
    return {name: value for name, value in body.items() if value}


def told_again(
    known: Known, event: str, reason: str, at: datetime, *, step: str = "deleted"
) -> dict[str, Any] | None:
    """Return an event for those who were told of the item before; None if nobody was."""
    if not known.told:
        return None
    last = json.loads(known.told[-1])
    kept = {
        name: last[name] for name in ("unit", "account", "case_version", "state", "revision") if name in last
    }
    return {
        **kept,
        "event": event,
        "at": at.isoformat(timespec="milliseconds"),
        "reason": reason,
        "step": step,
    }


def unquoted(reason: str) -> str:
    """Return a reason without the words of the post that it quotes."""
    return _QUOTED.sub("“…”", reason)


def without_quotes(told: str) -> str:
    """Return an event, as the record keeps it, without any word of the post that it was about."""
    body = json.loads(told)
    if "reason" in body:
        body["reason"] = unquoted(body["reason"])
    if "urgent" in body:
        body["urgent"] = {name: value for name, value in body["urgent"].items() if name != "words"}
    for name in ("shadow", "promoted"):
        if name in body:
            body[name] = {
                part: unquoted(value) if isinstance(value, str) else value
                for part, value in body[name].items()
            }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
