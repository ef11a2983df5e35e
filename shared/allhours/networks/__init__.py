"""The social networks, one file each, behind one contract; HTTP only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Capabilities, Credentials
    from allhours.networks.http import Http

    class NetworkModule:
        """What a file in this package offers."""

        capabilities: Capabilities

        @staticmethod
        def connect(credentials: Credentials, http: Http, *, app_secret: str) -> object:
            """Return the network, ready to read; nothing is asked of it or of the secrets yet."""

        parse: Callable[[bytes, Handle, datetime], tuple[Heard, ...]]


NETWORKS = ("x", "facebook", "mastodon", "bluesky", "feeds")
"""Every network; the name is the file's, the function's (`ingest_<name>`) and the organisation file's."""


def network_module(name: str) -> NetworkModule:
    """Return one network's file; only this one is imported, so a cold start pays for no other."""
    if name not in NETWORKS:
        message = f"no network is called {name!r}; there are {', '.join(NETWORKS)}"
        raise KeyError(message)
    return cast("NetworkModule", import_module(f"allhours.networks.{name}"))
