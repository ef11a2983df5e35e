"""Connect a handle on X: consent with PKCE, the webhook, its subscriptions, and how all of it is.

Written from docs.x.com: authentication/oauth-2-0 (authorization code with PKCE), x-api/webhooks,
x-api/activity, x-api/usage. The redirect is a loopback address, which must stand in the app's settings word
for word.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from allhours.domain.errors import Malformed, NetworkError, Refused
from allhours.networks import oauth
from allhours.networks._x.call import Caller, Gone, expiry, tokens_of
from allhours.networks._x.posts import NAME, Json, entries_of, is_id, word
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.http import host_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

_USUAL = "https://api.x.com"
_CONSENT = "https://x.com"
_SCOPES = "tweet.read users.read tweet.write dm.read dm.write tweet.moderate.write offline.access"
EVENTS = (
    "post.mention.create",
    "post.reply.create",
    "post.quote.create",
    "dm.received",
)
"""What the webhook is told of our handle; `oauth.revoke` comes without a subscription."""
_TAG = "allhours"
_RENEWED_WITHIN = timedelta(minutes=30)  # of a token's two hours
_CONSOLE = "console.x.com, your app, Keys and tokens"


class Setup:
    """X for whoever sets it up."""

    questions: tuple[Question, ...] = (
        Question(field="client_id", prompt="OAuth 2.0 client ID", where=_CONSOLE),
        Question(
            field="client_secret",
            prompt="OAuth 2.0 client secret (a confidential app has one)",
            where=_CONSOLE,
            optional=True,
        ),
        Question(
            field="bearer_token",
            prompt="bearer token of the app (webhooks, search, usage)",
            where=_CONSOLE,
            optional=True,
        ),
        Question(
            field="consumer_secret", prompt="API key secret (signs webhooks)", where=_CONSOLE, of_app=True
        ),
    )

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Keep what calls will need."""
        self._credentials = credentials
        self._http = http

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return X's page at which the owner of the account consents."""
        return oauth.consent_address(
            f"{host_for(handle, _USUAL, _CONSENT)}/i/oauth2/authorize",
            client_id=given["client_id"],
            redirect_uri=redirect,
            scope=_SCOPES,
            state=state,
            code_challenge=oauth.challenge_of(verifier),
            code_challenge_method="S256",
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
        """Return the fields of the secret; the code lives 30 seconds."""
        client_id, client_secret = given["client_id"], given.get("client_secret", "")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        document = oauth.tokens_for(
            self._http,
            NAME,
            f"{handle.base_url}/2/oauth2/token",
            handle=handle.handle,
            form=form if client_secret else {**form, "client_id": client_id},
            auth=(client_id, client_secret) if client_secret else None,
        )
        kept = {name: given.get(name, "") for name in ("client_id", "client_secret", "bearer_token")}
        return {name: value for name, value in kept.items() if value} | tokens_of(document, at)

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Ask X whose token this is; a user read costs $0.010."""
        data = self._caller(handle, at).get("/2/users/me", {"user.fields": "id,name,username"}).get("data")
        me = cast("Json", data) if isinstance(data, dict) else {}
        if not is_id(me.get("id")):
            raise Refused(NAME, "X does not tell whose token this is", handle=handle.handle)
        name = f"@{word(me.get('username'))}"
        note = "" if name.lower() == handle.handle.lower() else f"the organisation file says {handle.handle}"
        return Identity(native_id=str(me["id"]), name=name, note=note)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Register the webhook, or let X greet it again; then subscribe what is not subscribed yet."""
        if not is_id(handle.native_id):
            raise Refused(NAME, "the organisation file has no native_id for it", handle=handle.handle)
        caller = self._caller(handle, at)
        done: list[str] = []
        address = urlsplit(callback)
        if (address.scheme, address.port) != ("https", None) and handle.base_url == _USUAL:
            raise Refused(NAME, "X calls only https addresses without a port", handle=handle.handle)
        webhook = self._webhook(caller, callback)
        if webhook is None:
            told = caller.ask("POST", "/2/webhooks", app_only=True, json_body={"url": callback})
            data = told.get("data")
            webhook = cast("Json", data) if isinstance(data, dict) else told
            done.append("webhook registered: X greeted it and it answered")
        if not is_id(webhook.get("id")):
            raise Malformed(NAME, "X does not tell the webhook's id", handle=handle.handle, field="id")
        if not done and webhook.get("valid") is not True:
            caller.ask("PUT", f"/2/webhooks/{webhook.get('id')}", app_only=True)
            done.append("webhook greeted again and switched on")
        webhook_id = str(webhook.get("id"))
        missing = [each for each in EVENTS if each not in self._subscribed(caller, webhook_id)]
        for event in missing:
            condition = {"user_id": handle.native_id}
            body = {"event_type": event, "filter": condition, "tag": _TAG, "webhook_id": webhook_id}
            caller.ask("POST", "/2/activity/subscriptions", json_body=body)
            done.append(f"subscribed {event}")
        return tuple(done) or ("webhook and subscriptions are as they should be",)

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at webhook, subscriptions and this month's use; nothing of it is billed."""
        caller = self._caller(handle, at)
        fields = caller.fields
        renews = bool(fields.get("refresh_token") and fields.get("client_id"))
        notes = (
            [] if renews else ["no refresh_token or client_id: the token ends two hours after the consent"]
        )
        if missing := sorted(set(_SCOPES.split()) - set(fields.get("scope", _SCOPES).split())):
            notes.append(f"the token lacks {', '.join(missing)}: connect the account again")
        webhook, webhook_ok, quota, used = "", None, "", None
        if not fields.get("bearer_token"):
            notes.append("no bearer_token: webhook and usage cannot be looked at")
        else:
            try:
                quota, used = self._usage(caller)
            except NetworkError as error:
                notes.append(f"usage is not told: {error.detail}")
            if callback:
                webhook, webhook_ok = self._state(caller, callback)
        return Health(
            token_expires=None if renews else expiry(fields),
            webhook=webhook,
            webhook_ok=webhook_ok,
            quota=quota,
            quota_used=used,
            notes=tuple(notes),
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew a token in the last half hour of its two; reading renews it by itself, answering too."""
        return self._caller(handle, at).renew_when_due(_RENEWED_WITHIN)

    def _state(self, caller: Caller, callback: str) -> tuple[str, bool]:
        webhook = self._webhook(caller, callback)
        if webhook is None:
            return "not registered", False
        if webhook.get("valid") is not True:
            return "switched off by X: it did not answer a greeting", False
        there = self._subscribed(caller, str(webhook.get("id")))
        if missing := [each for each in EVENTS if each not in there]:
            return f"valid, but not subscribed: {', '.join(missing)}", False
        return f"valid, {len(EVENTS)} subscriptions", True

    def _webhook(self, caller: Caller, callback: str) -> Json | None:
        try:
            entries = entries_of(caller.get("/2/webhooks", {}, app_only=True))
        except Gone:
            return None
        hooks = [cast("Json", each) for each in entries if isinstance(each, dict)]
        return next((each for each in hooks if each.get("url") == callback), None)

    def _subscribed(self, caller: Caller, webhook_id: str) -> set[str]:
        """Return the events that this webhook is told of our handle."""
        entries = entries_of(caller.get("/2/activity/subscriptions", {}, app_only=True))
        found: set[str] = set()
        for each in entries:
            entry = cast("Json", each) if isinstance(each, dict) else {}
            condition = entry.get("filter")
            user_id = cast("Json", condition).get("user_id") if isinstance(condition, dict) else None
            if user_id == caller.handle.native_id and entry.get("webhook_id", webhook_id) == webhook_id:
                found.add(str(entry.get("event_type")))
        return found

    def _usage(self, caller: Caller) -> tuple[str, float | None]:
        """Return how much of the month's posts is read."""
        data = caller.get("/2/usage/tweets", {}, app_only=True).get("data")
        told = cast("Json", data) if isinstance(data, dict) else {}
        used, cap = (_number(told.get(name)) for name in ("project_usage", "project_cap"))
        if used is None or not cap:
            return "", None
        return f"{used} of {cap} posts this month", used / cap

    def _caller(self, handle: Handle, at: datetime) -> Caller:
        return Caller(credentials=self._credentials, http=self._http, handle=handle, at=at)


def _number(value: object) -> int | None:
    """Return a count that X writes as a number or as a text of digits."""
    text = str(value)
    return int(text) if is_id(text) else None
