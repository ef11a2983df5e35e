from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.local import bootstrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List what setup would run, on a machine where one is root and there is nothing."""
    commands = list[str]()

    def run(command: Sequence[str | Path], _problem: str) -> None:
        commands.append(" ".join(map(str, command)))

    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "_run", run)
    return commands


def there_is(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if name in names else None)


def test_a_chromium_that_is_there_is_left_alone(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    there_is(monkeypatch, "apt-get", "google-chrome")
    bootstrap._browser()
    assert ran == []


def test_a_fresh_debian_gets_chromium(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    there_is(monkeypatch, "apt-get")
    bootstrap._browser()
    assert [command.partition("--yes ")[2] for command in ran] == [
        "update",
        "install --no-install-recommends chromium fonts-dejavu-core",
    ]


def test_elsewhere_setup_says_how_to_get_one(
    ran: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there_is(monkeypatch)
    bootstrap._browser()
    assert ran == []
    assert "install it, or name one in CHROMIUM" in capsys.readouterr().out


def test_without_a_network_setup_goes_on(
    ran: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_command: Sequence[str | Path], problem: str) -> None:
        raise bootstrap.SetupError(problem)

    there_is(monkeypatch, "apt-get")
    monkeypatch.setattr(bootstrap, "_run", fails)
    bootstrap._browser()
    assert ran == []
    assert "apt-get cannot read its lists" in capsys.readouterr().out
