"""What cases are due: a broken promise is told and pages, a network's window is told before it ends.

A window pages nobody: the service levels do that long before, and after the window an answer by a person, or
in public, is often still possible. A case that cannot be read or written is reported each minute and holds up
no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from allhours.domain import notice, page
from allhours.domain.case import DESK, WINDOW, told_at
from allhours.domain.errors import AllhoursError, Busy
from allhours.flows.case_by_case import CaseByCase

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import OpenCases

MOST_DUE = 200  # cases in one tick, some twenty milliseconds each; the next tick goes on


@dataclass(kw_only=True)
class Told:
    """How many promises were found broken and windows found ending; `behind` when there may be more."""

    overdue: int = 0
    due_soon: int = 0
    behind: bool = False
    troubles: list[str] = field(default_factory=list[str])

    def check(self) -> None:
        """Raise `Busy` when something went wrong, after everything else was done."""
        if self.troubles:
            raise Busy("; ".join(self.troubles))


def tell_deadlines(*, organisation: Organisation, cases: OpenCases, at: datetime) -> Told:
    """Tell what is due by now, each deadline once; units take turns at being first."""
    told, left = Told(), MOST_DUE
    units = list(organisation.units)
    turn = int(at.timestamp()) // 60 % len(units)
    for unit in (*units[turn:], *units[:turn]):
        one_by_one = CaseByCase()
        try:
            for case in one_by_one.readable(cases.due(unit, at, most=left)):
                left -= 1
                one_by_one.do(partial(_tell, case, organisation=organisation, cases=cases, at=at, told=told))
        except AllhoursError as error:
            told.troubles.append(f"deadlines of {unit}: {error}")
        told.troubles += one_by_one.told(f"deadlines of {unit}")
        if not left:
            told.behind = True
            break
    return told


def _tell(case: Case, *, organisation: Organisation, cases: OpenCases, at: datetime, told: Told) -> bool:
    """Write the case, its notices and pages together; one that has changed meanwhile is due again."""
    kinds = [kind for kind, ends_at in case.due.items() if told_at(kind, ends_at) <= at]
    if not kinds:  # the index is a moment behind
        return False
    after = case.told(kinds)
    broken = [kind for kind in kinds if not kind.startswith(WINDOW)]
    notices = [
        (notice.overdue if kind in broken else notice.due_soon)(organisation, after, kind, case.due[kind], at)
        for kind in kinds
    ]
    duty = organisation.on_duty(case.unit, at, case=case.case_id)
    owned = after if after.owner in organisation.members else after.owned_by(DESK + duty.desk, at)
    pages = [page.overdue(owned, duty, kind, case.due[kind], at) for kind in broken]
    saved = cases.save(after, case, at=at, notices=notices, pages=pages)
    if saved:
        told.overdue += len(broken)
        told.due_soon += len(kinds) - len(broken)
    return saved
