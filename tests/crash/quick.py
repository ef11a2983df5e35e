"""A short way to moto's table and topics for the usual calls, a tenth of the time of the way over the wire.

Only for calls that meet no fault; whatever is not known here, and each condition that does not hold, goes
over the wire, so that errors are moto's own. `test_enumeration.py` compares the two ways.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from tests.crash.seen import DEFAULT_ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from moto.dynamodb.models.table import Table

Row = dict[str, Any]
_INDEXES = {
    "due": ("due = :partition AND due_at <= :until", ":partition"),
    "lists": ("#list = :list AND list_at BETWEEN :since AND :until", ":list"),
}


def answer(operation: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what DynamoDB answers; None when the wire must be asked."""
    known = _KNOWN.get(operation)
    return known(asked) if known else None


def _table(name: str) -> Table:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[name]


def _row(table: Table, key: str) -> Row | None:
    item: Any = table.items.get(DynamoType({"S": key}))
    return item.to_json()["Attributes"] if item else None


def _get(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    row = _row(_table(asked["TableName"]), asked["Key"]["key"]["S"])
    return {"Item": row} if row else {}


def _batch_get(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    ((name, wanted),) = asked["RequestItems"].items()
    found = (_row(_table(name), key["key"]["S"]) for key in wanted["Keys"])
    return {"Responses": {name: [row for row in found if row]}, "UnprocessedKeys": {}}


def _query(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    index = asked.get("IndexName", "")
    expression, partition = _INDEXES.get(index, ("", ""))
    if asked["KeyConditionExpression"] != expression or "Limit" in asked:
        return None
    values = {name: value["S"] for name, value in asked["ExpressionAttributeValues"].items()}
    found = sorted(
        _of_partition(_table(asked["TableName"]), index.removesuffix("s"), values[partition]),
        key=lambda one: one[0],
        reverse=not asked.get("ScanIndexForward", True),
    )
    since, until, name = values.get(":since", ""), values[":until"], index.removesuffix("s")
    items = [
        {"key": {"S": key}, name: {"S": values[partition]}, f"{name}_at": {"S": at}}
        for at, key in found
        if since <= at <= until
    ]
    return {"Items": items, "Count": len(items), "ScannedCount": len(items)}


def _of_partition(table: Table, name: str, partition: str) -> Iterator[tuple[str, str]]:
    items: Any = table.items
    for key, item in items.items():
        there = item.attrs.get(name)
        if there is not None and there.value == partition:
            yield item.attrs[f"{name}_at"].value, key.value


def _update(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Add to a number, as the meter does; any other update is a write like the others."""
    if asked["UpdateExpression"] != "ADD spent :cost SET expires_at = :expires":
        return _write(asked)
    values, table = asked["ExpressionAttributeValues"], _table(asked["TableName"])
    row = {**asked["Key"], **(_row(table, asked["Key"]["key"]["S"]) or {}), "expires_at": values[":expires"]}
    spent = Decimal(row.get("spent", {"N": "0"})["N"]) + Decimal(values[":cost"]["N"])
    row["spent"] = {"N": str(spent)}
    table.put_item(row)
    return {"Attributes": {name: row[name] for name in ("spent", "expires_at")}}


def _write(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    return _write_all({"TransactItems": [{"Update" if "Key" in asked else "Put": asked}]})


def _write_all(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Write all rows, or leave it to the wire when one is not as simple as that."""
    writes = [one for write in asked["TransactItems"] for one in write.items()]
    if not all(one.keys() <= _SIMPLE and _holds(one) for _, one in writes):
        return None
    after = [_after(one) for kind, one in writes if kind in {"Put", "Update"}]
    if any(row is None for row in after):
        return None
    for row in after:
        _table(writes[0][1]["TableName"]).put_item(row)  # type: ignore[arg-type] # none of them is None
    for kind, one in writes:
        if kind == "Delete":
            _table(one["TableName"]).delete_item(DynamoType(one["Key"]["key"]), None)
    return {}


def _after(write: Mapping[str, Any]) -> Row | None:
    """Return the row after a put, or an update that sets and removes whole attributes, or adds to a set."""
    if "Item" in write:
        row: Row = write["Item"]
        return row
    simple = _UPDATE.fullmatch(write["UpdateExpression"])
    if not simple:
        return None
    names, values = write.get("ExpressionAttributeNames", {}), write["ExpressionAttributeValues"]
    row = {**write["Key"], **(_row(_table(write["TableName"]), write["Key"]["key"]["S"]) or {})}
    for one in simple[1].split(", "):
        name, _, value = one.partition(" = ")
        row[names.get(name, name)] = values[value]
    for name in (simple[2] or "").split(", "):
        row.pop(names.get(name, name), None)
    if simple[3]:
        name = names.get(simple[3], simple[3])
        row[name] = {"SS": sorted({*row.get(name, {}).get("SS", ()), *values[simple[4]]["SS"]})}
    return row


_UPDATE = re.compile(r"SET ((?:#?\w+ = :\w+(?:, )?)+)(?: REMOVE ([#\w, ]+))?(?: ADD (#?\w+) (:\w+))?")
_SIMPLE = {
    *("TableName", "Item", "Key", "UpdateExpression", "ConditionExpression"),
    *("ExpressionAttributeNames", "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure"),
}


def _holds(write: Mapping[str, Any]) -> bool:
    """Tell whether a condition that is known here holds for the row that is there."""
    row = _row(_table(write["TableName"]), (write.get("Item") or write["Key"])["key"]["S"])
    return holds(write, row or {})


def holds(write: Mapping[str, Any], row: Row) -> bool:
    """Tell whether a write's condition holds for a row, as far as its terms are known here."""
    condition = write.get("ConditionExpression")
    if condition is None:
        return True
    return any(all(_is(one, row, write) for one in each.split(" AND ")) for each in condition.split(" OR "))


def _is(term: str, row: Row, write: Mapping[str, Any]) -> bool:
    """Tell whether one term holds; one that is not known here does not."""
    known = _TERM.fullmatch(term)
    if not known:
        return False
    name = write.get("ExpressionAttributeNames", {}).get(known["name"] or known[1], known["name"] or known[1])
    if known[1]:
        return name not in row
    wanted = write["ExpressionAttributeValues"][known["value"]]
    if known["how"] == "=":
        return bool(row.get(name) == wanted)
    return bool({"S"} == row.get(name, {}).keys() == wanted.keys() and row[name]["S"] < wanted["S"])


_TERM = re.compile(r"attribute_not_exists\((#?\w+)\)|(?P<name>#?\w+) (?P<how>=|<) (?P<value>:\w+)")


def _publish(asked: Mapping[str, Any]) -> dict[str, Any]:
    _sent(asked["TopicArn"]).append(("1", asked["Message"], asked.get("Subject"), {}, None))
    return {"MessageId": "1"}


def _publish_batch(asked: Mapping[str, Any]) -> dict[str, Any]:
    for one in asked["PublishBatchRequestEntries"]:
        _publish({"TopicArn": asked["TopicArn"], **one})
    return {"Successful": [{"Id": one["Id"]} for one in asked["PublishBatchRequestEntries"]], "Failed": []}


def _sent(topic: str) -> list[Any]:
    sent: list[Any] = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[topic].sent_notifications
    return sent


def _send_batch(asked: Mapping[str, Any]) -> dict[str, Any]:
    backend = sqs_backends[DEFAULT_ACCOUNT_ID][REGION]
    for one in asked["Entries"]:
        backend.send_message(
            asked["QueueUrl"].rpartition("/")[2],
            one["MessageBody"],
            deduplication_id=one.get("MessageDeduplicationId"),
            group_id=one.get("MessageGroupId"),
        )
    return {"Successful": [{"Id": one["Id"]} for one in asked["Entries"]]}


_KNOWN: dict[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
    "GetItem": _get,
    "BatchGetItem": _batch_get,
    "Query": _query,
    "PutItem": _write,
    "UpdateItem": _update,
    "TransactWriteItems": _write_all,
    "Publish": _publish,
    "PublishBatch": _publish_batch,
    "SendMessageBatch": _send_batch,
}
