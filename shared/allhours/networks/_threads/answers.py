"""Answering on Threads: a container is made and stored first, then it is published.

The container is the safety: after a crash its status tells whether the answer is out. Where a published one
answers that it has no status, our own replies are looked through. There are no private messages.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Expired, RateLimited, Refused, Unreachable
from allhours.domain.item import Change
from allhours.networks._meta.after import after_pages, looked_through
from allhours.networks._meta.errors import TokenRefused
from allhours.networks._meta.fields import dict_of, https, id_or_nothing, moment, word
from allhours.networks._meta.sixty_days import moment_of, renew_if_due
from allhours.networks._threads.graph import NETWORK, NOT_THERE, SIXTY_DAYS, graph_for
from allhours.networks.answering import same_words
from allhours.networks.contract import Cost, DefiniteNo, Length, Permission, Posted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http

LONGEST = 500
MOST_LINKS = 5
READY_WITHIN = timedelta(seconds=30)  # docs: wait about so long before publishing
LIVES = timedelta(hours=23)  # a container expires after 24 hours
LOOK_BACK = timedelta(minutes=10)  # clocks differ; nothing of ours was sent before it was approved
MOST_PAGES = 5
_LINK = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)
_EMOJI_PARTS = frozenset("\u200d\ufe0f\u20e3")
_FIRST_EMOJI = 0x1F000
_WAITING = frozenset({"IN_PROGRESS", "FINISHED"})
_NOT_OUT = _WAITING | {"ERROR", "EXPIRED"}  # a status that we do not know proves nothing

NO_PRIVATE = "Threads has no private messages: name another channel in a public answer"
_STALE = "the container ran out after 24 hours: approve the answer again"
_OTHER_PROFILE = "it was said to another profile of ours: only that one may answer"
_NOT_OURS = "only answers below our own posts can be hidden"


class ThreadsAnswers:
    """Answer, hide and take back on Threads."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    # While somebody types

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether this item may be answered, by what is known of it."""
        del at
        if _is_anothers(handle, item):
            return Permission(allowed=False, reason=_OTHER_PROFILE)
        if private:
            return Permission(allowed=False, reason=NO_PRIVATE)
        if item.change is Change.DELETED:
            return Permission(allowed=False, reason="the author has deleted it")
        return Permission(allowed=True, reason="answers in public, below the post")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return characters, with emoji as UTF-8 bytes (how Threads counts is not confirmed), and links."""
        del item, private
        return (
            Length(
                used=counted(text),
                allowed=LONGEST,
                unit="characters, emoji by bytes (not confirmed)",
                least=1,
            ),
            Length(used=len(_LINK.findall(text)), allowed=MOST_LINKS, unit="links"),
        )

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return one of the thousand replies a day."""
        del text, item, private
        return Cost(why="one of 1,000 replies in 24 hours")

    # Sending

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Return the answer with its container, which shows nothing to anybody; one that lives is kept."""
        if _is_anothers(handle, answer.item) or answer.private:
            why = NO_PRIVATE if answer.private else _OTHER_PROFILE
            raise DefiniteNo(NETWORK, why, handle=handle.handle)
        if _lives(answer.fixed, at):
            return answer
        renew_if_due(SIXTY_DAYS, self._http, self._credentials, handle, at=at)
        graph = self._graph(handle, at)
        form = {"media_type": "TEXT", "text": answer.text, "reply_to_id": answer.item.native_id}
        try:
            told = graph.write("POST", f"{handle.native_id}/threads", form)
        except TokenRefused:
            raise
        except (RateLimited, Refused) as error:
            raise graph.definite(error) from None
        container = id_or_nothing(told.get("id"))
        if not container:
            raise graph.malformed("the answer names no container", "id")
        return replace(answer, fixed={**answer.fixed, "container": container, "made_at": at.isoformat()})

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Publish the container; one that is not ready yet comes again soon."""
        graph = self._graph(handle, at)
        if not _lives(answer.fixed, at):
            raise DefiniteNo(NETWORK, _STALE, handle=handle.handle)
        container = answer.fixed["container"]
        try:
            told = graph.publish(f"{handle.native_id}/threads_publish", form={"creation_id": container})
        except DefiniteNo as refusal:
            if not refusal.detail.startswith(NOT_THERE):
                raise
            raise self._not_there(graph, container, at) from None
        native_id = id_or_nothing(told.get("id"))
        if not native_id:
            raise graph.malformed("the answer names no id", "id")
        return Posted(native_id=native_id)

    def _not_there(self, graph: Graph, container: str, at: datetime) -> DefiniteNo | Unreachable:
        """Return what "not there" means: not ready yet, gone wrong, or perhaps published before."""
        status, why = _status(graph, container)
        name = graph.handle.handle
        if status in _WAITING:
            return DefiniteNo(NETWORK, "not ready yet", handle=name, again_at=at + READY_WITHIN)
        if status in _NOT_OUT:
            return DefiniteNo(
                NETWORK, f"Threads gave the container up ({status} {why}): approve again", handle=name
            )
        return Unreachable(NETWORK, "whether the container is published is not known", handle=name)

    # Found again

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our answer if it is out: by the container's status, then among our own replies."""
        graph = self._graph(handle, at)
        status = ""
        if container := answer.fixed.get("container", ""):
            status, _why = _status(graph, container)
            if status in _NOT_OUT:
                return None
        if posted := _among_our_replies(graph, answer, published=status == "PUBLISHED"):
            return posted
        if status:
            told = f"{status.lower()[:20]}, but not listed among our replies yet"
            raise Unreachable(NETWORK, told, handle=handle.handle)
        return None

    # Withdrawer, Hider

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our answer."""
        try:
            self._graph(handle, at).remove(posted.native_id)
        except DefiniteNo as error:
            if not error.detail.startswith(NOT_THERE):
                raise

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Hide an answer below a post of ours, or show it again."""
        if "below_ours" not in item.answer_needs:
            raise DefiniteNo(NETWORK, _NOT_OURS, handle=handle.handle)
        graph = self._graph(handle, at)
        try:
            graph.write("POST", f"{item.native_id}/manage_reply", {"hide": "true" if hidden else "false"})
        except TokenRefused:
            raise
        except Refused as error:
            raise graph.definite(error) from None

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def counted(text: str) -> int:
    """Return the length by the stricter of two readings: emoji count as bytes, the rest as characters."""
    return sum(len(each.encode()) if _is_emoji(each) else 1 for each in text)


