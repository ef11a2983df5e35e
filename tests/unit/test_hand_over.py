"""Handovers: once each, cases with one owner after each, whatever ticks come late, twice or together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours.domain.changes import Change
from allhours.domain.errors import BadInput, Busy
from allhours.domain.rota import Desk, Rotation, Shift
from allhours.domain.service_level import ServiceLevel
from allhours.flows import hand_over as flow
from allhours.flows.hand_over import HandedOver, hand_over
from tests.builders import FakeHandovers, FakeOpenCases, a_case, an_organisation

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation

MONDAY = datetime(2027, 3, 15, tzinfo=UTC)
FOUR = MONDAY + timedelta(hours=16)  # the end of fraud's day
EIGHT = MONDAY + timedelta(hours=8)
MINUTE = timedelta(minutes=1)


def two_desks(**changes: Any) -> Organisation:
    """Let Ana work at fraud's desk in London from eight to four, Ben in New York from noon to midnight."""
    bank = an_organisation()
    days = frozenset(range(7))
    london = Shift(shift_id="ldn", desk="london", days=days, start=480, end=960)
    newyork = Shift(shift_id="ny", desk="newyork", days=days, start=720, end=1440)
    desks = {
        "london": Desk(desk_id="london", zone="UTC", members=("ana",)),
        "newyork": Desk(desk_id="newyork", zone="UTC", members=("ben",)),
    }
    fraud = bank.units["fraud"]
    rota = replace(fraud.rota, desks=desks, shifts=(london, newyork))
    return replace(bank, units={**bank.units, "fraud": replace(fraud, rota=rota, **changes)})


def a_fraud_case(name: str = "x-1", owner: str = "ana", **changes: Any) -> Any:
    return a_case(case_id=name, unit="fraud", account="acmesafe", owner=owner, owner_since=MONDAY, **changes)


def ticked(
    cases: FakeOpenCases, handovers: FakeHandovers, at: datetime, organisation: Organisation | None = None
) -> HandedOver:
    return hand_over(organisation=organisation or two_desks(), cases=cases, handovers=handovers, at=at)


def world(*cases: Any, last: datetime | None = None) -> tuple[FakeOpenCases, FakeHandovers]:
    return FakeOpenCases(cases={one.case_id: one for one in cases}), FakeHandovers(bookmark=last)


def test_a_case_whose_owner_left_moves_and_its_clocks_do_not() -> None:
    due = {"first_answer": FOUR + timedelta(hours=3)}
    cases, handovers = world(a_fraud_case(due=due), last=FOUR - MINUTE)
    assert ticked(cases, handovers, FOUR).moved == 1
    moved = cases.cases["x-1"]
    assert (moved.owner, moved.owner_since, moved.version) == ("ben", FOUR, 2)
    assert (moved.due, moved.opened_at) == (due, a_case().opened_at)
    [told] = cases.notices
    assert (told.event, told.body["owner_before"], told.body["owner"]) == ("case.assigned", "ana", "ben")
    assert told.notice_id == "case.assigned#x-1#2"
    assert told.accounts == ("acmesafe",)


def test_who_is_still_on_duty_keeps_the_case_though_others_join() -> None:
    noon = MONDAY + timedelta(hours=12)
    cases, handovers = world(a_fraud_case(), last=noon - MINUTE)
    assert ticked(cases, handovers, noon) == HandedOver(handovers=1)
    assert cases.cases["x-1"].owner == "ana"


def test_the_policy_queue_gives_the_case_back_to_the_desk() -> None:
    cases, handovers = world(a_fraud_case(), last=FOUR - MINUTE)
    queue = two_desks(handover="queue")
    ticked(cases, handovers, FOUR, queue)
    assert cases.cases["x-1"].owner == "desk:newyork"
    assert ticked(cases, handovers, FOUR + MINUTE, queue).moved == 0  # a desk that is on duty may own it


def test_in_a_gap_the_one_who_stands_in_owns_it_until_somebody_is_there() -> None:
    night = MONDAY + timedelta(days=1)
    cases, handovers = world(a_fraud_case(owner="ben"), last=night - MINUTE)
    ticked(cases, handovers, night)
    assert cases.cases["x-1"].owner == "ana"  # of the fallback desk, London
    cases.put(replace(cases.cases["x-1"], owner="ben"))
    handovers.bookmark = night + timedelta(hours=8) - MINUTE
    ticked(cases, handovers, night + timedelta(hours=8))
    assert cases.cases["x-1"].owner == "ana"


