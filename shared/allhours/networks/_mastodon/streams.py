"""One handle's streams on Mastodon: forwards by `min_id`, searches newest first, requests by comparing.

Written from docs.joinmastodon.org: methods/notifications, timelines, search, instance; api/guidelines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from allhours.domain.errors import Malformed, RateLimited
from allhours.domain.item import Heard, Item, Unreadable
from allhours.networks._mastodon.posts import (
    NETWORK,
    SPEECH,
    Knot,
    heard_last_status,
    heard_notification,
    heard_status,
    placed,
    said_at,
    thread,
)
from allhours.networks._mastodon.server import CrashedError, Limits, Server
from allhours.networks.paging import FetchedPosts, Marks, instant_of, newest_first, seen_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from allhours.domain.handle import Handle

PAGE = 40  # entries, which every list allows; also the overlap, so an idle poll costs two calls
PAGES = 5  # a stream and poll: with 60 s polls far below the 300 paged reads in 15 minutes
FIRST = "0"  # sorts before every id, number or ULID, on the server that does the sorting
LOOKS_BACK = timedelta(hours=1)  # into a search, because other servers' posts arrive late
ABSENT_FOR = timedelta(days=1)  # until we ask again for what a server lacks: it may have been updated


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One page of a stream that is read forwards: (mark, key, heard) oldest first, and the mark behind it."""

    entries: tuple[tuple[str, str, Heard], ...]
    newer: str
    rests_until: datetime | None = None


