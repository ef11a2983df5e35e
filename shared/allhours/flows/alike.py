"""List a unit's open cases, those with the same question together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from allhours.domain.alike import Group, grouped
from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allhours.domain.case import Case


class UnitsCases(Protocol):
    """Where the open cases of a unit are found."""

    def of_unit(self, unit: str) -> Iterable[Case | BadInput]:
        """Yield every open case of the unit; what stands for one that this release cannot read is told."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A unit's open cases by question, and what could not be read."""

    groups: tuple[Group, ...]
    troubles: tuple[str, ...]


def alike(unit: str, cases: UnitsCases) -> Listed:
    """Return the groups of the unit's open cases; worked out anew each time, so none can be stale."""
    found = list(cases.of_unit(unit))
    return Listed(
        groups=tuple(grouped(each for each in found if not isinstance(each, BadInput))),
        troubles=tuple(str(each) for each in found if isinstance(each, BadInput)),
    )
