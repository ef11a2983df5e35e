"""What one item changes: decided from what is known, without writing anything."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain import notice, page
from allhours.domain.case import Case, State, owner_of
from allhours.domain.holding_answer import holding_answer
from allhours.domain.item import NO_ANSWER_NEEDS, Author, Change, Item, Kind, Visibility
from allhours.domain.new_home import new_home
from allhours.domain.priority import NORMAL
from allhours.domain.routing import Classifier, Route, Rules, no_classifier, route
from allhours.domain.service_level import deadlines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from allhours.domain.notice import Notice
    from allhours.domain.organisation import OnDuty, Organisation
    from allhours.domain.page import Page

_AT_NAME = re.compile(r"@[\w.-]+(?:@[\w.-]+)?")
_ANEW = ("case.opened", "case.reopened")
_NO_WINDOWS: Mapping[str, tuple[timedelta, ...]] = MappingProxyType({})


class Outcome(StrEnum):
    """What became of an item; the summary of a run counts them."""

    ROUTED = "routed"
    EDITED = "edited"
    DELETED = "deleted"
    EXPIRED = "expired"
    FILTERED = "filtered"
    DUPLICATE = "duplicate"
    NAMED = "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the item's row says already; `told` are the events so far, oldest first, as JSON texts."""

    version: int
    deleted: bool
    case_id: str = ""
    conversation_key: str = ""
    author_id: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The item's row as it shall be; `event` is what leaves through the outbox, "" keeps it inside.

    `replaces` is the version that the row must still have (None: there must be no row). `told` are the events
    before this one, which stay on record.
    """

    item: Item
    replaces: int | None
    deleted: bool = False
    case_id: str = ""
    conversation_key: str = ""
    event: dict[str, Any] | None = None
    told: tuple[str, ...] = ()

    def as_known(self) -> Known:
        """Return what the row says once it is written."""
        return Known(
            version=self.item.version,
            deleted=self.deleted,
            case_id=self.case_id,
            conversation_key=self.conversation_key,
            author_id=self.item.author.author_id,
            told=(*self.told, json.dumps(self.event, separators=(",", ":"))) if self.event else self.told,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One transaction's worth of change; `case_was` is the case as read, None when the row must be absent."""

    outcome: Outcome
    entry: Entry | None = None
    case: Case | None = None
    case_was: Case | None = None
    pages: tuple[Page, ...] = ()
    notices: tuple[Notice, ...] = ()
    reason: str = ""


