"""Answered: a unit says that a customer has had an answer. It is on record who said so, and for when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from allhours.domain import notice
from allhours.domain.case import State
from allhours.domain.errors import BadInput, Busy
from allhours.domain.service_level import FIRST_ANSWER

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import OpenCases

TRIES = 4  # a router that has the case in hand is done in a moment


class KeptCases(Protocol):
    """Cases as they are on record."""

    def case(self, case_id: str) -> Case | None:
        """Return a case by its id; None when nothing is on record."""
        ...


def answered(
    case_id: str,
    *,
    by: str,
    answered_at: datetime,
    organisation: Organisation,
    kept: KeptCases,
    cases: OpenCases,
    at: datetime,
) -> Case:
    """Put the first answer on record, tell the unit, and return the case; said again it changes nothing.

    `BadInput` says why it cannot be, `Busy` that somebody else was at it.
    """
    if by not in organisation.members:
        raise BadInput(f"--by {by}: there is no such member")
    if answered_at > at:
        raise BadInput(f"{answered_at:%Y-%m-%d %H:%M:%S} UTC is yet to come: nothing was answered then")
    for _ in range(TRIES):
        case = _open(case_id, kept)
        if case.answered_at and FIRST_ANSWER not in case.due:
            return case
        if answered_at < case.promised_from:
            began = f"{case.promised_from:%Y-%m-%d %H:%M:%S} UTC"
            raise BadInput(f"case {case_id} began to wait at {began}: it cannot have been answered before")
        after = case.answered(answered_at)
        told = notice.answered(organisation, after, answered_at, by, at)
        if cases.save(after, case, at=at, notices=[told]):
            return after
    raise Busy(f"case {case_id} changed {TRIES} times while its answer was being put on record")


def _open(case_id: str, kept: KeptCases) -> Case:
    case = kept.case(case_id)
    if case is None:
        raise BadInput(f"no case {case_id!r} is on record here")
    if case.state is not State.OPEN:
        raise BadInput(f"case {case_id} is closed ({case.closed_because}): nobody waits for an answer")
    return case
