"""WhatsApp: whom we may answer and until when, what is sent, what a status tells, how a number is set up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import NetworkError, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item
from allhours.networks import contract, whatsapp
from allhours.networks._whatsapp.setup import FIELDS
from allhours.networks.contract import Answer, CannotTell, DefiniteNo, Posted, Receipt
from allhours.networks.http import Http
from infra.local.standins import _meta as meta
from infra.local.standins.whatsapp import WhatsAppStandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.networks._whatsapp.answers import WhatsAppAnswers
    from allhours.networks._whatsapp.setup import WhatsAppSetup

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


class FakeCredentials:
    """The stand-in's secrets; nothing is ever renewed."""

    def __init__(self, there: WhatsAppStandIn) -> None:
        self.secrets: dict[str, Mapping[str, str]] = {"number": there.secret, "app": there.app_secret}

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.secrets:
            raise Refused("whatsapp", f"there is no secret {secret}")
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        raise AssertionError(secret, stale, ask)


class FreeMeter:
    """Nothing is counted: what an answer costs, WhatsApp bills by the month."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, float]] = []

    def room(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))


class Deliveries:
    """A pusher that keeps the bodies for the test to hand over."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def push(self, body: object, *, copies: int = 1) -> None:
        self.bodies += [json.dumps(body).encode()] * copies

    def stop(self) -> None:
        """Nothing runs."""


class Desk:
    """A number, what it heard, and the hands that answer; the clock stands unless a test moves it."""

    def __init__(self, there: WhatsAppStandIn) -> None:
        self.there = there
        self.at = AT
        there.world.clock = lambda: self.at
        self.deliveries = Deliveries()
        there.pushes = self.deliveries  # type: ignore[assignment]
        there.app.fields, there.app.subscribed = list(FIELDS), True
        self.credentials = FakeCredentials(there)
        self.handle = Handle(
            network="whatsapp",
            account="acme-cards",
            unit="cards",
            secret="number",
            handle=there.display,
            base_url=there.base_url,
            native_id=there.phone_number_id,
        )
        self.answers: WhatsAppAnswers = whatsapp.answering(  # type: ignore[assignment]
            self.credentials, Http(), app_secret="app", meter=FreeMeter()
        )
        self.network = whatsapp.connect(self.credentials, Http(), app_secret="app", meter=FreeMeter())

    def hear(self, author: str, text: str = "My card is blocked") -> Item:
        native_id = self.there.say(author, text)
        heard = self.network.unpack(self.deliveries.bodies[-1], [self.handle], at=self.at)
        (item,) = (each for each in heard if isinstance(each, Item))
        assert item.native_id == native_id
        return item

    def answer(self, item: Item, text: str = "We are on it") -> Answer:
        asked = Answer(reply_id="reply-7f3", item=item, text=text, approved_at=self.at, private=True)
        return self.answers.prepare(self.handle, asked, at=self.at)

    def send(self, item: Item, text: str = "We are on it") -> Posted:
        return self.answers.send(self.handle, self.answer(item, text), at=self.at)

    def receipts(self) -> list[Receipt]:
        return [receipt for body in self.deliveries.bodies for receipt in self.answers.receipts(body)]


@pytest.fixture
def there() -> Iterator[WhatsAppStandIn]:
    with WhatsAppStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(there: WhatsAppStandIn) -> Desk:
    return Desk(there)


@pytest.fixture
def item(desk: Desk) -> Item:
    return desk.hear("leela")


# What may be answered


def test_a_message_is_answered_within_a_day_and_not_after(desk: Desk, item: Item) -> None:
    for apart, allowed in ((timedelta(), True), (DAY - SECOND, True), (DAY, False)):
        told = desk.answers.permission(desk.handle, item, private=True, at=item.created_at + apart)
        assert (told.allowed, told.until) == (allowed, item.created_at + DAY)
    over = desk.answers.permission(desk.handle, item, private=True, at=item.created_at + DAY)
    assert "template" in over.reason


