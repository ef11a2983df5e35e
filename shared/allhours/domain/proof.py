"""Prove that somebody who can and may is on duty at every instant, and name each that is without.

Pure: the plan, the changes by hand and the members' leave as the organisation has them. `docs/cover.md` says
of each kind of finding what it means and how to mend it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from allhours.domain.changes import overrides_of
from allhours.domain.fairness import PERIOD, Record, records_of
from allhours.domain.fills import DAY, Fill, Fills
from allhours.domain.instants import instant
from allhours.domain.qualified import qualified_gaps
from allhours.domain.rota import compile_rota

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from allhours.domain.organisation import Member, Organisation, Unit
    from allhours.domain.segments import Duty, Rota, Segment
    from allhours.domain.turns import Stretch, Turn

AROUND = PERIOD  # fairness looks two weeks back and ahead of a hole, rest a day; a month has room for both
OPERATIONS = "operations"  # the ladder of pages about the system itself; no unit


class Kind(StrEnum):
    """What can be wrong with cover."""

    GAP = "gap"  # nobody is on duty
    THIN = "thin"  # fewer people than the unit needs
    UNCERTIFIED = "uncertified"  # on duty without the certificates or languages, or too few who have them
    UNREACHABLE = "unreachable"  # a page would not reach who is on duty or on the ladder
    DOUBLE = "double"  # on two shifts at once
    REST = "rest"  # too little rest between two duties
    FALLBACK_ITSELF = "fallback_itself"  # in a gap the work goes to those who are not there
    UNKNOWN_HOLIDAYS = "unknown_holidays"  # proved further ahead than holidays are laid down


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong in [start, end), UTC seconds: a `hole` fails the proof, a `warning` does not.

    `staff` of `need` people are there. `unit` and `shift` are where it is seen; of a double duty or a short
    rest `other` is the unit and shift that it clashes with. `fill` is the cheapest fill that was found, or
    who could best take it off the member, `runners_up` the others.
    """

    kind: Kind
    severity: Literal["hole", "warning"]
    unit: str
    start: int
    end: int
    sentence: str
    member: str = ""
    shift: str = ""
    other: tuple[str, str] = ("", "")
    staff: int = 0
    need: int = 0
    fill: Fill | None = None
    runners_up: tuple[Fill, ...] = ()

    @property
    def seconds(self) -> int:
        """Return how long it lasts."""
        return self.end - self.start

    def filled(self, fills: Sequence[Fill]) -> Finding:
        """Return the finding with its fills, the cheapest first."""
        return replace(self, fill=fills[0], runners_up=tuple(fills[1:])) if fills else self


