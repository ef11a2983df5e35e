"""Say who is on duty at an instant, and why.

Overrides are kept in the deployed table; this command reads files, so it shows the plan without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli.cover import utc
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, tell

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the unit and the instant."""
    parser.add_argument("unit", metavar="UNIT")
    shared.add_at(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Name desk and members, the shift they follow from, since when and until when; 1 in a gap."""
    organisation = shared.organisation_of(arguments)
    unit = shared.unit_of(organisation, arguments.unit)
    at = arguments.at or now()
    duty = organisation.on_duty(unit.unit_id, at)
    names = [organisation.members[member].name for member in duty.members]
    if arguments.json:
        tell(
            {
                "unit": unit.unit_id,
                "at": at.isoformat(),
                "desk": duty.desk,
                "members": list(duty.members),
                "names": names,
                "because": duty.because,
                "since": utc(duty.since),
                "until": utc(duty.until),
                "gap": duty.gap,
            }
        )
    elif duty.gap:
        say(
            f"{unit.title}: nobody is on duty; the fallback is {', '.join(names) or duty.desk} ({duty.desk})",
            "red",
        )
    else:
        people = ", ".join(names) or "whoever is there"
        hours = f"{utc(duty.since)} to {utc(duty.until)}"
        say(f"{unit.title}: {people} at desk {duty.desk}, by shift {duty.because}, {hours}")
    return 1 if duty.gap else 0
