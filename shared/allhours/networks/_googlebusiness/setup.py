"""Setting up Google Business Profile: a manager's consent, and which location it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.networks import _reviews
from allhours.networks._google import consent_page, exchanged
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.googlebusiness import (
    LOCATION,
    NETWORK,
    NOT_APPROVED,
    SCOPE,
    capabilities,
    not_approved,
    read,
)
from allhours.networks.http import host_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks._google import Google
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

ACCOUNTS = "https://mybusinessaccountmanagement.googleapis.com"
LOCATIONS = "https://mybusinessbusinessinformation.googleapis.com"
CLIENT = "Google Cloud console, APIs and services, Credentials: an OAuth client of type Desktop app"
MOST_NAMED = 10  # locations named to whoever has to choose one


class BusinessSetup:
    """OAuth with a loopback redirect; polls, so nothing is registered."""

    questions: tuple[Question, ...] = (
        Question(field="client_id", prompt="client ID", where=CLIENT, of_app=True),
        Question(field="client_secret", prompt="client secret", where=CLIENT, of_app=True),
    )

    def __init__(self, credentials: Credentials, google: Google, http: Http) -> None:
        """Keep the ports."""
        self._credentials = credentials
        self._google = google
        self._http = http

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return Google's consent page."""
        return consent_page(
            handle,
            capabilities.base_url,
            given["client_id"],
            scope=SCOPE,
            redirect=redirect,
            state=state,
            verifier=verifier,
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
        """Return the refresh token."""
        return exchanged(
            self._http,
            NETWORK,
            handle,
            capabilities.base_url,
            given,
            code=code,
            redirect=redirect,
            verifier=verifier,
            at=at,
        )

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read one review of the location; name those of the manager where the handle names none."""
        if LOCATION.fullmatch(handle.native_id):
            read(self._google, handle, f"{handle.native_id}/reviews", at=at, pageSize="1")
            return Identity(native_id=handle.native_id, name=handle.handle, note="reviews can be read")
        found = self._locations(handle, at)
        if not found:
            raise Refused(NETWORK, "this Google account manages no location", handle=handle.handle)
        (native_id, name), *others = found
        note = "".join(f"; or {title} ({other})" for other, title in others[:MOST_NAMED])
        return Identity(native_id=native_id, name=name, note=note.removeprefix("; "))

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Return that there is nothing to do."""
        del handle, callback, at
        return ("nothing to register: reviews are polled, Pub/Sub is left alone",)

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Return when consent ends, if Google said so, and whether the location can be read."""
        del callback
        expires = _instant(self._credentials.read(handle.secret).get("expires_at", ""))
        testing = ("the consent ends: publish the OAuth consent screen and connect again",) if expires else ()
        try:
            self.identify(handle, at=at)
        except Refused as error:
            return Health(token_expires=expires, notes=(*testing, error.detail))
        return Health(token_expires=expires, notes=testing)

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Return false: a refresh token stays as it is, and access tokens are asked for when needed."""
        del handle, at
        return False

    def _locations(self, handle: Handle, at: datetime) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for account in self._listed(handle, f"{ACCOUNTS}/v1/accounts", "accounts", at):
            name = _reviews.some_id(account, "name")
            query = {"readMask": "name,title", "pageSize": "100"}
            url = f"{LOCATIONS}/v1/{name}/locations"
            for location in self._listed(handle, url, "locations", at, **query):
                native_id = f"{name}/{_reviews.some_id(location, 'name')}"
                if LOCATION.fullmatch(native_id):
                    found.append((native_id, _reviews.some_id(location, "title")))
        return found

    def _listed(self, handle: Handle, url: str, name: str, at: datetime, **query: str) -> list[object]:
        host = "/".join(url.split("/")[:3])
        url = url.replace(host, host_for(handle, capabilities.base_url, host), 1)
        reply = self._google.ask(handle, "GET", url, at=at, params=query)
        if not_approved(reply):
            raise Refused(NETWORK, NOT_APPROVED, handle=handle.handle)
        if reply.status != 200:  # noqa: PLR2004 - OK
            raise self._google.trouble(reply, name, handle=handle, at=at)
        try:
            return _reviews.listed(self._google.body(reply, name, handle=handle), name)
        except _reviews.Wrong:
            return []


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
