"""Meter paid reads and quota units: page near a day's ceiling, stop at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from allhours.domain import page
from allhours.domain.errors import OverBudget

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.spending import Ceiling
    from allhours.flows.cover_ports import Pages


class Spendings(Protocol):
    """What was spent, by purse and day."""

    def total(self, purse: str, day: str) -> float:
        """Return what a purse has spent on a day."""
        ...

    def add(self, purse: str, day: str, cost: float) -> float:
        """Count a cost; return the day's total with it."""
        ...


class DayMeter:
    """A network's meter (`networks.contract.Meter`), for as long as a function is warm.

    A purse is an account, or the whole app where the network counts all handles together. Before a call
    `room` knows the total as of the last one of this function; the total that `spend` returns is exact.
    """

    def __init__(
        self,
        network: str,
        ceiling: Ceiling,
        *,
        of_app: bool,
        spendings: Spendings,
        pages: Pages,
        clock: Callable[[], datetime],
        reserve: float = 0.0,
    ) -> None:
        """Keep the ceiling and who is asked; nothing is read yet.

        `reserve` is the share of the ceiling that this use of the network leaves to the others.
        """
        self._network = network
        self._ceiling = ceiling
        self._of_app = of_app
        self._spendings = spendings
        self._pages = pages
        self._clock = clock
        self._reserve = reserve * ceiling.a_day
        self._totals: dict[tuple[str, str], float] = {}
        self._told: set[tuple[str, str, bool]] = set()

    def room(self, handle: Handle, cost: float) -> None:
        """Raise `OverBudget`, and page once a day, when the ceiling has no room for so much more."""
        at = self._clock()
        purse, day = self._purse(handle), self._ceiling.day(at)
        if (purse, day) not in self._totals:
            self._totals = {(purse, day): self._spendings.total(purse, day), **self._of_today(day)}
        spent = self._totals[purse, day]
        if self._ceiling.has_room(spent, cost + self._reserve):
            return
        if not self._reserve:
            self._tell(handle, purse, day, spent, at, over=True)
        raise OverBudget(
            self._network,
            f"the day's ceiling is reached: {self._ceiling.amount(spent)}",
            handle=handle.handle,
            retry_at=self._ceiling.retry_at(at),
        )

    def spend(self, handle: Handle, cost: float) -> None:
        """Count a cost for the account, and for the app where that is what the network counts."""
        if not cost:
            return
        at = self._clock()
        purse, day = self._purse(handle), self._ceiling.day(at)
        spent = self._spendings.add(purse, day, cost)
        if self._of_app:
            self._spendings.add(f"{self._network}#{handle.account}", day, cost)
        self._totals[purse, day] = spent
        if self._ceiling.is_near(spent):
            self._tell(handle, purse, day, spent, at, over=False)

    def _purse(self, handle: Handle) -> str:
        return self._network if self._of_app else f"{self._network}#{handle.account}"

    def _of_today(self, day: str) -> dict[tuple[str, str], float]:
        return {key: total for key, total in self._totals.items() if key[1] == day}

    def _tell(self, handle: Handle, purse: str, day: str, spent: float, at: datetime, *, over: bool) -> None:
        """Page once a day and purse; the page's id keeps a second function from doing so again."""
        if (purse, day, over) not in self._told:
            whose = "all accounts" if self._of_app else handle.account
            self._pages.call(
                page.budget(self._network, whose, self._ceiling.amount(spent), day, at, over=over)
            )
            self._told.add((purse, day, over))


class NoMeter:
    """The meter of a network that charges nothing and counts nothing."""

    def room(self, handle: Handle, cost: float) -> None:
        """There is always room."""

    def spend(self, handle: Handle, cost: float) -> None:
        """Nothing is counted."""
