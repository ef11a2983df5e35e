"""One bad day at the example bank: what customers say, what breaks, and the people who answer and sleep.

The flows are the real ones; their ports stand in memory and the clock is a loop. All chance comes from one
seed, so a seed is a day.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from allhours import models
from allhours.domain.case import DESK, Case, State
from allhours.domain.changes import leave, override
from allhours.domain.errors import Busy
from allhours.domain.escalation import away
from allhours.domain.item import Author, Item, Kind
from allhours.domain.priority import URGENT
from allhours.domain.proof import Kind as Wrong
from allhours.domain.proof import prove
from allhours.domain.router import Router
from allhours.domain.triage import Triage
from allhours.flows.acknowledge import acknowledge
from allhours.flows.change_rota import ChangeRefused, change, recheck
from allhours.flows.clock import Done, tick
from allhours.flows.deadlines import tell_deadlines
from allhours.flows.escalate import escalate, send_bundles
from allhours.flows.forward import Switchboard, send_pages
from allhours.flows.hand_over import hand_over
from allhours.flows.prove import announce
from allhours.flows.route import route
from allhours.flows.try_members import try_members
from allhours.networks.windows import ANSWER_WINDOWS
from infra.local import memory
from infra.local.cast import CAST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from allhours.domain.changes import Change
    from allhours.domain.handle import Handle
    from allhours.domain.organisation import Organisation
    from allhours.domain.page import Page
    from allhours.domain.proof import Finding

BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
"""New York puts its clocks back that Sunday, and Manila has a holiday, All Saints' Day."""
LASTS = timedelta(hours=24)
DRAINS = timedelta(hours=24)  # most that is given to what was left open
OUTAGE = (
    timedelta(hours=13),
    timedelta(hours=14, minutes=30),
)  # of the app, while London and New York are up
SNS_DOWN = (timedelta(hours=13, minutes=20), timedelta(hours=13, minutes=40))
SICK = 3  # members who fall ill on duty
TELLS_AFTER = (20, 45)  # minutes until somebody who is ill has told
USUAL_AN_HOUR, OUTAGE_AN_HOUR = 12.0, 120.0  # posts to the whole bank
ANSWERS_IN = (3, 9)  # minutes of a member's attention that a first answer takes
URGENT_ANSWERS_IN = (1, 4)  # the same, where everything else is laid aside
RESOLVED_AFTER = 45.0  # minutes after the answer, on average
HEARS_IN = (1, 6)  # minutes until a page is acknowledged
SLEEPS_THROUGH = 0.12  # of all calls
MINUTE = timedelta(minutes=1)
OWNERS_EVERY = 10  # minutes; more than there are units
OUTAGE_WORDS = (
    "the app is down, I cannot see my money",
    "is your app down? it logs me out again and again",
    "online banking is down for an hour now, what is going on",
    "your website is down and my rent is due today",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One page as it reached, or did not reach, one person; `hears_at` is when they would acknowledge it."""

    at: datetime
    page: Page
    member: str
    hears_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Illness:
    """Who falls ill on duty, when, and when they have told."""

    member: str
    unit: str
    at: datetime
    told_at: datetime


@dataclass(slots=True)
class Phones:
    """The pager of the drill: notes every call, and is out of order while SNS is."""

    day: BadDay
    calls: list[Call] = field(default_factory=list[Call])
    refused: int = 0

    def send(self, page: Page, *, member: str, link: str) -> None:  # noqa: ARG002 - the port's
        """Call one person."""
        at = self.day.at
        if SNS_DOWN[0] <= at - BEGINS < SNS_DOWN[1]:
            self.refused += 1
            raise Busy("sending a page: SNS is out of order")
        chance = self.day.chance
        hears = at + timedelta(minutes=chance.uniform(*HEARS_IN))
        deaf = self.day.is_ill(member, at) or chance.random() < SLEEPS_THROUGH
        self.calls.append(Call(at=at, page=page, member=member, hears_at=None if deaf else hears))


@dataclass(slots=True)
class NoLinks:
    """People of the drill acknowledge by themselves."""

    def link(self, page_id: str, serial: int, member: str, at: datetime) -> str:  # noqa: ARG002 - the port's
        """Return no address."""
        return ""


@dataclass(slots=True)
class Work:
    """A case that a member has begun to answer, or to resolve when `answers` is not set."""

    conversation_key: str
    member: str
    ends_at: datetime
    answers: bool


class BadDay:
    """The day, minute by minute; afterwards everything that the report asks for stands in its ports."""

    def __init__(self, organisation: Organisation, seed: int) -> None:
        """Draw the day from the seed."""
        self.chance = random.Random(seed)
        self.at = BEGINS
        self.plan = organisation
        self.notices = memory.MemoryNotices()
        self.pages = memory.MemoryPages(self.notices)
        self.records = memory.MemoryRecords(self.notices, self.pages)
        self.handovers = memory.MemoryHandovers(self.notices)
        self.budgets = memory.MemoryBudgets(self.pages)
        self.reaches = memory.MemoryReaches(self.pages)
        self.gaps = memory.MemoryGaps(self.notices)
        self.changes = memory.MemoryChanges(self.notices)
        self.phones = Phones(self)
        self.illnesses = self._illnesses()
        self.items = sorted(self._items(), key=lambda item: item.created_at)
        self.routed: dict[str, int] = {}
        self.answered_at: dict[str, datetime] = {}
        self.resolved_at: dict[str, datetime] = {}
        self.work: list[Work] = []
        self.story: list[tuple[datetime, str]] = []
        self.broken: list[str] = []
        self._organisation = organisation

    @property
    def organisation(self) -> Organisation:
        """Return the bank with the changes in force."""
        if self._organisation.changes != self.changes.changes:
            self._organisation = replace(self.plan, changes=self.changes.changes)
        return self._organisation

    def is_ill(self, member: str, at: datetime) -> bool:
        """Tell whether a member is ill, told or not."""
        return any(one.member == member and one.at <= at for one in self.illnesses)

    def play(self) -> None:
        """Live through the day, and on until all is answered."""
        waiting = list(reversed(self.items))
        triage, router_of = Triage(self.organisation, models.judge(self.organisation)), self.organisation
        router = Router(router_of, answer_windows=ANSWER_WINDOWS, triage=triage)
        while self.at < BEGINS + LASTS or (self._is_open() and self.at < BEGINS + LASTS + DRAINS):
            if router_of is not self.organisation:
                router_of = self.organisation
                router = Router(router_of, answer_windows=ANSWER_WINDOWS, triage=triage)
            said = []
            while waiting and waiting[-1].created_at <= self.at:
                said.append(waiting.pop())
            if said:
                done = route(list(enumerate(said)), router=router, records=self.records, at=self.at)
                for item in said:
                    self.routed[item.key] = self.routed.get(item.key, 0) + 1
                self.broken += done.why_again
            self._ill_people_tell()
            self._send()
            self._tick()
            self._send()
            self._hear()
            self._work()
            self._look()
            self.at += MINUTE

    def _send(self) -> None:
        board = Switchboard(
            pages=self.pages,
            pager=self.phones,
            budgets=self.budgets,
            links=NoLinks(),
            organisation=self.organisation,
        )
        send_pages(self.pages.unsent(self.at), board=board, at=self.at)

    def _tick(self) -> None:
        at, bank = self.at, self.organisation
        ticked = tick(
            (
                ("pages", lambda: _done(escalate(pages=self.pages, organisation=bank, at=at).troubles)),
                (
                    "deadlines",
                    lambda: _done(tell_deadlines(organisation=bank, cases=self.records, at=at).troubles),
                ),
                (
                    "handovers",
                    lambda: _done(
                        hand_over(
                            organisation=bank, cases=self.records, handovers=self.handovers, at=at
                        ).troubles
                    ),
                ),
                ("gaps", self._announce),
                ("bundles", lambda: _done(send_bundles(budgets=self.budgets, at=at).troubles)),
                (
                    "test pages",
                    lambda: _done(try_members(reaches=self.reaches, organisation=bank, at=at).troubles),
                ),
            )
        )
        self.broken += (*ticked.troubles, *map(repr, ticked.bugs))

    def _announce(self) -> Done:
        due = self.gaps.due(self.at)
        announce(due, organisation=self.organisation, gaps=self.gaps, pages=self.pages, at=self.at)
        return _done(())

    def _hear(self) -> None:
        """Let everybody acknowledge what they have heard by now."""
        for call in self.phones.calls:
            if call.hears_at is None or not self.at - MINUTE < call.hears_at <= self.at:
                continue
            acknowledge(
                call.page.page_id,
                None,
                call.member,
                pages=self.pages,
                reaches=self.reaches,
                organisation=self.organisation,
                at=self.at,
            )

    def _ill_people_tell(self) -> None:
        """Put the leave of whoever has told on record, and then whom the proof finds to fill the hole."""
        for ill in self.illnesses:
            if not self.at - MINUTE < ill.told_at <= self.at:
                continue
            end = int((BEGINS + 3 * LASTS).timestamp())
            off = partial(_sick, member=ill.member, end=end, at=self.at)
            gone = self._change(off, by=ill.member, force=True)
            self._tell(f"{self._name(ill.member)} ({ill.unit}) is ill since {ill.at:%H:%M} and tells")
            for hole in self._holes(gone.objections) if gone else ():
                self._fill(hole)

    def _holes(self, objections: Sequence[str]) -> list[Finding]:
        """Return the holes of the next two days that a leave has opened."""
        if not objections:
            return []
        now = int(self.at.timestamp())
        found = prove(self.organisation, now, now + 2 * 86_400)
        return [one for one in found if one.kind in (Wrong.GAP, Wrong.THIN) and one.severity == "hole"]

    def _fill(self, hole: Finding) -> None:
        """Ask the members whom the proof names, the cheapest first, until a change holds."""
        for fill in (hole.fill, *hole.runners_up):
            if fill is None or not fill.member or self.is_ill(fill.member, self.at):
                continue
            proposal = partial(
                _stand_in, hole=hole, member=fill.member, desk=fill.desk, start=hole.start, at=self.at
            )
            try:
                made = self._change(proposal, by=self.organisation.units[hole.unit].head, force=False)
            except ChangeRefused:
                continue
            if made:
                begin, end = (datetime.fromtimestamp(at, UTC) for at in (made.start, made.end))
                self._tell(f"for {hole.unit}, {begin:%d %H:%M} to {end:%d %H:%M}: {fill.sentence}")
                return
        self._tell(f"nobody could be found for {hole.unit}: the fallback has it")

    def _change(self, proposal: object, *, by: str, force: bool) -> Change | None:
        made = change(
            proposal,  # type: ignore[arg-type] # a partial of a proposal
            organisation=self.plan,
            changes=self.changes,
            prove=lambda bank, start, end, *, units: prove(bank, start, end, units=units),
            by=by,
            force=force,
            at=self.at,
        )
        recheck(made, gaps=self.gaps, at=self.at)
        return made.change

    def _work(self) -> None:
        """Finish what is finished, then let everybody on duty begin what is most urgent."""
        for done in [each for each in self.work if each.ends_at <= self.at]:
            self.work.remove(done)
            self._finish(done)
        for unit in self.plan.units:
            begun = {each.conversation_key for each in self.work}
            waiting = sorted(
                (case for case in self.records.of_unit(unit) if case.conversation_key not in begun),
                key=lambda case: (case.priority, case.next_due_at or self.at + LASTS, case.case_id),
            )
            for case in waiting:
                if case.case_id not in self.answered_at:
                    self._begin(case)

    def _begin(self, case: Case) -> None:
        segment = self.organisation.segment(case.unit, self.at)
        duty = self.organisation.on_duty(case.unit, self.at)
        there = [each.member for each in segment.duties if each.member] or list(duty.members)
        owners = there if case.owner.startswith(DESK) else [name for name in there if name == case.owner]
        desks = self.organisation.units[case.unit].rota.desks
        most = desks[duty.desk].concurrency if duty.desk in desks else 1
        for member in owners:
            busy = sum(each.member == member and each.answers for each in self.work)
            if (
                busy < most
                and not self.is_ill(member, self.at)
                and not away(self.organisation, member, self.at)
            ):
                least, most = URGENT_ANSWERS_IN if case.priority == URGENT else ANSWERS_IN
                ends = self.at + timedelta(minutes=self.chance.uniform(least, most))
                self.work.append(Work(case.conversation_key, member, ends, answers=True))
                return

    def _finish(self, done: Work) -> None:
        case = self.records.cases[done.conversation_key]
        if case.state is not State.OPEN:
            return
        if done.answers:
            self.answered_at[case.case_id] = self.at
            due = {kind: ends for kind, ends in case.due.items() if kind != "first_answer"}
            after = replace(case, due=due, version=case.version + 1)
            resolved = self.at + timedelta(minutes=self.chance.expovariate(1 / RESOLVED_AFTER))
            self.work.append(Work(done.conversation_key, done.member, resolved, answers=False))
        else:
            self.resolved_at[case.case_id] = self.at
            after = replace(
                case,
                due={},
                state=State.CLOSED,
                closed_at=self.at,
                closed_because="resolved",
                version=case.version + 1,
            )
        self.records.save(after, case, at=self.at)

    def _look(self) -> None:
        """Hold the promises of this minute: no page stands still, every open case is somebody's who is there.

        The second every few minutes: after a change by hand a unit waits for its turn.
        """
        for unit in self.plan.units if self.at.minute % OWNERS_EVERY == OWNERS_EVERY - 1 else ():
            segment = self.organisation.segment(unit, self.at)
            if not segment.duties:
                continue
            here = {duty.member for duty in segment.duties} | {DESK + desk for desk in segment.desks}
            for case in self.records.of_unit(unit):
                if case.owner not in here:
                    whose = f"case {case.case_id} is {case.owner}'s, who is off"
                    self.broken.append(f"{self.at:%d %H:%M} {unit}: {whose}")
        late = [name for name in self.pages.due(self.at) if not self.pages.rows[name].waiting]
        self.broken += [f"{self.at:%d %H:%M} page {name} stands still" for name in late]

    def _is_open(self) -> bool:
        return any(case.state is State.OPEN for case in self.records.cases.values()) or any(
            one.waiting or (one.climb and one.climb.next_at) for one in self.pages.rows.values()
        )

    def _tell(self, what: str) -> None:
        self.story.append((self.at, what))

    def _name(self, member: str) -> str:
        return self.plan.members[member].name

    def _illnesses(self) -> tuple[Illness, ...]:
        """Let members of three units fall ill, each an hour into a shift of that day."""
        units = self.chance.sample(sorted(self.plan.units), SICK)
        found = []
        for unit in units:
            hour = self.chance.randrange(1, 20)
            at = BEGINS + timedelta(hours=hour, minutes=self.chance.randrange(60))
            duty = self.plan.on_duty(unit, at)
            told_at = at + timedelta(minutes=self.chance.randrange(*TELLS_AFTER))
            found.append(Illness(member=duty.person, unit=unit, at=at, told_at=told_at))
        return tuple(sorted(found, key=lambda one: one.at))

    def _items(self) -> Iterator[Item]:
        """Yield what customers say: as usual all day, and in the outage about nothing else."""
        lines = [line for line in CAST if line.do == "say" and line.author and not line.on and line.text]
        at, number = BEGINS, 0
        while True:
            is_out = OUTAGE[0] <= at - BEGINS < OUTAGE[1]
            at += timedelta(hours=self.chance.expovariate(OUTAGE_AN_HOUR if is_out else USUAL_AN_HOUR))
            if at >= BEGINS + LASTS:
                return
            number += 1
            line = self.chance.choice(lines)
            handle = self._handle(line.network, line.account)
            text = self.chance.choice(OUTAGE_WORDS) if is_out else line.text
            yield Item(
                network=handle.network,
                native_id=str(number),
                account=handle.account,
                handle=handle.handle,
                conversation_id=str(number),
                author=Author(author_id=f"customer-{number}", handle=f"@customer{number}"),
                created_at=at,
                kind=Kind.MENTION,
                text=text,
                addressed=(handle.handle,),
            )

    def _handle(self, network: str, account: str) -> Handle:
        return next(h for h in self.plan.handles if (h.network, h.account) == (network, account))


def _sick(bank: Organisation, *, member: str, end: int, at: datetime) -> Change:
    return leave(bank, member, start=int(at.timestamp()), end=end, by=member, at=at, reason="sick")


def _stand_in(
    bank: Organisation, *, hole: Finding, member: str, desk: str, start: int, at: datetime
) -> Change:
    begin, head = max(start, int(at.timestamp())), bank.units[hole.unit].head
    return override(
        bank, hole.unit, start=begin, end=hole.end, by=head, at=at, add=member, desk=desk, reason="sick cover"
    )


def _done(troubles: Sequence[str]) -> Done:
    return Done(counts={}, troubles=troubles)
