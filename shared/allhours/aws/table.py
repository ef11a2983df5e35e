"""One DynamoDB table for all that is on record, and how every row of it is read and written.

| key | holds | list (index `lists`) |
| --- | --- | --- |
| `ITEM#network#id` | the item, its case, the event of its last change | `CASE#case`, when it has no room |
| `CASE#case` | the conversation's current case; in `CASES#unit` while it is open | `KEPT#network#handle` |
| `OLD#case.generation` | a case that a later one of the same conversation replaced | `KEPT#network#handle` |
| `PAGE#page` | a page, its climb; due in `PAGES` until somebody has it | `PAGES` while one is to be called |
| `TAP#token` | which page, serial and member a page's link is for | |
| `BUDGET#member` | what a member was sent lately; due in `BUNDLES` while something waits | |
| `REACH#member` | when a member was last tried, and reached | |
| `LABEL#case#version` | that a member moved the case, from where, to where; no words | `LABELS` |
| `NOTICE#notice` | what a unit is told beside case events | `TOLD#case`, `TOLD#unit` |
| `HANDOVER#unit#instant` | that a handover was told; seconds | |
| `CLOCK` | up to when every handover was told, and of which units ever | |
| `DEAD#letter` | what could not be handled | `DEAD` |
| `ROTA` | the changes to the rota that count, or wait for consent | |
| `CHANGE#change` | a change to the rota, and every state it had | `CHANGES` |
| `LINK#member:id`, `LINK#unit:id` | the serial of their links and calendars; earlier ones are void | |
| `GAP#unit#kind#start#end` | a hole in the rota, and which announcements are left | |
| `PROVED#unit` | what the last night saw of a unit's plan | |
| `CURSOR#network#account#handle` | where reading stands | |
| `SPENT#network#account#day` | what paid reads and quota units cost; `SPENT#network#day` by all | |
| `RATE#network#account#handle` | how often a handle is spoken to, by hour of the week | |
| `CARE#network#account#handle` | how a handle's connection was when it was last looked at | |
| `AUTHOR#network#id` | who an author is, for some days | |
| `REPLY#reply` | an approved answer; due in `REPLIES` while it is to be looked at | `REPLIES#case` |
| `ANSWER#network#item#slot` | the reply that may answer the item | |
| `POST#network#id` | the reply that a network has under this id | |
| `DRAFT#case` | an answer in the making | `DRAFTS#unit` |
| `AUDIT#audit` | who did what, when | `AUDIT#case`, `AUDIT#unit` |
| `NOTE#case#note` | what a member noted for the others | `NOTES#case` |
| `IDEMPOTENT#member#key` | what came of a write at the desk: its status, what to show; a day | |
| `PACE#member` | up to when a member's writes are spent, for an hour | |
| `CARD#card` | whether an answer card's link leads somewhere | |
| `LOCK#secret` | who is renewing a token | |
| `FORGET#item` | that what else is kept of an ended item has to go; due in `FORGET` | |
| `WEBHOOK#id#address` | that a receiver switched its webhook off | |
"""

from __future__ import annotations

import json
import random
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from allhours.aws.clients import code_of, dynamodb, passing_trouble
from allhours.aws.packed import unpacked
from allhours.domain.errors import BadInput, Busy
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

Row = dict[str, Any]
BATCH = 100  # keys in one BatchGetItem, DynamoDB's limit
CONFLICT = "TransactionConflict"
UNMET = "ConditionalCheckFailed"
ALONE = {"ConditionalCheckFailedException": UNMET, "TransactionConflictException": CONFLICT}
FIRST, LAST = "0", "~"  # before and after every ISO 8601 instant


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_NOT_CARRIED = re.compile("[\ud800-\udfff\ufffe\uffff]")  # SQS and SNS turn a message with one down


def compact(body: Mapping[str, Any]) -> str:
    """Return JSON without spaces, for every kilobyte of a row is paid for, in characters that AWS carries."""
    text = _JSON.encode(body)
    return text if text.isascii() else _NOT_CARRIED.sub("\ufffd", text)


