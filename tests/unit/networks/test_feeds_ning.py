"""Ning communities through their feeds: forum, blog, one topic, what a page names, and how one is set up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import Malformed, NetworkError, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, item_from_json
from allhours.networks import feeds
from allhours.networks._feeds.ning import alternates, feeds_of, is_community
from allhours.networks.contract import Connector, Replier
from allhours.networks.http import Http
from infra.local.standins.feeds import NING, NING_3, NING_BLOG, NING_TOPIC, FeedsStandIn
from tests.unit.standins.bluesky_wire import NoMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "feeds"
MONEY = Handle(
    network="feeds",
    account="acme",
    unit="cards",
    handle="Money matters",
    base_url="https://money.ning.example",
    settings={"own_authors": "Acme Bank", "community": "ning"},
)


class Secrets:
    """One secret, for a feed that has one."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields

    def read(self, secret: str) -> Mapping[str, str]:
        assert secret == "forum"
        return self.fields

    def renew(self, secret: str, stale: Mapping[str, str], ask: object) -> Mapping[str, str]:
        raise AssertionError((secret, stale, ask))


class Member:
    """Somebody who reads a community as the poll does."""

    def __init__(self, community: FeedsStandIn, *, path: str = "", **settings: str) -> None:
        says = community.handle_settings
        self.handle = replace(
            MONEY, base_url=says["base_url"] + path, settings={**says["settings"], **settings}
        )
        self.community = community
        self.network = feeds.connect(Secrets({}), Http(), app_secret="", meter=NoMeter())
        self.setup = feeds.setting_up(Secrets({}), Http(), app_secret="")
        self.cursor: Mapping[str, Any] = {}
        self.at = AT
        self.troubles: list[NetworkError] = []

    def poll(self, *, after: timedelta = timedelta(minutes=5)) -> list[str]:
        """Return the texts of what is new."""
        self.at += after
        heard: list[str] = []
        for step in self.network.fetch(self.handle, self.cursor, at=self.at):
            heard += [each.text for each in step.heard if isinstance(each, Item)]
            self.cursor = json.loads(json.dumps(step.cursor))
            self.troubles += [step.trouble] if step.trouble else []
        return heard

    @property
    def paths(self) -> list[str]:
        """Return what was asked for since the last look."""
        asked = [each.path for each in self.community.asked]
        self.community.asked.clear()
        return asked


@pytest.fixture
def community() -> Iterator[FeedsStandIn]:
    with FeedsStandIn(community=True, clock=lambda: AT - timedelta(hours=1)) as stand_in:
        yield stand_in


def test_a_forum_of_ning_becomes_the_items_we_expect() -> None:
    expected = json.loads((FIXTURES / "ning_forum.item.json").read_text())
    heard = feeds.parse((FIXTURES / "ning_forum.xml").read_bytes(), MONEY, AT)
    assert [each for each in heard if isinstance(each, Item)] == [item_from_json(each) for each in expected]
    assert [each.reason for each in heard if isinstance(each, Skipped)] == ["own post"]


def test_forum_and_blog_are_read_and_each_is_heard_once(community: FeedsStandIn) -> None:
    member = Member(community)
    community.say("Leela", "My card is declined")
    community.say("Tomas", "A week without cash", blog=True)
    community.brand_says("Our opening hours")
    assert sorted(member.poll()) == ["A week without cash", "My card is declined"]
    assert member.poll() == []
    assert member.paths == [NING, NING_BLOG] * 2
    assert member.troubles == []


def test_an_idle_poll_of_a_community_saves_nothing(community: FeedsStandIn) -> None:
    member = Member(community)
    community.say("Leela", "My card is declined")
    member.poll()
    steps = list(member.network.fetch(member.handle, member.cursor, at=member.at + timedelta(minutes=5)))
    assert [step.cursor == member.cursor for step in steps] == [True, True]


def test_trouble_with_the_blog_does_not_keep_the_forum_from_us(community: FeedsStandIn) -> None:
    member = Member(community)
    community.moved[NING_BLOG] = (302, "/nowhere")
    community.say("Leela", "My card is declined")
    assert member.poll() == ["My card is declined"]
    assert len(member.troubles) == 1


