"""Service levels: how soon a case is answered and resolved, on the wall clock or the staffed clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """What is promised for one priority, in seconds; 0 promises nothing.

    The staffed clock runs only while somebody is on duty for the unit.
    """

    priority: int
    first_answer: int
    resolution: int
    clock: Literal["wall", "staffed"]
