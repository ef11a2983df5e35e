"""The clock's part for answers: whatever waits for an instant that has come is visited again.

An answer that was held back, one whose attempt nobody came back from, one that was posted and is to be looked
at once more. The visit decides; here nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allhours.flows.reply_ports import DueReplies, Replies

MOST_DUE = 200  # visits in one tick; the next tick goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How many visits were queued."""

    count: int


def sweep_replies(*, ledger: DueReplies, replies: Callable[[], Replies], at: datetime) -> Swept:
    """Queue a visit to each reply that is due; `Busy` when the queue took not all: the next tick tries."""
    due = ledger.due(at, most=MOST_DUE)
    if due:
        replies().visit(due)
    return Swept(count=len(due))
