"""Forward what the outbox holds: case events to the one topic, pages to people; at least once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import AllhoursError, Busy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
    """Page first, for a person waits; then publish the events; what could not be sent raises at the end."""
    sent = send_pages(due, pager=pager, pages=pages, at=at)
    if events:
        topic.publish(events)
    sent.check()
    return Forwarded(events=len(events), pages=sent.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How many pages were sent, and why the others were not."""

    count: int
    troubles: tuple[str, ...]

    def check(self) -> None:
        """Raise `Busy` when a page was not sent, so that it comes again."""
        if self.troubles:
            raise Busy("; ".join(self.troubles))


def send_pages(due: Iterable[Page], *, pager: Pager, pages: Pages, at: datetime) -> Sent:
    """Send each page and mark it as sent only after it was; one turned down does not hold up the next."""
    count, troubles = 0, list[str]()
    for page in due:
        try:
            pager.send(page)
            pages.sent(page, at)
            count += 1
        except AllhoursError as error:
            troubles.append(f"page {page.page_id}: {error}")
    return Sent(count=count, troubles=tuple(troubles))
