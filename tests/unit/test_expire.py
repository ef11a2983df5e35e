"""What a network lets us keep for a short time only is taken back in time, and its case goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.case import State
from allhours.domain.decision import Decision, Known, Outcome
from allhours.domain.item import Change, Item
from allhours.domain.router import Router
from allhours.flows.expire import EARLY as PARTS
from allhours.flows.expire import expire
from allhours.flows.ports import Kept
from tests.builders import NOON, FakeCursors, FakeItemQueue, a_case, a_handle, an_item, an_organisation

if TYPE_CHECKING:
    import pytest

    from allhours.domain.handle import Handle

HANDLE = a_handle()
WITHIN = timedelta(hours=48)
EARLY = WITHIN / PARTS


@dataclass
class FakeKept:
    """Keeps (item, when its case opened, when it came)."""

    rows: list[tuple[Item, datetime, datetime]] = field(default_factory=list)
    slices: list[tuple[datetime, datetime]] = field(default_factory=list)

    def opened(self, handle: Handle, *, since: datetime, until: datetime, most: int) -> Kept:
        del handle
        self.slices.append((since, until))
        there = sorted(
            (row for row in self.rows if since <= row[1] < until), key=lambda row: row[1], reverse=True
        )
        back_to = there[most - 1][1] if len(there) > most else None
        there = there[:most]
        return Kept(items=tuple(r[0] for r in there), since=tuple(r[2] for r in there), back_to=back_to)


def expired(kept: FakeKept, at: datetime = NOON, cursors: FakeCursors | None = None) -> list[Item]:
    queue = FakeItemQueue()
    count = expire(HANDLE, within=WITHIN, kept=kept, cursors=cursors or FakeCursors(), queue=queue, at=at)
    assert count == len(queue.items)
    return queue.items


def row(native_id: str, opened: timedelta, came: timedelta | None = None) -> tuple[Item, datetime, datetime]:
    return an_item(native_id, text="my card"), NOON - opened, NOON - (came or opened)


def test_an_item_expires_before_the_limit_and_carries_no_word() -> None:
    kept = FakeKept([row("young", WITHIN - EARLY - timedelta(minutes=1)), row("old", WITHIN - EARLY)])
    kept.rows[1] = (kept.rows[1][0], kept.rows[1][1] - timedelta(seconds=1), kept.rows[1][2])
    (item,) = expired(kept)
    assert (item.native_id, item.change, item.text) == ("old", Change.EXPIRED, "")


def test_a_late_post_in_an_old_case_has_its_own_time() -> None:
    long_ago = timedelta(days=10)
    kept = FakeKept([row("first", long_ago), row("late", long_ago, timedelta(hours=3))])
    assert [item.native_id for item in expired(kept)] == ["first"]


def test_a_late_post_in_a_case_of_last_year_expires_too() -> None:
    last_year = timedelta(days=300)
    kept = FakeKept([row("first", last_year), row("late", last_year, timedelta(days=3))])
    assert {item.native_id for item in expired(kept)} == {"first", "late"}


def test_what_came_long_after_it_was_said_is_kept_as_long_as_anything_else() -> None:
    found_late = row("found late", timedelta(days=3), timedelta(minutes=5))
    assert expired(FakeKept([found_late])) == []


def test_old_cases_are_walked_slice_by_slice_round_and_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allhours.flows.expire.MOST", 2)
    kept = FakeKept([row(str(days), timedelta(days=days)) for days in range(4, 12)])
    cursors, seen = FakeCursors(), set[str]()
    for _ in range(4):
        seen |= {item.native_id for item in expired(kept, cursors=cursors)}
    assert seen == {str(days) for days in range(4, 12)}
    assert expired(kept, cursors=cursors)  # and again from the newest


KNOWN = Known(version=3, deleted=False, case_id=a_case().case_id, conversation_key="x#1", author_id="7001")


def decided(known: Known | None, item: Item | None = None) -> Decision:
    router = Router(an_organisation())
    return router.decide(item or an_item(change=Change.EXPIRED), known, a_case(), "x#1", NOON)


def test_expiry_takes_words_and_name_and_leaves_the_case_open() -> None:
    decision = decided(KNOWN)
    assert decision.outcome is Outcome.EXPIRED
    assert decision.entry is not None
    assert decision.case is not None
    assert decision.entry.event is not None
    assert (decision.entry.item.text, decision.entry.item.author.name) == ("", "")
    assert decision.entry.event["event"] == "item.expired"
    assert (decision.case.state, decision.case.live) == (State.OPEN, a_case().live)
    assert (decision.case.author_handle, decision.case.author_name) == ("", "")


def test_an_expired_post_can_still_be_answered_by_its_ids() -> None:
    decision = decided(KNOWN, an_item(change=Change.EXPIRED, answer_needs={"posts": "urn:li:share:1"}))
    assert decision.entry is not None
    assert decision.entry.item.answer_needs == {"posts": "urn:li:share:1"}


def test_a_post_that_expired_and_is_still_there_does_not_come_back_by_the_next_poll() -> None:
    gone = Known(version=4, deleted=True, case_id=a_case().case_id, conversation_key="x#1")
    assert decided(gone, an_item(text="my card", version=9)).outcome is Outcome.DUPLICATE


def test_what_nobody_kept_does_not_expire() -> None:
    assert decided(None).outcome is Outcome.DUPLICATE


def test_what_is_filtered_on_such_a_network_is_kept_without_its_words() -> None:
    chatter = an_item("9", text="giveaway", addressed=(), conversation_id="9")
    router = Router(an_organisation(), short_lived=frozenset({"x"}))
    decision = router.decide(chatter, None, None, "x#9", NOON)
    assert decision.outcome is Outcome.FILTERED
    assert decision.entry is not None
    assert decision.entry.item.text == ""
