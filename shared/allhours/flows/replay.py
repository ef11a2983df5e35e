"""Replay: put what is on record before a changed organisation, and tell what would have gone elsewhere.

Nothing is written. What words decided is decided again, by the router itself, conversation by conversation
and in the order in which it happened; what people or deletions did, and what was decided of words that are
gone, stands as it is on record. With the organisation and the model that decided, nothing moves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from allhours.domain.case import Case, State, case_key_of
from allhours.domain.decision import Known
from allhours.domain.priority import NO_ACTION, NORMAL
from allhours.domain.recorded import BY_WORDS, ENDS, FILTERED, MOVED, Conversation
from allhours.domain.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from allhours.domain.recorded import Decided
    from allhours.domain.router import Router

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # closed then: no window of any unit reaches so far back


class Past(Protocol):
    """What is on record, by conversation."""

    def conversations(self, since: datetime, until: datetime) -> Iterator[Conversation]:
        """Yield each conversation decided on in [since, until), with all that led to it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a decision put a post: `lane` is case, light or none; nobody's unit is ""."""

    lane: str
    unit: str
    priority: int
    urgent: bool
    step: str
    reason: str
    model: str

    @staticmethod
    def of(told: Mapping[str, Any]) -> Place:
        """Read it from an event, or from the reason of what was told to nobody."""
        kind = told.get("event", FILTERED)
        lane = {"item.light": "light", FILTERED: "none"}.get(kind, "case")
        return Place(
            lane=lane,
            unit=str(told.get("unit", "")) if lane != "none" else "",
            priority=int(told.get("priority", NORMAL)) if lane == "case" else NO_ACTION,
            urgent="urgent" in told,
            step=str(told.get("step", "")),
            reason=str(told.get("reason", "")),
            model=str(told.get("model", "")),
        )

    @property
    def name(self) -> str:
        """Return it as a table shows it."""
        return {"case": self.unit, "light": f"{self.unit} (light)"}.get(self.lane, "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A post that the changed organisation puts elsewhere, or judges otherwise; `text` is as masked."""

    item: str
    text: str
    before: Place
    after: Place
    by_model: bool = False  # the organisation as it was, with the model of now, says the same

    @property
    def moves(self) -> bool:
        """Tell whether it goes to another unit, or becomes or ceases to be a case."""
        return (self.before.lane, self.before.unit) != (self.after.lane, self.after.unit)


@dataclass(kw_only=True)
class Replayed:
    """What was judged again, what stands and why, and every difference.

    `revisions` are those of the organisations that decided, `other_model` counts what another model judged.
    """

    judged: int = 0
    conversations: int = 0
    stands: Counter[str] = field(default_factory=Counter[str])
    revisions: Counter[str] = field(default_factory=Counter[str])
    other_model: int = 0
    differences: list[Difference] = field(default_factory=list[Difference])


def replay(
    past: Iterable[Conversation],
    *,
    router: Router,
    since: datetime,
    until: datetime,
    as_it_was: Router | None = None,
) -> Replayed:
    """Judge what was decided in [since, until) once more and compare.

    `as_it_was` is the organisation that decided, with the model of now: what it moves, the model moves.
    """
    told = Replayed()
    for conversation in past:
        told.conversations += 1
        usual = (
            {id(one.told): place for one, place in judged_again(conversation, as_it_was, since, until)}
            if as_it_was
            else {}
        )
        for one, after in judged_again(conversation, router, since, until):
            if after is None:
                told.stands[one.gone] += 1
                continue
            before = Place.of(one.told)
            told.judged += 1
            if revision := str(one.told.get("revision", "")):
                told.revisions[revision] += 1
                told.other_model += before.model != after.model
            if _differs(before, after):
                item, same = one.row.item, usual.get(id(one.told))
                told.differences.append(
                    Difference(
                        item=item.key,
                        text=item.text,
                        before=before,
                        after=after,
                        by_model=bool(same and not _differs(same, after)),
                    )
                )
    return told


def _differs(one: Place, other: Place) -> bool:
    return (one.lane, one.unit, one.priority, one.urgent) != (
        other.lane,
        other.unit,
        other.priority,
        other.urgent,
    )


def judged_again(
    conversation: Conversation, router: Router, since: datetime, until: datetime
) -> Iterator[tuple[Decided, Place | None]]:
    """Yield each decision of the time that words made, and the new one; None where it stands."""
    case: Case | None = None
    record = _Record()
    for one in conversation.decisions():
        if one.at >= until:
            return
        case = _before(case, one, record, conversation)
        if one.gone or one.at < since:
            case = _stood(case, one, conversation.key)
            if one.at >= since and one.kind in BY_WORDS | {MOVED}:
                yield one, None
        else:
            item = one.row.item
            decision = router.decide(item, _known(one, case), case, conversation.key, one.at)
            entry = decision.entry
            told = (entry.event or entry.why) if entry else None
            yield one, Place.of(told if told is not None else one.told)
            case = decision.case or case
        record.goes_on(one)


@dataclass(kw_only=True)
class _Record:
    """How the case stood on record after the last decision; "" while there was none.

    It is `gappy` once words of its author are gone: then it is not known which handles they named.
    """

    state: str = ""
    unit: str = ""
    gappy: bool = False

    def goes_on(self, one: Decided) -> None:
        if one.case_version:
            self.state, self.unit = one.told.get("state", self.state), one.told.get("unit", self.unit)
            self.gappy |= bool(one.gone) and one.kind in BY_WORDS


def _before(case: Case | None, one: Decided, record: _Record, conversation: Conversation) -> Case | None:
    """Return the case as the decision met it, for people and the clock change cases as well.

    That a case was closed, or moved without a post, shows in what came next.
    """
    said_at, told = one.row.item.created_at, one.told
    if one.kind == "case.opened" or not one.case_version:  # there was no case, or one closed for too long
        return _closed(case, _LONG_AGO) if case and record.state else case
    if case is None:
        record.gappy |= not record.state
        return _from_record(one, conversation) if not record.state else None
    was_in = str(told.get("moved_from") or told["unit"])
    if record.unit not in {"", was_in}:
        account = str(told.get("moved_from_account") or told.get("account", ""))
        case = replace(case, unit=was_in, account=account)
    if record.gappy and not told.get("bystander"):
        case = replace(case, asked_for=_asked_for(case.asked_for, one))
    if one.kind == "case.reopened" or (one.kind not in ENDS and told.get("state") == "closed"):
        return _closed(case, said_at)
    if one.kind in BY_WORDS and case.state is State.CLOSED:
        return replace(case, state=State.OPEN, closed_at=None, closed_because="")
    return case


def _closed(case: Case, at: datetime) -> Case:
    return replace(case, state=State.CLOSED, closed_at=at)


def _asked_for(before: tuple[str, ...], one: Decided) -> tuple[str, ...]:
    """Return which handles the author had named, as this decision shows: a new one, or none that was new."""
    step, named = one.told.get("step"), one.row.item.addressed
    if step == "addressed":
        new = str(one.told.get("reason", "")).partition(";")[0].removeprefix("addressed ")
        known = named[: named.index(new)] if new in named else ()
        return tuple(dict.fromkeys(handle for handle in (*before, *known) if handle != new))
    if step in {"urgent", "promoted", MOVED}:
        return before
    return (*before, *(handle for handle in named if handle not in before))


def _from_record(one: Decided, conversation: Conversation) -> Case:
    """Return the case of which the beginning is not kept any more, as it was before this decision."""
    item, told, case_id = one.row.item, one.told, one.row.case_id
    authors = (
        row.item.author.author_id
        for row in conversation.rows
        if row.case_id == case_id and any("case_version" in e and not e.get("bystander") for e in row.events)
    )
    own = not told.get("bystander")
    return Case(
        case_id=case_id or case_key_of(conversation.key),
        conversation_key=conversation.key,
        first_item=item.key,
        network=item.network,
        handle=item.handle,
        unit=str(told.get("moved_from") or told["unit"]),
        account=str(told.get("moved_from_account") or told.get("account", "")),
        author_id=item.author.author_id if own else next(authors, ""),
        opened_at=item.created_at,
        priority=int(told.get("priority", NORMAL)),
        reason=str(told.get("reason", "")),
        asked_for=_asked_for((), one) if own else (),
        version=max(1, one.case_version - 1),
    )


def _known(one: Decided, case: Case | None) -> Known | None:
    """Return what the row said before; None for what was heard for the first time."""
    again = one.kind == "item.edited" or (one.kind == "case.reopened" and one.told is not one.row.events[0])
    if not (again and case):
        return None
    return Known(
        version=one.row.item.version - 1,
        deleted=False,
        case_id=case.case_id,
        conversation_key=case.conversation_key,
        author_id=one.row.item.author.author_id,
    )


def _stood(case: Case | None, one: Decided, conversation_key: str) -> Case | None:
    """Return the case after a decision that stands."""
    item, told = one.row.item, one.told
    if not one.case_version:
        return case
    way = Route(
        unit=str(told["unit"]),
        account=str(told.get("account", "")),
        step=str(told.get("step", "")),
        reason=str(told.get("reason", "")),
        priority=int(told.get("priority", NORMAL)),
    )
    if one.kind == "case.opened":
        is_open = case is not None and case.state is State.OPEN  # by the changed rules, some posts before
        return case if is_open else Case.opened(item, way, conversation_key, case)
    if case is None:
        return None
    if one.kind == "item.deleted":
        return case.without_one(one.at)
    after = case.heard(item) if one.kind in {"item.added", "case.reopened"} else case.changed()
    if one.kind == "case.reopened":
        after = after.reopened_again(item.created_at)
    if told.get("moved_from"):
        return after.routed(way)
    return replace(after, priority=min(after.priority, way.priority))
