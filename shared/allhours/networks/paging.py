"""How to read without a hole: rules that every polled network shares.

The source shows pages newest first and new posts arrive at the top while we page. `newest_first` keeps three
marks in the cursor: `low`, below which everything is queued; `top`, the newest seen when this walk began;
`resume`, where an unfinished walk goes on. `low` moves to `top` only when the walk has reached it, so a spent
page budget is a stored gap that the next polls fill (reliability.md §2.2). `seen` holds the keys of the
overlap behind `low` (§2.3): ids are not arrival order, so every poll looks a little behind, and what it knows
already is dropped before it costs a queue call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allhours.domain.errors import NetworkError, RateLimited
from allhours.domain.item import Heard, Item
from allhours.networks.contract import Cursor, Fetched

Marks = Mapping[str, Any]
"""One stream's part of a cursor."""

MOST_SEEN = 400  # keys kept per stream: about 10 kB, far below a row's 400 kB, above four pages of 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPosts:
    """What one call on a newest-first stream fetched.

    Its posts, the mark of each, and the token by which the next older ones are asked for.
    """

    posts: tuple[tuple[str, Heard], ...]
    older: str | None


def newest_first(
    marks: Marks,
    *,
    read: Callable[[str, str | None], FetchedPosts],
    newer: Callable[[str, str], bool],
    overlap: Callable[[str], str],
    budget: int,
    start: str = "",
) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Yield (posts, marks) a page at a time until `low` is reached or `budget` pages are spent.

    `read(floor, token)` reads one page of what is newer than `floor` ("" for the start); `newer(a, b)`
    compares two marks; `overlap(mark)` is a mark a little older. On the very first poll (`low` absent) one
    page is read and its top becomes `low`, or `start` when the page is empty: history before the deployment
    is nobody's case, and the first burst after it is.
    """
    low: str = marks.get("low", "")
    top: str = marks.get("top", "")
    resume: str | None = marks.get("resume")
    seen: list[str] = list(marks.get("seen", ()))
    floor = overlap(low) if low else ""
    for _ in range(budget):
        fetched = read(floor, resume)
        for mark, _heard in fetched.posts:
            if not top or newer(mark, top):
                top = mark
        known = set(seen)
        fresh = tuple(heard for _mark, heard in fetched.posts if seen_key(heard) not in known)
        seen = [*seen, *(seen_key(heard) for heard in fresh)][-MOST_SEEN:]
        reached = any(not newer(mark, floor) for mark, _heard in fetched.posts) if floor else True
        finished = fetched.older is None or reached
        if finished:
            low, resume = (top if top and (not low or newer(top, low)) else low or start), None
        else:
            resume = fetched.older
        yield fresh, {"low": low, "top": "" if finished else top, "resume": resume, "seen": seen}
        if finished:
            return


def seen_key(heard: Heard) -> str:
    """Return what makes one state of one post: its id, and its version when it has one."""
    if isinstance(heard, Item):
        return f"{heard.native_id}@{heard.version}" if heard.version else heard.native_id
    return heard.native_id


def read_streams(
    cursor: Cursor,
    streams: Mapping[str, Callable[[Marks], Iterable[tuple[tuple[Heard, ...], Marks]]]],
    *,
    at: datetime,
) -> Iterator[Fetched]:
    """Read each stream in turn and yield its steps; one stream's trouble never stops the next.

    A `RateLimited` stream rests until its `retry_at` (kept as `not_before` in its marks); an unchanged cursor
    is yielded as the same object, so that nothing is written when nothing came. `Expired` passes through as
    trouble like any refusal: the network has already tried to renew.
    """
    whole: Cursor = cursor
    for name, read in streams.items():
        marks: Marks = whole.get(name, {})
        if float(marks.get("not_before", 0)) > at.timestamp():
            continue
        before = {key: value for key, value in marks.items() if key != "not_before"}
        try:
            for heard, after in read(before):
                if dict(after) != dict(whole.get(name, {})):
                    whole = {**whole, name: dict(after)}
                yield Fetched(heard=heard, cursor=whole)
        except RateLimited as error:
            whole = {**whole, name: {**whole.get(name, {}), "not_before": error.retry_at.timestamp()}}
            yield Fetched(cursor=whole, trouble=error)
        except NetworkError as error:
            yield Fetched(cursor=whole, trouble=error)


def instant_of(value: str) -> datetime:
    """Return an ISO 8601 text as UTC.

    A missing zone is a `ValueError`, for a guess would move somebody's clock.
    """
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        message = "the time has no zone"
        raise ValueError(message)
    return at.astimezone(UTC)
