"""Answer on Facebook: comments, Messenger, one private answer for each comment; hide, delete, look again.

Written from developers.facebook.com: documentation/pages-api/comments-mentions, docs/graph-api/webhooks/
reference/page, documentation/business-messaging/messenger-platform (send-messages, policy,
discovery/private-replies).

* `POST /{comment-id}` **edits** a comment; answers go to its edge `/comments`. A guide shows the wrong call.
* Facebook has no idempotency key, and takes the same words twice: after a doubt, `find` looks below the
  target or in the conversation. A message carries our reply id as `metadata`; its echo brings it back.
* An answer to an answer may be shown one level higher, so `find` looks below the whole post as well.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import RateLimited, Refused
from allhours.domain.item import Change, Kind, Visibility
from allhours.networks._facebook import items
from allhours.networks._facebook.graph import NETWORK, graph_for
from allhours.networks._meta import fields
from allhours.networks._meta.after import looked_through
from allhours.networks._meta.errors import Gone
from allhours.networks.answering import same_words, within
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted, Receipt
from allhours.networks.windows import ANSWER_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http

WINDOW, BY_HAND = ANSWER_WINDOWS[NETWORK]
ONE_PRIVATE_ANSWER = timedelta(days=7)  # documentation/business-messaging/.../discovery/private-replies
LONGEST_COMMENT, LONGEST_MESSAGE = 8_000, 2_000  # client libraries' values; no official text has them
PAGES = 5  # of a hundred rows each, when we look for an answer
CLOCKS_DIFFER = timedelta(minutes=2)  # ours and Facebook's, at most
OURS = "allhours:"  # before our reply id in a message's metadata

_OTHER_PAGE = "it was said to another Page of ours: only that one may answer"
_PRIVATE_ITEM = "what was written in private is never answered in public"
_DELETED = "the author deleted it"
_CLOSED = "comments are closed there"
_STANDBY = "another app has this conversation: take it over in Meta Business Suite first"
_OVER = "the 7 days for an answer by hand are over: Facebook lets nobody write until the customer does"
_NOT_FROM_HERE = "Facebook allows a private answer to comments and posts on our Page only: ask for a message"
_USED = "the one private answer that Facebook allows has been sent"
_NEVER = "the author takes no private answer to this comment"
_HIDDEN_FROM_US = "what it stood below is not shown to us any more: look at facebook.com"


class FacebookAnswers:
    """Answer as the Page; hide what others said, delete what we said, and tell what became of messages."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether the Page may answer the item now, and until when."""
        if _is_anothers(handle, item):
            return Permission(allowed=False, reason=_OTHER_PAGE)
        if private or item.change is Change.DELETED:
            return _private(item, at)
        if item.kind is Kind.MESSAGE or item.visibility is Visibility.PRIVATE:
            return Permission(allowed=False, reason=_PRIVATE_ITEM)
        if item.answer_needs.get("can_comment") == "false":
            return Permission(allowed=False, reason=_CLOSED)
        return Permission(allowed=True, reason="a comment, which everybody can read")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in UTF-16 units, the stricter count, for Facebook says neither limit nor unit."""
        allowed = LONGEST_MESSAGE if private or item.kind is Kind.MESSAGE else LONGEST_COMMENT
        used = len(text.encode("utf-16-le", "surrogatepass")) // 2
        return (Length(used=used, allowed=allowed, unit="characters (limit not confirmed)", least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return that it costs nothing."""
        del text, item, private
        return Cost(why="free; one call of the Page's quota")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Look whether a comment may still have its one private answer; there is nothing to fix."""
        comment_id = answer.item.answer_needs.get("comment_id", "")
        if answer.private and answer.item.kind is not Kind.MESSAGE and comment_id:
            graph = self._graph(handle, at)
            asked = {"fields": "id,can_reply_privately,private_reply_conversation"}
            try:
                told = graph.get(comment_id, asked)
            except Gone:
                raise DefiniteNo(NETWORK, _DELETED, handle=handle.handle) from None
            used = bool(fields.dict_of(told.get("private_reply_conversation")).get("id"))
            if used or told.get("can_reply_privately") is False:
                raise DefiniteNo(NETWORK, _USED if used else _NEVER, handle=handle.handle)
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Post the comment or message; `DefiniteNo` says in words why Facebook did not take it."""
        if _is_anothers(handle, answer.item):
            raise DefiniteNo(NETWORK, _OTHER_PAGE, handle=handle.handle)
        if answer.private or answer.item.kind is Kind.MESSAGE:
            return self._message(handle, answer, at)
        if answer.item.visibility is Visibility.PRIVATE:
            raise DefiniteNo(NETWORK, _PRIVATE_ITEM, handle=handle.handle)
        target = _target(answer.item)
        form = {"message": answer.text, "fields": "id,permalink_url"}
        graph = self._graph(handle, at)
        told = graph.publish(f"{target}/comments", form=form)
        native_id = items.last_of(fields.id_or_nothing(told.get("id")))
        if not native_id or native_id == items.last_of(target):
            raise graph.malformed("the answer to a new comment has no id of its own", "id")
        return Posted(native_id=native_id, permalink=fields.https(told.get("permalink_url")))

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our answer if it is there: by the Page, since approval, at its target or one level up."""
        graph = self._graph(handle, at)
        if answer.private or answer.item.kind is Kind.MESSAGE:
            return _found_message(graph, handle, answer)
        target = _target(answer.item)
        root = answer.item.answer_needs.get("post_id", target)
        other_words: Mapping[str, Any] | None = None
        try:
            for row in _ours(_comments(graph, target, answer), handle, answer):
                if root == target and _parent(row):
                    continue  # of a post, the answers to its comments are listed as well
                if same_words(fields.word(row.get("message")), answer.text):
                    return _posted(row)
                other_words = other_words or row
        except Gone:
            if root == target:
                raise CannotTell(NETWORK, _HIDDEN_FROM_US, handle=handle.handle) from None
            # our answer is gone with the comment, unless it stands higher
        if other_words:
            return _posted(other_words)
        if root != target:
            for row in self._higher(graph, root, handle, answer):
                return _posted(row)
        return None

    def _higher(self, graph: Graph, root: str, handle: Handle, answer: Answer) -> Iterator[Mapping[str, Any]]:
        """Yield our words where an answer to an answer is shown; below other comments they are for others."""
        try:
            for row in _ours(_comments(graph, root, answer), handle, answer):
                same = same_words(fields.word(row.get("message")), answer.text)
                if same and _parent(row) in {"", answer.item.parent_id}:
                    yield row
        except Gone:
            raise CannotTell(NETWORK, _HIDDEN_FROM_US, handle=handle.handle) from None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our comment; a message stays where it is, `DefiniteNo` says so."""
        if posted.native_id.startswith(("m_", "mid.")):
            raise DefiniteNo(NETWORK, "Messenger messages cannot be taken back", handle=handle.handle)
        self._graph(handle, at).remove(posted.native_id)

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Hide a comment from all but its author and their friends, or show it again."""
        comment_id = item.answer_needs.get("comment_id", "")
        if not comment_id or item.answer_needs.get("can_hide") == "false":
            raise DefiniteNo(NETWORK, "only comments on our Page can be hidden", handle=handle.handle)
        graph = self._graph(handle, at)
        try:
            graph.write("POST", comment_id, {"is_hidden": "true" if hidden else "false"})
        except (RateLimited, Refused) as error:
            raise graph.definite(error) from None

    def receipts(self, body: bytes) -> tuple[Receipt, ...]:
        """Return what a webhook body tells of our messages: echoes with our reply id, deliveries."""
        told = fields.dict_of(fields.decoded(NETWORK, body))
        events = (
            event
            for entry in fields.dicts(told.get("entry"))
            for name in ("messaging", "standby")
            for event in fields.dicts(entry.get(name))
        )
        return tuple(receipt for event in events for receipt in _receipts(event))

    def _message(self, handle: Handle, answer: Answer, at: datetime) -> Posted:
        needs, by_hand = answer.item.answer_needs, at - answer.item.created_at >= WINDOW
        body: dict[str, Any] = {"message": {"text": answer.text, "metadata": f"{OURS}{answer.reply_id}"}}
        if answer.item.kind is not Kind.MESSAGE:
            name = "comment_id" if needs.get("comment_id") else "post_id"
            body["recipient"] = {name: needs.get(name, "")}
        else:
            body["recipient"] = {"id": needs.get("psid", "")}
            body["messaging_type"] = "RESPONSE"
            if by_hand and not answer.by_person:
                detail = "after 24 hours only a person may answer, not an automatic answer"
                raise DefiniteNo(NETWORK, detail, handle=handle.handle)
            if by_hand:
                body |= {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        graph = self._graph(handle, at)
        told = graph.publish(f"{handle.native_id}/messages", json_body=body, quota="messenger")
        if not (mid := fields.id_or_nothing(told.get("message_id"))):
            raise graph.malformed("the answer to a new message has no id", "message_id")
        return Posted(native_id=mid)

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def _private(item: Item, at: datetime) -> Permission:
    if item.change is Change.DELETED:
        return Permission(allowed=False, reason=_DELETED)
    return _message_window(item, at) if item.kind is Kind.MESSAGE else _one_answer(item, at)


def _message_window(item: Item, at: datetime) -> Permission:
    if item.answer_needs.get("standby") == "true":
        return Permission(allowed=False, reason=_STANDBY)
    apart = at - item.created_at
    reason = "a message within 24 hours" if apart < WINDOW else "a message by a person, within 7 days"
    return within(item.created_at, BY_HAND, at=at, reason=reason, over=_OVER)


def _one_answer(item: Item, at: datetime) -> Permission:
    needs = item.answer_needs
    ours = needs.get("post_id", "").partition("_")[0] == needs.get("page_id")
    if item.kind in {Kind.MENTION, Kind.REVIEW} or not ours:
        return Permission(allowed=False, reason=_NOT_FROM_HERE)
    if needs.get("private_reply") == "used":
        return Permission(allowed=False, reason=_USED)
    if needs.get("can_reply_privately") == "false":
        return Permission(allowed=False, reason=_NEVER)
    reason = "one message, then nothing until the customer answers"
    return within(item.created_at, ONE_PRIVATE_ANSWER, at=at, reason=reason, over="the 7 days are over")


def _target(item: Item) -> str:
    """Return the object below which the answer goes."""
    needs = item.answer_needs
    return needs.get("comment_id") or needs.get("post_id") or needs.get("story_id") or item.native_id


def _is_anothers(handle: Handle, item: Item) -> bool:
    return item.answer_needs.get("page_id", handle.native_id) != handle.native_id


def _parent(row: Mapping[str, Any]) -> str:
    """Return the comment that a comment answers, nothing for one that stands right below its post."""
    return items.last_of(fields.id_or_nothing(fields.dict_of(row.get("parent")).get("id")))


def _comments(graph: Graph, target: str, answer: Answer) -> Iterator[Mapping[str, Any]]:
    asked = {
        "fields": "id,from,message,created_time,permalink_url,parent{id}",
        "filter": "stream",
        "order": "reverse_chronological",
        "since": str(int((answer.approved_at - CLOCKS_DIFFER).timestamp())),
        "limit": "100",
    }
    return looked_through(graph, graph.pages(f"{target}/comments", asked), most=PAGES)


def _ours(rows: Iterator[Mapping[str, Any]], handle: Handle, answer: Answer) -> Iterator[Mapping[str, Any]]:
    """Yield what the Page itself said since the answer was approved."""
    for row in rows:
        said_at = fields.moment(row.get("created_time"))
        by_us = fields.id_or_nothing(fields.dict_of(row.get("from")).get("id")) == handle.native_id
        if by_us and said_at is not None and said_at >= answer.approved_at - CLOCKS_DIFFER:
            yield row


def _posted(row: Mapping[str, Any]) -> Posted:
    return Posted(
        native_id=items.last_of(fields.id_or_nothing(row.get("id"))),
        permalink=fields.https(row.get("permalink_url")),
    )


def _found_message(graph: Graph, handle: Handle, answer: Answer) -> Posted | None:
    """Return our message from its conversation: the person's, or that of a comment's one private answer."""
    needs, asked = answer.item.answer_needs, {"fields": "id,from,message,created_time", "limit": "100"}
    threads: list[str] = []
    if psid := needs.get("psid", ""):
        query = {"platform": "messenger", "user_id": psid, "fields": "id"}
        told = graph.pages(f"{handle.native_id}/conversations", query, quota="messenger")
        threads = [fields.id_or_nothing(row.get("id")) for row in next(told).rows]
        if not any(threads):
            raise CannotTell(NETWORK, "Facebook does not show the conversation", handle=handle.handle)
    elif comment_id := needs.get("comment_id"):
        try:
            comment = graph.get(comment_id, {"fields": "id,private_reply_conversation"})
        except Gone:
            detail = "the comment is deleted: look in Meta Business Suite"
            raise CannotTell(NETWORK, detail, handle=handle.handle) from None
        thread = fields.dict_of(comment.get("private_reply_conversation")).get("id")
        threads = [fields.id_or_nothing(thread)]
    else:
        detail = "a private answer to a post leaves no trace there: look in Meta Business Suite"
        raise CannotTell(NETWORK, detail, handle=handle.handle)
    for thread_id in filter(None, threads):
        pages = graph.pages(f"{thread_id}/messages", asked, quota="messenger")
        since = answer.approved_at - CLOCKS_DIFFER
        rows = looked_through(graph, pages, most=PAGES, said_at="created_time", since=since)
        for row in _ours(rows, handle, answer):
            if same_words(fields.word(row.get("message")), answer.text):
                return Posted(native_id=fields.id_or_nothing(row.get("id")))
    return None


def _receipts(event: Mapping[str, Any]) -> Iterator[Receipt]:
    message = fields.dict_of(event.get("message"))
    metadata, mid = fields.word(message.get("metadata")), fields.id_or_nothing(message.get("mid"))
    if message.get("is_echo") is True and metadata.startswith(OURS) and mid:
        reply_id = metadata.removeprefix(OURS)
        yield Receipt(network=NETWORK, native_id=mid, state="sent", reply_id=reply_id)
    mids = fields.dict_of(event.get("delivery")).get("mids")
    for each in mids if isinstance(mids, list) else ():
        if native_id := fields.id_or_nothing(each):
            yield Receipt(network=NETWORK, native_id=native_id, state="delivered")
