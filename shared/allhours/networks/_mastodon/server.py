"""Ask one Mastodon server, with one token, during one poll; its refusals become our errors here."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import unquote

from allhours.domain.errors import Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.item import Item
from allhours.networks._mastodon.posts import NETWORK, loads
from allhours.networks.http import Http, Reply, retry_after
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Credentials

SCOPES = "read:accounts read:notifications read:search read:statuses write:statuses"
RESTS = timedelta(minutes=5)  # after a 429 that says nothing: the servers' usual window
RESTS_AT_MOST = timedelta(hours=1)  # whatever a header says; the longest bucket for reading is 15 minutes


USUAL_LIMITS: Mapping[str, int] = MappingProxyType({"max_characters": 500, "characters_reserved_per_url": 23})


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

    @property
    def headers(self) -> Mapping[str, str]:
        """Return what every call carries."""
        return {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}

    def get(self, path: str, *params: tuple[str, str]) -> Answer | None:
        """Return the answer, or None when the server has no such thing (404, 405, 410)."""
        reply = self.http.call(
            NETWORK,
            "GET",
            f"{self.handle.base_url}{path}",
            handle=self.handle.handle,
            headers=self.headers,
            params=list(params),
        )
        if reply.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE}:
            return None
        if reply.status != HTTPStatus.OK:
            raise self.error(path, reply)
        try:
            body = loads(reply.body)
        except ValueError:
            raise self.malformed(path, "is not JSON") from None
        spent = reply.headers.get("x-ratelimit-remaining") == "0"
        return Answer(
            body=body,
            newer=_newer(reply.headers.get("link", "")),
            rests_until=listens_again(reply.headers, self.at) if spent else None,
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

    def error(self, path: str, reply: Reply) -> NetworkError:
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
                retry_at = listens_again(reply.headers, self.at)
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


def server_of(credentials: Credentials, http: Http, handle: Handle, at: datetime) -> Server:
    """Return the handle's server with its token; `Refused` without one."""
    token = credentials.read(handle.secret).get("access_token", "")
    if not token:
        raise Refused(NETWORK, f"secret {handle.secret} has no access_token", handle=handle.handle)
    return Server(handle=handle, at=at, token=token, http=http)


def listens_again(headers: Mapping[str, str], at: datetime) -> datetime:
    """Return when the bucket of a call is full again: an ISO time here, not seconds."""
    try:
        told = instant_of(headers.get("x-ratelimit-reset", ""))
    except (ValueError, OverflowError):
        told = retry_after(headers.get("retry-after", ""), at, otherwise=RESTS)
    return min(max(told, at), at + RESTS_AT_MOST)


class Limits:
    """How long a status may be on each server; asked once in a warm function, when something is heard."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[str, Mapping[str, str]] = {}
        self._asked: dict[str, datetime] = {}

    def told(self, heard: Heard, server: Server) -> Heard:
        """Return an item with its server's limits where they are not the usual ones."""
        if not isinstance(heard, Item):
            return heard
        limits = self._of(server)
        needs = MappingProxyType({**heard.answer_needs, **limits})
        return replace(heard, answer_needs=needs) if limits else heard

    def _of(self, server: Server) -> Mapping[str, str]:
        """Return a server's unusual limits; while it does not tell them, the usual ones will do."""
        address = server.handle.base_url
        if address not in self._known and self._asked.get(address) != server.at:
            self._asked[address] = server.at
            with suppress(NetworkError):
                answer = server.get("/api/v2/instance")
                self._known[address] = _unusual(answer.body if answer else None)
        return self._known.get(address, {})


def _unusual(instance: object) -> Mapping[str, str]:
    """Return the limits that differ from the usual ones; what is no number is left out."""
    told = instance
    for name in ("configuration", "statuses"):
        told = told.get(name) if isinstance(told, dict) else None
    values = told if isinstance(told, dict) else {}
    return {
        name: str(value)
        for name, usual in USUAL_LIMITS.items()
        if type(value := values.get(name)) is int and value > 0 and value != usual
    }


_NEWER = re.compile(r"[?&](?:min_id|since_id)=([^&>]+)[^>]*>; *rel=\"?prev")


def _newer(link: str) -> str:
    """Return the mark that the `Link` header names for what is newer; some servers call it since_id."""
    found = _NEWER.search(link)
    return unquote(found[1]) if found else ""
