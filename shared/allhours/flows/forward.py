"""Forward what the outbox holds: case events to the one topic, pages to people; at least once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.page import Page
    from allhours.flows.ports import Pager, Pages, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """How many events and pages left."""

    events: int
    pages: int


def forward(
    events: Sequence[Mapping[str, Any]],
    due: Sequence[Page],
    *,
    topic: Topic,
    pager: Pager,
    pages: Pages,
    at: datetime,
) -> Forwarded:
    """Page first, for a person waits; mark a page as sent only after it was; then publish the events."""
    for page in due:
        pager.send(page)
        pages.sent(page, at)
    if events:
        topic.publish(events)
    return Forwarded(events=len(events), pages=len(due))
