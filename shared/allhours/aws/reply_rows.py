"""The rows that let a reply go (W0): itself, and the slot that it takes of the item it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.aws.due import due_attributes
from allhours.aws.table import compact
from allhours.domain.reply import reply_to_json

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from allhours.aws.table import Row
    from allhours.domain.reply import Reply

PARTITION = "REPLIES"


def reply_row(reply: Reply, due: datetime | None, retention: timedelta) -> Row:
    """Return a reply's row; it is among what the clock looks at while it is `due` at some instant."""
    row: Row = {
        "key": {"S": f"REPLY#{reply.reply_id}"},
        "st": {"S": reply.state.value},
        "own": {"S": reply.own},
        "v": {"N": str(reply.version)},
        "in_case": {"S": reply.case_id},
        "reply": {"S": compact(reply_to_json(reply))},
        "list": {"S": f"REPLIES#{reply.case_id}"},
        "list_at": {"S": reply.approved_at.isoformat()},
        "expires_at": expires(reply.approved_at, retention),
    }
    return row | due_attributes(PARTITION, due) if due else row


def slot_row(reply: Reply, retention: timedelta) -> Row:
    """Return the row that keeps every other reply out of the slot."""
    return {
        "key": {"S": f"ANSWER#{reply.answer_key}"},
        "reply_id": {"S": reply.reply_id},
        "expires_at": expires(reply.approved_at, retention),
    }


def expires(since: datetime, retention: timedelta) -> dict[str, str]:
    """Return when a row goes, for the table's TTL."""
    return {"N": str(int((since + retention).timestamp()))}
