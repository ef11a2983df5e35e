"""The social networks, one file each, behind one contract; HTTP only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Capabilities, Connector, Credentials, Meter, Replier
    from allhours.networks.http import Http

    class NetworkModule:
        """What a file in this package offers; a network without answers has no `answering`."""

        capabilities: Capabilities

        @staticmethod
        def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> object:
            """Return the network, ready to read; nothing is asked of it or of the secrets yet."""

        @staticmethod
        def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
            """Return the network, ready to answer; nothing is asked of it or of the secrets yet."""
            ...

        @staticmethod
        def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
            """Return what leads through the network's setup; nothing is asked of it or of the secrets yet."""
            ...

        parse: Callable[[bytes, Handle, datetime], tuple[Heard, ...]]


NETWORKS = (
    "x",
    "facebook",
    "instagram",
    "threads",
    "whatsapp",
    "mastodon",
    "bluesky",
    "reddit",
    "youtube",
    "tiktok",
    "telegram",
    "linkedin",
    "discourse",
    "googleplay",
    "appstore",
    "googlebusiness",
    "trustpilot",
    "feeds",
)
"""Every network that is alive; the file, the function (`ingest_<name>`) and the organisation call it so."""

RETIRED = ("myspace",)
"""Networks in the last state of their life: an organisation may keep what they said, and nothing is read."""


def network_module(name: str) -> NetworkModule:
    """Return one network's file; only this one is imported, so a cold start pays for no other."""
    if name not in NETWORKS and name not in RETIRED:
        message = f"no network is called {name!r}; there are {', '.join((*NETWORKS, *RETIRED))}"
        raise KeyError(message)
    return cast("NetworkModule", import_module(f"allhours.networks.{name}"))
