"""Answer on TikTok: in the thread, once; find it again, take it back, hide what customers wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

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
from allhours.networks._tiktok import posts
from allhours.networks._tiktok.api import NETWORK, Api, Gone
from allhours.networks._tiktok.reread import all_replies
from allhours.networks.answering import DEFINITE, look_into_thread, post_once, refused, same_words
from allhours.networks.contract import Cost, DefiniteNo, Length, Permission, Posted

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials, Meter
    from allhours.networks.http import Http, Reply

LONGEST = 150
CLOCKS_DIFFER = timedelta(minutes=5)  # between us and TikTok, at most
OK_STATUS = 200  # with which TikTok tells its own errors, too
NO_MESSAGES = "TikTok lets no account in the EEA, Switzerland or the UK write direct messages"


class TikTokAnswers:
    """Answer comments, delete our answers, hide comments."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> None:
        """Take the secrets, the line out and the meter."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._meter = meter

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:  # noqa: ARG002 - the contract's
        """Return whether the item's thread takes an answer of ours, as far as we heard."""
        if private:
            return refused(NO_MESSAGES)
        if item.change is Change.DELETED:
            return refused("the author has deleted the comment")
        if item.visibility is Visibility.PRIVATE:
            return refused("the comment is hidden: show it first, then it can be answered")
        if not item.answer_needs.get("video_id") or not item.answer_needs.get("thread_id"):
            return refused("the video of the comment is not known")
        return Permission(allowed=True, reason="public answer in the comment's thread")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:  # noqa: ARG002 - the contract's
        """Return the length with the @username that an answer to a reply begins with."""
        used = len(outgoing(text, item).encode("utf-16-le")) // 2
        unit = "characters (how TikTok counts emoji is not confirmed)"
        return (Length(used=used, allowed=LONGEST, unit=unit, least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:  # noqa: ARG002 - the contract's
        """Return one call."""
        return Cost(units=1, why="one of the app's calls a day")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Fix the words as they go out, and have a token that lasts."""
        self._api(handle, at).token()
        return replace(answer, fixed={**answer.fixed, "text": outgoing(answer.text, answer.item)})

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Create one reply below the comment that began the thread."""
        api = self._api(handle, at)
        token = self._token_now(handle, at)
        needs = answer.item.answer_needs
        api.spend()  # before the call: one that is cut off has cost it, too
        reply = post_once(
            self._http,
            NETWORK,
            "POST",
            api.address("business/comment/reply/create/"),
            handle=handle.handle,
            at=at,
            headers={"Access-Token": token},
            json_body={
                "business_id": handle.native_id,
                "video_id": needs["video_id"],
                "comment_id": needs["thread_id"],
                "text": _words(answer),
            },
        )
        if error := api.error(reply):
            raise self._judged(error, reply, handle, at)
        return _posted(reply, answer.item, handle)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return the owner's reply with the same words, hidden or not, not older than the approval.

        Answers to several customers share a thread, so words decide; `CannotTell` where the owner has said
        something else since, for TikTok may have changed the words, and where the thread is not shown whole.
        """
        needs, ours = answer.item.answer_needs, []
        try:
            rows, whole = all_replies(self._api(handle, at), needs["video_id"], needs["thread_id"])
        except Gone as error:
            raise look_into_thread(NETWORK, answer, handle, error.detail) from None
        for row in rows:
            if not isinstance(row, dict) or row.get("owner") is not True:
                continue
            said_at = posts.moment(row.get("create_time"))
            if said_at is None or said_at >= answer.approved_at - CLOCKS_DIFFER:
                ours.append(row)
        for row in ours:
            if isinstance(text := row.get("text"), str) and same_words(text, _words(answer)):
                native_id = posts.id_or_nothing(row.get("comment_id"))
                return Posted(native_id=native_id, permalink=answer.item.permalink)
        if ours or not whole:
            why = "a reply of ours may be this one, in other words" if ours else "too many replies to read"
            raise look_into_thread(NETWORK, answer, handle, why)
        return None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our reply."""
        try:
            self._api(handle, at).post("business/comment/delete/", comment_id=posted.native_id)
        except Gone:
            return

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Hide the comment, or show it again."""
        asked = {"video_id": item.answer_needs["video_id"], "comment_id": item.native_id}
        try:
            self._api(handle, at).post(
                "business/comment/hide/", **asked, action="HIDE" if hidden else "UNHIDE"
            )
        except RateLimited as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=error.retry_at) from None
        except Refused as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle) from None

    def _judged(self, error: NetworkError, reply: Reply, handle: Handle, at: datetime) -> NetworkError:
        """Return what an error means for the answer: a definite no, or a doubt.

        TikTok's codes from 40000 to 49999 are its 4xx; any other, and every HTTP status that is not on the
        list, may stand for an answer that is out.
        """
        if reply.status != OK_STATUS and reply.status not in DEFINITE:
            detail = f"HTTP {reply.status}: whether the answer is out is not known"
            return Unreachable(NETWORK, detail, handle=handle.handle)
        if isinstance(error, Expired):
            self._token_now(handle, at, renew=True)
            return DefiniteNo(NETWORK, error.detail, handle=error.handle, again_at=at)
        if isinstance(error, RateLimited):
            return DefiniteNo(NETWORK, error.detail, handle=error.handle, again_at=error.retry_at)
        if isinstance(error, Refused):
            return DefiniteNo(NETWORK, error.detail, handle=error.handle)
        return error

    def _token_now(self, handle: Handle, at: datetime, *, renew: bool = False) -> str:
        """Return a token; without room or a token there is no attempt, so the no is definite."""
        api = self._api(handle, at)
        try:
            if renew:
                return api.renewed()
            api.room()
            return api.token()
        except (OverBudget, RateLimited) as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=error.retry_at) from None
        except Unreachable as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=at) from None
        except (Refused, Malformed) as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle) from None

    def _api(self, handle: Handle, at: datetime) -> Api:
        return Api(
            self._http, self._credentials, handle, app_secret=self._app_secret, meter=self._meter, at=at
        )


def outgoing(text: str, item: Item) -> str:
    """Return the text as it goes out: in answer to a reply it begins with the author's @username."""
    name = item.author.handle
    if item.native_id == item.answer_needs.get("thread_id") or not name:
        return text
    return text if text.casefold().startswith(name.casefold()) else f"{name} {text}"


def _words(answer: Answer) -> str:
    return answer.fixed.get("text") or outgoing(answer.text, answer.item)


def _posted(reply: Reply, item: Item, handle: Handle) -> Posted:
    data = reply.json().get("data")
    native_id = posts.id_or_nothing(data.get("comment_id")) if isinstance(data, dict) else ""
    if not native_id:
        raise Malformed(NETWORK, "no id came with the answer", handle=handle.handle, field="comment_id")
    return Posted(native_id=native_id, permalink=item.permalink)
