"""Bluesky (AT Protocol): mentions, replies and quotes, posts found by search, and direct messages.

Written from the lexicons app.bsky.notification.listNotifications, app.bsky.feed.searchPosts, getPosts and
getPostThread, chat.bsky.convo.getLog, com.atproto.server.createSession and refreshSession, and from
docs.bsky.app (rate limits).

What we decided where Bluesky leaves it open:

* **Version.** A cid names a state but gives no order, and `indexedAt` differs between a notification and a
  view of the same post and need not move with an edit. So the version counts the states that we kept. What is
  heard first is 0, from notification, search or thread alike; heard again it is still 0 and a duplicate. Only
  a re-read knows the kept cid: a different one is an edit with version kept + 1, and reading the same state
  twice gives the same version. Two edits between re-reads are one; where two race for one number, the cid
  that was kept differs from the newest, and the next re-read says so. So it always ends at the newest state.
* **Order and holes.** Notifications come newest first by `indexedAt`, the earlier of the author's `createdAt`
  and arrival. Every poll reads down to ten minutes below its mark. A post with a backdated `createdAt`
  arrives further down; an hourly re-walk of the last three days finds it. The list's cursor is only an
  instant, so posts that share one are lost at a page's end; the re-walk's pages have another size, and there
  they lie inside a page.
* **Empty pages.** `reasons` filters after a page was cut, so a page may be empty and go on. Its cursor then
  tells the time, and stops the walk below the mark.
* **Conversation.** The thread's root; under the brand's own post the customer's DID as well. A reply among
  customers below our answer notifies us too and belongs to their conversation.
* **Gone is gone.** A kept post that getPosts leaves out is deleted: its author deleted it, left, or blocked
  us.
* **`!no-unauthenticated`** on an author: the item is kept, for the desk is signed in, and says
  `show_to: signed-in` in `answer_needs`, so that nothing shows it to the public.

What it does not do: the firehose (no socket in a function), searchPostsV2 (behind a gate), OAuth (an app
password is simpler for a server), updateSeen (the app's read marks are the people's), reactions and group
events in chats. Posts that become no item are skipped as: own post, not a post, not addressed to us, blocked,
deleted before we read it, chat event without new words, message without its conversation.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from allhours.domain.errors import Malformed, NetworkError, Unreachable
from allhours.domain.item import Change, Heard, Item, Visibility
from allhours.networks._bluesky.fields import NETWORK, indexed_at, look, stamp, uri_in
from allhours.networks._bluesky.posts import (
    REASONS,
    chat_event,
    found_post,
    notification,
    parse,
    post,
    thread,
)
from allhours.networks._bluesky.session import NotThere, Session
from allhours.networks.contract import Capabilities, Credentials, Cursor, Fetched, yes
from allhours.networks.paging import FetchedPosts, Marks, newest_first, read_streams, seen_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Connector, Meter, Replier
    from allhours.networks.http import Http

__all__ = ["Bluesky", "answering", "capabilities", "connect", "parse", "setting_up"]

PAGES = 10  # per stream and poll: a burst of 1,000 in one go, the rest with the next polls
PAGE = 100  # the lexicon's most
OTHER_PAGE = 97  # a prime near it, so that page ends fall elsewhere
OVERLAP = timedelta(minutes=10)  # the AppView delays some notifications; clocks differ by less
SEARCH_OVERLAP = timedelta(minutes=30)  # the search index lags behind more than notifications do
REWALK_EVERY = timedelta(hours=1)
REWALK_DEPTH = timedelta(days=3)
EVERYTHING = "1970-01-01T00:00:00.000Z"  # a mark below every post, for a list that was empty when we began
URIS = 25  # getPosts takes no more
THREAD_DEPTH = 10  # levels below a kept post; notifications reach five

capabilities = Capabilities(
    name=NETWORK,
    title="Bluesky",
    base_url="https://bsky.social",
    reads=("notifications", "re-walk of notifications", "search", "direct messages", "re-read of kept posts"),
    polls_every=timedelta(seconds=60),
    edits=yes("by re-reading kept posts: another cid"),
    deletes=yes("by re-reading kept posts: left out; direct messages: told by the chat log"),
    private_items=yes("direct messages, with an app password that allows them"),
    replies=yes("to any post whose author lets us reply"),
    private_replies=yes("direct messages"),
    moves_to_private=yes("a direct message, if the customer takes messages from us"),
    hides=yes("replies below our own posts, by a threadgate; at most 300 in a thread"),
    withdraws=yes("posts; a direct message can be deleted for oneself only"),
    length="300 graphemes and 3,000 bytes; direct messages 1,000 graphemes and 10,000 bytes",
    found_again=yes("by its own record key (getRecord); direct messages by reading the conversation"),
    idempotent_replies=True,  # posts by their record key; direct messages are not, and are looked for
    needs=("an account", "an app password that allows direct messages"),
    secret_fields=("identifier", "app_password"),
    optional_secret_fields=("accessJwt", "refreshJwt", "did", "pds"),  # written by us beside the others
    leaves_alone=(
        "firehose: needs a socket that stays open",
        "searchPostsV2: behind a feature gate",
        "OAuth: an app password is simpler for a server",
        "seen marks: they belong to the people in the app",
        "reactions and group events in chats: nobody's words",
        "answers in a group's chat: others than the customer would read them",
        "the profile's label `bot`: people write; set it by hand for an account that answers by itself",
        "replies more than ten levels below a kept post: neither notified nor re-read",
    ),
    api_pages=(
        "https://docs.bsky.app/docs/api/app-bsky-notification-list-notifications",
        "https://docs.bsky.app/docs/api/app-bsky-feed-search-posts",
        "https://docs.bsky.app/docs/api/app-bsky-feed-get-posts",
        "https://docs.bsky.app/docs/api/app-bsky-feed-get-post-thread",
        "https://docs.bsky.app/docs/api/chat-bsky-convo-get-log",
        "https://docs.bsky.app/docs/api/com-atproto-repo-put-record",
        "https://docs.bsky.app/docs/api/chat-bsky-convo-send-message",
        "https://docs.bsky.app/docs/advanced-guides/post-richtext",
        "https://docs.bsky.app/docs/advanced-guides/rate-limits",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Bluesky:
    """Return Bluesky, ready to read; it has no app of its own and costs nothing."""
    del app_secret, meter
    return Bluesky(credentials, http)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Bluesky, ready to answer."""
    from allhours.networks._bluesky.answers import BlueskyAnswers

    del app_secret, meter
    return BlueskyAnswers(credentials, http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through Bluesky's setup."""
    from allhours.networks._bluesky.setup import BlueskySetup

    del app_secret
    return BlueskySetup(credentials, http)


class Bluesky:
    """Bluesky for one function; sessions live in the handles' secrets."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Keep the ports."""
        self._credentials = credentials
        self._http = http

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield notifications, their re-walk when due, search hits and direct messages, a page at a time."""
        session = Session(self._credentials, self._http, handle, at)
        heard_before = frozenset(cursor.get("notifications", {}).get("seen", ()))
        streams: dict[str, Callable[[Marks], Iterator[tuple[tuple[Heard, ...], Marks]]]] = {
            "notifications": partial(_walk, partial(_notifications, session, at), overlap=OVERLAP),
            "rewalk": partial(
                _rewalk, partial(_notifications, session, at, limit=OTHER_PAGE), heard_before, at
            ),
        }
        for words in handle.listen:
            hits = partial(_hits, session, at, words)
            streams[f"search {words}"] = partial(_walk, hits, overlap=SEARCH_OVERLAP)
        if handle.settings.get("direct_messages") != "off":
            streams["messages"] = partial(_messages, session, at)
        yield from read_streams(cursor, streams, at=at)

    def reread(self, handle: Handle, kept: Sequence[Item], *, at: datetime) -> Iterator[Heard]:
        """Yield edits and deletions of the kept public posts, and answers below them not kept yet."""
        session = Session(self._credentials, self._http, handle, at)
        posts = {item.native_id: item for item in kept if item.visibility is not Visibility.PRIVATE}
        uris = list(posts)
        answered: list[str] = []
        for start in range(0, len(uris), URIS):
            asked = uris[start : start + URIS]
            answer = session.get("app.bsky.feed.getPosts", [("uris", uri) for uri in asked])
            views = {uri_in(view): view for view in _list(answer, "posts", handle)}
            if "" in views:  # which one is it? nothing may count as deleted on such an answer
                raise Malformed(NETWORK, "a post has no address", handle=handle.handle, field="posts.uri")
            for uri in asked:
                before, view = posts[uri], views.get(uri)
                if view is None:
                    yield replace(
                        before, change=Change.DELETED, version=before.version + 1, text="", attachments=()
                    )
                elif look(view, "cid") != before.answer_needs.get("parent_cid", look(view, "cid")):
                    yield post(view, session.us(), at, kept=before)
                if look(view, "replyCount") and before.parent_id not in posts:
                    answered.append(uri)
        for uri in answered:
            query = [("uri", uri), ("depth", str(THREAD_DEPTH)), ("parentHeight", "0")]
            with suppress(NotThere):  # deleted since; the next re-read says so
                branch = session.get("app.bsky.feed.getPostThread", query).get("thread")
                below = thread(branch, session.us(), at)
                yield from (each for each in below if isinstance(each, Item) and each.native_id not in posts)


def _walk(
    read: Callable[[str, str | None], FetchedPosts], marks: Marks, *, overlap: timedelta
) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Read newest first down to the mark.

    A walk through pages without a word to us (the likes of a busy day) raises the mark to where its first
    page ended, so that the next poll need not walk again; after an empty beginning everything is new. A kept
    token that the network no longer takes looks like an outage (502): the walk then starts again from the
    top.
    """
    resumed = bool(marks.get("resume"))
    ends: list[str | None] = []

    def noted(floor: str, token: str | None) -> FetchedPosts:
        ends.append(None)
        fetched = read(floor, token)
        ends[-1] = fetched.older
        return fetched

    steps = newest_first(
        marks, read=noted, newer=_not_older, overlap=lambda mark: _earlier(mark, overlap), budget=PAGES
    )
    waiting: Marks | None = None  # a step that only went on: kept back, so that an idle poll changes nothing
    try:
        for heard, after in steps:
            low = max(after["low"], marks.get("low", ""))
            if after["resume"] is None and not resumed and (len(ends) > 1 or not low):
                low = max(low, _instant_in(ends[0]) or EVERYTHING)
            waiting = {**after, "low": low}
            if heard or not after["resume"]:
                yield heard, waiting
                waiting = None
    except NetworkError as error:
        if resumed and len(ends) == 1 and isinstance(error, Unreachable):
            waiting = {**marks, "top": "", "resume": None}
        if waiting:
            yield (), waiting
        raise
    if waiting:
        yield (), waiting


def _rewalk(
    read: Callable[[str, str | None], FetchedPosts], heard_before: frozenset[str], at: datetime, marks: Marks
) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Read the last days of notifications again, now and then, for posts that arrived below the mark.

    `done` is when it was last done, `since` when listening began: history before is nobody's case.
    """
    if not marks:
        yield (), {"done": stamp(at), "since": stamp(at)}
        return
    if not marks.get("resume") and marks["done"] > stamp(at - REWALK_EVERY):
        return
    floor = max(stamp(at - REWALK_DEPTH), marks["since"])
    walk = {"low": floor, "resume": marks.get("resume"), "seen": marks.get("seen", ())}
    for heard, after in _walk(read, walk, overlap=timedelta(0)):
        yield (
            tuple(each for each in heard if seen_key(each) not in heard_before),
            {
                "done": marks["done"] if after["resume"] else stamp(at),
                "since": marks["since"],
                "resume": after["resume"],
                "seen": after["seen"],
            },
        )


def _notifications(
    session: Session, at: datetime, floor: str, token: str | None, *, limit: int = PAGE
) -> FetchedPosts:
    """Read one page of what is said to us; at the very beginning, the first page that has any."""
    us = session.us()
    query = [("limit", str(limit)), ("priority", "false"), *(("reasons", reason) for reason in REASONS)]
    found: list[object] = []
    for _ in range(PAGES):
        answer = session.get("app.bsky.notification.listNotifications", [*query, *_cursor(token)])
        found = _list(answer, "notifications", us)
        token = _older(answer, token, floor)
        if found or floor or not token:
            break
    return _fetched(found, [notification(body, us, at) for body in found], token, at)


def _hits(session: Session, at: datetime, words: str, floor: str, token: str | None) -> FetchedPosts:
    """Read one page of posts with a brand's words or hashtag."""
    us = session.us()
    quoted = f'"{words}"' if " " in words else words
    query = [
        ("q", quoted),
        ("sort", "latest"),
        ("limit", str(PAGE)),
        *([("since", floor)] if floor > EVERYTHING else []),
    ]
    answer = session.get("app.bsky.feed.searchPosts", [*query, *_cursor(token)])
    found = _list(answer, "posts", us)
    return _fetched(
        found, [found_post(body, us, at) for body in found], _older(answer, token, "") if found else None, at
    )


def _messages(session: Session, at: datetime, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Read the chat log forwards; without a cursor it says where it ends, which is where we begin."""
    us = session.us()
    cursor: str = marks.get("cursor", "")
    for _ in range(PAGES):
        answer = session.get("chat.bsky.convo.getLog", _cursor(cursor), chat=True)
        events = _list(answer, "logs", us)
        after = answer.get("cursor")
        reached = after if isinstance(after, str) and after else cursor
        yield tuple(chat_event(event, us, at) for event in events), {"cursor": reached}
        if not events or reached == cursor:
            return
        cursor = reached


def _fetched(
    found: Sequence[object], heard: Sequence[Heard], older: str | None, at: datetime
) -> FetchedPosts:
    """Return every post once (a mention that is also a reply may be there twice), with its mark."""
    instants = [indexed_at(body) for body in found]
    newest = next((instant for instant in instants if instant), at)
    posts: dict[str, tuple[str, Heard]] = {}
    for place, (instant, each) in enumerate(zip(instants, heard, strict=True)):
        posts.setdefault(each.native_id or f"#{place}", (stamp(instant or newest), each))
    return FetchedPosts(posts=tuple(posts.values()), older=older)


def _list(answer: dict[str, object], name: str, handle: Handle) -> list[object]:
    """Return the list that the answer is about; `Malformed` without it, for silence is not emptiness."""
    found = answer.get(name)
    if not isinstance(found, list):
        raise Malformed(NETWORK, "the answer lacks its list", handle=handle.handle, field=name)
    return found


def _older(answer: dict[str, object], token: str | None, floor: str) -> str | None:
    """Return the token of the next page; None at the end and below the floor, where a token is an instant."""
    older = answer.get("cursor")
    if not isinstance(older, str) or not older or older == token:
        return None
    instant = _instant_in(older)
    return None if floor and instant and instant < floor else older


def _instant_in(token: str | None) -> str:
    """Return the instant that a token is (of notifications), "" for an offset (of search)."""
    instant = indexed_at({"indexedAt": token})
    return stamp(instant) if instant else ""


def _cursor(token: str | None) -> list[tuple[str, str]]:
    return [("cursor", token)] if token else []


def _not_older(mark: str, other: str) -> bool:
    return mark >= other


def _earlier(mark: str, span: timedelta) -> str:
    return stamp(datetime.fromisoformat(mark) - span)
