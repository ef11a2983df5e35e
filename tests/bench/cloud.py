"""A cloud of dictionaries that answers every AWS call at once, and counts what AWS would bill.

`Wire` hangs in botocore's `before-send`, so handlers and their clients run unchanged up to the socket. Behind
it is `Cloud`, which remembers, or `Replay`, which gives `Cloud`'s answers again and costs next to nothing.
"""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from tests.bench.prices import KIB, SQS_CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.awsrequest import AWSPreparedRequest

Row = dict[str, Any]
READ_UNIT = 4 * KIB


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.getvalue()


class Wire:
    """What every client of this process speaks to."""

    def __init__(self) -> None:
        self.behind: Callable[[str, bytes], tuple[int, bytes]] = Cloud().answer
        boto3.setup_default_session(region_name="eu-west-1")
        session = boto3._get_default_session()  # `boto3.client` uses it; it has no public name
        session.events.register("before-send", self._send)  # type: ignore[arg-type] # an answer is what it is for

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        body = request.body or b""
        status, answer = self.behind(event_name, body if isinstance(body, bytes) else str(body).encode())
        return AWSResponse(request.url, status, HTTPHeaders(), _Raw(answer))


@dataclass(kw_only=True)
class Bill:
    """What was asked of AWS: calls by name, DynamoDB's units, requests of 64 KiB by service, row sizes."""

    calls: Counter[str] = field(default_factory=Counter[str])
    write_units: float = 0
    read_units: float = 0
    chunks: Counter[str] = field(default_factory=Counter[str])
    row_bytes: dict[str, list[int]] = field(default_factory=dict[str, list[int]])


