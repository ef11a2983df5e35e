"""The organisation: units, accounts, handles, rules and rota, as the reviewed file says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from allhours.domain.changes import absences_of, overrides_of
from allhours.domain.engagement import POLICIES, Policy
from allhours.domain.life import Life
from allhours.domain.people import Member, Site
from allhours.domain.rota import Rota, UnitRota, compile_rota, pool
from allhours.domain.urgency import NO_KINDS, UrgentKind
from allhours.domain.voice import Approval, Linting, Voice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from allhours.domain.changes import Change
    from allhours.domain.escalation import Step
    from allhours.domain.handle import Handle
    from allhours.domain.segments import Segment
    from allhours.domain.service_level import ServiceLevel
    from allhours.domain.voice import System, Webhook, Withdrawn

__all__ = ["Account", "AnswerCard", "Member", "OnDuty", "Organisation", "Rule", "Unit"]

_DAY = 86_400  # seconds; a look-up compiles from a day before to two days after, and keeps it
_AHEAD = 400 * _DAY  # as far as the rota is proved, it is looked for who is on duty next


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
    a rule that only raises the priority. In `shadow` it changes nothing, and it is told what it would have.
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
    shadow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A business unit: who answers, through which accounts, on which rota, how soon.

    Everybody on duty must have the `certificates` and `languages`. At a handover the cases of those who leave
    go to the next owner (`move`) or back to the desk (`queue`). `holding_answer` is what a customer may be
    told while nobody is there, by language; {time} is when somebody is. `accepted_gaps` are UTC seconds
    [start, end) in which nobody, or too few, need be on duty. `topics` are what a model may find posts to be
    about that belong here; the one of its own name where the file names none. `leads` lead it beside its
    `head`. `voice`, `linting` and `approval` say how it answers (voice.py).
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
    accepted_gaps: tuple[tuple[int, int], ...] = ()
    topics: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    voice: Voice = field(default_factory=Voice)
    linting: Linting = field(default_factory=Linting)
    approval: Approval = field(default_factory=Approval)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCard:
    """An answer to what many ask, and the page of ours that says more; `says` is how they ask.

    `topics` narrow where it is suggested. `text` is the answer, `variants` that of a network where it has to
    be another (X without a link). `owner` sees to it that it stays true, `approved_by` said that it is; from
    `expires` on (a date) nobody is offered it. Only one that is approved may be `automatic`.
    """

    card_id: str
    unit: str
    title: str
    url: str
    says: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    text: str = ""
    variants: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    owner: str = ""
    expires: str = ""
    approved_by: str = ""
    automatic: bool = False

    def on(self, network: str) -> str:
        """Return what it says on a network: that network's variant, or its text with the address after it."""
        if not self.text:
            return ""
        return self.variants.get(network) or f"{self.text} {self.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPages:
    """When each member is tried, by the member's clock: `weekday` (0 is Monday), `minute` of the day.

    Who has not acknowledged it `within` seconds counts as unreachable.
    """

    __test__: ClassVar[bool] = False  # its name is no test's, whatever pytest thinks

    weekday: int = 0
    minute: int = 600
    within: int = 28_800


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDuty:
    """The answer to "who?": the desk and members now, why, until when.

    `gap` when nobody is on duty and somebody stands in; `steps` says who was asked before, and why in vain.
    """

    unit: str
    desk: str
    members: tuple[str, ...]
    because: str
    since: int
    until: int
    gap: bool = False
    steps: tuple[str, ...] = ()

    @property
    def person(self) -> str:
        """Return the one name a page or an inbox shows."""
        return self.members[0] if self.members else self.desk


