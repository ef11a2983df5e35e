"""Items and cases in the records table; one transaction an item."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from allhours.aws.audits import put_audit
from allhours.aws.authors import AUTHOR_KEPT
from allhours.aws.clients import code_of
from allhours.aws.due import due_attributes
from allhours.aws.forgetting import put_forget
from allhours.aws.notices import put_notice, told_of
from allhours.aws.packed import packed
from allhours.aws.pages import put_page
from allhours.aws.reply_rows import reply_row, slot_row
from allhours.aws.table import FIRST, Row, commit, compact, get_rows, put_if, query_list
from allhours.domain.audit import Audit
from allhours.domain.automatic import automatic_audit
from allhours.domain.case import Case, State, case_from_json, case_key_of, case_to_json
from allhours.domain.decision import Decision, Entry, Known
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import Change, Kind, item_from_json, item_to_json
from allhours.flows.ports import Kept, World
from allhours.networks.windows import STORAGE_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item

MOST_TOLD = 50  # events kept per item; somebody who edits more often is not worth a bigger row


class DynamoRecords:
    """Items and cases; `retention` is how long they are kept, by the table's TTL."""

    def __init__(self, table: str, retention: timedelta) -> None:
        """Remember the table; nothing is asked of it yet."""
        self._table = table
        self._retention = retention

    def read(
        self, item_keys: Sequence[str], conversation_keys: Sequence[str], *, consistent: bool = False
    ) -> World:
        """Return what is known, in one call for up to a hundred rows; consistent reads cost twice as much."""
        by_case = {f"CASE#{case_key_of(key)}": key for key in conversation_keys}
        wanted = [*(f"ITEM#{key}" for key in item_keys), *by_case]
        world = World(known={}, cases={})
        for row in get_rows(self._table, wanted, consistent=consistent):
            key = row["key"]["S"]
            if key in by_case:
                world.cases[by_case[key]] = case_in(row)
            else:
                world.known[key.removeprefix("ITEM#")] = _known(row)
        return world

    def commit(self, *decisions: Decision, at: datetime) -> str:
        """Write items, their cases and the pages that are news in one transaction.

        Of decisions on one case the first says what must be there, and the last what is to be.
        """
        was, becomes = dict[str, Case | None](), dict[str, Case]()
        for decision in decisions:
            if case := decision.case:
                was.setdefault(case.conversation_key, decision.case_was)
                becomes[case.conversation_key] = case
        expires = str(int((at + self._retention).timestamp()))
        puts = [
            *(("case", put_case(self._table, case, was[key], expires)) for key, case in becomes.items()),
            *(put for decision in reversed(decisions) for put in self._writes(decision, expires, at)),
        ]
        # Of two with one cause the first one's page.
        writes = {_key_of(write): (what, write) for what, write in puts}
        try:
            return commit(list(writes.values()), "writing records")
        except ClientError as error:
            if len(decisions) == 1:
                raise
            message = f"writing records: {code_of(error)}"  # which of them it is shows when each goes alone
            raise Busy(message) from error

    def _writes(
        self, decision: Decision, expires: str, at: datetime
    ) -> Iterator[tuple[str, TransactWriteItemTypeDef]]:
        """Yield what a decision writes beside its case."""
        if decision.entry:
            row = _item_row(decision.entry, decision.case)
            soon = str(int((at + self._kept_for(decision.entry.item)).timestamp()))
            yield "item", self._put(row, soon, "v", decision.entry.replaces)
        was = decision.case_was
        if decision.case and was and was.generation != decision.case.generation:
            yield "old", self._put(_case_row(f"OLD#{was.case_id}", _history(was)), expires, "", None)
        if audit := _promotion(decision, at):
            yield "audit", put_audit(self._table, audit, self._retention)
        if reply := decision.reply:
            yield "once", put_if(self._table, reply_row(reply, at, self._retention), "key", None)
            yield "once", put_if(self._table, slot_row(reply, self._retention), "key", None)
            yield "audit", put_audit(self._table, automatic_audit(reply), self._retention)
        for page in decision.pages:
            yield "page", put_page(self._table, page, at)
        for notice in decision.notices:
            yield "notice", put_notice(self._table, notice, at)
        if decision.entry and decision.ended:
            entry = decision.entry
            forget = put_forget(self._table, entry.item.key, entry.case_id, at, expires, decision.ended)
            yield "forget", forget

    def _kept_for(self, item: Item) -> timedelta:
        """Return how long an item's row is kept.

        Words that must go soon go with their row, should nobody be there to take them off it: a handle that
        left the organisation file, a network that was switched off.
        """
        if item.kind is Kind.PROFILE:  # a name, which a look-up can tell again
            return AUTHOR_KEPT
        limit = STORAGE_LIMITS.get(item.network) if item.text or item.attachments else None
        return min(limit, self._retention) if limit else self._retention

    def _put(self, row: Row, expires: str, guard: str, replaces: int | None) -> TransactWriteItemTypeDef:
        return put_if(self._table, packed({**row, "expires_at": {"N": expires}}), guard, replaces)

    def opened(self, handle: Handle, *, since: datetime, until: datetime, most: int) -> Kept:
        """Return items of the handle's cases opened in [since, until), whole cases, at least one.

        What opened no case is among them by when it was said: its author may delete it as well.
        """
        name = f"KEPT#{handle.network}#{handle.handle}"
        listed = query_list(
            self._table, name, since=since.isoformat(), until=until.isoformat(), newest_first=True
        )
        heads = [_head_in(row) for row in get_rows(self._table, list(islice(listed, most + 1)))]
        keys: list[str] = []
        back_to = None
        for opened_at, case, item_key in sorted(heads, key=lambda head: head[0], reverse=True):
            if len(keys) >= most and opened_at != back_to:  # what began at one instant stays together
                break
            keys.extend(self._items_of(case) if case else [item_key])
            back_to = opened_at
        else:
            back_to = None  # the loop ran out of cases, not of room
        rows = (row for row in get_rows(self._table, _once(keys)) if not row["deleted"]["BOOL"])
        read = ((item_from_json(json.loads(row["item"]["S"])), row) for row in rows)
        # A look-up's answer is no post: a network asked for it again would call it deleted.
        kept = [(item, row) for item, row in read if item.kind is not Kind.PROFILE]
        return Kept(
            items=tuple(item for item, _ in kept),
            back_to=back_to,
            since=tuple(_kept_since(item, row) for item, row in kept),
        )

    def _items_of(self, case: Case) -> Iterator[str]:
        """Yield the row of each item that a case names, then of those it has no room for."""
        yield from (f"ITEM#{key}" for key in case.item_keys)
        if case.items > len(case.item_keys):
            yield from query_list(self._table, f"CASE#{case.case_id}")

    def item(self, item_key: str) -> Mapping[str, Any] | None:
        """Return an item's row as one JSON object, for people who ask why."""
        row = next(iter(get_rows(self._table, [f"ITEM#{item_key}"])), None)
        return shown(row) if row else None

    def case(self, case_id: str) -> Case | None:
        """Return a case by its id, the current one of its conversation or an earlier one."""
        for key in (f"CASE#{case_id.partition('.')[0]}", f"OLD#{case_id}"):
            row = next(iter(get_rows(self._table, [key])), None)
            if row and (case := case_in(row)).case_id == case_id:
                return case
        return None

    def notices(self, subject: str, *, since: str = FIRST) -> Sequence[Mapping[str, Any]]:
        """Return what was told of a case or unit, in order of time."""
        keys = list(query_list(self._table, told_of(subject), since=since))
        rows = {row["key"]["S"]: row for row in get_rows(self._table, keys)}
        return [json.loads(rows[key]["notice"]["S"]) for key in keys if key in rows]

    def trail(self, case: Case) -> Sequence[Mapping[str, Any]]:
        """Return everything on record about a case's items, in the order in which it was said."""
        named = [f"ITEM#{key}" for key in case.item_keys]
        keys = _once([*named, *query_list(self._table, f"CASE#{case.case_id}")])
        return sorted(
            (shown(row) for row in get_rows(self._table, keys)),
            key=lambda row: str(row["item"]["created_at"]),
        )


