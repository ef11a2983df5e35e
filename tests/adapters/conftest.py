"""AWS as moto plays it, with what the template creates and the settings that it gives to functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash.harness import World, a_world

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    """Return a world whose channels have been polled once."""
    with a_world() as made:
        yield made
