"""Say why an item went where it went, from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.cli import deployed
from allhours.cli.terminal import say, tell
from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the item's key."""
    parser.add_argument("item", metavar="ITEM", help="network#id, as in an event or a page")
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell unit, account, reason and who was on duty; 1 when nothing is on record."""
    row = deployed.records(arguments).item(arguments.item)
    if row is None:
        message = f"nothing is on record for {arguments.item!r}; an item is written as network#id, x#209 say"
        raise BadInput(message)
    if arguments.json:
        tell(dict(row))
    else:
        for sentence in sentences(row):
            say(sentence)
    return 0


def sentences(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what one row of the record says, a sentence an event."""
    item = row["item"]
    where = f"{item['network']}#{item['id']}"
    if not row["events"]:
        fate = "deleted" if row["deleted"] else "filtered by a rule"
        yield f"{where}: heard on {item['handle']}, {fate}, no case"
    for event in row["events"]:
        duty = event.get("on_duty", {})
        people = ", ".join(duty.get("members", ())) or duty.get("desk", "")
        on_duty = f"; on duty: {people} ({duty['because']})" if duty else ""
        moved = f", moved from {event['moved_from']}" if event.get("moved_from") else ""
        yield (
            f"{event['at']}  {where}: {event['event']} → {event['unit']} as {event['account']}{moved}, "
            f"because {event['reason']} ({event['step']}){on_duty}; "
            f"case {row['case_id']} version {event['case_version']}"
        )
        if held := event.get("holding_answer"):
            yield f"  would send ({held['language']}, nobody is there until {held['until']}): {held['text']}"
    if item.get("masked"):
        yield f"  masked at the door: {', '.join(item['masked'])}"
    if row["deleted"]:
        yield "  a tombstone is kept, the words are not"
