"""The open cases of each unit in the records table, found by the index `due`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from allhours.aws.due import NEVER, due_rows
from allhours.aws.notices import put_notice
from allhours.aws.pages import put_page
from allhours.aws.records import case_in, move_case
from allhours.aws.table import BATCH, Row, commit, get_rows
from allhours.domain.case import Case, State
from allhours.domain.errors import BadInput
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from allhours.domain.notice import Notice
    from allhours.domain.page import Page


class DynamoOpenCases:
    """Open cases; a row that another release wrote is told of and stops nothing."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def of_unit(self, unit: str) -> Iterator[Case | BadInput]:
        """Yield every open case of the unit, read consistently; the index only says where to look."""
        return self._until(NEVER, unit)

    def due(self, unit: str, at: datetime, *, most: int) -> list[Case | BadInput]:
        """Return open cases of which something is due, soonest first; what is no case counts for none."""
        found = list[Case | BadInput]()
        for each in self._until(at, unit):
            found.append(each)
            most -= isinstance(each, Case)
            if not most:
                break
        return found

    def _until(self, at: datetime, unit: str) -> Iterator[Case | BadInput]:
        keys = due_rows(self._table, f"CASES#{unit}", at)
        while some := list(islice(keys, BATCH)):
            rows = {row["key"]["S"]: row for row in get_rows(self._table, some)}
            for key in some:
                if key in rows:
                    each = _case_or_trouble(rows[key])
                    if isinstance(each, BadInput) or (each.unit == unit and each.state is State.OPEN):
                        yield each

    def save(
        self,
        case: Case,
        was: Case,
        *,
        at: datetime,
        notices: Sequence[Notice] = (),
        pages: Sequence[Page] = (),
    ) -> bool:
        """Write the case with its notices and pages in one transaction, unless a router was faster."""
        writes = [
            ("case", move_case(self._table, case, was)),
            *(("notice", put_notice(self._table, notice, at)) for notice in notices),
            *(("page", put_page(self._table, page, at)) for page in pages),
        ]
        return commit(writes, "changing a case") == Committed.DONE


def _case_or_trouble(row: Row) -> Case | BadInput:
    try:
        return case_in(row)
    except BadInput as wrong:
        return wrong
