"""Read again what we keep: edits and deletions that no network pushes, and answers that notified nobody."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import NetworkError
from allhours.flows.ingest import Intake, report, take_in

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.flows.ports import DeadLetters, ItemQueue, KeptItems, Pages
    from allhours.networks.contract import Rereader

OFTEN = timedelta(days=2)  # cases this young are read again at every call
ALL = timedelta(days=30)  # once a day everything this young; X and Meta ask for deletions within 24 hours
QUIET_FROM, QUIET_UNTIL = time(3, 0), time(3, 15)  # UTC; the one call a day that reads it all
MOST = 500  # posts a call and handle, a few requests of 100; the rest at the next call


def reread(
    handle: Handle,
    *,
    rereader: Rereader,
    kept: KeptItems,
    queue: ItemQueue,
    dead_letters: DeadLetters,
    pages: Pages,
    intake: Intake,
    ours: frozenset[str],
    at: datetime,
) -> None:
    """Queue what changed since it was kept; the router applies it by version."""
    window = ALL if QUIET_FROM <= at.time() < QUIET_UNTIL else OFTEN
    items = kept.recent(handle, since=at - window, most=MOST)
    try:
        take_in(
            rereader.reread(handle, items, at=at),
            queue=queue,
            dead_letters=dead_letters,
            intake=intake,
            ours=ours,
            at=at,
        )
    except NetworkError as error:
        report(error, pages=pages, intake=intake, at=at)
