"""Webhooks on moto: an event is split, delivered as it reads now, hidden, buried and redriven."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from allhours.aws import notify, organisation, wiring
from allhours.aws.clients import dynamodb, sqs
from allhours.aws.stack import Stack
from allhours.aws.webhooks import key_of
from allhours.cli import arguments, deployed
from allhours.cli.__main__ import main
from allhours.domain.delivery import delivery_of
from allhours.domain.errors import Unreachable
from allhours.domain.item import Change
from allhours.domain.router import Router
from allhours.domain.voice import Webhook
from allhours.networks.receiver import Answered, Receiver
from tests.builders import NOON, an_item, an_organisation
from tests.crash.seen import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.crash.harness import World

CRM = Webhook(webhook_id="crm", url="https://crm.example/", secret="webhooks/crm")
DESK = Webhook(webhook_id="desk", url="https://desk.example/", secret="webhooks/crm")
BANK = an_organisation(webhooks=(CRM, DESK))
WORDS = "zinnober my card was stolen"


class Receivers:
    """Two systems, and what each of them says; what they were sent."""

    def __init__(self) -> None:
        """Let both take everything."""
        self.says: dict[str, int | Exception] = {}
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Answer as told."""
        said = self.says.get(url, 200)
        if isinstance(said, Exception):
            raise said
        self.sent.append((url, headers["webhook-id"], json.loads(body)))
        return Answered(status=said)


@pytest.fixture
def receivers(world: World, monkeypatch: pytest.MonkeyPatch) -> Receivers:
    """Create the queues and the secret, and let the receivers answer."""
    del world
    urls = {name: sqs().create_queue(QueueName=name)["QueueUrl"] for name in ("deliveries", "dead")}
    monkeypatch.setenv("WEBHOOK_DELIVERIES_URL", urls["deliveries"])
    monkeypatch.setenv("WEBHOOK_DEAD_LETTERS_URL", urls["dead"])
    key = {"key": f"whsec_{base64.b64encode(b'k' * 24).decode()}"}
    boto3.client("secretsmanager").create_secret(
        Name="allhours/test/webhooks/crm", SecretString=json.dumps(key)
    )
    for cached in (wiring.deliveries, wiring.office):
        cached.cache_clear()
    for where in (notify, organisation):
        monkeypatch.setattr(where, "organisation", lambda: BANK)
    outputs = {
        "RecordsTable": "records",
        "WebhookDeliveriesUrl": urls["deliveries"],
        "WebhookDeadLettersUrl": urls["dead"],
    }
    monkeypatch.setattr(deployed, "stack", lambda _: Stack("bank", "test", outputs))
    monkeypatch.setattr(arguments, "organisation_of", lambda _: BANK)
    made = Receivers()
    monkeypatch.setattr(Receiver, "post", lambda _self, *given: made.post(*given))
    return made


def waiting(queue: str = "deliveries") -> list[dict[str, Any]]:
    """Return what is visible on a queue, and leave it hidden."""
    url = sqs().get_queue_url(QueueName=queue)["QueueUrl"]
    answer = sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=180)
    return [dict(one) for one in answer.get("Messages", [])]


def notified(messages: list[dict[str, Any]], tries: int = 1) -> list[str]:
    """Hand messages to the function as Lambda does; return those that come again, delete the others."""
    url = sqs().get_queue_url(QueueName="deliveries")["QueueUrl"]
    records = [
        {
            "messageId": one["MessageId"],
            "receiptHandle": one["ReceiptHandle"],
            "body": one["Body"],
            "attributes": {"ApproximateReceiveCount": str(tries)},
        }
        for one in messages
    ]
    failed = [one["itemIdentifier"] for one in notify.notify_batch({"Records": records})["batchItemFailures"]]
    for record in records:
        if record["messageId"] not in failed and record["receiptHandle"]:
            sqs().delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
    return failed


def an_event(world: World) -> dict[str, Any]:
    """Let Leela say something, and return what the topic brings."""
    decision = Router(BANK).decide(an_item(text=WORDS), None, None, "x#1", NOON)
    assert wiring.records().commit(decision, at=NOON) == "done"
    world.forward()
    return events()[-1]


def split(event: Mapping[str, Any]) -> None:
    assert notified([{"MessageId": "m", "ReceiptHandle": "", "Body": json.dumps(event)}]) == []


