"""Answering on a forum: a post that replies in the same topic, or a private message to the author.

Written from POST and DELETE /posts, GET /posts/{id}/replies, GET /t/{id} and /t/external_id/{id} of
openapi.json, and Discourse's posts controller. There is no key for replies, but the forum refuses a text
that our account posted within the last minutes: that is a doubt, not a no, for it may be this very answer. A
new private message is a topic, and topics carry an `external_id`: it is the answer's own, so that one can
neither come about twice nor be missed.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, NetworkError, Refused, Unreachable
from allhours.domain.item import Change, Visibility
from allhours.domain.plain_text import from_html
from allhours.networks._discourse.api import Forum, Gone, again_at
from allhours.networks._discourse.posts import (
    NETWORK,
    PRIVATE_MESSAGE,
    Place,
    listed,
    loads,
    native_id_of,
    post_id_of,
    posts_in,
)
from allhours.networks.answering import SOON, judged, post_once, same_words
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http, Reply

LEAST, LEAST_PRIVATE, MOST = 20, 10, 32_000  # characters; Discourse's defaults, a forum may have others
PAGES = 5  # of twenty replies to one post that are looked through
CLOCKS = timedelta(minutes=5)  # that the forum's clock and ours may differ by
PENDING = "pending:"  # before the number of a post that waits for a moderator
TITLE = "About your post on our forum"
NO_KEY = "the forum is read without a key: answer there by hand"
_SAME = ("too similar to what you recently posted", "already been taken")
_SHORT_OR_LONG = ("too short", "too long", "unclear")
_WORDS = MappingProxyType(
    {
        400: "the forum does not take it as it is",
        401: "the key is wrong",
        403: "our account may not post there",
        404: "the post or topic is gone",
        410: "the post or topic is gone",
        413: "the answer is too long",
        429: "our account posts too often",
    }
)
_OK = range(200, 300)


class DiscourseAnswers:
    """Answer in the topic or in private, take an answer back, find it again."""

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Keep the ports."""
        self._credentials = credentials
        self._http = http

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether our account may answer, by what is known of the post."""
        del at
        closed = item.visibility is Visibility.PRIVATE
        reason = "a post that replies to theirs"
        if closed:
            reason = "in the same private conversation" if _is_message(item) else "in the same category"
        elif private:
            reason = "a private message to the author, with a link to the topic"
        no = ""
        if handle.settings.get("key") == "none":
            no = NO_KEY
        elif item.change is Change.DELETED:
            no = "the author took it back"
        elif closed and not private:
            no = "not everybody can read the post, so the answer must be private"
        elif private and not closed and not item.answer_needs.get("username"):
            no = "the author has no account any more"
        return Permission(allowed=not no, reason=no or reason)

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in characters, with the link where the answer moves to private."""
        message = private and (_is_message(item) or item.visibility is Visibility.PUBLIC)
        usual, name = (LEAST_PRIVATE, "min_private_message_length") if message else (LEAST, "min_post_length")
        sent = _with_link(text, item) if _moves(item, private=private) else text
        return (
            Length(
                used=len(sent.strip()),
                allowed=_limit(item, "max_post_length", MOST),
                unit="characters",
                least=_limit(item, name, usual),
            ),
        )

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return nothing."""
        del text, item, private
        return Cost(why="nothing")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Return the answer with its id for the forum; `DefiniteNo` when the topic has changed since.

        A private conversation that was made public in the meantime is not answered. A private message goes
        to the author's name of today, for the old one may be somebody else's by now.
        """
        item, forum = answer.item, self._forum(handle, at)
        try:
            topic = forum.topic(item.answer_needs["topic_id"])
            username = _author_of(forum, item)
        except Gone:
            raise DefiniteNo(NETWORK, "the topic or the post is gone", handle=handle.handle) from None
        if _moves(item, private=answer.private):
            external = hashlib.sha256(answer.reply_id.encode()).hexdigest()[:32]
            title = handle.settings.get("message_title") or TITLE
            return replace(answer, fixed={"external_id": external, "title": title, "username": username})
        if topic.get("closed") is True or topic.get("archived") is True:
            detail = "the topic is closed: nobody can reply; write to the author in private"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle)
        if item.visibility is Visibility.PRIVATE and not _still_private(topic, handle):
            detail = "the conversation is public now: the answer would be, too"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle)
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST; a text that the forum has just seen is a doubt."""
        reply = self._write(handle, "POST", "/posts.json", at, body=_body(answer))
        if reply.status == 422:  # noqa: PLR2004 - Unprocessable: the forum says why in its own language
            return self._after_422(handle, answer, _errors(reply), at)
        judged(_limited(reply, at), NETWORK, handle=handle.handle, at=at, words=_WORDS)
        made = _json(reply, handle)
        if made.get("action") == "enqueued":
            return _pending(made.get("pending_post"), handle)
        if post_id_of(made) is None:
            raise Malformed(NETWORK, "the post is taken, but has no number: look for it", field="id")
        return _posted(made, handle)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our reply below the post, or the one that waits for approval, or the private message."""
        return self._find(self._forum(handle, at), answer, verbatim=False)

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our post, or take it back from the queue; one that is gone is no error."""
        number = posted.native_id.removeprefix(PENDING).rpartition("/")[2]
        waits = posted.native_id.startswith(PENDING)
        path = f"/review/{int(number)}.json" if waits else f"/posts/{int(number)}.json"
        reply = self._write(handle, "DELETE", path, at)
        if reply.status in {404, 410}:
            return
        words = {**_WORDS, 403: "our account may not delete it", 422: "the forum does not delete it"}
        judged(_limited(reply, at), NETWORK, handle=handle.handle, at=at, words=words)

    def _after_422(self, handle: Handle, answer: Answer, errors: str, at: datetime) -> Posted:
        """Return our answer if the forum shows it; else say what is wrong with this one."""
        if any(words in errors for words in _SHORT_OR_LONG):
            detail = "the forum finds the text too short, too long or unclear"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle)
        found = self._find(self._forum(handle, at), answer, verbatim=True)  # whatever language it refuses in
        if found:
            return found
        if any(words in errors for words in _SAME):
            raise Unreachable(NETWORK, "the forum has this text already: look for it", handle=handle.handle)
        raise DefiniteNo(NETWORK, "the forum does not take the text (HTTP 422)", handle=handle.handle)

    def _find(self, forum: Forum, answer: Answer, *, verbatim: bool) -> Posted | None:
        """Return what of ours answers the post since the approval; `verbatim` takes the same text only."""
        if external := answer.fixed.get("external_id"):
            return self._message(forum, external) or self._waiting(forum, answer)
        found = [
            body
            for body in self._replies(forum, answer)
            if str(body.get("username")).casefold() == forum.username.casefold()
            and _since(body, answer.approved_at - CLOCKS)
        ]
        same = [body for body in found if same_words(_words(body), answer.text)]
        if same or (found and not verbatim):
            return _posted((same or found)[-1], forum.handle)
        return self._waiting(forum, answer)

    def _replies(self, forum: Forum, answer: Answer) -> Iterator[Mapping[str, object]]:
        """Yield the replies to the post, oldest first; `CannotTell` where they are not shown whole."""
        path, after = f"/posts/{int(answer.item.answer_needs['post_id'])}/replies.json", 1
        for _ in range(PAGES):
            try:
                shown = forum.get(path, [("after", str(after))] if after > 1 else [])
            except Gone:
                raise _look(answer, forum.handle, "the post is gone, and its replies are not shown") from None
            bodies = [body for body in shown if isinstance(body, dict)] if isinstance(shown, list) else []
            numbers = [number for body in bodies if isinstance(number := body.get("post_number"), int)]
            yield from bodies
            if not numbers or max(numbers) <= after:
                return
            after = max(numbers)
        raise _look(answer, forum.handle, f"the post has more than {PAGES * 20} replies")

    def _waiting(self, forum: Forum, answer: Answer) -> Posted | None:
        """Return our post that waits for a moderator, told from others by its topic and text."""
        try:
            told = forum.get(f"/posts/{forum.username}/pending.json")
        except Refused:
            raise _look(answer, forum.handle, "the forum does not show what waits for approval") from None
        found = told.get("pending_posts") if isinstance(told, dict) else None
        sent = _body(answer)
        for body in found if isinstance(found, list) else ():
            if not isinstance(body, dict) or body.get("topic_id") != sent.get("topic_id"):
                continue
            if not _since(body, answer.approved_at - CLOCKS):
                continue
            if same_words(str(body.get("raw_text") or body.get("raw")), str(sent["raw"])):
                return _pending(body, forum.handle)
        return None

    def _message(self, forum: Forum, external: str) -> Posted | None:
        """Return the private message with our id; the forum answers with where the topic is."""
        path = f"/t/external_id/{external}.json"
        reply = self._http.call(
            NETWORK,
            "GET",
            f"{forum.handle.base_url}{path}",
            handle=forum.handle.handle,
            headers=forum.headers(),
        )
        number = reply.headers.get("location", "").partition("?")[0].rpartition("/")[2].removesuffix(".json")
        if reply.status in {301, 302} and number.isdigit():
            shown = posts_in(forum.topic(number), Place(handle=forum.handle, at=forum.at)) or []
            first = next((body for body, _place in shown if isinstance(body, dict)), None)
            return _posted(first, forum.handle) if first and post_id_of(first) else None
        try:
            forum.read(reply, path)
        except Gone:
            return None
        raise Malformed(NETWORK, "no topic behind our external id", handle=forum.handle.handle)

    def _write(
        self,
        handle: Handle,
        method: str,
        path: str,
        at: datetime,
        *,
        body: Mapping[str, object] | None = None,
    ) -> Reply:
        if handle.settings.get("key") == "none":
            raise DefiniteNo(NETWORK, NO_KEY, handle=handle.handle)
        try:
            headers = self._forum(handle, at).headers()
        except NetworkError as error:
            again = None if isinstance(error, Refused) else at + SOON
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=again) from None
        return post_once(
            self._http,
            NETWORK,
            method,
            f"{handle.base_url}{path}",
            handle=handle.handle,
            at=at,
            headers=headers,
            json_body=body,
        )

    def _forum(self, handle: Handle, at: datetime) -> Forum:
        return Forum(self._credentials, self._http, handle, at)


def _is_message(item: Item) -> bool:
    return item.answer_needs.get("archetype") == PRIVATE_MESSAGE


def _moves(item: Item, *, private: bool) -> bool:
    return private and item.visibility is not Visibility.PRIVATE


def _limit(item: Item, name: str, usual: int) -> int:
    told = item.answer_needs.get(name, "")
    return int(told) if told.isascii() and told.isdigit() else usual


def _with_link(text: str, item: Item) -> str:
    return f"{text}\n\n{item.permalink}"


def _still_private(topic: Mapping[str, object], handle: Handle) -> bool:
    in_category = str(topic.get("category_id")) in listed(handle, "private_categories")
    return topic.get("archetype") == PRIVATE_MESSAGE or in_category


def _body(answer: Answer) -> dict[str, object]:
    """Return what is posted: a reply in the topic, or a new private message about it."""
    needs = answer.item.answer_needs
    if external := answer.fixed.get("external_id"):
        return {
            "title": answer.fixed["title"],
            "raw": _with_link(answer.text, answer.item),
            "archetype": PRIVATE_MESSAGE,
            "target_recipients": answer.fixed["username"],
            "external_id": external,
        }
    number = int(needs["post_number"])
    return {"raw": answer.text, "topic_id": int(needs["topic_id"]), "reply_to_post_number": number}


def _author_of(forum: Forum, item: Item) -> str:
    """Return the name that the author of a post has today; `DefiniteNo` where they took it back."""
    told = forum.get(f"/posts/{int(item.answer_needs['post_id'])}.json")
    post = told if isinstance(told, dict) else {}
    if post.get("deleted_at") is not None or post.get("user_deleted") is True:
        raise DefiniteNo(NETWORK, "the author took it back", handle=forum.handle.handle)
    name = post.get("username")
    if f"#{post.get('user_id')}" != f"#{item.author.author_id.rpartition('#')[2]}" or not isinstance(
        name, str
    ):
        detail = "the post has another author by now: look at it on the forum"
        raise DefiniteNo(NETWORK, detail, handle=forum.handle.handle)
    return name


def _look(answer: Answer, handle: Handle, why: str) -> CannotTell:
    # its short address, for the long one carries the title's words
    detail = f"{why}: look below {answer.item.native_id} for answer {answer.reply_id}"
    return CannotTell(NETWORK, detail, handle=handle.handle)


def _limited(reply: Reply, at: datetime) -> Reply:
    """Return the reply with the forum's own waiting time where `judged` looks for it."""
    if reply.status != 429:  # noqa: PLR2004 - Too Many Requests
        return reply
    seconds = int((again_at(reply, at) - at).total_seconds())
    return replace(reply, headers={**reply.headers, "retry-after": str(seconds)})


