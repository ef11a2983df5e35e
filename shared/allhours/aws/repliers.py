"""The networks that can answer; each is imported and made when an answer for it is first at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.aws.meters import meter_of
from allhours.flows.reply_ports import Settling
from allhours.networks import NETWORKS, network_module
from allhours.networks.http import Http

if TYPE_CHECKING:
    from allhours.networks.contract import Capabilities, Replier


class NetworkRepliers:
    """What answers, by network, warm as long as the function."""

    def __init__(self) -> None:
        """Import nothing yet."""
        self._made: dict[str, Replier | None] = {}

    def replier(self, network: str) -> Replier | None:
        """Return the network, ready to answer; None where nobody can."""
        if network not in self._made:
            self._made[network] = _made(network)
        return self._made[network]

    def settling(self, network: str) -> Settling:
        """Return what the network's manifest says of its times."""
        if network not in NETWORKS:
            return Settling()
        can = network_module(network).capabilities
        return Settling(settles_within=can.settles_within, seen_within=can.seen_within)

    def capabilities(self, network: str) -> Capabilities:
        """Return what the network can do."""
        return network_module(network).capabilities


def _made(network: str) -> Replier | None:
    module = network_module(network) if network in NETWORKS else None
    if module is None or not hasattr(module, "answering"):
        return None
    return module.answering(
        wiring.credentials(), Http(), app_secret=f"{network}/app", meter=meter_of(network)
    )
