"""What changes by the hour, in the records table: all that counts in one row, and the history of each change.

One row, because two changes that are each fine may open a gap together: whoever proved a change against what
was read writes it only if nobody else has written since.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from allhours.aws.audits import put_audit
from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.notices import put_notice
from allhours.aws.table import Row, commit, compact, get_rows, put_if, query_list
from allhours.domain.audit import Audit
from allhours.domain.changes import change_from_json, change_to_json
from allhours.domain.errors import BadInput, StaleRota
from allhours.flows.cover_ports import ChangeState, KnownChanges, RecordedChange
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.changes import Change
    from allhours.domain.notice import Notice

LOOKED_BACK = timedelta(days=14)  # a change counts so long after its end, for questions about last week
HISTORY_KEPT = timedelta(days=730)  # after its last state; it names who was sick, so it is not kept for ever
ROOM = 390_000  # bytes of changes in the row, of the 400 kB that DynamoDB allows
KEPT_FOR_LEAVE = 50_000  # of them, which nothing else may fill: nobody is refused to be sick
_ROTA = "ROTA"
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

logger = Logger()


class DynamoRotaChanges:
    """The changes that count, guarded by one version; nothing is cached here."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def read(self) -> KnownChanges:
        """Return the changes proposed or in force, in the order in which they were made; `Busy`.

        What a newer release has written and this one cannot read is named in the log, and does not count.
        """
        with passing_trouble("reading the changes to the rota"):
            row = (
                dynamodb()
                .get_item(TableName=self._table, Key={"key": {"S": _ROTA}}, ConsistentRead=True)
                .get("Item")
            )
        if not row:
            return KnownChanges(changes=(), version=0)
        told = json.loads(row["changes"]["S"])["changes"]
        read = [_read(one) for one in told]
        unread = tuple(_text(one) for one, change in zip(told, read, strict=True) if change is None)
        return KnownChanges(
            changes=tuple(one for one in read if one), version=int(row["v"]["N"]), unread=unread
        )

    def write(
        self,
        known: KnownChanges,
        changes: Sequence[Change],
        change: Change,
        at: datetime,
        *,
        by: str = "",
        told: Sequence[Notice] = (),
    ) -> None:
        """Replace what was read, add the change's new state to its history, and leave what is to be told.

        All in one transaction. `by` made it so; the change's own `by` where left out. `StaleRota` when
        somebody else has written since `known` was read, `BadInput` when the row is full.
        """
        writes = [
            ("case", self._rota(known, changes, change, at)),
            ("history", self._history(change, by or change.by, at)),
            *(("notice", put_notice(self._table, notice, at)) for notice in told),
            *(("audit", put_audit(self._table, audit, HISTORY_KEPT)) for audit in _audits(change, by, at)),
        ]
        if commit(writes, "changing the rota") != Committed.DONE:
            raise StaleRota("the rota has changed since it was read: read it again")

    def _rota(
        self, known: KnownChanges, changes: Sequence[Change], change: Change, at: datetime
    ) -> TransactWriteItemTypeDef:
        oldest = int((at - LOOKED_BACK).timestamp())
        unread = [text for text in known.unread if not _is_over(text, oldest)]
        kept = [one for one in changes if one.state != "withdrawn" and one.end > oldest]
        texts = _fitting(known, unread, kept, change, at)
        row: Row = {
            "key": {"S": _ROTA},
            "changes": {"S": f'{{"changes":[{",".join(texts)}]}}'},
            "v": {"N": str(known.version + 1)},
        }
        return put_if(self._table, row, "v", known.version or None)

    def _history(self, change: Change, by: str, at: datetime) -> TransactWriteItemTypeDef:
        state = {
            "state": change.standing,
            "by": by,
            "at": at.astimezone(UTC).isoformat(timespec="seconds"),
            "agreed": list(change.agreed),
            "forced": change.forced,
            "objections": list(change.objections),
            "more_objections": change.more_objections,
        }
        made_at = datetime.fromtimestamp(change.made_at, UTC)
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"key": {"S": f"CHANGE#{change.change_id}"}},
                "UpdateExpression": (
                    "SET #change = :change, #states = list_append(if_not_exists(#states, :none), :state), "
                    "#list = :list, list_at = :made_at, expires_at = :expires_at"
                ),
                "ExpressionAttributeNames": {"#change": "change", "#states": "states", "#list": "list"},
                "ExpressionAttributeValues": {
                    ":change": {"S": compact(change_to_json(change))},
                    ":none": {"L": []},
                    ":state": {"L": [{"S": compact(state)}]},
                    ":list": {"S": "CHANGES"},
                    ":made_at": {"S": made_at.isoformat()},
                    ":expires_at": {"N": str(int((at + HISTORY_KEPT).timestamp()))},
                },
            }
        }

    def history(self, since: datetime = _EARLIEST) -> Iterator[RecordedChange]:
        """Yield the changes made since then, withdrawn ones too, with every state each had; oldest first."""
        keys = list(query_list(self._table, "CHANGES", since=since.astimezone(UTC).isoformat()))
        rows = {row["key"]["S"]: row for row in get_rows(self._table, keys)}
        for row in (rows[key] for key in keys if key in rows):
            change = _read(json.loads(row["change"]["S"]))
            if change:
                states = tuple(_state(json.loads(one["S"])) for one in row["states"]["L"])
                yield RecordedChange(change=change, states=states)