def test_one_topic_has_a_feed_of_its_own(community: FeedsStandIn) -> None:
    topic = community.say("Leela", "My card is declined")
    community.say("Tomas", "Mine too", reply_to=topic)
    community.say("Omar", "Something else")
    member = Member(community, path=f"{NING_TOPIC}1")
    assert sorted(member.poll()) == ["Mine too", "My card is declined"]
    assert member.paths == [f"{NING_TOPIC}1"]


def test_a_private_community_is_told_in_words(community: FeedsStandIn) -> None:
    community.private = True
    member = Member(community)
    member.poll()
    assert {type(trouble) for trouble in member.troubles} == {Malformed}
    for trouble in member.troubles:
        assert "a login page came instead of a feed" in str(trouble)
        assert "This Ning network is private" in str(trouble)


def test_a_community_of_another_make_is_found_by_what_its_page_names(community: FeedsStandIn) -> None:
    community.ning_3 = True
    member = Member(community)
    community.say("Leela", "My card is declined")
    community.say("Tomas", "A week without cash", blog=True)
    assert member.poll() == []
    assert member.paths == [NING, NING_BLOG, "/"]
    assert sorted(member.poll()) == ["A week without cash", "My card is declined"]
    assert member.paths == list(NING_3)
    assert {json.dumps(trouble.detail) for trouble in member.troubles} == {
        '"there is no feed at its address (HTTP 404): mend its base_url"'
    }


def test_a_page_that_names_no_feed_is_asked_once_a_day(community: FeedsStandIn) -> None:
    community.private = True
    member = Member(community)
    for _ in range(3):
        member.poll()
    assert member.paths.count("/") == 1
    member.poll(after=timedelta(days=1))
    assert member.paths.count("/") == 1


@pytest.mark.parametrize(
    ("base_url", "setting", "expected"),
    [
        ("https://money.ning.com", "", True),
        ("https://money.ning.com/", "", True),
        ("https://money.ning.com/profiles/blog/feed?xn_auth=no", "ning", False),
        ("https://money.ning.com/profiles/blog/feed?xn_auth=no", "", False),
        ("https://money.example", "ning", True),
        ("https://money.example", "", False),
    ],
)
def test_a_community_is_told_by_its_address_or_by_the_setting(
    base_url: str, setting: str, *, expected: bool
) -> None:
    assert is_community(replace(MONEY, base_url=base_url, settings={"community": setting})) is expected


def test_every_address_of_a_community_says_xn_auth_no() -> None:
    told = {
        **feeds_of(MONEY, {}),
        **feeds_of(replace(MONEY, base_url=f"{MONEY.base_url}{NING_TOPIC}hello"), {}),
    }
    assert told == {
        "forum": "https://money.ning.example/forum/topic/list?feed=yes&xn_auth=no",
        "blog": "https://money.ning.example/profiles/blog/feed?xn_auth=no",
        "topic": "https://money.ning.example/forum/topics/hello?feed=yes&xn_auth=no",
    }


def test_only_feeds_of_the_pages_own_host_are_named() -> None:
    page = b"""<link rel=alternate type=application/rss+xml href=/a?x=1#top>
      <LINK REL="Alternate Feed" TYPE="application/atom+xml; charset=utf-8" HREF="https://m.example/b">
      <link rel="alternate" type="text/html" href="/c"><link rel="stylesheet" href="/d">
      <link rel="alternate" type="application/rss+xml" href="https://evil.example/e">
      <link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">
      <link rel="alternate" type="application/rss+xml" href="http://[">"""
    assert alternates(page, "https://m.example/") == (
        "https://m.example/a?x=1&xn_auth=no",
        "https://m.example/b?xn_auth=no",
    )
    many = b"".join(b"<link rel=alternate type=application/rss+xml href=/%d>" % n for n in range(9))
    assert len(alternates(many, "https://m.example/")) == 4


