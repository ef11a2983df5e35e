"""Answering on Instagram: below a comment, to a mention, in a conversation, and in private to a comment.

A thread has two levels: an answer to a reply stands below the first comment, so it begins with the @username
of whom it answers. Instagram keeps no key of ours: an answer is found again by our name and its words, for
target and name alone could be the answer to somebody else in the same thread.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Refused
from allhours.domain.item import Change, Kind, Visibility
from allhours.networks._instagram import posts
from allhours.networks._instagram.graph import (
    MESSAGES,
    NETWORK,
    SIXTY_DAYS,
    by_facebook,
    graph_for,
    inbox_of,
)
from allhours.networks._instagram.messages import is_our_name
from allhours.networks._meta.after import after_pages, looked_through
from allhours.networks._meta.errors import Gone, TokenRefused
from allhours.networks._meta.fields import Place, dict_of, id_or_nothing, listed, moment, word
from allhours.networks._meta.sixty_days import renew_if_due
from allhours.networks.answering import refused, same_words, within
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted
from allhours.networks.windows import ANSWER_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http

MESSAGE_WINDOW, PEOPLES_WINDOW = ANSWER_WINDOWS[NETWORK]  # the second is that of private replies too
LONGEST_COMMENT = 2_200  # characters; a caption's limit, for none of a comment is documented now
LONGEST_MESSAGE = 1_000  # bytes of UTF-8
LOOK_BACK = timedelta(minutes=10)  # clocks differ; nothing of ours was sent before it was approved
MOST_PAGES = 5
MOST_REPLIES = 50  # in one answer
MOST_CONVERSATIONS = 25
MOST_MESSAGES = 20  # of a conversation that can be read

_OTHER_ACCOUNT = "it was said to another account of ours: only that one may answer"
_MORE_REPLIES = "the comment has more answers than Instagram lists: look there"


class InstagramAnswers:
    """Answer, hide and take back on Instagram."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    # While somebody types

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether this item may be answered so, by what is known of it."""
        if _is_anothers(handle, item):
            return refused(_OTHER_ACCOUNT)
        if item.change is Change.DELETED:
            return refused("the author has deleted it")
        if item.visibility is Visibility.PRIVATE:
            return (
                _message_permission(item, at)
                if private
                else refused("a private message is answered in private")
            )
        if "tagged" in item.answer_needs:
            return refused("Instagram lets nobody answer a tag: answer in the app")
        return _private_permission(item, at) if private else _public_permission(item)

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return bytes for a message, characters for a comment, the @username before it included."""
        if private or item.kind is Kind.MESSAGE:
            used = len(text.encode(errors="surrogatepass"))
            return (Length(used=used, allowed=LONGEST_MESSAGE, unit="bytes", least=1),)
        used = len(_addressed(text, item)) if text else 0
        return (Length(used=used, allowed=LONGEST_COMMENT, unit="characters (not confirmed)", least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return nothing: answers cost quota only."""
        del text, item, private
        return Cost()

    # Sending

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Return the answer with its words fixed; renew the token when it is time."""
        if not by_facebook(handle):
            renew_if_due(SIXTY_DAYS, self._http, self._credentials, handle, at=at)
        if _is_private(answer):
            return answer
        return replace(answer, fixed={**answer.fixed, "text": _addressed(answer.text, answer.item)})

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST."""
        graph, item = self._graph(handle, at), answer.item
        if _is_anothers(handle, item):
            raise DefiniteNo(NETWORK, _OTHER_ACCOUNT, handle=handle.handle)
        if _is_private(answer):
            told = graph.publish(
                f"{inbox_of(handle)}/messages", json_body=self._body(answer, at, handle), quota=MESSAGES
            )
            return Posted(native_id=_id_in(told, "message_id", graph))
        message = {"message": _words(answer)}
        if "mention" in item.answer_needs:
            ids = {name: item.answer_needs.get(name, "") for name in ("media_id", "comment_id")}
            form = {**{name: each for name, each in ids.items() if each}, **message}
            told = graph.publish(f"{handle.native_id}/mentions", form=form)
        else:
            told = graph.publish(f"{item.native_id}/replies", form=message)
        return Posted(native_id=_id_in(told, "id", graph), permalink=item.permalink)

    def _body(self, answer: Answer, at: datetime, handle: Handle) -> Mapping[str, Any]:
        """Return a message to the person, or to the author of a comment."""
        item, text = answer.item, {"text": answer.text}
        if item.kind is not Kind.MESSAGE:
            return {"recipient": {"comment_id": item.native_id}, "message": text}
        body = {"recipient": {"id": item.answer_needs.get("igsid", "")}, "message": text}
        if at < item.created_at + MESSAGE_WINDOW:
            return body
        if not answer.by_person:
            told = "24 hours are over: only a person may answer now, no automatic answer"
            raise DefiniteNo(NETWORK, told, handle=handle.handle)
        return {**body, "messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}

    # Found again

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our answer where Instagram shows it: by our name, the thread and the words."""
        graph, place = self._graph(handle, at), Place(handle=handle, page=handle.native_id, at=at)
        since = answer.approved_at - LOOK_BACK
        if _is_private(answer):
            return self._sent(graph, place, answer, since)
        if "mention" in answer.item.answer_needs:
            told = "Instagram does not list answers below other people's media: look there"
            raise CannotTell(NETWORK, told, handle=handle.handle)
        top = answer.item.answer_needs.get("top_id", answer.item.native_id)
        params = {"fields": "id,text,username,timestamp,from{id,username}", "limit": str(MOST_REPLIES)}
        shown = 0
        try:
            pages = after_pages(graph, f"{top}/replies", params)
            for shown, row in enumerate(looked_through(graph, pages, most=MOST_PAGES), 1):  # noqa: B007 - counted
                if _is_it(row, "text", "timestamp", _words(answer), since) and posts.is_own(row, place):
                    return Posted(native_id=id_or_nothing(row.get("id")), permalink=answer.item.permalink)
        except Gone:
            told = "the comment is deleted, or not shown to us any more: look in Instagram"
            raise CannotTell(NETWORK, told, handle=handle.handle) from None
        if shown and not shown % MOST_REPLIES:  # a full list without a cursor may have gone on
            raise CannotTell(NETWORK, _MORE_REPLIES, handle=handle.handle)
        return None

    def _sent(self, graph: Graph, place: Place, answer: Answer, since: datetime) -> Posted | None:
        """Look through the 20 newest messages of the person's conversations."""
        for conversation_id in self._conversations(graph, answer, since):
            fields = {"fields": "messages{id,created_time,from,message}"}
            rows = listed(graph.get(conversation_id, fields, quota=MESSAGES), "messages")
            for row in rows:
                sender = dict_of(row.get("from"))
                ours = place.is_ours(id_or_nothing(sender.get("id"))) or is_our_name(
                    sender.get("username"), place
                )
                if ours and _is_it(row, "message", "created_time", answer.text, since):
                    return Posted(native_id=id_or_nothing(row.get("id")))
            if len(rows) >= MOST_MESSAGES and all(
                posts.seconds(row.get("created_time")) >= since.timestamp() for row in rows
            ):
                told = "more than 20 messages since: Instagram shows no older ones, look there"
                raise CannotTell(NETWORK, told, handle=place.handle.handle)
        return None

    def _conversations(self, graph: Graph, answer: Answer, since: datetime) -> list[str]:
        """Return the conversations with the person; who commented is known there by username only."""
        edge, needs = f"{inbox_of(graph.handle)}/conversations", answer.item.answer_needs
        params = {"platform": NETWORK, "fields": "id,updated_time,participants"}
        if igsid := needs.get("igsid"):
            rows = graph.get(edge, {**params, "user_id": igsid}, quota=MESSAGES)
            if found := [each for row in listed(rows, "data") if (each := id_or_nothing(row.get("id")))]:
                return found
            told = "Instagram does not show the conversation: look there"
            raise CannotTell(NETWORK, told, handle=graph.handle.handle)
        username = answer.item.author.handle.lstrip("@").casefold()
        if not username:
            told = "the comment's author has no name to find the conversation by: look in Instagram"
            raise CannotTell(NETWORK, told, handle=graph.handle.handle)
        pages = graph.pages(edge, {**params, "limit": str(MOST_CONVERSATIONS)}, quota=MESSAGES)
        return [
            conversation_id
            for row in looked_through(graph, pages, most=MOST_PAGES, said_at="updated_time", since=since)
            if posts.seconds(row.get("updated_time")) >= since.timestamp()
            and any(word(each.get("username")).casefold() == username for each in listed(row, "participants"))
            and (conversation_id := id_or_nothing(row.get("id")))
        ]

    # Withdrawer, Hider

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our comment; a message cannot be taken back by an app."""
        if not posted.native_id.isdecimal():  # a message's id is base64, a comment's a number
            told = "Instagram lets no app take a message back: a person unsends it in Instagram"
            raise DefiniteNo(NETWORK, told, handle=handle.handle)
        self._graph(handle, at).remove(posted.native_id)

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Hide a comment below our media, or show it again."""
        if item.kind not in {Kind.COMMENT, Kind.REPLY}:
            raise DefiniteNo(NETWORK, "only comments below our own media can be hidden", handle=handle.handle)
        graph = self._graph(handle, at)
        try:
            graph.write("POST", item.native_id, {"hide": "true" if hidden else "false"})
        except TokenRefused:
            raise
        except Refused as error:
            raise graph.definite(error) from None

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def _is_private(answer: Answer) -> bool:
    """Return whether the answer goes where others do not see it; one to a message always does."""
    return answer.private or answer.item.kind is Kind.MESSAGE


def _is_anothers(handle: Handle, item: Item) -> bool:
    return item.answer_needs.get("ig_id", handle.native_id) != handle.native_id


def _message_permission(item: Item, at: datetime) -> Permission:
    if "standby" in item.answer_needs:
        return refused("another app owns this conversation: answer there, or take it over in Instagram first")
    closed = "7 days are over since the customer wrote: Instagram takes no answer until they write again"
    if at < item.created_at + MESSAGE_WINDOW:
        return within(
            item.created_at, MESSAGE_WINDOW, at=at, reason="24 hours from the customer's message", over=closed
        )
    reason = "24 hours are over: only an answer typed by a person, until 7 days are over"
    return within(item.created_at, PEOPLES_WINDOW, at=at, reason=reason, over=closed)


def _public_permission(item: Item) -> Permission:
    if "mention" in item.answer_needs:
        return Permission(allowed=True, reason="answers the mention in public, below it")
    if "live" in item.answer_needs:
        return refused("Instagram takes no answers to comments on a live broadcast")
    if "hidden" in item.answer_needs:
        reason = "it was hidden when we heard it: Instagram takes an answer only once it is shown again"
        return Permission(allowed=True, reason=reason)
    return Permission(allowed=True, reason="answers in public, below the comment")


def _private_permission(item: Item, at: datetime) -> Permission:
    if "mention" in item.answer_needs:
        return refused("a mention elsewhere cannot be answered in private: ask the customer for a message")
    if "private_reply" in item.answer_needs:
        return refused("the one private reply to this comment is used: wait until the customer answers it")
    if "live" in item.answer_needs:
        return Permission(allowed=True, reason="one private message, and only while the broadcast runs")
    closed = "7 days are over since the comment: Instagram takes no private reply any more"
    reason = "one private message for this comment, within 7 days of it"
    return within(item.created_at, PEOPLES_WINDOW, at=at, reason=reason, over=closed)


def _addressed(text: str, item: Item) -> str:
    """Return the text with the @username of whom it answers, where the thread would not show it."""
    name = item.author.handle
    if item.kind is not Kind.REPLY or not name or name.casefold() in text.casefold():
        return text
    return f"{name} {text}"


def _words(answer: Answer) -> str:
    return answer.fixed.get("text") or _addressed(answer.text, answer.item)


def _is_it(row: Mapping[str, Any], text: str, said_at: str, words: str, since: datetime) -> bool:
    """Return whether a row has the words of our answer and was not said before it."""
    at = moment(row.get(said_at)) or datetime.max.replace(tzinfo=UTC)
    return at >= since and same_words(word(row.get(text)), words)


def _id_in(told: Mapping[str, Any], name: str, graph: Graph) -> str:
    """Return the id of what was posted; an answer without one leaves it in doubt."""
    if native_id := id_or_nothing(told.get(name)):
        return native_id
    raise graph.malformed("the answer names no id", name)
