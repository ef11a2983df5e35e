"""Show everything that happened to a case, from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli import deployed
from allhours.cli.explain import sentences
from allhours.cli.terminal import say, tell
from allhours.domain.case import case_to_json
from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the case's id."""
    parser.add_argument("case", metavar="CASE", help="the case's id, as in an event or a page")
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell the case and each item in it, in the order in which they were said."""
    records = deployed.records(arguments)
    case = records.case(arguments.case)
    if case is None:
        message = f"no case {arguments.case!r} is on record here"
        raise BadInput(message)
    trail = records.trail(case)
    if arguments.json:
        tell({"case": case_to_json(case), "trail": [dict(row) for row in trail]})
        return 0
    author = case.author_handle or case.author_id
    deleted = sum(bool(row["deleted"]) for row in trail)
    say(
        f"case {case.case_id}: {case.state.value}, with {case.unit} as {case.account}, "
        f"priority {case.priority}, by {author} on {case.network}, "
        f"first said {case.opened_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"{case.items} posts ({case.bystanders} by others, {deleted} deleted)"
    )
    for row in trail:
        for sentence in sentences(row):
            say("  " + sentence)
    return 0
