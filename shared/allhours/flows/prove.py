"""Prove the rota by night and after each change, and announce its holes before they begin.

A hole is on record from the night it is found until it is filled or over. It is announced at each lead of the
organisation and when it begins; leads that had passed when it was found are one announcement, at once. One
that the file accepts is announced a day before and when it begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from allhours.domain.errors import AllhoursError, BadInput
from allhours.domain.fairness import PERIOD
from allhours.domain.notice import to_unit
from allhours.domain.page import gap_ahead
from allhours.domain.proof import Kind, is_accepted, prove
from allhours.flows.cover_ports import OPEN_END, KnownGap

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from allhours.domain.notice import Notice
    from allhours.domain.organisation import Organisation
    from allhours.domain.proof import Finding
    from allhours.flows.cover_ports import Gaps, Pages

ANNOUNCED = (
    Kind.GAP,
    Kind.THIN,
    Kind.UNCERTIFIED,
    Kind.UNREACHABLE,
)  # what leaves a customer waiting; the rest is for the check
AT_ONCE = 50  # holes put on record while somebody waits for their change; the night does the rest
_DAY = 86_400
AHEAD = 400 * _DAY
_UNTIL_TRIED_AGAIN = 7 * _DAY  # whom pages reach is known anew after the next test page
_LEADS_OF_ACCEPTED = (_DAY,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What the proof found, and how many holes of it are new on record or gone from it."""

    findings: tuple[Finding, ...]
    new: int
    gone: int


def prove_night(
    organisation: Organisation, gaps: Gaps, at: datetime, *, unreachable: frozenset[str] = frozenset()
) -> Proved:
    """Prove 400 days of every unit and bring the record up to date."""
    return _prove(organisation, gaps, at, unreachable=unreachable, units=None)


def prove_unit(
    organisation: Organisation,
    gaps: Gaps,
    unit: str,
    at: datetime,
    *,
    unreachable: frozenset[str] = frozenset(),
) -> Proved:
    """Do for one unit what the night does for all; whoever changed its rota does."""
    return _prove(organisation, gaps, at, unreachable=unreachable, units=(unit,))


def _prove(
    organisation: Organisation,
    gaps: Gaps,
    at: datetime,
    *,
    unreachable: frozenset[str],
    units: Collection[str] | None,
) -> Proved:
    now = int(at.timestamp())
    horizon = now + AHEAD
    findings = prove(organisation, now, horizon, unreachable=unreachable, units=units)
    found = {
        (one.unit, one.kind.value, one.start, one.end): one for one in findings if _is_announced(one, now)
    }
    # What is on record is compared as far as this proof sees it: a hole may have begun, or end beyond.
    known = {
        (one.unit, one.kind, max(one.start, now), min(one.end, horizon)): one
        for one in gaps.known()
        if units is None or one.unit in units
    }
    new = 0
    for key in sorted(found.keys() - known.keys(), key=lambda key: key[2])[: AT_ONCE if units else None]:
        gap = _gap(organisation, found[key], horizon, now)
        new += gaps.found(gap, _notice(organisation, found[key], gap, at), at=at)
    for key in found.keys() & known.keys():
        gap = known[key]
        accepted = is_accepted(organisation, found[key])
        if gap.accepted != accepted:  # the file has changed its mind
            left = _leads(organisation, gap.start - now, accepted=accepted)
            gaps.announced(replace(gap, accepted=accepted), left, at=at)
    gone = known.keys() - found.keys()
    for key in gone:
        gaps.gone(known[key], at=at)
    return Proved(findings=findings, new=new, gone=len(gone))


def _is_announced(finding: Finding, now: int) -> bool:
    if finding.kind is Kind.UNREACHABLE:
        return finding.severity == "hole" and finding.start < now + _UNTIL_TRIED_AGAIN
    return finding.kind in ANNOUNCED


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """How many pages were written for holes, and what went wrong."""

    count: int
    troubles: tuple[str, ...]


