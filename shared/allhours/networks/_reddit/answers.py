"""Answering on Reddit: a public comment below what the customer wrote, found again among our own comments.

Written from POST /api/comment, POST /api/del, GET /user/{name}/comments and GET /api/info, and from answers
that PRAW recorded. Reddit has no idempotency key and hides most of its errors in an answer with HTTP 200. The
error names besides RATELIMIT, USER_REQUIRED, NO_TEXT, TOO_LONG and INVALID_OPTION come from Reddit's old
open source (THREAD_LOCKED from other clients) and are not confirmed; an unknown one is told as it is.
"""

from __future__ import annotations

import re
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, NetworkError, Refused, Unreachable
from allhours.domain.item import Change, Visibility
from allhours.networks._reddit.api import Session, again_at, children, why
from allhours.networks._reddit.posts import (
    NETWORK,
    SITE,
    created_of,
    field_of,
    fullname_of,
    loads,
    our_name,
    things,
)
from allhours.networks.answering import DEFINITE, SOON, post_once, same_words
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted, Several

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http, Reply

LONGEST = 10_000  # characters of Markdown
PAGES = 3  # of our own newest comments, a hundred each, that are looked through for an answer
CLOCKS = timedelta(minutes=5)  # that Reddit's clock and ours may differ by
NO_PRIVATE = "Reddit has no private messages for apps: answer in public and link our own secure channel"
CLOSED = MappingProxyType(
    {
        "locked": "the thread is locked: nobody can reply",
        "archived": "the thread is archived: too old for replies",
    }
)
WORDS = MappingProxyType(
    {
        "DELETED_COMMENT": "the comment was deleted",
        "DELETED_LINK": "the post was deleted",
        "DELETED_THING": "it was deleted",
        "INVALID_OPTION": "Reddit does not take this reply to this thread",
        "NO_TEXT": "the answer is empty",
        "SUBREDDIT_NOTALLOWED": "our account may not write in this subreddit",
        "THREAD_LOCKED": CLOSED["locked"],
        "TOO_LONG": "the answer is longer than 10,000 characters",
        "TOO_OLD": CLOSED["archived"],
        "USER_BLOCKED": "the author has blocked our account, or we them",
        "USER_REQUIRED": "the token is no account's: connect Reddit again",
    }
)
_UNITS = {"millisecond": 0.001, "second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_WAIT = re.compile(r"(\d{1,6}) (millisecond|second|minute|hour|day)")
_ERROR = re.compile(r"[A-Z0-9_]{1,60}")
_OK = range(200, 300)


class RedditAnswers:
    """Answer comments and posts in public, take an answer back, find it again."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Keep the ports; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether the thread takes a reply, by what was known when it was read."""
        del handle, at
        if private or item.visibility is Visibility.PRIVATE:
            return Permission(allowed=False, reason=NO_PRIVATE)
        if item.change is Change.DELETED:
            return Permission(allowed=False, reason="the author took it back")
        closed = next((words for state, words in CLOSED.items() if state in item.answer_needs), "")
        return Permission(allowed=not closed, reason=closed or "a public reply below it")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in characters of Markdown."""
        del item, private
        return (Length(used=len(text), allowed=LONGEST, unit="characters", least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return nothing: a reply is one call of a hundred a minute."""
        del text, item, private
        return Cost(why="nothing")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Return the answer as it is if the thread is still open; `DefiniteNo` says what changed."""
        if answer.private:
            raise DefiniteNo(NETWORK, NO_PRIVATE, handle=handle.handle)
        session = self._session(handle, at)
        session.renew_when_due()
        wanted = dict.fromkeys((answer.item.native_id, answer.item.answer_needs.get("link_id", "")))
        found, _after = children(session.get("/api/info", {"id": ",".join(filter(None, wanted))}))
        for thing in found:
            if fullname_of(thing) == answer.item.native_id and _is_gone(thing):
                raise DefiniteNo(NETWORK, "the author took it back", handle=handle.handle)
            for state, words in CLOSED.items():
                if _is_true(thing, state):
                    raise DefiniteNo(NETWORK, words, handle=handle.handle)
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST; a rate limit inside an answer of HTTP 200 is a no until later."""
        if answer.private:
            raise DefiniteNo(NETWORK, NO_PRIVATE, handle=handle.handle)
        session = self._session(handle, at)
        form = {"thing_id": answer.item.native_id, "text": answer.text}
        reply = self._write(session, "/api/comment", {**form, "api_type": "json", "raw_json": "1"})
        made = _made(reply, handle, at)
        name = next(filter(None, map(fullname_of, things(made))), "")
        if not name.startswith("t1_"):
            raise Malformed(NETWORK, "the reply is taken, but not named: look for it", handle=handle.handle)
        return _posted(next(iter(things(made))), answer)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our comment below the item, if our account's newest comments have one since the approval.

        `Several` where more than one could be it: with its words, or with none of them the same.
        """
        since = answer.approved_at - CLOCKS
        below = [
            thing
            for thing in self._our_comments(handle, since=since, at=at)
            if field_of(thing, "parent_id") == answer.item.native_id and not _is_gone(thing)
        ]
        same = [thing for thing in below if same_words(field_of(thing, "body"), answer.text)]
        if len(same or below) > 1:
            detail = f"several comments of ours are below {answer.item.native_id}: see which one it is"
            native_ids = tuple(fullname_of(thing) for thing in same or below)
            raise Several(NETWORK, detail, handle=handle.handle, native_ids=native_ids)
        return _posted((same or below)[0], answer) if below else None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our comment; Reddit says yes to one that is gone, too."""
        reply = self._write(self._session(handle, at), "/api/del", {"id": posted.native_id})
        _made(reply, handle, at)

    def _our_comments(self, handle: Handle, *, since: datetime, at: datetime) -> Iterator[object]:
        """Yield what our account said since an instant, newest first; what has no legible time, too.

        Raise where the list ends before that instant does: what was not shown may be the answer.
        """
        session = self._session(handle, at)
        more: dict[str, str] = {}
        for _ in range(PAGES):
            query = {"sort": "new", "limit": "100", **more}
            found, after = children(session.get(f"/user/{our_name(handle)}/comments", query))
            if more and not found:  # the comment that `after` names is gone, and the list with it
                raise Unreachable(NETWORK, "our comments ended half way: look again", handle=handle.handle)
            times = [created_of(thing) for thing in found]
            yield from (
                thing
                for thing, said in zip(found, times, strict=True)
                if said is None or said >= since.timestamp()
            )
            if not after or any(said is not None and said < since.timestamp() for said in times):
                return
            more = {"after": after}
        detail = f"our account said more than {PAGES * 100} things since: look at the thread by hand"
        raise CannotTell(NETWORK, detail, handle=handle.handle)

    def _write(self, session: Session, path: str, form: dict[str, str]) -> Reply:
        """Make one POST with a token that lasts; one that is refused is renewed for the next attempt."""
        handle, at = session.handle, session.at
        try:
            headers = session.headers()
        except NetworkError as error:
            raise _not_begun(error, handle, at) from None
        reply = post_once(
            self._http,
            NETWORK,
            "POST",
            f"{handle.base_url}{path}",
            handle=handle.handle,
            at=at,
            headers=headers,
            form=form,
        )
        if reply.status == 401:  # noqa: PLR2004 - HTTP's own number
            try:
                session.renew(self._credentials.read(handle.secret))
            except NetworkError as error:
                raise _not_begun(error, handle, at) from None
            raise DefiniteNo(NETWORK, "the token ran out and was renewed", handle=handle.handle, again_at=at)
        return reply

    def _session(self, handle: Handle, at: datetime) -> Session:
        return Session(self._credentials, self._http, handle, at, app_secret=self._app_secret)


def _not_begun(error: NetworkError, handle: Handle, at: datetime) -> DefiniteNo:
    """Return why nothing was sent: without a token there is no attempt."""
    again = None if isinstance(error, Refused) else getattr(error, "retry_at", at + SOON)
    return DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=again)


