"""Facebook: what may be answered and until when, how an answer is found again, how a Page is set up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import NetworkError, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Kind, Visibility
from allhours.networks import contract, facebook
from allhours.networks._facebook.setup import FIELDS
from allhours.networks.contract import Answer, CannotTell, DefiniteNo, Posted, Receipt
from allhours.networks.http import Http
from infra.local.standins import _meta as meta
from infra.local.standins.base import Told
from infra.local.standins.facebook import FacebookStandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.networks._facebook.answers import FacebookAnswers
    from allhours.networks._facebook.setup import FacebookSetup

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


class FakeCredentials:
    """The stand-in's secrets; a renewed one is kept before anybody uses it."""

    def __init__(self, there: FacebookStandIn) -> None:
        self.secrets: dict[str, Mapping[str, str]] = {"page": there.secret, "app": there.app_secret}
        self.renewed: list[str] = []

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.secrets:
            raise Refused("facebook", f"there is no secret {secret}")
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        self.renewed.append(secret)
        self.secrets[secret] = ask(stale)
        return self.secrets[secret]


class FreeMeter:
    """Facebook costs nothing, so nothing is ever counted."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, float]] = []

    def room(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        self.costs.append((handle.handle, cost))


class Desk:
    """A Page, what it heard, and the hands that answer; the clock stands unless a test moves it."""

    def __init__(self, there: FacebookStandIn) -> None:
        self.there = there
        self.at = AT
        there.world.clock = lambda: self.at
        self.credentials = FakeCredentials(there)
        self.handle = Handle(
            network="facebook",
            account="acme-cards",
            unit="cards",
            secret="page",
            handle=there.page_name,
            base_url=there.base_url,
            native_id=there.page_id,
        )
        self.answers: FacebookAnswers = facebook.answering(  # type: ignore[assignment]
            self.credentials, Http(), app_secret="app", meter=FreeMeter()
        )
        self.network = facebook.connect(self.credentials, Http(), app_secret="app", meter=FreeMeter())

    def hear(self, native_id: str) -> Item:
        for step in self.network.fetch(self.handle, {}, at=self.at):
            for each in step.heard:
                if isinstance(each, Item) and each.native_id == native_id:
                    return each
        raise AssertionError(native_id)

    def answer(self, item: Item, text: str = "We are on it", **how: Any) -> Answer:
        asked = Answer(reply_id="reply-7f3", item=item, text=text, approved_at=self.at, **how)
        return self.answers.prepare(self.handle, asked, at=self.at)

    def send(self, item: Item, text: str = "We are on it", **how: Any) -> Posted:
        return self.answers.send(self.handle, self.answer(item, text, **how), at=self.at)


@pytest.fixture
def there() -> Iterator[FacebookStandIn]:
    with FacebookStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def desk(there: FacebookStandIn) -> Desk:
    return Desk(there)


@pytest.fixture
def comment(there: FacebookStandIn, desk: Desk) -> Item:
    root = there.brand_says("We are open")
    return desk.hear(there.say("leela", "where is my card", reply_to=root))


@pytest.fixture
def message(there: FacebookStandIn, desk: Desk) -> Item:
    return desk.hear(there.say("omar", "I lost my wallet", private=True))


# What may be answered


def test_a_comment_is_answered_in_public_and_once_in_private(desk: Desk, comment: Item) -> None:
    assert desk.answers.permission(desk.handle, comment, private=False, at=AT).allowed
    private = desk.answers.permission(desk.handle, comment, private=True, at=AT)
    assert (private.allowed, private.until) == (True, comment.created_at + 7 * DAY)
    late = desk.answers.permission(desk.handle, comment, private=True, at=comment.created_at + 7 * DAY)
    assert not late.allowed
    for name, value in (("private_reply", "used"), ("can_reply_privately", "false")):
        used = replace(comment, answer_needs={**comment.answer_needs, name: value})
        assert not desk.answers.permission(desk.handle, used, private=True, at=AT).allowed
        assert desk.answers.permission(desk.handle, used, private=False, at=AT).allowed


def test_what_was_written_in_private_is_never_answered_in_public(
    desk: Desk, comment: Item, message: Item
) -> None:
    hidden = replace(comment, visibility=Visibility.PRIVATE)
    for item in (message, hidden):
        assert not desk.answers.permission(desk.handle, item, private=False, at=AT).allowed
        assert desk.answers.permission(desk.handle, item, private=True, at=AT).allowed


def test_a_message_is_answered_for_a_day_by_anybody_and_for_seven_by_a_person(
    desk: Desk, message: Item
) -> None:
    said = message.created_at
    reasons = {}
    for apart in (DAY - SECOND, DAY, 7 * DAY - SECOND):
        told = desk.answers.permission(desk.handle, message, private=True, at=said + apart)
        assert (told.allowed, told.until) == (True, said + 7 * DAY)
        reasons[apart] = told.reason
    assert "person" not in reasons[DAY - SECOND]
    assert "person" in reasons[DAY] == reasons[7 * DAY - SECOND]
    assert not desk.answers.permission(desk.handle, message, private=True, at=said + 7 * DAY).allowed


def test_what_nobody_may_answer_says_why(desk: Desk, comment: Item, message: Item) -> None:
    standby = replace(message, answer_needs={**message.answer_needs, "standby": "true"})
    closed = replace(comment, answer_needs={**comment.answer_needs, "can_comment": "false"})
    told = [
        desk.answers.permission(desk.handle, standby, private=True, at=AT),
        desk.answers.permission(desk.handle, closed, private=False, at=AT),
        desk.answers.permission(desk.handle, replace(comment, change=Change.DELETED), private=False, at=AT),
        desk.answers.permission(desk.handle, replace(comment, kind=Kind.MENTION), private=True, at=AT),
        desk.answers.permission(desk.handle, replace(comment, kind=Kind.REVIEW), private=True, at=AT),
    ]
    assert not any(each.allowed for each in told)
    assert len({each.reason for each in told}) == 4


@pytest.mark.parametrize(("private", "longest"), [(False, 8_000), (True, 2_000)])
def test_length_is_counted_in_the_stricter_unit(
    desk: Desk, comment: Item, *, private: bool, longest: int
) -> None:
    (fits,) = desk.answers.length("\U0001f642" * (longest // 2), comment, private=private)
    (too_long,) = desk.answers.length("\U0001f642" * (longest // 2) + "x", comment, private=private)
    (empty,) = desk.answers.length("", comment, private=private)
    assert (fits.fits, too_long.fits, empty.fits) == (True, False, False)
    assert desk.answers.cost("x", comment, private=private).usd == 0


def test_a_message_is_measured_as_a_message_whatever_is_asked(desk: Desk, message: Item) -> None:
    assert desk.answers.length("x", message, private=False)[0].allowed == 2_000


# What is sent


def test_an_answer_to_a_comment_is_a_comment_below_it_and_edits_nobody(desk: Desk, comment: Item) -> None:
    posted = desk.send(comment)
    (shown,) = desk.there.shown
    assert (shown.to, shown.text, shown.private) == (comment.native_id, "We are on it", False)
    assert posted.native_id == shown.native_id != comment.native_id
    assert posted.permalink.startswith("https://")
    assert desk.there.world.said[comment.native_id].text == "where is my card"
    assert desk.there.asked[-1].path.endswith(f"{comment.answer_needs['comment_id']}/comments")
    assert "EAA" not in desk.there.asked[-1].path


@pytest.mark.parametrize("kind", ["post", "review", "mention"])
def test_posts_reviews_and_mentions_are_answered_below_themselves(desk: Desk, kind: str) -> None:
    said = desk.there.say("leela", "hm", review=kind == "review", mention=kind == "mention")
    item = desk.hear(said)
    posted = desk.send(item)
    assert [(each.to, each.native_id) for each in desk.there.shown] == [(item.native_id, posted.native_id)]
    assert desk.answers.find(desk.handle, desk.answer(item), at=AT) == posted


def test_an_answer_that_is_no_new_comment_is_a_doubt(desk: Desk, comment: Item) -> None:
    answered = desk.there.world.row
    target = comment.answer_needs["comment_id"]
    desk.there.world.row = lambda said, wanted: {**answered(said, wanted), "id": target}  # type: ignore[method-assign]
    with pytest.raises(NetworkError) as doubt:
        desk.send(comment)
    assert not isinstance(doubt.value, DefiniteNo)


def test_a_message_carries_our_reply_id_and_its_echo_brings_it_back(desk: Desk, message: Item) -> None:
    posted = desk.send(message)
    sent = json.loads(desk.there.asked[-1].body)
    assert sent["messaging_type"] == "RESPONSE"
    assert "tag" not in sent
    echo = desk.there.world.entry(desk.there.world.said[posted.native_id], "add")
    body = json.dumps({"object": "page", "entry": [echo]}).encode()
    assert desk.answers.receipts(body) == (
        Receipt(network="facebook", native_id=posted.native_id, state="sent", reply_id="reply-7f3"),
    )


def test_a_delivery_is_a_receipt_and_another_apps_echo_is_none(desk: Desk) -> None:
    told = {"mid": "m_1", "is_echo": True, "metadata": "another app's"}
    events = [{"delivery": {"mids": ["m_1", 7.5], "watermark": 1}}, {"message": told}, "x", {"delivery": 3}]
    body = json.dumps({"object": "page", "entry": [{"id": "1", "messaging": events}, 4]}).encode()
    assert desk.answers.receipts(body) == (
        Receipt(network="facebook", native_id="m_1", state="delivered", reply_id=""),
    )


def test_after_a_day_a_person_answers_with_the_tag_and_an_automatic_answer_stays_here(
    desk: Desk, message: Item
) -> None:
    desk.at = message.created_at + DAY + HOUR
    with pytest.raises(DefiniteNo, match="person"):
        desk.send(message, by_person=False)
    assert not desk.there.shown
    desk.send(message)
    sent = json.loads(desk.there.asked[-1].body)
    assert (sent["messaging_type"], sent["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    assert len(desk.there.shown) == 1


def test_a_conversation_moves_to_private_once(desk: Desk, comment: Item) -> None:
    posted = desk.send(comment, private=True)
    (shown,) = desk.there.shown
    assert (shown.to, shown.private) == (comment.native_id, True)
    answer = Answer(reply_id="r", item=comment, text="We are on it", approved_at=AT, private=True)
    assert desk.answers.find(desk.handle, answer, at=AT) == posted
    with pytest.raises(DefiniteNo, match="has been sent"):
        desk.answers.prepare(desk.handle, answer, at=AT)
    with pytest.raises(DefiniteNo, match="one private answer") as again:
        desk.answers.send(desk.handle, answer, at=AT)
    assert again.value.again_at is None
    assert not desk.answers.permission(desk.handle, desk.hear(comment.native_id), private=True, at=AT).allowed


def test_a_visitors_post_moves_to_private_and_then_nobody_can_tell(desk: Desk) -> None:
    item = desk.hear(desk.there.say("omar", "the app is slow"))
    desk.send(item, private=True)
    assert "post_id" in json.loads(desk.there.asked[-1].body)["recipient"]
    with pytest.raises(CannotTell):
        desk.answers.find(desk.handle, desk.answer(item, private=True), at=AT)


# What Facebook turns down


def test_each_refusal_is_told_in_words(desk: Desk, comment: Item, message: Item) -> None:
    desk.there.unreachable.add("omar")
    with pytest.raises(DefiniteNo, match="cannot be reached"):
        desk.send(message)
    desk.at = message.created_at + 8 * DAY
    with pytest.raises(DefiniteNo, match="window is over"):
        desk.send(message)
    desk.there.delete(comment.native_id)
    with pytest.raises(DefiniteNo, match="no such object") as gone:
        desk.send(comment)
    assert gone.value.again_at is None
    assert not desk.there.shown


def test_too_fast_is_a_no_for_now(desk: Desk, comment: Item) -> None:
    desk.there.fail("rate_limited")
    with pytest.raises(DefiniteNo) as later:
        desk.send(comment)
    assert later.value.again_at == AT + timedelta(minutes=1)
    assert not desk.there.shown


def test_a_token_that_ran_out_is_renewed_for_the_next_attempt(desk: Desk, comment: Item) -> None:
    answer = desk.answer(comment)
    desk.there.fail("expired_token")
    with pytest.raises(DefiniteNo) as soon:
        desk.answers.send(desk.handle, answer, at=AT)
    assert soon.value.again_at == AT
    assert desk.credentials.renewed == ["page"]
    desk.answers.send(desk.handle, answer, at=AT)
    assert len(desk.there.shown) == 1


def test_a_refused_token_names_the_secret_and_shows_nothing_of_it(desk: Desk, comment: Item) -> None:
    desk.there.fail("refused_token")
    with pytest.raises(DefiniteNo, match="secret page") as refused:
        desk.send(comment)
    assert refused.value.again_at is None
    assert "EAA" not in str(refused.value)
    del desk.credentials.secrets["page"]
    with pytest.raises(DefiniteNo):
        desk.send(comment)


def test_a_server_that_is_off_was_not_asked(desk: Desk, comment: Item) -> None:
    answer = desk.answer(comment)
    desk.there.stop()
    with pytest.raises(DefiniteNo) as later:
        desk.answers.send(desk.handle, answer, at=AT)
    assert later.value.again_at is not None


@pytest.mark.parametrize("fault", ["server_error", "cut", "malformed"])
@pytest.mark.parametrize("private", [False, True])
def test_a_doubt_with_an_effect_is_resolved_by_looking(
    desk: Desk,
    comment: Item,
    message: Item,
    fault: str,
    *,
    private: bool,
) -> None:
    item = message if private else comment
    answer = desk.answer(item, private=private)
    desk.there.fail(fault)
    with pytest.raises(NetworkError) as doubt:
        desk.answers.send(desk.handle, answer, at=AT)
    assert not isinstance(doubt.value, DefiniteNo)
    found = desk.answers.find(desk.handle, answer, at=AT)
    assert found is not None
    assert [each.native_id for each in desk.there.shown] == [found.native_id]


def test_a_doubt_without_an_effect_finds_nothing_and_facebook_takes_the_same_words_twice(
    desk: Desk, comment: Item, message: Item
) -> None:
    for item in (comment, message):
        answer = desk.answer(item, private=item is message)
        assert desk.answers.find(desk.handle, answer, at=AT) is None
        desk.answers.send(desk.handle, answer, at=AT)
        desk.answers.send(desk.handle, answer, at=AT)
    assert len(desk.there.shown) == 4


def test_an_older_answer_and_somebody_elses_are_not_taken_for_this_one(desk: Desk, comment: Item) -> None:
    desk.send(comment)
    desk.at += HOUR
    desk.there.say("omar", "We are on it", reply_to=comment.native_id)
    assert desk.answers.find(desk.handle, desk.answer(comment), at=desk.at) is None


def test_an_older_message_with_the_same_words_is_not_this_one(desk: Desk, message: Item) -> None:
    desk.send(message)
    desk.at += HOUR
    assert desk.answers.find(desk.handle, desk.answer(message, private=True), at=desk.at) is None


@pytest.mark.parametrize(("status", "code"), [(409, 100), (408, 10), (400, 506), (400, 2), (200, 100)])
def test_what_may_have_had_an_effect_is_never_called_a_no(
    desk: Desk, comment: Item, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    monkeypatch.setattr(desk.there, "answer", lambda _asked: meta.error(status, code, "hm"))
    with pytest.raises(Unreachable):
        desk.send(comment)


def test_words_that_facebook_changed_are_still_our_answer(desk: Desk, comment: Item) -> None:
    posted = desk.send(comment, "Please write to us")
    desk.there.edit(posted.native_id, "Please  write to us …")
    assert desk.answers.find(desk.handle, desk.answer(comment, "Please write to us"), at=AT) == posted


def test_an_answer_shown_one_level_higher_is_found_by_its_words(desk: Desk, comment: Item) -> None:
    posted = desk.send(comment)
    desk.there.world.said[posted.native_id].parent = ""
    assert desk.answers.find(desk.handle, desk.answer(comment), at=AT) == posted
    assert desk.answers.find(desk.handle, desk.answer(comment, "other words"), at=AT) is None


def test_below_a_deleted_comment_nothing_is_found(desk: Desk, comment: Item) -> None:
    desk.there.delete(comment.native_id)
    assert desk.answers.find(desk.handle, desk.answer(comment), at=AT) is None


def test_our_answer_to_somebody_else_below_the_same_post_is_not_this_one(desk: Desk, comment: Item) -> None:
    other = desk.hear(desk.there.say("omar", "mine too", reply_to=comment.answer_needs["post_id"]))
    desk.send(other)
    assert desk.answers.find(desk.handle, desk.answer(comment), at=AT) is None
    post = desk.hear(desk.there.say("leela", "the app is slow"))
    below = desk.hear(desk.there.say("omar", "same here", reply_to=post.native_id))
    desk.send(below)
    assert desk.answers.find(desk.handle, desk.answer(post), at=AT) is None
    posted = desk.send(post)
    assert desk.answers.find(desk.handle, desk.answer(post), at=AT) == posted


def test_an_answer_below_the_first_comment_is_found_by_whom_it_answers(desk: Desk, comment: Item) -> None:
    reply = desk.hear(desk.there.say("omar", "same here", reply_to=comment.native_id))
    posted = desk.send(reply)
    desk.there.world.said[posted.native_id].parent = comment.answer_needs["comment_id"]
    assert desk.answers.find(desk.handle, desk.answer(reply), at=AT) == posted


def test_where_nothing_is_shown_or_too_much_nobody_can_tell(
    desk: Desk, comment: Item, message: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.there.page_size = 3
    answers = {item.native_id: desk.answer(item, private=item is message) for item in (comment, message)}
    for number in range(17):
        desk.there.say("omar", f"storm {number}", reply_to=comment.answer_needs["post_id"])
        desk.there.say("omar", f"storm {number}", private=True)
    for answer in answers.values():
        with pytest.raises(CannotTell, match="further back"):
            desk.answers.find(desk.handle, answer, at=AT)
    post = desk.hear(desk.there.say("leela", "the app is slow"))
    for number in range(17):
        desk.there.say("omar", f"storm {number}", reply_to=post.native_id)
    desk.at += SECOND
    posted = desk.send(post)
    assert desk.answers.find(desk.handle, desk.answer(post), at=AT) == posted  # it came in time
    desk.there.delete(comment.answer_needs["post_id"])
    desk.there.delete(comment.native_id)
    with pytest.raises(CannotTell, match="not shown"):
        desk.answers.find(desk.handle, answers[comment.native_id], at=AT)
    monkeypatch.setattr(desk.there, "_conversations", lambda _params: [])
    with pytest.raises(CannotTell, match="conversation"):
        desk.answers.find(desk.handle, answers[message.native_id], at=AT)


def test_nothing_private_is_answered_in_public_and_nothing_from_another_page(
    desk: Desk, comment: Item
) -> None:
    private = replace(comment, visibility=Visibility.PRIVATE)
    with pytest.raises(DefiniteNo, match="never answered in public"):
        desk.send(private)
    other = replace(comment, answer_needs={**comment.answer_needs, "page_id": "77"})
    assert not desk.answers.permission(desk.handle, other, private=False, at=AT).allowed
    with pytest.raises(DefiniteNo, match="another Page"):
        desk.send(other)
    assert not desk.there.shown


# Taking back and hiding


def test_a_comment_that_may_not_be_deleted_is_not_called_gone(
    desk: Desk, comment: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted, answered = desk.send(comment), desk.there.answer
    for refusal in (meta.gone(posted.native_id), Told(body={"success": False})):
        monkeypatch.setattr(
            desk.there,
            "answer",
            lambda asked, no=refusal: no if asked.method == "DELETE" else answered(asked),
        )
        with pytest.raises(DefiniteNo, match="still stands"):
            desk.answers.withdraw(desk.handle, posted, at=AT)
    assert [each.deleted for each in desk.there.shown] == [False]


def test_our_comment_is_deleted_and_deleting_it_again_is_no_error(desk: Desk, comment: Item) -> None:
    posted = desk.send(comment)
    desk.answers.withdraw(desk.handle, posted, at=AT)
    desk.answers.withdraw(desk.handle, posted, at=AT)
    assert [each.deleted for each in desk.there.shown] == [True]
    with pytest.raises(DefiniteNo):
        desk.answers.withdraw(desk.handle, Posted(native_id=comment.native_id), at=AT)


def test_a_message_cannot_be_taken_back(desk: Desk, message: Item) -> None:
    posted = desk.send(message)
    with pytest.raises(DefiniteNo, match="taken back"):
        desk.answers.withdraw(desk.handle, posted, at=AT)


def test_a_comment_is_hidden_and_shown_again(desk: Desk, comment: Item, message: Item) -> None:
    desk.answers.hide(desk.handle, comment, hidden=True, at=AT)
    assert desk.there.hidden == {comment.native_id}
    desk.answers.hide(desk.handle, comment, hidden=False, at=AT)
    assert desk.there.hidden == set()
    assert desk.there.world.said[comment.native_id].text == "where is my card"
    with pytest.raises(DefiniteNo):
        desk.answers.hide(desk.handle, message, hidden=True, at=AT)
    desk.there.delete(comment.native_id)
    with pytest.raises(DefiniteNo):
        desk.answers.hide(desk.handle, comment, hidden=True, at=AT)


# Setting up


@pytest.fixture
def setup(desk: Desk) -> FacebookSetup:
    return facebook.setting_up(desk.credentials, Http(), app_secret="app")  # type: ignore[return-value]


def test_consent_becomes_a_page_token_that_works(desk: Desk, setup: FacebookSetup) -> None:
    given = desk.there.app_secret
    redirect = "http://127.0.0.1:8765/"
    address = setup.consent(desk.handle, given, redirect=redirect, state="s1", verifier="v")
    assert address.startswith(f"{desk.there.base_url}/v26.0/dialog/oauth?")
    back = Http().call("facebook", "GET", address).headers["location"]
    assert back == f"{redirect}?code=AQcode&state=s1"
    fields = setup.exchange(desk.handle, given, code="AQcode", redirect=redirect, verifier="v", at=AT)
    assert fields == {"page_token": desk.there.secret["page_token"], "user_token": "EAAlong"}
    assert all(given["app_secret"] not in str(asked.query) for asked in desk.there.asked)
    desk.credentials.secrets["page"] = fields
    who = setup.identify(desk.handle, at=AT)
    assert (who.native_id, who.name) == (desk.there.page_id, "Example Bank")


def test_a_system_users_token_needs_no_browser(desk: Desk, setup: FacebookSetup) -> None:
    given = {**desk.there.app_secret, "user_token": "EAAsystemuser"}
    assert not setup.consent(desk.handle, given, redirect="", state="", verifier="")
    fields = setup.exchange(desk.handle, given, code="", redirect="", verifier="", at=AT)
    assert fields["user_token"] == "EAAsystemuser"
    desk.there.app.has_role = False
    with pytest.raises(Refused, match="role"):
        setup.exchange(desk.handle, given, code="", redirect="", verifier="", at=AT)


def test_a_code_that_does_not_hold_says_begin_again(desk: Desk, setup: FacebookSetup) -> None:
    with pytest.raises(Refused, match="begin again"):
        setup.exchange(
            desk.handle, desk.there.app_secret, code="old", redirect="http://127.0.0.1/", verifier="", at=AT
        )


class Greeter:
    """Our webhook, as far as Facebook's verification goes."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.urls: list[str] = []

    def __call__(self, url: str) -> None:
        app = self.desk.there.app
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": "1",
            "hub.verify_token": app.secret["verify_token"],
        }
        delivery = contract.Delivery(method="GET", query=query, headers={}, body=b"")
        assert self.desk.network.greet(delivery).body == "1"
        app.callback = url
        self.urls.append(url)


