"""The clock: each minute, what has become due, in order of who waits; one trouble does not stop the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allhours.domain.errors import AllhoursError, Busy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one part of a tick counted, and what went wrong in it."""

    counts: Mapping[str, int]
    troubles: Sequence[str] = ()


@dataclass(kw_only=True)
class Ticked:
    """What a tick has done; the counts are told even when something went wrong."""

    counts: dict[str, int] = field(default_factory=dict[str, int])
    troubles: list[str] = field(default_factory=list[str])
    bugs: list[Exception] = field(default_factory=list[Exception])

    def check(self) -> None:
        """Raise `Busy` when something went wrong, a group with each bug when one was met."""
        busy = [Busy("; ".join(self.troubles))] if self.troubles else []
        if self.bugs:
            raise ExceptionGroup("bugs in a tick", [*self.bugs, *busy])
        if busy:
            raise busy[0]


def tick(work: Iterable[tuple[str, Callable[[], Done]]]) -> Ticked:
    """Do each part in order, whatever went wrong in those before; `check` raises all of it."""
    ticked = Ticked()
    for name, part in work:
        try:
            done = part()
        except AllhoursError as error:
            ticked.troubles.append(f"{name}: {error}")
            continue
        except Exception as bug:  # noqa: BLE001 - each part is a promise of its own; `check` raises the bug
            bug.add_note(f"in the part {name} of a tick")
            ticked.bugs.append(bug)
            continue
        ticked.counts |= done.counts
        ticked.troubles += done.troubles
    return ticked
