"""WhatsApp's dialect of the Graph API: what its error codes mean to the person at the desk."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.networks._meta.errors import Code, Meta
from allhours.networks._meta.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

NETWORK = "whatsapp"
OVER = "the 24 hours are over: WhatsApp now takes only a template that it has approved (WhatsApp Manager)"

_LOCKED = "WhatsApp has locked the account; see Account Quality at business.facebook.com"
_SPAM = "WhatsApp holds it back: too many messages from this number were blocked or reported"
_PERMISSION = "the token lacks whatsapp_business_messaging, or the number is not its business's"
_PARAMETER = "WhatsApp does not accept the message as it is"

WORDS: Mapping[Code, str] = MappingProxyType(
    {
        10: _PERMISSION,
        200: _PERMISSION,
        368: _LOCKED,
        130472: "WhatsApp leaves this person out as part of an experiment",
        130497: "WhatsApp does not let this business write to people in that country",
        131005: _PERMISSION,
        131008: _PARAMETER,
        131009: _PARAMETER,
        131026: "it cannot be delivered: blocked us, no WhatsApp, or an app that is too old",
        131030: "the number is not on the list of a test account",
        131031: _LOCKED,
        131037: "the number's display name is not approved yet (WhatsApp Manager)",
        131042: "the account's payment is in trouble; see WhatsApp Manager, Payments",
        131047: OVER,
        131048: _SPAM,
        131049: "WhatsApp holds it back, to keep this person's messages few",
        131050: "the person does not want marketing messages from this business",
        131051: _PARAMETER,
        131062: "this person is known by a user id only, and this kind of message needs a number",
        133010: "the number is not registered for the API: register it in WhatsApp Manager",
    }
)
TRANSIENT = frozenset({131_000, 131_016, 131_057})
_TEMPLATES = range(132_000, 133_000)

META = Meta(
    network=NETWORK,
    title="WhatsApp",
    version="v26.0",
    quotas=("whatsapp",),
    thing="phone number",
    token="System User token",  # noqa: S106 - its name, not a token
    token_field="access_token",  # noqa: S106 - a field's name
    words=WORDS,
    throttled=frozenset({130_429, 131_056}),  # 80 messages a second; one in six seconds to one person
    doubtful=TRANSIENT,
    first_wait=timedelta(minutes=1),
)


def graph_for(
    http: Http, credentials: Credentials, handle: Handle, *, app_secret: str, at: datetime
) -> Graph:
    """Return the Graph API as this phone number's token sees it."""
    return Graph(http, credentials, handle, META, app_secret=app_secret, at=at)


def in_words(code: int) -> str:
    """Return what a code means; texts of WhatsApp change, numbers do not."""
    if code in _TEMPLATES:
        return f"the template was turned down (code {code})"
    if code in TRANSIENT:
        return f"WhatsApp's own failure (code {code})"
    return f"{WORDS.get(code, 'WhatsApp did not deliver it')} (code {code})"
