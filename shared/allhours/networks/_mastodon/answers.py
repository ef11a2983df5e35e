"""Answer on Mastodon: never wider than what is answered, and find again what was sent.

Written from docs.joinmastodon.org: methods/statuses (create, delete, context), methods/accounts (statuses),
api/rate-limits, and from how two different servers of this API behave. The answer names the person, for
without `@name` nobody is told of it. Its `Idempotency-Key` is the reply's id; servers forget it after an hour
and some ignore it, so from fifty minutes on we look at the thread before we post.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import regex

from allhours.domain.errors import Malformed, Refused
from allhours.domain.item import Change, Visibility
from allhours.domain.plain_text import from_html
from allhours.networks._links import links
from allhours.networks._mastodon.posts import NETWORK, loads
from allhours.networks._mastodon.server import USUAL_LIMITS, Server, listens_again, server_of
from allhours.networks.answering import judged, post_once, same_words
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http, Reply

_KEY_HOLDS = timedelta(minutes=50)  # of the hour that Mastodon keeps a key
_SKEW = timedelta(minutes=1)  # between our clock at the approval and the server's
_PAGE, _PAGES = "40", 5  # of our own statuses since the approval
_MENTION = re.compile(r"(?<![=/\w])@([a-z0-9_]+(?:[.-]+[a-z0-9_]+)*)(@[\w.-]*\w)?", re.IGNORECASE)
_GRAPHEME = regex.compile(r"\X")
_WORDS: Mapping[int, str] = {
    400: "the server does not take this text: shorten or change it",
    401: "the token in the secret is not valid: connect the account again",
    403: "the server lets this account write nothing: see that the token has write:statuses and the account "
    "is neither suspended nor unconfirmed",
    404: "the post is gone, or its author has blocked us",
    410: "the post is gone",
    413: "the server does not take this text: it is too long",
    422: "the server does not take this text: shorten or change it",
}


class Answers:
    """Mastodon for whoever answers, whichever server the handle is on."""

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Ask nothing yet."""
        self._credentials = credentials
        self._http = http

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:  # noqa: ARG002 - every handle may answer, at any time
        """Return whether the item can be answered; who blocked us is known only when we send."""
        if item.change is Change.DELETED:
            return Permission(allowed=False, reason="the author deleted it")
        if not item.answer_needs.get("status_id") or not item.answer_needs.get("acct"):
            return Permission(allowed=False, reason="it is not known on our own server: answer by hand")
        if private:
            reason = "a direct status that only the author sees; administrators of both servers can read it"
            return Permission(allowed=True, reason=reason)
        if item.visibility is Visibility.PRIVATE:
            return Permission(allowed=False, reason="it was said in private: answer in private")
        return Permission(allowed=True, reason=f"seen as far as the post itself: {_visibility(item)}")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:  # noqa: ARG002 - one rule for both
        """Return the length as the server counts it, with the name that the answer begins with."""
        needs = item.answer_needs
        allowed, link = (int(needs.get(name) or usual) for name, usual in USUAL_LIMITS.items())
        used = graphemes(_named(text, item), link=link)
        unit = f"graphemes (a link is {link}, @user@host counts as @user)"
        return (Length(used=used, allowed=allowed, unit=unit, least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:  # noqa: ARG002 - nothing costs anything here
        """Return that it costs nothing."""
        return Cost(why="Mastodon charges nothing")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:  # noqa: ARG002 - nothing is asked
        """Fix text, visibility and idempotency key."""
        fixed = {
            "status": _named(answer.text, answer.item),
            "visibility": "direct" if answer.private else _visibility(answer.item),
            "key": answer.reply_id,
        }
        return replace(answer, fixed=MappingProxyType(fixed))

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST; look first when the server may have forgotten the key."""
        text, visibility, key = (answer.fixed[name] for name in ("status", "visibility", "key"))
        if visibility == "direct" and (others := _others(text, answer.item)):
            detail = f"a private answer would also be shown to {', '.join(others)}: leave the names out"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle)
        if at - answer.approved_at >= _KEY_HOLDS and (posted := self.find(handle, answer, at=at)):
            return posted
        try:
            server = server_of(self._credentials, self._http, handle, at)
            reply = post_once(
                self._http,
                NETWORK,
                "POST",
                f"{handle.base_url}/api/v1/statuses",
                handle=handle.handle,
                at=at,
                headers={**server.headers, "Idempotency-Key": key},
                json_body={
                    "status": text,
                    "in_reply_to_id": answer.item.answer_needs["status_id"],
                    "visibility": visibility,
                },
            )
        except Refused as error:
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle) from None
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            detail = "the server takes no more of our posts for now"
            again_at = listens_again(reply.headers, at)
            raise DefiniteNo(NETWORK, detail, handle=handle.handle, again_at=again_at)
        judged(reply, NETWORK, handle=handle.handle, at=at, words=_WORDS)
        return _posted(reply, handle)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Look below the post, then at our own newest statuses, for what answers it since the approval.

        One is it, whatever the server made of its text; of several it is the one with our words.
        """
        server = server_of(self._credentials, self._http, handle, at)
        me = handle.native_id or _id_of(server)
        ours = [body for body in _below(server, answer) if _is_ours(body, answer, me)]
        if not ours:
            ours = [body for body in _own(server, answer, me) if _is_ours(body, answer, me)]
        same = [body for body in ours if same_words(_bare(_text(body)), _bare(answer.text))]
        if len(ours) > 1 and len(same) != 1:
            detail = f"{len(ours)} posts of ours answer {answer.item.native_id}: see which one it is"
            raise CannotTell(NETWORK, detail, handle=handle.handle)
        return next((_as_posted(body) for body in same or ours), None)

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our status; other servers may keep their copies."""
        server = server_of(self._credentials, self._http, handle, at)
        path = f"/api/v1/statuses/{quote(posted.native_id, safe='')}"
        address = f"{handle.base_url}{path}"
        reply = self._http.call(NETWORK, "DELETE", address, handle=handle.handle, headers=server.headers)
        if reply.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise server.error(path, reply)


def graphemes(text: str, *, link: int = USUAL_LIMITS["characters_reserved_per_url"]) -> int:
    """Return how long Mastodon counts a text: what a reader sees as characters, links and names shortened."""
    for found in reversed(links(text)):
        if text[found.start :].lower().startswith("http"):
            text = text[: found.start] + "x" * link + text[found.end :]
    return len(_GRAPHEME.findall(_MENTION.sub(r"@\1", text)))


def _named(text: str, item: Item) -> str:
    """Return the answer as it is sent: it names the author, or the author would not be told."""
    acct = item.answer_needs.get("acct", "")
    names = {found[0].removeprefix("@").lower() for found in _MENTION.finditer(text)}
    return text if acct.lower() in names or not acct else f"@{acct} {text}"


def _others(text: str, item: Item) -> list[str]:
    """Return whom else a text names: a direct status goes to everybody in it."""
    acct = item.answer_needs.get("acct", "").lower()
    return [found[0] for found in _MENTION.finditer(text) if found[0].removeprefix("@").lower() != acct]


def _visibility(item: Item) -> str:
    """Return the visibility of an answer: its parent's own."""
    return item.answer_needs.get("visibility", "direct")


def _posted(reply: Reply, handle: Handle) -> Posted:
    try:
        body = loads(reply.body)
    except ValueError:
        body = None
    posted = _as_posted(cast("dict[str, object]", body)) if isinstance(body, dict) else Posted(native_id="")
    if not posted.native_id:
        raise Malformed(
            NETWORK, "the server took the answer and tells no id", handle=handle.handle, field="id"
        )
    return posted


def _as_posted(body: Mapping[str, object]) -> Posted:
    native_id, url = body.get("id"), body.get("url")
    return Posted(
        native_id=native_id if isinstance(native_id, str) else "",
        permalink=url if isinstance(url, str) else "",
    )


def _below(server: Server, answer: Answer) -> Iterator[Mapping[str, object]]:
    """Yield what stands in the thread below the post; nothing when the post is gone."""
    told = server.get(f"/api/v1/statuses/{quote(answer.item.answer_needs['status_id'], safe='')}/context")
    body = told.body if told else None
    yield from _objects(body.get("descendants") if isinstance(body, dict) else None)


def _own(server: Server, answer: Answer, me: str) -> Iterator[Mapping[str, object]]:
    """Yield our own statuses since the approval, newest first."""
    path, older = f"/api/v1/accounts/{quote(me, safe='')}/statuses", ""
    for _ in range(_PAGES):
        params = [("limit", _PAGE), ("exclude_reblogs", "true"), *([("max_id", older)] if older else [])]
        listed = server.list_of(path, *params)
        bodies = list(_objects(listed[0] if listed else None))
        yield from bodies
        if not bodies or not _since(bodies[-1], answer):
            return
        older = _as_posted(bodies[-1]).native_id
    detail = "we posted too much since then to look through it: see at the server whether the answer is out"
    raise CannotTell(NETWORK, detail, handle=server.handle.handle)


def _is_ours(body: Mapping[str, object], answer: Answer, me: str) -> bool:
    """Return whether a status is ours, answers the item, and came after the approval."""
    account = body.get("account")
    by_us = isinstance(account, dict) and account.get("id") == me
    if not by_us or not _as_posted(body).native_id or not _since(body, answer):
        return False
    target = body.get("in_reply_to_id")
    if target is None:  # some servers cut the thread when its parent is deleted
        return same_words(_bare(_text(body)), _bare(answer.text))
    return target == answer.item.answer_needs["status_id"]


def _since(body: Mapping[str, object], answer: Answer) -> bool:
    try:
        return instant_of(str(body.get("created_at"))) >= answer.approved_at - _SKEW
    except (ValueError, OverflowError):
        return True


def _text(body: Mapping[str, object]) -> str:
    content = body.get("content")
    return from_html(content) if isinstance(content, str) else ""


def _bare(text: str) -> str:
    """Return a text without names and addresses, which servers show in their own ways."""
    for found in reversed(links(text)):
        text = f"{text[: found.start]}\0{text[found.end :]}"
    return _MENTION.sub("", text)


def _objects(value: object) -> Iterator[Mapping[str, object]]:
    for each in cast("list[object]", value) if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield cast("dict[str, object]", each)


def _id_of(server: Server) -> str:
    told = server.get("/api/v1/accounts/verify_credentials")
    me = _as_posted(cast("dict[str, object]", told.body)) if told and isinstance(told.body, dict) else None
    if me is None or not me.native_id:
        raise server.malformed("/api/v1/accounts/verify_credentials", "does not tell who we are")
    return me.native_id
