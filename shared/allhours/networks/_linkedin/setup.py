"""Setting a LinkedIn page up: consent, the webhook's subscription, and how long all of it will last."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.domain.plain_text import plain
from allhours.networks import oauth
from allhours.networks._linkedin.answers import ended_at, is_due
from allhours.networks._linkedin.api import BASE_URL, SIGN_IN_URL, Api, roles, token_fields
from allhours.networks._linkedin.fields import NETWORK, encoded, look, milliseconds, page_urn
from allhours.networks._linkedin.posts import TYPE
from allhours.networks.contract import Health, Identity, Question
from allhours.networks.http import host_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

SCOPES = "r_organization_social_feed w_organization_social_feed rw_organization_admin"
"""Never another set: LinkedIn then ends every token that the app ever got."""

RENEW_WITHIN = timedelta(days=7)  # before its end, of 60 days
ADMINISTRATOR = "ADMINISTRATOR"


class Setup:
    """Lead through the setup of one page."""

    questions: tuple[Question, ...] = (
        Question(
            field="client_id",
            prompt="The app's client id",
            where="linkedin.com/developers/apps > the app > Auth",
            of_app=True,
        ),
        Question(
            field="client_secret",
            prompt="The app's primary client secret",
            where="the same page; it also signs webhooks",
            of_app=True,
        ),
        Question(
            field="application_id",
            prompt="The app's number",
            where="the digits in the address of the app's page in the developer portal",
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
        """Return where an administrator of the page consents; LinkedIn has no PKCE for such apps."""
        del verifier
        host = host_for(handle, BASE_URL, SIGN_IN_URL)
        return oauth.consent_address(
            f"{host}/oauth/v2/authorization",
            client_id=given.get("client_id", ""),
            redirect_uri=redirect,
            state=state,
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
        """Return a token of 60 days, and where LinkedIn gives one a refresh token of 365."""
        del verifier
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": given.get("client_id", ""),
            "client_secret": given.get("client_secret", ""),
        }
        return token_fields(self._api(handle, at).tokens(form), at)

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Return the page of which the member is an administrator."""
        api = self._api(handle, at)
        pages = {page for page, role, _member in roles(api) if role == ADMINISTRATOR}
        wanted = page_urn(handle) if handle.native_id else next(iter(pages), "")
        if wanted not in pages:
            known = ", ".join(sorted(pages)) or "none"
            detail = f"this member is no administrator of page {handle.native_id} (of: {known})"
            raise Refused(NETWORK, f"{detail}; secret {handle.secret}", handle=handle.handle)
        number = wanted.rpartition(":")[2]
        name = look(api.ask("GET", f"organizations/{number}"), "localizedName")
        several = f"also administrator of {len(pages) - 1} other pages" if len(pages) > 1 else ""
        shown = plain(name, limit=200) if isinstance(name, str) else ""
        own = number if wanted.startswith("urn:li:organization:") else wanted  # a brand page is named in full
        return Identity(native_id=handle.native_id or own, name=shown, note=several)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Subscribe our webhook to the page; in the Development tier LinkedIn turns that down."""
        if not callback:
            return ("no webhook: the list of notifications is read every 15 minutes",)
        api = self._api(handle, at)
        try:
            api.ask("PUT", f"eventSubscriptions/{self._key(api, handle)}", body={"webhook": callback})
        except Refused as error:
            return (
                f"not subscribed: {error.detail}",
                "in the Development tier webhooks are reported off, and polling goes on",
                "else save the address in the developer portal (Webhooks) and run `allhours connect` again",
            )
        return ("webhook subscribed to comments and mentions of the page",)

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at the grant's end, the member's role and the subscription."""
        api = self._api(handle, at)
        fields = api.fields()
        ends = ended_at(fields.get("refresh_expires_at" if fields.get("refresh_token") else "expires_at", ""))
        found = [(role, member) for page, role, member in roles(api) if page == page_urn(handle)]
        admin = any(role == ADMINISTRATOR for role, _member in found)
        notes = () if admin else ("the member who connected is no administrator of the page any more",)
        quota = "a day, until 00:00 UTC; LinkedIn shows figures in the developer portal only"
        if not callback:
            return Health(
                token_expires=ends, webhook="none: polled every 15 minutes", quota=quota, notes=notes
            )
        webhook, works = self._subscription(api, handle, callback, at) if admin else ("not looked up", False)
        return Health(token_expires=ends, webhook=webhook, webhook_ok=works, quota=quota, notes=notes)

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew the access token in its last week, where there is a refresh token."""
        api = self._api(handle, at)
        fields = api.fields()
        if not is_due(fields, at, within=RENEW_WITHIN):
            return False
        api.renewed(fields)
        return True

    def _subscription(self, api: Api, handle: Handle, callback: str, at: datetime) -> tuple[str, bool]:
        told = api.ask("GET", f"eventSubscriptions/{self._key(api, handle)}", missing_ok=True)
        if told is None:
            return "not subscribed: run `allhours connect` again", False
        if look(told, "webhook") != callback:
            return "subscribed to another address: run `allhours connect` again", False
        ends = look(told, "expiresAt")
        if isinstance(ends, int) and ends <= milliseconds(at):
            return "the subscription has ended: run `allhours connect` again", False
        return "subscribed", True

    def _key(self, api: Api, handle: Handle) -> str:
        """Return the subscription's key: its brackets and colons stay literal, those of URNs do not."""
        application = self._credentials.read(self._app_secret).get("application_id", "")
        page = page_urn(handle)
        member = next((who for where, role, who in roles(api) if (where, role) == (page, ADMINISTRATOR)), "")
        if not application.isdigit() or not member:
            detail = f"application_id in secret {self._app_secret} or an administrator of the page is missing"
            raise Refused(NETWORK, detail, handle=handle.handle)
        app = encoded(f"urn:li:developerApplication:{application}")
        who, where = encoded(member), encoded(page)
        return f"(developerApplication:{app},user:{who},entity:{where},eventType:{TYPE})"

    def _api(self, handle: Handle, at: datetime) -> Api:
        return Api(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)
