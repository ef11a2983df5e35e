"""The handler of each minute: what has become due, found by the index and never by a scan."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.organisation import live_organisation, organisation
from allhours.domain.proof import Kind
from allhours.flows.clock import Done, tick
from allhours.flows.deadlines import tell_deadlines
from allhours.flows.erase import forget
from allhours.flows.escalate import escalate, send_bundles
from allhours.flows.hand_over import hand_over
from allhours.flows.prove import announce
from allhours.flows.sweep_replies import sweep_replies
from allhours.flows.try_members import try_members

if TYPE_CHECKING:
    from collections.abc import Callable

_DAY = 86_400  # seconds


def clock_minute() -> None:
    """Tick once; a late, doubled or concurrent tick is harmless, and the next goes on where one stopped."""
    at = datetime.now(UTC)
    ticked = tick(_Minute(at).parts())
    emit({"Ticks": 1, **ticked.counts})
    ticked.check()


class _Minute:
    """The parts of one tick: people who are called first, what nobody waits for last.

    Who is called goes by the plan when the changes to the rota cannot be read; what is handed over waits.
    """

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._paging = cache(lambda: wiring.paging_organisation(at))

    def parts(self) -> tuple[tuple[str, Callable[[], Done]], ...]:
        return (
            ("pages", self.pages),
            ("open pages", self.open_pages),
            ("answers", self.answers),
            ("deadlines", self.deadlines),
            ("handovers", self.handovers),
            ("gaps", self.gaps),
            ("bundles", self.bundles),
            ("test pages", self.test_pages),
            ("endings", self.endings),
        )

    def pages(self) -> Done:
        done = escalate(pages=wiring.pages(), organisation=self._paging(), at=self._at)
        return Done(counts={"Climbed": done.climbed}, troubles=done.troubles)

    def open_pages(self) -> Done:
        """Count what is, not what has happened: an alarm outlives the tick that was to raise it."""
        still_open, exhausted = wiring.pages().standing()
        return Done(counts={"PagesOpen": still_open, "PagesExhausted": exhausted})

    def answers(self) -> Done:
        done = sweep_replies(ledger=wiring.replies(), replies=wiring.reply_queue, at=self._at)
        return Done(counts={"AnswersDue": done.count})

    def deadlines(self) -> Done:
        done = tell_deadlines(organisation=self._paging(), cases=wiring.open_cases(), at=self._at)
        counts = {"CasesOverdue": done.overdue, "CasesDueSoon": done.due_soon, "CasesWaiting": done.behind}
        return Done(counts=counts, troubles=done.troubles)

    def handovers(self) -> Done:
        # Read now: a tick that had not seen a change yet would give cases back to who has just left.
        done = hand_over(
            organisation=live_organisation(self._at, within=0),
            cases=wiring.open_cases(),
            handovers=wiring.handovers(),
            at=self._at,
        )
        counts = {"Handovers": done.handovers, "CasesMoved": done.moved, "HandoversBehind": done.behind}
        return Done(counts=counts, troubles=done.troubles)

    def gaps(self) -> Done:
        gaps = wiring.gaps()
        due = list(gaps.due(self._at))
        # Read now: a rota of some seconds ago might not show a gap that a change has just opened.
        organisation = live_organisation(self._at, within=0)
        done = announce(
            due,
            organisation=organisation,
            gaps=gaps,
            pages=wiring.pages(),
            at=self._at,
            unreachable=lambda: wiring.reaches().unreachable(organisation, self._at),
        )
        now = int(self._at.timestamp())
        near = sum(
            one.kind == Kind.GAP and not one.accepted and one.start <= now + _DAY and one.end > now
            for one in gaps.known()
        )
        return Done(counts={"GapsAnnounced": done.count, "GapsWithinDay": near}, troubles=done.troubles)

    def bundles(self) -> Done:
        done = send_bundles(budgets=wiring.budgets(), at=self._at)
        return Done(counts={"Bundled": done.count}, troubles=done.troubles)

    def endings(self) -> Done:
        """Remove what else is kept of what customers took back."""
        done = forget(wiring.endings(), tuple(organisation().units), at=self._at)
        return Done(counts={"Forgotten": done.count, "Held": done.held}, troubles=tuple(done.troubles))

    def test_pages(self) -> Done:
        done = try_members(reaches=wiring.reaches(), organisation=self._paging(), at=self._at)
        counts = {"TestPages": done.count, "TestPagesUnanswered": done.unanswered}
        return Done(counts=counts, troubles=done.troubles)
