"""Mastodon: mentions, private mentions, hashtags and searches of one account on one server.

Written from docs.joinmastodon.org (methods/notifications, timelines, search, statuses; api/rate-limits;
entities) for servers up to 4.6 and for others that speak the same API, GoToSocial above all.

**The id.** `native_id` is the status' `uri`, not its id: a status id is valid on one server only, so two
handles of ours on two servers would hear one post as two (a customer answered twice), and two servers may
give one id to two posts (one of them lost). What calls need, the id on the server that heard it, is
`answer_needs["status_id"]`. Authors likewise go by the `uri` of their account.

**Reading on.** Ids are opaque (numbers here, ULIDs there) and are never compared. Notifications and tag
timelines are read forwards with `min_id` and the `Link` header. The overlap is one page: the cursor keeps the
newest 40 entries, oldest first, and every poll begins behind the oldest of them, because a post that
federates late is filed under the time at which it was written. An entry whose key is known costs nothing; one
that was edited has a new key. Searches come newest first and use the marks of `paging.newest_first`, by time.

**Conversations.** Statuses do not name their thread's root, so an answer costs one `/context` read (one for
all answers in the same thread). Without it (deleted, too large) the parent's address on this server stands
in.

It does not stream (Lambda), take Web Push (encrypted, one per token), read conversations (mentions show the
same posts), change the notification policy (`drop` loses private mentions for good), or read
polls. Answers right below our own posts that drop our @handle are not found. Skipped posts name one of the
reasons in `_mastodon_posts`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from allhours.domain.errors import Malformed, RateLimited, Refused
from allhours.domain.item import Change, Heard, Item, Skipped, Unreadable
from allhours.networks._mastodon_posts import (
    NETWORK,
    SPEECH,
    TO_OTHERS,
    Knot,
    heard_last_status,
    heard_notification,
    heard_status,
    milliseconds,
    parse,
    placed,
    said_at,
    thread,
)
from allhours.networks._mastodon_server import SCOPES, CrashedError, Server
from allhours.networks.contract import Capabilities, Credentials, Cursor, Fetched
from allhours.networks.paging import FetchedPosts, Marks, instant_of, newest_first, read_streams, seen_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from allhours.domain.handle import Handle
    from allhours.networks.http import Http

__all__ = ["Mastodon", "capabilities", "connect", "parse"]

PAGE = 40  # entries, which every list allows; also the overlap, so an idle poll costs two calls
PAGES = 5  # a stream and poll: with 60 s polls far below the 300 paged reads in 15 minutes
BATCH = 20  # statuses a re-read: servers may cut longer lists, and what is missing would look deleted
FIRST = "0"  # sorts before every id, number or ULID, on the server that does the sorting
LOOKS_BACK = timedelta(hours=1)  # into a search, because other servers' posts arrive late
ABSENT_FOR = timedelta(days=1)  # until we ask again for what a server lacks: it may have been updated

capabilities = Capabilities(
    name=NETWORK,
    title="Mastodon",
    base_url="https://mastodon.social",
    reads=("mentions", "filtered private mentions", "hashtags", "search", "threads of kept posts"),
    polls_every=timedelta(seconds=60),
    edits="told by some servers, else found by reading kept posts again; the version is edited_at in ms",
    deletes="found by reading kept posts again: 404",
    private_items="statuses of visibility direct; readable by the servers' administrators",
    replies="public, unlisted, followers or direct; never wider than the parent, always sent explicitly",
    private_replies="a direct status that mentions the person",
    hides="no",
    length="graphemes of warning and text, URL 23, @user@host as @user; /api/v2/instance has the limit (500)",
    found_again="in the parent's context or our own newest statuses, by in_reply_to_id",
    idempotent_replies=False,  # Idempotency-Key: an hour on Mastodon, ignored elsewhere
    needs=("an account on the server", f"an access token of it with {SCOPES}"),
    secret_fields=("access_token",),
    leaves_alone=(
        "streaming: a function cannot hold a connection",
        "Web Push: one encrypted subscription a token, and polling is within a minute anyway",
        "conversations: the same posts come as mentions",
        "replies without our @handle directly under our own posts: nothing tells of them",
        "polls: votes are not speech",
    ),
    api_pages=(
        "https://docs.joinmastodon.org/methods/notifications/",
        "https://docs.joinmastodon.org/methods/timelines/#tag",
        "https://docs.joinmastodon.org/methods/search/",
        "https://docs.joinmastodon.org/methods/statuses/",
        "https://docs.joinmastodon.org/api/rate-limits/",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str) -> Mastodon:
    """Return the network, ready to read."""
    del app_secret  # servers do not call us
    return Mastodon(credentials, http)


class Mastodon:
    """One reader for every handle, whichever server it is on."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield mentions, filtered ones too, and what the handle listens for; `Refused` without a token."""
        reading = _Reading(self._server(handle, at))
        streams: dict[str, Callable[[Marks], Iterable[tuple[tuple[Heard, ...], Marks]]]] = {
            "mentions": reading.mentions,
            "requests": reading.requests,
        }
        for word in handle.listen:
            read = reading.hashtag if word.startswith("#") else reading.search
            streams[word] = partial(read, word)
        yield from read_streams(cursor, streams, at=at)

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of the kept posts, then what was said below them."""
        server = self._server(handle, at)
        heard_here = [
            item for item in kept if item.handle == handle.handle and "status_id" in item.answer_needs
        ]
        by_status = {item.answer_needs["status_id"]: item for item in heard_here}
        there: list[Item] = []
        for status_id, body in _statuses(server, list(by_status)):
            item = by_status[status_id]
            if body is None:
                yield replace(item, change=Change.DELETED, version=milliseconds(at), text="", attachments=())
                continue
            there.append(item)
            heard = heard_status(body, handle, at)
            if isinstance(heard, Unreadable):
                yield heard
            elif isinstance(heard, Item) and heard.version > item.version:
                yield replace(heard, conversation_id=item.conversation_id, parent_id=item.parent_id)
        yield from _below(server, there, known={item.native_id for item in kept})

    def _server(self, handle: Handle, at: datetime) -> Server:
        token = self._credentials.read(handle.secret).get("access_token", "")
        if not token:
            raise Refused(NETWORK, f"secret {handle.secret} has no access_token", handle=handle.handle)
        return Server(handle=handle, at=at, token=token, http=self._http)


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


class _Reading:
    """The streams of one handle; threads that were looked up serve all of them."""

    def __init__(self, server: Server) -> None:
        self._server = server
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
                mark = _own_id(body) or mark
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
        there = tuple(map(self._placed, fresh))
        self._told.update(map(seen_key, fresh))
        return there

    def _placed(self, heard: Heard) -> Heard:
        """Return an answer with its thread's root, looked up once for each thread."""
        if not isinstance(heard, Item) or "parent_status_id" not in heard.answer_needs:
            return heard
        if heard.answer_needs["parent_status_id"] not in self._knots:
            self._knots.update(thread(_context(self._server, heard), self._server.handle, asked=heard))
        return placed(heard, self._knots)


