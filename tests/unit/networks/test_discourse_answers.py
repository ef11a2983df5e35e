"""Answering on a forum, in public and in private, and setting it up, against the stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed, Refused, Unreachable
from allhours.domain.item import Change, Item
from allhours.networks.contract import Answer, Connector, DefiniteNo, Posted, Replier, Withdrawer
from allhours.networks.discourse import answering, connect, setting_up
from allhours.networks.http import Http
from infra.local.standins.base import now
from infra.local.standins.discourse import DiscourseStandIn
from tests.unit.standins.forum_wire import FakeCredentials, FreeMeter, Poller, credentials_for, handle_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.handle import Handle

SECOND = timedelta(seconds=1)
HELLO = "Thank you, we are looking into it."


class Desk:
    """Customers' posts as they were heard, and what answers them."""

    def __init__(self, stand_in: DiscourseStandIn, **settings: str) -> None:
        self.stand_in = stand_in
        self.credentials = credentials_for(stand_in)
        self.handle: Handle = handle_for(stand_in, settings=settings)
        self.network: Replier = answering(
            self.credentials, Http(), app_secret="discourse/app", meter=FreeMeter()
        )
        root = stand_in.say("tomas", "Everything is slow", title="Slow")
        said = {
            "public": stand_in.say("leela", "The app logs me out", reply_to=root),
            "message": stand_in.say("leela", "My number is in the letter", private=True),
            "restricted": stand_in.say("maria", "For members only", category_id=9),
        }
        reader = connect(self.credentials, Http(), app_secret="discourse/app", meter=FreeMeter())
        poller = Poller(reader, self.handle)
        poller.poll(now() + SECOND)
        heard = {item.native_id: item for item in poller.queue}
        self.items: dict[str, Item] = {name: heard[native_id] for name, native_id in said.items()}

    def answer(self, text: str = HELLO, *, to: str = "public", private: bool = False) -> Answer:
        return Answer(reply_id="r1", item=self.items[to], text=text, approved_at=now(), private=private)

    def prepared(self, text: str = HELLO, *, to: str = "public", private: bool = False) -> Answer:
        return self.network.prepare(self.handle, self.answer(text, to=to, private=private), at=now())

    def send(self, answer: Answer) -> Posted:
        return self.network.send(self.handle, answer, at=now())

    def find(self, answer: Answer) -> Posted | None:
        return self.network.find(self.handle, answer, at=now())

    def topic(self, name: str) -> object:
        return self.stand_in.by_address(self.items[name].native_id).topic


@pytest.fixture
def desk() -> Iterator[Desk]:
    with DiscourseStandIn(calls=1_000) as stand_in:
        yield Desk(stand_in)


def test_it_answers_and_takes_back_and_can_be_set_up(desk: Desk) -> None:
    assert isinstance(desk.network, Replier)
    assert isinstance(desk.network, Withdrawer)
    assert isinstance(setting_up(desk.credentials, Http(), app_secret="discourse/app"), Connector)


@pytest.mark.parametrize(
    ("to", "private", "allowed", "words"),
    [
        ("public", False, True, "replies to theirs"),
        ("public", True, True, "private message to the author"),
        ("message", True, True, "same private conversation"),
        ("restricted", True, True, "same category"),
        ("message", False, False, "must be private"),
        ("restricted", False, False, "must be private"),
    ],
)
def test_an_answer_is_never_more_public_than_what_it_answers(
    desk: Desk,
    to: str,
    private: bool,  # noqa: FBT001
    allowed: bool,  # noqa: FBT001
    words: str,
) -> None:
    permission = desk.network.permission(desk.handle, desk.items[to], private=private, at=now())
    assert permission.allowed is allowed
    assert words in permission.reason


def test_nobody_answers_what_was_taken_back_or_without_a_key_or_an_author(desk: Desk) -> None:
    item = desk.items["public"]
    gone = replace(item, change=Change.DELETED)
    nobody = replace(item, answer_needs={**item.answer_needs, "username": ""})
    keyless = replace(desk.handle, settings={"key": "none"})
    assert not desk.network.permission(desk.handle, gone, private=False, at=now()).allowed
    assert not desk.network.permission(desk.handle, nobody, private=True, at=now()).allowed
    assert "without a key" in desk.network.permission(keyless, item, private=False, at=now()).reason
    with pytest.raises(DefiniteNo, match="without a key"):
        desk.network.send(keyless, desk.answer(), at=now())


