"""Every recorded payload of Threads is an item or has a named reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain.handle import Handle
from allhours.domain.item import Item, Kind, Skipped, Unreadable
from allhours.networks import threads
from allhours.networks._threads import posts
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

    from allhours.domain.item import Heard

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANDLE = Handle(
    network="threads",
    account="acme-cards",
    unit="cards",
    handle="@bank_example",
    base_url="https://graph.threads.net",
    native_id="123456789",
    secret="threads",
)
NO_POSTS = {
    "recorded-restfb/media-container-success.json": "a container",
    "recorded-restfb/basic-profile.json": "a profile",
    "recorded-restfb/basic-quota.json": "a quota",
    "recorded-python-facebook/threads_user_long_lived_token.json": "an answer of the token endpoint",
    "recorded-python-facebook/threads_user_token.json": "an answer of the token endpoint",
}
REASONS = {
    value
    for name, value in vars(posts).items()
    if name.isupper() and isinstance(value, str) and name[0] != "_"
}


def recorded() -> list[Path]:
    folders = ("recorded-restfb", "recorded-python-facebook", "synthetic")
    return sorted(path for folder in folders for path in specs("threads", folder).glob("*.json"))


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def test_every_recorded_post_is_an_item_or_has_a_named_reason() -> None:
    kinds = []
    for path in recorded():
        heard = threads.parse(path.read_bytes(), HANDLE, AT)
        assert bool(heard) == (named(path) not in NO_POSTS), named(path)
        for each in heard:
            assert not isinstance(each, Unreadable), (named(path), each)
            assert not isinstance(each, Skipped) or each.reason in REASONS, named(path)
            kinds += [each.kind] if isinstance(each, Item) else []
    assert sorted(kinds) == sorted([Kind.MENTION, *[Kind.REPLY] * 4, Kind.POST])


def test_the_examples_of_metas_collection_are_read_as_well() -> None:
    body = json.loads(specs("threads", "postman", "threads-api.postman_collection.json").read_bytes())
    heard: list[Heard] = []

    def walk(each: dict[str, Any]) -> None:
        for inner in each.get("item", []):
            walk(inner)
        for response in each.get("response", []):
            try:
                json.loads(response.get("body") or "-")
            except ValueError:
                continue  # some examples have <string> where a value stands
            heard.extend(threads.parse(response["body"].encode(), HANDLE, AT))

    walk(body)
    assert sum(isinstance(each, Item) for each in heard) >= 3
    assert not any(isinstance(each, Unreadable) for each in heard)


def test_the_observed_errors_hold_no_posts() -> None:
    for observed in json.loads(specs("threads", "observed-errors.json").read_bytes()):
        assert threads.parse(json.dumps(observed["body"]).encode(), HANDLE, AT) == ()
