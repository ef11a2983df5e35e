"""A small world for crash tests: moto for AWS, stand-ins without sockets, a clock that only we move.

`World.run` invokes one handler under a plan of faults, `World.drain` redelivers until all is quiet, and
`violations` looks whether the invariants of docs/reliability.md hold.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import hmac
import io
import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.endpoint
import botocore.retries.quota
import requests
import time_machine
from moto import mock_aws
from moto.dynamodb.models.table import StreamShard, Table
from moto.sqs.models import sqs_backends

from allhours.aws import (
    clients,
    clock,
    consumers,
    intake,
    links,
    member_page,
    minute,
    organisation,
    outbox,
    page_links,
    prove,
    wiring,
)
from allhours.domain.errors import Busy
from allhours.domain.escalation import Step
from allhours.domain.item import Item, item_to_json
from allhours.domain.service_level import ServiceLevel
from allhours.flows import prove as proof
from allhours.networks import _x_api, mastodon
from infra.local.standins.mastodon import MastodonStandIn
from infra.local.standins.x import XStandIn
from tests.builders import NOON, an_organisation
from tests.crash.faults import Crash, F, FakeNetwork, install
from tests.crash.oracles import unsent_but_marked
from tests.crash.seen import DEFAULT_ACCOUNT_ID, REGION, arn_of, rows, table, topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.domain.organisation import Organisation

LADDER = (
    Step(after=0, notify="on_shift"),
    Step(after=600, notify="member:ben", repeat=600, times=2, alarm=True),
)
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "STAGE": "test",
    "RECORDS_TABLE": "records",
    "COMMON_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{DEFAULT_ACCOUNT_ID}/common",
    "EVENTS_TOPIC_ARN": arn_of("events"),
    "PAGES_TOPIC_ARN": arn_of("pages"),
    "SECRETS_PREFIX": "allhours/test/",
    "NETWORKS": "x,mastodon",
    "PUBLIC_URL": "https://oncall.test",
    "POWERTOOLS_SERVICE_NAME": "allhours-test",
    "POWERTOOLS_METRICS_NAMESPACE": "Allhours",
}
_CACHES = [
    one for module in (organisation, wiring) for one in vars(module).values() if hasattr(one, "cache_clear")
]
_CLIENTS = [one for one in vars(clients).values() if hasattr(one, "cache_clear")]
LATE = timedelta(minutes=4)  # the minute that a fault took, the next tick, the sweep's minute after it
MOST_TRIES = 5  # deliveries of a message before it is a dead letter, as in template.yaml


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 50_000


@dataclass
class Message:
    """A message on a queue, as the function sees it."""

    message_id: str
    body: str
    received: int = 0

    def record(self) -> dict[str, Any]:
        """Return the SQS record."""
        attributes = {"ApproximateReceiveCount": str(self.received)}
        return {"messageId": self.message_id, "body": self.body, "attributes": attributes}


@dataclass
class Snapshot:
    """The durable state of a world."""

    rows: dict[str, Any]
    stream: list[Any]
    queue: list[Any]
    events: list[Any]
    pages: list[Any]
    called: list[datetime]


@dataclass
class World:
    """Everything that outlives a function; `ended` counts how invocations did.

    `called` says when each page was sent, `taken` what somebody was told to be done; `late` is by how much
    what is due may be done after it.
    """

    clock: Any  # time_machine's traveller, which it does not name
    x: XStandIn
    mastodon: MastodonStandIn
    bank: Organisation
    since: datetime
    desks: dict[str, Callable[..., Any]] = field(default_factory=dict)
    waiting: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    webhooks: list[bytes] = field(default_factory=list)
    out: io.StringIO = field(default_factory=io.StringIO)
    ended: Counter[str] = field(default_factory=Counter)
    most_calls: int = 0
    early: list[str] = field(default_factory=list)
    logs: list[list[str]] = field(default_factory=list)
    called: list[datetime] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    late: timedelta = LATE

    # One invocation

    def run(self, doing: Callable[[], Any], plan: Mapping[int, str] | None = None) -> Any:
        """Invoke a function once; return its answer, None when it crashed or raised."""
        F.begin(plan)
        self.logs.append(F.log)
        try:
            with contextlib.redirect_stdout(self.out):
                answer = doing()
            self.ended["done"] += 1
        except Crash:
            self.ended["crash"] += 1
            return None
        except Exception as error:  # noqa: BLE001 - what Lambda does with whatever a handler raises
            self.ended[type(error).__name__] += 1
            self.out.write(f"{type(error).__name__}: {error}\n")
            if not isinstance(error, Busy):
                self.early.append(f"bug {type(error).__name__}: {error}")
            return None
        else:
            return answer
        finally:
            self.most_calls = max(self.most_calls, F.k)
            F.end()
            sent = len(topic("pages").sent_notifications) - len(self.called)
            self.called += [self.clock_now] * sent
            self.early += unsent_but_marked(self)

    @property
    def clock_now(self) -> datetime:
        """Return the frozen instant."""
        return datetime.now(UTC)

    def cold(self) -> None:
        """Forget everything that a warm function remembers; its clients remember nothing."""
        for cached in _CACHES:
            cached.cache_clear()
        self.desks.clear()

    def desk(self, network: str) -> Callable[..., Any]:
        """Return the handler of a network's function."""
        if network not in self.desks:
            self.desks[network] = intake.intake(network)
        return self.desks[network]

    # The stages

    def poll(self, network: str, plan: Mapping[int, str] | None = None) -> Any:
        """Let the schedule wake a network's function."""
        return self.run(lambda: self.desk(network)({"do": "poll"}, _Context()), plan)

    def push(self, plan: Mapping[int, str] | None = None) -> None:
        """Deliver the webhook bodies; what is not answered with 200 stays and comes again."""
        for number, body in enumerate(list(self.webhooks)):
            signature = hmac.new(self.x.app_secret["consumer_secret"].encode(), body, hashlib.sha256).digest()
            event = {
                "requestContext": {"http": {"method": "POST"}},
                "headers": {"X-Twitter-Webhooks-Signature": f"sha256={base64.b64encode(signature).decode()}"},
                "body": body.decode(),
            }
            answer = self.run(partial(self.desk("x"), event, _Context()), None if number else plan)
            if answer and answer["statusCode"] == 200:
                self.webhooks.remove(body)

    def route(self, plan: Mapping[int, str] | None = None, *, size: int = 10) -> None:
        """Route one batch from the common queue."""
        self._consume(self.waiting, consumers.route_batch, plan, size, fetch=True)

    def park(self, plan: Mapping[int, str] | None = None) -> None:
        """Park one batch of dead letters."""
        self._consume(self.dead, consumers.park_batch, plan, 10)

    def forward(self, plan: Mapping[int, str] | None = None) -> None:
        """Forward what the stream holds; all of it comes again unless the function ended well."""
        shard = table().stream_shard
        assert shard is not None
        records = [one.to_json() for one in shard.items]
        wanted = [one for one in records if _passes_the_filter(one)]
        if wanted:
            before = self.ended["done"]
            self.run(lambda: outbox.forward_batch({"Records": wanted}), plan)
            if self.ended["done"] == before:
                return
        shard = table().stream_shard
        assert shard is not None
        shard.items[:] = [one for one in shard.items if one.to_json() not in records]

    def watch(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the minute's tick wake the watch."""
        self.run(minute.watch_minute, plan)

    def tick(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the clock tick."""
        self.run(clock.clock_minute, plan)

    def prove(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the night prove the rota."""
        self.run(prove.prove_tonight, plan)

    def ask(
        self, path: str, method: str = "GET", plan: Mapping[int, str] | None = None, **asked: str
    ) -> tuple[int, str]:
        """Open a link as a program does; return status and body, 500 when the function is gone."""
        event = {
            "rawPath": path,
            "requestContext": {"http": {"method": method}},
            "headers": {"accept": "application/json", "content-type": "application/json"},
            "body": json.dumps(asked) if asked else "",
        }
        answer = self.run(lambda: links.open_link(event), plan)
        return (answer["statusCode"], answer["body"]) if answer else (500, "")

    def minute(self) -> None:
        """Let a minute pass, with all that happens in it."""
        self.clock.shift(timedelta(minutes=1))
        self.tick()
        self.watch()
        self.forward()

    def minute_under(self, plan: Mapping[int, str]) -> None:
        """Let a tick and what it calls for happen, the faults counted through both."""
        before = len(self.logs)
        self.tick(plan)
        ticked = self.logs[before]
        self.forward({k - len(ticked): fault for k, fault in plan.items() if k > len(ticked)})
        ticked += self.logs[-1]

    def until(self, end: datetime) -> None:
        """Let minutes pass until nothing is due before the end; those in which nothing is due are skipped."""
        while self.waiting:
            self.route()
        self.forward()
        for _ in range(2):
            self.minute()
        due = ""
        for _ in range(60):
            due = min((row["due_at"]["S"] for row in rows().values() if "due_at" in row), default="9999")
            if due > end.isoformat():
                break
            self.clock.move_to(max(self.clock_now, datetime.fromisoformat(due).replace(second=0)))
            self.minute()
        else:
            self.early.append(f"I11 something has been due since {due}")
        self.minute()

    def _consume(
        self,
        messages: list[Message],
        handler: Callable[[Any], dict[str, Any]],
        plan: Mapping[int, str] | None,
        size: int,
        *,
        fetch: bool = False,
    ) -> None:
        if fetch:
            self._fetch()
        batch = messages[:size]
        if not batch:
            return
        for one in batch:
            one.received += 1
        answer = self.run(lambda: handler({"Records": [one.record() for one in batch]}), plan)
        again = {one.message_id for one in batch}
        if answer is not None:
            again = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        done = [one for one in batch if one.message_id not in again]
        given_up = [one for one in batch if one.message_id in again and fetch and one.received >= MOST_TRIES]
        messages[:] = [one for one in messages if one not in done and one not in given_up]
        self.dead += [replace(one, received=0) for one in given_up]

    def _fetch(self) -> None:
        queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["common"]
        self.waiting += [Message(one.id, one.body) for one in queue._messages]
        queue._messages.clear()

    # Until quiet

    def reread(self, network: str) -> None:
        """Let a network's function read again what is kept."""
        self.run(lambda: self.desk(network)({"do": "reread"}, _Context()))

    def drain(self, *networks: str) -> None:
        """Poll until the faults are over, past every rate limit; then settle."""
        for minutes in (16, 2):
            self.clock.shift(timedelta(minutes=minutes))
            for network in networks:
                self.poll(network)
            self.push()
        self.settle()

    def settle(self) -> None:
        """Redeliver until nothing moves: router, dead letters, outbox, watch."""
        self.clock.shift(timedelta(minutes=2))
        self._fetch()
        for _ in range(MOST_TRIES * 4):
            if not self.waiting:
                break
            self.route()
        self.park()
        self.forward()
        self.watch()
        self.forward()

    # Snapshots

    def snapshot(self) -> Snapshot:
        """Keep the durable state."""
        self._fetch()
        shard = table().stream_shard
        assert shard is not None
        return Snapshot(
            rows=copy.deepcopy(dict(table().items)),
            stream=list(shard.items),
            queue=[(one.message_id, one.body) for one in self.waiting],
            events=list(topic("events").sent_notifications),
            pages=list(topic("pages").sent_notifications),
            called=list(self.called),
        )

    def restore(self, kept: Snapshot) -> None:
        """Return to a snapshot."""
        records = table()
        records.items.clear()
        records.items.update(copy.deepcopy(kept.rows))  # an update over the wire changes a row in place
        assert records.stream_shard is not None
        records.stream_shard.items = list(kept.stream)
        sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["common"]._messages.clear()
        self.waiting = [Message(*one) for one in kept.queue]
        topic("events").sent_notifications[:] = kept.events
        topic("pages").sent_notifications[:] = kept.pages
        self.dead, self.webhooks, self.early, self.taken = [], [], [], []
        self.called = list(kept.called)
        self.out.seek(0)
        self.out.truncate()

    def queue_items(self, *items: Item) -> None:
        """Put items on the common queue, as an ingest function would."""
        for item in items:
            self.waiting.append(Message(f"m{len(self.waiting)}", json.dumps(item_to_json(item))))


def _passes_the_filter(record: Mapping[str, Any]) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    told = "event" in image or "notice" in image or ("page" in image and "list" in image)
    return record["eventName"] != "REMOVE" and told


# Making a world


@contextlib.contextmanager
def a_world(at: datetime = NOON, bank: Organisation | None = None) -> Iterator[World]:
    """Make a world that has been polled once, so that what comes next is news."""
    bank = bank or small_bank()
    with contextlib.ExitStack() as stack:
        for target, name, value in _PATCHES:
            stack.callback(setattr, target, name, getattr(target, name, None))
            setattr(target, name, value)
        clock = stack.enter_context(time_machine.travel(at, tick=False))
        stack.enter_context(mock_aws())
        stack.enter_context(_environment(bank))
        install()
        world = World(clock=clock, x=an_x(), mastodon=a_mastodon(), bank=bank, since=at)
        for cached in _CLIENTS:
            cached.cache_clear()
            stack.callback(cached.cache_clear)
        world.cold()
        for logger in (consumers.logger, intake.logger, links.logger, page_links.logger):
            for handler in logger._logger.handlers:
                stack.callback(handler.setStream, handler.setStream(world.out))  # type: ignore[attr-defined]
        network = FakeNetwork({})
        network.stand_ins = _Live(world)  # type: ignore[assignment] # looks up the world's stand-ins of the moment
        stack.callback(setattr, requests.Session, "get_adapter", requests.Session.get_adapter)
        requests.Session.get_adapter = lambda _self, url: network  # type: ignore[assignment,method-assign] # noqa: ARG005
        _found(world)
        for name in ("x", "mastodon"):
            world.poll(name)
        yield world
        world.cold()


class _Live:
    def __init__(self, world: World) -> None:
        self._world = world

    def __getitem__(self, host: str) -> Any:
        return {"x.test": self._world.x, "mastodon.test": self._world.mastodon}[host]


def an_x() -> XStandIn:
    """Return a fresh stand-in for X; at the same instant it gives the same ids."""
    network = XStandIn()
    network.brand_id = network.world.ids[network.handle] = "1000000000000000107"
    return network


def a_mastodon() -> MastodonStandIn:
    """Return a fresh stand-in for Mastodon."""
    network = MastodonStandIn(brand="acmecards")
    network._port = 0
    return network


def small_bank() -> Organisation:
    """Return the bank with one handle on X, which is general, and one on Mastodon."""
    bank = an_organisation()
    wanted = {("acmebank", "x"), ("acmecards", "mastodon")}
    accounts = {
        name: replace(account, handles=tuple(h for h in account.handles if (name, h.network) in wanted))
        for name, account in bank.accounts.items()
    }
    levels = tuple(
        ServiceLevel(priority=priority, first_answer=3600, resolution=36_000, clock="wall")
        for priority in (1, 3)
    )
    units = {name: replace(unit, service_levels=levels) for name, unit in bank.units.items()}
    return replace(
        bank, accounts=accounts, units=units, escalation=dict.fromkeys((*bank.units, "operations"), LADDER)
    )


def _found(world: World) -> None:
    """Create what the template creates."""
    boto3.client("dynamodb").create_table(
        TableName="records",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("key", "list", "list_at", "due", "due_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": order, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for name, partition, order in (("lists", "list", "list_at"), ("due", "due", "due_at"))
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    boto3.client("sqs").create_queue(QueueName="common")
    for name in ("events", "pages"):
        boto3.client("sns").create_topic(Name=name)
    secrets = {
        "x/acmebank": {**world.x.secret, "scope": "tweet.read users.read"},
        "x/app": world.x.app_secret,
        "mastodon/acmecards": world.mastodon.secret,
        "links": {"key": "a key of the tests"},
    }
    for name, fields in secrets.items():
        boto3.client("secretsmanager").create_secret(
            Name=f"allhours/test/{name}", SecretString=json.dumps(fields)
        )


@contextlib.contextmanager
def _environment(bank: Organisation) -> Iterator[None]:
    """Give the functions their settings and the layer with the organisation."""
    with tempfile.TemporaryDirectory() as folder, _set_environment():
        package = Path(folder) / organisation.PACKAGE
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "organisation.json").write_text(json.dumps(bank.to_json()))
        sys.path.insert(0, folder)
        sys.modules.pop(organisation.PACKAGE, None)
        try:
            yield
        finally:
            sys.path.remove(folder)
            sys.modules.pop(organisation.PACKAGE, None)
            organisation.organisation.cache_clear()


@contextlib.contextmanager
def _set_environment() -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(SETTINGS)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _copied_table(records: Table, _memo: object) -> Table:
    """Copy a table as a transaction needs it: its rows, and the stream's list, whose records never change."""
    copied: Table = object.__new__(type(records))
    copied.__dict__.update(records.__dict__)
    copied.items = copy.deepcopy(records.items)
    if records.stream_shard:
        copied.stream_shard = object.__new__(StreamShard)
        copied.stream_shard.__dict__.update(records.stream_shard.__dict__)
        copied.stream_shard.items = list(records.stream_shard.items)
        copied.stream_shard.table = copied
    return copied


def _remembered(prove: Callable[..., Any]) -> Callable[..., Any]:
    """Prove the same rota over the same time once: the proof is pure, each point asks for it anew."""
    known: dict[Any, Any] = {}

    def remembered(bank: Organisation, start: int, horizon: int, **more: Any) -> Any:
        said = repr(replace(bank, changes=()))
        asked = (hash(said), bank.changes, start, horizon, *sorted(map(str, more.items())))
        if asked not in known:
            known[asked] = prove(bank, start, horizon, **more)
        return known[asked]

    return remembered


_PROVE = _remembered(proof.prove)  # type: ignore[attr-defined] # where it is used
_NO_SLEEP = SimpleNamespace(sleep=lambda _seconds: None, time=__import__("time").time)
_PATCHES: tuple[tuple[Any, str, Any], ...] = (
    (Table, "__deepcopy__", _copied_table),
    (botocore.endpoint, "time", _NO_SLEEP),
    (botocore.retries.quota.RetryQuota, "acquire", lambda _self, _amount: True),
    (proof, "prove", _PROVE),
    (member_page, "prove", _PROVE),
    (_x_api, "_PAGE", "5"),  # pages so small that a few posts fill two
    (mastodon, "PAGE", 4),
)