def _made(reply: Reply, handle: Handle, at: datetime) -> object:
    """Return the JSON of a write that Reddit took; `DefiniteNo` or doubt for any other."""
    if reply.status not in _OK:
        raise _no(reply, handle, at)
    try:
        body = loads(reply.body)
    except ValueError:
        raise Malformed(NETWORK, "no JSON: whether it is out is not known", handle=handle.handle) from None
    inside = body.get("json") if isinstance(body, dict) else None
    errors = inside.get("errors") if isinstance(inside, dict) else None
    if not errors:
        return body
    first = errors[0] if isinstance(errors, list) else None
    words = [each for each in first if isinstance(each, str)] if isinstance(first, list) else []
    if not words or not _ERROR.fullmatch(words[0]):
        raise Malformed(NETWORK, "a nameless error: whether it is out is not known", field="json.errors")
    if "RATELIMIT" in words[0]:
        again = at + _wait(words)
        raise DefiniteNo(NETWORK, "our account writes too often there", handle=handle.handle, again_at=again)
    raise DefiniteNo(NETWORK, WORDS.get(words[0], f"Reddit says {words[0]}"), handle=handle.handle)


def _no(reply: Reply, handle: Handle, at: datetime) -> NetworkError:
    """Return what a status that is not 2xx means: nothing happened, or nobody knows."""
    if reply.status not in DEFINITE:
        return Unreachable(NETWORK, f"HTTP {reply.status}: it may be out", handle=handle.handle)
    if reply.status == 429:  # noqa: PLR2004 - Too Many Requests
        return DefiniteNo(NETWORK, "too many calls", handle=handle.handle, again_at=again_at(reply, at))
    detail = "the comment or post is gone" if reply.status == 404 else _reason(reply)  # noqa: PLR2004 - HTTP's own
    return DefiniteNo(NETWORK, detail, handle=handle.handle)


def _reason(reply: Reply) -> str:
    """Return the words for an error that Reddit names outside `json.errors`."""
    try:
        body = loads(reply.body)
    except ValueError:
        return why(reply)
    reason = body.get("reason") if isinstance(body, dict) else None
    return WORDS.get(reason, why(reply)) if isinstance(reason, str) else why(reply)


def _wait(words: list[str]) -> timedelta:
    """Return how long "try again in 3 minutes" is, and a minute more; a minute where it says nothing."""
    found = _WAIT.search(" ".join(words))
    return SOON + timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else SOON


def _posted(thing: object, answer: Answer) -> Posted:
    link, name = answer.item.answer_needs.get("link_id", ""), fullname_of(thing)
    told = field_of(thing, "permalink")
    path = told if told.startswith("/r/") else f"/comments/{link[3:]}/_/{name[3:]}/"
    return Posted(native_id=name, permalink=f"{SITE}{path}")


def _is_true(thing: object, field: str) -> bool:
    body = thing.get("data") if isinstance(thing, dict) else None
    return isinstance(body, dict) and body.get(field) is True


def _is_gone(thing: object) -> bool:
    return field_of(thing, "author") in {"", "[deleted]"} or field_of(thing, "body") == "[deleted]"
