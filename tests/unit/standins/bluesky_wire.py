"""Bluesky without sockets: the stand-in asked directly, and a secret that remembers who renewed it."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allhours.domain.errors import Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks.bluesky import Bluesky
from allhours.networks.http import Http, Reply
from infra.local.standins.base import Asked, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from allhours.networks.contract import Cursor, Fetched
    from infra.local.standins.bluesky import BlueskyStandIn

SECRET = "allhours/bluesky/acme"


class FakeCredentials:
    """One secret in memory; `renewals` counts how often the network was asked for a session."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        self.renewals = 0

    def read(self, secret: str) -> Mapping[str, str]:
        if secret != SECRET:
            raise Refused("bluesky", f"there is no secret {secret}")
        return dict(self.fields)

    def renew(
        self,
        secret: str,
        stale: Mapping[str, str],
        ask: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> Mapping[str, str]:
        if self.read(secret) != stale:
            return dict(self.fields)
        self.renewals += 1
        self.fields = dict(ask(stale))
        return dict(self.fields)


class DirectHttp(Http):
    """Ask the stand-in without a socket; `before` runs first, `answers` and `tells` replace its own."""

    def __init__(self, stand_in: BlueskyStandIn) -> None:
        super().__init__()
        self.stand_in = stand_in
        self.asked: list[Asked] = []
        self.replies: list[Reply] = []
        self.answers: dict[str, object] = {}
        self.tells: dict[str, Told] = {}
        self.before: Callable[[Asked], None] = lambda _asked: None

    def call(
        self,
        network: str,
        method: str,
        url: str,
        *,
        handle: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        json_body: object = None,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Reply:
        assert network == "bluesky"
        assert handle
        assert form is None
        assert auth is None
        body = b"" if json_body is None else jsonlib.dumps(json_body).encode()
        query = tuple(params) if isinstance(params, list) else tuple((params or {}).items())
        asked = Asked(
            method=method, path=urlsplit(url).path, query=query, headers=dict(headers or {}), body=body
        )
        self.before(asked)
        self.asked.append(asked)
        with self.stand_in.lock:
            told = self.stand_in.answer(asked)
        if (instead := self.answers.get(asked.path.removeprefix("/xrpc/"))) is not None:
            told = Told(body=instead)
        told = self.tells.get(asked.path.removeprefix("/xrpc/"), told)
        lowered = {name.lower(): value for name, value in told.headers.items()}
        reply = Reply(status=told.status, headers=lowered, body=told.raw(), url=url)
        self.replies.append(reply)
        return reply


def brands_handle(stand_in: BlueskyStandIn, *, listen: tuple[str, ...] = (), **settings: str) -> Handle:
    """Return the handle that the organisation file would give the stand-in's brand."""
    told = stand_in.handle_settings
    return Handle(
        network="bluesky",
        account="acme",
        unit="cards",
        handle=told["handle"],
        base_url=told["base_url"],
        native_id=told["native_id"],
        listen=listen,
        secret=SECRET,
        settings=settings,
    )


class NoMeter:
    """Bluesky costs nothing: nobody may count."""

    def room(self, handle: Handle, cost: float) -> None:
        raise AssertionError((handle.handle, cost))

    def spend(self, handle: Handle, cost: float) -> None:
        raise AssertionError((handle.handle, cost))


class Poller:
    """Poll as the ingest function does: queue what a step heard, then keep its cursor."""

    def __init__(self, stand_in: BlueskyStandIn, *, listen: tuple[str, ...] = (), **settings: str) -> None:
        self.stand_in = stand_in
        self.http = DirectHttp(stand_in)
        self.credentials = FakeCredentials(stand_in.secret)
        self.handle = brands_handle(stand_in, listen=listen, **settings)
        self.network = Bluesky(self.credentials, self.http)
        self.cursor: Cursor = {}
        self.queue: list[Item] = []

    def poll(self, at: datetime, *, crash_after: int | None = None) -> list[Fetched]:
        """Poll once; `crash_after` steps the function dies, with that step queued and its cursor not kept."""
        steps = []
        for number, step in enumerate(self.network.fetch(self.handle, self.cursor, at=at)):
            steps.append(step)
            self.queue += [heard for heard in step.heard if isinstance(heard, Item)]
            if number == crash_after:
                break
            self.cursor = (
                jsonlib.loads(jsonlib.dumps(step.cursor)) if step.cursor != self.cursor else self.cursor
            )
        return steps

    @property
    def heard(self) -> set[str]:
        """Return the ids of everything that was queued."""
        return {item.native_id for item in self.queue}

    def asked_for(self, method: str) -> list[Asked]:
        """Return the requests of one method."""
        return [asked for asked in self.http.asked if asked.path == f"/xrpc/{method}"]


def troubles(steps: list[Fetched]) -> list[type[Exception]]:
    """Return what kinds of trouble the steps of a poll tell."""
    return [type(step.trouble) for step in steps if step.trouble]
