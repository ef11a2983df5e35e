"""What a stage is made of: a story, one handler under a plan of faults, and what must be true in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.crash.faults import faults_of
from tests.crash.harness import World, small_bank, two_networks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from infra.local.standins.base import StandIn

Plan = dict[int, str]


@dataclass
class Truth:
    """What must be true in the end: who said what when, what was deleted, and the words that must be gone."""

    expected: Mapping[str, datetime | None] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One stage: `prepare` makes the state before it, `story` the network's; `act` gets the faults.

    `networks` are who plays them. A `fresh` stage begins with a function that has just been started,
    one `at_once` a minute after `prepare` ended.
    `meanwhile` is somebody else's function that may run between any two calls; `also` tells what else is
    broken; `faults` are those that apply to a call.
    """

    at: datetime
    bank: Callable[[], Organisation] = small_bank
    networks: Callable[[], dict[str, StandIn]] = two_networks
    fresh: bool = False
    at_once: bool = False
    prepare: Callable[[World], object] | None = None
    story: Callable[[World], Truth] = lambda _world: Truth()
    act: Callable[[World, Plan], object]
    meanwhile: Callable[[World], object] | None = None
    drain: Callable[[World], object] = World.settle
    also: Callable[[World], list[str]] = lambda _world: []
    faults: Callable[[str], tuple[str, ...]] = faults_of
