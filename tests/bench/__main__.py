"""Measure everything, print the table, write docs/benchmarks.md: `python -m tests.bench`.

`python -m tests.bench NAME FILE` measures one part, in the process that the whole run makes for it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import cold, guard, report
from tests.bench.installation import HOME, MADE, compile_organisation, environment, with_one_handle
from tests.bench.targets import HEADINGS, lines

DOCUMENT = HOME / "docs" / "benchmarks.md"
PARTS = ("routing", "burst", "webhook", "rota", "paid", "desk", "answering")


def main() -> None:
    """Run the parts one after the other and tell."""
    organisation = compile_organisation()
    one_handle = with_one_handle(organisation, "x", "acmebank")
    measured = {part: _part(part, one_handle if part == "burst" else organisation) for part in PARTS}
    measured["cold"] = cold.figures(organisation)
    measured["guard"] = _guard()
    rows = list(lines(**measured))
    console = Console()
    table = Table(*HEADINGS)
    for row in rows:
        table.add_row(*row.cells, style="" if row.met or not row.target else "bold red")
    console.print(table)
    console.print(machine())
    document = report.markdown(rows, measured, machine())
    DOCUMENT.write_text(document, "utf-8")
    console.print(f"written to {DOCUMENT.relative_to(HOME)}")


def machine() -> str:
    """Return what it was measured on and when."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("boto3", "aws-lambda-powertools", "pydantic"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} shared cores, {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}."
    )


def _part(name: str, organisation: Path) -> dict[str, Any]:
    """Measure one part in a process of its own, so that none warms up another."""
    figures = MADE / f"{name}.json"
    command = [sys.executable, "-m", "tests.bench", name, str(figures)]
    subprocess.run(command, check=True, env=environment(organisation), cwd=HOME)
    told: dict[str, Any] = json.loads(figures.read_text("utf-8"))
    return told


def _guard() -> dict[str, Any]:
    """Measure the guard in the environment that has its peers; nothing where the shared texts are absent."""
    if not guard.TEXTS.exists():
        return {}
    figures = MADE / "guard.json"
    command = [str(HOME / ".venv-peers" / "bin" / "python"), "-m", "tests.bench.guard", str(figures)]
    paths = {"PYTHONPATH": os.pathsep.join([str(HOME / "shared"), str(HOME)])}
    subprocess.run(command, check=True, env=os.environ | paths, cwd=HOME)
    told: dict[str, Any] = json.loads(figures.read_text("utf-8"))
    return told


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[2]).write_text(
            json.dumps(import_module(f"tests.bench.{sys.argv[1]}").figures()), "utf-8"
        )
    else:
        main()
