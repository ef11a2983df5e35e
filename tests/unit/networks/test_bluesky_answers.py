"""What we answer on Bluesky: once, to whom it reaches, and in words where it cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import Malformed, NetworkError, Unreachable
from allhours.domain.item import Change, Item, Kind
from allhours.networks._bluesky.answers import record_key
from allhours.networks._bluesky.fields import stamp
from allhours.networks.contract import (
    Answer,
    CannotTell,
    Connector,
    DefiniteNo,
    Hider,
    ReceiptReader,
    Replier,
    Withdrawer,
)
from allhours.networks.http import Http
from infra.local.standins.base import Told, now
from infra.local.standins.bluesky import PASSWORD, BlueskyStandIn
from infra.local.standins.bluesky_world import BRAND
from tests.builders import an_item
from tests.unit.standins.bluesky_desk import SECOND, SORRY, Desk, answers

HELLO = f"@{BRAND} my card is lost"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def asked(desk: Desk) -> Item:
    """Return Leela's post."""
    return desk.hears(desk.stand_in.say("leela", HELLO))


def test_it_answers_hides_and_withdraws_and_nothing_else(desk: Desk) -> None:
    assert isinstance(desk.answers, Replier)
    assert isinstance(desk.answers, Withdrawer)
    assert isinstance(desk.answers, Hider)
    assert not isinstance(desk.answers, ReceiptReader)
    assert isinstance(desk.setup, Connector)


# public answers


def test_a_public_answer_stands_below_what_it_answers(desk: Desk, asked: Item) -> None:
    assert desk.permission(asked).allowed
    answer = desk.prepared(asked)
    assert desk.stand_in.shown == []
    posted = desk.send(answer)
    (shown,) = desk.stand_in.shown
    assert (shown.native_id, shown.to, shown.text, shown.private) == (
        posted.native_id,
        asked.native_id,
        SORRY,
        False,
    )
    assert posted.permalink == f"https://bsky.app/profile/{desk.stand_in.did}/post/{answer.fixed['rkey']}"
    poster = desk.stand_in.say("leela", "thank you", reply_to=posted.native_id)
    assert desk.hears(poster).conversation_id == asked.conversation_id


def test_an_answer_deep_in_a_thread_names_its_first_post_as_root(desk: Desk) -> None:
    root = desk.stand_in.brand_says("Good morning")
    first = desk.stand_in.say("leela", "is it down?", reply_to=root)
    record = json.loads(desk.prepared(desk.hears(first)).fixed["record"])
    assert record["reply"]["root"]["uri"] == root
    assert record["reply"]["parent"]["uri"] == first


def test_the_same_answer_sent_twice_is_there_once(desk: Desk, asked: Item) -> None:
    answer = desk.prepared(asked)
    assert desk.send(answer) == desk.send(answer) == desk.find(answer)
    assert len(desk.stand_in.shown) == 1


def test_preparing_again_fixes_the_same_key_and_another_reply_has_another(desk: Desk, asked: Item) -> None:
    approved_at = now() - timedelta(minutes=5)
    first = Answer(reply_id="r1", item=asked, text=SORRY, approved_at=approved_at)
    again = desk.answers.prepare(desk.handle, first, at=now() + SECOND)
    assert again.fixed == desk.answers.prepare(desk.handle, first, at=now()).fixed
    assert json.loads(again.fixed["record"])["createdAt"] == stamp(approved_at)
    assert record_key(first) != record_key(replace(first, reply_id="r2"))


@given(st.text(max_size=40), st.integers(1_700_000_000_000_000, 3_800_000_000_000_000))
def test_every_record_key_is_a_tid(reply: str, micros: int) -> None:
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
    key = record_key(Answer(reply_id=reply, item=an_item(), text="", approved_at=at))
    assert len(key) == 13
    assert set(key) <= set("234567abcdefghijklmnopqrstuvwxyz")
    assert key[0] in "234567abcdefghij"


def test_a_record_key_that_another_post_of_ours_has_overwrites_nothing(desk: Desk, asked: Item) -> None:
    first = desk.prepared(asked)
    other = replace(
        first, fixed={**desk.prepared(asked, "Another answer").fixed, "rkey": first.fixed["rkey"]}
    )
    desk.send(first)
    with pytest.raises(DefiniteNo, match="record key") as caught:
        desk.send(replace(other, text="Another answer"))
    assert caught.value.again_at is None
    assert [shown.text for shown in desk.stand_in.shown] == [SORRY]
    assert desk.find(replace(other, text="Another answer")) is None


def test_a_server_that_calls_the_same_record_an_invalid_swap_is_believed_once_it_is_seen(
    desk: Desk, asked: Item
) -> None:
    answer = desk.prepared(asked)
    posted = desk.send(answer)
    desk.http.tells["com.atproto.repo.putRecord"] = Told(
        status=400, body={"error": "InvalidSwap", "message": "Record was at bafy"}
    )
    assert desk.send(answer) == posted


