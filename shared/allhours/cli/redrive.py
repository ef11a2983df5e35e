"""Send dead letters through again; safe to run twice.

Letters with an item go back on the common queue, where an item that was routed meanwhile changes nothing.
Letters without one (a post that its network does not document) are listed until `--forget` lets them go.
With `--webhooks` it sends on what no webhook took, and switches on those that were switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.terminal import say, tell
from allhours.domain.delivery import delivery_from_json
from allhours.flows.notify import split

if TYPE_CHECKING:
    import argparse

    from allhours.aws.stack import Stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to do with letters that hold no item, and from when to tell events again."""
    parser.add_argument("--forget", action="store_true", help="also let go of letters that hold no item")
    parser.add_argument(
        "--events-since",
        type=shared.instant,
        metavar="INSTANT",
        help="also tell every inbox again what happened since; they drop what they know by event_id",
    )
    parser.add_argument(
        "--webhooks",
        action="store_true",
        help="instead send again what webhooks did not take, and switch on those that answered 410",
    )
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def run(arguments: argparse.Namespace) -> int:
    """Queue each item before its letter is forgotten; 1 while letters without an item are left."""
    stack = deployed.stack(arguments)
    if arguments.webhooks:
        return _webhooks(stack, arguments)
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


def _webhooks(stack: Stack, arguments: argparse.Namespace) -> int:
    """Switch all on, queue each delivery before its letter is forgotten; receivers drop what they know."""
    webhooks = shared.organisation_of(arguments).webhooks
    for webhook in webhooks:
        stack.webhooks.switch_on(webhook)
    sent = 0
    for receipt, body in stack.deliveries.buried():
        if "webhook" in body:
            stack.deliveries.put([delivery_from_json(body)])
        else:  # an event that was never split
            split([body], webhooks, stack.deliveries)
        stack.deliveries.forget(receipt)
        sent += 1
    if arguments.json:
        tell({"sent": sent, "webhooks": len(webhooks)})
    else:
        say(f"{sent} events sent again, {len(webhooks)} webhooks switched on")
    return 0
