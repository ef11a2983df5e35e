"""What a detector is: a name, a reason that a clerk can read, and a function that yields hits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One span of personal data, and the little of it that a desk may see."""

    start: int
    end: int
    name: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One kind of personal data; it is asked about text that has one of its hints (none: about any text).

    `find` reads one stretch of folded, lower-case text: ASCII digits, no invisible characters.
    """

    names: tuple[str, ...]
    reason: str
    hints: tuple[str, ...] = ()
    digits: bool = True  # there is nothing to find in text without a digit
    find: Callable[[str], Iterator[Hit]]
