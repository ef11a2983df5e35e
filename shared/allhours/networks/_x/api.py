"""How X is read: streams, pages, vocabulary and what the pages cost, for one handle.

Written from docs.x.com: fundamentals/pagination, x-api/posts, x-api/direct-messages, getting-started/pricing.
X's parameters have two vocabularies (`tweet.fields` up to OpenAPI 2.166, `post.fields` from then on); which
one the wire takes is found out by asking.

**The bill.** X charges for what it returns, once a day (UTC) for each resource. Nothing is asked twice
without need: the overlap behind the mark is left as soon as nothing can be late in it any more, so that a
quiet handle's last mention is not bought again every day. What X returns is metered; a page that was begun
below the day's ceiling may pass it by its own price.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from allhours.domain.errors import RateLimited, Refused
from allhours.networks._x.call import (
    AUTHOR,
    MESSAGE,
    OWNED_POST,
    POST,
    Caller,
    OtherVocabulary,
    StaleToken,
)
from allhours.networks._x.events import hear_message
from allhours.networks._x.posts import (
    NAME,
    Json,
    entries_of,
    hear_post,
    includes_of,
    is_id,
    snowflake,
    told_by_id,
)
from allhours.networks.paging import FetchedPosts, Marks, newest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard

_PAGE = "100"  # posts; the most that mentions, search and messages give at once
_GLANCE = "10"  # messages; the first page of a poll, for there is no since_id and known ones are billed daily
_BUDGET = 8  # pages a poll: 800 posts, which is as far back as mentions reach
_OVERLAP = timedelta(minutes=5)  # late-indexed mentions were reported within minutes (IEKit 307)
_SEARCH_REACH = timedelta(days=7) - timedelta(minutes=5)  # an older since_id is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The names that X's parameters have in one generation of its API."""

    name: str
    post: Mapping[str, str]
    message: Mapping[str, str]


