"""Every recorded payload of Instagram is an item or has a named reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Skipped, Unreadable
from allhours.networks import instagram
from allhours.networks._instagram import messages, posts
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANDLE = Handle(
    network="instagram",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="https://graph.instagram.com",
    native_id="17841400000000001",
    secret="instagram",
)
NO_POSTS = {
    "recorded-restfb/accesstoken.json": "an answer of the token endpoint",
    "recorded-restfb/content_publishing_limit.json": "a quota",
    "recorded-restfb/conversation.json": "a conversation without its messages",
    "recorded-python-facebook/users-user_fields.json": "an account's own description",
}
REASONS = {
    value
    for module in (posts, messages)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
}


def recorded() -> list[Path]:
    folders = ("recorded-restfb", "recorded-python-facebook", "synthetic")
    return sorted(path for folder in folders for path in specs("instagram", folder).glob("*.json"))


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def test_every_recorded_post_is_an_item_or_has_a_named_reason() -> None:
    items, skipped = 0, set()
    for path in recorded():
        heard = instagram.parse(path.read_bytes(), HANDLE, AT)
        assert bool(heard) == (named(path) not in NO_POSTS), named(path)
        for each in heard:
            assert not isinstance(each, Unreadable), (named(path), each)
            if isinstance(each, Skipped):
                assert each.reason in REASONS, named(path)
                skipped.add(each.reason)
            items += isinstance(each, Item)
    assert items >= 18
    assert len(skipped) >= 3


def test_the_recorded_words_and_the_unsent_message_arrive() -> None:
    changes = {}
    for path in recorded():
        for each in instagram.parse(path.read_bytes(), HANDLE, AT):
            if isinstance(each, Item):
                changes[path.stem] = (each.change, bool(each.text))
    assert changes["comments-changes-shape"] == changes["comments-flat-shape"] == (Change.SAID, True)
    assert changes["wh-comments-2021"] == (Change.SAID, True)
    assert changes["message-unsend"] == (Change.DELETED, False)


def test_the_observed_errors_hold_no_posts() -> None:
    for observed in json.loads(specs("instagram", "observed-errors.json").read_bytes()):
        assert instagram.parse(json.dumps(observed["body"]).encode(), HANDLE, AT) == ()
