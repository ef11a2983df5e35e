"""The changes to the rota in the table: one version guards them all, and each keeps its history."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from allhours.aws import organisation as deployed
from allhours.aws import wiring
from allhours.aws.clients import dynamodb
from allhours.aws.organisation import live_organisation
from allhours.aws.rota_changes import KEPT_FOR_LEAVE, ROOM
from allhours.aws.table import compact
from allhours.domain.changes import (
    agreed_by,
    change_to_json,
    leave,
    override,
    swap,
    takeover,
    withdrawn,
)
from allhours.domain.errors import BadInput, Busy, StaleRota
from allhours.domain.notice import Notice
from allhours.domain.proof import prove
from allhours.flows.change_rota import change
from tests.builders import NOON
from tests.crash.faults import F
from tests.crash.seen import rows
from tests.rotas import DAY, a_covered_bank, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.changes import Change, State

pytestmark = pytest.mark.usefixtures("world")
BANK = a_covered_bank()
SWAP = swap(
    BANK, "cards", shift="day", day=DAY + timedelta(days=1), remove="ana", add="cleo", by="ana", at=NOON
)
COVER = override(BANK, "cards", start=at(14), end=at(16), remove="ana", add="cleo", by="petra", at=NOON)


@pytest.fixture(autouse=True)
def _bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(deployed, "organisation", cache(lambda: BANK))
    yield
    deployed._warm.cache_clear()


def put(one: Change, *, by: str = "", later: timedelta = timedelta(0)) -> None:
    changes = wiring.rota_changes()
    known = changes.read()
    others = [other for other in known.changes if other.change_id != one.change_id]
    changes.write(known, [*others, one], one, NOON + later, by=by)


def test_what_was_written_is_read_again() -> None:
    assert wiring.rota_changes().read().changes == ()
    put(SWAP)
    put(COVER)
    known = wiring.rota_changes().read()
    assert (known.changes, known.version) == ((SWAP, COVER), 2)


def test_whoever_read_before_another_wrote_is_stale_and_writes_nothing() -> None:
    changes = wiring.rota_changes()
    first = changes.read()
    put(COVER)
    second = changes.read()
    put(SWAP)
    before = rows()
    for known in (first, second):
        with pytest.raises(StaleRota):
            changes.write(known, [COVER], replace(COVER, change_id="another"), NOON)
    assert rows() == before


def test_a_change_keeps_every_state_with_who_and_when() -> None:
    put(SWAP)
    agreed = agreed_by(SWAP, "cleo", NOON)
    put(agreed, by="cleo", later=timedelta(minutes=5))
    put(withdrawn(replace(agreed, forced=True, objections=("a hole",)), "petra", NOON), by="petra")
    (recorded,) = wiring.rota_changes().history(NOON)
    assert [(one.state, one.by) for one in recorded.states] == [
        ("proposed", "ana"),
        ("in_force", "cleo"),
        ("withdrawn", "petra"),
    ]
    assert recorded.states[1].at == NOON + timedelta(minutes=5)
    assert recorded.states[2].objections == ("a hole",)
    assert recorded.change.withdrawn_by == "petra"
    assert list(wiring.rota_changes().history(NOON + timedelta(seconds=1))) == []


def test_only_what_counts_stays_in_the_row_and_all_of_it_in_the_history() -> None:
    put(COVER)
    put(withdrawn(SWAP, "ana", NOON))
    assert wiring.rota_changes().read().changes == (COVER,)
    over = replace(COVER, change_id="over", start=at(14, -15), end=at(16, -15))
    put(over)
    assert wiring.rota_changes().read().changes == (COVER,)
    assert len(list(wiring.rota_changes().history())) == 3


def written() -> list[object]:
    """Return what stands in the row."""
    found: list[object] = json.loads(rows()["ROTA"]["changes"]["S"])["changes"]
    return found


def stored(*told: object) -> None:
    """Put into the row what another release may have written."""
    row = {"key": {"S": "ROTA"}, "v": {"N": "7"}, "changes": {"S": compact({"changes": told})}}
    dynamodb().put_item(TableName="records", Item=row)


def test_what_a_newer_release_wrote_voids_no_other_change_and_is_not_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    swap_told, cover_told = (json.loads(compact(change_to_json(one))) for one in (SWAP, COVER))
    newer = {**swap_told, "change_id": "standby-1", "kind": "standby", "reason": "a secret"}
    gone = {**newer, "end": at(0, -30)}
    stored({**cover_told, "mood": "good"}, newer, "nonsense", gone)
    known = wiring.rota_changes().read()
    assert (known.changes, known.version, len(known.unread)) == ((COVER,), 7, 3)
    assert "standby-1" in str([vars(one) for one in caplog.records])
    assert "secret" not in str([vars(one) for one in caplog.records])
    assert live_organisation(NOON).on_duty("cards", NOON + timedelta(hours=3)).members == ("cleo",)
    put(SWAP)
    assert written() == [newer, "nonsense", cover_told, swap_told]


def test_a_history_that_cannot_be_read_hides_no_other() -> None:
    put(COVER)
    put(SWAP)
    row = rows()[f"CHANGE#{COVER.change_id}"]
    row["change"] = {"S": json.dumps({"kind": "standby"})}
    dynamodb().put_item(TableName="records", Item=row)
    assert [one.change for one in wiring.rota_changes().history()] == [SWAP]


def full(state: State) -> list[Change]:
    """Return as many changes as fit the row."""
    one = replace(SWAP, state=state, start=at(8, -2), end=at(20, -2) if state == "in_force" else at(20, 2))
    size = len(compact(change_to_json(replace(one, change_id=f"swap-{0:012}")))) + 1
    return [replace(one, change_id=f"swap-{n:012}") for n in range((ROOM - KEPT_FOR_LEAVE) // size)]


@pytest.mark.parametrize("state", ["proposed", "in_force"])
def test_a_full_row_refuses_in_words_what_is_no_leave_and_gets_smaller_again(state: State) -> None:
    many = full(state)
    stored(*map(change_to_json, many))
    before = rows()
    with pytest.raises(BadInput, match="there is no room for another change: take back proposals"):
        put(COVER)
    assert rows() == before
    stored(*map(change_to_json, [*many, *(replace(many[0], change_id=f"more-{n}") for n in range(9))]))
    put(replace(many[0], state="withdrawn", withdrawn_by="petra"))
    assert len(wiring.rota_changes().read().changes) == len(many) + 8


@pytest.mark.parametrize("state", ["proposed", "in_force"])
def test_whoever_is_sick_gets_in_however_full_the_row_is(
    state: State, caplog: pytest.LogCaptureFixture
) -> None:
    sick = leave(BANK, "ana", start=at(12), end=at(20), by="ana", at=NOON, reason="sick")
    stored(*map(change_to_json, full(state)))
    put(sick)
    assert sick in wiring.rota_changes().read().changes
    assert "made room" not in str([vars(one) for one in caplog.records])  # there is room kept for it
    many = full(state)
    crowd = [replace(many[0], change_id=f"more-{n}") for n in range(len(many) * 17 // 100)]
    stored(*map(change_to_json, [*many, *crowd]))
    put(sick)
    assert sick in wiring.rota_changes().read().changes
    assert len(rows()["ROTA"]["changes"]["S"].encode()) < 400_000
    assert "made room" in str([vars(one) for one in caplog.records])


def test_a_change_that_was_ended_stays_for_the_past_and_its_history_says_withdrawn() -> None:
    taken = takeover(BANK, "cards", "cleo", NOON)
    put(taken)
    later = NOON + timedelta(hours=2)
    put(withdrawn(replace(taken, more_objections=3), "petra", later), by="petra", later=timedelta(hours=2))
    (kept,) = wiring.rota_changes().read().changes
    assert (kept.state, kept.end) == ("in_force", int(later.timestamp()))
    states = next(wiring.rota_changes().history()).states
    assert [(one.state, one.by, one.more_objections) for one in states] == [
        ("in_force", "cleo", 0),
        ("withdrawn", "petra", 3),
    ]


def test_a_notice_leaves_with_the_change_or_not_at_all() -> None:
    told = Notice(
        notice_id="n1", event="rota.changed", unit="cards", at=NOON, accounts=("acmecards",), body={}
    )
    changes = wiring.rota_changes()
    known = changes.read()
    changes.write(known, [COVER], COVER, NOON, told=[told])
    assert "NOTICE#n1" in rows()
    with pytest.raises(StaleRota):
        changes.write(known, [SWAP], SWAP, NOON, told=[replace(told, notice_id="n2")])
    assert "NOTICE#n2" not in rows()


def test_a_forced_change_that_was_written_is_one_history_row_with_its_notice() -> None:
    done = change(
        lambda now: leave(now, "ana", start=at(14), end=at(16), by="ana", at=NOON, reason="sick"),
        organisation=BANK,
        changes=wiring.rota_changes(),
        prove=prove,
        by="ana",
        force=True,
        at=NOON,
    ).change
    assert done.forced
    keys = sorted(key.partition("#")[0] for key in rows() if key.startswith(("CHANGE", "NOTICE", "ROTA")))
    assert keys == ["CHANGE", "NOTICE", "ROTA"]


# The live organisation


def test_a_change_counts_everywhere_after_fifteen_seconds() -> None:
    moment = NOON + timedelta(hours=3)
    assert live_organisation(moment).on_duty("cards", moment).members == ("ana",)
    put(COVER)
    soon, then = moment + timedelta(seconds=14), moment + timedelta(seconds=15)
    assert live_organisation(soon).on_duty("cards", soon).members == ("ana",)
    assert live_organisation(then).on_duty("cards", then).members == ("cleo",)


def test_whoever_hands_over_reads_the_rota_as_it_is_now() -> None:
    moment = NOON + timedelta(hours=3)
    live_organisation(moment)
    put(COVER)
    assert live_organisation(moment, within=0).on_duty("cards", moment).members == ("cleo",)
    assert live_organisation(moment).on_duty("cards", moment).members == ("cleo",), "and so does the rest"


def test_the_live_organisation_keeps_what_it_worked_out_while_nothing_changes() -> None:
    put(COVER)
    first = live_organisation(NOON)
    assert live_organisation(NOON + timedelta(minutes=5)) is first


def test_a_table_that_cannot_be_read_is_busy_and_not_a_rota_without_changes() -> None:
    live_organisation(NOON)
    F.begin({1: "throttled"})
    with pytest.raises(Busy):
        live_organisation(NOON + timedelta(minutes=1))
    F.end()


# Links


def test_taking_links_back_raises_the_serial_of_their_owner_only() -> None:
    serials = wiring.link_serials()
    assert serials.current("member:ana") == 0
    assert (serials.revoke("member:ana", NOON), serials.revoke("member:ana", NOON)) == (1, 2)
    assert (serials.current("member:ana"), serials.current("unit:ana")) == (2, 0)
