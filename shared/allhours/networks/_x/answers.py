"""Answer on X: in public where X allows it, by direct message, and find again what was sent.

Written from docs.x.com: x-api/posts (create, delete, hide replies), x-api/direct-messages,
counting-characters, getting-started/pricing, and from the errors that clients have seen. X has no key that
makes a repeated post the same post; what stands against a second one is that we look at our own posts first.
"""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.domain.item import Change, Visibility
from allhours.networks._links import links
from allhours.networks._x.api import Reader, Vocabulary
from allhours.networks._x.call import Broke, Caller, Gone, detail_of, problem_of, told_by, window_end
from allhours.networks._x.length import X_RULES, weighted_length
from allhours.networks._x.posts import NAME, Json, is_id, loads, snowflake, told_by_id
from allhours.networks.answering import SOON, judged, post_once, same_words
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials, Meter
    from allhours.networks.http import Http, Reply

_LONGEST_MESSAGE = 10_000  # characters; the unit is UNCONFIRMED, so the larger count of UTF-16 is kept
_WITH_LINK, _SUMMONED, _POSTED, _MESSAGE, _HIDDEN, _DELETED = 0.200, 0.010, 0.015, 0.015, 0.005, 0.010
_SKEW = timedelta(minutes=1)  # between our clock at the approval and X's at the post
_PAGES = 8  # of our own posts since the approval: 800
_ENGAGED = "have not been mentioned or otherwise engaged"
_WORDS: Mapping[int, str] = {
    400: "X does not take this text: shorten or change it",
    401: "the token had run out; there is a new one",
    403: "X turned the answer down: the author may have blocked us or limits who may answer",
    404: "the post is gone",
    410: "the post is gone",
    413: "X does not take this text: it is too long",
    422: "X does not take this text: shorten or change it",
}
_WORDS_IN_PRIVATE: Mapping[int, str] = {
    **_WORDS,
    403: "this person takes no messages from us: answer in public and ask them to write first",
    404: "X does not know this person any more",
}
_SAID_OF: tuple[tuple[str, str], ...] = (  # part of X's sentence, in small letters, and ours
    (_ENGAGED, "X lets us answer only who mentioned or quoted this handle: answer by hand, in X's own app"),
    ("deleted or not visible", "the post is gone, or its author shows it to others only"),
    ("blocked", "the author has blocked us"),
    ("too long", "X does not take this text: it is too long"),
    ("unsupported authentication", "the token may not write: connect the account again"),
    ("forbidden scope", "the token lacks a scope for this: connect the account again"),
)


