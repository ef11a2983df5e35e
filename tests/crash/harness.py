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
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard, Table
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from allhours.aws import clients, consumers, intake, minute, organisation, outbox, wiring
from allhours.domain.errors import Busy
from allhours.domain.item import Item, item_to_json
from allhours.networks import _x_api, mastodon
from infra.local.standins.mastodon import MastodonStandIn
from infra.local.standins.x import XStandIn
from tests.builders import NOON, an_organisation
from tests.case_events import assert_published
from tests.crash.faults import Crash, F, FakeNetwork, install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REGION = "us-east-1"
DEFAULT_ACCOUNT_ID = "123456789012"  # moto's
CANARIES = ("4111 1111 1111 1111", "leela.canary@example.org")
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "STAGE": "test",
    "RECORDS_TABLE": "records",
    "COMMON_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{DEFAULT_ACCOUNT_ID}/common",
    "EVENTS_TOPIC_ARN": f"arn:aws:sns:{REGION}:{DEFAULT_ACCOUNT_ID}:events",
    "PAGES_TOPIC_ARN": f"arn:aws:sns:{REGION}:{DEFAULT_ACCOUNT_ID}:pages",
    "SECRETS_PREFIX": "allhours/test/",
    "NETWORKS": "x,mastodon",
    "POWERTOOLS_SERVICE_NAME": "allhours-test",
    "POWERTOOLS_METRICS_NAMESPACE": "Allhours",
}
_CACHES = [
    one
    for module in (clients, organisation, wiring)
    for one in vars(module).values()
    if hasattr(one, "cache_clear")
]
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


