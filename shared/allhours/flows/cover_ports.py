"""What the flows of cover ask for: pages that climb, the clock, the proof, and changes of the rota.

Apart from those of a post's trip, which every item passes and whose functions load no more than they need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.budget import Budget
    from allhours.domain.case import Case
    from allhours.domain.changes import Change
    from allhours.domain.errors import BadInput
    from allhours.domain.escalation import Climb
    from allhours.domain.notice import Notice
    from allhours.domain.page import Page
    from allhours.domain.plan import Plan
    from allhours.domain.reach import Reach


class Pages(Protocol):
    """The outbox of pages."""

    def call(self, page: Page) -> bool:
        """Write the page if its cause has not paged yet; return whether it was new."""
        ...

    def load(self, page_id: str) -> Called | None:
        """Return the page as it is now, not as an index had it; None when there is none.

        `BadInput` when this release cannot read it.
        """
        ...

    def save(
        self,
        was: Called,
        climb: Climb | None,
        *,
        waiting: bool,
        at: datetime,
        notices: Sequence[Notice] = (),
    ) -> bool:
        """Write where the page stands, with its notices, if nobody else has since it was loaded.

        A notice that was told before is left out. `waiting` puts it before Forward; without, it is marked as
        sent. Return whether it was written.
        """
        ...

    def unsent(self, before: datetime) -> Iterable[str]:
        """Yield the ids of pages that have waited for being sent since before then."""
        ...

    def due(self, at: datetime) -> Iterable[str]:
        """Yield the ids of pages whose next step is due, soonest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A page as it stands: its climb once that has begun; `waiting` while somebody is to be reached."""

    page: Page
    version: int
    climb: Climb | None = None
    waiting: bool = True


class Pager(Protocol):
    """Reaches people."""

    def send(self, page: Page, *, member: str, link: str) -> None:
        """Publish the page for one recipient, or raise `Busy`.

        `link` acknowledges it; "" where there is none. What is turned down for good is `BadInput`.
        """
        ...


class PageLinks(Protocol):
    """Makes the links that pages carry."""

    def link(self, page_id: str, serial: int, member: str, at: datetime) -> str:
        """Return the address by which the member acknowledges the page; "" when none can be made."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A member's budget as stored; `version`, 0 before any, guards the next write."""

    member: str
    budget: Budget
    version: int


class Budgets(Protocol):
    """How many pages each member was sent lately."""

    def load(self, member: str) -> Spent:
        """Return the member's budget as it is now; `BadInput` when this release cannot read it."""
        ...

    def save(self, was: Spent, budget: Budget, *, at: datetime, bundle: Page | None = None) -> bool:
        """Write the budget, and the bundle that empties it, if nobody else has since; tell whether."""
        ...

    def due(self, at: datetime) -> Iterable[str]:
        """Yield the members for whom a bundle is due."""
        ...


