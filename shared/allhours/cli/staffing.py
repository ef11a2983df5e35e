"""Say how many people each interval needs, and what one more would save.

Arrivals come from a CSV (`start,arrivals`, or one instant a line) or from the cases of a deployed stack.
Fewer than seven days are taken as they were; of more, the typical week is laid over the seven that follow.
"""

from __future__ import annotations

import argparse
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.arrivals import read_arrivals
from allhours.cli.terminal import say, table, tell
from allhours.domain.calendar import rota_of
from allhours.domain.errors import BadInput
from allhours.domain.instants import instant, local_date, zone_named
from allhours.domain.proof import utc
from allhours.domain.staffing import (
    CUSTOMER_HOUR,
    IntervalNeed,
    OneMore,
    Work,
    curve,
    pays_up_to,
    people_needed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from allhours.domain.organisation import Organisation, Unit

_WEEK = 7  # days
_DAY = 86_400
_SHOWN = 3  # people on the curve beyond those who are needed or pay
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": _DAY}
_LIMITS = (
    "The model takes arrivals to be independent and steady within an interval: an outage's storm is "
    "neither. What an interval leaves over is not carried into the next. Messages are answered in minutes, "
    "not seconds: a wait may be longer than the interval that it is reckoned for."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What one interval needs, has, and would pay for; `has` is None where no rota is compared."""

    start: int
    need: IntervalNeed
    pays: int
    has: int | None = None

    @property
    def short(self) -> int:
        """Return how many people the rota lacks."""
        return max(0, self.need.people - self.has) if self.has is not None else 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arrivals, the promise, how work is done, and what to compare with."""
    parser.add_argument("--csv", type=Path, metavar="FILE", help="start,arrivals or one instant a line")
    deployed.add_stack(parser)
    parser.add_argument("--from", dest="first", type=shared.day, metavar="DATE", help="with a stack")
    parser.add_argument("--to", dest="last", type=shared.day, metavar="DATE", help="with a stack; included")
    parser.add_argument("--aht", type=_length, required=True, help="how long a case takes, such as 6m")
    parser.add_argument("--target", type=_share, required=True, help="share that is answered in time, 0.8")
    parser.add_argument("--within", type=_length, required=True, help="what in time means, such as 10m")
    parser.add_argument(
        "--interval", type=_length, default=1_800, help="as long as arrivals are steady (30m)"
    )
    parser.add_argument(
        "--concurrency", type=_cases, help="cases in one member's hands (the unit's desks', or 1)"
    )
    parser.add_argument(
        "--shrinkage", type=_share, default=0.0, help="share of time away: breaks, training (0)"
    )
    parser.add_argument(
        "--patience", type=_length, help="after how long customers leave, in the mean (never)"
    )
    parser.add_argument("--cost-per-hour", type=float, help="of one person; with --value-per-minute")
    parser.add_argument("--value-per-minute", type=float, help="of a customer's waiting")
    parser.add_argument("--unit", metavar="UNIT", help="whose cases, and whose rota to compare with")
    parser.add_argument("--zone", default="UTC", metavar="ZONE", help="whose days and weeks they are (UTC)")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw it, too")
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the need of each interval and the curve of the busiest; 1 where the rota has too few."""
    if not 60 <= arguments.interval <= _DAY or _DAY % arguments.interval:  # noqa: PLR2004 - a minute
        raise BadInput("--interval must divide the day, such as 15m, 30m or 1h")
    zone, interval, worth = arguments.zone, int(arguments.interval), _worth(arguments)
    arrivals, first, last = _arrivals(arguments, zone, interval)
    seen = _seconds(zone, first, last)
    if (last - first).days < _WEEK:
        planned = seen
    else:  # for staff is planned for what comes
        planned = _seconds(zone, last + timedelta(days=1), last + timedelta(days=_WEEK))
    organisation, unit = _compared(arguments, planned.start)
    work = Work(
        aht=arguments.aht,
        target=arguments.target,
        within=arguments.within,
        concurrency=_concurrency(unit) if arguments.concurrency is None else arguments.concurrency,
        shrinkage=arguments.shrinkage,
        patience=arguments.patience,
    )
    starts = planned[::interval]
    needs = people_needed(_expected(arrivals, zone, seen[::interval], starts), interval, work)
    pays = {count: pays_up_to(count / interval, work, worth) for count in {need.arrivals for need in needs}}
    has = _staff(organisation, unit, planned, interval) if organisation and unit else [None] * len(needs)
    intervals = [
        Interval(start=at, need=need, pays=pays[need.arrivals], has=there)
        for at, need, there in zip(starts, needs, has, strict=True)
    ]
    busiest = max(intervals, key=lambda each: each.need.erlangs)
    most = max(busiest.need.people, busiest.pays) + _SHOWN
    steps = [
        step
        for step in curve(busiest.need.arrivals / interval, work, range(most + 1))
        if isfinite(step.outcome.mean_wait) and step.people
    ]
    if arguments.json:
        tell(_document(intervals, busiest, steps, interval, worth))
    else:
        _print(intervals, busiest, steps, arguments)
    if arguments.png:
        from allhours.cli.staffing_plot import draw  # noqa: PLC0415 - only pictures wait for matplotlib

        title = unit.title if unit else "Staffing"
        draw(
            intervals,
            busiest,
            steps,
            work,
            worth=worth,
            interval=interval,
            zone=zone,
            title=title,
            file=arguments.png,
        )
    return 1 if any(each.short for each in intervals) else 0


def _arrivals(
    arguments: argparse.Namespace, zone: str, interval: int
) -> tuple[list[tuple[int, float]], date, date]:
    """Return the arrivals, and the first and the last date that they cover."""
    if arguments.csv:
        found = read_arrivals(arguments.csv, interval)
        return found, local_date(zone, found[0][0]), local_date(zone, found[-1][0])
    first, last = arguments.first, arguments.last
    if not first or not last:
        raise BadInput("give --csv FILE, or --from DATE and --to DATE to count the cases of a deployed stack")
    if last < first:
        raise BadInput(f"--to {last} is before --from {first}")
    days = _seconds(zone, first, last)
    since, until = (datetime.fromtimestamp(at, UTC) for at in (days.start, days.stop))
    opened = deployed.stack(arguments).arrivals(since, until)
    wanted = (int(at.timestamp()) for at, unit in opened if arguments.unit in {None, unit})
    return sorted((at, float(count)) for at, count in Counter(wanted).items()), first, last


def _seconds(zone: str, first: date, last: date) -> range:
    return range(instant(zone, first, 0), instant(zone, last + timedelta(days=1), 0))


def _expected(
    arrivals: Iterable[tuple[int, float]], zone: str, seen: range, planned: Iterable[int]
) -> list[float]:
    """Return the mean number of arrivals for each planned start, by weekday and the zone's clock."""
    clock = zone_named(zone)

    def place(at: int) -> tuple[int, int, int]:
        shown = datetime.fromtimestamp(at, clock)
        return shown.weekday(), shown.hour, shown.minute

    often = Counter(map(place, seen))
    total: defaultdict[tuple[int, int, int], float] = defaultdict(float)
    for at, count in arrivals:
        total[place(seen[(at - seen.start) // seen.step])] += count
    return [total[place(at)] / max(1, often[place(at)]) for at in planned]


def _compared(arguments: argparse.Namespace, start: int) -> tuple[Organisation | None, Unit | None]:
    if not arguments.organisation:
        return None, None
    if not arguments.unit:
        raise BadInput("--organisation is there to compare with a unit's rota: add --unit UNIT")
    arguments.at = datetime.fromtimestamp(start, UTC)  # for the years of holidays
    organisation = shared.organisation_of(arguments)
    return organisation, shared.unit_of(organisation, arguments.unit)


def _concurrency(unit: Unit | None) -> int:
    return min(desk.concurrency for desk in unit.rota.desks.values()) if unit else 1


def _staff(organisation: Organisation, unit: Unit, planned: range, interval: int) -> list[int | None]:
    """Return the fewest people on duty at any time of each interval."""
    rota = rota_of(organisation, unit.unit_id, planned.start, planned.stop)
    edges = [segment.start for segment in rota.segments]
    return [
        min(
            rota.who(at).staff
            for at in (start, *edges[bisect_right(edges, start) : bisect_left(edges, start + interval)])
        )
        for start in planned[::interval]
    ]


def _worth(arguments: argparse.Namespace) -> float:
    """Return how many customer-minutes an hour one more person must save."""
    cost, value = arguments.cost_per_hour, arguments.value_per_minute
    if cost is None and value is None:
        return CUSTOMER_HOUR
    if cost is None or value is None:
        raise BadInput("--cost-per-hour and --value-per-minute go together: give both or neither")
    if not (0 < cost < inf and 0 < value < inf):
        raise BadInput("--cost-per-hour and --value-per-minute must be more than nothing")
    return float(cost / value)


def _print(
    intervals: Sequence[Interval], busiest: Interval, steps: Sequence[OneMore], arguments: argparse.Namespace
) -> None:
    zone, interval = arguments.zone, int(arguments.interval)
    columns = ["from", "until", "arrivals", "people", "answered", "mean wait", "pays up to"]
    compared = busiest.has is not None
    rows = (_row(list(group), zone, interval) for _, group in groupby(intervals, key=_alike))
    table(
        [*columns, "rota", ""] if compared else columns,
        (row if compared else row[: len(columns)] for row in rows),
        title=f"{arguments.target:.0%} within {_told(arguments.within)}, by {_told(interval)}, {zone}",
    )
    say("")
    table(
        ("people", "answered", "leave", "mean wait", "busy", "one more saved", ""),
        [_step(step, busiest) for step in steps],
        title=f"The busiest interval: {_shown(busiest.start, zone)}, {busiest.need.arrivals:g} arrivals, "
        f"{busiest.need.erlangs:.1f} erlang",
    )
    if arguments.cost_per_hour is None:
        say(
            "It pays as long as one more person saves a customer-hour an hour; prices would say more exactly."
        )
    say(_LIMITS)
    if short := [each for each in intervals if each.short]:
        hours = sum(each.short for each in short) * interval / 3_600
        say(
            f"The rota has too few in {len(short)} of {len(intervals)} intervals, {hours:g} hours of people.",
            "red",
        )


def _alike(each: Interval) -> tuple[object, ...]:
    return each.need.people, each.has


def _row(group: Sequence[Interval], zone: str, interval: int) -> tuple[str, ...]:
    worst = max(group, key=lambda each: each.need.erlangs)
    outcome = worst.need.outcome
    return (
        _shown(group[0].start, zone),
        _shown(group[-1].start + interval, zone),
        _range([each.need.arrivals for each in group]),
        str(worst.need.people),
        f"{outcome.answered:.1%}",
        _told(outcome.mean_wait),
        _range([each.pays for each in group]),
        "" if worst.has is None else str(worst.has),
        f"{worst.short} short" if worst.short else "",
    )


def _range(figures: Sequence[float]) -> str:
    least, most = min(figures), max(figures)
    return f"{least:.3g}" if least == most else f"{least:.3g} to {most:.3g}"


def _step(step: OneMore, busiest: Interval) -> tuple[str, ...]:
    marks = {busiest.need.people: "keeps the promise", busiest.pays: "pays up to here"}
    if busiest.need.people == busiest.pays:
        marks = {busiest.pays: "keeps the promise; pays up to here"}
    told = step.outcome
    saved = f"{step.saves:,.1f} min/h" if isfinite(step.saves) else "a queue without end"
    return (
        str(step.people),
        f"{told.answered:.1%}",
        f"{told.leaves:.1%}",
        _told(told.mean_wait),
        f"{told.occupancy:.0%}",
        saved,
        marks.get(step.people, ""),
    )


def _document(
    intervals: Sequence[Interval], busiest: Interval, steps: Sequence[OneMore], interval: int, worth: float
) -> dict[str, object]:
    return {
        "interval": interval,
        "worth": worth,
        "intervals": [
            {
                "from": utc(each.start),
                "arrivals": each.need.arrivals,
                "erlangs": each.need.erlangs,
                "servers": each.need.servers,
                "people": each.need.people,
                "pays_up_to": each.pays,
                "rota": each.has,
                **asdict(each.need.outcome),
            }
            for each in intervals
        ],
        "busiest": utc(busiest.start),
        "curve": [
            {
                "people": step.people,
                "saves": step.saves if isfinite(step.saves) else None,
                **asdict(step.outcome),
            }
            for step in steps
        ],
    }


def _shown(at: int, zone: str) -> str:
    return f"{datetime.fromtimestamp(at, zone_named(zone)):%a %Y-%m-%d %H:%M}"


def _told(seconds: float) -> str:
    if seconds < 100:  # noqa: PLR2004 - from there on minutes say it better
        return f"{seconds:.0f} s" if seconds >= 1 or not seconds else "below 1 s"
    return f"{seconds / 60:.3g} min" if seconds < 2 * 3_600 else f"{seconds / 3_600:.3g} h"


def _length(text: str) -> float:
    """Read a length such as 90s, 6m, 1h or 1d as seconds."""
    found = _LENGTH.fullmatch(text)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else inf
    if seconds == inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no length: write 90s, 6m or 1h")
    return seconds


def _cases(text: str) -> int:
    """Read how many cases are in one member's hands, one at least."""
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of cases: write 1 or more")
    return count


def _share(text: str) -> float:
    """Read a share such as 0.8 or 80%."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write 0.8 or 80%") from None
