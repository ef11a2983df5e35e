"""Take back what a network lets us keep for a short time only: the words go, the case stays."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import StaleCursor
from allhours.domain.item import Change

if TYPE_CHECKING:
    from allhours.domain.handle import Handle
    from allhours.flows.ports import Cursors, ItemQueue, KeptItems

EARLY = 12  # a twelfth of the limit before it: as long as a walk through a busy handle's old cases may take
LATELY = timedelta(days=1)  # cases that came over the limit so lately are looked at in every call
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)  # posts may come into a case for as long as it lives
MOST = 1_000  # items of each part of a call


def expire(
    handle: Handle,
    *,
    within: timedelta,
    kept: KeptItems,
    cursors: Cursors,
    queue: ItemQueue,
    at: datetime,
) -> int:
    """Queue the expiry of each item that came more than `within` ago, less a twelfth; return how many.

    The cases that crossed the line lately come first, then older ones, a slice a call, round and round: these
    hold later posts too.
    """
    line = at - within + within / EARLY
    bookmark = cursors.load(handle, part="expire")
    lately = kept.opened(handle, since=line - LATELY, until=line, most=MOST)
    border = lately.back_to or line - LATELY
    until = datetime.fromisoformat(bookmark.cursor["until"]) if bookmark.cursor.get("until") else border
    older = kept.opened(handle, since=BEGINNING, until=min(until, border), most=MOST)
    both = (*zip(lately.items, lately.since, strict=True), *zip(older.items, older.since, strict=True))
    old = [replace(item, change=Change.EXPIRED) for item, since in both if since <= line]
    if old:
        queue.put([replace(item, text="", attachments=()) for item in old])
    reached = {"until": older.back_to.isoformat()} if older.back_to else {}
    if reached != bookmark.cursor:
        with suppress(StaleCursor):  # another call walks at the same time; an item expires once all the same
            cursors.save(handle, bookmark, reached, at=at, heard=False, part="expire")
    return len(old)
