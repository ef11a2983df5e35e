"""Items, cases and pages in one DynamoDB table; the only place that knows its rows.

| key | holds | list (index `lists`) |
| --- | --- | --- |
| `ITEM#network#id` | the item, its case, the event of its last change | `CASE#case`, but for the first |
| `CASE#case` | the conversation's current case | `KEPT#network#handle` |
| `OLD#case.generation` | a case that a later one of the same conversation replaced | `KEPT#network#handle` |
| `PAGE#page` | a page; in the list `PAGES` until it was sent | `PAGES` |
| `DEAD#letter` | what could not be handled | `DEAD` |
| `CURSOR#network#account#handle` | where reading stands | |
| `AUTHOR#network#id` | who an author is, for some days | |
| `LOCK#secret` | who is renewing a token | |
"""

from __future__ import annotations

import json
import random
import re
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from allhours.aws.clients import code_of, dynamodb, passing_trouble
from allhours.domain.case import Case, case_from_json, case_key_of, case_to_json
from allhours.domain.decision import Decision, Entry, Known
from allhours.domain.errors import Busy
from allhours.domain.item import Author, Kind, item_from_json, item_to_json
from allhours.domain.page import Page, dead_letter, page_from_json, page_to_json
from allhours.domain.personal_data import mask
from allhours.flows.ports import Committed, DeadLetter, Kept, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from allhours.domain.handle import Handle

Row = dict[str, Any]
BATCH = 100  # keys in one BatchGetItem, DynamoDB's limit
CONFLICT = "TransactionConflict"
UNMET = "ConditionalCheckFailed"
MOST_TOLD = 50  # events kept per item; somebody who edits more often is not worth a bigger row
AUTHOR_KEPT = timedelta(days=7)
LETTER_KEPT = timedelta(days=90)
PAGE_KEPT = timedelta(days=90)


_NOT_CARRIED = re.compile("[\ud800-\udfff\ufffe\uffff]")  # SQS and SNS turn a message with one down


def compact(body: Mapping[str, Any]) -> str:
    """Return JSON without spaces, for every kilobyte of a row is paid for, in characters that AWS carries."""
    return _NOT_CARRIED.sub("\ufffd", json.dumps(body, ensure_ascii=False, separators=(",", ":")))


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
                case = case_from_json(json.loads(row["case"]["S"]))
                world.cases[by_case[key]] = case
            else:
                world.known[key.removeprefix("ITEM#")] = _known(row)
        return world

    def commit(self, decision: Decision, *, at: datetime) -> str:
        """Write the item, its case and the pages that are news in one transaction."""
        return _commit(list(self._writes(decision, at)), "writing records")

    def _writes(self, decision: Decision, at: datetime) -> Iterator[tuple[str, TransactWriteItemTypeDef]]:
        expires = str(int((at + self._retention).timestamp()))
        if decision.entry:
            profile = decision.entry.item.kind is Kind.PROFILE  # a name, which a look-up can tell again
            soon = str(int((at + AUTHOR_KEPT).timestamp())) if profile else expires
            row = _item_row(decision.entry, decision.case)
            yield "item", self._put(row, soon, "v", decision.entry.replaces)
        if decision.case:
            was = decision.case_was
            yield (
                "case",
                self._put(
                    _case_row(f"CASE#{_key(decision.case)}", decision.case),
                    expires,
                    "v",
                    was.version if was else None,
                ),
            )
            if was and was.generation != decision.case.generation:
                yield "old", self._put(_case_row(f"OLD#{was.case_id}", was), expires, "", None)
        for page in decision.pages:
            yield "page", put_page(self._table, page, at)

    def _put(self, row: Row, expires: str, guard: str, replaces: int | None) -> TransactWriteItemTypeDef:
        return put_if(self._table, {**row, "expires_at": {"N": expires}}, guard, replaces)

    def opened(self, handle: Handle, *, since: datetime, until: datetime, most: int) -> Kept:
        """Return items of the handle's cases opened in [since, until), whole cases, at least one."""
        name = f"KEPT#{handle.network}#{handle.handle}"
        listed = query_list(
            self._table, name, since=since.isoformat(), until=until.isoformat(), newest_first=True
        )
        case_keys = list(islice(listed, most + 1))
        cases = [case_from_json(json.loads(row["case"]["S"])) for row in get_rows(self._table, case_keys)]
        keys: list[str] = []
        back_to = None
        for case in sorted(cases, key=lambda case: case.opened_at, reverse=True):
            if len(keys) >= most and case.opened_at != back_to:  # cases of one instant stay together
                break
            keys.append(f"ITEM#{case.first_item}")
            if case.items > 1:
                keys.extend(query_list(self._table, f"CASE#{case.case_id}"))
            back_to = case.opened_at
        else:
            back_to = None  # the loop ran out of cases, not of room
        rows = (row for row in get_rows(self._table, keys) if not row["deleted"]["BOOL"])
        items = (item_from_json(json.loads(row["item"]["S"])) for row in rows)
        # A look-up's answer is no post: a network asked for it again would call it deleted.
        return Kept(items=tuple(each for each in items if each.kind is not Kind.PROFILE), back_to=back_to)

    def item(self, item_key: str) -> Mapping[str, Any] | None:
        """Return an item's row as one JSON object, for people who ask why."""
        row = next(iter(get_rows(self._table, [f"ITEM#{item_key}"])), None)
        return _shown(row) if row else None

    def case(self, case_id: str) -> Case | None:
        """Return a case by its id, the current one of its conversation or an earlier one."""
        for key in (f"CASE#{case_id.partition('.')[0]}", f"OLD#{case_id}"):
            row = next(iter(get_rows(self._table, [key])), None)
            if row and (case := case_from_json(json.loads(row["case"]["S"]))).case_id == case_id:
                return case
        return None

    def trail(self, case: Case) -> Sequence[Mapping[str, Any]]:
        """Return everything on record about a case's items, in the order in which it was said."""
        keys = [f"ITEM#{case.first_item}", *query_list(self._table, f"CASE#{case.case_id}")]
        return sorted(
            (_shown(row) for row in get_rows(self._table, list(dict.fromkeys(keys)))),
            key=lambda row: str(row["item"]["created_at"]),
        )


