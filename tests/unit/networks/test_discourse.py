"""What forum posts become, whose webhook is believed, and that reading a forum has no hole."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Skipped, Unreadable, Visibility, item_to_json
from allhours.networks import network_module
from allhours.networks._discourse.posts import REASONS
from allhours.networks.contract import Push, Rereader, Source
from allhours.networks.discourse import TOPICS, capabilities, connect, parse
from allhours.networks.http import Http
from infra.local.standins.base import now
from infra.local.standins.discourse import DiscourseStandIn
from tests.unit.standins.forum_wire import (
    FreeMeter,
    Poller,
    credentials_for,
    handle_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.networks.contract import Fetched
    from allhours.networks.discourse import Discourse

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "discourse"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))
BANK = Handle(
    network="discourse",
    account="cards",
    unit="cards",
    handle="@acme_bank",
    base_url="https://forum.example",
    native_id="7",
    secret="discourse/cards",
    settings={"private_categories": "9, 12", "own_usernames": "acme_ana, @acme_ben"},
)


def body(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def heard(name: str, handle: Handle = BANK) -> tuple[object, ...]:
    return parse(body(name), handle, AT)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_fixture_becomes_the_items_beside_it(path: Path) -> None:
    expected = json.loads(path.with_suffix(".item.json").read_bytes())
    items = [each for each in parse(path.read_bytes(), BANK, AT) if isinstance(each, Item)]
    assert [item_to_json(item) for item in items] == expected


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        (
            "own_post",
            [
                "own post",
                "own post",
                "post by the forum's staff",
                "post by the forum's robots",
                "small action, nobody's words",
                "whisper among staff",
                "hidden by the forum",
            ],
        ),
        ("ping", ["ping"]),
        ("search", ["excerpt in a search"]),
    ],
)
def test_what_is_none_of_our_business_is_skipped_with_its_reason(name: str, reasons: list[str]) -> None:
    assert [each.reason for each in heard(name) if isinstance(each, Skipped)] == reasons
    assert set(reasons) <= set(REASONS)


def test_our_own_words_are_known_by_name_or_by_number() -> None:
    for ours in (replace(BANK, native_id=""), replace(BANK, handle="@renamed_bank")):
        told = heard("own_post", ours)[0]
        assert isinstance(told, Skipped)
        assert told.reason == "own post"


def test_staff_are_heard_where_the_settings_say_so() -> None:
    settings = {**BANK.settings, "staff": "heard"}
    items = [each for each in heard("own_post", replace(BANK, settings=settings)) if isinstance(each, Item)]
    assert [item.author.handle for item in items] == ["@mod_max"]


def test_a_whisper_is_never_heard() -> None:
    told = json.loads(body("post_created"))
    told["post"]["post_type"] = 4
    assert [type(each) for each in parse(json.dumps(told).encode(), BANK, AT)] == [Skipped]


def test_a_post_without_an_authors_number_is_told_by_name_and_field() -> None:
    broken, fine = heard("missing_author")
    assert isinstance(broken, Unreadable)
    assert (broken.native_id, broken.field) == ("https://forum.example/p/22655", "user_id")
    assert isinstance(fine, Item)


def test_a_post_of_which_nothing_tells_the_sort_of_topic_is_private() -> None:
    told = json.loads(body("post_created"))["post"]
    del told["topic_archetype"]
    (item,) = parse(json.dumps(told).encode(), BANK, AT)
    assert isinstance(item, Item)
    assert item.visibility is Visibility.PRIVATE


def test_numbers_of_two_forums_never_meet() -> None:
    other = replace(BANK, base_url="https://other.example/forum")
    (one,), (two,) = heard("post_created"), heard("post_created", other)
    assert isinstance(one, Item)
    assert isinstance(two, Item)
    assert one.native_id != two.native_id
    assert one.author.author_id != two.author.author_id
    assert one.conversation_id != two.conversation_id


@pytest.mark.parametrize(
    ("listen", "settings", "reason"),
    [
        (("acme",), {}, "not about us"),
        (("LOGS ME",), {}, ""),
        ((), {"categories": "6, 7"}, "in a category that we do not listen to"),
        ((), {"categories": "5"}, ""),
    ],
)
def test_a_handle_hears_its_words_and_categories_only(
    listen: tuple[str, ...], settings: dict[str, str], reason: str
) -> None:
    (one,) = heard("post_created", replace(BANK, listen=listen, settings=settings))
    assert isinstance(one, Skipped if reason else Item)
    assert getattr(one, "reason", "") == reason


def test_a_mention_and_a_private_message_are_heard_whatever_we_listen_to() -> None:
    picky = replace(BANK, listen=("acme",))
    assert all(isinstance(heard(name, picky)[0], Item) for name in ("mention_and_image", "private_message"))


@pytest.mark.parametrize("bad", [b"<html>", b"", b"7", b'"x"', b"[" * 200_000])
def test_a_body_that_is_no_forums_is_malformed(bad: bytes) -> None:
    with pytest.raises(Malformed):
        parse(bad, BANK, AT)


def test_the_forums_own_limits_travel_with_the_item() -> None:
    settings = {"min_post_length": "8", "max_post_length": "5000"}
    (item,) = heard("post_created", replace(BANK, settings=settings))
    assert isinstance(item, Item)
    assert settings.items() <= dict(item.answer_needs).items()


# Reading


@pytest.fixture
def stand_in() -> Iterator[DiscourseStandIn]:
    with DiscourseStandIn(calls=1_000) as stand_in:
        yield stand_in


def network_of(stand_in: DiscourseStandIn) -> Discourse:
    return connect(credentials_for(stand_in), Http(), app_secret="discourse/app", meter=FreeMeter())


def poller_of(stand_in: DiscourseStandIn, **settings: str) -> Poller:
    poller = Poller(network_of(stand_in), handle_for(stand_in, settings=settings))
    poller.poll(now() - SECOND)
    return poller


def troubles(steps: list[Fetched]) -> list[type[Exception]]:
    return [type(step.trouble) for step in steps if step.trouble]


def test_it_is_a_source_a_rereader_and_a_push(stand_in: DiscourseStandIn) -> None:
    network = network_of(stand_in)
    assert isinstance(network, Source)
    assert isinstance(network, Rereader)
    assert isinstance(network, Push)
    assert network_module("discourse").capabilities is capabilities


def test_posts_replies_restricted_categories_and_private_messages_are_heard(
    stand_in: DiscourseStandIn,
) -> None:
    poller = poller_of(stand_in)
    root = stand_in.say("leela", "The app logs me out")
    reply = stand_in.say("tomas", "Me too", reply_to=root)
    closed = stand_in.say("maria", "members only", category_id=9)
    message = stand_in.say("leela", "between us", private=True)
    stand_in.brand_says("We are looking into it", reply_to=reply)
    stand_in.say("leela", "", reply_to=root, post_type=3)
    stand_in.say("maxim", "psst, staff", reply_to=root, post_type=4)
    poller.poll(now() + SECOND)
    told = {item.native_id: item.visibility for item in poller.queue}
    assert told == {
        root: Visibility.PUBLIC,
        reply: Visibility.PUBLIC,
        closed: Visibility.PRIVATE,
        message: Visibility.PRIVATE,
    }
    assert not poller.unreadable


def test_a_forum_can_be_read_without_a_key_and_without_messages(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in, key="none")
    public = stand_in.say("leela", "hello there")
    stand_in.say("leela", "between us", private=True)
    poller.poll(now() + SECOND)
    assert poller.heard == {public}
    assert all("api-key" not in asked.headers for asked in stand_in.asked)


def test_an_idle_sweep_changes_nothing_and_costs_two_calls(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in)
    for number in range(120):
        stand_in.say("leela", f"hello {number}")
    poller.poll(now() + SECOND)
    before, asked = poller.cursor, len(stand_in.asked)
    steps = poller.poll(now() + SECOND)
    assert all(step.cursor == before for step in steps)
    assert len(stand_in.asked) - asked == 2
    assert len(poller.queue) == 120


def test_a_burst_beyond_the_budget_is_heard_whole_although_posts_come_between_pages(
    stand_in: DiscourseStandIn,
) -> None:
    poller = poller_of(stand_in)
    expected = {stand_in.say("leela", f"q {number}") for number in range(470)}
    for extra in range(4):
        poller.poll(now() + SECOND)
        expected.add(stand_in.say("tomas", f"meanwhile {extra}"))
    poller.poll(now() + SECOND)
    assert poller.heard == expected


def test_an_older_release_that_shows_the_named_post_again_ends_a_walk_too(stand_in: DiscourseStandIn) -> None:
    stand_in.shows_before_itself = True
    poller = poller_of(stand_in)
    expected = {stand_in.say("leela", f"q {number}") for number in range(130)}
    poller.poll(now() + SECOND)
    assert poller.heard == expected
    assert poller.cursor["posts"]["resume"] is None
    assert len([asked for asked in stand_in.asked if asked.path == "/posts.json"]) == 5


@pytest.mark.parametrize("step", range(4))
def test_a_crash_after_any_step_loses_nothing(stand_in: DiscourseStandIn, step: int) -> None:
    poller = poller_of(stand_in)
    expected = {stand_in.say("leela", f"q {number}") for number in range(130)}
    expected.add(stand_in.say("leela", "between us", private=True))
    poller.poll(now() + SECOND, crash_after=step)
    poller.poll(now() + SECOND)
    assert poller.heard == expected


def reread(stand_in: DiscourseStandIn, poller: Poller) -> list[Item]:
    found = network_of(stand_in).reread(poller.handle, poller.queue, at=now())
    return [each for each in found if isinstance(each, Item)]


def test_edits_and_deletions_are_found_by_reading_again(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in)
    root = stand_in.say("leela", "one", title="Login trouble")
    edited, deleted = (stand_in.say("tomas", text, reply_to=root) for text in ("two", "three"))
    secret = stand_in.say("leela", "between us", private=True, title="Psst")
    poller.poll(now() + SECOND)
    stand_in.edit(root, "one, better")
    stand_in.edit(edited, "two, better")
    stand_in.delete(deleted)
    stand_in.edit(secret, "between us two")
    found = {each.native_id: (each.change, each.text, each.version) for each in reread(stand_in, poller)}
    assert found == {
        root: (Change.EDITED, "Login trouble\n\none, better", 2),
        edited: (Change.EDITED, "two, better", 2),
        deleted: (Change.DELETED, "", 1),
        secret: (Change.EDITED, "Psst\n\nbetween us two", 2),
    }
    visible = {each.native_id: each.visibility for each in reread(stand_in, poller)}
    assert visible[secret] is Visibility.PRIVATE


def test_a_topic_that_is_gone_takes_its_posts_with_it(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in.say("leela", "one")
    poller.poll(now() + SECOND)
    stand_in.topics.clear()
    assert [each.change for each in reread(stand_in, poller)] == [Change.DELETED]


def test_a_revoked_key_deletes_nobody(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in.say("leela", "one")
    poller.poll(now() + SECOND)
    network = network_of(stand_in)
    stand_in.key = "another"
    with pytest.raises(Refused, match="discourse/cards"):
        list(network.reread(poller.handle, poller.queue, at=now()))


def test_many_topics_are_read_again_in_turn(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in)
    for number in range(TOPICS * 2):
        stand_in.edit(stand_in.say("leela", f"topic {number}"), f"topic {number}, better")
    poller.poll(now() + SECOND)
    stale = [replace(item, version=0) for item in poller.queue]
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    network = network_of(stand_in)
    turns = [network.reread(poller.handle, stale, at=at + timedelta(minutes=turn)) for turn in range(2)]
    found = [{each.native_id for each in turn} for turn in turns]
    assert [len(each) for each in found] == [TOPICS, TOPICS]
    assert found[0] | found[1] == poller.heard


# Trouble


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("expired_token", Refused),
        ("refused_token", Refused),
    ],
)
def test_one_streams_trouble_leaves_the_other_and_the_cursor(
    stand_in: DiscourseStandIn, fault: str, trouble: type[Exception]
) -> None:
    poller = poller_of(stand_in)
    public, private = stand_in.say("leela", "hello"), stand_in.say("leela", "between us", private=True)
    stand_in.fail(fault)
    steps = poller.poll(now() + SECOND)
    assert troubles(steps) == [trouble]
    assert poller.heard == {private}
    poller.poll(now() + SECOND)
    assert poller.heard == {public, private}


def test_both_shapes_of_429_say_when_to_come_back(stand_in: DiscourseStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in.fail("rate_limited", 2)  # plain text first, then JSON
    at = now() + SECOND
    assert troubles(poller.poll(at)) == [RateLimited, RateLimited]
    again = (at + timedelta(seconds=39)).timestamp()
    rests = [poller.cursor[name]["not_before"] for name in ("posts", "private messages")]
    assert rests[1] == again
    assert abs(rests[0] - again) < 1


@pytest.mark.parametrize("fault", ["duplicate", "late"])
def test_what_comes_twice_or_late_is_heard_at_least_once(stand_in: DiscourseStandIn, fault: str) -> None:
    poller = poller_of(stand_in)
    expected = {stand_in.say("leela", f"hello {number}") for number in range(3)}
    stand_in.fail(fault)
    poller.poll(now() + SECOND)
    poller.poll(now() + SECOND)
    assert poller.heard == expected
