"""What Meta's networks mean by their answers: error codes, throttling and usage headers, in our error tree.

Meta throttles with error codes in HTTP 400 and 403, tells its limits in usage headers, and names no
`Retry-After` (docs/graph-api/overview/rate-limiting, guides/error-handling). Texts are localised, so numbers
are matched. Facebook, Instagram, Threads and WhatsApp share this file; each has a `Meta` of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Expired, NetworkError, RateLimited, Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.domain.handle import Handle

NEARLY_USED = 95  # percent; at 100 Meta blocks, and every further call makes the block longer
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(hours=1)  # Meta counts calls in a rolling hour

THROTTLED = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
TRANSIENT = frozenset({1, 2})
_TOKEN = frozenset({102, 190})
_GONE = (100, 33)
_RETIRED = 12
_NOT_RENEWABLE = frozenset({458, 459, 464, 492})  # a new token of the same person would be refused too
_MEND = {
    458: "the token's owner removed the app; connect it again and store the new {token}",
    459: "the token's owner must first pass a checkpoint at facebook.com",
    460: "the token's owner changed the password; make a new {token} and store it",
    463: "the token ran out; make a new {token} and store it",
    464: "the token's owner has an unconfirmed account; confirm it at facebook.com",
    467: "the token is no longer valid; make a new {token} and store it",
    492: "the token's owner has no role on the Page any more; give it back or use somebody else's token",
}
_PERMISSION = (
    "a permission is missing, or lapsed after 90 days without use; grant again those in docs/networks.md"
)

Code = int | tuple[int, int]
"""An error's code, or its code and subcode."""


class TokenRefused(Refused):
    """The token is turned down for good, or there is none: every other call would be turned down too."""


class Gone(Refused):
    """The object is not there (any more), or not for us: code 100, subcode 33."""


