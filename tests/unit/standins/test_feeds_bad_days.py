"""Feeds on bad days: limits, faults, moves, rests and passwords."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests

from allhours.domain.errors import Malformed, NotSent, RateLimited, Refused, Unreachable
from allhours.domain.item import Visibility
from allhours.networks import feeds
from allhours.networks.http import Http
from infra.local.standins.feeds import ATOM, JSON_FEED, NING, RSS, FeedsStandIn
from tests.unit.standins.feeds_reader import AT, NING_FEED, Reader, Secrets, texts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def forum() -> Iterator[FeedsStandIn]:
    ticks = iter(range(1_000_000))
    clock = lambda: AT - timedelta(hours=1) + timedelta(seconds=next(ticks))  # noqa: E731 - a clock in one line
    with FeedsStandIn(clock=clock) as stand_in:
        yield stand_in


def test_a_rate_limit_is_kept_in_seconds_and_as_a_date(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    forum.fail("rate_limited", 2)
    reader.poll()
    (first,) = reader.troubles
    assert isinstance(first, RateLimited)
    assert first.retry_at == reader.at + timedelta(seconds=1)
    asked = len(forum.asked)
    reader.poll(after=0)
    assert len(forum.asked) == asked
    reader.poll()
    assert isinstance(reader.troubles[1], RateLimited)
    assert texts(reader.poll()) == ["Hello"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("expired_token", Refused),
        ("refused_token", Refused),
    ],
)
def test_a_fault_is_told_in_its_kind_and_loses_nothing(
    forum: FeedsStandIn, fault: str, kind: type[Exception]
) -> None:
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    reader.poll()
    forum.say("Leela", "Anybody?")
    forum.fail(fault)
    assert reader.poll() == []
    assert [type(trouble) for trouble in reader.troubles] == [kind]
    assert texts(reader.poll()) == ["Anybody?"]


@pytest.mark.parametrize("fault", ["duplicate", "late"])
def test_doubles_and_late_entries_come_once(forum: FeedsStandIn, fault: str) -> None:
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    forum.fail(fault)
    reader.poll()
    forum.say("Leela", "Anybody?")
    reader.poll()
    assert sorted(texts(reader.heard)) == ["Anybody?", "Hello"]
    assert reader.troubles == []


def test_a_feed_that_has_ended_is_told_once_and_never_asked_again(forum: FeedsStandIn) -> None:
    reader = Reader(forum)
    forum.gone = True
    reader.poll()
    asked = len(forum.asked)
    reader.poll()
    assert [type(trouble).__mro__[1] for trouble in reader.troubles] == [Refused]
    assert "410" in str(reader.troubles[0])
    assert len(forum.asked) == asked


def test_a_new_address_begins_anew_even_after_a_410(forum: FeedsStandIn) -> None:
    reader = Reader(forum)
    forum.gone = True
    reader.poll()
    forum.gone = False
    forum.say("Leela", "Hello")
    reader.handle = Reader(forum, base_url=forum.base_url + JSON_FEED).handle
    assert texts(reader.poll()) == ["Hello"]


def test_a_missing_feed_is_asked_ever_less_often_and_a_person_told_once(forum: FeedsStandIn) -> None:
    forum.missing = True
    reader = Reader(forum)
    for _ in range(12 * 24):
        reader.poll()
    assert len(forum.asked) < 20
    assert sum(isinstance(trouble, Refused) for trouble in reader.troubles) == 1
    forum.missing = False
    forum.say("Leela", "Hello")
    for _ in range(12 * 6):
        reader.poll()
    assert texts(reader.heard) == ["Hello"]
    assert "failures" not in reader.cursor["feed"]


@pytest.mark.parametrize(("status", "stored"), [(301, True), (308, True), (302, False), (307, False)])
def test_only_a_permanent_redirect_that_worked_three_times_is_stored(
    forum: FeedsStandIn,
    status: int,
    stored: bool,  # noqa: FBT001 - the table's second column
) -> None:
    forum.moved["/old"] = (status, ATOM)
    forum.say("Leela", "Hello")
    reader = Reader(forum, base_url=forum.base_url + "/old")
    reader.poll()
    reader.poll()
    assert "moved_to" not in reader.cursor["feed"]
    reader.poll()
    assert reader.cursor["feed"].get("moved_to") == (forum.base_url + ATOM if stored else None)
    asked = len(forum.asked)
    reader.poll()
    assert len(forum.asked) - asked == (1 if stored else 2)
    assert len(reader.heard) == 1


def test_a_place_it_moved_to_that_disappears_sends_us_back(forum: FeedsStandIn) -> None:
    forum.moved["/old"] = (301, "/there.xml")
    forum.moved["/there.xml"] = (302, ATOM)
    forum.say("Leela", "Hello")
    reader = Reader(forum, base_url=forum.base_url + "/old")
    for _ in range(3):
        reader.poll()
    assert reader.cursor["feed"]["moved_to"] == forum.base_url + "/there.xml"
    del forum.moved["/there.xml"]
    forum.moved["/old"] = (301, ATOM)
    forum.say("Leela", "Anybody?")
    reader.poll()
    assert texts(reader.poll()) == ["Anybody?"]


def test_redirects_end_after_five(forum: FeedsStandIn) -> None:
    for number in range(6):
        forum.moved[f"/{number}"] = (302, f"/{number + 1}")
    forum.moved["/6"] = (302, ATOM)
    reader = Reader(forum, base_url=forum.base_url + "/0")
    reader.poll()
    assert "redirects" in str(reader.troubles[0])
    forum.say("Leela", "Hello")
    reader = Reader(forum, base_url=forum.base_url + "/2")
    assert texts(reader.poll()) == ["Hello"]


def test_ttl_and_max_age_are_waited_for(forum: FeedsStandIn) -> None:
    forum.path, forum.ttl, forum.max_age = RSS, 30, 600
    forum.say("Leela", "Hello")
    reader = Reader(forum)
    reader.poll()
    forum.say("Leela", "Anybody?")
    assert reader.poll(after=1_799) == []
    assert texts(reader.poll(after=2)) == ["Anybody?"]
    forum.ttl = 0
    reader.poll(after=1_801)  # the ttl that the last document asked for holds until the next says otherwise
    forum.say("Leela", "Now?")
    reader.poll(after=1_801)
    assert texts(reader.heard)[-1] == "Now?"


def test_a_ning_address_without_xn_auth_is_told_what_it_needs(forum: FeedsStandIn) -> None:
    reader = Reader(forum, base_url=f"{forum.base_url}{NING}?feed=yes")
    reader.poll()
    assert isinstance(reader.troubles[0], Malformed)
    assert "xn_auth=no" in str(reader.troubles[0])
    forum.private = True
    reader = Reader(forum, base_url=forum.base_url + NING_FEED)
    reader.poll()
    assert "private" in str(reader.troubles[0])


def test_a_password_is_sent_to_its_own_host_and_what_it_guards_is_for_members(forum: FeedsStandIn) -> None:
    forum.password = "sesame"
    forum.say("Leela", "Among us")
    reader = Reader(forum, secret="forum")
    (item,) = reader.poll()
    assert item.visibility is Visibility.FOLLOWERS
    forum.password = "changed"
    reader.poll()
    assert isinstance(reader.troubles[0], Refused)
    assert "sesame" not in str(reader.troubles[0])


def test_another_host_never_gets_the_password(forum: FeedsStandIn) -> None:
    forum.password = "sesame"
    with FeedsStandIn() as stranger:
        stranger.say("Mallory", "Hello")
        forum.moved[ATOM] = (301, stranger.address)
        reader = Reader(forum, secret="forum")
        reader.network = feeds.Feeds(
            Secrets(forum=forum.secret), public=Http(requests.Session()), anywhere=Http(requests.Session())
        )
        assert texts(reader.poll()) == ["Hello"]
        assert "authorization" in forum.asked[-1].headers
        for _ in range(4):
            reader.poll()
        assert len(stranger.asked) == 5
        assert not any("authorization" in asked.headers for asked in stranger.asked)
        assert "moved_to" not in reader.cursor["feed"]


def test_a_feed_that_moved_for_good_gives_its_password_to_nobody_else(forum: FeedsStandIn) -> None:
    with FeedsStandIn() as stranger:
        reader = Reader(forum, secret="forum")
        reader.network = feeds.Feeds(
            Secrets(forum={"user": "reader", "password": "sesame"}),
            public=Http(requests.Session()),
            anywhere=Http(requests.Session()),
        )
        of = reader.poll() or reader.cursor["feed"]["of"]
        reader.cursor = {"feed": {"of": of, "moved_to": stranger.address}}
        reader.poll()
        assert len(stranger.asked) == 1
        assert "authorization" not in stranger.asked[0].headers


def test_private_allowed_holds_for_the_feeds_own_host_only(forum: FeedsStandIn) -> None:
    with FeedsStandIn() as inner:
        forum.moved[ATOM] = (302, inner.address)
        reader = Reader(forum)
        reader.poll()
        assert isinstance(reader.troubles[0], Refused)
        assert "private network" in str(reader.troubles[0])
        assert inner.asked == []


def test_an_outage_is_waited_out(forum: FeedsStandIn) -> None:
    reader = Reader(forum)
    reader.poll()
    forum.say("Leela", "Hello")
    forum.stop()
    reader.network = Reader(forum).network  # a new connection: the old one's thread would still answer
    reader.poll()
    forum.start()
    assert [type(trouble) for trouble in reader.troubles] == [NotSent]
    assert texts(reader.poll()) == ["Hello"]
