"""What is on record of a stretch of time, by conversation: for replays and reports, not for every minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.packed import unpacked
from allhours.aws.records import shown
from allhours.domain.recorded import Conversation, Recorded, conversations, recorded_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from allhours.aws.records import DynamoRecords


class DynamoPast:
    """Items since an instant, from the whole table, for no list of it goes by when something was decided."""

    def __init__(self, table: str, records: DynamoRecords) -> None:
        """Remember the table, and who reads cases in it."""
        self._table = table
        self._records = records

    def conversations(self, since: datetime, until: datetime) -> Iterator[Conversation]:
        """Yield each conversation decided on in [since, until), with all that led to it."""
        for found in conversations(self._rows(since, until)):
            yield self._whole(found)

    def _rows(self, since: datetime, until: datetime) -> Iterator[Recorded]:
        pages = (
            dynamodb()
            .get_paginator("scan")
            .paginate(
                TableName=self._table,
                FilterExpression="begins_with(#key, :item)",
                ExpressionAttributeNames={"#key": "key"},
                ExpressionAttributeValues={":item": {"S": "ITEM#"}},
            )
        )
        with passing_trouble("reading what is on record"):
            for page in pages:
                for row in page["Items"]:
                    recorded = recorded_from_json(shown(unpacked(row)))
                    if any(since <= one.at < until for one in recorded.decisions()):
                        yield recorded

    def _whole(self, found: Conversation) -> Conversation:
        """Return the conversation with its rows from before the time; the scan has the others."""
        cases = {row.case_id for row in found.rows if row.case_id}
        opened = {row.case_id for row in found.rows for one in row.events if one["event"] == "case.opened"}
        rows = {row.item.key: row for row in found.rows}
        for case_id in sorted(cases - opened):
            if case := self._records.case(case_id):
                for row in map(recorded_from_json, self._records.trail(case)):
                    rows.setdefault(row.item.key, row)
        return Conversation(key=found.key, rows=tuple(rows.values()))