class Cloud:
    """Tables, queues, topics and secrets of one installation."""

    def __init__(self, secrets: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.stream: list[Row] = []
        self.sent: list[str] = []
        self.published: list[str] = []
        self.bill = Bill()
        self.answers: list[tuple[int, bytes]] = []
        self.trace: list[tuple[dict[tuple[str, str], Row], int]] = []
        self.traced = False
        self._secrets = secrets or {}

    def answer(self, event_name: str, body: bytes) -> tuple[int, bytes]:
        """Do what the call asks; `event_name` is botocore's, `before-send.service.Operation`."""
        _, service, operation = event_name.split(".")
        self.bill.calls[f"{service}.{operation}"] += 1
        asked = dict(parse_qsl(body.decode())) if service == "sns" else json.loads(body or b"{}")
        told = getattr(self, f"_{xform_name(operation)}")(asked, len(body))
        answer = (
            told
            if isinstance(told, tuple)
            else (200, told.encode() if isinstance(told, str) else json.dumps(told).encode())
        )
        self.answers.append(answer)
        self.step()
        return answer

    def step(self) -> None:
        """Note what the world is like after one more effect on it: the rows, and how much was sent."""
        if self.traced:
            self.trace.append((dict(self.rows), len(self.sent)))

    # DynamoDB

    def _get_item(self, asked: Row, _size: int) -> Row:
        row = self._read(asked["TableName"], asked["Key"], consistent=asked.get("ConsistentRead", False))
        return {"Item": row} if row else {}

    def _batch_get_item(self, asked: Row, _size: int) -> Row:
        found: dict[str, list[Row]] = {}
        for table, want in asked["RequestItems"].items():
            rows = [
                self._read(table, key, consistent=want.get("ConsistentRead", False)) for key in want["Keys"]
            ]
            found[table] = [row for row in rows if row]
        return {"Responses": found, "UnprocessedKeys": {}}

    def _read(self, table: str, key: Row, *, consistent: bool) -> Row | None:
        row = self.rows.get((table, _key(key)))
        self.bill.read_units += units(row_bytes(row or {}), READ_UNIT) / (1 if consistent else 2)
        return row

    def _query(self, asked: Row, _size: int) -> Row:
        """List keys, as both indexes do; `:since` and `:until` bound them, both among what is listed."""
        name = "due" if asked["IndexName"] == "due" else "list"
        values = {key: value["S"] for key, value in asked["ExpressionAttributeValues"].items()}
        partition = next(value for key, value in values.items() if key not in {":since", ":until"})
        found = [
            {each: row[each] for each in ("key", name, f"{name}_at")}
            for row in self.rows.values()
            if _index_entry(row, name, f"{name}_at")
            and row[name]["S"] == partition
            and values.get(":since", "") <= row[f"{name}_at"]["S"] <= values[":until"]
        ]
        found.sort(
            key=lambda row: str(row[f"{name}_at"]["S"]), reverse=not asked.get("ScanIndexForward", True)
        )
        page = found[: asked.get("Limit")]
        self.bill.read_units += units(sum(map(row_bytes, page)), READ_UNIT) / 2
        last = {"LastEvaluatedKey": page[-1]} if len(page) < len(found) else {}
        return {"Items": page, "Count": len(page), "ScannedCount": len(page), **last}

    def _put_item(self, asked: Row, _size: int) -> Row | tuple[int, bytes]:
        if not holds(asked, self._row_of(asked)):
            return 400, b'{"__type": "ConditionalCheckFailedException", "message": "no"}'
        self._write(asked, times=1)
        return {}

    def _update_item(self, asked: Row, _size: int) -> Row | tuple[int, bytes]:
        was = self._row_of(asked)
        if not holds(asked, was):
            return 400, b'{"__type": "ConditionalCheckFailedException", "message": "no"}'
        after = updated(asked, was)
        self._write({"TableName": asked["TableName"], "Item": after}, times=1)
        return {"Attributes": {name: value for name, value in after.items() if was.get(name) != value}}

    def _transact_write_items(self, asked: Row, _size: int) -> Row | tuple[int, bytes]:
        writes = [(kind, one) for write in asked["TransactItems"] for kind, one in write.items()]
        held = [holds(one, self._row_of(one)) for _, one in writes]
        for kind, one in writes:
            self._in_transaction(kind, one, keep=all(held))
        if all(held):
            return {}
        reasons = [{"Code": "None" if each else "ConditionalCheckFailed"} for each in held]
        told = {"__type": "TransactionCanceledException", "message": "no", "CancellationReasons": reasons}
        return 400, json.dumps(told).encode()

    def _in_transaction(self, kind: str, write: Row, *, keep: bool) -> None:
        was = self._row_of(write)
        if kind == "Update":
            write = {"TableName": write["TableName"], "Item": updated(write, was)}
        if kind in {"Put", "Update"}:
            self._write(write, times=2, keep=keep)
            return
        self.bill.write_units += 2 * units(row_bytes(was), KIB)
        if kind == "Delete" and keep and was:
            self.bill.write_units += sum(_index_entry(was, *keys) is not None for keys in INDEXES)
            del self.rows[write["TableName"], _key(write["Key"])]

    def _row_of(self, write: Row) -> Row:
        """Return the row that a write is about; empty where there is none."""
        return self.rows.get((write["TableName"], _key(write.get("Item") or write["Key"])), {})

    def _write(self, put: Row, *, times: int, keep: bool = True) -> None:
        row, place = put["Item"], (put["TableName"], _key(put["Item"]))
        was = self.rows.get(place)
        size = row_bytes(row)
        self.bill.write_units += times * units(max(size, row_bytes(was or {})), KIB)
        if not keep:
            return
        self.bill.row_bytes.setdefault(place[1].partition("#")[0], []).append(size)
        for keys in INDEXES:
            entry, entry_was = _index_entry(row, *keys), _index_entry(was or {}, *keys)
            if entry != entry_was:  # a changed index key is a deletion and a put
                self.bill.write_units += (entry is not None) + (entry_was is not None)
        self.rows[place] = row
        self.stream.append(row)

    # Queues, topics, secrets

    def _send_message(self, asked: Row, size: int) -> Row:
        self.bill.chunks["sqs"] += units(size, SQS_CHUNK)
        self.sent.append(asked["MessageBody"])
        return {"MessageId": "m"}

    def _send_message_batch(self, asked: Row, size: int) -> Row:
        self.bill.chunks["sqs"] += units(size, SQS_CHUNK)
        self.sent += [entry["MessageBody"] for entry in asked["Entries"]]
        return {
            "Successful": [{"Id": entry["Id"], "MessageId": "m"} for entry in asked["Entries"]],
            "Failed": [],
        }

    def _publish(self, _asked: Row, size: int) -> str:
        self.bill.chunks["sns pages"] += units(size, SQS_CHUNK)
        return "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>"

    def _publish_batch(self, asked: Row, _size: int) -> str:
        messages = [value for name, value in asked.items() if name.endswith(".Message")]
        told = sum(len(value) for name, value in asked.items() if "RequestEntries" in name)
        self.bill.chunks["sns"] += units(told, SQS_CHUNK)
        self.published += messages
        return (
            "<PublishBatchResponse><PublishBatchResult><Successful/><Failed/></PublishBatchResult>"
            "</PublishBatchResponse>"
        )

    def _get_secret_value(self, asked: Row, _size: int) -> Row:
        return {"Name": asked["SecretId"], "SecretString": json.dumps(self._secrets[asked["SecretId"]])}


class Replay:
    """Gives recorded answers again, in order and without a look at what is asked."""

    def __init__(self, answers: list[tuple[int, bytes]]) -> None:
        self._answers = answers
        self._next = iter(answers)

    def answer(self, _event_name: str, _body: bytes) -> tuple[int, bytes]:
        """Return the next answer."""
        return next(self._next)

    def rewind(self) -> None:
        """Begin again."""
        self._next = iter(self._answers)


def units(size: int, step: int) -> int:
    """Return how many units of `step` bytes are billed: at least one."""
    return max(1, -(-size // step))


def row_bytes(row: Mapping[str, Any]) -> int:
    """Return a row's size as DynamoDB counts it: names and values in UTF-8, two digits to a byte."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in row.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    kind, inside = next(iter(value.items()))
    if kind == "S":
        return len(inside.encode())
    if kind == "N":
        return len(inside.strip("-.")) // 2 + 2
    if kind == "B":
        return len(b64decode(inside))
    if kind == "L":
        return 3 + sum(1 + _value_bytes(each) for each in inside)
    if kind == "M":
        return 3 + len(inside) + row_bytes(inside)
    return 1


def holds(write: Mapping[str, Any], row: Row) -> bool:
    """Tell whether a write's condition holds for a row; its terms are the few forms that are in use."""
    if "ConditionExpression" not in write:
        return True
    ways = write["ConditionExpression"].split(" OR ")
    return any(all(_is(term, row, write) for term in way.split(" AND ")) for way in ways)


def _is(term: str, row: Row, write: Mapping[str, Any]) -> bool:
    absent, name, how, value = _TERM.search(term).groups()  # type: ignore[union-attr] # no other forms are in use
    name = write.get("ExpressionAttributeNames", {}).get(absent or name, absent or name)
    if absent:
        return name not in row
    there, wanted = row.get(name), write["ExpressionAttributeValues"][value]
    if there is None or how == "=":
        return bool(there == wanted)
    ((kind, mine),) = there.items()
    less, limit = (float(mine), float(wanted[kind])) if kind == "N" else (mine, wanted[kind])
    return bool(less < limit if how == "<" else less <= limit)


def updated(update: Mapping[str, Any], row: Row) -> Row:
    """Return a row as an update leaves it: attributes set and removed, numbers added."""
    names, values = update.get("ExpressionAttributeNames", {}), update["ExpressionAttributeValues"]
    after = {**update["Key"], **row}
    for verb, told in _VERBS.findall(update["UpdateExpression"]):
        for part in told.split(", "):
            told_name, _, value = part.replace(" = ", " ").partition(" ")
            name = names.get(told_name, told_name)
            if verb == "SET" and value in values:
                after[name] = values[value]
            elif verb == "REMOVE":
                after.pop(name, None)
            else:
                more = Decimal(values[value.rpartition(" ")[2]]["N"])
                after[name] = {"N": str(Decimal(row.get(name, {"N": "0"})["N"]) + more)}
    return after


_TERM = re.compile(r"attribute_not_exists\((#?\w+)\)|(#?\w+) (=|<=|<) (:\w+)")
_VERBS = re.compile(r"(SET|REMOVE|ADD) (.+?)(?= (?:SET|REMOVE|ADD) |$)")


def _key(row: Mapping[str, Any]) -> str:
    return str(row.get("key", row.get("id"))["S"])


INDEXES = (("list", "list_at"), ("due", "due_at"))  # keys only, of rows that have both attributes


def _index_entry(row: Mapping[str, Any], partition: str, order: str) -> tuple[str, str] | None:
    """Return the row's place in an index."""
    return (row[partition]["S"], row[order]["S"]) if partition in row and order in row else None
