"""Setting up a forum: a typed key, what its administrator has to click, and whether it still fits.

Written from docs.discourse.org: API keys, webhooks, GET /u/{username} and /site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, Refused
from allhours.networks._discourse.api import Forum
from allhours.networks._discourse.posts import NETWORK, listed, our_name
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http


class DiscourseSetup:
    """Lead through the setup of one forum; there is no consent page, for keys are typed."""

    questions: tuple[Question, ...] = (
        Question(
            field="api_key",
            prompt="API key",
            where="<forum>/admin/api/keys, New key, for our account there: global, or granular with read and "
            "write of topics and posts, and read of users",
        ),
        Question(
            field="api_username",
            prompt="account that posts",
            where="our account's username there; the handle's own where left out",
            optional=True,
        ),
        Question(
            field="webhook_secret",
            prompt="webhook secret",
            where="any long random word without spaces; type the same into the webhook. Those of several "
            "forums stand here with spaces between them",
            of_app=True,
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Keep the ports; `app_secret` names the secret of the webhooks."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return nothing: an administrator makes the key."""
        del handle, given, redirect, state, verifier
        return ""

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
        """Return the typed key as the handle's secret; it does not run out by itself."""
        del code, redirect, verifier, at
        fields = {name: given.get(name, "").strip() for name in ("api_key", "api_username")}
        if not fields["api_key"]:
            raise Refused(NETWORK, "there is no key without an api_key", handle=handle.handle)
        return {name: value for name, value in fields.items() if value}

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Return the account that the key acts for."""
        forum = self._forum(handle, at)
        told = forum.get(f"/u/{forum.username}.json")
        user = told.get("user") if isinstance(told, dict) else None
        number = user.get("id") if isinstance(user, dict) else None
        name = user.get("username") if isinstance(user, dict) else None
        if not isinstance(number, int) or not isinstance(name, str):
            raise Malformed(NETWORK, "the account has no id or name", handle=handle.handle, field="user.id")
        if name.casefold() != our_name(handle):  # else our own posts would be taken for a customer's
            detail = f"the key acts for @{name[:60]}, the organisation file says {handle.handle}"
            raise Refused(NETWORK, detail, handle=handle.handle)
        note = _difference(handle, forum.restricted()) or "private_categories fit"
        return Identity(native_id=str(number), name=f"@{name}", note=note)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Return what the forum's administrator has to click; the official API has no webhooks."""
        del at
        return (
            f"for a person: {handle.base_url}/admin/api/web_hooks, New webhook",
            f"payload URL {callback}; content type application/json; secret as in {self._app_secret}",
            "events: all of Post, and of User those for destroyed and anonymised; check TLS; active",
            "site setting retry_web_hook_events on, then Ping: a green 200 means that it works",
        )

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look whether the key still reads and the private categories fit; keys do not run out."""
        del callback
        note = _difference(handle, self._forum(handle, at).restricted())
        return Health(
            webhook="only its administrator sees it (Admin, API, Webhooks); the sweep fills its gaps",
            notes=(note,) if note else (),
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Return False: a key does not run out."""
        del handle, at
        return False

    def _forum(self, handle: Handle, at: datetime) -> Forum:
        return Forum(self._credentials, self._http, handle, at)


def _difference(handle: Handle, restricted: frozenset[str]) -> str:
    """Return in words how the setting differs from what the forum restricts; empty where it fits."""
    ours = listed(handle, "private_categories")
    parts = [
        f"{words} {', '.join(sorted(ids))}"
        for words, ids in (("restricted but not named:", restricted - ours), ("public:", ours - restricted))
        if ids
    ]
    return f"private_categories of {handle.handle} does not fit: {'; '.join(parts)}" if parts else ""
