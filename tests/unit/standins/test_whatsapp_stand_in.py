"""The WhatsApp stand-in against Meta's OpenAPI file, both ways, and its deliveries at our webhook."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Skipped
from allhours.networks import whatsapp
from allhours.networks.contract import Answer
from allhours.networks.http import Http
from infra.local.standins.whatsapp import WhatsAppStandIn
from tests.shared_material import specs
from tests.unit.standins.webhook_wire import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.domain.item import Item as AnyItem


class FakeCredentials:
    """What the stand-in gave out."""

    def __init__(self, there: WhatsAppStandIn) -> None:
        self.secrets: dict[str, Mapping[str, str]] = {"number": there.secret, "app": there.app_secret}

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        raise AssertionError(secret, stale, ask)


@dataclass
class FreeMeter:
    """Nothing is ever counted."""

    costs: list[float] = field(default_factory=list)

    def room(self, handle: Handle, cost: float) -> None:
        self.costs.append(len(handle.handle) * cost)

    def spend(self, handle: Handle, cost: float) -> None:
        self.costs.append(len(handle.handle) * cost)


class Number(Webhook):
    """Our function URL on loopback, and the number that answers."""

    def __init__(self, there: WhatsAppStandIn) -> None:
        self.there = there
        self.credentials = FakeCredentials(there)
        self.answers = whatsapp.answering(self.credentials, Http(), app_secret="app", meter=FreeMeter())
        handle = Handle(
            network="whatsapp",
            account="acme-cards",
            unit="cards",
            secret="number",
            handle=there.display,
            base_url=there.base_url,
            native_id=there.phone_number_id,
        )
        super().__init__(
            whatsapp.connect(self.credentials, Http(), app_secret="app", meter=FreeMeter()), handle
        )

    def send(self, item: AnyItem) -> str:
        at = datetime.now(UTC)
        answer = Answer(reply_id="reply-1", item=item, text="We are on it", approved_at=at, private=True)
        return self.answers.send(self.handle, answer, at=at).native_id


@pytest.fixture
def there() -> Iterator[WhatsAppStandIn]:
    with WhatsAppStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def webhook(there: WhatsAppStandIn) -> Iterator[Number]:
    with Number(there) as ours:
        there.register(ours.url)
        yield ours


def test_what_customers_write_change_and_take_back_is_delivered(
    there: WhatsAppStandIn, webhook: Number
) -> None:
    first = there.speak("leela", "My card is blocked")
    there.speak("omar", "grüße \u202e", reply_to=first)
    hidden = there.speak("priya", "I have no number")
    there.edit(first, "My debit card is blocked")
    there.delete(hidden)
    there.brand_says("Typed in the app", reply_to=first)
    heard = webhook.wait_for(6)
    items = [each for each in heard if isinstance(each, Item)]
    assert [item.change for item in items] == [Change.SAID] * 3 + [Change.EDITED, Change.DELETED]
    assert items[1].parent_id == items[3].native_id == first
    assert [item.author.name for item in items] == ["Leela", "Omar", "Priya", "Leela", "Priya"]
    assert "to" not in items[2].answer_needs
    assert [each.reason for each in heard if isinstance(each, Skipped)] == ["own post"]
    assert [said.deleted for said in there.posts] == [False, False, True]
    assert any(b"\\u00fc" in body for body in webhook.bodies)


def test_the_same_delivery_twice_has_the_same_keys(there: WhatsAppStandIn, webhook: Number) -> None:
    there.say("leela", "hm", copies=2)
    one, two = webhook.wait_for(2)
    assert one == two


def test_nothing_is_delivered_before_both_levels_are_subscribed(there: WhatsAppStandIn) -> None:
    with Number(there) as ours:
        there.say("leela", "too early: gone for ever")
        there._call_back(ours.url)
        there.say("leela", "the account is not subscribed")
        there.register(ours.url)
        now = there.say("leela", "now")
        assert [each.native_id for each in ours.wait_for(1)] == [now]


def test_a_ban_is_delivered_as_something_a_person_must_see(there: WhatsAppStandIn, webhook: Number) -> None:
    there.warns("account_update", {"event": "DISABLED_UPDATE"})
    (heard,) = webhook.wait_for(1)
    assert isinstance(heard, Skipped)
    assert heard.reason.startswith("needs a person")


def test_numbers_beside_each_other_never_share_an_id(webhook: Number) -> None:
    ids = set()
    for place in range(3):
        there = WhatsAppStandIn.playing(webhook.handle, place=place)
        ids |= {there.say(author, "hm") for author in ("leela", "omar")}
        ids |= {there.world.person(author)[0] for author in ("leela", "omar")}
    assert len(ids) == 12


# Meta's OpenAPI file, both ways


@cache
def openapi() -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(specs("whatsapp", "business-messaging-api_v23.0.yaml").read_bytes(), Loader=loader)  # noqa: S506 - safe ones


def errors(value: Any, name: str) -> list[str]:
    """Return what is wrong with a value by the schema of this name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": openapi()["components"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def test_what_we_send_is_what_meta_describes(there: WhatsAppStandIn, webhook: Number) -> None:
    there.speak("leela", "My card is blocked")
    (item,) = webhook.wait_for(1)
    assert isinstance(item, Item)
    webhook.send(item)
    sent = json.loads(there.asked[-1].body)
    assert not errors(sent, "BaseMessageProperties")
    # the second half of TextMessage forbids what its first half demands; only its own part is held
    own = dict(openapi()["components"]["schemas"]["TextMessage"]["allOf"][1], additionalProperties=True)
    assert not list(Draft202012Validator(own).iter_errors(sent))
    assert errors({**sent, "text": {"words": "x"}}, "TextMessage")


