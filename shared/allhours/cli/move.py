"""Hand a case to another unit: whoever is on duty there has it, and the model learns from it.

The organisation is that of the file, which must be the deployed one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, tell
from allhours.domain.case import case_to_json
from allhours.flows.move import move

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the case, the unit, and whose word it is."""
    parser.add_argument("case", metavar="CASE", help="the case's id, as in an event or a page")
    parser.add_argument("unit", metavar="UNIT", help="who gets it")
    parser.add_argument("--by", required=True, metavar="MEMBER", help="whose word it is, for the record")
    parser.add_argument("--because", default="", metavar="TEXT", help="why, for those who get it")
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Move it, and tell with whom it is."""
    stack, at = deployed.stack(arguments), now()
    organisation = shared.organisation_of(arguments)
    case = move(
        arguments.case,
        arguments.unit,
        by=arguments.by,
        because=arguments.because,
        organisation=replace(organisation, changes=stack.rota_changes.read().changes),
        cases=deployed.moves(stack, organisation.retention),
        at=at,
    )
    if arguments.json:
        tell(case_to_json(case))
    else:
        say(f"case {case.case_id} is with {case.unit} as {case.account or 'no account'}, for {case.owner}")
    return 0
