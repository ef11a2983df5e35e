"""A day at the desk to measure: the mix of items routed, and members who ask the API through its function."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.aws import organisation
from allhours.aws.desk_api import pace
from allhours.domain.item import item_to_json
from functions.desk.app import handler
from functions.route.app import handler as route
from tests.bench.cloud import Cloud
from tests.bench.installation import INVOCATION, sqs_event
from tests.bench.items import items
from tests.bench.measure import written
from tests.desk_calls import event_of

if TYPE_CHECKING:
    from tests.bench.cloud import Wire

Event = dict[str, Any]
PETRA = {"sub": "bench", "email": "petra@acmebank.example", "email_verified": "true"}  # an administrator
TEXT = "We are looking into it and come back to you today."
BATCH = 10
ALONE = ("accounts", "cards", "online_banking", "payments")  # approval: none, in the example organisation


def a_day(wire: Wire) -> Cloud:
    """Return a cloud with the mix in it, said just now; the rota is read once, and nobody is too fast."""
    (organisation.live_organisation.__kwdefaults__ or {})["within"] = float("inf")
    pace.READS = pace.WRITES = 10_000  # a second: who asks in a loop, as no person does, is refused
    x = {"access_token": "invented", "scope": "tweet.read tweet.write users.read dm.write"}
    handles = organisation.organisation().handles_on("x")
    cloud = Cloud({f"allhours/bench/{handle.secret}": x for handle in handles})
    wire.behind = cloud.answer
    organisation.live_organisation(datetime.now(UTC))
    bodies = [json.dumps(item_to_json(replace(item, created_at=datetime.now(UTC)))) for item in items()]
    with written():
        for start in range(0, len(bodies), BATCH):
            route(sqs_event(bodies[start : start + BATCH]), INVOCATION)
    return cloud


def asked(method: str, path: str, *, query: str = "", body: object = None, **headers: str) -> Event:
    """Return the event of a request that Petra makes."""
    return event_of(method, path, query=query, body=body, headers=headers, claims=PETRA)


def answer(event: Event) -> Any:
    """Return what the desk's function answers, decoded; raises where it is no success."""
    told = handler(event, INVOCATION)
    if told["statusCode"] >= 300:
        path = event["rawPath"]
        message = f"{path}: {told['statusCode']} {told['body']}"
        raise RuntimeError(message)
    return json.loads(told["body"])


def may_be_answered() -> list[str]:
    """Return the cases on X that one person may answer alone."""
    rows = answer(asked("GET", "/api/cases", query="limit=100"))["cases"]
    return [row["case_id"] for row in rows if row["case_id"].startswith("x-") and row["unit"] in ALONE]


def an_answer(case_id: str, reply_id: str) -> Event:
    """Return the request that answers a case, as it is shown now."""
    seen = answer(asked("GET", f"/api/cases/{case_id}"))["seen"]
    return asked(
        "POST",
        f"/api/cases/{case_id}/replies",
        body={"text": TEXT, "reply_id": reply_id, "seen": seen},
        idempotency_key=reply_id,
    )
