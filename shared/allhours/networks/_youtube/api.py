"""The YouTube Data API as one channel's owner sees it: tokens, quota units, and what an error means.

Written from developers.google.com/youtube/v3/determine_quota_cost, /docs/errors, and
developers.google.com/identity/protocols/oauth2/web-server. There are no rate headers: `errors[0].reason`
decides, never the status alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from allhours.domain.errors import Expired, Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.networks.http import host_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials, Meter
    from allhours.networks.http import Http, Reply

NETWORK = "youtube"
BASE_URL = "https://www.googleapis.com"
TOKENS = "https://oauth2.googleapis.com"
UNITS_A_DAY = 10_000  # of the whole Google Cloud project; more only after an audit
QUOTA_ZONE = "America/Los_Angeles"
LIST, WRITE = 1, 50  # units; a request that is turned down costs too
AHEAD = timedelta(minutes=2)  # a token this close to its end is renewed before it is used
SOON = timedelta(minutes=1)

_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_FASTER = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_TRANSIENT = frozenset({"processingFailure", "backendError", "internalError", "SERVICE_UNAVAILABLE"})
_TOKEN = frozenset({"authError", "required", "expired"})
_GONE = frozenset(
    {
        "videoNotFound",
        "channelNotFound",
        "commentThreadNotFound",
        "commentNotFound",
        "parentCommentNotFound",
        "commentsDisabled",
    }
)
WORDS: Mapping[str, str] = {
    "commentsDisabled": "comments are switched off for this video",
    "videoNotFound": "the video is gone",
    "channelNotFound": "the channel is gone: check native_id of the handle",
    "commentThreadNotFound": "the thread is gone",
    "commentNotFound": "the comment is gone",
    "parentCommentNotFound": "the comment to be answered is gone",
    "parentCommentIsPrivate": "the comment to be answered is not public",
    "parentIdMissing": "the thread to be answered is not known",
    "commentTextRequired": "the text is empty",
    "commentTextTooLong": "the text is too long for YouTube",
    "invalidCustomEmoji": "the text holds a custom emoji that YouTube does not take here",
    "invalidCommentMetadata": "YouTube cannot read the request",
    "operationNotSupported": "YouTube does not let us do this with this comment",
    "ineligibleAccount": "the Google account that consented has no channel: connect again as the channel",
    "forbidden": "the channel may not do this, or the consent lacks youtube.force-ssl: connect again",
    "insufficientPermissions": "the consent lacks youtube.force-ssl: connect again",
    "accessNotConfigured": "the YouTube Data API is not switched on for the Google Cloud project",
    "keyInvalid": "YouTube does not know the key: connect again",
}


class Gone(Refused):
    """What was asked for is not there, or shows no comments any more; `reason` is YouTube's."""

    def __init__(self, detail: str, *, handle: str, reason: str) -> None:
        """Keep YouTube's own word for it."""
        super().__init__(NETWORK, detail, handle=handle)
        self.reason = reason


class Failed(Unreachable):
    """YouTube's own failure, or what it takes for one; `reason` is YouTube's."""

    def __init__(self, detail: str, *, handle: str, reason: str) -> None:
        """Keep YouTube's own word for it."""
        super().__init__(NETWORK, detail, handle=handle)
        self.reason = reason


class TurnedDown(Refused):
    """The request had no effect; `reason` is YouTube's."""

    def __init__(self, detail: str, *, handle: str, reason: str) -> None:
        """Keep YouTube's own word for it."""
        super().__init__(NETWORK, detail, handle=handle)
        self.reason = reason


