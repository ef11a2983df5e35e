"""The stages of the desk: a member hands a case to another unit while its author goes on speaking."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.aws.moves import DynamoMoves
from allhours.aws.organisation import live_organisation
from allhours.domain.case import case_key_of
from allhours.domain.errors import BadInput
from allhours.flows.move import move
from tests.builders import NIGHT, a_general_item
from tests.crash.scenario import Plan, Scenario, Truth
from tests.crash.seen import events, rows

if TYPE_CHECKING:
    from tests.crash.harness import World

TAPS = 4
CASE = case_key_of("x#1")
FIRST, MORE = (
    a_general_item(
        number,
        conversation_id="1",
        text=text,
        created_at=NIGHT - timedelta(minutes=5) + timedelta(seconds=second),
    )
    for number, text, second in (("1", "my card was stolen", 1), ("2", "hello? is anybody there?", 2))
)


def _prepare(world: World) -> None:
    world.queue_items(FIRST)
    world.route()
    world.forward()


def _more(world: World) -> Truth:
    world.queue_items(MORE)
    return Truth(expected={item.key: item.created_at for item in (FIRST, MORE)})


def _move(world: World, plan: Plan | None = None) -> None:
    def ask() -> bool:
        at = world.clock_now
        bank, records = live_organisation(at), wiring.records()
        cases = DynamoMoves("records", records, bank.retention)
        try:
            move(CASE, "payments", by="ana", because="a transfer", organisation=bank, cases=cases, at=at)
        except BadInput as error:
            world.early.append(f"I10 refused: {error}")
        return True

    if world.run(ask, plan):
        world.taken.append("moved")


def _until_moved(world: World) -> None:
    """Ask again until it is said to be done, then let the rest of the world go on."""
    for _ in range(TAPS):
        if not world.taken:
            world.clock.shift(timedelta(seconds=20))
            _move(world)
    world.settle()


def _is_moved_once(world: World) -> list[str]:
    case = json.loads(rows()[f"CASE#{CASE}"]["case"]["S"])
    told = {event["event_id"] for event in events() if event["event"] == "case.moved"}
    labels = [key for key in rows() if key.startswith("LABEL#")]
    if (len(told), len(labels), len(world.taken), case["unit"]) == (1, 1, 1, "payments"):
        return []
    return [f"I10 moved with {len(told)} events and {len(labels)} labels, is with {case['unit']}"]


DESKS: dict[str, Scenario] = {
    "move": Scenario(
        at=NIGHT,
        prepare=_prepare,
        story=_more,
        act=_move,
        meanwhile=lambda world: world.route(),
        drain=_until_moved,
        also=_is_moved_once,
    ),
}
