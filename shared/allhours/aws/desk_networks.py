"""The networks as the desk knows them: their rules, lengths and prices, which they are asked nothing for.

The desk's function has no credentials and calls no network: only `respond` posts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.networks import network_module

if TYPE_CHECKING:
    from allhours.networks.contract import Capabilities, Replier


class DeskNetworks:
    """What answers, by network; it can tell, and not send."""

    def replier(self, network: str) -> Replier | None:
        """Return the network's rules; None where nobody can answer."""
        from allhours.networks.rules import rules_of  # noqa: PLC0415 - the inbox, read first, needs no HTTP

        return rules_of(network)

    def capabilities(self, network: str) -> Capabilities:
        """Return what the network can do."""
        return network_module(network).capabilities
