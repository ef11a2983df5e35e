"""What the clock asks the table: open cases, what is due, handovers, notices; and a whole minute of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.aws import wiring
from allhours.aws.clients import dynamodb
from allhours.aws.clock import clock_minute
from allhours.aws.due import FAR, NEVER, due_attributes, due_keys
from allhours.aws.notices import DynamoNotices
from allhours.domain import notice
from allhours.domain.case import Case, State
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import Change
from allhours.domain.router import Router
from allhours.domain.segments import Handover
from allhours.domain.service_level import ServiceLevel
from tests.builders import NIGHT, NOON, a_case, a_general_item, an_item, an_organisation
from tests.crash.faults import F
from tests.crash.seen import rows

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.item import Item
    from tests.crash.harness import World

pytestmark = pytest.mark.usefixtures("world")
HOUR = timedelta(hours=1)
LEVEL = ServiceLevel(priority=3, first_answer=3600, resolution=7200, clock="wall")
BANK = an_organisation()
BANK = replace(
    BANK, units={name: replace(unit, service_levels=(LEVEL,)) for name, unit in BANK.units.items()}
)


def routed(item: Item, at: datetime = NOON) -> Case:
    world = wiring.records().read((item.key,), (item.conversation_key,), consistent=True)
    known, case = world.known.get(item.key), world.cases.get(item.conversation_key)
    decision = Router(BANK).decide(item, known, case, item.conversation_key, at)
    wiring.records().commit(decision, at=at)
    assert decision.case is not None
    return decision.case


def open_in(unit: str) -> list[Case]:
    return [case for case in wiring.open_cases().of_unit(unit) if isinstance(case, Case)]


def written_by_another_release(case: Case, **changes: Any) -> None:
    """Change the case's row behind our back; an attribute that is None is gone from its JSON."""
    row = rows()[f"CASE#{case.case_id}"]
    body = json.loads(row["case"]["S"]) | changes
    row["case"]["S"] = json.dumps({name: value for name, value in body.items() if value is not None})
    dynamodb().put_item(TableName="records", Item=row)


def test_an_open_case_is_in_its_units_partition_until_it_closes() -> None:
    case = routed(an_item())
    assert due_keys("records", "CASES#cards", NOON, 9) == []
    assert due_keys("records", "CASES#cards", NOON + HOUR, 9) == [f"CASE#{case.case_id}"]
    assert open_in("cards") == [case]
    moved = routed(an_item("2", addressed=("@acmepay",)))
    assert (open_in("cards"), open_in("payments")) == ([], [moved])
    for native_id in ("1", "2"):
        routed(an_item(native_id, change=Change.DELETED, version=9))
    assert open_in("payments") == []
    assert rows()[f"CASE#{case.case_id}"]["due"] == {"S": "CLOSED#payments"}


def test_a_case_of_which_nothing_is_due_waits_far_away_in_the_same_partition() -> None:
    case = routed(an_item())
    done = replace(case, due={}, version=2)
    assert wiring.open_cases().save(done, case, at=NOON)
    assert rows()[f"CASE#{case.case_id}"]["due_at"]["S"] == FAR
    assert (open_in("cards"), wiring.open_cases().due("cards", NOON + 9 * HOUR, most=9)) == ([done], [])


def test_what_is_due_comes_soonest_first_and_no_more_than_asked_for() -> None:
    for number in range(1, 6):
        said = NOON - number * HOUR
        routed(an_item(str(number), conversation_id=str(number), created_at=said))
    due = wiring.open_cases().due("cards", NOON + HOUR, most=3)
    assert [case.first_item for case in due if isinstance(case, Case)] == ["x#5", "x#4", "x#3"]
    assert len(due_keys("records", "CASES#cards", NEVER, 99)) == 5


