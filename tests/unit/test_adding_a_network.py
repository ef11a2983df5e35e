"""The page on adding a network, followed to the letter in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-network.md").read_text("utf-8")
COPIED = ("docs", "functions", "infra", "shared", "tests")
TESTS = (
    "tests/unit/networks/test_contract.py",
    "tests/unit/networks/test_mutated.py",
    "tests/unit/networks/test_noticeboard.py",
    "tests/unit/test_house.py",
    "tests/unit/test_template.py",
    "tests/unit/test_organisation.py",
)
CHOSEN = "noticeboard or left_over or hears_on_every_network or schema or dashboard or respond_sees"
BLOCKS = re.findall(r"^(````?)(\w+)\n# (\S+)\n(.*?)^\1$", PAGE, re.MULTILINE | re.DOTALL)


def patched(text: str, hunks: str) -> str:
    """Return a file with what a `diff` block changes: after the line `@@` names, where its context stands."""
    for hunk in hunks.split("@@ ")[1:]:
        anchor, _, body = hunk.partition("\n")
        lines = body.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        start = f"\n{text}".index(f"\n{anchor}\n")
        place = text.index(old, start)
        text = text[:place] + new + text[place + len(old) :]
    return text


def followed(folder: Path) -> list[Path]:
    """Copy the project, write and change what the page says; return the new files of Python."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder / path.name)
    new: list[Path] = []
    for _, kind, name, content in BLOCKS:
        path = folder / name
        if kind == "diff":
            path.write_text(patched(path.read_text("utf-8"), content), "utf-8")
            continue
        assert not path.exists(), f"{name} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        new += [path] if kind == "python" else []
    return new


def run(folder: Path, *command: str | Path, body: str = "") -> str:
    """Run a module of the copy, and return what it printed."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))
    }
    environment["PYTHONPATH"] = os.pathsep.join((str(folder / "shared"), str(folder)))
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env=environment,
        input=body,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.mark.slow
def test_who_follows_the_page_has_a_whole_network(tmp_path: Path) -> None:
    new = followed(tmp_path)
    assert len(new) == 8
    schema = run(tmp_path, "allhours.cli.organisation_schema")
    (tmp_path / "docs" / "organisation.schema.json").write_text(schema, "utf-8")
    run(tmp_path, "ruff", "check", "--quiet", *new)
    run(tmp_path, "ruff", "format", "--check", "--quiet", *new)
    tested = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", *TESTS, "-k", CHOSEN)
    passed = re.search(r"(\d+) passed", tested)
    assert passed, tested
    assert int(passed[1]) >= 50
    assert "0 violated" in run(tmp_path, "tests.crash", "explore", "poll noticeboard")
    body = (tmp_path / "tests" / "fixtures" / "noticeboard" / "notices.json").read_text("utf-8")
    assert "n-4" in run(tmp_path, "allhours.cli", "parse", "noticeboard", body=body)


def test_nothing_of_the_example_stays_in_the_project() -> None:
    named = [path for folder in COPIED for path in (ROOT / folder).rglob("*noticeboard*")]
    assert [path for path in named if path.name != "__pycache__"] == []
