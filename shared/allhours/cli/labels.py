"""Write what desks labelled by moving cases as JSON lines, for `make train LABELS=labels.jsonl`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.cli import deployed, past
from allhours.cli.terminal import tell
from allhours.flows.move import examples

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the time."""
    past.add_since(parser, "90d")
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a line a post: its masked text, the topic that the desk found, and what had been decided."""
    labels = deployed.moves(deployed.stack(arguments), timedelta(0))
    for line in examples(labels, arguments.since):
        tell(line)
    return 0
