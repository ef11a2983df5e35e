"""Everything recorded from X goes through `parse`: each post is an item or is left alone for a reason."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item, Skipped, Visibility, item_from_json, item_to_json
from allhours.networks import x
from allhours.networks._x import events as _x_events
from allhours.networks._x import posts as _x_posts
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BRAND = Handle(
    network="x",
    account="acme",
    unit="cards",
    handle="@ExampleUser",
    base_url="https://api.x.com",
    native_id="1111111111111111111",
)
REASONS = {
    _x_posts.OWN_POST,
    _x_posts.REPOST,
    _x_posts.NOT_A_POST,
    _x_posts.GONE,
    _x_events.ENCRYPTED,
    _x_events.MEMBERSHIP,
}

ITEMS = {  # what each file holds for us: items, posts left alone
    "observed-errors.json": (1, 1),
    "recorded-python-twitter/apis-dm_events-events.json": (1, 0),
    "recorded-python-twitter/apis-dm_events-events_create.json": (0, 1),
    "recorded-python-twitter/apis-searches-search_tweets_query.json": (4, 0),
    "recorded-python-twitter/apis-timeline-timeline_mentions.json": (5, 0),
    "recorded-python-twitter/apis-tweet-create_tweet_resp.json": (1, 0),
    "recorded-python-twitter/apis-tweet-tweets_resp.json": (2, 0),
    "recorded-python-twitter/apis-user-users_resp.json": (0, 2),
    "recorded-tweepy/client_create_and_delete_tweet.json": (1, 1),
    "recorded-tweepy/client_create_and_get_compliance_job_and_jobs.json": (0, 4),
    "recorded-tweepy/client_get_liking_users.json": (0, 43),
    "recorded-tweepy/client_get_me.json": (0, 1),
    "recorded-tweepy/client_get_quote_tweets.json": (9, 0),
    "recorded-tweepy/client_get_tweets.json": (2, 0),
    "recorded-tweepy/client_get_users.json": (0, 2),
    "recorded-tweepy/client_get_users_mentions.json": (10, 0),
    "recorded-tweepy/client_get_users_tweets.json": (2, 0),
    "recorded-tweepy/client_hide_and_unhide_reply.json": (0, 2),
    "recorded-tweepy/client_search_recent_tweets.json": (10, 0),
    "recorded-tweepy/manage_and_lookup_direct_messages.json": (4, 3),
    "xaa-events/dm.received.json": (1, 0),
    "xaa-events/follow.follow.json": (0, 1),
    "xaa-events/news.new.json": (0, 1),
    "xaa-events/post.create.json": (0, 1),
    "xaa-events/post.delete.json": (0, 1),
    "xaa-events/post.mention.create.json": (1, 0),
    "xaa-events/profile.update.screenname.json": (0, 1),
}
NO_POSTS = {
    "openapi-2.159-tweet-names.json": "the specification",
    "openapi-2.167.json": "the specification",
    "recorded-python-twitter/models-expansions.json": "a part of an answer, without the answer",
    "recorded-python-twitter/models-meta.json": "a part of an answer, without the answer",
    "recorded-python-twitter/models-user.json": "a part of an answer, without the answer",
    "twitter-text/config-v3.json": "the rule of length",
    "twitter-text/validate-even.json": "cases for the rule of length",
    "xaa-events/event-envelope.json": "the envelope with an empty payload",
}


def bodies(path: Path) -> list[object]:
    """Return the bodies in a file: a list of recorded exchanges has one each."""
    document = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(document, list):
        return [each.get("response", each)["body"] for each in document]
    return [document]


def heard_in(name: str) -> list[Heard]:
    path = specs("x", *name.split("/"))
    return [heard for body in bodies(path) for heard in x.parse(json.dumps(body).encode(), BRAND, AT)]


@pytest.mark.parametrize("name", ITEMS)
def test_every_recorded_post_is_an_item_or_has_a_named_reason(name: str) -> None:
    heard = heard_in(name)
    kinds = Counter(type(each) for each in heard)
    assert (kinds[Item], kinds[Skipped]) == ITEMS[name]
    assert sum(kinds.values()) == sum(ITEMS[name])
    assert {each.reason for each in heard if isinstance(each, Skipped)} <= REASONS
    for each in heard:
        if isinstance(each, Item):
            assert item_from_json(item_to_json(each)) == each


@pytest.mark.parametrize("name", NO_POSTS)
def test_a_file_without_posts_gives_no_items(name: str) -> None:
    try:
        heard = x.parse(specs("x", *name.split("/")).read_bytes(), BRAND, AT)
    except Malformed:
        heard = ()
    assert not [each for each in heard if isinstance(each, Item)]


def test_every_file_is_classified() -> None:
    folder = specs("x")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")}
    assert found == ITEMS.keys() | NO_POSTS.keys()


def test_authors_are_found_beside_the_posts_where_x_brought_them_along() -> None:
    heard = heard_in("recorded-python-twitter/apis-searches-search_tweets_query.json")
    assert {each.author.handle for each in heard if isinstance(each, Item)} == {
        "happycamper",
        "snowman",
        "jellybeanjones",
    }


def test_a_pushed_message_is_private() -> None:
    (heard,) = heard_in("xaa-events/dm.received.json")
    assert isinstance(heard, Item)
    assert heard.visibility is Visibility.PRIVATE
    assert heard.conversation_id == "dm:1111111111111111111-2222222222222222222"
