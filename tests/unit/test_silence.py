"""Listening: what is usual is learnt by the hour, and a silence beyond chance calls somebody."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import BadInput, Busy
from allhours.domain.expected import HOUR, Rate
from allhours.domain.page import Why
from allhours.flows.ports import Bookmark
from allhours.flows.silence import Learnt, listen
from tests.builders import FakeCursors, FakePages, a_handle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from allhours.domain.handle import Handle

HANDLE, OTHER = a_handle(), a_handle("@acmepay")
START = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass
class FakeRates:
    """Keeps rates by handle."""

    kept: dict[str, Learnt] = field(default_factory=dict)
    unreadable: str = ""

    def load(self, handles: Iterable[Handle]) -> Mapping[str, Learnt]:
        handles = tuple(handles)
        if self.unreadable in {one.key for one in handles}:
            raise BadInput(f"RATE#{self.unreadable}: this release cannot read the row")
        return {one.key: self.kept[one.key] for one in handles if one.key in self.kept}

    def save(self, handle: Handle, was: Learnt | None, rate: Rate) -> None:
        self.kept[handle.key] = Learnt(rate=rate, version=was.version + 1 if was else 1)


@dataclass
class FakeConversations:
    """Knows when conversations began; asking about a handle in `broken` raises."""

    at: dict[str, list[datetime]] = field(default_factory=dict)
    broken: str = ""
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def begun(self, handle: Handle, *, since: datetime, until: datetime) -> Sequence[datetime]:
        if handle.key == self.broken:
            raise Busy("listing: throttled")
        self.asked.append((since, until))
        return [one for one in self.at.get(handle.key, ()) if since <= one < until]

    def newest(self, handle: Handle) -> datetime | None:
        return max(self.at.get(handle.key, ()), default=None)


@dataclass
class Room:
    """One place to listen in, with everything faked."""

    rates: FakeRates = field(default_factory=FakeRates)
    conversations: FakeConversations = field(default_factory=FakeConversations)
    cursors: FakeCursors = field(default_factory=FakeCursors)
    pages: FakePages = field(default_factory=FakePages)

    def look(self, at: datetime, *handles: Handle) -> int:
        listened = listen(
            handles or (HANDLE,),
            rates=self.rates,
            conversations=self.conversations,
            cursors=self.cursors,
            pages=self.pages,
            at=at,
        )
        self.troubles = listened.troubles
        return listened.silent

    def live(self, hours: int, every: timedelta = timedelta(minutes=6)) -> datetime:
        """Let conversations begin at a steady pace, and look once an hour; return the end."""
        end = START + hours * HOUR
        self.conversations.at[HANDLE.key] = [START + n * every for n in range(int(hours * HOUR / every))]
        for hour in range(hours + 1):
            assert self.look(START + hour * HOUR + timedelta(minutes=20)) == 0
        return end


def test_each_full_hour_is_learnt_once_and_only_when_what_was_said_in_it_has_come() -> None:
    room = Room()
    room.live(5)
    rate = room.rates.kept[HANDLE.key].rate
    assert (rate.hours, rate.until) == (5, START + 5 * HOUR)
    assert rate.sums[:6] == (10, 10, 10, 10, 10, 0)
    asked = list(room.conversations.asked)
    room.look(START + 6 * HOUR + timedelta(minutes=10))  # the sixth hour is not over by a quarter yet
    assert room.conversations.asked == asked


def test_hours_that_nobody_looked_at_are_learnt_afterwards() -> None:
    room = Room()
    room.live(3)
    room.conversations.at[HANDLE.key] += [START + timedelta(hours=4, minutes=1)] * 2
    room.look(START + timedelta(hours=6, minutes=20))
    rate = room.rates.kept[HANDLE.key].rate
    assert (rate.hours, rate.sums[3], rate.sums[4], rate.sums[5]) == (6, 0, 2, 0)


def test_a_silence_beyond_chance_pages_once_a_day_and_says_what_was_to_be_expected() -> None:
    room = Room()
    end = room.live(24 * 8)
    assert room.look(end + timedelta(hours=1)) == 0
    for minutes in (600, 660, 720):
        assert room.look(end + timedelta(minutes=minutes)) == 1
    (page,) = room.pages.written
    assert (page.why, page.severity) == (Why.NETWORK_SILENT, "warning")
    assert "about 101 conversations" in page.story


def test_the_hours_of_a_called_silence_teach_nothing() -> None:
    room = Room()
    end = room.live(24 * 8)
    for hour in range(8, 60):
        room.look(end + hour * HOUR + timedelta(minutes=20))
    rate = room.rates.kept[HANDLE.key].rate
    assert rate.expected(30) > 9
    assert rate.until == end + 59 * HOUR


def test_something_new_by_poll_is_a_sign_of_life_too() -> None:
    room = Room()
    end = room.live(24 * 8)
    late = end + timedelta(hours=10)
    heard = Bookmark(cursor={}, version=1, heard_at=late - timedelta(minutes=5))
    room.cursors.bookmarks[HANDLE.key] = heard
    assert room.look(late) == 0


def test_a_handle_that_cannot_be_looked_at_keeps_no_other_waiting() -> None:
    room = Room()
    room.look(START + timedelta(minutes=20), HANDLE, OTHER)
    room.conversations.broken = HANDLE.key
    room.look(START + timedelta(hours=2, minutes=20), HANDLE, OTHER)
    assert room.troubles == (f"x {HANDLE.handle}: listing: throttled",)
    assert room.rates.kept[OTHER.key].rate.hours == 2


def test_a_rate_of_another_release_keeps_no_other_handle_waiting() -> None:
    room = Room()
    room.look(START + timedelta(minutes=20), HANDLE, OTHER)
    room.rates.unreadable = HANDLE.key
    room.look(START + timedelta(hours=2, minutes=20), HANDLE, OTHER)
    assert len(room.troubles) == 1
    assert HANDLE.key in room.troubles[0]
    assert room.rates.kept[OTHER.key].rate.hours == 2


def test_after_a_long_stop_learning_begins_anew_where_it_is() -> None:
    room = Room()
    room.live(3)
    room.look(START + timedelta(days=40))
    rate = room.rates.kept[HANDLE.key].rate
    assert (rate.hours, rate.until) == (3, START + timedelta(days=40) - HOUR)