def test_the_packet_says_who_left_what_is_open_due_urgent_overdue_promised_and_new() -> None:
    earlier = FOUR - timedelta(hours=5)  # before noon, when duty changed hands before
    later = FOUR - timedelta(hours=1)
    cases, handovers = world(
        a_fraud_case("x-1", opened_at=earlier, due={"resolution": FOUR + timedelta(hours=9)}),
        a_fraud_case("x-2", opened_at=later, priority=1, due={"first_answer": FOUR + MINUTE}),
        a_fraud_case("x-3", opened_at=earlier, missed={"first_answer": later}, held=True),
        a_fraud_case(
            "x-4", opened_at=earlier, missed={"first_answer": earlier}, reopened=1, counted_from=later
        ),
        last=FOUR - MINUTE,
    )
    ticked(cases, handovers, FOUR)
    [packet] = handovers.packets.values()
    assert (packet.event, packet.unit, packet.notice_id) == (
        "handover",
        "fraud",
        f"handover#fraud#{int(FOUR.timestamp())}",
    )
    body = packet.body
    assert body["left"] == [{"desk": "london", "member": "ana"}]
    assert body["joined"] == []
    assert (body["open"], body["urgent"], body["overdue"], body["promised"]) == (4, 1, 2, 1)
    assert [(one["case_id"], one["kind"], one["owner"]) for one in body["due_next"]] == [
        ("x-2", "first_answer", "ben"),
        ("x-1", "resolution", "ben"),
    ]
    assert body["new"] == {"opened": 1, "reopened": 1, "overdue": 1}
    assert body["since"] == "2027-03-15T12:00:00.000+00:00"


def test_a_packet_lists_ten_deadlines_at_most() -> None:
    many = [a_fraud_case(f"x-{n}", due={"resolution": FOUR + n * MINUTE}) for n in range(30)]
    cases, handovers = world(*many, last=FOUR - MINUTE)
    ticked(cases, handovers, FOUR)
    [packet] = handovers.packets.values()
    assert len(packet.body["due_next"]) == 10
    assert packet.body["open"] == 30


def test_a_router_that_looked_a_second_before_the_boundary_is_caught() -> None:
    cases, handovers = world(last=FOUR - MINUTE)
    ticked(cases, handovers, FOUR)
    cases.put(a_fraud_case())
    ticked(cases, handovers, FOUR + MINUTE)
    assert cases.cases["x-1"].owner == "ben"
    assert len(handovers.packets) == 1


def test_every_unit_has_its_turn_though_no_boundary_is_near() -> None:
    cases, handovers = world(a_fraud_case(), last=FOUR + timedelta(hours=1))
    for minute in range(len(two_desks().units)):
        ticked(cases, handovers, FOUR + timedelta(hours=1, minutes=minute))
    assert cases.cases["x-1"].owner == "ben"
    assert handovers.packets == {}


def test_who_is_sick_leaves_at_once() -> None:
    away = Change(
        change_id="c1",
        kind="leave",
        unit="",
        start=int((FOUR + timedelta(hours=1)).timestamp()),
        end=int((FOUR + timedelta(hours=8)).timestamp()),
        by="ben",
        made_at=int(FOUR.timestamp()),
        remove="ben",
    )
    cases, handovers = world(a_fraud_case(owner="ben"), last=FOUR + timedelta(minutes=59))
    ticked(cases, handovers, FOUR + timedelta(hours=1), replace(two_desks(), changes=(away,)))
    assert cases.cases["x-1"].owner == "ana"  # nobody is left: the fallback desk's member stands in


def test_a_case_that_a_router_changes_meanwhile_is_read_again() -> None:
    cases, handovers = world(a_fraud_case(), last=FOUR - MINUTE)
    cases.meanwhile = [lambda: cases.put(replace(cases.cases["x-1"], items=2, version=2))]
    ticked(cases, handovers, FOUR)
    after = cases.cases["x-1"]
    assert (after.owner, after.items, after.version) == ("ben", 2, 3)


