"""Connect a TikTok account: the portal's own consent page, tokens, the app's webhook."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from allhours.domain.errors import NetworkError, Refused
from allhours.networks._tiktok.api import NETWORK, Api, lasts
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

RENEW_AHEAD = timedelta(hours=25)  # access tokens live a day, so the daily care always renews
_APP = "business-api.tiktok.com/portal, My Apps, App Detail, Basic Information"


class TikTokSetup:
    """Lead through TikTok's consent, prove it, register the webhook, and keep the tokens alive."""

    questions: tuple[Question, ...] = (
        Question(field="app_id", prompt="App ID", where=_APP, of_app=True),
        Question(field="app_secret", prompt="App secret", where=_APP, of_app=True),
        Question(
            field="authorise_url",
            prompt="TikTok account holder authorization URL",
            where=f"{_APP}; its redirect URL must end with a slash",
            of_app=True,
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        redirect: str,  # noqa: ARG002 - the portal's page has its own, which is registered there
        state: str,
        verifier: str,  # noqa: ARG002 - TikTok for Business knows no PKCE
    ) -> str:
        """Return the page that only the portal can make; `Refused` when its redirect cannot work."""
        page = given["authorise_url"]
        if not _redirect(page).endswith("/"):
            detail = "the redirect URL in the authorization URL must end with a slash: mend it in the portal"
            raise Refused(NETWORK, detail, handle=handle.handle)
        return f"{page}{'&' if '?' in page else '?'}{urlencode({'state': state})}"

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,  # noqa: ARG002 - TikTok for Business knows no PKCE
        at: datetime,
    ) -> Mapping[str, str]:
        """Return both tokens, and the account's open_id."""
        api = self._api(handle, at)
        data = api.post_as_app(
            "tt_user/oauth2/token/",
            client_id=given["app_id"],
            client_secret=given["app_secret"],
            grant_type="authorization_code",
            auth_code=code,
            redirect_uri=_redirect(given["authorise_url"]) or redirect,
        )
        return api.token_fields(data)

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Return the account that consented; one read of its videos proves the token."""
        open_id = self._credentials.read(handle.secret).get("open_id", "")
        if not open_id or (handle.native_id and handle.native_id != open_id):
            detail = f"secret {handle.secret} is another account's: connect again as {handle.handle}"
            raise Refused(NETWORK, detail, handle=handle.handle)
        self._api(handle, at).get(
            "business/video/list/", business_id=open_id, fields='["item_id"]', max_count="1"
        )
        return Identity(native_id=open_id, name=handle.handle, note="the open_id means this app only")

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Subscribe the app's webhook to comments; there is one for all accounts of the app."""
        app = self._credentials.read(self._app_secret)
        data = self._api(handle, at).post_as_app(
            "business/webhook/update/",
            app_id=app.get("app_id", ""),
            secret=app.get("app_secret", ""),
            event_type="COMMENT",
            callback_url=callback,
        )
        done = f"the app's webhook for COMMENT is {callback} now, for every account of this app"
        if data.get("item_list"):
            return (
                done,
                "it is limited to single videos: delete the webhook's item_list, or others stay silent",
            )
        return (done,)

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Return how the consent is; the webhook's state would ask for the app's secret in an address."""
        notes: tuple[str, ...] = ()
        try:
            self.identify(handle, at=at)
        except NetworkError as error:
            notes = (error.detail,)
        ends = self._credentials.read(handle.secret).get("refresh_expires_at", "")
        return Health(
            token_expires=datetime.fromisoformat(ends) if ends else None,
            webhook="not asked: TikTok wants the app's secret in the address" if callback else "",
            quota="calls are counted by us; TikTok tells nothing of them",
            notes=notes,
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew both tokens when the access token has no whole day left."""
        if lasts(self._credentials.read(handle.secret), at, ahead=RENEW_AHEAD):
            return False
        self._api(handle, at).renewed()
        return True

    def _api(self, handle: Handle, at: datetime) -> Api:
        return Api(self._http, self._credentials, handle, app_secret=self._app_secret, meter=None, at=at)


def _redirect(page: str) -> str:
    """Return where the portal's page sends the owner back to."""
    return parse_qs(urlsplit(page).query).get("redirect_uri", [""])[0]