def announce(
    due: Iterable[KnownGap | BadInput],
    *,
    organisation: Organisation,
    gaps: Gaps,
    pages: Pages,
    at: datetime,
    unreachable: Callable[[], frozenset[str]] = frozenset,
) -> Announced:
    """Page for each due hole that is still there, then move it to its next announcement.

    The page comes first: a crash between the two is a page written twice, which is once. Who is unreachable
    is asked only for a hole that is about that.
    """
    count, troubles = 0, list[str]()
    for gap in due:
        if isinstance(gap, BadInput):
            troubles.append(str(gap))
            continue
        try:
            silent = unreachable() if gap.kind == Kind.UNREACHABLE else frozenset[str]()
            count += _announce(gap, organisation, gaps, pages, at, silent)
        except AllhoursError as error:
            troubles.append(f"{gap.kind} of {gap.unit} at {gap.start}: {error}")
    return Announced(count=count, troubles=tuple(troubles))


def _announce(  # noqa: PLR0917 - which, of whom, where, when, as far as is known
    gap: KnownGap,
    organisation: Organisation,
    gaps: Gaps,
    pages: Pages,
    at: datetime,
    unreachable: frozenset[str],
) -> bool:
    now = int(at.timestamp())
    passed = [lead for lead in gap.leads if gap.start - lead <= now]
    found = _still(organisation, gap, now, unreachable)
    if not found:
        gaps.gone(gap, at=at)
        return False
    if not passed:
        return False
    head = organisation.units[gap.unit].head or organisation.company_duty
    page = gap_ahead(
        gap.unit,
        kind=gap.kind,
        start=gap.start,
        end=gap.end,
        lead=passed[-1],
        fill=found[0].fill.sentence if found[0].fill else "",
        member=head or organisation.on_duty(gap.unit, at).person,
        at=at,
        again=gap.again,
        accepted=gap.accepted,
    )
    paged = pages.call(page)
    gaps.announced(gap, gap.leads[len(passed) :], at=at)
    return paged


def _still(organisation: Organisation, gap: KnownGap, now: int, unreachable: frozenset[str]) -> list[Finding]:
    """Return what is left of a hole, as far as four weeks show."""
    start = max(gap.start, now)
    end = min(gap.end, start + PERIOD)
    if gap.unit not in organisation.units or start >= end:
        return []
    findings = prove(organisation, start - _DAY, end + _DAY, units=(gap.unit,), unreachable=unreachable)
    return [
        one
        for one in findings
        if one.kind == gap.kind and one.severity == "hole" and one.start < end and one.end > start
    ]


def _gap(organisation: Organisation, finding: Finding, horizon: int, now: int) -> KnownGap:
    accepted = is_accepted(organisation, finding)
    return KnownGap(
        unit=finding.unit,
        kind=finding.kind.value,
        start=finding.start,
        end=finding.end if finding.end < horizon else OPEN_END,
        fill=finding.fill.sentence if finding.fill else "",
        leads=_leads(organisation, finding.start - now, accepted=accepted),
        accepted=accepted,
    )


def _leads(organisation: Organisation, ahead: int, *, accepted: bool) -> tuple[int, ...]:
    """Return the leads still to come, and before them the last of those that have passed; 0 is always one."""
    wanted = _LEADS_OF_ACCEPTED if accepted else organisation.announce_gaps
    leads = sorted({*wanted, 0}, reverse=True)
    passed = [lead for lead in leads if lead >= ahead]
    return (*passed[-1:], *(lead for lead in leads if lead < ahead))


def _notice(organisation: Organisation, finding: Finding, gap: KnownGap, at: datetime) -> Notice:
    body = {
        "kind": gap.kind,
        "from": datetime.fromtimestamp(gap.start, UTC).isoformat(),
        "until": datetime.fromtimestamp(gap.end, UTC).isoformat() if gap.end < OPEN_END else None,
        "staff": finding.staff,
        "need": finding.need,
        "reason": finding.sentence,
        "fill": gap.fill,
    }
    notice_id = f"gap.found#{gap.unit}#{gap.kind}#{gap.start}#{gap.end}#{int(at.timestamp())}"
    return to_unit(notice_id, "gap.found", organisation, gap.unit, at, body)
