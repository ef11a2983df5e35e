"""The deployed stack, as commands that ask it find it; boto3 is imported only by those."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from allhours.aws.endings import DynamoEndings
    from allhours.aws.erase import DynamoErasure
    from allhours.aws.moves import DynamoMoves
    from allhours.aws.records import DynamoRecords
    from allhours.aws.stack import Stack


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Let the stack be chosen."""
    parser.add_argument(
        "--stack",
        default=os.environ.get("ALLHOURS_STACK", "allhours"),
        help="name of the CloudFormation stack (ALLHOURS_STACK, else allhours)",
    )


def stack(arguments: argparse.Namespace) -> Stack:
    """Find the chosen stack."""
    from allhours.aws.stack import Stack  # noqa: PLC0415 - boto3 takes 0.2 s that other commands need not wait for

    return Stack.named(arguments.stack)


def records(arguments: argparse.Namespace) -> DynamoRecords:
    """Return the stack's items and cases, for reading only."""
    return stack(arguments).records(timedelta(0))


def moves(stack: Stack, retention: timedelta) -> DynamoMoves:
    """Return the stack's cases to be moved, and the labels that moves left."""
    from allhours.aws.moves import DynamoMoves  # noqa: PLC0415 - as above

    return DynamoMoves(stack.table, stack.records(retention), retention)


def erasure(stack: Stack) -> DynamoErasure:
    """Return the stack's table, as it is erased from."""
    from allhours.aws.erase import DynamoErasure  # noqa: PLC0415 - as above

    return DynamoErasure(stack.table)


def endings(stack: Stack) -> DynamoEndings:
    """Return what else the stack keeps of items that ended."""
    from allhours.aws.endings import DynamoEndings  # noqa: PLC0415 - as above

    return DynamoEndings(stack.table)
