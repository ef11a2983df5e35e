"""How often a handle is spoken to, and how improbable a silence is.

Conversations begun are counted by the hour of the week, with weeks forgotten by and by. An hour's count is
taken as negative binomial, a Poisson count whose rate itself varies (Greenwood and Yule 1920): people write
in bursts. Whole days are busier or quieter together, which a second gamma factor allows for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOURS = 168  # of a week
HOUR = timedelta(hours=1)
FORGET = 0.8  # weight of a week after one more week; four weeks ago counts 0.4
PRIOR = 1.0  # weeks' worth of what weekday and hour of the day say of an hour of the week
STEADY, BURSTY = 1e6, 0.1  # bounds of the dispersion's index r: Poisson, and as uneven as we believe
DAYS_VARY = 20.0  # index of the days' common factor: a good fifth up or down
CROWD = 3.0  # times the usual: more than this in an hour is a storm, and counted as this
LEARNT_AFTER = 7 * 24  # hours; before a whole week is known, nothing is improbable
A_YEAR = 365.25 * 24  # hours
CATCH_UP = timedelta(days=14)  # more than this is not learnt again


@dataclass(frozen=True, kw_only=True)
class Rate:
    """What is known of one handle; `sums` and `weights` are by hour of the week, Monday 00:00 UTC first.

    `spread` and `square` are the sums behind the dispersion (method of moments). `until` is the end of the
    last hour that was learnt, `hours` how many were.
    """

    sums: tuple[float, ...] = (0.0,) * HOURS
    weights: tuple[float, ...] = (0.0,) * HOURS
    spread: float = 0.0
    square: float = 0.0
    hours: int = 0
    until: datetime | None = None

    def expected(self, hour: int) -> float:
        """Return the mean count of an hour of the week (0 to 167)."""
        return self._means[hour]

    @cached_property
    def _means(self) -> tuple[float, ...]:
        """Return each hour's mean, leaning on its weekday's and its hour of the day's shares of a week."""
        usual = self._mean(range(HOURS))
        if not usual:
            return (0.0,) * HOURS
        days = [self._mean(range(24 * day, 24 * day + 24)) for day in range(7)]
        hours = [self._mean(range(hour, HOURS, 24)) for hour in range(24)]
        priors = [days[hour // 24] * hours[hour % 24] / usual for hour in range(HOURS)]
        known = zip(self.sums, self.weights, priors, strict=True)
        return tuple((total + PRIOR * prior) / (weight + PRIOR) for total, weight, prior in known)

    def _mean(self, hours: range) -> float:
        weight = sum(self.weights[hour] for hour in hours)
        return sum(self.sums[hour] for hour in hours) / weight if weight else 0.0

    def learnt(self, hour_began: datetime, count: float) -> Rate:
        """Return what is known after one more full hour with so many conversations begun."""
        hour = hour_of_week(hour_began)
        before = self.expected(hour)
        if self.hours >= LEARNT_AFTER:  # a storm says nothing about how rare silence is
            count = min(count, CROWD * max(before, self._mean(range(HOURS))) + CROWD)
        sums, weights = list(self.sums), list(self.weights)
        sums[hour] = sums[hour] * FORGET + count
        weights[hour] = weights[hour] * FORGET + 1
        keep = FORGET ** (1 / HOURS)
        return replace(
            self,
            sums=tuple(sums),
            weights=tuple(weights),
            spread=self.spread * keep + (count - before) ** 2 - before,
            square=self.square * keep + before**2,
            hours=self.hours + 1,
            until=hour_began + HOUR,
        )

    @property
    def index(self) -> float:
        """Return the negative binomial's r; the smaller, the more uneven the hours."""
        if self.spread <= 0 or self.square <= 0:
            return STEADY
        return min(STEADY, max(BURSTY, self.square / self.spread))

    def awaited(self, since: datetime, until: datetime) -> float:
        """Return how many conversations were to be expected in a time."""
        return sum(self.expected(hour) * part for hour, part in _parts(since, until))

    def chance_of_silence(self, since: datetime, until: datetime) -> float:
        """Return the probability that nothing at all comes in a time that begins with a post."""
        r = self.index
        surprise = sum(r * part * math.log1p(self.expected(hour) / r) for hour, part in _parts(since, until))
        return math.exp(-DAYS_VARY * math.log1p(surprise / DAYS_VARY))

    def is_silent(self, since: datetime, at: datetime) -> bool:
        """Return whether so long a silence would come by chance less than once a year.

        A year has as many silences as posts, so the fewer there are, the less improbable each must be.
        """
        if self.hours < LEARNT_AFTER or at - since < HOUR:
            return False
        a_year = sum(map(self.expected, range(HOURS))) / HOURS * A_YEAR
        return a_year > 0 and self.chance_of_silence(since, at) * a_year < 1


def hour_of_week(at: datetime) -> int:
    """Return 0 for Monday 00:00 to 01:00 UTC, up to 167."""
    at = at.astimezone(UTC)
    return at.weekday() * 24 + at.hour


def _parts(since: datetime, until: datetime) -> Iterator[tuple[int, float]]:
    """Yield each hour of the week that a time touches, with the share of the hour that it takes."""
    start = since
    while start < until:
        end = min(until, start.replace(minute=0, second=0, microsecond=0) + HOUR)
        yield hour_of_week(start), (end - start) / HOUR
        start = end


def rate_to_json(rate: Rate) -> dict[str, Any]:
    """Return the rate as its row keeps it."""
    return {
        "sums": [round(one, 4) for one in rate.sums],
        "weights": [round(one, 4) for one in rate.weights],
        "spread": round(rate.spread, 4),
        "square": round(rate.square, 4),
        "hours": rate.hours,
        "until": rate.until.isoformat() if rate.until else "",
    }


def rate_from_json(body: Mapping[str, Any]) -> Rate:
    """Return the rate that `rate_to_json` wrote; `BadInput` when the week has not its 168 hours."""
    sums, weights = tuple(map(float, body["sums"])), tuple(map(float, body["weights"]))
    if len(sums) != HOURS or len(weights) != HOURS:
        raise BadInput("a rate has 168 hours of the week")
    return Rate(
        sums=sums,
        weights=weights,
        spread=float(body["spread"]),
        square=float(body["square"]),
        hours=int(body["hours"]),
        until=datetime.fromisoformat(body["until"]) if body["until"] else None,
    )
