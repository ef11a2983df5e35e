"""Read organisation files, name every mistake with its line, and build the organisation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import holidays

from allhours.cli import answering_file, judging_file
from allhours.cli.answering_checks import check_answering
from allhours.cli.card_checks import check_cards
from allhours.cli.checks import covering_desks, moment, seconds
from allhours.cli.duties import check_duties
from allhours.cli.judging_checks import check_judging
from allhours.cli.life_checks import check_lives, what_lives_mean
from allhours.cli.organisation_schema import DAYS
from allhours.cli.people_checks import check_people
from allhours.cli.promise_checks import check_promises
from allhours.cli.references import check_native_ids, check_references, each_handle
from allhours.cli.shape import check_shape
from allhours.cli.words import shipped, shipped_for_drafts
from allhours.cli.yaml_lines import Document, Mistake, read_all
from allhours.domain.escalation import Step
from allhours.domain.handle import Handle
from allhours.domain.instants import tzdata_version
from allhours.domain.life import Life
from allhours.domain.organisation import Account, Organisation, Rule, TestPages, Unit
from allhours.domain.organisation_json import organisation_to_json
from allhours.domain.people import Certificate, Leave, Member, Site
from allhours.domain.proof import OPERATIONS
from allhours.domain.rota import Desk, Need, Rotation, Shift, UnitRota
from allhours.domain.service_level import ServiceLevel
from allhours.domain.word_lists import folded
from allhours.networks import network_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PROVED_FOR = timedelta(days=400)  # a year and more, so that every clock change and holiday is met
_YEARS = 3  # of holidays in the compiled file: this one and the next two
_OPERATIONS_LADDER = ({"after": "0m", "notify": "company_duty", "repeat": "30m", "times": 3, "alarm": True},)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the files say, or what is wrong with them; warnings leave the organisation as it is."""

    organisation: Organisation | None
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...] = ()
    lines: Mapping[tuple[str | int, ...], tuple[str, int]] = field(default_factory=dict)


def load(files: Sequence[Path], at: datetime, *, connecting: bool = False) -> Loaded:
    """Read the files, a later one laid over the earlier, and check everything but the cover.

    `at` chooses the years whose holidays are laid down, and where the search for double duties begins. While
    `connecting`, native ids may be missing: the network is about to tell them.
    """
    document = read_all(files)
    if not document.values:
        return _refused(document)
    broken = check_shape(document)
    for check in (
        check_people,
        check_references,
        check_promises,
        check_lives,
        check_judging,
        check_answering,
    ):
        check(document, broken)
    if not connecting:
        check_native_ids(document, broken)
    if document.mistakes:
        return _refused(document)
    words, written = shipped()
    draft_words, written_for_drafts = shipped_for_drafts()
    revision = hashlib.sha256(document.raw + written + written_for_drafts).hexdigest()[:12]
    organisation = _organisation(document.values, words, draft_words, revision, at)
    warnings = [
        *check_duties(document, organisation, at, PROVED_FOR),
        *check_cards(document, organisation, at),
    ]
    if document.mistakes:
        return _refused(document)
    return Loaded(
        organisation=organisation,
        mistakes=(),
        warnings=(*warnings, *what_lives_mean(document, organisation)),
        lines=document.lines,
    )


def _refused(document: Document) -> Loaded:
    return Loaded(organisation=None, mistakes=tuple(sorted(set(document.mistakes))))


def compiled(organisation: Organisation) -> str:
    """Return the text of organisation.json: the same bytes for the same organisation."""
    return (
        json.dumps(
            organisation_to_json(organisation), ensure_ascii=False, separators=(",", ":"), sort_keys=True
        )
        + "\n"
    )


def _organisation(
    body: Mapping[str, Any],
    words: Mapping[str, Sequence[str]],
    draft_words: Mapping[str, Sequence[str]],
    revision: str,
    at: datetime,
) -> Organisation:
    networks = body.get("networks", {})
    initials = answering_file.initials(body)
    sites = {site: _site(site, each, at.year) for site, each in body.get("sites", {}).items()}
    operations = _ladder(body.get("operations_escalation", _OPERATIONS_LADDER), body)
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
            member: _member(member, each, sites, initials[member]) for member, each in body["members"].items()
        },
        units={unit: _unit(unit, each, body, sites, at.year) for unit, each in body["units"].items()},
        accounts=accounts,
        rules=tuple(_rule(rule) for rule in body.get("rules", ())),
        silent_after={
            name: _duration(each["silent_after"]) for name, each in networks.items() if "silent_after" in each
        },
        retention=_duration(body.get("retention", "90d")),
        daily_budgets=MappingProxyType(
            {name: float(each["daily_budget"]) for name, each in networks.items() if "daily_budget" in each}
        ),
        lives=MappingProxyType(
            {name: Life(each["life"]) for name, each in networks.items() if "life" in each}
        ),
        escalation=MappingProxyType(
            {unit: _escalation(each, body) or operations for unit, each in body["units"].items()}
            | {OPERATIONS: operations}
        ),
        sites=MappingProxyType(sites),
        company_duty=body.get("company_duty", ""),
        rest=_rest(body),
        announce_gaps=_announced(body.get("announce_gaps", ("14d", "72h", "24h"))),
        test_pages=_test_pages(body["test_pages"]) if "test_pages" in body else None,
        word_lists=judging_file.word_lists(body, words),
        urgent=judging_file.urgent(body),
        engagement=judging_file.engagement(body),
        answers=judging_file.answers(body),
        draft_lists=judging_file.draft_lists(body, draft_words),
        domains=answering_file.domains(body),
        published=tuple(body.get("published", ())),
        auditors=tuple(body.get("access", {}).get("auditors", ())),
        admins=tuple(body.get("access", {}).get("admins", ())),
        systems=answering_file.systems(body),
        webhooks=answering_file.webhooks(body),
        withdrawn=answering_file.withdrawn(body),
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


