"""What paid reads and quota units may cost in a day, and when that is worth a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

NEAR = 0.8  # of the ceiling: time to raise it, or to find out who spends it
LOOK_AGAIN = timedelta(minutes=15)  # somebody may raise the ceiling before the day is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """How much may be spent in a day: `a_day` in `unit`, the day being that of `zone`."""

    a_day: float
    unit: str
    zone: str = "UTC"

    def day(self, at: datetime) -> str:
        """Return the day that an instant belongs to, as the network counts days."""
        return at.astimezone(ZoneInfo(self.zone)).date().isoformat()

    def retry_at(self, at: datetime) -> datetime:
        """Return when to look again once the ceiling is reached."""
        here = at.astimezone(ZoneInfo(self.zone))
        midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), here.tzinfo)
        return min(midnight.astimezone(UTC), at + LOOK_AGAIN)

    def is_near(self, spent: float) -> bool:
        """Return whether four fifths are gone."""
        return spent >= NEAR * self.a_day

    def has_room(self, spent: float, cost: float) -> bool:
        """Return whether so much more stays within the day's ceiling."""
        return spent + cost <= self.a_day + _ROUNDING

    def amount(self, spent: float) -> str:
        """Return a sum with its unit and its share of the ceiling."""
        share = spent / self.a_day if self.a_day else 1.0
        return f"{spent:,.2f} of {self.a_day:,.2f} {self.unit} ({share:.0%})"


_ROUNDING = 1e-6  # sums of tenths of a cent
