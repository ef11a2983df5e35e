"""The clock's part for answers: what waits for an instant is visited then, each time it is due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from allhours.domain.errors import Busy
from allhours.flows.sweep_replies import sweep_replies
from tests.builders import NOON
from tests.replies import FakeLedger, FakeReplies, a_reply

LATER = NOON + timedelta(hours=1)


def a_ledger() -> FakeLedger:
    ledger = FakeLedger()
    ledger.put(a_reply("ready"))
    ledger.put(a_reply("held").held_back(LATER, "veto"))
    ledger.put(a_reply("claimed").claimed("own", NOON))
    ledger.put(a_reply("rejected").rejected("no"))
    return ledger


def test_what_is_due_is_visited_and_nothing_else() -> None:
    queue = FakeReplies()
    assert sweep_replies(ledger=a_ledger(), replies=lambda: queue, at=NOON).count == 1
    assert [each.reply_id for each in queue.visits] == ["ready"]


def test_what_was_held_back_and_what_nobody_came_back_from_is_due_later() -> None:
    queue = FakeReplies()
    sweep_replies(ledger=a_ledger(), replies=lambda: queue, at=LATER)
    assert [each.reply_id for each in queue.visits] == ["ready", "held", "claimed"]


def test_a_visit_that_was_in_vain_comes_again_with_the_next_minute() -> None:
    queue, ledger = FakeReplies(), a_ledger()
    for minute in range(2):
        sweep_replies(ledger=ledger, replies=lambda: queue, at=NOON + timedelta(minutes=minute))
    assert len({each.stamp for each in queue.visits}) == 2


def test_without_anything_due_no_queue_is_asked_for() -> None:
    def no_queue() -> FakeReplies:
        raise AssertionError

    assert sweep_replies(ledger=FakeLedger(), replies=no_queue, at=NOON).count == 0


def test_a_queue_that_is_busy_is_told() -> None:
    with pytest.raises(Busy):
        sweep_replies(ledger=a_ledger(), replies=lambda: FakeReplies(busy=1), at=NOON)
