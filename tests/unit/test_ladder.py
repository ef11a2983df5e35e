"""Why me? Every layer that has a say is told, and which one won."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.changes import leave, override
from allhours.domain.ladder import ladder
from allhours.domain.people import Leave
from allhours.domain.rota import Desk, Shift
from tests.builders import NIGHT, NOON, an_organisation

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation

MONDAY = date(2027, 3, 15)


def told(
    bank: Organisation, unit: str = "cards", at: datetime = NOON
) -> list[tuple[str, str, tuple[str, ...]]]:
    """Read the ladder; the rung that won begins with an arrow."""
    return [
        (f"{'> ' if rung.won else ''}{rung.name}", rung.says, rung.people) for rung in ladder(bank, unit, at)
    ]


def with_shift(*others: Shift, desks: tuple[Desk, ...] = (), **changed: Any) -> Organisation:
    """Change the one shift of cards, add others and their desks."""
    bank = an_organisation()
    cards = bank.units["cards"]
    rota = replace(
        cards.rota,
        shifts=(replace(cards.rota.shifts[0], **changed), *others),
        desks={**cards.rota.desks, **{desk.desk_id: desk for desk in desks}},
    )
    return replace(bank, units={**bank.units, "cards": replace(cards, rota=rota)})


def test_a_turn_wins_and_the_fallback_was_not_asked() -> None:
    assert told(an_organisation()) == [
        ("> day", "turn 0 of its rotation", ("ana",)),
        ("fallback desk london", "not asked", ("ben",)),
    ]


def test_an_override_wins_over_the_turn_and_says_who_made_it_and_why() -> None:
    bank = an_organisation()
    start, end = int(NOON.timestamp()), int((NOON + timedelta(hours=2)).timestamp())
    asked: dict[str, Any] = {"start": start, "end": end, "by": "leela"}
    ben = override(bank, "cards", at=NOON, remove="ana", add="ben", reason="dentist", **asked)
    sick = leave(bank, "ana", at=NOON + timedelta(seconds=1), reason="sick", **asked)
    over = leave(bank, "ana", at=NOON, start=end, end=end + 1, by="ana")
    assert told(replace(bank, changes=(ben, sick, over)))[:3] == [
        (sick.change_id, "ana off, by leela (sick), until 2027-03-15T14:00Z", ()),
        (f"> {ben.change_id}", "ana off, ben on, by leela (dentist), until 2027-03-15T14:00Z", ("ben",)),
        ("day", f"turn 0 of its rotation; ana taken off by {sick.change_id}, {ben.change_id}", ("ana",)),
    ]


def test_leave_of_the_file_is_a_layer_where_it_concerns_somebody_planned() -> None:
    bank = an_organisation()
    away = Leave(start=int(NOON.timestamp()), end=int(NOON.timestamp()) + 7200, reason="holiday")
    members = {name: replace(member, leave=(away,)) for name, member in bank.members.items()}
    assert told(replace(bank, members=members)) == [
        ("leave of ana", "ana off, by ana (holiday), until 2027-03-15T14:00Z", ()),
        ("day", "turn 0 of its rotation; ana taken off by leave of ana", ("ana",)),
        ("fallback desk london", "ben away", ()),
    ]


@pytest.mark.parametrize(
    ("changed", "says", "people"),
    [
        ({"valid_from": date(2027, 4, 1)}, "not valid on 2027-03-15 (from 2027-04-01, until ever)", ()),
        ({"on_holiday": "skip"}, "skipped: 2027-03-15 is a holiday of desk london", ()),
        (
            {"on_holiday": "cover", "cover_from": ("paris",)},
            "2027-03-15 is a holiday of desk london: covered by desk paris",
            ("cy",),
        ),
        (
            {"on_holiday": "cover", "cover_from": ("london",)},
            "turn 0 of its rotation, though 2027-03-15 is a holiday: no desk is free to cover it",
            ("ana",),
        ),
        ({}, "turn 0 of its rotation, though 2027-03-15 is a holiday: it is kept", ("ana",)),
        ({"rotation": None}, "all of desk london, though 2027-03-15 is a holiday: it is kept", ("ben",)),
    ],
)
def test_a_shift_says_what_decided_about_it(
    changed: dict[str, Any], says: str, people: tuple[str, ...]
) -> None:
    london = Desk(desk_id="london", zone="UTC", members=("ben",), holidays=frozenset({MONDAY}))
    bank = with_shift(desks=(london, Desk(desk_id="paris", zone="UTC", members=("cy",))), **changed)
    name = "> day" if people else "day"
    assert told(bank)[0] == (name, says, people)


def test_a_desk_that_is_asked_later_says_who_is_asked_first() -> None:
    night = Shift(shift_id="late", desk="paris", days=frozenset(range(7)), start=720, end=720)
    bank = with_shift(night, desks=(Desk(desk_id="paris", zone="UTC", members=("cy",)),))
    assert told(bank)[:2] == [
        ("> day", "turn 0 of its rotation", ("ana",)),
        ("late", "all of desk paris; desk london is asked first", ("cy",)),
    ]


def test_in_a_gap_the_ladder_ends_with_who_stands_in() -> None:
    bank = replace(an_organisation(), company_duty="ana")
    fraud = replace(bank.units["fraud"], head="ana")
    bank = replace(bank, units={**bank.units, "fraud": fraud})
    assert told(bank, "fraud", NIGHT) == [
        ("> fallback desk london", "stands in", ("ben",)),
        ("unit head", "not asked", ("ana",)),
        ("company duty", "not asked", ("ana",)),
    ]
    sick = leave(
        bank, "ben", start=int(NIGHT.timestamp()), end=int(NIGHT.timestamp()) + 60, by="ben", at=NIGHT
    )
    assert told(replace(bank, changes=(sick,)), "fraud", NIGHT)[-3:] == [
        ("fallback desk london", "ben away", ()),
        ("> unit head", "stands in", ("ana",)),
        ("company duty", "not asked", ("ana",)),
    ]
