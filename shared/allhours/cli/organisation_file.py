"""Read organisation files, name every mistake with its line, and build the organisation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import holidays

from allhours.cli.duties import check_duties
from allhours.cli.organisation_schema import DAYS
from allhours.cli.references import check_references, each_handle, seconds
from allhours.cli.shape import check_shape
from allhours.cli.yaml_lines import Document, Mistake, read
from allhours.domain.escalation import Step
from allhours.domain.handle import Handle
from allhours.domain.instants import tzdata_version
from allhours.domain.organisation import Account, Member, Organisation, Rule, Unit
from allhours.domain.rota import Desk, Need, Rotation, Shift, UnitRota
from allhours.domain.routing import folded
from allhours.networks import network_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PROVED_FOR = timedelta(days=400)  # a year and more, so that every clock change and holiday is met
_YEARS = 3  # of holidays in the compiled file: this one and the next two


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedGap:
    """Hours of a unit that are known to be without cover, in UTC seconds."""

    unit: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the files say, or what is wrong with them; warnings leave the organisation as it is."""

    organisation: Organisation | None
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...] = ()
    accepted_gaps: tuple[AcceptedGap, ...] = ()
    lines: Mapping[tuple[str | int, ...], tuple[str, int]] = field(default_factory=dict)


def load(files: Sequence[Path], at: datetime) -> Loaded:
    """Read the files, a later one laid over the earlier, and check everything but the cover.

    `at` chooses the years whose holidays are laid down, and where the search for double duties begins.
    """
    document = Document()
    for path in files:
        document.merge(read(path))
    if not document.values:
        return _refused(document)
    broken = check_shape(document)
    check_references(document, broken)
    if document.mistakes:
        return _refused(document)
    organisation = _organisation(document.values, hashlib.sha256(document.raw).hexdigest()[:12], at)
    warnings = check_duties(document, organisation, at, PROVED_FOR)
    if document.mistakes:
        return _refused(document)
    return Loaded(
        organisation=organisation,
        mistakes=(),
        warnings=tuple(warnings),
        accepted_gaps=tuple(_accepted(document.values)),
        lines=document.lines,
    )


def _refused(document: Document) -> Loaded:
    return Loaded(organisation=None, mistakes=tuple(sorted(set(document.mistakes))))


