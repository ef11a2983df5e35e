"""Every call of every stage, under every fault that applies to it, keeps every invariant."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from allhours.aws import respond
from tests.crash.answering import ANSWERING
from tests.crash.scenarios import SCENARIOS, a_stage, explore
from tests.crash.seen import rows, topic

EVERYWHERE = bool(os.environ.get("ALLHOURS_ALL_POINTS"))
USUAL = {name: one for name, one in SCENARIOS.items() if name not in ANSWERING}  # test_answering.py has those


@pytest.mark.parametrize("name", USUAL)
def test_no_fault_at_any_call_breaks_an_invariant(name: str) -> None:
    explored = explore(name)
    sys.stdout.write(f"{explored}\n")  # `pytest -rP` shows points and speed
    assert explored.points
    assert not explored.found, str(explored)


@pytest.mark.parametrize("name", [name for name, one in USUAL.items() if not one.fresh])
def test_a_cold_function_recovers_from_a_crash_at_any_call(name: str) -> None:
    with a_stage(name) as stage:
        for k in {k for k, _, _ in stage.points()}:
            assert stage.run({k: "crash_after"}, cold=True) == [], (
                f"python -m tests.crash replay {name} {k} crash_after --cold"
            )


@pytest.mark.parametrize("name", USUAL if EVERYWHERE else ["route", "changes", "forward"])
@pytest.mark.parametrize("second", ["crash_after", "throttled", "lost"])
def test_a_second_fault_in_the_same_batch_is_no_worse(name: str, second: str) -> None:
    with a_stage(name) as stage:
        for k in sorted({k for k, _, _ in stage.points()}):
            assert stage.run({k: "lost", k + 1: second}) == [], f"{name}: lost at {k}, then {second}"


@pytest.mark.parametrize("name", ["route", "pager", "handover", "acknowledge", "poll linkedin", "lost x"])
def test_the_quick_way_to_the_table_leaves_what_the_wire_leaves(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(respond, "uuid4", lambda: SimpleNamespace(hex="own"))
    left = []
    for quick in (True, False):
        with a_stage(name, quick=quick) as stage:
            assert stage.run({}) == []
            sent = [one[1] for which in ("events", "pages") for one in topic(which).sent_notifications]
            left.append((rows(), sent, stage.log))
    assert left[0] == left[1]