def _is_emoji(character: str) -> bool:
    return (
        ord(character) >= _FIRST_EMOJI
        or character in _EMOJI_PARTS
        or (not character.isascii() and unicodedata.category(character) == "So")
    )


def _is_anothers(handle: Handle, item: Item) -> bool:
    return item.answer_needs.get("threads_id", handle.native_id) != handle.native_id


def _lives(fixed: Mapping[str, str], at: datetime) -> bool:
    made_at = moment_of(fixed, "made_at")
    return bool(fixed.get("container")) and made_at is not None and at < made_at + LIVES


def _status(graph: Graph, container: str) -> tuple[str, str]:
    """Return a container's status and why; nothing where it tells none, as one that is published may."""
    try:
        told = graph.get(container, {"fields": "id,status,error_message"})
    except (Expired, TokenRefused):
        raise
    except Refused:
        return "", ""
    return word(told.get("status")), word(told.get("error_message"))[:100]


def _among_our_replies(graph: Graph, answer: Answer, *, published: bool) -> Posted | None:
    """Return our reply to the item since the approval: in these words, or the only one that can be it."""
    since = answer.approved_at - LOOK_BACK
    params = {"fields": "id,text,replied_to,timestamp,permalink", "limit": "50"}
    other_words: list[Mapping[str, Any]] = []  # newest first: what is older than the approval is not ours
    pages = after_pages(graph, "me/replies", params)
    for row in looked_through(graph, pages, most=MOST_PAGES, said_at="timestamp", since=since):
        young = (moment(row.get("timestamp")) or since) >= since
        if not young or _target(row) != answer.item.native_id:
            continue
        if same_words(word(row.get("text")), answer.text):
            return _posted(row)
        other_words.append(row)
    return _posted(other_words[0]) if published and len(other_words) == 1 else None


def _posted(row: Mapping[str, Any]) -> Posted:
    return Posted(native_id=id_or_nothing(row.get("id")), permalink=https(row.get("permalink")))


def _target(row: Mapping[str, Any]) -> str:
    return id_or_nothing(dict_of(row.get("replied_to")).get("id"))
