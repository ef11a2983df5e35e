"""The drill: the day as a test, the same whoever runs it, and honest when something does not hold."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from infra.local import drill as drilled
from infra.local import drill_day
from infra.local.deploy import FOLDER
from infra.local.drill import SEED, drill
from infra.local.drill_day import BadDay

if TYPE_CHECKING:
    from pathlib import Path

    from infra.local.drill import Report


@pytest.fixture(scope="module")
def report() -> Report:
    return drill(SEED)


def test_a_bad_day_breaks_nothing_that_must_hold(report: Report) -> None:
    assert report.broken == ()


def test_it_was_a_bad_day(report: Report) -> None:
    for what in (
        "falls ill",
        "SNS takes no page",
        "clocks back",
        "All Saints' Day",
        "out of order",
        "comes in",
    ):
        assert what in report.text


def test_every_page_is_listed_with_whom_it_called_and_who_took_it(report: Report) -> None:
    rows = [line for line in report.lines if line.startswith("| 0") and "#" in line]
    total = next(line for line in report.lines if " pages: " in line)
    assert len(rows) == int(total.split()[1])
    assert any(" > " in row for row in rows)


@pytest.mark.slow
def test_the_same_seed_is_the_same_day_in_every_process(report: Report, tmp_path: Path) -> None:
    told = tmp_path / "drill.md"
    command = [sys.executable, "-m", "infra.local.drill", "--report", str(told)]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(FOLDER / "shared")}
    subprocess.run(command, cwd=FOLDER, env=environment, check=True, capture_output=True)
    assert told.read_text(encoding="utf-8") == report.text


def test_a_page_that_stands_still_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BadDay, "_tick", lambda _day: None)
    monkeypatch.setattr(drilled, "_year", lambda _bank: ([], []))
    monkeypatch.setattr(drill_day, "LASTS", timedelta(hours=12))
    monkeypatch.setattr(drill_day, "DRAINS", timedelta(0))
    assert any("stands still" in each for each in drill(SEED).broken)