@dataclass
class World:
    """Everything that outlives a function; `crashes` and `errors` count how invocations ended."""

    clock: Any  # time_machine's traveller, which it does not name
    x: XStandIn
    mastodon: MastodonStandIn
    desks: dict[str, Callable[..., Any]] = field(default_factory=dict)
    waiting: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    webhooks: list[bytes] = field(default_factory=list)
    out: io.StringIO = field(default_factory=io.StringIO)
    ended: Counter[str] = field(default_factory=Counter)
    most_calls: int = 0
    early: list[str] = field(default_factory=list)
    logs: list[list[str]] = field(default_factory=list)

    # One invocation

    def run(self, doing: Callable[[], Any], plan: Mapping[int, str] | None = None) -> Any:
        """Invoke a function once; return its answer, None when it crashed or raised."""
        F.begin(plan)
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
            self.logs.append(F.log)
            self.early += unsent_but_marked(self)

    @property
    def clock_now(self) -> datetime:
        """Return the frozen instant."""
        return datetime.now(UTC)

    def cold(self) -> None:
        """Forget everything that a warm function remembers."""
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
        del shard.items[: len(records)]

    def watch(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the minute's tick wake the watch."""
        self.run(minute.watch_minute, plan)

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
        """Keep the durable state; rows are never changed in place."""
        self._fetch()
        shard = table().stream_shard
        assert shard is not None
        return Snapshot(
            rows=copy.deepcopy(dict(table().items)),
            stream=list(shard.items),
            queue=[(one.message_id, one.body) for one in self.waiting],
            events=list(_topic("events").sent_notifications),
            pages=list(_topic("pages").sent_notifications),
        )

    def restore(self, kept: Snapshot) -> None:
        """Return to a snapshot."""
        records = table()
        records.items.clear()
        records.items.update(kept.rows)
        paged = {key: row for key, row in kept.rows.items() if "PAGE#" in str(key)}
        records.items.update(copy.deepcopy(paged))  # marking a page is the one change in place
        assert records.stream_shard is not None
        records.stream_shard.items = list(kept.stream)
        sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["common"]._messages.clear()
        self.waiting = [Message(*one) for one in kept.queue]
        _topic("events").sent_notifications[:] = kept.events
        _topic("pages").sent_notifications[:] = kept.pages
        self.dead, self.webhooks, self.early = [], [], []
        self.out.seek(0)
        self.out.truncate()

    def queue_items(self, *items: Item) -> None:
        """Put items on the common queue, as an ingest function would."""
        for item in items:
            self.waiting.append(Message(f"m{len(self.waiting)}", json.dumps(item_to_json(item))))


def _passes_the_filter(record: Mapping[str, Any]) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    return record["eventName"] != "REMOVE" and ("event" in image or ("page" in image and "list" in image))


def table() -> Table:
    """Return moto's table; a cancelled transaction puts another object in its place."""
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables["records"]


def rows() -> dict[str, dict[str, Any]]:
    """Return every row by key, in DynamoDB's JSON."""
    kept: Any = table().items  # moto's types say otherwise
    return {key.value: row.to_json()["Attributes"] for key, row in kept.items()}


def _topic(name: str) -> Any:
    return sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[SETTINGS[f"{name.upper()}_TOPIC_ARN"]]


def events() -> list[dict[str, Any]]:
    """Return every event that was published, repeats included."""
    return [json.loads(one[1]) for one in _topic("events").sent_notifications]


def pages() -> list[dict[str, Any]]:
    """Return every page that was sent, repeats included."""
    return [
        json.loads(json.loads(one[1])["default"] if "default" in json.loads(one[1]) else one[1])
        for one in _topic("pages").sent_notifications
    ]


# Oracles


def unsent_but_marked(world: World) -> list[str]:
    """I4 at every step: a page is marked as sent only after it was."""
    del world
    marked = {
        row["key"]["S"].removeprefix("PAGE#")
        for row in rows().values()
        if row["key"]["S"].startswith("PAGE#") and "sent_at" in row
    }
    if not marked:
        return []
    sent = {one["page_id"] for one in pages()}
    return [f"I4 page {one} is marked as sent and was not" for one in sorted(marked - sent)]


def violations(
    world: World,
    *,
    expected: Mapping[str, datetime | None],
    gone: frozenset[str] = frozenset(),
    words: tuple[str, ...] = (),
) -> list[str]:
    """Return what is broken: `expected` items and when they were said, those `gone`, and their words."""
    found = list(world.early)
    all_rows, told = rows(), events()
    items = {k.removeprefix("ITEM#"): r for k, r in all_rows.items() if k.startswith("ITEM#")}
    cases = [json.loads(r["case"]["S"]) for k, r in all_rows.items() if k.startswith(("CASE#", "OLD#"))]
    letters = [k.removeprefix("DEAD#") for k in all_rows if k.startswith("DEAD#")]
    for event in told:
        try:
            assert_published(event)
        except AssertionError as error:
            found.append(f"schema {error}")
    found += [
        f"I1 {key} is lost"
        for key in expected
        if key not in items and not any(one.startswith((f"{key}#", f"{key}@")) for one in letters)
    ]
    found += [f"I8 {key} has no tombstone" for key in gone if not items.get(key, _NONE)["deleted"]["BOOL"]]
    found += [f"I8 {word!r} is still stored" for word in words for r in items.values() if word in str(r)]
    found += _cases_that_do_not_add_up(cases, items, told, expected)
    found += _pages_that_are_missing(all_rows, told)
    sinks = (
        str(all_rows),
        str(told),
        str(pages()),
        world.out.getvalue(),
        str(world.waiting),
        str(world.dead),
    )
    found += [
        f"I6 {canary} in sink {n}" for canary in CANARIES for n, sink in enumerate(sinks) if canary in sink
    ]
    if world.waiting or world.dead or world.webhooks:
        left = [len(world.waiting), len(world.dead), len(world.webhooks)]
        found.append(f"I11 messages, dead messages, deliveries that are left: {left}")
    if world.most_calls > 200:
        found.append(f"I11 {world.most_calls} calls in one invocation")
    return found


_NONE: dict[str, Any] = {"deleted": {"BOOL": False}}


def _cases_that_do_not_add_up(  # noqa: C901 - one oracle after the other
    cases: list[dict[str, Any]],
    items: Mapping[str, dict[str, Any]],
    told: list[dict[str, Any]],
    expected: Mapping[str, datetime | None],
) -> Iterator[str]:
    """I2, I7, I10: each item counted and told once, clocks unmoved, one event a version."""
    first_told = Counter(
        item
        for _, item in {
            (e["event_id"], f"{e['item']['network']}#{e['item']['id']}")
            for e in told
            if e["event"] in ("case.opened", "case.reopened", "item.added")
        }
    )
    for key, times in first_told.items():
        if times > 1:
            yield f"I2 {key} came into inboxes {times} times"
    for key, row in items.items():
        if "in_case" in row and not row["deleted"]["BOOL"] and not first_told[key] and "#profile:" not in key:
            yield f"I2 {key} is in no inbox"
    for case in cases:
        inside = {key for key, row in items.items() if row.get("in_case", {}).get("S") == case["case_id"]}
        inside = {key for key in inside if "#profile:" not in key}
        if len(inside) != case.get("items", 1):
            yield f"I2 {case['case_id']} counts {case.get('items', 1)} items and has {len(inside)}"
        said = expected.get(case["first_item"])
        if said and datetime.fromisoformat(case["opened_at"]) != said:
            yield f"I7 the clock of {case['case_id']} moved to {case['opened_at']}"
        versions: dict[int, set[str]] = {}
        for event in told:
            if event["case_id"] == case["case_id"]:
                versions.setdefault(event["case_version"], set()).add(event["event_id"])
        wanted = (
            set(range(1, case.get("version", 1) + 1)) if case.get("generation", 1) == 1 else set(versions)
        )
        if set(versions) != wanted:
            yield f"I10 {case['case_id']} told versions {sorted(versions)} of {sorted(wanted)}"
        yield from (
            f"I10 {case['case_id']} version {n} told by {ids}" for n, ids in versions.items() if len(ids) > 1
        )


def _pages_that_are_missing(
    all_rows: Mapping[str, dict[str, Any]], told: list[dict[str, Any]]
) -> Iterator[str]:
    """I4: every cause has a page, every page was sent, and is marked."""
    sent = {one["page_id"] for one in pages()}
    outbox = {k.removeprefix("PAGE#"): r for k, r in all_rows.items() if k.startswith("PAGE#")}
    for event in told:
        if event["priority"] == 1 and not any(
            one.startswith(f"urgent#{event['case_id']}#") for one in outbox
        ):
            yield f"I4 urgent {event['case_id']} paged nobody"
        if event.get("on_duty", {}).get("gap") and not any(
            one.startswith(f"nobody#{event['unit']}#") for one in outbox
        ):
            yield f"I4 the gap of {event['unit']} paged nobody"
    if any(key.startswith("DEAD#") for key in all_rows) and not any(
        one.startswith("dead#") for one in outbox
    ):
        yield "I4 a dead letter paged nobody"
    for page_id, row in outbox.items():
        if page_id not in sent:
            yield f"I4 {page_id} was never sent"
        if "list" in row:
            yield f"I4 {page_id} is not marked as sent"


# Making a world


@contextlib.contextmanager
def a_world(at: datetime = NOON) -> Iterator[World]:
    """Make a world that has been polled once, so that what comes next is news."""
    with contextlib.ExitStack() as stack:
        for target, name, value in _PATCHES:
            stack.callback(setattr, target, name, getattr(target, name, None))
            setattr(target, name, value)
        clock = stack.enter_context(time_machine.travel(at, tick=False))
        stack.enter_context(mock_aws())
        stack.enter_context(_environment())
        install()
        world = World(clock=clock, x=an_x(), mastodon=a_mastodon())
        world.cold()
        for logger in (consumers.logger, intake.logger):
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


def small_bank() -> Any:
    """Return the bank with one handle on X, which is general, and one on Mastodon."""
    bank = an_organisation()
    wanted = {("acmebank", "x"), ("acmecards", "mastodon")}
    accounts = {
        name: replace(account, handles=tuple(h for h in account.handles if (name, h.network) in wanted))
        for name, account in bank.accounts.items()
    }
    return replace(bank, accounts=accounts)


def _found(world: World) -> None:
    """Create what the template creates."""
    boto3.client("dynamodb").create_table(
        TableName="records",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("key", "list", "list_at")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "lists",
                "KeySchema": [
                    {"AttributeName": "list", "KeyType": "HASH"},
                    {"AttributeName": "list_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
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
    }
    for name, fields in secrets.items():
        boto3.client("secretsmanager").create_secret(
            Name=f"allhours/test/{name}", SecretString=json.dumps(fields)
        )


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Give the functions their settings and the layer with the organisation."""
    with tempfile.TemporaryDirectory() as folder, _set_environment():
        package = Path(folder) / organisation.PACKAGE
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "organisation.json").write_text(json.dumps(small_bank().to_json()))
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
    """Copy a table as a transaction needs it: rows are replaced, never changed, so they need no copy."""
    copied: Table = object.__new__(type(records))
    copied.__dict__.update(records.__dict__)
    copied.items = records.items.copy()
    if records.stream_shard:
        copied.stream_shard = object.__new__(StreamShard)
        copied.stream_shard.__dict__.update(records.stream_shard.__dict__)
        copied.stream_shard.items = list(records.stream_shard.items)
        copied.stream_shard.table = copied
    return copied


_NO_SLEEP = SimpleNamespace(sleep=lambda _seconds: None, time=__import__("time").time)
_PATCHES: tuple[tuple[Any, str, Any], ...] = (
    (Table, "__deepcopy__", _copied_table),
    (botocore.endpoint, "time", _NO_SLEEP),
    (botocore.retries.quota.RetryQuota, "acquire", lambda _self, _amount: True),
    (_x_api, "_PAGE", "5"),  # pages so small that a few posts fill two
    (mastodon, "PAGE", 4),
)
