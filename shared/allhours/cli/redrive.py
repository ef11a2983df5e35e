"""Send dead letters through again; safe to run twice.

Letters with an item go back on the common queue, where an item that was routed meanwhile changes nothing.
Letters without one (a post that its network does not document) are listed until `--forget` lets them go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.terminal import say, tell

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do with letters that hold no item, and from when to tell events again."""
    parser.add_argument("--forget", action="store_true", help="also let go of letters that hold no item")
    parser.add_argument(
        "--events-since",
        type=shared.instant,
        metavar="INSTANT",
        help="also tell every inbox again what happened since; they drop what they know by event_id",
    )
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Queue each item before its letter is forgotten; 1 while letters without an item are left."""
    stack = deployed.stack(arguments)
    queued, left, told = 0, 0, 0
    for key, letter in stack.dead_letters.kept():
        if letter.body:
            stack.queue.put_again([letter.body])
            queued += 1
        elif not arguments.forget:
            left += 1
            say(f"kept: {letter.where}: {letter.reason}")
            continue
        stack.dead_letters.forget(key)
    if arguments.events_since:
        events = list(stack.events_since(arguments.events_since))
        stack.topic.publish(events)
        told = len(events)
    if arguments.json:
        tell({"queued": queued, "kept": left, "told": told})
    else:
        say(f"{queued} items queued again, {left} letters without an item kept, {told} events told again")
    return 1 if left else 0
