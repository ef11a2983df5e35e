"""What the schema cannot say: names that must exist, hours that last, rules that can match."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import holidays

from allhours.cli.patterns import fault_of
from allhours.cli.shape import did_you_mean
from allhours.domain.errors import BadInput
from allhours.domain.instants import zone_named
from allhours.domain.routing import folded
from allhours.networks import network_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.cli.yaml_lines import Document, Place

NEEDS_NATIVE_ID = ("x", "facebook")  # their calls name the handle by the network's id
_FIRES = ("words", "hashtags", "patterns")
REREAD_WITHIN = 30  # days; so long edits and deletions are looked for
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


def seconds(duration: str) -> int:
    """Return the seconds of a length such as 10m."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def check_references(document: Document, broken: set[Place]) -> None:
    """Tell every mistake that takes more than one value to see; what has the wrong shape is passed over."""
    _Check(document, broken).all()


@dataclass(frozen=True, slots=True)
class _Check:
    document: Document
    broken: set[Place]

    def tell(self, place: Place, text: str) -> None:
        self.document.tell(place, text)

    def fits(self, place: Place) -> bool:
        """Tell whether a value and all in it has the right shape."""
        return not any(wrong[: len(place)] == place or place[: len(wrong)] == wrong for wrong in self.broken)

    def at(self, *place: str | int) -> Any:  # noqa: ANN401 - the schema has told what stands there
        """Return the value at a place, or nothing where there is none of the right shape."""
        value: Any = self.document.values
        for part in place:
            value = value.get(part) if isinstance(value, dict) else None
        return value if self.fits(place) else None

    def each(self, *place: str | int) -> Iterator[tuple[Place, Any]]:
        """Yield the entries of a mapping or list that have the right shape."""
        value: Any = self.document.values
        for part in place:
            value = value.get(part) if isinstance(value, dict) else None
        keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            if self.fits((*place, key)):
                yield (*place, key), value[key]

    def ids(self, *place: str) -> list[str]:
        """Return the ids in a mapping, whatever shape their values have."""
        value: Any = self.document.values
        for part in place:
            value = value.get(part) if isinstance(value, dict) else None
        return list(value) if isinstance(value, dict) else []

    def is_known(self, place: Place, name: str, known: list[str], noun: str) -> None:
        """Tell a name that is none of the known."""
        if name not in known:
            self.tell(place, f"no {noun} is called {name!r}; {did_you_mean(name, known)}")

    def all(self) -> None:
        """Check the whole document."""
        units, members = self.ids("units"), self.ids("members")
        if not units and self.fits(("units",)) and "units" in self.document.values:
            self.tell(("units",), "must not be empty")
        if (fallback := self.at("fallback_unit")) is not None:
            self.is_known(("fallback_unit",), fallback, units, "unit")
        if (duty := self.at("company_duty")) is not None:
            self.is_known(("company_duty",), duty, members, "member")
        if (retention := self.at("retention")) is not None and seconds(retention) < REREAD_WITHIN * 86_400:
            text = f"{retention} is shorter than the {REREAD_WITHIN} days for which deletions are looked for"
            self.tell(("retention",), f"{text}: write {REREAD_WITHIN}d or more")
        for place, member in self.each("members"):
            self.zone((*place, "tz"), member["tz"])
        for unit in units:
            self.unit(unit, members)
        self.escalation(("escalation",), {}, members)
        self.handles()
        self.rules(units)

    def zone(self, place: Place, zone: str) -> None:
        """Tell a time zone that does not exist."""
        try:
            zone_named(zone)
        except BadInput:
            self.tell(place, f"no time zone is called {zone!r}; {did_you_mean(zone, zones())}")

    def unit(self, unit: str, members: list[str]) -> None:
        """Check one unit, part by part."""
        place = ("units", unit)
        desks = self.ids("units", unit, "desks")
        whole = self.document.values["units"]
        body = whole.get(unit) if isinstance(whole, dict) else None
        if not isinstance(body, dict):
            return
        if self.at(*place, "shifts") == []:
            self.tell((*place, "shifts"), "nobody answers this unit: give it a shift")
        if self.at(*place, "choose") == "least_open":
            self.tell(
                (*place, "choose"),
                "least_open comes with the desk, which counts open cases: write order or hash",
            )
        if (head := self.at(*place, "head")) is not None:
            self.is_known((*place, "head"), head, members, "member")
        self.fallback((*place, "fallback"), unit, desks, members)
        for desk_place, desk in self.each(*place, "desks"):
            self.zone((*desk_place, "tz"), desk["tz"])
            for number, member in enumerate(desk.get("members", ())):
                self.is_known((*desk_place, "members", number), member, members, "member")
            if "holidays" in desk:
                self.holidays((*desk_place, "holidays"), desk["holidays"])
        for need_place, need in self.each(*place, "min_staff"):
            self.zone((*need_place, "tz"), need["tz"])
            self.lasts(need_place, need)
        self.shifts(place, desks, members)
        self.escalation((*place, "escalation"), body, members)
        self.accepted_gaps(place)

    def fallback(self, place: Place, unit: str, desks: list[str], members: list[str]) -> None:
        """Check who gets the work in a gap."""
        fallback = self.at(*place)
        if fallback is None or fallback in desks or fallback in members:
            return
        if fallback == unit:
            self.tell(place, "is the unit itself, where nobody is on duty then: name a desk or a member")
        else:
            self.is_known(place, fallback, [*desks, *members], "desk of the unit or member")

    def shifts(self, place: Place, desks: list[str], members: list[str]) -> None:
        """Check the hours of a unit."""
        seen: dict[str, Place] = {}
        for shift_place, shift in self.each(*place, "shifts"):
            if shift["id"] in seen:
                self.tell(
                    (*shift_place, "id"), f"{shift['id']!r} is the id of an earlier shift: give each its own"
                )
            seen[shift["id"]] = shift_place
            self.is_known((*shift_place, "desk"), shift["desk"], desks, "desk of the unit")
            self.lasts(shift_place, shift)
            valid = shift.get("valid", {})
            for name, day in valid.items():
                if day is not None:
                    self.day((*shift_place, "valid", name), day)
            if valid.get("from") and valid.get("until") and valid["until"] <= valid["from"]:
                self.tell((*shift_place, "valid"), "ends before it begins")
            if rotation := shift.get("rotation"):
                self.rotation((*shift_place, "rotation"), rotation, members)

    def rotation(self, place: Place, rotation: dict[str, Any], members: list[str]) -> None:
        """Check who takes turns."""
        self.day((*place, "anchor"), rotation["anchor"])
        for number, member in enumerate(rotation["members"]):
            self.is_known((*place, "members", number), member, members, "member")
        if rotation.get("size", 1) > len(rotation["members"]):
            self.tell(
                (*place, "size"),
                f"asks for {rotation['size']} at once, and there are {len(rotation['members'])} members",
            )

    def lasts(self, place: Place, hours: dict[str, Any]) -> None:
        """Tell hours of no length."""
        if hours["start"] == hours["end"]:
            self.tell(
                place,
                f'lasts no time ({hours["start"]} to {hours["end"]}): a whole day is "00:00" to "24:00"',
            )

    def day(self, place: Place, day: str) -> None:
        """Tell a date that no calendar has."""
        try:
            date.fromisoformat(day)
        except ValueError:
            self.tell(place, f"{day} is no date")

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
        self.is_known((*place, "country"), country, list(countries), "country with known holidays")
        if subdiv is not None and country in countries:
            self.is_known((*place, "subdiv"), subdiv, countries[country], f"part of {country}")

    def escalation(self, place: Place, unit: dict[str, Any], members: list[str]) -> None:
        """Check that a ladder climbs, calls people who exist, and ends with an alarm."""
        steps: list[dict[str, Any]] = self.at(*place) or []
        for number, step in enumerate(steps):
            self.called((*place, number, "notify"), step["notify"], unit, members)
        for number, (before, step) in enumerate(pairwise(steps), 1):
            if seconds(step["after"]) < seconds(before["after"]):
                text = f"{step['after']} is earlier than the step before it ({before['after']})"
                self.tell((*place, number, "after"), text)
        if steps and not steps[-1].get("alarm"):
            text = "the last step raises no alarm, so a case can be forgotten: add `alarm: true`"
            self.tell((*place, len(steps) - 1), text)

    def called(self, place: Place, notify: str, unit: dict[str, Any], members: list[str]) -> None:
        """Check whom a step calls; `unit` is empty for the ladder of all units."""
        kind, _, name = notify.partition(":")
        if kind == "member":
            self.is_known(place, name, members, "member")
        elif kind == "desk" and unit:
            self.is_known(place, name, list(unit.get("desks") or ()), "desk of the unit")
        elif kind == "desk":
            self.tell(place, "names a desk, and each unit has its own: write on_shift")
        elif kind == "company_duty" and "company_duty" not in self.document.values:
            self.tell(place, "nobody has it: write `company_duty: <member>` at the top")
        elif kind == "unit_head":
            users = [unit] if unit else [body for _, body in self.each("units") if "escalation" not in body]
            for each in users:
                if "head" not in each:
                    self.tell(place, f"unit {each.get('title')!r} has no head: give it `head: <member>`")

    def accepted_gaps(self, place: Place) -> None:
        """Check the instants of gaps that are accepted."""
        for gap_place, gap in self.each(*place, "accepted_gaps"):
            try:
                begin, end = datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["until"])
            except ValueError:
                self.tell(gap_place, f"{gap['from']} or {gap['until']} is no instant")
                continue
            if end <= begin:
                self.tell(gap_place, "ends before it begins")

    def handles(self) -> None:
        """Check that no handle stands twice and that each has what its network needs."""
        seen: dict[tuple[str, str], Place] = {}
        accounts: dict[str, str] = {}
        for unit in self.ids("units"):
            for account in self.ids("units", unit, "accounts"):
                if account in accounts:
                    text = (
                        f"account {account!r} is unit {accounts[account]!r}'s already: give each its own id"
                    )
                    self.tell(("units", unit, "accounts", account), text)
                accounts.setdefault(account, unit)
                for place, written in self.each("units", unit, "accounts", account, "handles"):
                    for inner, handle in each_handle(place, written):
                        self.handle(inner, str(place[-1]), handle, seen)

    def handle(
        self, place: Place, network: str, handle: dict[str, Any], seen: dict[tuple[str, str], Place]
    ) -> None:
        """Check one handle."""
        name: str = handle["handle"]
        shared = self.at("networks", network) or {}
        base_url = handle.get("base_url") or shared.get("base_url")
        keys = [(network, each) for each in _names_of(network, name, base_url)]
        if key := next((each for each in keys if each in seen), None):
            account, line = seen[key][3], self.document.line_of(seen[key])[1]
            self.tell(
                place,
                f"{name} is on {network} already, in account {account!r} on line {line}: keep one",
            )
        for each in keys:
            seen.setdefault(each, place)
        if network in NEEDS_NATIVE_ID and not handle.get("native_id"):
            self.tell(place, f"{name} needs its native_id on {network}: {{handle: {name!r}, native_id: ...}}")
        if network == "feeds" and not (
            handle.get("base_url") or shared.get("base_url") or re.match(r"https?://", name)
        ):
            self.tell(place, f"{name} needs base_url, the feed's address")

    def rules(self, units: list[str]) -> None:
        """Check that every rule names a unit, can match, and is not hidden by an earlier one."""
        earlier: list[tuple[Place, dict[str, Any]]] = []
        for place, rule in self.each("rules"):
            if any(rule["id"] == before["id"] for _, before in earlier):
                self.tell((*place, "id"), f"{rule['id']!r} is the id of an earlier rule: give each its own")
            if "unit" in rule:
                self.is_known((*place, "unit"), rule["unit"], units, "unit")
            elif "priority" not in rule and not rule.get("ignore"):
                self.tell(place, "does nothing: give it a unit, a priority or `ignore: true`")
            if not any(rule.get(name) for name in (*_FIRES, "languages", "networks")):
                self.tell(place, "can never match: give it words, patterns, hashtags, languages or networks")
                continue
            for number, pattern in enumerate(rule.get("patterns", ())):
                if fault := fault_of(pattern):
                    self.tell((*place, "patterns", number), f"{pattern!r} {fault}")
            hidden_by = next((before for _, before in earlier if _hides(before, rule)), None)
            if hidden_by:
                self.tell(
                    place,
                    f"can never decide: rule {hidden_by['id']!r} before it matches all it does: delete it",
                )
            earlier.append((place, rule))


