"""What changes by the hour: overrides, swaps and leave, with who and when; the plan itself is the file's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change by hand over the UTC seconds [start, end), made by `by` at `made_at`.

    An override takes a desk or member off (`remove`), puts one on (`add`), or both. A swap is an override of
    one shift on one local day that counts when both sides have agreed. Leave takes its member off in every
    unit (`unit` is ""). Only what is in force counts. `forced` says that it was made although the proof
    objected, and `objections` what it said.
    """

    change_id: str
    kind: Literal["override", "swap", "leave"]
    unit: str
    start: int
    end: int
    by: str
    made_at: int
    remove: str = ""
    add: str = ""
    reason: str = ""
    shift: str = ""
    day: date | None = None
    agreed: tuple[str, ...] = ()
    state: Literal["proposed", "in_force", "withdrawn"] = "in_force"
    forced: bool = False
    objections: tuple[str, ...] = ()
