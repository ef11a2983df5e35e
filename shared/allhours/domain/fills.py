"""Who could fill a hole in the rota, the cheapest first: what it costs is fairness.

Candidates are the unit's members who are off then, not on leave, qualified, and rested before and after; and
desks that name nobody, whose shift could end later or begin earlier. The cost is how far the member's time on
duty in the four weeks around the hole would lie above the unit's mean, unsocial time counted twice.

Where somebody is on duty who had better not be, the members who could take it instead are looked for alike.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from allhours.domain.fairness import PERIOD, LocalHours, jain
from allhours.domain.instants import zone_named
from allhours.domain.rota import homes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from allhours.domain.fairness import Record
    from allhours.domain.organisation import Member, Organisation, Unit
    from allhours.domain.rota import Rota

DAY = 86_400
CALLED_OUT = 4 * 3_600  # seconds; who comes in for less has lost half a day all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One way to fill a hole; `action` says who does what, `effect` what that does to fairness.

    `how`: who is on `stays` on, who comes next `begins` earlier, who is off `comes`, or the desk gets a
    `shift` more. `cost` is in seconds and compares the fills of one hole.
    """

    desk: str
    member: str
    how: Literal["stays", "begins", "comes", "shift"]
    cost: int
    action: str
    effect: str = ""

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        return f"{self.action}: {self.effect}" if self.effect else self.action


