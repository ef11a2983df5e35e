"""Walk an edge whose cursors must not be stored: an unfinished walk starts again with twice the pages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from allhours.domain.errors import RateLimited
from allhours.networks.paging import MOST_SEEN, seen_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from allhours.domain.item import Heard
    from allhours.networks.paging import FetchedPosts, Marks

    Steps = Iterator[tuple[tuple[Heard, ...], Marks]]

PAGES = 5  # pages with something new that a walk takes before it leaves the rest to the next poll
OVERLAP = 120  # seconds that every walk looks back: Meta shows new posts a little late, and not in order


def patient(read: Callable[[Marks], Steps], marks: Marks) -> Steps:
    """Count how often in a row a stream was throttled, so that the wait grows where Meta names none."""
    latest: Marks = {key: value for key, value in marks.items() if key != "throttled"}
    try:
        for heard, after in read(latest):
            latest = after
            yield heard, after
    except RateLimited:
        yield (), {**latest, "throttled": int(marks.get("throttled", 0)) + 1}
        raise


def walk(pages: Callable[[int], Iterator[FetchedPosts]], marks: Marks, *, at: datetime) -> Steps:
    """Walk what is newer than `low`, in whatever order it comes, and move `low` only when the walk is whole.

    Marks: `low` (Unix seconds), `seen` (keys behind it), `pages` (what this walk may take, after one that was
    cut short). The very first walk takes one page and starts from there.
    """
    low, allowed = int(marks.get("low", 0)), int(marks.get("pages", PAGES))
    floor = max(low - OVERLAP, 1) if low else 0
    known = set(marks.get("seen", ()))
    at_of: dict[str, int] = {}
    fresh: tuple[Heard, ...] = ()
    whole = False
    spent = 0
    for page in pages(floor):
        fresh = tuple(heard for _mark, heard in page.posts if short_key(heard) not in known)
        known |= {short_key(heard) for heard in fresh}
        spent += bool(fresh)  # the overlap is not what a budget is for
        at_of |= {short_key(heard): int(mark) for mark, heard in page.posts}
        whole = page.older is None or not low
        if whole or spent >= allowed:
            break
        yield fresh, marks
    if not whole:
        newest = sorted(at_of, key=lambda key: (at_of[key], key))
        kept = [*(key for key in marks.get("seen", ()) if key not in at_of), *newest][-MOST_SEEN:]
        yield fresh, {"low": low, "pages": allowed * 2, "seen": kept}
    else:
        top = max(low, 0, *at_of.values()) or int(at.timestamp()) - OVERLAP
        # what has no readable time is kept in mind as long as `low` stands, so that it is told once
        behind = sorted(key for key, mark in at_of.items() if mark >= top - OVERLAP or not mark)
        yield fresh, {"low": top, "seen": behind[-MOST_SEEN:]}


def anywhere(at: datetime, length: int) -> int:
    """Return where to begin a list of which a call reads a part: by chance, for a cadence may divide it."""
    drawn = hashlib.blake2s(at.isoformat().encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") % max(length, 1)


def short_key(heard: Heard) -> str:
    """Return what tells one state of a post apart, in 12 characters: the cursor holds thousands."""
    return hashlib.blake2s(seen_key(heard).encode(errors="replace"), digest_size=6).hexdigest()
