"""Answering on Instagram and setting it up, against the stand-in: windows, lengths, doubts, tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from allhours.domain.errors import NetworkError, Refused, Unreachable
from allhours.domain.item import Author, Change, Item, Kind, Visibility
from allhours.networks import instagram
from allhours.networks.contract import CannotTell, Connector, DefiniteNo, Hider, Posted, Replier, Withdrawer
from allhours.networks.http import Http, Reply
from infra.local.standins.instagram import InstagramStandIn
from tests.unit.standins.sixty_days_wire import (
    FakeCredentials,
    FakeMeter,
    Reader,
    an_answer,
    handle_of,
)
from tests.unit.standins.webhook_wire import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.handle import Handle

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["instagram", "facebook"])
def there(request: pytest.FixtureRequest) -> Iterator[InstagramStandIn]:
    with InstagramStandIn() as stand_in:
        if request.param == "facebook":
            stand_in.by_facebook()
        stand_in.brand_says("We are open")
        yield stand_in


class Desk:
    """One handle with its answers, its setup and its reader."""

    def __init__(self, there: InstagramStandIn) -> None:
        self.there = there
        self.credentials = FakeCredentials(there)
        self.handle: Handle = handle_of(there)
        known = {"app_secret": "app"}
        self.answers = instagram.answering(self.credentials, Http(), **known, meter=FakeMeter())
        self.setup = instagram.setting_up(self.credentials, Http(), **known)
        network = instagram.connect(self.credentials, Http(), **known, meter=FakeMeter())
        self.reader = Reader(network, self.handle)
        self.reader.poll()

    def item(self, native_id: str) -> Item:
        return self.reader.items()[native_id]

    def said(self, author: str, text: str, *, private: bool = False, reply_to: str = "") -> Item:
        return self.item(self.there.say(author, text, private=private, reply_to=reply_to))

    def mention(self) -> Item:
        with Webhook(self.reader.network, self.handle) as webhook:
            self.there.register(webhook.url)
            self.there.say("priya", "ask @bank_example", mention=True)
            (item,) = webhook.wait_for(1)
            assert isinstance(item, Item)
            return item

    def send(self, item: Item, text: str, *, private: bool = False, by_person: bool = True) -> Posted:
        at = datetime.now(UTC)
        answer = an_answer(item, text, private=private, by_person=by_person)
        return self.answers.send(self.handle, self.answers.prepare(self.handle, answer, at=at), at=at)

    def find(self, item: Item, text: str, *, private: bool = False) -> Posted | None:
        at = datetime.now(UTC)
        answer = self.answers.prepare(self.handle, an_answer(item, text, private=private), at=at)
        return self.answers.find(self.handle, answer, at=at)


@pytest.fixture
def desk(there: InstagramStandIn) -> Desk:
    return Desk(there)


def an_item(kind: Kind = Kind.COMMENT, **needs: str) -> Item:
    private = kind is Kind.MESSAGE
    return Item(
        network="instagram",
        native_id="17860000000000009",
        account="acme-cards",
        handle="@bank_example",
        conversation_id="c",
        author=Author(author_id="1093", handle="@leela"),
        created_at=AT,
        kind=kind,
        visibility=Visibility.PRIVATE if private else Visibility.PUBLIC,
        answer_needs=needs,
    )


def test_it_is_all_that_the_manifest_says(desk: Desk) -> None:
    assert isinstance(desk.answers, Replier)
    assert isinstance(desk.answers, Withdrawer)
    assert isinstance(desk.answers, Hider)
    assert isinstance(desk.setup, Connector)
    assert desk.answers.cost("hm", an_item(), private=False).usd == 0


@pytest.mark.parametrize(
    ("item", "private", "later", "allowed"),
    [
        (an_item(), False, timedelta(days=90), True),
        (an_item(), True, timedelta(days=7, seconds=-1), True),
        (an_item(), True, timedelta(days=7), False),
        (an_item(Kind.MESSAGE), False, timedelta(), False),
        (an_item(Kind.MESSAGE), True, timedelta(hours=24, seconds=-1), True),
        (an_item(Kind.MESSAGE), True, timedelta(hours=24), True),
        (an_item(Kind.MESSAGE), True, timedelta(days=7, seconds=-1), True),
        (an_item(Kind.MESSAGE), True, timedelta(days=7), False),
        (an_item(Kind.MESSAGE, standby="true"), True, timedelta(), False),
        (an_item(live="true"), False, timedelta(), False),
        (an_item(live="true"), True, timedelta(), True),
        (an_item(hidden="true"), False, timedelta(), True),
        (an_item(private_reply="used"), True, timedelta(), False),
        (an_item(Kind.MENTION, mention="true"), False, timedelta(), True),
        (an_item(Kind.MENTION, mention="true"), True, timedelta(), False),
        (an_item(Kind.MENTION, tagged="true"), False, timedelta(), False),
        (replace(an_item(), change=Change.DELETED), False, timedelta(), False),
    ],
)
def test_who_may_be_answered_and_how_long(
    desk: Desk, item: Item, later: timedelta, *, private: bool, allowed: bool
) -> None:
    told = desk.answers.permission(desk.handle, item, private=private, at=AT + later)
    assert told.allowed is allowed
    assert told.reason


def test_only_a_person_answers_after_a_day(desk: Desk) -> None:
    told = desk.answers.permission(
        desk.handle, an_item(Kind.MESSAGE), private=True, at=AT + timedelta(days=2)
    )
    assert "person" in told.reason
    assert told.until == AT + timedelta(days=7)
    message = desk.said("omar", "I lost my wallet", private=True)
    desk.there._said[message.native_id].said_at -= timedelta(days=2)
    late = replace(message, created_at=message.created_at - timedelta(days=2))
    with pytest.raises(DefiniteNo, match="only a person"):
        desk.send(late, "Blocked it.", private=True, by_person=False)
    assert desk.send(late, "Blocked it.", private=True).native_id
    with pytest.raises(DefiniteNo, match="window"):  # we thought that it was still open
        desk.send(message, "Blocked it.", private=True)


@pytest.mark.parametrize(
    ("text", "private", "used", "fits"),
    [
        ("a" * 1_000, True, 1_000, True),
        ("a" * 1_001, True, 1_001, False),
        ("ü" * 500, True, 1_000, True),
        ("👍" * 251, True, 1_004, False),
        ("ü" * 2_200, False, 2_200, True),
        ("a" * 2_201, False, 2_201, False),
        ("\ud83d", True, 3, True),
        ("", True, 0, False),
        ("", False, 0, False),
    ],
    ids=[
        "full",
        "over",
        "umlauts",
        "thumbs",
        "comment",
        "long comment",
        "half a character",
        "no message",
        "no comment",
    ],
)
def test_messages_are_measured_in_bytes_and_comments_in_characters(
    desk: Desk, text: str, used: int, *, private: bool, fits: bool
) -> None:
    (length,) = desk.answers.length(text, an_item(), private=private)
    assert (length.used, length.fits) == (used, fits)


def test_an_answer_to_a_reply_begins_with_whom_it_answers_and_counts_so(desk: Desk) -> None:
    top = desk.said("leela", "where is my card")
    reply = desk.said("omar", "same here", reply_to=top.native_id)
    (length,) = desk.answers.length("On its way.", reply, private=False)
    assert length.used == len("@omar On its way.")
    posted = desk.send(reply, "On its way.")
    (shown,) = desk.there.shown
    assert (shown.native_id, shown.to, shown.text) == (
        posted.native_id,
        reply.native_id,
        "@omar On its way.",
    )
    assert desk.find(reply, "On its way.") == posted
    assert desk.find(top, "On its way.") is None
    desk.send(reply, "Hello @omar, done.")
    assert desk.there.shown[-1].text == "Hello @omar, done."


def test_a_comment_is_answered_found_and_taken_back(desk: Desk) -> None:
    comment = desk.said("leela", "where is my card")
    assert desk.find(comment, "On its way.") is None
    posted = desk.send(comment, "On its way.")
    assert desk.find(comment, "On  its way.") == posted
    answered = desk.there.call
    desk.there.call = lambda method, path, params: (  # type: ignore[method-assign]
        desk.there.gone(path) if method == "DELETE" else answered(method, path, params)
    )
    with pytest.raises(DefiniteNo, match="still stands"):  # Meta says "gone" of what may not be deleted too
        desk.answers.withdraw(desk.handle, posted, at=AT)  # type: ignore[attr-defined]
    desk.there.call = answered  # type: ignore[method-assign]
    assert isinstance(desk.answers, Withdrawer)
    for _ in range(2):  # one that is gone already is no error
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))
    assert [shown.deleted for shown in desk.there.shown] == [True]
    assert desk.find(comment, "On its way.") is None


@pytest.mark.parametrize("private", [False, True])
def test_what_we_said_long_before_or_somebody_else_said_is_not_our_answer(
    desk: Desk, *, private: bool
) -> None:
    item = desk.said("omar", "hm", private=private)
    older = desk.send(item, "On its way.", private=private)
    desk.there._said[older.native_id].said_at -= timedelta(hours=1)
    desk.there.say("omar", "On its way.", private=private, reply_to=item.native_id)
    assert desk.find(item, "On its way.", private=private) is None


def test_a_message_is_answered_and_found_and_stays(desk: Desk) -> None:
    message = desk.said("omar", "I lost my wallet", private=True)
    assert desk.find(message, "Blocked it.", private=True) is None
    posted = desk.send(message, "Blocked it.", private=True)
    assert desk.there.shown[0].private
    assert desk.find(message, "Blocked it.", private=True) == posted
    assert isinstance(desk.answers, Withdrawer)
    with pytest.raises(DefiniteNo, match="unsends"):
        desk.answers.withdraw(desk.handle, posted, at=datetime.now(UTC))


def test_a_comment_gets_one_private_reply(desk: Desk) -> None:
    comment = desk.said("leela", "where is my card")
    assert desk.find(comment, "Tell us more.", private=True) is None
    posted = desk.send(comment, "Tell us more.", private=True)
    assert desk.find(comment, "Tell us more.", private=True) == posted
    with pytest.raises(DefiniteNo, match="one private reply") as refused:
        desk.send(comment, "And your name?", private=True)
    assert refused.value.again_at is None
    nameless = replace(comment, author=Author(author_id="unknown:1"))
    with pytest.raises(CannotTell):
        desk.find(nameless, "Tell us more.", private=True)


def test_a_mention_is_answered_and_nobody_can_tell_afterwards(desk: Desk) -> None:
    mention = desk.mention()
    posted = desk.send(mention, "We are here.")
    assert desk.there.shown[0].native_id == posted.native_id
    assert desk.there.asked[-1].path.endswith(f"{desk.there.account_id}/mentions")
    with pytest.raises(CannotTell):
        desk.find(mention, "We are here.")


def test_more_messages_than_instagram_shows_leave_it_open(desk: Desk) -> None:
    message = desk.said("omar", "hello", private=True)
    for number in range(25):
        desk.there.say("omar", f"message {number}", private=True)
    with pytest.raises(CannotTell):
        desk.find(message, "Blocked it.", private=True)


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("fault", ["cut", "server_error", "malformed"])
def test_a_doubt_after_the_effect_is_resolved_by_looking(desk: Desk, fault: str, *, private: bool) -> None:
    item = desk.said("leela", "hm", private=private)
    desk.there.fail(fault)
    with pytest.raises(NetworkError) as doubt:
        desk.send(item, "On its way.", private=private)
    assert not isinstance(doubt.value, DefiniteNo)
    found = desk.find(item, "On its way.", private=private)
    assert found is not None
    assert [shown.native_id for shown in desk.there.shown] == [found.native_id]


def test_a_clean_error_that_came_after_the_effect_is_a_doubt(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    error = {"error": {"code": 20, "error_subcode": 1772107, "message": "-", "type": "OAuthException"}}

    class Lying(Http):
        def call(self, network: str, method: str, url: str, **more: object) -> Reply:
            reply = super().call(network, method, url, **more)  # type: ignore[arg-type]
            if not url.endswith("/replies"):
                return reply
            return replace(reply, status=400, body=str(error).replace("'", '"').encode())

    answers = instagram.answering(desk.credentials, Lying(), app_secret="app", meter=FakeMeter())
    answer = answers.prepare(desk.handle, an_answer(item, "On its way."), at=datetime.now(UTC))
    with pytest.raises(Unreachable):
        answers.send(desk.handle, answer, at=datetime.now(UTC))
    assert desk.find(item, "On its way.") is not None


@pytest.mark.parametrize("fault", ["rate_limited", "refused_token"])
def test_what_is_turned_down_has_no_effect(desk: Desk, fault: str) -> None:
    item = desk.said("leela", "hm")
    desk.there.fail(fault)
    with pytest.raises(DefiniteNo) as refused:
        desk.send(item, "On its way.")
    assert (refused.value.again_at is not None) == (fault == "rate_limited")
    assert not desk.there.shown
    assert desk.find(item, "On its way.") is None


def test_sending_twice_shows_two(desk: Desk) -> None:
    item = desk.said("leela", "hm")
    assert desk.send(item, "On its way.") != desk.send(item, "On its way.")
    assert len(desk.there.shown) == 2


def test_what_instagram_refuses_is_said_in_words(desk: Desk) -> None:
    comment = desk.said("leela", "hm")
    desk.there.hidden.add(comment.native_id)
    with pytest.raises(DefiniteNo):
        desk.send(comment, "On its way.")
    desk.there.delete(comment.native_id)
    with pytest.raises(DefiniteNo, match="no such object"):
        desk.send(comment, "On its way.")
    with pytest.raises(CannotTell, match="deleted, or not shown"):
        desk.find(comment, "On its way.")


def test_a_comment_is_hidden_and_shown_again(desk: Desk) -> None:
    comment = desk.said("leela", "rude words")
    assert isinstance(desk.answers, Hider)
    desk.answers.hide(desk.handle, comment, hidden=True, at=AT)
    assert desk.there.hidden == {comment.native_id}
    desk.answers.hide(desk.handle, comment, hidden=False, at=AT)
    assert not desk.there.hidden
    with pytest.raises(DefiniteNo):
        desk.answers.hide(desk.handle, an_item(Kind.MENTION), hidden=True, at=AT)
    desk.there.delete(comment.native_id)
    with pytest.raises(DefiniteNo):
        desk.answers.hide(desk.handle, comment, hidden=True, at=AT)


def test_more_answers_than_instagram_lists_leave_it_open(desk: Desk) -> None:
    comment = desk.said("leela", "hm")
    for number in range(49):
        desk.there.say("omar", f"storm {number}", reply_to=comment.native_id)
    assert desk.find(comment, "On its way.") is None
    desk.there.say("omar", "one more", reply_to=comment.native_id)
    desk.there.comment_cursors = False
    with pytest.raises(CannotTell, match="more answers"):
        desk.find(comment, "On its way.")
    desk.there.comment_cursors = True
    for number in range(201):
        desk.there.say("omar", f"storm {number}", reply_to=comment.native_id)
    with pytest.raises(CannotTell, match="further back"):
        desk.find(comment, "On its way.")


def test_the_conversation_is_looked_for_behind_the_first_page(desk: Desk) -> None:
    comment = desk.said("leela", "hm")
    posted = desk.send(comment, "Tell us more.", private=True)
    for number in range(30):
        desk.there.say(f"customer {number}", "storm", private=True)
    assert desk.find(comment, "Tell us more.", private=True) == posted
    for number in range(100):
        desk.there.say(f"another {number}", "storm", private=True)
    with pytest.raises(CannotTell, match="further back"):
        desk.find(comment, "Tell us more.", private=True)


def test_a_conversation_that_is_not_shown_leaves_it_open(desk: Desk) -> None:
    message = desk.said("omar", "hello", private=True)
    desk.there.delete(message.native_id)
    hidden = replace(message, answer_needs={**message.answer_needs, "igsid": "77"})
    with pytest.raises(CannotTell, match="conversation"):
        desk.find(hidden, "Blocked it.", private=True)


def test_a_message_is_never_answered_in_public_and_nobody_from_another_account(desk: Desk) -> None:
    message = desk.said("omar", "I lost my wallet", private=True)
    desk.send(message, "Blocked it.")
    (shown,) = desk.there.shown
    assert shown.private
    other = replace(message, answer_needs={**message.answer_needs, "ig_id": "77"})
    assert not desk.answers.permission(desk.handle, other, private=True, at=AT).allowed
    with pytest.raises(DefiniteNo, match="another account"):
        desk.send(other, "Blocked it.", private=True)
    assert len(desk.there.shown) == 1


# Setting up


def test_consent_leads_to_a_token_that_is_proven_and_registered(desk: Desk) -> None:
    desk.credentials.secrets["handle"] = {}
    redirect, given = "https://desk.example/oauth", desk.there.app_secret
    address = desk.setup.consent(desk.handle, given, redirect=redirect, state="s1", verifier="")
    asked = urlsplit(address)
    reply = Http().call("instagram", "GET", address)
    assert reply.status == 302
    back = urlsplit(reply.headers["location"])
    told = dict(parse_qsl(back.query))
    assert (dict(parse_qsl(asked.query))["response_type"], told["state"]) == ("code", "s1")
    how = {"code": f"{told['code']}#_", "redirect": redirect, "verifier": "", "at": datetime.now(UTC)}
    fields = desk.setup.exchange(desk.handle, given, **how)  # type: ignore[arg-type]
    assert set(fields) <= {"access_token", "expires_at", "renewed_at", "user_token"}
    desk.credentials.secrets["handle"] = fields
    identity = desk.setup.identify(desk.handle, at=datetime.now(UTC))
    assert (identity.native_id, identity.name) == (desk.there.account_id, "@bank_example")
    with Webhook(desk.reader.network, desk.handle) as webhook:
        assert desk.setup.health(desk.handle, callback=webhook.url, at=AT).webhook_ok is False
        words = desk.setup.register(desk.handle, callback=webhook.url, at=datetime.now(UTC))
        assert any("subscribed" in each for each in words)
        health = desk.setup.health(desk.handle, callback=webhook.url, at=datetime.now(UTC))
        assert (health.webhook_ok, health.notes) == (True, ())
        by_page = desk.there.login == "facebook"
        assert (health.token_expires is None) is by_page
        assert (desk.there.pushes is not None) is by_page
    with pytest.raises(Refused):  # a code works once
        desk.setup.exchange(desk.handle, given, **how)  # type: ignore[arg-type]


def test_a_token_is_renewed_once_a_week_and_before_an_answer(desk: Desk) -> None:
    at = datetime.now(UTC)
    assert desk.setup.renew(desk.handle, at=at) is False
    if desk.there.login == "facebook":
        assert desk.setup.renew(desk.handle, at=at + timedelta(days=30)) is False
        return
    desk.there.age_token(timedelta(days=7))
    desk.credentials.secrets["handle"] = desk.there.secret
    old = desk.there.secret["access_token"]
    item = desk.said("leela", "hm")
    desk.send(item, "On its way.")
    (renewed,) = desk.credentials.renewed
    assert renewed["access_token"] == desk.there.secret["access_token"] != old
    assert desk.setup.renew(desk.handle, at=at) is False


def test_a_token_that_ran_out_is_not_asked_for_again_and_health_shows_it() -> None:
    with InstagramStandIn() as there:
        desk = Desk(there)
        fields = {**there.secret, "expires_at": (AT - timedelta(days=1)).isoformat()}
        desk.credentials.secrets["handle"] = fields
        assert desk.setup.renew(desk.handle, at=AT) is False
        assert desk.setup.health(desk.handle, callback="", at=AT).token_expires == AT - timedelta(days=1)


def test_a_token_without_a_date_shows_its_age_by_being_renewed() -> None:
    with InstagramStandIn() as there:
        there.age_token(timedelta(days=3))
        desk = Desk(there)
        desk.credentials.secrets["handle"] = {"access_token": there.secret["access_token"]}
        assert "expires_at" in desk.setup.health(desk.handle, callback="", at=AT).notes[0]
        assert desk.setup.renew(desk.handle, at=datetime.now(UTC)) is True
        assert "expires_at" in desk.credentials.secrets["handle"]


def test_the_fields_of_a_page_that_facebook_reads_stay_subscribed() -> None:
    with InstagramStandIn() as there:
        there.by_facebook()
        there.subscribed = ("mention", "ratings")
        desk = Desk(there)
        with Webhook(desk.reader.network, desk.handle) as webhook:
            desk.setup.register(desk.handle, callback=webhook.url, at=AT)
        assert {"mention", "ratings", "feed", "messages"} <= set(there.subscribed)
