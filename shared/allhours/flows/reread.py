"""Read again what we keep: edits and deletions that no network pushes, and answers that notified nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allhours.domain.errors import NetworkError, OverBudget, StaleCursor
from allhours.flows.ingest import Intake, report, take_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.flows.cover_ports import Pages
    from allhours.flows.ports import Cursors, DeadLetters, ItemQueue, KeptItems
    from allhours.networks.contract import Rereader

YOUNG = timedelta(days=2)  # cases this young are read again at every call
OLD = timedelta(days=30)  # older ones in turn, a slice a call, round and round
MOST_YOUNG = 300  # posts a call and handle: three requests where a network takes a hundred ids
MOST_OLD = 200  # at four calls an hour 19,200 posts a day, for X and Meta ask for deletions within 24 hours


def reread(
    handle: Handle,
    *,
    rereader: Rereader,
    kept: KeptItems,
    cursors: Cursors,
    queue: ItemQueue,
    dead_letters: DeadLetters,
    pages: Pages,
    intake: Intake,
    ours: frozenset[str],
    at: datetime,
) -> None:
    """Queue what changed since it was kept; the router applies it by version."""
    bookmark = cursors.load(handle, part="reread")
    just_now = at + timedelta(seconds=1)  # a list ends before its `until`, and this instant counts
    young = kept.opened(handle, since=at - YOUNG, until=just_now, most=MOST_YOUNG)
    border = young.back_to or at - YOUNG
    until = datetime.fromisoformat(bookmark.cursor["until"]) if bookmark.cursor.get("until") else border
    old = kept.opened(handle, since=at - OLD, until=min(until, border), most=MOST_OLD)
    found, trouble = _as_far_as_it_goes(rereader.reread(handle, (*young.items, *old.items), at=at))
    try:
        take_in(
            found,
            queue=queue,
            dead_letters=dead_letters,
            pages=pages,
            intake=intake,
            ours=ours,
            at=at,
        )
        if isinstance(trouble, OverBudget):
            return  # the rest of the day's budget is for what is new; tomorrow goes on from here
        if trouble:
            raise trouble
        reached = {"until": old.back_to.isoformat()} if old.back_to else {}
        if reached != bookmark.cursor:
            cursors.save(handle, bookmark, reached, at=at, heard=False, part="reread")
    except StaleCursor:
        intake.overtaken = True  # another call reads again at the same time; both have queued what they found
    except NetworkError as error:
        report(error, handle=handle, pages=pages, intake=intake, at=at)


def _as_far_as_it_goes(answers: Iterator[Heard]) -> tuple[list[Heard], NetworkError | None]:
    """Return what was found out before the network's trouble, if any: it has been paid for."""
    found: list[Heard] = []
    try:
        for one in answers:
            found.append(one)  # noqa: PERF402 - what came before an error counts
    except NetworkError as trouble:
        return found, trouble
    return found, None
