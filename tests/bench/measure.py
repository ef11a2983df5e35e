"""How time is measured: processor time, the minimum of several rounds, peers by turns in one process."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROUNDS = 9
TURNS = 400  # of single calls, for percentiles


def fastest(peers: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS) -> dict[str, float]:
    """Return each peer's least processor time in ms, taken by turns after one round to warm up."""
    least = dict.fromkeys(peers, float("inf"))
    for turn in range(rounds + 1):
        for name, peer in peers.items():
            gc.collect()
            begun = time.process_time()
            peer()
            spent = (time.process_time() - begun) * 1000
            if turn:
                least[name] = min(least[name], spent)
    return least


def spread(
    peers: Mapping[str, Callable[[], object]], *, turns: int = TURNS
) -> dict[str, tuple[float, float]]:
    """Return the median and the 99th percentile of each peer's processor time in µs, taken by turns.

    Garbage is looked for as it is in a function: in the middle of whatever is running.
    """
    for peer in peers.values():
        peer()
    took: dict[str, list[int]] = {name: [] for name in peers}
    for _ in range(turns):
        for name, peer in peers.items():
            begun = time.process_time_ns()
            peer()
            took[name].append(time.process_time_ns() - begun)
    return {
        name: (percentile(spent, 50) / 1000, percentile(spent, 99) / 1000) for name, spent in took.items()
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the least of the values that so many percent of them do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def fresh_processes(
    programs: Mapping[str, Sequence[str]], environment: Mapping[str, str], *, rounds: int
) -> dict[str, tuple[float, float]]:
    """Return each program's least (processor ms, peak MiB), a process each time; the first turn compiles."""
    least: dict[str, tuple[float, float]] = {}
    for turn in range(rounds + 1):
        for name, command in programs.items():
            process = os.posix_spawn(command[0], list(command), dict(environment))
            _, status, usage = os.wait4(process, 0)
            if status:
                message = f"{name}: ended with status {os.waitstatus_to_exitcode(status)}"
                raise RuntimeError(message)
            spent = (usage.ru_utime + usage.ru_stime) * 1000
            peak = usage.ru_maxrss / 1024
            if turn:
                known = least.get(name, (spent, peak))
                least[name] = min(known[0], spent), min(known[1], peak)
    return least


@contextmanager
def written() -> Iterator[Callable[[], int]]:
    """Send what the process prints into a file meanwhile; what is yielded tells how many bytes there are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        sys.stdout.flush()
        kept = os.dup(1)
        with path.open("wb") as file:
            os.dup2(file.fileno(), 1)
        try:
            yield lambda: sys.stdout.flush() or path.stat().st_size
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
