"""List a unit's open cases by when they are due, those with the same question together.

Names, instants and reasons; the posts themselves stay in the units' inboxes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, table, tell
from allhours.domain.errors import BadInput
from allhours.domain.service_level import FIRST_ANSWER
from allhours.flows.alike import alike

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from allhours.domain.alike import Group
    from allhours.domain.case import Case

_Deadline = tuple[datetime, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the unit."""
    parser.add_argument("unit", metavar="UNIT", help="whose cases; a name of the organisation file")
    parser.add_argument("--grouped", action="store_true", help="a line for each question, not for each case")
    shared.add_at(parser)
    deployed.add_stack(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what waits, the most pressing first; what cannot be read is told at the end."""
    at = arguments.at or now()
    listed = alike(arguments.unit, deployed.stack(arguments).open_cases)
    groups = sorted(listed.groups, key=lambda group: _order(group.cases))
    if arguments.json:
        for document in _documents(groups, at, grouped=arguments.grouped):
            tell(document)
    elif not groups:
        say(f"{arguments.unit} has no open case on record here")
    elif arguments.grouped:
        _show_questions(groups, at)
    else:
        _show_cases(groups, at)
    if listed.troubles:
        raise BadInput("; ".join(listed.troubles))
    return 0


def _deadline(case: Case) -> _Deadline | None:
    """Return the first promise or window that is over and not made good, or else that comes next."""
    broken = {
        kind: ends for kind, ends in case.missed.items() if not (kind == FIRST_ANSWER and case.answered_at)
    }
    return min(((ends, kind) for kind, ends in {**case.due, **broken}.items()), default=None)


def _first(cases: Iterable[Case]) -> _Deadline | None:
    return min((each for each in map(_deadline, cases) if each), default=None)


def _order(cases: Sequence[Case]) -> tuple[bool, _Deadline | tuple[()], int, datetime]:
    first = _first(cases)
    return first is None, first or (), min(case.priority for case in cases), cases[0].opened_at


def _show_cases(groups: Sequence[Group], at: datetime) -> None:
    by_case = sorted(
        ((case, group) for group in groups for case in group.cases), key=lambda each: _order([each[0]])
    )
    rows = [
        (
            case.case_id,
            *_when(_deadline(case), at),
            str(case.priority),
            case.owner,
            f"{len(group.cases)} with {group.lead.case_id}" if len(group.cases) > 1 else "",
            case.reason,
        )
        for case, group in by_case
    ]
    table(("case", "due", "left", "priority", "owner", "same question", "why here"), rows)


def _show_questions(groups: Sequence[Group], at: datetime) -> None:
    rows = [
        (
            group.lead.case_id,
            str(len(group.cases)),
            ", ".join(group.networks),
            *_when(_first(group.cases), at),
            str(min(case.priority for case in group.cases)),
            ", ".join(sorted({case.owner for case in group.cases})),
            group.lead.reason,
        )
        for group in groups
    ]
    table(("first case", "cases", "networks", "first due", "left", "priority", "owners", "why here"), rows)


def _when(deadline: _Deadline | None, at: datetime) -> tuple[str, str]:
    if deadline is None:
        return "nothing promised", ""
    ends, kind = deadline
    left = length(abs(ends - at))
    return f"{kind} {ends:%a %d %b %H:%M}Z", f"{left} late" if ends < at else left


def length(left: timedelta) -> str:
    """Return a length as people say it: 3 d 4 h, 1 h 5 min, 12 min."""
    minutes = int(left.total_seconds()) // 60
    days, hours = minutes // 1_440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def _documents(groups: Sequence[Group], at: datetime, *, grouped: bool) -> Iterable[dict[str, object]]:
    if grouped:
        return ({**_question(group), "due": _due(group.cases, at), "cases": _ids(group)} for group in groups)
    cases = sorted((each for group in groups for each in group.cases), key=lambda case: _order([case]))
    of = {case.case_id: group for group in groups for case in group.cases}
    return (
        {
            "case_id": case.case_id,
            "case_version": case.version,
            "unit": case.unit,
            "account": case.account,
            "network": case.network,
            "handle": case.handle,
            "owner": case.owner,
            "priority": case.priority,
            "reason": case.reason,
            "opened_at": case.opened_at.isoformat(),
            "answered_at": case.answered_at.isoformat() if case.answered_at else None,
            "due": _due([case], at),
            "group": _question(of[case.case_id]),
        }
        for case in cases
    )


def _question(group: Group) -> dict[str, object]:
    return {"lead": group.lead.case_id, "count": len(group.cases), "networks": list(group.networks)}


def _ids(group: Group) -> list[str]:
    return [case.case_id for case in group.cases]


def _due(cases: Iterable[Case], at: datetime) -> dict[str, object] | None:
    first = _first(cases)
    if first is None:
        return None
    ends, kind = first
    return {"kind": kind, "at": ends.isoformat(), "left": int((ends - at).total_seconds())}
