"""What stops, and what goes on, when a row is of another release: nothing but the row itself waits."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import wiring
from allhours.aws.clients import dynamodb
from allhours.aws.cursors import DynamoCursors
from allhours.aws.due import due_attributes
from allhours.aws.gaps import MOST
from allhours.domain import page
from allhours.domain.errors import BadInput, Busy
from allhours.domain.notice import Notice
from allhours.domain.organisation import OnDuty
from allhours.flows.cover_ports import KnownGap
from tests.builders import NOON, a_case, an_item
from tests.crash.seen import rows, topic

if TYPE_CHECKING:
    from allhours.domain.page import Page
    from tests.crash.harness import World

MINUTE = timedelta(minutes=1)
DUTY = OnDuty(unit="cards", desk="london", members=("ana",), because="day", since=0, until=1)
ONE, TWO = (page.urgent(a_case(case_id=f"x-{number}"), DUTY, "rule stolen", NOON) for number in (1, 2))
TOLD = Notice(notice_id="gap.found#1", event="gap.found", unit="cards", at=NOON, accounts=(), body={})


def put(key: str, **values: Any) -> None:
    """Put a row as another release would."""
    dynamodb().put_item(TableName="records", Item={"key": {"S": key}, **values})


def of_another_release(one: Page) -> None:
    """Give the page a reason that this release does not know."""
    row = rows()[f"PAGE#{one.page_id}"]
    row["page"] = {"S": json.dumps({**json.loads(row["page"]["S"]), "why": "brand_new"})}
    dynamodb().put_item(TableName="records", Item=row)


def called() -> list[str]:
    return [one[3]["member"]["Value"] for one in topic("pages").sent_notifications]


def counts(world: World, name: str) -> list[float]:
    """Return what was told under this name since the world's output was last emptied."""
    lines = [json.loads(line) for line in world.out.getvalue().splitlines() if line.startswith("{")]
    return [one[name][0] for one in lines if name in one]


def emptied(world: World) -> None:
    world.out.seek(0)
    world.out.truncate()
    world.ended.clear()


def later(world: World, minutes: int) -> None:
    for _ in range(minutes):
        world.clock.shift(MINUTE)
        world.tick()
        world.forward()


def test_a_page_of_another_release_stops_no_other_page_and_nothing_else_of_the_tick(world: World) -> None:
    for one in (ONE, TWO):
        wiring.pages().call(one)
    world.forward()
    of_another_release(ONE)
    emptied(world)
    later(world, 10)
    assert called() == ["ana", "ana", "ben"]
    assert wiring.handovers().last_tick() == world.clock_now
    assert set(world.ended) == {"done", "Busy"}
    assert f"page {ONE.page_id}: PAGE#{ONE.page_id}: this release cannot read" in world.out.getvalue()


def test_forward_publishes_and_sends_beside_a_page_of_another_release_and_the_watch_tells(
    world: World,
) -> None:
    for one in (ONE, TWO):
        wiring.pages().call(one)
    of_another_release(ONE)
    world.queue_items(an_item())
    world.route()
    emptied(world)
    world.forward()
    assert (called(), len(topic("events").sent_notifications)) == (["ana"], 1)
    assert world.ended == {"done": 1}, "to send the events again would not mend the page"
    world.clock.shift(2 * MINUTE)
    world.watch()
    assert world.ended == {"done": 1, "Busy": 1}


def test_open_pages_are_listed_beside_one_of_another_release(world: World) -> None:
    for one in (ONE, TWO):
        wiring.pages().call(one)
    world.forward()
    of_another_release(ONE)
    found = list(wiring.pages().unacknowledged())
    assert [one.page for one in found if not isinstance(one, BadInput)] == [TWO]
    assert [str(one) for one in found if isinstance(one, BadInput)] == [
        f"PAGE#{ONE.page_id}: this release cannot read the row (ValueError)"
    ]


def test_a_budget_and_a_test_of_another_release_are_told_by_their_rows(world: World) -> None:
    put("BUDGET#ana", budget={"S": '{"tokens": 5}'}, v={"N": "1"}, **due_attributes("BUNDLES", NOON))
    put("REACH#ben", week={"N": "11"})
    with pytest.raises(BadInput, match="BUDGET#ana"):
        wiring.budgets().load("ana")
    assert "REACH#ben" in str(wiring.reaches().load(("ana", "ben"))["ben"])
    wiring.pages().call(ONE)
    world.forward()
    assert called() == ["ana"]
    emptied(world)
    world.tick()
    assert "the bundle of ana: BUDGET#ana" in world.out.getvalue()
    assert counts(world, "Ticks") == [1.0]


