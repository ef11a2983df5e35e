"""Connect a YouTube channel: Google's consent with a loopback redirect, and care for the consent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.networks._youtube.api import BASE_URL, NETWORK, Api, lasts, token_fields
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.http import host_for
from allhours.networks.oauth import challenge_of, consent_address
from allhours.networks.youtube import prove_ours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

ACCOUNTS = "https://accounts.google.com"
SCOPE = "https://www.googleapis.com/auth/youtube.force-ssl"
_CLIENT = "Google Cloud console, APIs & Services, Credentials, OAuth client of type Desktop app"


class YouTubeSetup:
    """Lead through Google's consent, prove it, and keep it alive."""

    questions: tuple[Question, ...] = (
        Question(field="client_id", prompt="Client ID", where=_CLIENT, of_app=True),
        Question(field="client_secret", prompt="Client secret", where=_CLIENT, of_app=True),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the OAuth client's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return Google's page, which asks each time, for else no refresh token comes."""
        return consent_address(
            f"{host_for(handle, BASE_URL, ACCOUNTS)}/o/oauth2/v2/auth",
            client_id=given["client_id"],
            redirect_uri=redirect,
            scope=SCOPE,
            access_type="offline",
            prompt="consent",
            state=state,
            code_challenge=challenge_of(verifier),
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
        """Return the refresh token and a first access token; `Refused` when Google gave no refresh token."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
        form |= {"code_verifier": verifier}
        form |= {name: given[name] for name in ("client_id", "client_secret")}
        fields = token_fields(self._api(handle, at).tokens(form), at)
        if "refresh_token" not in fields:
            mend = "take the app's access away at myaccount.google.com and begin again"
            raise Refused(NETWORK, f"Google gave no refresh token: {mend}", handle=handle.handle)
        return fields

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Return the channel that the token belongs to."""
        channel = prove_ours(self._api(handle, at), handle)
        snippet = channel.get("snippet")
        told = snippet if isinstance(snippet, dict) else {}
        name = told.get("customUrl") or told.get("title")
        return Identity(native_id=str(channel["id"]), name=name if isinstance(name, str) else "")

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:  # noqa: ARG002 - the contract's
        """Return that there is nothing to subscribe."""
        return ("YouTube calls no webhook for comments: they are polled, so nothing is to be registered",)

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:  # noqa: ARG002 - the contract's
        """Return how the consent is; one read, for Google tells neither its state nor the quota used."""
        notes: tuple[str, ...] = ()
        try:
            prove_ours(self._api(handle, at), handle)
        except Refused as error:
            notes = (error.detail,)
        fields = self._credentials.read(handle.secret)
        ends = fields.get("refresh_expires_at", "")
        if ends:
            notes += ("Google ends this consent by itself: publish the app, which is in Testing",)
        return Health(
            token_expires=datetime.fromisoformat(ends) if ends else None,
            webhook="YouTube calls none for comments",
            quota="units are counted by us; Google shows its own count in the Cloud console only",
            notes=notes,
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew the access token when it has run out; a consent that nobody uses for six months dies."""
        if lasts(self._credentials.read(handle.secret), at):
            return False
        self._api(handle, at).renewed()
        return True

    def _api(self, handle: Handle, at: datetime) -> Api:
        return Api(self._http, self._credentials, handle, app_secret=self._app_secret, meter=None, at=at)
