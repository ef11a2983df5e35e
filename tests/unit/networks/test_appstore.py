"""What tells two states of an App Store review apart, which has no date of modification."""

from __future__ import annotations

import json

from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks._appstore.posts import edited
from allhours.networks.appstore import parse
from tests.unit.standins.reviews_wire import AT

APP = Handle(
    network="appstore",
    account="acme",
    unit="cards",
    handle="Acme Bank",
    base_url="https://api.appstoreconnect.apple.com",
    native_id="310633997",
)


def review(body: str, rating: int = 1) -> Item:
    told = {"rating": rating, "title": "T", "body": body, "createdDate": "2026-11-20T01:15:02-08:00"}
    row = {"type": "customerReviews", "id": "1", "attributes": told}
    (one,) = parse(json.dumps({"data": row}).encode(), APP, AT)
    assert isinstance(one, Item)
    return one


def test_the_same_words_and_stars_are_the_same_state() -> None:
    assert edited(review("Slow"), review("Slow")) is None


def test_other_words_or_stars_are_a_newer_state() -> None:
    for now in (review("Slower"), review("Slow", rating=2)):
        change = edited(review("Slow"), now)
        assert change is not None
        assert change.version == 1


def test_no_digest_of_a_card_number_is_kept() -> None:
    one, other = review("It shows 4111 1111 1111 1111"), review("It shows 4111-1111-1111-1111")
    assert one.answer_needs["state"] == other.answer_needs["state"]
