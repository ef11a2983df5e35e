"""What the tests of Reddit and Discourse share: secrets in memory, and a poll as a function does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from allhours.networks.contract import Cursor, Fetched, Source
    from infra.local.standins.base import StandIn


class FakeCredentials:
    """Secrets by name; `renewals` counts how often the network was asked for new tokens."""

    def __init__(self, secrets: Mapping[str, Mapping[str, str]]) -> None:
        self.secrets = {name: dict(fields) for name, fields in secrets.items()}
        self.renewals = 0

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.secrets:
            raise Refused("", f"there is no secret {secret}")
        return dict(self.secrets[secret])

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        if self.read(secret) == stale:
            self.renewals += 1
            self.secrets[secret] = dict(ask(stale))
        return dict(self.secrets[secret])


class FreeMeter:
    """A meter that lets everything pass; nothing here costs anything."""

    def __init__(self) -> None:
        self.spent: list[float] = []

    def room(self, handle: Handle, cost: float) -> None:
        del handle, cost

    def spend(self, handle: Handle, cost: float) -> None:
        del handle
        self.spent.append(cost)


def credentials_for(stand_in: StandIn) -> FakeCredentials:
    """Return the stand-in's secrets under the names that `handle_for` gives them."""
    return FakeCredentials(
        {f"{stand_in.name}/cards": stand_in.secret, f"{stand_in.name}/app": stand_in.app_secret}
    )


def handle_for(
    stand_in: StandIn, *, listen: tuple[str, ...] = (), settings: Mapping[str, str] | None = None
) -> Handle:
    """Return the handle that the organisation file would give the stand-in's brand."""
    told: Mapping[str, Any] = stand_in.handle_settings
    return Handle(
        network=stand_in.name,
        account="cards",
        unit="cards",
        handle=told["handle"],
        base_url=told["base_url"],
        native_id=told.get("native_id", ""),
        listen=listen,
        secret=f"{stand_in.name}/cards",
        settings={**told.get("settings", {}), **(settings or {})},
    )


class Poller:
    """Poll as the ingest function does: queue what a step heard, then keep its cursor."""

    def __init__(self, source: Source, handle: Handle) -> None:
        self.source = source
        self.handle = handle
        self.cursor: Cursor = {}
        self.queue: list[Item] = []
        self.unreadable: list[Unreadable] = []

    def poll(self, at: datetime, *, crash_after: int | None = None) -> list[Fetched]:
        """Poll once; `crash_after` steps the function dies, with that step queued and its cursor not kept."""
        steps = []
        for number, step in enumerate(self.source.fetch(self.handle, self.cursor, at=at)):
            steps.append(step)
            self.queue += [heard for heard in step.heard if isinstance(heard, Item)]
            self.unreadable += [heard for heard in step.heard if isinstance(heard, Unreadable)]
            if number == crash_after:
                break
            self.cursor = json.loads(json.dumps(step.cursor)) if step.cursor != self.cursor else self.cursor
        return steps

    @property
    def heard(self) -> set[str]:
        """Return the ids of everything that was queued."""
        return {item.native_id for item in self.queue}
