"""How X is asked: one call's token, vocabulary, pages and errors, for one handle.

Written from docs.x.com: fundamentals/rate-limits, fundamentals/response-codes-and-errors,
fundamentals/pagination, authentication/oauth-2-0. X's parameters have two vocabularies (`tweet.fields` up to
OpenAPI 2.166, `post.fields` from then on); which one the wire takes is found out by asking.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from allhours.domain.errors import Expired, Malformed, RateLimited, Refused, Unreachable
from allhours.networks._x_events import hear_message
from allhours.networks._x_posts import (
    NAME,
    Json,
    entries_of,
    hear_post,
    includes_of,
    is_id,
    loads,
    snowflake,
    word,
)
from allhours.networks.paging import FetchedPosts, Marks, newest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply

_PAGE = "100"  # posts; the most that mentions, search and messages give at once
_BUDGET = 8  # pages a poll: 800 posts, which is as far back as mentions reach
_OVERLAP = timedelta(minutes=5)  # late-indexed mentions were reported within minutes (IEKit 307)
_SEARCH_REACH = timedelta(days=7) - timedelta(minutes=5)  # an older since_id is refused
_WINDOW = timedelta(minutes=15)  # X's rate limit window, when it does not say when it ends
_WINDOWS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
_BILLING = "X wants money: look at credits and spending limit in the developer console"


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
VOCABULARIES = {each.name: each for each in (_TWEETS, _POSTS)}
_PARAMETERS = (b"tweet.fields", b"post.fields", b"dm_event.fields", b"expansions")


@dataclass(slots=True, kw_only=True)
class Reader:
    """One use of X for one handle: one new token at most, one vocabulary, an eye on the rate limit."""

    credentials: Credentials
    http: Http
    handle: Handle
    at: datetime
    spoken: dict[str, Vocabulary]
    renewed: bool = False
    rests_until: datetime | None = None

    @property
    def may_read_messages(self) -> bool:
        """Return whether the token may read messages; a missing secret is told by the first stream."""
        try:
            return "dm.read" in self.credentials.read(self.handle.secret).get("scope", "").split()
        except Refused:
            return False

    def walk(
        self, marks: Marks, read: Callable[[str, str | None], FetchedPosts]
    ) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
        """Yield a stream's pages newest first; `RateLimited` once X says that no call is left."""
        # A handle that nobody has mentioned yet starts from now, or its first burst would count as history;
        # and the mark never falls back when the newest post is deleted.
        for heard, after in newest_first(
            marks, read=read, newer=_newer, overlap=_a_little_older, budget=_BUDGET
        ):
            low = max(after["low"] or self._start, marks.get("low") or "0", key=int)
            yield heard, {**after, "low": low, "vocabulary": self.vocabulary.name}
            if self.rests_until:
                detail = "no call is left in this window"
                raise RateLimited(NAME, detail, handle=self.handle.handle, retry_at=self.rests_until)

    def mentions(self, floor: str, token: str | None) -> FetchedPosts:
        """Read one page of posts that name the handle."""
        if not is_id(self.handle.native_id):
            detail = "the organisation file has no native_id for it: X's user id, digits only"
            raise Refused(NAME, detail, handle=self.handle.handle)
        return self._posts(f"/2/users/{self.handle.native_id}/mentions", {}, floor, token)

    def search(self, query: str, floor: str, token: str | None) -> FetchedPosts:
        """Read one page of posts with one of our words, no older than search reaches."""
        oldest = snowflake(self.at - _SEARCH_REACH)
        floor = str(max(int(floor), oldest)) if floor else ""
        app_only = bool(self.credentials.read(self.handle.secret).get("bearer_token"))
        return self._posts("/2/tweets/search/recent", {"query": query}, floor, token, app_only=app_only)

    def messages(self, floor: str, token: str | None) -> FetchedPosts:
        """Read one page of direct messages; X has no since_id here, so the walk ends at a known id."""
        asked = {"max_results": _PAGE, "event_types": "MessageCreate"}
        document, following = self._page("/2/dm_events", asked, "message", token)
        return FetchedPosts(posts=self._marked(document, hear_message, floor), older=following)

    def look_up(self, ids: Sequence[str]) -> Json:
        """Read posts by id; those that X does not show come as errors of the same answer."""
        return self._ask("/2/tweets", {"ids": ",".join(ids)}, "post")

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the configured vocabulary, else the one that worked, else the older, cheaper one."""
        chosen = VOCABULARIES.get(self.handle.settings.get("vocabulary", "probe"))
        return chosen or self.spoken.get(self.handle.key, _TWEETS)

    def get(self, path: str, params: Mapping[str, str], *, app_only: bool = False) -> Json:
        """Return an answer, asked for again with a new token if the old one ran out."""
        fields = self.credentials.read(self.handle.secret)
        try:
            return self._judged(self._call(path, params, fields, app_only=app_only))
        except Expired:
            if app_only or self.renewed:
                raise self._refused("the token does not work", app_only=app_only) from None
        self.renewed = True
        fields = self.credentials.renew(self.handle.secret, fields, self._refresh)
        try:
            return self._judged(self._call(path, params, fields, app_only=False))
        except Expired:
            raise self._refused("X does not take the token that it has just given") from None

    def _posts(
        self, path: str, params: Mapping[str, str], floor: str, token: str | None, *, app_only: bool = False
    ) -> FetchedPosts:
        """Read one page of posts newer than `floor`."""
        if token and token.startswith("until_id ") and int(token.split()[1]) <= int(floor or 0):
            self.rests_until = None
            # while we were away, the gap went out of search's reach
            return FetchedPosts(posts=(), older=None)
        asked = {**params, "max_results": _PAGE, **({"since_id": floor} if floor else {})}
        document, following = self._page(path, asked, "post", token, app_only=app_only)
        ids = [each for entry in entries_of(document) if (each := _entry_id(entry))]
        # An id leads on for ever, a pagination token does not; where no id can be read the token must do.
        older = f"until_id {min(ids, key=int)}" if following and ids else following
        return FetchedPosts(posts=self._marked(document, hear_post, floor), older=older)

    def _page(
        self, path: str, params: Mapping[str, str], what: str, token: str | None, *, app_only: bool = False
    ) -> tuple[Json, str | None]:
        """Return a page and the parameter that leads on from it ("name value")."""
        try:
            document = self._ask(path, {**params, **_parameter(token)}, what, app_only=app_only)
        except _StaleToken:
            document = self._ask(path, params, what, app_only=app_only)
        if document.get("errors") and not document.keys() & {"data", "meta"}:
            raise Refused(NAME, "X answers with errors only: check native_id", handle=self.handle.handle)
        following = _next_token(document)
        return document, f"pagination_token {following}" if following else None

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
            return self.get(path, {**params, **getattr(spoken, what)}, app_only=app_only)
        except _OtherVocabulary:
            if self.handle.settings.get("vocabulary", "probe") != "probe":
                raise
        other = _POSTS if spoken is _TWEETS else _TWEETS
        document = self.get(path, {**params, **getattr(other, what)}, app_only=app_only)
        self.spoken[self.handle.key] = other
        return document

    def _call(
        self, path: str, params: Mapping[str, str], fields: Mapping[str, str], *, app_only: bool
    ) -> Reply:
        name = "bearer_token" if app_only else "access_token"
        if not fields.get(name):
            raise self._refused(f"it has no {name}", app_only=app_only)
        return self.http.call(
            NAME,
            "GET",
            f"{self.handle.base_url}{path}",
            handle=self.handle.handle,
            headers={"Authorization": f"Bearer {fields[name]}"},
            params=params,
        )

    def _judged(self, reply: Reply) -> Json:
        """Return a good answer; raise what a bad one means."""
        where = self.handle.handle
        trace = word(reply.headers.get("x-transaction-id", ""))[:40]
        told = f"HTTP {reply.status}{f', x-transaction-id {trace}' if trace else ''}"
        if reply.status == HTTPStatus.OK:
            self.rests_until = _window_end(reply.headers, self.at) if _spent(reply.headers) else None
            return loads(reply.body, handle=where)
        kind = _problem(reply.body)
        if reply.status == HTTPStatus.PAYMENT_REQUIRED or kind == "usage-capped":
            raise Refused(NAME, f"{_BILLING} ({told})", handle=where)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            retry_at = _window_end(reply.headers, self.at)
            raise RateLimited(NAME, f"too many calls ({told})", handle=where, retry_at=retry_at)
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(NAME, f"X failed ({told})", handle=where)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise Expired(NAME, f"the token is not taken ({told})", handle=where)
        if reply.status == HTTPStatus.BAD_REQUEST and b"pagination_token" in reply.body:
            raise _StaleToken(NAME, f"the pagination token is not taken ({told})", handle=where)
        if reply.status == HTTPStatus.BAD_REQUEST and any(name in reply.body for name in _PARAMETERS):
            raise _OtherVocabulary(NAME, f"X does not know our parameters ({told})", handle=where)
        mend = "check native_id and what we listen for"
        if reply.status == HTTPStatus.FORBIDDEN:
            mend = f"check the app's access and the scopes of secret {self.handle.secret}"
        raise Refused(NAME, f"our request was turned down ({told} {kind}): {mend}", handle=where)

    def _refresh(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Trade the single-use refresh token for a new pair."""
        missing = next((name for name in ("refresh_token", "client_id") if not fields.get(name)), "")
        if missing:
            raise self._refused(f"the access token ran out and there is no {missing}")
        form = {"grant_type": "refresh_token", "refresh_token": fields["refresh_token"]}
        confidential = fields.get("client_secret")
        reply = self.http.call(
            NAME,
            "POST",
            f"{self.handle.base_url}/2/oauth2/token",
            handle=self.handle.handle,
            form=form if confidential else {**form, "client_id": fields["client_id"]},
            auth=(fields["client_id"], confidential) if confidential else None,
        )
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(NAME, f"no new token (HTTP {reply.status})", handle=self.handle.handle)
        if reply.status != HTTPStatus.OK:
            raise self._refused(f"X gives no new token (HTTP {reply.status})")
        document = loads(reply.body, handle=self.handle.handle)
        told = {name: document.get(name) for name in ("access_token", "refresh_token", "scope")}
        renewed = {name: value for name, value in told.items() if isinstance(value, str) and value}
        if "access_token" not in renewed:
            raise Malformed(NAME, "the answer has no token", handle=self.handle.handle, field="access_token")
        return {**fields, **renewed}

    def _refused(self, why: str, *, app_only: bool = False) -> Refused:
        mend = "make a new bearer token in the developer console" if app_only else "connect the account again"
        detail = f"secret {self.handle.secret}: {why}; {mend} and store it there"
        return Refused(NAME, detail, handle=self.handle.handle)