@given(st.binary(max_size=200), st.sampled_from((b"", b"<![", b"<!", b"<link ", b"<link href='", b"<?")))
def test_no_page_is_too_broken_to_look_at(noise: bytes, opening: bytes) -> None:
    assert len(alternates(opening + noise, "https://m.example/")) <= 4


# setting up


def test_nothing_can_be_sent_to_a_feed() -> None:
    assert not hasattr(feeds, "answering")
    assert not isinstance(feeds.connect(Secrets({}), Http(), app_secret="", meter=NoMeter()), Replier)
    abilities = feeds.capabilities
    assert not any(
        each.can
        for each in (
            abilities.replies,
            abilities.private_replies,
            abilities.moves_to_private,
            abilities.hides,
            abilities.withdraws,
        )
    )


def test_one_read_proves_a_feed(community: FeedsStandIn) -> None:
    community.say("Leela", "My card is declined")
    community.brand_says("Our opening hours")
    member = Member(community)
    setup = member.setup
    assert isinstance(setup, Connector)
    assert setup.consent(member.handle, {}, redirect="", state="", verifier="") == ""
    assert setup.exchange(member.handle, {"user": ""}, code="", redirect="", verifier="", at=AT) == {}
    identity = setup.identify(member.handle, at=AT)
    assert (identity.native_id, identity.name) == ("", "Money matters")
    assert identity.note == "2 entries are shown, 1 of them would open work"
    assert setup.register(member.handle, callback="", at=AT) == ("a feed calls no webhook: it is polled",)
    health = setup.health(member.handle, callback="", at=AT)
    assert (health.notes, health.token_expires, health.webhook_ok) == ((), None, None)
    assert setup.renew(member.handle, at=AT) is False


def test_what_stands_in_the_way_of_a_feed_is_said(community: FeedsStandIn) -> None:
    community.private = True
    member = Member(community)
    with pytest.raises(Malformed, match="login page"):
        member.setup.identify(member.handle, at=AT)
    assert len(member.setup.health(member.handle, callback="", at=AT).notes) == 2


def test_a_feed_with_a_password_asks_for_it() -> None:
    with FeedsStandIn() as forum:
        forum.password = "sesame"
        says = forum.handle_settings
        handle = replace(MONEY, base_url=says["base_url"], settings=says["settings"], secret="forum")
        wrong = feeds.setting_up(Secrets({"user": "reader", "password": "wrong"}), Http(), app_secret="")
        with pytest.raises(Refused, match="wants a password") as caught:
            wrong.identify(handle, at=AT)
        assert "wrong" not in str(caught.value)
        typed = {"user": " reader", "password": "sesame", "address": ""}
        fields = wrong.exchange(handle, typed, code="", redirect="", verifier="", at=AT)
        assert fields == {"user": "reader", "password": "sesame"}
        assert [each.field for each in wrong.questions] == list(feeds.capabilities.optional_secret_fields)
        right = feeds.setting_up(Secrets(fields), Http(), app_secret="")
        assert right.identify(handle, at=AT).note.startswith("0 entries")


# the stand-in as everybody uses it


def test_the_stand_in_plays_what_the_handle_reads() -> None:
    handle = replace(MONEY, listen=("acme bank",), settings={"own_authors": "Acme Bank, Acme"})
    stand_in = FeedsStandIn.playing(replace(handle, base_url="https://forum.example/banks.rss"), place=3)
    with stand_in:
        assert stand_in.address.endswith("/rss.xml")
        assert (stand_in.brand, stand_in.handle_settings["handle"]) == ("Acme Bank", "Money matters")
        said = [stand_in.speak("Leela", text) for text in ("My card", "The ACME Bank is slow")]
        assert [post.text for post in stand_in.posts] == ["acme bank: My card", "The ACME Bank is slow"]
        assert [post.native_id for post in stand_in.posts] == said
        with pytest.raises(NotImplementedError):
            stand_in.speak("Leela", "hush", private=True)
    assert FeedsStandIn.playing(MONEY).handle_settings["settings"]["community"] == "ning"
