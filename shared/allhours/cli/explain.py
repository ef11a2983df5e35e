"""Say why an item went where it went, from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.cli import deployed
from allhours.cli.terminal import say, tell
from allhours.domain.errors import BadInput
from allhours.domain.explained import sentence
from allhours.domain.recorded import FILTERED, recorded_from_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the item's key."""
    parser.add_argument("item", metavar="ITEM", help="network#id, as in an event or a page")
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell each decision about it in a sentence: where it went, and all that it was judged by."""
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
    """Yield what one row of the record says, a sentence a decision."""
    recorded = recorded_from_json(row)
    case_id = f"case {recorded.case_id}" if recorded.case_id else ""
    if recorded.deleted and not recorded.events:
        yield f"{recorded.item.key}: heard on {recorded.item.handle}, deleted, no case"
    for one in recorded.decisions():
        if one.kind != FILTERED or not recorded.case_id:  # else a promotion's sentence tells of it
            yield f"{_when(one.told['at'])}  {recorded.item.key} {sentence(one.told, case_id)}"
        if held := one.told.get("holding_answer"):
            yield f"  would send ({held['language']}, nobody is there until {held['until']}): {held['text']}"
    if recorded.item.masked:
        yield f"  masked at the door: {', '.join(recorded.item.masked)}"
    if recorded.deleted:
        yield "  a tombstone is kept, the words are not"


def _when(at: str) -> str:
    return f"{at[:19].replace('T', ' ')} UTC"
