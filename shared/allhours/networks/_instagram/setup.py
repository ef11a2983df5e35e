"""Connect an Instagram account by either login, subscribe our webhook, and look how it is.

Instagram Login: consent at instagram.com, a token of sixty days, one subscription for the account; the app's
own webhook stands in the dashboard. Facebook Login: consent at facebook.com, the token of the linked Page,
and both subscriptions by us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Refused
from allhours.networks._instagram.graph import (
    BASE_URL,
    FACEBOOK_LOGIN,
    NETWORK,
    SIXTY_DAYS,
    by_facebook,
    graph_for,
    page_of,
)
from allhours.networks._meta.fields import dict_of, dicts, id_or_nothing, listed, word
from allhours.networks._meta.graph import appsecret_proof
from allhours.networks._meta.sixty_days import LIVES, moment_of
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.http import host_for
from allhours.networks.oauth import consent_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

FIELDS = (
    *("comments", "live_comments", "mentions", "messages", "message_edit", "message_reactions"),
    *("messaging_seen", "messaging_postbacks", "messaging_referral", "standby"),
)
PAGE_FIELDS = ("feed", "messages")  # a Page's names; Instagram's own are refused there with code 100
SCOPES = "instagram_business_basic,instagram_business_manage_comments,instagram_business_manage_messages"
FACEBOOK_SCOPES = (
    "instagram_basic,instagram_manage_comments,instagram_manage_messages,pages_show_list"
    ",pages_read_engagement,pages_manage_metadata"
)


class InstagramSetup:
    """Lead through the setup of an account."""

    questions: tuple[Question, ...] = (
        Question(
            field="app_id",
            prompt="app id",
            where="Instagram Login: under Instagram, API setup; Facebook Login: under App settings",
            of_app=True,
        ),
        Question(
            field="app_secret",
            prompt="app secret",
            where="beside the app id; with both logins the Meta app's, and instagram_app_* for the other",
            of_app=True,
        ),
        Question(
            field="verify_token",
            prompt="verify token",
            where="any long random word; type the same at Instagram, Webhooks",
            of_app=True,
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return the address at which the account's owner consents; there is no PKCE."""
        del verifier
        app_id, _secret = _app(handle, given)
        more = {"client_id": app_id, "redirect_uri": redirect, "state": state}
        if by_facebook(handle):
            host = host_for(handle, BASE_URL, "https://www.facebook.com")
            return consent_address(
                f"{host}/{FACEBOOK_LOGIN.version}/dialog/oauth", **more, scope=FACEBOOK_SCOPES
            )
        host = host_for(handle, BASE_URL, "https://www.instagram.com")
        return consent_address(f"{host}/oauth/authorize", **more, scope=SCOPES)

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return the secret's fields: a token of sixty days, or the linked Page's and its maker's."""
        del verifier
        app_id, secret = _app(handle, given)
        if not by_facebook(handle):
            return SIXTY_DAYS.exchange(
                self._http, handle, app_id=app_id, app_secret=secret, code=code, redirect=redirect, at=at
            )
        app = {"client_id": app_id, "client_secret": secret}
        graph = self._graph(handle, at)
        asked = {**app, "redirect_uri": redirect, "code": code.removesuffix("#_")}
        short = graph.ask("GET", "oauth/access_token", asked)
        grant = {"grant_type": "fb_exchange_token", "fb_exchange_token": word(short.get("access_token"))}
        user_token = word(graph.ask("GET", "oauth/access_token", {**app, **grant}).get("access_token"))
        fields = {"fields": "id,name,access_token,instagram_business_account{id,username}"}
        fields["appsecret_proof"] = appsecret_proof(secret, user_token)  # our secret may not be stored yet
        pages = graph.ask("GET", "me/accounts", fields, token=user_token, proven=False)
        for page in listed(pages, "data"):
            account = dict_of(page.get("instagram_business_account"))
            if handle.native_id in {"", id_or_nothing(account.get("id"))} and page.get("access_token"):
                return {"access_token": word(page.get("access_token")), "user_token": user_token}
        told = "no Page of this person is linked with the account: link it, and grant all that is asked for"
        raise Refused(NETWORK, told, handle=handle.handle)

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read whose token it is; `user_id` is the id that webhooks use, `id` of `/me` is not."""
        graph = self._graph(handle, at)
        if by_facebook(handle):
            asked = {"fields": "id,instagram_business_account{id,username}"}
            page = graph.get(page_of(handle), asked)
            told, note = dict_of(page.get("instagram_business_account")), f"Page {word(page.get('id'))}"
            native_id = id_or_nothing(told.get("id"))
        else:
            told, note = graph.get("me", {"fields": "user_id,username"}), ""
            native_id = id_or_nothing(told.get("user_id"))
        if not native_id:
            raise graph.malformed("the answer names no Instagram account", "user_id")
        return Identity(native_id=native_id, name=f"@{word(told.get('username'))}", note=note)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Subscribe the account, and by Facebook Login the app too; may be repeated."""
        graph = self._graph(handle, at)
        if not by_facebook(handle):
            asked = {"subscribed_fields": ",".join(FIELDS)}
            graph.write("POST", f"{handle.native_id}/subscribed_apps", asked)
            left = "left for a person: in the app's dashboard under Instagram, Webhooks, set"
            return (
                f"the account is subscribed to {', '.join(FIELDS)}",
                f"{left} {callback} and the verify token, and switch on the same fields",
            )
        app = self._credentials.read(self._app_secret)
        app_id, secret = _app(handle, app)
        webhook = {
            "object": NETWORK,
            "callback_url": callback,
            "fields": ",".join(FIELDS),
            "verify_token": app.get("verify_token", ""),
        }
        graph.ask("POST", f"{app_id}/subscriptions", webhook, token=f"{app_id}|{secret}", proven=False)
        edge = f"{page_of(handle)}/subscribed_apps"
        # a new list replaces the old one, and the Page may be subscribed for Facebook as well
        fields = sorted({*PAGE_FIELDS, *_subscribed(graph, edge, app_id)})
        graph.write("POST", edge, {"subscribed_fields": ",".join(fields)})
        return (f"the app calls {callback}", f"the linked Page is subscribed to {', '.join(fields)}")

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at the token's end, the subscription and the quota."""
        graph = self._graph(handle, at)
        fields = self._credentials.read(handle.secret)
        app_id, _secret = _app(handle, self._credentials.read(self._app_secret))
        mine = by_facebook(handle)
        owner = page_of(handle) if mine else handle.native_id
        subscribed = _subscribed(graph, f"{owner}/subscribed_apps", app_id)
        missing = sorted({*(PAGE_FIELDS if mine else FIELDS)} - {*subscribed})
        used = max(graph.used.values(), default=0.0)
        expires_at = moment_of(fields, "expires_at")
        notes = [f"the webhook is not subscribed to {', '.join(missing)}"] if missing and callback else []
        if not mine and expires_at is None:
            notes.append(f"the secret has no expires_at: the token ends {LIVES.days} days after it was made")
        return Health(
            token_expires=None if mine else expires_at,
            webhook=f"subscribed to {', '.join(subscribed)}" if subscribed else "not subscribed",
            webhook_ok=not missing if callback else None,
            quota=f"{used:.0%} of the calls a day" if used else "",
            quota_used=used,
            notes=tuple(notes),
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew a token of sixty days once a week; a Page token does not run out."""
        if by_facebook(handle):
            return False
        return SIXTY_DAYS.renew(self._http, self._credentials, handle, at=at)

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def _app(handle: Handle, fields: Mapping[str, str]) -> tuple[str, str]:
    """Return id and secret of the app behind the handle's login; the first of several secrets is current."""
    own = "" if by_facebook(handle) or "instagram_app_id" not in fields else "instagram_"
    secret = fields.get(f"{own}app_secret", "").split(",")[0].strip()
    return fields.get(f"{own}app_id", ""), secret


def _subscribed(graph: Graph, edge: str, app_id: str) -> tuple[str, ...]:
    """Return the fields to which an app is subscribed; an answer that names no app is taken for ours."""
    rows: list[Mapping[str, Any]] = listed(graph.get(edge, {}), "data")
    ours = [row for row in rows if id_or_nothing(row.get("app_id", row.get("id"))) in {"", app_id}]
    told = next(iter(dicts(ours)), {}).get("subscribed_fields")
    return tuple(word(each) for each in told if word(each)) if isinstance(told, list) else ()
