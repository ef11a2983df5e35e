"""The outbox of pages in the records table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.table import Row, compact, put_if, query_list
from allhours.domain.page import Page, page_from_json, page_to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

PAGE_KEPT = timedelta(days=90)


def put_page(table: str, page: Page, at: datetime) -> TransactWriteItemTypeDef:
    """Return the put of a page's outbox row; it fails when the cause has paged before."""
    row: Row = {
        "key": {"S": f"PAGE#{page.page_id}"},
        "page": {"S": compact(page_to_json(page))},
        "list": {"S": "PAGES"},
        "list_at": {"S": at.isoformat()},
        "expires_at": {"N": str(int((at + PAGE_KEPT).timestamp()))},
    }
    return put_if(table, row, "key", None)


class DynamoPages:
    """The outbox of pages: written with their cause, forwarded by the stream, swept each minute."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def call(self, page: Page) -> bool:
        """Write the page unless its cause has paged before."""
        put = put_page(self._table, page, page.at)["Put"]
        with passing_trouble("writing a page"):
            try:
                dynamodb().put_item(**put)
            except dynamodb().exceptions.ConditionalCheckFailedException:
                return False
        return True

    def unsent(self, before: datetime) -> Iterator[Page]:
        """Yield pages that were written before then and are still in the list."""
        for key in list(query_list(self._table, "PAGES", until=before.isoformat())):
            with passing_trouble("reading a page"):
                row = (
                    dynamodb()
                    .get_item(TableName=self._table, Key={"key": {"S": key}}, ConsistentRead=True)
                    .get("Item")
                )
            if row and "list" in row:
                yield page_from_json(json.loads(row["page"]["S"]))

    def sent(self, page: Page, at: datetime) -> None:
        """Take the page out of the list; twice is once."""
        with passing_trouble("marking a page as sent"):
            dynamodb().update_item(
                TableName=self._table,
                Key={"key": {"S": f"PAGE#{page.page_id}"}},
                UpdateExpression="SET sent_at = :at REMOVE #list, list_at",
                ExpressionAttributeNames={"#list": "list"},
                ExpressionAttributeValues={":at": {"S": at.astimezone(UTC).isoformat()}},
            )
