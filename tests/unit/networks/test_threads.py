"""Threads: what a body becomes, whom a delivery is for, who may call the webhook."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import BadSignature, Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, Unreadable, item_from_json, item_to_json
from allhours.networks import threads
from allhours.networks._threads import posts
from allhours.networks.contract import AuthorBook, Delivery, Push, Rereader, Source
from allhours.networks.http import Http
from infra.local.standins import _meta
from infra.local.standins.threads import ThreadsStandIn
from tests.unit.standins.sixty_days_wire import FakeCredentials, FakeMeter

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "threads"
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OURS = Handle(
    network="threads",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="https://graph.threads.net",
    native_id="24700000000004711",
    secret="handle",
)
OTHER = replace(OURS, account="acme-loans", handle="@acmeloans", native_id="24700000000004712")
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))


def network(app: Mapping[str, str] | None = None) -> threads.Threads:
    credentials = FakeCredentials(ThreadsStandIn())
    credentials.secrets["app"] = app or credentials.secrets["app"]
    return threads.connect(credentials, Http(), app_secret="app", meter=FakeMeter())


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_body_becomes_the_items_written_beside_it(path: Path) -> None:
    items = [each for each in threads.parse(path.read_bytes(), OURS, AT) if isinstance(each, Item)]
    expected = json.loads(path.with_suffix(".item.json").read_bytes())
    assert [item_to_json(each) for each in items] == expected
    assert [item_from_json(each) for each in expected] == items


def test_what_brings_no_item_says_why() -> None:
    heard = threads.parse((FIXTURES / "own_post_deleted_and_published.json").read_bytes(), OURS, AT)
    assert [getattr(each, "reason", "out of shape") for each in heard] == [
        *("own post", "own post"),
        *("subscribed field that brings no posts", "delivery without a value"),
    ]


@pytest.mark.parametrize("name", ["id", "owner_id"])
def test_what_our_profile_owns_is_our_own_whatever_its_name(name: str) -> None:
    row = {"id": "178900000000009", "text": "We are open", "timestamp": "2026-11-21T10:00:00+0000"}
    body = {"data": [{**row, "username": "acme.renamed", "owner": {name: OURS.native_id}}]}
    (told,) = threads.parse(json.dumps(body).encode(), OURS, AT)
    assert getattr(told, "reason", "") == "own post"


def test_every_part_of_the_contract_is_there_and_no_other() -> None:
    for part in (Source, Push, Rereader):
        assert isinstance(network(), part)
    assert not isinstance(network(), AuthorBook)


def test_what_is_out_of_shape_is_kept_by_id_and_the_rest_goes_on() -> None:
    heard = threads.parse((FIXTURES / "out_of_shape.json").read_bytes(), OURS, AT)
    fields = [each.field for each in heard if isinstance(each, Unreadable)]
    assert fields == ["id", "timestamp", "text", "value", "values"]


@pytest.mark.parametrize("body", [b"<html>", b"7", b'{"topic":"moderate"}'])
def test_what_is_not_of_threads_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        threads.parse(body, OURS, AT)


@pytest.mark.parametrize(
    ("target_id", "owner", "settings"),
    [
        (OURS.native_id, {}, {}),
        ("78901", {}, {"target_id": "78901"}),
        ("78901", {"owner_id": OURS.native_id}, {}),
        ("78901", {"owner_id": "5", "username": "AcmeBank"}, {}),
    ],
    ids=["target", "setting", "owner of the root", "name of the root"],
)
def test_a_delivery_finds_its_handle_by_whatever_names_it(
    target_id: str, owner: Mapping[str, str], settings: Mapping[str, str]
) -> None:
    body = json.loads((FIXTURES / "reply.json").read_bytes())
    body["target_id"] = target_id
    body["values"]["value"]["root_post"] = {"id": "17890000000000100", **owner}
    ours = replace(OURS, settings=settings)
    (heard,) = network().unpack(json.dumps(body).encode(), [OTHER, ours], at=AT)
    assert isinstance(heard, Item)
    assert heard.account == "acme-cards"


def test_a_delivery_that_names_nobody_of_ours_needs_a_person_unless_there_is_one_handle_only() -> None:
    body = json.loads((FIXTURES / "mention.json").read_bytes())
    body["target_id"] = "78901"
    raw = json.dumps(body).encode()
    (heard,) = network().unpack(raw, [OTHER, OURS], at=AT)
    assert heard == Skipped(network="threads", native_id="78901", reason=posts.NOBODYS)
    (heard,) = network().unpack(raw, [OURS], at=AT)
    assert isinstance(heard, Item)


def test_either_app_may_sign_and_nobody_else() -> None:
    body = (FIXTURES / "reply.json").read_bytes()
    app = {"app_secret": "threads-secret, meta-secret"}
    for secret in ("threads-secret", "meta-secret"):
        headers = {name.lower(): value for name, value in _meta.signed(secret, body).items()}
        network(app).verify(Delivery(method="POST", query={}, headers=headers, body=body))
        with pytest.raises(BadSignature):
            network(app).verify(Delivery(method="POST", query={}, headers=headers, body=body + b" "))
    with pytest.raises(BadSignature):
        network(app).verify(Delivery(method="POST", query={}, headers={}, body=body))


def test_the_challenge_comes_back_for_our_word_only() -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "word"}
    there = network({"verify_token": "word"})
    assert there.greet(Delivery(method="GET", query=query, headers={}, body=b"")).body == "1158201444"
    wrong = {**query, "hub.verify_token": "another"}
    with pytest.raises(BadSignature):
        there.greet(Delivery(method="GET", query=wrong, headers={}, body=b""))
