"""Compile organisation files to the layer that functions read.

Writes `allhours_organisation/` with `organisation.json`; the same files give the same bytes within a year.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli.cover import holes
from allhours.cli.organisation_file import compiled, load, now
from allhours.cli.terminal import fail, say, tell
from allhours.domain.proof import utc

if TYPE_CHECKING:
    import argparse

PACKAGE = "allhours_organisation"
_MODULE = (
    '''"""The organisation, compiled by `allhours compile`; read organisation.json beside this file."""\n'''
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the files and the folder to write to."""
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="organisation file; a later one is laid over"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the package"
    )
    shared.add_at(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the package, or nothing where the check would fail."""
    at = arguments.at or now()
    loaded = load(arguments.files, at)
    if loaded.organisation is None:
        for mistake in loaded.mistakes:
            fail(str(mistake))
        return 1
    missing = holes(loaded.organisation, at)
    if missing:
        first = missing[0]
        return fail(
            f"{first.unit}: {first.sentence} from {utc(first.start)} to {utc(first.end)}, "
            f"{len(missing)} holes in all: allhours check {' '.join(map(str, arguments.files))} "
            "tells how to fill them"
        )
    folder: Path = arguments.output / PACKAGE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text(_MODULE, encoding="utf-8")
    (folder / "organisation.json").write_text(compiled(loaded.organisation), encoding="utf-8")
    written = {
        "folder": str(folder),
        "revision": loaded.organisation.revision,
        "tzdata": loaded.organisation.tzdata,
    }
    if arguments.json:
        tell(written)
    else:
        say(f"{folder}: revision {written['revision']}, tzdata {written['tzdata']}")
    return 0
