"""The handler of the night: prove the rota, and put on record what it lacks."""

from __future__ import annotations

from datetime import UTC, datetime

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.organisation import live_organisation
from allhours.domain.proof import Kind, is_accepted
from allhours.flows.compare_plans import compare_plans
from allhours.flows.prove import prove_night

logger = Logger()


def prove_tonight() -> None:
    """Prove 400 days with all changes; who did not acknowledge the test page counts as unreachable."""
    at = datetime.now(UTC)
    organisation = live_organisation(at)
    unreachable = wiring.reaches().unreachable(organisation, at)
    done = prove_night(organisation, wiring.gaps(), at, unreachable=unreachable)
    members = sorted({one.member for one in done.findings if one.kind is Kind.UNREACHABLE} - {""})
    if members:
        logger.warning("pages do not reach members", members=members)
    plan = compare_plans(organisation, wiring.plans(), at)
    for trouble in plan.troubles:
        logger.warning("the plan of a unit was not compared", reason=trouble)
    emit(
        {
            "Proved": len(organisation.units),
            "GapsFound": done.new,
            "GapsGone": done.gone,
            "Holes": sum(
                one.severity == "hole" and not is_accepted(organisation, one) for one in done.findings
            ),
            "Unreachable": len(members),
            "PlansMoved": plan.moved,
        }
    )