def _key(case: Case) -> str:
    return case.case_id.partition(".")[0]


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
    )


def events_of(row: Row) -> tuple[str, ...]:
    """Return the row's events, oldest first."""
    past = tuple(one["S"] for one in row.get("told", {}).get("L", ()))
    return (*past, row["event"]["S"]) if "event" in row else past


def _item_row(entry: Entry, case: Case | None) -> Row:
    item = entry.item
    row: Row = {
        "key": {"S": f"ITEM#{item.key}"},
        "item": {"S": compact(item_to_json(item))},
        "v": {"N": str(item.version)},
        "deleted": {"BOOL": entry.deleted},
    }
    if entry.conversation_key != item.conversation_key:  # it went on in its parent's, or in none
        row["conversation"] = {"S": entry.conversation_key}
    if entry.case_id:
        row["in_case"] = {"S": entry.case_id}
        if case is None or case.first_item != item.key:
            row["list"] = {"S": f"CASE#{entry.case_id}"}
            row["list_at"] = {"S": item.created_at.isoformat()}
    if entry.event:
        row["event"] = {"S": compact(entry.event)}
    if entry.told:
        row["told"] = {"L": [{"S": one} for one in entry.told[-MOST_TOLD:]]}
    return row


def _case_row(key: str, case: Case) -> Row:
    return {
        "key": {"S": key},
        "case": {"S": compact(case_to_json(case))},
        "v": {"N": str(case.version)},
        "list": {"S": f"KEPT#{case.network}#{case.handle}"},
        "list_at": {"S": case.opened_at.isoformat()},
    }


def _shown(row: Row) -> dict[str, Any]:
    shown: dict[str, Any] = {"item": json.loads(row["item"]["S"]), "deleted": row["deleted"]["BOOL"]}
    shown["case_id"] = row.get("in_case", {}).get("S", "")
    shown["events"] = [json.loads(one) for one in events_of(row)]
    return shown


def put_if(table: str, row: Row, guard: str, replaces: int | None) -> TransactWriteItemTypeDef:
    """Return a put that holds only if the row is absent, or still has the version it replaces.

    Guard "" asks nothing.
    """
    put = {"TableName": table, "Item": row, **(unless_changed(guard, replaces) if guard else {})}
    return {"Put": put}  # type: ignore[typeddict-item] # built from parts


def unless_changed(guard: str, replaces: int | None) -> dict[str, Any]:
    """Return the condition that the row is absent (None), or still has the version that is replaced."""
    if replaces is None:
        return {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": "key"},
        }
    return {
        "ConditionExpression": "#guard = :was",
        "ExpressionAttributeNames": {"#guard": guard},
        "ExpressionAttributeValues": {":was": {"N": str(replaces)}},
    }


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


def get_rows(table: str, keys: Sequence[str], *, consistent: bool = True) -> Iterator[Row]:
    """Yield the rows that are there, a hundred a call; `Busy` when the table leaves some unread."""
    for start in range(0, len(keys), BATCH):
        asked = [{"key": {"S": key}} for key in keys[start : start + BATCH]]
        for _ in range(4):
            with passing_trouble("reading records"):
                answer = dynamodb().batch_get_item(
                    RequestItems={table: {"Keys": asked, "ConsistentRead": consistent}}
                )
            yield from answer["Responses"].get(table, ())
            left = answer.get("UnprocessedKeys", {}).get(table)
            if not left:
                break
            asked = left["Keys"]  # type: ignore[assignment] # the same shape, typed wider
        else:
            message = "reading records: the table leaves keys unprocessed"
            raise Busy(message)


