"""The report of `allhours fairness --answers`: a month's answer times by followers, network and language."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.cli.cases import length
from allhours.cli.terminal import say, table, tell
from allhours.domain.answer_times import answer_times, waits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from allhours.domain.answer_times import Figures
    from allhours.domain.case import Case

_ALL = "all units"


def month(text: str) -> datetime:
    """Read a month; return when it begins."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no month: write 2026-10") from None


def show(cases: Iterable[Case], arguments: argparse.Namespace, *, at: datetime) -> None:
    """Print each unit's groups, those of all before them, and below what is beyond chance."""
    this = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begun = arguments.month or (this - timedelta(days=1)).replace(day=1)
    ended = (begun + timedelta(days=31)).replace(day=1)
    found = list(waits(cases, since=begun, until=ended, at=at))
    told = [one for one in answer_times(found) if arguments.unit in {None, one.unit}]
    if arguments.json:
        for one in told:
            tell(_document(one, begun))
        return
    if not told:
        say(f"nobody began to wait in {begun:%B %Y}, as far as the record goes back")
    for unit in dict.fromkeys(one.unit for one in told):
        _show_unit([one for one in told if one.unit == unit], f"{unit or _ALL}, {begun:%B %Y}")
    unlike = [one for one in told if one.is_unlike]
    for one in unlike:
        say(_sentence(one), "yellow")
    if told and not unlike:
        say("no group waits longer or shorter than the rest beyond chance, as far as so many cases can show")


def _show_unit(told: Sequence[Figures], title: str) -> None:
    rows = [
        (
            one.by,
            one.group,
            str(one.count),
            str(one.waiting),
            _length(one.median),
            _length(one.ninetieth),
            "" if one.in_time is None else f"{one.in_time:.0%}",
            _length(one.rest_median) if one.rest_count else "",
            "too few to tell" if one.chance is None else f"{one.chance:.2g}",
        )
        for one in told
    ]
    columns = ("by", "group", "cases", "waiting", "median", "90 %", "in time", "median of the rest", "chance")
    table(columns, rows, title=f"{title}: from the post to the first answer")


def _length(seconds: float | None) -> str:
    return "not yet" if seconds is None else length(timedelta(seconds=seconds))


def _sentence(one: Figures) -> str:
    """Say what is odd, and how odd; what the cause is, figures do not know."""
    way = "longer" if one.longer else "shorter"
    return (
        f"{one.unit or _ALL}, {one.by} {one.group}: waits {way} than others with the same unit and priority; "
        f"median {_length(one.median)}, of the rest {_length(one.rest_median)}; by chance {one.chance:.2g}, "
        "corrected for the number of comparisons"
    )


def _document(one: Figures, begun: datetime) -> dict[str, object]:
    return {
        "month": f"{begun:%Y-%m}",
        "unit": one.unit or None,
        "by": one.by,
        "group": one.group,
        "cases": one.count,
        "waiting": one.waiting,
        "median": one.median,
        "p90": one.ninetieth,
        "in_time": None if one.in_time is None else round(one.in_time, 4),
        "median_of_rest": one.rest_median,
        "p": one.chance,
        "unlike": ("longer" if one.longer else "shorter") if one.is_unlike else None,
    }
