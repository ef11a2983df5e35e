"""How each handle's connection was when it was last looked at, one row a handle."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.table import compact, get_rows, readable
from allhours.flows.care import Cared
from allhours.networks.contract import Health

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allhours.domain.handle import Handle


class DynamoConnections:
    """What the care for connections saw; `allhours doctor` shows it."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def save(self, handle: Handle, health: Health, *, at: datetime) -> None:
        """Keep what was seen, over what was seen before."""
        body: dict[str, Any] = {
            "token_expires": health.token_expires.isoformat() if health.token_expires else "",
            "webhook": health.webhook,
            "webhook_ok": health.webhook_ok,
            "quota": health.quota,
            "quota_used": health.quota_used,
            "notes": list(health.notes),
            "at": at.isoformat(),
        }
        with passing_trouble("keeping how a connection is"):
            dynamodb().put_item(
                TableName=self._table, Item={"key": {"S": _key(handle)}, "care": {"S": compact(body)}}
            )

    def load(self, handles: Iterable[Handle]) -> Mapping[str, Cared]:
        """Return what was seen last, by the handle's key."""
        found: dict[str, Cared] = {}
        for row in get_rows(self._table, [_key(handle) for handle in handles], consistent=False):
            with readable(row["key"]["S"]):
                body = json.loads(row["care"]["S"])
                expires = body["token_expires"]
                health = Health(
                    token_expires=datetime.fromisoformat(expires) if expires else None,
                    webhook=body["webhook"],
                    webhook_ok=body["webhook_ok"],
                    quota=body["quota"],
                    quota_used=body["quota_used"],
                    notes=tuple(body["notes"]),
                )
                seen_at = datetime.fromisoformat(body["at"]).astimezone(UTC)
                found[row["key"]["S"].partition("#")[2]] = Cared(health=health, at=seen_at)
        return found


def _key(handle: Handle) -> str:
    return f"CARE#{handle.key}"