def test_a_public_answer_replies_in_the_topic(desk: Desk) -> None:
    answer = desk.prepared()
    posted = desk.send(answer)
    (shown,) = desk.stand_in.shown
    assert (shown.to, shown.text, shown.private) == (desk.items["public"].native_id, HELLO, False)
    assert shown.native_id == posted.native_id
    assert posted.permalink.startswith(f"{desk.stand_in.base_url}/t/slow/")
    assert desk.find(answer) == posted


@pytest.mark.parametrize("to", ["message", "restricted"])
def test_a_private_post_is_answered_where_it_stands(desk: Desk, to: str) -> None:
    answer = desk.prepared(to=to, private=True)
    posted = desk.send(answer)
    (shown,) = desk.stand_in.shown
    assert (shown.to, shown.private) == (desk.items[to].native_id, True)
    assert desk.find(answer) == posted


def test_moving_to_private_writes_to_the_author_with_a_link_to_the_topic(desk: Desk) -> None:
    answer = desk.prepared(private=True)
    posted = desk.send(answer)
    (shown,) = desk.stand_in.shown
    assert shown.private
    assert shown.text == f"{HELLO}\n\n{desk.items['public'].permalink}"
    assert shown.to == desk.items["public"].native_id
    topic = desk.stand_in.by_address(posted.native_id).topic
    assert (topic.archetype, topic.invited) == ("private_message", {"acme_bank", "leela"})
    assert topic.title == "About your post on our forum"
    assert desk.find(answer) == posted


def test_a_private_message_cannot_come_about_twice(desk: Desk) -> None:
    answer = desk.prepared(private=True)
    desk.stand_in.fail("cut")
    with pytest.raises(Unreachable):
        desk.send(answer)
    again = desk.send(replace(answer, text="Other words of the same answer."))
    assert again.native_id == desk.stand_in.shown[0].native_id
    assert len(desk.stand_in.shown) == 1


@pytest.mark.parametrize(
    ("to", "private", "text", "fits"),
    [
        ("public", False, "a" * 19, False),
        ("public", False, "a" * 20, True),
        ("public", False, f"  {'a' * 19}  ", False),
        ("public", False, "🙂" * 32_000, True),
        ("public", False, "a" * 32_001, False),
        ("message", True, "a" * 9, False),
        ("message", True, "a" * 10, True),
        ("restricted", True, "a" * 19, False),
        ("public", True, "a", True),  # the link makes it long enough
        ("public", True, "a" * 31_990, False),  # and too long
    ],
)
def test_the_length_is_counted_as_the_forum_does(
    desk: Desk,
    to: str,
    private: bool,  # noqa: FBT001
    text: str,
    fits: bool,  # noqa: FBT001
) -> None:
    (length,) = desk.network.length(text, desk.items[to], private=private)
    assert length.unit == "characters"
    assert length.fits is fits
    assert desk.network.cost(text, desk.items[to], private=private).usd == 0


def test_a_forum_with_limits_of_its_own_is_believed() -> None:
    with DiscourseStandIn(calls=1_000) as stand_in:
        desk = Desk(stand_in, min_post_length="5", min_private_message_length="2", max_post_length="500")
        (public,) = desk.network.length("hello", desk.items["public"], private=False)
        (private,) = desk.network.length("hello", desk.items["message"], private=True)
        assert (public.least, private.least, public.allowed) == (5, 2, 500)


def test_a_closed_topic_is_told_while_preparing_and_the_way_to_the_author_stays_open(desk: Desk) -> None:
    desk.topic("public").closed = True  # type: ignore[attr-defined]
    with pytest.raises(DefiniteNo, match="closed"):
        desk.prepared()
    with pytest.raises(DefiniteNo):
        desk.send(desk.answer())
    assert desk.send(desk.prepared(private=True)).native_id


def test_a_topic_that_is_gone_is_told_while_preparing(desk: Desk) -> None:
    desk.stand_in.topics.clear()
    with pytest.raises(DefiniteNo, match="gone"):
        desk.prepared()