def test_what_nobody_may_answer_says_why(desk: Desk, item: Item) -> None:
    group = replace(item, answer_needs={**item.answer_needs, "group": "1203.g.us"})
    other = replace(item, answer_needs={**item.answer_needs, "phone_number_id": "77"})
    told = [
        desk.answers.permission(desk.handle, item, private=False, at=AT),
        desk.answers.permission(desk.handle, replace(item, change=Change.DELETED), private=True, at=AT),
        desk.answers.permission(desk.handle, group, private=True, at=AT),
        desk.answers.permission(desk.handle, other, private=True, at=AT),
    ]
    assert not any(each.allowed for each in told)
    assert len({each.reason for each in told}) == 4


def test_nothing_goes_to_a_group_or_from_another_number(desk: Desk, item: Item) -> None:
    for needs in ({"group": "1203.g.us"}, {"phone_number_id": "77"}):
        with pytest.raises(DefiniteNo):
            desk.send(replace(item, answer_needs={**item.answer_needs, **needs}))
    assert not desk.there.shown


def test_length_is_counted_in_the_stricter_unit(desk: Desk, item: Item) -> None:
    fits = [
        desk.answers.length(text, item, private=True)[0].fits
        for text in ("x" * 4_096, "x" * 4_097, "\U0001f642" * 2_048, "\U0001f642" * 2_049, "")
    ]
    assert fits == [True, False, True, False, False]
    assert "1,000" in desk.answers.cost("x", item, private=True).why


# What is sent


def test_an_answer_quotes_the_message_and_carries_our_reply_id(desk: Desk, item: Item) -> None:
    posted = desk.send(item)
    asked = desk.there.asked[-1]
    assert json.loads(asked.body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": item.answer_needs["to"],
        "type": "text",
        "text": {"body": "We are on it", "preview_url": False},
        "context": {"message_id": item.native_id},
        "biz_opaque_callback_data": "reply-7f3",
    }
    assert item.answer_needs["to"].startswith("+")
    assert asked.headers["authorization"] == f"Bearer {desk.there.app.token}"
    assert asked.first("appsecret_proof")
    assert [(each.native_id, each.to) for each in desk.there.shown] == [(posted.native_id, item.native_id)]


def test_who_hides_the_number_is_answered_by_user_id(desk: Desk) -> None:
    authors = [desk.hear(author) for author in ("leela", "omar", "priya")]
    assert "to" not in authors[2].answer_needs
    desk.send(authors[2])
    sent = json.loads(desk.there.asked[-1].body)
    assert sent["recipient"] == authors[2].author.author_id
    assert "to" not in sent
    assert len(desk.there.shown) == 1


def test_a_status_is_the_proof_and_brings_our_reply_id_back(desk: Desk, item: Item) -> None:
    posted = desk.send(item)
    assert desk.receipts() == [
        Receipt(network="whatsapp", native_id=posted.native_id, state=state, reply_id="reply-7f3")
        for state in ("read", "sent")
    ]
    heard = desk.network.unpack(desk.deliveries.bodies[-1], [desk.handle], at=AT)
    assert [getattr(each, "reason", "") for each in heard] == ["delivery receipt"]


def test_accepted_is_not_delivered(desk: Desk, item: Item) -> None:
    desk.there.blocked.add("leela")
    posted = desk.send(item)
    assert posted.native_id
    assert not desk.there.shown
    (receipt,) = desk.receipts()
    assert (receipt.state, receipt.reply_id) == ("failed", "reply-7f3")
    assert "cannot be delivered" in receipt.detail


def test_a_closed_window_may_be_told_later_too(desk: Desk, item: Item) -> None:
    desk.at = AT + DAY + SECOND
    desk.send(item)
    (receipt,) = desk.receipts()
    assert (receipt.state, "template" in receipt.detail) == ("failed", True)


