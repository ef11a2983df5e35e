"""Check organisation files and prove 400 days of cover.

A hole that the file does not accept fails the check and is listed with its cheapest fill.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli.cover import holes, utc
from allhours.cli.organisation_file import PROVED_FOR, load, now
from allhours.cli.terminal import say, table, tell

if TYPE_CHECKING:
    import argparse

    from allhours.cli.cover import Hole
    from allhours.cli.organisation_file import Loaded

_MOST_LISTED = 10  # gaps of a unit; --json lists all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files and the day from which to prove."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="organisation file; a later one is laid over"
    )
    shared.add_at(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say everything that is wrong, or that all is well."""
    at = arguments.at or now()
    loaded = load(arguments.files, at)
    found = holes(loaded.organisation, loaded.accepted_gaps, at) if loaded.organisation else []
    open_holes = [hole for hole in found if not hole.accepted]
    if arguments.json:
        tell(_report(loaded, found))
    else:
        for mistake in loaded.mistakes:
            say(str(mistake), "red")
        for warning in loaded.warnings:
            say(f"{warning} (warning)", "yellow")
        _list_holes(open_holes)
        _summary(loaded, found)
    return 1 if loaded.mistakes or open_holes else 0


def _report(loaded: Loaded, found: list[Hole]) -> dict[str, object]:
    organisation = loaded.organisation
    return {
        "ok": organisation is not None and all(hole.accepted for hole in found),
        "mistakes": [
            {"file": m.file, "line": m.line, "path": m.path, "text": m.text} for m in loaded.mistakes
        ],
        "warnings": [
            {"file": m.file, "line": m.line, "path": m.path, "text": m.text} for m in loaded.warnings
        ],
        "gaps": [
            {
                "unit": hole.unit,
                "from": utc(hole.gap.start),
                "until": utc(hole.gap.end),
                "staff": hole.gap.staff,
                "need": hole.gap.need,
                "fill": hole.fill,
                "accepted": hole.accepted,
            }
            for hole in found
        ],
        "revision": organisation.revision if organisation else None,
        "tzdata": organisation.tzdata if organisation else None,
    }


def _list_holes(found: list[Hole]) -> None:
    for unit, each in groupby(found, key=lambda hole: hole.unit):
        theirs = list(each)
        hours = sum(hole.minutes for hole in theirs) / 60
        table(
            ("from", "until", "minutes", "on duty", "cheapest fill"),
            [
                (
                    utc(hole.gap.start),
                    utc(hole.gap.end),
                    str(hole.minutes),
                    f"{hole.gap.staff} of {hole.gap.need}",
                    hole.fill,
                )
                for hole in theirs[:_MOST_LISTED]
            ],
            title=f"{unit}: {len(theirs)} gap{'s' * (len(theirs) > 1)}, {hours:g} h",
        )
        if len(theirs) > _MOST_LISTED:
            say(f"and {len(theirs) - _MOST_LISTED} more until {utc(theirs[-1].gap.end)}; --json lists all")


def _summary(loaded: Loaded, found: list[Hole]) -> None:
    organisation = loaded.organisation
    if organisation is None:
        say(f"{len(loaded.mistakes)} mistake{'s' * (len(loaded.mistakes) > 1)}", "bold red")
        return
    accepted = sum(hole.accepted for hole in found)
    known = f" ({accepted} accepted)" if accepted else ""
    missing = len(found) - accepted
    verdict = f"{missing} gap{'s' * (missing != 1)} in the next" if missing else "no gap in"
    say(
        f"{organisation.name}: {len(organisation.units)} units, {len(organisation.accounts)} accounts, "
        f"{len(organisation.handles)} handles, {len(organisation.members)} members, "
        f"{len(organisation.rules)} rules; {verdict} {PROVED_FOR.days} days{known}; "
        f"revision {organisation.revision}, tzdata {organisation.tzdata}",
        "bold red" if missing else "bold green",
    )
