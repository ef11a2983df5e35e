"""YouTube: replies, edits and deletions, which only reading again finds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import NetworkError, Refused
from allhours.domain.item import Change, Item, Visibility
from infra.local.standins.youtube import YouTubeStandIn
from tests.unit.networks.youtube_desk import Clock, Desk, ids

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channel(clock: Clock) -> Iterator[YouTubeStandIn]:
    with YouTubeStandIn(clock=clock) as stand_in:
        yield stand_in


@pytest.fixture
def desk(channel: YouTubeStandIn) -> Desk:
    return Desk(channel)


# Reading again


def test_a_reply_does_not_lift_its_thread_and_is_found_by_reading_again(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    root = channel.speak("leela", "card gone")
    desk.poll(clock())
    clock.pass_by(hours=3)
    for number in range(150):
        channel.speak("ben", f"other {number}")
    clock.pass_by(hours=2)
    channel.speak("ana", "later")
    desk.poll(clock())
    reply = channel.speak("leela", "hello?", reply_to=root)
    channel.brand_says("We are here", reply_to=root)
    desk.poll(clock.pass_by(minutes=3))
    assert reply not in ids(desk.heard)
    assert ids(desk.reread(clock(), desk.items[:1])) == [reply]


def test_more_replies_than_come_along_are_listed_once(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    root = channel.speak("leela", "card gone")
    desk.poll(clock())
    replies = [channel.speak("leela", f"hello {number}", reply_to=root) for number in range(130)]
    found = desk.reread(clock())
    assert sorted(ids(found)) == sorted(replies)
    kept = [*desk.items, *(each for each in found if isinstance(each, Item))]
    asked = len(channel.asked)
    assert desk.reread(clock(), kept) == []
    assert not [each for each in channel.asked[asked:] if each.first("parentId")]


def test_edits_are_found_by_poll_and_by_reading_again_with_one_version(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    root = channel.speak("leela", "card gone")
    reply = channel.speak("leela", "hello?", reply_to=root)
    desk.poll(clock())
    kept = desk.items
    clock.pass_by(minutes=3)
    channel.edit(root, "card found")
    channel.edit(reply, "hello again?")
    polled = [each for each in desk.poll(clock()) if isinstance(each, Item)]
    again = [each for each in desk.reread(clock(), kept) if isinstance(each, Item)]
    assert [(each.native_id, each.text, each.version) for each in polled] == [
        (each.native_id, each.text, each.version) for each in again
    ]
    assert {each.change for each in again} == {Change.EDITED}
    assert desk.reread(clock(), again) == []


def test_a_comment_that_vanished_is_deleted_and_its_version_is_newer(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    root = channel.speak("leela", "card gone")
    reply = channel.speak("ben", "mine too", reply_to=root)
    stays = channel.speak("ana", "all well")
    desk.poll(clock())
    channel.delete(reply)
    [gone] = desk.reread(clock.pass_by(minutes=15))
    assert isinstance(gone, Item)
    assert (gone.native_id, gone.change, gone.text) == (reply, Change.DELETED, "")
    channel.delete(root)
    assert sorted(ids(desk.reread(clock()))) == sorted([root, reply])
    assert stays not in ids(desk.reread(clock()))


def test_an_error_of_ours_never_looks_like_a_deletion(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    channel.speak("leela", "card gone")
    desk.poll(clock())
    channel.delete(desk.items[0].native_id)
    channel.world.channel_id = "UCsomebodyelse000000000"
    with pytest.raises(Refused, match="connect again"):
        desk.reread(clock())
    for fault in ("rate_limited", "server_error", "malformed", "refused_token"):
        channel.fail(fault)
        with pytest.raises(NetworkError):
            desk.reread(clock())


def test_closed_comments_of_one_video_are_no_deletions_and_hide_no_other(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    closed = channel.say("leela", "card gone", video="vidClosed")
    other = channel.say("ben", "card gone too", video="vidOpen")
    desk.poll(clock())
    channel.world.closed.add("vidClosed")
    reply = channel.speak("ben", "hello?", reply_to=other)
    assert ids(desk.reread(clock())) == [reply]
    assert closed in channel.world.said


def test_what_one_of_us_has_rejected_is_not_deleted_and_can_come_back(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    root = channel.speak("leela", "card gone")
    channel.speak("ben", "mine too", reply_to=root)
    desk.poll(clock())
    for status in ("rejected", "likelySpam", "published"):
        channel.world.said[root].status = status
        assert desk.reread(clock.pass_by(minutes=15)) == []


def test_what_is_deleted_or_expired_is_not_asked_for_again(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    channel.speak("leela", "card gone")
    desk.poll(clock())
    asked = len(channel.asked)
    for change in (Change.DELETED, Change.EXPIRED):
        assert desk.reread(clock(), [replace(each, change=change) for each in desk.items]) == []
    assert len(channel.asked) == asked


def test_a_held_comment_that_is_let_through_becomes_public_and_answerable(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    held = channel.speak("leela", "call me", private=True)
    desk.poll(clock())
    channel.world.said[held].status = "published"
    [shown] = desk.reread(clock.pass_by(minutes=15))
    assert isinstance(shown, Item)
    assert (shown.visibility, shown.change, "held" in shown.answer_needs) == (
        Visibility.PUBLIC,
        Change.EDITED,
        False,
    )
    channel.delete(held)
    assert desk.reread(clock()) == []  # of held ones YouTube does not tell


def test_fifty_threads_are_read_again_for_one_unit(channel: YouTubeStandIn, desk: Desk, clock: Clock) -> None:
    for number in range(50):
        channel.speak("leela", f"comment {number}")
    desk.poll(clock())
    desk.meter.spent.clear()
    assert desk.reread(clock()) == []
    assert desk.meter.spent == [1]
