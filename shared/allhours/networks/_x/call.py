"""One handle's calls to X: its token and how it is renewed, what a call costs, and what an answer means.

Written from docs.x.com: fundamentals/rate-limits, fundamentals/response-codes-and-errors,
authentication/oauth-2-0, getting-started/pricing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from allhours.domain.errors import Expired, Malformed, RateLimited, Refused, Unreachable
from allhours.networks._x.posts import NAME, Json, is_id, loads, told_by_id, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials, Meter
    from allhours.networks.http import Http, Reply

OWNED_POST = 0.001  # US dollars; getting-started/pricing, as of 2026-08-22: our own mentions and posts,
POST = 0.005  # any other post,
MESSAGE = 0.010  # an event of a direct message,
AUTHOR = 0.010  # and a person, in `includes` too

_WINDOW = timedelta(minutes=15)  # X's rate limit window, when it does not say when it ends
_WINDOWS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
_BILLING = "X wants money: look at credits and spending limit in the developer console"
_PARAMETERS = (b"tweet.fields", b"post.fields", b"dm_event.fields", b"expansions")
_UNCLEAR = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT)  # these may have had an effect
_SOON = timedelta(minutes=2)  # a token that ends within the next call's time is renewed before it


class OtherVocabulary(Refused):
    """X does not know the words that we asked in."""


class StaleToken(Refused):
    """A pagination token that we kept over several polls is no longer taken."""


class Gone(Refused):
    """X has nothing at this address (any more)."""


class Broke(Refused):
    """The month's cap or the credit is used up: waiting does not help."""


@dataclass(slots=True)
class Paid:
    """What X has billed to a handle today; X bills a resource once a day (UTC), and so do we."""

    day: str
    resources: set[str]


