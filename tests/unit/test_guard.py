"""The guard of an item: wherever an author can write, and once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.item import Author
from allhours.flows.guard import guarded
from tests.builders import an_item

CARD = "4111 1111 1111 1111"
pieces = st.sampled_from(
    [
        CARD,
        "leela@example.org",
        "DE89 3704 0044 0532 0130 00",
        "+44 20 7946 0958",
        " ",
        "card",
        "\u202e",
        "1",
        "-",
    ]
)


def test_text_name_and_links_are_masked_and_the_detectors_named() -> None:
    item = guarded(
        an_item(
            text=f"my card {CARD}",
            author=Author(author_id="1", handle="@leela", name="leela@example.org"),
            attachments=("https://example.org/?mail=leela@example.org",),
        )
    )
    assert "4111 1111" not in item.text
    assert "leela@" not in item.author.name
    assert "leela@" not in item.attachments[0]
    assert item.masked == ("card", "e-mail")


def test_an_item_without_personal_data_is_the_same_item() -> None:
    item = an_item()
    assert guarded(item) is item


@given(st.lists(pieces | st.text(max_size=8), max_size=8).map("".join), st.text(max_size=20))
def test_guarding_twice_is_guarding_once(text: str, name: str) -> None:
    once = guarded(an_item(text=text, author=Author(author_id="1", name=name), attachments=(text,)))
    assert guarded(once) == once