def test_the_bookmark_waits_for_a_unit_that_could_not_be_handled() -> None:
    cases, handovers = world(a_fraud_case(), last=FOUR - MINUTE)
    handovers.busy = 1
    done = ticked(cases, handovers, FOUR)
    with pytest.raises(Busy, match="handover of fraud"):
        done.check()
    assert (handovers.bookmark, handovers.packets, done.behind) == (FOUR - MINUTE, {}, 1)
    later = FOUR + timedelta(hours=3)  # far beyond the ten minutes: the bookmark has kept the place
    ticked(cases, handovers, later)
    assert handovers.bookmark == later
    assert [at for _, at in handovers.packets] == [int(FOUR.timestamp())]


def test_a_case_that_cannot_be_read_is_reported_each_minute_and_holds_up_nothing() -> None:
    cases, handovers = world(a_fraud_case(), last=FOUR - MINUTE)
    cases.unreadable = {"fraud": [BadInput("CASE#x-9 holds no case"), *map(BadInput, "abc")]}
    for minute in (FOUR, FOUR + MINUTE):
        done = ticked(cases, handovers, minute)
        assert done.troubles == ["handover of fraud: CASE#x-9 holds no case, a, b and 1 more"]
        assert (handovers.bookmark, done.behind) == (minute, 0)
    assert cases.cases["x-1"].owner == "ben"
    [packet] = handovers.packets.values()
    assert packet.body["open"] == 1


def test_a_case_that_cannot_be_written_is_reported_and_holds_up_nothing() -> None:
    cases, handovers = world(*(a_fraud_case(f"x-{n}") for n in range(4)), last=FOUR - MINUTE)
    cases.stuck = {"x-0", "x-2"}
    done = ticked(cases, handovers, FOUR)
    assert done.troubles == ["handover of fraud: changing a case: ValidationError"]
    assert [cases.cases[f"x-{n}"].owner for n in range(4)] == ["ana", "ben", "ana", "ben"]
    assert (len(handovers.packets), handovers.bookmark) == (1, FOUR)
    cases.stuck = set()
    ticked(cases, handovers, FOUR + MINUTE)
    assert {one.owner for one in cases.cases.values()} == {"ben"}


def test_when_the_table_turns_all_down_a_tick_does_not_try_every_case() -> None:
    cases, handovers = world(*(a_fraud_case(f"x-{n}") for n in range(30)), last=FOUR - MINUTE)
    cases.busy = 30
    done = ticked(cases, handovers, FOUR)
    assert (cases.busy, handovers.packets, handovers.bookmark) == (20, {}, FOUR - MINUTE)
    assert done.troubles[0] == "handover of fraud: changing a case: throttled"


def test_more_cases_than_one_tick_moves_are_moved_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_MOVED", 2)
    cases, handovers = world(*(a_fraud_case(f"x-{n}") for n in range(5)), last=FOUR - MINUTE)
    ends = [ticked(cases, handovers, FOUR + n * MINUTE) for n in range(3)]
    assert [(end.moved, end.behind, end.handovers) for end in ends] == [(2, 1, 0), (2, 1, 0), (1, 0, 1)]
    assert {one.owner for one in cases.cases.values()} == {"ben"}


def all_units_change_hands() -> Organisation:
    """Let every unit work as fraud does."""
    bank = two_desks()
    rota = bank.units["fraud"].rota
    units = {
        name: replace(unit, rota=replace(rota, unit=name), handover="move")
        for name, unit in bank.units.items()
    }
    return replace(bank, units=units)


def test_units_take_turns_when_one_tick_does_not_reach_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_MOVED", 2)
    bank = all_units_change_hands()
    many = [
        replace(a_fraud_case(f"{unit}-{n}"), unit=unit) for unit in bank.units for n in range(20)
    ]  # the first unit alone has work for ten minutes
    cases, handovers = world(*many, last=FOUR - MINUTE)
    for minute in range(len(bank.units)):
        ticked(cases, handovers, FOUR + minute * MINUTE, bank)
    moved = {one.unit for one in cases.cases.values() if one.owner == "ben"}
    assert moved == set(bank.units)


