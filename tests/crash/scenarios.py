"""The stages of a post's trip, each with a small story; a run is a stage under a plan, then the oracles."""

from __future__ import annotations

import contextlib
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.domain.errors import BadInput
from allhours.domain.item import Change
from allhours.flows.promote import promote
from tests.builders import NIGHT, NOON, STRANGER, a_general_item, an_item
from tests.crash.answering import ANSWERING
from tests.crash.cover import COVER
from tests.crash.desks import DESKS
from tests.crash.faults import F
from tests.crash.harness import Message, Snapshot, World, a_world
from tests.crash.networks import NETWORK_STAGES
from tests.crash.oracles import CANARIES, violations
from tests.crash.scenario import Plan, Scenario, Truth
from tests.crash.seen import events, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.item import Item


def subscribe(world: World) -> None:
    """Let X call our webhook, also when Leela or Amy delete something."""
    world.x.register_webhook("https://oncall.test/webhooks/x", also_deletes_of=("leela", "amy"))


_SAID = NIGHT - timedelta(minutes=5)


def _item(native_id: str, second: int, conversation: str = "1", **more: object) -> Item:
    created_at = _SAID + timedelta(seconds=second)
    return a_general_item(native_id, created_at=created_at, conversation_id=conversation, **more)


_CASES = (
    _item("2", 2, text="more of it", parent_id="1"),
    *[_item("1", 1, text="my card was stolen")] * 2,
    _item("3", 3, text="me too", author=STRANGER),
    _item("4", 4, "4", text="they stole my card too"),
    _item("8", 8, "8", addressed=("@acmecards",), account="acmecards", text=f"slipped by: {CANARIES[1]}"),
)
_CHANGES = (
    _item("1", 1, version=7, change=Change.EDITED, text="my card was stolen at noon"),
    _item("1", 1, text="my card was stolen"),
    _item("5", 5, "5", text="words to be taken back"),
    _item("5", 5, "5", version=9, change=Change.DELETED),
    _item("6", 6, "6", version=9, change=Change.DELETED),
    _item("6", 6, "6", text="words to be taken back"),
    _item("7", 7, "7", text="giveaway"),
)
_CASUAL = (
    _item("30", 1, "30", text="thank you, all sorted"),
    _item("30", 1, "30", text="thank you, all sorted"),
    _item("31", 2, "31", text="thank you so much"),
    _item("31", 3, "31", version=7, change=Change.EDITED, text="thank you, but my card is gone again"),
    _item("32", 4, "32", text="thank you, words to be taken back"),
    _item("32", 4, "32", version=9, change=Change.DELETED),
    _item("33", 5, "33", text="giveaway"),
    _item("34", 6, "34", text="giveaway, and I will kill myself"),
    _item("35", 7, "34", text="so will I, kill myself", author=STRANGER),
)
_LIGHT = (*_CASUAL[:1], *_CASUAL[6:7])
_POISON = '{"network": "x", "id": "66"'


def _truth_of(items: tuple[Item, ...]) -> Truth:
    gone = frozenset(item.key for item in items if item.change is Change.DELETED)
    return Truth(expected={item.key: item.created_at for item in items}, gone=gone, words=("taken back",))


def _queued(world: World, items: tuple[Item, ...]) -> Truth:
    world.queue_items(*items)
    world.waiting.append(Message("poison", _POISON))
    return _truth_of(items)


def _routed(world: World) -> None:
    _queued(world, _CASES)
    while world.waiting:
        world.route()


def _kept(world: World) -> None:
    """Route what opens no case: a light item, and one that a rule ignores."""
    world.queue_items(*_LIGHT)
    world.route()


def _promote(world: World, plan: Plan | None = None) -> None:
    """Let Ana make cases of both; what is done already says so."""

    def both() -> None:
        for item in _LIGHT:
            with contextlib.suppress(BadInput):  # it is in a case already
                promote(
                    item.key,
                    unit="cards",
                    by="ana",
                    because="she asked on the phone as well",
                    router=wiring.router(world.clock_now),
                    records=wiring.records(),
                    at=world.clock_now,
                )

    world.run(both, plan)


def _promote_again(world: World) -> None:
    _promote(world)
    world.settle()


def _not_promoted(_world: World) -> list[str]:
    opened = [event for event in events() if event["event"] == "case.opened"]
    by = {event["item"]["id"] for event in opened if event.get("promoted", {}).get("by") == "ana"}
    return [f"I13 {item.key} was not promoted" for item in _LIGHT if item.native_id not in by]


def _said_meanwhile(world: World) -> None:
    """Let the author of the light item come back with a question."""
    world.queue_items(_item("36", 9, "30", text="my card, please", parent_id="30"))
    world.route()


def _dead(world: World) -> Truth:
    item = an_item("40", text="my words", created_at=_SAID)
    world.queue_items(item)
    world.dead = [*world.waiting, Message("junk", "no JSON at all")]
    world.dead.append(Message("copy", world.waiting[0].body))
    world.waiting = []
    return Truth(expected={item.key: item.created_at, "message": None})  # the junk's letter begins so


def _left_behind(world: World) -> None:
    """Route, and let the stream lose its pages, so that only the sweep can send them."""
    _routed(world)
    shard = table().stream_shard
    assert shard is not None
    shard.items[:] = [
        one for one in shard.items if "page" not in one.to_json()["dynamodb"].get("NewImage", {})
    ]


