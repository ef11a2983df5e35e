"""That something ended, and what else is kept of it has to go: a row that the clock works off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.aws.due import due_attributes
from allhours.aws.table import Row, put_if

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

PARTITION = "FORGET"


def put_forget(  # noqa: PLR0917 - where, what, when: as one says it
    table: str, item_key: str, case_id: str, at: datetime, expires: str, ended: str = "deleted"
) -> TransactWriteItemTypeDef:
    """Return the put of the row for an item that ended: `deleted` or `expired`."""
    row: Row = {
        "key": {"S": f"FORGET#{item_key}"},
        "ended": {"S": ended},
        "in_case": {"S": case_id},
        "expires_at": {"N": expires},
        **due_attributes(PARTITION, at),
    }
    return put_if(table, row, "", None)
