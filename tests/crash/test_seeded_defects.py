"""The enumeration finds the defects that are known to lose, double or silence; each is put in by hand.

Those around answering (no claim, an expired claim back to READY, the decorator) belong to the reply ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from allhours.aws import intake, outbox, records, table
from allhours.aws.clients import code_of, dynamodb, passing_trouble, sqs
from allhours.aws.item_queue import SqsItemQueue, _batches
from allhours.domain.item import item_to_json
from allhours.flows.forward import Forwarded
from allhours.flows.ingest import take_in
from allhours.flows.ports import Committed
from tests.crash.scenarios import explore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

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
        intake: Any,
        ours: Any,
        at: Any,
        **_: Any,
    ) -> None:
        bookmark = cursors.load(handle)
        for fetched in source.fetch(handle, bookmark.cursor, at=at):
            if fetched.cursor != bookmark.cursor:
                bookmark = cursors.save(handle, bookmark, fetched.cursor, at=at, heard=True)
            take_in(fetched.heard, queue=queue, dead_letters=dead_letters, intake=intake, ours=ours, at=at)

    monkeypatch.setattr(intake, "ingest", ingest)
    assert "I1" in found_in("x")


def test_failed_entries_that_are_ignored_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(self: SqsItemQueue, items: Sequence[Item]) -> None:
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
    def forward(events: Any, due: Any, *, topic: Any, pager: Any, pages: Any, at: Any) -> Forwarded:
        for page in due:
            pages.sent(page, at)
            pager.send(page)
        topic.publish(events)
        return Forwarded(events=len(events), pages=len(due))

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