def test_a_malformed_status_is_left_out() -> None:
    answers = whatsapp.answering(None, Http(), app_secret="", meter=FreeMeter())  # type: ignore[arg-type]
    assert isinstance(answers, contract.ReceiptReader)
    statuses = [
        7,
        {"id": "wamid.1"},
        {"status": "sent"},
        {"id": "wamid.1", "status": "warp"},
        {"id": "wamid.2", "status": "failed", "errors": [{"code": 132_001}, {"code": 131_000}, "x"]},
        {"id": "wamid.3", "status": "played", "biz_opaque_callback_data": 7},
    ]
    body = {"entry": [{"changes": [{"value": {"statuses": statuses}}, {"value": 5}, 6]}, 7]}
    receipts = answers.receipts(json.dumps(body).encode())
    assert [(each.native_id, each.state, each.reply_id) for each in receipts] == [
        ("wamid.2", "failed", ""),
        ("wamid.3", "read", ""),
    ]
    assert "template" in receipts[0].detail


# What WhatsApp turns down, and what nobody knows


def test_each_refusal_is_told_in_words(desk: Desk, item: Item) -> None:
    stranger = replace(item, answer_needs={**item.answer_needs, "to": "+4900000"})
    with pytest.raises(DefiniteNo, match="test account") as refused:
        desk.send(stranger)
    assert refused.value.again_at is None
    with pytest.raises(DefiniteNo, match="does not accept"):
        desk.send(item, "x" * 4_097)
    assert not desk.there.shown


def test_too_many_to_one_person_is_a_no_for_now(desk: Desk, item: Item) -> None:
    for _ in range(45):
        desk.send(item)
    with pytest.raises(DefiniteNo) as later:
        desk.send(item)
    assert later.value.again_at == AT + timedelta(minutes=1)
    assert len(desk.there.shown) == 45


@pytest.mark.parametrize("fault", ["rate_limited", "expired_token", "refused_token"])
def test_what_is_turned_down_had_no_effect(desk: Desk, item: Item, fault: str) -> None:
    desk.there.fail(fault)
    with pytest.raises(DefiniteNo) as no:
        desk.send(item)
    assert not desk.there.shown
    assert (no.value.again_at is not None) == (fault == "rate_limited")
    assert desk.there.app.token not in str(no.value)
    assert fault == "rate_limited" or "secret number" in str(no.value)


@pytest.mark.parametrize("fault", ["server_error", "cut", "malformed"])
def test_a_doubt_waits_for_the_status(desk: Desk, item: Item, fault: str) -> None:
    answer = desk.answer(item)
    desk.there.fail(fault)
    with pytest.raises(NetworkError) as doubt:
        desk.answers.send(desk.handle, answer, at=AT)
    assert not isinstance(doubt.value, DefiniteNo)
    with pytest.raises(CannotTell):
        desk.answers.find(desk.handle, answer, at=AT)
    assert {receipt.reply_id for receipt in desk.receipts()} == {"reply-7f3"}