class Retired(Refused):
    """Meta took the edge away, in this version at least: code 12."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """One network's dialect of the Graph API.

    `thing` is what a handle's native id names, `token` what its token is called, `token_field` where the
    secret has it. `quotas` are counted apart, by the names that `X-Business-Use-Case-Usage` gives them;
    calls go to the first unless they say otherwise. `words` says in our words what the network's own codes
    mean; `throttled` and `doubtful` add codes after which to wait, or not to know. `new_token` makes fresh
    fields of the secret where it holds `renews_with`. `proves` is false where there is no `appsecret_proof`.
    """

    network: str
    title: str
    version: str
    quotas: tuple[str, ...]
    thing: str = "Page"
    token: str = "Page token"  # noqa: S105 - its name, not a token
    token_field: str = "page_token"  # noqa: S105 - a field's name
    renews_with: str = "user_token"
    new_token: Callable[[Any, Mapping[str, str]], Mapping[str, str]] | None = None
    words: Mapping[Code, str] = field(default_factory=lambda: MappingProxyType({}))
    throttled: frozenset[int] = frozenset()
    doubtful: frozenset[int] = frozenset()
    first_wait: timedelta = FIRST_WAIT
    proves: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Say what an answer to one handle means; `wait` is how long to stay away where Meta does not say."""

    meta: Meta
    handle: Handle
    app_secret: str
    at: datetime
    wait: timedelta = FIRST_WAIT

    def error(self, status: object, answer: object, headers: Mapping[str, str]) -> NetworkError | None:
        """Return what an answer means: by its code first, for the status is mostly 400 or 403."""
        told = answer.get("error") if isinstance(answer, dict) else None
        error: Mapping[str, Any] = told if isinstance(told, dict) else {}
        failed = bool(error) or not isinstance(status, int) or status >= 400  # noqa: PLR2004 - HTTP's own border
        if not failed:
            return None
        code, subcode = number(error.get("code")), number(error.get("error_subcode"))
        where = f"code {code}{f'/{subcode}' if subcode else ''}, status {status}"
        network, name = self.meta.network, self.handle.handle
        if code in THROTTLED | self.meta.throttled or status == 429:  # noqa: PLR2004 - HTTP's own
            return RateLimited(network, f"throttled ({where})", handle=name, retry_at=self._back_at(headers))
        down = isinstance(status, int) and status >= 500  # noqa: PLR2004 - HTTP's own border
        failed_there = down or code in TRANSIENT | self.meta.doubtful or error.get("is_transient") is True
        if failed_there and code not in _TOKEN:
            return Unreachable(network, f"{self.meta.title}'s own failure ({where})", handle=name)
        return self._refusal(code, subcode, where, error)

    def _refusal(self, code: int, subcode: int, where: str, error: Mapping[str, Any]) -> Refused:
        network, name, secret = self.meta.network, self.handle.handle, self.handle.secret
        if code in _TOKEN:
            mend = _MEND.get(subcode, "the token is not accepted; make a new {token} and store it")
            kind = TokenRefused if subcode in _NOT_RENEWABLE else Expired
            mend = mend.format(token=self.meta.token)
            return kind(network, f"{mend} (secret {secret}, {where})", handle=name)
        if code == _RETIRED:
            return Retired(network, f"Meta took this away ({where})", handle=name)
        if (code, subcode) == _GONE:
            return Gone(network, f"no such object, or none for this token ({where})", handle=name)
        if words := self.meta.words.get((code, subcode), self.meta.words.get(code, "")):
            return Refused(network, f"{words} ({where})", handle=name)
        return self.refused(f"{self._reason(code, error)} (secret {secret}, {where})")

    def nearly_used(self, headers: Mapping[str, str], quota: str) -> RateLimited | None:
        """Return why to make no more calls of a quota that is all but used up."""
        used = max((_percent(each) for each in _usage(headers, quota)), default=0)
        if used < NEARLY_USED:
            return None
        detail = f"{used} % of the {quota} quota is used"
        return RateLimited(
            self.meta.network, detail, handle=self.handle.handle, retry_at=self._back_at(headers)
        )

    def refused(self, detail: str) -> Refused:
        """Return a refusal that names the handle's id."""
        told = f"{self.meta.thing} {self.handle.native_id}: {detail}"
        return Refused(self.meta.network, told, handle=self.handle.handle)

    def token_refused(self, detail: str) -> TokenRefused:
        """Return a refusal that names the secret to mend."""
        told = f"{self.meta.thing} {self.handle.native_id}, secret {self.handle.secret}: {detail}"
        return TokenRefused(self.meta.network, told, handle=self.handle.handle)

    def _back_at(self, headers: Mapping[str, str]) -> datetime:
        return self.at + (_regained(headers) or self.wait)

    def _reason(self, code: int, error: Mapping[str, Any]) -> str:
        if code in {3, 10} or 200 <= code <= 299:  # noqa: PLR2004 - Meta's permission codes
            return _PERMISSION
        if code == 100 and error.get("type") == "GraphMethodException":  # noqa: PLR2004 - Meta's "invalid parameter"
            return f"the appsecret_proof is wrong; app_secret in secret {self.app_secret} is not this app's"
        if code == 368:  # noqa: PLR2004 - Meta's policy block
            title = self.meta.title
            return f"{title} blocks the {self.meta.thing} or the app for its policies; see Account Quality"
        return "the request was turned down"


def used_share(headers: Mapping[str, str], quota: str) -> float:
    """Return the share of a quota that the usage headers tell, 0 while they are absent (at low use)."""
    return max((_percent(each) for each in _usage(headers, quota)), default=0) / 100


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
    minutes = max(map(number, told), default=0)
    return timedelta(minutes=min(minutes, 1_440)) if minutes > 0 else None


def _percent(usage: Mapping[str, Any]) -> int:
    return max(number(usage.get(name)) for name in ("call_count", "total_time", "total_cputime"))


def _header(headers: Mapping[str, str], name: str) -> object:
    try:
        value: object = json.loads(headers.get(name, ""))
    except (ValueError, RecursionError):
        return None
    return value


def number(value: object) -> int:
    """Return a whole number, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
