"""Reddit's calls for one handle: its token, its User-Agent, its many ways of saying no.

An error is not always an error status: a refused token request and a rate limit after a write come as HTTP
200, block pages as HTML, closed endpoints as a redirect to the login page (networks/reddit.md §2, §3).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import Expired, Malformed, RateLimited, Refused, Unreachable
from allhours.networks._reddit.posts import NETWORK, loads, our_name
from allhours.networks.http import host_for, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply

API = "https://oauth.reddit.com"
SITE = "https://www.reddit.com"
TOKEN_PATH = "/api/v1/access_token"  # noqa: S105 - a path
SCOPES = "read identity submit edit history privatemessages"
REST = timedelta(minutes=1)  # for a 429 that names no end; the budget is averaged over ten minutes
LONGEST_REST = timedelta(days=1)
RENEW_BEFORE = timedelta(minutes=5)  # before a token's end: no call may begin with one and arrive without
LIFE = timedelta(hours=1)  # of a token whose answer does not tell; the shortest recorded
APPROVAL = "look at the app's approval (Responsible Builder Policy) and its User-Agent"
_SENTENCE = {
    "private": "the subreddit is private",
    "banned": "the subreddit is banned",
    "quarantined": "the subreddit is quarantined: opt in with our account, in a browser",
}
_WORD = re.compile(r"[A-Za-z0-9_. -]{1,60}")
_OK = range(200, 300)


class Gone(Refused):
    """There is no such thing on Reddit."""


class Session:
    """The calls of one poll or one answer; a token is renewed once at most."""

    def __init__(
        self, credentials: Credentials, http: Http, handle: Handle, at: datetime, *, app_secret: str
    ) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._renewed = False
        self.handle = handle
        self.at = at
        self.rests_until: datetime | None = None
        self.used: tuple[float, float] | None = None

    def headers(self) -> dict[str, str]:
        """Return what every call carries; `Refused` when there is no token and none can be made."""
        fields = self._credentials.read(self.handle.secret)
        if self._due(fields):
            fields = self.renew(fields)
        return {"authorization": f"bearer {fields['access_token']}", "user-agent": user_agent(self.handle)}

    def get(self, path: str, params: Mapping[str, str]) -> object:
        """Return an answer's JSON; a token that ran out is renewed and the call made once more."""
        for _ in range(2):
            try:
                return self.read(self._ask(path, params), path)
            except Expired:
                self.renew(self._credentials.read(self.handle.secret))
        raise self._refused("Reddit does not take the token that it has just given")

    def _ask(self, path: str, params: Mapping[str, str]) -> Reply:
        if self.rests_until and self.rests_until > self.at:
            raise RateLimited(
                NETWORK, "no call is left", handle=self.handle.handle, retry_at=self.rests_until
            )
        return self._http.call(
            NETWORK,
            "GET",
            f"{self.handle.base_url}{path}",
            handle=self.handle.handle,
            headers=self.headers(),
            params={**params, "raw_json": "1"},
        )

    def renew(self, stale: Mapping[str, str]) -> Mapping[str, str]:
        """Return the secret with a fresh access token, stored before use."""
        if self._renewed:
            raise self._refused("Reddit does not take the token that it has just given")
        self._renewed = True
        return self._credentials.renew(self.handle.secret, stale, self._refreshed)

    def renew_when_due(self) -> bool:
        """Renew the token if it ends soon; return whether it was."""
        fields = self._credentials.read(self.handle.secret)
        if not self._due(fields):
            return False
        self.renew(fields)
        return True

    def _due(self, fields: Mapping[str, str]) -> bool:
        if not fields.get("access_token"):
            return True
        try:
            return datetime.fromisoformat(fields["expires_at"]) <= self.at + RENEW_BEFORE
        except (KeyError, ValueError, TypeError):
            return False  # a token typed by hand: the network says when it is over

    def _refreshed(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        token = fields.get("refresh_token", "")
        if not token:
            raise self._refused(f"secret {self.handle.secret} has no refresh_token: connect it again")
        form = {"grant_type": "refresh_token", "refresh_token": token}
        told = self.token(form, self._credentials.read(self._app_secret))
        return {**fields, **{name: value for name, value in told.items() if value}}

    def token(self, form: Mapping[str, str], app: Mapping[str, str]) -> dict[str, str]:
        """Return `access_token`, `refresh_token` and `expires_at` of a grant; the body decides."""
        reply = self._http.call(
            NETWORK,
            "POST",
            f"{host_for(self.handle, API, SITE)}{TOKEN_PATH}",
            handle=self.handle.handle,
            headers={"user-agent": user_agent(self.handle)},
            form=form,
            auth=(app.get("client_id", ""), app.get("client_secret", "")),
        )
        body = _json(reply)
        if isinstance(body, dict) and isinstance(body.get("access_token"), str) and body["access_token"]:
            lasts = body.get("expires_in")
            life = timedelta(seconds=lasts) if type(lasts) is int and 0 < lasts < 10**8 else LIFE
            given = body.get("refresh_token")
            return {
                "access_token": body["access_token"],
                "refresh_token": given if isinstance(given, str) else "",
                "expires_at": (self.at + life).isoformat(),
            }
        if reply.status == 429 or reply.status >= 500:  # noqa: PLR2004 - HTTP's own numbers
            self.read(reply, "a token")
        error = body.get("error") if isinstance(body, dict) else None
        word = error if isinstance(error, str) and _WORD.fullmatch(error) else f"HTTP {reply.status}"
        raise self._refused(
            f"Reddit gives no token ({word}): the consent in {self.handle.secret} or the app in "
            f"{self._app_secret} does not hold; `allhours connect reddit` makes a new one"
        )

    def read(self, reply: Reply, what: str) -> object:
        """Return the JSON of a good answer; raise what any other means."""
        self._note(reply)
        body, handle = _json(reply), self.handle.handle
        if reply.status in _OK:
            if reply.body[:200].lstrip()[:1] == b"<":
                raise Unreachable(NETWORK, f"{what}: a web page instead of an answer", handle=handle)
            if body is None:
                raise Malformed(NETWORK, f"{what}: the answer is not JSON", handle=handle)
            return body
        if reply.status in {301, 302, 303, 307, 308}:
            raise self._refused(_redirected(reply, what))
        if reply.status == 401:  # noqa: PLR2004 - HTTP's own number
            raise Expired(NETWORK, f"{what}: the token ran out", handle=handle)
        if reply.status == 429:  # noqa: PLR2004 - HTTP's own number
            raise RateLimited(
                NETWORK, f"{what}: too many calls", handle=handle, retry_at=again_at(reply, self.at)
            )
        if reply.status >= 500:  # noqa: PLR2004 - HTTP's own number
            raise Unreachable(NETWORK, f"{what}: HTTP {reply.status}", handle=handle)
        if reply.status == 404:  # noqa: PLR2004 - HTTP's own number
            raise Gone(NETWORK, f"{what}: there is no such thing on Reddit", handle=handle)
        raise self._refused(f"{what}: {why(reply)}")

    def _note(self, reply: Reply) -> None:
        """Keep how much of the budget is used; rest when nothing is left."""
        left, used = (_number(reply.headers.get(f"x-ratelimit-{name}", "")) for name in ("remaining", "used"))
        if left is None:
            return
        self.used = (used or 0.0, left)
        if left < 1:
            self.rests_until = again_at(reply, self.at)

    def _refused(self, detail: str) -> Refused:
        return Refused(NETWORK, detail, handle=self.handle.handle)


def user_agent(handle: Handle) -> str:
    """Return the name Reddit asks for: unique to the app and the account that answers for it."""
    app = handle.settings.get("app_id") or f"allhours-{handle.account}"
    return f"server:{app}:0.1 (by /u/{handle.settings.get('by') or our_name(handle)})"


def why(reply: Reply) -> str:
    """Return in words why Reddit turned a call down."""
    body = _json(reply)
    if not isinstance(body, dict):
        return f"HTTP {reply.status} with a web page: Reddit blocks us; {APPROVAL}"
    reason = body.get("reason")
    if isinstance(reason, str) and _WORD.fullmatch(reason):
        return _SENTENCE.get(reason, f"HTTP {reply.status} {reason}")
    if reply.status == 403:  # noqa: PLR2004 - HTTP's own number
        return f"HTTP 403: banned there, a private subreddit, or one of the scopes {SCOPES} is missing"
    return f"HTTP {reply.status}"


def again_at(reply: Reply, at: datetime) -> datetime:
    """Return when Reddit will listen again: both headers count seconds from now, and both may be missing."""
    reset = _number(reply.headers.get("x-ratelimit-reset", ""))
    if "retry-after" in reply.headers:
        until = retry_after(reply.headers["retry-after"], at, otherwise=REST)
    else:
        until = at + (timedelta(seconds=min(reset, 86_400)) if reset else REST)
    return min(until, at + LONGEST_REST)


def children(answer: object) -> tuple[list[object], str | None]:
    """Return a listing's things and the name after which older ones come; `Malformed` when it is none."""
    inside = answer.get("data") if isinstance(answer, dict) else None
    found = inside.get("children") if isinstance(inside, dict) else None
    if not isinstance(found, list):
        raise Malformed(NETWORK, "the answer is no listing", field="data.children")
    after = inside.get("after") if isinstance(inside, dict) else None
    return found, after if isinstance(after, str) and after else None


def text_of(at: datetime) -> str:
    """Return an instant as a cursor's mark: whole seconds since 1970."""
    return str(int(at.astimezone(UTC).timestamp()))


def _redirected(reply: Reply, what: str) -> str:
    if "login" in reply.headers.get("location", ""):
        return (
            f"{what}: Reddit sends us to its login page; it is closed to apps, or the token is no account's"
        )
    return f"{what}: Reddit sends us elsewhere, as for a subreddit that does not exist"


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else None


def _json(reply: Reply) -> object:
    try:
        return loads(reply.body)
    except ValueError:
        return None
