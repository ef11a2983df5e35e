"""`make run` as a person starts and ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from infra.local.deploy import FOLDER
from infra.local.deployed import until
from infra.local.town import Town, merged, organisation_of

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = FOLDER / "infra" / "organisation" / "acme.yaml"
PATIENCE = 150  # seconds; a start takes 20 when the build is cached
PORTS = 50  # that a run may take


WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
BLOCKS = iter(range(20_000 + 1_000 * WORKER, 30_000, PORTS))  # a killed run lets its ports go late


@pytest.fixture
def port() -> int:
    """Find a port with room for the stand-ins after it."""
    for first in BLOCKS:
        if all(_free(place) for place in range(first, first + PORTS)):
            return first
    pytest.fail("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Run:
    """A run in a process group of its own, and what it prints."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.run", *arguments],
            cwd=FOLDER,
            env={**os.environ, "PYTHONPATH": f"{FOLDER / 'shared'}", "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def until_it_says(self, words: str) -> None:
        for _ in until(PATIENCE):
            if any(re.search(words, line) for line in self.lines):
                return
            assert self.process.poll() is None, self.text
        pytest.fail(f"it never said {words!r}: {self.text}")

    def ended(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.join(10)
        return code

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert self.process.stdout is not None
        self._reader.join(10)
        self.process.stdout.close()


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.close()


def left_behind(port: int) -> list[str]:
    """List the processes that still have to do with a run on that port."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"GATEWAY_PORT={port}\0".encode() in environment or f"127.0.0.1:{port}\0".encode() in environment:
            found.append(process.name)
    return found


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"
)


def assert_nothing_is_left(port: int) -> None:
    assert any(not left_behind(port) for _ in until(30)), left_behind(port)


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one worker has nobody to share with")
def test_what_shares_ports_runs_on_one_worker(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@runs")


@needs_proc
def test_ctrl_c_ends_it_with_every_post_and_answer_counted_a_page_had_and_no_process_left(
    port: int, runs: list[Run]
) -> None:
    run = Run("--port", str(port))
    runs.append(run)
    run.until_it_says(r"posted [1-9]")
    run.until_it_says(r"slept; \d+ s later \w+ was called, opened the link \(HTTP 200\): it stopped")
    run.until_it_says(r"answered \d+ = posted [1-9]")
    run.process.send_signal(signal.SIGINT)
    assert run.ended() == 0, run.text
    assert re.search(r"pages: \d+: \d+ climbed, \d+ acknowledged by opening the link", run.text)
    assert re.search(r"posted (\d+) = routed \d+ \+ light \d+ \+ filtered \d+ \+ deleted \d+\n", run.text)
    assert "came twice: 0" in run.text
    assert re.search(r"answered \d+ = posted [1-9].* answered twice 0, wrongly 0\n", run.text)
    assert re.search(rf"desk: http://127.0.0.1:{port + 1}/desk · sign in as \w+ \w+", run.text)
    assert_nothing_is_left(port)


@needs_proc
def test_real_voices_are_posted_and_bad_lines_named_and_a_plain_kill_ends_it_well(
    port: int, runs: list[Run], tmp_path: Path
) -> None:
    voices = tmp_path / "voices.jsonl"
    voices.write_text('{"text": "is the app down?", "network": "x"}\nnot this\n{"text": "my card is lost"}\n')
    run = Run("--port", str(port), "--voices", str(voices), "--no-staff")
    runs.append(run)
    run.until_it_says("posted 2 ")
    run.process.send_signal(signal.SIGTERM)
    assert run.ended() == 0, run.text
    assert "voices.jsonl:2:" in run.text
    assert "posted 2 = routed 2 + light 0 + filtered 0 + deleted 0" in run.text
    assert_nothing_is_left(port)


@needs_proc
def test_a_hard_kill_in_the_middle_of_the_deployment_leaves_no_process(port: int, runs: list[Run]) -> None:
    run = Run("--port", str(port))
    runs.append(run)
    run.until_it_says("AWS emulator at")
    run.process.send_signal(signal.SIGKILL)
    run.ended()
    assert_nothing_is_left(port)


def a_bank_with_one_handle(written: Path) -> Town:
    """Write an organisation of one unit with one handle, and start the server that it is on."""
    bank = merged([EXAMPLE])
    bank["units"] = {"customer_care": bank["units"]["customer_care"]}
    account = bank["units"]["customer_care"]["accounts"]["acmebank"]
    account["handles"] = {"mastodon": account["handles"]["mastodon"]}
    for key in ("answers", "urgent", "engagement", "systems"):  # name units that are not there
        bank.pop(key, None)
    bank["rules"] = [rule for rule in bank["rules"] if rule.get("unit") == "customer_care"]
    written.parent.mkdir()
    written.write_text(yaml.safe_dump(bank))
    theirs = Town.built_for(organisation_of([written]).handles)
    theirs.write([written], written)
    return theirs


def test_a_server_that_somebody_else_runs_is_read_and_shown(
    port: int, runs: list[Run], tmp_path: Path
) -> None:
    organisation, secrets = tmp_path / "own" / "organisation.yaml", tmp_path / "secrets.json"
    theirs = a_bank_with_one_handle(organisation)
    try:
        secrets.write_text(json.dumps(theirs.secrets()))
        run = Run("--port", str(port), "--organisation", str(organisation), "--secrets", str(secrets))
        runs.append(run)
        run.until_it_says("mastodon @acmebank: the real one")
        run.until_it_says("posting: ")
        theirs.say(theirs.venues[0], "leela", "my card does not work")
        run.until_it_says("last: mastodon to customer_care")
        run.process.send_signal(signal.SIGINT)
        assert run.ended() == 0, run.text
    finally:
        theirs.stop()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--voices", "nowhere.jsonl"], "nowhere.jsonl is not there"),
        (["--organisation", "nowhere.yaml"], "nowhere.yaml is not there"),
        (["--secrets", "README.md"], "README.md"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], words: str, port: int, runs: list[Run]
) -> None:
    run = Run("--port", str(port), "--for", "1", *arguments)
    runs.append(run)
    assert run.ended() == 1
    last = run.text.strip().splitlines()[-1]
    assert last.startswith("run: ")
    assert words in last


def test_a_port_that_is_in_use_is_named(port: int, runs: list[Run]) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        run = Run("--port", str(port), "--for", "1")
        runs.append(run)
        assert run.ended() == 1
    assert run.text.strip().splitlines()[-1].startswith(f"run: port {port} is in use")
