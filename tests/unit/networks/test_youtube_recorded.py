"""Every recorded payload of YouTube is an item or has a named reason."""

from __future__ import annotations

from datetime import UTC, datetime

from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, Unreadable
from allhours.networks import youtube
from allhours.networks._youtube.posts import OWN_POST, REJECTED
from tests.shared_material import specs

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHANNEL = Handle(
    network="youtube",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="https://www.googleapis.com",
    native_id="UCa-vrCLQHviTOVnEKDOdetQ",  # of the person who recorded the answers to inserts
    secret="youtube/acme-cards",
)
NO_POSTS = {
    "error_response.json": "an error",
    "info.json": "a channel's own description",
    "search_by_keywords_p1.json": "found videos, which we do not search for",
}


def test_every_recorded_comment_is_an_item_or_has_a_named_reason() -> None:
    items: list[Item] = []
    skipped: list[str] = []
    files = sorted(specs("youtube", "recorded-python-youtube").rglob("*.json"))
    for path in files:
        heard = youtube.parse(path.read_bytes(), CHANNEL, AT)
        assert bool(heard) == (path.name not in NO_POSTS), path.name
        assert not [each for each in heard if isinstance(each, Unreadable)], path.name
        items += [each for each in heard if isinstance(each, Item)]
        skipped += [each.reason for each in heard if isinstance(each, Skipped)]
    assert len(files) == 10
    assert len(items) == 11
    assert skipped == [OWN_POST, OWN_POST]
    assert set(skipped) <= {OWN_POST, REJECTED}
    assert {each.kind.value for each in items} == {"comment", "reply"}
    assert all(each.author.author_id.startswith("UC") for each in items)
