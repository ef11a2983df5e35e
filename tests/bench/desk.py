"""The desk: what loads until the first list is on the screen, and what one request of its API costs."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64decode
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3

from functions.desk.app import handler
from tests.bench.cloud import Replay, Wire
from tests.bench.desk_day import TEXT, a_day, an_answer, answer, asked, may_be_answered
from tests.bench.installation import INVOCATION
from tests.bench.measure import spread, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.cloud import Cloud
    from tests.bench.desk_day import Event

ROWS = 25
_NAMED = re.compile(r'(?:href|src)="desk/([\w.-]+)|from "\./([\w.-]+)')  # not import(…), which comes later


def figures() -> dict[str, Any]:
    """Return bytes and requests of the first list, and for each request calls and microseconds."""
    wire = Wire()
    cloud = a_day(wire)
    with written():
        return {"weight": _weight(), "api": _api(wire, cloud)}


def loaded_first() -> list[str]:
    """Return the addresses that a browser asks for before the first list, the page first."""
    found, left = ["/desk"], ["/desk"]
    while left:
        text = _got(left.pop(0)).decode()
        for names in _NAMED.findall(text):
            address = f"/desk/{''.join(names)}"
            if address not in found:
                found.append(address)
                left.append(address)
    return [*found, "/desk/config.json"]


def _weight() -> dict[str, float]:
    """Return how much it is, in bytes of bodies; API Gateway packs nothing, so the list comes as it is."""
    addresses = loaded_first()
    rows, cursor, requests, listed = 0, "", 0, b""
    while rows < ROWS:
        body = _got("/api/cases", f"limit={ROWS - rows}&cursor={cursor}")
        told = json.loads(body)
        rows, cursor, requests, listed = rows + len(told["cases"]), told["next"], requests + 1, listed + body
    return {
        "files": len(addresses),
        "files_raw": sum(len(_got(address)) for address in addresses),
        "files_served": sum(len(_got(address, accept_encoding="gzip")) for address in addresses),
        "list_requests": requests,
        "list_served": len(listed),
        "list_packed": len(gzip.compress(listed)),
    }


def _got(address: str, query: str = "", **headers: str) -> bytes:
    told = handler(asked("GET", address, query=query, **headers), INVOCATION)
    if told["statusCode"] != 200:
        message = f"{address}: {told['statusCode']}"
        raise RuntimeError(message)
    return b64decode(told["body"]) if told.get("isBase64Encoded") else told["body"].encode()


def _api(wire: Wire, cloud: Cloud) -> dict[str, dict[str, float]]:
    """Return calls, p50 and p99 by request, beside a handler that does nothing and one read with boto3."""
    answered, drafted, *_ = may_be_answered()
    requests = {
        "GET /api/me": asked("GET", "/api/me"),
        f"GET /api/cases, {ROWS} rows": asked("GET", "/api/cases", query=f"limit={ROWS}"),
        "GET /api/cases/{case_id}": asked("GET", f"/api/cases/{answered}"),
        "PUT …/draft": asked("PUT", f"/api/cases/{drafted}/draft", body={"text": TEXT}, if_none_match="*"),
        "POST …/replies": an_answer(answered, "bench-answer"),
    }
    plain = boto3.client("dynamodb")  # as boto3 makes it, without our settings
    key = {"key": {"S": f"CASE#{answered}"}}
    programs: dict[str, Callable[[], object]] = {
        **{name: partial(answer, event) for name, event in requests.items()},
        "one get_item of boto3": lambda: plain.get_item(TableName="records", Key=key),
    }
    recorded = {name: _recorded(wire, cloud, program) for name, program in programs.items()}
    again: dict[str, Callable[[], object]] = {name: program for name, (_, program) in recorded.items()}
    told = spread({"a bare handler": lambda: _bare(requests["GET /api/me"], INVOCATION), **again})
    calls = {name: count for name, (count, _) in recorded.items()}
    return {
        name: {"calls": calls.get(name, 0), "p50_us": p50, "p99_us": p99} for name, (p50, p99) in told.items()
    }


def _recorded(wire: Wire, cloud: Cloud, program: Callable[[], object]) -> tuple[int, Callable[[], object]]:
    """Do it once; return how many calls of AWS it made, and it again with the answers as they were."""
    wire.behind = cloud.answer
    before = len(cloud.answers)
    program()
    replay = Replay(cloud.answers[before:])

    def again() -> None:
        wire.behind = replay.answer
        replay.rewind()
        program()

    return len(cloud.answers) - before, again


def _bare(event: Event, _context: object) -> Event:
    """Answer with the same words each time: what a function costs that does nothing."""
    del event
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"is": "well"}),
    }
