"""YouTube: what an answer becomes, how polls leave no hole, what an error means."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed, NetworkError, OverBudget, RateLimited, Refused, Unreachable
from allhours.domain.item import Item, Skipped, Unreadable, Visibility, item_from_json
from allhours.networks import youtube
from allhours.networks._youtube.api import quota_returns
from infra.local.standins import youtube as stand_in_of_youtube
from infra.local.standins.youtube import YouTubeStandIn
from tests.unit.networks.youtube_desk import AT, CHANNEL, Clock, Desk, ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.item import Heard

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "youtube"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))


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


# What an answer becomes


@pytest.mark.parametrize("body", BODIES, ids=lambda path: path.stem)
def test_an_answer_becomes_the_items_we_wrote_beside_it(body: Path) -> None:
    heard = [_told(each) for each in youtube.parse(body.read_bytes(), CHANNEL, AT)]
    written = json.loads(body.with_suffix(".item.json").read_text())
    assert heard == [item_from_json(each) if "network" in each else each for each in written]


def _told(heard: Heard) -> Item | dict[str, str]:
    if isinstance(heard, Skipped):
        return {"skipped": heard.reason, "id": heard.native_id}
    if isinstance(heard, Unreadable):
        return {"unreadable": heard.field, "id": heard.native_id}
    return heard


@pytest.mark.parametrize("body", [b"", b"<html>", b"7", b"[]", b'{"a":1}', b'{"items":7}', b"[" * 100_000])
def test_a_body_that_is_not_youtubes_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        youtube.parse(body, CHANNEL, AT)


def test_a_comment_from_the_future_is_dated_when_we_heard_it() -> None:
    body = (FIXTURES / "comment.json").read_text().replace("2026-11-20T09:15:01Z", "2031-01-01T00:00:00Z")
    assert [
        each.created_at for each in youtube.parse(body.encode(), CHANNEL, AT) if isinstance(each, Item)
    ] == [AT]


# Polling


def test_an_idle_poll_leaves_the_cursor_as_it_is(channel: YouTubeStandIn, desk: Desk, clock: Clock) -> None:
    channel.speak("leela", "card gone")
    desk.poll(clock())
    before = desk.cursor
    assert desk.poll(clock.pass_by(minutes=3)) == []
    assert desk.cursor is before


def test_a_burst_beyond_page_and_budget_is_heard_to_the_last(
    channel: YouTubeStandIn, desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube, "PAGES", 2)
    channel.speak("leela", "first")
    desk.poll(clock())
    said = []
    for number in range(450):
        clock.pass_by(hours=2 / 450)
        said.append(channel.speak("leela", f"comment {number}"))
    desk.poll(clock())
    said.append(channel.speak("ben", "in between"))
    for _ in range(3):
        desk.poll(clock.pass_by(minutes=3))
    assert set(said) <= set(ids(desk.heard))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_what_was_heard_before_a_crash_is_heard_again(
    channel: YouTubeStandIn, desk: Desk, clock: Clock, steps: int
) -> None:
    said = {channel.speak("leela", f"comment {number}") for number in range(250)}
    said.add(channel.say("ben", "held", status="heldForReview"))
    desk.cursor = {"comments": {"low": (AT - timedelta(days=1)).isoformat()}}
    desk.poll(clock(), steps=steps)
    desk.heard.clear()
    desk.poll(clock())
    left = said - set(ids(desk.heard))
    assert len(left) <= 100 * (steps - 1)
    assert left < said


def test_a_comment_that_is_let_through_late_is_heard_at_its_old_time(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    channel.speak("leela", "first")
    desk.poll(clock())
    held = channel.say("ben", "let through late", status="rejected")  # by a filter of the channel's
    clock.pass_by(minutes=10)
    for number in range(120):  # more than a page
        channel.speak("leela", f"later {number}")
    desk.poll(clock())
    channel.world.said[held].status = "published"
    assert ids(desk.poll(clock.pass_by(minutes=3))) == [held]


@pytest.mark.parametrize("reason", ["invalidPageToken", "processingFailure"])
def test_a_page_that_has_run_out_is_read_from_the_top(
    channel: YouTubeStandIn, desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    error = stand_in_of_youtube._error
    monkeypatch.setattr(
        stand_in_of_youtube, "_error", lambda status, _reason, domain: error(status, reason, domain)
    )
    said = channel.speak("leela", "card gone")
    low = (AT - timedelta(days=1)).isoformat()
    desk.cursor = {"comments": {"low": low, "top": low, "resume": "no page", "seen": []}}
    assert ids(desk.poll(clock())) == [said]
    assert desk.troubles == []


def test_held_comments_and_spam_are_asked_for_every_quarter_of_an_hour_and_heard_as_private(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    held = channel.speak("leela", "call me", private=True)
    spam = channel.say("ben", "my card is blocked", status="likelySpam")
    first = [each for each in desk.poll(clock()) if isinstance(each, Item)]
    assert {each.native_id: each.visibility for each in first} == dict.fromkeys(
        [held, spam], Visibility.PRIVATE
    )
    assert all(each.conversation_id.endswith(":held") for each in first)
    later = channel.speak("ana", "held too", private=True)
    assert ids(desk.poll(clock.pass_by(minutes=14))) == []
    assert ids(desk.poll(clock.pass_by(minutes=1))) == [later]


def test_our_own_comments_open_no_work(channel: YouTubeStandIn, desk: Desk, clock: Clock) -> None:
    channel.brand_says("We are open on Sunday")
    assert desk.poll(clock()) == [
        Skipped(network="youtube", native_id=next(iter(channel.world.said)), reason="own post")
    ]


def test_two_customers_in_one_thread_never_share_a_case(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    root = channel.speak("leela", "charged twice")
    channel.speak("maria", "same here", reply_to=root)
    channel.speak("leela", "anybody?", reply_to=root)
    desk.poll(clock())
    leela, maria, again = desk.items
    assert leela.conversation_id == again.conversation_id != maria.conversation_id
    assert [maria.parent_id, again.parent_id] == [root, root]


def test_without_the_channels_id_nothing_is_asked(channel: YouTubeStandIn, desk: Desk) -> None:
    desk.handle = replace(desk.handle, native_id="")
    with pytest.raises(Refused, match="native_id"):
        desk.poll(AT)
    assert channel.asked == []


# Quota, tokens, errors


def test_every_call_is_counted_in_units(channel: YouTubeStandIn, desk: Desk, clock: Clock) -> None:
    desk.poll(clock())
    assert desk.meter.spent == [1, 1, 1]
    assert channel.units == 3


def test_at_the_ceiling_nothing_more_is_asked(channel: YouTubeStandIn, clock: Clock) -> None:
    desk = Desk(channel, ceiling=2)
    desk.poll(clock())
    [trouble] = desk.troubles
    assert isinstance(trouble, OverBudget)
    assert len(channel.asked) == 2
    desk.poll(clock.pass_by(minutes=30))
    assert len(channel.asked) == 2


def test_used_up_quota_rests_until_midnight_on_the_pacific_coast(clock: Clock) -> None:
    with YouTubeStandIn(clock=clock, units_a_day=1) as channel:
        desk = Desk(channel)
        desk.poll(clock())
        assert [getattr(each, "retry_at", None) for each in desk.troubles] == [
            datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
        ] * 2
    assert quota_returns(datetime(2026, 7, 1, 6, 59, tzinfo=UTC)) == datetime(2026, 7, 1, 7, 0, tzinfo=UTC)
    assert quota_returns(datetime(2026, 7, 1, 7, 0, tzinfo=UTC)) == datetime(2026, 7, 2, 7, 0, tzinfo=UTC)


def test_an_expired_token_is_renewed_once_and_the_call_made_again(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    said = channel.speak("leela", "card gone")
    channel.fail("expired_token")
    assert ids(desk.poll(clock())) == [said]
    assert (desk.secrets.renewals, desk.troubles) == (1, [])


def test_a_token_near_its_end_is_renewed_before_it_is_used(desk: Desk, clock: Clock) -> None:
    desk.secrets.fields["youtube/acme-cards"]["expires_at"] = (AT + timedelta(minutes=1)).isoformat()
    desk.poll(clock())
    assert desk.secrets.renewals == 1
    assert desk.secrets.fields["youtube/acme-cards"]["expires_at"] > (AT + timedelta(minutes=50)).isoformat()


def test_a_dead_consent_says_what_testing_mode_does(
    channel: YouTubeStandIn, desk: Desk, clock: Clock
) -> None:
    channel.consent_holds = False
    channel.fail("expired_token")
    desk.poll(clock())
    assert {type(each) for each in desk.troubles} == {Refused}
    assert "7 days" in desk.troubles[0].detail
    assert "youtube/acme-cards" in desk.troubles[0].detail


def test_a_wrong_client_is_named(channel: YouTubeStandIn, desk: Desk, clock: Clock) -> None:
    desk.secrets.fields["youtube/app"]["client_secret"] = "another"
    channel.fail("expired_token")
    desk.poll(clock())
    assert "youtube/app" in desk.troubles[0].detail


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("duplicate", None),
        ("late", None),
        ("expired_token", None),
        ("refused_token", Refused),
    ],
)
def test_a_fault_loses_nothing_and_is_named(
    channel: YouTubeStandIn, desk: Desk, clock: Clock, fault: str, expected: type[NetworkError] | None
) -> None:
    channel.speak("leela", "before")
    desk.poll(clock())
    said = [channel.speak("leela", f"during {number}") for number in range(3)]
    channel.fail(fault)
    desk.poll(clock.pass_by(minutes=3))
    troubles = [each for each in desk.troubles if expected and isinstance(each, expected)]
    assert len(troubles) == len(desk.troubles) == (1 if expected else 0)
    desk.poll(clock.pass_by(minutes=20))
    assert set(said) <= set(ids(desk.heard))
    assert not [each for each in desk.heard if isinstance(each, Unreadable)]
    assert all(secret not in str(each) for each in desk.troubles for secret in channel.secret.values())
