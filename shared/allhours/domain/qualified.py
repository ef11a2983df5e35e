"""Whether enough of those on duty may do and say what is needed: certificates that are valid, languages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allhours.domain.rota import Need, hours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.people import Member
    from allhours.domain.rota import Rota, UnitRota
    from allhours.domain.segments import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class QualifiedGap:
    """A stretch with fewer qualified people than a need asks for; `staff` is how many there are."""

    need: Need
    start: int
    end: int
    staff: int


def qualified_gaps(
    unit_rota: UnitRota, rota: Rota, members: Mapping[str, Member]
) -> tuple[QualifiedGap, ...]:
    """List where a need for certificates or languages is not met, need by need, equal neighbours as one.

    A desk that names nobody has nobody of whom it is known.
    """
    return tuple(
        gap
        for need in unit_rota.needs
        if need.certificates or need.languages
        for gap in _gaps(need, rota, members)
    )


def _gaps(need: Need, rota: Rota, members: Mapping[str, Member]) -> Iterator[QualifiedGap]:
    found: QualifiedGap | None = None
    for start, end, segment in _cut(need, rota, members):
        staff = len({duty.member for duty in segment.duties if _counts(need, duty.member, members, start)})
        if staff >= need.need:
            continue
        if found and (found.end, found.staff) == (start, staff):
            found = replace(found, end=end)
            continue
        if found:
            yield found
        found = QualifiedGap(need=need, start=start, end=end, staff=staff)
    if found:
        yield found


def _counts(need: Need, member: str | None, members: Mapping[str, Member], at: int) -> bool:
    person = members.get(member or "")
    return bool(person and person.speaks(need.languages) and person.holds(need.certificates, at))


def _cut(need: Need, rota: Rota, members: Mapping[str, Member]) -> Iterator[tuple[int, int, Segment]]:
    """Cut the segments where the need begins and ends and where a certificate runs out."""
    expiries = {
        each.valid_until
        for member in members.values()
        for each in member.certificates
        if each.certificate_id in need.certificates and each.valid_until is not None
    }
    for _, since, until in hours(need, need.zone, rota.start, rota.end):
        first, last = max(since, rota.start), min(until, rota.end)
        at = first
        while at < last:
            segment = rota.who(at)
            end = min(last, segment.end, *(expiry for expiry in expiries if expiry > at))
            yield at, end, segment
            at = end
