"""The ledger of replies in the records table: each arrow is one conditional write (docs/replies.md)."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

from allhours.aws.audits import put_audit
from allhours.aws.due import due_keys
from allhours.aws.notices import put_notice
from allhours.aws.pages import put_page
from allhours.aws.records import move_case
from allhours.aws.reply_rows import PARTITION, expires, reply_row, slot_row
from allhours.aws.table import (
    CONFLICT,
    UNMET,
    Row,
    get_rows,
    put_if,
    query_list,
    refusals,
)
from allhours.domain.errors import Busy
from allhours.domain.item import item_from_json
from allhours.domain.reply import ReplyState, reply_from_json
from allhours.flows.reply_ports import Go, LetGo, Saved, Settling, Told, Visit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.aws.records import DynamoRecords
    from allhours.domain.audit import Audit
    from allhours.domain.case import Case
    from allhours.domain.reply import Reply
    from allhours.flows.reply_ports import Step

Named = list[tuple[str, "TransactWriteItemTypeDef"]]
TRIES = 4  # against another transaction at the same rows


class DynamoReplies:
    """Replies; `retention` is how long their rows are kept after the approval."""

    def __init__(self, table: str, records: DynamoRecords, retention: timedelta) -> None:
        """Remember the table, and who reads cases in it."""
        self._table = table
        self._records = records
        self._retention = retention

    def reply(self, reply_id: str) -> Reply | None:
        """Return a reply as it is on record."""
        row = self._row(f"REPLY#{reply_id}")
        return _reply_in(row) if row else None

    def of_case(self, case_id: str) -> Sequence[Reply]:
        """Return the case's replies in the order in which they were let go."""
        keys = list(query_list(self._table, f"REPLIES#{case_id}"))
        return sorted(map(_reply_in, get_rows(self._table, keys)), key=lambda reply: reply.approved_at)

    def by_post(self, network: str, post_id: str) -> Reply | None:
        """Return the reply that the network has under this id."""
        row = self._row(f"POST#{network}#{post_id}")
        return self.reply(row["reply_id"]["S"]) if row else None

    def item(self, item_key: str) -> Told | None:
        """Return an item as it is on record; what only has lost its words is not gone."""
        row = self._row(f"ITEM#{item_key}")
        if row is None:
            return None
        gone = row["deleted"]["BOOL"] and "expired" not in row
        return Told(item=item_from_json(json.loads(row["item"]["S"])), gone=gone)

    def case(self, case_id: str) -> Case | None:
        """Return a case as it is now, the conversation's current one or an earlier one."""
        return self._records.case(case_id)

    def due(self, at: datetime, *, most: int) -> Sequence[Visit]:
        """Return the visits that are due, each stamped with its minute: one that was in vain comes again."""
        keys = due_keys(self._table, PARTITION, at, most)
        rows = {row["key"]["S"]: row for row in get_rows(self._table, keys, consistent=False)}
        return [visit_of(rows[key], f"{at:%H:%M}") for key in keys if key in rows]

    def approve(
        self,
        reply: Reply,
        *,
        case: Case,
        case_was: Case,
        draft: int | None,
        audit: Audit,
    ) -> LetGo:
        """Let a reply go (W0)."""
        slot = slot_row(reply, self._retention)
        writes: Named = [
            ("reply", _all_old(put_if(self._table, self._reply_row(reply, Settling()), "key", None))),
            ("slot", _all_old(put_if(self._table, slot, "key", None))),
            ("case", move_case(self._table, case, case_was)),
            ("audit", put_audit(self._table, audit, self._retention)),
        ]
        if draft is not None:
            writes.append(("draft", _delete(self._table, f"DRAFT#{reply.case_id}", v=draft)))
        for _ in range(TRIES):
            refused = _unmet(writes, "letting a reply go")
            if refused is None:
                return LetGo(word=Go.DONE, reply=reply)
            if "reply" in refused:
                there = _reply_in(refused["reply"]) if refused["reply"] else self.reply(reply.reply_id)
                word = Go.DONE if there == reply else Go.ALREADY
                return LetGo(word=word, reply_id=reply.reply_id, reply=there)
            if "slot" in refused:
                row = refused["slot"] or self._row(slot["key"]["S"]) or slot
                return LetGo(word=Go.TAKEN, reply_id=row["reply_id"]["S"])
            if {"case", "draft"} & refused.keys():
                return LetGo(word=Go.CASE_CHANGED if "case" in refused else Go.DRAFT_CHANGED)
            writes = [write for write in writes if write[0] not in refused]  # told before, or all in conflict
        message = f"letting reply {reply.reply_id} go: other writes are at its rows, try again"
        raise Busy(message)

    def save(self, step: Step, *, at: datetime) -> Saved:
        """Write one arrow, with what belongs to it."""
        writes = self._writes(step, at)
        for _ in range(TRIES):
            refused = _unmet(writes, "writing a reply")
            if refused is None:
                return Saved.DONE
            if "reply" in refused:  # our own words in it: an answer was lost, and the SDK wrote it twice
                row = refused["reply"]
                return Saved.DONE if row and _reply_in(row) == step.reply else Saved.LOST
            if "item" in refused:
                return Saved.DELETED
            if "case" in refused or not refused:
                return Saved.STALE
            writes = [write for write in writes if write[0] not in refused]  # what has been told before
        return Saved.STALE

    def _writes(self, step: Step, at: datetime) -> Named:
        was, reply = step.was, step.reply
        put = put_if(self._table, self._reply_row(reply, step.settling), "", None)
        put["Put"] |= _as_it_was(was)  # type: ignore[typeddict-item] # a condition, typed as a dictionary
        writes: Named = [("reply", _all_old(put))]
        if was.state is ReplyState.READY and reply.state is ReplyState.CLAIMED:
            writes.append(("item", _item_is_there(self._table, reply.item_key)))
        if step.case_was and not step.case:
            writes.append(("case", _case_is_as_read(self._table, step.case_was)))
        if reply.state is ReplyState.REJECTED:
            writes.append(("slot", _delete(self._table, f"ANSWER#{reply.answer_key}")))
        if reply.state is ReplyState.POSTED and was.state is not ReplyState.POSTED:
            row: Row = {
                "key": {"S": f"POST#{reply.network}#{reply.post_id}"},
                "reply_id": {"S": reply.reply_id},
                "expires_at": self._expires(reply.approved_at),
            }
            writes.append(("post", put_if(self._table, row, "", None)))
        if step.case and step.case_was:
            writes.append(("case", move_case(self._table, step.case, step.case_was)))
        if step.audit:
            writes.append(("audit", put_audit(self._table, step.audit, self._retention)))
        writes += [(f"notice {n}", put_notice(self._table, each, at)) for n, each in enumerate(step.notices)]
        writes += [(f"page {n}", put_page(self._table, each, at)) for n, each in enumerate(step.pages)]
        return writes

    def _reply_row(self, reply: Reply, settling: Settling) -> Row:
        due = reply.next_visit_at(settling.settles_within, settling.seen_within)
        return reply_row(reply, due, self._retention)

    def _expires(self, since: datetime) -> dict[str, str]:
        return expires(since, self._retention)

    def _row(self, key: str) -> Row | None:
        return next(iter(get_rows(self._table, [key])), None)


