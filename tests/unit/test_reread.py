"""Reading again: what was found before a trouble counts, and a spent budget calls nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import NetworkError, OverBudget, Refused
from allhours.domain.item import Change
from allhours.domain.page import Why
from allhours.flows.ingest import Intake
from allhours.flows.ports import Kept
from allhours.flows.reread import reread
from tests.builders import NOON, FakeCursors, FakeDeadLetters, FakeItemQueue, FakePages, a_handle, an_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard, Item


@dataclass
class FakeKept:
    """Keeps one old slice, behind which there is more."""

    def opened(self, handle: Handle, *, since: datetime, until: datetime, most: int) -> Kept:
        del handle, since, most
        young = until > NOON
        return Kept(items=(an_item("1"), an_item("2")), back_to=None if young else until - timedelta(days=1))


@dataclass
class FakeRereader:
    """Tells of a deletion, and then of a trouble."""

    trouble: NetworkError | None = None
    asked: list[str] = field(default_factory=list)

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        del handle, at
        self.asked = [item.native_id for item in kept]
        yield an_item("1", change=Change.DELETED, version=7)
        if self.trouble:
            raise self.trouble


@dataclass
class Again:
    """One re-read with fakes all round."""

    cursors: FakeCursors = field(default_factory=FakeCursors)
    queue: FakeItemQueue = field(default_factory=FakeItemQueue)
    pages: FakePages = field(default_factory=FakePages)
    intake: Intake = field(default_factory=Intake)

    def read(self, trouble: NetworkError | None = None) -> Again:
        reread(
            a_handle(),
            rereader=FakeRereader(trouble),
            kept=FakeKept(),
            cursors=self.cursors,
            queue=self.queue,
            dead_letters=FakeDeadLetters(),
            pages=self.pages,
            intake=self.intake,
            ours=frozenset(),
            at=NOON,
        )
        return self


def test_what_changed_is_queued_and_the_walk_goes_on_from_there() -> None:
    again = Again().read()
    assert [item.change for item in again.queue.items] == [Change.DELETED]
    assert len(again.cursors.saved) == 1


def test_what_was_found_before_a_refusal_is_queued_and_the_walk_stays_where_it_was() -> None:
    again = Again().read(Refused("x", "its token was revoked"))
    assert [item.native_id for item in again.queue.items] == ["1"]
    assert again.cursors.saved == []
    assert [page.why for page in again.pages.written] == [Why.TOKEN_REFUSED]


def test_a_spent_budget_ends_the_walk_for_today_without_calling_anybody() -> None:
    again = Again().read(OverBudget("x", "enough", retry_at=NOON))
    assert len(again.queue.items) == 1
    assert again.cursors.saved == []
    assert (again.pages.written, again.intake.troubles) == ([], [])