@pytest.mark.parametrize("to", ["message", "restricted"])
def test_a_private_conversation_that_was_made_public_is_not_answered(desk: Desk, to: str) -> None:
    topic = desk.stand_in.by_address(desk.items[to].native_id).topic
    topic.archetype, topic.category_id = "regular", 5
    topic.invited.clear()
    with pytest.raises(DefiniteNo, match="public now"):
        desk.prepared(to=to, private=True)


@pytest.mark.parametrize(("text", "words"), [("short", "too short"), ("a" * 32_001, "too long")])
def test_the_forums_refusal_of_a_text_is_told_in_words(desk: Desk, text: str, words: str) -> None:
    with pytest.raises(DefiniteNo, match=words) as told:
        desk.send(desk.prepared(text))
    assert told.value.again_at is None


def test_the_same_text_elsewhere_is_a_doubt_and_nothing_is_found(desk: Desk) -> None:
    desk.stand_in.brand_says(HELLO)
    answer = desk.prepared()
    with pytest.raises(Unreachable, match="look for it"):
        desk.send(answer)
    assert desk.find(answer) is None
    assert desk.stand_in.shown == []


def test_a_refusal_is_not_taken_for_an_earlier_answer_with_other_words(desk: Desk) -> None:
    desk.send(desk.prepared())
    second = desk.prepared("And one more thing: please restart the app.")
    desk.topic("public").closed = True  # type: ignore[attr-defined]
    with pytest.raises(DefiniteNo, match="HTTP 422"):
        desk.send(second)


def test_sending_twice_shows_one_answer(desk: Desk) -> None:
    answer = desk.prepared()
    first = desk.send(answer)
    assert desk.send(answer) == first
    assert len(desk.stand_in.shown) == 1


@pytest.mark.parametrize("fault", ["cut", "server_error", "malformed"])
def test_a_doubt_after_the_effect_is_found(desk: Desk, fault: str) -> None:
    answer = desk.prepared()
    desk.stand_in.fail(fault)
    with pytest.raises((Unreachable, Malformed)):
        desk.send(answer)
    found = desk.find(answer)
    assert found is not None
    assert found.native_id == desk.stand_in.shown[0].native_id


@pytest.mark.parametrize("private", [False, True])
def test_without_an_effect_nothing_is_found(desk: Desk, private: bool) -> None:  # noqa: FBT001
    answer = desk.prepared(private=private)
    desk.stand_in.say("tomas", HELLO, reply_to=desk.items["public"].native_id)  # not by us
    assert desk.find(answer) is None


def test_an_answer_is_found_behind_many_others(desk: Desk) -> None:
    answer = desk.prepared()
    for number in range(45):
        desk.stand_in.say("tomas", f"me too {number}", reply_to=desk.items["public"].native_id)
    posted = desk.send(answer)
    assert desk.find(answer) == posted


def test_the_words_break_a_tie_although_the_forum_cooks_them(desk: Desk) -> None:
    texts = ("First: please *restart* <the app>.", "Second: @leela, please write to us.")
    posted = [desk.send(desk.prepared(text)) for text in texts]
    found = [desk.find(desk.answer(text)) for text in texts]
    assert found[1] == posted[1]
    assert found[0] == posted[0]


def test_an_older_answer_is_not_taken_for_this_one(desk: Desk) -> None:
    desk.stand_in.brand_says(HELLO, reply_to=desk.items["public"].native_id)
    later = replace(desk.answer(), approved_at=now() + timedelta(minutes=6))
    assert desk.find(later) is None


@pytest.mark.parametrize("private", [False, True])
def test_what_waits_for_approval_is_posted_and_says_so(desk: Desk, private: bool) -> None:  # noqa: FBT001
    assert isinstance(desk.network, Withdrawer)
    desk.stand_in.approve_first = True
    answer = desk.prepared(private=private)
    posted = desk.send(answer)
    assert posted == Posted(native_id="pending:1", permalink=f"{desk.stand_in.base_url}/review/1")
    assert desk.find(answer) == posted
    desk.network.withdraw(desk.handle, posted, at=now())
    assert desk.find(answer) is None
    desk.network.withdraw(desk.handle, posted, at=now())


