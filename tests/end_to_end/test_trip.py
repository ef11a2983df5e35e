"""The trip of one post on the real template: to the right inbox, whatever is killed meanwhile."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

from allhours.networks import NETWORKS
from infra.local.deploy import deploy
from infra.local.deployed import Deployed
from infra.local.emulator import FOLDER
from infra.local.ledger import NEW
from infra.local.standins.x import XStandIn
from tests.end_to_end.conftest import NOBODY_IN, UNIT_ACCOUNT
from tests.end_to_end.seen import (
    arrived,
    events,
    paged,
    poll,
    received,
    row,
    say,
    venue,
    waited_for,
    word,
)
from tests.templates import template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.emulator import Emulator
    from infra.local.faults import FaultProxy
    from infra.local.scene import Scene

CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("network", "account", "unit", "reason"),
    [
        ("x", "acmecards", "cards", "addressed @acmecards"),
        ("facebook", "acmepay", "payments", "addressed Acme Pay"),
        ("mastodon", "acmebank", "cards", "reads like cards, "),
        ("bluesky", "acmeapp", "online_banking", "addressed @acmeapp.example"),
        ("feeds", "acmebank", "cards", "reads like cards, "),
    ],
)
def test_a_post_reaches_the_inbox_of_its_unit_with_who_and_why(
    scene: Scene, network: str, account: str, unit: str, reason: str
) -> None:
    key = say(scene, network, account, f"acme bank: contactless on my card stopped working, {word()}")
    arrival = arrived(scene, key, again=lambda: poll(scene, network))
    duty = arrival.event["on_duty"]
    assert (arrival.unit, arrival.event["unit"]) == (unit, unit)
    assert arrival.event["reason"].startswith(reason)
    assert duty["members"]
    assert set(duty["members"]) <= set(scene.organisation.units[unit].members)
    assert duty["because"]
    assert "gap" not in duty


@pytest.mark.parametrize("network", NETWORKS)
def test_a_post_on_any_network_reaches_one_inbox_once(scene: Scene, network: str) -> None:
    account = scene.organisation.handles_on(network)[0].account
    key = say(scene, network, account, f"acme bank: where is the statement of my account? {word()}")
    arrived(scene, key, again=lambda: poll(scene, network))
    poll(scene, network)
    assert waited_for(lambda: not scene.deployed.waiting("CommonQueueUrl"))
    assert len(events(scene, key, *NEW)) == 1


@pytest.mark.parametrize(("network", "account"), [("x", "acmebank"), ("facebook", "acmecards")])
def test_webhook_and_poll_of_one_post_are_one_entry(scene: Scene, network: str, account: str) -> None:
    key = say(scene, network, account, f"where is the statement of my account? {word()}")
    arrived(scene, key)
    before = scene.queued[network]
    poll(scene, network)
    poll(scene, network)
    assert waited_for(lambda: scene.queued[network] > before and not scene.deployed.waiting("CommonQueueUrl"))
    assert len(events(scene, key, *NEW)) == 1


def test_an_urgent_post_pages_who_is_on_duty(scene: Scene) -> None:
    key = say(scene, "x", "acmesafe", f"someone used my card, I was robbed {word()}")
    event = arrived(scene, key).event
    page = paged(scene, "urgent", event["case_id"])
    assert page["member"] == event["on_duty"]["members"][0]
    assert page["unit"] == "fraud_security"
    assert len(page["text"]) < 140


def test_a_post_that_finds_nobody_on_duty_pages(scene: Scene) -> None:
    key = say(scene, "facebook", "acmehomes", f"is a mortgage offer good for six months? {word()}")
    event = arrived(scene, key).event
    assert event["on_duty"]["gap"]
    assert paged(scene, "nobody_on_duty", NOBODY_IN)["severity"] == "critical"


def test_of_a_deleted_post_no_word_is_left(scene: Scene) -> None:
    said = word()
    key = say(scene, "facebook", "acmebank", f"why do you charge for statements of my account? {said}")
    arrived(scene, key)
    venue(scene, "facebook", "acmebank").stand_in.delete(key.partition("#")[2])
    assert waited_for(lambda: events(scene, key, "item.deleted"))
    assert row(scene, f"ITEM#{key}")["deleted"]["BOOL"]
    assert said not in json.dumps(scene.deployed.rows())


def test_a_look_up_of_the_author_is_never_taken_for_a_deleted_post(scene: Scene) -> None:
    key = say(scene, "facebook", "acmepay", f"the payment is late {word()}", private=True)
    event = arrived(scene, key).event
    named = f"facebook#profile:{event['item']['author']['id']}:{event['item']['conversation_id']}"
    assert waited_for(lambda: events(scene, named, "case.author_known"))
    poll(scene, "facebook", "reread")
    assert waited_for(lambda: not scene.deployed.waiting("CommonQueueUrl"))
    assert not row(scene, f"ITEM#{named}")["deleted"]["BOOL"]


def test_a_card_number_is_nowhere(scene: Scene) -> None:
    peek = scene.deployed.subscribed_queue(scene.deployed.outputs["EventsTopicArn"], "canary")
    keys = {
        say(scene, network, account, f"acme bank, my card {CARD} fails {word()}", private=private)
        for network in NETWORKS
        for account in [scene.organisation.handles_on(network)[0].account]
        for private in (network in {"x", "facebook"},)
    }
    for network in NETWORKS:
        poll(scene, network)
    for key in keys:
        assert arrived(scene, key).event["item"]["masked"]
    told = received(scene.deployed, peek, len(keys))
    with scene.lock:
        seen = json.dumps(
            [dict(each.event) for each in scene.ledger.arrivals] + [dict(page) for _, page in scene.pages]
        )
    sinks = {
        "inboxes and pages": seen,
        "topic": json.dumps(told),
        "table": json.dumps(scene.deployed.rows()),
        "logs": "\n".join(line for _, _, line in scene.deployed.lines()),
    }
    assert all(sinks.values())
    found = {name for name, text in sinks.items() if CARD in text or CARD.replace(" ", "") in text}
    assert not found


def test_a_poison_message_is_kept_and_pages_while_the_rest_goes_on(scene: Scene) -> None:
    mark = word()
    entries = [f'{{"network": "x", "id": "{mark}"}}', f"no JSON at all {mark}"]
    for body in entries:
        scene.deployed.sqs.send_message(
            QueueUrl=scene.deployed.outputs["CommonQueueUrl"], MessageBody=body, MessageGroupId="poison"
        )
    key = say(scene, "x", "acmecards", f"my card was declined, after the poison {word()}")
    arrived(scene, key)
    kept = waited_for(
        lambda: [each for each in scene.deployed.rows() if each["key"]["S"].startswith("DEAD#message#")]
    )
    assert len(kept) >= 1
    assert paged(scene, "dead_letter", "the common queue")["severity"] == "warning"


def test_redriving_twice_changes_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    key = say(scene, "x", "acmecards", f"my card, a dead letter {word()}")
    item = row_when_there(scene, key)["item"]["S"]
    scene.deployed.sqs.send_message(QueueUrl=scene.deployed.outputs["DeadLetterQueueUrl"], MessageBody=item)

    def parked() -> list[str]:
        names = [each["key"]["S"] for each in scene.deployed.rows()]
        return [name for name in names if name.startswith(f"DEAD#{key}")]

    assert waited_for(parked)
    for name, value in scene.deployed.emulator.environment().items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "allhours.cli", "redrive", "--forget"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(FOLDER / "shared")},
            cwd=FOLDER,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert not parked()
    assert waited_for(lambda: not scene.deployed.waiting("CommonQueueUrl"))
    assert len(events(scene, key)) == 1


def row_when_there(scene: Scene, key: str) -> Mapping[str, Any]:
    arrived(scene, key)
    return row(scene, f"ITEM#{key}")


def test_throttled_and_cut_calls_lose_and_double_nothing(scene: Scene, faults: FaultProxy) -> None:
    for service, action in (("sqs", "SendMessageBatch"), ("sns", "PublishBatch")):
        faults.throttle(
            service, action, times=3
        )  # more than the SDK tries: the webhook or the stream comes again
        faults.cut(service, action, times=2)
    faults.throttle("dynamodb", "TransactWriteItems", times=1)  # within the SDK's tries: beyond them an item
    faults.cut("dynamodb", "TransactWriteItems", times=1)  # waits 180 s for the queue (tests/crash covers it)
    faults.throttle("dynamodb", "PutItem", times=2)
    keys = [say(scene, "mastodon", "acmebank", f"my card does not work {word()}") for _ in range(5)]
    keys += [say(scene, "x", "acmecards", f"my card does not work {word()}") for _ in range(5)]
    keys += [say(scene, "facebook", "acmecards", f"my card does not work {word()}") for _ in range(5)]
    for key in keys:
        arrived(scene, key, again=lambda: scene.deployed.poll("mastodon"))
    assert_adds_up(scene)


def test_a_network_that_was_away_loses_and_doubles_nothing(scene: Scene) -> None:
    there = venue(scene, "bluesky", "acmebank")
    before = say(scene, "bluesky", "acmebank", f"my card was declined, before {word()}")
    there.stand_in.stop()
    scene.deployed.poll("bluesky")
    during = say(scene, "bluesky", "acmebank", f"my card was declined, meanwhile {word()}")
    there.stand_in.start()
    for key in (before, during):
        arrived(scene, key, again=lambda: scene.deployed.poll("bluesky"))
    assert_adds_up(scene)


def test_functions_that_could_not_run_lose_and_double_nothing(scene: Scene) -> None:
    functions, outputs = scene.deployed.functions, scene.deployed.outputs
    down = [outputs["RouteFunction"], outputs["ForwardFunction"], outputs["IngestXFunction"]]
    for function in down:
        functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    keys = [say(scene, "x", "acmecards", f"my card was declined, function down {word()}") for _ in range(3)]
    keys.append(say(scene, "facebook", "acmecards", f"my card was declined, function down {word()}"))
    assert waited_for(lambda: scene.deployed.waiting("CommonQueueUrl"))
    for function in down:
        functions.delete_function_concurrency(FunctionName=function)
    for key in keys:
        arrived(scene, key)
    assert_adds_up(scene)


def assert_adds_up(scene: Scene) -> None:
    """Everything that was said in this session is routed, light, filtered or deleted, and came once."""

    def settle() -> bool:
        for network in scene.networks:
            scene.deployed.poll(network)
        return scene.count().adds_up

    assert waited_for(settle), [*scene.balance.open, *scene.balance.wrong]
    fates = {fate: scene.balance.total(fate) for fate in ("routed", "light", "filtered", "deleted")}
    assert scene.balance.posted.total() == sum(fates.values())
    with scene.lock:
        items = [
            (each.unit, each.item_key)
            for each in scene.ledger.arrivals
            if each.event["event"] in NEW and each.event["unit"] == each.unit
        ]
        by_event = {(each.unit, each.event["event_id"]): each.item_key for each in scene.ledger.arrivals}
    assert {key for _, key in items} <= set(by_event.values())
    assert len(set(items)) == len({key for _, key in items}), "an item opened in two units"


def test_a_unit_s_inbox_in_its_own_aws_account_gets_its_events(scene: Scene, emulator: Emulator) -> None:
    topic = scene.deployed.outputs["EventsTopicArn"]
    elsewhere = deploy(
        emulator,
        template=FOLDER / "infra" / "account.yaml",
        stack="cards-inbox",
        aws_account_id=UNIT_ACCOUNT,
        parameters={"Unit": "cards", "Stage": "local", "EventsTopicArn": topic},
    )
    theirs = Deployed(emulator=emulator, outputs=elsewhere, aws_account_id=UNIT_ACCOUNT)
    # The emulator drops a stack's subscription to another account's topic; asked for by API it holds.
    written = template(FOLDER / "infra" / "account.yaml")["Resources"]["Subscription"]["Properties"]
    assert (written["Protocol"], written["RawMessageDelivery"]) == ("sqs", True)
    emulator.session(UNIT_ACCOUNT).client("sns", endpoint_url=emulator.endpoint).subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=elsewhere["QueueArn"],
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"unit": ["cards"]})},
    )
    assert f"/{UNIT_ACCOUNT}/" in elsewhere["QueueUrl"]
    key = say(scene, "x", "acmecards", f"my card was declined in their own account {word()}")
    other = say(scene, "x", "acmepay", f"my transfer did not arrive, not theirs {word()}")
    arrived(scene, key)
    arrived(scene, other)
    got = received(theirs, elsewhere["QueueUrl"], 1)
    assert {f"{each['item']['network']}#{each['item']['id']}" for each in got} == {key}


# Runs last: what the functions were seen to call, against what their roles grant.

POLLER = (
    "sqs:ChangeMessageVisibility*",
    "sqs:DeleteMessage*",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
)
STREAM = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)
WEEKLY = dict.fromkeys(
    ("dynamodb:DeleteItem", "secretsmanager:PutSecretValue"), "a sixty-day token is renewed once a week"
)
PARTS = dict.fromkeys(
    ("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"),
    "part of its transactions, which the emulator sees whole",
)
EXPLAINED = {
    "Route": dict.fromkeys(
        POLLER, "its mapping receives and deletes; the emulator does so without asking the role"
    ),
    "Park": dict.fromkeys(
        POLLER, "its mapping receives and deletes; the emulator does so without asking the role"
    ),
    "Forward": {
        **dict.fromkeys(STREAM, "its mapping reads the stream; the emulator does so without asking the role"),
        "sqs:SendMessage*": "its mapping tells which stretch it gave up on after six hours",
    },
    "IngestFeeds": {
        "secretsmanager:GetSecretValue": "some feeds ask for a password, or their address is a secret",
        "dynamodb:BatchGetItem": "such a feed is cared for, by how it was seen last",
    },
    "IngestInstagram": WEEKLY,
    "IngestThreads": WEEKLY,
    "Watch": {
        "dynamodb:UpdateItem": "a page that the stream left behind for a minute is marked as sent",
        "dynamodb:PutItem": "a network that was silent for hours is paged",
        "sns:Publish*": "a page that the stream left behind for a minute is sent",
        "secretsmanager:GetSecretValue": "and carries its link",
    },
    "Notify": {
        **dict.fromkeys(POLLER, "its mappings receive and delete; it hides what comes again later"),
        "sqs:SendMessage*": "the example bank may have no webhook: a delivery for each, and its dead letters",
        "dynamodb:BatchGetItem": "as above: what an event says at the moment of sending",
        "dynamodb:PutItem": "a webhook that answered 410 is switched off, with its page",
        "secretsmanager:GetSecretValue": "as above: what signs",
    },
    "Respond": {
        **dict.fromkeys(
            POLLER, "its mapping receives and deletes; the emulator does so without asking the role"
        ),
        **PARTS,
        "secretsmanager:PutSecretValue": "a token that runs out while an answer is sent is renewed",
    },
    "Desk": PARTS,
    "Cards": {
        "dynamodb:BatchGetItem": "how a link was before; the example bank's pages are nowhere",
        "dynamodb:PutItem": "as above: how it is now",
    },
    "Clock": {
        "dynamodb:DeleteItem": "what else is kept of what a customer took back, a minute later",
        "sqs:SendMessage*": "an answer in doubt is visited again, minutes later",
    },
    "Links": {
        "dynamodb:UpdateItem": "its transactions hold updates: where a page stands, the history of a change"
    },
}
"""Granted, not seen here, and why it is needed all the same."""

IDLE = {
    "Cards": "the example bank's pages are nowhere, so no link is tried; tests/adapters/test_cards.py does",
    "Notify": "the example bank tells no webhook; tests/adapters/test_webhooks.py does",
}

MEANS = {"dynamodb:TransactWriteItems": "dynamodb:PutItem"}  # our transactions are made of puts, mostly


def key_of(function_arn: str, role_arn: str) -> str:
    """Return the access key under which the emulator runs a function."""
    return f"ASIA{hashlib.sha256(f'{function_arn}:{role_arn}'.encode()).hexdigest()[:16].upper()}"


def granted(scene: Scene, role: str) -> set[str]:
    """List what the inline policies of a role allow."""
    session = scene.deployed.emulator.session()
    iam = session.client("iam", endpoint_url=scene.deployed.emulator.endpoint)
    found: set[str] = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        body = json.loads(document) if isinstance(document, str) else document
        for statement in body["Statement"]:
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def test_no_function_may_do_more_than_it_was_seen_to_do(scene: Scene, fault_proxy: FaultProxy) -> None:
    exercise_what_is_rare(scene)
    too_much: dict[str, set[str]] = {}
    for output, function in scene.deployed.outputs.items():
        if not output.endswith("Function"):
            continue
        name = output.removesuffix("Function")
        made = scene.deployed.functions.get_function_configuration(FunctionName=function)
        key = key_of(made["FunctionArn"], made["Role"])
        seen = {f"{service}:{action}" for caller, service, action in fault_proxy.callers if caller == key}
        assert seen or name in IDLE, f"{name} was never seen to call anything"
        seen |= {MEANS[each] for each in seen if each in MEANS}
        explained = EXPLAINED.get(name, {})
        idle = {
            action
            for action in granted(scene, made["Role"].rpartition("/")[2])
            if not any(fnmatch(each, action) for each in seen)
            and not any(fnmatch(action, each) for each in explained)
        }
        if idle:
            too_much[name] = idle
    assert too_much == {}, too_much


def exercise_what_is_rare(scene: Scene) -> None:
    """Let tokens run out, kept posts be read again, connections be cared for, a dead letter come."""
    x, page = venue(scene, "x", "acmebank").stand_in, venue(scene, "facebook", "acmebank").stand_in
    assert isinstance(x, XStandIn)
    x.expire_token()
    page.fail("expired_token")
    scene.deployed.sqs.send_message(
        QueueUrl=scene.deployed.outputs["DeadLetterQueueUrl"], MessageBody=f"dead {word()}"
    )
    scene.deployed.invoke("Watch", {})
    for network in scene.networks:
        stand_in = scene.town.venue(network).stand_in  # type: ignore[union-attr] # every network is played
        for fault, do in (("", "reread"), ("expired_token", "poll"), ("", "care"), ("server_error", "care")):
            if fault:
                stand_in.fail(fault)
            scene.deployed.poll(network, do)
    assert waited_for(lambda: not scene.deployed.waiting("DeadLetterQueueUrl"))
