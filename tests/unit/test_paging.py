"""Reading without a hole: the gap, overlap and resume rules of newest-first networks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import RateLimited, Unreachable
from allhours.networks.paging import MOST_SEEN, FetchedPosts, Marks, newest_first, read_streams, seen_key
from tests.builders import NOON, an_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.item import Heard, Item

OVERLAP = 3


class Timeline:
    """A network that shows its posts newest first, `size` a page."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.ids: list[int] = []
        self.reads = 0

    def read(self, floor: str, token: str | None) -> FetchedPosts:
        self.reads += 1
        below = int(token) if token else 10**9
        shown = sorted((one for one in self.ids if int(floor or 0) < one < below), reverse=True)
        page = shown[: self.size]
        older = str(page[-1]) if len(shown) > self.size else None
        return FetchedPosts(posts=tuple((str(one), an_item(str(one))) for one in page), older=older)


def poll(timeline: Timeline, marks: Marks, budget: int = 2) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    return newest_first(
        marks,
        read=timeline.read,
        newer=lambda one, other: int(one) > int(other),
        overlap=lambda mark: str(max(int(mark) - OVERLAP, 0)),
        budget=budget,
    )


def ids_of(heard: tuple[Heard, ...]) -> list[int]:
    return [int(one.native_id) for one in heard]


def test_history_before_the_first_poll_is_nobodys_case() -> None:
    timeline = Timeline(2)
    timeline.ids = [1, 2, 3, 4, 5]
    steps = list(poll(timeline, {}))
    assert [ids_of(heard) for heard, _ in steps] == [[5, 4]]
    assert steps[-1][1]["low"] == "5"


def test_a_burst_beyond_the_budget_is_a_stored_gap_that_the_next_polls_fill() -> None:
    timeline = Timeline(2)
    marks: Marks = {"low": "1"}
    timeline.ids = list(range(1, 12))
    told: list[int] = []
    for _ in range(4):
        for heard, after in poll(timeline, marks):
            told += ids_of(heard)
            marks = after
        timeline.ids.append(max(timeline.ids) + 1)
    for _ in range(2):  # the first ends the old walk, the second hears what came during it
        for heard, after in poll(timeline, marks, budget=20):
            told += ids_of(heard)
            marks = after
    assert set(timeline.ids[1:]) <= set(told)
    assert len(told) == len(set(told))
    assert (marks["low"], marks["resume"]) == (str(max(timeline.ids)), None)


def test_a_post_that_arrives_late_behind_the_cursor_is_heard() -> None:
    timeline = Timeline(10)
    timeline.ids = [1, 2, 5]
    *_, (_, marks) = poll(timeline, {"low": "1"})
    timeline.ids.append(4)
    told = [number for heard, _ in poll(timeline, marks) for number in ids_of(heard)]
    assert told == [4]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_whatever_comes_between_polls_and_wherever_they_crash_nothing_is_lost(
    turns: list[tuple[int, bool]], size: int, budget: int
) -> None:
    timeline = Timeline(size)
    marks: Marks = {"low": "0"}
    queued: set[int] = set()
    newest = 0
    for arrivals, crashes in [*turns, *[(0, False)] * 300]:
        timeline.ids += range(newest + 1, newest + arrivals + 1)
        newest += arrivals
        for heard, after in poll(timeline, marks, budget):
            queued.update(ids_of(heard))
            if crashes:
                break  # queued, but the cursor was not saved
            marks = after
    assert queued == set(timeline.ids)


def test_what_is_remembered_of_the_overlap_is_bounded() -> None:
    timeline = Timeline(1_000)
    timeline.ids = list(range(1, 900))
    *_, (_, marks) = poll(timeline, {"low": "1"})
    assert len(marks["seen"]) == MOST_SEEN


def test_an_edit_is_another_state_and_is_heard_again() -> None:
    assert seen_key(an_item("1")) != seen_key(an_item("1", version=2))


def stream(*heard: Item, fails: Exception | None = None) -> object:
    def read(marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        yield heard, {**marks, "low": "9"}
        if fails:
            raise fails

    return read


def test_one_streams_trouble_never_stops_the_next() -> None:
    streams = {"a": stream(fails=Unreachable("x", "503")), "b": stream(an_item("2"))}
    steps = list(read_streams({}, streams, at=NOON))  # type: ignore[arg-type]
    assert [bool(step.trouble) for step in steps] == [False, True, False]
    assert steps[-1].cursor == {"a": {"low": "9"}, "b": {"low": "9"}}


def test_a_rate_limited_stream_rests_until_the_network_listens_again() -> None:
    later = NOON + timedelta(minutes=15)
    streams = {"a": stream(fails=RateLimited("x", "429", retry_at=later))}
    *_, step = read_streams({}, streams, at=NOON)  # type: ignore[arg-type]
    assert list(read_streams(step.cursor, streams, at=NOON + timedelta(minutes=1))) == []  # type: ignore[arg-type]
    again, *_ = read_streams(step.cursor, streams, at=later)  # type: ignore[arg-type]
    assert "not_before" not in again.cursor["a"]


def test_a_cursor_is_the_same_object_when_nothing_came() -> None:
    cursor = {"a": {"low": "9"}}
    (step,) = read_streams(cursor, {"a": stream()}, at=NOON)  # type: ignore[dict-item]
    assert step.cursor is cursor
