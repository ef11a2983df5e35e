"""Say that a case has had its first answer, from whatever desk it was written at.

The organisation is that of the file, which must be the deployed one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, tell
from allhours.domain.case import case_to_json
from allhours.domain.service_level import FIRST_ANSWER
from allhours.flows.answered import answered

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the case, whose word it is, and when the customer was answered."""
    parser.add_argument("case", metavar="CASE", help="the case's id, as in an event")
    parser.add_argument("--by", required=True, metavar="MEMBER", help="whose word it is, for the record")
    shared.add_at(parser)
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Put it on record, and tell whether the promise was kept."""
    stack, at = deployed.stack(arguments), now()
    chosen, arguments.at = arguments.at, None  # holidays are those of today, whenever it was answered
    case = answered(
        arguments.case,
        by=arguments.by,
        answered_at=chosen or at,
        organisation=shared.organisation_of(arguments),
        kept=stack.records(timedelta(0)),
        cases=stack.open_cases,
        at=at,
    )
    if arguments.json:
        tell(case_to_json(case))
    elif case.answered_at:
        waited = (case.answered_at - case.promised_from) // timedelta(minutes=1)
        late = ", later than promised" if FIRST_ANSWER in case.missed else ""
        when = f"{case.answered_at:%Y-%m-%d %H:%M} UTC"
        say(f"case {case.case_id} was answered at {when}, after {waited} min{late}")
    return 0