def test_the_answer_speaks_the_customers_language_and_names_nothing_where_it_is_unknown(
    desk: Desk, asked: Item
) -> None:
    assert json.loads(desk.prepared(replace(asked, language="es")).fixed["record"])["langs"] == ["es"]
    assert "langs" not in json.loads(desk.prepared(replace(asked, language="")).fixed["record"])


def test_it_costs_nothing(desk: Desk, asked: Item) -> None:
    cost = desk.answers.cost(SORRY, asked, private=False)
    assert (cost.usd, cost.units) == (0, 0)


# who may be answered


def test_what_reading_found_out_is_said_before_anybody_types(desk: Desk, asked: Item) -> None:
    known = {**asked.answer_needs}
    cases = {
        "deleted": (replace(asked, change=Change.DELETED), False),
        "in private": (desk.hears(desk.stand_in.say("leela", "hush", private=True)), False),
        "block": (replace(asked, answer_needs={**known, "blocked": "yes"}), False),
        "limited who may reply": (replace(asked, answer_needs={**known, "reply": "disabled"}), False),
        "no direct messages": (replace(asked, answer_needs={**known, "messages": "none"}), True),
        "people they follow": (replace(asked, answer_needs={**known, "messages": "following"}), True),
        "without its cid": (replace(asked, answer_needs={}), False),
        "not something said": (replace(asked, kind=Kind.PROFILE), False),
    }
    for words, (item, private) in cases.items():
        permission = desk.permission(item, private=private)
        assert not permission.allowed
        assert words in permission.reason
        assert words in desk.says_no(item, private=private)
    assert desk.permission(cases["limited who may reply"][0], private=True).allowed
    assert desk.permission(cases["no direct messages"][0]).allowed


def test_messages_that_are_off_are_off_for_answers_too() -> None:
    desk = Desk(direct_messages="off")
    item = desk.hears(desk.stand_in.say("leela", HELLO))
    assert "organisation file" in desk.permission(item, private=True).reason


def test_reading_finds_out_who_limits_us(desk: Desk) -> None:
    stand_in = desk.stand_in
    stand_in.takes_messages("leela", "none")
    stand_in.takes_messages("tomas", "following")
    stand_in.takes_messages("maria", "following")
    stand_in.follow("maria")
    closed = stand_in.say("omar", "my acme bank card")
    stand_in.limit_replies(closed)
    limits = [
        {name: desk.hears(uri).answer_needs.get(name) for name in ("messages", "reply")}
        for uri in (*(stand_in.say(name, HELLO) for name in ("leela", "tomas", "maria")), closed)
    ]
    assert limits == [
        {"messages": "none", "reply": None},
        {"messages": "following", "reply": None},
        {"messages": None, "reply": None},
        {"messages": None, "reply": "disabled"},
    ]


def test_what_closed_since_it_was_read_is_said_when_it_is_prepared(desk: Desk, asked: Item) -> None:
    desk.stand_in.limit_replies(asked.native_id)
    assert "limited who may reply" in desk.says_no(asked)
    gone = desk.hears(desk.stand_in.say("tomas", HELLO))
    desk.stand_in.delete(gone.native_id)
    assert "deleted" in desk.says_no(gone)
    blocks = desk.hears(desk.stand_in.say("maria", HELLO))
    desk.stand_in.block("maria")
    assert "blocks us" in desk.says_no(blocks)
    assert desk.stand_in.shown == []


# private answers


def test_a_message_is_answered_in_its_conversation(desk: Desk) -> None:
    item = desk.hears(desk.stand_in.say("leela", "my number is in the letter", private=True))
    assert desk.permission(item, private=True).allowed
    posted = desk.send(desk.prepared(item, private=True))
    (shown,) = desk.stand_in.shown
    assert (shown.native_id, shown.to, shown.private) == (posted.native_id, item.native_id, True)


def test_a_public_post_is_answered_by_message_when_the_author_lets_us(desk: Desk, asked: Item) -> None:
    answer = desk.prepared(asked, private=True)
    assert desk.stand_in.shown == []
    posted = desk.send(answer)
    (shown,) = desk.stand_in.shown
    assert (shown.native_id, shown.to, shown.private) == (posted.native_id, asked.native_id, True)
    back = desk.hears(desk.stand_in.say("leela", "thank you", private=True))
    assert back.conversation_id == answer.fixed["convo_id"]


@pytest.mark.parametrize("whose", ["none", "following"])
def test_who_takes_no_messages_is_not_written_to(desk: Desk, asked: Item, whose: str) -> None:
    desk.stand_in.takes_messages("leela", whose)
    assert "no direct messages" in desk.says_no(asked, private=True)


def test_who_wrote_to_us_is_answered_whatever_they_declare(desk: Desk, asked: Item) -> None:
    desk.stand_in.say("leela", "hello", private=True)
    desk.stand_in.takes_messages("leela", "none")
    assert desk.prepared(asked, private=True).fixed["convo_id"]


def test_a_groups_conversation_is_left_alone(desk: Desk) -> None:
    message = desk.stand_in.say("leela", "all of us", private=True)
    desk.stand_in.make_group(message)
    assert "group" in desk.says_no(desk.hears(message), private=True)


