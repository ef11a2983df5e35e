"""The flows' ports in memory, for the drill: what the table keeps on AWS stands in dictionaries here.

One thread, so a version is checked and never contended. The conditions are those of the adapters in
`allhours.aws`; what DynamoDB, SNS and SQS do to them is for the adapter and crash tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from allhours.domain.budget import Budget
from allhours.domain.case import Case, State
from allhours.domain.errors import StaleRota
from allhours.domain.reach import Reach
from allhours.flows.cover_ports import Called, KnownChanges, KnownGap, Spent
from allhours.flows.ports import Committed, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.changes import Change
    from allhours.domain.decision import Decision, Entry
    from allhours.domain.escalation import Climb
    from allhours.domain.notice import Notice
    from allhours.domain.page import Page


@dataclass(slots=True)
class MemoryNotices:
    """What units were told, each once, in order."""

    told: dict[str, Notice] = field(default_factory=dict[str, "Notice"])

    def tell(self, notices: Iterable[Notice]) -> None:
        """Keep those whose cause was not told before."""
        for notice in notices:
            self.told.setdefault(notice.notice_id, notice)


@dataclass(slots=True)
class MemoryPages:
    """The outbox of pages."""

    notices: MemoryNotices
    rows: dict[str, Called] = field(default_factory=dict[str, Called])

    def call(self, page: Page) -> bool:
        """Write the page unless its cause has paged before."""
        new = page.page_id not in self.rows
        self.rows.setdefault(page.page_id, Called(page=page, version=1))
        return new

    def load(self, page_id: str) -> Called | None:
        """Return the page as it stands."""
        return self.rows.get(page_id)

    def save(
        self,
        was: Called,
        climb: Climb | None,
        *,
        waiting: bool,
        at: datetime,  # noqa: ARG002 - the port's
        notices: Sequence[Notice] = (),
    ) -> bool:
        """Write where the page stands, unless it has changed since."""
        if self.rows[was.page.page_id] != was:
            return False
        self.rows[was.page.page_id] = replace(was, version=was.version + 1, climb=climb, waiting=waiting)
        self.notices.tell(notices)
        return True

    def unsent(self, before: datetime) -> list[str]:
        """List the pages that wait for being sent."""
        return [name for name, one in self.rows.items() if one.waiting and one.page.at <= before]

    def due(self, at: datetime) -> list[str]:
        """List the pages whose next step is due."""
        return [name for name, one in self.rows.items() if one.climb and one.climb.is_due(at)]


@dataclass(slots=True)
class MemoryRecords:
    """Items and cases; also the open cases, for the clock."""

    notices: MemoryNotices
    pages: MemoryPages
    entries: dict[str, Entry] = field(default_factory=dict[str, "Entry"])
    cases: dict[str, Case] = field(default_factory=dict[str, Case])

    def read(
        self,
        item_keys: Sequence[str],
        conversation_keys: Sequence[str],
        *,
        consistent: bool = False,  # noqa: ARG002 - the port's; memory always is
    ) -> World:
        """Return what is known."""
        return World(
            known={key: self.entries[key].as_known() for key in item_keys if key in self.entries},
            cases={key: self.cases[key] for key in conversation_keys if key in self.cases},
        )

    def commit(self, *decisions: Decision, at: datetime) -> str:
        """Write items, their cases, notices and pages together, or nothing."""
        for decision in decisions:
            entry, case = decision.entry, decision.case
            known = self.entries.get(entry.item.key) if entry else None
            if entry and (known.item.version if known else None) != entry.replaces:
                return Committed.KNOWN
            if case and self.cases.get(case.conversation_key) != decision.case_was:
                return Committed.STALE
        for decision in decisions:
            if decision.case:
                self.cases[decision.case.conversation_key] = decision.case
            if decision.entry:
                self.entries[decision.entry.item.key] = decision.entry
            self.notices.tell(decision.notices)
            for page in decision.pages:
                self.pages.call(replace(page, at=at))
        return Committed.DONE

    def of_unit(self, unit: str) -> list[Case]:
        """List the unit's open cases."""
        return [case for case in self.cases.values() if case.unit == unit and case.state is State.OPEN]

    def due(self, unit: str, at: datetime, *, most: int) -> list[Case]:
        """List the open cases of which something is due, soonest first."""
        found = [
            (case.next_due_at, case.case_id, case)
            for case in self.of_unit(unit)
            if case.next_due_at is not None and case.next_due_at <= at
        ]
        return [case for _, _, case in sorted(found)[:most]]

    def save(
        self,
        case: Case,
        was: Case,
        *,
        at: datetime,  # noqa: ARG002 - the port's
        notices: Sequence[Notice] = (),
        pages: Sequence[Page] = (),
    ) -> bool:
        """Write the case with its notices and pages, unless it has changed since."""
        if self.cases[case.conversation_key] != was:
            return False
        self.cases[case.conversation_key] = case
        self.notices.tell(notices)
        for page in pages:
            self.pages.call(page)
        return True


