"""Forward what the outbox holds: pages to people, answers to who sends them, case events to the one topic.

Each at least once.

A page that climbs begins its climb here, so that the first call goes out with the page's own row; what is
due later the clock decides (flows/escalate.py). Who could not be called stays in `calling`: whatever becomes
of the calls, the climb goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from allhours.domain.budget import Call
from allhours.domain.errors import AllhoursError, BadInput, Busy
from allhours.domain.escalation import Climb, Told, begun, climbed, ladder
from allhours.domain.page import Why

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from allhours.domain.page import Page
    from allhours.flows.cover_ports import Budgets, Called, PageLinks, Pager, Pages
    from allhours.flows.ports import Topic
    from allhours.flows.reply_ports import Replies, Visit

TRIES = 4  # a row that two of us want changes hands within a write


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """How many events and pages left, and why no other try can send the other pages as they are."""

    events: int
    pages: int
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchboard:
    """All that it takes to send a page."""

    pages: Pages
    pager: Pager
    budgets: Budgets
    links: PageLinks
    organisation: Organisation


def forward(
    events: Sequence[Mapping[str, Any]],
    due: Sequence[str],
    ready: Sequence[Visit] = (),
    *,
    topic: Topic,
    board: Callable[[], Switchboard],
    replies: Callable[[], Replies],
    at: datetime,
) -> Forwarded:
    """Page first, for a person waits; then queue what is `ready` to be answered; then publish the events.

    What is to be tried again raises at the end. `due` are ids of pages; board and queue are made only if
    there is something for them.
    """
    try:
        sent = send_pages(due, board=board(), at=at) if due else Sent()
    finally:  # the rest goes out whatever became of the pages
        try:
            if ready:
                replies().visit(ready)
        finally:
            if events:
                topic.publish(events)
    if sent.troubles:
        raise Busy("; ".join(sent.troubles))
    return Forwarded(events=len(events), pages=sent.count, refused=sent.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How many pages were dealt with, and why the others were not.

    Another try may mend `troubles`; `refused` takes another release, or a person. They stay in the outbox.
    """

    count: int = 0
    troubles: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise `Busy` when a page was not sent."""
        if self.troubles or self.refused:
            raise Busy("; ".join((*self.troubles, *self.refused)))


def send_pages(due: Iterable[str], *, board: Switchboard, at: datetime) -> Sent:
    """Send each page and mark it as sent only after it was; one turned down does not hold up the next."""
    count, troubles, refused = 0, list[str](), list[str]()
    for page_id in due:
        try:
            count += _send(page_id, board, at)
        except BadInput as error:
            refused.append(f"page {page_id}: {error}")
        except AllhoursError as error:
            troubles.append(f"page {page_id}: {error}")
    return Sent(count=count, troubles=tuple(troubles), refused=tuple(refused))


def _send(page_id: str, board: Switchboard, at: datetime) -> bool:
    """Reach everybody whom the page calls now; return whether anybody was to be reached.

    Who was not is called with the next try, and nobody else is; the climb goes on meanwhile.
    """
    reached = set[str]()
    for _ in range(TRIES):
        called = board.pages.load(page_id)
        if called is None or not called.waiting:
            return bool(reached)
        climb = _climb(called, board.organisation, at)
        failed = dict[str, AllhoursError]()
        for member in _recipients(called.page, climb, at):
            times = sum(one.member == member for one in climb.told) if climb else 0
            call_id = f"{page_id} {_serial(climb)}.{times} {member}"
            if call_id in reached:
                continue
            try:
                if _within_budget(called.page, call_id, member, board.budgets, at):
                    link = _link(called.page, climb, member, board, at)
                    board.pager.send(called.page, member=member, link=link)
                reached.add(call_id)
            except AllhoursError as error:  # the others must not wait for this one
                failed[member] = error
        after = replace(climb, calling=tuple(failed)) if climb else None
        if failed and after == called.climb:  # as it was: to write that would only wake the stream again
            raise _together(failed)
        if board.pages.save(called, after, waiting=bool(failed), at=at):
            if failed:
                raise _together(failed)
            return True
    message = f"its row changed {TRIES} times while it was being sent"
    raise Busy(message)


def _together(failed: Mapping[str, AllhoursError]) -> AllhoursError:
    """Return one error for all; `BadInput` only when no other try can mend any of it."""
    message = ", ".join(f"{member}: {error}" for member, error in failed.items())
    for_good = all(isinstance(error, BadInput) for error in failed.values())
    return BadInput(message) if for_good else Busy(message)


def _climb(called: Called, organisation: Organisation, at: datetime) -> Climb | None:
    """Return the climb with every step made that is due; a page that asks nobody to take it has none."""
    page = called.page
    steps = ladder(organisation, page.unit)
    was = climb = called.climb
    if climb is None:
        if page.severity != "critical" or not steps:
            return None
        climb = begun(steps, at)
    now = max(at, climb.started_at)  # whoever handed it back may have a clock that is ahead of ours
    climb, more = climbed(climb, steps, organisation, page.unit, now)
    if was is None:
        beside = tuple(one for one in page.also if one not in more)
        climb = replace(climb, told=(*climb.told, *(Told(member=one, at=now, step=0) for one in beside)))
        more = (*more, *beside)
    if climb.exhausted and not (was and was.exhausted):  # the end is the clock's to tell, with its notice
        climb = replace(climb, exhausted=False, next_at=climb.started_at)
    return replace(climb, calling=tuple(dict.fromkeys((*climb.calling, *more))))


def _recipients(page: Page, climb: Climb | None, at: datetime) -> tuple[str, ...]:
    """Return whom to call; when all steps were passed over just now, those who subscribe to the unit."""
    if climb is None or (not climb.calling and any(one.at >= at for one in climb.passed_over)):
        return tuple(dict.fromkeys((page.member, *page.also)))
    return climb.calling


def _within_budget(page: Page, call_id: str, member: str, budgets: Budgets, at: datetime) -> bool:
    """Count the call; False when it waits in the member's bundle. Without a budget every call goes."""
    if page.why is Why.BUNDLE:
        return True  # counted when it was made
    kind = f"{page.why.value}#{page.unit}"
    call = Call(call_id=call_id, page_id=page.page_id, kind=kind, sentence=page.subject)
    try:
        for _ in range(TRIES):
            spent = budgets.load(member)
            budget, goes = spent.budget.asked(call, at)
            if budget == spent.budget or budgets.save(spent, budget, at=at):
                return goes
    except (BadInput, Busy):
        pass
    return True


def _link(page: Page, climb: Climb | None, member: str, board: Switchboard, at: datetime) -> str:
    """Return the link by which the member takes the page, or all that a bundle names; "" where none asks."""
    return board.links.link(page.page_id, _serial(climb), member, at) if page.asks else ""


def _serial(climb: Climb | None) -> int:
    return climb.released if climb else 0
