"""Show how evenly duty is shared, or with --answers how long customers wait, whoever they are.

Figures of duty are hours of four weeks, duty for other units included; dates are UTC's and both belong to it.
Answer times are those of a month, for each unit and for all.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli import answer_times, deployed
from allhours.cli import arguments as shared
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.errors import BadInput
from allhours.domain.fairness import TARGETS, fairness

if TYPE_CHECKING:
    import argparse

    from allhours.domain.fairness import Fairness, Worked
    from allhours.domain.organisation import Organisation

_USUAL = timedelta(weeks=12)  # turns of two, three, four and six weeks come round in it
_LONGEST = 400  # days, as far as the proof looks
_SHOWN = ("hours", "night", "weekend", "holiday", "unsocial")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files, the dates and the unit."""
    parser.add_argument(
        "organisation",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="organisation file (organisation.yaml); a later one is laid over",
    )
    parser.add_argument("--unit", metavar="UNIT", help="every unit where left out")
    parser.add_argument("--from", dest="first", type=shared.day, metavar="DATE", help="today where left out")
    parser.add_argument(
        "--to", dest="last", type=shared.day, metavar="DATE", help="twelve weeks where left out"
    )
    parser.add_argument(
        "--answers", action="store_true", help="how long customers of the deployed stack waited instead"
    )
    parser.add_argument(
        "--month", type=answer_times.month, metavar="MONTH", help="2026-10, say; with --answers, the last one"
    )
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print each unit's shares and Jain's index, and whether it meets the targets; or the answer times."""
    if arguments.answers:
        answer_times.show(deployed.stack(arguments).cases(), arguments, at=now())
        return 0
    if arguments.month:
        raise BadInput("--month goes with --answers; duty is shown from --from to --to")
    first = arguments.first or now().date()
    last = arguments.last or first + _USUAL - timedelta(days=1)
    if last < first:
        raise BadInput(f"--to {last} is before --from {first}")
    if (last - first).days >= _LONGEST:
        raise BadInput(f"--from and --to are more than {_LONGEST} days apart")
    arguments.at = start = datetime.combine(first, time(), UTC)  # chooses the years of holidays
    end = datetime.combine(last, time(), UTC) + timedelta(days=1)
    organisation = shared.organisation_of(arguments)
    if arguments.unit:
        shared.unit_of(organisation, arguments.unit)
    found = [
        one
        for one in fairness(organisation, int(start.timestamp()), int(end.timestamp()))
        if arguments.unit in {None, one.unit} and one.shares
    ]
    for one in found:
        if arguments.json:
            tell(_report(one, arguments))
        else:
            _show(organisation, one)
    return 0


def _report(one: Fairness, arguments: argparse.Namespace) -> dict[str, object]:
    return {
        "unit": one.unit,
        "from": arguments.at.date().isoformat(),
        "days": (one.end - one.start) // 86_400,
        "members": {member: {of: _hours(worked, of) for of in _SHOWN} for member, worked in one.shares},
        "jain": {of: round(one.index(of), 4) for of in _SHOWN},
        "targets": TARGETS,
        "met": one.is_met,
    }


def _show(organisation: Organisation, one: Fairness) -> None:
    table(
        ("member", *_SHOWN),
        [
            *(
                (organisation.members[member].name, *(f"{_hours(worked, of):g}" for of in _SHOWN))
                for member, worked in one.shares
            ),
            ("Jain index", *(f"{one.index(of):.3f}" for of in _SHOWN)),
        ],
        title=f"{organisation.units[one.unit].title} ({one.unit}): hours of four weeks",
    )
    for of, target in TARGETS.items():
        met = one.index(of) >= target
        say(
            f"{of}: {one.index(of):.3f}, target {target:.2f} {'met' if met else 'missed'}",
            "" if met else "yellow",
        )


def _hours(worked: Worked, of: str) -> float:
    return round(int(getattr(worked, of)) / 3_600, 1)