@dataclass(slots=True)
class MemoryHandovers:
    """Which handovers were told, and the clock's bookmark."""

    notices: MemoryNotices
    bookmark: datetime | None = None
    rows: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])

    def last_tick(self) -> datetime | None:
        """Return the bookmark."""
        return self.bookmark

    def units_seen(self) -> frozenset[str]:
        """Return none that is gone: one organisation lasts the whole day."""
        return frozenset()

    def ticked(self, at: datetime, units: Iterable[str]) -> None:  # noqa: ARG002 - as above
        """Move it on, never back."""
        self.bookmark = max(self.bookmark or at, at)

    def told(self, unit: str, changed_at: Sequence[int]) -> set[int]:
        """Return which of these were told."""
        return {at for at in changed_at if (unit, at) in self.rows}

    def tell(self, packet: Notice, unit: str, changed_at: int, *, at: datetime) -> bool:  # noqa: ARG002 - the port's
        """Keep the handover and its packet, once."""
        if (unit, changed_at) in self.rows:
            return False
        self.rows.add((unit, changed_at))
        self.notices.tell([packet])
        return True


@dataclass(slots=True)
class MemoryBudgets:
    """How many pages each member was sent lately."""

    pages: MemoryPages
    rows: dict[str, Spent] = field(default_factory=dict[str, Spent])

    def load(self, member: str) -> Spent:
        """Return the member's budget."""
        return self.rows.get(member) or Spent(member=member, budget=Budget(), version=0)

    def save(self, was: Spent, budget: Budget, *, at: datetime, bundle: Page | None = None) -> bool:  # noqa: ARG002 - the port's
        """Write the budget and its bundle."""
        self.rows[was.member] = Spent(member=was.member, budget=budget, version=was.version + 1)
        if bundle:
            self.pages.call(bundle)
        return True

    def due(self, at: datetime) -> list[str]:
        """List the members for whom a bundle is due."""
        return [
            name
            for name, spent in self.rows.items()
            if spent.budget.frees_at is not None and spent.budget.frees_at <= at
        ]


@dataclass(slots=True)
class MemoryReaches:
    """Whom test pages reached."""

    pages: MemoryPages
    rows: dict[str, Reach] = field(default_factory=dict[str, Reach])

    def load(self, members: Sequence[str]) -> Mapping[str, Reach]:
        """Return what is known of each."""
        return {name: self.rows.get(name, Reach(member=name)) for name in members}

    def tried(self, reach: Reach, page: Page) -> bool:
        """Keep the trial and its page."""
        self.rows[reach.member] = reach
        return self.pages.call(page)

    def reached(self, member: str, at: datetime) -> None:
        """Keep that a test page reached the member."""
        self.rows[member] = replace(self.rows.get(member, Reach(member=member)), reached_at=at)


@dataclass(slots=True)
class MemoryGaps:
    """The holes on record."""

    notices: MemoryNotices
    rows: dict[tuple[str, str, int, int], KnownGap] = field(
        default_factory=dict[tuple[str, str, int, int], KnownGap]
    )

    def known(self) -> list[KnownGap]:
        """Return all of them."""
        return list(self.rows.values())

    def due(self, at: datetime) -> list[KnownGap]:
        """Return those of which something is due."""
        return [gap for gap in self.rows.values() if gap.due_at <= at.timestamp()]

    def found(self, gap: KnownGap, told: Notice, *, at: datetime) -> bool:  # noqa: ARG002 - the port's
        """Put a hole on record."""
        new = _key(gap) not in self.rows
        self.rows.setdefault(_key(gap), gap)
        self.notices.tell([told])
        return new

    def announced(self, gap: KnownGap, leads: tuple[int, ...], *, at: datetime) -> None:  # noqa: ARG002 - the port's
        """Keep which announcements are left."""
        self.rows[_key(gap)] = replace(gap, leads=leads, version=gap.version + 1)

    def gone(self, gap: KnownGap, *, at: datetime) -> None:  # noqa: ARG002 - the port's
        """Forget a hole that is filled or over."""
        self.rows.pop(_key(gap), None)


def _key(gap: KnownGap) -> tuple[str, str, int, int]:
    return gap.unit, gap.kind, gap.start, gap.end


@dataclass(slots=True)
class MemoryChanges:
    """What changes by the hour."""

    notices: MemoryNotices
    changes: tuple[Change, ...] = ()
    version: int = 0

    def read(self) -> KnownChanges:
        """Return them."""
        return KnownChanges(changes=self.changes, version=self.version)

    def write(
        self,
        known: KnownChanges,
        changes: Sequence[Change],
        change: Change,  # noqa: ARG002 - the port's; there is no history to keep
        at: datetime,  # noqa: ARG002 - the port's
        *,
        by: str = "",  # noqa: ARG002 - the port's
        told: Sequence[Notice] = (),
    ) -> None:
        """Replace what was known, with its notices; `StaleRota` when that is not what is there."""
        if known.version != self.version:
            raise StaleRota("the rota has changed since it was read")
        self.changes, self.version = tuple(changes), self.version + 1
        self.notices.tell(told)
