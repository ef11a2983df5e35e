"""What counts a network's paid reads, quota units and posts against the day's budget, if it has any."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.aws.organisation import organisation
from allhours.domain.spending import Ceiling
from allhours.flows.meter import DayMeter, NoMeter
from allhours.networks import network_module

if TYPE_CHECKING:
    from allhours.networks.contract import Meter


def meter_of(network: str, *, reserve: float = 0.0) -> Meter:
    """Return the network's meter, which leaves a share of the budget to others."""
    budget = network_module(network).capabilities.budget
    if budget is None:
        return NoMeter()
    a_day = organisation().daily_budgets.get(network, budget.a_day)
    return DayMeter(
        network,
        Ceiling(a_day=a_day, unit=budget.unit, zone=budget.zone),
        of_app=budget.of_app,
        spendings=wiring.spendings(),
        pages=wiring.pages(),
        clock=lambda: datetime.now(UTC),
        reserve=reserve,
    )