def _own_id(body: object) -> str:
    """Return the id that an entry has on this server; empty when it has none."""
    entry_id = body.get("id") if isinstance(body, dict) else ""
    return entry_id if isinstance(entry_id, str) else ""


def _context(server: Server, item: Item) -> object:
    """Return the thread around a post; None when the post is gone or the thread is too large to be shown."""
    try:
        answer = server.get(f"/api/v1/statuses/{quote(item.answer_needs['status_id'], safe='')}/context")
    except (Malformed, CrashedError):
        return None
    return answer.body if answer else None


def _statuses(server: Server, status_ids: list[str]) -> Iterator[tuple[str, object]]:
    """Yield each status by id, None when it is gone: in batches (Mastodon 4.3), singly what those leave out.

    `Refused` when the server is none of this API: a wrong base_url must not look like deletions.
    """
    batches, sure, rest = True, False, iter(status_ids)
    while batch := list(islice(rest, BATCH)):
        listed = server.list_of("/api/v1/statuses", *(("id[]", each) for each in batch)) if batches else None
        batches = listed is not None
        bodies = {_own_id(body): body for body in (listed[0] if listed else [])}
        for status_id in batch:
            if status_id in bodies:
                yield status_id, bodies[status_id]
            elif answer := server.get(f"/api/v1/statuses/{quote(status_id, safe='')}"):
                yield status_id, answer.body
            elif sure or server.get("/api/v2/instance"):
                sure = True
                yield status_id, None
            else:
                raise server.lacks("/api/v2/instance")


def _below(server: Server, there: Sequence[Item], *, known: set[str]) -> Iterator[Heard]:
    """Yield what is new below the kept posts; a post below another one is covered by its thread."""
    authors: dict[str, set[str]] = {}
    for item in there:
        authors.setdefault(item.conversation_id, set()).add(item.author.author_id)
    covered: set[str] = set()
    for item in sorted(there, key=lambda each: each.created_at):
        if item.answer_needs["status_id"] in covered:
            continue
        context = _context(server, item)
        knots = thread(context, server.handle, asked=item)
        below = context.get("descendants") if isinstance(context, dict) else []
        for body in below if isinstance(below, list) else []:
            covered.add(_own_id(body))
            heard = placed(heard_status(body, server.handle, server.at), knots)
            if heard.native_id in known:
                continue
            known.add(heard.native_id)
            if _concerns_us(heard, knots, authors):
                yield heard
            else:
                yield Skipped(network=NETWORK, native_id=heard.native_id, reason=TO_OTHERS)


def _concerns_us(heard: Heard, knots: Mapping[str, Knot], authors: Mapping[str, set[str]]) -> bool:
    """Return whether a post names us, answers us, or goes on with a case of its author."""
    if not isinstance(heard, Item):
        return True
    parent = knots.get(heard.answer_needs.get("parent_status_id", ""))
    answers_us = parent is not None and parent.ours
    return (
        bool(heard.addressed)
        or answers_us
        or heard.author.author_id in authors.get(heard.conversation_id, ())
    )
