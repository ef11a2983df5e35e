"""The outbox of notices: a row written with its cause, forwarded by the table's stream like a case event."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.table import Row, compact, put_if
from allhours.domain.notice import notice_to_json

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.notice import Notice

NOTICE_KEPT = timedelta(days=90)


def put_notice(table: str, notice: Notice, at: datetime) -> TransactWriteItemTypeDef:
    """Return the put of a notice's row; it fails when its cause has been told before."""
    subject = notice.body["case_id"] if notice.event.startswith("case.") else notice.unit
    row: Row = {
        "key": {"S": f"NOTICE#{notice.notice_id}"},
        "notice": {"S": compact(notice_to_json(notice))},
        "list": {"S": told_of(subject)},
        "list_at": {"S": at.isoformat()},
        "expires_at": {"N": str(int((at + NOTICE_KEPT).timestamp()))},
    }
    return put_if(table, row, "key", None)


def told_of(subject: str) -> str:
    """Return the list of what was told of a case, or of a unit; for `allhours trace`."""
    return f"TOLD#{subject}"


class DynamoNotices:
    """The outbox of notices, for causes that write nothing else."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def tell(self, notice: Notice) -> bool:
        """Write the notice unless its cause has been told before; return whether it was new."""
        put = put_notice(self._table, notice, notice.at)["Put"]
        with passing_trouble("writing a notice"):
            try:
                dynamodb().put_item(**put)
            except dynamodb().exceptions.ConditionalCheckFailedException:
                return False
        return True
