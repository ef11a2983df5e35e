"""A forum's calls for one handle: its key, and its two ways of saying too many.

The application answers 429 as JSON with `extras.wait_seconds`, the limiter in front of it as plain text with
`Retry-After`; both are told apart by what they carry (networks/discourse.md §3).
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.networks._discourse.posts import NETWORK, loads
from allhours.networks.http import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply

REST = timedelta(minutes=1)  # the window of the usual limit, for a 429 that names no end
LONGEST_REST = timedelta(days=1)
KEY = "make an API key (Admin, Advanced, API keys) for the account"
_TYPE = re.compile(r"[a-z_]{1,40}")
_OK = range(200, 300)


class Gone(Refused):
    """There is no such post or topic any more, or not for us."""


class Forum:
    """The calls of one poll or one answer."""

    def __init__(self, credentials: Credentials, http: Http, handle: Handle, at: datetime) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http
        self.handle = handle
        self.at = at

    @property
    def has_key(self) -> bool:
        """Return whether the handle has a key; a public forum can be read without."""
        return self.handle.settings.get("key") != "none"

    @property
    def username(self) -> str:
        """Return the account that the key acts for."""
        fields = self._credentials.read(self.handle.secret)
        return fields.get("api_username") or self.handle.handle.lstrip("@")

    def headers(self) -> dict[str, str]:
        """Return what every call carries; keys in a query are not accepted."""
        if not self.has_key:
            return {"accept": "application/json"}
        key = self._credentials.read(self.handle.secret).get("api_key", "")
        if not key:
            raise self._refused(f"secret {self.handle.secret} has no api_key: {KEY}")
        return {"accept": "application/json", "api-key": key, "api-username": self.username}

    def get(self, path: str, params: list[tuple[str, str]] | None = None) -> object:
        """Return an answer's JSON; raise what any other means."""
        reply = self._http.call(
            NETWORK,
            "GET",
            f"{self.handle.base_url}{path}",
            handle=self.handle.handle,
            headers=self.headers(),
            params=params or [],
        )
        return self.read(reply, path)

    def read(self, reply: Reply, what: str) -> object:
        """Return the JSON of a good answer; raise what any other means."""
        handle = self.handle.handle
        if reply.status in _OK:
            try:
                return loads(reply.body)
            except ValueError:
                raise Malformed(NETWORK, f"{what}: the answer is not JSON", handle=handle) from None
        if reply.status == 429:  # noqa: PLR2004 - HTTP's own number
            raise RateLimited(
                NETWORK, f"{what}: too many calls", handle=handle, retry_at=again_at(reply, self.at)
            )
        if reply.status >= 500:  # noqa: PLR2004 - HTTP's own number
            raise Unreachable(NETWORK, f"{what}: HTTP {reply.status}", handle=handle)
        if reply.status in {404, 410}:
            raise Gone(NETWORK, f"{what}: not there, or not for us", handle=handle)
        if reply.status in {301, 302}:
            raise self._refused(f"{what}: the forum sends us elsewhere: mend its base_url")
        kind = error_type(reply)
        why = f"HTTP {reply.status} {kind}".strip()
        raise self._refused(f"{what}: {why}: the key in {self.handle.secret} is wrong or may not; {KEY}")

    def topic(self, topic_id: str) -> Mapping[str, object]:
        """Return a topic with its first posts."""
        told = self.get(f"/t/{int(topic_id)}.json")
        if not isinstance(told, dict):
            raise Malformed(NETWORK, "no topic", handle=self.handle.handle, native_id=topic_id)
        return told

    def restricted(self) -> frozenset[str]:
        """Return the ids of the categories that not everybody can read, as our account sees them."""
        site = self.get("/site.json")
        found = site.get("categories") if isinstance(site, dict) else None
        if not isinstance(found, list):
            raise Malformed(NETWORK, "no categories", handle=self.handle.handle, field="categories")
        closed = [each for each in found if isinstance(each, dict) and each.get("read_restricted") is True]
        return frozenset(str(each.get("id")) for each in closed)

    def _refused(self, detail: str) -> Refused:
        return Refused(NETWORK, detail, handle=self.handle.handle)


def error_type(reply: Reply) -> str:
    """Return the forum's own word for an error, if it has one."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ""
    kind = body.get("error_type") if isinstance(body, dict) else None
    return kind if isinstance(kind, str) and _TYPE.fullmatch(kind) else ""


def again_at(reply: Reply, at: datetime) -> datetime:
    """Return when the forum will listen again: by the JSON's `wait_seconds`, the header, or in a minute."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        body = None
    extras = body.get("extras") if isinstance(body, dict) else None
    wait = extras.get("wait_seconds") if isinstance(extras, dict) else None
    if isinstance(wait, int) and not isinstance(wait, bool) and 0 < wait < 10**7:
        return at + min(timedelta(seconds=wait), LONGEST_REST)
    named = retry_after(reply.headers.get("retry-after", ""), at, otherwise=REST)
    return min(named, at + LONGEST_REST)