def _promotion(decision: Decision, at: datetime) -> Audit | None:
    """Return the audit row of a case that a person made; None for what no person did."""
    case, event = decision.case, decision.entry.event if decision.entry else None
    if case is None or event is None or "promoted" not in event:
        return None
    told = event["promoted"]
    return Audit(
        audit_id=f"promoted#{case.case_id}#{case.version}",
        at=at,
        by=told["by"],
        did="promoted",
        subject=case.case_id,
        unit=case.unit,
        details={"item": case.first_item, "because": told["because"]},
    )


def _once(keys: Iterable[str]) -> list[str]:
    """Return each key once: what came into a case before it named its items is in the index as well."""
    return list(dict.fromkeys(keys))


def _key_of(write: TransactWriteItemTypeDef) -> str:
    put: Any = write["Put"]
    return str(put["Item"]["key"]["S"])


def case_in(row: Row) -> Case:
    """Return the case that a row holds; `BadInput` names a row that this release cannot read."""
    try:
        return case_from_json(json.loads(row["case"]["S"]))
    except (AttributeError, BadInput, KeyError, TypeError, ValueError) as wrong:
        message = f"{row['key']['S']} holds no case that this release can read ({type(wrong).__name__})"
        raise BadInput(message) from None


def _head_in(row: Row) -> tuple[datetime, Case | None, str]:
    """Return when what a row stands for began, its case, or the key of an item that opened none."""
    key = row["key"]["S"]
    if key.startswith("ITEM#"):
        return datetime.fromisoformat(row["list_at"]["S"]), None, key
    case = case_in(row)
    return case.opened_at, case, ""


def put_case(table: str, case: Case, was: Case | None, expires: str) -> TransactWriteItemTypeDef:
    """Return the put of a conversation's case over the one that was read, None for none.

    An open case is in its unit's partition of the index `due`, also while nothing of it is due.
    """
    row = _case_row(f"CASE#{case.case_id.partition('.')[0]}", case) | _place(case)
    row = packed({**row, "expires_at": {"N": expires}})
    return put_if(table, row, "v", was.version if was else None)


