"""Poll a handle: fetch, guard, queue, and only then move the cursor."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allhours.domain import page
from allhours.domain.errors import Malformed, NetworkError, Refused, StaleCursor
from allhours.domain.item import NEEDS_A_PERSON, Heard, Item, Skipped, Unreadable
from allhours.domain.life import Life, may_read
from allhours.flows.guard import fits, guarded
from allhours.flows.ports import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.page import Page
    from allhours.flows.cover_ports import Pages
    from allhours.flows.ports import Cursors, DeadLetters, ItemQueue
    from allhours.networks.contract import Source

OWN_POST = "own post"
LONGEST_LETTER = 400  # characters of an id in the key of a dead letter or page


@dataclass(kw_only=True)
class Intake:
    """What one call of an ingest function took in; counts only."""

    queued: int = 0
    masked: int = 0
    unreadable: int = 0
    unsigned: int = 0
    busy: int = 0
    skipped: Counter[str] = field(default_factory=Counter[str])
    troubles: list[NetworkError] = field(default_factory=list[NetworkError])
    overtaken: bool = False


def ingest(
    handle: Handle,
    *,
    source: Source,
    cursors: Cursors,
    queue: ItemQueue,
    dead_letters: DeadLetters,
    pages: Pages,
    intake: Intake,
    ours: frozenset[str],
    at: datetime,
    heard_by: str = "",
    life: Life = Life.LIVE,
) -> None:
    """Read one handle to its end; a crash anywhere leaves the cursor where everything behind it is queued.

    A network whose `life` allows no reading is not asked, and its cursor stays.
    """
    if not may_read(life).allowed:
        return
    bookmark = cursors.load(handle)
    try:
        for fetched in source.fetch(handle, bookmark.cursor, at=at):
            queued = take_in(
                fetched.heard,
                queue=queue,
                dead_letters=dead_letters,
                pages=pages,
                intake=intake,
                ours=ours,
                at=at,
                heard_by=heard_by,
            )
            if fetched.cursor != bookmark.cursor or not bookmark.version:
                bookmark = cursors.save(handle, bookmark, fetched.cursor, at=at, heard=queued > 0)
            if fetched.trouble:
                report(fetched.trouble, handle=handle, pages=pages, intake=intake, at=at)
    except StaleCursor:
        intake.overtaken = True  # another poll of this handle is at work; what we queued stays queued, once
    except NetworkError as error:
        report(error, handle=handle, pages=pages, intake=intake, at=at)


def take_in(
    heard: Iterable[Heard],
    *,
    queue: ItemQueue,
    dead_letters: DeadLetters,
    pages: Pages,
    intake: Intake,
    ours: frozenset[str],
    at: datetime,
    heard_by: str = "",
) -> int:
    """Guard and queue the items, keep what is unreadable by its id, count the rest.

    Return how many were queued. `heard_by` goes with each, see `Item`.
    """
    items: list[Item] = []
    letters: list[DeadLetter] = []
    for one in heard:
        match one:
            case Item() if said_by(one, ours):
                intake.skipped[OWN_POST] += 1
            case Item() if not fits(one):
                letters.append(oversized_letter(one))
            case Item():
                items.append(guarded(one))
            case Skipped():
                intake.skipped[one.reason] += 1
                if one.reason.startswith(NEEDS_A_PERSON):
                    pages.call(_about_us(one, at))
            case Unreadable():
                letters.append(unreadable_letter(one))
    if items:
        queue.put(items, heard_by=heard_by)
    if letters:
        dead_letters.park(letters, at=at)
    intake.queued += len(items)
    intake.masked += sum(1 for item in items if item.masked)
    intake.unreadable += len(letters)
    return len(items)


def _about_us(told: Skipped, at: datetime) -> Page:
    """Return the page about something that a network told of our own account; once a day."""
    what = told.reason.removeprefix(NEEDS_A_PERSON)
    return page.connection(
        told.network,
        told.native_id[:LONGEST_LETTER],
        what,
        mend=f"look at the account on {told.network}",
        stamp=f"told#{what[:80]}#{at:%Y-%m-%d}",
        at=at,
        soon=False,
    )


def said_by(item: Item, ours: frozenset[str]) -> bool:
    """Return whether one of our own handles wrote it.

    What we say opens no work, on whichever handle it is heard.
    """
    return item.author.author_id in ours or item.author.handle.lstrip("@").casefold() in ours


def unreadable_letter(post: Unreadable) -> DeadLetter:
    """Return the dead letter of a post that its network does not document.

    Its id and field, not its words.
    """
    where = " ".join(part for part in (post.network, post.handle) if part)
    field_note = f" (field {post.field})" if post.field else ""
    return DeadLetter(
        letter_id=f"{post.network}#{(post.native_id or post.handle)[:LONGEST_LETTER]}#{post.field}",
        where=where,
        reason=f"post {post.native_id or 'without an id'}: {post.detail}{field_note}",
    )


def oversized_letter(item: Item) -> DeadLetter:
    """Return the dead letter of a post whose id no key can hold: where it is, by the digest of its id."""
    digest = hashlib.sha256(item.native_id.encode()).hexdigest()[:16]
    where = f"{item.network} {item.handle}"
    return DeadLetter(
        letter_id=f"{item.network}#{digest}", where=where, reason="a post's id is too long for a key"
    )


def report(error: NetworkError, *, handle: Handle, pages: Pages, intake: Intake, at: datetime) -> None:
    """Count a network's trouble, and page when a person has to act.

    A rate limit or an outage passes by itself; a refusal, or an answer that is not as documented, does not.
    """
    error.handle = error.handle or handle.handle
    intake.troubles.append(error)
    if isinstance(error, Refused):
        pages.call(page.token_refused(error, at))
    elif isinstance(error, Malformed):
        pages.call(page.dead_letter(f"{error.network} {error.handle}", error.detail, at))
