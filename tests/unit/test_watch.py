"""The watch: channels that fell silent, and pages that the stream left behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain import page
from allhours.domain.errors import Busy
from allhours.domain.page import Why
from allhours.flows.ports import Bookmark
from allhours.flows.watch import sweep, watch
from tests.builders import NOON, FakeCursors, FakePager, FakePages, a_switchboard, an_organisation

if TYPE_CHECKING:
    from allhours.domain.handle import Handle

BANK = an_organisation()
X_HANDLES = BANK.handles_on("x")


def heard(ago: timedelta) -> FakeCursors:
    bookmark = Bookmark(cursor={}, version=1, heard_at=NOON - ago)
    return FakeCursors(bookmarks={handle.key: bookmark for handle in BANK.handles})


def watched(cursors: FakeCursors, pages: FakePages, *networks: str, at: datetime = NOON) -> int:
    done = watch(organisation=BANK, networks=networks, cursors=cursors, pages=pages, at=at)
    assert done.troubles == ()
    return done.silent


def test_a_silent_channel_pages_once_a_day() -> None:
    pages = FakePages()
    assert watched(heard(timedelta(hours=3)), pages, "x", "mastodon") == len(X_HANDLES)
    watched(heard(timedelta(hours=3)), pages, "x", at=NOON + timedelta(hours=1))
    assert [one.why for one in pages.written] == [Why.NETWORK_SILENT] * len(X_HANDLES)


@pytest.mark.parametrize(("ago", "networks"), [(1, ("x",)), (3, ("mastodon",)), (3, ())])
def test_a_channel_within_its_limit_or_switched_off_is_left_alone(
    ago: int, networks: tuple[str, ...]
) -> None:
    assert watched(heard(timedelta(hours=ago)), FakePages(), *networks) == 0


def test_a_channel_that_was_never_read_is_not_called_silent() -> None:
    assert watched(FakeCursors(), FakePages(), "x") == 0


def test_a_handle_that_cannot_be_looked_at_does_not_hide_the_silence_of_the_others() -> None:
    cursors, pages = heard(timedelta(hours=3)), FakePages()
    first, *others = X_HANDLES
    whole = cursors.load

    def load(handle: Handle, *, part: str = "") -> Bookmark:
        if handle == first:
            raise Busy("reading a cursor")
        return whole(handle, part=part)

    cursors.load = load  # type: ignore[method-assign]
    done = watch(organisation=BANK, networks=("x",), cursors=cursors, pages=pages, at=NOON)
    assert (done.silent, len(pages.written)) == (len(others), len(others))
    assert done.troubles == (f"x {first.handle}: reading a cursor",)


def test_a_page_that_this_release_cannot_read_is_told_after_the_others_were_swept() -> None:
    old = page.dead_letter("old", "r", NOON - timedelta(minutes=2))
    pages, pager = FakePages(written=[old], unreadable=["newer"]), FakePager()
    done = sweep(board=a_switchboard(pages, pager), at=NOON)
    assert pages.marked == [old]
    with pytest.raises(Busy, match="PAGE#newer"):
        done.check()


def test_the_sweep_sends_what_is_older_than_a_minute_and_marks_it_after() -> None:
    old = page.dead_letter("old", "r", NOON - timedelta(minutes=2))
    fresh = page.dead_letter("fresh", "r", NOON - timedelta(seconds=5))
    pages, pager = FakePages(written=[old, fresh]), FakePager()
    assert sweep(board=a_switchboard(pages, pager), at=NOON).count == 1
    assert pager.pages == pages.marked == [old]
    assert sweep(board=a_switchboard(pages, pager), at=NOON).count == 0


def test_a_page_that_the_sweep_could_not_send_waits_for_the_next() -> None:
    old = page.dead_letter("old", "r", NOON - timedelta(minutes=2))
    pages, pager = FakePages(written=[old]), FakePager(busy=1)
    with pytest.raises(Busy, match="page dead#old"):
        sweep(board=a_switchboard(pages, pager), at=NOON).check()
    assert sweep(board=a_switchboard(pages, pager), at=NOON).count == 1


def test_a_page_that_is_turned_down_does_not_hold_up_the_next() -> None:
    first, second = (page.dead_letter(name, "r", NOON - timedelta(minutes=2)) for name in ("first", "second"))
    pages, pager = FakePages(written=[first, second]), FakePager(busy=1)
    assert sweep(board=a_switchboard(pages, pager), at=NOON).count == 1
    assert pager.pages == pages.marked == [second]
