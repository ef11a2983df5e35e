"""What the checks of an organisation file share: values of the right shape, names that exist, days, zones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import holidays

from allhours.cli.shape import did_you_mean
from allhours.domain.errors import BadInput
from allhours.domain.instants import instant, zone_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from allhours.cli.yaml_lines import Document, Place

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(duration: str) -> int:
    """Return the seconds of a length such as 10m."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def moment(zone: str, written: str) -> int:
    """Return the UTC second of an instant, or at which a date begins in the zone; ValueError for neither."""
    if "T" in written:
        return int(datetime.fromisoformat(written).timestamp())
    return instant(zone, date.fromisoformat(written), 0)


def covering_desks(shift: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the desks that cover a shift on a holiday; none where it is kept or skipped."""
    on_holiday = shift.get("on_holiday")
    desks = on_holiday["cover_from"] if isinstance(on_holiday, dict) else ()
    return (desks,) if isinstance(desks, str) else tuple(desks)


@cache
def zones() -> tuple[str, ...]:
    """Return the names of all time zones."""
    return tuple((resources.files("tzdata") / "zones").read_text(encoding="utf-8").split())


@dataclass(frozen=True, slots=True)
class Checks:
    """A document and the places in it that have the wrong shape, which every check passes over."""

    document: Document
    broken: set[Place]

    def tell(self, place: Place, text: str) -> None:
        """Note a mistake where it stands."""
        self.document.tell(place, text)

    def fits(self, place: Place) -> bool:
        """Tell whether a value and all in it has the right shape."""
        return not any(wrong[: len(place)] == place or place[: len(wrong)] == wrong for wrong in self.broken)

    def at(self, *place: str | int) -> Any:  # noqa: ANN401 - the schema has told what stands there
        """Return the value at a place, or nothing where there is none of the right shape."""
        return self._value(place) if self.fits(place) else None

    def each(self, *place: str | int) -> Iterator[tuple[Place, Any]]:
        """Yield the entries of a mapping or list that have the right shape."""
        value = self._value(place)
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            if self.fits((*place, key)):
                yield (*place, key), value[key]

    def ids(self, *place: str) -> list[str]:
        """Return the ids in a mapping, whatever shape their values have."""
        return list(self.part(*place))

    def part(self, *place: str) -> dict[str, Any]:
        """Return a mapping, whatever shape its values have."""
        value = self._value(place)
        return value if isinstance(value, dict) else {}

    def _value(self, place: Place) -> Any:  # noqa: ANN401 - the schema has told what stands there
        value: Any = self.document.values
        for part in place:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def is_known(self, place: Place, name: str, known: Iterable[str], noun: str) -> None:
        """Tell a name that is none of the known."""
        if name not in known:
            self.tell(place, f"no {noun} is called {name!r}; {did_you_mean(name, known)}")

    def zone(self, place: Place, zone: str) -> None:
        """Tell a time zone that does not exist."""
        try:
            zone_named(zone)
        except BadInput:
            self.tell(place, f"no time zone is called {zone!r}; {did_you_mean(zone, zones())}")

    def home(self, place: Place, body: dict[str, Any]) -> None:
        """Check that a member or desk is at a known site, or else in a time zone of its own."""
        if "site" in body:
            self.is_known((*place, "site"), body["site"], self.ids("sites"), "site")
            for key in ("tz", "holidays"):
                if key in body:
                    self.tell((*place, key), f"comes with site {body['site']!r}: delete one of the two")
        elif "tz" in body:
            self.zone((*place, "tz"), body["tz"])
        else:
            self.tell(place, "is nowhere: write `site: <site>`, or `tz: <time zone>`")

    def zone_of(self, body: dict[str, Any]) -> str | None:
        """Return the time zone of a member or desk, its own or its site's; None where that is a mistake."""
        zone = body.get("tz") or self.at("sites", str(body.get("site")), "tz")
        return zone if zone in zones() else None

    def day(self, place: Place, day: str) -> None:
        """Tell a date that no calendar has."""
        try:
            date.fromisoformat(day)
        except ValueError:
            self.tell(place, f"{day} is no date")

    def moment(self, place: Place, zone: str, written: str) -> int | None:
        """Return the UTC second of a date or instant; one that no calendar has is told."""
        try:
            return moment(zone, written)
        except (ValueError, OverflowError):
            self.tell(place, f"{written} is no {'instant' if 'T' in written else 'date'}")
            return None

    def holidays(self, place: Place, wanted: dict[str, Any]) -> None:
        """Check what the holidays package is asked for."""
        for name in ("add", "drop"):
            for number, day in enumerate(wanted.get(name, ())):
                self.day((*place, name, number), day)
        countries = holidays.list_supported_countries()
        country, subdiv = wanted.get("country"), wanted.get("subdiv")
        if country is None:
            if subdiv is not None:
                self.tell((*place, "subdiv"), "needs a country")
            return
        self.is_known((*place, "country"), country, countries, "country with known holidays")
        if subdiv is not None and country in countries:
            self.is_known((*place, "subdiv"), subdiv, countries[country], f"part of {country}")
