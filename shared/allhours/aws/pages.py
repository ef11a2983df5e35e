"""The outbox of pages in the records table, which is also where each page stands on its ladder."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.aws.audits import put_audit
from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.due import FAR, NEVER, count_due, due_attributes, due_rows
from allhours.aws.notices import put_notice
from allhours.aws.table import Row, commit, compact, get_rows, put_if, query_list, readable
from allhours.domain.audit import Audit
from allhours.domain.errors import BadInput
from allhours.domain.escalation import Climb, climb_from_json, climb_to_json
from allhours.domain.page import Page, page_from_json, page_to_json
from allhours.flows.cover_ports import Called
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, TransactWriteItemTypeDef

    from allhours.domain.notice import Notice

PAGE_KEPT = timedelta(days=90)
_BY_PERSONS = {"page.acknowledged": "had a page", "page.released": "handed a page back"}
LIST, PARTITION = "PAGES", "PAGES"  # what is to be sent; what nobody has acknowledged


def put_page(table: str, page: Page, at: datetime) -> TransactWriteItemTypeDef:
    """Return the put of a page's outbox row; it fails when the cause has paged before."""
    row: Row = {
        "key": {"S": f"PAGE#{page.page_id}"},
        "page": {"S": compact(page_to_json(page))},
        "v": {"N": "1"},
        "list": {"S": LIST},
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

    def load(self, page_id: str) -> Called | None:
        """Return the page as it stands; `BadInput` when this release cannot read it."""
        with passing_trouble("reading a page"):
            row = (
                dynamodb().get_item(TableName=self._table, Key=_key(page_id), ConsistentRead=True).get("Item")
            )
        return _called(row) if row else None

    def save(
        self,
        was: Called,
        climb: Climb | None,
        *,
        waiting: bool,
        at: datetime,
        notices: Sequence[Notice] = (),
    ) -> bool:
        """Write where the page stands, and in the same transaction those notices that are not told yet."""
        update = _update(self._table, was, climb, at, waiting=waiting)
        told = [
            *(("notice", put_notice(self._table, notice, at)) for notice in notices),
            *(("audit", put_audit(self._table, audit, PAGE_KEPT)) for audit in _audits(notices)),
        ]
        if self._written(update, told):
            return True
        now = self.load(was.page.page_id)  # a repeat of our own write, whose answer was lost, meets itself
        return now == Called(page=was.page, version=was.version + 1, climb=climb, waiting=waiting)

    def _written(self, update: dict[str, Any], told: Sequence[tuple[str, TransactWriteItemTypeDef]]) -> bool:
        doing = "writing where a page stands"
        if told:
            row: TransactWriteItemTypeDef = {"Update": update}  # type: ignore[typeddict-item] # built from parts
            return commit([("item", row), *told], doing) == Committed.DONE
        with passing_trouble(doing):
            try:
                dynamodb().update_item(**update)
            except dynamodb().exceptions.ConditionalCheckFailedException:
                return False
        return True

    def unsent(self, before: datetime) -> Iterator[str]:
        """Yield the ids of pages that are in the list since before then."""
        for key in list(query_list(self._table, LIST, until=before.isoformat())):
            yield key.removeprefix("PAGE#")

    def unacknowledged(self) -> Iterator[Called | BadInput]:
        """Yield the pages that nobody has yet, those before their first step included.

        One that this release cannot read comes as the error that says so.
        """
        keys = dict.fromkeys([*due_rows(self._table, PARTITION, NEVER), *query_list(self._table, LIST)])
        for row in get_rows(self._table, list(keys)):
            try:
                called = _called(row)
            except BadInput as error:
                yield error
                continue
            if called.page.asks and (called.climb is None or called.climb.is_open):
                yield called

    def due(self, at: datetime) -> Iterator[str]:
        """Yield the ids of pages whose next step is due."""
        for key in due_rows(self._table, PARTITION, at):
            yield key.removeprefix("PAGE#")

    def standing(self) -> tuple[int, int]:
        """Count the pages that nobody has, and those of them whose ladder is at its end."""
        return count_due(self._table, PARTITION), count_due(self._table, PARTITION, since=FAR)


def _audits(notices: Sequence[Notice]) -> Iterator[Audit]:
    """Yield an audit row for each thing that a person did to a page, as the unit is told of it."""
    for notice in notices:
        if did := _BY_PERSONS.get(notice.event):
            yield Audit(
                audit_id=notice.notice_id,
                at=notice.at,
                by=notice.body["by"],
                did=did,
                subject=notice.unit,
                unit=notice.unit,
                details={"page_id": notice.body["page_id"]},
            )


def _key(page_id: str) -> dict[str, AttributeValueTypeDef]:
    return {"key": {"S": f"PAGE#{page_id}"}}


def _called(row: Row) -> Called:
    with readable(row["key"]["S"]):
        return Called(
            page=page_from_json(json.loads(row["page"]["S"])),
            version=int(row["v"]["N"]),
            climb=climb_from_json(json.loads(row["climb"]["S"])) if "climb" in row else None,
            waiting="list" in row,
        )


def _update(table: str, was: Called, climb: Climb | None, at: datetime, *, waiting: bool) -> dict[str, Any]:
    """Return the update that moves a page on: out of the list or into it, and to where its climb is due."""
    instant = {"S": at.astimezone(UTC).isoformat()}
    values: Row = {"v": {"N": str(was.version + 1)}}
    values |= {"list": {"S": LIST}, "list_at": instant} if waiting else {"sent_at": instant}
    gone = set() if waiting else {"list", "list_at"}
    if climb:
        values["climb"] = {"S": compact(climb_to_json(climb))}
    if climb and climb.is_open:
        values |= due_attributes(PARTITION, climb.next_at)
    else:
        gone |= {"due", "due_at"}
    remove = f" REMOVE {', '.join(f'#{name}' for name in sorted(gone))}" if gone else ""
    return {
        "TableName": table,
        "Key": _key(was.page.page_id),
        "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in values)}{remove}",
        "ConditionExpression": "#v = :was",
        "ExpressionAttributeNames": {f"#{name}": name for name in (*values, *gone)},
        "ExpressionAttributeValues": {
            ":was": {"N": str(was.version)},
            **{f":{name}": value for name, value in values.items()},
        },
    }