@dataclass(frozen=True, kw_only=True)
class Organisation:
    """The whole reviewed file, checked and compiled; `revision` is the digest of its text.

    `escalation` is each unit's ladder, and that of pages about the system itself under `operations`.
    `word_lists` are the shipped ones with the file's own, by name; `urgent` and `engagement` say what holds
    for each kind and policy, `answers` are the answer cards by id. `draft_lists` are the phrases by which our
    own drafts are judged (lint.py), `domains` our own sites, `published` our own addresses and numbers, which
    an answer may name. `auditors` see everything and write nothing, `admins` may do everything. `systems`
    write through the API, `webhooks` are told; `withdrawn` handles were ours.
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
    daily_budgets: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lives: Mapping[str, Life] = field(default_factory=lambda: MappingProxyType({}))
    escalation: Mapping[str, tuple[Step, ...]] = field(default_factory=lambda: MappingProxyType({}))
    sites: Mapping[str, Site] = field(default_factory=lambda: MappingProxyType({}))
    company_duty: str = ""
    rest: int = 39_600  # seconds; 11 hours a day, Directive 2003/88/EC, article 3
    announce_gaps: tuple[int, ...] = (1_209_600, 259_200, 86_400, 0)  # seconds before a gap begins
    test_pages: TestPages | None = None
    word_lists: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    urgent: Mapping[str, UrgentKind] = field(default_factory=lambda: NO_KINDS)
    engagement: Mapping[str, Policy] = field(default_factory=lambda: POLICIES)
    answers: Mapping[str, AnswerCard] = field(default_factory=lambda: MappingProxyType({}))
    draft_lists: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    domains: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    auditors: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    systems: Mapping[str, System] = field(default_factory=lambda: MappingProxyType({}))
    webhooks: tuple[Webhook, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
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

        The preferred one if it is the unit's, one on that network, or its first. Of a unit that has none, or
        is none any more, the preferred one if it still exists, else "".
        """
        accounts = self.units[unit].accounts if unit in self.units else ()
        if preferred in accounts:
            return preferred
        there = (name for name in accounts if any(h.network == network for h in self.accounts[name].handles))
        return next(there, accounts[0] if accounts else preferred if preferred in self.accounts else "")

    @cached_property
    def _by_topic(self) -> Mapping[str, str]:
        return {
            topic: unit.unit_id for unit in self.units.values() for topic in unit.topics or (unit.unit_id,)
        }

    def unit_of(self, topic: str) -> str:
        """Return the unit that takes what is about a topic; "" where none does."""
        return self._by_topic.get(topic, "")

    def life_of(self, network: str) -> Life:
        """Return where a network is in its life with us."""
        return self.lives.get(network, Life.LIVE)

    def ours(self, network: str) -> frozenset[str]:
        """Return the ids and names of our own handles on a network, names without `@` and capitals."""
        return self._by_network.get(network, ((), frozenset()))[1]

    @cached_property
    def _windows(self) -> dict[str, Rota]:
        return {}

    def segment(self, unit: str, at: datetime) -> Segment:
        """Return all who are on duty at the instant, by plan, changes and leave; a gap from end to end."""
        now, reach = int(at.timestamp()), _DAY
        window = self._windows.get(unit)
        while window is None or not _tells(window, now):
            rota = self.units[unit].rota
            overrides = overrides_of(self.changes, rota, self.members)
            window = self._windows[unit] = compile_rota(rota, overrides, now - reach, now + 2 * reach)
            reach *= 4
        return window.who(now)

    def on_duty(self, unit: str, at: datetime, *, case: str = "") -> OnDuty:
        """Return who is on duty at the instant; in a gap who stands in, marked as a gap.

        `case` spreads cases over desks on shift together when the unit chooses by hash.
        """
        segment = self.segment(unit, at)
        if not segment.duties:
            return self._standing_in(self.units[unit], int(at.timestamp()), segment)
        desks = segment.desks
        by_hash = self.units[unit].rota.choose == "hash"
        desk = desks[sum(case.encode()) % len(desks)] if by_hash else desks[0]
        duties = [duty for duty in segment.duties if duty.desk == desk]
        return OnDuty(
            unit=unit,
            desk=desk,
            members=tuple(duty.member for duty in duties if duty.member),
            because=duties[0].because,
            since=max(duty.since for duty in duties),
            until=min(duty.until for duty in duties),
        )

    def next_on_duty(self, unit: str, at: datetime) -> tuple[datetime, OnDuty] | None:
        """Return when other people answer for the unit, and who; None where it is the same for 400 days."""
        duty = self.on_duty(unit, at)
        now, last = duty, at + timedelta(seconds=_AHEAD)
        while at < last:
            end = duty.until if duty.gap else self.segment(unit, at).end
            at = datetime.fromtimestamp(end, UTC)
            duty = self.on_duty(unit, at)
            if (duty.desk, duty.members, duty.gap) != (now.desk, now.members, now.gap):
                return at, duty
        return None

    def staffed_from(self, unit: str, at: datetime) -> datetime | None:
        """Return the first instant from then on with somebody on duty; None where it is too far off."""
        segment = self.segment(unit, at)
        if segment.duties:
            return at
        end = datetime.fromtimestamp(segment.end, UTC)
        return end if self.segment(unit, end).duties else None

    def _standing_in(self, unit: Unit, now: int, gap: Segment) -> OnDuty:
        """Climb in a gap: the fallback, the unit's head, the company's duty; who is away is passed over."""
        steps = ["nobody is on shift"]
        edges = [gap.start, gap.end]
        told, members = "nobody stands in", tuple[str, ...]()
        for name, people in self.standing_in(unit.unit_id):
            absences = {each: list(absences_of(self.members[each], self.changes)) for each in people}
            edges += [edge for away in absences.values() for each in away for edge in (each.start, each.end)]
            here = [
                each for each in people if not any(away.start <= now < away.end for away in absences[each])
            ]
            if here:
                told, members = f"{name} stands in", self._working_first(here, now)
                break
            steps.append(f"{name}: {', '.join(people)} away" if people else f"{name} names nobody")
        return OnDuty(
            unit=unit.unit_id,
            desk=unit.rota.fallback,
            members=members,
            because=f"nobody is on duty: {told}",
            gap=True,
            since=max(edge for edge in edges if gap.start <= edge <= now),
            until=min(edge for edge in edges if now < edge <= gap.end),
            steps=tuple(steps),
        )

    def standing_in(self, unit: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield who is asked in a gap, the first first: what they are called, and the members."""
        rota, head = self.units[unit].rota, self.units[unit].head
        if rota.fallback in rota.desks:
            yield f"fallback desk {rota.fallback}", self._known(*pool(rota, rota.fallback))
        else:
            yield f"fallback {rota.fallback}", self._known(rota.fallback)
        if head:
            yield "unit head", self._known(head)
        if self.company_duty:
            yield "company duty", self._known(self.company_duty)

    def _known(self, *names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.members)

    def _working_first(self, members: Iterable[str], now: int) -> tuple[str, ...]:
        """Put those first who are on duty for some unit."""
        at = datetime.fromtimestamp(now, UTC)
        working = {duty.member for unit in self.units for duty in self.segment(unit, at).duties}
        return tuple(sorted(members, key=lambda member: member not in working))


def _tells(window: Rota, now: int) -> bool:
    """Tell whether a window has the answer for an instant; a gap in it must not be cut short by its edge."""
    if not window.start <= now < window.end:
        return False
    segment = window.who(now)
    is_whole = window.start < segment.start and segment.end < window.end
    return bool(segment.duties) or is_whole or window.end - now >= _AHEAD