def test_what_the_stand_in_answers_is_what_meta_describes(there: WhatsAppStandIn, webhook: Number) -> None:
    there.speak("leela", "My card is blocked")
    (item,) = webhook.wait_for(1)
    assert isinstance(item, Item)
    webhook.send(item)
    connector = whatsapp.setting_up(webhook.credentials, Http(), app_secret="app")
    connector.register(webhook.handle, callback=webhook.url, at=datetime.now(UTC))
    answers = {
        f"{there.phone_number_id}/message_history": "MessageHistoryResponse",
        f"{there.world.account}/phone_numbers": "WhatsAppBusinessAccountPhoneNumbersConnection",
        f"{there.world.account}/subscribed_apps": "SubscribedAppsResponse",
        there.phone_number_id: "PhoneNumberInfo",
    }
    wanted = "id,display_phone_number,verified_name,quality_rating,status,name_status"
    for path, schema in answers.items():
        told = there.app.answer("GET", path, {"fields": wanted}, there.app.token, there._call_back)
        assert told is not None
        assert told.body
        assert errors(told.body, schema) == [], path
    # the file's own union of messages points at those that a business sends, so the parts are held
    parts = {"metadata": "Metadata", "contacts": "ContactProfile", "statuses": "Statuses"}
    seen = set()
    webhook.wait_for(3)
    for body in webhook.bodies:
        value = json.loads(body)["entry"][0]["changes"][0]["value"]
        for name, schema in {**parts, "messages": "BaseMessageProperties_1"}.items():
            told = value.get(name, [])
            for part in told if isinstance(told, list) else [told]:
                assert errors(part, schema) == []
                seen.add(name)
    assert seen == {*parts, "messages"}


def test_what_we_ask_for_is_listed(there: WhatsAppStandIn, webhook: Number) -> None:
    connector = whatsapp.setting_up(webhook.credentials, Http(), app_secret="app")
    connector.identify(webhook.handle, at=datetime.now(UTC))
    connector.health(webhook.handle, callback="", at=datetime.now(UTC))
    names = {"id": "PhoneNumberInfo", "account": "WhatsAppBusinessAccountPhoneNumber"}
    known = {
        name: set(openapi()["components"]["schemas"][schema]["properties"]) for name, schema in names.items()
    }
    asked = {each.path.rpartition("/")[2]: each.first("fields") for each in there.asked}
    listed = known["id"] | known["account"]
    assert set(asked[there.phone_number_id].split(",")) <= listed
    assert set(asked["phone_numbers"].split(",")) <= listed
    assert "message_history" in asked