def test_registering_subscribes_app_and_page_and_health_sees_both(
    desk: Desk, setup: FacebookSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = "https://hooks.acme.example/webhooks/facebook"
    before = setup.health(desk.handle, callback=callback, at=AT)
    assert before.webhook_ok is False
    greeter = Greeter(desk)
    monkeypatch.setattr(desk.there, "_call_back", greeter)
    words = setup.register(desk.handle, callback=callback, at=AT)
    assert greeter.urls == [callback]
    assert any("Live" in each for each in words)
    assert set(desk.there.app.page_fields) == set(FIELDS) == set(desk.there.app.app_fields)
    after = setup.health(desk.handle, callback=callback, at=AT)
    assert (after.webhook_ok, after.notes, after.token_expires) == (True, (), None)
    moved = setup.health(desk.handle, callback="https://elsewhere.example/", at=AT)
    assert "another address" in moved.webhook
    desk.there.app.active = False
    assert "not active" in setup.health(desk.handle, callback=callback, at=AT).webhook
    desk.there.app.active = True
    desk.there.app.page_fields = []  # an hour of failures
    assert "not subscribed to the Page" in setup.health(desk.handle, callback=callback, at=AT).webhook
    desk.there.app.page_fields = ["feed"]
    assert "messages" in setup.health(desk.handle, callback=callback, at=AT).webhook


def test_health_tells_the_tokens_end_and_what_it_may_not(desk: Desk, setup: FacebookSetup) -> None:
    app = desk.there.app
    app.expires_at, app.data_access_expires_at = 0, int((AT + 9 * DAY).timestamp())
    app.scopes.remove("pages_messaging")
    told = setup.health(desk.handle, callback="", at=AT)
    assert told.token_expires == AT + 9 * DAY
    assert told.webhook_ok is None
    assert told.notes == ("permissions are missing: pages_messaging",)


def test_a_token_is_renewed_when_it_is_due_and_not_before(desk: Desk, setup: FacebookSetup) -> None:
    assert not setup.renew(desk.handle, at=AT)
    desk.there.app.expires_at = int((AT + 15 * DAY).timestamp())
    assert not setup.renew(desk.handle, at=AT)
    assert setup.renew(desk.handle, at=AT + 2 * DAY)
    assert desk.credentials.renewed == ["page"]
    desk.credentials.secrets["page"] = {"page_token": desk.there.secret["page_token"]}
    assert not setup.renew(desk.handle, at=AT + 2 * DAY)


def test_an_app_without_id_is_told_where_to_put_it(desk: Desk, setup: FacebookSetup) -> None:
    desk.credentials.secrets["app"] = {"app_secret": desk.there.app_secret["app_secret"]}
    with pytest.raises(Refused, match="app_id"):
        setup.health(desk.handle, callback="", at=AT)


def test_the_class_keeps_the_answering_contract(desk: Desk, setup: FacebookSetup) -> None:
    for protocol in (contract.Replier, contract.Withdrawer, contract.Hider, contract.ReceiptReader):
        assert isinstance(desk.answers, protocol)
    assert isinstance(setup, contract.Connector)
