"""A reader who polls one feed of the stand-in as the flow does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests

from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks import feeds
from allhours.networks.http import Http
from infra.local.standins.feeds import NING, FeedsStandIn
from tests.unit.standins.bluesky_wire import NoMeter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.networks.contract import Fetched

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NING_FEED = f"{NING}?feed=yes&xn_auth=no"


class Secrets:
    """Secrets by name, kept in a dictionary."""

    def __init__(self, **secrets: Mapping[str, str]) -> None:
        self.secrets = secrets

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(self, secret: str, stale: Mapping[str, str], ask: object) -> Mapping[str, str]:
        raise AssertionError((secret, stale, ask))


class Reader:
    """Poll one feed as the flow does: keep the cursor of each step once its items are kept."""

    def __init__(
        self, forum: FeedsStandIn, *, secret: str = "", base_url: str = "", listen: tuple[str, ...] = ()
    ) -> None:
        says = forum.handle_settings
        self.handle = Handle(
            network="feeds",
            account="acme",
            unit="cards",
            handle=says["handle"],
            base_url=base_url or says["base_url"],
            listen=listen,
            secret=secret,
            settings=says["settings"],
        )
        self.network = feeds.connect(
            Secrets(forum=forum.secret), Http(requests.Session()), app_secret="", meter=NoMeter()
        )
        self.cursor: Mapping[str, Any] = {}
        self.at = AT
        self.heard: list[Any] = []
        self.troubles: list[Exception] = []

    def steps(self) -> Iterator[Fetched]:
        return self.network.fetch(self.handle, self.cursor, at=self.at)

    def poll(self, *, after: float = 300) -> list[Any]:
        """Poll once, `after` seconds after the last poll; return what was heard."""
        self.at += timedelta(seconds=after)
        heard: list[Any] = []
        for step in self.steps():
            heard += step.heard
            self.cursor = json.loads(json.dumps(step.cursor))
            if step.trouble:
                self.troubles.append(step.trouble)
        self.heard += heard
        return heard


def texts(heard: list[Any]) -> list[str]:
    return [item.text for item in heard if isinstance(item, Item)]
