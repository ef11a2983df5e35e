"""Hand over: at each boundary of a unit's rota, exactly once, cases change hands and the new shift is told.

What a late, doubled or concurrent tick finds done it leaves alone: a case moves under its version, a handover
has one row, and the bookmark moves last. A router that looked at the rota a second before the boundary writes
a second after it, so units stay under watch for ten minutes, and every unit has its turn now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from allhours.domain import notice
from allhours.domain.case import DESK, owner_of
from allhours.domain.errors import AllhoursError, BadInput, Busy
from allhours.domain.new_home import no_unit_any_more, taken_in
from allhours.domain.segments import changes_of_duty
from allhours.domain.staffed_clock import StaffedClock
from allhours.flows.case_by_case import CaseByCase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation
    from allhours.domain.segments import Handover, Segment
    from allhours.flows.cover_ports import Handovers, OpenCases

WATCHED = timedelta(minutes=10)  # after a boundary; a router holds its rota for seconds, a change 15 of them
LOOKED_BACK = timedelta(days=2)  # boundaries before that are history: the clock stood still for so long
MOST_MOVED = 300  # cases written in one tick, some twenty milliseconds each; the next tick goes on
MOST_READ = 20_000  # cases after which no further unit is begun; a hundred are read in thirty milliseconds
TRIES = 3  # a router that has a case in hand is done in a moment


@dataclass(kw_only=True)
class HandedOver:
    """How many handovers were told and cases moved; `behind` counts units that the next tick goes on with."""

    handovers: int = 0
    moved: int = 0
    behind: int = 0
    troubles: list[str] = field(default_factory=list[str])

    def check(self) -> None:
        """Raise `Busy` when something went wrong, after everything else was done."""
        if self.troubles:
            raise Busy("; ".join(self.troubles))


def hand_over(
    *, organisation: Organisation, cases: OpenCases, handovers: Handovers, at: datetime
) -> HandedOver:
    """Handle every boundary since the last tick; the bookmark moves only when all of them were.

    Cases of units that a deployment has removed are taken in by the fallback unit; the bookmark does not wait
    for them, nor for a single case that gives trouble: the watch and the turns try it again. Units take turns
    at being first, for a tick moves and reads no more than a minute has room for.
    """
    last = handovers.last_tick()
    since = min(last, at - WATCHED) if last else at - WATCHED
    since = max(since, at - LOOKED_BACK)
    tick = _Tick(organisation=organisation, cases=cases, handovers=handovers, at=at)
    former = sorted(handovers.units_seen() - set(organisation.units))
    units = [*organisation.units, *former]
    turn = int(at.timestamp()) // 60 % len(units)
    behind = list[str]()
    for place, unit in enumerate((*units[turn:], *units[:turn])):
        gone = unit in former
        changes = [] if gone else list(_changes(organisation, unit, since, at))
        if not (gone or changes) and place:
            continue
        one_by_one = CaseByCase()
        try:
            done = tick.take_in(unit, one_by_one) if gone else tick.hand_over(unit, changes, one_by_one)
        except AllhoursError as error:
            tick.done.troubles.append(f"handover of {unit}: {error}")
            done = False
        tick.done.troubles += one_by_one.told(f"handover of {unit}")
        if not done:
            behind.append(unit)
    tick.done.behind = len(behind)
    if set(behind) <= set(former):
        handovers.ticked(at, organisation.units)
    return tick.done


@dataclass(kw_only=True)
class _Tick:
    """One tick's work on all units, within what it may write and read."""

    organisation: Organisation
    cases: OpenCases
    handovers: Handovers
    at: datetime
    done: HandedOver = field(default_factory=HandedOver)
    writes: int = field(default_factory=lambda: MOST_MOVED)
    reads: int = field(default_factory=lambda: MOST_READ)

    def hand_over(self, unit: str, changes: Sequence[Handover], one_by_one: CaseByCase) -> bool:
        """Move the unit's cases, then tell its handovers; return whether all was done."""
        there = self._settled(unit, one_by_one)
        if there is None:
            return False
        told = self.handovers.told(unit, [change.at for change in changes])
        for change in changes:
            if change.at in told:
                continue
            before = _before(self.organisation, unit, change)
            packet = notice.handover(self.organisation, unit, change, there, before, self.at)
            self.done.handovers += self.handovers.tell(packet, unit, change.at, at=self.at)
        return True

    def take_in(self, unit: str, one_by_one: CaseByCase) -> bool:
        """Give the open cases of a unit that is none any more a new home; return whether all were tried."""
        if self._used:
            return False
        staffed = StaffedClock(self.organisation)
        for case in one_by_one.readable(self._read(unit)):
            if not self.writes:
                return False
            after = taken_in(self.organisation, case, staffed, self.at)
            one_by_one.do(partial(self._save, after, case, no_unit_any_more(unit)))
        return True

    def _settled(self, unit: str, one_by_one: CaseByCase) -> list[Case] | None:
        """Give the cases of those who left to the next; return the unit's, None when some still wait."""
        for _ in range(TRIES):
            if self._used:
                return None
            here, stale = _here(self.organisation, unit, self.at), False
            there: list[Case] = []
            for case in one_by_one.readable(self._read(unit)):
                if case.owner in here:
                    there.append(case)
                    continue
                if not self.writes:
                    return None
                owner = _next_owner(self.organisation, case, self.at)
                after = case.handed_to(owner, self.at)
                because = f"{case.owner or 'nobody'} is not on duty, {owner} is"
                saved = one_by_one.do(partial(self._save, after, case, because))
                there.append(after if saved else case)
                stale = stale or saved is False
            if not stale:
                return there
        return None

    @property
    def _used(self) -> bool:
        return not self.writes or self.reads <= 0

    def _read(self, unit: str) -> Iterator[Case | BadInput]:
        for each in self.cases.of_unit(unit):
            self.reads -= 1
            yield each

    def _save(self, after: Case, case: Case, because: str) -> bool:
        """Write the case with its notice, unless a router was faster."""
        self.writes -= 1
        told = notice.assigned(self.organisation, after, case.owner, because, self.at)
        saved = self.cases.save(after, case, at=self.at, notices=[told])
        self.done.moved += saved
        return saved