def visit_of(row: Row, minute: str = "") -> Visit:
    """Return the visit that a reply's row asks for; once for each state of it, and minute if one is given."""
    reply_id, version = row["key"]["S"].removeprefix("REPLY#"), row["v"]["N"]
    return Visit(
        reply_id=reply_id,
        case_id=row["in_case"]["S"],
        stamp=f"{reply_id}#{version}" + (f"#{minute}" if minute else ""),
    )


def _reply_in(row: Row) -> Reply:
    return reply_from_json(json.loads(row["reply"]["S"]))


def _as_it_was(was: Reply) -> dict[str, Any]:
    return {
        "ConditionExpression": "st = :st AND own = :own AND v = :v",
        "ExpressionAttributeValues": {
            ":st": {"S": was.state.value},
            ":own": {"S": was.own},
            ":v": {"N": str(was.version)},
        },
    }


def _item_is_there(table: str, item_key: str) -> TransactWriteItemTypeDef:
    """Return the condition that nobody took the post back; words that only ran out may be answered."""
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": {"key": {"S": f"ITEM#{item_key}"}},
            "ConditionExpression": "deleted = :no OR expired = :yes",
            "ExpressionAttributeValues": {":no": {"BOOL": False}, ":yes": {"BOOL": True}},
        }
    }


def _case_is_as_read(table: str, was: Case) -> TransactWriteItemTypeDef:
    """Return the condition that a conversation's current case is as it was read."""
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": {"key": {"S": f"CASE#{was.case_id.partition('.')[0]}"}},
            "ConditionExpression": "v = :was",
            "ExpressionAttributeValues": {":was": {"N": str(was.version)}},
        }
    }


def _delete(table: str, key: str, **versions: int) -> TransactWriteItemTypeDef:
    condition: dict[str, Any] = {}
    if versions:
        condition["ConditionExpression"] = " AND ".join(f"#{name} = :{name}" for name in versions)
        condition["ExpressionAttributeNames"] = {f"#{name}": name for name in versions}
        condition["ExpressionAttributeValues"] = {f":{n}": {"N": str(v)} for n, v in versions.items()}
    return {"Delete": {"TableName": table, "Key": {"key": {"S": key}}, **condition}}  # type: ignore[typeddict-item] # built from parts


def _all_old(write: TransactWriteItemTypeDef) -> TransactWriteItemTypeDef:
    write["Put"]["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return write


def _unmet(writes: Named, doing: str) -> dict[str, Row] | None:
    """Write all; return what was refused with the row that is there, None when all is written.

    Nothing in it says that another transaction is at one of the rows; who asks waits a moment.
    """
    told = refusals([write for _, write in writes], doing)
    if not told:
        return None
    unmet = {what: row for (what, _), (code, row) in zip(writes, told, strict=True) if code == UNMET}
    if not unmet and CONFLICT in {code for code, _ in told}:
        time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - seconds; spread, not secret
    return unmet