def test_an_event_reaches_every_webhook_once_under_one_id(world: World, receivers: Receivers) -> None:
    event = an_event(world)
    split(event)
    messages = waiting()
    assert WORDS not in json.dumps(messages), "a queue holds no words"
    assert notified(messages) == []
    assert [(url, body) for url, _, body in receivers.sent] == [(CRM.url, event), (DESK.url, event)]
    assert len({name for _, name, _ in receivers.sent}) == 1
    assert waiting() == []


def test_a_dead_receiver_holds_up_and_repeats_nobody_else(world: World, receivers: Receivers) -> None:
    receivers.says[CRM.url] = Unreachable("webhook", "no answer")
    split(an_event(world))
    messages = waiting()
    again = notified(messages)
    assert [one["MessageId"] for one in messages if '"crm"' in one["Body"]] == again
    assert [url for url, *_ in receivers.sent] == [DESK.url]
    receivers.says.clear()
    world.clock.shift(timedelta(seconds=9, milliseconds=999))
    comes = waiting()
    world.clock.shift(timedelta(seconds=2))
    comes += waiting()
    assert notified(comes, tries=2) == []
    assert sorted(url for url, *_ in receivers.sent) == [CRM.url, DESK.url]


def test_what_its_author_took_back_meanwhile_is_not_told_any_more(world: World, receivers: Receivers) -> None:
    split(an_event(world))
    known = wiring.records().read(("x#1",), ("x#1",), consistent=True)
    gone = an_item(text="", change=Change.DELETED)
    decision = Router(BANK).decide(gone, known.known["x#1"], known.cases["x#1"], "x#1", NOON)
    assert wiring.records().commit(decision, at=NOON) == "done"
    notified(waiting())
    assert [body["event"] for *_, body in receivers.sent] == ["case.opened", "case.opened"]
    assert "zinnober" not in json.dumps(receivers.sent)


def test_what_was_buried_is_sent_again_once_by_redrive(world: World, receivers: Receivers) -> None:
    receivers.says = {CRM.url: 404, DESK.url: 410}
    split(an_event(world))
    assert notified(waiting()) == []
    dead = waiting("dead")
    reasons = sorted(json.loads(one["Body"])["reason"] for one in dead)
    assert reasons == ["it answered 404", "it answered 410"]
    assert WORDS not in json.dumps(dead)
    found = dynamodb().scan(TableName="records")["Items"]
    pages = [row for row in found if row["key"]["S"].startswith("PAGE#webhook#desk")]
    assert len(pages) == 1
    receivers.says.clear()
    receivers.sent.clear()
    world.clock.shift(timedelta(minutes=4))
    assert main(["redrive", "--webhooks"]) == 0
    assert waiting("dead") == []
    notified(waiting())
    assert sorted(url for url, *_ in receivers.sent) == [CRM.url, DESK.url]
    assert main(["redrive", "--webhooks"]) == 0
    assert waiting() == []


def test_a_webhook_with_a_new_address_is_on_again() -> None:
    assert key_of(CRM) != key_of(replace(CRM, url="https://crm.example/2"))


def test_a_notice_is_told_as_it_is(receivers: Receivers) -> None:
    told = {"notice_id": "n1", "event": "case.overdue", "unit": "cards", "at": NOON.isoformat()}
    wiring.deliveries().put([delivery_of(CRM, told)])
    notified(waiting())
    assert [body for *_, body in receivers.sent] == [told]


def test_an_event_that_is_no_longer_kept_is_done(receivers: Receivers) -> None:
    event = {
        "event_id": "x#9@0:case.opened",
        "event": "case.opened",
        "unit": "cards",
        "at": "2026",
        "item": {},
    }
    wiring.deliveries().put([delivery_of(CRM, {**event, "item": {"network": "x", "id": "9"}})])
    assert notified(waiting()) == []
    assert receivers.sent == []


@pytest.mark.parametrize("body", ["no json", "[]", '{"webhook": "crm"}', '{"event": "case.opened"}'])
def test_what_is_no_message_of_ours_comes_again_until_its_queue_parks_it(
    receivers: Receivers, body: str
) -> None:
    assert notified([{"MessageId": "m", "ReceiptHandle": "", "Body": body}]) == ["m"]
    assert receivers.sent == []
