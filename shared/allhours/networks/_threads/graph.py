"""The Threads API as a handle's token sees it: Meta's Graph API at a host of its own, version 1.0."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.networks._meta.errors import Code, Meta
from allhours.networks._meta.graph import Graph
from allhours.networks._meta.sixty_days import SixtyDays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

NETWORK = "threads"
BASE_URL = "https://graph.threads.net"
NOT_THERE = "the container or post is not there, or not there yet"
_WORDS: Mapping[Code, str] = MappingProxyType(
    {
        (24, 4279009): NOT_THERE,  # for containers it means "not ready", though is_transient says false
        24: NOT_THERE,
    }
)

THREADS = Meta(
    network=NETWORK,
    title="Threads",
    version="v1.0",
    quotas=(NETWORK,),
    thing="profile",
    token="access token",  # noqa: S106 - its name, not a token
    token_field="access_token",  # noqa: S106 - a field's name
    renews_with="",
    words=_WORDS,
    proves=False,  # whether this host knows appsecret_proof is not documented
)
SIXTY_DAYS = SixtyDays(meta=THREADS, prefix="th", host=BASE_URL, code_host=BASE_URL)


def graph_for(
    http: Http, credentials: Credentials, handle: Handle, *, app_secret: str, at: datetime, waits: int = 0
) -> Graph:
    """Return the API for one handle."""
    return Graph(http, credentials, handle, THREADS, app_secret=app_secret, at=at, waits=waits)
