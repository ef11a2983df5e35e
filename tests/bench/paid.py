"""P11: what X charges for a day of mentions, polled once a minute, by the stand-in's own bill."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.local.standins import _x_reads, _x_world
from infra.local.standins import x as stand_in_x
from infra.local.standins.x import XStandIn
from tests.unit.standins.x_wire import Desk, Direct

BEGINS = datetime(2026, 11, 21, 20, tzinfo=UTC)  # so that X's midnight, which charges again, comes between
MINUTES = 24 * 60


def figures() -> dict[str, float]:
    """Return mentions, resources that were charged, and what our meter counted in dollars."""
    at = BEGINS
    for module in (_x_reads, _x_world, stand_in_x):
        module.now = lambda: at  # type: ignore[attr-defined] # the stand-in's clock
    often = dict.fromkeys(("mentions", "search", "dm_events", "users", "tweets"), 1_000_000)
    stand_in = XStandIn(limits=often)
    desk = Desk(stand_in, http=Direct(stand_in), listen=("acme cards",))
    for minute in range(MINUTES + 15):  # the last mentions are heard, and the overlap is over
        at += timedelta(minutes=1)
        if minute < MINUTES:
            stand_in.say(f"customer_{minute % 50}", f"@AcmeBank number {minute}")
        desk.poll(at)
    return {
        "mentions": MINUTES,
        "heard": len(desk.items),
        "charged": len(stand_in.billed),
        "dollars": sum(desk.meter.spent),
    }
