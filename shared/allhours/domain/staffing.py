"""How many people keep a promise: Erlang B, C and A, and what one more person saves.

Cases arrive independently at a steady rate, take exponential times and are taken in their order. Erlang C has
customers who wait for ever, Erlang A customers who leave (M/M/n+M; Garnett, Mandelbaum, Reiman 2002). A
server is one case in hand: a member with concurrency 4 who is there 70 % of the time is 2.8 of them.
Times are seconds, a load is in erlang: arrivals a second times the seconds each one takes.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, exp, expm1, floor, inf, log
from typing import TYPE_CHECKING

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST = 10_000  # servers; more is a mistake in the figures, not a desk
_NOTHING = 1e-17  # of a sum: below what a float can tell
_HUGE = 1e200  # weights are relative, and are made smaller before they overflow
CUSTOMER_HOUR = 60.0  # customer-minutes an hour, which one more person must save where no prices are given


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is promised and how work is done; `target` is the share of cases answered `within` seconds.

    `patience` is the mean time after which a customer leaves, None where nobody does. Raises `BadInput` for
    figures that no desk can have.
    """

    aht: float
    target: float
    within: float
    concurrency: int = 1
    shrinkage: float = 0.0
    patience: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 < self.aht < inf:
            raise BadInput(f"aht: a case takes {self.aht:g} s, which must be more than nothing")
        if not 0 < self.target < 1:
            raise BadInput(f"target: {self.target:g} is not between 0 and 1: write 0.8 for 80 %")
        if not 0 <= self.within < inf:
            raise BadInput(f"within: {self.within:g} s is no time to answer in")
        if self.concurrency < 1:
            raise BadInput(f"concurrency: {self.concurrency} is not at least 1")
        if not 0 <= self.shrinkage < 1:
            raise BadInput(f"shrinkage: {self.shrinkage:g} is not between 0 and 1: write 0.3 for 30 %")
        if self.patience is not None and not 0 < self.patience < inf:
            raise BadInput(f"patience: {self.patience:g} s must be more than nothing")

    def servers(self, people: int) -> int:
        """Return how many cases that many people have in hand at once."""
        return floor(people * self._in_hand)

    def people(self, servers: int) -> int:
        """Return how many people make up so many servers."""
        return ceil(servers / self._in_hand)

    @property
    def _in_hand(self) -> Fraction:
        """Return one member's cases, exactly: 14 servers at 30 % shrinkage are 20 people, not 21."""
        return self.concurrency * (1 - Fraction(str(self.shrinkage)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How customers fare: shares that wait, are answered in time, leave; the mean wait; the queue's length.

    The wait is that of all customers, also of those who are taken at once. It and `waiting` are infinite
    where more comes in than can be done and nobody leaves.
    """

    waits: float
    answered: float
    leaves: float
    mean_wait: float
    waiting: float
    occupancy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalNeed:
    """An interval's arrivals and load, the fewest people who keep the promise, and how customers fare."""

    arrivals: float
    erlangs: float
    servers: int
    people: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class OneMore:
    """How customers fare with so many people, and the customer-minutes an hour that the last one saves."""

    people: int
    outcome: Outcome
    saves: float


def erlang_b(servers: int, erlangs: float) -> float:
    """Return the share that is turned away where nobody can wait."""
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = erlangs * blocked / (server + erlangs * blocked)
    return blocked


def erlang_c(servers: int, erlangs: float) -> float:
    """Return the share that has to wait where everybody can; 1 where the load is too much."""
    if erlangs >= servers:
        return 1.0
    blocked = erlang_b(servers, erlangs)
    return servers * blocked / (servers - erlangs * (1 - blocked))


_EMPTY = Outcome(waits=0.0, answered=1.0, leaves=0.0, mean_wait=0.0, waiting=0.0, occupancy=0.0)


def outcome(rate: float, servers: int, work: Work) -> Outcome:
    """Say how customers fare who come at `rate` a second."""
    if rate <= 0:
        return _EMPTY
    if work.patience is not None:
        return _erlang_a(rate, servers, work, work.patience)
    erlangs = rate * work.aht
    if erlangs >= servers:
        return Outcome(waits=1.0, answered=0.0, leaves=0.0, mean_wait=inf, waiting=inf, occupancy=1.0)
    waits = erlang_c(servers, erlangs)
    mean_wait = waits * work.aht / (servers - erlangs)
    return Outcome(
        waits=waits,
        answered=1 - waits * exp((erlangs - servers) * work.within / work.aht),
        leaves=0.0,
        mean_wait=mean_wait,
        waiting=rate * mean_wait,
        occupancy=erlangs / servers,
    )


def _erlang_a(rate: float, servers: int, work: Work, patience: float) -> Outcome:
    """Sum over the queue's lengths, each weighed against "all servers busy, nobody waiting".

    Who finds `ahead` waiting is next after exponential times of rates busy, busy + 1/patience, and so on,
    whose sum is -patience times the logarithm of a beta variable. `late` is the share of it beyond `within`,
    by the recurrence of the incomplete beta function (DLMF 8.17.21); in logarithms, for its terms begin below
    what a float can hold.
    """
    blocked = erlang_b(servers, rate * work.aht)
    if blocked <= 1 / _HUGE:  # more servers than anybody could keep busy
        return replace(_EMPTY, occupancy=rate * work.aht / servers)
    idle = 1 / blocked - 1
    busy = servers / work.aht
    shape = busy * patience + 1
    in_time = -expm1(-work.within / patience)
    log_step = log(in_time) if in_time else -inf
    log_term = -shape * work.within / patience
    late = exp(log_term)
    weight, ahead = 1.0, 0
    total, answered, waiting = idle, idle, 0.0
    while weight * (ahead + 1) > _NOTHING * total or weight * rate > weight * (busy + ahead / patience):
        total += weight
        answered += weight * (shape - 1) / (shape + ahead) * max(0.0, 1 - late)
        waiting += weight * ahead
        ahead += 1
        weight *= rate / (busy + ahead / patience)
        log_term += log_step + log((shape + ahead - 1) / ahead)
        late += exp(log_term)
        if weight > _HUGE:
            weight, total, answered, waiting, idle = (
                each / _HUGE for each in (weight, total, answered, waiting, idle)
            )
    waiting /= total
    leaves = waiting / (rate * patience)
    return Outcome(
        waits=1 - idle / total,
        answered=answered / total,
        leaves=leaves,
        mean_wait=waiting / rate,
        waiting=waiting,
        occupancy=rate * (1 - leaves) / busy if servers else 1.0,
    )


def people_needed(arrivals: Sequence[float], interval: float, work: Work) -> tuple[IntervalNeed, ...]:
    """Say for each interval of so many seconds, by its arrivals, how many people keep the promise."""
    return tuple(_need(count, interval, work) for count in arrivals)


def _need(arrivals: float, interval: float, work: Work) -> IntervalNeed:
    rate = arrivals / interval
    erlangs = rate * work.aht
    if not 0 <= erlangs < _MOST:
        raise BadInput(
            f"{arrivals:g} arrivals in {interval:g} s are a load of {erlangs:g}, which no desk has"
        )
    enough = ceil(erlangs)
    while outcome(rate, enough, work).answered < work.target:
        enough = 2 * enough + 1
    servers = bisect_left(
        range(enough), work.target, key=lambda servers: outcome(rate, servers, work).answered
    )
    people = work.people(servers)
    return IntervalNeed(
        arrivals=arrivals,
        erlangs=erlangs,
        servers=servers,
        people=people,
        outcome=outcome(rate, work.servers(people), work),
    )


def curve(rate: float, work: Work, people: range) -> tuple[OneMore, ...]:
    """Say for each number of people how customers fare who come at `rate` a second, and what the last saves.

    The first person who makes the queue finite saves an infinity.
    """
    found: list[OneMore] = []
    for count in people:
        before = outcome(rate, work.servers(count - 1), work).waiting if count else inf
        now = outcome(rate, work.servers(count), work)
        saves = 60 * (before - now.waiting) if before > now.waiting else 0.0
        found.append(OneMore(people=count, outcome=now, saves=saves))
    return tuple(found)


def pays_up_to(rate: float, work: Work, worth: float = CUSTOMER_HOUR) -> int:
    """Return how many people pay: more would each save less than `worth` customer-minutes of waiting an hour.

    `worth` is what an hour of a person costs, divided by what a customer-minute is worth; where these are not
    known it is one customer-hour an hour, the knee of the curve.
    """
    people = best = work.people(1) if rate > 0 else 0  # nobody at all answers nobody
    least = inf
    while True:
        waits = 60 * outcome(rate, work.servers(people), work).waiting  # customer-minutes an hour
        if waits + people * worth < least:
            best, least = people, waits + people * worth
        if waits < worth:  # nobody can save more than is left
            return best
        people += 1
