"""Escalation: the ladder that a page climbs until somebody acknowledges it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step, `after` seconds from the page's beginning.

    `notify` is on_shift, member:<id> or desk:<id>; heads and duties are resolved when the file is compiled.
    It is repeated every `repeat` seconds until it was made `times` times in all.
    """

    after: int
    notify: str
    repeat: int = 0
    times: int = 1
    alarm: bool = False