class Answers:
    """X for whoever answers; tokens belong to the handle."""

    def __init__(self, credentials: Credentials, http: Http, *, meter: Meter) -> None:
        """Keep what calls will need."""
        self._credentials = credentials
        self._http = http
        self._meter = meter
        self._spoken: dict[str, Vocabulary] = {}

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:  # noqa: ARG002, PLR0911 - X has no windows; one answer a rule
        """Return whether X lets this handle answer, as far as the item tells it."""
        if item.change is Change.DELETED:
            return _no("the author deleted it")
        if private:
            if not is_id(_participant(item)):
                return _no("X does not tell who wrote it, so nobody can be written to")
            if item.visibility is Visibility.PRIVATE:
                return _yes("a direct message to whoever wrote us one")
            return _yes("a direct message, if the author takes ours: X tells when we send")
        if item.visibility is Visibility.PRIVATE:
            return _no("it was said in private: answer in private")
        if handle.settings.get("tier") == "enterprise":
            return _yes("enterprise access may answer everybody")
        engaged = item.answer_needs.get("engaged", "") if handle.handle == item.handle else ""
        if handle.handle != item.handle and handle.handle in item.addressed:
            engaged = "mentioned"
        if not engaged:
            return _no(
                f"the author neither mentioned nor quoted {handle.handle}, and X lets us answer nobody else: "
                "answer by hand at the post's address, or write to the author"
            )
        limited = item.answer_needs.get("reply_settings", "")
        if limited and engaged != "mentioned":
            return _yes(f"the author {engaged} {handle.handle}, but limits who may answer ({limited})")
        return _yes(f"the author {engaged} {handle.handle}")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the weighted length of a post, or the length of a message."""
        if private:
            used = len(text.encode("utf-16-le", errors="surrogatepass")) // 2
            return (Length(used=used, allowed=_LONGEST_MESSAGE, unit="characters", least=1),)
        allowed = int(item.answer_needs.get("longest") or X_RULES.longest)
        unit = "weighted characters (a link is 23, an emoji 2)"
        return (Length(used=weighted_length(text), allowed=allowed, unit=unit, least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return X's price in US dollars; a link makes a post thirteen times as dear."""
        if private:
            return Cost(usd=_MESSAGE, why="a direct message")
        if links(text):
            return Cost(usd=_WITH_LINK, why="a post with a link; without it $0.010 to $0.015")
        if item.answer_needs.get("engaged"):
            return Cost(usd=_SUMMONED, why="an answer to somebody who called us")
        return Cost(usd=_POSTED, why="a post")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Renew a token that is about to run out; X has nothing that could be fixed beforehand."""
        self._caller(handle, at).renew_when_due()
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST; a refusal as a duplicate is a doubt, for it may be this very answer."""
        caller = self._caller(handle, at)
        fields, path, body = self._request(caller, answer)
        try:
            reply = post_once(
                self._http,
                NAME,
                "POST",
                f"{handle.base_url}{path}",
                handle=handle.handle,
                at=at,
                headers=caller.headers(fields),
                json_body=body,
            )
        except Refused as error:  # the token cannot even be written into a header
            raise DefiniteNo(NAME, error.detail, handle=handle.handle) from None
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._renewed(caller, fields)
        _judge(reply, answer, handle, at)
        caller.spend(self.cost(answer.text, answer.item, private=answer.private).usd)
        return _posted(reply, answer, handle)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Look at our own posts, or at the messages with this person, since the approval.

        One post that answers the item is it, whatever X made of its text; of several it is the one with our
        words. The day's ceiling for paid reads does not hold this back.
        """
        reader = Reader(caller=self._caller(handle, at), spoken=self._spoken)
        if answer.private:
            return _found_message(reader, answer)
        theirs = {answer.item.native_id, _target(answer.item)}
        since = max(int(answer.item.native_id), snowflake(answer.approved_at - _SKEW))
        ours = [entry for entry in _own_posts(reader, str(since)) if theirs & _answered(entry)]
        same = [entry for entry in ours if same_words(_bare(_words(entry)), _bare(answer.text))]
        if len(ours) > 1 and len(same) != 1:
            detail = f"{len(ours)} posts of ours answer {answer.item.native_id}: see which one it is"
            raise CannotTell(NAME, detail, handle=handle.handle)
        for entry in same or ours:
            return Posted(native_id=str(entry["id"]), permalink=_permalink(handle, str(entry["id"])))
        return None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our post; X takes no direct message back from whom it was sent to."""
        if not posted.permalink:
            raise DefiniteNo(NAME, "a direct message cannot be taken back", handle=handle.handle)
        caller = self._caller(handle, at)
        try:
            caller.ask("DELETE", f"/2/tweets/{posted.native_id}")
        except Gone:
            return
        caller.spend(_DELETED)

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Hide an answer in a conversation that we began, or show it again."""
        if item.visibility is Visibility.PRIVATE or not item.parent_id:
            raise DefiniteNo(NAME, "X hides answers only, not posts and messages", handle=handle.handle)
        caller = self._caller(handle, at)
        try:
            caller.ask("PUT", f"/2/tweets/{_target(item)}/hidden", json_body={"hidden": hidden})
        except RateLimited as error:
            raise DefiniteNo(NAME, error.detail, handle=handle.handle, again_at=error.retry_at) from None
        except Broke as error:
            raise DefiniteNo(NAME, error.detail, handle=handle.handle) from None
        except Refused:
            detail = "X hides only answers in a conversation that we began (scope tweet.moderate.write)"
            raise DefiniteNo(NAME, detail, handle=handle.handle) from None
        caller.spend(_HIDDEN)

    def _request(self, caller: Caller, answer: Answer) -> tuple[Mapping[str, str], str, Mapping[str, object]]:
        """Return the secret's fields, the path and the body of the POST."""
        where = caller.handle.handle
        try:
            fields = caller.fields
        except Refused as error:
            raise DefiniteNo(NAME, error.detail, handle=where) from None
        if not answer.private:
            replied = {"in_reply_to_tweet_id": _target(answer.item)}
            return fields, "/2/tweets", {"text": answer.text, "reply": replied}
        if fields.get("scope") and "dm.write" not in fields["scope"].split():
            detail = f"secret {caller.handle.secret} lacks the scope dm.write: connect the account again"
            raise DefiniteNo(NAME, detail, handle=where)
        path = f"/2/dm_conversations/with/{_participant(answer.item)}/messages"
        return fields, path, {"text": answer.text}

    def _renewed(self, caller: Caller, fields: Mapping[str, str]) -> None:
        """Get a new token after X refused the old one, so that the next attempt has it."""
        where = caller.handle.handle
        try:
            caller.renew(fields)
        except Refused as error:
            raise DefiniteNo(NAME, error.detail, handle=where) from None
        except (Unreachable, Malformed) as error:
            raise DefiniteNo(NAME, error.detail, handle=where, again_at=caller.at + SOON) from None
        raise DefiniteNo(NAME, _WORDS[401], handle=where, again_at=caller.at)

    def _caller(self, handle: Handle, at: datetime) -> Caller:
        return Caller(credentials=self._credentials, http=self._http, handle=handle, at=at, meter=self._meter)


