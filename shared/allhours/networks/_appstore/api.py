"""Signed calls to App Store Connect, and what its refusals mean.

Written from developer.apple.com/documentation/appstoreconnectapi (generating tokens, rate limits, errors).
"""

from __future__ import annotations

import re
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

NETWORK = "appstore"
AUDIENCE = "appstoreconnect-v1"
TOKEN_LIFE = timedelta(minutes=15)  # Apple takes 20 at most; clocks differ
REST = timedelta(
    minutes=10
)  # of the rolling hour; Apple also limits bursts and says neither when nor how long
MEND = (
    "make a key with the role Customer Support or Admin in App Store Connect (Users and Access, Integrations)"
)
_HOURLY = re.compile(r"user-hour-(lim|rem):([0-9]{1,9})")
_CODE = re.compile(r"[A-Z_.]{1,80}")


class AppStore:
    """App Store Connect for one network object; a token is made for each poll and thrown away."""

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http
        self._spent_until: dict[str, datetime] = {}

    def headers(self, handle: Handle, *, at: datetime) -> Mapping[str, str]:
        """Return the header of a call: a JWT signed with the key (ES256)."""
        import jwt  # noqa: PLC0415 - drags in cryptography, 9 MiB that a cold start need not wait for

        fields = self._credentials.read(handle.secret)
        whose = {"iss": fields["issuer_id"]} if fields.get("issuer_id") else {"sub": "user"}
        claims = {
            **whose,
            "iat": int(at.timestamp()),
            "exp": int((at + TOKEN_LIFE).timestamp()),
            "aud": AUDIENCE,
        }
        key = fields.get("private_key", "").replace("\\n", "\n")
        try:
            token = jwt.encode(claims, key, algorithm="ES256", headers={"kid": fields.get("key_id", "")})
        except (jwt.PyJWTError, TypeError, ValueError):
            raise self._refused(handle, "private_key is not the text of a .p8 file") from None
        return {"authorization": f"Bearer {token}"}

    def get(
        self, handle: Handle, url: str, *, at: datetime, params: Mapping[str, str] | None = None
    ) -> Mapping[str, object]:
        """Return the JSON object at `url`; `Gone` for 404. A 401 is asked once more, with a new token."""
        if (until := self._spent_until.get(handle.secret, at)) > at:
            raise RateLimited(NETWORK, "the hour's calls are spent", handle=handle.handle, retry_at=until)
        reply = self._ask(handle, url, at, params)
        if reply.status == 401:  # noqa: PLR2004 - Unauthorized, now and then for no reason
            reply = self._ask(handle, url, at, params)
        if hourly(reply).get("rem") == 0:
            self._spent_until[handle.secret] = at + REST
        if reply.status != 200:  # noqa: PLR2004 - OK
            raise self.trouble(reply, handle=handle, at=at)
        return body_of(reply, handle)

    def quota(self, handle: Handle, url: str, *, at: datetime) -> Mapping[str, int]:
        """Return the hour's limit (`lim`) and what is left of it (`rem`), with one small call."""
        reply = self._ask(handle, url, at, {"limit": "1"})
        if reply.status != 200:  # noqa: PLR2004 - OK
            raise self.trouble(reply, handle=handle, at=at)
        return hourly(reply)

    def _ask(self, handle: Handle, url: str, at: datetime, params: Mapping[str, str] | None) -> Reply:
        return self._http.call(
            NETWORK,
            "GET",
            url,
            handle=handle.handle,
            headers=self.headers(handle, at=at),
            params=list(params.items()) if params else None,
        )

    def trouble(self, reply: Reply, *, handle: Handle, at: datetime) -> Refused | RateLimited | Unreachable:
        """Return what a bad answer means."""
        what = f"HTTP {reply.status} {code_of(reply)}".strip()
        if reply.status == 429:  # noqa: PLR2004 - Too Many Requests
            until = retry_after(reply.headers.get("retry-after", ""), at, otherwise=REST)
            return RateLimited(NETWORK, what, handle=handle.handle, retry_at=until)
        if reply.status in {404, 410}:
            return _reviews.Gone(NETWORK, f"there is no such thing ({what})", handle=handle.handle)
        if reply.status >= 500:  # noqa: PLR2004 - Apple's own failures
            return Unreachable(NETWORK, what, handle=handle.handle)
        return self._refused(handle, f"turned down ({what})")

    def _refused(self, handle: Handle, detail: str) -> Refused:
        return Refused(
            NETWORK, f"{detail}; {MEND} and put it into the secret {handle.secret}", handle=handle.handle
        )


def hourly(reply: Reply) -> dict[str, int]:
    """Return what `X-Rate-Limit: user-hour-lim:3600;user-hour-rem:3571;` says."""
    return {name: int(value) for name, value in _HOURLY.findall(reply.headers.get("x-rate-limit", ""))}


def code_of(reply: Reply) -> str:
    """Return the first error's code; its title and detail may quote the request."""
    try:
        first = next(iter(_reviews.listed(reply.json(), "errors")), None)
        code = _reviews.words(first, "code")
    except (ValueError, RecursionError, _reviews.Wrong):
        return ""
    return code if _CODE.fullmatch(code) else ""


def body_of(reply: Reply, handle: Handle) -> Mapping[str, object]:
    """Return an answer's JSON object."""
    try:
        body = reply.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Malformed(NETWORK, "the answer is not a JSON object", handle=handle.handle)
    return body