def _names_of(network: str, name: str, base_url: str | None) -> list[str]:
    """Return the names of a handle; on Mastodon `@ana` of a server is `@ana@server` as well."""
    bare = name.casefold().removeprefix("@")
    if network != "mastodon" or "@" in bare:
        return [bare]
    server = urlsplit(base_url or network_module(network).capabilities.base_url).netloc
    return [bare, f"{bare}@{server.casefold()}"]


def each_handle(place: Place, written: Any) -> Iterator[tuple[Place, dict[str, Any]]]:  # noqa: ANN401 - the schema has told
    """Yield the handles of one network, however shortly they are written, as mappings."""
    if isinstance(written, list):
        for number, each in enumerate(written):
            yield from each_handle((*place, number), each)
    else:
        yield place, {"handle": written} if isinstance(written, str) else written


def _hides(earlier: dict[str, Any], later: dict[str, Any]) -> bool:
    """Tell whether whatever the later rule matches, the earlier does and leaves it nothing to decide."""
    narrower = all(
        not earlier.get(name) or (later.get(name) and set(later[name]) <= set(earlier[name]))
        for name in ("languages", "networks")
    )
    fires_always = not any(earlier.get(name) for name in _FIRES)
    covered = any(later.get(name) for name in _FIRES) and all(
        {folded(each).removeprefix("#") for each in later.get(name, ())}
        <= {folded(each).removeprefix("#") for each in earlier.get(name, ())}
        for name in _FIRES
    )
    unit_decided = "unit" in earlier or "unit" not in later
    priority_decided = 0 < earlier.get("priority", 0) <= later.get("priority", 9) or "priority" not in later
    return narrower and (fires_always or covered) and unit_decided and priority_decided


@cache
def zones() -> tuple[str, ...]:
    """Return the names of all time zones."""
    return tuple((resources.files("tzdata") / "zones").read_text(encoding="utf-8").split())
