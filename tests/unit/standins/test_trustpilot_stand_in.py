"""The stand-in for Trustpilot: tokens, pages, and webhooks that are knocks and no more."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import BadSignature, Busy, Malformed, Refused
from allhours.domain.item import Change, Item, Skipped, Unreadable
from allhours.networks import trustpilot
from allhours.networks._trustpilot.api import Trustpilot
from allhours.networks.contract import DefiniteNo, Delivery, Push
from infra.local.standins.trustpilot import WEBHOOK_TOKEN, TrustpilotStandIn
from tests.unit.standins.reviews_wire import AT, Clock, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.item import Heard


@pytest.fixture
def site() -> Iterator[TrustpilotStandIn]:
    with TrustpilotStandIn(clock=Clock()) as site:
        yield site


@pytest.fixture
def desk(site: TrustpilotStandIn) -> Desk:
    return Desk(site)


def unpacked(desk: Desk, body: object) -> list[Heard]:
    assert isinstance(desk.network, Push)
    return list(desk.network.unpack(json.dumps(body).encode(), [desk.handle], at=desk.now()))


def delivery(**query: str) -> Delivery:
    return Delivery(method="POST", query=query, headers={}, body=b"{}")


# Tokens.


def test_one_token_serves_reading_and_answering_until_it_is_about_to_end(
    site: TrustpilotStandIn, desk: Desk
) -> None:
    site.say("Leela", "Slow")
    (item,) = desk.heard()
    desk.poll()
    desk.replier.send(desk.handle, desk.answer(item, "Thank you"), at=desk.now())
    assert desk.secrets.renewals == 1
    stored = desk.secrets.stored[desk.handle.secret]
    assert stored["access_token"]
    assert stored["refresh_token"] == site.refresh_token
    site.clock.moves(hours=100)  # type: ignore[attr-defined]
    desk.poll()
    assert desk.secrets.renewals == 2
    assert [each.path.rpartition("/")[2] for each in site.asked if "/oauth/" in each.path] == [
        "accesstoken",
        "refresh",
    ]


def test_a_refresh_token_that_ended_gives_way_to_key_and_secret(site: TrustpilotStandIn, desk: Desk) -> None:
    desk.poll()
    site.refresh_token = "another"
    site.expire()
    assert [step.trouble for step in desk.poll()] == [None]
    assert desk.secrets.stored[desk.handle.secret]["refresh_token"] == "another"


def test_a_wrong_key_is_refused_with_what_to_check(desk: Desk) -> None:
    desk.secrets.stored[desk.handle.secret]["api_secret"] = "wrong-secret"
    (step,) = desk.poll()
    assert isinstance(step.trouble, Refused)
    assert "api_secret" in str(step.trouble)
    assert "wrong-secret" not in str(step.trouble)


def test_a_wrong_business_user_may_not_reply(site: TrustpilotStandIn, desk: Desk) -> None:
    site.say("Leela", "Slow")
    (item,) = desk.heard()
    desk.secrets.stored[desk.handle.secret]["business_user_id"] = "somebody"
    with pytest.raises(DefiniteNo, match="business_user_id"):
        desk.replier.send(desk.handle, desk.answer(item, "Thank you"), at=desk.now())


def test_connector_renews_only_what_is_due(site: TrustpilotStandIn, desk: Desk) -> None:
    assert desk.setup.renew(desk.handle, at=desk.now())
    assert not desk.setup.renew(desk.handle, at=desk.now())
    site.clock.moves(hours=90)  # type: ignore[attr-defined]
    assert not desk.setup.renew(desk.handle, at=desk.now())
    site.clock.moves(hours=9, minutes=58)  # type: ignore[attr-defined]
    assert desk.setup.renew(desk.handle, at=desk.now())


def test_registering_tells_a_person_what_to_do_and_not_the_word_itself(desk: Desk) -> None:
    told = " ".join(desk.setup.register(desk.handle, callback="https://hooks.example/trustpilot", at=AT))
    assert "https://hooks.example/trustpilot?token=" in told
    assert "trustpilot/app" in told
    assert WEBHOOK_TOKEN not in told
    assert "polled" in desk.setup.register(desk.handle, callback="", at=AT)[0]


# What must never be kept.


def test_mail_and_reference_never_enter_an_item(site: TrustpilotStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow")
    items = [*desk.heard(), *unpacked(desk, site.event("service-review-created", native_id))]
    assert len(items) == 2
    assert "reviewer1@example.org" not in repr(items)
    assert "ord-1" not in repr(items)


# Webhooks.


def test_a_delivery_with_our_word_is_let_in_and_any_other_is_not(desk: Desk) -> None:
    assert isinstance(desk.network, Push)
    desk.network.verify(delivery(token=WEBHOOK_TOKEN))
    for query in ({}, {"token": ""}, {"token": "x"}, {"token": WEBHOOK_TOKEN + "x"}, {"token": "ü\udcff"}):
        with pytest.raises(BadSignature):
            desk.network.verify(delivery(**query))
    desk.secrets.stored["trustpilot/app"] = {}
    with pytest.raises(BadSignature):
        desk.network.verify(delivery(token=""))


def test_nobody_is_greeted(desk: Desk) -> None:
    assert isinstance(desk.network, Push)
    with pytest.raises(BadSignature):
        desk.network.greet(replace(delivery(token=WEBHOOK_TOKEN), method="GET"))


def test_an_event_brings_the_review_as_the_api_has_it(site: TrustpilotStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow", stars=2)
    body = site.event("service-review-created", native_id)
    body["events"][0]["eventData"]["text"] = "Forged words"
    body["events"][0]["eventData"]["stars"] = 1
    (item,) = unpacked(desk, body)
    assert isinstance(item, Item)
    assert (item.text, item.rating) == ("Slow", 2)
    assert desk.heard() == [item]


def test_an_edit_is_told_with_its_version(site: TrustpilotStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow")
    site.clock.moves(minutes=1)  # type: ignore[attr-defined]
    site.edit(native_id, "Slower")
    (item,) = unpacked(desk, site.event("service-review-updated", native_id))
    assert isinstance(item, Item)
    assert (item.change, item.text.partition("\n\n")[0]) == (Change.EDITED, "Slower")
    assert item.version > 0


def test_a_deletion_is_believed_only_when_the_review_is_gone(site: TrustpilotStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow")
    body = site.event("service-review-deleted", native_id)
    (still_there,) = unpacked(desk, body)
    assert isinstance(still_there, Item)
    assert still_there.change is Change.SAID
    site.delete(native_id)
    (gone,) = unpacked(desk, body)
    assert isinstance(gone, Item)
    assert (gone.change, gone.text, gone.native_id) == (Change.DELETED, "", native_id)


def test_a_review_announced_before_the_api_has_it_is_left_to_the_poll(
    site: TrustpilotStandIn, desk: Desk
) -> None:
    native_id = site.say("Leela", "Slow")
    site.hold(native_id)
    (left,) = unpacked(desk, site.event("service-review-created", native_id))
    assert left == Skipped(network="trustpilot", native_id=native_id, reason=trustpilot.NOT_THERE)


def test_a_review_of_another_company_is_nobodys_and_no_deletion(site: TrustpilotStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow")
    desk.handle = replace(desk.handle, native_id="ffff")
    (left,) = unpacked(desk, site.event("service-review-deleted", native_id))
    assert left == Skipped(network="trustpilot", native_id=native_id, reason=trustpilot.NOT_OURS)


def test_an_event_finds_its_handle_among_several(site: TrustpilotStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow")
    assert isinstance(desk.network, Push)
    other = replace(desk.handle, handle="Other", native_id="ffff")
    body = json.dumps(site.event("service-review-created", native_id)).encode()
    (item,) = desk.network.unpack(body, [other, desk.handle], at=desk.now())
    assert isinstance(item, Item)
    assert item.handle == desk.handle.handle


@pytest.mark.parametrize("fault", ["rate_limited", "server_error", "cut"])
def test_a_knock_that_cannot_be_answered_now_comes_again(
    site: TrustpilotStandIn, desk: Desk, fault: str
) -> None:
    native_id = site.say("Leela", "Slow")
    site.may_fail = lambda asked: "/private/reviews/" in asked.path  # type: ignore[method-assign]
    site.fail(fault)
    with pytest.raises(Busy, match=native_id):
        unpacked(desk, site.event("service-review-created", native_id))


def test_a_handle_whose_keys_are_turned_down_keeps_no_other_from_its_review(
    site: TrustpilotStandIn, desk: Desk
) -> None:
    native_id = site.say("Leela", "Slow")
    assert isinstance(desk.network, Push)
    other = replace(desk.handle, handle="Other", native_id="ffff", secret="trustpilot/gone")
    body = json.dumps(site.event("service-review-created", native_id)).encode()
    (item,) = desk.network.unpack(body, [other, desk.handle], at=desk.now())
    assert isinstance(item, Item)
    with pytest.raises(Refused):
        desk.network.unpack(body, [other], at=desk.now())


def test_a_review_whose_company_is_out_of_shape_crashes_nothing(
    site: TrustpilotStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    native_id = site.say("Leela", "Slow")
    told = {"id": native_id, "businessUnit": {"id": ["a list"]}}
    monkeypatch.setattr(Trustpilot, "get", lambda *_args, **_more: told)
    (left,) = unpacked(desk, site.event("service-review-created", native_id))
    assert left == Skipped(network="trustpilot", native_id=native_id, reason=trustpilot.NOT_OURS)


def test_what_is_no_service_review_has_a_reason_and_the_rest_goes_on(
    site: TrustpilotStandIn, desk: Desk
) -> None:
    native_id = site.say("Leela", "Slow")
    good = site.event("service-review-created", native_id)["events"]
    bad: list[object] = [
        7,
        {"eventName": "product-review-created", "eventData": {"id": "77aa"}},
        {"eventName": "service-review-liked", "eventData": {"id": native_id}},
        {"eventName": "service-review-created", "eventData": {}},
    ]
    heard = unpacked(desk, {"events": [*bad, *good]})
    assert [type(each) for each in heard] == [Skipped, Skipped, Skipped, Unreadable, Item]


def test_more_events_than_a_delivery_is_worth_are_left_to_the_poll(
    site: TrustpilotStandIn, desk: Desk
) -> None:
    native_id = site.say("Leela", "Slow")
    events = site.event("service-review-created", native_id)["events"] * 25
    heard = unpacked(desk, {"events": events})
    assert [each.reason for each in heard if isinstance(each, Skipped)] == [trustpilot.LEFT_TO_POLL] * 5
    assert len([each for each in site.asked if "/private/reviews/" in each.path]) == 20


@pytest.mark.parametrize("body", [[], 7, "x", {"events": 7}])
def test_a_body_of_something_else_is_malformed(desk: Desk, body: object) -> None:
    with pytest.raises(Malformed):
        unpacked(desk, body)


# Paging by number.


def test_deletions_between_two_polls_of_one_walk_hide_no_review(
    site: TrustpilotStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trustpilot, "PAGES", 2)
    monkeypatch.setattr(trustpilot, "PAGE", 10)
    desk.poll()
    ids = [
        site.say("Leela", f"Number {number}", at=AT + timedelta(hours=10 * number)) for number in range(50)
    ]
    site.clock.moves(days=21)  # type: ignore[attr-defined]
    heard = {item.native_id for item in desk.heard()}
    for native_id in ids[-5:]:
        site.delete(native_id)
    for _ in range(6):
        heard |= {item.native_id for item in desk.heard()}
    assert heard >= set(ids[:-5])


def test_the_list_ends_at_its_last_page(
    site: TrustpilotStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trustpilot, "PAGE", 2)
    monkeypatch.setattr(trustpilot, "LAST_PAGE", 2)
    desk.poll()
    for number in range(10):
        site.say("Leela", f"Number {number}")
    assert len(desk.heard()) == 4
    assert desk.cursor["reviews"]["resume"] is None  # type: ignore[index]