def _errors(reply: Reply) -> str:
    """Return the forum's sentences, to be matched and never shown: they are in its language."""
    try:
        body = loads(reply.body)
    except ValueError:
        return ""
    told = body.get("errors") if isinstance(body, dict) else None
    return (
        " ".join(each for each in told if isinstance(each, str)).casefold() if isinstance(told, list) else ""
    )


def _json(reply: Reply, handle: Handle) -> Mapping[str, object]:
    try:
        body = loads(reply.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Malformed(NETWORK, "no JSON: whether it is out is not known", handle=handle.handle)
    return body


def _posted(body: Mapping[str, object], handle: Handle) -> Posted:
    number = post_id_of(body) or 0
    slug = body.get("topic_slug") if isinstance(body.get("topic_slug"), str) else "-"
    place = f"{slug or '-'}/{body.get('topic_id')}/{body.get('post_number')}"
    return Posted(native_id=native_id_of(handle, number), permalink=f"{handle.base_url}/t/{place}")


def _pending(body: object, handle: Handle) -> Posted:
    """Return a post that a moderator has to approve before anybody sees it; its id says so."""
    number = body.get("id") if isinstance(body, dict) else None
    if not isinstance(number, int):
        raise Malformed(
            NETWORK, "it waits for approval, but has no number: look for it", handle=handle.handle
        )
    return Posted(native_id=f"{PENDING}{number}", permalink=f"{handle.base_url}/review/{number}")


def _since(body: Mapping[str, object], at: datetime) -> bool:
    try:
        return instant_of(str(body.get("created_at"))) >= at
    except (ValueError, OverflowError):
        return True


def _words(body: Mapping[str, object]) -> str:
    raw, cooked = body.get("raw"), body.get("cooked")
    return raw if isinstance(raw, str) else from_html(cooked) if isinstance(cooked, str) else ""
