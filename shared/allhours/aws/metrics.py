"""Counters as one EMF line a call; CloudWatch makes metrics of them, at the price of the log line.

Written by hand: Powertools' Metrics takes as long for a webhook's line as verifying and parsing its delivery.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from allhours.aws.records import compact

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
    first = next(iter(counts))
    told = {name: float(value) for name, value in counts.items() if value or name == first}
    dimensions = {
        "service": os.environ["POWERTOOLS_SERVICE_NAME"],
        **({"network": network} if network else {}),
    }
    metrics = {
        "Namespace": os.environ["POWERTOOLS_METRICS_NAMESPACE"],
        "Dimensions": [list(dimensions)],
        "Metrics": [
            {"Name": name, "Unit": "Milliseconds" if name.endswith("Ms") else "Count"} for name in told
        ],
    }
    at = int(time.time() * 1000)
    print(compact({"_aws": {"Timestamp": at, "CloudWatchMetrics": [metrics]}, **dimensions, **told}))  # noqa: T201 - EMF is printed
