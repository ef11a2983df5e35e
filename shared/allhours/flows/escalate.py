"""Let pages climb: the clock decides who is called next, Forward sends.

The clock calls these each minute; late, doubled and concurrent ticks are harmless:

    escalate(pages=wiring.pages(), organisation=live_organisation(at), at=at)          -> Escalated
    send_bundles(budgets=wiring.budgets(), at=at)                                      -> Bundled
    try_members(reaches=wiring.reaches(), organisation=live_organisation(at), at=at)   -> Tried, its own file

Each looks up by the index `due` what it has to do, and tells its troubles in the end by `check()`, after the
caller has done the rest of its minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allhours.domain.errors import AllhoursError, BadInput, Busy
from allhours.domain.escalation import climbed, ladder
from allhours.domain.page import bundle, page_notice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allhours.domain.escalation import Climb
    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import Budgets, Pages

MOST_DUE = 200  # pages in one tick, ten milliseconds each; those that moved make room for the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """How many pages made a step, how many came to the end of their ladder, and what went wrong."""

    climbed: int
    exhausted: int
    troubles: tuple[str, ...]

    def check(self) -> None:
        """Raise `Busy` when a page could not be looked at; the next minute does."""
        _check(self.troubles)


def escalate(*, pages: Pages, organisation: Organisation, at: datetime) -> Escalated:
    """Make the steps that are due, and put those whom they call before Forward; the longest due first.

    A page whose row changes meanwhile was acknowledged, or stepped by another tick: the next minute sees. One
    that this release cannot read stays due, and takes nobody's place.
    """
    moved, exhausted, troubles, left = 0, 0, list[str](), MOST_DUE
    for page_id in pages.due(at):
        try:
            after = _stepped(page_id, pages, organisation, at)
        except AllhoursError as error:
            troubles.append(f"page {page_id}: {error}")
            left -= not isinstance(error, BadInput)
        else:
            moved += after is not None
            exhausted += after is not None and after.exhausted
            left -= 1
        if not left:
            break
    return Escalated(climbed=moved, exhausted=exhausted, troubles=tuple(troubles))


def _stepped(page_id: str, pages: Pages, organisation: Organisation, at: datetime) -> Climb | None:
    """Make the steps of one page and return its climb, None when there was none to make."""
    called = pages.load(page_id)
    climb = called.climb if called else None
    if called is None or climb is None or not climb.is_due(at):
        return None
    page = called.page
    after, more = climbed(climb, ladder(organisation, page.unit), organisation, page.unit, at)
    after = replace(after, calling=tuple(dict.fromkeys((*climb.calling, *more))))
    notices = (page_notice("page.exhausted", page, after, organisation, at),) if after.exhausted else ()
    saved = pages.save(called, after, waiting=bool(after.calling), at=at, notices=notices)
    return after if saved else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """How many bundles were written, and what went wrong."""

    count: int
    troubles: tuple[str, ...]

    def check(self) -> None:
        """Raise `Busy` when a bundle could not be written; the next minute does."""
        _check(self.troubles)


def send_bundles(*, budgets: Budgets, at: datetime) -> Bundled:
    """Put what waited for a member's budget before Forward, as one page."""
    count, troubles = 0, list[str]()
    for member in budgets.due(at):
        try:
            spent = budgets.load(member)
            if spent.budget.frees_at is None or spent.budget.frees_at > at:
                continue
            page = bundle(member, spent.budget, at)
            count += budgets.save(spent, spent.budget.bundled(page.page_id, at), at=at, bundle=page)
        except AllhoursError as error:
            troubles.append(f"the bundle of {member}: {error}")
    return Bundled(count=count, troubles=tuple(troubles))


def _check(troubles: Sequence[str]) -> None:
    if troubles:
        raise Busy("; ".join(troubles))