def forwards(
    marks: Marks, *, read: Callable[[str], Forward], budget: int = PAGES
) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Yield (posts, marks) a page at a time until nothing is newer or `budget` pages are spent.

    `read("")` is the newest page, `read(mark)` the page right behind the mark. `trail` keeps (mark, key) of
    the newest 40 entries, oldest first; every poll begins behind its oldest. The first takes one page, for
    history is nobody's case. A page that spent its bucket is yielded before `RateLimited` ends the walk.
    """
    trail = [(mark, key) for mark, key in marks.get("trail", ())]
    known = {key for _mark, key in trail}
    mark = trail[0][0] if trail else ""
    walked, ahead = trail[:1], trail[1:]
    for _ in range(budget):
        page = read(mark)
        walked += [(entry, key) for entry, key, _heard in page.entries]
        passed = {entry for entry, _key, _heard in page.entries}
        ahead = [step for step in ahead if step[0] not in passed] if page.entries else []
        fresh = tuple(heard for _entry, key, heard in page.entries if key not in known)
        yield fresh, _trail([*walked, *ahead] or [(FIRST, "")])
        if page.rests_until:
            raise RateLimited(NETWORK, "the last call of this window is spent", retry_at=page.rests_until)
        if not trail or not page.entries:
            return
        mark = page.newer


def _trail(steps: list[tuple[str, str]]) -> Marks:
    return {"trail": [list(step) for step in steps[-PAGE:]]}


def _key(heard: Heard, body: object) -> str:
    """Return what makes one state of one post; a broken one has its own, so that its mended form is heard."""
    if not isinstance(heard, Unreadable):
        return seen_key(heard)
    name = heard.native_id or sha256(repr(body).encode(errors="replace")).hexdigest()[:16]
    return f"!{name} {heard.field}"


class Reading:
    """The streams of one handle; threads that were looked up serve all of them."""

    def __init__(self, server: Server, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._knots: dict[str, Knot] = {}
        self._told: set[str] = set()

    def mentions(self, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        """Yield mentions, edits that the server tells, and quotes; filtered ones included."""
        params = [("types[]", kind) for kind in SPEECH]
        params.append(("include_filtered", "true"))  # private mentions from strangers are filtered by default
        return self._forwards(marks, "/api/v1/notifications", heard_notification, params)

    def hashtag(self, tag: str, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        """Yield what carries the hashtag, as far as this server received it."""
        path = f"/api/v1/timelines/tag/{quote(tag.removeprefix('#'), safe='')}"
        return self._forwards(marks, path, heard_status, [])

    def search(self, word: str, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        """Yield what a search finds; on servers without full-text search that is little or nothing."""
        steps = newest_first(
            marks,
            read=partial(self._found, word),
            newer=lambda mark, other: instant_of(mark) > instant_of(other),
            overlap=lambda mark: (instant_of(mark) - LOOKS_BACK).isoformat(),
            budget=PAGES,
        )
        quiet: Marks = marks
        for heard, after in steps:
            quiet = after
            if heard:  # the marks of a page without news are worth no write
                yield self._new(heard), after
        start = {"low": self._server.at.isoformat()}  # where nothing was found yet, everything later is news
        yield (), (quiet if quiet.get("low") else {**quiet, **start})

    def requests(self, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        """Yield the newest filtered post of each stranger, for servers that do not know `include_filtered`.

        A request keeps its id while its post changes, so there is no reading forwards: one page is compared.
        """
        listed = self._server.list_of("/api/v1/notifications/requests", ("limit", str(PAGE)))
        if listed is None:
            yield (), {"not_before": (self._server.at + ABSENT_FOR).timestamp()}
            return
        bodies, _answer = listed
        heard = self._heard(bodies, heard_last_status)
        known = set(marks.get("seen", ()))
        fresh = tuple(each for key, each in heard if key not in known)
        yield self._new(fresh), {"seen": [key for key, _each in heard]}

    def _heard(
        self, bodies: Sequence[object], read: Callable[[object, Handle, datetime], Heard]
    ) -> list[tuple[str, Heard]]:
        heard = [read(body, self._server.handle, self._server.at) for body in bodies]
        return [(_key(each, body), each) for each, body in zip(heard, bodies, strict=True)]

    def _forwards(
        self,
        marks: Marks,
        path: str,
        read: Callable[[object, Handle, datetime], Heard],
        params: list[tuple[str, str]],
    ) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        def page(mark: str) -> Forward:
            behind = [("min_id", mark)] if mark else []
            listed = self._server.list_of(path, *params, ("limit", str(PAGE)), *behind)
            if listed is None:
                raise self._server.lacks(path)
            bodies, answer = listed
            bodies.reverse()  # shown newest first
            entries: list[tuple[str, str, Heard]] = []
            for body, (key, heard) in zip(bodies, self._heard(bodies, read), strict=True):
                mark = own_id(body) or mark
                entries.append((mark, key, heard))
            return Forward(entries=tuple(entries), newer=answer.newer or mark, rests_until=answer.rests_until)

        for heard, after in forwards(marks, read=page):
            yield self._new(heard), after

    def _found(self, word: str, _floor: str, token: str | None) -> FetchedPosts:
        answer = self._server.get(
            "/api/v2/search",
            ("q", f'"{word}"' if " " in word else word),
            ("type", "statuses"),
            ("limit", str(PAGE)),
            ("offset", token or "0"),
        )
        if answer is None:
            return FetchedPosts(posts=(), older=None)
        found = answer.body.get("statuses") if isinstance(answer.body, dict) else None
        if not isinstance(found, list):
            raise self._server.malformed("/api/v2/search", "has no list of statuses")
        posts: list[tuple[str, Heard]] = []
        mark = self._server.at
        for body, (_key, heard) in zip(found, self._heard(found, heard_status), strict=True):
            mark = min(said_at(body) or mark, self._server.at)
            posts.append((mark.isoformat(), heard))
        return FetchedPosts(posts=tuple(posts), older=str(int(token or 0) + len(found)) if found else None)

    def _new(self, heard: Iterable[Heard]) -> tuple[Heard, ...]:
        """Return what no stream of this poll has told before, each in its thread's conversation."""
        fresh = [each for each in heard if not isinstance(each, Item) or seen_key(each) not in self._told]
        there = tuple(self._limits.told(self._placed(each), self._server) for each in fresh)
        self._told.update(map(seen_key, fresh))
        return there

    def _placed(self, heard: Heard) -> Heard:
        """Return an answer with its thread's root, looked up once for each thread."""
        if not isinstance(heard, Item) or "parent_status_id" not in heard.answer_needs:
            return heard
        if heard.answer_needs["parent_status_id"] not in self._knots:
            self._knots.update(thread(context_of(self._server, heard), self._server.handle, asked=heard))
        return placed(heard, self._knots)


def own_id(body: object) -> str:
    """Return the id that an entry has on this server; empty when it has none."""
    entry_id = body.get("id") if isinstance(body, dict) else ""
    return entry_id if isinstance(entry_id, str) else ""


def context_of(server: Server, item: Item) -> object:
    """Return the thread around a post; None when the post is gone or the thread is too large to be shown."""
    try:
        answer = server.get(f"/api/v1/statuses/{quote(item.answer_needs['status_id'], safe='')}/context")
    except (Malformed, CrashedError):
        return None
    return answer.body if answer else None
