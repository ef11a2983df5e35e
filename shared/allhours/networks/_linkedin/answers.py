"""Answering on LinkedIn: one comment as the page, how it is found again, and how it is taken back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed, NetworkError, Refused
from allhours.domain.item import Change, Visibility
from allhours.networks._linkedin.api import GRANT_GONE, NO_ROLE, Api, retry_at, roles
from allhours.networks._linkedin.fields import (
    NETWORK,
    WrongError,
    comment_urn,
    encoded,
    has_next,
    instant_in,
    look,
    number_of,
    page_urn,
    permalink,
    rows_in,
    thread_of,
)
from allhours.networks.answering import SOON, judged, post_once, same_words
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted, Several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials, Meter
    from allhours.networks.http import Http, Reply

LONGEST = 1_250  # characters; what several tools agree on, LinkedIn's own text was not to be seen
RESERVED = re.compile(
    r"[()\[\]{}@#*~<>_|\\]"
)  # unescaped, each may cut the text off silently (linkedctl #194)
PAGES = 5  # of comments that a look-up reads
COUNT = 100
SKEW = timedelta(minutes=5)  # between LinkedIn's clock and ours
DUE = timedelta(days=1)  # before its end a token is renewed while an answer is prepared
READERS = frozenset({"ADMINISTRATOR", "DIRECT_SPONSORED_CONTENT_POSTER"})
"""Roles that may read comments; to any other the list is empty, with status 200."""

_WORDS = {
    400: "LinkedIn does not take this text or this place: look at the post",
    401: f"{GRANT_GONE}; operations do that, then approve the answer again",
    403: f"comments may be closed on this post; else {NO_ROLE}",
    404: "the post or the comment is gone, or its author has closed comments",
    410: "the post or the comment is gone",
    413: "the text is too long for LinkedIn: make it shorter",
    422: "LinkedIn does not take this text: make it shorter, without pictures and odd characters",
}


class Answers:
    """Comment as the page, below the comment or below the post that mentions us."""

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> None:
        """Take the secrets, the line out and the count of calls."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret
        self._meter = meter

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether the page may answer: in public, and nothing that its author has taken back."""
        del handle, at  # every page may do the same at any time
        if private or item.visibility is Visibility.PRIVATE:
            reason = "LinkedIn has no private way for pages: name a contact path in a public answer"
            return Permission(allowed=False, reason=reason)
        if item.change is Change.DELETED:
            return Permission(allowed=False, reason="the author has deleted it")
        if not _target(item):
            return Permission(allowed=False, reason="LinkedIn did not say below which post it stands")
        return Permission(allowed=True, reason="a public comment by the page, once a person has approved it")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length as it is sent, escaping backslashes counted: nobody knows whether they are."""
        del item, private
        used = len(escaped(text.strip()))
        unit = "characters (brackets and @ # * ~ < > _ | \\ count twice)"
        return (Length(used=used, allowed=LONGEST, unit=unit, least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return that it takes two calls of the day's quota."""
        del text, item, private
        return Cost(units=2, why="two calls of the app's daily quota")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Renew the token if it is due, and find out below which comment it goes: notifications do not tell.

        `DefiniteNo` for an answer that no person has approved.
        """
        if not answer.by_person:
            detail = "LinkedIn's terms ask for a person's approval of each answer: approve it at the desk"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle)
        api = self._api(handle, at)
        fields = api.fields()
        if is_due(fields, at, within=DUE):
            api.renewed(fields)
        target = _target(answer.item)
        if comment := answer.item.answer_needs.get("comment", ""):
            path = f"socialActions/{encoded(thread_of(comment))}/comments/{number_of(comment)}"
            target = comment_urn(look(api.ask("GET", path, missing_ok=True), "parentComment")) or target
        return replace(answer, fixed=MappingProxyType({"target": target}))

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Comment once; there is no key, so a doubt is for `find`."""
        api, target = self._api(handle, at), answer.fixed.get("target") or _target(answer.item)
        if not target:
            raise DefiniteNo(NETWORK, "LinkedIn did not say below which post it stands", handle=handle.handle)
        fields = self._before(api.fields, handle, at)
        try:
            reply = post_once(
                self._http,
                NETWORK,
                "POST",
                api.address(f"socialActions/{encoded(target)}/comments"),
                handle=handle.handle,
                at=at,
                headers=api.headers(fields["access_token"]),
                json_body=_body(handle, answer, target),
            )
        finally:
            self._meter.spend(handle, 1)
        self._judge(api, reply, handle, fields, at)
        urn = _comment_in(reply, target)
        if not urn:
            raise Malformed(NETWORK, "a comment without an id", handle=handle.handle, field="x-restli-id")
        return Posted(native_id=urn, permalink=permalink(urn))

    def _judge(self, api: Api, reply: Reply, handle: Handle, fields: Mapping[str, str], at: datetime) -> None:
        if reply.status == 429:  # noqa: PLR2004 - Too Many Requests; the body tells which of two limits
            detail = "a limit of LinkedIn's is reached"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle, again_at=retry_at(reply, at))
        if reply.status == 426:  # noqa: PLR2004 - Upgrade Required: whoever looks for the answer is told the same
            api.judge(reply)
        if reply.status == 401 and fields.get("refresh_token"):  # noqa: PLR2004 - Unauthorized
            self._before(lambda: api.renewed(fields), handle, at)
            raise DefiniteNo(NETWORK, "the token had ended and is renewed", handle=handle.handle, again_at=at)
        judged(reply, NETWORK, handle=handle.handle, at=at, words=_WORDS)

    def _before(
        self, read: Callable[[], Mapping[str, str]], handle: Handle, at: datetime
    ) -> Mapping[str, str]:
        """Return the token's fields; without a token nothing of the answer is out, so the no is definite."""
        try:
            return read()
        except NetworkError as error:
            again = None if isinstance(error, Refused) else at + SOON
            raise DefiniteNo(NETWORK, error.detail, handle=handle.handle, again_at=again) from None

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Return our comment below the target, said since the approval; words decide between several.

        A single one with other words is the answer only where nobody but this customer is answered below the
        target, and an empty list proves nothing where the member's role may not read comments (`CannotTell`).
        """
        api, target = self._api(handle, at), answer.fixed.get("target") or _target(answer.item)
        since = answer.approved_at - SKEW
        ours = [row for row in self._comments(api, target) if _is_ours(row, page_urn(handle), since)]
        wanted = escaped(answer.text)
        alike = [
            row for row in ours if same_words(_words(row), answer.text) or same_words(_words(row), wanted)
        ]
        if len(alike) > 1:
            detail = f"the page has said the same several times below {target}: see there which one it is"
            raise Several(NETWORK, detail, handle=handle.handle, native_ids=tuple(map(_urn, alike)))
        found = alike or (ours if len(ours) == 1 and target == answer.item.native_id else [])
        if found:
            urn = _urn(found[0])
            return Posted(native_id=urn, permalink=permalink(urn))
        if ours:
            detail = f"the page has said other words below {target}: look there for answer {answer.reply_id}"
            raise CannotTell(NETWORK, detail, handle=handle.handle)
        if not {role for page, role, _member in roles(api) if page == page_urn(handle)} & READERS:
            detail = "the member's role may not read comments: look at LinkedIn, and make them ADMINISTRATOR"
            raise CannotTell(NETWORK, detail, handle=handle.handle)
        return None

    def _comments(self, api: Api, target: str) -> Iterator[Any]:
        for page in range(PAGES):
            path = f"socialActions/{encoded(target)}/comments?start={page * COUNT}&count={COUNT}"
            told = api.ask("GET", path, missing_ok=True)
            yield from rows_in(told, "elements")
            if not has_next(told, COUNT):
                return
        detail = f"more than {PAGES * COUNT} comments below {target}: look there by hand"
        raise CannotTell(NETWORK, detail)

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our comment; one that is gone already is no error."""
        thread, number = thread_of(posted.native_id), number_of(posted.native_id)
        if not thread:
            raise DefiniteNo(NETWORK, "that is no comment of LinkedIn's", handle=handle.handle)
        path = f"socialActions/{encoded(thread)}/comments/{number}?actor={encoded(page_urn(handle))}"
        self._api(handle, at).ask("DELETE", path, missing_ok=True)

    def _api(self, handle: Handle, at: datetime) -> Api:
        return Api(
            self._http,
            self._credentials,
            handle,
            app_secret=self._app_secret,
            at=at,
            meter=_Spent(self._meter),
        )


class _Spent:
    """Count calls without ever stopping one: an answer to a customer is worth more than a poll."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def room(self, handle: Handle, cost: float) -> None:
        """Let it pass; LinkedIn itself says when a quota is used up."""

    def spend(self, handle: Handle, cost: float) -> None:
        """Count what a call has cost."""
        self._meter.spend(handle, cost)


def escaped(text: str) -> str:
    """Return a text with LinkedIn's reserved characters escaped."""
    return RESERVED.sub(r"\\\g<0>", text)


def is_due(fields: Mapping[str, str], at: datetime, *, within: timedelta) -> bool:
    """Return whether an access token that can be renewed ends so soon."""
    ends = ended_at(fields.get("expires_at", ""))
    return bool(fields.get("refresh_token")) and ends is not None and ends - at < within


def ended_at(value: str) -> datetime | None:
    """Return an instant that the secret keeps as text; None where it is none."""
    try:
        ends = datetime.fromisoformat(value)
    except ValueError:
        return None
    return ends.astimezone(UTC) if ends.tzinfo else None


def _target(item: Item) -> str:
    """Return below what we comment: the comment that began the exchange, for replies are one level deep."""
    needs = item.answer_needs
    return needs.get("parent") or needs.get("comment") or next(iter(needs.get("posts", "").split()), "")


def _body(handle: Handle, answer: Answer, target: str) -> Mapping[str, object]:
    plain = handle.settings.get("escape", "yes") == "no"
    body: dict[str, object] = {
        "actor": page_urn(handle),
        "object": thread_of(target) or target,
        "message": {"text": answer.text if plain else escaped(answer.text)},
    }
    if thread_of(target):
        body["parentComment"] = target
    return body


def _comment_in(reply: Reply, target: str) -> str:
    """Return the new comment's URN: the body's, else made of the id in the header and the thread."""
    try:
        told = reply.json()
    except (ValueError, RecursionError):
        told = None
    named = comment_urn(look(told, "commentUrn")) or comment_urn(look(told, "$URN"))
    header = reply.headers.get("x-restli-id", "")
    return (
        named
        or comment_urn(header)
        or comment_urn(f"urn:li:comment:({thread_of(target) or target},{header})")
    )


def _is_ours(row: object, page: str, since: datetime) -> bool:
    if look(row, "actor") != page:
        return False
    try:
        return instant_in(look(row, "created.time"), "created.time") >= since
    except WrongError:
        return True  # undated: ours all the same


def _urn(row: object) -> str:
    return comment_urn(look(row, "commentUrn")) or comment_urn(look(row, "$URN"))


def _words(row: object) -> str:
    text = look(row, "message.text")
    return text if isinstance(text, str) else ""
