"""Run the command line: `allhours` or `python -m allhours.cli`."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from allhours import __version__
from allhours.cli.terminal import fail
from allhours.domain.errors import AllhoursError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(Protocol):
    """What a command's module offers."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Declare what may stand behind the command."""

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Do it and return 0, or 1 when what was looked at is not as it should be."""


COMMANDS = {
    "check": "Check organisation files and prove 400 days of cover",
    "compile": "Compile organisation files to the layer that functions read",
    "who": "Say who is on duty at an instant, and why",
    "rota": "Show the rota between two dates as a table, a calendar or a picture",
    "fairness": "Show how evenly duty is shared, or with --answers how long customers wait, whoever they are",
    "staffing": "Say how many people each interval needs, and what one more would save",
    "networks": "Show what each network can do: reads, answers, limits, windows, cost, needs",
    "connect": "Lead through connecting a handle: credentials, webhook, and one read to prove it",
    "parse": "Turn a recorded answer or webhook body into items",
    "triage": "Show for each post whether it is a case, its unit, priority, reason and masked text",
    "replay": "Show what a changed organisation file would move, before anybody deploys it; it only reads",
    "explain": "Say why an item went where it went, from the record",
    "promote": "Make a case of an item that opened none, and put on record who did, and why",
    "cases": "List a unit's open cases by when they are due, those with the same question together",
    "answered": "Say that a case has had its first answer, or with --by-card how many answers cards gave",
    "move": "Hand a case to another unit: whoever is on duty there has it, and the model learns from it",
    "labels": "Write what desks labelled by moving cases as JSON lines, for `make train LABELS=labels.jsonl`",
    "page": "Pages that nobody has taken yet: list them, take one, hand one back",
    "trace": "Show everything that happened to a case, or of late to a unit, from the record",
    "doctor": "Look over a deployed stack: what is not well, and what to do about it",
    "change": "Change the rota by hand: overrides, swaps, leave, and members' private links",
    "redrive": "Send dead letters through again; safe to run twice",
    "verify-accounts": "Check a bank's signed list of accounts, and whether a handle is in it",
    "erase": "Erase an author or an item everywhere on record, and prove that nothing is left",
}
"""Every command, which is the module of that name with `_` for `-`, and its line in the help."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; 0 all well, 1 something is wrong with what was looked at, 2 the command itself is."""
    given = list(sys.argv[1:] if words is None else words)
    try:
        arguments = _parser(next(iter(given), "")).parse_args(given or ["--help"])
        return int(arguments.run(arguments))
    except SystemExit as ended:  # argparse has said why
        return int(ended.code or 0)
    except AllhoursError as error:
        return fail(str(error))
    except OSError as error:
        return _fail_outside(error)
    except KeyboardInterrupt:
        return 130  # as shells count an interrupt


def _fail_outside(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return fail(f"{error.filename or 'a file'}: {(error.strerror or type(error).__name__).lower()}", code=2)


def _parser(named: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="allhours", description="Every network, every hour, the right desk."
    )
    parser.add_argument("--version", action="version", version=f"allhours {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        each = commands.add_parser(name, help=line, description=f"{line}.")
        if name == named:  # only this one is imported: `check` needs no AWS library
            each.add_argument("--json", action="store_true", help="for machines")
            command = cast("Command", import_module(f"allhours.cli.{name.replace('-', '_')}"))
            command.add_arguments(each)
            each.set_defaults(run=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
