"""Polling: fetch, guard, queue, and only then move the cursor."""

from __future__ import annotations

from datetime import timedelta

import pytest

from allhours.domain.errors import Busy, RateLimited, Refused, StaleCursor, Unreachable
from allhours.domain.item import Author, Skipped, Unreadable
from allhours.domain.page import Why
from allhours.flows.ingest import OWN_POST, Intake, ingest
from allhours.flows.ports import Bookmark
from allhours.networks.contract import Fetched
from tests.builders import (
    NOON,
    FakeCursors,
    FakeDeadLetters,
    FakeItemQueue,
    FakePages,
    FakeSource,
    a_handle,
    an_item,
    an_organisation,
)

HANDLE = a_handle()
OURS = an_organisation().ours("x")


class Trip:
    """One poll with fakes all round."""

    def __init__(self, *steps: Fetched | Exception) -> None:
        self.source = FakeSource(steps=list(steps))  # type: ignore[arg-type]
        self.cursors, self.queue = FakeCursors(), FakeItemQueue()
        self.letters, self.pages, self.intake = FakeDeadLetters(), FakePages(), Intake()

    def poll(self) -> None:
        ingest(
            HANDLE,
            source=self.source,
            cursors=self.cursors,
            queue=self.queue,
            dead_letters=self.letters,
            pages=self.pages,
            intake=self.intake,
            ours=OURS,
            at=NOON,
        )


def step(*heard: object, to: int = 1, trouble: object = None) -> Fetched:
    return Fetched(heard=heard, cursor={"mentions": {"low": to}}, trouble=trouble)  # type: ignore[arg-type]


def test_each_step_is_queued_before_its_cursor_is_saved() -> None:
    trip = Trip(step(an_item("1"), to=1), step(an_item("2"), to=2))
    trip.poll()
    assert [item.native_id for item in trip.queue.items] == ["1", "2"]
    assert trip.cursors.saved == [{"mentions": {"low": 1}}, {"mentions": {"low": 2}}]


def test_the_cursor_stays_when_queueing_fails() -> None:
    trip = Trip(step(an_item("1"), to=1), step(an_item("2"), to=2))
    trip.queue.busy = 1
    with pytest.raises(Busy):
        trip.poll()
    assert trip.cursors.saved == []


def test_nothing_is_written_when_nothing_new_came() -> None:
    trip = Trip(step(to=1))
    trip.cursors.bookmarks[HANDLE.key] = Bookmark(cursor={"mentions": {"low": 1}}, version=4)
    trip.poll()
    assert trip.cursors.saved == []


def test_a_poll_that_was_overtaken_leaves_quietly() -> None:
    trip = Trip(step(an_item("1"), to=1), step(an_item("2"), to=2))
    fast = trip.queue.put
    trip.queue.put = lambda items, **_: (  # type: ignore[method-assign]
        trip.cursors.bookmarks.update({HANDLE.key: Bookmark(cursor={}, version=9)}),
        fast(items),
    )[1]
    trip.poll()
    assert trip.intake.overtaken
    assert [item.native_id for item in trip.queue.items] == ["1"]


def test_personal_data_is_masked_before_it_is_queued() -> None:
    trip = Trip(step(an_item(text="my card 4111 1111 1111 1111")))
    trip.poll()
    assert trip.queue.items[0].text == "my card [card …1111]"
    assert trip.intake.masked == 1


@pytest.mark.parametrize(
    "author", [Author(author_id="1000000000000000107"), Author(author_id="9", handle="@AcmePay")]
)
def test_own_posts_open_no_work_on_whichever_of_our_handles_they_are_heard(author: Author) -> None:
    trip = Trip(step(an_item(author=author)))
    trip.poll()
    assert trip.queue.items == []
    assert trip.intake.skipped[OWN_POST] == 1
    assert len(trip.cursors.saved) == 1


def test_what_is_unreadable_is_kept_by_its_id_and_the_rest_goes_on() -> None:
    broken = Unreadable(
        network="x", handle="@acmecards", native_id="66", field="created_at", detail="no time"
    )
    skipped = Skipped(network="x", native_id="67", reason="repost")
    trip = Trip(step(broken, an_item("1"), skipped))
    trip.poll()
    assert [item.native_id for item in trip.queue.items] == ["1"]
    assert [letter.letter_id for letter in trip.letters.letters] == ["x#66#created_at"]
    assert trip.letters.letters[0].reason == "post 66: no time (field created_at)"
    assert (trip.intake.unreadable, trip.intake.skipped["repost"]) == (1, 1)


def test_a_refused_token_pages_once_an_hour_and_the_steps_before_it_count() -> None:
    trip = Trip(step(an_item()), Refused("x", "connect the account again", handle="@acmecards"))
    trip.poll()
    trip.poll()
    assert [page.why for page in trip.pages.written] == [Why.TOKEN_REFUSED]
    assert len(trip.cursors.saved) == 1


@pytest.mark.parametrize(
    "trouble",
    [Unreachable("x", "no answer"), RateLimited("x", "too many", retry_at=NOON + timedelta(minutes=15))],
)
def test_what_passes_by_itself_pages_nobody(trouble: Exception) -> None:
    trip = Trip(trouble)
    trip.poll()
    assert trip.pages.written == []
    assert trip.intake.troubles == [trouble]


def test_trouble_in_one_stream_is_told_and_the_next_goes_on() -> None:
    trip = Trip(step(to=1, trouble=Unreachable("x", "HTTP 503")), step(an_item(), to=2))
    trip.poll()
    assert len(trip.queue.items) == len(trip.intake.troubles) == 1


def test_a_stale_bookmark_is_told_by_the_store() -> None:
    cursors = FakeCursors()
    first = cursors.load(HANDLE)
    cursors.save(HANDLE, first, {}, at=NOON, heard=False)
    with pytest.raises(StaleCursor):
        cursors.save(HANDLE, first, {}, at=NOON, heard=False)
