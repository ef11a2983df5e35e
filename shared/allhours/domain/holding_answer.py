"""What a customer may be told while nobody is on duty: the unit's own words, and an honest time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def holding_answer(
    organisation: Organisation, unit: str, language: str, at: datetime
) -> dict[str, str] | None:
    """Return the answer, its language, and until when it holds; None where the unit has none, or no shift."""
    texts = organisation.units[unit].holding_answer
    chosen = next(
        (each for each in (language, language.partition("-")[0], "en", *texts) if each in texts), None
    )
    staffed_at = organisation.staffed_from(unit, at) if chosen else None
    if chosen is None or staffed_at is None:
        return None
    desk = organisation.units[unit].rota.desks[organisation.on_duty(unit, staffed_at).desk]
    return {
        "language": chosen,
        "text": texts[chosen].replace("{time}", _shown(staffed_at, desk.zone, chosen)),
        "until": staffed_at.isoformat(),
    }


def _shown(at: datetime, zone: str, language: str) -> str:
    """Return the time by the desk's clock; in words where they are English, in figures elsewhere."""
    from allhours.domain.instants import zone_named  # noqa: PLC0415 - only a gap needs zones; a cold start does not

    local = at.astimezone(zone_named(zone))
    place = zone.rpartition("/")[2].replace("_", " ")
    if language.partition("-")[0] != "en":
        return f"{local:%Y-%m-%d %H:%M} ({place})"
    return f"{local:%H:%M} on {_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}, {place} time"
