"""Set up a Facebook Page: consent, a Page token that lasts, both levels of the webhook, and their health.

Written from developers.facebook.com: docs/facebook-login/guides/advanced/manual-flow, .../access-tokens/
get-long-lived, docs/pages-api/getting-started, docs/graph-api/webhooks/getting-started.

The better way is the token of a Business System User: it makes Page tokens, and its owner never leaves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import NetworkError, Refused
from allhours.networks._facebook.graph import META, NETWORK, graph_for
from allhours.networks._meta import fields
from allhours.networks._meta.setup import (
    app_fields,
    subscribe_app,
    subscribed_names,
    subscription,
    token_state,
    troubles,
)
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

GRAPH = "https://graph.facebook.com"
CONSENT = "https://www.facebook.com"
FIELDS = (
    *("feed", "mention", "ratings", "messages", "message_echoes", "message_edits", "message_deliveries"),
    *("standby", "messaging_handovers", "messaging_policy_enforcement"),
)
SCOPES = (
    *("pages_show_list", "pages_read_engagement", "pages_read_user_content", "pages_manage_engagement"),
    *("pages_manage_metadata", "pages_messaging"),
)
SOON = timedelta(days=14)

_DASHBOARD = "developers.facebook.com, your app, App settings, Basic"


class FacebookSetup:
    """What leads through the setup of one Page."""

    questions: tuple[Question, ...] = (
        Question(field="app_id", prompt="App ID", where=_DASHBOARD, of_app=True),
        Question(field="app_secret", prompt="App secret", where=_DASHBOARD, of_app=True),
        Question(
            field="verify_token",
            prompt="any long random word, by which Facebook greets the webhook",
            where="make one up; it is typed nowhere else",
            of_app=True,
        ),
        Question(
            field="user_token",
            prompt="token of a Business System User; leave it empty to sign in with a browser",
            where="business.facebook.com, Settings, Users, System users, Generate token; never expires",
            optional=True,
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return where the Page's owner consents; nothing where a system user's token was typed."""
        del verifier  # Facebook knows no PKCE for apps with a secret
        if given.get("user_token"):
            return ""
        host = host_for(handle, GRAPH, CONSENT)
        return consent_address(
            f"{host}/{META.version}/dialog/oauth",
            client_id=given.get("app_id", ""),
            redirect_uri=redirect,
            scope=",".join(SCOPES),
            state=state,
        )

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
        """Return a Page token without an end, and the long-lived user token that made it."""
        del verifier
        graph = self._graph(handle, at)
        user_token = given.get("user_token", "")
        if not user_token:
            app = {"client_id": given.get("app_id", ""), "client_secret": given.get("app_secret", "")}
            short = _token(graph, {**app, "redirect_uri": redirect, "code": code})
            user_token = _token(graph, {**app, "grant_type": "fb_exchange_token", "fb_exchange_token": short})
        asked = {"fields": "id,name,access_token", "limit": "100"}
        told = graph.ask("GET", "me/accounts", asked, token=user_token)
        for page in fields.dicts(told.get("data")):
            ours = (fields.id_or_nothing(page.get("id")), page.get("name"))
            page_token = fields.word(page.get("access_token"))
            if page_token and (handle.native_id or handle.handle) in ours:
                return {"page_token": page_token, "user_token": user_token}
        detail = f"Page {handle.native_id or handle.handle}: the token's owner needs a role on it"
        raise Refused(NETWORK, detail, handle=handle.handle)

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read the Page's id and name with the stored token."""
        told = self._graph(handle, at).get(handle.native_id or "me", {"fields": "id,name"})
        name = fields.text_of(told.get("name"), "name", limit=fields.LONGEST_NAME)
        return Identity(native_id=fields.id_or_nothing(told.get("id")), name=name)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Subscribe the app, then the Page, which would succeed without the app and tell nothing."""
        graph, app = self._graph(handle, at), self._app()
        verify_token = self._credentials.read(self._app_secret).get("verify_token", "")
        subscribe_app(graph, app, thing="page", names=FIELDS, callback=callback, verify_token=verify_token)
        wanted = {"subscribed_fields": ",".join(FIELDS)}
        graph.write("POST", f"{handle.native_id}/subscribed_apps", wanted)
        return (
            f"the app calls {callback} for {', '.join(FIELDS)}",
            f"Page {handle.native_id} is subscribed",
            "a person must switch the app to Live in its dashboard: until then only its testers are heard",
        )

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at the token, its permissions, both levels of the webhook and the quota."""
        graph, app = self._graph(handle, at), self._app()
        token = self._credentials.read(handle.secret).get("page_token", "")
        state = token_state(graph, token, app)
        notes = [] if state.valid else ["Facebook calls the Page token invalid"]
        if missing := sorted(set(SCOPES) - state.scopes):
            notes.append(f"permissions are missing: {', '.join(missing)}")
        page = next(graph.pages(f"{handle.native_id}/subscribed_apps", {}))
        told = troubles(subscription(graph, app, "page"), thing="page", names=FIELDS, callback=callback)
        names = subscribed_names(page.rows, app[0])
        if names is None:
            told.append("the app is not subscribed to the Page; after an hour of failures Facebook ends it")
        elif lost := sorted(set(FIELDS) - names):
            told.append(f"the Page does not tell {', '.join(lost)}")
        used = graph.used.get("pages", 0.0)
        return Health(
            token_expires=state.ends,
            webhook="; ".join(told) or "app and Page are subscribed",
            webhook_ok=not told if callback else None,
            quota=f"{used:.0%} of the Page's calls in an hour" if used else "",
            quota_used=used or None,
            notes=tuple(notes),
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Make a new Page token where the old one ends within two weeks and the user token may."""
        kept = self._credentials.read(handle.secret)
        if not kept.get("user_token"):
            return False
        graph = self._graph(handle, at)
        ends = token_state(graph, kept.get("page_token", ""), self._app()).ends
        if ends is None or ends - at > SOON:
            return False
        self._credentials.renew(handle.secret, kept, lambda stale: self._renewed(graph, handle, stale))
        return True

    def _renewed(self, graph: Graph, handle: Handle, stale: Mapping[str, str]) -> Mapping[str, str]:
        page = graph.ask(
            "GET", handle.native_id, {"fields": "access_token"}, token=stale.get("user_token", "")
        )
        if not (token := fields.word(page.get("access_token"))):
            raise Refused(NETWORK, f"secret {handle.secret}: its user_token makes no Page token")
        return {**stale, "page_token": token}

    def _app(self) -> tuple[str, str]:
        return app_fields(self._credentials, NETWORK, self._app_secret)

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def _token(graph: Graph, asked: Mapping[str, Any]) -> str:
    """Return the token for a code, or the long-lived one for a short; the secret travels in the body."""
    try:
        answer = graph.ask("POST", "oauth/access_token", asked, proven=False)
    except NetworkError as error:
        if isinstance(error, Refused):
            raise Refused(NETWORK, "no token for this consent: begin again", handle=error.handle) from None
        raise
    token = fields.word(answer.get("access_token"))
    if not token:
        raise graph.malformed("no token came", "access_token")
    return token
