"""Decide what one item changes, from what is known, without writing anything."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain import notice, page
from allhours.domain.case import ERASED, Case, State, owner_of
from allhours.domain.decision import Decision, Entry, Known, Outcome
from allhours.domain.endings import author_named, deleted, expired, without_words
from allhours.domain.engagement import CASE, GRATEFUL, LIGHT, MUST_NOT, NONE
from allhours.domain.event import REVISION, event_body, told_again
from allhours.domain.holding_answer import holding_answer
from allhours.domain.item import Change, Item, Kind, Visibility
from allhours.domain.judgement import Judge, no_judge
from allhours.domain.new_home import new_home
from allhours.domain.routing import Route, record, route
from allhours.domain.service_level import deadlines
from allhours.domain.triage import Triage
from allhours.domain.urgency import COMPANY_DUTY, SELF_HARM, gravest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.automatic import AutomaticAnswers
    from allhours.domain.organisation import OnDuty, Organisation
    from allhours.domain.page import Page
    from allhours.domain.triage import Verdict

_AT_NAME = re.compile(r"@[\w.-]+(?:@[\w.-]+)?")
_ANEW = ("case.opened", "case.reopened")
_ASKS_ANEW = (*_ANEW, "item.edited")
_NO_WINDOWS: Mapping[str, tuple[timedelta, ...]] = MappingProxyType({})


class Router:
    """Everything that decides: the organisation, its rules, lists and model, ready for many items.

    `answer_windows` says by network how long after a private post it can be answered, `short_lived` names the
    networks whose words may be kept for a short time only: of what is no case there, none are kept.
    """

    def __init__(
        self,
        organisation: Organisation,
        judge: Judge = no_judge,
        answer_windows: Mapping[str, tuple[timedelta, ...]] = _NO_WINDOWS,
        short_lived: frozenset[str] = frozenset(),
        triage: Triage | None = None,
        *,
        automatic: AutomaticAnswers | None = None,
    ) -> None:
        """Compile rules and lists once; `triage` is that of the same file, where somebody has one already.

        Without `automatic` people answer everything.
        """
        from allhours.domain.staffed_clock import StaffedClock  # noqa: PLC0415 - a cold start need not wait for rotas

        self.organisation = organisation
        self.triage = triage or Triage(organisation, judge)
        self._answer_windows = answer_windows
        self._short_lived = short_lived
        self._automatic = automatic
        self._staffed = StaffedClock(organisation)

    def decide(
        self, item: Item, known: Known | None, case: Case | None, conversation_key: str, at: datetime
    ) -> Decision:
        """Return what the item changes: tombstones win, then versions, then the conversation's case."""
        item = self.for_us(item)
        gone = item.change in {Change.DELETED, Change.EXPIRED}
        if known and (known.deleted or (not gone and item.version <= known.version)):
            return Decision(
                outcome=Outcome.DUPLICATE, reason="deleted before" if known.deleted else "known already"
            )
        if gone:
            end = deleted if item.change is Change.DELETED else expired
            return end(self.organisation, item, known, case, at)
        if item.kind is Kind.PROFILE:
            return author_named(self.organisation, item, known, case, at)
        if known and known.case_id and case:
            return self._edit(item, known, case, at)
        decision = self._hear(item, case, conversation_key, at)
        if known and decision.entry:  # no case before: with its new words it is a new item
            entry = replace(decision.entry, replaces=known.version, told=known.told)
            return replace(decision, entry=entry)
        return decision

    def for_us(self, item: Item) -> Item:
        """Return the item with our own handles, and no others, as addressed: those it names first.

        Two of our handles hear a post that names both, and either copy may come first: both must say
        the same.
        """
        named = (name.rstrip(".-") for name in _AT_NAME.findall(item.text)) if "@" in item.text else ()
        handles = (self.organisation.addressed(item.network, name) for name in (*named, *item.addressed))
        ours = tuple(dict.fromkeys(handle.handle for handle in handles if handle))
        return item if ours == item.addressed else replace(item, addressed=ours)

    def way(self, item: Item, case: Case | None, verdict: Verdict | None = None) -> Route:
        """Return where an item of ours goes, and why; in the light of its case, if it has one."""
        return route(
            self.organisation,
            verdict or self.triage.judged(self.triage.heard(item)),
            network=item.network,
            addressed=item.addressed,
            case=case,
            account=item.account,
        )

    def _hear(self, item: Item, case: Case | None, conversation_key: str, at: datetime) -> Decision:
        if case and case.author_id == ERASED:
            return self._open(item, case, conversation_key, at)
        if case and case.state is State.CLOSED:
            return self._after_close(item, case, conversation_key, at)
        if case:
            return self._add(item, case, at)
        return self._open(item, None, conversation_key, at)

    def _open(self, item: Item, was: Case | None, conversation_key: str, at: datetime) -> Decision:
        way = self.way(item, None)
        if way.verdict.lane != CASE:
            return self._keep(item, way, conversation_key, at)
        decision = self._with_case(
            "case.opened", item, Case.opened(item, way, conversation_key, was), was, way, at
        )
        return decision if was else self._answered(decision, item, way, at)

    def _answered(self, decision: Decision, item: Item, way: Route, at: datetime) -> Decision:
        """Return the opening of a conversation's first case with the answer that goes out by itself."""
        case, entry = decision.case, decision.entry
        cards = entry.event.get("answers") if entry and entry.event else None
        if not cards or not (self._automatic and case and entry and entry.event):
            return decision
        reply = self._automatic.answer(item, case, way, cards, at)
        if reply is None:
            return decision
        event = {name: value for name, value in entry.event.items() if name != "holding_answer"}
        return replace(
            decision,
            entry=replace(entry, event=event),
            case=replace(case, replies=1, held=False),
            reply=reply,
        )

    def _keep(self, item: Item, way: Route, conversation_key: str, at: datetime) -> Decision:
        """Keep an item that opens no case, with the whole reason; a light one is told to its inbox."""
        grounds: dict[str, Any] = {
            "at": at.isoformat(timespec="milliseconds"),
            "reason": way.reason,
            "step": way.step,
            "revision": self.organisation.revision[:REVISION],
            "lane": way.verdict.lane,
            **record(self.organisation, way),
        }
        if item.network in self._short_lived:  # nobody would tell the inbox when its words have to go
            entry = Entry(item=without_words(item), replaces=None, conversation_key=conversation_key)
            return Decision(
                outcome=Outcome.FILTERED,
                entry=replace(entry, why={**grounds, "lane": NONE}),
                reason=way.reason,
            )
        entry = Entry(item=item, replaces=None, conversation_key=conversation_key)
        if way.verdict.lane != LIGHT:
            return Decision(outcome=Outcome.FILTERED, entry=replace(entry, why=grounds), reason=way.reason)
        event = {
            "event": "item.light",
            "unit": way.unit,
            **({"account": way.account} if way.account else {}),
            "priority": way.priority,
            **grounds,
        }
        return Decision(outcome=Outcome.LIGHT, entry=replace(entry, event=event), reason=way.reason)

    def promoted(
        self,
        item: Item,
        known: Known,
        closed: Case | None,
        *,
        unit: str,
        by: str,
        because: str,
        was: str,
        at: datetime,
    ) -> Decision:
        """Return the case that a person makes of an item which opened none; its clock starts now.

        `unit` "" leaves it to the ladder; `was` is why it was no case.
        """
        item = self.for_us(item)
        verdict = self.triage.judged(self.triage.heard(item))
        way = self.way(item, None, replace(verdict, engagement=None, ignored=None, shadow=None))
        unit = unit or way.unit
        way = replace(
            way,
            unit=unit,
            account=self.organisation.account_for(unit, item.network, preferred=way.account),
            step="promoted",
            reason=f"promoted by {by}: {because}",
        )
        case = replace(Case.opened(item, way, known.conversation_key, closed), counted_from=at)
        decision = self._with_case("case.opened", item, case, closed, way, at)
        if decision.entry is None or decision.entry.event is None:
            return decision
        told = {"by": by, "because": because, **({"was": was} if was else {})}
        event = {**decision.entry.event, "promoted": told}
        entry = replace(decision.entry, event=event, replaces=known.version, told=known.told)
        return replace(decision, entry=entry)

    def _after_close(self, item: Item, case: Case, conversation_key: str, at: datetime) -> Decision:
        """Reopen for the author within the window, start anew after it, attach a stranger as a bystander."""
        own = item.author.author_id == case.author_id
        if not own:
            return self._add(item, case, at)
        way = self.way(item, case)
        thanks = way.verdict.engagement
        if thanks and thanks.policy in GRATEFUL and thanks.lane != CASE:
            stays = replace(way, step="engagement", reason=f"{thanks.reason}; the case stays closed")
            return self._with_case("item.added", item, case.heard(item), case, stays, at)
        unit = self.organisation.units[new_home(self.organisation, case).unit]
        if case.may_reopen(item.author.author_id, item.created_at, unit.reopen_within):
            again = case.heard(item).reopened_again(item.created_at)
            return self._with_case("case.reopened", item, again.routed(way), case, way, at)
        return self._open(item, case, conversation_key, at)

    def _add(self, item: Item, case: Case, at: datetime) -> Decision:
        way = self.way(item, case)
        after = case.heard(item)
        if item.author.author_id == case.author_id:
            return self._with_case("item.added", item, after.routed(way), case, way, at)
        beside = replace(
            way, step="bystander", reason=f"said by another in a case of {case.unit}", shadow=None
        )
        if way.urgent and way.urgent.is_self_harm:  # whoever says so: the case is a matter of life
            after = replace(after, priority=min(case.priority, way.priority))
        return self._with_case("item.added", item, after, case, beside, at)

    def _edit(self, item: Item, known: Known, case: Case, at: datetime) -> Decision:
        if case.case_id != known.case_id:  # its case has been replaced: the words change, no case does
            entry = Entry(
                item=item,
                replaces=known.version,
                case_id=known.case_id,
                conversation_key=known.conversation_key,
                event=told_again(known, "item.edited", "the author edited it", at),
                told=known.told,
            )
            return Decision(outcome=Outcome.EDITED, entry=entry, reason="the author edited it")
        way = self.way(item, case)
        own = item.author.author_id == case.author_id
        event, after = "item.edited", case.edited(item)
        if own and item.kind is Kind.REVIEW and case.state is State.CLOSED:  # to overwrite it is to answer us
            event, after = "case.reopened", after.reopened_again(at).routed(way)
        elif own and way.step == "urgent":
            after = after.routed(way)
        elif own:
            after = replace(after, priority=min(case.priority, way.priority))
        decision = self._with_case(event, item, after, case, way, at)
        if decision.entry is None:
            return decision
        entry = replace(decision.entry, replaces=known.version, told=known.told)
        return replace(decision, outcome=Outcome.EDITED, entry=entry)

    def _with_case(  # noqa: PLR0917 - private, and each call reads in the order in which it happens
        self, event: str, item: Item, after: Case, was: Case | None, way: Route, at: datetime
    ) -> Decision:
        home = new_home(self.organisation, after)
        if home.unit != after.unit:  # nobody's words have moved the case
            way = replace(way, step="fallback", reason=home.reason)
        after = _marked(home, item, way)
        duty = self.organisation.on_duty(after.unit, at, case=after.case_id)
        after = self._in_hand(event, item, after, was, way, duty, at)
        body = event_body(
            self.organisation,
            event,
            item,
            after,
            at,
            reason=way.reason,
            step=way.step,
            duty=duty,
            was=was,
            grounds=record(self.organisation, way, answers=event in _ASKS_ANEW),
        )
        if (
            duty.gap
            and event in _ANEW
            and not after.held
            and _may_be_held(after, way)
            and (held := holding_answer(self.organisation, after.unit, item.language, at))
        ):
            body["holding_answer"] = held
            after = replace(after, held=True)
        entry = Entry(
            item=item,
            replaces=None,
            case_id=after.case_id,
            conversation_key=after.conversation_key,
            event=body,
        )
        return Decision(
            outcome=Outcome.ROUTED,
            entry=entry,
            case=after,
            case_was=was,
            pages=tuple(self._calls(item, after, way, duty, at)),
            notices=(notice.gap_met(self.organisation, after, at),) if duty.gap else (),
            reason=way.reason,
        )

    def _calls(self, item: Item, case: Case, way: Route, duty: OnDuty, at: datetime) -> list[Page]:
        calls = []
        if urgent := way.urgent:
            there, cause = duty, ""
            if urgent.is_self_harm:  # to those who know the protocol, also where the case is another unit's
                cause = SELF_HARM if item.author.author_id == case.author_id else f"{SELF_HARM}#{item.key}"
                if urgent.asks.unit in self.organisation.units and urgent.asks.unit != case.unit:
                    there = self.organisation.on_duty(urgent.asks.unit, at, case=case.case_id)
            called = self.organisation.company_duty if COMPANY_DUTY in urgent.asks.page else ""
            calls.append(
                page.urgent(
                    case,
                    there,
                    urgent.because,
                    at,
                    protocol=urgent.asks.protocol,
                    cause=cause,
                    also=(called,) if called else (),
                )
            )
        if duty.gap:
            calls.append(page.nobody_on_duty(case, duty, at))
        return calls

    def _in_hand(  # noqa: PLR0917 - as above
        self,
        event: str,
        item: Item,
        after: Case,
        was: Case | None,
        way: Route,
        duty: OnDuty,
        at: datetime,
    ) -> Case:
        """Return the open case with its owner, its promises and the network's windows.

        One without an owner was opened by a release that knew of none of these, and gets all.
        """
        if after.state is not State.OPEN:
            return after
        anew = event in _ANEW or was is None or not was.owner
        moved = anew or (was is not None and was.unit != after.unit)
        if moved:
            after = after.owned_by(owner_of(duty), at)
        if moved or (was is not None and after.priority < was.priority):
            levels = self.organisation.units[after.unit].service_levels
            promises = deadlines(levels, after.priority, after.unit, after.promised_from, self._staffed)
            after = after.promised(promises, moved=moved)
        own, private = item.author.author_id == after.author_id, item.visibility is Visibility.PRIVATE
        urgent = way.urgent
        if urgent and urgent.asks.answer_within and (own or urgent.is_self_harm):
            said_at = item.created_at if item.change is Change.SAID and way.step != "promoted" else at
            after = after.to_be_answered_by(said_at + timedelta(seconds=urgent.asks.answer_within))
        if own and private and item.change is Change.SAID:
            after = after.windowed(item.created_at, self._answer_windows.get(item.network, ()), at)
        return after


def _marked(case: Case, item: Item, way: Route) -> Case:
    """Return the case with what holds from now on: how grave it is, and that nobody simply answers."""
    own, urgent, engagement = item.author.author_id == case.author_id, way.urgent, way.verdict.engagement
    if urgent and (own or urgent.is_self_harm):
        case = replace(case, urgent=gravest(case.urgent, urgent.kind))
    if own and engagement and engagement.stance == MUST_NOT:
        case = replace(case, stance=MUST_NOT)
    return case


def _may_be_held(case: Case, way: Route) -> bool:
    """Tell whether words may go out that nobody has written for this customer."""
    return case.urgent != SELF_HARM and case.stance != MUST_NOT and way.step != "promoted"