def test_a_tick_that_has_moved_all_it_may_reads_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_MOVED", 2)
    bank = all_units_change_hands()
    many = [replace(a_fraud_case(f"{unit}-{n}"), unit=unit) for unit in bank.units for n in range(20)]
    cases, handovers = world(*many, last=FOUR - MINUTE)
    done = ticked(cases, handovers, FOUR, bank)
    assert (cases.read, done.moved, done.behind) == (3, 2, len(bank.units))
    assert handovers.bookmark == FOUR - MINUTE


def test_a_tick_that_has_read_all_it_may_begins_no_further_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MOST_READ", 5)
    bank = all_units_change_hands()
    many = [replace(a_fraud_case(f"{unit}-{n}", "ben"), unit=unit) for unit in bank.units for n in range(20)]
    cases, handovers = world(*many, last=FOUR - MINUTE)
    behind = [ticked(cases, handovers, FOUR + n * MINUTE, bank).behind for n in range(len(bank.units))]
    assert (behind, cases.read) == ([3, 3, 3, 3], 80)
    assert len(handovers.packets) == len(bank.units)


# What a deployment has removed


PROMISES = ServiceLevel(priority=3, first_answer=3600, resolution=0, clock="wall")


def without_fraud() -> Organisation:
    """Return the bank after a deployment: no unit fraud, and customer care promises an hour."""
    bank = an_organisation()
    units = {name: unit for name, unit in bank.units.items() if name != "fraud"}
    units["customer_care"] = replace(units["customer_care"], service_levels=(PROMISES,))
    accounts = {name: account for name, account in bank.accounts.items() if name != "acmesafe"}
    return replace(bank, units=units, accounts=accounts)


def test_the_cases_of_a_unit_that_is_removed_are_taken_in_by_the_fallback_unit() -> None:
    due = {"first_answer": FOUR + 9 * MINUTE, "window_24h": FOUR + timedelta(hours=9)}
    case = a_fraud_case(opened_at=FOUR - MINUTE, due=due)
    cases, handovers = world(case)
    ticked(cases, handovers, FOUR - MINUTE, an_organisation())
    assert ticked(cases, handovers, FOUR, without_fraud()).moved == 1
    after = cases.cases["x-1"]
    assert (after.unit, after.account, after.owner) == ("customer_care", "acmebank", "ana")
    assert after.due == {"first_answer": FOUR + 59 * MINUTE, "window_24h": due["window_24h"]}
    assert (after.opened_at, after.version, after.reason) == (
        case.opened_at,
        2,
        "fraud is no unit any more",
    )
    told = cases.notices[-1]
    assert (told.event, told.unit, told.accounts) == ("case.assigned", "customer_care", ("acmebank",))
    assert told.body["reason"] == "fraud is no unit any more"


def test_a_case_that_reaches_a_removed_unit_later_is_found_as_well() -> None:
    cases, handovers = world()
    ticked(cases, handovers, FOUR - MINUTE, an_organisation())
    for minute in range(3):
        ticked(cases, handovers, FOUR + minute * MINUTE, without_fraud())
    cases.put(a_fraud_case())  # by a router that was warm
    ticked(cases, handovers, FOUR + timedelta(hours=5), without_fraud())
    assert cases.cases["x-1"].unit == "customer_care"


def test_many_cases_of_a_removed_unit_take_several_ticks_and_the_bookmark_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flow, "MOST_MOVED", 2)
    cases, handovers = world(*(a_fraud_case(f"x-{n}") for n in range(5)))
    cases.unreadable = {"fraud": [BadInput("CASE#x-9 holds no case")]}
    handovers.ticked(FOUR - MINUTE, an_organisation().units)
    ends = [ticked(cases, handovers, FOUR + n * MINUTE, without_fraud()) for n in range(4)]
    assert [(end.moved, end.behind) for end in ends] == [(2, 1), (2, 1), (1, 0), (0, 0)]
    assert [len(end.troubles) for end in ends] == [1, 1, 1, 1]
    assert handovers.bookmark == FOUR + 3 * MINUTE