def compiled(organisation: Organisation) -> str:
    """Return the text of organisation.json: the same bytes for the same organisation."""
    return (
        json.dumps(organisation.to_json(), ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"
    )


def _accepted(body: Mapping[str, Any]) -> Iterable[AcceptedGap]:
    for unit, each in body["units"].items():
        for gap in each.get("accepted_gaps", ()):
            begin, end = datetime.fromisoformat(gap["from"]), datetime.fromisoformat(gap["until"])
            yield AcceptedGap(unit=unit, start=int(begin.timestamp()), end=int(end.timestamp()))


def _organisation(body: Mapping[str, Any], revision: str, at: datetime) -> Organisation:
    networks = body.get("networks", {})
    accounts = {
        account: Account(
            account_id=account,
            unit=unit,
            general=written.get("general", False),
            handles=tuple(
                _handle(network, account, unit, handle, networks.get(network, {}))
                for network, handles in written["handles"].items()
                for _, handle in each_handle((), handles)
            ),
        )
        for unit, each in body["units"].items()
        for account, written in each.get("accounts", {}).items()
    }
    return Organisation(
        name=body["organisation"]["name"],
        revision=revision,
        tzdata=tzdata_version(),
        fallback_unit=body["fallback_unit"],
        members={
            member: Member(
                member_id=member,
                name=each["name"],
                zone=each["tz"],
                contact=MappingProxyType(dict(each.get("contact", {}))),
            )
            for member, each in body["members"].items()
        },
        units={unit: _unit(unit, each, at) for unit, each in body["units"].items()},
        accounts=accounts,
        rules=tuple(_rule(rule) for rule in body.get("rules", ())),
        silent_after={
            name: _duration(each["silent_after"]) for name, each in networks.items() if "silent_after" in each
        },
        retention=_duration(body.get("retention", "90d")),
        escalation=MappingProxyType({unit: _escalation(unit, body) for unit in body["units"]}),
    )


def _handle(
    network: str, account: str, unit: str, written: Mapping[str, Any], shared: Mapping[str, Any]
) -> Handle:
    name, capabilities = written["handle"], network_module(network).capabilities
    address = name if network == "feeds" and name.startswith("http") else capabilities.base_url
    secret = (
        f"{network}/{account}" if capabilities.secret_fields else ""
    )  # a feed is open unless it names one
    return Handle(
        network=network,
        account=account,
        unit=unit,
        handle=name,
        base_url=written.get("base_url") or shared.get("base_url") or address,
        native_id=written.get("native_id", ""),
        listen=tuple(written.get("listen", ())),
        secret=written.get("secret") or secret,
        settings=MappingProxyType({**shared.get("settings", {}), **written.get("settings", {})}),
    )


def _unit(unit: str, body: Mapping[str, Any], at: datetime) -> Unit:
    desks = {desk: _desk(desk, each, at) for desk, each in body["desks"].items()}
    shifts = tuple(_shift(each) for each in body["shifts"])
    turns = [member for shift in shifts if shift.rotation for member in shift.rotation.members]
    return Unit(
        unit_id=unit,
        title=body["title"],
        accounts=tuple(body.get("accounts", {})),
        rota=UnitRota(
            unit=unit,
            desks=desks,
            shifts=shifts,
            needs=tuple(_need(each) for each in body.get("min_staff", ())),
            fallback=body["fallback"],
            choose=body.get("choose", "order"),
        ),
        reopen_within=_duration(body.get("reopen_within", "7d")),
        members=tuple(
            dict.fromkeys([*(member for desk in desks.values() for member in desk.members), *turns])
        ),
    )


def _desk(desk: str, body: Mapping[str, Any], at: datetime) -> Desk:
    return Desk(
        desk_id=desk,
        zone=body["tz"],
        members=tuple(body.get("members", ())),
        holidays=_holidays(body.get("holidays", {}), at.year),
        concurrency=body.get("concurrency", 1),
    )


def _holidays(wanted: Mapping[str, Any], year: int) -> frozenset[date]:
    days: set[date] = set()
    if "country" in wanted:
        years = range(year, year + _YEARS)
        days |= set(holidays.country_holidays(wanted["country"], subdiv=wanted.get("subdiv"), years=years))
    days |= {date.fromisoformat(day) for day in wanted.get("add", ())}
    return frozenset(days - {date.fromisoformat(day) for day in wanted.get("drop", ())})


def _shift(body: Mapping[str, Any]) -> Shift:
    valid, rotation = body.get("valid", {}), body.get("rotation")
    return Shift(
        shift_id=body["id"],
        desk=body["desk"],
        days=_days(body["days"]),
        start=_minute(body["start"]),
        end=_minute(body["end"]),
        on_holiday=body.get("on_holiday", "keep"),
        valid_from=date.fromisoformat(valid["from"]) if valid.get("from") else None,
        valid_until=date.fromisoformat(valid["until"]) if valid.get("until") else None,
        rotation=_rotation(rotation) if rotation else None,
    )


def _rotation(body: Mapping[str, Any]) -> Rotation:
    return Rotation(
        members=tuple(body["members"]),
        every=body.get("every", 1),
        unit=body.get("unit", "week"),
        anchor=date.fromisoformat(body["anchor"]),
        size=body.get("size", 1),
    )


def _need(body: Mapping[str, Any]) -> Need:
    return Need(
        days=_days(body["days"]),
        start=_minute(body["start"]),
        end=_minute(body["end"]),
        zone=body["tz"],
        need=body["need"],
    )


def _days(days: Sequence[str]) -> frozenset[int]:
    return frozenset(range(7)) if "all" in days else frozenset(DAYS.index(day) for day in days)


def _minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _duration(written: str) -> timedelta:
    return timedelta(seconds=seconds(written))


def _rule(body: Mapping[str, Any]) -> Rule:
    return Rule(
        rule_id=body["id"],
        unit=body.get("unit", ""),
        words=tuple(body.get("words", ())),
        patterns=tuple(body.get("patterns", ())),
        hashtags=tuple(folded(tag.removeprefix("#")) for tag in body.get("hashtags", ())),
        languages=tuple(body.get("languages", ())),
        networks=tuple(body.get("networks", ())),
        priority=body.get("priority", 0),
        ignore=body.get("ignore", False),
    )


def _escalation(unit: str, body: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return a unit's ladder with instants as seconds and heads and duties as the members they are."""
    written = body["units"][unit]
    stands_for = {"unit_head": written.get("head"), "company_duty": body.get("company_duty")}
    return tuple(
        Step(
            after=seconds(step["after"]),
            notify=f"member:{member}" if (member := stands_for.get(step["notify"])) else step["notify"],
            repeat=seconds(step["repeat"]) if "repeat" in step else 0,
            times=step.get("times", 1),
            alarm=step.get("alarm", False),
        )
        for step in written.get("escalation", body.get("escalation", ()))
    )


def now() -> datetime:
    """Read the clock, once, for a command that was given no instant."""
    return datetime.now(UTC)
