from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from infra.local.cloud import SharedZip

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def unpacked(place: Path, worker: str, name: str, content: str) -> Path:
    """Unpack a zip file as a worker of the emulator does."""
    folder = place / worker
    folder.mkdir()
    with zipfile.ZipFile(folder / name, "w") as made:
        made.writestr("python/words.py", content)
    there = folder / "there"
    there.mkdir()
    with SharedZip(folder / name) as read:
        read.extractall(there)
    return there / "python" / "words.py"


def test_a_layer_is_unpacked_once_for_all_workers(place: Path) -> None:
    first, second = (unpacked(place, worker, "layer_0.zip", "one = 1") for worker in ("a", "b"))
    assert first.read_text() == "one = 1"
    assert first.resolve() == second.resolve()


def test_another_version_of_a_layer_is_another_one(place: Path) -> None:
    first = unpacked(place, "a", "layer_0.zip", "one = 1")
    second = unpacked(place, "b", "layer_0.zip", "one = 2")
    assert (first.read_text(), second.read_text()) == ("one = 1", "one = 2")


def test_a_function_s_own_code_is_its_worker_s_alone(place: Path) -> None:
    first, second = (unpacked(place, worker, "code.zip", "one = 1") for worker in ("a", "b"))
    assert first.resolve() != second.resolve()
