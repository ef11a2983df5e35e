# ruff: noqa: T201 - a command prints
"""Replay one point (`python -m tests.crash replay STAGE K FAULT`) or explore all (`… explore [STAGE]`)."""

from __future__ import annotations

import argparse
import sys

from tests.crash.scenarios import SCENARIOS, SHORT, a_stage, explore


def main(words: list[str]) -> int:
    """Do what the words say; 1 when an invariant is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    replay = commands.add_parser("replay")
    replay.add_argument("scenario", choices=(*SCENARIOS, *SHORT))
    replay.add_argument("k", type=int)
    replay.add_argument("fault")
    replay.add_argument("--cold", action="store_true")
    whole = commands.add_parser("explore")
    whole.add_argument("scenario", nargs="?", choices=(*SCENARIOS, *SHORT))
    whole.add_argument("--cold", action="store_true")
    chosen = parser.parse_args(words)
    if chosen.command == "explore":
        explored = [
            explore(name, cold=chosen.cold) for name in ([chosen.scenario] if chosen.scenario else SCENARIOS)
        ]
        print(*explored, sep="\n")
        return int(any(one.found for one in explored))
    with a_stage(chosen.scenario) as stage:
        calls = dict.fromkeys(f"{k} {name}" for k, name, _ in stage.points())
        stage.world.ended.clear()
        print("calls:", *calls, sep="\n  ")
        broken = stage.run({chosen.k: chosen.fault}, cold=chosen.cold)
        print(f"how invocations ended: {dict(stage.world.ended)}")
        print(*(broken or ["no invariant is broken"]), sep="\n")
        return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