class Reaches(Protocol):
    """Whom test pages reached."""

    def load(self, members: Sequence[str]) -> Mapping[str, Reach | BadInput]:
        """Return what is known of each of these members, or that this release cannot read it."""
        ...

    def tried(self, reach: Reach, page: Page) -> bool:
        """Keep that the member was tried, together with the test page; tell whether it was new."""
        ...

    def reached(self, member: str, at: datetime) -> None:
        """Keep that a test page reached the member."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownChanges:
    """The changes to the rota that count or wait for consent.

    `unread` are those that this release cannot read, as they are on record: they are written back as they
    were. `version`, 0 before any, guards the next write.
    """

    changes: tuple[Change, ...]
    version: int
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeState:
    """One state of a change: who made it so and when, and what the proof said against it."""

    state: str
    by: str
    at: datetime
    agreed: tuple[str, ...]
    forced: bool
    objections: tuple[str, ...]
    more_objections: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChange:
    """A change as it is now, and every state that it had, oldest first."""

    change: Change
    states: tuple[ChangeState, ...]


class RotaChanges(Protocol):
    """What changes by the hour."""

    def read(self) -> KnownChanges:
        """Return the changes that count or wait for consent, in the order in which they were made.

        One that cannot be read does not count, and leaves the others alone.
        """
        ...

    def write(
        self,
        known: KnownChanges,
        changes: Sequence[Change],
        change: Change,
        at: datetime,
        *,
        by: str = "",
        told: Sequence[Notice] = (),
    ) -> None:
        """Replace `known` by `changes`, record the new state of `change`, leave the notices; all or nothing.

        `StaleRota` when somebody else has written since, `BadInput` when there is no room for more; leave
        always finds room.
        """
        ...


class OpenCases(Protocol):
    """The open cases of each unit, found by what is due."""

    def of_unit(self, unit: str) -> Iterable[Case | BadInput]:
        """Yield every open case of the unit as it is now; one opened within the second may be missing.

        For a row that this release cannot read, yield what is wrong with it in its place.
        """
        ...

    def due(self, unit: str, at: datetime, *, most: int) -> Sequence[Case | BadInput]:
        """Return open cases of the unit of which something is due, soonest first, as they are now.

        For a row that this release cannot read, also what is wrong with it; these are beside the `most`.
        """
        ...

    def save(
        self,
        case: Case,
        was: Case,
        *,
        at: datetime,
        notices: Sequence[Notice] = (),
        pages: Sequence[Page] = (),
    ) -> bool:
        """Write the case with its notices and pages unless it has changed since; tell whether it was.

        How long it is kept stays as it was: only what the customer says makes that longer.
        """
        ...


class Handovers(Protocol):
    """Which handovers were told, and how far the clock has come."""

    def last_tick(self) -> datetime | None:
        """Return the instant up to which every boundary was handled; None before the first."""
        ...

    def ticked(self, at: datetime, units: Iterable[str]) -> None:
        """Move the bookmark on, never back, and remember the units."""
        ...

    def units_seen(self) -> frozenset[str]:
        """Return all units that were ever remembered; a deployment may have removed some."""
        ...

    def told(self, unit: str, changed_at: Sequence[int]) -> set[int]:
        """Return which of these handovers of the unit, in UTC seconds, were told."""
        ...

    def tell(self, packet: Notice, unit: str, changed_at: int, *, at: datetime) -> bool:
        """Write the handover and its packet together, once; tell whether this call did."""
        ...


OPEN_END = 253_370_764_800  # UTC seconds; the year 9999: of a hole that reaches beyond what is proved


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGap:
    """A hole in the rota that is on record; UTC seconds [start, end), `end` may be OPEN_END.

    `leads` are the announcements to come, in seconds before it begins, the next first. `again` is 0 the first
    time, and higher each time that it opens again; `version` guards the next write. What the file has
    `accepted` is told late, and wakes nobody.
    """

    unit: str
    kind: str
    start: int
    end: int
    fill: str
    leads: tuple[int, ...]
    again: int = 0
    version: int = 0
    accepted: bool = False

    @property
    def due_at(self) -> int:
        """Return when the next announcement is due, or, after the last, when the hole is over."""
        return self.start - self.leads[0] if self.leads else self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlan:
    """What the last night saw of a unit's plan, and the version of its row."""

    plan: Plan
    version: int


class Plans(Protocol):
    """What the last night saw of each unit's plan."""

    def load(self, unit: str) -> KnownPlan | None:
        """Return it; None before the first night, `BadInput` where this release cannot read it."""
        ...

    def keep(self, plan: Plan, told: Notice | None, *, replaces: KnownPlan | None, at: datetime) -> bool:
        """Keep the plan with what is told of it; False where another night was faster."""
        ...


class Gaps(Protocol):
    """The holes in the rota that are known and not filled."""

    def known(self) -> Sequence[KnownGap]:
        """Return all of them that this release can read."""
        ...

    def due(self, at: datetime) -> Sequence[KnownGap | BadInput]:
        """Return those of which something is due, soonest first, as many as a minute can see to.

        One that this release cannot read comes as the error that says so, and takes nobody's place.
        """
        ...

    def found(self, gap: KnownGap, told: Notice, *, at: datetime) -> bool:
        """Put a hole on record with its notice; return whether it was new, or had been filled before."""
        ...

    def announced(self, gap: KnownGap, leads: tuple[int, ...], *, at: datetime) -> None:
        """Keep which announcements are left, unless somebody else has written since."""
        ...

    def gone(self, gap: KnownGap, *, at: datetime) -> None:
        """Mark the hole as filled or over, unless somebody else has written since."""
        ...
