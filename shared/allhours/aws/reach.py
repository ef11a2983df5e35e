"""Whom test pages reached, one row a member."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.pages import put_page
from allhours.aws.table import Row, commit, get_rows, readable
from allhours.domain.errors import BadInput
from allhours.domain.reach import Reach
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.organisation import Organisation
    from allhours.domain.page import Page


class DynamoReaches:
    """When each member was tried, and reached."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def load(self, members: Sequence[str]) -> Mapping[str, Reach | BadInput]:
        """Return what is known of each of these members, or that this release cannot read it."""
        told: dict[str, Reach | BadInput] = {member: Reach(member=member) for member in members}
        for row in get_rows(self._table, [f"REACH#{member}" for member in told]):
            member = row["key"]["S"].removeprefix("REACH#")
            try:
                told[member] = _reach(member, row)
            except BadInput as error:
                told[member] = error
        return told

    def tried(self, reach: Reach, page: Page) -> bool:
        """Write the test page with its week, once."""
        update: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": {"key": {"S": f"REACH#{reach.member}"}},
                "UpdateExpression": "SET #week = :week, tried_at = :at",
                "ExpressionAttributeNames": {"#week": "week"},
                "ExpressionAttributeValues": {
                    ":week": {"S": reach.week},
                    ":at": {"S": page.at.astimezone(UTC).isoformat()},
                },
            }
        }
        writes = [("item", put_page(self._table, page, page.at)), ("reach", update)]
        return commit(writes, "writing a test page") == Committed.DONE

    def reached(self, member: str, at: datetime) -> None:
        """Keep that a test page reached the member."""
        with passing_trouble("keeping who was reached"):
            dynamodb().update_item(
                TableName=self._table,
                Key={"key": {"S": f"REACH#{member}"}},
                UpdateExpression="SET reached_at = :at",
                ExpressionAttributeValues={":at": {"S": at.astimezone(UTC).isoformat()}},
            )

    def unreachable(self, organisation: Organisation, at: datetime) -> frozenset[str]:
        """Return the members who did not acknowledge their last test page in time, for the proof of cover."""
        tests = organisation.test_pages
        if tests is None:
            return frozenset()
        reaches = self.load(tuple(organisation.members))
        known = {name: one for name, one in reaches.items() if isinstance(one, Reach)}
        return frozenset(name for name, one in known.items() if one.unreachable_since(tests.within, at))


def _reach(member: str, row: Row) -> Reach:
    with readable(row["key"]["S"]):
        return Reach(
            member=member,
            week=row["week"]["S"] if "week" in row else "",
            tried_at=_instant(row, "tried_at"),
            reached_at=_instant(row, "reached_at"),
        )


def _instant(row: Row, name: str) -> datetime | None:
    return datetime.fromisoformat(row[name]["S"]) if name in row else None
