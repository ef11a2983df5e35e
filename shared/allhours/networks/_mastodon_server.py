"""Ask one Mastodon server, with one token, during one poll; its refusals become our errors here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from allhours.domain.errors import Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.networks._mastodon_posts import NETWORK, loads
from allhours.networks.http import Http, Reply, retry_after
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

SCOPES = "read:notifications read:statuses read:search"
RESTS = timedelta(minutes=5)  # after a 429 that says nothing: the servers' usual window
RESTS_AT_MOST = timedelta(hours=1)  # whatever a header says; the longest bucket for reading is 15 minutes


class CrashedError(Unreachable):
    """A 500: the server fails at this very request, while 502 to 504 are an outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A list or an object, the mark of the next newer page, and until when its bucket is empty."""

    body: object
    newer: str
    rests_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server of one handle, during one poll."""

    handle: Handle
    at: datetime
    token: str
    http: Http

    def get(self, path: str, *params: tuple[str, str]) -> Answer | None:
        """Return the answer, or None when the server has no such thing (404, 405, 410)."""
        reply = self.http.call(
            NETWORK,
            "GET",
            f"{self.handle.base_url}{path}",
            handle=self.handle.handle,
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
            params=list(params),
        )
        if reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}:
            return None
        if reply.status != HTTPStatus.OK:
            raise self._error(path, reply)
        try:
            body = loads(reply.body)
        except ValueError:
            raise self.malformed(path, "is not JSON") from None
        spent = reply.headers.get("x-ratelimit-remaining") == "0"
        return Answer(
            body=body,
            newer=_newer(reply.headers.get("link", "")),
            rests_until=self._listens_again(reply.headers) if spent else None,
        )

    def list_of(self, path: str, *params: tuple[str, str]) -> tuple[list[object], Answer] | None:
        """Return a list and what came with it; `Malformed` when it is none."""
        answer = self.get(path, *params)
        if answer is None:
            return None
        if not isinstance(answer.body, list):
            raise self.malformed(path, "is not a list")
        return answer.body, answer

    def malformed(self, path: str, what: str) -> Malformed:
        """Return the error for an answer of another shape than documented."""
        return Malformed(NETWORK, f"the answer of {path} {what}", handle=self.handle.handle)

    def lacks(self, path: str) -> Refused:
        """Return the error for a server without what every server of this API has."""
        return Refused(NETWORK, f"base_url has no {path}: mend it", handle=self.handle.handle)

    def _error(self, path: str, reply: Reply) -> NetworkError:
        """Return what the status means; the server's own words follow Accept-Language and are not read."""
        secret, handle = self.handle.secret, self.handle.handle
        match reply.status:
            case HTTPStatus.UNAUTHORIZED:
                told = f"the token in secret {secret} is not valid: make a new one (Preferences, Development)"
            case HTTPStatus.FORBIDDEN:
                told = (
                    f"{path} is closed to the token in secret {secret}: see that it has {SCOPES}, that the "
                    "account is confirmed and not suspended, and that the server opens this list"
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                retry_at = self._listens_again(reply.headers)
                return RateLimited(NETWORK, "too many calls", handle=handle, retry_at=retry_at)
            case HTTPStatus.INTERNAL_SERVER_ERROR:
                return CrashedError(NETWORK, f"the server failed at {path}", handle=handle)
            case status if status > HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unreachable(NETWORK, f"the server answered {status}", handle=handle)
            case status if status < HTTPStatus.BAD_REQUEST:
                told = f"the server has moved (it answered {status}): mend base_url in the organisation file"
            case status:
                told = f"the server turned {path} down with {status}"
        return Refused(NETWORK, told, handle=handle)

    def _listens_again(self, headers: Mapping[str, str]) -> datetime:
        try:
            told = instant_of(headers.get("x-ratelimit-reset", ""))
        except (ValueError, OverflowError):
            told = retry_after(headers.get("retry-after", ""), self.at, otherwise=RESTS)
        return min(max(told, self.at), self.at + RESTS_AT_MOST)


_NEWER = re.compile(r"[?&](?:min_id|since_id)=([^&>]+)[^>]*>; *rel=\"?prev")


def _newer(link: str) -> str:
    """Return the mark that the `Link` header names for what is newer; some servers call it since_id."""
    found = _NEWER.search(link)
    return unquote(found[1]) if found else ""
