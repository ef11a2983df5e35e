"""Answering on Telegram and setting a bot up, against the stand-in."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import NetworkError, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Author, Change, Item, Kind, Visibility
from allhours.networks import telegram
from allhours.networks._telegram.bot import webhook_token
from allhours.networks.contract import Answer, CannotTell, Connector, DefiniteNo, Posted, Replier, Withdrawer
from allhours.networks.http import Http
from infra.local.standins.telegram import TelegramStandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = timedelta(hours=24)


class Secrets:
    """What the stand-in gave out."""

    def __init__(self, there: TelegramStandIn) -> None:
        self.there = there

    def read(self, secret: str) -> Mapping[str, str]:
        return self.there.app_secret if secret == "app" else self.there.secret

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        raise AssertionError((secret, stale, ask))


class FakeMeter:
    def room(self, handle: Handle, cost: float) -> None:
        raise AssertionError((handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        raise AssertionError((handle, cost))


class Desk:
    """Our side: one handle, what it hears, and the answering of it."""

    def __init__(self, there: TelegramStandIn) -> None:
        self.there = there
        told = there.handle_settings
        self.handle = Handle(
            network="telegram",
            account="acme-care",
            unit="care",
            handle=told["handle"],
            base_url=told["base_url"],
            native_id=told["native_id"],
            secret="bot",
            settings={"updates": "poll"},
        )
        secrets = Secrets(there)
        self.source: Any = telegram.connect(secrets, Http(), app_secret="app", meter=FakeMeter())
        self.replier: Any = telegram.answering(secrets, Http(), app_secret="app", meter=FakeMeter())
        self.setup: Any = telegram.setting_up(secrets, Http(), app_secret="app")

    def heard(self, native_id: str) -> Item:
        steps = self.source.fetch(self.handle, {}, at=datetime.now(UTC))
        return next(
            each
            for step in steps
            for each in step.heard
            if isinstance(each, Item) and each.native_id == native_id
        )

    def answer(self, native_id: str, text: str = "We are on it", *, private: bool = False) -> Answer:
        item = self.heard(native_id)
        return self.prepared(Answer(reply_id="r1", item=item, text=text, approved_at=AT, private=private))

    def prepared(self, answer: Answer) -> Answer:
        done: Answer = self.replier.prepare(self.handle, answer, at=AT)
        return done

    def send(self, answer: Answer) -> Posted:
        posted: Posted = self.replier.send(self.handle, answer, at=AT)
        return posted


@pytest.fixture
def there() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(there: TelegramStandIn) -> Desk:
    return Desk(there)


def test_an_answer_to_a_group_that_speaks_for_itself_is_a_reply_in_its_topic(
    desk: Desk, there: TelegramStandIn
) -> None:
    """An anonymous administrator writes as the group, so author and chat have one id."""
    item = an_item(Visibility.FOLLOWERS, author="-1007", chat_id="-1007", message_id="9", topic="4")
    answer = desk.prepared(Answer(reply_id="r1", item=item, text="hello", approved_at=AT))
    with suppress(NetworkError):  # the stand-in has no such group
        desk.send(answer)
    body = json.loads(next(each.body for each in there.asked if each.path.endswith("/sendMessage")))
    assert body["reply_parameters"]["message_id"] == 9
    assert body["message_thread_id"] == 4


def an_item(visibility: Visibility = Visibility.PRIVATE, author: str = "5", **needs: str) -> Item:
    return Item(
        network="telegram",
        native_id="7000001:5:9",
        account="acme-care",
        handle="@acmebank_bot",
        conversation_id="7000001:5",
        author=Author(author_id=author),
        created_at=AT,
        kind=Kind.MESSAGE,
        visibility=visibility,
        answer_needs={"chat_id": "5", "message_id": "9", **needs},
    )


def test_it_keeps_the_contract(desk: Desk) -> None:
    assert isinstance(desk.replier, Replier)
    assert isinstance(desk.replier, Withdrawer)
    assert isinstance(desk.setup, Connector)


# Permission


@pytest.mark.parametrize(
    ("item", "private", "allowed", "words"),
    [
        (an_item(), True, True, "no time limit"),
        (an_item(), False, False, "private"),
        (an_item(Visibility.PUBLIC, chat_type="supergroup"), False, True, "group"),
        (an_item(Visibility.FOLLOWERS, chat_type="group"), False, True, "group"),
        (an_item(Visibility.PUBLIC, chat_type="supergroup"), True, True, "opened the bot"),
        (
            an_item(Visibility.PUBLIC, author="-100123", chat_type="supergroup"),
            True,
            False,
            "not by a person",
        ),
        (an_item(Visibility.PUBLIC, chat_type="channel"), False, False, "subscribers"),
        (replace(an_item(), change=Change.DELETED), True, False, "deleted"),
    ],
)
def test_who_may_be_answered(desk: Desk, item: Item, *, private: bool, allowed: bool, words: str) -> None:
    permission = desk.replier.permission(desk.handle, item, private=private, at=AT)
    assert permission.allowed is allowed
    assert words in permission.reason


@pytest.mark.parametrize(
    ("after", "allowed"),
    [(timedelta(0), True), (LATER - timedelta(seconds=1), True), (LATER, False), (2 * LATER, False)],
)
def test_a_business_chat_is_answered_for_24_hours(desk: Desk, after: timedelta, *, allowed: bool) -> None:
    item = an_item(business_connection_id="bc1")
    permission = desk.replier.permission(desk.handle, item, private=True, at=AT + after)
    assert (permission.allowed, permission.until) == (allowed, AT + LATER)


@pytest.mark.parametrize(
    ("text", "used", "fits"),
    [
        ("", 0, False),
        (" \n ", 0, False),
        ("a" * 4096, 4096, True),
        ("a" * 4097, 4097, False),
        ("💳" * 2048, 4096, True),
        ("💳" * 2049, 4098, False),
    ],
)
def test_the_length_counts_utf_16_code_units(desk: Desk, text: str, used: int, *, fits: bool) -> None:
    [length] = desk.replier.length(text, an_item(), private=True)
    assert (length.used, length.fits) == (used, fits)


def test_an_answer_is_free(desk: Desk) -> None:
    assert desk.replier.cost("x", an_item(), private=True).usd == 0


# Sending


def test_a_private_message_is_answered_in_its_chat(desk: Desk, there: TelegramStandIn) -> None:
    native_id = there.speak("leela", "My card is blocked", private=True)
    posted = desk.send(desk.answer(native_id, private=True))
    [shown] = there.shown
    assert (shown.native_id, shown.to, shown.private) == (posted.native_id, native_id, True)
    assert posted.permalink == ""


def test_a_question_in_a_group_is_answered_as_a_reply(desk: Desk, there: TelegramStandIn) -> None:
    native_id = there.speak("leela", "My card is blocked")
    posted = desk.send(desk.answer(native_id, "<b>We</b> are _on_ it"))
    [shown] = there.shown
    assert (shown.to, shown.private, shown.text) == (native_id, False, "<b>We</b> are _on_ it")
    assert posted.permalink == f"https://t.me/{there.group['username']}/{posted.native_id.partition(':')[2]}"
    sent = json.loads(there.asked[-1].body)
    assert set(sent) == {"chat_id", "text", "reply_parameters"}
    assert sent["reply_parameters"]["allow_sending_without_reply"] is True


def test_a_group_question_moves_to_private_only_with_who_opened_the_bot(
    desk: Desk, there: TelegramStandIn
) -> None:
    native_id = there.speak("leela", "My card is blocked")
    with pytest.raises(DefiniteNo, match="opened the bot") as no:
        desk.send(desk.answer(native_id, private=True))
    assert no.value.again_at is None
    there.speak("leela", "/start", private=True)
    desk.send(desk.answer(native_id, private=True))
    assert [(shown.private, shown.to) for shown in there.shown] == [(True, "")]


def test_a_business_chat_is_answered_through_its_connection(desk: Desk, there: TelegramStandIn) -> None:
    native_id = there.say("leela", "is my loan approved?", business=True)
    posted = desk.send(desk.answer(native_id, private=True))
    assert posted.native_id.startswith(f"{there.connection}:")
    assert there.shown[0].to == native_id
    desk.replier.withdraw(desk.handle, posted, at=AT)
    assert there.shown[0].deleted
    assert there.asked[-1].path.endswith("/deleteBusinessMessages")


def test_a_business_account_that_forbids_answers_is_told_before_sending(
    desk: Desk, there: TelegramStandIn
) -> None:
    native_id = there.say("leela", "is my loan approved?", business=True)
    there.can_reply = False
    with pytest.raises(DefiniteNo, match="Reply to messages"):
        desk.answer(native_id, private=True)
    assert there.shown == []


def test_a_business_window_that_closed_meanwhile_is_told_in_words(desk: Desk, there: TelegramStandIn) -> None:
    answer = desk.answer(there.say("leela", "is my loan approved?", business=True), private=True)
    there.clock = lambda: datetime.now(UTC) + LATER + timedelta(minutes=1)
    with pytest.raises(DefiniteNo, match="24 hours"):
        desk.send(answer)


def test_a_customer_who_blocked_the_bot_is_told_in_words(desk: Desk, there: TelegramStandIn) -> None:
    answer = desk.answer(there.speak("leela", "My card is blocked", private=True), private=True)
    there.block("leela")
    with pytest.raises(DefiniteNo, match="blocked the bot") as no:
        desk.send(answer)
    assert no.value.again_at is None


def test_a_group_that_moved_is_named_and_the_setting_leads_there(desk: Desk, there: TelegramStandIn) -> None:
    native_id = there.say("leela", "hello", chat=there.small_group)
    old = there.small_group["id"]
    answer = desk.answer(native_id)
    there.moved[old] = there.group["id"]
    with pytest.raises(DefiniteNo, match=str(there.group["id"])):
        desk.send(answer)
    desk.handle = replace(desk.handle, settings={"moved": f"{old}>{there.group['id']}"})
    posted = desk.send(desk.prepared(answer))
    assert posted.native_id.startswith(f"{there.group['id']}:")
    assert "reply_parameters" not in json.loads(there.asked[-1].body)


@pytest.mark.parametrize(
    ("fault", "words"), [("rate_limited", "too many"), ("expired_token", "token"), ("refused_token", "token")]
)
def test_a_refusal_before_the_effect_is_a_definite_no(
    desk: Desk, there: TelegramStandIn, fault: str, words: str
) -> None:
    answer = desk.answer(there.speak("leela", "hello", private=True), private=True)
    there.fail(fault)
    with pytest.raises(DefiniteNo, match=words) as no:
        desk.send(answer)
    assert there.shown == []
    assert no.value.again_at == (AT + timedelta(seconds=12) if fault == "rate_limited" else None)
    assert there.token not in str(no.value)


@pytest.mark.parametrize("fault", ["cut", "server_error", "malformed"])
def test_a_failure_after_the_effect_stays_a_doubt(desk: Desk, there: TelegramStandIn, fault: str) -> None:
    answer = desk.answer(there.speak("leela", "hello", private=True), private=True)
    there.fail(fault)
    with pytest.raises(NetworkError) as doubt:
        desk.send(answer)
    assert not isinstance(doubt.value, DefiniteNo)
    assert there.token not in repr(doubt.value)
    assert len(there.shown) == 1
    with pytest.raises(CannotTell, match="r1"):
        desk.replier.find(desk.handle, answer, at=AT)


def test_sent_twice_is_shown_twice_for_there_is_no_key(desk: Desk, there: TelegramStandIn) -> None:
    answer = desk.answer(there.speak("leela", "hello", private=True), private=True)
    assert desk.send(answer) != desk.send(answer)
    assert len(there.shown) == 2


def test_nothing_listening_is_a_definite_no(desk: Desk, there: TelegramStandIn) -> None:
    answer = desk.answer(there.speak("leela", "hello", private=True), private=True)
    there.stop()
    with pytest.raises(DefiniteNo) as no:
        desk.send(answer)
    assert no.value.again_at is not None


def test_an_item_without_a_chat_is_a_definite_no(desk: Desk) -> None:
    answer = Answer(reply_id="r1", item=an_item(), text="x", approved_at=AT, private=True)
    with pytest.raises(DefiniteNo, match="no chat"):
        desk.send(answer)  # never prepared


def test_an_answer_is_taken_back_within_48_hours_and_twice_is_no_error(
    desk: Desk, there: TelegramStandIn
) -> None:
    posted = desk.send(desk.answer(there.speak("leela", "hello", private=True), private=True))
    desk.replier.withdraw(desk.handle, posted, at=AT)
    desk.replier.withdraw(desk.handle, posted, at=AT)
    assert there.shown[0].deleted


def test_later_telegram_refuses_to_take_it_back(desk: Desk, there: TelegramStandIn) -> None:
    posted = desk.send(desk.answer(there.speak("leela", "hello")))
    there.clock = lambda: datetime.now(UTC) + timedelta(hours=49)
    with pytest.raises(DefiniteNo, match="48 hours"):
        desk.replier.withdraw(desk.handle, posted, at=AT)
    assert not there.shown[0].deleted


# Setting up


def test_a_bot_is_set_up_from_its_token_to_a_healthy_webhook(desk: Desk, there: TelegramStandIn) -> None:
    setup, handle = desk.setup, replace(desk.handle, settings={})
    assert {question.field for question in setup.questions} == {"bot_token", "webhook_secret"}
    assert setup.consent(handle, {}, redirect="", state="", verifier="") == ""
    given = {"bot_token": f" {there.token} "}
    fields = setup.exchange(handle, given, code="", redirect="", verifier="", at=AT)
    assert fields == there.secret
    who = setup.identify(handle, at=AT)
    assert (who.native_id, who.name) == (handle.native_id, handle.handle)
    assert "privacy mode" in who.note
    callback = "http://127.0.0.1:9/webhooks/telegram"
    done = setup.register(handle, callback=callback, at=AT)
    assert "webhook set" in done[0]
    assert there.webhook["secret_token"] == webhook_token(
        there.app_secret["webhook_secret"], handle.native_id
    )
    health = setup.health(handle, callback=callback, at=AT)
    assert (health.webhook_ok, health.token_expires) == (True, None)
    assert setup.renew(handle, at=AT) is False


def test_health_tells_a_webhook_that_is_not_ours(desk: Desk, there: TelegramStandIn) -> None:
    handle = replace(desk.handle, settings={})
    there.webhook = {"url": "https://elsewhere.example/hook"}
    health = desk.setup.health(handle, callback="https://ours.example/webhooks/telegram", at=AT)
    assert (health.webhook_ok, health.webhook) == (False, "not ours: run `allhours connect` again")


def test_health_tells_what_telegram_could_not_deliver(desk: Desk, there: TelegramStandIn) -> None:
    handle, callback = replace(desk.handle, settings={}), "http://127.0.0.1:9/webhooks/telegram"
    desk.setup.register(handle, callback=callback, at=AT)
    there.last_error = (int(AT.timestamp()) - 60, "Wrong response from the webhook: 403 Forbidden")
    health = desk.setup.health(handle, callback=callback, at=AT)
    assert health.webhook_ok is False
    assert "secret token differs" in health.webhook
    there.last_error = (int(AT.timestamp()) - 7_200, "Connection timed out")
    assert desk.setup.health(handle, callback=callback, at=AT).webhook_ok is True


def test_health_misses_kinds_that_were_not_asked_for(desk: Desk, there: TelegramStandIn) -> None:
    handle, callback = replace(desk.handle, settings={}), "http://127.0.0.1:9/webhooks/telegram"
    there.webhook = {"url": callback, "allowed_updates": ["message"]}
    health = desk.setup.health(handle, callback=callback, at=AT)
    assert health.webhook_ok is False
    assert "business_message" in health.webhook


def test_a_polled_bot_has_no_webhook_and_a_stray_one_is_told(desk: Desk, there: TelegramStandIn) -> None:
    there.webhook = {"url": "https://elsewhere.example/hook"}
    assert desk.setup.health(desk.handle, callback="", at=AT).webhook_ok is False
    desk.setup.register(desk.handle, callback="https://ours.example/", at=AT)
    assert there.webhook == {}
    assert desk.setup.health(desk.handle, callback="", at=AT).webhook_ok is None


def test_many_waiting_updates_are_noted(desk: Desk, there: TelegramStandIn) -> None:
    for number in range(100):
        there.speak("leela", f"no. {number}", private=True)
    assert "100 updates" in desk.setup.health(desk.handle, callback="", at=AT).notes[0]


@pytest.mark.parametrize(
    ("callback", "words"),
    [("http://ours.example/", "https"), ("https://ours.example:9000/", "ports 80, 88, 443 or 8443")],
)
def test_a_webhook_that_telegram_would_not_call_is_refused_in_words(
    desk: Desk, callback: str, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        desk.setup.register(replace(desk.handle, settings={}), callback=callback, at=AT)


def test_a_token_that_cannot_be_one_is_refused_at_once(desk: Desk) -> None:
    with pytest.raises(Refused, match="no bot token"):
        desk.setup.exchange(desk.handle, {"bot_token": "hunter2"}, code="", redirect="", verifier="", at=AT)


def test_a_revoked_token_is_refused_with_the_secret_to_mend(desk: Desk, there: TelegramStandIn) -> None:
    there.fail("refused_token")
    with pytest.raises(Refused, match="secret bot"):
        desk.setup.identify(desk.handle, at=AT)


def test_an_outage_is_no_refusal(desk: Desk, there: TelegramStandIn) -> None:
    there.fail("server_error")
    with pytest.raises(Unreachable):
        desk.setup.identify(desk.handle, at=AT)
