"""Whatever a network sends in place of what it documents: nothing crashes, the others on the page go on."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allhours.aws.table import compact
from allhours.domain import page
from allhours.domain.errors import Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Skipped, Unreadable, item_from_json, item_to_json
from allhours.flows.ingest import Intake, take_in
from allhours.networks import NETWORKS, network_module
from infra.local.standins import stand_in_for
from tests.builders import FakeDeadLetters, FakeItemQueue, FakePages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.item import Heard

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
BODIES = [
    path
    for network in NETWORKS
    for path in sorted((FIXTURES / network).glob("*.json"))
    if not path.name.endswith(".item.json")
]
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", " ", "0", "-1", "null", "1e400", "\ud83d\udcb3" * 3, "مرحبا بالعالم", "\x00\u202e", "a" * 70_000]
    ),
    st.text(max_size=12).filter(lambda text: not any(0xD800 <= ord(one) < 0xE000 for one in text)),
    st.sampled_from([[], {}, [[]], [None], {"": None}, [{}] * 3, {"id": {"id": {"id": []}}}]),
)


def handle_on(network: str) -> Handle:
    planned = Handle(
        network=network, account="acmebank", unit="care", handle="@AcmeBank", base_url="", native_id="101"
    )
    told = stand_in_for(network).playing(planned).handle_settings
    return Handle(
        network=network,
        account="acmebank",
        unit="care",
        handle=str(told["handle"]),
        base_url=str(told["base_url"]),
        native_id=str(told.get("native_id", "")),
        secret=f"{network}/acmebank",
        settings=MappingProxyType(dict(told.get("settings", {}))),
    )


HANDLES = {network: handle_on(network) for network in NETWORKS}


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything in a JSON value."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def changed(body: Any, path: tuple[str | int, ...], to: object, *, gone: bool) -> Any:
    """Return a copy with one place changed, or taken out."""
    other = copy.deepcopy(body)
    at = other
    for key in path[:-1]:
        at = at[key]
    if gone:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return other


def parsed(network: str, body: object) -> tuple[Heard, ...]:
    try:
        return network_module(network).parse(json.dumps(body).encode(), HANDLES[network], AT)
    except Malformed:
        return ()


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(chosen=st.data())
def test_a_body_that_is_not_as_documented_crashes_nothing(path: Path, chosen: st.DataObject) -> None:
    network, body = path.parent.name, json.loads(path.read_text("utf-8"))
    for _ in range(chosen.draw(st.integers(1, 2))):
        somewhere = list(places(body))
        if not somewhere:
            return
        place = chosen.draw(st.sampled_from(somewhere))
        body = changed(body, place, chosen.draw(ODD), gone=chosen.draw(st.booleans()))
    heard = parsed(network, body)
    assert all(isinstance(one, (Item, Skipped, Unreadable)) for one in heard)
    queue, letters, called = FakeItemQueue(), FakeDeadLetters(), FakePages()
    take_in(heard, queue=queue, dead_letters=letters, pages=called, intake=Intake(), ours=frozenset(), at=AT)
    for item in queue.items:
        assert item.created_at <= AT
        assert item.native_id
        assert item_from_json(json.loads(compact(item_to_json(item)))).key
    pages = {page.dead_letter(letter.where, letter.reason, AT).page_id for letter in letters.letters}
    pages |= {each.page_id for each in called.written}
    assert len(pages) <= 1 + len(called.written), "a bad page calls somebody once"


def batches(body: object) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of lists of several objects."""
    for place in ((), *places(body)):
        at: Any = body
        for key in place:
            at = at[key]
        if isinstance(at, list) and len(at) > 1 and all(isinstance(each, dict) for each in at):
            yield place


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(chosen=st.data())
def test_a_bad_entry_does_not_take_its_neighbours_with_it(path: Path, chosen: st.DataObject) -> None:
    network, body = path.parent.name, json.loads(path.read_text("utf-8"))
    found = [place for place in batches(body) if entries_matter(network, body, place)]
    if not found:
        return
    place = chosen.draw(st.sampled_from(found))
    batch: Any = body
    for key in place:
        batch = batch[key]
    number = chosen.draw(st.integers(0, len(batch) - 1))
    inside = [(*place, number, *rest) for rest in places(batch[number])]
    if not inside:
        return
    others = {
        one.key
        for one in parsed(network, changed(body, (*place, number), None, gone=True))
        if isinstance(one, Item)
    }
    bad = changed(
        body, chosen.draw(st.sampled_from(inside)), chosen.draw(ODD), gone=chosen.draw(st.booleans())
    )
    still = {one.key for one in parsed(network, bad) if isinstance(one, Item)}
    assert others <= still


def entries_matter(network: str, body: Any, place: tuple[str | int, ...]) -> bool:
    """Return whether a list holds posts: taking any of them out leaves fewer, and nothing else changes."""
    whole = {one.key for one in parsed(network, body) if isinstance(one, Item)}
    batch = body
    for key in place:
        batch = batch[key]
    for number in range(len(batch)):
        less = {
            one.key
            for one in parsed(network, changed(body, (*place, number), None, gone=True))
            if isinstance(one, Item)
        }
        if not less < whole:
            return False
    return True