class Router:
    """Everything that decides: the organisation, its rules and the classifier, ready for many items.

    `answer_windows` says by network how long after a private post it can be answered, `short_lived` names the
    networks whose words may be kept for a short time only: of what is filtered there, none are kept.
    """

    def __init__(
        self,
        organisation: Organisation,
        classifier: Classifier = no_classifier,
        answer_windows: Mapping[str, tuple[timedelta, ...]] = _NO_WINDOWS,
        short_lived: frozenset[str] = frozenset(),
    ) -> None:
        """Compile the rules once."""
        from allhours.domain.staffed_clock import StaffedClock  # noqa: PLC0415 - a cold start need not wait for rotas

        self.organisation = organisation
        self._rules = Rules(organisation.rules)
        self._classifier = classifier
        self._answer_windows = answer_windows
        self._short_lived = short_lived
        self._staffed = StaffedClock(organisation)

    def decide(
        self, item: Item, known: Known | None, case: Case | None, conversation_key: str, at: datetime
    ) -> Decision:
        """Return what the item changes: tombstones win, then versions, then the conversation's case."""
        item = self._for_us(item)
        gone = item.change in {Change.DELETED, Change.EXPIRED}
        if known and (known.deleted or (not gone and item.version <= known.version)):
            return Decision(
                outcome=Outcome.DUPLICATE, reason="deleted before" if known.deleted else "known already"
            )
        if gone:
            end = self._delete if item.change is Change.DELETED else self._expire
            return end(item, known, case, at)
        if item.kind is Kind.PROFILE:
            return self._name(item, known, case, at)
        if known and known.case_id and case:
            return self._edit(item, known, case, at)
        decision = self._hear(item, case, conversation_key, at)
        if known and decision.entry:  # filtered before: with its new words it is a new item
            return replace(decision, entry=replace(decision.entry, replaces=known.version))
        return decision

    def _hear(self, item: Item, case: Case | None, conversation_key: str, at: datetime) -> Decision:
        if case and case.state is State.CLOSED:
            return self._after_close(item, case, conversation_key, at)
        if case:
            return self._add(item, case, at)
        return self._open(item, None, conversation_key, at)

    def _for_us(self, item: Item) -> Item:
        """Return the item with our own handles, and no others, as addressed: those it names first.

        Two of our handles hear a post that names both, and either copy may come first: both must say
        the same.
        """
        named = (name.rstrip(".-") for name in _AT_NAME.findall(item.text)) if "@" in item.text else ()
        handles = (self.organisation.addressed(item.network, name) for name in (*named, *item.addressed))
        ours = tuple(dict.fromkeys(handle.handle for handle in handles if handle))
        return item if ours == item.addressed else replace(item, addressed=ours)

    def _open(self, item: Item, was: Case | None, conversation_key: str, at: datetime) -> Decision:
        way = route(self.organisation, self._rules, item, None, self._classifier)
        if way.ignore:
            kept = _without_words(item) if item.network in self._short_lived else item
            entry = Entry(item=kept, replaces=None, conversation_key=conversation_key)
            return Decision(outcome=Outcome.FILTERED, entry=entry, reason=way.reason)
        return self._with_case(
            "case.opened", item, Case.opened(item, way, conversation_key, was), was, way, at
        )

    def _after_close(self, item: Item, case: Case, conversation_key: str, at: datetime) -> Decision:
        """Reopen for the author within the window, start anew after it, attach a stranger as a bystander."""
        unit = self.organisation.units[new_home(self.organisation, case).unit]
        if case.may_reopen(item.author.author_id, item.created_at, unit.reopen_within):
            again = case.heard(item).reopened_again(item.created_at)
            way = route(self.organisation, self._rules, item, case, self._classifier)
            return self._with_case("case.reopened", item, again.routed(way), case, way, at)
        if item.author.author_id == case.author_id:
            return self._open(item, case, conversation_key, at)
        return self._add(item, case, at)

    def _add(self, item: Item, case: Case, at: datetime) -> Decision:
        way = route(self.organisation, self._rules, item, case, self._classifier)
        after = case.heard(item)
        if item.author.author_id == case.author_id:
            return self._with_case("item.added", item, after.routed(way), case, way, at)
        beside = replace(way, step="bystander", reason=f"said by another in a case of {case.unit}")
        return self._with_case("item.added", item, after, case, beside, at)

    def _edit(self, item: Item, known: Known, case: Case, at: datetime) -> Decision:
        if case.case_id != known.case_id:  # its case has been replaced: the words change, no case does
            entry = Entry(
                item=item,
                replaces=known.version,
                case_id=known.case_id,
                conversation_key=known.conversation_key,
                event=_told_again(known, "item.edited", "the author edited it", at),
                told=known.told,
            )
            return Decision(outcome=Outcome.EDITED, entry=entry, reason="the author edited it")
        way = route(self.organisation, self._rules, item, case, self._classifier)
        own = item.author.author_id == case.author_id
        event, after = "item.edited", case.changed()
        if own and item.kind is Kind.REVIEW and case.state is State.CLOSED:  # to overwrite it is to answer us
            event, after = "case.reopened", after.reopened_again(at).routed(way)
        elif own:
            after = replace(after, priority=min(case.priority, way.priority))
        decision = self._with_case(event, item, after, case, way, at)
        if decision.entry is None:
            return decision
        entry = replace(decision.entry, replaces=known.version, told=known.told)
        return replace(decision, outcome=Outcome.EDITED, entry=entry)

    def _delete(self, item: Item, known: Known | None, case: Case | None, at: datetime) -> Decision:
        """Leave a tombstone, also for an item never heard of, so that a late copy of it stays out."""
        gone = replace(
            _without_words(item),
            permalink="",
            author=Author(author_id=known.author_id if known and known.author_id else item.author.author_id),
            version=max(item.version, known.version + 1 if known else 0),  # so that no edit beside it wins
        )
        if known is None:
            entry = Entry(item=gone, replaces=None, deleted=True)
            return Decision(outcome=Outcome.DELETED, entry=entry, reason="deleted before it was heard")
        entry = Entry(
            item=gone,
            replaces=known.version,
            deleted=True,
            case_id=known.case_id,
            conversation_key=known.conversation_key,
            told=known.told,
        )
        if (
            case is None or case.case_id != known.case_id
        ):  # filtered, or of a case that has been replaced since
            entry = replace(entry, event=_told_again(known, "item.deleted", "the author deleted it", at))
            return Decision(outcome=Outcome.DELETED, entry=entry, reason="the author deleted it")
        after = case.without_one(at)
        entry = replace(
            entry,
            event=self._event(
                "item.deleted", gone, after, at, reason="the author deleted it", step="deleted"
            ),
        )
        return Decision(
            outcome=Outcome.DELETED, entry=entry, case=after, case_was=case, reason="the author deleted it"
        )

    def _expire(self, item: Item, known: Known | None, case: Case | None, at: datetime) -> Decision:
        """Take the words off the row of an item that its network lets us keep no longer; its case goes on."""
        if known is None:
            return Decision(outcome=Outcome.DUPLICATE, reason="gone already")
        reason = "the network lets nobody keep it longer"
        bare = replace(
            _without_words(item),
            answer_needs=item.answer_needs,  # ids, with which the case is answered still
            author=Author(author_id=known.author_id),
            version=max(item.version, known.version + 1),
        )
        entry = Entry(
            item=bare,
            replaces=known.version,
            deleted=True,  # a later poll or edit of it must not bring the words back
            case_id=known.case_id,
            conversation_key=known.conversation_key,
            told=known.told,
        )
        if case is None or case.case_id != known.case_id:
            entry = replace(entry, event=_told_again(known, "item.expired", reason, at, step="expired"))
            return Decision(outcome=Outcome.EXPIRED, entry=entry, reason=reason)
        after = replace(case.changed(), author_handle="", author_name="")
        event = self._event("item.expired", bare, after, at, reason=reason, step="expired")
        return Decision(
            outcome=Outcome.EXPIRED,
            entry=replace(entry, event=event),
            case=after,
            case_was=case,
            reason=reason,
        )

    def _name(self, item: Item, known: Known | None, case: Case | None, at: datetime) -> Decision:
        """Put the name that a look-up found on the case; a case that is gone needs none."""
        if case is None or not case.live or case.author_id != item.author.author_id:
            return Decision(outcome=Outcome.DUPLICATE, reason="its case is gone")
        if (case.author_handle, case.author_name) == (item.author.handle, item.author.name):
            return Decision(outcome=Outcome.DUPLICATE, reason="known already")
        after = case.author_known(item.author.handle, item.author.name)
        entry = Entry(
            item=item,
            replaces=known.version if known else None,
            told=known.told if known else (),
            case_id=case.case_id,
            conversation_key=case.conversation_key,
            event=self._event(
                "case.author_known", item, after, at, reason="the network told the name", step="look-up"
            ),
        )
        return Decision(outcome=Outcome.NAMED, entry=entry, case=after, case_was=case)

    def _with_case(  # noqa: PLR0917 - private, and each call reads in the order in which it happens
        self, event: str, item: Item, after: Case, was: Case | None, way: Route, at: datetime
    ) -> Decision:
        home = new_home(self.organisation, after)
        if home.unit != after.unit:  # nobody's words have moved the case
            way = replace(way, step="fallback", reason=home.reason)
        after = home
        duty = self.organisation.on_duty(after.unit, at, case=after.case_id)
        after = self._in_hand(event, item, after, was, duty, at)
        body = self._event(
            event,
            item,
            after,
            at,
            reason=way.reason,
            step=way.step,
            duty=duty,
            was=was,
        )
        if (
            duty.gap
            and event in _ANEW
            and not after.held
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
        calls = []
        if way.urgent_because:
            calls.append(page.urgent(after, duty, way.urgent_because, at))
        if duty.gap:
            calls.append(page.nobody_on_duty(after, duty, at))
        return Decision(
            outcome=Outcome.ROUTED,
            entry=entry,
            case=after,
            case_was=was,
            pages=tuple(calls),
            notices=(notice.gap_met(self.organisation, after, at),) if duty.gap else (),
            reason=way.reason,
        )

    def _in_hand(  # noqa: PLR0917 - as above
        self, event: str, item: Item, after: Case, was: Case | None, duty: OnDuty, at: datetime
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
        if own and private and item.change is Change.SAID:
            after = after.windowed(item.created_at, self._answer_windows.get(item.network, ()), at)
        return after

    def _event(
        self,
        event: str,
        item: Item,
        case: Case,
        at: datetime,
        *,
        reason: str,
        step: str,
        duty: OnDuty | None = None,
        was: Case | None = None,
    ) -> dict[str, Any]:
        """Return the event without its item, which stands in the same row."""
        body: dict[str, Any] = {
            "event": event,
            "at": at.isoformat(timespec="milliseconds"),
            "unit": case.unit,
            "account": case.account,
            "reason": reason,
            "step": step,
            "case_version": case.version,
            "state": case.state.value,
            "author": {"handle": case.author_handle, "name": case.author_name}
            if event == "case.author_known"
            else {},
            "priority": case.priority if case.priority != NORMAL else 0,
            "bystander": item.author.author_id != case.author_id,
            "moved_from": was.unit if was and was.unit != case.unit else "",
            "moved_from_account": was.account if was and was.account != case.account else "",
            "revision": self.organisation.revision[:12],
        }
        if duty:
            body["on_duty"] = {
                "desk": duty.desk,
                "members": list(duty.members),
                "because": duty.because,
                "until": duty.until,
            }
            if duty.gap:
                body["on_duty"]["gap"] = True
        return {name: value for name, value in body.items() if value}


def _without_words(item: Item) -> Item:
    """Return the item without anything that somebody said."""
    return replace(item, text="", attachments=(), answer_needs=NO_ANSWER_NEEDS)


def _told_again(
    known: Known, event: str, reason: str, at: datetime, *, step: str = "deleted"
) -> dict[str, Any] | None:
    """Return an event for those who were told of the item before; None if nobody was."""
    if not known.told:
        return None
    last = json.loads(known.told[-1])
    kept = {
        name: last[name] for name in ("unit", "account", "case_version", "state", "revision") if name in last
    }
    return {
        **kept,
        "event": event,
        "at": at.isoformat(timespec="milliseconds"),
        "reason": reason,
        "step": step,
    }
