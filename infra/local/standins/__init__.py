"""Stand-in networks on loopback, one for each network, that speak the real wire formats."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.local.standins.base import StandIn


def stand_in_for(network: str) -> type[StandIn]:
    """Return the class that plays a network; only its own file is imported."""
    from infra.local.standins.base import StandIn  # noqa: PLC0415 - a package does not import its parts

    module = import_module(f"infra.local.standins.{network}")
    return next(
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, StandIn) and getattr(each, "name", "") == network
    )
