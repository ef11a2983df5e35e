"""Setting up Reddit: consent that lasts, whose account it is, and whether others see what we say.

Written from Reddit's OAuth2 page (authorization code, `duration=permanent`; no PKCE) and GET /api/v1/me.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, NetworkError, Refused
from allhours.networks._reddit.api import API, SCOPES, SITE, Session, children, user_agent
from allhours.networks._reddit.posts import NETWORK, field_of, fullname_of, our_name
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.http import host_for
from allhours.networks.oauth import consent_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

CHECKED = 25  # of our newest comments that a second reader looks for
_HIDDEN = frozenset({"[removed]", "[ removed by reddit ]"})


class RedditSetup:
    """Lead through the consent and look after the connection."""

    questions: tuple[Question, ...] = (
        Question(
            field="client_id",
            prompt="client id",
            where=f"{SITE}/prefs/apps, below the name of the approved app (type web app); its redirect uri "
            "must be the address that this command shows",
            of_app=True,
        ),
        Question(
            field="client_secret", prompt="client secret", where=f"{SITE}/prefs/apps, same app", of_app=True
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Keep the ports; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return the page on which the account's owner consents for good; Reddit knows no PKCE."""
        del verifier
        return consent_address(
            f"{host_for(handle, API, SITE)}/api/v1/authorize",
            client_id=given["client_id"],
            redirect_uri=redirect,
            state=state,
            duration="permanent",
            scope=SCOPES,
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
        """Return refresh and access token; a refusal comes as HTTP 200, so the body decides."""
        del verifier
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        told = self._session(handle, at).token(form, given)
        if not told["refresh_token"]:
            detail = "Reddit gave no refresh token: consent again, the app must be a web app"
            raise Refused(NETWORK, detail, handle=handle.handle)
        return told

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Return the account that the token belongs to."""
        me = self._session(handle, at).get("/api/v1/me", {})
        told = me if isinstance(me, dict) else {}
        name, native_id = told.get("name"), told.get("id")
        if not isinstance(name, str) or not isinstance(native_id, str):
            raise Malformed(NETWORK, "the account has no name or id", handle=handle.handle, field="name")
        if name.casefold() != our_name(handle):
            detail = f"the consent was given by u/{name[:40]}, the organisation file says {handle.handle}"
            raise Refused(NETWORK, detail, handle=handle.handle)
        suspended = told.get("is_suspended") is True
        note = "suspended by Reddit" if suspended else f"calls itself {user_agent(handle)}"
        return Identity(native_id=f"t2_{native_id}", name=f"u/{name}", note=note)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Return what is left for a person; there is nothing to subscribe."""
        del handle, callback, at
        return (
            "Reddit calls no webhooks: the account is polled",
            "for a person: label the account as App in its settings, as Reddit asks of automated accounts",
        )

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at the budget, and at whether others see our newest replies; the consent does not run out."""
        del callback
        session = self._session(handle, at)
        query = {"sort": "new", "limit": str(CHECKED)}
        ours, _after = children(session.get(f"/user/{our_name(handle)}/comments", query))
        used, left = session.used or (0.0, 0.0)
        share = used / (used + left) if used + left else None
        try:
            notes = self._unseen(handle, ours, at)
        except NetworkError as error:
            notes = (f"whether others see our replies could not be looked up: {error.detail}",)
        return Health(
            webhook="Reddit has none",
            quota=f"{used:.0f} of {used + left:.0f} calls in this window" if session.used else "",
            quota_used=share,
            notes=notes,
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew the day's access token if it is about to end; return whether it was."""
        return self._session(handle, at).renew_when_due()

    def _unseen(self, handle: Handle, ours: Sequence[object], at: datetime) -> tuple[str, ...]:
        """Read our replies as a stranger: what was removed silently looks normal to us only."""
        names = [name for thing in ours if (name := fullname_of(thing))]
        if not names:
            return ()
        session = self._session(handle, at)
        app = self._credentials.read(self._app_secret)
        token = session.token({"grant_type": "client_credentials"}, app)["access_token"]
        reply = self._http.call(
            NETWORK,
            "GET",
            f"{handle.base_url}/api/info",
            handle=handle.handle,
            headers={"authorization": f"bearer {token}", "user-agent": user_agent(handle)},
            params={"id": ",".join(names), "raw_json": "1"},
        )
        found, _after = children(session.read(reply, "/api/info"))
        seen = {fullname_of(thing) for thing in found if field_of(thing, "body").casefold() not in _HIDDEN}
        lost = [thing for thing in ours if fullname_of(thing) not in {*seen, ""}]
        if not lost:
            return ()
        where = ", ".join(sorted({f"r/{field_of(thing, 'subreddit')}" for thing in lost}))
        note = f"{len(lost)} of our last {len(names)} replies are shown to nobody but us ({where})"
        return (f"{note}: ask the moderators to approve the account",)

    def _session(self, handle: Handle, at: datetime) -> Session:
        return Session(self._credentials, self._http, handle, at, app_secret=self._app_secret)
