"""What every deed at the desk has in common: who may, on what as it is now, with an audit row, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.access import may_see, must
from allhours.domain.audit import Audit
from allhours.domain.case import State
from allhours.domain.errors import BadInput, Busy, Conflict, NotThere
from allhours.domain.personal_data import mask
from allhours.flows.ports import Committed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allhours.domain.access import Action, Who
    from allhours.domain.case import Case
    from allhours.flows.desk_ports import Deed, Desk, OnRecord

TRIES = 4  # a case that two of us want changes hands within a write
LONGEST_REASON = 500  # characters


def do(
    case_id: str,
    action: Action,
    plan: Callable[[OnRecord], Deed],
    *,
    who: Who,
    desk: Desk,
    at: datetime,
) -> Deed:
    """Read the case, plan, write; again where somebody was faster. What changes nothing is done already."""
    for _ in range(TRIES):
        deed = plan(on_record(case_id, action, who=who, desk=desk))
        if is_done(deed) or desk.store.save(deed, at=at) != Committed.STALE:
            return deed
    raise Busy(f"case {case_id} changed {TRIES} times meanwhile: try again")


def is_done(deed: Deed) -> bool:
    """Return whether nothing is left to write."""
    return deed.note is None and (deed.case, deed.draft) == (deed.case_was, deed.draft_was)


def on_record(case_id: str, action: Action, *, who: Who, desk: Desk, whole: bool = False) -> OnRecord:
    """Return a case for somebody who may do this to it; one that they may not see is not there for them."""
    on = desk.store.read(case_id, whole=whole)
    if on is None or not may_see(who, on.case.unit):
        raise NotThere(f"no case {case_id} is on record here")
    must(who, action, on.case.unit)
    return on


def must_be_open(case: Case) -> None:
    """Raise `Conflict` for a closed case."""
    if case.state is not State.OPEN:
        raise Conflict(
            f"case {case.case_id} is closed ({case.closed_because or 'answered'}): reopen it first"
        )


def audited(case: Case, did: str, who: Who, at: datetime, cause: object = "", **details: object) -> Audit:
    """Return the audit row of a deed; `cause` tells it from others of its kind, the version usually."""
    return Audit(
        audit_id=f"{did}#{case.case_id}#{cause or case.version}",
        at=at,
        by=who.member,
        did=did,
        subject=case.case_id,
        unit=case.unit,
        details={name: value for name, value in details.items() if value not in {"", None}},
    )


def reason_of(because: str, *, field: str = "because", needed: bool = False) -> str:
    """Return a member's words for the record, without personal data; `BadInput` where they are missing."""
    said = because.strip()
    if needed and not said:
        raise BadInput(f"{field}: this needs a reason, for the record")
    if len(said) > LONGEST_REASON:
        raise BadInput(f"{field}: say it in {LONGEST_REASON} characters")
    return mask(said).text
