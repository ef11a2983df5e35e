"""An item's JSON: what goes onto the queue comes off it, and anything else is named and turned down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import BadInput
from allhours.domain.item import Author, Change, Item, Kind, Visibility, item_from_json, item_to_json
from tests.builders import NOON, an_item

words = st.text(max_size=30)
names = st.text(min_size=1, max_size=12)
items = st.builds(
    Item,
    network=names,
    native_id=names,
    account=names,
    handle=names,
    conversation_id=names,
    author=st.builds(Author, author_id=names, handle=words, name=words),
    created_at=st.datetimes(
        min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2999, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.just(UTC),
    ),
    kind=st.sampled_from(Kind),
    text=words,
    change=st.sampled_from(Change),
    version=st.integers(0, 10**19),
    visibility=st.sampled_from(Visibility),
    language=words,
    parent_id=words,
    permalink=words,
    addressed=st.lists(names, max_size=3).map(tuple),
    attachments=st.lists(names, max_size=3).map(tuple),
    answer_needs=st.dictionaries(names, words, max_size=3).map(MappingProxyType),
    masked=st.lists(names, max_size=3).map(tuple),
    audience=st.integers(-1, 10**9),
)


@given(items)
def test_an_item_comes_off_the_queue_as_it_went_on(item: Item) -> None:
    assert item_from_json(json.loads(json.dumps(item_to_json(item)))) == item


def test_what_is_usual_is_left_out_of_the_message() -> None:
    usual = {"change", "version", "visibility", "language", "masked", "answer_needs", "audience"}
    assert usual.isdisjoint(item_to_json(an_item()))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    [*item_to_json(an_item()), "version", "change", "visibility", "answer_needs", "masked"]
)


@given(st.dictionaries(fields, json_values, min_size=1, max_size=4))
def test_a_broken_message_is_an_item_or_bad_input_and_nothing_else(broken: dict[str, object]) -> None:
    try:
        item = item_from_json({**item_to_json(an_item()), **broken})
    except BadInput as error:
        told = str(error)
    else:
        assert isinstance(item.author.name, str)
        return
    assert len(told) < 200


@pytest.mark.parametrize("body", [[], "text", None, 3, {}])
def test_what_is_no_object_with_our_fields_is_bad_input(body: object) -> None:
    with pytest.raises(BadInput):
        item_from_json(body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created_at", "2027-03-15T12:00:00"),
        ("created_at", "0001-01-01T00:00:00+14:00"),
        ("version", float("inf")),
        ("kind", "shout"),
        ("id", ""),
    ],
)
def test_a_wrong_field_is_bad_input_that_names_the_item(field: str, value: object) -> None:
    body = {**item_to_json(an_item("17")), field: value}
    with pytest.raises(BadInput, match="x#"):
        item_from_json(body)


def test_a_missing_field_is_named() -> None:
    body = item_to_json(an_item("17"))
    del body["conversation_id"]
    with pytest.raises(BadInput, match=r"x#17: field 'conversation_id' is missing"):
        item_from_json(body)


def test_bad_input_never_tells_what_was_said() -> None:
    body = item_to_json(an_item(text="my secret words", author=Author(author_id="1", name="Leela Turanga")))
    body["kind"] = "my secret words"
    with pytest.raises(BadInput) as told:
        item_from_json(body)
    assert "secret" not in str(told.value)
    assert "Turanga" not in str(told.value)


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    body = {**item_to_json(an_item()), "created_at": "2027-03-15T17:30:00+05:30"}
    assert item_from_json(body).created_at == NOON
