"""Make a case of an item that opened none, and put on record who did, and why.

Its clock starts now. The organisation is that of the file, which must be the deployed one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allhours import models
from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, tell
from allhours.domain.case import case_to_json
from allhours.domain.router import Router
from allhours.flows.promote import promote
from allhours.networks.windows import ANSWER_WINDOWS

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the item, the unit, and whose word it is."""
    parser.add_argument("item", metavar="ITEM", help="network#id, as in an event")
    parser.add_argument("--unit", default="", help="who gets it; whom the ladder names where left out")
    parser.add_argument("--by", required=True, metavar="MEMBER", help="whose word it is, for the record")
    parser.add_argument("--because", required=True, metavar="TEXT", help="why, for the record")
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Open the case, tell which, and with whom it is."""
    stack, at = deployed.stack(arguments), now()
    organisation = shared.organisation_of(arguments)
    live = replace(organisation, changes=stack.rota_changes.read().changes)
    case = promote(
        arguments.item,
        unit=arguments.unit,
        by=arguments.by,
        because=arguments.because,
        router=Router(live, judge=models.judge(live), answer_windows=ANSWER_WINDOWS),
        records=stack.records(organisation.retention),
        at=at,
    )
    if arguments.json:
        tell(case_to_json(case))
    else:
        say(f"{arguments.item} is case {case.case_id}, with {case.unit}, for {case.owner}; its clock runs")
    return 0
