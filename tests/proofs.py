"""Small rotas to prove things about: shifts as one writes them, Ana, Ben, Cy and Dee to take turns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from allhours.domain.organisation import Unit
from allhours.domain.people import Member
from allhours.domain.rota import Desk, Need, Rotation, Shift, UnitRota
from tests.builders import an_organisation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allhours.domain.organisation import Organisation

HOUR = 3_600
PEOPLE = ("ana", "ben", "cy", "dee")


def at(written: str) -> int:
    """Read UTC."""
    return int(datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp())


def minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def a_shift(name: str, start: str, end: str, members: Sequence[str] = (), **changes: Any) -> Shift:
    """Plan hours every day; the members take turns by the week, Monday 2027-03-15 is the first one's."""
    turns = Rotation(members=tuple(members), every=1, unit="week", anchor=date(2027, 3, 15), size=1)
    shift = Shift(
        shift_id=name,
        desk="london",
        days=frozenset(range(7)),
        start=minute(start),
        end=minute(end),
        rotation=turns if members else None,
    )
    return replace(shift, **changes)


def a_need(need: int, start: str = "00:00", end: str = "24:00", **changes: Any) -> Need:
    """Ask for so many people."""
    wanted = Need(days=frozenset(range(7)), start=minute(start), end=minute(end), zone="UTC", need=need)
    return replace(wanted, **changes)


def a_unit(
    *shifts: Shift,
    name: str = "cards",
    needs: Sequence[Need] = (),
    zones: dict[str, str] | None = None,
    members: Sequence[str] | None = None,
    **changes: Any,
) -> Unit:
    """Open a unit with one desk, or desks by zone; the last names the members, if any are given."""
    turns = [member for shift in shifts if shift.rotation for member in shift.rotation.members]
    desks = zones or {"london": "UTC"}
    last = list(desks)[-1]
    unit = Unit(
        unit_id=name,
        title=name.title(),
        accounts=(),
        rota=UnitRota(
            unit=name,
            desks={
                desk: Desk(desk_id=desk, zone=zone, members=tuple(members or ()) if desk == last else ())
                for desk, zone in desks.items()
            },
            shifts=shifts,
            needs=tuple(needs),
            fallback="dee",
            choose="order",
        ),
        reopen_within=an_organisation().units["cards"].reopen_within,
        members=tuple(dict.fromkeys([*(members or ()), *turns])),
    )
    return replace(unit, **changes)


def bank_of(*units: Unit, **changes: Any) -> Organisation:
    """Found a bank of these units; everybody has a contact."""
    members = {
        name: Member(member_id=name, name=name.title(), zone="UTC", contact={"sns": name}) for name in PEOPLE
    }
    found: dict[str, Any] = {
        "accounts": {},
        "members": members,
        "units": {unit.unit_id: unit for unit in units},
        "escalation": {},
    }
    return an_organisation(**(found | changes))
