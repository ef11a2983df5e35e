"""The feeds adapter against its stand-in, and the stand-in against the rules of the formats."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import feedparser
import pytest
import requests

from allhours.domain.item import Change, Item, Skipped, Visibility
from infra.local.standins.feeds import ATOM, JSON_FEED, RSS, FeedsStandIn
from tests.unit.standins.feeds_reader import AT, NING_FEED, Reader, texts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def forum() -> Iterator[FeedsStandIn]:
    ticks = iter(range(1_000_000))
    clock = lambda: AT - timedelta(hours=1) + timedelta(seconds=next(ticks))  # noqa: E731 - a clock in one line
    with FeedsStandIn(clock=clock) as stand_in:
        yield stand_in


@pytest.mark.parametrize("path", [ATOM, RSS, JSON_FEED, NING_FEED])
def test_a_new_entry_is_heard_once_in_every_format(forum: FeedsStandIn, path: str) -> None:
    forum.path = path
    leela = forum.say("Leela", "Is the app down? <b>Since 9</b> & counting")
    reader = Reader(forum)
    (item,) = reader.poll()
    assert item.native_id == leela
    assert item.text == "Is the app down? <b>Since 9</b> & counting"
    assert (item.author.name, item.language, item.change) == ("Leela", "en", Change.SAID)
    assert (item.visibility, item.kind.value) == (Visibility.PUBLIC, "entry")
    assert item.permalink.endswith("/topics/1")
    kept = reader.cursor
    assert reader.poll() == []
    assert reader.cursor == kept
    assert reader.troubles == []


def test_an_unchanged_feed_is_asked_with_its_own_validators_and_nothing_is_saved(forum: FeedsStandIn) -> None:
    forum.weak = True
    forum.say("Leela", "My card is lost")
    reader = Reader(forum)
    reader.poll()
    (step,) = reader.steps()
    assert step.cursor is reader.cursor
    headers = forum.asked[-1].headers
    assert headers["if-none-match"] == reader.cursor["feed"]["etag"]
    assert headers["if-none-match"].startswith('W/"')
    assert headers["if-modified-since"].endswith("GMT")
    assert "allhours" in headers["user-agent"].lower()
    assert headers["accept"].startswith("application/atom+xml")


def test_a_server_without_validators_is_believed_by_its_body(forum: FeedsStandIn) -> None:
    forum.validators = False
    forum.say("Leela", "My card is lost")
    reader = Reader(forum)
    reader.poll()
    (step,) = reader.steps()
    assert (step.heard, step.cursor) == ((), reader.cursor)
    assert "if-none-match" not in forum.asked[-1].headers


def test_a_burst_larger_than_a_run_is_heard_in_several_and_none_is_lost(forum: FeedsStandIn) -> None:
    said = [forum.say("Leela", f"Question {number}") for number in range(450)]
    reader = Reader(forum)
    runs = [len(reader.poll()), len(reader.poll())]
    said.append(forum.say("Ana", "A late one"))
    runs += [len(reader.poll()), len(reader.poll())]
    assert runs == [200, 200, 51, 0]
    assert sorted(item.native_id for item in reader.heard) == sorted(said)


def test_an_edit_is_heard_as_an_edit_with_a_larger_version(forum: FeedsStandIn) -> None:
    leela = forum.say("Leela", "My card is lst")
    reader = Reader(forum)
    reader.poll()
    forum.edit(leela, "My card is lost")
    (edit,) = reader.poll()
    assert (edit.native_id, edit.text, edit.change) == (leela, "My card is lost", Change.EDITED)
    assert edit.version > 0
    forum.edit(leela, "My card is lost!")
    (again,) = reader.poll()
    assert again.version > edit.version


def test_an_edit_without_dates_counts_on_and_is_saved_before_it_is_heard(forum: FeedsStandIn) -> None:
    forum.path = RSS
    leela = forum.say("Leela", "My card is lst")
    reader = Reader(forum)
    reader.poll()
    forum.edit(leela, "My card is lost")
    ahead, told = reader.steps()
    assert ahead.heard == ()
    (first,) = told.heard
    assert isinstance(first, Item)
    assert (first.version, first.change) == (1, Change.EDITED)
    reader.cursor = ahead.cursor  # the poll died before the second step was saved
    (again,) = reader.poll()
    assert again == first
    reader.cursor = ahead.cursor
    forum.edit(leela, "My card is stolen")
    (later,) = reader.poll()
    assert (later.text, later.version) == ("My card is stolen", 2)


def test_an_entry_that_drops_out_is_no_deletion_and_not_new_when_it_returns(forum: FeedsStandIn) -> None:
    forum.window = 2
    first = forum.say("Leela", "One")
    reader = Reader(forum)
    reader.poll()
    others = [forum.say("Ben", "Two"), forum.say("Ben", "Three")]
    assert texts(reader.poll()) == ["Two", "Three"]
    for other in others:
        forum.delete(other)
    assert reader.poll() == []
    assert {item.native_id for item in reader.heard} == {first, *others}


def test_answers_join_the_conversation_of_the_customer_they_answer(forum: FeedsStandIn) -> None:
    leela = forum.say("Leela", "Is the app down?")
    reader = Reader(forum)
    reader.poll()
    ben = forum.say("Ben", "Here too", reply_to=leela)
    forum.say("Leela", "Thanks, so it is not me", reply_to=ben)
    heard = reader.poll()
    assert [item.conversation_id for item in heard] == [leela, leela]
    assert [item.parent_id for item in heard] == [leela, ben]


def test_two_customers_below_the_brands_own_post_never_share_a_case(forum: FeedsStandIn) -> None:
    post = forum.brand_says("We changed our fees")
    forum.say("Leela", "Why?", reply_to=post)
    forum.say("Ben", "Mine too?", reply_to=post)
    own, leela, ben = Reader(forum).poll()
    assert (own.reason, own.native_id) == ("own post", post)
    assert leela.conversation_id == f"{post}:{leela.author.author_id}"
    assert leela.conversation_id != ben.conversation_id


def test_a_late_entry_below_known_ones_is_heard(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Late", late=True)
    forum.say("Ben", "On time")
    reader = Reader(forum)
    assert texts(reader.poll()) == ["On time"]
    forum.say("Ana", "Next")
    assert texts(reader.poll()) == ["Late", "Next"]


def test_only_entries_that_name_a_word_are_items(forum: FeedsStandIn) -> None:
    forum.say("Leela", "ACME BANK is slow")
    forum.say("Ben", "The acmebanking museum")
    reader = Reader(forum, listen=("acme bank", "#acme"))
    heard = reader.poll()
    assert texts(heard) == ["ACME BANK is slow"]
    assert [each.reason for each in heard if isinstance(each, Skipped)] == ["names none of the words"]
    assert reader.poll() == []


# The stand-in by the formats' own rules.


def test_the_stand_in_speaks_well_formed_atom_and_rss(forum: FeedsStandIn) -> None:
    post = forum.say("Leela", "Tom & <Jerry> \x07 🙂")
    forum.say("Ben", "ü", reply_to=post)
    for path, version in ((ATOM, "atom10"), (RSS, "rss20")):
        answer = requests.get(forum.base_url + path, timeout=5)
        assert answer.headers["Content-Encoding"] == "gzip"
        read = feedparser.parse(
            io.BytesIO(answer.content), response_headers={"content-type": answer.headers["Content-Type"]}
        )
        assert (read["bozo"], read["version"], len(read["entries"])) == (False, version, 2)


def test_the_stand_in_keeps_json_feeds_rules(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Hello")
    answer = requests.get(forum.base_url + JSON_FEED, timeout=5)
    assert answer.headers["Content-Type"].startswith("application/feed+json")
    feed = answer.json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert item["content_text"]
        assert datetime.fromisoformat(item["date_published"]).tzinfo


def test_the_stand_in_answers_conditions_as_rfc_9110_says(forum: FeedsStandIn) -> None:
    forum.say("Leela", "Hello")
    first = requests.get(forum.address, timeout=5)
    both = {"If-None-Match": first.headers["ETag"], "If-Modified-Since": first.headers["Last-Modified"]}
    same = requests.get(forum.address, headers=both, timeout=5)
    assert (same.status_code, same.content) == (304, b"")
    other = requests.get(forum.address, headers=both | {"If-None-Match": '"x"'}, timeout=5)
    assert other.status_code == 200
    dated = requests.get(
        forum.address, headers={"If-Modified-Since": first.headers["Last-Modified"]}, timeout=5
    )
    assert dated.status_code == 304


def test_the_stand_in_counts_what_customers_said_and_what_became_of_it(forum: FeedsStandIn) -> None:
    kept, deleted = forum.say("Leela", "One"), forum.say("Ben", "Two")
    forum.brand_says("Three")
    forum.delete(deleted)
    assert [(said.native_id, said.author, said.text, said.deleted) for said in forum.posts] == [
        (kept, "Leela", "One", False),
        (deleted, "Ben", "Two", True),
    ]