class Api:
    """Calls for one handle, each counted in quota units."""

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        handle: Handle,
        *,
        app_secret: str,
        meter: Meter | None,
        at: datetime,
    ) -> None:
        """Take the line out; without a meter (in the setup) nothing is counted."""
        self._http = http
        self._credentials = credentials
        self._handle = handle
        self._app_secret = app_secret
        self._meter = meter
        self._at = at
        self._fields: Mapping[str, str] = {}  # as last used, so that a newer secret is noticed

    def listed(self, path: str, **params: str) -> Mapping[str, Any]:
        """Return what a list call answers; an expired token is renewed once."""
        self.room(LIST)
        try:
            reply = self.call("GET", path, self.token(), params=params)
        except Expired:
            reply = self.call("GET", path, self.renewed(), params=params)
        return self.rows_checked(reply, path)

    def written(self, method: str, path: str, **params: str) -> None:
        """Make a moderating or deleting call; an expired token is renewed once."""
        self.room(WRITE)
        try:
            self.call(method, path, self.token(), params=params, units=WRITE)
        except Expired:
            self.call(method, path, self.renewed(), params=params, units=WRITE)

    def call(
        self, method: str, path: str, token: str, *, params: Mapping[str, str], units: int = LIST
    ) -> Reply:
        """Make one call with this token and count it; raise what its answer means."""
        self.spend(units)  # before the call: a function that ends in it has counted it
        reply = self._http.call(
            NETWORK,
            method,
            f"{self._handle.base_url}/youtube/v3/{path}",
            handle=self._handle.handle,
            headers={"Authorization": f"Bearer {token}"},
            params=params,
        )
        if error := self.error(reply):
            raise error
        return reply

    def rows_checked(self, reply: Reply, path: str) -> Mapping[str, Any]:
        """Return a list's answer; `Malformed` when it has no list of items."""
        try:
            body: object = reply.json()
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict) or not isinstance(body.setdefault("items", []), list):
            raise Malformed(NETWORK, f"no list came from {path}", handle=self._handle.handle, field="items")
        return body

    def room(self, units: int) -> None:
        """Raise `OverBudget` when today's units do not reach."""
        if self._meter:
            self._meter.room(self._handle, units)

    def spend(self, units: int) -> None:
        """Count what a call has cost."""
        if self._meter:
            self._meter.spend(self._handle, units)

    # Tokens

    def token(self) -> str:
        """Return an access token with time left, renewed under the lock if need be."""
        self._fields = fields = self._credentials.read(self._handle.secret)
        if not fields.get("access_token") or not lasts(fields, self._at):
            return self.renewed()
        return fields["access_token"]

    def renewed(self) -> str:
        """Return a new access token; `Refused` tells how to mend it when Google gives none."""
        stale = self._fields or self._credentials.read(self._handle.secret)
        self._fields = self._credentials.renew(self._handle.secret, stale, self._new_token)
        return self._fields["access_token"]

    def _new_token(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        if not fields.get("refresh_token"):
            raise self._refused(f"secret {self._handle.secret} has no refresh_token: connect YouTube again")
        app = self._credentials.read(self._app_secret)
        form = {"grant_type": "refresh_token", "refresh_token": fields["refresh_token"]}
        form |= {name: app.get(name, "") for name in ("client_id", "client_secret")}
        answer = self.tokens(form)
        return {**fields, **token_fields(answer, self._at)}

    def tokens(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """Return Google's answer for a grant."""
        url = f"{host_for(self._handle, BASE_URL, TOKENS)}/token"
        reply = self._http.call(NETWORK, "POST", url, handle=self._handle.handle, form=form)
        try:
            body: object = reply.json()
        except (ValueError, RecursionError):
            body = None
        if isinstance(body, dict) and isinstance(body.get("access_token"), str):
            return body
        error = body.get("error") if isinstance(body, dict) else None
        if reply.status >= 500 or not isinstance(error, str):  # noqa: PLR2004 - HTTP's own border
            raise Unreachable(
                NETWORK, f"no token came (HTTP {reply.status})", handle=self._handle.handle
            ) from None
        if error == "invalid_grant":
            detail = (
                f"the consent in secret {self._handle.secret} does not hold any more: connect YouTube again."
                " While the app's consent screen is in Testing, Google ends every consent after 7 days:"
                " publish the app"
            )
        else:
            mend = f"check client_id and client_secret in secret {self._app_secret}"
            detail = f"no token ({error[:80]}): {mend}"
        raise self._refused(detail)

    # Errors

    def error(self, reply: Reply) -> NetworkError | None:  # noqa: PLR0911 - one answer a kind
        """Return what an answer means by its reason; None for a good one."""
        status = reply.status
        if status in range(200, 300):
            return None
        reason = reason_of(reply)
        name = self._handle.handle
        where = f"{reason or 'no reason'}, HTTP {status}"
        if reason in _SPENT:
            detail = f"the project's quota units are used up until midnight Pacific ({where})"
            return RateLimited(NETWORK, detail, handle=name, retry_at=quota_returns(self._at))
        if reason in _FASTER or status == 429:  # noqa: PLR2004 - Too Many Requests
            return RateLimited(NETWORK, f"too fast ({where})", handle=name, retry_at=self._at + SOON)
        if status >= 500 or reason in _TRANSIENT:  # noqa: PLR2004 - HTTP's own border
            return Failed(f"YouTube's own failure ({where})", handle=name, reason=reason)
        if status == 401 or reason in _TOKEN:  # noqa: PLR2004 - Unauthorized
            detail = f"the access token is not accepted (secret {self._handle.secret}, {where})"
            return Expired(NETWORK, detail, handle=name)
        words = WORDS.get(reason, "YouTube turned the request down")
        if reason in _GONE or status == 404:  # noqa: PLR2004 - Not Found
            return Gone(f"{words} ({where})", handle=name, reason=reason)
        detail = f"{words} (secret {self._handle.secret}, {where})"
        return TurnedDown(detail, handle=name, reason=reason)

    def _refused(self, detail: str) -> Refused:
        return Refused(NETWORK, detail, handle=self._handle.handle)


def token_fields(answer: Mapping[str, Any], at: datetime) -> dict[str, str]:
    """Return the fields of the handle's secret that a token answer sets."""
    fields = {"access_token": str(answer["access_token"]), "expires_at": _ends(answer.get("expires_in"), at)}
    if isinstance(answer.get("refresh_token"), str):
        fields["refresh_token"] = answer["refresh_token"]
    if isinstance(answer.get("refresh_token_expires_in"), int):  # only where the consent itself runs out
        fields["refresh_expires_at"] = _ends(answer["refresh_token_expires_in"], at)
    return fields


def lasts(fields: Mapping[str, str], at: datetime) -> bool:
    """Return whether the access token has time left; one without a known end is tried."""
    try:
        return datetime.fromisoformat(fields.get("expires_at") or "9999-01-01T00:00:00+00:00") > at + AHEAD
    except (TypeError, ValueError):
        return False


def quota_returns(at: datetime) -> datetime:
    """Return the next midnight of the Pacific coast, when the units come back."""
    zone = ZoneInfo(QUOTA_ZONE)
    tomorrow = at.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(UTC)


def reason_of(reply: Reply) -> str:
    """Return `errors[0].reason` of an error's body, empty where it has none."""
    try:
        error: object = reply.json().get("error")
    except (AttributeError, ValueError, RecursionError):
        return ""
    errors = error.get("errors") if isinstance(error, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    reason = first.get("reason") if isinstance(first, dict) else None
    return reason[:60] if isinstance(reason, str) else ""


def _ends(seconds: object, at: datetime) -> str:
    lifetime = seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else 3_600
    return (at + timedelta(seconds=min(lifetime, 10**8))).isoformat()
