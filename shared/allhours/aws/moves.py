"""Cases that members hand over, and the labels that this leaves, in the records table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from allhours.aws.audits import put_audit
from allhours.aws.drafts import delete_draft
from allhours.aws.notices import put_notice
from allhours.aws.packed import packed
from allhours.aws.pages import put_page
from allhours.aws.records import MOST_TOLD, events_of, move_case, shown
from allhours.aws.table import Row, commit, compact, get_rows, put_if, query_list
from allhours.domain.audit import Audit
from allhours.domain.moving import label_from_json, label_to_json
from allhours.domain.recorded import recorded_from_json
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.aws.records import DynamoRecords
    from allhours.domain.case import Case
    from allhours.domain.moving import Label, Move
    from allhours.domain.recorded import Recorded

LIST = "LABELS"


class DynamoMoves:
    """Cases to be moved, and labels; `retention` is how long a label is kept."""

    def __init__(self, table: str, records: DynamoRecords, retention: timedelta) -> None:
        """Remember the table, and who reads cases in it."""
        self._table = table
        self._records = records
        self._retention = retention

    def case(self, case_id: str) -> Case | None:
        """Return a case by its id, as it is now."""
        return self._records.case(case_id)

    def rows(self, case: Case) -> Sequence[Recorded]:
        """Return what is on record of its items, in the order in which they were said."""
        return [recorded_from_json(row) for row in self._records.trail(case)]

    def save(self, move: Move, *, at: datetime) -> str:
        """Write all of it in one transaction, unless case or item changed; nothing is kept longer for it."""
        row = next(iter(get_rows(self._table, [f"ITEM#{move.item.key}"])), None)
        if row is None or int(row["v"]["N"]) != move.item.version:
            return Committed.KNOWN
        writes = [
            ("item", self._told(row, move)),
            ("case", move_case(self._table, move.case, move.was)),
            ("once", self._labelled(move, at)),
            *(("page", put_page(self._table, page, at)) for page in move.pages),
            *(("notice", put_notice(self._table, notice, at)) for notice in move.notices),
            ("audit", put_audit(self._table, _audit(move, at), self._retention)),
            ("draft", delete_draft(self._table, move.case.case_id)),  # the other unit finds words of its own
        ]
        return commit(writes, "moving a case")

    def _told(self, row: Row, move: Move) -> TransactWriteItemTypeDef:
        """Return the item's row with one more event, which the stream sends on; the rest of it stays."""
        news: Row = {"event": {"S": compact(move.event)}}
        if past := events_of(row)[-MOST_TOLD:]:
            news["told"] = {"L": [{"S": one} for one in past]}
        return put_if(self._table, packed({**row, **news}), "v", move.item.version)

    def _labelled(self, move: Move, at: datetime) -> TransactWriteItemTypeDef:
        row: Row = {
            "key": {"S": f"LABEL#{move.case.case_id}#{move.case.version}"},
            "label": {"S": compact(label_to_json(move.label))},
            "list": {"S": LIST},
            "list_at": {"S": at.isoformat()},
            "expires_at": {"N": str(int((at + self._retention).timestamp()))},
        }
        return put_if(self._table, row, "key", None)

    def since(self, since: datetime) -> Iterator[tuple[Label, Recorded | None]]:
        """Yield each label since then, oldest first, with its item's row as it is now, if it is there."""
        labels = [
            label_from_json(json.loads(row["label"]["S"]))
            for row in get_rows(self._table, list(query_list(self._table, LIST, since=since.isoformat())))
        ]
        keys = dict.fromkeys(f"ITEM#{label.item}" for label in labels)
        rows = {row["key"]["S"]: recorded_from_json(shown(row)) for row in get_rows(self._table, list(keys))}
        for label in sorted(labels, key=lambda label: label.at):
            yield label, rows.get(f"ITEM#{label.item}")


def _audit(move: Move, at: datetime) -> Audit:
    told = move.event["moved"]
    return Audit(
        audit_id=f"moved#{move.case.case_id}#{move.case.version}",
        at=at,
        by=told["by"],
        did="moved",
        subject=move.case.case_id,
        unit=move.was.unit,
        details={"to": move.case.unit, "because": told.get("because", "")},
    )
