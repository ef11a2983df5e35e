"""What must be true of every network whatever was killed: what was paid, what expired, who was cared for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from allhours.networks import network_module
from allhours.networks._x import call as _x_call
from tests.crash.seen import events, rows

if TYPE_CHECKING:
    from infra.local.standins.x import XStandIn
    from tests.crash.world import World

_PRICES = {"post": _x_call.OWNED_POST, "user": _x_call.AUTHOR, "dm": _x_call.MESSAGE}  # at least


def spendings(network: str, world: World) -> list[str]:
    """P11: what was counted is never less than what the network counts."""
    budget = network_module(network).capabilities.budget
    if budget is None:
        return []
    purse = f"SPENT#{network}#" if budget.of_app else f"SPENT#{network}#acmebank#"
    counted = sum(
        float(row["spent"]["N"])
        for key, row in rows().items()
        if key.startswith(purse) and "#" not in key.removeprefix(purse)
    )
    paid = _paid(network, world)
    return [f"P11 {network} counts {paid} {budget.unit}, we {counted}"] if counted < paid - 1e-6 else []


def _paid(network: str, world: World) -> float:
    """Return what the network counts: X by resource and day, the others at least 1 a call."""
    stand_in = world.stand_ins[network]
    if network == "x":
        return round(sum(_PRICES[kind] for _, kind, _ in cast("XStandIn", stand_in).billed), 6)
    return sum(1 for asked in stand_in.asked if stand_in.may_fail(asked))


def still_open(world: World) -> list[str]:
    """Expiry: every item was told to have expired, none to be deleted, and every case is still open."""
    told = {(event["event"], f"{event['item']['network']}#{event['item']['id']}") for event in events()}
    found = [f"expiry {key} was told as deleted" for kind, key in told if kind == "item.deleted"]
    found += [
        f"expiry of {key} was told to nobody" for key in world.said if ("item.expired", key) not in told
    ]
    return found + [
        f"expiry {key} was closed"
        for key, row in rows().items()
        if key.startswith("CASE#") and json.loads(row["case"]["S"]).get("state", "open") != "open"
    ]


def caring(network: str, world: World) -> list[str]:
    """Care: afterwards the handle is heard and its connection known, or somebody was called."""
    all_rows = rows()
    if any(key.startswith(f"PAGE#connection#{network}") for key in all_rows):
        return []
    found = [f"care {key} is not heard" for key in world.said if f"ITEM#{key}" not in all_rows]
    kept = next((row for key, row in all_rows.items() if key.startswith(f"CARE#{network}#")), None)
    if kept is None:
        return [*found, "care: nobody knows how the connection is"]
    if json.loads(kept["care"]["S"])["webhook_ok"] is False:
        found.append("care: the webhook is lost and nobody was called")
    return found