@contextmanager
def readable(key: str) -> Iterator[None]:
    """Turn a row that this release cannot read into `BadInput` that names it; another release wrote it."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"{key}: this release cannot read the row ({type(error).__name__})"
        raise BadInput(message) from error


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


def get_rows(table: str, keys: Sequence[str], *, consistent: bool = True) -> Iterator[Row]:
    """Yield the rows that are there, a hundred a call; `Busy` when the table leaves some unread."""
    for start in range(0, len(keys), BATCH):
        asked = [{"key": {"S": key}} for key in keys[start : start + BATCH]]
        for _ in range(4):
            with passing_trouble("reading records"):
                answer = dynamodb().batch_get_item(
                    RequestItems={table: {"Keys": asked, "ConsistentRead": consistent}}
                )
            yield from map(unpacked, answer["Responses"].get(table, ()))
            left = answer.get("UnprocessedKeys", {}).get(table)
            if not left:
                break
            asked = left["Keys"]  # type: ignore[assignment] # the same shape, typed wider
        else:
            message = "reading records: the table leaves keys unprocessed"
            raise Busy(message)


def query_list(
    table: str, name: str, *, since: str = FIRST, until: str = LAST, newest_first: bool = False
) -> Iterator[str]:
    """Yield the keys of a list in order of time, in [since, until)."""
    return (
        key for key, _ in _listed(table, name, since=since, until=until, newest_first=newest_first, page=0)
    )


def listed_at(
    table: str,
    name: str,
    *,
    since: str = FIRST,
    until: str = LAST,
    newest_first: bool = False,
    page: int = 0,
) -> Iterator[str]:
    """Yield the instants of a list in order of time, in [since, until).

    A call reads `page` of them: a megabyte (0) is for who wants all, and is paid for by who takes only one.
    """
    return (
        at for _, at in _listed(table, name, since=since, until=until, newest_first=newest_first, page=page)
    )


def _listed(
    table: str, name: str, *, since: str, until: str, newest_first: bool, page: int
) -> Iterator[tuple[str, str]]:
    more: dict[str, Any] = {"Limit": page} if page else {}
    while True:
        with passing_trouble(f"listing {name}"):
            answer = dynamodb().query(
                TableName=table,
                IndexName="lists",
                KeyConditionExpression="#list = :list AND list_at BETWEEN :since AND :until",
                ExpressionAttributeNames={"#list": "list"},
                ExpressionAttributeValues={
                    ":list": {"S": name},
                    ":since": {"S": since},
                    ":until": {"S": until},
                },
                ScanIndexForward=not newest_first,
                **more,
            )
        yield from (
            (row["key"]["S"], row["list_at"]["S"]) for row in answer["Items"] if row["list_at"]["S"] != until
        )
        if "LastEvaluatedKey" not in answer:
            return
        more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def commit(writes: Sequence[tuple[str, TransactWriteItemTypeDef]], doing: str) -> str:
    """Write all rows together, again without those pages and notices whose cause has been told before."""
    codes = _turned_down(writes, doing)
    if not codes:
        return Committed.DONE
    if CONFLICT in codes:  # another router is at one of these rows: look again when it has gone on
        time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - seconds; spread, not secret
        return Committed.STALE
    turned_down = {what for (what, _), code in zip(writes, codes, strict=True) if code == UNMET}
    for what, meaning in (("item", Committed.KNOWN), ("once", Committed.KNOWN), ("case", Committed.STALE)):
        if what in turned_down:
            return meaning
    return commit([write for write, code in zip(writes, codes, strict=True) if code != UNMET], doing)


def _turned_down(writes: Sequence[tuple[str, TransactWriteItemTypeDef]], doing: str) -> list[str]:
    """Write all rows; return the reason for each, or nothing when they are written.

    One row needs no transaction, which costs twice as much; but then only an item, for when an answer is lost
    a plain put takes what it wrote itself for another's, and who routes looks again.
    """
    (what, first), *more = writes
    with passing_trouble(doing):
        try:
            if what == "item" and "Put" in first and not more:
                dynamodb().put_item(**first["Put"])
            else:
                dynamodb().transact_write_items(TransactItems=[write for _, write in writes])
        except ClientError as error:
            code = code_of(error)
            if code in ALONE:
                return [ALONE[code]]
            if code != "TransactionCanceledException":
                raise
            return reasons_of(error, doing)
    return []


def refusals(writes: Sequence[TransactWriteItemTypeDef], doing: str) -> list[tuple[str, Row]]:
    """Write all rows together, or one alone; return the reason for each, or nothing when they are written.

    Beside an unmet condition stands the row that is there, where the write asked for it (ALL_OLD); so who
    meets what it wrote itself, because an answer was lost, can tell.
    """
    first, *more = writes
    with passing_trouble(doing):
        try:
            if more or "Put" not in first:
                dynamodb().transact_write_items(TransactItems=writes)
            else:
                dynamodb().put_item(**first["Put"])
        except ClientError as error:
            code = code_of(error)
            told: dict[str, Any] = {**error.response}
            if code in ALONE:
                return [(ALONE[code], told.get("Item", {}))]
            if code != "TransactionCanceledException":
                raise
            rows = [one.get("Item", {}) for one in told.get("CancellationReasons", ())]
            return list(zip(reasons_of(error, doing), rows, strict=True))
    return []


def reasons_of(error: ClientError, doing: str) -> list[str]:
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
