"""The handler of the night that looks after answer cards."""

from __future__ import annotations

from datetime import UTC, datetime

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.organisation import organisation
from allhours.flows.check_cards import check_cards
from allhours.networks.links import Links

logger = Logger()


def check_tonight() -> None:
    """Look at every card's link, and tell whose leads nowhere or runs out."""
    at = datetime.now(UTC)
    done = check_cards(organisation(), links=Links(), states=wiring.card_states(), at=at)
    for trouble in done.troubles:
        logger.warning("a card was not put on record", reason=trouble)
    if done.broken:
        logger.warning("links of answer cards lead nowhere", cards=done.broken)
    emit({"CardsChecked": done.checked, "CardsBroken": len(done.broken), "CardsExpiring": done.expiring})
