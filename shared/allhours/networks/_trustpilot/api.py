"""Calls to Trustpilot: the API key, the business token that is renewed under a lock, and what refusals mean.

Written from developers.trustpilot.com (authentication, rate limiting) and airbyte #42854 (the refresh path).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.networks import _reviews
from allhours.networks.http import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply

NETWORK = "trustpilot"
GRANTS = "/v1/oauth/oauth-business-users-for-applications"
EARLY = timedelta(minutes=5)  # Trustpilot turns down (429) who asks for a token much before the old one ends
USUAL_LIFE = timedelta(hours=100)  # of an access token, where the answer does not say
REST = timedelta(minutes=5)  # the shorter of Trustpilot's two windows
MEND = "check api_key, api_secret and business_user_id (Trustpilot Business: Integrations, Developers, APIs)"


class Trustpilot:
    """Trustpilot's API for one network object; the token lives in the handle's secret."""

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http

    def fields(self, handle: Handle, *, at: datetime) -> Mapping[str, str]:
        """Return the secret with a token that holds."""
        fields = self._credentials.read(handle.secret)
        return self.renewed(handle, fields, at=at) if due(fields, at) else fields

    def renewed(self, handle: Handle, stale: Mapping[str, str], *, at: datetime) -> Mapping[str, str]:
        """Return the secret with a newer token than the stale one, asked for under the lock."""
        return self._credentials.renew(handle.secret, stale, lambda fields: self._ask(handle, fields, at))

    def get(
        self, handle: Handle, path: str, *, at: datetime, params: Mapping[str, str] | None = None
    ) -> Mapping[str, object]:
        """Return the JSON object at a path; `Gone` for 404."""
        reply = self.call(handle, "GET", path, at=at, params=params)
        if reply.status != 200:  # noqa: PLR2004 - OK
            raise self.trouble(reply, handle=handle, at=at)
        return self._object(reply, handle)

    def call(
        self,
        handle: Handle,
        method: str,
        path: str,
        *,
        at: datetime,
        params: Mapping[str, str] | None = None,
    ) -> Reply:
        """Return the answer, whatever its status, asked once more with a new token after a 401."""
        fields = self.fields(handle, at=at)
        for last in (False, True):
            reply = self._http.call(
                NETWORK,
                method,
                f"{handle.base_url}{path}",
                handle=handle.handle,
                headers=headers(fields),
                params=list(params.items()) if params else None,
            )
            if reply.status != 401 or last:  # noqa: PLR2004 - Unauthorized
                return reply
            fields = self.renewed(handle, fields, at=at)
        raise AssertionError  # pragma: no cover - the loop returns

    def trouble(self, reply: Reply, *, handle: Handle, at: datetime) -> Refused | RateLimited | Unreachable:
        """Return what a bad answer means."""
        what = f"HTTP {reply.status}"
        if reply.status == 429:  # noqa: PLR2004 - Too Many Requests
            until = retry_after(reply.headers.get("retry-after", ""), at, otherwise=REST)
            return RateLimited(NETWORK, "too many calls", handle=handle.handle, retry_at=until)
        if reply.status in {404, 410}:
            return _reviews.Gone(NETWORK, f"there is no such thing ({what})", handle=handle.handle)
        if reply.status >= 500:  # noqa: PLR2004 - Trustpilot's own failures
            return Unreachable(NETWORK, what, handle=handle.handle)
        return Refused(
            NETWORK, f"turned down ({what}); {MEND} in the secret {handle.secret}", handle=handle.handle
        )

    def _ask(self, handle: Handle, fields: Mapping[str, str], at: datetime) -> Mapping[str, str]:
        """Return the secret with a new token: by the refresh token, or by key and secret where it fails."""
        auth = (fields.get("api_key", ""), fields.get("api_secret", ""))
        if token := fields.get("refresh_token", ""):
            form = {"grant_type": "refresh_token", "refresh_token": token}
            reply = self._grant(handle, "refresh", form, auth)
            if reply.status not in {400, 401, 403}:
                return self._kept(reply, fields, handle, at)
        reply = self._grant(handle, "accesstoken", {"grant_type": "client_credentials"}, auth)
        return self._kept(reply, fields, handle, at)

    def _grant(self, handle: Handle, name: str, form: Mapping[str, str], auth: tuple[str, str]) -> Reply:
        url = f"{handle.base_url}{GRANTS}/{name}"
        return self._http.call(NETWORK, "POST", url, handle=handle.handle, form=form, auth=auth)

    def _kept(
        self, reply: Reply, fields: Mapping[str, str], handle: Handle, at: datetime
    ) -> Mapping[str, str]:
        if reply.status != 200:  # noqa: PLR2004 - OK
            raise self.trouble(reply, handle=handle, at=at)
        body = self._object(reply, handle)
        token, refresh = body.get("access_token"), body.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise Malformed(
                NETWORK, "the token answer is incomplete", handle=handle.handle, field="access_token"
            )
        kept = {**fields, "access_token": token, "expires_at": (at + _life(body)).isoformat()}
        return {**kept, "refresh_token": refresh} if isinstance(refresh, str) and refresh else kept

    def _object(self, reply: Reply, handle: Handle) -> Mapping[str, object]:
        try:
            body = reply.json()
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise Malformed(NETWORK, "the answer is not a JSON object", handle=handle.handle)
        return body


def headers(fields: Mapping[str, str]) -> Mapping[str, str]:
    """Return what every private call carries."""
    named = {"x-business-user-id": fields["business_user_id"]} if fields.get("business_user_id") else {}
    return {
        "apikey": fields.get("api_key", ""),
        "authorization": f"Bearer {fields.get('access_token', '')}",
        **named,
    }


def due(fields: Mapping[str, str], at: datetime) -> bool:
    """Return whether the token is missing or about to end."""
    try:
        ends = datetime.fromisoformat(fields["expires_at"])
        return not fields.get("access_token") or at >= ends - EARLY
    except (KeyError, TypeError, ValueError):
        return True


def _life(body: Mapping[str, object]) -> timedelta:
    """Return how long the token holds; Trustpilot writes the seconds as text."""
    seconds = str(body.get("expires_in", ""))
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() and len(seconds) < 8 else USUAL_LIFE  # noqa: PLR2004
