"""The organisation: units, accounts, handles, rules and rota, as the reviewed file says.

Compiled to JSON for the functions.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from allhours.domain.errors import BadInput
from allhours.domain.escalation import Step
from allhours.domain.handle import Handle
from allhours.domain.people import Certificate, Leave, Member, Site
from allhours.domain.rota import Rota, UnitRota, compile_rota
from allhours.domain.rota_json import unit_rota_from_json, unit_rota_to_json
from allhours.domain.service_level import ServiceLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.changes import Change

__all__ = ["Account", "Member", "OnDuty", "Organisation", "Rule", "Unit", "organisation_from_json"]

FORMAT = 2  # of the compiled file; a function refuses any other, so code and rota are deployed together
_WINDOW_BEFORE, _WINDOW_AFTER = 86_400, 2 * 86_400  # seconds; a look-up compiles three days and keeps them


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A unit's branded identity: its handles. A `general` account's handle says nothing about the unit."""

    account_id: str
    unit: str
    general: bool
    handles: tuple[Handle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Words that tell the unit.

    Every condition that is given must hold, any one word, pattern or hashtag is enough.

    `words` are whole words or phrases in lower case, matched without regard to case and accents; `patterns`
    are regular expressions checked for linear shape; `languages` and `networks` narrow. `unit` may be "" for
    a rule that only raises the priority.
    """

    rule_id: str
    unit: str = ""
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    priority: int = 0
    ignore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A business unit: who answers, through which accounts, on which rota, how soon.

    Everybody on duty must have the `certificates` and `languages`. At a handover the cases of those who leave
    go to the next owner (`move`) or back to the desk (`queue`). `holding_answer` is what a customer may be
    told while nobody is there, by language; {time} is when somebody is.
    """

    unit_id: str
    title: str
    accounts: tuple[str, ...]
    rota: UnitRota
    reopen_within: timedelta
    members: tuple[str, ...] = ()
    head: str = ""
    certificates: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    handover: Literal["move", "queue"] = "move"
    holding_answer: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    service_levels: tuple[ServiceLevel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPages:
    """When each member is tried, by the member's clock: `weekday` (0 is Monday), `minute` of the day.

    Who has not acknowledged it `within` seconds counts as unreachable.
    """

    weekday: int = 0
    minute: int = 600
    within: int = 28_800


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """The answer to "who?": the desk and members now, why, until when.

    `gap` when it is the fallback that stands in.
    """

    unit: str
    desk: str
    members: tuple[str, ...]
    because: str
    since: int
    until: int
    gap: bool = False

    @property
    def person(self) -> str:
        """Return the one name a page or an inbox shows."""
        return self.members[0] if self.members else self.desk


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """The whole reviewed file, checked and compiled; `revision` is the digest of its text.

    `escalation` is each unit's ladder, and that of pages about the system itself under `operations`.
    """

    name: str
    revision: str
    tzdata: str
    fallback_unit: str
    members: Mapping[str, Member]
    units: Mapping[str, Unit]
    accounts: Mapping[str, Account]
    rules: tuple[Rule, ...]
    silent_after: Mapping[str, timedelta]
    retention: timedelta
    escalation: Mapping[str, tuple[Step, ...]] = field(default_factory=lambda: MappingProxyType({}))
    sites: Mapping[str, Site] = field(default_factory=lambda: MappingProxyType({}))
    company_duty: str = ""
    rest: int = 39_600  # seconds; 11 hours a day, Directive 2003/88/EC, article 3
    announce_gaps: tuple[int, ...] = (1_209_600, 259_200, 86_400, 0)  # seconds before a gap begins
    test_pages: TestPages | None = None
    changes: tuple[Change, ...] = ()  # in force now; they are no part of the file

    @cached_property
    def handles(self) -> tuple[Handle, ...]:
        """Return every handle of every account, in the file's order."""
        return tuple(handle for account in self.accounts.values() for handle in account.handles)

    def handles_on(self, network: str) -> tuple[Handle, ...]:
        """Return the handles on one network."""
        return self._by_network.get(network, ((), frozenset()))[0]

    @cached_property
    def _by_network(self) -> Mapping[str, tuple[tuple[Handle, ...], frozenset[str]]]:
        """Return the handles on each network, and their ids and names."""
        told: dict[str, tuple[tuple[Handle, ...], frozenset[str]]] = {}
        for handle in self.handles:
            there, names = told.get(handle.network, ((), frozenset[str]()))
            new = {each for each in (handle.native_id, handle.handle.lstrip("@").casefold()) if each}
            told[handle.network] = (*there, handle), names | new
        return told

    @cached_property
    def _by_address(self) -> Mapping[tuple[str, str], Handle]:
        by_id = {(handle.network, handle.native_id): handle for handle in self.handles if handle.native_id}
        return by_id | {(handle.network, handle.handle.casefold()): handle for handle in self.handles}

    def addressed(self, network: str, handle: str) -> Handle | None:
        """Return our handle of that name or id, however it is capitalised."""
        return self._by_address.get((network, handle)) or self._by_address.get((network, handle.casefold()))

    def account_for(self, unit: str, network: str, preferred: str = "") -> str:
        """Return the unit's account to answer from.

        The preferred one if it is the unit's, one on that network, or its first.
        """
        accounts = self.units[unit].accounts
        if preferred in accounts:
            return preferred
        there = (name for name in accounts if any(h.network == network for h in self.accounts[name].handles))
        return next(there, accounts[0] if accounts else preferred)

    def ours(self, network: str) -> frozenset[str]:
        """Return the ids and names of our own handles on a network, names without `@` and capitals."""
        return self._by_network.get(network, ((), frozenset()))[1]

    @cached_property
    def _windows(self) -> dict[str, Rota]:
        return {}

    def on_duty(self, unit: str, at: datetime, *, case: str = "") -> OnDuty:
        """Return who is on duty at the instant; in a gap the unit's fallback, marked as a gap.

        `case` spreads cases over desks on shift together when the unit chooses by hash.
        """
        rota = self.units[unit].rota
        now = int(at.timestamp())
        window = self._windows.get(unit)
        if window is None or not window.start <= now < window.end:
            window = self._windows[unit] = compile_rota(rota, (), now - _WINDOW_BEFORE, now + _WINDOW_AFTER)
        segment = window.who(now)
        if not segment.duties:
            return OnDuty(
                unit=unit,
                desk=rota.fallback,
                members=self._fallback(rota),
                because="nobody is on duty",
                gap=True,
                since=segment.start,
                until=segment.end,
            )
        desks = segment.desks
        desk = desks[sum(case.encode()) % len(desks)] if rota.choose == "hash" else desks[0]
        duties = [duty for duty in segment.duties if duty.desk == desk]
        return OnDuty(
            unit=unit,
            desk=desk,
            members=tuple(duty.member for duty in duties if duty.member),
            because=duties[0].because,
            since=max(duty.since for duty in duties),
            until=min(duty.until for duty in duties),
        )

    def _fallback(self, rota: UnitRota) -> tuple[str, ...]:
        if rota.fallback in rota.desks:
            return rota.desks[rota.fallback].members
        return (rota.fallback,) if rota.fallback in self.members else ()

    def to_json(self) -> dict[str, Any]:
        """Return the compiled file; equal organisations give equal JSON."""
        return {
            "format": FORMAT,
            "name": self.name,
            "revision": self.revision,
            "tzdata": self.tzdata,
            "fallback_unit": self.fallback_unit,
            "members": [
                {
                    "id": m.member_id,
                    "name": m.name,
                    "zone": m.zone,
                    "contact": dict(m.contact),
                    "site": m.site,
                    "languages": list(m.languages),
                    "certificates": [[c.certificate_id, c.valid_until] for c in m.certificates],
                    "leave": [[away.start, away.end, away.reason] for away in m.leave],
                }
                for m in self.members.values()
            ],
            "units": [
                {
                    "id": u.unit_id,
                    "title": u.title,
                    "accounts": list(u.accounts),
                    "members": list(u.members),
                    "reopen_within": int(u.reopen_within.total_seconds()),
                    "rota": unit_rota_to_json(u.rota),
                    "head": u.head,
                    "certificates": list(u.certificates),
                    "languages": list(u.languages),
                    "handover": u.handover,
                    "holding_answer": dict(u.holding_answer),
                    "service_levels": [asdict(level) for level in u.service_levels],
                }
                for u in self.units.values()
            ],
            "accounts": [
                {
                    "id": a.account_id,
                    "unit": a.unit,
                    "general": a.general,
                    "handles": [
                        {
                            "network": h.network,
                            "handle": h.handle,
                            "base_url": h.base_url,
                            "native_id": h.native_id,
                            "listen": list(h.listen),
                            "secret": h.secret,
                            "settings": dict(h.settings),
                        }
                        for h in a.handles
                    ],
                }
                for a in self.accounts.values()
            ],
            "rules": [
                {
                    "id": r.rule_id,
                    "unit": r.unit,
                    "words": list(r.words),
                    "patterns": list(r.patterns),
                    "hashtags": list(r.hashtags),
                    "languages": list(r.languages),
                    "networks": list(r.networks),
                    "priority": r.priority,
                    "ignore": r.ignore,
                }
                for r in self.rules
            ],
            "silent_after": {name: int(after.total_seconds()) for name, after in self.silent_after.items()},
            "retention": int(self.retention.total_seconds()),
            "escalation": {unit: [asdict(step) for step in steps] for unit, steps in self.escalation.items()},
            "sites": [
                {
                    "id": s.site_id,
                    "zone": s.zone,
                    "country": s.country,
                    "holidays": [day.isoformat() for day in sorted(s.holidays)],
                }
                for s in self.sites.values()
            ],
            "company_duty": self.company_duty,
            "rest": self.rest,
            "announce_gaps": list(self.announce_gaps),
            "test_pages": asdict(self.test_pages) if self.test_pages else None,
        }


def organisation_from_json(body: Mapping[str, Any]) -> Organisation:
    """Return the organisation that `to_json` wrote.

    `BadInput` tells to compile it again when the format is another.
    """
    if body.get("format") != FORMAT:
        found = body.get("format")
        message = f"the organisation is compiled in format {found!r}, not {FORMAT}: deploy both together"
        raise BadInput(message)
    return Organisation(
        name=body["name"],
        revision=body["revision"],
        tzdata=body["tzdata"],
        fallback_unit=body["fallback_unit"],
        members={
            m["id"]: Member(
                member_id=m["id"],
                name=m["name"],
                zone=m["zone"],
                contact=MappingProxyType(m["contact"]),
                site=m["site"],
                languages=tuple(m["languages"]),
                certificates=tuple(
                    Certificate(certificate_id=name, valid_until=until) for name, until in m["certificates"]
                ),
                leave=tuple(Leave(start=start, end=end, reason=reason) for start, end, reason in m["leave"]),
            )
            for m in body["members"]
        },
        units={
            u["id"]: Unit(
                unit_id=u["id"],
                title=u["title"],
                accounts=tuple(u["accounts"]),
                members=tuple(u["members"]),
                reopen_within=timedelta(seconds=u["reopen_within"]),
                rota=unit_rota_from_json(u["rota"]),
                head=u["head"],
                certificates=tuple(u["certificates"]),
                languages=tuple(u["languages"]),
                handover=u["handover"],
                holding_answer=MappingProxyType(u["holding_answer"]),
                service_levels=tuple(ServiceLevel(**level) for level in u["service_levels"]),
            )
            for u in body["units"]
        },
        accounts={
            a["id"]: Account(
                account_id=a["id"],
                unit=a["unit"],
                general=a["general"],
                handles=tuple(_handle(a, h) for h in a["handles"]),
            )
            for a in body["accounts"]
        },
        rules=tuple(
            Rule(
                rule_id=r["id"],
                unit=r["unit"],
                words=tuple(r["words"]),
                patterns=tuple(r["patterns"]),
                hashtags=tuple(r["hashtags"]),
                languages=tuple(r["languages"]),
                networks=tuple(r["networks"]),
                priority=r["priority"],
                ignore=r["ignore"],
            )
            for r in body["rules"]
        ),
        silent_after={name: timedelta(seconds=after) for name, after in body["silent_after"].items()},
        retention=timedelta(seconds=body["retention"]),
        escalation=MappingProxyType(
            {unit: tuple(Step(**step) for step in steps) for unit, steps in body["escalation"].items()}
        ),
        sites={
            s["id"]: Site(
                site_id=s["id"],
                zone=s["zone"],
                country=s["country"],
                holidays=frozenset(date.fromisoformat(day) for day in s["holidays"]),
            )
            for s in body["sites"]
        },
        company_duty=body["company_duty"],
        rest=body["rest"],
        announce_gaps=tuple(body["announce_gaps"]),
        test_pages=TestPages(**body["test_pages"]) if body["test_pages"] else None,
    )


def _handle(account: Mapping[str, Any], body: Mapping[str, Any]) -> Handle:
    return Handle(
        network=body["network"],
        account=account["id"],
        unit=account["unit"],
        handle=body["handle"],
        base_url=body["base_url"],
        native_id=body["native_id"],
        listen=tuple(body["listen"]),
        secret=body["secret"],
        settings=MappingProxyType(body["settings"]),
    )
