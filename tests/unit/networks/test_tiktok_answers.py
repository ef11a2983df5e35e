"""TikTok: answers in the thread, found again, taken back; hiding; the setup from consent to health."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from allhours.domain.errors import Malformed, OverBudget, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Visibility
from allhours.networks import tiktok
from allhours.networks.contract import (
    Answer,
    CannotTell,
    Connector,
    DefiniteNo,
    Hider,
    Meter,
    Posted,
    Replier,
    Withdrawer,
)
from allhours.networks.http import Http
from infra.local.standins.tiktok import APP, TikTokStandIn
from tests.unit.networks.tiktok_desk import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime.now(UTC)
NAME = "tiktok/acme-cards"


class Counted(Meter):
    """A meter with a list inside."""

    def __init__(self) -> None:
        self.spent: list[float] = []
        self.full = False

    def room(self, handle: Handle, cost: float) -> None:
        if self.full:
            raise OverBudget(
                "tiktok", f"no room for {cost}", handle=handle.handle, retry_at=AT + timedelta(hours=5)
            )

    def spend(self, handle: Handle, cost: float) -> None:
        assert handle.network == "tiktok"
        self.spent.append(cost)


class Desk:
    """An account with somebody who answers."""

    def __init__(self, stand_in: TikTokStandIn) -> None:
        self.stand_in = stand_in
        self.secrets = Secrets(stand_in.secret, stand_in.app_secret)
        self.meter = Counted()
        settings = stand_in.handle_settings
        self.handle = Handle(
            network="tiktok",
            account="acme-cards",
            unit="cards",
            handle=settings["handle"],
            base_url=settings["base_url"],
            native_id=settings["native_id"],
            secret=NAME,
        )
        network = tiktok.connect(self.secrets, Http(), app_secret="tiktok/app", meter=self.meter)
        self._network = network
        self.answers = tiktok.answering(self.secrets, Http(), app_secret="tiktok/app", meter=self.meter)

    def heard(self, native_id: str) -> Item:
        steps = list(self._network.fetch(self.handle, {}, at=AT))
        items = [each for step in steps for each in step.heard if isinstance(each, Item)]
        self.meter.spent.clear()
        return next(each for each in items if each.native_id == native_id)

    def answer(self, item: Item, text: str) -> Answer:
        answer = Answer(reply_id="r1", item=item, text=text, approved_at=AT)
        return self.answers.prepare(self.handle, answer, at=AT)

    def send(self, answer: Answer) -> Posted:
        return self.answers.send(self.handle, answer, at=AT)

    def find(self, answer: Answer) -> Posted | None:
        return self.answers.find(self.handle, answer, at=AT)


@pytest.fixture
def account() -> Iterator[TikTokStandIn]:
    with TikTokStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(account: TikTokStandIn) -> Desk:
    return Desk(account)


def test_an_answer_stands_below_the_comment_and_costs_a_call(account: TikTokStandIn, desk: Desk) -> None:
    item = desk.heard(account.speak("leela", "card gone"))
    answer = desk.answer(item, "We have blocked it.")
    posted = desk.send(answer)
    [shown] = account.shown
    assert (shown.native_id, shown.to, shown.text) == (
        posted.native_id,
        item.native_id,
        "We have blocked it.",
    )
    assert posted.permalink == item.permalink
    assert desk.meter.spent == [1]
    assert desk.answers.cost("We have blocked it.", item, private=False).units == 1
    assert desk.find(answer) == posted


def test_an_answer_to_a_reply_goes_to_the_thread_and_begins_with_the_username(
    account: TikTokStandIn, desk: Desk
) -> None:
    root = account.speak("leela", "card gone")
    reply = desk.heard(account.speak("maria.k", "mine too", reply_to=root))
    desk.send(desk.answer(reply, "Which card?"))
    desk.send(desk.answer(reply, "@Maria.k which card?"))
    assert [each.text for each in account.shown] == ["@maria.k Which card?", "@Maria.k which card?"]
    assert account.shown[0].to == reply.native_id
    assert {json.loads(each.body)["comment_id"] for each in account.asked if each.method == "POST"} == {root}


def test_length_counts_the_username_and_an_emoji_as_two(account: TikTokStandIn, desk: Desk) -> None:
    root = account.speak("leela", "card gone")
    top, reply = desk.heard(root), desk.heard(account.speak("maria", "mine too", reply_to=root))
    texts = ("", "é", "👍", "x" * 150, "x" * 151)
    used = [desk.answers.length(text, top, private=False)[0] for text in texts]
    assert [(each.used, each.fits) for each in used] == [
        (0, False),
        (1, True),
        (2, True),
        (150, True),
        (151, False),
    ]
    assert not desk.answers.length("x" * 144, reply, private=False)[0].fits
    assert desk.answers.length("x" * 143, reply, private=False)[0].fits


def test_permission_names_the_reason(account: TikTokStandIn, desk: Desk) -> None:
    item = desk.heard(account.speak("leela", "card gone"))

    def asked(item: Item, *, private: bool = False) -> tuple[bool, str]:
        told = desk.answers.permission(desk.handle, item, private=private, at=AT)
        return told.allowed, told.reason

    assert asked(item)[0]
    for other, word in (
        (replace(item, change=Change.DELETED), "deleted"),
        (replace(item, visibility=Visibility.PRIVATE), "show it first"),
        (replace(item, answer_needs={}), "not known"),
    ):
        assert asked(other)[0] is False
        assert word in asked(other)[1]
    allowed, reason = asked(item, private=True)
    assert (allowed, "EEA" in reason) == (False, True)


def test_what_tiktok_turns_down_is_a_definite_no_in_words(account: TikTokStandIn, desk: Desk) -> None:
    item = desk.heard(account.speak("leela", "card gone"))

    def refusal(answer: Answer) -> DefiniteNo:
        with pytest.raises(DefiniteNo) as refused:
            desk.send(answer)
        return refused.value

    assert "request" in refusal(desk.answer(item, "x" * 151)).detail
    account.delete(item.native_id)
    gone = refusal(desk.answer(item, "hello"))
    assert ("gone" in gone.detail, gone.again_at) == (True, None)
    assert account.shown == []


@pytest.mark.parametrize("fault", ["server_error", "cut", "malformed"])
def test_a_doubt_after_the_effect_is_resolved_by_looking(
    account: TikTokStandIn, desk: Desk, fault: str
) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), "We have\n blocked it.")
    assert desk.find(answer) is None
    account.fail(fault)
    with pytest.raises((Unreachable, Malformed)):
        desk.send(answer)
    found = desk.find(answer)
    assert found
    assert [each.native_id for each in account.shown] == [found.native_id]


@pytest.mark.parametrize("fault", ["rate_limited", "refused_token", "expired_token"])
def test_what_had_no_effect_is_a_definite_no(account: TikTokStandIn, desk: Desk, fault: str) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), "We have blocked it.")
    account.fail(fault)
    with pytest.raises(DefiniteNo) as refused:
        desk.send(answer)
    assert (refused.value.again_at is None) == (fault == "refused_token")
    assert desk.find(answer) is None
    assert desk.send(answer).native_id == account.shown[0].native_id
    assert desk.secrets.renewals == (fault == "expired_token")


def test_without_room_in_the_budget_nothing_leaves(account: TikTokStandIn, desk: Desk) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), "We have blocked it.")
    desk.meter.full = True
    with pytest.raises(DefiniteNo) as refused:
        desk.send(answer)
    assert refused.value.again_at == AT + timedelta(hours=5)
    assert account.shown == []


def test_sent_twice_it_is_shown_twice_so_a_doubt_is_never_sent_again(
    account: TikTokStandIn, desk: Desk
) -> None:
    answer = desk.answer(desk.heard(account.speak("leela", "card gone")), "We have blocked it.")
    desk.send(answer)
    desk.send(answer)
    assert len(account.shown) == 2
    assert not tiktok.capabilities.idempotent_replies


def test_neither_a_customers_words_nor_an_older_answer_are_taken_for_ours(
    account: TikTokStandIn, desk: Desk
) -> None:
    root = account.speak("leela", "card gone")
    account.speak("leela", "We have blocked it.", reply_to=root)
    old = account.brand_says("We have blocked it.", reply_to=root)
    account.world.said[old].said_at = AT - timedelta(days=1)
    answer = desk.answer(desk.heard(root), "We have blocked it.")
    assert desk.find(answer) is None
    account.brand_says("Another answer", reply_to=root)
    with pytest.raises(CannotTell, match="other words"):
        desk.find(answer)
    account.delete(root)
    with pytest.raises(CannotTell, match="gone"):
        desk.find(answer)


def test_an_answer_is_taken_back_and_once_more_is_no_error(account: TikTokStandIn, desk: Desk) -> None:
    posted = desk.send(desk.answer(desk.heard(account.speak("leela", "card gone")), "We have blocked it."))
    assert isinstance(desk.answers, Withdrawer)
    desk.answers.withdraw(desk.handle, posted, at=AT)
    desk.answers.withdraw(desk.handle, posted, at=AT)
    assert [each.deleted for each in account.shown] == [True]


def test_a_comment_is_hidden_and_shown_again(account: TikTokStandIn, desk: Desk) -> None:
    item = desk.heard(account.speak("leela", "buy followers"))
    assert isinstance(desk.answers, Hider)
    desk.answers.hide(desk.handle, item, hidden=True, at=AT)
    assert account.hidden == {item.native_id}
    desk.answers.hide(desk.handle, item, hidden=False, at=AT)
    assert (account.hidden, account.world.said[item.native_id].status) == (set(), "PUBLIC")
    account.delete(item.native_id)
    with pytest.raises(DefiniteNo, match="gone"):
        desk.answers.hide(desk.handle, item, hidden=True, at=AT)


# The setup


def test_from_consent_to_health(account: TikTokStandIn, desk: Desk) -> None:
    setup = tiktok.setting_up(desk.secrets, Http(), app_secret="tiktok/app")
    assert isinstance(setup, Connector)
    assert [each.field for each in setup.questions if each.of_app] == list(
        tiktok.capabilities.app_secret_fields
    )
    page = setup.consent(desk.handle, account.app_secret, redirect="unused", state="s1", verifier="v")
    back = Http().call("tiktok", "GET", page).headers["location"]
    told = parse_qs(urlsplit(back).query)
    assert told["state"] == ["s1"]
    desk.secrets.fields[NAME] = dict(
        setup.exchange(
            desk.handle, account.app_secret, code=told["code"][0], redirect="unused", verifier="v", at=AT
        )
    )
    fresh = replace(desk.handle, native_id="")
    assert setup.identify(fresh, at=AT).native_id == desk.handle.native_id
    hook = "https://allhours.example/webhooks/tiktok"
    assert hook in setup.register(desk.handle, callback=hook, at=AT)[0]
    assert account.callback == hook
    account.item_list = ["7436000000000000002"]
    assert "single videos" in setup.register(desk.handle, callback=hook, at=AT)[1]
    health = setup.health(desk.handle, callback=hook, at=AT)
    assert health.token_expires == AT + timedelta(days=365)
    assert (health.webhook_ok, health.notes) == (None, ())
    assert all(APP["app_secret"] not in value for asked in account.asked for _name, value in asked.query)


def test_a_redirect_without_its_slash_cannot_work(account: TikTokStandIn, desk: Desk) -> None:
    setup = tiktok.setting_up(desk.secrets, Http(), app_secret="tiktok/app")
    given = {**account.app_secret, "authorise_url": "https://x.example/a?redirect_uri=https://y.example/z"}
    with pytest.raises(Refused, match="slash"):
        setup.consent(desk.handle, given, redirect="", state="s1", verifier="v")


def test_a_wrong_code_and_a_wrong_account_are_refused_in_words(account: TikTokStandIn, desk: Desk) -> None:
    setup = tiktok.setting_up(desk.secrets, Http(), app_secret="tiktok/app")
    with pytest.raises(Refused):
        setup.exchange(desk.handle, account.app_secret, code="no", redirect="r/", verifier="v", at=AT)
    other = replace(desk.handle, native_id="somebody else")
    with pytest.raises(Refused, match="connect again"):
        setup.identify(other, at=AT)
    assert "connect again" in setup.health(other, callback="", at=AT).notes[0]


def test_both_tokens_are_renewed_when_due_and_not_before(account: TikTokStandIn, desk: Desk) -> None:
    setup = tiktok.setting_up(desk.secrets, Http(), app_secret="tiktok/app")
    desk.secrets.fields[NAME]["expires_at"] = (AT + timedelta(days=2)).isoformat()
    assert setup.renew(desk.handle, at=AT) is False
    assert setup.renew(desk.handle, at=AT + timedelta(days=1)) is True
    assert desk.secrets.renewals == 1
    fields = desk.secrets.fields[NAME]
    assert (fields["access_token"], fields["refresh_token"]) == (
        account.secret["access_token"],
        account.secret["refresh_token"],
    )


def test_a_secret_without_a_refresh_token_is_refused(account: TikTokStandIn, desk: Desk) -> None:
    desk.secrets.fields[NAME] = {"open_id": account.open_id}
    setup = tiktok.setting_up(desk.secrets, Http(), app_secret="tiktok/app")
    with pytest.raises(Refused, match="refresh_token"):
        setup.identify(desk.handle, at=AT)


def test_the_manifest_and_the_objects_agree(desk: Desk) -> None:
    assert isinstance(desk.answers, Replier)
    assert tiktok.capabilities.budget
    assert tiktok.capabilities.budget.of_app
