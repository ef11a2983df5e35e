"""Killing `respond` at any call of its work answers nobody twice, and every approved answer ends."""

from __future__ import annotations

import os
import sys

import pytest

from tests.crash.answering import ANSWERING
from tests.crash.pairs import PAIRED, explore_pairs
from tests.crash.scenarios import a_stage, explore

EVERYWHERE = bool(os.environ.get("ALLHOURS_ALL_POINTS"))
SEED = int(os.environ.get("ALLHOURS_SEED", "0"))
OF_EACH_KIND = (  # found by one's own posts, a key of ours, comments, a receipt, by nobody, as the one answer
    *("x", "bluesky", "mastodon", "facebook", "instagram", "whatsapp", "telegram", "trustpilot"),
)
WHOLE = (
    *("answer x", "answer bluesky", "answer mastodon", "answer facebook", "answer whatsapp", "found x"),
    *(
        "approve",
        "sweep",
        "visits beside",
        "taken back",
        "taken back beside",
        "veto",
        "withdrawn",
        "receipts",
    ),
)
SOME = (
    *("answer instagram", "answer telegram", "answer trustpilot", "look again x", "looks beside", "rejected"),
    *(f"{kind} {network}" for kind in ("found", "lost") for network in OF_EACH_KIND if network != "x"),
    *(
        "lost x",
        "taken back in doubt",
        "withdrawn in doubt",
        "late receipts",
        "by hand x",
        "by hand mastodon",
    ),
    *("second found facebook", "second lost x"),
)
MOST, MOST_PAIRS = 6, 25  # of the stages of which some points are enough each time: `explore` runs all


@pytest.mark.parametrize("name", ANSWERING if EVERYWHERE else (*WHOLE, *SOME))
def test_no_fault_at_any_call_answers_twice_or_never(name: str) -> None:
    explored = explore(name, most=0 if EVERYWHERE or name in WHOLE else MOST, seed=SEED)
    sys.stdout.write(f"{explored}\n")  # `pytest -rP` shows points, speed and how long somebody waited
    assert explored.points
    assert not explored.found, str(explored)


@pytest.mark.parametrize("name", PAIRED if EVERYWHERE else PAIRED[:5])
def test_no_second_fault_answers_twice_or_never(name: str) -> None:
    explored = explore_pairs(name, seed=SEED, most=0 if EVERYWHERE else MOST_PAIRS)
    sys.stdout.write(f"{explored}\n")
    assert explored.points
    assert not explored.found, str(explored)


@pytest.mark.parametrize("name", ["look again x", "lost mastodon", "receipts"])
def test_a_cold_function_goes_on_where_one_died(name: str) -> None:
    with a_stage(name) as stage:
        for k in sorted({k for k, _, _ in stage.points()}):
            assert stage.run({k: "crash_before"}, cold=True) == [], (
                f"python -m tests.crash replay '{name}' {k} crash_before --cold"
            )
