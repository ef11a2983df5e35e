"""What is on record, for commands that look back: how far, and from the stack or from a file of exports."""

from __future__ import annotations

import argparse
import json
import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.domain.errors import BadInput
from allhours.domain.event import EVENT_SCHEMA
from allhours.domain.recorded import Conversation, conversations, recorded_from_events, recorded_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.recorded import Recorded

_LENGTH = re.compile(r"([1-9]\d{0,3})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def since(text: str) -> datetime:
    """Read how far to look back: `yesterday` (its midnight, UTC), 36h, 2d, 4w, a date, or an instant."""
    if text == "yesterday":
        return datetime.combine(now().date() - timedelta(days=1), time(), UTC)
    if length := _LENGTH.fullmatch(text):
        return now() - int(length[1]) * _UNITS[length[2]]
    try:
        return datetime.combine(shared.day(text), time(), UTC)
    except argparse.ArgumentTypeError:
        return shared.instant(text)


def add_since(parser: argparse.ArgumentParser, usual: str) -> None:
    """Let the time be chosen."""
    parser.add_argument(
        "--since",
        type=since,
        default=usual,
        metavar="WHEN",
        help=f"yesterday, 36h, 2d, 4w, a date or an instant with its zone ({usual})",
    )


def add_items(parser: argparse.ArgumentParser) -> None:
    """Let a file stand for the stack."""
    parser.add_argument(
        "--items",
        type=Path,
        metavar="FILE",
        help="in place of a stack: JSON lines, items as `explain --json` tells them or events of an inbox",
    )


def of(arguments: argparse.Namespace, start: datetime, until: datetime) -> Iterator[Conversation]:
    """Yield what was decided in [start, until), by conversation, from the file or else from the stack."""
    if arguments.items:
        return conversations(_rows(arguments.items))
    from allhours.aws.replayed import DynamoPast  # noqa: PLC0415 - a file needs no AWS library

    stack = deployed.stack(arguments)
    return DynamoPast(stack.table, stack.records(timedelta(0))).conversations(start, until)


def _rows(path: Path) -> Iterator[Recorded]:
    events: dict[str, list[Mapping[str, Any]]] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            body = _object(line)
            if body.get("schema") == EVENT_SCHEMA:
                item = body["item"]
                events.setdefault(f"{item['network']}#{item['id']}", []).append(body)
            elif "schema" not in body:  # a notice says nothing of an item
                yield recorded_from_json(body)
        except (BadInput, KeyError, TypeError) as error:
            raise BadInput(f"{path}, line {number}: {_said(error)}") from None
    for key, told in events.items():
        try:
            yield recorded_from_events(told)
        except BadInput as error:
            raise BadInput(f"{path}, {key}: {error}") from None


def _object(line: bytes) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput("is no JSON") from None
    if not isinstance(body, dict):
        raise BadInput("is no JSON object")
    return body


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, BadInput) else "is neither an item on record nor a case event"
