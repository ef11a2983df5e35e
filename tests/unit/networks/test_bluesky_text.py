"""What Bluesky wants of a text: graphemes and bytes, and facets that count bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.networks._bluesky.text import facets, graphemes
from allhours.networks.contract import DefiniteNo
from infra.local.standins.bluesky_world import BRAND
from tests.unit.standins.bluesky_desk import Desk

if TYPE_CHECKING:
    from allhours.domain.item import Item

HELLO = f"@{BRAND} my card is lost"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def asked(desk: Desk) -> Item:
    """Return Leela's post."""
    return desk.hears(desk.stand_in.say("leela", HELLO))


def test_facets_count_bytes_and_handles_are_looked_up(desk: Desk, asked: Item) -> None:
    text = "😡 @leela.example.com, see https://acme.example/a_(b). Not @nobody.example #Cards!"
    record = json.loads(desk.prepared(asked, text).fixed["record"])
    raw = text.encode()
    told = [
        (raw[each["index"]["byteStart"] : each["index"]["byteEnd"]].decode(), each["features"][0])
        for each in record["facets"]
    ]
    assert [what for what, _ in told] == ["@leela.example.com", "https://acme.example/a_(b)", "#Cards"]
    assert told[0][1] == {"$type": "app.bsky.richtext.facet#mention", "did": asked.author.author_id}
    assert told[1][1]["uri"] == "https://acme.example/a_(b)"
    assert told[2][1]["tag"] == "Cards"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail desk@acme.example", []),
        ("#1 in town, #️⃣ and x#y", []),
        ("(https://acme.example)", ["https://acme.example"]),
        ('"https://acme.example/?q=1#top"!', ["https://acme.example/?q=1#top"]),
        ("#" + "x" * 65, []),
        ("https://a.example https://b.example", ["https://a.example", "https://b.example"]),
        ("nothing", []),
        ("http://", []),
    ],
)
def test_what_is_no_link_or_tag_stays_plain(text: str, found: list[str]) -> None:
    raw = text.encode()
    told = [each["index"] for each in facets(text, lambda _name: "")]
    assert [raw[each["byteStart"] : each["byteEnd"]].decode() for each in told] == found  # type: ignore[index]


@given(st.text())
def test_facets_never_cut_a_character(text: str) -> None:
    raw = text.encode("utf-8", "replace")
    for each in facets(text, lambda _name: "did:plc:leela"):
        index = each["index"]
        assert isinstance(index, dict)
        raw[index["byteStart"] : index["byteEnd"]].decode()


@pytest.mark.parametrize(
    ("text", "used", "used_bytes", "fits"),
    [
        ("a" * 300, 300, 300, True),
        ("a" * 301, 301, 301, False),
        ("", 0, 0, False),
        ("👩‍👩‍👧‍👦" * 120, 120, 3_000, True),
        ("👩‍👩‍👧‍👦" * 121, 121, 3_025, False),
        ("e\u0301" * 300, 300, 900, True),
    ],
)
def test_a_post_counts_what_a_reader_sees_and_bytes(
    desk: Desk, asked: Item, text: str, used: int, used_bytes: int, *, fits: bool
) -> None:
    lengths = desk.answers.length(text, asked, private=False)
    assert [length.used for length in lengths] == [used, used_bytes]
    assert [length.allowed for length in lengths] == [300, 3_000]
    assert all(length.fits for length in lengths) is fits


def test_a_direct_message_may_be_longer(desk: Desk, asked: Item) -> None:
    assert all(length.fits for length in desk.answers.length("a" * 1_000, asked, private=True))
    assert not all(length.fits for length in desk.answers.length("a" * 1_001, asked, private=True))


def test_the_rule_agrees_with_the_server(desk: Desk, asked: Item) -> None:
    fits, over = "👩‍👩‍👧‍👦" * 120, "👩‍👩‍👧‍👦" * 121
    desk.send(desk.prepared(asked, fits))
    with pytest.raises(DefiniteNo):
        desk.send(desk.prepared(asked, over, reply="r2"))
    assert [graphemes(shown.text) for shown in desk.stand_in.shown] == [120]
