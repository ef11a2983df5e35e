"""The holes in the rota, in the records table; open ones stand in the index `due`, partition `GAPS`."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.due import NEVER, due_attributes, due_rows
from allhours.aws.notices import put_notice
from allhours.aws.table import BATCH, Row, commit, compact, get_rows, put_if, readable
from allhours.domain.errors import BadInput
from allhours.flows.cover_ports import KnownGap
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from allhours.domain.notice import Notice

PARTITION = "GAPS"
MOST = 200  # a minute's; each is proved again before it pages
KEPT = timedelta(days=90)  # after it is over


class DynamoGaps:
    """One row a hole; a hole that opens again takes its row again."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def known(self) -> Sequence[KnownGap]:
        """Return all that are not filled, but for those that this release cannot read: these stand."""
        return [gap for gap in self._read(NEVER) if isinstance(gap, KnownGap)]

    def due(self, at: datetime) -> Sequence[KnownGap | BadInput]:
        """Return those of which something is due, soonest first; what is too many waits a minute.

        One that this release cannot read comes as the error that says so, and takes nobody's place.
        """
        due, left = list[KnownGap | BadInput](), MOST
        for gap in self._read(at):
            due.append(gap)
            left -= isinstance(gap, KnownGap)
            if not left:
                break
        return due

    def found(self, gap: KnownGap, told: Notice, *, at: datetime) -> bool:
        """Put the row and its notice together; a row that is open, or that another wrote, stands."""
        there = next(iter(get_rows(self._table, [_key(gap)])), None)
        if there and "due" in there:
            return False
        was = int(there["v"]["N"]) if there else 0
        put = put_if(self._table, _row(replace(gap, again=was, version=was), at), "v", was or None)
        writes = [("case", put), ("notice", put_notice(self._table, told, at))]
        return commit(writes, "recording a gap") == Committed.DONE

    def announced(self, gap: KnownGap, leads: tuple[int, ...], *, at: datetime) -> None:
        """Move the row to its next announcement."""
        self._replace(_row(replace(gap, leads=leads), at), gap)

    def gone(self, gap: KnownGap, *, at: datetime) -> None:
        """Take the row out of the index."""
        row = _row(gap, at)
        del row["due"], row["due_at"]
        self._replace({**row, "closed_at": {"S": at.astimezone(UTC).isoformat()}}, gap)

    def _replace(self, row: Row, gap: KnownGap) -> None:
        put = put_if(self._table, row, "v", gap.version)["Put"]
        with passing_trouble("writing a gap"):
            try:
                dynamodb().put_item(**put)
            except dynamodb().exceptions.ConditionalCheckFailedException:
                return  # another tick, or the night, has seen to it

    def _read(self, until: datetime) -> Iterator[KnownGap | BadInput]:
        due = due_rows(self._table, PARTITION, until)
        while keys := list(islice(due, BATCH)):
            rows = {row["key"]["S"]: row for row in get_rows(self._table, keys)}
            for row in (rows[key] for key in keys if key in rows and "due" in rows[key]):
                try:
                    yield _gap(row)
                except BadInput as error:
                    yield error


def _key(gap: KnownGap) -> str:
    return f"GAP#{gap.unit}#{gap.kind}#{gap.start}#{gap.end}"


def _row(gap: KnownGap, at: datetime) -> Row:
    """Return the row that takes the place of the version that was read."""
    over = min(datetime.fromtimestamp(gap.end, UTC), at + timedelta(days=400))
    body = {name: value for name, value in asdict(gap).items() if name != "version"}
    return {
        "key": {"S": _key(gap)},
        "gap": {"S": compact(body)},
        "v": {"N": str(gap.version + 1)},
        "expires_at": {"N": str(int((over + KEPT).timestamp()))},
        **due_attributes(PARTITION, datetime.fromtimestamp(gap.due_at, UTC)),
    }


def _gap(row: Row) -> KnownGap:
    with readable(row["key"]["S"]):
        body = json.loads(row["gap"]["S"])
        return KnownGap(**{**body, "leads": tuple(body["leads"])}, version=int(row["v"]["N"]))
