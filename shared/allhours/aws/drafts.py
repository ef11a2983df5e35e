"""Drafts in the records table: one a case, written over the version that was read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from allhours.aws.table import Row, compact, put_if, readable
from allhours.domain.draft import draft_from_json, draft_to_json

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.draft import Draft


def draft_key(case_id: str) -> str:
    """Return the key of a case's draft."""
    return f"DRAFT#{case_id}"


def put_draft(  # noqa: PLR0917 - where, what, over what, whose, how long
    table: str, draft: Draft, was: Draft | None, unit: str, at: datetime, kept: timedelta
) -> TransactWriteItemTypeDef:
    """Return the put of a draft over the one that was read, None for none; `unit` is whose list it is in."""
    row: Row = {
        "key": {"S": draft_key(draft.case_id)},
        "draft": {"S": compact(draft_to_json(draft))},
        "v": {"N": str(draft.version)},
        "list": {"S": f"DRAFTS#{unit}"},
        "list_at": {"S": draft.since.isoformat()},
        "expires_at": {"N": str(int((at + kept).timestamp()))},
    }
    return put_if(table, row, "v", was.version if was else None)


def delete_draft(table: str, case_id: str, version: int | None = None) -> TransactWriteItemTypeDef:
    """Return the delete of a draft: that version of it, or whatever is there."""
    gone: dict[str, Any] = {"TableName": table, "Key": {"key": {"S": draft_key(case_id)}}}
    if version is not None:
        gone["ConditionExpression"] = "#v = :was"
        gone["ExpressionAttributeNames"] = {"#v": "v"}
        gone["ExpressionAttributeValues"] = {":was": {"N": str(version)}}
    return {"Delete": gone}  # type: ignore[typeddict-item] # built from parts


def draft_in(row: Row) -> Draft:
    """Return the draft that a row holds; `BadInput` names one that this release cannot read."""
    with readable(row["key"]["S"]):
        return draft_from_json(json.loads(row["draft"]["S"]))
