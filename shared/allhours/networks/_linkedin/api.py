"""LinkedIn's versioned API: one call with its headers, its errors in our terms, and the renewal of a token.

`List(…)` and `(key:value)` stay literal in an address while the URNs inside are percent-encoded, so addresses
are written here by hand and not by `requests`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Expired, Malformed, RateLimited, Refused, Unreachable
from allhours.networks import oauth
from allhours.networks._linkedin.fields import NETWORK, look, rows_in, urn_in
from allhours.networks.http import host_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials, Meter
    from allhours.networks.http import Http, Reply

BASE_URL = "https://api.linkedin.com"
SIGN_IN_URL = "https://www.linkedin.com"
VERSION = "202607"  # lives at least a year; settings.version overrides it until a release does
SOON = timedelta(minutes=1)  # the limit that LinkedIn counts by the minute
RETIRED = (
    "the API version is retired: write the newest one (YYYYMM) into settings.version of this handle, and"
    " update Allhours when you can"
)
GRANT_GONE = "the member has withdrawn the app, or the token has ended: run `allhours connect linkedin` again"
NO_ROLE = (
    "the member who connected is no administrator of the page any more, or the app lacks the Community"
    " Management API (a new token does not help): give them the role again, or connect with another"
    " administrator"
)


class Api:
    """LinkedIn for one handle and the length of one turn."""

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        handle: Handle,
        *,
        app_secret: str,
        at: datetime,
        meter: Meter | None = None,
    ) -> None:
        """Take the line out and the clock; the token is read with the first call."""
        self._http = http
        self._credentials = credentials
        self._handle = handle
        self._app_secret = app_secret
        self._at = at
        self._meter = meter

    def fields(self) -> Mapping[str, str]:
        """Return the handle's secret; `Refused` when it holds no token."""
        fields = self._credentials.read(self._handle.secret)
        if not fields.get("access_token"):
            raise self._refused("no access_token is stored")
        return fields

    def headers(self, token: str) -> dict[str, str]:
        """Return what every call carries."""
        return {
            "Authorization": f"Bearer {token}",
            "LinkedIn-Version": self._handle.settings.get("version", VERSION),
            "X-Restli-Protocol-Version": "2.0.0",
        }

    def address(self, path: str) -> str:
        """Return where a path of the versioned API is; the path is encoded by who wrote it."""
        return f"{self._handle.base_url}/rest/{path}"

    def ask(self, method: str, path: str, *, body: object = None, missing_ok: bool = False) -> Any:  # noqa: ANN401 - foreign JSON
        """Make a call that publishes nothing and return its JSON; an expired token is renewed once."""
        fields = self.fields()
        reply = self._call(method, path, body, fields)
        if reply.status == 401 and fields.get("refresh_token"):  # noqa: PLR2004 - Unauthorized
            reply = self._call(method, path, body, self.renewed(fields))
        if missing_ok and reply.status == 404:  # noqa: PLR2004 - Not Found
            return None
        self.judge(reply)
        if not reply.body.strip():
            return {}
        try:
            return reply.json()
        except (ValueError, RecursionError):
            detail = f"HTTP {reply.status} without JSON"
            raise Malformed(NETWORK, detail, handle=self._handle.handle, field="body") from None

    def _call(self, method: str, path: str, body: object, fields: Mapping[str, str]) -> Reply:
        if self._meter:
            self._meter.room(self._handle, 1)
            self._meter.spend(self._handle, 1)  # before the call: a function that ends in it has counted it
        return self._http.call(
            NETWORK,
            method,
            self.address(path),
            handle=self._handle.handle,
            headers=self.headers(fields["access_token"]),
            json_body=body,
        )

    def judge(self, reply: Reply) -> None:
        """Return when the status is 2xx; raise what any other one means."""
        status, name = reply.status, self._handle.handle
        if status in range(200, 300):
            return
        if status >= 500:  # noqa: PLR2004 - HTTP's own border
            raise Unreachable(NETWORK, f"LinkedIn's own failure (HTTP {status})", handle=name)
        if status == 429:  # noqa: PLR2004 - Too Many Requests
            when = retry_at(reply, self._at)
            raise RateLimited(NETWORK, "a limit of LinkedIn's is reached", handle=name, retry_at=when)
        if status == 401:  # noqa: PLR2004 - Unauthorized
            raise Expired(NETWORK, f"{GRANT_GONE} (secret {self._handle.secret})", handle=name)
        if status == 403:  # noqa: PLR2004 - Forbidden
            raise self._refused(f"{NO_ROLE}{_code(reply)}")
        if status == 426:  # noqa: PLR2004 - Upgrade Required
            raise self._refused(RETIRED)
        raise self._refused(f"turned down with HTTP {status}{_code(reply)}")

    def renewed(self, stale: Mapping[str, str]) -> Mapping[str, str]:
        """Return fields with a newer access token, asking at most once across all functions.

        The refresh token lives 365 days from the first consent and is never extended, so its end is kept.
        """
        return self._credentials.renew(self._handle.secret, stale, self._ask_for_token)

    def _ask_for_token(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        app = self.app()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": fields.get("refresh_token", ""),
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
        }
        fresh = token_fields(self.tokens(form), self._at)
        ends = [each for each in (fields.get("refresh_expires_at"), fresh.get("refresh_expires_at")) if each]
        return {**fields, **fresh, **({"refresh_expires_at": min(ends)} if ends else {})}

    def tokens(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what the token endpoint answers."""
        host = host_for(self._handle, BASE_URL, SIGN_IN_URL)
        url = f"{host}/oauth/v2/accessToken"
        return oauth.tokens_for(self._http, NETWORK, url, handle=self._handle.handle, form=form)

    def app(self) -> Mapping[str, str]:
        """Return the app's secret; `Refused` names the field that is missing."""
        fields = self._credentials.read(self._app_secret)
        for name in ("client_id", "client_secret"):
            if not fields.get(name):
                detail = f"{name} in secret {self._app_secret} is missing"
                raise Refused(NETWORK, detail, handle=self._handle.handle)
        return fields

    def _refused(self, detail: str) -> Refused:
        where = f"page {self._handle.native_id}, secret {self._handle.secret}"
        return Refused(NETWORK, f"{detail} ({where})", handle=self._handle.handle)


def roles(api: Api) -> Iterator[tuple[str, str, str]]:
    """Yield page, role and member of every role that the member who connected has."""
    path = "organizationAcls?q=roleAssignee&state=APPROVED&start=0&count=100"
    for row in rows_in(api.ask("GET", path), "elements"):
        page = urn_in(look(row, "organization")) or urn_in(look(row, "organizationTarget"))
        role = look(row, "role")
        if page and isinstance(role, str):
            yield page, role, urn_in(look(row, "roleAssignee"))


def token_fields(told: Mapping[str, Any], at: datetime) -> dict[str, str]:
    """Return the token endpoint's answer as the secret keeps it: instants, not lengths."""
    fields = {"access_token": str(told["access_token"])}
    if ends := _end(told.get("expires_in"), at):
        fields["expires_at"] = ends
    if isinstance(told.get("refresh_token"), str):
        fields["refresh_token"] = told["refresh_token"]
    if ends := _end(told.get("refresh_token_expires_in"), at):
        fields["refresh_expires_at"] = ends
    return fields


def _end(seconds: object, at: datetime) -> str:
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < 10**9:
        return ""
    return (at + timedelta(seconds=seconds)).astimezone(UTC).isoformat()


def retry_at(reply: Reply, at: datetime) -> datetime:
    """Return when a limit is over: in a minute for that of one member, else at midnight UTC."""
    try:
        message = look(reply.json(), "message")
    except (ValueError, RecursionError):
        message = None
    if isinstance(message, str) and "creation rate limit" in message.lower():
        return at + SOON
    tomorrow = at.astimezone(UTC).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)


def _code(reply: Reply) -> str:
    """Return LinkedIn's own name for an error, in brackets, where it gives one."""
    try:
        told = reply.json()
    except (ValueError, RecursionError):
        return ""
    code, number = look(told, "code"), look(told, "serviceErrorCode")
    name = code if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,60}", code) else ""
    known = " ".join(filter(None, (name, str(number) if isinstance(number, int) else "")))[:80]
    return f" [{known}]" if known else ""
