"""What the tests of the review sites share: secrets in a dict, a meter with a list, a desk at a stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import OverBudget, Refused
from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks import network_module
from allhours.networks.contract import Answer
from allhours.networks.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.networks.contract import Connector, Fetched, Replier
    from infra.local.standins._reviews_world import ReviewSite

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Secrets:
    """Secrets in a dict; `renewals` counts how often a network was asked for a newer one."""

    def __init__(self, fields: Mapping[str, Mapping[str, str]]) -> None:
        self.stored = {name: dict(secret) for name, secret in fields.items()}
        self.renewals = 0

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.stored:
            raise Refused("reviews", f"there is no secret {secret}")
        return dict(self.stored[secret])

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        if self.read(secret) == stale:
            self.renewals += 1
            self.stored[secret] = dict(ask(stale))
        return self.read(secret)


class CountedCalls:
    """A meter with a list inside; `room_for` is what is left of the day."""

    def __init__(self, room_for: float = 1_000) -> None:
        self.room_for = room_for
        self.spent: list[float] = []

    def room(self, handle: Handle, cost: float) -> None:
        if sum(self.spent) + cost > self.room_for:
            raise OverBudget("reviews", "spent", handle=handle.handle, retry_at=AT + timedelta(hours=12))

    def spend(self, handle: Handle, cost: float) -> None:
        del handle
        self.spent.append(cost)


class Clock:
    """A clock that stands still until it is moved; every look at it is a millisecond later."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def moves(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


class Desk:
    """One handle of ours at a running stand-in, with everything that its network offers."""

    def __init__(self, site: ReviewSite, *, meter: CountedCalls | None = None) -> None:
        self.site = site
        told = site.handle_settings
        self.handle = Handle(
            network=site.name,
            account="acme",
            unit="cards",
            handle=told["handle"],
            base_url=told["base_url"],
            native_id=told["native_id"],
            secret=f"{site.name}/acme",
        )
        self.secrets = Secrets({f"{site.name}/acme": site.secret, f"{site.name}/app": site.app_secret})
        self.meter = meter or CountedCalls()
        self.cursor: Mapping[str, object] = {}
        self.module = network_module(site.name)
        self.network = self.module.connect(
            self.secrets, Http(), app_secret=f"{site.name}/app", meter=self.meter
        )
        self.replier: Replier = self.module.answering(
            self.secrets, Http(), app_secret=f"{site.name}/app", meter=self.meter
        )
        self.setup: Connector = self.module.setting_up(self.secrets, Http(), app_secret=f"{site.name}/app")

    def poll(self, at: datetime | None = None) -> list[Fetched]:
        """Poll once and keep the cursor."""
        steps = list(self.network.fetch(self.handle, self.cursor, at=at or self.now()))  # type: ignore[attr-defined]
        self.cursor = steps[-1].cursor if steps else self.cursor
        return steps

    def heard(self, at: datetime | None = None) -> list[Item]:
        """Poll once and return the items."""
        return [each for step in self.poll(at) for each in step.heard if isinstance(each, Item)]

    def reread(self, *kept: Item) -> list[Item]:
        """Look again and return what changed."""
        found = self.network.reread(self.handle, kept, at=self.now())  # type: ignore[attr-defined]
        return [each for each in found if isinstance(each, Item)]

    def now(self) -> datetime:
        """Return the stand-in's time."""
        return self.site.clock()

    def answer(self, item: Item, text: str) -> Answer:
        """Return an approved answer, prepared."""
        approved = Answer(reply_id="r1", item=item, text=text, approved_at=self.now())
        return self.replier.prepare(self.handle, approved, at=self.now())
