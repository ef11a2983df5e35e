"""Counters as one EMF line a call; CloudWatch makes metrics of them, at the price of the log line."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from collections.abc import Mapping

INGEST = ("Queued", "Masked", "Skipped", "Unreadable", "Troubles", "Unsigned", "Busy")
ROUTE = (
    "Routed",
    "Filtered",
    "Light",
    "Edited",
    "Deleted",
    "Expired",
    "Duplicates",
    "Named",
    "ShadowMoved",
    "Failed",
    "Poison",
    "PostToRouteMs",
)
RECONCILED = ("FirstByPoll", "FirstByWebhook", "AgainByPoll", "AgainByWebhook", "MissedByWebhook")
PAGING = ("PagingByPlan",)  # Forward, Watch and Clock, when the changes to the rota cannot be read
FORWARD = ("Forwarded", "Paged", "Answers")
PARK = ("Parked",)
RESPOND = (
    "Visited",
    "Posted",
    "Rejected",
    "NeedsHuman",
    "Retried",
    "Doubts",
    "AnswersLeft",
    "ApproveToPostedMs",
)
NOTIFY = ("Notified", "NotifiedAgain", "NotifiedDead")
PROVE = ("Proved", "GapsFound", "GapsGone", "Holes", "Unreachable", "PlansMoved")
CARDS = ("CardsChecked", "CardsBroken", "CardsExpiring")
WATCH = ("Swept", "Silent", "Quiet")
CLOCK = (
    "Ticks",
    "Climbed",
    "PagesOpen",
    "PagesExhausted",
    "CasesOverdue",
    "CasesDueSoon",
    "CasesWaiting",
    "Handovers",
    "CasesMoved",
    "HandoversBehind",
    "GapsAnnounced",
    "GapsWithinDay",
    "Bundled",
    "TestPages",
    "TestPagesUnanswered",
    "Forgotten",
    "Held",
    "AnswersDue",
)


@cache
def _metrics() -> Metrics:
    """Return the one that a warm function keeps; making it costs as much as using it."""
    return Metrics()


def emit(counts: Mapping[str, float], *, network: str = "") -> None:
    """Print one line with the first counter, so that silence can alarm, and with what else is not zero."""
    metrics = _metrics()
    if network:
        metrics.add_dimension(name="network", value=network)
    first = next(iter(counts))
    for name, value in counts.items():
        if value or name == first:
            unit = MetricUnit.Milliseconds if name.endswith("Ms") else MetricUnit.Count
            metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