def _judge(reply: Reply, answer: Answer, handle: Handle, at: datetime) -> None:
    """Return when X has it; raise what anything else means."""
    where, kind, said = handle.handle, problem_of(reply.body), detail_of(reply.body)
    if reply.status == HTTPStatus.PAYMENT_REQUIRED or kind == "usage-capped":
        detail = "X wants money before it takes another post: see credits and limits in its developer console"
        raise DefiniteNo(NAME, detail, handle=where)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        again_at = window_end(reply.headers, at)
        raise DefiniteNo(NAME, "X takes no more of our posts for now", handle=where, again_at=again_at)
    if reply.status == HTTPStatus.FORBIDDEN and "duplicate" in said:
        detail = f"X says that we posted this text lately ({told_by(reply)}): it may be this very answer"
        raise Unreachable(NAME, detail, handle=where)
    words = _WORDS_IN_PRIVATE if answer.private else _WORDS
    if ours := next((ours for theirs, ours in _SAID_OF if theirs in said), ""):
        words = {**words, 400: ours, 403: ours}
    judged(reply, NAME, handle=where, at=at, words=words)


def _posted(reply: Reply, answer: Answer, handle: Handle) -> Posted:
    data = loads(reply.body, handle=handle.handle).get("data")
    name = "dm_event_id" if answer.private else "id"
    native_id = cast("Json", data).get(name) if isinstance(data, dict) else None
    if not is_id(native_id):
        raise Malformed(NAME, "X took the answer and tells no id", handle=handle.handle, field=name)
    permalink = "" if answer.private else _permalink(handle, str(native_id))
    return Posted(native_id=str(native_id), permalink=permalink)


def _own_posts(reader: Reader, since: str) -> Iterator[Json]:
    token: str | None = None
    for _ in range(_PAGES):
        entries, token = reader.own_posts(since, token)
        yield from (
            cast("Json", each) for each in entries if isinstance(each, dict) and is_id(each.get("id"))
        )
        if token is None:
            return
    detail = "we posted too much since then to look through it: see at X whether the answer is out"
    raise CannotTell(NAME, detail, handle=reader.handle.handle)


def _found_message(reader: Reader, answer: Answer) -> Posted | None:
    since = answer.approved_at - _SKEW
    for entry in reader.own_messages(_participant(answer.item)):
        event = cast("Json", entry) if isinstance(entry, dict) else {}
        event_id = str(event.get("id"))
        said_at = told_by_id(event_id) if is_id(event_id) else None
        ours = event.get("sender_id") == reader.handle.native_id and said_at is not None and said_at >= since
        if ours and same_words(_bare(_words(event)), _bare(answer.text)):
            return Posted(native_id=event_id)
    return None


def _answered(entry: Json) -> set[str]:
    """Return the ids of the posts that one of ours answers."""
    references = entry.get("referenced_tweets") or entry.get("referenced_posts")
    return {
        str(each.get("id"))
        for each in cast("list[object]", references if isinstance(references, list) else [])
        if isinstance(each, dict) and each.get("type") == "replied_to"
    }


def _words(entry: Json) -> str:
    note = entry.get("note_tweet") or entry.get("note_post")
    whole = cast("Json", note).get("text") if isinstance(note, dict) else entry.get("text")
    text = whole if isinstance(whole, str) else ""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _bare(text: str) -> str:
    """Return a text without what X adds or rewrites: names at its beginning, and every address."""
    for link in reversed(links(text)):
        text = f"{text[: link.start]}\0{text[link.end :]}"
    return re.sub(r"^(?:@\w+\s+)+", "", text)


def _target(item: Item) -> str:
    """Return the post to answer: the newest version that we know of."""
    return item.answer_needs.get("post_id") or item.native_id


def _participant(item: Item) -> str:
    return item.answer_needs.get("participant_id") or item.author.author_id


def _permalink(handle: Handle, post_id: str) -> str:
    return f"https://x.com/{handle.handle.lstrip('@')}/status/{post_id}"


def _yes(reason: str) -> Permission:
    return Permission(allowed=True, reason=reason)


def _no(reason: str) -> Permission:
    return Permission(allowed=False, reason=reason)