@pytest.mark.parametrize("shape", ["text", "json"])
def test_both_shapes_of_429_say_when_to_try_again(desk: Desk, shape: str) -> None:
    desk.stand_in._limited_as_text = shape == "json"
    answer = desk.prepared()
    desk.stand_in.fail("rate_limited")
    at = now()
    with pytest.raises(DefiniteNo, match="too often") as told:
        desk.network.send(desk.handle, answer, at=at)
    assert told.value.again_at == at + timedelta(seconds=39)
    assert desk.send(answer).native_id


def test_a_key_that_may_not_post_says_so(desk: Desk) -> None:
    answer = desk.prepared()
    desk.stand_in.fail("refused_token")
    with pytest.raises(DefiniteNo, match="may not post") as told:
        desk.send(answer)
    assert told.value.again_at is None


def test_a_missing_key_and_a_missing_network_are_no_doubt(desk: Desk) -> None:
    answer = desk.prepared()
    desk.stand_in.stop()
    with pytest.raises(DefiniteNo) as told:
        desk.send(answer)
    assert told.value.again_at is not None
    desk.credentials.secrets["discourse/cards"] = {}
    with pytest.raises(DefiniteNo, match="api_key"):
        desk.send(answer)


def test_an_answer_is_taken_back_and_doing_so_again_is_no_error(desk: Desk) -> None:
    assert isinstance(desk.network, Withdrawer)
    answer = desk.prepared()
    posted = desk.send(answer)
    desk.network.withdraw(desk.handle, posted, at=now())
    assert [shown.deleted for shown in desk.stand_in.shown] == [True]
    desk.network.withdraw(desk.handle, posted, at=now())
    assert desk.find(answer) is None


def test_somebody_elses_post_is_not_ours_to_delete(desk: Desk) -> None:
    assert isinstance(desk.network, Withdrawer)
    with pytest.raises(DefiniteNo, match="may not delete"):
        desk.network.withdraw(desk.handle, Posted(native_id=desk.items["public"].native_id), at=now())


# Setting up


def test_a_typed_key_is_proved_with_one_read() -> None:
    with DiscourseStandIn() as stand_in:
        credentials = FakeCredentials({"discourse/app": stand_in.app_secret})
        setup, handle = setting_up(credentials, Http(), app_secret="discourse/app"), handle_for(stand_in)
        assert setup.consent(handle, {}, redirect="", state="", verifier="") == ""
        given = {"api_key": f" {stand_in.key} ", "api_username": ""}
        fields = setup.exchange(handle, given, code="", redirect="", verifier="", at=now())
        assert fields == {"api_key": stand_in.key}
        credentials.secrets["discourse/cards"] = dict(fields)
        identity = setup.identify(handle, at=now())
        assert (identity.native_id, identity.name) == (stand_in.handle_settings["native_id"], "@acme_bank")
        todo = " ".join(setup.register(handle, callback="https://desk.example/webhooks/discourse", at=now()))
        assert "https://desk.example/webhooks/discourse" in todo
        assert "discourse/app" in todo
        assert stand_in.webhook_secret not in todo
        health = setup.health(handle, callback="", at=now())
        assert (health.token_expires, health.webhook_ok, health.notes) == (None, None, ())
        assert not setup.renew(handle, at=now())


def test_a_wrong_or_missing_key_is_refused() -> None:
    with DiscourseStandIn() as stand_in:
        credentials = FakeCredentials({"discourse/cards": {"api_key": "guess"}})
        setup = setting_up(credentials, Http(), app_secret="discourse/app")
        with pytest.raises(Refused, match="discourse/cards"):
            setup.identify(handle_for(stand_in), at=now())
        with pytest.raises(Refused, match="api_key"):
            setup.exchange(handle_for(stand_in), {}, code="", redirect="", verifier="", at=now())


def test_restricted_categories_that_the_organisation_file_does_not_know_are_a_note() -> None:
    with DiscourseStandIn() as stand_in:
        setup = setting_up(credentials_for(stand_in), Http(), app_secret="discourse/app")
        handle = handle_for(stand_in, settings={"private_categories": "5"})
        (note,) = setup.health(handle, callback="", at=now()).notes
        assert "restricted but not named: 9" in note
        assert "public: 5" in note
