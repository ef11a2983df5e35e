"""Connect an account on a Mastodon server: register an app there, let the owner consent, and look how it is.

Written from docs.joinmastodon.org: methods/apps, methods/oauth, methods/accounts (verify_credentials),
methods/notifications (policy). Tokens do not run out; servers call nobody on behalf of an account.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from allhours.domain.errors import Malformed, Refused
from allhours.networks import oauth
from allhours.networks._mastodon.posts import NETWORK
from allhours.networks._mastodon.server import SCOPES, Server, server_of
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

_APP = "Allhours"
_WEBSITE = "https://github.com/allhours/allhours"


class Setup:
    """Mastodon for whoever sets it up; an app is remembered from its consent until the exchange."""

    questions: tuple[Question, ...] = ()

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http
        self._apps: dict[str, tuple[str, str]] = {}

    def consent(
        self,
        handle: Handle,
        given: Mapping[str, str],  # noqa: ARG002 - nothing is typed
        *,
        redirect: str,
        state: str,
        verifier: str,
    ) -> str:
        """Register an app on the handle's server; return the page at which the owner consents."""
        form = {"client_name": _APP, "redirect_uris": redirect, "scopes": SCOPES, "website": _WEBSITE}
        reply = self._http.call(
            NETWORK, "POST", f"{handle.base_url}/api/v1/apps", handle=handle.handle, form=form
        )
        if reply.status != HTTPStatus.OK:
            detail = f"the server registers no app (HTTP {reply.status}): see that base_url is right"
            raise Refused(NETWORK, detail, handle=handle.handle)
        try:
            body: object = reply.json()
        except ValueError:
            body = None
        app = cast("Mapping[str, object]", body) if isinstance(body, dict) else {}
        client_id, client_secret = app.get("client_id"), app.get("client_secret")
        if not isinstance(client_id, str) or not isinstance(client_secret, str):
            raise Malformed(NETWORK, "the app has no client_id", handle=handle.handle, field="client_id")
        self._apps[handle.key] = (client_id, client_secret)
        return oauth.consent_address(
            f"{handle.base_url}/oauth/authorize",
            client_id=client_id,
            redirect_uri=redirect,
            scope=SCOPES,
            state=state,
            code_challenge=oauth.challenge_of(verifier),
            code_challenge_method="S256",
        )

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],  # noqa: ARG002 - nothing was typed
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,  # noqa: ARG002 - tokens do not run out
    ) -> Mapping[str, str]:
        """Return the token; it holds until somebody revokes it."""
        if handle.key not in self._apps:
            raise Refused(NETWORK, "no consent was asked for: begin again", handle=handle.handle)
        client_id, client_secret = self._apps[handle.key]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": client_id,
            "client_secret": client_secret,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        url = f"{handle.base_url}/oauth/token"
        told = oauth.tokens_for(self._http, NETWORK, url, handle=handle.handle, form=form)
        return {"access_token": str(told["access_token"])}

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Ask the server whose token this is."""
        me = _object(
            server_of(self._credentials, self._http, handle, at), "/api/v1/accounts/verify_credentials"
        )
        native_id, name = me.get("id"), me.get("username")
        if not isinstance(native_id, str) or not isinstance(name, str):
            raise Malformed(NETWORK, "the server does not tell who we are", handle=handle.handle, field="id")
        theirs = handle.handle.removeprefix("@").partition("@")[0]
        note = "" if name.lower() == theirs.lower() else f"the organisation file says {handle.handle}"
        return Identity(native_id=native_id, name=f"@{name}", note=note)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:  # noqa: ARG002 - nothing to do
        """Return that there is nothing to register."""
        return ("nothing to register: Mastodon calls nobody on behalf of an account, it is polled",)

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:  # noqa: ARG002 - there is no webhook
        """Look whether the token holds and has its scopes, and whether the account loses private posts."""
        server = server_of(self._credentials, self._http, handle, at)
        _object(server, "/api/v1/accounts/verify_credentials")
        notes: list[str] = []
        app = server.get("/api/v1/apps/verify_credentials")
        scopes = app.body.get("scopes") if app and isinstance(app.body, dict) else None
        if isinstance(scopes, list) and (missing := _missing(cast("list[object]", scopes))):
            notes.append(f"the token lacks {', '.join(missing)}: connect the account again")
        policy = server.get("/api/v2/notifications/policy")
        told = policy.body.get("for_private_mentions") if policy and isinstance(policy.body, dict) else None
        if told == "drop":
            notes.append(
                "private mentions from strangers are dropped and lost: set them to filter or accept "
                "(Preferences, Notifications)"
            )
        return Health(notes=tuple(notes))

    def renew(self, handle: Handle, *, at: datetime) -> bool:  # noqa: ARG002 - tokens do not run out
        """Return that nothing was due."""
        return False


def _missing(scopes: list[object]) -> list[str]:
    """Return the scopes that a token lacks; `read` stands for all that begin with it."""
    there = {str(each) for each in scopes}
    return [each for each in SCOPES.split() if each not in there and each.partition(":")[0] not in there]


def _object(server: Server, path: str) -> Mapping[str, object]:
    told = server.get(path)
    if told is None:
        raise server.lacks(path)
    if not isinstance(told.body, dict):
        raise server.malformed(path, "is no object")
    return cast("dict[str, object]", told.body)
