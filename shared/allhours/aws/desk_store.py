"""What the desk reads and writes, in the records table."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from allhours.aws.audits import put_audit, read_audits
from allhours.aws.desk_cases import DynamoDeskLists
from allhours.aws.drafts import delete_draft, draft_in, draft_key, put_draft
from allhours.aws.due import NEVER, due_rows
from allhours.aws.notices import put_notice
from allhours.aws.records import case_in, move_case, shown
from allhours.aws.table import Row, commit, compact, get_rows, put_if, query_list, readable
from allhours.domain.alike import NEAR, apart
from allhours.domain.case import State
from allhours.domain.errors import BadInput
from allhours.domain.note import note_from_json, note_to_json
from allhours.domain.recorded import recorded_from_json
from allhours.domain.reply import reply_from_json
from allhours.flows.desk_ports import OnRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.audit import Audit
    from allhours.domain.case import Case
    from allhours.domain.note import Note
    from allhours.domain.organisation import Organisation
    from allhours.flows.desk_ports import Asked, Deed, Listed

NEIGHBOURS = 60  # open cases of the unit, the soonest due first, that are compared with one


class DynamoDesk:
    """Cases as the desk sees and changes them; `retention` is how long what it writes is kept."""

    def __init__(self, table: str, organisation: Organisation) -> None:
        """Remember the table, and how long its rows are kept."""
        self._table = table
        self._retention = organisation.retention
        self._lists = DynamoDeskLists(table)

    def read(self, case_id: str, *, whole: bool = False) -> OnRecord | None:
        """Return what is on record: one call for the case, one a list, one for all that they name."""
        current, old = f"CASE#{case_id.partition('.')[0]}", f"OLD#{case_id}"
        heads = {row["key"]["S"]: row for row in get_rows(self._table, [current, old])}
        cases = {key: case_in(row) for key, row in heads.items()}
        key = next((key for key in (current, old) if key in cases and cases[key].case_id == case_id), "")
        if not key:
            return None
        case = cases[key]
        keys = list(dict.fromkeys(self._keys(case, whole=whole)))
        rows = {row["key"]["S"]: row for row in get_rows(self._table, keys)}
        of = _Kinds(rows)
        draft = rows.get(draft_key(case_id))
        return OnRecord(
            case=case,
            replaced=key == old,
            rows=tuple(
                sorted(
                    (recorded_from_json(shown(row)) for row in of("ITEM#")),
                    key=lambda one: (one.item.created_at, one.item.key),
                )
            ),
            replies=tuple(
                sorted(
                    (reply_from_json(json.loads(row["reply"]["S"])) for row in of("REPLY#")),
                    key=lambda one: one.approved_at,
                )
            ),
            draft=draft_in(draft) if draft else None,
            notes=tuple(sorted(map(_note_in, of("NOTE#")), key=lambda one: one.at)),
            alike=self._lists.found(list(_alike(case, of("CASE#")))),
        )

    def _keys(self, case: Case, *, whole: bool) -> Iterator[str]:
        yield draft_key(case.case_id)
        yield from (f"ITEM#{key}" for key in case.item_keys)
        if case.items > len(case.item_keys):
            yield from query_list(self._table, f"CASE#{case.case_id}")
        if case.replies:
            yield from query_list(self._table, f"REPLIES#{case.case_id}")
        if whole:
            yield from query_list(self._table, f"NOTES#{case.case_id}")
            if case.alike:
                yield from islice(due_rows(self._table, f"CASES#{case.unit}", NEVER), NEIGHBOURS)

    def save(self, deed: Deed, *, at: datetime) -> str:
        """Write a deed in one transaction."""
        return commit(list(self._writes(deed, at)), "writing what a person did")

    def _writes(self, deed: Deed, at: datetime) -> Iterator[tuple[str, TransactWriteItemTypeDef]]:
        case, was = deed.case, deed.case_was
        if deed.note:
            yield "once", self._note(deed.note, case, at)
        if case != was:
            yield "case", move_case(self._table, case, was)
        if deed.draft and deed.draft != deed.draft_was:
            kept = self._retention
            yield "case", put_draft(self._table, deed.draft, deed.draft_was, case.unit, at, kept)
        elif deed.draft_was and not deed.draft:
            yield "case", delete_draft(self._table, case.case_id, deed.draft_was.version)
        if deed.audit:
            yield "audit", put_audit(self._table, deed.audit, self._retention)
        for notice in deed.notices:
            yield "notice", put_notice(self._table, notice, at)

    def _note(self, note: Note, case: Case, at: datetime) -> TransactWriteItemTypeDef:
        row: Row = {
            "key": {"S": f"NOTE#{case.case_id}#{note.note_id}"},
            "note": {"S": compact(note_to_json(note))},
            "list": {"S": f"NOTES#{case.case_id}"},
            "list_at": {"S": note.at.isoformat()},
            "expires_at": {"N": str(int((at + self._retention).timestamp()))},
        }
        return put_if(self._table, row, "key", None)

    def listed(self, asked: Asked) -> Listed:
        """Return one page of a list."""
        return self._lists.listed(asked)

    def audits(self, subject: str) -> Sequence[Audit]:
        """Return what was done to a case or at a unit."""
        return read_audits(self._table, subject)


class _Kinds:
    """Rows that were read together, by the kind that their key tells."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows

    def __call__(self, prefix: str) -> Iterator[Row]:
        return (row for key, row in self._rows.items() if key.startswith(prefix))


def _note_in(row: Row) -> Note:
    with readable(row["key"]["S"]):
        return note_from_json(json.loads(row["note"]["S"]))


def _alike(case: Case, rows: Iterator[Row]) -> Iterator[Case]:
    """Yield the other open cases that ask the same, the nearest first."""
    found: list[tuple[int, str, Case]] = []
    for row in rows:
        try:
            other = case_in(row)
        except BadInput:  # by another release; the clock tells of it each minute
            continue
        bits = apart(case.alike, other.alike)
        if other.case_id != case.case_id and other.state is State.OPEN and bits <= NEAR:
            found.append((bits, other.case_id, other))
    yield from (other for _, _, other in sorted(found, key=lambda each: each[:2]))
