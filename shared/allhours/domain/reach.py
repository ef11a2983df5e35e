"""Whether a page would reach somebody: each week every member gets one to try it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.instants import instant, local_date

if TYPE_CHECKING:
    from allhours.domain.organisation import TestPages


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """When a member was last tried, in which week, and when one of the test pages was last acknowledged."""

    member: str
    week: str = ""
    tried_at: datetime | None = None
    reached_at: datetime | None = None

    def unreachable_since(self, within: int, at: datetime) -> datetime | None:
        """Return from when on the member has counted as unreachable; None while there is no reason to."""
        if self.tried_at is None or (self.reached_at is not None and self.reached_at >= self.tried_at):
            return None
        deadline = self.tried_at + timedelta(seconds=within)
        return deadline if at >= deadline else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The last time at which a member was to be tried, and the ISO week by the member's clock."""

    at: datetime
    week: str


def last_trial(pages: TestPages, zone: str, at: datetime) -> Trial:
    """Return the trial of this week, or of the last while this week's is still to come."""
    today = local_date(zone, int(at.timestamp()))
    day = today - timedelta(days=(today.weekday() - pages.weekday) % 7)
    begins = instant(zone, day, pages.minute)
    if begins > at.timestamp():
        day -= timedelta(days=7)
        begins = instant(zone, day, pages.minute)
    year, week, _ = day.isocalendar()
    return Trial(at=datetime.fromtimestamp(begins, UTC), week=f"{year}-W{week:02}")
