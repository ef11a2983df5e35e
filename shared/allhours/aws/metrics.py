"""Counters as one EMF line a call; CloudWatch makes metrics of them, at the price of the log line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from collections.abc import Mapping

INGEST = ("Queued", "Masked", "Skipped", "Unreadable", "Troubles")
ROUTE = (
    "Routed",
    "Filtered",
    "Edited",
    "Deleted",
    "Duplicates",
    "Named",
    "Failed",
    "Poison",
    "PostToInboxMs",
)
FORWARD = ("Forwarded", "Paged")
PARK = ("Parked",)
WATCH = ("Silent", "Swept")


def emit(counts: Mapping[str, float], *, network: str = "") -> None:
    """Print one line with the first counter, so that silence can alarm, and with what else is not zero."""
    metrics = Metrics()
    if network:
        metrics.add_dimension(name="network", value=network)
    first = next(iter(counts))
    for name, value in counts.items():
        if not value and name != first:
            continue
        metrics.add_metric(
            name=name, unit=MetricUnit.Milliseconds if name.endswith("Ms") else MetricUnit.Count, value=value
        )
    metrics.flush_metrics()
