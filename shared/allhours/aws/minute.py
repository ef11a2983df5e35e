"""The handler of each minute: watch and sweep."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.organisation import organisation
from allhours.flows.watch import sweep, watch

if TYPE_CHECKING:
    from collections.abc import Iterable


def watch_minute() -> None:
    """Look for silent channels and for pages that did not get out."""
    at = datetime.now(UTC)
    networks = tuple(_enabled(os.environ.get("NETWORKS", "")))
    silent = watch(
        organisation=organisation(), networks=networks, cursors=wiring.cursors(), pages=wiring.pages(), at=at
    )
    swept = sweep(pages=wiring.pages(), pager=wiring.pager(), at=at)
    emit({"Silent": silent, "Swept": swept.count})
    swept.check()


def _enabled(names: str) -> Iterable[str]:
    return (name for name in names.split(",") if name)
