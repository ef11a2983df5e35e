"""Answer on Mastodon: never wider than what is answered, and find again what was sent.

Written from docs.joinmastodon.org: methods/statuses (create, delete, context), methods/accounts (statuses),
api/rate-limits, and from how two different servers of this API behave. The answer names the person, for
without `@name` nobody is told of it. Its `Idempotency-Key` is the reply's id; servers forget it after an hour
and some ignore it, so from fifty minutes on we look at the thread before we post.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import regex

from allhours.domain.errors import Malformed, Refused
from allhours.domain.item import Change, Visibility
from allhours.networks._links import links
from allhours.networks._mastodon.found import MENTION, as_posted, found, our_id
from allhours.networks._mastodon.posts import NETWORK, loads
from allhours.networks._mastodon.server import USUAL_LIMITS, listens_again, server_of
from allhours.networks.answering import judged, post_once
from allhours.networks.contract import Cost, DefiniteNo, Length, Permission, Posted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http, Reply

_KEY_HOLDS = timedelta(minutes=50)  # of the hour that Mastodon keeps a key
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

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:  # noqa: ARG002 - there is no window
        """Return whether the item can be answered; who blocked us is known only when we send."""
        if refusal := _refusal(handle, item, private=private):
            return Permission(allowed=False, reason=refusal)
        if private:
            reason = "a direct status that only the author sees; administrators of both servers can read it"
            return Permission(allowed=True, reason=reason)
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
        _allow(handle, answer)
        fixed = {
            "status": _named(answer.text, answer.item),
            "visibility": "direct" if answer.private else _visibility(answer.item),
            "key": answer.reply_id,
        }
        return replace(answer, fixed=MappingProxyType(fixed))

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Make the one POST; look first when the server may have forgotten the key."""
        _allow(handle, answer)
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
        """Look below the post, then at our own newest statuses, for what answers it since the approval."""
        body = found(server_of(self._credentials, self._http, handle, at), answer)
        return as_posted(body) if body else None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our status; other servers may keep their copies."""
        server = server_of(self._credentials, self._http, handle, at)
        path = f"/api/v1/statuses/{quote(posted.native_id, safe='')}"
        address = f"{handle.base_url}{path}"
        reply = self._http.call(NETWORK, "DELETE", address, handle=handle.handle, headers=server.headers)
        if reply.status == HTTPStatus.OK:
            return
        if reply.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            raise server.error(path, reply)
        our_id(server)  # another account, or a server that is none, knows nothing of our status
        if server.get(path):
            detail = "the server deletes it not, though it is there: delete it by hand"
            raise Refused(NETWORK, detail, handle=handle.handle)


def graphemes(text: str, *, link: int = USUAL_LIMITS["characters_reserved_per_url"]) -> int:
    """Return how long Mastodon counts a text: what a reader sees as characters, links and names shortened."""
    for each in reversed(links(text)):
        if text[each.start :].lower().startswith("http"):
            text = text[: each.start] + "x" * link + text[each.end :]
    return len(_GRAPHEME.findall(MENTION.sub(r"@\1", text)))


def _refusal(handle: Handle, item: Item, *, private: bool) -> str:
    """Return why the item must not be answered so, "" when it may."""
    if item.change is Change.DELETED:
        return "the author deleted it"
    if item.network != NETWORK or item.handle != handle.handle:  # its id is another post's on another server
        return f"it was said to {item.handle}: answer from there"
    if not item.answer_needs.get("status_id") or not item.answer_needs.get("acct"):
        return "it is not known on our own server: answer by hand"
    if item.visibility is Visibility.PRIVATE and not private:
        return "it was said in private: answer in private"
    return ""


def _allow(handle: Handle, answer: Answer) -> None:
    """Raise `DefiniteNo` before anything is asked, where an answer would reach whom it must not reach."""
    if refusal := _refusal(handle, answer.item, private=answer.private):
        raise DefiniteNo(NETWORK, refusal, handle=handle.handle)


def _named(text: str, item: Item) -> str:
    """Return the answer as it is sent: it names the author, or the author would not be told."""
    acct = item.answer_needs.get("acct", "")
    names = {found[0].removeprefix("@").lower() for found in MENTION.finditer(text)}
    return text if acct.lower() in names or not acct else f"@{acct} {text}"


def _others(text: str, item: Item) -> list[str]:
    """Return whom else a text names: a direct status goes to everybody in it."""
    acct = item.answer_needs.get("acct", "").lower()
    return [found[0] for found in MENTION.finditer(text) if found[0].removeprefix("@").lower() != acct]


def _visibility(item: Item) -> str:
    """Return the visibility of an answer: its parent's own."""
    return item.answer_needs.get("visibility", "direct")


def _posted(reply: Reply, handle: Handle) -> Posted:
    try:
        body = loads(reply.body)
    except ValueError:
        body = None
    posted = as_posted(cast("dict[str, object]", body)) if isinstance(body, dict) else Posted(native_id="")
    if not posted.native_id:
        raise Malformed(
            NETWORK, "the server took the answer and tells no id", handle=handle.handle, field="id"
        )
    return posted
