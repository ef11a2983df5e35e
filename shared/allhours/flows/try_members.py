"""Try each member once a week: a page that only asks to be acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.domain import page
from allhours.domain.errors import AllhoursError, BadInput, Busy
from allhours.domain.escalation import away
from allhours.domain.reach import last_trial

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import Reaches

LATE = timedelta(hours=1)  # a test that the clock missed by more is left to the next week: it might be night


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How many test pages were written, how many of the last day went unanswered, and what went wrong."""

    count: int
    unanswered: int
    troubles: tuple[str, ...]

    def check(self) -> None:
        """Raise `Busy` when a member could not be tried; the next minute does."""
        if self.troubles:
            raise Busy("; ".join(self.troubles))


def try_members(*, reaches: Reaches, organisation: Organisation, at: datetime) -> Tried:
    """Write each test page whose time has come by the member's clock, and count whom the last did not reach.

    Members are read from their test until a day after its deadline. Who is away is not tried.
    """
    tests = organisation.test_pages
    if tests is None:
        return Tried(count=0, unanswered=0, troubles=())
    within = timedelta(seconds=tests.within)
    trials = {name: last_trial(tests, member.zone, at) for name, member in organisation.members.items()}
    recent = {name: trial for name, trial in trials.items() if at - trial.at < within + timedelta(days=1)}
    count, unanswered, troubles = 0, 0, list[str]()
    for name, reach in (reaches.load(tuple(recent)) if recent else {}).items():
        if isinstance(reach, BadInput):
            troubles.append(f"the test page of {name}: {reach}")
            continue
        trial = recent[name]
        unanswered += reach.week == trial.week and reach.unreachable_since(tests.within, at) is not None
        if reach.week == trial.week or at - trial.at >= LATE or away(organisation, name, at):
            continue
        try:
            written = page.trial(name, _unit_of(organisation, name), trial.week, tests.within, at)
            count += reaches.tried(replace(reach, week=trial.week, tried_at=at), written)
        except AllhoursError as error:
            troubles.append(f"the test page of {name}: {error}")
    return Tried(count=count, unanswered=unanswered, troubles=tuple(troubles))


def _unit_of(organisation: Organisation, member: str) -> str:
    """Return the first unit that the member belongs to, by whose filter the page is heard as well."""
    units = (name for name, unit in organisation.units.items() if member in unit.members)
    return next(units, "operations")
