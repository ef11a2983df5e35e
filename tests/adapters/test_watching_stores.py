"""What the watch over networks keeps: sums spent, usual rates, how connections were."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from allhours.aws import wiring
from allhours.aws.clients import dynamodb
from allhours.domain.errors import BadInput, Busy
from allhours.domain.expected import Rate
from allhours.domain.item import Author
from allhours.networks.contract import Health
from tests.adapters.test_records import decided
from tests.builders import NOON, a_handle, an_item
from tests.crash.faults import F
from tests.crash.seen import rows

pytestmark = pytest.mark.usefixtures("world")
CARDS, PAY = a_handle(), a_handle("@acmepay", account="acmepay")


def test_sums_are_added_up_by_purse_and_day_and_go_after_weeks() -> None:
    store = wiring.spendings()
    assert store.total("x#acmecards", "2026-11-20") == 0
    for _ in range(3):
        store.add("x#acmecards", "2026-11-20", 0.001)
    store.add("x#acmecards", "2026-11-21", 5)
    assert store.total("x#acmecards", "2026-11-20") == pytest.approx(0.003)
    assert "expires_at" in rows()["SPENT#x#acmecards#2026-11-20"]


def test_a_table_that_is_busy_is_said_to_be() -> None:
    F.begin({1: "throttled"})
    try:
        with pytest.raises(Busy, match="what was spent"):
            wiring.spendings().total("x#acmecards", "2026-11-20")
    finally:
        F.end()


def test_a_rate_is_kept_and_the_later_of_two_writers_gives_way() -> None:
    store = wiring.rates()
    assert store.load([CARDS, PAY]) == {}
    store.save(CARDS, None, Rate(hours=1))
    was = store.load([CARDS])[CARDS.key]
    store.save(CARDS, was, Rate(hours=2))
    store.save(CARDS, was, Rate(hours=99))
    store.save(CARDS, None, Rate(hours=99))
    assert store.load([CARDS, PAY])[CARDS.key].rate.hours == 2


def test_a_rate_of_another_release_is_named() -> None:
    wiring.rates().save(CARDS, None, Rate())
    overwritten = {"key": {"S": f"RATE#{CARDS.key}"}, "rate": {"S": "{}"}, "v": {"N": "1"}}
    dynamodb().put_item(TableName="records", Item=overwritten)
    with pytest.raises(BadInput, match="RATE#"):
        wiring.rates().load([CARDS])


def test_conversations_are_found_by_when_they_began() -> None:
    for number in range(4):
        item = an_item(
            str(number),
            conversation_id=str(number),
            author=Author(author_id=str(number)),
            created_at=NOON - timedelta(hours=number),
        )
        wiring.records().commit(decided(item), at=NOON)
    store, handle = wiring.conversations(), replace(CARDS, handle=an_item().handle)
    begun = store.begun(handle, since=NOON - timedelta(hours=2), until=NOON)
    assert sorted(begun) == [NOON - timedelta(hours=2), NOON - timedelta(hours=1)]
    assert store.newest(handle) == NOON
    assert store.newest(PAY) is None


def test_the_newest_conversation_is_asked_for_alone() -> None:
    """It is asked each minute for each handle that is quiet: a page of the list is a megabyte."""
    for number in range(3):
        item = an_item(str(number), conversation_id=str(number), author=Author(author_id=str(number)))
        wiring.records().commit(decided(item), at=NOON)
    handle = replace(CARDS, handle=an_item().handle)
    asked = list[object]()

    def see(params: dict[str, object], **_: object) -> None:
        asked.append(params.get("Limit"))

    events = dynamodb().meta.events
    events.register("before-parameter-build.dynamodb.Query", see)
    try:
        wiring.conversations().newest(handle)
    finally:
        events.unregister("before-parameter-build.dynamodb.Query", see)
    assert asked == [1]


def test_how_a_connection_was_is_kept_over_what_was_seen_before() -> None:
    store = wiring.connections()
    seen = Health(
        token_expires=NOON + timedelta(days=9),
        webhook="subscribed",
        webhook_ok=True,
        quota="12 of 10,000 units",
        quota_used=0.0012,
        notes=("the account is private",),
    )
    store.save(CARDS, Health(), at=NOON)
    store.save(CARDS, seen, at=NOON + timedelta(hours=1))
    loaded = store.load([CARDS, PAY])
    assert loaded.keys() == {CARDS.key}
    assert (loaded[CARDS.key].health, loaded[CARDS.key].at) == (seen, NOON + timedelta(hours=1))