def _place(case: Case) -> Row:
    """Return what lists a case among its unit's open ones, as they are due, or its closed ones."""
    if case.state is State.OPEN:
        return due_attributes(f"CASES#{case.unit}", case.next_due_at)
    return due_attributes(f"CLOSED#{case.unit}", case.closed_at)


def move_case(table: str, case: Case, was: Case) -> TransactWriteItemTypeDef:
    """Return the update of a case that no customer has asked for: other hands, a deadline told, closed.

    `expires_at` stays as it is, or a case that nobody closes would change hands, and be kept, for ever, with
    its author's name and long after its items are gone.
    """
    row = _case_row(f"CASE#{case.case_id.partition('.')[0]}", case)
    row = packed(row | _place(case))
    news = {name: row[name] for name in ("case", "v", "due", "due_at")}
    update = {
        "TableName": table,
        "Key": {"key": row["key"]},
        "UpdateExpression": f"SET {', '.join(f'#{name} = :{name}' for name in news)}",
        "ConditionExpression": "#v = :was",
        "ExpressionAttributeNames": {f"#{name}": name for name in news},
        "ExpressionAttributeValues": {
            ":was": {"N": str(was.version)},
            **{f":{name}": value for name, value in news.items()},
        },
    }
    return {"Update": update}  # type: ignore[typeddict-item] # built from parts


def _known(row: Row) -> Known:
    item = json.loads(row["item"]["S"])
    own = f"{item['network']}#{item['conversation_id']}"
    return Known(
        version=int(row["v"]["N"]),
        deleted=row["deleted"]["BOOL"],
        case_id=row.get("in_case", {}).get("S", ""),
        conversation_key=row.get("conversation", {}).get("S", own),
        author_id=item["author"]["id"],
        told=events_of(row),
        said=row["item"]["S"],
    )


def events_of(row: Row) -> tuple[str, ...]:
    """Return the row's events, oldest first."""
    past = tuple(one["S"] for one in row.get("told", {}).get("L", ()))
    return (*past, row["event"]["S"]) if "event" in row else past


def _kept_since(item: Item, row: Row) -> datetime:
    """Return when the item came to us, by the first event about it."""
    first = next(iter(events_of(row)), "")
    return datetime.fromisoformat(json.loads(first)["at"]) if first else item.created_at


def _item_row(entry: Entry, case: Case | None) -> Row:
    item = entry.item
    body = item_to_json(item)
    for name in ("heard_by", "audience"):  # an inbox gets what is in the row
        body.pop(name, None)
    row: Row = {
        "key": {"S": f"ITEM#{item.key}"},
        "item": {"S": compact(body)},
        "v": {"N": str(item.version)},
        "deleted": {"BOOL": entry.deleted},
    }
    if item.change is Change.EXPIRED:  # the post is there still, so it may be answered
        row["expired"] = {"BOOL": True}
    if entry.conversation_key != item.conversation_key:  # it went on in its parent's, or in none
        row["conversation"] = {"S": entry.conversation_key}
    if entry.case_id:
        row["in_case"] = {"S": entry.case_id}
        if case is None or not case.names(item.key):
            row["list"] = {"S": f"CASE#{entry.case_id}"}
            row["list_at"] = {"S": item.created_at.isoformat()}
    elif not entry.deleted and (item.text or item.attachments):  # words that its author may take back
        row["list"] = {"S": f"KEPT#{item.network}#{item.handle}"}
        row["list_at"] = {"S": item.created_at.isoformat()}
    row |= {name: {"S": compact(told)} for name, told in (("event", entry.event), ("why", entry.why)) if told}
    if entry.held:
        row["held"] = {"S": entry.held}
    if entry.told:
        row["told"] = {"L": [{"S": one} for one in entry.told[-MOST_TOLD:]]}
    return row


def _history(case: Case) -> Case:
    """Return a replaced case as it is kept: where words may not stay, no expiry will ask it for its names."""
    return case.bare() if case.network in STORAGE_LIMITS else case


def _case_row(key: str, case: Case) -> Row:
    return {
        "key": {"S": key},
        "case": {"S": compact(case_to_json(case))},
        "v": {"N": str(case.version)},
        "list": {"S": f"KEPT#{case.network}#{case.handle}"},
        "list_at": {"S": case.opened_at.isoformat()},
    }


def shown(row: Row) -> dict[str, Any]:
    """Return an item's row as one JSON object; `conversation` where it is another than the item's own."""
    body: dict[str, Any] = {"item": json.loads(row["item"]["S"]), "deleted": row["deleted"]["BOOL"]}
    body["case_id"] = row.get("in_case", {}).get("S", "")
    body["events"] = [json.loads(one) for one in events_of(row)]
    if "why" in row:
        body["why"] = json.loads(row["why"]["S"])
    if "conversation" in row:
        body["conversation"] = row["conversation"]["S"]
    return body
