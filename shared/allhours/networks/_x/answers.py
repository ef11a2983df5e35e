"""Answer on X: in public where X allows it, by direct message, and find again what was sent.

Written from docs.x.com: x-api/posts (create, delete, hide replies), x-api/direct-messages,
counting-characters, getting-started/pricing, and from the errors that clients have seen. X has no key that
makes a repeated post the same post; what stands against a second one is that we look at our own posts first.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.domain.item import Change, Visibility
from allhours.networks._links import links
from allhours.networks._x.api import Reader, Vocabulary
from allhours.networks._x.call import Broke, Caller, Gone, detail_of, problem_of, told_by, window_end
from allhours.networks._x.found import found_message, found_post, participant_of, target_of
from allhours.networks._x.length import X_RULES, weighted_length
from allhours.networks._x.posts import NAME, Json, gone_ids, is_id, loads
from allhours.networks.answering import DEFINITE, SOON, judged, post_once, refused
from allhours.networks.contract import Cost, DefiniteNo, Length, Permission, Posted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials, Meter
    from allhours.networks.http import Http, Reply

_LONGEST_MESSAGE = 10_000  # characters; the unit is UNCONFIRMED, so the larger count of UTF-16 is kept
_WITH_LINK, _SUMMONED, _POSTED, _MESSAGE, _HIDDEN, _DELETED = 0.200, 0.010, 0.015, 0.015, 0.005, 0.010
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
            return refused("the author deleted it")
        if never := _never(handle, item, private=private):
            return refused(never)
        if private:
            if item.visibility is Visibility.PRIVATE:
                return _yes("a direct message to whoever wrote us one")
            return _yes("a direct message, if the author takes ours: X tells when we send")
        if handle.settings.get("tier") == "enterprise":
            return _yes("enterprise access may answer everybody")
        engaged = item.answer_needs.get("engaged", "") if handle.handle == item.handle else ""
        if handle.handle != item.handle and handle.handle in item.addressed:
            engaged = "mentioned"
        if not engaged:
            return refused(
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
        _allow(handle, answer)
        self._caller(handle, at).renew_when_due()
        return answer

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST; a refusal as a duplicate is a doubt, for it may be this very answer."""
        _allow(handle, answer)
        caller = self._caller(handle, at)
        fields, path, body = self._request(caller, answer)
        # before the call: a function that ends in it has counted it
        caller.spend(self.cost(answer.text, answer.item, private=answer.private).usd)
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
        return _posted(reply, answer, handle)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Look at our own posts, or at the messages with this person, since the approval.

        The day's ceiling for paid reads does not hold this back. `CannotTell` when X did not show all of it.
        """
        reader = Reader(caller=self._caller(handle, at), spoken=self._spoken)
        if not is_id(handle.native_id):
            raise Refused(NAME, "the organisation file has no native_id for it", handle=handle.handle)
        if answer.private:
            native_id, permalink = found_message(reader, answer), ""
        else:
            native_id = found_post(reader, answer)
            permalink = _permalink(handle, native_id)
        return Posted(native_id=native_id, permalink=permalink) if native_id else None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our post; X takes no direct message back from whom it was sent to."""
        if not posted.permalink:
            raise DefiniteNo(NAME, "a direct message cannot be taken back", handle=handle.handle)
        if not is_id(posted.native_id):
            raise DefiniteNo(NAME, "it is no post of ours", handle=handle.handle)
        caller = self._caller(handle, at)
        caller.spend(_DELETED)
        try:
            told = caller.ask("DELETE", f"/2/tweets/{posted.native_id}")
        except (
            Gone
        ):  # a block page or a wrong address says nothing of the post: X has to show that it is gone
            if posted.native_id in gone_ids(caller.get("/2/tweets", {"ids": posted.native_id})):
                return
            raise
        if not _says(told, "deleted"):
            raise Malformed(NAME, "X does not say that it deleted it", handle=handle.handle, field="deleted")

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """Hide an answer in a conversation that we began, or show it again."""
        if item.visibility is Visibility.PRIVATE or not item.parent_id:
            raise DefiniteNo(NAME, "X hides answers only, not posts and messages", handle=handle.handle)
        caller = self._caller(handle, at)
        caller.spend(_HIDDEN)
        try:
            told = caller.ask("PUT", f"/2/tweets/{target_of(item)}/hidden", json_body={"hidden": hidden})
        except RateLimited as error:
            raise DefiniteNo(NAME, error.detail, handle=handle.handle, again_at=error.retry_at) from None
        except Broke as error:
            raise DefiniteNo(NAME, error.detail, handle=handle.handle) from None
        except Refused:
            detail = "X hides only answers in a conversation that we began (scope tweet.moderate.write)"
            raise DefiniteNo(NAME, detail, handle=handle.handle) from None
        if _says(told, "hidden") is not hidden:
            raise Malformed(NAME, "X does not say that it did so", handle=handle.handle, field="hidden")

    def _request(self, caller: Caller, answer: Answer) -> tuple[Mapping[str, str], str, Mapping[str, object]]:
        """Return the secret's fields, the path and the body of the POST."""
        where = caller.handle.handle
        try:
            fields = caller.fields
        except Refused as error:
            raise DefiniteNo(NAME, error.detail, handle=where) from None
        if not answer.private:
            replied = {"in_reply_to_tweet_id": target_of(answer.item)}
            return fields, "/2/tweets", {"text": answer.text, "reply": replied}
        if fields.get("scope") and "dm.write" not in fields["scope"].split():
            detail = f"secret {caller.handle.secret} lacks the scope dm.write: connect the account again"
            raise DefiniteNo(NAME, detail, handle=where)
        path = f"/2/dm_conversations/with/{participant_of(answer.item)}/messages"
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
    capped = kind == "usage-capped" and reply.status in DEFINITE
    if reply.status == HTTPStatus.PAYMENT_REQUIRED or capped:
        detail = "X wants money before it takes another post: see credits and limits in its developer console"
        raise DefiniteNo(NAME, detail, handle=where)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        again_at = window_end(reply.headers, at)
        raise DefiniteNo(NAME, "X takes no more of our posts for now", handle=where, again_at=again_at)
    if reply.status == HTTPStatus.FORBIDDEN and b"duplicate" in reply.body.lower():
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


def _permalink(handle: Handle, post_id: str) -> str:
    return f"https://x.com/{handle.handle.lstrip('@')}/status/{post_id}"


def _never(handle: Handle, item: Item, *, private: bool) -> str:
    """Return why the item must not be answered so, whoever asks; "" when it may."""
    if item.network != NAME:
        return "it was not said on X"
    if not private:
        return "it was said in private: answer in private" if item.visibility is Visibility.PRIVATE else ""
    if item.visibility is Visibility.PRIVATE and item.handle != handle.handle:
        return f"it was said to {item.handle} in private: answer from there"
    return "" if is_id(participant_of(item)) else "X does not tell who wrote it, so nobody can be written to"


def _allow(handle: Handle, answer: Answer) -> None:
    """Raise `DefiniteNo` before anything is asked, where an answer would reach whom it must not reach."""
    if never := _never(handle, answer.item, private=answer.private):
        raise DefiniteNo(NAME, never, handle=handle.handle)


def _says(document: Json, name: str) -> object:
    data = document.get("data")
    return cast("Json", data).get(name) if isinstance(data, dict) else None


def _yes(reason: str) -> Permission:
    return Permission(allowed=True, reason=reason)
