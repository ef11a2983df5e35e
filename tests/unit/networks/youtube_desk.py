"""A channel on YouTube with a cursor, and what was heard of it: what YouTube's tests share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import NetworkError, OverBudget
from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks import youtube
from allhours.networks.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from allhours.domain.item import Heard
    from infra.local.standins.youtube import YouTubeStandIn

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHANNEL = Handle(
    network="youtube",
    account="acme-cards",
    unit="cards",
    handle="@acmebank",
    base_url="https://www.googleapis.com",
    native_id="UCacmebank000000000000A",
    secret="youtube/acme-cards",
)


class Secrets:
    """The channel's secret and the app's, renewed as the store would."""

    def __init__(self, channel: Mapping[str, str], app: Mapping[str, str]) -> None:
        self.fields = {"youtube/acme-cards": dict(channel), "youtube/app": dict(app)}
        self.renewals = 0

    def read(self, secret: str) -> Mapping[str, str]:
        return self.fields[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        self.renewals += 1
        self.fields[secret] = dict(ask(stale))
        return self.fields[secret]


class Counted:
    """A meter with a list inside."""

    def __init__(self, ceiling: float = 10_000) -> None:
        self.ceiling = ceiling
        self.spent: list[float] = []

    def room(self, handle: Handle, cost: float) -> None:
        if sum(self.spent) + cost > self.ceiling:
            raise OverBudget("youtube", "used up", handle=handle.handle, retry_at=AT + timedelta(hours=9))

    def spend(self, handle: Handle, cost: float) -> None:
        assert handle.network == "youtube"
        self.spent.append(cost)


class Desk:
    """A channel's cursor, what was heard, and what went wrong."""

    def __init__(self, stand_in: YouTubeStandIn, ceiling: float = 10_000) -> None:
        self.secrets = Secrets(stand_in.secret, stand_in.app_secret)
        self.meter = Counted(ceiling)
        self.network = youtube.connect(self.secrets, Http(), app_secret="youtube/app", meter=self.meter)
        settings = stand_in.handle_settings
        self.handle = replace(
            CHANNEL, **{name: settings[name] for name in ("handle", "base_url", "native_id")}
        )
        self.cursor: Mapping[str, object] = {}
        self.heard: list[Heard] = []
        self.troubles: list[NetworkError] = []

    def poll(self, at: datetime, *, steps: int = 1_000) -> list[Heard]:
        """Poll; after so many steps the function dies before it could save the cursor."""
        heard: list[Heard] = []
        for number, step in enumerate(self.network.fetch(self.handle, self.cursor, at=at)):
            heard += step.heard
            self.heard += step.heard
            self.troubles += [step.trouble] if step.trouble else []
            if number + 1 == steps:
                break
            self.cursor = step.cursor
        return heard

    def reread(self, at: datetime, kept: Sequence[Item] | None = None) -> list[Heard]:
        return list(self.network.reread(self.handle, self.items if kept is None else kept, at=at))

    @property
    def items(self) -> list[Item]:
        return [each for each in self.heard if isinstance(each, Item)]


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **time: float) -> datetime:
        self.at += timedelta(**time)
        return self.at


def ids(heard: Sequence[Heard]) -> list[str]:
    return [each.native_id for each in heard if isinstance(each, Item)]