@pytest.mark.parametrize("code", [131_000, 131_016, 131_057, 2])
def test_a_failure_of_whatsapps_own_is_a_doubt(
    desk: Desk, item: Item, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(desk.there, "answer", lambda _asked: meta.error(400, code, "hm"))
    with pytest.raises(Unreachable):
        desk.send(item)


def test_the_same_words_are_taken_twice(desk: Desk, item: Item) -> None:
    assert desk.send(item) != desk.send(item)
    assert len(desk.there.shown) == 2


def test_a_known_message_is_found_in_the_history(desk: Desk, item: Item) -> None:
    posted = desk.send(item)
    known = replace(desk.answer(item), fixed={"wamid": posted.native_id})
    assert desk.answers.find(desk.handle, known, at=AT) == posted
    unknown = replace(known, fixed={"wamid": "wamid.none"})
    with pytest.raises(CannotTell):  # nothing says that a message which is not listed was not sent
        desk.answers.find(desk.handle, unknown, at=AT)
    desk.there.blocked.add("leela")
    failed = replace(known, fixed={"wamid": desk.send(item).native_id})
    assert desk.answers.find(desk.handle, failed, at=AT) is None


# Setting up


@pytest.fixture
def setup(desk: Desk) -> WhatsAppSetup:
    return whatsapp.setting_up(desk.credentials, Http(), app_secret="app")  # type: ignore[return-value]


def exchanged(desk: Desk, setup: WhatsAppSetup, given: Mapping[str, str]) -> Mapping[str, str]:
    return setup.exchange(desk.handle, given, code="", redirect="", verifier="", at=AT)


def test_what_is_typed_becomes_a_secret_that_works(desk: Desk, setup: WhatsAppSetup) -> None:
    given = {**desk.there.app_secret, **desk.there.secret}
    assert {question.field for question in setup.questions} == set(given)
    assert not setup.consent(desk.handle, given, redirect="", state="", verifier="")
    desk.credentials.secrets["number"] = exchanged(desk, setup, given)
    who = setup.identify(desk.handle, at=AT)
    assert (who.native_id, who.name) == (desk.there.phone_number_id, f"Example Bank {desk.there.display}")
    by_digits = setup.identify(replace(desk.handle, native_id="", handle="15550783881"), at=AT)
    assert by_digits.native_id == desk.there.phone_number_id
    with pytest.raises(Refused, match="no number"):
        setup.identify(replace(desk.handle, native_id="77"), at=AT)
    with pytest.raises(Refused, match="digits"):
        exchanged(desk, setup, {**given, "waba_id": "Acme"})


def test_registering_subscribes_app_and_account_and_health_sees_both(
    desk: Desk, setup: WhatsAppSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = "https://hooks.acme.example/webhooks/whatsapp"
    desk.there.app.subscribed = False
    assert setup.health(desk.handle, callback=callback, at=AT).webhook_ok is False
    monkeypatch.setattr(desk.there, "_call_back", lambda url: setattr(desk.there.app, "callback", url))
    words = setup.register(desk.handle, callback=callback, at=AT)
    assert any("Live" in each for each in words)
    assert desk.there.app.fields == list(FIELDS)
    told = setup.health(desk.handle, callback=callback, at=AT)
    assert (told.webhook_ok, told.notes, told.token_expires) == (True, (), None)
    desk.there.app.subscribed = False
    assert "not subscribed" in setup.health(desk.handle, callback=callback, at=AT).webhook
    desk.there.app.fields = ["messages"]
    assert "account_update" in setup.health(desk.handle, callback=callback, at=AT).webhook


def test_health_tells_the_numbers_state_and_the_deliveries_that_failed(
    desk: Desk, setup: WhatsAppSetup, item: Item
) -> None:
    desk.there.app.number["quality_rating"] = "RED"
    desk.there.app.scopes = ["whatsapp_business_messaging"]
    desk.there.app.expires_at = int((AT + 9 * DAY).timestamp())
    for state in ("FAILED", "RETRYING", "DELIVERED"):
        events = desk.there.world.history[desk.send(item).native_id]
        for event in events:
            event["webhook_update_state"] = state
    told = setup.health(desk.handle, callback="", at=AT)
    assert told.token_expires == AT + 9 * DAY
    assert told.webhook_ok is None
    assert told.notes == (
        "permissions are missing: whatsapp_business_management",
        "the number's quality rating is RED",
        "1 of the last 3 messages did not reach our webhook",
        "1 of the last 3 messages wait for our webhook",
    )
    assert not setup.renew(desk.handle, at=AT)


def test_a_secret_without_the_account_is_told_where_to_mend(desk: Desk, setup: WhatsAppSetup) -> None:
    desk.credentials.secrets["number"] = {"access_token": desk.there.app.token}
    with pytest.raises(Refused, match="waba_id"):
        setup.identify(desk.handle, at=AT)


def test_the_classes_keep_the_contract(desk: Desk, setup: WhatsAppSetup) -> None:
    assert isinstance(desk.answers, contract.Replier)
    assert isinstance(desk.answers, contract.ReceiptReader)
    assert not isinstance(desk.answers, contract.Withdrawer | contract.Hider)
    assert isinstance(setup, contract.Connector)
    assert isinstance(desk.network, contract.Push)
    assert not isinstance(desk.network, contract.Source)
