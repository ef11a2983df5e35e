"""Instagram's two flavours of the Graph API: Instagram Login, and Facebook Login with a linked Page.

`settings.login` of a handle chooses. Facebook Login speaks to graph.facebook.com with a Page token, which its
user token makes anew, and proves every call; Instagram Login has a token of sixty days.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.networks._meta.errors import Code, Meta
from allhours.networks._meta.graph import Graph
from allhours.networks._meta.sixty_days import SixtyDays
from allhours.networks.http import host_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

NETWORK = "instagram"
BASE_URL = "https://graph.instagram.com"
FACEBOOK_URL = "https://graph.facebook.com"
MESSAGES = "messages"
_WORDS: Mapping[Code, str] = MappingProxyType(
    {
        (10, 2534022): "the window for messages is closed: answer after the customer has written again",
        (10, 2018108): "the person cannot be reached by message now",
        551: "the person cannot be reached by message now",
        10900: "the one private reply to this comment is used: wait until the customer answers it",
        10902: "Instagram takes no private reply to this comment",
        10903: "Instagram takes no private reply to this comment",
    }
)


def _page_token(graph: Graph, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Return a fresh Page token, which the user token may make."""
    answer = graph.ask("GET", page_of(graph.handle), {"fields": "access_token"}, token=fields["user_token"])
    token = answer.get("access_token")
    return {"access_token": token} if isinstance(token, str) else {}


INSTAGRAM_LOGIN = Meta(
    network=NETWORK,
    title="Instagram",
    version="v26.0",
    quotas=(NETWORK, MESSAGES),
    thing="account",
    token="access token",  # noqa: S106 - its name, not a token
    token_field="access_token",  # noqa: S106 - a field's name
    renews_with="",
    words=_WORDS,
    doubtful=frozenset({20}),  # comes after the comment was made (brightbeanxyz/brightbean-studio #140)
    proves=False,  # whether graph.instagram.com knows appsecret_proof is not documented
)
FACEBOOK_LOGIN = replace(
    INSTAGRAM_LOGIN,
    token="Page token",  # noqa: S106 - its name, not a token
    renews_with="user_token",
    new_token=_page_token,
    proves=True,
)
SIXTY_DAYS = SixtyDays(
    meta=INSTAGRAM_LOGIN, prefix="ig", host=BASE_URL, code_host="https://api.instagram.com"
)


def by_facebook(handle: Handle) -> bool:
    """Return whether the handle is connected by Facebook Login; `Refused` for a login that there is not."""
    login = handle.settings.get("login", "instagram")
    if login not in {"instagram", "facebook"}:
        raise Refused(NETWORK, "setting login must be instagram or facebook", handle=handle.handle)
    return login == "facebook"


def page_of(handle: Handle) -> str:
    """Return the linked Page's id; `me` is the Page too, for whom a Page token is asked."""
    return handle.settings.get("page_id", "me")


def inbox_of(handle: Handle) -> str:
    """Return whose edges hold conversations and send messages."""
    return page_of(handle) if by_facebook(handle) else handle.native_id


def graph_for(
    http: Http,
    credentials: Credentials,
    handle: Handle,
    *,
    app_secret: str,
    at: datetime,
    waits: int = 0,
) -> Graph:
    """Return the API as this handle's login sees it."""
    meta = INSTAGRAM_LOGIN
    if by_facebook(handle):
        meta = FACEBOOK_LOGIN
        handle = replace(handle, base_url=host_for(handle, BASE_URL, FACEBOOK_URL))
    return Graph(http, credentials, handle, meta, app_secret=app_secret, at=at, waits=waits)