def utc(at: int) -> str:
    """Write UTC seconds as people and calendars do."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")


def prove(
    organisation: Organisation,
    start: int,
    end: int,
    *,
    unreachable: frozenset[str] = frozenset(),
    units: Collection[str] | None = None,
) -> tuple[Finding, ...]:
    """List all that is wrong with the cover of the units, all where left out, in UTC seconds [start, end).

    `unreachable` are members who did not acknowledge their test page. In order of unit and time.
    """
    proof = _Proof(organisation, start, end, unreachable)
    chosen = [unit for unit in organisation.units.values() if units is None or unit.unit_id in units]
    found = [finding for unit in chosen for finding in proof.of_unit(unit)]
    if units is None:
        found += proof.ladder(OPERATIONS)
    return tuple(found)


def is_accepted(organisation: Organisation, finding: Finding) -> bool:
    """Tell whether the file accepts the finding: only that nobody is there, or too few, can be accepted."""
    unit = organisation.units.get(finding.unit)
    return (
        unit is not None
        and finding.kind in {Kind.GAP, Kind.THIN}
        and any(start <= finding.start and finding.end <= end for start, end in unit.accepted_gaps)
    )


def duty_findings(organisation: Organisation, start: int, end: int) -> tuple[Finding, ...]:
    """List who is on two shifts at once or rests too little, and nothing else."""
    proof = _Proof(organisation, start, end, frozenset())
    return tuple(finding for unit in organisation.units for finding in proof.of_members(unit))


class _Proof:
    """A proof over [start, end); what several findings need is worked out once."""

    def __init__(self, organisation: Organisation, start: int, end: int, unreachable: frozenset[str]) -> None:
        self.organisation, self.start, self.end = organisation, start, end
        self.silent = unreachable | {
            member.member_id for member in organisation.members.values() if not member.contact
        }
        self.unacknowledged = unreachable
        self._rotas: dict[str, Rota] = {}

    def rota(self, unit: Unit) -> Rota:
        """Compile a unit's rota, changes and leave included."""
        if unit.unit_id not in self._rotas:
            overrides = overrides_of(self.organisation.changes, unit.rota, self.organisation.members)
            self._rotas[unit.unit_id] = compile_rota(unit.rota, overrides, self.start, self.end)
        return self._rotas[unit.unit_id]

    @cached_property
    def records(self) -> dict[str, Record]:
        """What each member works, with time around the window."""
        return records_of(self.organisation, self.start - AROUND, self.end + AROUND)

    @cached_property
    def fills(self) -> Fills:
        """Who could fill holes; only asked for where there are any."""
        return Fills(self.organisation, self._rotas, self.records, self.start, self.end)

    def of_unit(self, unit: Unit) -> list[Finding]:
        """List what is wrong with one unit."""
        empty = list(self.staffing(unit))
        gaps = [(one.start, one.end) for one in empty if one.kind is Kind.GAP]
        found = [
            *empty,
            *(
                one
                for one in self.qualification(unit)
                if not any(start <= one.start and one.end <= end for start, end in gaps)
            ),
            *self.reach(unit),
            *self.ladder(unit.unit_id),
            *self.of_members(unit.unit_id),
            *self.fallback(unit, has_gaps=bool(gaps)),
            *self.holidays(unit),
        ]
        return sorted(found, key=lambda one: (one.start, one.end, one.kind, one.member))

    def staffing(self, unit: Unit) -> Iterator[Finding]:
        """Find stretches with nobody, or too few."""
        for gap in self.rota(unit).gaps():
            kind = Kind.THIN if gap.staff else Kind.GAP
            text = f"{gap.staff} of {gap.need} people are on duty" if gap.staff else "nobody is on duty"
            finding = Finding(
                kind=kind,
                severity="hole",
                unit=unit.unit_id,
                start=gap.start,
                end=gap.end,
                sentence=text,
                staff=gap.staff,
                need=gap.need,
            )
            yield finding.filled(self.fills.of(unit.unit_id, gap.start, gap.end))

    def qualification(self, unit: Unit) -> Iterator[Finding]:
        """Find who may not be on duty, and stretches with too few who may do what is needed."""
        for duty, lacking in self._unqualified(unit):
            member = self.organisation.members[duty.member or ""]
            yield Finding(
                kind=Kind.UNCERTIFIED,
                severity="hole",
                unit=unit.unit_id,
                start=duty.since,
                end=duty.until,
                sentence=f"{member.name} is on duty without {lacking}",
                member=member.member_id,
                shift=duty.because,
            ).filled(self.fills.of(unit.unit_id, duty.since, duty.until))
        for gap in qualified_gaps(unit.rota, self.rota(unit), self.organisation.members):
            wanted = ", ".join((*gap.need.certificates, *gap.need.languages))
            yield Finding(
                kind=Kind.UNCERTIFIED,
                severity="hole",
                unit=unit.unit_id,
                start=gap.start,
                end=gap.end,
                sentence=f"{gap.staff} of {gap.need.need} people with {wanted} are on duty",
                staff=gap.staff,
                need=gap.need.need,
            ).filled(
                self.fills.of(
                    unit.unit_id,
                    gap.start,
                    gap.end,
                    certificates=gap.need.certificates,
                    languages=gap.need.languages,
                )
            )

    def _unqualified(self, unit: Unit) -> Iterator[tuple[Duty, str]]:
        """Yield duties, or the part of them, without what the unit asks of everybody; and what is missing."""
        if not unit.certificates and not unit.languages:
            return
        for duty in self._duties(unit):
            member = self.organisation.members[duty.member or ""]
            missing = [language for language in unit.languages if not member.speaks((language,))]
            since = duty.since
            for name in unit.certificates:
                if not member.holds((name,), duty.until - 1):
                    runs_out = (c.valid_until for c in member.certificates if c.certificate_id == name)
                    valid_until = max((at for at in runs_out if at is not None), default=duty.since)
                    since = duty.since if missing else max(duty.since, valid_until)
                    missing.append(name)
            if missing:
                yield replace(duty, since=since), ", ".join(missing)

    def _duties(self, unit: Unit) -> list[Duty]:
        """List the duties of the unit's members within the window, joined where one follows itself."""
        rota = self.rota(unit)
        clipped = {
            replace(duty, since=max(duty.since, self.start), until=min(duty.until, self.end))
            for segment in rota.segments
            for duty in segment.duties
            if duty.member
        }
        joined: dict[tuple[str, str | None, str], Duty] = {}
        found: list[Duty] = []
        for duty in sorted(clipped, key=lambda one: (one.since, one.seat, one.because)):
            key = (*duty.seat, duty.because)
            if key in joined and joined[key].until >= duty.since:
                found.remove(joined[key])
                duty = replace(duty, since=joined[key].since, until=max(duty.until, joined[key].until))  # noqa: PLW2901
            joined[key] = duty
            found.append(duty)
        return found

    # Reach

    def reach(self, unit: Unit) -> Iterator[Finding]:
        """Find members on duty whom no page reaches, and stretches in which that is so of all."""
        told: dict[str, list[Segment]] = {}
        stretches: list[tuple[int, int, list[str]]] = []
        for segment in self.rota(unit).segments:
            silent = [duty.member for duty in segment.duties if duty.member and duty.member in self.silent]
            for name in silent:
                told.setdefault(name, []).append(segment)
            if silent and len(silent) == len(segment.duties):
                if stretches and stretches[-1][1:] == (segment.start, silent):
                    stretches[-1] = (stretches[-1][0], segment.end, silent)
                else:
                    stretches.append((segment.start, segment.end, silent))
        for name, segments in told.items():
            first, end = segments[0], segments[-1].end
            finding = self._unreachable(unit.unit_id, name, first.start, end, "is on duty")
            yield self._replaced(finding, first.start, first.end)
        for start, end, _ in stretches:
            finding = Finding(
                kind=Kind.UNREACHABLE,
                severity="hole",
                unit=unit.unit_id,
                start=start,
                end=end,
                sentence="nobody who is on duty can be reached",
            )
            yield self._replaced(finding, start, end)

    def ladder(self, unit: str) -> Iterator[Finding]:
        """Find members on a ladder whom no page reaches."""
        called = (step.notify.partition(":") for step in self.organisation.escalation.get(unit, ()))
        names = dict.fromkeys(name for kind, _, name in called if kind == "member")
        for name in names:
            if name in self.silent:
                yield self._unreachable(unit, name, self.start, self.end, "is on the escalation ladder")

    def _unreachable(self, unit: str, name: str, start: int, end: int, where: str) -> Finding:
        member = self.organisation.members.get(name)
        why = "has not acknowledged the test page" if name in self.unacknowledged else "has no contact"
        return Finding(
            kind=Kind.UNREACHABLE,
            severity="warning",
            unit=unit,
            start=start,
            end=end,
            sentence=f"{member.name if member else name} {where} and {why}",
            member=name,
        )

    # Members, over all units

    def of_members(self, unit: str) -> Iterator[Finding]:
        """Find double duties and short rests that end in a duty of the unit."""
        for finding, start, end in self._clashes:
            if finding.unit == unit:
                yield self._replaced(finding, start, end)

    def _replaced(self, finding: Finding, start: int, end: int) -> Finding:
        """Add who could be on duty in [start, end) instead of its member, and can be reached."""
        fills = self.fills.instead_of(self.silent | {finding.member}, finding.unit, start, end)
        return finding.filled(fills)

    @cached_property
    def _clashes(self) -> list[tuple[Finding, int, int]]:
        """List double duties and short rests, each with the stretch that somebody else could take."""
        found = [
            clash
            for name, record in self.records.items()
            for clash in (
                *self._doubles(self.organisation.members[name], record.turns),
                *self._rests(self.organisation.members[name], record),
            )
        ]
        return [one for one in found if one[0].start < self.end and one[0].end > self.start]

    def _doubles(self, member: Member, turns: Iterable[Turn]) -> Iterator[tuple[Finding, int, int]]:
        running: list[Turn] = []
        for turn in turns:
            running = [earlier for earlier in running if earlier.until > turn.since]
            for before in running:
                same = before.unit == turn.unit
                place = f"shift {before.shift!r}" if same else f"duty for unit {before.unit!r}"
                start, end = turn.since, min(turn.until, before.until)
                finding = Finding(
                    kind=Kind.DOUBLE,
                    severity="warning" if member.units_at_once and not same else "hole",
                    unit=turn.unit,
                    start=start,
                    end=end,
                    sentence=f"{member.name} is on {place} at the same time",
                    member=member.member_id,
                    shift=turn.shift,
                    other=(before.unit, before.shift),
                )
                yield finding, start, end
            running.append(turn)

    def _rests(self, member: Member, record: Record) -> Iterator[tuple[Finding, int, int]]:
        """Find short rests: duties less than a rest apart are one day's work, and must leave room for one.

        So must a duty without any break, such as two shifts that touch. A rest of 0 asks for nothing.
        """
        rest = self.organisation.rest
        if not rest:
            return
        works: list[list[Stretch]] = []
        for stretch in record.stretches:
            if works and stretch.since - works[-1][-1].until < rest:
                works[-1].append(stretch)
            else:
                works.append([stretch])
        ends = {turn.until: turn for turn in record.turns}
        begins = {turn.since: turn for turn in record.turns}
        for work in works:
            if work[-1].until - work[0].since > DAY - rest:
                for before, after in pairwise(work):
                    turn = begins[after.since]
                    yield self._rest(member, ends[before.until], turn), turn.since, turn.until
                for stretch in work:
                    if stretch.until - stretch.since > DAY - rest:
                        too_long = max(stretch.since + DAY - rest, self.start)
                        turn = next((one for one in record.turns if one.until > too_long), record.turns[-1])
                        yield self._unbroken(member, stretch, begins[stretch.since], turn), *turn[:2]

    def _unbroken(self, member: Member, stretch: Stretch, first: Turn, last: Turn) -> Finding:
        hours, most = (stretch.until - stretch.since) / 3_600, (DAY - self.organisation.rest) / 3_600
        sentence = f"{member.name} works {round(hours, 1):,g} h on end: {most:g} h leave room for the rest"
        return _too_little_rest(member, stretch.since, stretch.until, (first, last), sentence)

    def _rest(self, member: Member, before: Turn, after: Turn) -> Finding:
        hours, due = (after.since - before.until) / 3_600, self.organisation.rest / 3_600
        sentence = f"{member.name} rests {hours:.3g} h after {before.shift!r}: {due:.3g} h are due"
        return _too_little_rest(member, before.until, after.since, (before, after), sentence)

    # What the file leaves open

    def fallback(self, unit: Unit, *, has_gaps: bool) -> Iterator[Finding]:
        """Find a fallback that is nobody else: the unit itself, or in its gaps a desk of its own."""
        name = unit.rota.fallback
        text, severity = "", "hole"
        if name == unit.unit_id or (name not in unit.rota.desks and name not in self.organisation.members):
            text = f"the fallback {name!r} is the unit itself or nobody: name a member"
        elif has_gaps and name in unit.rota.desks:
            severity = "warning"
            text = f"in a gap the work goes to desk {name!r} of the unit, where nobody is then: name a member"
        if text:
            yield Finding(
                kind=Kind.FALLBACK_ITSELF,
                severity="hole" if severity == "hole" else "warning",
                unit=unit.unit_id,
                start=self.start,
                end=self.end,
                sentence=text,
            )

    def holidays(self, unit: Unit) -> Iterator[Finding]:
        """Find shifts that heed holidays beyond the year for which holidays are laid down."""
        zones = {unit.rota.desks[shift.desk].zone for shift in unit.rota.shifts if shift.on_holiday != "keep"}
        if not zones or not self._last_year:
            return
        unknown_from = min(instant(zone, date(self._last_year + 1, 1, 1), 0) for zone in zones)
        if unknown_from < self.end:
            yield Finding(
                kind=Kind.UNKNOWN_HOLIDAYS,
                severity="warning",
                unit=unit.unit_id,
                start=max(unknown_from, self.start),
                end=self.end,
                sentence=f"holidays are laid down until {self._last_year}: compile and deploy the file again",
            )

    @cached_property
    def _last_year(self) -> int:
        """The last year with holidays: they are laid down for all places at once."""
        places = [site.holidays for site in self.organisation.sites.values()]
        for unit in self.organisation.units.values():
            places += [desk.holidays for desk in unit.rota.desks.values()]
        return max((day.year for days in places for day in days), default=0)


def _too_little_rest(
    member: Member, start: int, end: int, turns: tuple[Turn, Turn], sentence: str
) -> Finding:
    before, after = turns
    return Finding(
        kind=Kind.REST,
        severity="hole",
        unit=after.unit,
        start=start,
        end=end,
        sentence=sentence,
        member=member.member_id,
        shift=after.shift,
        other=(before.unit, before.shift),
    )