def _site(site: str, body: Mapping[str, Any], year: int) -> Site:
    return Site(
        site_id=site, zone=body["tz"], country=body.get("country", ""), holidays=_holidays(body, year)
    )


def _member(member: str, body: Mapping[str, Any], sites: Mapping[str, Site], initials: str) -> Member:
    zone = sites[body["site"]].zone if "site" in body else body["tz"]
    return Member(
        member_id=member,
        name=body["name"],
        zone=zone,
        contact=MappingProxyType(dict(body.get("contact", {}))),
        site=body.get("site", ""),
        languages=tuple(body.get("languages", ())),
        certificates=tuple(_certificate(each, zone) for each in body.get("certificates", ())),
        leave=tuple(
            Leave(
                start=moment(zone, away["from"]),
                end=moment(zone, away["until"]),
                reason=away.get("reason", ""),
            )
            for away in body.get("leave", ())
        ),
        units_at_once=body.get("units_at_once", False),
        initials=initials,
        sign_in=body.get("sign_in", ""),
    )


def _certificate(body: str | Mapping[str, str], zone: str) -> Certificate:
    if isinstance(body, str):
        return Certificate(certificate_id=body)
    return Certificate(certificate_id=body["id"], valid_until=moment(zone, body["until"]))


def _unit(
    unit: str, body: Mapping[str, Any], whole: Mapping[str, Any], sites: Mapping[str, Site], year: int
) -> Unit:
    desks = {desk: _desk(desk, each, sites, year) for desk, each in body["desks"].items()}
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
            rest=_rest(whole),
        ),
        reopen_within=_duration(body.get("reopen_within", "7d")),
        members=tuple(
            dict.fromkeys([*(member for desk in desks.values() for member in desk.members), *turns])
        ),
        head=body.get("head", ""),
        certificates=tuple(body.get("certificates", ())),
        languages=tuple(body.get("languages", ())),
        handover=body.get("handover", "move"),
        holding_answer=MappingProxyType(dict(body.get("holding_answer", {}))),
        service_levels=tuple(
            _service_level(each) for each in body.get("service_levels", whole.get("service_levels", ()))
        ),
        accepted_gaps=tuple(
            (moment("UTC", gap["from"]), moment("UTC", gap["until"])) for gap in body.get("accepted_gaps", ())
        ),
        topics=judging_file.topics(unit, body),
        leads=tuple(body.get("leads", ())),
        voice=answering_file.voice(body, whole),
        linting=answering_file.linting(body, whole),
        approval=answering_file.approval(body, whole),
    )


def _service_level(body: Mapping[str, Any]) -> ServiceLevel:
    return ServiceLevel(
        priority=body["priority"],
        first_answer=seconds(body.get("first_answer", "0s")),
        resolution=seconds(body.get("resolution", "0s")),
        clock=body.get("clock", "wall"),
    )


def _desk(desk: str, body: Mapping[str, Any], sites: Mapping[str, Site], year: int) -> Desk:
    site = sites.get(body.get("site", ""))
    return Desk(
        desk_id=desk,
        zone=site.zone if site else body["tz"],
        members=tuple(body.get("members", ())),
        holidays=site.holidays if site else _holidays(body.get("holidays", {}), year),
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
    cover_from = covering_desks(body)
    return Shift(
        shift_id=body["id"],
        desk=body["desk"],
        days=_days(body["days"]),
        start=_minute(body["start"]),
        end=_minute(body["end"]),
        on_holiday="cover" if cover_from else body.get("on_holiday", "keep"),
        cover_from=cover_from,
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
        certificates=tuple(body.get("certificates", ())),
        languages=tuple(body.get("languages", ())),
    )


def _days(days: Sequence[str]) -> frozenset[int]:
    return frozenset(range(7)) if "all" in days else frozenset(DAYS.index(day) for day in days)


def _minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _rest(body: Mapping[str, Any]) -> int:
    return seconds(body.get("rest", "11h"))


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
        shadow=body.get("shadow", False),
    )


def _escalation(unit: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return a unit's ladder: its own or the one of all units."""
    return _ladder(unit.get("escalation", body.get("escalation", ())), body, unit.get("head", ""))


def _ladder(steps: Iterable[Mapping[str, Any]], body: Mapping[str, Any], head: str = "") -> tuple[Step, ...]:
    """Return a ladder with lengths as seconds, and heads and duties as the members they are."""
    stands_for = {"unit_head": head, "company_duty": body.get("company_duty")}
    return tuple(
        Step(
            after=seconds(step["after"]),
            notify=f"member:{member}" if (member := stands_for.get(step["notify"])) else step["notify"],
            repeat=seconds(step.get("repeat", "0s")),
            times=step.get("times", 1),
            alarm=step.get("alarm", False),
        )
        for step in steps
    )


def _announced(lengths: Iterable[str]) -> tuple[int, ...]:
    """Return how many seconds before it begins a gap is announced, the earliest first, and its beginning."""
    return tuple(sorted({*map(seconds, lengths), 0}, reverse=True))


def _test_pages(body: Mapping[str, str]) -> TestPages:
    return TestPages(
        weekday=DAYS.index(body["day"]),
        minute=_minute(body["at"]),
        within=seconds(body.get("within", "8h")),
    )


def now() -> datetime:
    """Read the clock, once, for a command that was given no instant."""
    return datetime.now(UTC)