@pytest.mark.usefixtures("world")
def test_gaps_of_another_release_take_nobodys_place() -> None:
    start = int(NOON.timestamp())
    gap = KnownGap(unit="cards", kind="gap", start=start, end=start + 3600, fill="", leads=(0,))
    body = {"S": json.dumps({"unit": "cards", "windows": []})}
    for number in range(MOST):
        put(f"GAP#{number}", gap=body, v={"N": "1"}, **due_attributes("GAPS", NOON - MINUTE))
    assert wiring.gaps().found(gap, TOLD, at=NOON)
    due = wiring.gaps().due(NOON)
    assert [one.unit for one in due if isinstance(one, KnownGap)] == ["cards"]
    assert sum(isinstance(one, BadInput) for one in due) == MOST
    assert [one.unit for one in wiring.gaps().known()] == ["cards"]


@pytest.mark.usefixtures("world")
def test_a_filled_gap_of_another_release_can_open_again() -> None:
    start = int(NOON.timestamp())
    gap = KnownGap(unit="cards", kind="gap", start=start, end=start + 3600, fill="", leads=(0,))
    put(f"GAP#cards#gap#{start}#{start + 3600}", gap={"S": "{}"}, v={"N": "4"})
    assert wiring.gaps().found(gap, TOLD, at=NOON)
    assert wiring.gaps().known() == [replace(gap, again=4, version=5)]


def test_a_rota_that_cannot_be_read_leaves_paging_to_the_plan_and_lets_routing_wait(world: World) -> None:
    put("ROTA", changes={"S": '{"since": "format 9"}'}, v={"N": "1"})
    wiring.pages().call(ONE)
    world.queue_items(an_item())
    world.cold()
    emptied(world)
    world.forward()
    later(world, 10)
    assert called() == ["ana", "ben"]
    assert set(counts(world, "PagingByPlan")) == {1.0}
    assert "paging by the plan" in world.out.getvalue()
    assert "handovers: ROTA: this release cannot read the row" in world.out.getvalue()
    world.route()
    assert (len(world.waiting), "ITEM#x#1" in rows()) == (1, False)
    assert world.early == []


# What a crash or a trouble elsewhere must not hide


def at_the_end_of_its_ladder(world: World) -> int:
    """Let a page climb to a minute before its end; return after which call of a tick it is exhausted."""
    wiring.pages().call(ONE)
    world.forward()
    later(world, 29)
    world.clock.shift(MINUTE)
    kept = world.snapshot()
    for k in range(1, 20):
        world.restore(kept)
        world.cold()
        world.tick({k: "crash_after"})
        called_now = wiring.pages().load(ONE.page_id)
        if called_now and called_now.climb and called_now.climb.exhausted:
            return k
    pytest.fail("the ladder has no end")


def test_a_page_at_the_end_of_its_ladder_alarms_each_minute_until_it_is_taken_whatever_crashed(
    world: World,
) -> None:
    at_the_end_of_its_ladder(world)
    put("GAP#x", gap={"S": "{}"}, v={"N": "1"}, **due_attributes("GAPS", NOON))
    emptied(world)
    later(world, 3)
    assert counts(world, "PagesExhausted") == [1.0] * 3
    was = wiring.pages().load(ONE.page_id)
    assert was
    assert was.climb
    assert wiring.pages().save(was, was.climb.acknowledged("ana", NOON), waiting=False, at=NOON)
    emptied(world)
    later(world, 1)
    assert counts(world, "PagesExhausted") == []


def test_a_notice_that_was_told_before_does_not_keep_a_page_from_its_end(world: World) -> None:
    at_the_end_of_its_ladder(world)
    was = wiring.pages().load(ONE.page_id)
    assert was
    assert was.climb
    alive = replace(was.climb, exhausted=False, next_at=NOON)
    assert wiring.pages().save(was, alive, waiting=False, at=NOON)
    later(world, 1)
    assert wiring.pages().standing() == (1, 1)


def test_cursors_that_cannot_be_read_do_not_keep_the_sweep_from_a_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise Busy("reading a cursor")

    monkeypatch.setattr(DynamoCursors, "load", load)
    wiring.pages().call(ONE)
    world.clock.shift(2 * MINUTE)
    emptied(world)
    world.watch()
    assert called() == ["ana"]
    assert (world.ended, counts(world, "Swept")) == ({"Busy": 1}, [1.0])
