"""The TikTok API for Business as one account's consent sees it: paths, tokens, and codes behind HTTP 200.

Every path ends with a slash; without it comes a real 404. What an answer means stands in its `code`, and
`request_id` is what TikTok's support asks for. There are no rate headers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Expired, Malformed, NetworkError, RateLimited, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials, Meter
    from allhours.networks.http import Http, Reply

NETWORK = "tiktok"
BASE_URL = "https://business-api.tiktok.com"
PREFIX = "open_api/v1.3"
CALLS_A_DAY = 864_000  # of the app, on the basic tier; a third party's figure, TikTok publishes none
AHEAD = timedelta(minutes=10)  # a token this close to its end is renewed before it is used
SOON = timedelta(minutes=1)

OK, PARTLY = 0, 20001
_PERMISSION, _PARAMETER, _GONE = 40001, 40002, 40007
_TOO_MANY, _EXPIRED, _CONSENT_ENDED = 40100, 40102, 40103
_WORDS = {
    _PERMISSION: "a permission is missing: connect TikTok again and grant comment.list, comment.list.manage"
    " and video.list",
    _PARAMETER: "TikTok does not take a part of the request",
    _GONE: "the comment or the video is gone",
    _CONSENT_ENDED: "the consent has ended after a year: connect TikTok again",
    40104: "no access token was sent: connect TikTok again",
    40105: "the access token is none of TikTok's: connect TikTok again",
}


class Gone(Refused):
    """What was asked for is not there (any more): code 40007."""


class Api:
    """Calls for one handle, each counted."""

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
        self.calls = 0
        """How many calls this object has made."""

    def get(self, path: str, **params: str) -> Mapping[str, Any]:
        """Return the data of a GET for our account; an expired token is renewed once."""
        asked = {"business_id": self._handle.native_id, **params}
        self.room()
        try:
            reply = self._call("GET", path, self.token(), params=asked)
            return self._whole(reply)
        except Expired:
            return self._whole(self._call("GET", path, self.renewed(), params=asked))

    def post(self, path: str, **fields: str) -> Mapping[str, Any]:
        """Return the data of a POST that may be repeated; an expired token is renewed once."""
        asked = {"business_id": self._handle.native_id, **fields}
        self.room()
        try:
            return self.data(self._call("POST", path, self.token(), json_body=asked))
        except Expired:
            return self.data(self._call("POST", path, self.renewed(), json_body=asked))

    def post_as_app(self, path: str, **fields: str) -> Mapping[str, Any]:
        """Return the data of a POST that the app itself makes, with its secret in the body."""
        return self.data(self._call("POST", path, "", json_body=fields))

    def address(self, path: str) -> str:
        """Return where a path of the API is."""
        return f"{self._handle.base_url}/{PREFIX}/{path}"

    def room(self) -> None:
        """Raise `OverBudget` when today's calls are spent."""
        if self._meter:
            self._meter.room(self._handle, 1)

    def spend(self) -> None:
        """Count a call."""
        self.calls += 1
        if self._meter:
            self._meter.spend(self._handle, 1)

    def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        params: Mapping[str, str] | None = None,
        json_body: Mapping[str, str] | None = None,
    ) -> Reply:
        self.spend()  # before the call: a function that ends in it has counted it
        return self._http.call(
            NETWORK,
            method,
            self.address(path),
            handle=self._handle.handle,
            headers={"Access-Token": token} if token else {},
            params=params,
            json_body=json_body,
        )

    # Tokens

    def token(self) -> str:
        """Return an access token with time left, renewed under the lock if need be."""
        self._fields = fields = self._credentials.read(self._handle.secret)
        if not fields.get("access_token") or not lasts(fields, self._at, ahead=AHEAD):
            return self.renewed()
        return fields["access_token"]

    def renewed(self) -> str:
        """Return a new access token; the new refresh token is stored before anybody uses it."""
        stale = self._fields or self._credentials.read(self._handle.secret)
        self._fields = self._credentials.renew(self._handle.secret, stale, self._new_tokens)
        return self._fields["access_token"]

    def _new_tokens(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        if not fields.get("refresh_token"):
            detail = f"secret {self._handle.secret} has no refresh_token: connect TikTok again"
            raise Refused(NETWORK, detail, handle=self._handle.handle)
        app = self._credentials.read(self._app_secret)
        data = self.post_as_app(
            "tt_user/oauth2/refresh_token/",
            client_id=app.get("app_id", ""),
            client_secret=app.get("app_secret", ""),
            grant_type="refresh_token",
            refresh_token=fields["refresh_token"],
        )
        return {**fields, **self.token_fields(data)}

    def token_fields(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Return the fields of the handle's secret that a token answer sets."""
        fields: dict[str, str] = {}
        for name in ("access_token", "refresh_token", "open_id"):
            value = data.get(name)
            if not isinstance(value, str) or not value:
                raise Malformed(
                    NETWORK, "a token answer is not whole", handle=self._handle.handle, field=name
                )
            fields[name] = value
        fields["expires_at"] = self._ends(data.get("expires_in"), 86_400)
        fields["refresh_expires_at"] = self._ends(data.get("refresh_token_expires_in"), 31_536_000)
        if isinstance(data.get("scope"), str):
            fields["scope"] = data["scope"]
        return fields

    def _ends(self, seconds: object, usual: int) -> str:
        lifetime = seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else usual
        return (self._at + timedelta(seconds=min(lifetime, 10**8))).isoformat()

    # Answers

    def data(self, reply: Reply) -> Mapping[str, Any]:
        """Return an answer's data; raise what its code means."""
        if error := self.error(reply):
            raise error
        data = reply.json().get("data")
        return data if isinstance(data, dict) else {}

    def _whole(self, reply: Reply) -> Mapping[str, Any]:
        """Return a list's data; a part of it proves nothing, neither an end nor that something is gone."""
        data = self.data(reply)
        if reply.json().get("code") == PARTLY:
            raise Unreachable(NETWORK, "only a part came (code 20001)", handle=self._handle.handle)
        return data

    def error(self, reply: Reply) -> NetworkError | None:
        """Return what an answer means by its code; None for a good one."""
        name = self._handle.handle
        if reply.status == 429:  # noqa: PLR2004 - Too Many Requests, from what stands before the API
            return RateLimited(NETWORK, "too many calls (HTTP 429)", handle=name, retry_at=self._at + SOON)
        if reply.status >= 500:  # noqa: PLR2004 - HTTP's own border
            return Unreachable(NETWORK, f"TikTok's own failure (HTTP {reply.status})", handle=name)
        if reply.status != 200:  # noqa: PLR2004 - every answer of the API itself is 200
            detail = f"{reply.url.partition('?')[0]} answered HTTP {reply.status}: check base_url"
            return Refused(NETWORK, detail, handle=name)
        try:
            body: object = reply.json()
        except (ValueError, RecursionError):
            body = None
        code = body.get("code") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(code, int):
            return Malformed(NETWORK, "an answer without a code", handle=name, field="code")
        request = body.get("request_id")
        return self._meaning(code, request[:60] if isinstance(request, str) else "none")

    def _meaning(self, code: int, request: str) -> NetworkError | None:
        name, where = self._handle.handle, f"code {code}, request {request}"
        if code in {OK, PARTLY}:
            return None
        if code == _TOO_MANY:
            return RateLimited(NETWORK, f"too many calls ({where})", handle=name, retry_at=self._at + SOON)
        if code not in range(40_000, 50_000):
            return Unreachable(NETWORK, f"TikTok's own failure ({where})", handle=name)
        detail = (
            f"{_WORDS.get(code, 'TikTok turned the request down')} (secret {self._handle.secret}, {where})"
        )
        if code == _EXPIRED:
            return Expired(NETWORK, f"the access token ran out ({where})", handle=name)
        return (Gone if code == _GONE else Refused)(NETWORK, detail, handle=name)


def lasts(fields: Mapping[str, str], at: datetime, *, ahead: timedelta) -> bool:
    """Return whether the access token has more time left than `ahead`; without a known end it is tried."""
    try:
        return datetime.fromisoformat(fields.get("expires_at") or "9999-01-01T00:00:00+00:00") > at + ahead
    except (TypeError, ValueError):
        return False
