"""The shared facts about review sites hold no recordings: descriptions, and four lines written by hand."""

from __future__ import annotations

import json

from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item
from allhours.networks import network_module
from tests.shared_material import shared, specs
from tests.unit.standins.reviews_wire import AT

NO_REVIEWS = {
    "SOURCES.md": "where the files come from",
    "androidpublisher.v3.json": "Google's description of the API; held against the stand-in",
    "google-business-profile/legacy-v4.json": "Google's description of the API; held against the stand-in",
    "mybusinessaccountmanagement.v1.json": "Google's description of the API for accounts",
    "mybusinessnotifications.v1.json": "Google's description of the notifications that we leave alone",
}


def test_a_new_file_beside_the_descriptions_is_noticed() -> None:
    folder = specs("reviews")
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(NO_REVIEWS)


def test_the_examples_of_the_fact_sheet_are_items() -> None:
    examples = shared("networks", "reviews.md").read_text().partition("```json")[2].partition("```")[0]
    decoder, found, rest = json.JSONDecoder(), [], examples.strip()
    while rest:
        body, end = decoder.raw_decode(rest)
        found.append(body)
        rest = rest[end:].strip()
    play, apple, business, trustpilot = found
    items = [
        *heard("googleplay", {"reviews": [play]}),
        *heard("appstore", {"data": [apple]}),
        *heard("googlebusiness", {"reviews": [business]}),
        *heard("trustpilot", {"reviews": [trustpilot]}),
    ]
    assert [(type(item).__name__, item.native_id) for item in items] == [
        ("Item", "gp:AOqpTOE…"),
        ("Item", "00000054-aaaa"),
        ("Item", "AbFv"),
        ("Item", "655b…"),
    ]
    assert [item.rating for item in items if isinstance(item, Item)] == [1, 1, 1, 1]


def heard(network: str, body: object) -> tuple[Heard, ...]:
    handle = Handle(network=network, account="a", unit="u", handle="h", base_url="https://x.example")
    return network_module(network).parse(json.dumps(body).encode(), handle, AT)
