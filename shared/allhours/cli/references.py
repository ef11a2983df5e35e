"""What the schema cannot say: names that must exist, hours that last, rules that can match."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allhours.cli.checks import Checks, covering_desks, seconds
from allhours.cli.patterns import fault_of
from allhours.domain.word_lists import folded
from allhours.networks import network_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.cli.yaml_lines import Document, Place

_FIRES = ("words", "hashtags", "patterns")
REREAD_WITHIN = 30  # days; so long edits and deletions are looked for


def check_references(document: Document, broken: set[Place]) -> None:
    """Tell every mistake that takes more than one value to see; what has the wrong shape is passed over."""
    _References(document, broken).all()


def check_native_ids(document: Document, broken: set[Place]) -> None:
    """Tell each handle without the id that its network's calls want; who connects it does not know it yet."""
    checks = Checks(document, broken)
    for unit in checks.ids("units"):
        for account in checks.ids("units", unit, "accounts"):
            for place, written in checks.each("units", unit, "accounts", account, "handles"):
                network = str(place[-1])
                wanted = network_module(network).capabilities.native_id
                for inner, handle in each_handle(place, written):
                    if wanted and not handle.get("native_id"):
                        name = handle["handle"]
                        told = f"{wanted}; `allhours connect` tells it"
                        mend = f"{{handle: {name!r}, native_id: ...}}"
                        checks.tell(inner, f"{name} needs its native_id on {network} ({told}): {mend}")


class _References(Checks):
    """The checks, in the file's order."""

    __slots__ = ()

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
        for unit in units:
            self.unit(unit, members)
        self.handles()
        self.rules(units)

    def unit(self, unit: str, members: list[str]) -> None:
        """Check one unit, part by part."""
        place = ("units", unit)
        desks = self.ids("units", unit, "desks")
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
            self.home(desk_place, desk)
            for number, member in enumerate(desk.get("members", ())):
                self.is_known((*desk_place, "members", number), member, members, "member")
            if "holidays" in desk:
                self.holidays((*desk_place, "holidays"), desk["holidays"])
        for need_place, need in self.each(*place, "min_staff"):
            self.zone((*need_place, "tz"), need["tz"])
            self.lasts(need_place, need)
        self.shifts(place, desks, members)
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
            self.cover((*shift_place, "on_holiday", "cover_from"), shift, place, desks)

    def cover(self, place: Place, shift: dict[str, Any], unit: Place, desks: list[str]) -> None:
        """Check which desks cover a shift on a holiday."""
        for desk in covering_desks(shift):
            self.is_known(place, desk, desks, "desk of the unit")
            if desk == shift["desk"]:
                self.tell(place, f"{desk!r} is the shift's own desk, which has the holiday: name another")
            elif desk in desks and not self.works_at(unit, desk):
                self.tell(place, f"desk {desk!r} names nobody who could cover: give it `members`")

    def works_at(self, unit: Place, desk: str) -> bool:
        """Tell whether a desk has members, or a rotation of any; yes where it is hard to tell."""
        shifts = self.at(*unit, "shifts")
        body = self.at(*unit, "desks", desk)
        return (
            body is None
            or shifts is None
            or bool(body.get("members"))
            or any(shift["desk"] == desk and "rotation" in shift for shift in shifts)
        )

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
        keys = [(network, each) for each in names_of(network, name, base_url)]
        if key := next((each for each in keys if each in seen), None):
            account, line = seen[key][3], self.document.line_of(seen[key])[1]
            self.tell(
                place,
                f"{name} is on {network} already, in account {account!r} on line {line}: keep one",
            )
        for each in keys:
            seen.setdefault(each, place)
        if network == "feeds" and not (
            handle.get("base_url") or shared.get("base_url") or re.match(r"https?://", name)
        ):
            self.tell(place, f"{name} needs base_url, the feed's address")

    def rules(self, units: list[str]) -> None:
        """Check that every rule names a unit, can match, and is not hidden by an earlier one."""
        earlier: list[tuple[Place, dict[str, Any]]] = []
        seen: set[str] = set()
        for place, rule in self.each("rules"):
            if rule["id"] in seen:
                self.tell((*place, "id"), f"{rule['id']!r} is the id of an earlier rule: give each its own")
            seen.add(rule["id"])
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
            if hidden_by and not rule.get("shadow"):
                self.tell(
                    place,
                    f"can never decide: rule {hidden_by['id']!r} before it matches all it does: delete it",
                )
            if not rule.get("shadow"):
                earlier.append((place, rule))


def names_of(network: str, name: str, base_url: str | None) -> list[str]:
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
