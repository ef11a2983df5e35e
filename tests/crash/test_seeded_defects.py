"""The enumeration finds the defects that are known to lose, double or silence; each is put in by hand.

Those around answering (no claim, an expired claim back to READY, the decorator) are in
test_answering_defects.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from allhours.aws import clock, intake, moves, outbox, records, rota_changes, table
from allhours.aws import pages as page_rows
from allhours.aws.budgets import DynamoBudgets
from allhours.aws.clients import code_of, dynamodb, passing_trouble, sqs
from allhours.aws.handovers import DynamoHandovers
from allhours.aws.item_queue import SqsItemQueue, _batches
from allhours.aws.notices import put_notice
from allhours.aws.open_cases import DynamoOpenCases
from allhours.aws.pages import DynamoPages, put_page
from allhours.domain import router, service_level
from allhours.domain.item import Change, item_to_json
from allhours.flows import expire, hand_over, prove
from allhours.flows.forward import Forwarded
from allhours.flows.ingest import take_in
from allhours.flows.meter import DayMeter
from allhours.flows.ports import Committed
from tests.builders import FakePages
from tests.crash.scenarios import explore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from allhours.domain.item import Item


def found_in(scenario: str) -> str:
    """Return the first violation that the enumeration finds."""
    return str(explore(scenario, at_most=1).found)


def test_a_cursor_that_is_saved_before_the_queue_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def ingest(
        handle: Any,
        *,
        source: Any,
        cursors: Any,
        queue: Any,
        dead_letters: Any,
        pages: Any,
        intake: Any,
        ours: Any,
        at: Any,
        **_: Any,
    ) -> None:
        bookmark = cursors.load(handle)
        for fetched in source.fetch(handle, bookmark.cursor, at=at):
            if fetched.cursor != bookmark.cursor:
                bookmark = cursors.save(handle, bookmark, fetched.cursor, at=at, heard=True)
            take_in(
                fetched.heard,
                queue=queue,
                dead_letters=dead_letters,
                pages=pages,
                intake=intake,
                ours=ours,
                at=at,
            )

    monkeypatch.setattr(intake, "ingest", ingest)
    assert "I1" in found_in("x")


def test_failed_entries_that_are_ignored_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(self: SqsItemQueue, items: Sequence[Item], **_: Any) -> None:
        for batch in _batches([item_to_json(item) for item in items]):
            with passing_trouble("queueing items"):
                sqs().send_message_batch(QueueUrl=self._url, Entries=batch)

    monkeypatch.setattr(SqsItemQueue, "put", put)
    assert "I1" in found_in("x")


def test_three_writes_in_place_of_a_transaction_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(writes: Sequence[tuple[str, Any]], doing: str) -> str:
        for what, write in writes:
            try:
                with passing_trouble(doing):
                    dynamodb().put_item(**write["Put"])
            except dynamodb().exceptions.ConditionalCheckFailedException:
                if what != "page":
                    return Committed.KNOWN if what == "item" else Committed.STALE
        return Committed.DONE

    monkeypatch.setattr(records, "commit", commit)
    assert found_in("route") != "{}"


def test_taking_every_cancellation_for_a_duplicate_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(writes: Sequence[tuple[str, Any]], doing: str) -> str:
        try:
            with passing_trouble(doing):
                dynamodb().transact_write_items(TransactItems=[write for _, write in writes])
        except ClientError as error:
            if code_of(error) != "TransactionCanceledException":
                raise
        return Committed.DONE

    monkeypatch.setattr(records, "commit", commit)
    assert "I1" in found_in("route")


def test_a_page_that_is_marked_before_it_was_sent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(events: Any, due: Any, *, topic: Any, desk: Any, at: Any) -> Forwarded:
        for page_id in due:
            called = desk().pages.load(page_id)
            desk().pages.save(called, None, waiting=False, at=at)
            desk().pager.send(called.page, member=called.page.member, link="")
        topic.publish(events)
        return Forwarded(events=len(events), pages=len(due), refused=())

    monkeypatch.setattr(outbox, "forward", forward)
    assert "I4" in found_in("forward")


def test_pages_that_are_all_dropped_because_one_has_paged_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole: Callable[[Sequence[tuple[str, Any]], str], str] = table.commit

    def commit(writes: Sequence[tuple[str, Any]], doing: str) -> str:
        try:
            with passing_trouble(doing):
                dynamodb().transact_write_items(TransactItems=[write for _, write in writes])
        except ClientError:
            return whole([write for write in writes if write[0] != "page"], doing)
        return Committed.DONE

    monkeypatch.setattr(records, "commit", commit)
    assert "I4" in found_in("route")


def test_a_case_that_is_written_apart_from_its_page_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(
        self: DynamoOpenCases, case: Any, was: Any, *, at: Any, notices: Any = (), pages: Any = ()
    ) -> bool:
        done = table.commit([("case", records.put_case(self._table, case, was, "0"))], "a case")
        for notice in notices:
            table.commit([("notice", put_notice(self._table, notice, at))], "a notice")
        for page in pages:
            table.commit([("page", put_page(self._table, page, at))], "a page")
        return done == Committed.DONE

    monkeypatch.setattr(DynamoOpenCases, "save", save)
    assert "I4" in found_in("deadlines")


def test_a_handover_that_is_marked_before_it_is_told_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(self: DynamoHandovers, packet: Any, unit: str, changed_at: int, *, at: Any) -> bool:
        row = {"key": {"S": f"HANDOVER#{unit}#{changed_at}"}}
        marked = table.commit([("once", table.put_if(self._table, row, "key", None))], "a handover")
        if marked != Committed.DONE:
            return False
        return table.commit([("notice", put_notice(self._table, packet, at))], "a notice") == Committed.DONE

    monkeypatch.setattr(DynamoHandovers, "tell", tell)
    assert "I12" in found_in("handover")


def test_a_step_that_is_made_without_its_calls_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DynamoPages.save

    def save(self: DynamoPages, was: Any, climb: Any, *, waiting: bool, **more: Any) -> bool:
        silent = replace(climb, calling=()) if climb else climb
        return whole(self, was, silent, waiting=waiting and not climb, **more)

    monkeypatch.setattr(DynamoPages, "save", save)
    assert "I4" in found_in("escalation")


def test_an_acknowledgement_that_is_not_guarded_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = page_rows._update

    def update(*words: Any, **more: Any) -> dict[str, Any]:
        made = whole(*words, **more)
        values = {name: value for name, value in made["ExpressionAttributeValues"].items() if name != ":was"}
        return {**made, "ConditionExpression": "attribute_exists(#v)", "ExpressionAttributeValues": values}

    monkeypatch.setattr(page_rows, "_update", update)
    assert "I4" in found_in("overtaken")


def test_a_budget_that_drops_what_is_over_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DynamoBudgets.save

    def save(self: DynamoBudgets, was: Any, budget: Any, **more: Any) -> bool:
        return whole(self, was, replace(budget, waiting=(), waiting_since=None), **more)

    monkeypatch.setattr(DynamoBudgets, "save", save)
    assert "I4" in found_in("pager")


def test_a_bookmark_that_moves_before_the_handovers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DynamoHandovers.last_tick

    def last_tick(self: DynamoHandovers) -> datetime | None:
        last = whole(self)
        self.ticked(datetime.now(UTC), ["cards", "fraud"])
        return last

    monkeypatch.setattr(DynamoHandovers, "last_tick", last_tick)
    monkeypatch.setattr(hand_over, "WATCHED", timedelta(0))  # which would mend it within ten minutes
    assert "I12" in found_in("handover")


def test_a_packet_that_is_written_before_the_cases_moved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = hand_over._Tick.hand_over

    def told_first(self: Any, unit: str, changes: Any, one_by_one: Any) -> bool:
        with pytest.MonkeyPatch.context() as unmoved:
            unmoved.setattr(hand_over._Tick, "_settled", lambda tick, of, _: list(tick.cases.of_unit(of)))
            whole(self, unit, changes, one_by_one)
        return whole(self, unit, changes, one_by_one)

    monkeypatch.setattr(hand_over._Tick, "hand_over", told_first)
    assert "I12" in found_in("handover")


def test_a_gap_that_moves_on_before_its_page_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prove.announce

    def announce(*words: Any, pages: DynamoPages, **more: Any) -> prove.Announced:
        later = FakePages()
        paged = whole(*words, pages=later, **more)
        for page in later.written:
            pages.call(page)
        return paged

    monkeypatch.setattr(clock, "announce", announce)
    assert "I5" in found_in("gaps")


def test_a_deadline_that_counts_from_our_own_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = service_level.deadlines

    def deadlines(levels: Any, priority: int, unit: str, start: datetime, staffed: Any) -> Any:
        del start
        return whole(levels, priority, unit, datetime.now(UTC), staffed)

    monkeypatch.setattr(router, "deadlines", deadlines)
    assert "I7" in found_in("deadlines")


def test_a_change_that_is_not_guarded_by_what_was_proved_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table.put_if

    def put_if(name: str, row: Any, guard: str, replaces: int | None) -> Any:
        del guard, replaces
        return whole(name, row, "", None)

    monkeypatch.setattr(rota_changes, "put_if", put_if)
    assert "I" in found_in("leave")


def test_spending_that_is_counted_at_the_end_of_a_poll_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, later = DayMeter.spend, list[tuple[DayMeter, Any, float]]()

    def tell(self: Any, counted: Any, doing: str) -> None:
        del self, counted, doing
        while later:
            whole(*later.pop())

    monkeypatch.setattr(DayMeter, "spend", lambda *spent: later.append(spent))
    monkeypatch.setattr(intake._NetworkFunction, "_tell", tell)
    assert "P11" in found_in("poll linkedin")


def test_an_expiry_that_takes_the_post_for_deleted_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expire, "Change", SimpleNamespace(EXPIRED=Change.DELETED))
    assert "expiry" in found_in("expire linkedin")


def test_a_move_that_writes_its_label_before_the_case_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def apart(writes: Any, doing: str) -> str:
        table.commit([one for one in writes if one[0] == "once"], doing)
        return table.commit([one for one in writes if one[0] != "once"], doing)

    monkeypatch.setattr(moves, "commit", apart)
    assert "2 labels" in str(explore("move").found)
