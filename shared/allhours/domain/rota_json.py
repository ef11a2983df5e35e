"""A unit's rota as JSON, as it stands in the compiled organisation file: minutes, ISO dates."""

from __future__ import annotations

from datetime import date
from typing import Literal, TypedDict

from allhours.domain.rota import Desk, Need, Rotation, Shift, UnitRota


class RotationJson(TypedDict):
    """A rotation; `anchor` is an ISO date."""

    members: list[str]
    every: int
    unit: Literal["day", "week"]
    anchor: str
    size: int


class ShiftJson(TypedDict):
    """A shift; `start` and `end` are minutes of the day."""

    id: str
    desk: str
    days: list[int]
    start: int
    end: int
    on_holiday: Literal["keep", "skip", "cover"]
    cover_from: list[str]
    valid: list[str | None]
    rotation: RotationJson | None


class DeskJson(TypedDict):
    """A desk; `holidays` are ISO dates."""

    id: str
    zone: str
    members: list[str]
    holidays: list[str]
    concurrency: int


class NeedJson(TypedDict):
    """A minimum of people; `start` and `end` are minutes of the day."""

    days: list[int]
    start: int
    end: int
    zone: str
    need: int
    certificates: list[str]
    languages: list[str]


class UnitRotaJson(TypedDict):
    """A unit's rota; desks are a list because their order counts."""

    unit: str
    desks: list[DeskJson]
    shifts: list[ShiftJson]
    needs: list[NeedJson]
    fallback: str
    choose: Literal["order", "least_open", "hash"]
    rest: int


def unit_rota_to_json(unit_rota: UnitRota) -> UnitRotaJson:
    """Write a rota so that equal rotas give equal bytes."""
    return {
        "unit": unit_rota.unit,
        "desks": [
            {
                "id": desk.desk_id,
                "zone": desk.zone,
                "members": list(desk.members),
                "holidays": [day.isoformat() for day in sorted(desk.holidays)],
                "concurrency": desk.concurrency,
            }
            for desk in unit_rota.desks.values()
        ],
        "shifts": [
            {
                "id": shift.shift_id,
                "desk": shift.desk,
                "days": sorted(shift.days),
                "start": shift.start,
                "end": shift.end,
                "on_holiday": shift.on_holiday,
                "cover_from": list(shift.cover_from),
                "valid": [day.isoformat() if day else None for day in (shift.valid_from, shift.valid_until)],
                "rotation": _rotation_to_json(shift.rotation) if shift.rotation else None,
            }
            for shift in unit_rota.shifts
        ],
        "needs": [
            {
                "days": sorted(need.days),
                "start": need.start,
                "end": need.end,
                "zone": need.zone,
                "need": need.need,
                "certificates": list(need.certificates),
                "languages": list(need.languages),
            }
            for need in unit_rota.needs
        ],
        "fallback": unit_rota.fallback,
        "choose": unit_rota.choose,
        "rest": unit_rota.rest,
    }


def unit_rota_from_json(written: UnitRotaJson) -> UnitRota:
    """Read what `unit_rota_to_json` wrote; the organisation's schema has been checked before it was."""
    return UnitRota(
        unit=written["unit"],
        desks={desk["id"]: _desk(desk) for desk in written["desks"]},
        shifts=tuple(_shift(shift) for shift in written["shifts"]),
        needs=tuple(
            Need(
                days=frozenset(need["days"]),
                start=need["start"],
                end=need["end"],
                zone=need["zone"],
                need=need["need"],
                certificates=tuple(need["certificates"]),
                languages=tuple(need["languages"]),
            )
            for need in written["needs"]
        ),
        fallback=written["fallback"],
        choose=written["choose"],
        rest=written["rest"],
    )


def _desk(desk: DeskJson) -> Desk:
    return Desk(
        desk_id=desk["id"],
        zone=desk["zone"],
        members=tuple(desk["members"]),
        holidays=frozenset(date.fromisoformat(day) for day in desk["holidays"]),
        concurrency=desk["concurrency"],
    )


def _shift(shift: ShiftJson) -> Shift:
    valid_from, valid_until = (date.fromisoformat(day) if day else None for day in shift["valid"])
    return Shift(
        shift_id=shift["id"],
        desk=shift["desk"],
        days=frozenset(shift["days"]),
        start=shift["start"],
        end=shift["end"],
        on_holiday=shift["on_holiday"],
        cover_from=tuple(shift["cover_from"]),
        valid_from=valid_from,
        valid_until=valid_until,
        rotation=_rotation(shift["rotation"]) if shift["rotation"] else None,
    )


def _rotation(rotation: RotationJson) -> Rotation:
    return Rotation(
        members=tuple(rotation["members"]),
        every=rotation["every"],
        unit=rotation["unit"],
        anchor=date.fromisoformat(rotation["anchor"]),
        size=rotation["size"],
    )


def _rotation_to_json(rotation: Rotation) -> RotationJson:
    return {
        "members": list(rotation.members),
        "every": rotation.every,
        "unit": rotation.unit,
        "anchor": rotation.anchor.isoformat(),
        "size": rotation.size,
    }
