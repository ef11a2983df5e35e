"""Turn a recorded answer or webhook body into items.

One JSON line for each post: `item`, `skipped` with the reason, or `unreadable` with the field, which fails.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli.organisation_file import now
from allhours.cli.terminal import fail, tell
from allhours.domain.handle import Handle
from allhours.domain.item import Item, Unreadable, item_to_json
from allhours.networks import NETWORKS, network_module

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the network and the handle that heard it."""
    parser.add_argument("network", choices=NETWORKS, metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--handle", default="@acmebank", help="our handle that heard it (@acmebank)")
    parser.add_argument("--native-id", default="", help="the network's id of that handle")
    shared.add_at(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read standard input; `Malformed` ends it with a line when nothing of it is the network's."""
    network = network_module(arguments.network)
    handle = Handle(
        network=arguments.network,
        account="recorded",
        unit="recorded",
        handle=arguments.handle,
        native_id=arguments.native_id,
        base_url=network.capabilities.base_url,
    )
    heard = network.parse(sys.stdin.buffer.read(), handle, arguments.at or now())
    for each in heard:
        if isinstance(each, Item):
            tell({"item": item_to_json(each)})
        else:
            tell({type(each).__name__.lower(): asdict(each)})
    unreadable = [each for each in heard if isinstance(each, Unreadable)]
    if unreadable:
        first = unreadable[0]
        count = f"{len(unreadable)} of {len(heard)}"
        return fail(
            f"{first.network}: {count} unreadable, the first is {first.native_id or '?'}, field {first.field}"
        )
    return 0