class Fills:
    """Looks for fills in [start, end); what it has to know of the whole window was gathered once."""

    def __init__(
        self,
        organisation: Organisation,
        rotas: Mapping[str, Rota],
        records: Mapping[str, Record],
        start: int,
        end: int,
    ) -> None:
        """Remember the rotas of the units, and what each member works."""
        self._organisation = organisation
        self._rotas = rotas
        self._records = records
        self._window = start, end
        self._clocks: dict[tuple[str, str], LocalHours] = {}
        self._ends = {name: {turn.until: turn for turn in one.turns} for name, one in records.items()}
        self._starts = {name: {turn.since: turn for turn in one.turns} for name, one in records.items()}
        self._leave = [
            each for each in organisation.changes if each.kind == "leave" and each.state == "in_force"
        ]

    def of(
        self,
        unit_id: str,
        start: int,
        end: int,
        *,
        certificates: Sequence[str] = (),
        languages: Sequence[str] = (),
    ) -> tuple[Fill, ...]:
        """List the fills of a hole, the cheapest first; a whole new shift comes last.

        The unit's own certificates and languages are asked for in any case.
        """
        unit = self._organisation.units[unit_id]
        found = [
            *self._by_members(
                unit, start, end, {*unit.certificates, *certificates}, {*unit.languages, *languages}
            ),
            *self._by_desks(unit, start, end),
        ]
        return _cheapest_first(found)

    def instead_of(self, names: Collection[str], unit_id: str, start: int, end: int) -> tuple[Fill, ...]:
        """List which members could be on duty instead of these, the cheapest first."""
        unit = self._organisation.units[unit_id]
        found = self._by_members(unit, start, end, set(unit.certificates), set(unit.languages))
        return _cheapest_first(fill for fill in found if fill.member not in names)

    # Members

    def _by_members(
        self, unit: Unit, start: int, end: int, certificates: set[str], languages: set[str]
    ) -> Iterator[Fill]:
        middle = (start + end) // 2
        around = {
            name: self._records[name].worked(middle - PERIOD // 2, middle + PERIOD // 2)
            for name in unit.members
        }
        mean = sum(worked.burden for worked in around.values()) / max(len(around), 1)
        for name in unit.members:
            member = self._organisation.members[name]
            if not (
                member.holds(certificates, end - 1)
                and member.speaks(languages)
                and self._is_free(member, start, end)
            ):
                continue
            how, desk, text = self._way(unit, name, start, end)
            added = self._records[name].local.worked(start, end)
            charged = max(added.burden, CALLED_OUT) if how == "comes" else added.burden
            hours = {other: worked.hours for other, worked in around.items()}
            after = hours | {name: hours[name] + end - start}
            yield Fill(
                desk=desk,
                member=name,
                how=how,
                cost=int(around[name].burden + charged - mean),
                action=f"{member.name} (desk {desk}) {text}, {_clocks(unit, desk, start, end)}",
                effect=(
                    f"+{_hours(end - start)} h, {_hours(after[name])} h in 4 weeks "
                    f"against a mean of {_hours(sum(hours.values()) / len(hours))} h; "
                    f"Jain index {jain(hours.values()):.2f} → {jain(after.values()):.2f}"
                ),
            )

    def _is_free(self, member: Member, start: int, end: int) -> bool:
        """Tell whether the member is off, not on leave, and still rests enough with these hours added."""
        if any(away.start < end and away.end > start for away in member.leave) or any(
            away.remove == member.member_id and away.start < end and away.end > start for away in self._leave
        ):
            return False
        theirs = self._records[member.member_id].stretches
        after = bisect_left(theirs, start, key=lambda stretch: stretch.until)
        if after < len(theirs) and theirs[after].until == start:
            after += 1
        if after < len(theirs) and theirs[after].since < end:
            return False
        rest, since, until = self._organisation.rest, start, end
        for stretch in reversed(theirs[:after]):  # those that are not a night's rest apart are one day's work
            if since - stretch.until >= max(rest, 1):
                break
            since = stretch.since
        for stretch in theirs[after:]:
            if stretch.since - until >= max(rest, 1):
                break
            until = stretch.until
        return not rest or until - since <= DAY - rest

    def _way(
        self, unit: Unit, name: str, start: int, end: int
    ) -> tuple[Literal["stays", "begins", "comes"], str, str]:
        """Say how somebody comes to fill the hole, at which desk, in words."""
        before, after = self._ends[name].get(start), self._starts[name].get(end)
        beside = before or after
        desk = beside.desk if beside and beside.unit == unit.unit_id else homes(unit.rota, name)[0]
        if before and after:
            return "stays", desk, f"stays on from {before.shift} to {after.shift}"
        if before:
            return "stays", desk, f"stays on after {before.shift}"
        if after:
            return "begins", desk, f"begins {after.shift} earlier"
        return "comes", desk, "comes in"

    # Desks that name nobody

    def _by_desks(self, unit: Unit, start: int, end: int) -> Iterator[Fill]:
        rota = self._rotas[unit.unit_id]
        rest = self._organisation.rest
        longest = DAY - rest if rest else end - rota.start + DAY  # without a rule anything goes
        before = rota.who(start - 1).duties if start > rota.start else ()
        after = rota.who(end).duties if end < rota.end else ()
        ways: list[tuple[str, Literal["stays", "begins", "shift"], str]] = [
            *(
                (duty.desk, "stays", f"desk {duty.desk} stays on after {duty.because}")
                for duty in before
                if not duty.member and duty.until == start and end - duty.since <= longest
            ),
            *(
                (duty.desk, "begins", f"desk {duty.desk} begins {duty.because} earlier")
                for duty in after
                if not duty.member and duty.since == end and duty.until - start <= longest
            ),
            *((desk, "shift", f"a shift of desk {desk}") for desk in unit.rota.desks),
        ]
        for desk, how, text in ways:
            cost, clocks = self._desk_burden(unit, desk, start, end), _clocks(unit, desk, start, end)
            yield Fill(desk=desk, member="", how=how, cost=cost, action=f"{text}, {clocks}")

    def _desk_burden(self, unit: Unit, desk_id: str, start: int, end: int) -> int:
        key = unit.unit_id, desk_id
        if key not in self._clocks:
            desk = unit.rota.desks[desk_id]
            self._clocks[key] = LocalHours(desk.zone, desk.holidays, *self._window)
        return self._clocks[key].worked(start, end).burden


def _cheapest_first(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.how == "shift", fill.cost, fill.action)))


def _clocks(unit: Unit, desk: str, start: int, end: int) -> str:
    zone = unit.rota.desks[desk].zone
    begin, finish = (datetime.fromtimestamp(at, zone_named(zone)) for at in (start, end))
    clock = "%H:%M" if end - start < DAY else "%Y-%m-%d %H:%M"
    return f"{begin:{clock}} to {finish:{clock}} in {zone}"


def _hours(seconds: float) -> str:
    return f"{round(seconds / 3_600, 1):g}"
