"""What Bluesky leaves open: a message counts as absent only where its conversation was read whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from allhours.domain.errors import Malformed, NetworkError, Unreachable
from allhours.networks.contract import Answer, CannotTell, DefiniteNo
from infra.local.standins.base import Told, now
from tests.unit.networks.test_bluesky_answers import HELLO
from tests.unit.standins.bluesky_desk import SORRY, Desk

MESSAGES = "chat.bsky.convo.getMessages"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sent(desk: Desk) -> tuple[Answer, dict[str, Any]]:
    """Send a private answer; return it, and how the conversation shows it."""
    answer = desk.prepared(desk.hears(desk.stand_in.say("leela", "hello", private=True)), private=True)
    posted = desk.send(answer)
    view = {
        "$type": "chat.bsky.convo.defs#messageView",
        "id": posted.native_id,
        "rev": "1",
        "text": SORRY,
        "sender": {"did": answer.fixed["repo"]},
        "sentAt": now().isoformat(),
    }
    desk.http.tells[MESSAGES] = Told(body={"messages": [view]})
    assert desk.find(answer) == posted
    return answer, view


@pytest.mark.parametrize(
    "changed",
    [
        {"text": None, "$type": "chat.bsky.convo.defs#deletedMessageView"},
        {"text": 5},
        {"sender": None},
        {"id": None},
    ],
)
def test_a_message_that_cannot_be_read_is_not_absent(desk: Desk, changed: dict[str, object]) -> None:
    answer, view = sent(desk)
    if changed != {"id": None}:
        view = {**view, "text": "other words"}
    desk.http.tells[MESSAGES] = Told(body={"messages": [{**view, **changed}]})
    with pytest.raises(NetworkError) as caught:
        desk.find(answer)
    assert isinstance(caught.value, CannotTell)


@pytest.mark.parametrize(
    "body", [{}, {"messages": None}, {"messages": [None]}, {"messages": [], "cursor": 5}]
)
def test_a_conversation_that_is_shown_in_part_tells_nothing(desk: Desk, body: dict[str, object]) -> None:
    answer, _ = sent(desk)
    desk.http.tells[MESSAGES] = Told(body=body)
    with pytest.raises(CannotTell):
        desk.find(answer)


def test_a_page_that_leads_to_itself_tells_nothing(desk: Desk) -> None:
    answer, _ = sent(desk)
    desk.http.tells[MESSAGES] = Told(body={"messages": [], "cursor": "again"})
    with pytest.raises(CannotTell):
        desk.find(answer)


def test_a_record_that_cannot_be_read_is_not_absent(desk: Desk) -> None:
    answer = desk.prepared(desk.hears(desk.stand_in.say("leela", HELLO)))
    desk.send(answer)
    for value in (None, {"text": 5}, {"text": SORRY}):
        desk.http.tells["com.atproto.repo.getRecord"] = Told(body={"value": value})
        with pytest.raises(CannotTell):
            desk.find(answer)


def test_what_must_not_be_reached_is_refused_whoever_asks(desk: Desk) -> None:
    hush = desk.hears(desk.stand_in.say("leela", "hush", private=True))
    said = desk.hears(desk.stand_in.say("leela", HELLO))
    prepared = desk.prepared(said)
    for item, private in (
        (hush, False),
        (replace(hush, handle="@acmesavings.example"), True),
        (replace(said, network="x"), False),
    ):
        assert not desk.permission(item, private=private).allowed
        desk.says_no(item, private=private)
        with pytest.raises(DefiniteNo):
            desk.send(replace(prepared, item=item, private=private))
    assert desk.stand_in.shown == []


def test_a_conversation_with_others_in_it_is_left_alone(desk: Desk) -> None:
    item = desk.hears(desk.stand_in.say("leela", "hush", private=True))
    members = [{"did": did} for did in (desk.stand_in.did, item.author.author_id, "did:plc:third")]
    convo = {"id": item.answer_needs["convo_id"], "members": members}
    desk.http.tells["chat.bsky.convo.getConvo"] = Told(body={"convo": convo})
    assert "group" in desk.says_no(item, private=True)


def test_a_post_that_is_not_told_of_is_not_gone(desk: Desk) -> None:
    item = desk.hears(desk.stand_in.say("leela", HELLO))
    desk.http.tells["app.bsky.feed.getPosts"] = Told(body={})
    with pytest.raises(Malformed):
        desk.prepared(item)


@pytest.mark.parametrize("status", [408, 409])
def test_hiding_that_may_have_had_an_effect_is_a_doubt(desk: Desk, status: int) -> None:
    root = desk.stand_in.brand_says("Good morning")
    item = desk.hears(desk.stand_in.say("leela", "rubbish", reply_to=root))
    desk.http.tells["com.atproto.repo.putRecord"] = Told(status=status, body={"error": "Conflict"})
    with pytest.raises(Unreachable):
        desk.answers.hide(desk.handle, item, hidden=True, at=now())