SCENARIOS: dict[str, Scenario] = {
    "route": Scenario(at=NIGHT, story=lambda world: _queued(world, _CASES), act=World.route),
    "changes": Scenario(at=NIGHT, story=lambda world: _queued(world, _CHANGES), act=World.route),
    "casual": Scenario(
        at=NIGHT,
        story=lambda world: _queued(world, _CASUAL),
        act=World.route,
    ),
    "promote": Scenario(
        at=NIGHT,
        prepare=_kept,
        story=lambda _world: _truth_of(_LIGHT),
        act=_promote,
        drain=_promote_again,
        also=_not_promoted,
    ),
    "promote beside a post": Scenario(
        at=NIGHT,
        prepare=_kept,
        story=lambda _world: _truth_of(_LIGHT),
        act=_promote,
        meanwhile=_said_meanwhile,
        drain=_promote_again,
    ),
    "forward": Scenario(at=NIGHT, prepare=_routed, story=lambda _world: _truth_of(_CASES), act=World.forward),
    "watch": Scenario(
        at=NIGHT + timedelta(hours=12),
        prepare=_left_behind,
        story=lambda _world: _truth_of(_CASES),
        act=World.watch,
    ),
    "park": Scenario(at=NIGHT, story=_dead, act=World.park),
    **COVER,
    **DESKS,
    **NETWORK_STAGES,
    **ANSWERING,
}
SHORT = {"x": "poll x", "mastodon": "poll mastodon", "webhook": "webhook x"}


class Stage:
    """A scenario, ready to be run again and again from its snapshot."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world, self.scenario = world, scenario
        self.kept: Snapshot = world.snapshot()
        self.log: list[str] = []
        self.waited = 0.0
        if scenario.prepare:
            world.clock.move_to(min(NIGHT, scenario.at))
            scenario.prepare(world)
            self.kept = world.snapshot()
        self.at = world.clock_now if scenario.at_once else scenario.at

    def run(self, plan: Plan, *, cold: bool = False) -> list[str]:
        """Run the stage under a plan and return what is violated in the end."""
        world, scenario = self.world, self.scenario
        world.restore(self.kept)
        world.clock.move_to(self.at)
        if cold:
            world.cold()
        if scenario.fresh:
            world.forget()
        world.clock.shift(timedelta(minutes=1))
        truth = self.scenario.story(world)
        world.logs.clear()
        F.meanwhile = partial(self.scenario.meanwhile, world) if self.scenario.meanwhile else None
        self.scenario.act(world, plan)
        F.meanwhile = None
        self.log = world.logs[0]
        self.scenario.drain(world)
        self.waited = world.watch_answers.longest
        broken = violations(world, expected=truth.expected, gone=truth.gone, words=truth.words)
        return [*broken, *self.scenario.also(world)]

    @property
    def whole_log(self) -> list[str]:
        """Return every call of the last run, what drained included."""
        return [name for log in self.world.logs for name in log]

    def points(self) -> list[tuple[int, str, str]]:
        """Return every (call, its name, fault that applies)."""
        self.run({})
        extra = ("meanwhile",) if self.scenario.meanwhile else ()
        return [
            (k, name, fault)
            for k, name in enumerate(self.log, 1)
            for fault in (*self.scenario.faults(name), *extra)
        ]


@dataclass
class Explored:
    """What an enumeration found, and how fast.

    `waited` is how long an answer was out before that was on record, at most; `seed` is that of a sample.
    """

    scenario: str
    points: int
    cpu_seconds: float
    found: dict[str, list[str]]
    waited: float = 0.0
    seed: int | None = None

    def __str__(self) -> str:
        """Return the line that CI shows, and one for each point that failed, ready to be replayed."""
        speed = self.points / self.cpu_seconds if self.cpu_seconds else 0
        line = f"{self.scenario}: {self.points} points, {speed:.0f} a CPU-second, {len(self.found)} violated"
        line += f", known after {self.waited:.0f} s at the latest" if self.waited else ""
        line += f", seed {self.seed}" if self.seed is not None else ""
        return "\n".join(
            [line, *(f"  python -m tests.crash replay {where}: {what}" for where, what in self.found.items())]
        )


@contextmanager
def a_stage(name: str, *, quick: bool = True) -> Iterator[Stage]:
    """Make a world and the stage in it; `quick` calls go without the wire."""
    scenario = SCENARIOS[SHORT.get(name, name)]
    with a_world(NOON, scenario.bank(), scenario.networks) as world:
        F.quick = quick
        try:
            yield Stage(world, scenario)
        finally:
            F.quick = False


def explore(
    name: str, *, cold: bool = False, at_most: int = 0, most: int = 0, seed: int | None = None, at: str = ""
) -> Explored:
    """Run every point of a scenario, or a sample of `most`; `at_most` stops after so many violated ones.

    `at` takes only calls whose names begin so.
    """
    with a_stage(name) as stage:
        points = [point for point in stage.points() if point[1].startswith(at)]
        if 0 < most < len(points):
            points = random.Random(seed).sample(points, most)
        found: dict[str, list[str]] = {}
        began, worst = time.process_time(), 0.0
        if broken := stage.run({}):
            found[f"'{name}' 0 none"] = broken
        for k, _, fault in points:
            broken = stage.run({k: fault}, cold=cold)
            worst = max(worst, stage.waited)
            if broken:
                found[f"'{name}' {k} {fault}{' --cold' if cold else ''}"] = broken
            if 0 < at_most <= len(found):
                break
        spent = time.process_time() - began
        return Explored(name, len(points), spent, found, worst, seed if most else None)
