"""What the tests of Instagram and Threads share: secrets with a list inside, and a reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from allhours.domain.handle import Handle
from allhours.domain.item import Item
from allhours.networks.contract import Answer, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from allhours.domain.errors import NetworkError
    from allhours.domain.item import Heard
    from allhours.networks.contract import Cursor, Fetched
    from infra.local.standins._sixty_days import SixtyDayStandIn


class FakeCredentials:
    """The handle's secret and the app's in memory; every renewal is kept in a list."""

    def __init__(self, there: SixtyDayStandIn) -> None:
        self.secrets: dict[str, Mapping[str, str]] = {"handle": there.secret, "app": there.app_secret}
        self.renewed: list[Mapping[str, str]] = []

    def read(self, secret: str) -> Mapping[str, str]:
        return self.secrets[secret]

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        self.secrets[secret] = ask(stale)
        self.renewed.append(self.secrets[secret])
        return self.secrets[secret]


class FakeMeter:
    """Count what was spent."""

    def __init__(self) -> None:
        self.spent: list[float] = []

    def room(self, handle: Handle, cost: float) -> None:
        """Have room for everything."""

    def spend(self, handle: Handle, cost: float) -> None:  # noqa: ARG002 - the protocol's
        self.spent.append(cost)


class Network(Protocol):
    """What a reader needs of a network."""

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]: ...

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]: ...

    def greet(self, delivery: Delivery) -> Any: ...

    def verify(self, delivery: Delivery) -> None: ...

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]: ...


def handle_of(there: SixtyDayStandIn, **more: Any) -> Handle:
    told = there.handle_settings
    return Handle(
        network=there.name,
        account="acme-cards",
        unit="cards",
        handle=told["handle"],
        base_url=told["base_url"],
        native_id=told["native_id"],
        secret="handle",
        **{"settings": told.get("settings", {}), **more},
    )


class Reader:
    """Our client with one handle and a cursor that is saved after every step."""

    def __init__(self, network: Network, handle: Handle) -> None:
        self.network = network
        self.handle = handle
        self.cursor: Cursor = {}

    def poll(
        self, *, steps: int = 10_000, later: timedelta = timedelta()
    ) -> tuple[list[Heard], list[NetworkError]]:
        heard: list[Heard] = []
        troubles: list[NetworkError] = []
        at = datetime.now(UTC) + later
        for number, step in enumerate(self.network.fetch(self.handle, self.cursor, at=at), 1):
            heard += step.heard
            troubles += [step.trouble] if step.trouble else []
            if number > steps:
                break  # queued, and then the function died before it saved
            self.cursor = step.cursor
        return heard, troubles

    def items(self, **how: Any) -> dict[str, Item]:
        heard, troubles = self.poll(**how)
        assert not troubles
        return items(heard)

    def wake(self) -> None:
        self.cursor = {name: {**marks, "not_before": 0} for name, marks in self.cursor.items()}


def items(heard: Sequence[Heard]) -> dict[str, Item]:
    return {each.native_id: each for each in heard if isinstance(each, Item)}


def an_answer(item: Item, text: str, **more: Any) -> Answer:
    return Answer(reply_id="r1", item=item, text=text, approved_at=datetime.now(UTC), **more)