def query_list(
    table: str, name: str, *, since: str = "", until: str = "", newest_first: bool = False
) -> Iterator[str]:
    """Yield the keys of a list in order of time, in [since, until)."""
    condition, values = "#list = :list", {":list": {"S": name}}
    if since and until:
        condition, values = (
            condition + " AND list_at BETWEEN :since AND :until",
            {
                **values,
                ":since": {"S": since},
                ":until": {"S": until},
            },
        )
    elif until:
        condition, values = condition + " AND list_at < :until", {**values, ":until": {"S": until}}
    more: dict[str, Any] = {}
    while True:
        with passing_trouble(f"listing {name}"):
            answer = dynamodb().query(
                TableName=table,
                IndexName="lists",
                KeyConditionExpression=condition,
                ExpressionAttributeNames={"#list": "list"},
                ExpressionAttributeValues=values,
                ScanIndexForward=not newest_first,
                **more,
            )
        yield from (row["key"]["S"] for row in answer["Items"] if row["list_at"]["S"] != until)
        if "LastEvaluatedKey" not in answer:
            return
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _commit(writes: Sequence[tuple[str, TransactWriteItemTypeDef]], doing: str) -> str:
    """Write all rows together, again without those pages whose cause has paged before."""
    try:
        with passing_trouble(doing):
            dynamodb().transact_write_items(TransactItems=[write for _, write in writes])
    except ClientError as error:
        if code_of(error) != "TransactionCanceledException":
            raise
        codes = _reasons(error, doing)
    else:
        return Committed.DONE
    if CONFLICT in codes:  # another router is at one of these rows: look again when it has gone on
        time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - seconds; spread, not secret
        return Committed.STALE
    turned_down = {what for (what, _), code in zip(writes, codes, strict=True) if code == UNMET}
    for what, meaning in (("item", Committed.KNOWN), ("case", Committed.STALE)):
        if what in turned_down:
            return meaning
    return _commit([write for write, code in zip(writes, codes, strict=True) if code != UNMET], doing)


def _reasons(error: ClientError, doing: str) -> list[str]:
    """Return the reason for each write: none, an unmet condition, or another transaction at that row.

    Anything else is for the next try (reliability.md §2.6).
    """
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment] # not in the stubs
    codes = [reason.get("Code", "None") for reason in reasons]
    other = sorted(set(codes) - {"None", UNMET, CONFLICT})
    if other or not {UNMET, CONFLICT}.intersection(codes):
        message = f"{doing}: {', '.join(other) or 'cancelled without a reason'}"
        raise Busy(message) from error
    return codes


class DynamoAuthors:
    """What look-ups told of authors, for a week."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def known(self, network: str, author_ids: Sequence[str]) -> Mapping[str, Author]:
        """Return those on record, in one call for up to a hundred."""
        rows = get_rows(self._table, [f"AUTHOR#{network}#{author_id}" for author_id in author_ids])
        told = (json.loads(row["author"]["S"]) for row in rows)
        return {
            one["id"]: Author(author_id=one["id"], handle=one["handle"], name=one["name"]) for one in told
        }

    def remember(self, network: str, authors: Iterable[Author], *, at: datetime) -> None:
        """Keep each for a week, with what the guard leaves of a name."""
        expires = str(int((at + AUTHOR_KEPT).timestamp()))
        for author in authors:
            body = {"id": author.author_id, "handle": author.handle, "name": mask(author.name).text}
            row: Row = {
                "key": {"S": f"AUTHOR#{network}#{author.author_id}"},
                "author": {"S": compact(body)},
                "expires_at": {"N": expires},
            }
            with passing_trouble("remembering an author"):
                dynamodb().put_item(TableName=self._table, Item=row)


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


class DynamoDeadLetters:
    """What could not be handled, kept with its page in one transaction until it is redriven."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def park(self, letters: Sequence[DeadLetter], *, at: datetime) -> int:
        """Keep each letter once."""
        return sum(self._park_one(letter, at) for letter in letters)

    def _park_one(self, letter: DeadLetter, at: datetime) -> bool:
        row: Row = {
            "key": {"S": f"DEAD#{letter.letter_id}"},
            "where": {"S": letter.where},
            "reason": {"S": letter.reason},
            "list": {"S": "DEAD"},
            "list_at": {"S": at.isoformat()},
            "expires_at": {"N": str(int((at + LETTER_KEPT).timestamp()))},
        }
        if letter.body:
            row["body"] = {"S": compact(letter.body)}
        writes = [
            ("item", put_if(self._table, row, "key", None)),
            ("page", put_page(self._table, dead_letter(letter.where, letter.reason, at), at)),
        ]
        return _commit(writes, "keeping a dead letter") == Committed.DONE

    def kept(self) -> Iterator[tuple[str, DeadLetter]]:
        """Yield each letter with its key."""
        for row in get_rows(self._table, list(query_list(self._table, "DEAD"))):
            key = row["key"]["S"]
            letter = DeadLetter(
                letter_id=key.removeprefix("DEAD#"),
                where=row["where"]["S"],
                reason=row["reason"]["S"],
                body=json.loads(row["body"]["S"]) if "body" in row else None,
            )
            yield key, letter

    def forget(self, key: str) -> None:
        """Delete a letter that has been dealt with."""
        with passing_trouble("forgetting a dead letter"):
            dynamodb().delete_item(TableName=self._table, Key={"key": {"S": key}})
