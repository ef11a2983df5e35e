"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli.organisation_file import load, now
from allhours.domain.errors import BadInput
from allhours.domain.organisation_json import organisation_from_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allhours.domain.organisation import Organisation, Unit

_FIRST_YEAR, _LAST_YEAR = 1970, 2200


def instant(text: str) -> datetime:
    """Read an instant; one without a zone is refused, for nobody knows whose clock it was."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant: write 2027-03-28T01:00Z") from None
    if at.tzinfo is None:
        zoned = f"{at.date()}T00:00Z" if _is_date(text) else f"{text}Z"
        raise argparse.ArgumentTypeError(f"{text!r} has no zone: write {zoned} for UTC, or +01:00 for the Z")
    _in_our_time(at.year)
    return at.astimezone(UTC)


def day(text: str) -> date:
    """Read a date."""
    try:
        read = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: write 2027-03-28") from None
    _in_our_time(read.year)
    return read


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _in_our_time(year: int) -> None:
    """Refuse years in which calendars end or time zones had not begun."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise argparse.ArgumentTypeError(f"year {year} is not between {_FIRST_YEAR} and {_LAST_YEAR}")


def add_at(parser: argparse.ArgumentParser) -> None:
    """Let the instant be chosen; now where it is not."""
    parser.add_argument(
        "--at", type=instant, metavar="INSTANT", help="instant with its zone; now where left out"
    )


def add_organisation(parser: argparse.ArgumentParser) -> None:
    """Let the organisation be chosen."""
    parser.add_argument(
        "--organisation",
        type=Path,
        action="append",
        metavar="FILE",
        help="file, or compiled organisation.json (organisation.yaml); given again, laid over",
    )


def organisation_of(arguments: argparse.Namespace) -> Organisation:
    """Read the chosen organisation; BadInput holds its first mistake and counts the others."""
    files: Sequence[Path] = arguments.organisation or [Path("organisation.yaml")]
    if files[0].suffix == ".json":
        return _compiled(files[0])
    connecting = getattr(arguments, "connecting", False)
    loaded = load(files, getattr(arguments, "at", None) or now(), connecting=connecting)
    if loaded.organisation is None:
        others = len(loaded.mistakes) - 1
        more = f" (and {others} more: allhours check {' '.join(map(str, files))})" if others else ""
        raise BadInput(f"{loaded.mistakes[0]}{more}")
    return loaded.organisation


def _compiled(path: Path) -> Organisation:
    try:
        return organisation_from_json(json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadInput(f"{path}: is no compiled organisation, make it with allhours compile") from None


def unit_of(organisation: Organisation, name: str) -> Unit:
    """Find a unit; BadInput lists those there are."""
    if name not in organisation.units:
        raise BadInput(f"no unit is called {name!r}; there are {', '.join(organisation.units)}")
    return organisation.units[name]
