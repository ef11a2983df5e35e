"""Every recorded payload of Discourse is items or named reasons; a new file must be classified here."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item, Skipped, Unreadable
from allhours.networks._discourse.posts import REASONS
from allhours.networks.discourse import parse
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OURS = Handle(
    network="discourse",
    account="acme",
    unit="cards",
    handle="@somebody_else",
    base_url="https://forum.example",
    settings={"staff": "heard"},  # most recordings are by the forum's own administrators
)
TOPIC = "8cf72a795bd17183781ad81da3d8e4d32441b40530a20d75fe2d8b42367922ba"
NO_PAYLOADS = ("SOURCES.md", "openapi.json")

WITH_POSTS = {
    "recorded-forum/t_2144_posts_pn_5.json": Counter({"message": 4}),
    "recorded-sourcecred/7455bbe9121a5d59055ac33df61f12cf026039e854959ab624856ab30733b8af": Counter(
        {"reply": 1}
    ),
    "recorded-sourcecred/8cf72a795bd17183781ad81da3d8e4d32441b40530a20d75fe2d8b42367922ba": Counter(
        {"post": 1, "reply": 2}
    ),
    "responses/posts/get_post_response.json": Counter({"message": 1}),
    "responses/search/query_response.json": Counter({"skipped": 1}),
    "responses/topics/new_topic_response.json": Counter({"message": 1}),
    "responses/topics/topic_response.json": Counter({"post": 1}),
}
WITHOUT_POSTS = {
    "recorded-sourcecred/1ee6ded71e72af273c37a05df3836a38952e366a72c7862629c8d1355881a295": "categories",
    "recorded-sourcecred/50aaf22f5cd69dac57d18741951865a6e4dcb600081ef58b550c5b63d92a3bab": "categories",
    "recorded-sourcecred/bb9fa3c3242dea17c8a3e8b02e03b1c0ddb9a9b5e2bdf748acd1b97786cbefae": "categories",
    "responses/notifications/get.json": "notifications: who did what, no words",
}


def heard(path: Path) -> list[Heard]:
    return list(parse(path.read_bytes(), OURS, AT))


def test_every_file_of_the_specifications_is_classified() -> None:
    folder = specs("discourse")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files - set(NO_PAYLOADS) == WITH_POSTS.keys() | WITHOUT_POSTS.keys()


@pytest.mark.parametrize("name", sorted(WITH_POSTS))
def test_a_recording_becomes_items_and_named_reasons(name: str) -> None:
    found = heard(specs("discourse", name))
    assert not [each for each in found if isinstance(each, Unreadable)]
    assert {each.reason for each in found if isinstance(each, Skipped)} <= set(REASONS)
    kinds = Counter(each.kind.value if isinstance(each, Item) else "skipped" for each in found)
    assert kinds == WITH_POSTS[name]


@pytest.mark.parametrize("name", sorted(WITHOUT_POSTS))
def test_a_recording_in_which_nobody_speaks_is_recognised(name: str) -> None:
    assert heard(specs("discourse", name)) == []


def test_a_recorded_topic_is_public_and_tells_its_title() -> None:
    posts = [
        each for each in heard(specs("discourse", "recorded-sourcecred", TOPIC)) if isinstance(each, Item)
    ]
    assert {item.visibility.value for item in posts} == {"public"}
    assert posts[0].permalink == "https://forum.example/t/my-first-test-post/11/1"
    assert posts[0].text.startswith("My First Test Post\n\n")
