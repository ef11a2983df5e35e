"""Work on a unit's cases one by one: a case that gives trouble is told of, and the next one is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import AllhoursError, BadInput, Busy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from allhours.domain.case import Case

MOST_NAMED = 3  # troubles of a unit in one tick; more say no more
MOST_IN_A_ROW = 10  # writes that are turned down one after the other: it is the table, not the case


class CaseByCase:
    """What went wrong with single cases of a unit; a trouble that is met again counts once."""

    def __init__(self) -> None:
        """Begin with no trouble."""
        self._troubles: dict[str, None] = {}
        self._in_a_row = 0

    def readable(self, found: Iterable[Case | BadInput]) -> Iterator[Case]:
        """Yield the cases that this release can read."""
        for each in found:
            if isinstance(each, BadInput):
                self._troubles[str(each)] = None
            else:
                yield each

    def do(self, work: Callable[[], bool]) -> bool | None:
        """Do the work on one case and return its answer, None when it failed.

        When the table has turned down one case after the other, raise: going on would only take time.
        """
        try:
            answer = work()
        except AllhoursError as error:
            self._in_a_row += isinstance(error, Busy)
            if self._in_a_row == MOST_IN_A_ROW:
                raise
            self._troubles[str(error)] = None
            return None
        self._in_a_row = 0
        return answer

    def told(self, doing: str) -> Iterator[str]:
        """Yield one sentence about all troubles, which names the first; nothing when there were none."""
        if self._troubles:
            named = ", ".join(list(self._troubles)[:MOST_NAMED])
            more = len(self._troubles) - MOST_NAMED
            yield f"{doing}: {named}" + (f" and {more} more" if more > 0 else "")
