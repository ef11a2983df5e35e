"""Taking back what we said on Bluesky, and hiding what others say below our posts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from allhours.networks.contract import DefiniteNo, Posted
from infra.local.standins.base import now
from infra.local.standins.bluesky_world import BRAND
from tests.unit.standins.bluesky_desk import Desk

if TYPE_CHECKING:
    from allhours.domain.item import Item

HELLO = f"@{BRAND} my card is lost"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def asked(desk: Desk) -> Item:
    """Return Leela's post."""
    return desk.hears(desk.stand_in.say("leela", HELLO))


def test_our_answer_can_be_deleted_and_once_more_is_no_error(desk: Desk, asked: Item) -> None:
    answer = desk.prepared(asked)
    posted = desk.send(answer)
    for _ in range(2):
        desk.answers.withdraw(desk.handle, posted, at=now())
    assert [shown.deleted for shown in desk.stand_in.shown] == [True]
    assert desk.find(answer) is None


@pytest.mark.parametrize(
    "native_id", ["3m5aaaaaaaa22", "at://did:plc:leela/app.bsky.feed.post/3m5aaaaaaaa22"]
)
def test_a_message_and_what_is_not_ours_cannot_be_taken_back(desk: Desk, native_id: str) -> None:
    with pytest.raises(DefiniteNo):
        desk.answers.withdraw(desk.handle, Posted(native_id=native_id), at=now())


def test_replies_below_our_post_are_hidden_one_by_one_and_shown_again(desk: Desk) -> None:
    root = desk.stand_in.brand_says("Good morning")
    one, two = (desk.hears(desk.stand_in.say(name, "rude", reply_to=root)) for name in ("leela", "tomas"))
    for item in (one, two, one):
        desk.answers.hide(desk.handle, item, hidden=True, at=now())
    assert desk.stand_in.hidden == {one.native_id, two.native_id}
    desk.answers.hide(desk.handle, one, hidden=False, at=now())
    assert desk.stand_in.hidden == {two.native_id}


def test_hiding_keeps_what_the_gate_says_besides(desk: Desk) -> None:
    root = desk.stand_in.brand_says("Good morning")
    item = desk.hears(desk.stand_in.say("leela", "rude", reply_to=root))
    gate = {
        "$type": "app.bsky.feed.threadgate",
        "post": root,
        "createdAt": "2026-01-01T00:00:00Z",
        "allow": [],
    }
    key = ("app.bsky.feed.threadgate", root.rpartition("/")[2])
    desk.stand_in.records[key] = dict(gate)
    desk.answers.hide(desk.handle, item, hidden=True, at=now())
    assert desk.stand_in.records[key] == {**gate, "hiddenReplies": [item.native_id]}


def test_only_replies_below_our_own_post_can_be_hidden(desk: Desk, asked: Item) -> None:
    below = desk.hears(desk.stand_in.say("tomas", f"@{BRAND} rude", reply_to=asked.native_id))
    for item in (asked, below):
        with pytest.raises(DefiniteNo, match="below a post of ours"):
            desk.answers.hide(desk.handle, item, hidden=True, at=now())
    assert desk.stand_in.hidden == set()


def test_a_full_gate_says_so(desk: Desk) -> None:
    root = desk.stand_in.brand_says("Good morning")
    item = desk.hears(desk.stand_in.say("leela", "rude", reply_to=root))
    listed = [f"at://did:plc:x/app.bsky.feed.post/{number}" for number in range(300)]
    gate: dict[str, object] = {"post": root, "createdAt": "2026-01-01T00:00:00Z", "hiddenReplies": listed}
    desk.stand_in.records["app.bsky.feed.threadgate", root.rpartition("/")[2]] = gate
    with pytest.raises(DefiniteNo, match="300"):
        desk.answers.hide(desk.handle, item, hidden=True, at=now())


@pytest.mark.parametrize("times", [1, 5])
def test_a_gate_that_somebody_else_changes_meanwhile_is_read_again(desk: Desk, times: int) -> None:
    root = desk.stand_in.brand_says("Good morning")
    item = desk.hears(desk.stand_in.say("leela", "rude", reply_to=root))
    key, left = ("app.bsky.feed.threadgate", root.rpartition("/")[2]), [times]

    def meddle(asked: object) -> None:
        if "putRecord" in str(asked) and left[0]:
            left[0] -= 1
            desk.stand_in.records[key] = {"post": root, "createdAt": f"2026-01-0{left[0] + 1}T00:00:00Z"}

    desk.http.before = meddle
    if times == 1:
        desk.answers.hide(desk.handle, item, hidden=True, at=now())
        assert desk.stand_in.hidden == {item.native_id}
    else:
        with pytest.raises(DefiniteNo) as caught:
            desk.answers.hide(desk.handle, item, hidden=True, at=now())
        assert caught.value.again_at is not None
