"""Whether a second person has to agree to an answer, why, and who that may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.access import Action, may
from allhours.domain.engagement import MUST_NOT
from allhours.domain.life import Ruling
from allhours.domain.priority import URGENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from allhours.domain.access import Who
    from allhours.domain.case import Case
    from allhours.domain.draft import Draft
    from allhours.domain.organisation import Unit

ONLY_LEADS = "nobody answers this but a lead who says why"


def needed(unit: Unit, case: Case, warnings: Iterable[str], *, writer: Who) -> str:
    """Return why a second person has to agree to an answer of the writer's; "" where nobody has to.

    `warnings` are the kinds of findings in it. What only leads answer waits for one, whatever the unit says.
    """
    if case.stance == MUST_NOT and not may(writer, Action.ANSWER_ANYWAY, unit.unit_id).allowed:
        return ONLY_LEADS
    rule = unit.approval.by_kind.get(case.urgent, unit.approval.usual)
    if rule == "second":
        return f"a second person reads {'answers to ' + case.urgent if case.urgent else 'every answer'}"
    return "; ".join(_risks(case, warnings)) if rule == "risk" else ""


def _risks(case: Case, warnings: Iterable[str]) -> Iterator[str]:
    if case.urgent or case.priority == URGENT:
        yield f"it is urgent{f' ({case.urgent})' if case.urgent else ''}"
    if case.stance == MUST_NOT:
        yield ONLY_LEADS
    if kinds := sorted(set(warnings)):
        yield f"it has a warning: {', '.join(kinds)}"


def may_let_go(who: Who, case: Case, because: str) -> Ruling:
    """Return whether somebody may let an answer to this case go; where only leads may, with their reason."""
    if case.stance != MUST_NOT:
        return Ruling(allowed=True, reason="it may be answered")
    if not may(who, Action.ANSWER_ANYWAY, case.unit).allowed:
        return Ruling(allowed=False, reason=ONLY_LEADS)
    return Ruling(allowed=bool(because.strip()), reason=f"{ONLY_LEADS}: `because` is for the record")


def may_agree(who: Who, case: Case, draft: Draft) -> Ruling:
    """Return whether somebody may be the second person: another one than who wrote it, of the unit."""
    ruling = may(who, Action.APPROVE, case.unit)
    if ruling.allowed and who.member == draft.by:
        return Ruling(allowed=False, reason=f"{draft.by} wrote it: somebody else has to agree")
    return ruling