def test_the_index_is_read_page_by_page_and_throttling_is_busy() -> None:
    big = {"S": "x" * 390_000}
    for number in range(5):  # a megabyte a page
        row = {"key": {"S": f"BIG#{number}"}, "filler": big, **due_attributes("BIG", NOON)}
        dynamodb().put_item(TableName="records", Item=row)
    F.begin()
    assert len(due_keys("records", "BIG", NOON, 99)) == 5
    assert len(F.log) > 1
    F.begin({1: "throttled"})
    with pytest.raises(Busy):
        due_keys("records", "BIG", NOON, 99)
    F.end()


def test_a_case_that_a_router_changed_is_not_written_over_and_nothing_is_told() -> None:
    case = routed(an_item())
    routed(an_item("2"))
    after = case.handed_to("ben", NOON)
    told = notice.assigned(BANK, after, "ana", "why", NOON)
    assert not wiring.open_cases().save(after, case, at=NOON, notices=[told])
    assert not any(key.startswith("NOTICE#") for key in rows())


def test_a_notice_is_written_once_for_its_cause_and_found_by_case_or_unit() -> None:
    told = notice.overdue(BANK, a_case(), "resolution", NOON, NOON)
    notices = DynamoNotices("records")
    assert [notices.tell(told), notices.tell(told)] == [True, False]
    gap = notice.gap_met(BANK, a_case(unit="fraud"), NIGHT)
    assert notices.tell(gap)
    assert [one["event"] for one in wiring.records().notices(a_case().case_id)] == ["case.overdue"]
    assert [one["event"] for one in wiring.records().notices("fraud")] == ["gap.met"]


def test_a_case_in_a_gap_is_written_with_its_incident_once_a_gap() -> None:
    first = routed(a_general_item("1", conversation_id="1", text="stolen"), NIGHT)
    routed(a_general_item("2", conversation_id="2", text="stolen"), NIGHT + HOUR)
    [incident] = wiring.records().notices("fraud")
    assert incident["case_id"] == first.case_id
    assert len(open_in("fraud")) == 2


def test_a_handover_is_written_once_with_its_packet_and_the_bookmark_never_moves_back() -> None:
    handovers = wiring.handovers()
    change = Handover(at=int(NOON.timestamp()), left=frozenset(), joined=frozenset({("london", "ana")}))
    packet = notice.handover(BANK, "cards", change, [a_case()], change.at - 3600, NOON)
    assert handovers.told("cards", [change.at]) == set()
    assert [handovers.tell(packet, "cards", change.at, at=NOON) for _ in range(2)] == [True, False]
    assert handovers.told("cards", [change.at, 7]) == {change.at}
    assert handovers.last_tick() is None
    assert handovers.units_seen() == set()
    for at, unit in ((NOON, "cards"), (NIGHT, "fraud"), (NOON, "late")):
        handovers.ticked(at, ["loans", unit])
    assert handovers.last_tick() == NIGHT
    assert handovers.units_seen() == {"cards", "fraud", "loans"}


def test_a_minute_of_the_clock_hands_over_what_the_shift_before_left(world: World) -> None:
    world.clock.move_to(NOON)
    case = routed(an_item())
    other = case.handed_to("zoe", NOON)
    assert wiring.open_cases().save(other, case, at=NOON)
    for _ in range(len(BANK.units)):
        world.clock.shift(timedelta(minutes=1))
        world.run(clock_minute)
    [after] = open_in("cards")
    assert (after.owner, after.due, after.state) == ("ana", case.due, State.OPEN)
    assert [one["event"] for one in wiring.records().notices(case.case_id)] == ["case.assigned"]


def test_a_minute_of_the_clock_pages_for_what_is_overdue_and_the_next_one_does_not(world: World) -> None:
    world.clock.move_to(NOON)
    case = routed(an_item())
    world.clock.move_to(NOON + HOUR)
    for _ in range(2):
        world.run(clock_minute)
    assert [key for key in rows() if "#first_answer#" in key] == [
        f"NOTICE#case.overdue#{case.case_id}#first_answer#0",
        f"PAGE#overdue#{case.case_id}#first_answer#0",
    ]
    counts = [json.loads(line) for line in world.out.getvalue().splitlines() if '"Ticks"' in line]
    assert [one.get("CasesOverdue") for one in counts] == [[1.0], None]
    assert world.ended["done"] >= 2


