"""Call the Graph API for one poll: the token and its proof, throttling, and what an error means.

Meta throttles with error codes in HTTP 400 and 403, tells its limits in usage headers, and names no
`Retry-After` (docs/graph-api/overview/rate-limiting, guides/error-handling). Calling while throttled makes
the block longer, so after the first such answer this poll makes no more calls of that quota.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from allhours.domain.errors import Expired, Malformed, NetworkError, RateLimited, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply

NETWORK = "facebook"
VERSION = "v26.0"
QUOTAS = ("pages", "messenger")  # counted apart (docs/graph-api/overview/rate-limiting)
NEARLY_USED = 95  # percent; at 100 Meta blocks, and every further call makes the block longer
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)  # Meta counts calls in a rolling hour

_THROTTLED = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
_TRANSIENT = frozenset({1, 2})
_TOKEN = frozenset({102, 190})
_GONE = 33  # subcode of 100
_NOT_RENEWABLE = frozenset({458, 459, 464, 492})  # a new token of the same person would be refused too
_MEND = {
    458: "the token's owner removed the app; connect it to the Page again and store the new Page token",
    459: "the token's owner must first pass a checkpoint at facebook.com",
    460: "the token's owner changed the password; make a new Page token and store it",
    463: "the token ran out; make a new Page token and store it",
    464: "the token's owner has an unconfirmed account; confirm it at facebook.com",
    467: "the token is no longer valid; make a new Page token and store it",
    492: "the token's owner has no role on the Page any more; give it back or use somebody else's token",
}
_PERMISSION = (
    "a permission is missing, or lapsed after 90 days without use; grant again those in docs/networks.md"
)


class TokenRefused(Refused):
    """The token is turned down for good, or there is none: every other call would be turned down too."""


class Gone(Refused):
    """The object is not there (any more), or not for us: code 100, subcode 33."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedRows:
    """One page of an edge; `older` is set while there is more, even behind an empty page."""

    rows: tuple[Mapping[str, Any], ...]
    older: str | None


