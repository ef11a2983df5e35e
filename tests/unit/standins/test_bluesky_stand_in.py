"""The stand-in keeps Bluesky's lexicons, our client does, and the two get along on a good day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed
from allhours.domain.item import Change, Item, Kind, Unreadable, Visibility
from infra.local.standins.base import now
from infra.local.standins.bluesky import BlueskyStandIn
from infra.local.standins.bluesky_world import BRAND
from tests.shared_material import specs
from tests.unit.standins.bluesky_wire import Poller, brands_handle, troubles
from tests.unit.standins.lexicon import Lexicons

if TYPE_CHECKING:
    from allhours.domain.item import Heard

LIST = "app.bsky.notification.listNotifications"
HELLO = f"@{BRAND} hello"
SECOND = timedelta(seconds=1)


@pytest.fixture
def poller() -> Poller:
    """Return a poller that has begun to listen."""
    poller = Poller(BlueskyStandIn(), listen=("acme bank", "#acme"))
    poller.poll(now() - SECOND)
    return poller


def reread(poller: Poller) -> list[Heard]:
    kept = {item.native_id: item for item in poller.queue}
    return list(poller.network.reread(poller.handle, list(kept.values()), at=now() + SECOND))


# the wire, both ways


def a_day(stand_in: BlueskyStandIn) -> Poller:
    """Let everything happen once, with a burst of two pages, and read it all."""
    poller = Poller(stand_in, listen=("acme bank", "#acme"))
    poller.poll(now() - SECOND)
    root = stand_in.brand_says("Good morning")
    stand_in.like("maria", root)
    for number in range(120):
        stand_in.say("leela", f"😡 @{BRAND} question {number}", langs=("en", "de"))
    asked = stand_in.say("tomas", "the acme bank is slow", reply_to=root)
    stand_in.brand_says("We are on it", reply_to=asked)
    stand_in.say("maria", "look at that", quote=root)
    message = stand_in.say("leela", "my number is in the letter", private=True)
    stand_in.brand_says("thank you", reply_to=message)
    poller.poll(now() + SECOND)
    stand_in.delete(message)
    stand_in.edit(asked, "the acme bank is very slow")
    stand_in.expire()
    poller.poll(now() + SECOND)
    reread(poller)
    return poller


def test_what_the_stand_in_answers_is_what_the_lexicons_say() -> None:
    lexicons = Lexicons(specs("bluesky", "lexicons"))
    poller = a_day(BlueskyStandIn())
    methods = set()
    for asked, reply in zip(poller.http.asked, poller.http.replies, strict=True):
        method = asked.path.removeprefix("/xrpc/")
        if reply.status == 200:
            methods.add(method)
            assert lexicons.output(method, json.loads(reply.body)) == []
        else:
            assert json.loads(reply.body).keys() == {"error", "message"}
    assert len(methods) == 7
    records = [said.record for said in poller.stand_in.posts if said.record]
    assert len(records) == 122
    assert [wrong for record in records for wrong in lexicons.record("app.bsky.feed.post", record)] == []


def test_what_our_client_sends_is_what_the_lexicons_say() -> None:
    lexicons = Lexicons(specs("bluesky", "lexicons"))
    poller = a_day(BlueskyStandIn())
    assert {asked.method for asked in poller.http.asked} == {"GET", "POST"}
    for asked in poller.http.asked:
        method = asked.path.removeprefix("/xrpc/")
        if asked.method == "POST":
            assert lexicons.input(method, json.loads(asked.body) if asked.body else None) == []
        else:
            assert lexicons.parameters(method, asked.query) == []
        assert "seenAt" not in dict(asked.query)


def test_the_validator_finds_what_is_wrong() -> None:
    lexicons = Lexicons(specs("bluesky", "lexicons"))
    assert lexicons.output(LIST, {"notifications": [{"uri": 7}]})
    assert lexicons.output(LIST, {})
    assert lexicons.parameters(LIST, [("limit", "101")])
    assert lexicons.parameters(LIST, [("limits", "1")])
    assert lexicons.input("com.atproto.server.refreshSession", {})
    assert lexicons.record("app.bsky.feed.post", {"text": "x" * 3_001, "createdAt": "2026-11-20T12:00:00Z"})
    assert lexicons.record("app.bsky.feed.post", {"text": "x", "createdAt": "2026-11-20T12:00:00"})


# a good day


def test_everything_customers_say_to_the_brand_is_heard_once(poller: Poller) -> None:
    stand_in = poller.stand_in
    root = stand_in.brand_says("Good morning")
    said = {
        stand_in.say("leela", HELLO): Kind.MENTION,
        stand_in.say("tomas", "is it down?", reply_to=root): Kind.REPLY,
        stand_in.say("maria", "look at that", quote=root): Kind.QUOTE,
        stand_in.say("omar", "my acme bank card is lost"): Kind.POST,
        stand_in.say("omar", "#acme again"): Kind.POST,
        stand_in.say("leela", "in private", private=True): Kind.MESSAGE,
    }
    poller.poll(now() + SECOND)
    assert {item.native_id: item.kind for item in poller.queue} == said
    assert len(poller.queue) == len(stand_in.posts)


def test_a_mention_without_a_facet_notifies_nobody(poller: Poller) -> None:
    poller.stand_in.say("leela", HELLO, facets=False)
    poller.poll(now() + SECOND)
    assert poller.queue == []


def test_our_own_posts_and_messages_open_no_work(poller: Poller) -> None:
    poller.stand_in.brand_says("the acme bank is open")
    message = poller.stand_in.say("leela", "hello", private=True)
    poller.stand_in.brand_says("good morning", reply_to=message)
    poller.poll(now() + SECOND)
    assert poller.heard == {message}


def test_customers_below_our_answer_belong_to_the_first_ones_conversation(poller: Poller) -> None:
    stand_in = poller.stand_in
    first = stand_in.say("leela", HELLO)
    answer = stand_in.brand_says("How can we help?", reply_to=first)
    second = stand_in.say("tomas", "me too", reply_to=answer)
    third = stand_in.say("maria", "and me", reply_to=second)
    poller.poll(now() + SECOND)
    assert {item.native_id: item.conversation_id for item in poller.queue} == dict.fromkeys(
        (first, second, third), first
    )


def test_a_burst_over_the_page_size_is_heard_whole(poller: Poller) -> None:
    said = {poller.stand_in.say("leela", f"@{BRAND} {number}") for number in range(330)}
    poller.poll(now() + SECOND)
    assert poller.heard == said


def test_more_messages_than_the_log_tells_at_a_time_are_heard_whole(poller: Poller) -> None:
    said = {poller.stand_in.say("leela", f"question {number}", private=True) for number in range(120)}
    poller.poll(now() + SECOND)
    assert poller.heard == said
    assert {item.visibility for item in poller.queue} == {Visibility.PRIVATE}
    assert len({item.conversation_id for item in poller.queue}) == 1


def test_a_deleted_message_is_told_by_the_log(poller: Poller) -> None:
    message = poller.stand_in.say("leela", "my number is in the letter", private=True)
    poller.poll(now() + SECOND)
    poller.stand_in.delete(message)
    poller.poll(now() + SECOND)
    said, deleted = poller.queue
    assert (deleted.native_id, deleted.change, deleted.text) == (said.native_id, Change.DELETED, "")


def test_an_edit_is_found_by_reading_again_and_is_newer_every_time(poller: Poller) -> None:
    post = poller.stand_in.say("leela", HELLO)
    poller.poll(now() + SECOND)
    assert reread(poller) == []
    versions = []
    for text in ("first edit", "second edit"):
        poller.stand_in.edit(post, text)
        (edited,) = reread(poller)
        assert [edited] == reread(poller)
        assert isinstance(edited, Item)
        assert (edited.change, edited.text) == (Change.EDITED, text)
        versions.append(edited.version)
        poller.queue.append(edited)
    assert versions == [1, 2]
    assert reread(poller) == []


def test_an_edit_before_it_was_ever_heard_is_simply_what_was_said(poller: Poller) -> None:
    post = poller.stand_in.say("leela", HELLO)
    poller.stand_in.edit(post, f"@{BRAND} hello again")
    poller.poll(now() + SECOND)
    assert [(item.change, item.version) for item in poller.queue] == [(Change.SAID, 0)]
    assert reread(poller) == []


def test_a_deleted_post_and_one_whose_author_blocked_us_are_gone(poller: Poller) -> None:
    said = [poller.stand_in.say(name, HELLO) for name in ("leela", "tomas", "maria")]
    poller.poll(now() + SECOND)
    poller.stand_in.delete(said[0])
    poller.stand_in.block("tomas")
    gone = reread(poller)
    assert {item.native_id for item in gone if isinstance(item, Item)} == set(said[:2])
    assert all(isinstance(item, Item) and item.change is Change.DELETED and not item.text for item in gone)


def test_more_posts_than_one_call_takes_are_read_again_in_several(poller: Poller) -> None:
    said = [poller.stand_in.say("leela", HELLO) for _ in range(60)]
    poller.poll(now() + SECOND)
    poller.stand_in.delete(said[59])
    assert [item.native_id for item in reread(poller) if isinstance(item, Item)] == [said[59]]
    assert len(poller.asked_for("app.bsky.feed.getPosts")) == 3


def test_what_the_author_adds_below_a_kept_post_is_found_by_reading_again(poller: Poller) -> None:
    stand_in = poller.stand_in
    first = stand_in.say("leela", HELLO)
    poller.poll(now() + SECOND)
    more = stand_in.say("leela", "it was 50 euros", reply_to=first)
    stand_in.brand_says("Thank you", reply_to=more)
    poller.poll(now() + SECOND)
    assert more not in poller.heard
    (found,) = reread(poller)
    assert isinstance(found, Item)
    assert (found.native_id, found.conversation_id, found.change) == (more, first, Change.SAID)


def test_a_post_that_goes_while_it_is_read_again_fetches_nobody(poller: Poller) -> None:
    stand_in = poller.stand_in
    first = stand_in.say("leela", HELLO)
    stand_in.brand_says("How can we help?", reply_to=first)
    poller.poll(now() + SECOND)
    poller.http.before = lambda asked: stand_in.delete(first) if "getPostThread" in asked.path else None
    assert reread(poller) == []
    assert [each.native_id for each in reread(poller)] == [first]


def test_direct_messages_can_be_left_alone() -> None:
    poller = Poller(BlueskyStandIn(direct_messages=False), direct_messages="off")
    assert troubles(poller.poll(now())) == []


@pytest.mark.parametrize("posts", [None, {}, [{"uri": 7}], [None]])
def test_an_unclear_answer_to_a_re_read_deletes_nothing(poller: Poller, posts: object) -> None:
    poller.stand_in.say("leela", HELLO)
    poller.poll(now() + SECOND)
    poller.http.answers["app.bsky.feed.getPosts"] = {"posts": posts}
    with pytest.raises(Malformed):
        reread(poller)


def test_an_answer_without_its_list_is_trouble_and_not_silence(poller: Poller) -> None:
    poller.http.answers[LIST] = {"notification": []}
    assert troubles(poller.poll(now())) == [Malformed]
    post = poller.stand_in.say("leela", HELLO)
    poller.http.answers.clear()
    poller.poll(now() + SECOND)
    assert poller.heard == {post}


def test_notifications_that_cannot_be_read_are_told_one_by_one(poller: Poller) -> None:
    poller.http.answers[LIST] = {
        "notifications": [{"uri": 1, "reason": "reply"}, {"uri": 2, "reason": "reply"}, None]
    }
    told = [heard for step in poller.poll(now()) for heard in step.heard]
    assert [type(each) for each in told] == [Unreadable] * 3
    assert len({each.native_id for each in told}) == 3


# the stand-in as everybody uses it


def test_whoever_speaks_is_heard_publicly_and_in_private(poller: Poller) -> None:
    stand_in = poller.stand_in
    said = [stand_in.speak("Leela Okafor", "hello"), stand_in.speak("Ümit", "hush", private=True)]
    said.append(stand_in.speak("Leela Okafor", "and more", reply_to=said[1]))
    said.append(stand_in.speak("maria.bsky.social", f"@{BRAND} hello", reply_to=said[0]))
    poller.poll(now() + SECOND)
    assert poller.heard == set(said)
    assert [post.author for post in stand_in.posts] == [
        "leelaokafor.bsky.social",
        "mit.bsky.social",
        "leelaokafor.bsky.social",
        "maria.bsky.social",
    ]
    assert [post.text for post in stand_in.posts][0::3] == [f"@{BRAND} hello"] * 2


def test_two_stand_ins_never_share_an_id() -> None:
    handle = brands_handle(BlueskyStandIn())
    ids: list[str] = []
    for place in range(3):
        stand_in = BlueskyStandIn.playing(replace(handle, handle="@Acme"), place=place)
        assert stand_in.brand == "acme.bsky.social"
        for _ in range(50):
            ids += [stand_in.speak("leela", "hello"), stand_in.speak("leela", "hello", private=True)]
    assert len(set(ids)) == len(ids)
