"""Facebook's dialect of the Graph API: quotas, words for errors, and how a Page token is made anew."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.networks._meta.errors import Meta
from allhours.networks._meta.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

NETWORK = "facebook"

_OVER = "Messenger's window is over: 24 hours after the customer's last message, 7 days for an answer by hand"
_UNAVAILABLE = "the person cannot be reached in Messenger: blocked us, left, or takes no messages"


def graph_for(
    http: Http, credentials: Credentials, handle: Handle, *, app_secret: str, at: datetime, waits: int = 0
) -> Graph:
    """Return the Graph API as this Page's token sees it."""
    return Graph(http, credentials, handle, META, app_secret=app_secret, at=at, waits=waits)


def _page_token(graph: Graph, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Return a fresh Page token, which the user token may make."""
    answer = graph.ask(
        "GET", graph.handle.native_id, {"fields": "access_token"}, token=fields.get("user_token", "")
    )
    token = answer.get("access_token")
    return {"page_token": token} if isinstance(token, str) else {}


META = Meta(
    network=NETWORK,
    title="Facebook",
    version="v26.0",
    quotas=("pages", "messenger"),  # counted apart (docs/graph-api/overview/rate-limiting)
    new_token=_page_token,
    words=MappingProxyType(
        {
            (10, 2018278): _OVER,
            (10, 2018065): _OVER,  # the older number of the same
            (10, 2018108): _UNAVAILABLE,
            (551, 1545041): _UNAVAILABLE,
            551: _UNAVAILABLE,
            (10, 1893063): "Facebook restricts this Page's messages; see Page quality at facebook.com",
            10900: "this comment has had its one private answer already",
            10902: "nobody can be written to in private because of this post",
            10903: "the person takes no private answer to this comment",
            1705: "the token acts as a person, not as the Page; store a Page token",
        }
    ),
    doubtful=frozenset({506}),  # "duplicate post": our own earlier attempt may be the other one
)
