"""How a small world for crash tests is made: its bank, what the template creates, who plays the networks."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import sys
import tempfile
import urllib.request
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.endpoint
import botocore.retries.quota
import jwt.algorithms
import requests
import time_machine
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from moto import mock_aws
from moto.dynamodb.models.table import StreamShard, Table

from allhours.aws import (
    clients,
    consumers,
    intake,
    links,
    member_page,
    organisation,
    page_links,
    respond,
    wiring,
)
from allhours.domain.escalation import Step
from allhours.domain.judgement import Opinion
from allhours.domain.organisation_json import organisation_to_json
from allhours.domain.service_level import ServiceLevel
from allhours.flows import prove as proof
from allhours.networks import mastodon
from allhours.networks._x import api as _x_api
from infra.local.standins.base import Pusher
from infra.local.standins.mastodon import MastodonStandIn
from infra.local.standins.x import XStandIn
from tests.builders import NOON, an_organisation
from tests.crash.faults import FakeNetwork, install
from tests.crash.messages import Message, Pushed
from tests.crash.seen import DEFAULT_ACCOUNT_ID, REGION, arn_of
from tests.crash.world import Snapshot, World, _Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.judgement import Said
    from allhours.domain.organisation import Organisation
    from infra.local.standins.base import StandIn

__all__ = [
    "SETTINGS",
    "WORD_LISTS",
    "Message",
    "Snapshot",
    "World",
    "_Context",
    "a_mastodon",
    "a_world",
    "an_x",
    "small_bank",
    "two_networks",
]

LADDER = (
    Step(after=0, notify="on_shift"),
    Step(after=600, notify="member:ben", repeat=600, times=2, alarm=True),
)
WORD_LISTS = {"thanks": ("thank you",), "self_harm": ("kill myself",)}
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": REGION,
    "STAGE": "test",
    "RECORDS_TABLE": "records",
    "COMMON_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{DEFAULT_ACCOUNT_ID}/common",
    "REPLIES_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/{DEFAULT_ACCOUNT_ID}/replies.fifo",
    "EVENTS_TOPIC_ARN": arn_of("events"),
    "PAGES_TOPIC_ARN": arn_of("pages"),
    "SECRETS_PREFIX": "allhours/test/",
    "PUBLIC_URL": "https://oncall.test",
    "POWERTOOLS_SERVICE_NAME": "allhours-test",
    "POWERTOOLS_METRICS_NAMESPACE": "Allhours",
}
_CLIENTS = [one for one in vars(clients).values() if hasattr(one, "cache_clear")]


# Making a world


@contextlib.contextmanager
def a_world(
    at: datetime = NOON,
    bank: Organisation | None = None,
    networks: Callable[[], dict[str, StandIn]] | None = None,
) -> Iterator[World]:
    """Make a world that has been polled once, so that what comes next is news."""
    bank = bank or small_bank()
    with contextlib.ExitStack() as stack:
        for target, name, value in _PATCHES:
            stack.callback(setattr, target, name, getattr(target, name, None))
            setattr(target, name, value)
        clock = stack.enter_context(time_machine.travel(at, tick=False))
        stack.enter_context(mock_aws())
        world = World(clock=clock, stand_ins=(networks or two_networks)(), bank=bank, since=at)
        stack.enter_context(_environment(bank, world.stand_ins))
        install()
        for target, name, value in _calls_of_networks(world):
            stack.callback(setattr, target, name, getattr(target, name, None))
            setattr(target, name, value)
        for cached in _CLIENTS:
            cached.cache_clear()
            stack.callback(cached.cache_clear)
        world.cold()
        for logger in (consumers.logger, intake.logger, links.logger, page_links.logger, respond.logger):
            for handler in logger._logger.handlers:
                stack.callback(handler.setStream, handler.setStream(world.out))  # type: ignore[attr-defined]
        network = FakeNetwork({})
        network.stand_ins = _Live(world)  # type: ignore[assignment] # looks up the world's stand-ins of the moment
        stack.callback(setattr, requests.Session, "get_adapter", requests.Session.get_adapter)
        requests.Session.get_adapter = lambda _self, url: network  # type: ignore[assignment,method-assign] # noqa: ARG005
        _found(world)
        for name in world.stand_ins:
            world.poll(name)
        yield world
        world.cold()


class _Live:
    def __init__(self, world: World) -> None:
        self._world = world

    def __getitem__(self, host: str) -> StandIn:
        every = self._world.stand_ins
        return every.get(host.removesuffix(".test")) or next(iter(every.values()))


def _calls_of_networks(world: World) -> tuple[tuple[Any, str, Any], ...]:
    """Let networks push into the world's list and greet its functions, without threads and sockets."""

    def push(pusher: Pusher, body: object, *, copies: int = 1) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        world.webhooks += [Pushed(pusher, raw)] * copies

    return (
        (Pusher, "push", push),
        (Pusher, "_work", lambda _pusher: None),
        (Pusher, "__deepcopy__", lambda pusher, _memo: pusher),
        (urllib.request, "urlopen", world.greeted),
    )


def two_networks() -> dict[str, StandIn]:
    """Return who plays the networks of most stages."""
    return {"x": an_x(), "mastodon": a_mastodon()}


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


def _grateful(said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion | None:
    """Be sure of thanks that nobody need answer them, and have no opinion on anything else."""
    thanks = said.text.startswith("thank you")
    return Opinion(odds={"none": 0.99, "cards": 0.01}, model="small") if thanks else None


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
        bank,
        accounts=accounts,
        units=units,
        escalation=dict.fromkeys((*bank.units, "operations"), LADDER),
        word_lists=WORD_LISTS,
        company_duty="ben",
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
    boto3.client("sqs").create_queue(QueueName="replies.fifo", Attributes={"FifoQueue": "true"})
    for name in ("events", "pages"):
        boto3.client("sns").create_topic(Name=name)
    secrets: dict[str, Any] = {"links": {"key": "a key of the tests"}}
    for network, stand_in in world.stand_ins.items():
        secrets[f"{network}/app"] = stand_in.app_secret
        for handle in world.bank.handles_on(network):
            secrets[handle.secret] = stand_in.secret
    if len(world.stand_ins) > 1:  # without the scope for messages: two networks are enough to follow
        secrets["x/acmebank"] = {**world.x.secret, "scope": "tweet.read users.read"}
    for name in filter(None, secrets):
        boto3.client("secretsmanager").create_secret(
            Name=f"allhours/test/{name}", SecretString=json.dumps(dict(secrets[name]))
        )


@contextlib.contextmanager
def _environment(bank: Organisation, networks: Iterable[str]) -> Iterator[None]:
    """Give the functions their settings and the layer with the organisation."""
    with tempfile.TemporaryDirectory() as folder, _set_environment(networks):
        package = Path(folder) / organisation.PACKAGE
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "organisation.json").write_text(json.dumps(organisation_to_json(bank)))
        sys.path.insert(0, folder)
        sys.modules.pop(organisation.PACKAGE, None)
        try:
            yield
        finally:
            sys.path.remove(folder)
            sys.modules.pop(organisation.PACKAGE, None)
            organisation.organisation.cache_clear()


@contextlib.contextmanager
def _set_environment(networks: Iterable[str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(SETTINGS, NETWORKS=",".join(networks))
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
    (jwt.algorithms, "load_pem_private_key", cache(load_pem_private_key)),  # 40 ms each
    (_x_api, "_PAGE", "5"),  # pages so small that a few posts fill two
    (mastodon, "PAGE", 4),
    (wiring, "judge", lambda _organisation: _grateful),
)
