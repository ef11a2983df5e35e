"""Answer on YouTube: in the thread, once; find it again, take it back, hide what customers wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import (
    Expired,
    Malformed,
    NetworkError,
    OverBudget,
    RateLimited,
    Refused,
    Unreachable,
)
from allhours.domain.item import Change, Visibility
from allhours.networks._youtube.api import NETWORK, WRITE, Api, Gone
from allhours.networks._youtube.posts import WATCH
from allhours.networks.answering import DEFINITE, look_into_thread, post_once, refused, same_words
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials, Meter
    from allhours.networks.http import Http, Reply

LONGEST = 10_000
PAGES = 10  # of a thread's replies that a look-up goes through: 1,000
CLOCKS_DIFFER = timedelta(minutes=5)  # between us and YouTube, at most


class YouTubeAnswers:
    """Answer comments, delete our answers, hide comments; each costs 50 units of the day's quota."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> None:
        """Take the secrets, the line out and the meter."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._meter = meter

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:  # noqa: ARG002 - the contract's
        """Return whether the item's thread takes an answer of ours, as far as we heard."""
        if private:
            return refused("YouTube has no private messages")
        if item.change is Change.DELETED:
            return refused("the author has deleted the comment")
        if item.visibility is Visibility.PRIVATE:
            return refused("YouTube holds the comment back: show it first, then it can be answered")
        if not item.answer_needs.get("thread_id"):
            return refused("the thread of the comment is not known")
        if item.answer_needs.get("can_reply") == "false":
            return refused("YouTube lets nobody answer this thread: comments are closed")
        return Permission(allowed=True, reason="public answer in the comment's thread")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:  # noqa: ARG002 - the contract's
        """Return the length with the @handle that an answer to a reply begins with."""
        used = len(outgoing(text, item).encode("utf-16-le")) // 2
        unit = "characters (limit not confirmed by YouTube)"
        return (Length(used=used, allowed=LONGEST, unit=unit, least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:  # noqa: ARG002 - the contract's
        """Return the units of an insert."""
        return Cost(units=WRITE, why="an answer costs 50 of the project's quota units a day")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Fix the words as they go out, and have a token that lasts."""
        self._api(handle, at).token()
        return replace(answer, fixed={**answer.fixed, "text": outgoing(answer.text, answer.item)})

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Insert one comment in the thread."""
        api = self._api(handle, at)
        token = self._token_now(handle, at)
        snippet = {"parentId": answer.item.answer_needs["thread_id"], "textOriginal": _words(answer)}
        api.spend(WRITE)  # before the call: one that is cut off has cost it, too
        reply = post_once(
            self._http,
            NETWORK,
            "POST",
            f"{handle.base_url}/youtube/v3/comments",
            handle=handle.handle,
            at=at,
            headers={"Authorization": f"Bearer {token}"},
            params={"part": "snippet"},
            json_body={"snippet": snippet},
        )
        if error := api.error(reply):
            raise self._judged(error, reply, handle, at)
        return _posted(reply, answer.item, handle)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our comment in the thread with the same words, not older than the approval.

        Answers to several customers share a thread, so words decide: those that were typed. `CannotTell`
        where YouTube shows only what it made of them, or somebody has edited them since.
        """
        since, unclear = answer.approved_at - CLOCKS_DIFFER, False
        for row in self._ours(handle, answer.item.answer_needs["thread_id"], at):
            snippet = row["snippet"]
            if not _since(snippet.get("publishedAt"), since):
                continue
            typed = snippet.get("textOriginal")
            shown = typed or snippet.get("textDisplay")
            if isinstance(shown, str) and same_words(shown, _words(answer)):
                return Posted(native_id=str(row["id"]), permalink=_address(answer.item, str(row["id"])))
            edited = snippet.get("updatedAt", snippet.get("publishedAt")) != snippet.get("publishedAt")
            unclear = unclear or edited or not isinstance(typed, str)
        if unclear:
            raise look_into_thread(
                NETWORK, answer, handle, "a comment of ours may be this one, in other words"
            )
        return None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our comment."""
        try:
            self._api(handle, at).written("DELETE", "comments", id=posted.native_id)
        except Gone as error:
            if error.reason == "commentsDisabled":  # our answer is still there, and may be shown again
                raise DefiniteNo(NETWORK, error.detail, handle=handle.handle) from None

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Reject the comment, or publish it (again)."""
        asked = {"id": item.native_id, "moderationStatus": "rejected" if hidden else "published"}
        try:
            self._api(handle, at).written("POST", "comments/setModerationStatus", **asked)
        except RateLimited as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=error.retry_at) from None
        except Refused as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle) from None

    def _token_now(self, handle: Handle, at: datetime, *, renew: bool = False) -> str:
        """Return a token; without room or a token there is no attempt, so the no is definite."""
        api = self._api(handle, at)
        try:
            if renew:
                return api.renewed()
            api.room(WRITE)
            return api.token()
        except OverBudget as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=error.retry_at) from None
        except (Refused, Malformed) as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle) from None
        except Unreachable as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=at) from None

    def _judged(self, error: NetworkError, reply: Reply, handle: Handle, at: datetime) -> NetworkError:
        """Return what an error means for the answer: a definite no, or a doubt, whatever its reason is."""
        if reply.status not in DEFINITE:
            detail = f"HTTP {reply.status}: whether the answer is out is not known"
            return Unreachable(NETWORK, detail, handle=handle.handle)
        if isinstance(error, Expired):
            self._token_now(handle, at, renew=True)
            return DefiniteNo(NETWORK, error.detail, handle=error.handle, again_at=at)
        if isinstance(error, RateLimited):
            return DefiniteNo(NETWORK, error.detail, handle=error.handle, again_at=error.retry_at)
        if isinstance(error, Refused):
            return DefiniteNo(NETWORK, error.detail, handle=error.handle)
        if reply.status == 400:  # noqa: PLR2004 - Bad Request, for which YouTube itself says: try again
            return DefiniteNo(NETWORK, error.detail, handle=error.handle, again_at=at + timedelta(minutes=1))
        return error

    def _ours(self, handle: Handle, thread: str, at: datetime) -> Iterator[Mapping[str, Any]]:
        """Yield our own comments in a thread; `CannotTell` where it is not shown whole."""
        api = self._api(handle, at)
        token = ""
        for _ in range(PAGES):
            asked = {"part": "snippet", "parentId": thread, "textFormat": "plainText", "maxResults": "100"}
            try:
                body = api.listed("comments", **asked, **({"pageToken": token} if token else {}))
            except Gone as error:
                raise CannotTell(
                    NETWORK, f"{error.detail}: look at it by hand", handle=handle.handle
                ) from None
            for row in body["items"]:
                snippet = row.get("snippet") if isinstance(row, dict) else None
                author = snippet.get("authorChannelId") if isinstance(snippet, dict) else None
                if isinstance(author, dict) and author.get("value") == handle.native_id:
                    yield row
            token = body.get("nextPageToken") or ""
            if not token:
                return
        detail = f"more than {PAGES * 100} replies in thread {thread}: look there by hand"
        raise CannotTell(NETWORK, detail, handle=handle.handle)

    def _api(self, handle: Handle, at: datetime) -> Api:
        return Api(
            self._http, self._credentials, handle, app_secret=self._app_secret, meter=self._meter, at=at
        )


def outgoing(text: str, item: Item) -> str:
    """Return the text as it goes out: in answer to a reply it begins with the author's @handle."""
    name = item.author.handle
    if item.native_id == item.answer_needs.get("thread_id") or not name.startswith("@"):
        return text
    return text if text.casefold().startswith(name.casefold()) else f"{name} {text}"


def _words(answer: Answer) -> str:
    return answer.fixed.get("text") or outgoing(answer.text, answer.item)


def _posted(reply: Reply, item: Item, handle: Handle) -> Posted:
    try:
        native_id: object = reply.json().get("id")
    except (AttributeError, ValueError, RecursionError):
        native_id = None
    if not isinstance(native_id, str) or not native_id:
        raise Malformed(NETWORK, "no id came with the answer", handle=handle.handle, field="id")
    return Posted(native_id=native_id, permalink=_address(item, native_id))


def _address(item: Item, native_id: str) -> str:
    video = item.answer_needs.get("video_id")
    return f"{WATCH}?v={video}&lc={native_id}" if video else ""


def _since(value: object, since: datetime) -> bool:
    """Return whether it was said since; what has no legible time may have been."""
    try:
        return not isinstance(value, str) or instant_of(value) >= since
    except ValueError:
        return True