_TWEETS = Vocabulary(
    name="tweets",
    # no expansions: each author would cost ten times the post; they are looked up when a case opens
    post={
        "tweet.fields": "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,"
        "in_reply_to_user_id,lang,note_tweet,referenced_tweets,reply_settings"
    },
    message={
        "dm_event.fields": "attachments,created_at,dm_conversation_id,entities,event_type,id,sender_id,text"
    },
)
_POSTS = Vocabulary(
    name="posts",
    # here X gives these ids as expansions only; without them neither own posts nor authors can be told
    post={
        "post.fields": "attachments,conversation_id,created_at,entities,lang,note_post,reply_settings",
        "expansions": "author_id,edit_history_post_ids,in_reply_to_user_id,referenced_posts",
    },
    message={
        "dm_event.fields": "attachments,created_at,dm_conversation_id,entities,event_type,id,text",
        "expansions": "sender_id",
    },
)
_EXPANDED = {*_POSTS.post["expansions"].split(","), "referenced_tweets", "edit_history_tweet_ids"}
VOCABULARIES = {each.name: each for each in (_TWEETS, _POSTS)}


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page of what we said, what leads on, and whether X showed all of it."""

    entries: list[object]
    older: str | None
    whole: bool


@dataclass(slots=True, kw_only=True)
class Reader:
    """One use of X for one handle, in one vocabulary."""

    caller: Caller
    spoken: dict[str, Vocabulary]
    returned: int = field(default=0, init=False)
    known: frozenset[str] = field(default=frozenset(), init=False)

    @property
    def handle(self) -> Handle:
        """Return whose posts are read."""
        return self.caller.handle

    @property
    def at(self) -> datetime:
        """Return when this use began."""
        return self.caller.at

    @property
    def may_read_messages(self) -> bool:
        """Return whether the token may read messages; a missing secret is told by the first stream."""
        try:
            return "dm.read" in self.caller.fields.get("scope", "").split()
        except Refused:
            return False

    def walk(
        self, marks: Marks, read: Callable[[str, str | None], FetchedPosts]
    ) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        """Yield a stream's pages newest first; `RateLimited` once X says that no call is left."""
        self.known = frozenset(key.rpartition("@")[2] for key in marks.get("seen", ()))
        # A handle that nobody has mentioned yet starts from now, or its first burst would count as history;
        # and the mark never falls back when the newest post is deleted.
        for heard, after in newest_first(
            marks, read=read, newer=_newer, overlap=_a_little_older, budget=_BUDGET
        ):
            low = max(after["low"] or self._start, marks.get("low") or "0", key=int)
            if self.returned and not heard and not after["resume"]:
                low = self._settled(low)
            yield heard, {**after, "low": low, "vocabulary": self.vocabulary.name}
            if self.caller.rests_until:
                detail = "no call is left in this window"
                raise RateLimited(NAME, detail, handle=self.handle.handle, retry_at=self.caller.rests_until)

    def _settled(self, low: str) -> str:
        """Return a mark whose overlap no longer holds what we know, once nothing below it can be late."""
        said_at = told_by_id(low)
        if said_at is None or self.at < said_at + 2 * _OVERLAP:
            return low
        return str(int(low) + _ids_in(_OVERLAP))

    def mentions(self, floor: str, token: str | None) -> FetchedPosts:
        """Read one page of posts that name the handle."""
        if not is_id(self.handle.native_id):
            detail = "the organisation file has no native_id for it: X's user id, digits only"
            raise Refused(NAME, detail, handle=self.handle.handle)
        path = f"/2/users/{self.handle.native_id}/mentions"
        return self._posts(path, {}, floor, token, price=OWNED_POST)

    def search(self, query: str, floor: str, token: str | None) -> FetchedPosts:
        """Read one page of posts with one of our words, no older than search reaches."""
        oldest = snowflake(self.at - _SEARCH_REACH)
        floor = str(max(int(floor), oldest)) if floor else ""
        app_only = bool(self.caller.fields.get("bearer_token"))
        path = "/2/tweets/search/recent"
        return self._posts(path, {"query": query}, floor, token, price=POST, app_only=app_only)

    def messages(self, floor: str, token: str | None) -> FetchedPosts:
        """Read one page of direct messages; X has no since_id here, so the walk ends at a known id."""
        size = _GLANCE if floor and not token else _PAGE
        asked = {"max_results": size, "event_types": "MessageCreate"}
        document, following = self._page("/2/dm_events", asked, "message", token, price=MESSAGE)
        return FetchedPosts(posts=self._marked(document, hear_message, floor), older=following)

    def look_up(self, ids: Sequence[str]) -> Json:
        """Read posts by id; those that X does not show come as errors of the same answer."""
        self.caller.room(POST * len(ids))
        document = self._ask("/2/tweets", {"ids": ",".join(ids)}, "post")
        self._pay(document, POST)
        return document

    def people(self, ids: Sequence[str]) -> Json:
        """Read authors by id."""
        self.caller.room(AUTHOR * len(ids))
        document = self.caller.get("/2/users", {"ids": ",".join(ids), "user.fields": "id,name,username"})
        found = {f"user {each}": AUTHOR for each in map(_entry_id, entries_of(document)) if each}
        self.caller.pay(found)
        return document

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the configured vocabulary, else the one that worked, else the older, cheaper one."""
        chosen = VOCABULARIES.get(self.handle.settings.get("vocabulary", "probe"))
        return chosen or self.spoken.get(self.handle.key, _TWEETS)

    def own_posts(self, since_id: str, token: str | None) -> OwnPage:
        """Read one page of what the handle itself posted after an id, newest first."""
        asked = {"since_id": since_id, "max_results": _PAGE}
        path = f"/2/users/{self.handle.native_id}/tweets"
        return _own_page(*self._page(path, asked, "post", token, price=OWNED_POST, metered=False))

    def own_messages(self, participant_id: str, token: str | None) -> OwnPage:
        """Read one page of the messages that were exchanged with one person, newest first."""
        asked = {"max_results": _PAGE if token else _GLANCE, "event_types": "MessageCreate"}
        path = f"/2/dm_conversations/with/{participant_id}/dm_events"
        return _own_page(*self._page(path, asked, "message", token, price=MESSAGE, metered=False))

    def _posts(
        self,
        path: str,
        params: Mapping[str, str],
        floor: str,
        token: str | None,
        *,
        price: float,
        app_only: bool = False,
    ) -> FetchedPosts:
        """Read one page of posts newer than `floor`."""
        if token and token.startswith("until_id ") and int(token.split()[1]) <= int(floor or 0):
            self.caller.rests_until = None
            # while we were away, the gap went out of search's reach
            return FetchedPosts(posts=(), older=None)
        asked = {**params, "max_results": _PAGE, **({"since_id": floor} if floor else {})}
        document, following = self._page(path, asked, "post", token, price=price, app_only=app_only)
        ids = [each for entry in entries_of(document) if (each := _entry_id(entry))]
        # An id leads on for ever, a pagination token does not; where no id can be read the token must do.
        older = f"until_id {min(ids, key=int)}" if following and ids else following
        return FetchedPosts(posts=self._marked(document, hear_post, floor), older=older)

    def _page(
        self,
        path: str,
        params: Mapping[str, str],
        what: str,
        token: str | None,
        *,
        price: float,
        app_only: bool = False,
        metered: bool = True,
    ) -> tuple[Json, str | None]:
        """Return a page and the parameter that leads on from it ("name value").

        `metered` pages wait for the day's ceiling; what became of an answer is looked up at any price.
        """
        if metered:
            self.caller.room(price)
        try:
            document = self._ask(path, {**params, **_parameter(token)}, what, app_only=app_only)
        except StaleToken:
            document = self._ask(path, params, what, app_only=app_only)
        if document.get("errors") and not document.keys() & {"data", "meta"}:
            raise Refused(NAME, "X answers with errors only: check native_id", handle=self.handle.handle)
        self.returned = len(entries_of(document))
        self._pay(document, price)
        following = _next_token(document)
        return document, f"pagination_token {following}" if following else None

    def _pay(self, document: Json, price: float) -> None:
        """Count every resource in an answer, what came as an expansion too."""
        found = {each: price for each in map(_entry_id, entries_of(document)) if each}
        includes = document.get("includes")
        beside = cast("Json", includes) if isinstance(includes, dict) else {}
        for name, cost in (("users", AUTHOR), ("tweets", POST), ("posts", POST)):
            entries = beside.get(name)
            for entry_id in map(
                _entry_id, cast("list[object]", entries) if isinstance(entries, list) else ()
            ):
                if entry_id:
                    found.setdefault(f"user {entry_id}" if name == "users" else entry_id, cost)
        self.caller.pay(found, before=self.known)

    def _marked(
        self, document: Json, hear: Callable[..., Heard], floor: str
    ) -> tuple[tuple[str, Heard], ...]:
        """Return each post beside its id; one without takes its neighbour's, so that it ends no walk."""
        entries, users = entries_of(document), includes_of(document)
        unread = str(int(floor) + 1) if floor else self._start
        mark = next((each for entry in entries if (each := _entry_id(entry))), unread)
        marked: list[tuple[str, Heard]] = []
        for entry in entries:
            mark = _entry_id(entry) or mark
            marked.append((mark, hear(entry, self.handle, self.at, users=users)))
        return tuple(marked)

    @property
    def _start(self) -> str:
        return str(snowflake(self.at - _OVERLAP))

    def _ask(self, path: str, params: Mapping[str, str], what: str, *, app_only: bool = False) -> Json:
        """Ask in the vocabulary that X took last time; if it is not known, in the other, and remember."""
        spoken = self.vocabulary
        try:
            return self.caller.get(path, {**params, **getattr(spoken, what)}, app_only=app_only)
        except OtherVocabulary:
            if self.handle.settings.get("vocabulary", "probe") != "probe":
                raise
        other = _POSTS if spoken is _TWEETS else _TWEETS
        document = self.caller.get(path, {**params, **getattr(other, what)}, app_only=app_only)
        self.spoken[self.handle.key] = other
        return document


