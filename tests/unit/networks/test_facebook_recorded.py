"""Every recorded payload of Facebook is an item or has a named reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Skipped, Unreadable
from allhours.networks import facebook
from allhours.networks._facebook import items as named_reasons
from tests.shared_material import specs

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANDLE = Handle(
    network="facebook",
    account="acme-cards",
    unit="cards",
    handle="Example Bank",
    base_url="https://graph.facebook.com",
    native_id="2121008874780932",
    secret="facebook-page",
)
NO_POSTS = {
    "recorded-restfb/graph-exampleErrorNew.json": "an error",
    "recorded-restfb/header-business-use-case-usage.json": "a header's value",
    "recorded-python-facebook/apidata-conversations-cvs_info.json": "a conversation without its messages",
    "recorded-python-facebook/apidata-pages-single_default_page.json": "a Page's own description",
    "recorded-python-facebook/base-token_info.json": "an answer of debug_token",
    "recorded-python-facebook/base-user_accounts_token.json": "an answer of /me/accounts",
    "recorded-python-facebook/error.json": "an error",
}
WITHOUT_IDS = {"recorded-python-facebook/apidata-comments-comments_p1.json"}  # the client asked for no `id`
REASONS = {
    value
    for name, value in vars(named_reasons).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_")
} - {named_reasons.NETWORK, named_reasons.PSID, named_reasons.UNKNOWN, named_reasons.NAMELESS}


def recorded() -> list[Path]:
    return sorted(
        path
        for folder in ("restfb", "python-facebook")
        for path in specs("facebook", f"recorded-{folder}").glob("*.json")
    )


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def test_every_recorded_post_is_an_item_or_has_a_named_reason() -> None:
    items, skipped = 0, set()
    for path in recorded():
        heard = facebook.parse(path.read_bytes(), HANDLE, AT)
        assert bool(heard) == (named(path) not in NO_POSTS), named(path)
        for each in heard:
            if named(path) in WITHOUT_IDS:
                assert isinstance(each, Unreadable), named(path)
                assert each.field == "id"
                continue
            assert not isinstance(each, Unreadable), (named(path), each)
            if isinstance(each, Skipped):
                assert each.reason in REASONS, named(path)
                skipped.add(each.reason)
            items += isinstance(each, Item)
    assert items >= 30
    assert len(skipped) >= 9


def test_every_recorded_feed_entry_is_an_item_when_a_customer_wrote_it() -> None:
    changes = set()
    for path in recorded():
        body = json.loads(path.read_bytes())
        if not path.name.startswith("feed-"):
            continue
        value = body["entry"][0]["changes"][0]["value"]
        value.pop("sender_id", None)
        value["from"] = {"id": 7463528190, "name": "Leela"}
        (heard,) = facebook.parse(json.dumps(body).encode(), HANDLE, AT)
        wordless = value["item"] in {"like", "reaction", "album"} or value["verb"] == "hide"
        assert isinstance(heard, Skipped if wordless else Item), path.name
        if isinstance(heard, Item):
            assert heard.author.author_id == "7463528190"
            changes.add((value["item"], heard.change))
    assert {item for item, change in changes if change is Change.EDITED} == {
        "comment",
        "photo",
        "post",
        "status",
        "video",
    }
    assert {item for item, change in changes if change is Change.SAID} >= {
        "comment",
        "photo",
        "post",
        "share",
        "status",
        "video",
    }
    assert ("comment", Change.DELETED) in changes


@pytest.mark.parametrize(
    "name", ["messaging-message-basic", "messaging-message-reply-1", "messaging-message-quickreply"]
)
def test_a_recorded_message_keeps_the_customers_words(name: str) -> None:
    body = specs("facebook", "recorded-restfb", f"{name}.json").read_bytes()
    (item,) = facebook.parse(body, HANDLE, AT)
    assert isinstance(item, Item)
    assert item.text == json.loads(body)["entry"][0]["messaging"][0]["message"]["text"]


def test_a_recorded_echo_is_our_own_post() -> None:
    body = specs("facebook", "recorded-restfb", "messaging-message-basic-echo.json").read_bytes()
    (heard,) = facebook.parse(body, HANDLE, AT)
    assert isinstance(heard, Skipped)
    assert heard.reason == "own post"


def test_the_observed_errors_hold_no_posts() -> None:
    for observed in json.loads(specs("facebook", "observed-errors.json").read_bytes()):
        assert facebook.parse(json.dumps(observed["body"]).encode(), HANDLE, AT) == ()
