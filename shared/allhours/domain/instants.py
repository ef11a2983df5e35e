"""The one rule that turns a wall clock into an instant.

Instants are integer seconds since 1970 in UTC: adding to an aware datetime is wall arithmetic, and datetimes
of one zone that differ only in `fold` compare equal. Zones are read from the pinned tzdata package, never
from the machine, whose files may be a year behind: Casablanca and Vancouver changed their rules in 2026.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from allhours.domain.errors import BadInput

_RULES = resources.files("tzdata") / "zoneinfo"
_EPOCH = date(1970, 1, 1).toordinal()


@cache
def tzdata_version() -> str:
    """Name the time zone rules in force as IANA does, for example 2026f."""
    with _RULES.joinpath("tzdata.zi").open(encoding="utf-8") as rules:
        return rules.readline().removeprefix("# version").strip()


@cache
def zone_named(zone: str) -> ZoneInfo:
    """Read a zone from the tzdata package; BadInput if it has none of that name."""
    parts = zone.split("/")
    try:
        if not all(part.strip(".") for part in parts):
            raise FileNotFoundError(zone)
        with _RULES.joinpath(*parts).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=zone)
    except (OSError, ValueError) as error:
        raise BadInput(f"zone {zone!r} is unknown: use an IANA name such as Europe/London") from error


def instant(zone: str, day: date, minute: int) -> int:
    """Find the earliest UTC second at which the zone's clock shows that minute of that day, or later.

    A time that occurs twice is its first occurrence; one that is skipped is the moment of the skip. Minutes
    from 1440 on belong to the following days. Monotone: neighbouring shifts stay neighbours in every zone.
    """
    rules = zone_named(zone)
    wall = datetime.combine(day, time(), rules) + timedelta(minutes=minute)  # moves the clock, as wanted here
    shown = (day.toordinal() - _EPOCH) * 86_400 + minute * 60
    offset, later = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    first = _seconds(offset)
    if offset == later or first >= (second := _seconds(later)):  # once, or twice and this is the first
        return shown - first
    skip = range(shown - second, shown - first + 1)  # the clock jumps over it somewhere in here
    return skip[
        bisect_left(skip, shown, key=lambda at: at + _seconds(datetime.fromtimestamp(at, rules).utcoffset()))
    ]


def local_date(zone: str, at: int) -> date:
    """Say which date the zone's clock shows at a UTC second."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone_named(zone)).date()


def _seconds(offset: timedelta | None) -> int:
    return offset.days * 86_400 + offset.seconds if offset else 0