def _own_page(document: Json, older: str | None) -> OwnPage:
    """Return the page; it is whole when X counts as many entries as it shows and left none out."""
    entries, meta, errors = entries_of(document), document.get("meta"), document.get("errors", [])
    told = cast("Json", meta) if isinstance(meta, dict) else {}
    beside = all(  # what an expansion could not bring is no post of ours
        isinstance(each, dict) and str(cast("Json", each).get("parameter")).partition(".")[0] in _EXPANDED
        for each in (cast("list[object]", errors) if isinstance(errors, list) else [errors])
    )
    counted = told.get("result_count") == len(entries)
    return OwnPage(entries, older, whole=beside and counted and isinstance(told.get("next_token", ""), str))


def _parameter(token: str | None) -> dict[str, str]:
    name, _, value = (token or "").partition(" ")
    return {name: value} if value else {}


def _entry_id(entry: object) -> str:
    value = cast("dict[str, object]", entry).get("id") if isinstance(entry, dict) else None
    return str(value) if is_id(value) else ""


def _newer(one: str, other: str) -> bool:
    return int(one) > int(other)


def _a_little_older(mark: str) -> str:
    return str(max(int(mark) - _ids_in(_OVERLAP), 1))


def _ids_in(span: timedelta) -> int:
    return int(span.total_seconds() * 1000) << 22


def _next_token(document: Json) -> str:
    meta = document.get("meta")
    token = cast("dict[str, Any]", meta).get("next_token") if isinstance(meta, dict) else None
    return token if isinstance(token, str) else ""
