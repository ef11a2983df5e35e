"""Cursors in the records table: one row a handle, moved only by whoever read it last."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.table import compact, unless_changed
from allhours.domain.errors import StaleCursor
from allhours.flows.ports import Bookmark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Cursor


class DynamoCursors:
    """Bookmarks, guarded by a version."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def load(self, handle: Handle, *, part: str = "") -> Bookmark:
        """Return where reading stands."""
        with passing_trouble("reading a cursor"):
            row = (
                dynamodb()
                .get_item(TableName=self._table, Key=_key(handle, part), ConsistentRead=True)
                .get("Item")
            )
        if not row:
            return Bookmark(cursor={}, version=0)
        heard_at = datetime.fromisoformat(row["heard_at"]["S"]).astimezone(UTC)
        return Bookmark(cursor=json.loads(row["cursor"]["S"]), version=int(row["v"]["N"]), heard_at=heard_at)

    def save(
        self, handle: Handle, bookmark: Bookmark, cursor: Cursor, *, at: datetime, heard: bool, part: str = ""
    ) -> Bookmark:
        """Move the cursor one version on.

        A repeat of our own write, whose answer was lost, counts as done.
        """
        heard_at = at if heard or bookmark.heard_at is None else bookmark.heard_at
        after = Bookmark(cursor=cursor, version=bookmark.version + 1, heard_at=heard_at)
        text = compact(cursor)
        client = dynamodb()
        try:
            with passing_trouble("saving a cursor"):
                client.put_item(
                    TableName=self._table,
                    Item={
                        **_key(handle, part),
                        "cursor": {"S": text},
                        "v": {"N": str(after.version)},
                        "heard_at": {"S": heard_at.isoformat()},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **unless_changed("v", bookmark.version or None),
                )
        except client.exceptions.ConditionalCheckFailedException as failed:
            old: Mapping[str, Any] = failed.response.get("Item", {})  # type: ignore[assignment] # not in the stubs
            if old.get("v", {}).get("N") == str(after.version) and old.get("cursor", {}).get("S") == text:
                return after
            message = f"the cursor of {handle.key} was moved by another poll"
            raise StaleCursor(message) from None
        return after


def _key(handle: Handle, part: str) -> dict[str, dict[str, str]]:
    return {"key": {"S": f"CURSOR#{handle.key}{'#' + part if part else ''}"}}
