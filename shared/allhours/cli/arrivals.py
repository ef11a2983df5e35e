"""Read arrivals from a file: `start,arrivals` with a count for each interval, or one instant a line."""

from __future__ import annotations

import csv
from datetime import datetime
from itertools import pairwise
from math import gcd, inf
from typing import TYPE_CHECKING

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = ["start", "arrivals"]
_LONGEST = 10_800  # seconds; lines further apart leave out what is empty
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


def read_arrivals(path: Path, interval: int) -> list[tuple[int, float]]:
    """Return the UTC second and the number of each line's arrivals, in order of time.

    `BadInput` names the file, the line, what is wrong with it and the mend; also where the lines are further
    apart than the `interval` of seconds into which they are to be counted.
    """
    found: dict[int, float] = {}
    counted = False
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path}:1 is not UTF-8: save it as CSV in UTF-8") from None
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{path}:{number}"
        cells = [cell.strip() for cell in next(csv.reader([line]), [])]
        if not any(cells) or [cell.casefold() for cell in cells] in (_HEADER, _HEADER[:1]):
            continue
        if len(cells) > len(_HEADER):
            raise BadInput(f"{where} has {len(cells)} columns: write start,arrivals or one instant")
        if found and counted != (len(cells) == len(_HEADER)):
            raise BadInput(f"{where} is written unlike the lines before: write start,arrivals or one instant")
        counted = len(cells) == len(_HEADER)
        at = _instant(cells[0], where)
        if counted and at in found:
            raise BadInput(f"{where} start {cells[0]} stands there twice: add the two up")
        found[at] = found.get(at, 0.0) + (_count(cells[1], where) if counted else 1.0)
    if not found:
        raise BadInput(f"{path}:1 holds no arrivals: write start,arrivals or one instant a line")
    starts = sorted(found)
    if counted and len(starts) > 1:
        apart = gcd(*(after - before for before, after in pairwise(starts)))
        if interval < apart <= _LONGEST:
            raise BadInput(f"{path}: its lines are {apart // 60} min apart: give --interval {apart // 60}m")
    return [(at, found[at]) for at in starts]


def _instant(text: str, where: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{where} start {text!r} is no instant: write 2027-03-28T09:30Z") from None
    if at.tzinfo is None:
        zoned = f"{at.date()}T00:00Z" if "T" not in text and ":" not in text else f"{text}Z"
        raise BadInput(f"{where} start {text!r} has no zone: write {zoned} for UTC, or +01:00 for the Z")
    if not _FIRST_YEAR < at.year < _LAST_YEAR:
        raise BadInput(f"{where} start {text!r} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return int(at.timestamp())


def _count(text: str, where: str) -> float:
    try:
        count = float(text)
    except ValueError:
        count = -1
    if not 0 <= count < inf:
        raise BadInput(f"{where} arrivals {text!r} is no number of cases: write 12")
    return count
