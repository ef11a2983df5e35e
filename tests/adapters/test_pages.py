"""Pages that climb, on DynamoDB and SNS: nothing is lost or told twice, whichever call breaks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import time_machine

from allhours.aws import outbox, wiring
from allhours.aws.organisation import organisation
from allhours.aws.page_links import open_page
from allhours.domain import page
from allhours.domain.budget import Budget, Call
from allhours.domain.errors import Busy
from allhours.domain.organisation import OnDuty, TestPages
from allhours.domain.reach import Reach
from allhours.flows.acknowledge import acknowledge, release
from allhours.flows.cover_ports import Spent
from allhours.flows.escalate import escalate, send_bundles
from allhours.flows.watch import sweep
from tests.builders import NOON, a_case
from tests.crash.faults import Crash, F, faults_of
from tests.crash.seen import rows, topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.harness import World

MINUTE = timedelta(minutes=1)
DUTY = OnDuty(unit="cards", desk="london", members=("ana",), because="day", since=0, until=1)


def an_urgent_page(number: int = 1) -> page.Page:
    return page.urgent(a_case(case_id=f"x-{number}"), DUTY, "rule stolen", NOON)


URGENT = an_urgent_page()


def called() -> list[str]:
    """Return whom SNS was asked to reach, in order."""
    return [one[3]["member"]["Value"] for one in topic("pages").sent_notifications]


def sms() -> list[str]:
    return [json.loads(one[1])["sms"] for one in topic("pages").sent_notifications]


def token(text: str) -> str:
    return next(word for word in text.split() if word.startswith("https://")).rpartition("/")[2]


def taken(at: datetime = NOON, by: str = "ana") -> str:
    return acknowledge(
        URGENT.page_id,
        None,
        by,
        pages=wiring.pages(),
        reaches=wiring.reaches(),
        organisation=organisation(),
        at=at,
    ).outcome


def handed_back(at: datetime = NOON) -> str:
    return release(
        URGENT.page_id, None, "ana", pages=wiring.pages(), organisation=organisation(), at=at
    ).outcome


def stepped(at: datetime) -> None:
    escalate(pages=wiring.pages(), organisation=organisation(), at=at).check()


def swept(at: datetime) -> None:
    sweep(board=wiring.switchboard(at), at=at).check()


def row(page_id: str = URGENT.page_id) -> dict[str, Any]:
    return rows()[f"PAGE#{page_id}"]


def climb(page_id: str = URGENT.page_id) -> Any:
    found = wiring.pages().load(page_id)
    assert found
    assert found.climb
    return found.climb


def notices() -> list[str]:
    return sorted(key.split("#")[1] for key in rows() if key.startswith("NOTICE#"))


def test_a_page_climbs_is_sent_by_the_stream_and_stops_when_it_is_acknowledged(world: World) -> None:
    wiring.pages().call(URGENT)
    world.forward()
    assert called() == ["ana"]
    assert (row()["due"], row()["due_at"]) == ({"S": "PAGES"}, {"S": "2027-03-15T12:10:00+00:00"})
    stepped(NOON + 9 * MINUTE)
    stepped(NOON + 10 * MINUTE)
    world.forward()
    assert called() == ["ana", "ben"]
    assert taken() == "acknowledged"
    assert {"due", "due_at", "list"}.isdisjoint(row())
    assert notices() == ["page.acknowledged"]
    stepped(NOON + timedelta(days=1))
    world.forward()
    assert called() == ["ana", "ben"]


def test_an_exhausted_page_stays_among_the_open_ones_and_is_never_due(world: World) -> None:
    wiring.pages().call(URGENT)
    world.forward()
    for minute in range(60):
        stepped(NOON + minute * MINUTE)
    assert climb().exhausted
    assert row()["due_at"]["S"].startswith("9999")
    assert list(wiring.pages().due(NOON + timedelta(days=9))) == []
    assert notices() == ["page.exhausted"]


def test_the_link_in_the_sms_takes_the_page_and_an_older_one_does_nothing(world: World) -> None:
    wiring.pages().call(URGENT)
    world.forward()
    first = token(sms()[0])
    assert open_page(first, method="GET", at=NOON).title == "Ana has it"
    assert climb().acknowledged_by == "ana"
    again = open_page(first, method="GET", at=NOON + MINUTE)
    assert (again.status, again.can_release) == (200, True)
    assert open_page(first, method="POST", form={"do": "release"}, at=NOON + MINUTE).title == "Handed back"
    assert climb().released == 1
    world.forward()
    assert called() == ["ana", "ana"]
    assert open_page(first, method="GET", at=NOON + 2 * MINUTE).title == "This link is used up"
    assert climb().acknowledged_by == ""
    assert open_page(token(sms()[1]), method="GET", at=NOON + 2 * MINUTE).title == "Ana has it"


LOOKS: tuple[dict[str, Any], ...] = (
    {"method": "HEAD"},
    {"method": "GET", "query": {"ask": ""}},
    {"method": "GET", "headers": {"Sec-Purpose": "prefetch;prerender"}},
    {"method": "GET", "headers": {"x-moz": "prefetch"}},
    {"method": "GET", "headers": {"Purpose": "prefetch"}},
)


@pytest.mark.parametrize("look", LOOKS, ids=range(len(LOOKS)))
def test_looking_ahead_changes_nothing_and_shows_the_button(world: World, look: dict[str, Any]) -> None:
    wiring.pages().call(URGENT)
    world.forward()
    before = rows()
    reply = open_page(token(sms()[0]), at=NOON, **look)
    assert (reply.status, reply.can_acknowledge, reply.can_release) == (200, True, False)
    assert rows() == before
    assert open_page(token(sms()[0]), method="POST", at=NOON, form={"do": "acknowledge"}).can_release


def test_a_link_that_is_forged_expired_or_of_no_page_says_so(world: World) -> None:
    wiring.pages().call(URGENT)
    world.forward()
    good = token(sms()[0])
    assert open_page(good[:-2] + "AA", method="GET", at=NOON).status == 403
    assert open_page("", method="GET", at=NOON).status == 403
    assert open_page(good, method="GET", at=NOON + timedelta(days=1)).status == 403
    assert climb().acknowledged_by == ""
    wiring.records()  # the row that TTL would delete
    from allhours.aws.clients import dynamodb  # noqa: PLC0415 - only here

    dynamodb().delete_item(TableName="records", Key={"key": {"S": f"PAGE#{URGENT.page_id}"}})
    assert open_page(good, method="GET", at=NOON).status == 410


def test_the_sms_of_a_page_is_one_part_with_its_whole_link(world: World) -> None:
    wiring.pages().call(URGENT)
    world.forward()
    (text,) = sms()
    assert len(text) <= 160
    assert text.startswith("URGENT cards, ana: https://oncall.test/pages/page.")
    assert open_page(token(text), method="HEAD", at=NOON).status == 200
    mail = json.loads(topic("pages").sent_notifications[0][1])["email"]
    assert urlsplit(mail.split()[-1]).query == "ask"


def test_a_page_goes_out_without_a_link_when_none_can_be_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRETS_PREFIX", "allhours/nowhere/")
    world.cold()
    wiring.pages().call(URGENT)
    world.forward()
    assert called() == ["ana"]
    assert "https" not in sms()[0]


def test_a_storm_is_bundled_and_the_bundle_goes_out_when_the_budget_frees(world: World) -> None:
    written = [an_urgent_page(number) for number in range(8)]
    for one in written:
        wiring.pages().call(one)
    world.forward()
    assert called() == ["ana"] * 5
    assert rows()["BUDGET#ana"]["due"] == {"S": "BUNDLES"}
    assert send_bundles(budgets=wiring.budgets(), at=NOON + 14 * MINUTE).count == 0
    assert send_bundles(budgets=wiring.budgets(), at=NOON + 15 * MINUTE).count == 1
    assert "due" not in rows()["BUDGET#ana"]
    world.forward()
    assert called() == ["ana"] * 6
    assert sms()[-1].startswith("3 MORE PAGES for ana: https://oncall.test/pages/")
    assert open_page(token(sms()[-1]), method="GET", at=NOON + 16 * MINUTE).lines[0] == "3 more pages for ana"
    assert {climb(one.page_id).acknowledged_by for one in written[5:]} == {"ana"}


def test_a_budget_that_somebody_else_wrote_is_not_overwritten(world: World) -> None:
    del world
    call = Call(call_id="c", page_id="p", kind="urgent#cards", sentence="s")
    budget, _ = Budget().asked(call, NOON)
    was = wiring.budgets().load("ana")
    assert was == Spent(member="ana", budget=Budget(), version=0)
    assert wiring.budgets().save(was, budget, at=NOON)
    assert not wiring.budgets().save(was, budget, at=NOON)
    assert wiring.budgets().load("ana").budget == budget


def test_a_test_page_is_written_with_its_week_and_once(world: World) -> None:
    one = page.trial("ana", "cards", "2027-W11", 28_800, NOON)
    reach = Reach(member="ana", week="2027-W11", tried_at=NOON)
    assert wiring.reaches().tried(reach, one)
    assert not wiring.reaches().tried(reach, one)
    assert wiring.reaches().load(("ana", "ben")) == {"ana": reach, "ben": Reach(member="ben")}
    world.forward()
    bank = organisation()
    with_tests = type(bank)(**{**vars_of(bank), "test_pages": TestPages()})
    late = NOON + timedelta(hours=8)
    assert wiring.reaches().unreachable(with_tests, late) == {"ana"}
    assert wiring.reaches().unreachable(bank, late) == frozenset()
    assert open_page(token(sms()[0]), method="GET", at=late).title == "Pages reach you"
    assert wiring.reaches().unreachable(with_tests, late) == frozenset()


def vars_of(bank: Any) -> dict[str, Any]:
    return {name: getattr(bank, name) for name in bank.__dataclass_fields__}


# Every call breaks once


def broken(doing: Callable[[], object], plan: dict[int, str]) -> None:
    """Do it under a plan of faults, as one invocation that may crash."""
    F.begin(plan)
    try:
        doing()
    except (Crash, Busy):
        pass
    finally:
        F.end()


def points(doing: Callable[[], object]) -> list[tuple[int, str]]:
    F.begin()
    doing()
    F.end()
    return [(k, fault) for k, name in enumerate(F.log, 1) for fault in faults_of(name)]


def fresh(world: World, kept: Any) -> None:
    world.restore(kept)
    world.cold()


def test_a_write_whose_answer_is_lost_counts_as_ours_so_that_the_end_of_a_ladder_alarms(world: World) -> None:
    wiring.pages().call(URGENT)
    world.forward()
    for minute in (10, 20):
        stepped(NOON + minute * MINUTE)
    F.begin({3: "lost"})  # what is due, the row, the transaction
    done = escalate(pages=wiring.pages(), organisation=organisation(), at=NOON + 30 * MINUTE)
    F.end()
    assert F.log[2] == "TransactWriteItems"
    assert done.exhausted == 1
    assert taken() == "acknowledged"
    world.forward()
    was = wiring.pages().load(URGENT.page_id)
    assert was
    F.begin({1: "lost"})
    assert wiring.pages().save(was, was.climb, waiting=True, at=NOON)
    F.end()
    assert not wiring.pages().save(was, was.climb, waiting=False, at=NOON)


def stories() -> dict[str, tuple[Callable[[World], None], Callable[[], object]]]:
    """Name each invocation that gets the faults, and what was before it."""
    at = NOON + 10 * MINUTE

    def sent(world: World) -> None:
        wiring.pages().call(URGENT)
        world.forward()

    def taken_before(world: World) -> None:
        sent(world)
        taken()

    def over_budget(world: World) -> None:
        for number in range(1, 9):
            wiring.pages().call(an_urgent_page(number))
        world.forward()

    return {
        "the clock's step": (sent, lambda: stepped(at)),
        "acknowledging": (sent, taken),
        "handing back": (taken_before, handed_back),
        "bundling": (over_budget, lambda: send_bundles(budgets=wiring.budgets(), at=at + 5 * MINUTE).check()),
    }


@pytest.mark.parametrize("name", stories())
def test_after_a_fault_at_any_call_the_next_try_ends_as_without(world: World, name: str) -> None:
    before, doing = stories()[name]
    before(world)
    kept = world.snapshot()
    found = points(doing)
    assert len(found) > 5
    world.forward()
    expected = outcome()
    for k, fault in found:
        fresh(world, kept)
        broken(doing, {k: fault})
        doing()
        world.forward()
        assert outcome() == expected, f"{name}: {fault} at call {k}"


def outcome() -> Any:
    """Return what people and units see in the end, each once."""
    standing = {
        key: (json.loads(one["climb"]["S"]) if "climb" in one else None, "list" in one, one.get("due_at"))
        for key, one in rows().items()
        if key.startswith("PAGE#")
    }
    return standing, called(), notices(), sorted(key for key in rows() if key.startswith("BUDGET#"))


def test_whichever_call_of_a_climbing_page_breaks_somebody_is_called_and_the_climb_goes_on(
    world: World,
) -> None:
    wiring.pages().call(URGENT)
    kept = world.snapshot()
    batch = {"Records": [{"dynamodb": {"NewImage": row()}}]}

    def doing() -> None:
        outbox.forward_batch(batch)

    found = points(doing)
    for k, fault in found:
        fresh(world, kept)
        broken(doing, {k: fault})
        with time_machine.travel(NOON + 2 * MINUTE, tick=False):
            swept(NOON + 2 * MINUTE)
        assert set(called()) == {"ana"}, f"{fault} at call {k}"
        assert "list" not in row()
        assert climb().next_at in {NOON + 10 * MINUTE, NOON + 12 * MINUTE}
        assert len(wiring.budgets().load("ana").budget.counted) == 1
