"""TikTok: sweeps that leave no hole and stay within their calls, and what is read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import (
    NetworkError,
)
from allhours.domain.item import Change, Item, Visibility
from allhours.networks._tiktok import sweep as _tiktok_sweep
from infra.local.standins.base import Told
from infra.local.standins.tiktok import TikTokStandIn
from tests.unit.networks.tiktok_desk import AT, Clock, Desk, ids

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(clock: Clock) -> Iterator[TikTokStandIn]:
    with TikTokStandIn(clock=clock) as stand_in:
        yield stand_in


@pytest.fixture
def desk(account: TikTokStandIn) -> Desk:
    return Desk(account)


# Sweeps


def test_an_idle_sweep_leaves_the_cursor_as_it_is(account: TikTokStandIn, desk: Desk, clock: Clock) -> None:
    account.speak("leela", "card gone")
    account.brand_says("hello")
    desk.poll(clock())
    before = desk.cursor
    assert desk.poll(clock.pass_by(minutes=5)) == []
    assert desk.cursor is before


def test_a_burst_of_many_pages_is_heard_to_the_last(account: TikTokStandIn, desk: Desk, clock: Clock) -> None:
    desk.poll(clock())
    said = [account.speak("leela", f"comment {number}") for number in range(400)]
    desk.poll(clock.pass_by(minutes=5))
    assert sorted(ids(desk.heard)) == sorted(said)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_what_was_heard_before_a_crash_is_heard_again_or_was_saved(
    account: TikTokStandIn, desk: Desk, clock: Clock, steps: int
) -> None:
    desk.poll(clock())
    said = [account.speak("leela", f"comment {number}") for number in range(100)]
    desk.poll(clock.pass_by(minutes=5), steps=steps)
    saved = desk.heard[: 30 * max(steps - 2, 0)]  # the steps before the one whose cursor was not saved
    desk.heard.clear()
    desk.poll(clock())
    assert set(said) == set(ids(desk.heard)) | set(ids(saved))


def test_a_pinned_comment_ends_no_walk(account: TikTokStandIn, desk: Desk, clock: Clock) -> None:
    account.say("ben", "pinned", pinned=True)
    clock.pass_by(hours=1)
    account.speak("ana", "later")
    desk.poll(clock())
    clock.pass_by(days=1)
    said = [account.speak("leela", f"comment {number}") for number in range(70)]
    desk.poll(clock())
    assert set(said) <= set(ids(desk.heard))


def test_history_before_the_first_sweep_is_nobodys_case_but_a_new_videos_comments_all_are(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    account.speak("leela", "long ago")
    clock.pass_by(days=2)
    fresh = account.speak("leela", "today")
    assert ids(desk.poll(clock())) == [fresh]
    account.video = account.publish(ago=timedelta(hours=30))
    account.clock, real = (lambda: AT + timedelta(days=1)), account.clock
    early = account.speak("ben", "before we saw the video")
    account.clock = real
    assert ids(desk.poll(clock.pass_by(minutes=5))) == [early]


def test_young_videos_are_read_at_every_sweep_older_by_the_hour_old_by_the_day(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    older, old = account.publish(ago=timedelta(days=10)), account.publish(ago=timedelta(days=60))
    desk.poll(clock())

    def read(**later: float) -> set[str]:
        asked = len(account.asked)
        desk.poll(clock.pass_by(**later))
        return {each.first("video_id") for each in account.asked[asked:] if "comment" in each.path}

    assert read(minutes=5) == {account.video}
    assert read(minutes=56) == {account.video, older}
    assert read(minutes=5) == {account.video}
    assert read(hours=23) == {account.video, older, old}


def test_the_cursor_and_the_calls_of_a_sweep_are_bounded(
    account: TikTokStandIn, desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_tiktok_sweep, "MOST_VIDEOS", 50)
    for number in range(80):
        account.publish(ago=timedelta(days=1, minutes=number))
    desk.poll(clock())
    assert len(desk.cursor["comments"]["videos"]) == 50
    assert len(account.asked) <= _tiktok_sweep.CALLS + 1


def test_a_video_that_is_gone_does_not_stop_the_sweep(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    desk.poll(clock())
    account.video, gone = account.publish(), account.video
    desk.poll(clock())
    del account.world.videos[gone]
    said = account.speak("leela", "card gone")
    assert ids(desk.poll(clock.pass_by(minutes=5))) == [said]
    assert desk.troubles == []


def test_hidden_comments_are_heard_as_private(account: TikTokStandIn, desk: Desk, clock: Clock) -> None:
    account.speak("leela", "call me", private=True)
    desk.poll(clock())
    [item] = desk.items
    assert item.visibility is Visibility.PRIVATE
    assert item.conversation_id.endswith(":hidden")


def test_two_customers_in_one_thread_never_share_a_case(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    root = account.speak("leela", "charged twice")
    account.speak("maria", "same here", reply_to=root)
    account.speak("leela", "anybody?", reply_to=root)
    desk.poll(clock())
    leela, maria, again = desk.items
    assert leela.conversation_id == again.conversation_id != maria.conversation_id
    assert [maria.parent_id, again.parent_id] == [root, root]


# Reading again


def test_a_new_reply_moves_nothing_and_is_found_by_reading_again(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    root = account.speak("leela", "card gone")
    desk.poll(clock())
    clock.pass_by(hours=2)
    reply = account.speak("leela", "hello?", reply_to=root)
    account.brand_says("We are here", reply_to=root)
    found = desk.reread(clock())
    assert ids(found) == [reply]
    more = [account.speak("leela", f"hello {number}", reply_to=root) for number in range(40)]
    kept = [*desk.items, *(each for each in found if isinstance(each, Item))]
    found = desk.reread(clock(), kept)
    assert sorted(ids(found)) == sorted(more)
    kept += [each for each in found if isinstance(each, Item)]
    asked = len(account.asked)
    assert desk.reread(clock(), kept) == []
    assert not [each for each in account.asked[asked:] if "reply/list" in each.path]


def test_a_vanished_comment_is_deleted_but_not_when_its_video_is_out_of_sight(
    account: TikTokStandIn, desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = account.speak("leela", "card gone")
    account.speak("ana", "all well")
    desk.poll(clock())
    account.delete(root)
    [gone] = desk.reread(clock())
    assert isinstance(gone, Item)
    assert (gone.native_id, gone.change, gone.text) == (root, Change.DELETED, "")
    del account.world.videos[account.video]
    assert desk.reread(clock()) == []
    monkeypatch.setattr(account, "_comments", lambda _form: Told(body={"code": 0, "data": {"comments": []}}))
    assert desk.reread(clock()) == []


def test_an_error_of_ours_never_looks_like_a_deletion(
    account: TikTokStandIn, desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.delete(account.speak("leela", "card gone"))
    for each in account.world.said.values():
        each.deleted = False
    desk.poll(clock())
    account.delete(desk.items[0].native_id)
    for fault in ("rate_limited", "server_error", "malformed", "refused_token"):
        account.fail(fault)
        with pytest.raises(NetworkError):
            desk.reread(clock())
    account.speak("ben", "another")
    whole = account._comments
    monkeypatch.setattr(
        account, "_comments", lambda form: whole({k: v for k, v in form.items() if k != "comment_ids"})
    )
    assert desk.reread(clock()) == []  # the ids were not heeded, so that one is missing proves nothing


def test_what_is_deleted_or_expired_is_not_asked_for_again(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    account.speak("leela", "card gone")
    desk.poll(clock())
    asked = len(account.asked)
    for change in (Change.DELETED, Change.EXPIRED):
        assert desk.reread(clock(), [replace(each, change=change) for each in desk.items]) == []
    assert len(account.asked) == asked


def test_a_hidden_comment_that_is_shown_becomes_public(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    hidden = account.speak("leela", "call me", private=True)
    desk.poll(clock())
    account.show(hidden, shown=True)
    [shown] = desk.reread(clock.pass_by(minutes=15))
    assert isinstance(shown, Item)
    assert (shown.visibility, "hidden" in shown.answer_needs) == (Visibility.PUBLIC, False)


def test_every_video_has_its_turn_although_a_re_read_is_bounded(
    account: TikTokStandIn, desk: Desk, clock: Clock
) -> None:
    for number in range(40):
        account.video = account.publish(ago=timedelta(minutes=number + 1))
        account.speak("leela", f"comment {number}")
    for _ in range(5):
        desk.poll(clock.pass_by(minutes=5))
    assert len(desk.items) == 40
    read: set[str] = set()
    for _ in range(20):
        asked = len(account.asked)
        desk.reread(clock.pass_by(minutes=15))
        assert len(account.asked) - asked <= 31
        read |= {each.first("video_id") for each in account.asked[asked:]}
    assert len(read - {""}) == 40
