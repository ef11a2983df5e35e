"""What commands say: tables for people, JSON lines for machines, one clear line when something is wrong."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def visible(text: str) -> str:
    """Take out what a terminal obeys or hides: control, bidirectional and zero-width characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def say(text: str, style: str = "") -> None:
    """Print a line for people; what it holds is never read as markup."""
    Console(highlight=False, soft_wrap=True).print(Text(visible(text), style=style))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """Print a table for people, as wide as it needs to be where nobody looks at it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    shown = Table(title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(visible(cell)) for cell in row))
    console.print(shown)


def tell(document: Mapping[str, object]) -> None:
    """Print one JSON line for machines."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n")


def fail(text: str, *, code: int = 1) -> int:
    """Say on standard error, in one line, what is wrong, and return the exit code."""
    sys.stderr.write(f"allhours: {visible(' '.join(text.split()))}\n")
    return code
