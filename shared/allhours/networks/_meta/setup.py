"""What setting up Meta's networks shares: the app's own token, a token's state, and the app's subscription.

Written from developers.facebook.com: docs/facebook-login/guides/access-tokens (debugging, get-long-lived),
docs/graph-api/webhooks/subscriptions-edge, docs/graph-api/webhooks/getting-started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.networks._meta import fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenState:
    """What `debug_token` says: `ends` is the earlier of its end and that of the access to data."""

    valid: bool
    ends: datetime | None
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What the app is subscribed to: where it is called, and for which fields."""

    callback: str
    active: bool
    fields: frozenset[str]


def app_fields(credentials: Credentials, network: str, app_secret: str) -> tuple[str, str]:
    """Return the app's id and its current secret; `Refused` says what is missing where."""
    told = credentials.read(app_secret)
    app_id, secret = told.get("app_id", ""), told.get("app_secret", "").split(",")[0].strip()
    if not app_id or not secret:
        raise Refused(network, f"secret {app_secret} needs app_id and app_secret")
    return app_id, secret


def token_state(graph: Graph, token: str, app: tuple[str, str]) -> TokenState:
    """Return how a token is, as Meta sees it; both lists of scopes count (chatwoot/chatwoot #14690)."""
    answer = graph.ask("GET", "debug_token", {"input_token": token}, token="|".join(app), proven=False)
    told = fields.dict_of(answer.get("data"))
    scopes = told.get("scopes")
    plain = [each for each in scopes if isinstance(each, str)] if isinstance(scopes, list) else []
    granular = [fields.word(each.get("scope")) for each in fields.dicts(told.get("granular_scopes"))]
    ends = [
        at
        for name in ("expires_at", "data_access_expires_at")
        if told.get(name) and (at := fields.moment(told[name])) is not None  # 0 is never
    ]
    return TokenState(
        valid=told.get("is_valid") is True,
        ends=min(ends, default=None),
        scopes=frozenset([*plain, *granular]) - {""},
    )


def subscribe_app(
    graph: Graph, app: tuple[str, str], *, thing: str, names: Sequence[str], callback: str, verify_token: str
) -> None:
    """Subscribe the app itself to an object's fields; Meta calls the callback before it answers."""
    form = {
        "object": thing,
        "callback_url": callback,
        "fields": ",".join(names),
        "verify_token": verify_token,
        "include_values": "true",
    }
    graph.ask("POST", f"{app[0]}/subscriptions", form, token="|".join(app), proven=False)


def subscription(graph: Graph, app: tuple[str, str], thing: str) -> Subscription | None:
    """Return the app's subscription to an object, None where it has none."""
    answer = graph.ask("GET", f"{app[0]}/subscriptions", {}, token="|".join(app), proven=False)
    for row in fields.dicts(answer.get("data")):
        if row.get("object") == thing:
            named = row.get("fields")
            names = (
                fields.word(each.get("name")) if isinstance(each, dict) else fields.word(each)
                for each in (named if isinstance(named, list) else [])
            )
            return Subscription(
                callback=fields.word(row.get("callback_url")),
                active=row.get("active") is True,
                fields=frozenset(names) - {""},
            )
    return None


def troubles(told: Subscription | None, *, thing: str, names: Sequence[str], callback: str) -> list[str]:
    """Return in words what is wrong with the app's subscription; nothing when all is well."""
    if told is None:
        return [f"the app is not subscribed to {thing}"]
    found = [] if told.active else [f"the app's subscription to {thing} is not active"]
    if told.callback != callback:
        found.append("Meta calls another address than ours")
    if missing := sorted(set(names) - told.fields):
        found.append(f"the app does not ask for {', '.join(missing)}")
    return found


def subscribed_names(rows: Sequence[Mapping[str, object]], app_id: str) -> frozenset[str] | None:
    """Return for which fields the app is subscribed to an account, None when it is not at all."""
    for row in rows:
        told = fields.dict_of(row.get("whatsapp_business_api_data")) or row
        if fields.id_or_nothing(told.get("id")) == app_id:
            names = row.get("subscribed_fields")
            return frozenset(
                each for each in (names if isinstance(names, list) else []) if isinstance(each, str)
            )
    return None