def test_a_block_between_approval_and_sending_is_a_definite_no(desk: Desk) -> None:
    answer = desk.prepared(desk.hears(desk.stand_in.say("leela", "hello", private=True)), private=True)
    desk.stand_in.block("leela")
    with pytest.raises(DefiniteNo, match="block") as caught:
        desk.send(answer)
    assert caught.value.again_at is None


def test_a_message_sent_twice_is_there_twice_so_it_is_looked_for_first(desk: Desk) -> None:
    answer = desk.prepared(desk.hears(desk.stand_in.say("leela", "hello", private=True)), private=True)
    assert desk.find(answer) is None
    posted = desk.send(answer)
    assert desk.find(answer) == posted
    desk.send(answer)
    assert len(desk.stand_in.shown) == 2


def test_the_same_words_said_before_are_not_this_answer(desk: Desk) -> None:
    message = desk.stand_in.say("leela", "hello", private=True)
    item = desk.hears(message)
    desk.stand_in.brand_says(SORRY, reply_to=message)
    answer = desk.prepared(item, private=True)
    later = replace(answer, approved_at=now() + timedelta(minutes=5))
    assert desk.find(later) is None
    assert desk.find(answer) is not None


def test_other_words_of_ours_in_the_conversation_are_not_this_answer(desk: Desk) -> None:
    message = desk.stand_in.say("leela", SORRY, private=True)
    answer = desk.prepared(desk.hears(message), private=True)
    desk.stand_in.brand_says("Good morning", reply_to=message)
    assert desk.find(answer) is None


def test_an_answer_is_found_behind_other_messages_and_not_without_end(desk: Desk) -> None:
    message = desk.stand_in.say("leela", "hello", private=True)
    answer = desk.prepared(desk.hears(message), private=True)
    posted = desk.send(answer)
    for number in range(120):
        desk.stand_in.say("leela", f"more {number}", private=True)
    assert desk.find(answer) == posted
    for number in range(400):
        desk.stand_in.say("leela", f"and more {number}", private=True)
    with pytest.raises(CannotTell):
        desk.find(answer)


# doubts, over a real socket


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("fault", ["server_error", "cut", "malformed"])
def test_a_doubt_after_the_effect_is_resolved_by_looking(fault: str, *, private: bool) -> None:
    with BlueskyStandIn() as stand_in:
        desk, answer = _over_a_socket(stand_in, private=private)
        stand_in.fail(fault)
        with pytest.raises((Unreachable, Malformed)):
            desk.send(answer)
        found = desk.find(answer)
        assert found is not None
        assert [shown.native_id for shown in stand_in.shown] == [found.native_id]


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("fault", ["rate_limited", "expired_token"])
def test_a_definite_no_may_be_sent_again(fault: str, *, private: bool) -> None:
    with BlueskyStandIn() as stand_in:
        desk, answer = _over_a_socket(stand_in, private=private)
        stand_in.fail(fault)
        with pytest.raises(DefiniteNo) as caught:
            desk.send(answer)
        assert caught.value.again_at is not None
        assert desk.find(answer) is None
        assert stand_in.shown == []
        desk.send(answer)
        assert len(stand_in.shown) == 1


def test_a_network_that_cannot_be_reached_took_nothing() -> None:
    with BlueskyStandIn() as stand_in:
        desk, answer = _over_a_socket(stand_in, private=False)
        stand_in.stop()
        desk.answers = answers(desk.credentials, Http())
        with pytest.raises(DefiniteNo) as caught:
            desk.send(answer)
        assert caught.value.again_at is not None


def test_a_password_that_was_turned_down_is_told_to_the_desk() -> None:
    with BlueskyStandIn() as stand_in:
        desk, answer = _over_a_socket(stand_in, private=False)
        stand_in.fail("refused_token")
        with pytest.raises(DefiniteNo, match="app password") as caught:
            desk.send(answer)
        assert PASSWORD not in str(caught.value)


def test_an_error_that_is_not_on_the_list_is_a_doubt(desk: Desk, asked: Item) -> None:
    answer = desk.prepared(asked)
    desk.http.tells["com.atproto.repo.putRecord"] = Told(status=409, body={"error": "Conflict"})
    with pytest.raises(Unreachable):
        desk.send(answer)


def _over_a_socket(stand_in: BlueskyStandIn, *, private: bool) -> tuple[Desk, Answer]:
    desk = Desk(stand_in)
    item = desk.hears(stand_in.say("leela", HELLO, private=private))
    answer = desk.prepared(item, private=private)
    desk.answers = answers(desk.credentials, Http())
    return desk, answer


def test_what_is_told_of_trouble_holds_no_words_of_anybody(desk: Desk, asked: Item) -> None:
    secret = "my card is 4111 1111 1111 1111"
    answer = desk.prepared(asked, secret)
    desk.http.tells["com.atproto.repo.putRecord"] = Told(
        status=400, body={"error": "InvalidRequest", "message": secret}
    )
    with pytest.raises(NetworkError) as caught:
        desk.send(answer)
    assert "4111" not in str(caught.value)