@pytest.mark.parametrize("text", ['{"new_field": 1}', "[]", "{", '{"due": 7}'])
def test_rows_of_another_release_are_told_of_and_take_no_other_cases_place(text: str) -> None:
    mine = [
        routed(an_item(str(n), conversation_id=str(n), created_at=NOON - n * HOUR / 60)) for n in range(1, 6)
    ]
    for case in mine[2:]:  # the first that are due
        row = rows()[f"CASE#{case.case_id}"] | {"case": {"S": text}}
        dynamodb().put_item(TableName="records", Item=row)
    row = rows()[f"CASE#{mine[4].case_id}"]
    del row["case"]
    dynamodb().put_item(TableName="records", Item=row)
    found = wiring.open_cases().due("cards", NOON + HOUR, most=1)
    assert [each for each in found if isinstance(each, Case)] == [mine[1]]
    assert [str(each).partition(" ")[0] for each in found if isinstance(each, BadInput)] == [
        f"CASE#{case.case_id}" for case in reversed(mine[2:])
    ]
    assert {case.case_id for case in open_in("cards")} == {case.case_id for case in mine[:2]}


def test_a_minute_of_the_clock_reports_a_case_of_another_release_and_sees_to_the_others(world: World) -> None:
    world.clock.move_to(NOON)
    spoilt, fine = (routed(an_item(name, conversation_id=name)) for name in ("1", "2"))
    written_by_another_release(spoilt, new_field=1)
    for minute in range(59, 62):
        world.clock.move_to(NOON + minute * HOUR / 60)
        world.run(clock_minute)
        assert wiring.handovers().last_tick() == NOON + minute * HOUR / 60
    [after] = open_in("cards")
    assert (after.case_id, dict(after.missed)) == (fine.case_id, {"first_answer": fine.due["first_answer"]})
    assert world.ended["Busy"] == 3  # each minute says so


def test_other_hands_and_a_told_deadline_keep_no_case_longer() -> None:
    case = routed(an_item())
    until = rows()[f"CASE#{case.case_id}"]["expires_at"]
    later = NOON + timedelta(days=30)
    moved = replace(case.handed_to("ben", later), unit="payments")
    assert wiring.open_cases().save(moved, case, at=later)
    told = moved.told(["first_answer"])
    assert wiring.open_cases().save(told, moved, at=later)
    row = rows()[f"CASE#{case.case_id}"]
    assert (row["expires_at"], row["v"]["N"], row["due"]["S"]) == (until, "3", "CASES#payments")
    assert row["list"]["S"] == "KEPT#x#@acmecards"
    assert (open_in("cards"), open_in("payments")) == ([], [told])
    routed(an_item("2", created_at=later), later)  # the customer says more
    assert int(rows()[f"CASE#{case.case_id}"]["expires_at"]["N"]) == int(until["N"]) + 30 * 86_400


def test_an_expired_case_is_not_brought_back_by_a_handover() -> None:
    case = routed(an_item())
    key = {"key": {"S": f"CASE#{case.case_id}"}}
    dynamodb().delete_item(TableName="records", Key=key)
    assert not wiring.open_cases().save(case.handed_to("ben", NOON), case, at=NOON)
    assert f"CASE#{case.case_id}" not in rows()


def test_a_case_of_the_release_before_owners_and_promises_gets_both_when_the_customer_says_more(
    world: World,
) -> None:
    world.clock.move_to(NOON)
    case = routed(an_item())
    written_by_another_release(case, owner=None, owner_since=None, due=None)
    row = rows()[f"CASE#{case.case_id}"]
    del row["due"], row["due_at"]
    dynamodb().put_item(TableName="records", Item=row)
    world.run(clock_minute)
    assert (world.ended["Busy"], open_in("cards")) == (0, [])
    after = routed(an_item("2", created_at=NOON + HOUR), NOON + HOUR)
    assert (after.owner, after.due) == (case.owner, case.due)
    assert open_in("cards") == [after]
