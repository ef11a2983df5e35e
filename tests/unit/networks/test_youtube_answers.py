"""YouTube: answers in the thread, found again, taken back; hiding; the setup from consent to health."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from allhours.domain.errors import Malformed, OverBudget, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Visibility
from allhours.networks import youtube
from allhours.networks.contract import (
    Answer,
    Connector,
    DefiniteNo,
    Hider,
    Meter,
    Posted,
    Replier,
    Withdrawer,
)
from allhours.networks.http import Http
from infra.local.standins.youtube import YouTubeStandIn
from tests.unit.networks.youtube_desk import Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime.now(UTC)
NAME = "youtube/acme-cards"


class Counted(Meter):
    """A meter with a list inside."""

    def __init__(self) -> None:
        self.spent: list[float] = []
        self.full = False

    def room(self, handle: Handle, cost: float) -> None:
        if self.full:
            raise OverBudget(
                "youtube", f"no room for {cost}", handle=handle.handle, retry_at=AT + timedelta(hours=5)
            )

    def spend(self, handle: Handle, cost: float) -> None:
        assert handle.network == "youtube"
        self.spent.append(cost)


class Desk:
    """A channel with somebody who answers."""

    def __init__(self, stand_in: YouTubeStandIn) -> None:
        self.stand_in = stand_in
        self.secrets = Secrets(stand_in.secret, stand_in.app_secret)
        self.meter = Counted()
        settings = stand_in.handle_settings
        self.handle = Handle(
            network="youtube",
            account="acme-cards",
            unit="cards",
            handle=settings["handle"],
            base_url=settings["base_url"],
            native_id=settings["native_id"],
            secret=NAME,
        )
        network = youtube.connect(self.secrets, Http(), app_secret="youtube/app", meter=self.meter)
        self._network = network
        self.answers = youtube.answering(self.secrets, Http(), app_secret="youtube/app", meter=self.meter)

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
def channel() -> Iterator[YouTubeStandIn]:
    with YouTubeStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(channel: YouTubeStandIn) -> Desk:
    return Desk(channel)


def test_an_answer_stands_in_the_thread_and_costs_fifty_units(channel: YouTubeStandIn, desk: Desk) -> None:
    item = desk.heard(channel.speak("leela", "card gone"))
    answer = desk.answer(item, "We have blocked it.")
    posted = desk.send(answer)
    [shown] = channel.shown
    assert (shown.native_id, shown.to, shown.text) == (
        posted.native_id,
        item.native_id,
        "We have blocked it.",
    )
    assert posted.permalink == f"{item.permalink.partition('&')[0]}&lc={posted.native_id}"
    assert desk.meter.spent == [50]
    assert desk.answers.cost("We have blocked it.", item, private=False).units == 50
    assert desk.find(answer) == posted


def test_an_answer_to_a_reply_goes_to_the_thread_and_begins_with_the_handle(
    channel: YouTubeStandIn, desk: Desk
) -> None:
    root = channel.speak("leela", "card gone")
    reply = desk.heard(channel.speak("maria", "mine too", reply_to=root))
    desk.send(desk.answer(reply, "Which card?"))
    desk.send(desk.answer(reply, "@Maria which card?"))
    assert [each.text for each in channel.shown] == ["@maria Which card?", "@Maria which card?"]
    assert channel.shown[0].to == reply.native_id
    assert [each.first("part") for each in channel.asked if each.method == "POST"] == ["snippet", "snippet"]


def test_length_counts_the_handle_and_an_emoji_as_two(channel: YouTubeStandIn, desk: Desk) -> None:
    root = channel.speak("leela", "card gone")
    top, reply = desk.heard(root), desk.heard(channel.speak("maria", "mine too", reply_to=root))
    used = [
        desk.answers.length(text, top, private=False)[0]
        for text in ("", "é", "👍", "x" * 10_000, "x" * 10_001)
    ]
    assert [(each.used, each.fits) for each in used] == [
        (0, False),
        (1, True),
        (2, True),
        (10_000, True),
        (10_001, False),
    ]
    assert desk.answers.length("hm", reply, private=False)[0].used == len("@maria hm")


def test_permission_names_the_reason(channel: YouTubeStandIn, desk: Desk) -> None:
    item = desk.heard(channel.speak("leela", "card gone"))

    def asked(item: Item, *, private: bool = False) -> tuple[bool, str]:
        told = desk.answers.permission(desk.handle, item, private=private, at=AT)
        return told.allowed, told.reason

    assert asked(item)[0]
    for other, word in (
        (replace(item, change=Change.DELETED), "deleted"),
        (replace(item, visibility=Visibility.PRIVATE), "show it first"),
        (replace(item, answer_needs={**item.answer_needs, "can_reply": "false"}), "closed"),
        (replace(item, answer_needs={}), "not known"),
    ):
        assert asked(other)[0] is False
        assert word in asked(other)[1]
    assert asked(item, private=True) == (False, "YouTube has no private messages")


def test_what_youtube_turns_down_is_a_definite_no_in_words(channel: YouTubeStandIn, desk: Desk) -> None:
    item = desk.heard(channel.speak("leela", "card gone"))

    def refusal(answer: Answer) -> DefiniteNo:
        with pytest.raises(DefiniteNo) as refused:
            desk.send(answer)
        return refused.value

    assert "empty" in refusal(desk.answer(item, " ")).detail
    assert "too long" in refusal(desk.answer(item, "x" * 10_001)).detail
    channel.world.closed.add(channel.world.said[item.native_id].video)
    assert "switched off" in refusal(desk.answer(item, "hello")).detail
    channel.world.closed.clear()
    channel.world.said[item.native_id].status = "heldForReview"
    assert "not public" in refusal(desk.answer(item, "hello")).detail
    channel.delete(item.native_id)
    gone = refusal(desk.answer(item, "hello"))
    assert ("gone" in gone.detail, gone.again_at) == (True, None)
    assert channel.shown == []


@pytest.mark.parametrize("fault", ["server_error", "cut", "malformed"])
def test_a_doubt_after_the_effect_is_resolved_by_looking(
    channel: YouTubeStandIn, desk: Desk, fault: str
) -> None:
    answer = desk.answer(desk.heard(channel.speak("leela", "card gone")), "We have\n blocked it.")
    assert desk.find(answer) is None
    channel.fail(fault)
    with pytest.raises((Unreachable, Malformed)):
        desk.send(answer)
    found = desk.find(answer)
    assert found
    assert [each.native_id for each in channel.shown] == [found.native_id]


@pytest.mark.parametrize("fault", ["rate_limited", "refused_token", "expired_token"])
def test_what_had_no_effect_is_a_definite_no(channel: YouTubeStandIn, desk: Desk, fault: str) -> None:
    answer = desk.answer(desk.heard(channel.speak("leela", "card gone")), "We have blocked it.")
    channel.fail(fault)
    with pytest.raises(DefiniteNo) as refused:
        desk.send(answer)
    assert (refused.value.again_at is None) == (fault == "refused_token")
    assert desk.find(answer) is None
    assert desk.send(answer).native_id == channel.shown[0].native_id
    assert desk.secrets.renewals == (fault == "expired_token")


def test_without_room_in_the_budget_nothing_leaves(channel: YouTubeStandIn, desk: Desk) -> None:
    answer = desk.answer(desk.heard(channel.speak("leela", "card gone")), "We have blocked it.")
    desk.meter.full = True
    with pytest.raises(DefiniteNo) as refused:
        desk.send(answer)
    assert refused.value.again_at == AT + timedelta(hours=5)
    assert channel.shown == []


def test_sent_twice_it_is_shown_twice_so_a_doubt_is_never_sent_again(
    channel: YouTubeStandIn, desk: Desk
) -> None:
    answer = desk.answer(desk.heard(channel.speak("leela", "card gone")), "We have blocked it.")
    desk.send(answer)
    desk.send(answer)
    assert len(channel.shown) == 2
    assert not youtube.capabilities.idempotent_replies


def test_neither_a_customers_words_nor_an_older_answer_are_taken_for_ours(
    channel: YouTubeStandIn, desk: Desk
) -> None:
    root = channel.speak("leela", "card gone")
    channel.speak("leela", "We have blocked it.", reply_to=root)
    old = channel.brand_says("We have blocked it.", reply_to=root)
    channel.world.said[old].said_at = AT - timedelta(days=1)
    channel.brand_says("Another answer", reply_to=root)
    assert desk.find(desk.answer(desk.heard(root), "We have blocked it.")) is None


def test_an_answer_is_taken_back_and_once_more_is_no_error(channel: YouTubeStandIn, desk: Desk) -> None:
    posted = desk.send(desk.answer(desk.heard(channel.speak("leela", "card gone")), "We have blocked it."))
    assert isinstance(desk.answers, Withdrawer)
    desk.answers.withdraw(desk.handle, posted, at=AT)
    desk.answers.withdraw(desk.handle, posted, at=AT)
    assert [each.deleted for each in channel.shown] == [True]


def test_a_comment_is_hidden_and_shown_again(channel: YouTubeStandIn, desk: Desk) -> None:
    item = desk.heard(channel.speak("leela", "buy followers"))
    assert isinstance(desk.answers, Hider)
    desk.answers.hide(desk.handle, item, hidden=True, at=AT)
    assert channel.hidden == {item.native_id}
    desk.answers.hide(desk.handle, item, hidden=False, at=AT)
    assert (channel.hidden, channel.world.said[item.native_id].status) == (set(), "published")
    assert desk.meter.spent == [50, 50]
    channel.delete(item.native_id)
    with pytest.raises(DefiniteNo, match="gone"):
        desk.answers.hide(desk.handle, item, hidden=True, at=AT)


# The setup


def test_from_consent_to_health(channel: YouTubeStandIn, desk: Desk) -> None:
    setup = youtube.setting_up(desk.secrets, Http(), app_secret="youtube/app")
    assert isinstance(setup, Connector)
    assert [each.field for each in setup.questions if each.of_app] == ["client_id", "client_secret"]
    redirect = "http://127.0.0.1:8080/"
    page = setup.consent(desk.handle, channel.app_secret, redirect=redirect, state="s1", verifier="v" * 43)
    asked = parse_qs(urlsplit(page).query)
    assert (asked["access_type"], asked["prompt"]) == (["offline"], ["consent"])
    assert asked["scope"] == ["https://www.googleapis.com/auth/youtube.force-ssl"]
    back = Http().call("youtube", "GET", page).headers["location"]
    assert back.startswith(redirect)
    told = parse_qs(urlsplit(back).query)
    assert told["state"] == ["s1"]
    fields = setup.exchange(
        desk.handle, channel.app_secret, code=told["code"][0], redirect=redirect, verifier="v" * 43, at=AT
    )
    assert set(fields) == {"access_token", "refresh_token", "expires_at"}
    desk.secrets.fields[NAME] = dict(fields)
    who = setup.identify(desk.handle, at=AT)
    assert (who.native_id, who.name) == (desk.handle.native_id, "@examplebank")
    assert "no webhook" in setup.register(desk.handle, callback="https://x.example", at=AT)[0]
    health = setup.health(desk.handle, callback="", at=AT)
    assert (health.token_expires, health.webhook_ok, health.notes) == (None, None, ())


def test_a_consent_in_testing_mode_is_counted_down(channel: YouTubeStandIn, desk: Desk) -> None:
    channel.testing = True
    setup = youtube.setting_up(desk.secrets, Http(), app_secret="youtube/app")
    fields = setup.exchange(
        desk.handle, channel.app_secret, code="4/stand-in-code", redirect="r", verifier="v" * 43, at=AT
    )
    desk.secrets.fields[NAME] = dict(fields)
    health = setup.health(desk.handle, callback="", at=AT)
    assert health.token_expires
    assert health.token_expires - AT < timedelta(days=7)
    assert "Testing" in health.notes[0]


def test_a_wrong_code_and_a_wrong_channel_are_refused_in_words(channel: YouTubeStandIn, desk: Desk) -> None:
    setup = youtube.setting_up(desk.secrets, Http(), app_secret="youtube/app")
    with pytest.raises(Refused, match="connect YouTube again"):
        setup.exchange(desk.handle, channel.app_secret, code="no", redirect="r", verifier="v" * 43, at=AT)
    other = replace(desk.handle, native_id="UCother00000000000000000")
    with pytest.raises(Refused, match="connect again"):
        setup.identify(other, at=AT)
    assert "connect again" in setup.health(other, callback="", at=AT).notes[0]


def test_the_access_token_is_renewed_when_due_and_not_before(channel: YouTubeStandIn, desk: Desk) -> None:
    setup = youtube.setting_up(desk.secrets, Http(), app_secret="youtube/app")
    assert channel.base_url
    desk.secrets.fields[NAME]["expires_at"] = (AT + timedelta(hours=1)).isoformat()
    assert setup.renew(desk.handle, at=AT) is False
    assert setup.renew(desk.handle, at=AT + timedelta(hours=1)) is True
    assert desk.secrets.renewals == 1
    assert "refresh_token" in desk.secrets.fields[NAME]


def test_a_secret_without_a_refresh_token_is_refused(channel: YouTubeStandIn, desk: Desk) -> None:
    assert channel.base_url
    desk.secrets.fields[NAME] = {}
    setup = youtube.setting_up(desk.secrets, Http(), app_secret="youtube/app")
    with pytest.raises(Refused, match="refresh_token"):
        setup.identify(desk.handle, at=AT)


def test_the_manifest_and_the_objects_agree(desk: Desk) -> None:
    assert isinstance(desk.answers, Replier)
    assert youtube.capabilities.budget
    assert (youtube.capabilities.budget.a_day, youtube.capabilities.budget.zone) == (
        10_000,
        "America/Los_Angeles",
    )
