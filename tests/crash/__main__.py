# ruff: noqa: T201 - a command prints
"""Replay a point (`python -m tests.crash replay STAGE K FAULT [K FAULT]`) or explore all (`explore [STAGE]`).

`explore` ends with all pairs of faults in the stages of answers; `pairs [STAGE] --most N --seed N` is some.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.crash.pairs import PAIRED, explore_pairs
from tests.crash.scenarios import SCENARIOS, SHORT, a_stage, explore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.scenarios import Explored


def main(words: list[str]) -> int:
    """Do what the words say; 1 when an invariant is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    replay = commands.add_parser("replay")
    replay.add_argument("scenario", choices=(*SCENARIOS, *SHORT))
    replay.add_argument("k", type=int)
    replay.add_argument("fault")
    replay.add_argument("then", nargs="*", metavar="K FAULT")
    replay.add_argument("--cold", action="store_true")
    replay.add_argument("--seed", help="of the sample in which it was found; says nothing here")
    whole = commands.add_parser("explore")
    whole.add_argument("scenario", nargs="?", choices=(*SCENARIOS, *SHORT))
    whole.add_argument("--cold", action="store_true")
    paired = commands.add_parser("pairs")
    paired.add_argument("scenario", nargs="?", choices=tuple(SCENARIOS))
    paired.add_argument("--most", type=int, default=0)
    paired.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(words)
    if chosen.command in {"explore", "pairs"}:
        return int(sum(_shown(one) for one in _explored(chosen)) > 0)
    with a_stage(chosen.scenario) as stage:
        calls = dict.fromkeys(f"{k} {name}" for k, name, _ in stage.points())
        stage.world.ended.clear()
        print("calls:", *calls, sep="\n  ")
        then = dict(zip(map(int, chosen.then[::2]), chosen.then[1::2], strict=True))
        broken = stage.run({chosen.k: chosen.fault, **then}, cold=chosen.cold)
        print(f"how invocations ended: {dict(stage.world.ended)}")
        print(*(broken or ["no invariant is broken"]), sep="\n")
        return int(bool(broken))


def _explored(chosen: argparse.Namespace) -> Iterator[Explored]:
    names = [chosen.scenario] if chosen.scenario else []
    if chosen.command == "explore":
        for name in names or SCENARIOS:
            yield explore(name, cold=chosen.cold)
        for name in () if names else PAIRED:
            yield explore_pairs(name)
    else:
        for name in names or PAIRED:
            yield explore_pairs(name, seed=chosen.seed, most=chosen.most)


def _shown(explored: Explored) -> bool:
    """Print it at once, for all of it takes an hour; return whether an invariant is broken."""
    print(explored, flush=True)
    return bool(explored.found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
