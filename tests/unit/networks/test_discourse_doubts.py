"""Discourse: what a list that is not whole proves, where a post went, and who the author is by now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Refused
from allhours.domain.item import Change
from allhours.networks._discourse import answers as _discourse_answers
from allhours.networks.contract import CannotTell, DefiniteNo
from allhours.networks.discourse import setting_up
from allhours.networks.http import Http
from infra.local.standins.base import Told, now
from infra.local.standins.discourse import DiscourseStandIn
from tests.unit.networks.test_discourse import SECOND, poller_of, reread
from tests.unit.networks.test_discourse_answers import HELLO, Desk
from tests.unit.standins.forum_wire import credentials_for, handle_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.standins._discourse_world import Said
    from infra.local.standins.base import Asked

REFUSED = Told(status=404, body={"errors": ["?"], "error_type": "not_found"})


@pytest.fixture
def stand_in() -> Iterator[DiscourseStandIn]:
    with DiscourseStandIn(calls=1_000) as stand_in:
        yield stand_in


@pytest.fixture
def desk(stand_in: DiscourseStandIn) -> Desk:
    return Desk(stand_in)


# Answers


def test_replies_that_are_not_shown_whole_prove_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = desk.prepared()
    for number in range(25):
        desk.stand_in.say("tomas", f"me too {number}", reply_to=desk.items["public"].native_id)
    assert desk.find(answer) is None
    monkeypatch.setattr(_discourse_answers, "PAGES", 1)
    with pytest.raises(CannotTell, match="r1"):
        desk.find(answer)


def test_a_post_that_is_gone_hides_whether_it_was_answered(desk: Desk) -> None:
    answer = desk.prepared()
    desk.send(answer)
    desk.stand_in.delete(desk.items["public"].native_id)
    with pytest.raises(CannotTell, match="gone") as told:
        desk.find(answer)
    assert "slow" not in str(told.value).casefold()  # a topic's address carries its title


def test_a_queue_that_the_forum_does_not_show_proves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = desk.prepared()
    whole = desk.stand_in.answer

    def answered(asked: Asked) -> Told:
        return REFUSED if asked.path.endswith("/pending.json") else whole(asked)

    monkeypatch.setattr(desk.stand_in, "answer", answered)
    with pytest.raises(CannotTell, match="waits for approval"):
        desk.find(answer)


def test_the_same_words_that_waited_before_are_another_answer(desk: Desk) -> None:
    desk.stand_in.approve_first = True
    answer = desk.prepared()
    desk.send(answer)
    assert desk.find(answer) is not None
    (waits,) = desk.stand_in.queued.values()
    waits["created_at"] = (now() - timedelta(hours=2)).isoformat()
    assert desk.find(answer) is None


def test_a_post_that_was_taken_back_is_not_answered_any_more(desk: Desk) -> None:
    desk.stand_in.delete(desk.items["public"].native_id)
    for private in (False, True):
        with pytest.raises(DefiniteNo, match="gone"):
            desk.prepared(private=private)


def test_a_private_message_goes_to_the_authors_name_of_today(desk: Desk) -> None:
    said = desk.stand_in.by_address(desk.items["public"].native_id)
    number = desk.stand_in.user_id(said.author)
    renamed(desk.stand_in, said, "leela_new", number)
    desk.send(desk.prepared(private=True))
    newest = list(desk.stand_in.topics.values())[-1]
    assert "leela_new" in newest.invited
    renamed(desk.stand_in, said, "leela", number + 1)  # the name is another account's, and so is the post
    with pytest.raises(DefiniteNo, match="another author"):
        desk.prepared(HELLO + " Again.", private=True)


def renamed(stand_in: DiscourseStandIn, said: Said, name: str, number: int) -> None:
    whole = stand_in.post
    post_id = said.id

    def post(said: Said) -> dict[str, object]:
        told = whole(said)
        return {**told, "username": name, "user_id": number} if said.id == post_id else told

    stand_in.post = post  # type: ignore[method-assign]


def test_a_key_of_another_account_is_refused(stand_in: DiscourseStandIn) -> None:
    credentials = credentials_for(stand_in)
    credentials.secrets["discourse/cards"]["api_username"] = stand_in.brand
    setup = setting_up(credentials, Http(), app_secret="discourse/app")
    other = replace(handle_for(stand_in), handle="@somebody_else")
    with pytest.raises(Refused, match="acts for"):
        setup.identify(other, at=now())


# Reading


def test_posts_that_were_moved_or_merged_are_not_deleted(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in)
    root = stand_in.say("leela", "one", title="Old topic")
    moved = stand_in.say("tomas", "two", reply_to=root)
    stays = stand_in.say("maria", "three", title="New topic")
    poller.poll(now() + SECOND)
    new = stand_in.by_address(stays).topic
    stand_in.by_address(moved).topic = new
    assert reread(stand_in, poller) == []
    old = stand_in.by_address(root).topic
    stand_in.by_address(root).topic = new
    del stand_in.topics[old.id]  # merged
    assert reread(stand_in, poller) == []
    stand_in.edit(moved, "two, better")
    (edited,) = reread(stand_in, poller)
    assert (edited.native_id, edited.text) == (moved, "two, better")
    stand_in.delete(moved)
    (gone,) = reread(stand_in, poller)
    assert (gone.native_id, gone.change) == (moved, Change.DELETED)


@pytest.mark.parametrize("window", [50, 0])
def test_a_stretch_of_posts_for_other_eyes_ends_no_walk(
    stand_in: DiscourseStandIn, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """Older releases look through fifty ids a page, however few of them are public posts."""
    poller = poller_of(stand_in)
    stand_in.say("leela", "the first")
    poller.poll(now() + SECOND)
    early = {stand_in.say("leela", f"early {number}") for number in range(60)}
    for number in range(130):
        stand_in.say("tomas", f"between us {number}", private=True)
    late = stand_in.say("leela", "late")
    stand_in.shows_before_itself = bool(window)
    whole = stand_in.newest

    def newest(*, private: bool, before: int) -> list[Said]:
        top = before or max(stand_in.said)
        return [
            each for each in whole(private=private, before=before) if not window or each.id > top - window
        ]

    monkeypatch.setattr(stand_in, "newest", newest)
    for _ in range(2):
        poller.poll(now() + SECOND)
    assert early | {late} <= poller.heard
