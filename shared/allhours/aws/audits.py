"""The audit trail in the records table: written with its cause, listed by case or unit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from allhours.aws.table import FIRST, Row, compact, get_rows, put_if, query_list
from allhours.domain.audit import audit_from_json, audit_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.audit import Audit


def put_audit(table: str, audit: Audit, retention: timedelta) -> TransactWriteItemTypeDef:
    """Return the put of an audit row; it fails when the same cause has left one before."""
    row: Row = {
        "key": {"S": f"AUDIT#{audit.audit_id}"},
        "audit": {"S": compact(audit_to_json(audit))},
        "list": {"S": f"AUDIT#{audit.subject}"},
        "list_at": {"S": audit.at.isoformat()},
        "expires_at": {"N": str(int((audit.at + retention).timestamp()))},
    }
    return put_if(table, row, "key", None)


def read_audits(table: str, subject: str, *, since: str = FIRST) -> Sequence[Audit]:
    """Return what was done to a case, or at a unit beside its cases, in order of time."""
    keys = list(query_list(table, f"AUDIT#{subject}", since=since))
    rows = {row["key"]["S"]: row for row in get_rows(table, keys)}
    return [audit_from_json(json.loads(rows[key]["audit"]["S"])) for key in keys if key in rows]