@dataclass(slots=True, kw_only=True)
class Caller:
    """One use of X for one handle: one new token at most, an eye on the rate limit and on the bill."""

    credentials: Credentials
    http: Http
    handle: Handle
    at: datetime
    meter: Meter | None = None
    paid: dict[str, Paid] | None = None
    renewed: bool = False
    rests_until: datetime | None = None

    @property
    def fields(self) -> Mapping[str, str]:
        """Return the handle's secret as it is now."""
        return self.credentials.read(self.handle.secret)

    def get(self, path: str, params: Mapping[str, str], *, app_only: bool = False) -> Json:
        """Return an answer, asked for again with a new token if the old one ran out."""
        return self.ask("GET", path, app_only=app_only, params=params)

    def ask(self, method: str, path: str, *, app_only: bool = False, **more: Any) -> Json:  # noqa: ANN401 - for Http.call
        """Make a call that may be repeated, once more with a new token if the old one ran out."""
        fields = self.fields
        try:
            return self._judged(self.call(method, path, fields, app_only=app_only, **more))
        except Expired:
            if app_only or self.renewed:
                raise self.refused("the token does not work", app_only=app_only) from None
        fields = self.renew(fields)
        try:
            return self._judged(self.call(method, path, fields, **more))
        except Expired:
            raise self.refused("X does not take the token that it has just given") from None

    def call(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str],
        *,
        app_only: bool = False,
        **more: Any,  # noqa: ANN401 - for Http.call
    ) -> Reply:
        """Make one request and no other."""
        address = f"{self.handle.base_url}{path}"
        headers = self.headers(fields, app_only=app_only)
        return self.http.call(NAME, method, address, handle=self.handle.handle, headers=headers, **more)

    def headers(self, fields: Mapping[str, str], *, app_only: bool = False) -> Mapping[str, str]:
        """Return the headers of a call; `Refused` when the secret has no token for it."""
        name = "bearer_token" if app_only else "access_token"
        if not fields.get(name):
            raise self.refused(f"it has no {name}", app_only=app_only)
        return {"Authorization": f"Bearer {fields[name]}"}

    def room(self, cost: float) -> None:
        """Raise `OverBudget` when the day's ceiling has no room for a call that costs so much."""
        if self.meter:
            self.meter.room(self.handle, cost)

    def spend(self, cost: float) -> None:
        """Count what a call has cost."""
        if self.meter and cost:
            self.meter.spend(self.handle, cost)

    def pay(self, resources: Mapping[str, float], *, before: frozenset[str] = frozenset()) -> None:
        """Count each resource in an answer, by its price, that X has not billed today.

        `before` are posts that an earlier poll returned: those of today are paid for.
        """
        if self.paid is None:
            return
        day = f"{self.at.astimezone(UTC):%Y-%m-%d}"
        paid = self.paid.get(self.handle.key)
        if paid is None or paid.day != day:
            paid = self.paid[self.handle.key] = Paid(day, set())
        fresh = {name for name in resources if name not in paid.resources}
        due = {name for name in fresh if name not in before or not self._is_of_today(name)}
        self.spend(round(sum(resources[name] for name in due), 4))
        paid.resources |= fresh  # only now: what could not be counted is due again with the next answer

    def _is_of_today(self, post_id: str) -> bool:
        said_at = told_by_id(post_id)
        return said_at is not None and said_at.date() == self.at.astimezone(UTC).date()

    def renew(self, stale: Mapping[str, str]) -> Mapping[str, str]:
        """Return the secret with a new token, which is stored before anybody uses it."""
        self.renewed = True
        return self.credentials.renew(self.handle.secret, stale, self._refreshed)

    def renew_when_due(self, within: timedelta = _SOON) -> bool:
        """Renew a token that is about to run out; return whether it was time."""
        fields = self.fields
        ends_at = expiry(fields)
        if ends_at is None or ends_at > self.at + within or not fields.get("refresh_token"):
            return False
        self.renew(fields)
        return True

    def _judged(self, reply: Reply) -> Json:
        """Return a good answer; raise what a bad one means."""
        where, told, kind = self.handle.handle, told_by(reply), problem_of(reply.body)
        if reply.status in (HTTPStatus.OK, HTTPStatus.CREATED):
            self.rests_until = window_end(reply.headers, self.at) if _spent(reply.headers) else None
            return loads(reply.body, handle=where)
        if reply.status == HTTPStatus.PAYMENT_REQUIRED or kind == "usage-capped":
            raise Broke(NAME, f"{_BILLING} ({told})", handle=where)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            retry_at = window_end(reply.headers, self.at)
            raise RateLimited(NAME, f"too many calls ({told})", handle=where, retry_at=retry_at)
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status in _UNCLEAR:
            raise Unreachable(NAME, f"X failed ({told})", handle=where)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise Expired(NAME, f"the token is not taken ({told})", handle=where)
        if reply.status == HTTPStatus.BAD_REQUEST and b"pagination_token" in reply.body:
            raise StaleToken(NAME, f"the pagination token is not taken ({told})", handle=where)
        if reply.status == HTTPStatus.BAD_REQUEST and any(name in reply.body for name in _PARAMETERS):
            raise OtherVocabulary(NAME, f"X does not know our parameters ({told})", handle=where)
        mend = "check native_id and what we listen for"
        if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise Gone(NAME, f"X has no such thing ({told} {kind}): {mend}", handle=where)
        if reply.status == HTTPStatus.FORBIDDEN:
            mend = f"check the app's access and the scopes of secret {self.handle.secret}"
        raise Refused(NAME, f"our request was turned down ({told} {kind}): {mend}", handle=where)

    def _refreshed(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Trade the single-use refresh token for a new pair."""
        missing = next((name for name in ("refresh_token", "client_id") if not fields.get(name)), "")
        if missing:
            raise self.refused(f"the access token ran out and there is no {missing}")
        form = {"grant_type": "refresh_token", "refresh_token": fields["refresh_token"]}
        confidential = fields.get("client_secret")
        reply = self.http.call(
            NAME,
            "POST",
            f"{self.handle.base_url}/2/oauth2/token",
            handle=self.handle.handle,
            form=form if confidential else {**form, "client_id": fields["client_id"]},
            auth=(fields["client_id"], confidential) if confidential else None,
        )
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(NAME, f"no new token (HTTP {reply.status})", handle=self.handle.handle)
        if reply.status != HTTPStatus.OK:
            raise self.refused(f"X gives no new token (HTTP {reply.status})")
        renewed = tokens_of(loads(reply.body, handle=self.handle.handle), self.at)
        if "access_token" not in renewed:
            raise Malformed(NAME, "the answer has no token", handle=self.handle.handle, field="access_token")
        return {**fields, **renewed}

    def refused(self, why: str, *, app_only: bool = False) -> Refused:
        """Return the error that names the secret and how to mend it."""
        mend = "make a new bearer token in the developer console" if app_only else "connect the account again"
        detail = f"secret {self.handle.secret}: {why}; {mend} and store it there"
        return Refused(NAME, detail, handle=self.handle.handle)


def tokens_of(document: Mapping[str, object], at: datetime) -> dict[str, str]:
    """Return the fields of a secret that a token answer holds, with the instant at which the token ends."""
    told = {name: document.get(name) for name in ("access_token", "refresh_token", "scope")}
    fields = {name: value for name, value in told.items() if isinstance(value, str) and value}
    lasts = document.get("expires_in")
    if isinstance(lasts, int) and 0 < lasts < 10**9:
        fields["expires_at"] = (at + timedelta(seconds=lasts)).isoformat()
    return fields


def expiry(fields: Mapping[str, str]) -> datetime | None:
    """Return when the access token ends, as far as the secret says so."""
    try:
        ends_at = datetime.fromisoformat(fields.get("expires_at", ""))
    except ValueError:
        return None
    return ends_at if ends_at.tzinfo else None


def told_by(reply: Reply) -> str:
    """Return status and X's own number of the call, which its support asks for."""
    trace = word(reply.headers.get("x-transaction-id", ""))[:40]
    return f"HTTP {reply.status}{f', x-transaction-id {trace}' if trace else ''}"


def problem_of(body: bytes) -> str:
    """Return the last part of a problem's type; its host is written in two ways."""
    kind = _told(body).get("type")
    return word(kind.rpartition("/")[2]) if isinstance(kind, str) else ""


def detail_of(body: bytes) -> str:
    """Return what a problem says of itself, in small letters; only ever compared, never shown."""
    detail = _told(body).get("detail")
    return detail.lower() if isinstance(detail, str) else ""


def window_end(headers: Mapping[str, str], at: datetime) -> datetime:
    """Return when the last of the spent windows ends; a quarter of an hour when X does not say."""
    ends = [
        datetime.fromtimestamp(int(end), UTC)
        for window in _WINDOWS
        if headers.get(f"{window}-remaining") == "0" and is_id(end := headers.get(f"{window}-reset", "")[:11])
    ]
    return max([*ends, at + timedelta(seconds=1)]) if ends else at + _WINDOW


def _spent(headers: Mapping[str, str]) -> bool:
    return any(headers.get(f"{window}-remaining") == "0" for window in _WINDOWS)


def _told(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("Mapping[str, object]", document) if isinstance(document, dict) else {}
