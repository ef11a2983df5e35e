"""Find the material that is shared beside the checkout and never copied into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_FOLDER = Path(os.environ.get("ALLHOURS_SHARED") or Path(__file__).resolve().parents[2] / "shared")


def shared(*parts: str) -> Path:
    """Return a path in the shared folder; skip the test, naming the path, where it is absent."""
    path = _FOLDER.joinpath(*parts)
    if not path.exists():
        pytest.skip(
            f"{path} is not there: put the shared folder beside the checkout or name it in ALLHOURS_SHARED"
        )
    return path


def specs(network: str, *parts: str) -> Path:
    """Return a path in a network's official specifications and recorded payloads."""
    return shared("specs", network, *parts)


def data(*parts: str) -> Path:
    """Return a path in the data for routing, redaction, spikes and FAQ links."""
    return shared("data", *parts)
