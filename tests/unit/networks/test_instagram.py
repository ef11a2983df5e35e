"""Instagram: what a body becomes, who may call the webhook, which host and token a login speaks to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import BadSignature, Malformed, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, Unreadable, item_from_json, item_to_json
from allhours.networks import instagram
from allhours.networks._instagram.graph import by_facebook, graph_for, inbox_of
from allhours.networks.contract import AuthorBook, Delivery, Push, Rereader, Source
from allhours.networks.http import Http
from infra.local.standins import _meta
from infra.local.standins.instagram import InstagramStandIn
from tests.unit.standins.sixty_days_wire import FakeCredentials, FakeMeter

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "instagram"
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OURS = Handle(
    network="instagram",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="https://graph.instagram.com",
    native_id="17841400000004711",
    secret="handle",
)
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))


def network(app: Mapping[str, str] | None = None) -> instagram.Instagram:
    credentials = FakeCredentials(InstagramStandIn())
    credentials.secrets["app"] = app or credentials.secrets["app"]
    return instagram.connect(credentials, Http(), app_secret="app", meter=FakeMeter())


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_body_becomes_the_items_written_beside_it(path: Path) -> None:
    items = [each for each in instagram.parse(path.read_bytes(), OURS, AT) if isinstance(each, Item)]
    expected = json.loads(path.with_suffix(".item.json").read_bytes())
    assert [item_to_json(each) for each in items] == expected
    assert [item_from_json(each) for each in expected] == items


def test_what_brings_no_item_says_why() -> None:
    told = {
        name: [
            getattr(each, "reason", "out of shape").partition(":")[0]
            for each in instagram.parse((FIXTURES / f"{name}.json").read_bytes(), OURS, AT)
        ]
        for name in ("own_posts", "nothing_said", "nobody_named")
    }
    assert told == {
        "own_posts": ["own post"] * 3,
        "nothing_said": [
            *("receipt", "reaction", "postback", "arrival", "arrival"),
            *("handover of a conversation between apps", "event of a kind without words"),
        ],
        "nobody_named": ["out of shape"],
    }


def test_an_entry_that_names_nobody_is_told_where_the_rest_is_told() -> None:
    body = json.loads((FIXTURES / "comment.json").read_bytes())
    body["entry"].append({"time": 1})
    heard = instagram.parse(json.dumps(body).encode(), OURS, AT)
    assert [each.handle for each in heard if isinstance(each, Unreadable)] == [OURS.handle]


def test_every_part_of_the_contract_is_there() -> None:
    for part in (Source, Push, Rereader, AuthorBook):
        assert isinstance(network(), part)


def test_what_is_out_of_shape_is_kept_by_id_and_the_rest_goes_on() -> None:
    heard = instagram.parse((FIXTURES / "out_of_shape.json").read_bytes(), OURS, AT)
    fields = [each.field for each in heard if isinstance(each, Unreadable)]
    assert fields == ["id", "text", "value", "changes", "mid", "messaging"]
    (nobody,) = instagram.parse((FIXTURES / "nobody_named.json").read_bytes(), OURS, AT)
    assert isinstance(nobody, Unreadable)
    assert nobody.field == "entry[0].id"


@pytest.mark.parametrize(
    "body", [b"<html>", b"7", b'{"object":"page","entry":[]}', b'{"object":"instagram"}']
)
def test_what_is_not_instagrams_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        instagram.parse(body, OURS, AT)


def test_a_delivery_goes_to_the_account_it_names() -> None:
    body = (FIXTURES / "comment.json").read_bytes()
    other = replace(OURS, account="acme-loans", handle="@acmeloans", native_id="17841400000004712")
    (heard,) = network().unpack(body, [other, OURS], at=AT)
    assert isinstance(heard, Item)
    assert heard.account == "acme-cards"
    (skipped,) = network().unpack(body, [other], at=AT)
    assert skipped == Skipped(
        network="instagram", native_id=OURS.native_id, reason="another account than ours"
    )


def test_either_app_may_sign_and_nobody_else() -> None:
    body = (FIXTURES / "comment.json").read_bytes()
    app = {"app_secret": "meta-secret,older-secret", "instagram_app_secret": "instagram-secret"}
    for secret in ("meta-secret", "older-secret", "instagram-secret"):
        headers = {name.lower(): value for name, value in _meta.signed(secret, body).items()}
        network(app).verify(Delivery(method="POST", query={}, headers=headers, body=body))
        with pytest.raises(BadSignature):
            network(app).verify(Delivery(method="POST", query={}, headers=headers, body=body + b" "))
    only_sha1 = {"x-hub-signature": _meta.signed("meta-secret", body)["X-Hub-Signature"]}
    for headers in ({}, only_sha1, {"x-hub-signature-256": _meta.signed("", body)["X-Hub-Signature-256"]}):
        with pytest.raises(BadSignature):
            network(app).verify(Delivery(method="POST", query={}, headers=headers, body=body))


def test_the_challenge_comes_back_for_our_word_only() -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "word"}
    there = network({"verify_token": "word"})
    assert there.greet(Delivery(method="GET", query=query, headers={}, body=b"")).body == "1158201444"
    wrong = {**query, "hub.verify_token": "another"}
    with pytest.raises(BadSignature):
        there.greet(Delivery(method="GET", query=wrong, headers={}, body=b""))


def test_the_login_chooses_host_and_inbox() -> None:
    facebook = replace(OURS, settings={"login": "facebook", "page_id": "1002003"})
    credentials = FakeCredentials(InstagramStandIn())
    hosts = [
        graph_for(Http(), credentials, each, app_secret="app", at=AT).handle.base_url
        for each in (OURS, facebook)
    ]
    assert hosts == ["https://graph.instagram.com", "https://graph.facebook.com"]
    assert [inbox_of(each) for each in (OURS, facebook)] == [OURS.native_id, "1002003"]
    with pytest.raises(Refused, match="setting login"):
        by_facebook(replace(OURS, settings={"login": "google"}))
