"""What Reddit's comments and posts become, and that reading them has no hole."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Skipped, Unreadable, item_to_json
from allhours.networks import network_module
from allhours.networks._reddit.api import user_agent
from allhours.networks._reddit.posts import REASONS
from allhours.networks.contract import Rereader, Source
from allhours.networks.http import Http
from allhours.networks.reddit import capabilities, connect, parse
from infra.local.standins.base import Asked, Told, now
from infra.local.standins.reddit import RedditStandIn
from tests.unit.standins.forum_wire import FreeMeter, Poller, credentials_for, handle_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.networks.reddit import Reddit

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "reddit"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if not path.name.endswith(".item.json"))
BANK = Handle(
    network="reddit",
    account="cards",
    unit="cards",
    handle="u/acme_bank",
    base_url="https://oauth.reddit.com",
    native_id="t2_acme1",
    secret="reddit/cards",
)


def heard(name: str) -> tuple[object, ...]:
    return parse((FIXTURES / f"{name}.json").read_bytes(), BANK, AT)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_fixture_becomes_the_items_beside_it(path: Path) -> None:
    expected = json.loads(path.with_suffix(".item.json").read_bytes())
    items = [each for each in parse(path.read_bytes(), BANK, AT) if isinstance(each, Item)]
    assert [item_to_json(item) for item in items] == expected


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("own_post", ["own post", "a bot of the site"]),
        (
            "deleted",
            ["deleted before we read it", "removed by moderators", "deleted before we read it"],
        ),
        ("missing_author", ["deleted before we read it"]),
        ("private_message", ["private message: Reddit lets no app answer it"]),
        ("thread", ["not a comment or post"]),
    ],
)
def test_what_is_none_of_our_business_is_skipped_with_its_reason(name: str, reasons: list[str]) -> None:
    assert [each.reason for each in heard(name) if isinstance(each, Skipped)] == reasons
    assert set(reasons) <= set(REASONS)


def test_our_own_words_are_known_by_name_or_by_number() -> None:
    for ours in (replace(BANK, native_id=""), replace(BANK, handle="u/renamed_bank")):
        told = parse((FIXTURES / "own_post.json").read_bytes(), ours, AT)
        assert isinstance(told[0], Skipped)
        assert told[0].reason == "own post"


def test_a_broken_comment_is_told_by_name_and_field_and_the_rest_is_heard() -> None:
    told = json.loads((FIXTURES / "own_subreddit.json").read_bytes())
    told["data"]["children"][0]["data"]["created_utc"] = "yesterday"
    del told["data"]["children"][1]["data"]["body"]
    first, second, third = parse(json.dumps(told).encode(), BANK, AT)
    assert isinstance(first, Unreadable)
    assert (first.native_id, first.field) == ("t1_n0000aa", "created_utc")
    assert isinstance(second, Unreadable)
    assert (second.native_id, second.field) == ("t1_n0000ab", "body")
    assert isinstance(third, Item)


@pytest.mark.parametrize("body", [b"<html>whoa there</html>", b"", b"7", b'"x"', b"[" * 200_000])
def test_a_body_that_is_none_of_reddits_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, BANK, AT)


def test_an_instant_in_the_future_is_now() -> None:
    told = json.loads((FIXTURES / "mention.json").read_bytes())
    told["data"]["children"][0]["data"]["created_utc"] = 4e9
    (item,) = parse(json.dumps(told).encode(), BANK, AT)
    assert isinstance(item, Item)
    assert item.created_at == AT


def test_the_user_agent_is_unique_to_the_app_and_the_account() -> None:
    assert user_agent(BANK) == "server:allhours-cards:0.1 (by /u/acme_bank)"
    named = Handle(
        network="reddit",
        account="cards",
        unit="cards",
        handle="u/acme_bank",
        base_url="",
        settings={"app_id": "example.acme.desk", "by": "acme_ops"},
    )
    assert user_agent(named) == "server:example.acme.desk:0.1 (by /u/acme_ops)"


def test_storage_ends_where_our_rereading_does() -> None:
    assert capabilities.storage_within == timedelta(days=30)
    assert network_module("reddit").capabilities is capabilities


# Reading


@pytest.fixture
def stand_in() -> Iterator[RedditStandIn]:
    with RedditStandIn() as stand_in:
        yield stand_in


def network_of(stand_in: RedditStandIn) -> Reddit:
    return connect(credentials_for(stand_in), Http(), app_secret="reddit/app", meter=FreeMeter())


def poller_of(stand_in: RedditStandIn, *, listen: tuple[str, ...] = ()) -> Poller:
    poller = Poller(network_of(stand_in), handle_for(stand_in, listen=listen))
    poller.poll(now() - SECOND)
    return poller


def test_it_is_a_source_and_a_rereader(stand_in: RedditStandIn) -> None:
    network = network_of(stand_in)
    assert isinstance(network, Source)
    assert isinstance(network, Rereader)


def test_mentions_replies_own_subreddit_and_search_are_all_heard(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in, listen=("acme bank", "#acme"))
    root = stand_in.say("leela", "My card was declined", title="Declined", subreddit="personalfinance")
    ours = stand_in.brand_says("Good morning")
    expected = {
        stand_in.say("leela", "what does u/acme_bank say?", reply_to=root),
        stand_in.say("tomas", "finally", reply_to=ours),
        stand_in.say("maria", "Fees", subreddit="acmebank"),
        stand_in.say("maria", "the acme bank is slow", subreddit="personalfinance"),
    }
    answer = stand_in.brand_says("We are on it", reply_to=root)
    expected.add(stand_in.say("leela", "thank you", reply_to=answer))
    poller.poll(now() + SECOND)
    assert poller.heard == expected
    assert not poller.unreadable


def test_an_idle_poll_changes_nothing(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in, listen=("acme",))
    stand_in.speak("leela", "hello")
    poller.poll(now() + SECOND)
    before = poller.cursor
    steps = poller.poll(now() + SECOND)
    assert all(step.cursor == before for step in steps)
    assert len(poller.queue) == 1


def test_a_burst_of_many_pages_is_heard_whole_although_posts_come_between_pages(
    stand_in: RedditStandIn,
) -> None:
    poller = poller_of(stand_in)
    old = now() - timedelta(hours=3)
    expected = {
        stand_in.say("leela", f"q {n}", subreddit="acmebank", said_at=old + 10 * SECOND * n)
        for n in range(730)
    }
    poller.cursor = {"own posts": {"low": str(int(old.timestamp()) - 3600), "top": "", "resume": None}}
    for extra in range(4):
        poller.poll(now() + SECOND)
        expected.add(stand_in.speak("tomas", f"meanwhile {extra}"))
    poller.poll(now() + SECOND)
    assert poller.heard == expected


def test_a_walk_whose_name_was_deleted_begins_again_at_the_top(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    old = now() - timedelta(hours=3)
    names = [
        stand_in.say("leela", f"q {n}", subreddit="acmebank", said_at=old + 10 * SECOND * n)
        for n in range(620)
    ]
    poller.cursor = {"own posts": {"low": str(int(old.timestamp()) - 3600), "top": "", "resume": None}}
    poller.poll(now() + SECOND)
    resumes_at = poller.cursor["own posts"]["resume"]
    assert resumes_at in names
    stand_in.delete(resumes_at)
    for _ in range(3):
        poller.poll(now() + SECOND)
    assert set(names) - poller.heard == set()


@pytest.mark.parametrize("step", range(6))
def test_a_crash_after_any_step_loses_nothing(stand_in: RedditStandIn, step: int) -> None:
    poller = poller_of(stand_in)
    root = stand_in.speak("leela", "My card")
    expected = {root, *(stand_in.speak("tomas", f"u/acme_bank {n}", reply_to=root) for n in range(130))}
    poller.poll(now() + SECOND, crash_after=step)
    poller.poll(now() + SECOND)
    assert poller.heard == expected


def test_a_post_that_moderators_let_through_late_is_heard_at_its_old_time(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    held = stand_in.say("leela", "held", subreddit="acmebank", said_at=now() - timedelta(minutes=10))
    stand_in.said[held].removed = True
    later = {stand_in.speak("tomas", f"later {number}") for number in range(120)}  # more than a page
    poller.poll(now() + SECOND)
    stand_in.said[held].removed = False
    poller.poll(now() + SECOND)
    assert poller.heard == {held, *later}


def test_a_deleted_newest_post_does_not_silence_the_stream(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    gone = stand_in.speak("leela", "never mind")
    poller.poll(now() + SECOND)
    stand_in.delete(gone)
    later = stand_in.speak("leela", "now it is broken again")
    poller.poll(now() + SECOND)
    assert later in poller.heard
    assert not [asked for asked in stand_in.asked if "before" in dict(asked.query)]


def test_edits_and_deletions_are_found_by_reading_again(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    edited, deleted, same = (stand_in.speak("leela", text) for text in ("one", "two", "three"))
    removed = stand_in.speak("leela", "four")
    poller.poll(now() + SECOND)
    stand_in.edit(edited, "one, better")
    stand_in.delete(deleted)
    stand_in.said[removed].removed = True
    reread = network_of(stand_in).reread(poller.handle, poller.queue, at=now() + SECOND)
    found = [each for each in reread if isinstance(each, Item)]
    changes = {each.native_id: (each.change, each.text) for each in found}
    assert changes == {
        edited: (Change.EDITED, "one\n\none, better"),  # titles stay as they are
        deleted: (Change.DELETED, ""),
        removed: (Change.DELETED, ""),
    }
    assert same not in changes
    kept = {item.native_id: item for item in poller.queue}
    assert all(each.version > kept[each.native_id].version for each in found)


def test_an_answer_with_nothing_in_it_deletes_nobody(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in.speak("leela", "one")
    poller.poll(now() + SECOND)
    stand_in.said.clear()
    assert list(network_of(stand_in).reread(poller.handle, poller.queue, at=now())) == []


@pytest.mark.parametrize("bad", ["left out once", "illegible"])
def test_a_partial_answer_deletes_nobody(
    stand_in: RedditStandIn, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    poller = poller_of(stand_in)
    names = [stand_in.speak("leela", text) for text in ("one", "two", "three")]
    poller.poll(now() + SECOND)
    whole, asked = stand_in.answer, list[str]()

    def answer(request: Asked) -> Told:
        told = whole(request)
        if request.path == "/api/info":
            asked.append(request.first("id"))
            children = told.body["data"]["children"]
            if bad == "illegible":
                children[:] = [
                    {"kind": "t3", "data": None} if each["data"]["name"] == names[1] else each
                    for each in children
                ]
            elif len(asked) == 1:
                del children[1:]
        return told

    monkeypatch.setattr(stand_in, "answer", answer)
    found = list(network_of(stand_in).reread(poller.handle, poller.queue, at=now()))
    assert [each for each in found if isinstance(each, Item)] == []
    assert len(asked) == 2


def test_a_post_from_the_future_does_not_hide_the_next_burst(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in.say("leela", "from 2036", subreddit="acmebank", said_at=now() + timedelta(days=3650))
    poller.poll(now() + SECOND)
    assert int(poller.cursor["own posts"]["low"]) <= int((now() + SECOND).timestamp())
