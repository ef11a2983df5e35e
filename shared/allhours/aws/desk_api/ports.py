"""What the API asks for beside the flows, and how a function comes by it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from allhours.aws.desk_api.light import Told
    from allhours.aws.desk_api.once import Done
    from allhours.domain.errors import BadInput
    from allhours.domain.organisation import Organisation
    from allhours.domain.router import Router
    from allhours.flows.change_rota import Prove
    from allhours.flows.cover_ports import Called, Gaps, Pages, Reaches, RotaChanges
    from allhours.flows.desk_ports import Desk
    from allhours.flows.move import Movable
    from allhours.flows.promote import Promotable


class OpenPages(Protocol):
    """The pages that nobody has yet."""

    def unacknowledged(self) -> Iterable[Called | BadInput]:
        """Yield them, and the errors of those that cannot be read."""
        ...


class Unreachable(Protocol):
    """Whom no page reaches."""

    def __call__(self, organisation: Organisation, at: datetime) -> frozenset[str]:
        """Return the members who were tried in vain."""
        ...


class Once(Protocol):
    """Remembers what came of a request with a key."""

    def begin(self, member: str, key: str, digest: str, at: datetime) -> Done | None:
        """Return what came of the same request before; None when it is to be done now."""
        ...

    def finish(self, member: str, key: str, done: Done) -> None:
        """Keep what came of it."""
        ...

    def forget(self, member: str, key: str) -> None:
        """Forget a request that came to nothing."""
        ...


class Pace(Protocol):
    """How fast somebody may ask."""

    def spend(self, member: str, at: datetime) -> None:
        """Take one request off the member's bucket, or say that it was too fast."""
        ...


class Light(Protocol):
    """What opened no case but was told."""

    def of_units(self, units: Sequence[str], *, before: str, most: int) -> tuple[Sequence[Told], str]:
        """Return items, newest first, said before an instant ("" for now), and where the list goes on."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything, each by its role; `desk` and `router` are those of an instant."""

    desk: Callable[[datetime], Desk]
    router: Callable[[datetime], Router]
    cases: Movable
    records: Promotable
    pages: Pages
    open_pages: OpenPages
    reaches: Reaches
    unreachable: Unreachable
    rota_changes: RotaChanges
    gaps: Gaps
    prove: Prove
    light: Light
    once: Once
    writes: Pace
    reads: Pace


@cache
def wired() -> Ports:
    """Return the ports on AWS, once per warm function."""
    from allhours.aws import settings, wiring  # noqa: PLC0415 - the page's files need none of it
    from allhours.aws.desk_api.light import DynamoLight  # noqa: PLC0415
    from allhours.aws.desk_api.once import DynamoOnce  # noqa: PLC0415
    from allhours.aws.desk_api.pace import DynamoPace, ReadPace  # noqa: PLC0415
    from allhours.aws.organisation import organisation  # noqa: PLC0415
    from allhours.domain.proof import prove  # noqa: PLC0415

    table = settings.records_table()
    return Ports(
        desk=wiring.desk,
        router=wiring.router,
        cases=wiring.moves(),
        records=wiring.records(),
        pages=wiring.pages(),
        open_pages=wiring.pages(),
        reaches=wiring.reaches(),
        unreachable=wiring.reaches().unreachable,
        rota_changes=wiring.rota_changes(),
        gaps=wiring.gaps(),
        prove=prove,
        light=DynamoLight(table, organisation()),
        once=DynamoOnce(table),
        writes=DynamoPace(table),
        reads=ReadPace(),
    )
