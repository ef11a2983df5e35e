"""Show the rota between two dates as a table or a calendar.

Dates are UTC's and both belong to it. A calendar (`--ics`) holds UTC instants, because calendar programs
read a wall time that a clock change skips differently from us.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli.cover import utc
from allhours.cli.terminal import table, tell
from allhours.domain.errors import BadInput
from allhours.domain.rota import compile_rota

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from allhours.domain.organisation import Organisation, Unit
    from allhours.domain.rota import Duty, Rota, Segment

_LONGEST = 3_660  # days: ten years
_OCTETS = 75  # of a line, RFC 5545 section 3.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the dates and the unit."""
    parser.add_argument("--unit", metavar="UNIT", help="every unit where left out")
    parser.add_argument("--from", dest="first", type=shared.day, required=True, metavar="DATE")
    parser.add_argument("--to", dest="last", type=shared.day, required=True, metavar="DATE")
    parser.add_argument("--ics", action="store_true", help="as a calendar")
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the rota of each unit."""
    if arguments.last < arguments.first:
        raise BadInput(f"--to {arguments.last} is before --from {arguments.first}")
    if (arguments.last - arguments.first).days > _LONGEST:
        raise BadInput("--from and --to are more than ten years apart")
    start = datetime.combine(arguments.first, time(), UTC)
    end = datetime.combine(arguments.last, time(), UTC) + timedelta(days=1)
    arguments.at = start  # for the years of holidays
    organisation = shared.organisation_of(arguments)
    units = (
        [shared.unit_of(organisation, arguments.unit)]
        if arguments.unit
        else list(organisation.units.values())
    )
    rotas = [
        (unit, compile_rota(unit.rota, (), int(start.timestamp()), int(end.timestamp()))) for unit in units
    ]
    if arguments.ics:
        sys.stdout.write(_calendar(organisation, rotas))
    elif arguments.json:
        for unit, rota in rotas:
            tell(
                {
                    "unit": unit.unit_id,
                    "tzdata": rota.tzdata,
                    "segments": [_segment(segment) for segment in rota.segments],
                }
            )
    else:
        for unit, rota in rotas:
            table(
                ("from", "until", "desk", "on duty", "because"),
                _rows(organisation, rota),
                title=f"{unit.title} ({unit.unit_id})",
            )
    return 0


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


def _calendar(organisation: Organisation, rotas: Sequence[tuple[Unit, Rota]]) -> str:
    """Write RFC 5545: one event for each stretch of duty of each seat."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Allhours//rota//EN", "CALSCALE:GREGORIAN"]
    for unit, rota in rotas:
        duties = {duty: None for segment in rota.segments for duty in segment.duties}
        for duty in duties:
            begin, end = max(duty.since, rota.start), min(duty.until, rota.end)
            lines += [
                "BEGIN:VEVENT",
                f"UID:{unit.unit_id}-{duty.because}-{duty.member or duty.desk}-{duty.since}@allhours",
                f"DTSTAMP:{_stamp(rota.start)}",
                f"DTSTART:{_stamp(begin)}",
                f"DTEND:{_stamp(end)}",
                f"SUMMARY:{_escaped(f'{unit.title}: {_name(organisation, duty)} ({duty.desk})')}",
                f"DESCRIPTION:{_escaped(f'shift {duty.because}, revision {organisation.revision}')}",
                "END:VEVENT",
            ]
    lines.append("END:VCALENDAR")
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _stamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    for plain in ("\\", ";", ","):
        text = text.replace(plain, f"\\{plain}")
    return " ".join(text.splitlines())


def _folded(line: str) -> Iterator[str]:
    """Cut a line into pieces of at most 75 octets, never inside a character."""
    piece, octets = "", 0
    for character in line:
        size = len(character.encode())
        if octets + size > _OCTETS:
            yield piece
            piece, octets = " ", 1
        piece, octets = piece + character, octets + size
    yield piece
