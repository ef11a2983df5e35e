"""Show the rota between two dates as a table, a calendar or a picture.

Both dates belong to it; they are UTC's, or those of `--zone`. With `--stack` the changes made in the deployed
system count too.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.calendar import calendar_of_member, calendar_of_units, rota_of
from allhours.domain.errors import BadInput
from allhours.domain.instants import instant
from allhours.domain.proof import utc

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from allhours.domain.organisation import Organisation, Unit
    from allhours.domain.rota import Duty, Rota, Segment

_LONGEST = 3_660  # days: ten years
_LONGEST_DRAWN = 400  # days: fifteen pages for each dozen units, four times as many where shifts are short


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the dates, whose rota, and its form."""
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--unit", metavar="UNIT", help="every unit where left out")
    whose.add_argument(
        "--member", metavar="MEMBER", help="only this member's duties, in all units (with --ics)"
    )
    parser.add_argument("--from", dest="first", type=shared.day, required=True, metavar="DATE")
    parser.add_argument("--to", dest="last", type=shared.day, required=True, metavar="DATE")
    parser.add_argument("--zone", default="UTC", metavar="ZONE", help="whose days they are (UTC)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--ics", action="store_true", help="as a calendar")
    form.add_argument("--png", type=Path, metavar="FILE", help="as a picture to print, A4 across")
    parser.add_argument("--stack", metavar="STACK", help="with the changes made in this deployed stack")
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print or draw the rota of each unit."""
    zone, first, last = arguments.zone, arguments.first, arguments.last
    if last < first:
        raise BadInput(f"--to {last} is before --from {first}")
    if (last - first).days > _LONGEST:
        raise BadInput("--from and --to are more than ten years apart")
    start, end = instant(zone, first, 0), instant(zone, last + timedelta(days=1), 0)
    arguments.at = datetime.fromtimestamp(start, UTC)  # for the years of holidays
    organisation = shared.organisation_of(arguments)
    if arguments.stack:
        organisation = replace(organisation, changes=deployed.stack(arguments).rota_changes.read().changes)
    units = (
        [shared.unit_of(organisation, arguments.unit)]
        if arguments.unit
        else list(organisation.units.values())
    )
    if arguments.member and not arguments.ics:
        raise BadInput("--member is for a calendar: add --ics")
    if arguments.ics:
        sys.stdout.write(_calendar(organisation, arguments.member, units, start, end))
    elif arguments.png:
        if (last - first).days > _LONGEST_DRAWN:
            raise BadInput(
                f"--from and --to are more than {_LONGEST_DRAWN} days apart, too long for a picture"
            )
        _draw(organisation, units, arguments)
    else:
        for unit in units:
            _show(organisation, unit, rota_of(organisation, unit.unit_id, start, end), as_json=arguments.json)
    return 0


def _calendar(organisation: Organisation, member: str, units: Sequence[Unit], start: int, end: int) -> str:
    if member:
        return calendar_of_member(organisation, member, start, end, now())
    return calendar_of_units(organisation, [unit.unit_id for unit in units], start, end, now())


def _draw(organisation: Organisation, units: Sequence[Unit], arguments: argparse.Namespace) -> None:
    from allhours.cli.rota_picture import draw  # noqa: PLC0415 - only pictures wait for matplotlib, 0.7 s

    first, last = arguments.first, arguments.last
    for path in draw(organisation, units, first, last, zone=arguments.zone, file=arguments.png):
        say(str(path))


def _show(organisation: Organisation, unit: Unit, rota: Rota, *, as_json: bool) -> None:
    if as_json:
        segments = [_segment(segment) for segment in rota.segments]
        tell({"unit": unit.unit_id, "tzdata": rota.tzdata, "segments": segments})
    else:
        columns = ("from", "until", "desk", "on duty", "because")
        table(columns, _rows(organisation, rota), title=f"{unit.title} ({unit.unit_id})")


def _segment(segment: Segment) -> dict[str, object]:
    return {
        "from": utc(segment.start),
        "until": utc(segment.end),
        "duties": [
            {"desk": duty.desk, "member": duty.member, "because": duty.because} for duty in segment.duties
        ],
    }


def _rows(organisation: Organisation, rota: Rota) -> Iterator[tuple[str, ...]]:
    for segment in rota.segments:
        begin, end = utc(segment.start), utc(segment.end)
        if not segment.duties:
            yield begin, end, "", "nobody", "gap"
        for desk in segment.desks:
            duties = [duty for duty in segment.duties if duty.desk == desk]
            names = ", ".join(_name(organisation, duty) for duty in duties)
            yield begin, end, desk, names, ", ".join(dict.fromkeys(duty.because for duty in duties))


def _name(organisation: Organisation, duty: Duty) -> str:
    return organisation.members[duty.member].name if duty.member else "whoever is there"
