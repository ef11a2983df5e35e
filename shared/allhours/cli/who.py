"""Say who is on duty at an instant, and why.

The ladder that led to the answer is shown, and who is next. Changes by hand are kept in the deployed table:
with `--stack` they count, without it the plan is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.ladder import ladder
from allhours.domain.proof import utc

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from allhours.domain.organisation import OnDuty, Organisation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the unit, the instant, and the stack whose changes count."""
    parser.add_argument("unit", metavar="UNIT")
    shared.add_at(parser)
    parser.add_argument(
        "--stack", help="CloudFormation stack whose overrides, swaps and leave count; none where left out"
    )
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Name desk and members, what they follow from, since when and until when; 1 in a gap."""
    organisation = shared.organisation_of(arguments)
    unit = shared.unit_of(organisation, arguments.unit)
    if arguments.stack:
        changes = deployed.stack(arguments).rota_changes.read().changes
        organisation = replace(organisation, changes=changes)
    at = arguments.at or now()
    duty = organisation.on_duty(unit.unit_id, at)
    then = organisation.next_on_duty(unit.unit_id, at)
    rungs = ladder(organisation, unit.unit_id, at)
    if arguments.json:
        tell(
            {
                "unit": unit.unit_id,
                "at": at.isoformat(),
                **_told(organisation, duty),
                "steps": list(duty.steps),
                "ladder": [
                    {
                        "kind": rung.kind,
                        "name": rung.name,
                        "says": rung.says,
                        "people": list(rung.people),
                        "won": rung.won,
                    }
                    for rung in rungs
                ],
                "next": {"at": then[0].isoformat(), **_told(organisation, then[1])} if then else None,
            }
        )
        return 1 if duty.gap else 0
    say(f"{unit.title}: {_sentence(organisation, duty)}", "red" if duty.gap else "")
    table(
        ("", "layer", "whom", "why"),
        (
            ("→" if rung.won else "", rung.name, _names(organisation, rung.people), rung.says)
            for rung in rungs
        ),
    )
    if then:
        say(f"next, at {utc(int(then[0].timestamp()))}: {_sentence(organisation, then[1])}")
    else:
        say("next: the same people for 400 days")
    return 1 if duty.gap else 0


def _told(organisation: Organisation, duty: OnDuty) -> dict[str, object]:
    return {
        "desk": duty.desk,
        "members": list(duty.members),
        "names": [organisation.members[member].name for member in duty.members],
        "because": duty.because,
        "since": utc(duty.since),
        "until": utc(duty.until),
        "gap": duty.gap,
    }


def _sentence(organisation: Organisation, duty: OnDuty) -> str:
    people = _names(organisation, duty.members)
    if duty.gap:
        return f"{duty.because}{f' ({people})' if people else ''}, {utc(duty.since)} to {utc(duty.until)}"
    who = people or "whoever is there"
    return f"{who} at desk {duty.desk}, by {duty.because}, {utc(duty.since)} to {utc(duty.until)}"


def _names(organisation: Organisation, people: Iterable[str]) -> str:
    """Name members; a desk that an override puts on stands for itself."""
    known = organisation.members
    return ", ".join(known[each].name if each in known else each for each in people)
