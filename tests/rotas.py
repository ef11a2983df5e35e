"""A unit with day and night shifts, to change by the hour: Ana by day, Ben by night; Cleo, Dee are free."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from allhours.domain.errors import Busy, StaleRota
from allhours.domain.organisation import Member, Organisation, Unit
from allhours.domain.people import Certificate
from allhours.domain.rota import Desk, Rotation, Shift, UnitRota
from allhours.flows.cover_ports import KnownChanges
from tests.builders import NOON, an_organisation

DAY = date(2027, 3, 15)  # NOON's, a Monday


def at(hour: int, days: int = 0) -> int:
    """Return an hour of NOON's day, or of one so many days later, in UTC seconds."""
    return int((NOON.replace(hour=0) + timedelta(days=days, hours=hour)).timestamp())


def a_covered_bank(**changes: Any) -> Organisation:
    """Found a bank: in cards Ana is on from eight to eight, Ben by night; Petra heads it."""
    names = {"ana": "Ana", "ben": "Ben", "cleo": "Cleo", "dee": "Dee", "petra": "Petra"}
    members = {
        name: Member(member_id=name, name=shown, zone="UTC", contact={"sns": name})
        for name, shown in names.items()
    }
    cards = Unit(
        unit_id="cards",
        title="Cards",
        accounts=("acmecards",),
        rota=UnitRota(
            unit="cards",
            desks={
                "days": Desk(desk_id="days", zone="UTC", members=("ana", "cleo", "dee")),
                "nights": Desk(desk_id="nights", zone="UTC", members=("ben",)),
            },
            shifts=(
                _shift("day", "days", 480, 1200, "ana"),
                _shift("night", "nights", 1200, 480, "ben"),
            ),
            needs=(),
            fallback="petra",
            choose="order",
        ),
        reopen_within=timedelta(days=7),
        members=("ana", "ben", "cleo", "dee"),
        head="petra",
    )
    bank = replace(an_organisation(), members=members, units={"cards": cards}, fallback_unit="cards")
    return replace(bank, **changes)


def _shift(name: str, desk: str, start: int, end: int, member: str) -> Shift:
    turns = Rotation(members=(member,), every=1, unit="week", anchor=DAY, size=1)
    return Shift(shift_id=name, desk=desk, days=frozenset(range(7)), start=start, end=end, rotation=turns)


def certified(bank: Organisation, *names: str) -> Organisation:
    """Ask a certificate of everybody in cards, and give it to these."""
    held = (Certificate(certificate_id="psd2"),)
    members = {
        name: replace(member, certificates=held) if name in names else member
        for name, member in bank.members.items()
    }
    units = {"cards": replace(bank.units["cards"], certificates=("psd2",))}
    return replace(bank, members=members, units=units)


class FakeRotaChanges:
    """Keeps what was written; `rivals` are changes that others write just before us, one a write."""

    def __init__(self, *rivals: Any) -> None:
        self.known = KnownChanges(changes=(), version=0)
        self.rivals = list(rivals)
        self.recorded: list[Any] = []
        self.told: list[Any] = []
        self.lose_answer = False

    def read(self) -> KnownChanges:
        return self.known

    def write(
        self, known: KnownChanges, changes: Any, change: Any, at: Any, *, by: str = "", told: Any = ()
    ) -> None:
        del at
        if self.rivals:
            rival = self.rivals.pop(0)
            self.known = KnownChanges(changes=(*self.known.changes, rival), version=self.known.version + 1)
        if known != self.known:
            raise StaleRota("read it again")
        kept = tuple(one for one in changes if one.state != "withdrawn")
        self.known = KnownChanges(changes=kept, version=known.version + 1)
        self.recorded.append((change, by))
        self.told += told
        if self.lose_answer:
            self.lose_answer = False
            raise StaleRota("the answer was lost, and the repeat found its own write")


class FakeGaps:
    """Lists the holes that were found; `busy` turns every call down."""

    def __init__(self) -> None:
        self.found_holes: list[Any] = []
        self.busy = False

    def known(self) -> list[Any]:
        if self.busy:
            raise Busy("later")
        return []

    def found(self, gap: Any, told: Any, *, at: Any) -> bool:
        del told, at
        self.found_holes.append((gap.unit, gap.start, gap.end))
        return True