def test_whoever_is_no_member_any_more_and_changes_that_name_what_is_gone_hold_up_nothing() -> None:
    bank = two_desks()
    bank = replace(bank, members={"ben": bank.members["ben"]}, units={**bank.units})
    wishes: list[dict[str, Any]] = [
        {"unit": "loans", "add": "zoe", "remove": "ana"},
        {"unit": "fraud", "remove": "zoe"},
        {"unit": "fraud", "add": "zoe", "remove": "ben", "desk": "paris"},
    ]
    gone = [
        Change(
            change_id=f"c{n}",
            kind="override",
            start=int(FOUR.timestamp()),
            end=int((FOUR + timedelta(hours=9)).timestamp()),
            by="zoe",
            made_at=n,
            **what,
        )
        for n, what in enumerate(wishes)
    ]
    cases, handovers = world(a_fraud_case(owner="zoe"), a_fraud_case("x-2", owner="desk:paris"))
    assert ticked(cases, handovers, FOUR, replace(bank, changes=tuple(gone))).troubles == []
    assert {one.owner for one in cases.cases.values()} == {"ben"}
    night = FOUR + timedelta(hours=10)  # nobody is on duty: the fallback desk names only who is gone
    assert ticked(cases, handovers, night, replace(bank, changes=tuple(gone))).troubles == []
    assert {one.owner for one in cases.cases.values()} == {"desk:london"}


def test_a_clock_that_stood_still_tells_each_boundary_but_none_older_than_two_days() -> None:
    cases, handovers = world(last=MONDAY - timedelta(days=9))
    ticked(cases, handovers, MONDAY + timedelta(hours=9))
    told = sorted(
        f"{datetime.fromtimestamp(at, UTC):%a %H}" for unit, at in handovers.packets if unit == "fraud"
    )
    assert told == ["Mon 00", "Mon 08", "Sat 12", "Sat 16", "Sun 00", "Sun 08", "Sun 12", "Sun 16"]


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 240), st.integers(1, 3)), min_size=1, max_size=12),
    policy=st.sampled_from(["move", "queue"]),
    opened=st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(["ana", "ben", "", "zoe"])), max_size=6),
)
def test_each_handover_is_told_once_and_each_case_has_an_owner_who_is_there(
    steps: list[tuple[int, int]], policy: str, opened: list[tuple[int, str]]
) -> None:
    """P8 and I12: late, repeated and concurrent ticks."""
    bank = two_desks(handover=policy)
    start = at = MONDAY + timedelta(hours=1)
    cases, handovers = world(last=start)
    times_told = Counter[tuple[str, int]]()
    coming = sorted(opened)
    for minutes, copies in steps:
        at += minutes * MINUTE
        while coming and start + coming[0][0] * MINUTE <= at:
            minute, owner = coming.pop(0)
            cases.put(a_fraud_case(f"x-{minute}-{len(coming)}", owner=owner))
        bookmark = handovers.bookmark
        for _ in range(copies):
            before = set(handovers.packets)
            handovers.bookmark = bookmark  # each of them read it before the others had moved it
            assert ticked(cases, handovers, at, bank).troubles == []
            times_told.update(handovers.packets.keys() - before)
        boundaries = [
            int((MONDAY + timedelta(hours=hour)).timestamp())
            for hour in range(0, 96, 4)
            if hour % 24 in {0, 8, 12, 16} and start < MONDAY + timedelta(hours=hour) <= at
        ]
        assert times_told == {("fraud", boundary): 1 for boundary in boundaries}
        if boundaries and at.timestamp() - boundaries[-1] < 600:
            on = {each.member for each in bank.segment("fraud", at).duties} or {"ana"}
            desks = {f"desk:{each.desk}" for each in bank.segment("fraud", at).duties} or {"desk:london"}
            assert {one.owner for one in cases.cases.values()} <= on | desks
    assert len({one.notice_id for one in cases.notices}) == len(cases.notices)


def test_a_rotation_that_passes_on_the_turn_is_a_handover() -> None:
    turns = Rotation(members=("ana", "ben"), every=1, unit="day", anchor=MONDAY.date(), size=1)
    bank = an_organisation()
    cards = bank.units["cards"]
    rota = replace(cards.rota, shifts=tuple(replace(one, rotation=turns) for one in cards.rota.shifts))
    bank = replace(bank, units={**bank.units, "cards": replace(cards, rota=rota)})
    tuesday = MONDAY + timedelta(days=1)
    cases, handovers = world(a_case(owner="ana"), last=tuesday - MINUTE)
    ticked(cases, handovers, tuesday, bank)
    assert cases.cases[a_case().case_id].owner == "ben"
    assert [unit for unit, _ in handovers.packets] == ["cards"]
