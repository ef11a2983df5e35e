"""Every recorded answer of the real servers is an item or a named reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml

from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item, Kind, Unreadable, Visibility
from allhours.networks._mastodon.posts import REASONS
from allhours.networks.mastodon import parse
from tests.shared_material import specs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HANDLE = Handle(
    network="mastodon",
    account="bank-care",
    unit="care",
    handle="@mastodonpy_test",
    base_url="http://localhost:3000",
    native_id="117020565966271181",
)

ITEMS = {
    "test_conversations.yaml": 6,
    "test_entity_context.yaml": 2,
    "test_entity_status.yaml": 2,
    "test_hashtag_tl.yaml": 2,
    "test_notifications.yaml": 4,
    "test_notifications_types.yaml": 3,
    "test_status_reply.yaml": 2,
}
"""How many items a file holds, seen from the account that recorded it; the rest is skipped with a reason."""

OWN_ONLY = {
    "test_get_pagination_info.yaml",
    "test_markers.yaml",
    "test_status.yaml",
    "test_status_context.yaml",
    "test_status_post[None-direct].yaml",
    "test_status_post[None-unlisted].yaml",
    "test_toot.yaml",
}
"""Files whose posts are all by the account that recorded them."""

NO_POSTS = {
    "test_account_lookup.yaml": "accounts",
    "test_app_verify_credentials.yaml": "the app behind a token",
    "test_entity_notificationpolicy.yaml": "a policy",
    "test_entity_oauthserverinfo.yaml": "the server's sign-in addresses",
    "test_instance.yaml": "the server's description",
    "test_notifications_policy.yaml": "policies",
    "test_push_set.yaml": "a Web Push subscription",
    "test_search.yaml": "accounts found by a search, and no status",
    "test_status_empty.yaml": "a refusal",
    "test_status_missing.yaml": "a 404",
    "test_stream_healthy.yaml": "the server's description and the health of its streaming",
    "test_verify_credentials.yaml": "our own account",
}
"""Files without any post, and what they hold instead."""


NOT_JSON = b"OK"
"""What the streaming server answers about its health."""


def answers(path: Path) -> Iterator[bytes]:
    for interaction in yaml.safe_load(path.read_text())["interactions"]:
        body = interaction["response"]["body"]["string"]
        yield body if isinstance(body, bytes) else body.encode()


def heard(path: Path, handle: Handle = HANDLE) -> list[Heard]:
    return [each for body in answers(path) if body != NOT_JSON for each in parse(body, handle, AT)]


def files() -> dict[str, Path]:
    return {path.name: path for path in specs("mastodon").rglob("*.yaml")}


def test_every_recorded_file_is_classified() -> None:
    assert set(files()) == {*ITEMS, *OWN_ONLY, *NO_POSTS}
    assert len(files()) == 26


def test_every_recorded_post_is_an_item_or_a_named_reason() -> None:
    for path in files().values():
        for each in heard(path):
            assert not isinstance(each, Unreadable), (path.name, each)
            assert isinstance(each, Item) or each.reason in REASONS


@pytest.mark.parametrize("name", sorted({*ITEMS, *OWN_ONLY, *NO_POSTS}))
def test_a_recorded_file_holds_what_it_is_said_to_hold(name: str) -> None:
    found = heard(files()[name])
    assert len([each for each in found if isinstance(each, Item)]) == ITEMS.get(name, 0)
    assert bool(found) is (name not in NO_POSTS)


def test_seen_by_somebody_else_the_same_posts_are_items() -> None:
    stranger = replace(HANDLE, handle="@ana", native_id="1", base_url="https://elsewhere.example")
    counted = Counter(
        each.visibility
        for path in files().values()
        for each in heard(path, stranger)
        if isinstance(each, Item)
    )
    assert counted == {
        Visibility.PUBLIC: 13,
        Visibility.UNLISTED: 21,
        Visibility.FOLLOWERS: 2,
        Visibility.PRIVATE: 7,
    }


def test_a_recorded_mention_reads_as_it_was_written() -> None:
    mention = next(each for each in heard(files()["test_notifications.yaml"]) if isinstance(each, Item))
    assert (mention.text, mention.kind) == ("@mastodonpy_test hello!", Kind.MENTION)
    assert (
        mention.native_id == "http://localhost:3000/ap/users/117020565693913441/statuses/117020576916218297"
    )
    assert mention.answer_needs["status_id"] == "117020576916218297"
    assert mention.addressed == ("@mastodonpy_test",)


def test_a_recorded_thread_is_one_conversation() -> None:
    first, last = (each for each in heard(files()["test_entity_context.yaml"]) if isinstance(each, Item))
    assert first.native_id.endswith("/110446983178245440")
    assert last.parent_id.endswith("/110446983926957470")
