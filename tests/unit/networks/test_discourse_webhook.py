"""Whose webhook is believed, and whose post it tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import BadSignature, Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped
from allhours.networks.contract import Delivery
from allhours.networks.discourse import FORGOTTEN, connect, signature
from allhours.networks.http import Http
from tests.unit.standins.forum_wire import FakeCredentials, FreeMeter

if TYPE_CHECKING:
    from allhours.domain.item import Heard
    from allhours.networks.discourse import Discourse

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "discourse"
BANK = Handle(
    network="discourse",
    account="cards",
    unit="cards",
    handle="@acme_bank",
    base_url="https://forum.example",
    secret="discourse/cards",
)


def body(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def network_with(secret: str) -> Discourse:
    credentials = FakeCredentials({"discourse/app": {"webhook_secret": secret}})
    return connect(credentials, Http(), app_secret="discourse/app", meter=FreeMeter())


def delivery(raw: bytes, key: str = "s1", **headers: str) -> Delivery:
    told = {
        "x-discourse-instance": "https://forum.example",
        "x-discourse-event-type": "post",
        "x-discourse-event": "post_created",
        "x-discourse-event-id": "12",
        "x-discourse-event-signature": signature(key, raw),
    }
    return Delivery(
        method="POST",
        query={},
        headers={**told, **{name.replace("_", "-"): value for name, value in headers.items()}},
        body=raw,
    )


def heard(network: Discourse, told: Delivery, *handles: Handle) -> tuple[Heard, ...]:
    """Hear a delivery as `receive` does."""
    network.verify(told)
    return network.unpack(told.body, network.addressed(told, handles), at=AT)


def test_the_signature_is_hmac_sha256_in_hex_behind_its_prefix() -> None:
    rfc_4231 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signature("Jefe", b"what do ya want for nothing?") == f"sha256={rfc_4231}"


def test_a_signed_delivery_is_believed_with_any_of_our_secrets() -> None:
    raw = body("post_created")
    network_with("s1").verify(delivery(raw))
    network_with("s0 s1").verify(delivery(raw))


@pytest.mark.parametrize(
    "forged",
    [
        delivery(body("ping"), "guess"),
        delivery(body("ping"), x_discourse_event_signature=""),
        delivery(body("ping"), x_discourse_event_signature=signature("s1", body("ping"))[7:]),
        delivery(body("ping"), x_discourse_event_signature="sha256=é"),
        replace(delivery(body("ping")), body=body("ping") + b" "),
    ],
)
def test_anything_else_is_refused(forged: Delivery) -> None:
    with pytest.raises(BadSignature):
        network_with("s1").verify(forged)
    with pytest.raises(BadSignature):
        network_with("").verify(forged)


def test_a_forum_greets_nobody() -> None:
    with pytest.raises(BadSignature):
        network_with("s1").greet(replace(delivery(b""), method="GET"))


def test_a_delivery_belongs_to_the_forum_that_its_header_names() -> None:
    network, raw = network_with("s1"), body("post_created")
    other = replace(BANK, base_url="https://other.example", account="loans")
    (item,) = heard(network, delivery(raw, x_discourse_instance="https://Other.example/"), BANK, other)
    assert isinstance(item, Item)
    assert item.account == "loans"
    for nobodys in ("https://third.example", ""):
        (skipped,) = heard(network, delivery(raw, x_discourse_instance=nobodys), BANK, other)
        assert isinstance(skipped, Skipped)


def test_two_deliveries_at_once_never_mix_their_forums() -> None:
    network, raw = network_with("s1"), body("post_created")
    other = replace(BANK, base_url="https://other.example", account="loans")
    first, second = delivery(raw), delivery(raw, x_discourse_instance="https://other.example")
    network.verify(first)
    network.verify(second)
    for told, account in ((first, "cards"), (second, "loans")):
        (item,) = network.unpack(raw, network.addressed(told, (BANK, other)), at=AT)
        assert isinstance(item, Item)
        assert item.account == account


def test_a_header_that_a_proxy_dropped_is_missed_only_where_there_are_several_forums() -> None:
    (item,) = heard(network_with("s1"), delivery(body("post_created"), x_discourse_instance=""), BANK)
    assert isinstance(item, Item)


def test_a_named_secret_signs_for_its_own_forum_only() -> None:
    network, raw = network_with("theirs.example=s1 s2 forum.example:8443/community=s3"), body("post_created")
    network.verify(delivery(raw, "s1", x_discourse_instance="https://theirs.example"))
    network.verify(delivery(raw, "s2"))
    network.verify(delivery(raw, "s3", x_discourse_instance="https://forum.example:8443/community"))
    for secret in ("s1", "s3", "theirs.example=s1"):
        with pytest.raises(BadSignature):
            network.verify(delivery(raw, secret))


def test_two_accounts_on_one_forum_share_it_by_category() -> None:
    network, raw = network_with("s1"), body("post_created")
    loans = replace(BANK, account="loans", settings={"categories": "6"})
    cards = replace(BANK, account="cards", settings={"categories": "5"})
    (item,) = heard(network, delivery(raw), loans, cards)
    assert isinstance(item, Item)
    assert item.account == "cards"


@pytest.mark.parametrize("event", sorted(FORGOTTEN))
def test_a_forgotten_account_needs_a_person(event: str) -> None:
    network, raw = network_with("s1"), b'{"user": {"id": 77, "username": "leela_w"}}'
    told = delivery(raw, x_discourse_event=event, x_discourse_event_type="user")
    (skipped,) = heard(network, told, BANK)
    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith("needs a person: ")


def test_other_events_than_posts_are_named() -> None:
    network = network_with("s1")
    for raw, kind in (
        (b'{"topic": {"id": 1}}', "topic"),
        (b'{"user": {"id": 1}}', "user"),
        (b'{"like": {}}', "like"),
        (b"[]", ""),
        (b"{}", ""),
    ):
        told = delivery(raw, x_discourse_event=f"{kind}_updated", x_discourse_event_type=kind)
        (skipped,) = heard(network, told, BANK)
        assert isinstance(skipped, Skipped)
        assert skipped.reason == "not a post"
    with pytest.raises(Malformed):
        network.unpack(b"x", (BANK,), at=AT)