class Graph:
    """The Graph API as one handle's token sees it, for the length of one poll."""

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        handle: Handle,
        *,
        app_secret: str,
        at: datetime,
        waits: int = 0,
    ) -> None:
        """Take the line out; `waits` says how often in a row the handle was throttled before."""
        self._http = http
        self._credentials = credentials
        self._handle = handle
        self._app_secret = app_secret
        self._at = at
        self._wait = min(FIRST_WAIT * 2 ** min(waits, 10), LONGEST_WAIT)
        self._ended: dict[str, NetworkError] = {}

    def pages(self, path: str, params: Mapping[str, str], *, quota: str = "pages") -> Iterator[FetchedRows]:
        """Yield the pages of an edge until `paging.next` is missing; an empty page may still have one."""
        asked = dict(params)
        while True:
            answer = self._call("GET", path, asked, quota=quota)
            if not isinstance(answer, dict) or not isinstance(rows := answer.get("data"), list):
                raise self._malformed(f"no list came from {path}", "data")
            paging = answer.get("paging")
            address = paging.get("next") if isinstance(paging, dict) else None
            older = address if isinstance(address, str) and address else None
            yield FetchedRows(rows=tuple(row if isinstance(row, dict) else {} for row in rows), older=older)
            if older is None:
                return
            # Only parameters are taken over: the address has the token in it, and its host could be any.
            told = parse_qsl(urlsplit(older).query)
            before = dict(asked)
            asked |= {key: value for key, value in told if key not in {"access_token", "appsecret_proof"}}
            if asked == before:
                raise self._malformed(f"the next page of {path} is the same page", "paging.next")

    def batch(self, paths: Sequence[str], *, quota: str = "pages") -> list[object]:
        """Return what up to 50 GETs answered: JSON, a `NetworkError`, or None for one out of time."""
        operations = json.dumps([{"method": "GET", "relative_url": path} for path in paths])
        answers = self._call("POST", "", {"batch": operations, "include_headers": "false"}, quota=quota)
        if not isinstance(answers, list) or len(answers) != len(paths):
            raise self._malformed(f"{len(paths)} operations were asked for, other than that came", "batch")
        return [self._operation(answer, quota) for answer in answers]

    def _operation(self, answer: object, quota: str) -> object:
        if not isinstance(answer, dict):
            return None
        try:
            body = json.loads(answer["body"])
        except (KeyError, TypeError, ValueError, RecursionError):
            return None
        error = self._error(answer.get("code"), body, {})
        if isinstance(error, RateLimited | Expired):
            self._ended[quota] = error
            raise error
        return error or body

    def _call(self, method: str, path: str, params: Mapping[str, str], *, quota: str) -> object:
        if quota in self._ended:
            raise self._ended[quota]
        try:
            fields = self._fields()
            try:
                return self._ask(method, path, params, fields["page_token"], quota)
            except Expired:
                if not fields.get("user_token"):
                    raise
                fields = self._credentials.renew(self._handle.secret, fields, self._new_token)
                return self._ask(method, path, params, fields["page_token"], quota)
        except RateLimited as error:
            self._ended[quota] = error
            raise
        except (Expired, TokenRefused) as error:
            self._ended = dict.fromkeys(QUOTAS, error)
            raise

    def _fields(self) -> Mapping[str, str]:
        try:
            fields = self._credentials.read(self._handle.secret)
        except Refused as error:
            raise TokenRefused(NETWORK, error.detail, handle=self._handle.handle) from None
        if not fields.get("page_token"):
            raise self._token_refused("it has no page_token")
        return fields

    def _ask(self, method: str, path: str, params: Mapping[str, str], token: str, quota: str) -> object:
        reply = self._send(method, path, params, token)
        answer = self._decoded(reply)
        if error := self._error(reply.status, answer, reply.headers):
            raise error
        if (full := self._nearly_used(reply.headers, quota)) is not None:
            self._ended[quota] = full
        return answer

    def _send(self, method: str, path: str, params: Mapping[str, str], token: str) -> Reply:
        version = self._handle.settings.get("graph_version", VERSION)
        if not re.fullmatch(r"v\d{1,3}\.\d{1,2}", version):
            raise self._refused("setting graph_version must look like v26.0")
        secret = self._credentials.read(self._app_secret).get("app_secret", "") if self._app_secret else ""
        proof = {"appsecret_proof": appsecret_proof(secret, token)} if secret else {}
        url = f"{self._handle.base_url}/{version}/{path}"
        if method == "POST":  # a batch takes its token as a field; it stays out of the address
            form = {**params, **proof, "access_token": token}
            return self._http.call(NETWORK, method, url, handle=self._handle.handle, form=form)
        headers = {"Authorization": f"Bearer {token}"}
        return self._http.call(
            NETWORK, method, url, handle=self._handle.handle, headers=headers, params={**params, **proof}
        )

    def _new_token(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Return the fields with a fresh Page token, which the user token may make."""
        user_token = fields.get("user_token", "")
        reply = self._send("GET", self._handle.native_id, {"fields": "access_token"}, user_token)
        answer = self._decoded(reply)
        error = self._error(reply.status, answer, reply.headers)
        if error is not None and not isinstance(error, Refused):
            raise error
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if error is not None or not isinstance(token, str) or not token:
            raise self._token_refused("its page_token ran out and its user_token makes no new one")
        return {**fields, "page_token": token}

    def _decoded(self, reply: Reply) -> object:
        try:
            value: object = reply.json()
        except (ValueError, RecursionError):
            if reply.status >= 500:  # noqa: PLR2004 - HTTP's own border
                raise Unreachable(
                    NETWORK, f"status {reply.status} without JSON", handle=self._handle.handle
                ) from None
            raise self._malformed(f"status {reply.status} without JSON", "body") from None
        return value

    def _error(self, status: object, answer: object, headers: Mapping[str, str]) -> NetworkError | None:
        """Return what an answer means: by its code first, for the status is mostly 400 or 403."""
        told = answer.get("error") if isinstance(answer, dict) else None
        error: Mapping[str, Any] = told if isinstance(told, dict) else {}
        failed = bool(error) or not isinstance(status, int) or status >= 400  # noqa: PLR2004 - HTTP's own border
        if not failed:
            return None
        code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
        where = f"code {code}{f'/{subcode}' if subcode else ''}, status {status}"
        name, secret = self._handle.handle, self._handle.secret
        if code in _THROTTLED or status == 429:  # noqa: PLR2004 - HTTP's own
            retry_at = self._at + (_regained(headers) or self._wait)
            return RateLimited(NETWORK, f"throttled ({where})", handle=name, retry_at=retry_at)
        if code in _TOKEN:
            mend = _MEND.get(subcode, "the token is not accepted; make a new Page token and store it")
            kind = TokenRefused if subcode in _NOT_RENEWABLE else Expired
            return kind(NETWORK, f"{mend} (secret {secret}, {where})", handle=name)
        down = isinstance(status, int) and status >= 500  # noqa: PLR2004 - HTTP's own border
        if down or code in _TRANSIENT or error.get("is_transient") is True:
            return Unreachable(NETWORK, f"Facebook's own failure ({where})", handle=name)
        if code == 100 and subcode == _GONE:  # noqa: PLR2004 - Meta's "invalid parameter"
            return Gone(NETWORK, f"no such object, or none for this token ({where})", handle=name)
        return self._refused(f"{self._reason(code, error)} (secret {secret}, {where})")

    def _reason(self, code: int, error: Mapping[str, Any]) -> str:
        if code in {3, 10} or 200 <= code <= 299:  # noqa: PLR2004 - Meta's permission codes
            return _PERMISSION
        if code == 100 and error.get("type") == "GraphMethodException":  # noqa: PLR2004 - Meta's "invalid parameter"
            return f"the appsecret_proof is wrong; app_secret in secret {self._app_secret} is not this app's"
        if code == 368:  # noqa: PLR2004 - Meta's policy block
            return "Facebook blocks the Page or the app for its policies; see Account Quality at facebook.com"
        return "the request was turned down"

    def _nearly_used(self, headers: Mapping[str, str], quota: str) -> RateLimited | None:
        used = max((_percent(each) for each in _usage(headers, quota)), default=0)
        if used < NEARLY_USED:
            return None
        retry_at = self._at + (_regained(headers) or self._wait)
        return RateLimited(
            NETWORK, f"{used} % of the {quota} quota is used", handle=self._handle.handle, retry_at=retry_at
        )

    def _refused(self, detail: str) -> Refused:
        return Refused(NETWORK, f"Page {self._handle.native_id}: {detail}", handle=self._handle.handle)

    def _token_refused(self, detail: str) -> TokenRefused:
        told = f"Page {self._handle.native_id}, secret {self._handle.secret}: {detail}"
        return TokenRefused(NETWORK, told, handle=self._handle.handle)

    def _malformed(self, detail: str, field: str) -> Malformed:
        return Malformed(NETWORK, detail, handle=self._handle.handle, field=field)


def appsecret_proof(secret: str, token: str) -> str:
    """Return the proof that the app itself uses this very token: hex HMAC-SHA256, another for each token."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _usage(headers: Mapping[str, str], quota: str) -> Iterator[Mapping[str, Any]]:
    """Yield what the usage headers say of a quota and of the app; they are absent while little is used."""
    if isinstance(app := _header(headers, "x-app-usage"), dict):
        yield app
    for each in _business_usage(headers):
        if each.get("type") == quota:
            yield each


def _business_usage(headers: Mapping[str, str]) -> list[Mapping[str, Any]]:
    told = _header(headers, "x-business-use-case-usage")
    rows = told.values() if isinstance(told, dict) else ()
    return [
        each
        for each in chain.from_iterable(row for row in rows if isinstance(row, list))
        if isinstance(each, dict)
    ]


def _regained(headers: Mapping[str, str]) -> timedelta | None:
    """Return how long Meta says that we must stay away; it tells minutes."""
    told = (each.get("estimated_time_to_regain_access") for each in _business_usage(headers))
    minutes = max(map(_number, told), default=0)
    return timedelta(minutes=min(minutes, 1_440)) if minutes > 0 else None


def _percent(usage: Mapping[str, Any]) -> int:
    return max(_number(usage.get(name)) for name in ("call_count", "total_time", "total_cputime"))


def _header(headers: Mapping[str, str], name: str) -> object:
    try:
        value: object = json.loads(headers.get(name, ""))
    except (ValueError, RecursionError):
        return None
    return value


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