def _here(organisation: Organisation, unit: str, at: datetime) -> set[str]:
    """Return who may own a case of the unit now: all on duty, or in a gap whoever stands in."""
    segment = organisation.segment(unit, at)
    if segment.duties:
        return {duty.member or "" for duty in segment.duties} - {""} | {DESK + desk for desk in segment.desks}
    duty = organisation.on_duty(unit, at)
    return {*duty.members, DESK + duty.desk}


def _next_owner(organisation: Organisation, case: Case, at: datetime) -> str:
    """Return who gets a case whose owner left, by the unit's policy."""
    unit, duty = organisation.units[case.unit], organisation.on_duty(case.unit, at, case=case.case_id)
    queued = unit.handover == "queue" and duty.desk in unit.rota.desks
    return DESK + duty.desk if queued else owner_of(duty)


def _before(organisation: Organisation, unit: str, change: Handover) -> int:
    """Return when duty had changed hands before, or two days ago."""
    until = datetime.fromtimestamp(change.at - 1, UTC)
    earlier = [each.at for each in _changes(organisation, unit, until - LOOKED_BACK, until)]
    return earlier[-1] if earlier else int((until - LOOKED_BACK).timestamp())


def _changes(organisation: Organisation, unit: str, after: datetime, until: datetime) -> Iterator[Handover]:
    """Return the handovers in (after, until], segment by segment."""
    return changes_of_duty(_segments(organisation, unit, after, until))


def _segments(organisation: Organisation, unit: str, start: datetime, until: datetime) -> Iterator[Segment]:
    last = int(until.timestamp())
    at = int(start.timestamp())
    while at <= last:
        segment = organisation.segment(unit, datetime.fromtimestamp(at, UTC))
        yield segment
        at = segment.end
