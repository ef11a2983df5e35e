"""What the tests of Mastodon share: a secret, a meter that must stay idle, one account that is polled."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.domain.handle import Handle
from allhours.domain.item import Heard, Item
from allhours.networks.http import Http
from allhours.networks.mastodon import Mastodon, connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.errors import NetworkError
    from allhours.networks.contract import Cursor, Fetched
    from infra.local.standins.mastodon import MastodonStandIn

FLAVOURS = ("mastodon", "gotosocial")


class Secrets:
    """Credentials with a dictionary inside."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = fields

    def read(self, secret: str) -> Mapping[str, str]:
        assert secret == "bank/mastodon"
        return self.fields

    def renew(self, *_: object) -> Mapping[str, str]:
        raise AssertionError("access tokens do not expire here, so none is ever renewed")


class NoMeter:
    """Fails when anything is counted: nothing costs anything here."""

    def room(self, handle: Handle, cost: float) -> None:
        raise AssertionError(handle.key, cost)

    def spend(self, handle: Handle, cost: float) -> None:
        raise AssertionError(handle.key, cost)


class Desk:
    """Reads a stand-in as the ingest function does, and keeps what was heard."""

    def __init__(self, server: MastodonStandIn, *listen: str) -> None:
        self.handle = Handle(
            network="mastodon",
            account="bank-care",
            unit="care",
            listen=listen,
            secret="bank/mastodon",
            base_url=server.handle_settings["base_url"],
            handle=server.handle_settings["handle"],
            native_id=server.handle_settings["native_id"],
        )
        self.network: Mastodon = connect(Secrets(server.secret), Http(), app_secret="", meter=NoMeter())
        self.cursor: Cursor = {}
        self.heard: list[Heard] = []
        self.troubles: list[NetworkError] = []

    def poll(self, at: datetime | None = None) -> list[Heard]:
        """Poll once and return what was heard."""
        before = len(self.heard)
        self.troubles = []
        for step in self.steps(at):
            self.heard += step.heard
            self.cursor = json.loads(json.dumps(step.cursor))
            self.troubles += [step.trouble] if step.trouble else []
        return self.heard[before:]

    def steps(self, at: datetime | None = None) -> Iterator[Fetched]:
        return self.network.fetch(self.handle, self.cursor, at=at or datetime.now(UTC))

    @property
    def items(self) -> list[Item]:
        return [heard for heard in self.heard if isinstance(heard, Item)]

    def reread(self, *kept: Item, at: datetime | None = None) -> list[Heard]:
        return list(self.network.reread(self.handle, kept, at=at or datetime.now(UTC)))
