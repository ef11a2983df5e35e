"""Two faults: the second anywhere between the first and the end, whichever function runs then."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from tests.crash.scenarios import Explored, a_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.scenarios import Stage

PAIRED = tuple(f"{kind} {name}" for kind in ("answer", "lost") for name in (
    "x", "bluesky", "mastodon", "facebook", "whatsapp",
))  # fmt: skip
SECONDS = 5  # of a sample for each first fault, at least: learning what runs after it costs as much as one


def explore_pairs(name: str, *, seed: int = 0, most: int = 0, at_most: int = 0) -> Explored:
    """Run all pairs of a stage, or a sample of `most`; `at_most` stops after so many violated ones."""
    with a_stage(name) as stage:
        found: dict[str, list[str]] = {}
        count, began, worst = 0, time.process_time(), 0.0
        for first, then in _pairs(stage, random.Random(seed), most):
            count += 1
            broken = stage.run(dict((first, then)))
            worst = max(worst, stage.waited)
            if broken:
                found[f"'{name}' {first[0]} {first[1]} {then[0]} {then[1]} --seed {seed}"] = broken
            if 0 < at_most <= len(found):
                break
        return Explored(f"pairs of {name}", count, time.process_time() - began, found, worst, seed)


def _pairs(
    stage: Stage, chance: random.Random, most: int
) -> Iterator[tuple[tuple[int, str], tuple[int, str]]]:
    firsts = [(k, fault) for k, _, fault in stage.points() if fault != "meanwhile"]
    each_time = max(SECONDS, -(-most // len(firsts)))
    if most:
        firsts = chance.sample(firsts, min(len(firsts), max(1, most // each_time)))
    left = most
    for k, fault in firsts:
        stage.run({k: fault})
        thens = [
            (n, each)
            for n, name in enumerate(stage.whole_log, 1)
            if n > k
            for each in stage.scenario.faults(name)
        ]
        if most:
            thens = chance.sample(thens, min(len(thens), each_time, left))
            left -= len(thens)
        for then in thens:
            yield (k, fault), then