def _audits(change: Change, by: str, at: datetime) -> Iterator[Audit]:
    """Yield the audit row of a unit whose duty was changed; why somebody is away is not in it."""
    if change.unit:
        yield Audit(
            audit_id=f"rota#{change.change_id}#{change.standing}#{int(at.timestamp())}",
            at=at,
            by=by or change.by,
            did=f"{change.kind} {change.standing}",
            subject=change.unit,
            unit=change.unit,
            details={"change_id": change.change_id, "forced": change.forced},
        )


def _read(told: dict[str, Any]) -> Change | None:
    """Return the change; None, and its id in the log, for one that this release does not understand."""
    try:
        return change_from_json(told)
    except BadInput as error:
        logger.warning("a change to the rota is passed over", change=_id(told), reason=str(error))
        return None


def _id(told: object) -> str:
    return str(told.get("change_id", ""))[:80] if isinstance(told, dict) else ""


def _is_over(text: str, oldest: int) -> bool:
    """Tell whether a change that could not be read says that it ended long ago."""
    told = json.loads(text)
    end = told.get("end") if isinstance(told, dict) else None
    return isinstance(end, int) and end <= oldest


def _fitting(
    known: KnownChanges, unread: Iterable[str], kept: Sequence[Change], change: Change, at: datetime
) -> list[str]:
    """Return what goes into the row; for leave, proposals and then ended changes make room if need be.

    What makes the row smaller is always let through. `BadInput` for anything else that finds it full.
    """
    texts = {one.change_id: _text(change_to_json(one)) for one in kept}
    others = list(unread)
    before = _size([*known.unread, *(_text(change_to_json(one)) for one in known.changes)])
    is_leave = change.kind == "leave" and change.state != "withdrawn"
    room = ROOM if is_leave else max(ROOM - KEPT_FOR_LEAVE, before)
    size = _size([*others, *texts.values()])
    now, dropped = int(at.timestamp()), list[str]()
    spare = [one for one in kept if one.change_id != change.change_id and is_leave]
    proposals = [one for one in spare if one.state == "proposed"]
    ended = [one for one in spare if one.end <= now and one not in proposals]
    for one in (*sorted(proposals, key=_made_at), *sorted(ended, key=_made_at)):
        if size <= room:
            break
        size -= _size([texts.pop(one.change_id)])
        dropped.append(one.change_id)
    if size > room:
        raise BadInput(
            "there is no room for another change: take back proposals and changes that nobody needs "
            "(allhours change list), and put what is to last into the file"
        )
    if dropped:
        logger.warning("changes made room for a leave", count=len(dropped), changes=dropped[:20])
    return [*others, *texts.values()]


def _text(told: Mapping[str, Any]) -> str:
    return compact(told)


def _size(texts: Iterable[str]) -> int:
    return sum(len(text.encode()) + 1 for text in texts)  # and a comma


def _made_at(change: Change) -> int:
    return change.made_at


def _state(told: dict[str, Any]) -> ChangeState:
    return ChangeState(
        state=told["state"],
        by=told["by"],
        at=datetime.fromisoformat(told["at"]),
        agreed=tuple(told["agreed"]),
        forced=told["forced"],
        objections=tuple(told["objections"]),
        more_objections=told.get("more_objections", 0),
    )
