"""From the click to the network's id on record: the desk's function, the stream's, and `respond`, on X.

The peer is what a careful script does: one conditional put so that nobody else answers, one POST, one update
with the network's id. It asks nobody whether this handle may answer, leaves no trail, and after a time-out
or a crash it never finds out whether the customer has the answer.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from functions.desk.app import handler as desk
from functions.forward.app import handler as forward
from functions.respond.app import handler as respond
from tests.bench.cloud import Bill, Replay, Wire
from tests.bench.desk_day import TEXT, a_day, an_answer, may_be_answered
from tests.bench.installation import INVOCATION, sqs_event, stream_event
from tests.bench.measure import fastest, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.cloud import Cloud

ANSWERS = 20
POST = "http.POST"


class Network:
    """X, which takes every answer at once; `asked` counts what it is asked."""

    def __init__(self) -> None:
        self.asked = Counter[str]()
        self._ids = count(1)
        HTTPAdapter.send = self._send  # type: ignore[assignment,method-assign] # all that goes over HTTP comes here

    def _send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        self.asked[f"http.{request.method}"] += 1
        body = json.dumps({"data": {"id": str(next(self._ids)), "text": TEXT}}).encode()
        told = requests.Response()
        told.status_code = 201
        told.raw = HTTPResponse(io.BytesIO(body), status=201, preload_content=False)
        told.url = str(request.url)
        return told


class Step:
    """One step of every answer: counted once against the cloud, and done again from what it answered.

    What a function reads once in many minutes falls to the first answer, which is not counted.
    """

    def __init__(
        self, cloud: Cloud, wire: Wire, network: Network, work: Sequence[Callable[[], object]]
    ) -> None:
        first, *self._work = work
        self._wire = wire
        wire.behind = cloud.answer
        cloud.stream, cloud.sent = [], []
        with written():
            first()
            cloud.bill, cloud.answers = Bill(), []
            network.asked.clear()
            for once in self._work:
                once()
        self.stream, self.sent = cloud.stream, cloud.sent
        self.calls = cloud.bill.calls + network.asked
        self.write_units = cloud.bill.write_units
        self._replay = Replay(cloud.answers)

    def again(self) -> None:
        """Do it all again, with the answers as they were."""
        self._replay.rewind()
        self._wire.behind = self._replay.answer
        for once in self._work:
            once()


def figures() -> dict[str, Any]:
    """Return calls, processor time and write units of each step of an answer, and of the peer."""
    network, wire = Network(), Wire()
    cloud = a_day(wire)
    with written():
        cases = may_be_answered()[: ANSWERS + 1]
        clicks = [an_answer(one, f"answer-{number:04}") for number, one in enumerate(cases)]
    step = partial(Step, cloud, wire, network)
    approved = step([partial(_clicked, event) for event in clicks])
    ready = [stream_event([row])["Records"] for row in approved.stream if _state(row) == "ready"]
    forwarded = step([partial(forward, {"Records": records}, INVOCATION) for records in ready])
    responded = step([partial(_answered, sqs_event([body])) for body in forwarded.sent])
    posted = sum(_state(row) == "posted" for row in responded.stream)
    if not len(clicks) == len(ready) == posted:
        message = f"{posted} of {len(clicks)} answers were posted"
        raise RuntimeError(message)
    steps = {
        "approve": approved,
        "forward": forwarded,
        "respond": responded,
        "peer": step(_peers([event["body"] for event in clicks])),
    }
    with written():
        cpu = fastest({name: one.again for name, one in steps.items()})
    answers = len(clicks) - 1
    return {
        "answers": answers,
        "calls": {name: _each(one.calls, answers) for name, one in steps.items()},
        "cpu_us": {name: spent * 1000 / answers for name, spent in cpu.items()},
        "write_units": {name: one.write_units / answers for name, one in steps.items()},
    }


def _each(calls: Counter[str], answers: int) -> dict[str, float]:
    return {name: times / answers for name, times in sorted(calls.items())}


def _state(row: dict[str, Any]) -> str:
    return str(row.get("st", {}).get("S", ""))


def _clicked(event: dict[str, Any]) -> None:
    told = desk(event, INVOCATION)
    if told["statusCode"] != 201:
        message = f"an answer did not go out: {told['statusCode']} {told['body']}"
        raise RuntimeError(message)


def _answered(event: dict[str, Any]) -> None:
    if respond(event, INVOCATION)["batchItemFailures"]:
        message = "an answer was left for another try"
        raise RuntimeError(message)


def _peers(bodies: Sequence[str]) -> list[Callable[[], object]]:
    table, session = boto3.client("dynamodb"), requests.Session()
    return [partial(_peer, table, session, json.loads(body)["reply_id"]) for body in bodies]


def _peer(table: Any, session: requests.Session, reply_id: str) -> None:
    """Claim it, post it, put it on record."""
    key = {"key": {"S": f"SENT#{reply_id}"}}
    table.put_item(
        TableName="records",
        Item=key,
        ConditionExpression="attribute_not_exists(#key)",
        ExpressionAttributeNames={"#key": "key"},
    )
    told = session.post(
        "https://api.x.com/2/tweets",
        json={"text": TEXT, "reply": {"in_reply_to_tweet_id": "1"}},
        headers={"Authorization": "Bearer invented"},
        timeout=10,
    )
    told.raise_for_status()
    table.update_item(
        TableName="records",
        Key=key,
        UpdateExpression="SET post = :post",
        ExpressionAttributeValues={":post": {"S": told.json()["data"]["id"]}},
    )