class _OtherVocabulary(Refused):
    """X does not know the words that we asked in."""


class _StaleToken(Refused):
    """A pagination token that we kept over several polls is no longer taken."""


def _parameter(token: str | None) -> dict[str, str]:
    name, _, value = (token or "").partition(" ")
    return {name: value} if value else {}


def _entry_id(entry: object) -> str:
    value = cast("dict[str, object]", entry).get("id") if isinstance(entry, dict) else None
    return str(value) if is_id(value) else ""


def _newer(one: str, other: str) -> bool:
    return int(one) > int(other)


def _a_little_older(mark: str) -> str:
    return str(max(int(mark) - (int(_OVERLAP.total_seconds() * 1000) << 22), 1))


def _next_token(document: Json) -> str:
    meta = document.get("meta")
    token = cast("dict[str, Any]", meta).get("next_token") if isinstance(meta, dict) else None
    return token if isinstance(token, str) else ""


def _problem(body: bytes) -> str:
    """Return the last part of a problem's type; its host is written in two ways."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    kind = document.get("type") if isinstance(document, dict) else None
    return word(kind.rpartition("/")[2]) if isinstance(kind, str) else ""


def _spent(headers: Mapping[str, str]) -> bool:
    return any(headers.get(f"{window}-remaining") == "0" for window in _WINDOWS)


def _window_end(headers: Mapping[str, str], at: datetime) -> datetime:
    """Return when the last of the spent windows ends; a quarter of an hour when X does not say."""
    ends = [
        datetime.fromtimestamp(int(end), UTC)
        for window in _WINDOWS
        if headers.get(f"{window}-remaining") == "0" and is_id(end := headers.get(f"{window}-reset", "")[:11])
    ]
    return max([*ends, at + timedelta(seconds=1)]) if ends else at + _WINDOW
