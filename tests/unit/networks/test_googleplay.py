"""What Google Play's JSON means where it says so only between the lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from allhours.domain.handle import Handle
from allhours.domain.item import Item, Unreadable
from allhours.networks.googleplay import parse
from tests.unit.standins.reviews_wire import AT

PAGE_OF_ONE = "user-feedback/review-details"
APP = Handle(
    network="googleplay",
    account="acme",
    unit="cards",
    handle="Acme Bank",
    base_url="https://androidpublisher.googleapis.com",
    native_id="com.acme.bank",
)


def review(**said: object) -> dict[str, Any]:
    comment = {"text": "Slow", "lastModified": {"seconds": "1795102502"}, "starRating": 1, **said}
    return {"reviewId": "gp:A/1", "authorName": "Leela", "comments": [{"userComment": comment}]}


def heard(body: object, handle: Handle = APP) -> Item | Unreadable:
    (one,) = parse(json.dumps(body).encode(), handle, AT)
    assert isinstance(one, Item | Unreadable)
    return one


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Title\tBody", "Title\n\nBody"),
        ("\tBody", "Body"),
        ("Title\t", "Title"),
        ("No title", "No title"),
        ("One\tTwo\tThree", "One\n\nTwo\tThree"),
    ],
)
def test_title_and_body_are_parted_at_the_first_tab(text: str, shown: str) -> None:
    item = heard(review(text=text))
    assert isinstance(item, Item)
    assert item.text == shown


def test_the_words_as_written_are_kept_where_google_translated_them() -> None:
    item = heard(review(text="Slow", originalText="Langsam"))
    assert isinstance(item, Item)
    assert item.text == "Langsam"


def test_a_review_from_a_clock_ahead_of_ours_is_not_from_the_future() -> None:
    item = heard(review(lastModified={"seconds": str(int(AT.timestamp()) + 3_600), "nanos": 5}))
    assert isinstance(item, Item)
    assert item.created_at == AT


@pytest.mark.parametrize(
    "stamp",
    [
        None,
        {},
        {"seconds": ""},
        {"seconds": "-1"},
        {"seconds": "9" * 30},
        {"seconds": True},
        {"seconds": "²"},
        {"seconds": "1", "nanos": "5"},
        {"seconds": "1", "nanos": -1},
        {"seconds": "1", "nanos": 10**9},
    ],
)
def test_a_time_that_is_none_makes_the_review_unreadable(stamp: object) -> None:
    assert isinstance(heard(review(lastModified=stamp)), Unreadable)


def test_seconds_are_taken_as_a_number_too() -> None:
    item = heard(review(lastModified={"seconds": 1_763_629_502}))
    assert isinstance(item, Item)
    assert item.created_at == datetime(2025, 11, 20, 9, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("console", "permalink"),
    [
        (
            "https://console.example/app/2/",
            f"https://console.example/app/2/{PAGE_OF_ONE}?reviewId=gp%3AA%2F1",
        ),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_the_permalink_is_made_of_the_consoles_address(console: str, permalink: str) -> None:
    handle = Handle(
        network="googleplay", account="a", unit="u", handle="h", base_url="b", settings={"console": console}
    )
    item = heard(review(), handle)
    assert isinstance(item, Item)
    assert item.permalink == permalink
