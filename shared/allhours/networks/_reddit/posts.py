"""Reddit's JSON in our terms: comments and posts, wherever they stand; foreign JSON stops here.

Reasons for a `Skipped`: `OWN_POST`, `GONE` (deleted by its author before we read it), `REMOVED` (by a
moderator), `PRIVATE_MESSAGE` (no API answers those), `SITE_BOT` (AutoModerator's boilerplate), `NO_POST`
(accounts, subreddits, "load more").
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import plain
from allhours.networks.contract import LONGEST_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.handle import Handle

NETWORK = "reddit"
SITE = "https://www.reddit.com"

OWN_POST = "own post"
GONE = "deleted before we read it"
REMOVED = "removed by moderators"
PRIVATE_MESSAGE = "private message: Reddit lets no app answer it"
SITE_BOT = "a bot of the site"
NO_POST = "not a comment or post"
REASONS = (OWN_POST, GONE, REMOVED, PRIVATE_MESSAGE, SITE_BOT, NO_POST)

_BOTS = frozenset({"automoderator"})
_GONE = "[deleted]"
_REMOVED = frozenset({"[removed]", "[ removed by reddit ]"})
_FULLNAME = re.compile(r"t[1-6]_[0-9a-z]{1,16}")
_LINK = re.compile(r"/comments/([0-9a-z]{1,16})/")
_NAME = re.compile(r"[^\s/]{1,100}")
_EVERYBODY = frozenset({"", "public", "restricted", "archived"})
_KINDS = MappingProxyType(
    {"username_mention": Kind.MENTION, "comment_reply": Kind.REPLY, "post_reply": Kind.COMMENT}
)


class _WrongError(Exception):
    """A field is missing or not what Reddit documents."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field, detail)
        self.field = field
        self.detail = detail


def our_name(handle: Handle) -> str:
    """Return the account's bare name in small letters: `u/AcmeBank` is `acmebank`."""
    return handle.handle.lstrip("/@").casefold().removeprefix("u/")


def heard_thing(thing: object, handle: Handle, at: datetime) -> Heard:
    """Return what one `{"kind", "data"}` says."""
    kind = thing.get("kind") if isinstance(thing, dict) else None
    body = thing.get("data") if isinstance(thing, dict) else None
    if not isinstance(body, dict):
        return Unreadable(
            network=NETWORK, handle=handle.handle, native_id="", field="data", detail="an object was expected"
        )
    name = fullname_of(thing)
    if kind == "t4":
        return Skipped(network=NETWORK, native_id=name, reason=PRIVATE_MESSAGE)
    if kind not in ("t1", "t3"):  # a tuple, for it may be what no set can hold
        return Skipped(network=NETWORK, native_id=name, reason=NO_POST)
    try:
        return _said(kind, body, handle, at)
    except _WrongError as wrong:
        return Unreadable(
            network=NETWORK, handle=handle.handle, native_id=name, field=wrong.field, detail=wrong.detail
        )


def _said(kind: str, body: Mapping[str, object], handle: Handle, at: datetime) -> Heard:
    name = _fullname(body, "name")
    author, words = _optional(body, "author"), _words(kind, body)
    if lost := _lost(author, words, body):
        return Skipped(network=NETWORK, native_id=name, reason=lost)
    author_id = _optional(body, "author_fullname") or author.casefold()
    if author.casefold() == our_name(handle) or author_id == handle.native_id:
        return Skipped(network=NETWORK, native_id=name, reason=OWN_POST)
    if author.casefold() in _BOTS:
        return Skipped(network=NETWORK, native_id=name, reason=SITE_BOT)
    if not _NAME.fullmatch(author):
        raise _WrongError("author", "no name of an account")
    link_id = name if kind == "t3" else _link_id(body)
    parent_id = "" if kind == "t3" else _fullname(body, "parent_id")
    edited_at = _edited(body)
    told_as = _KINDS.get(_optional(body, "type"))
    named = f"u/{our_name(handle)}" in words.casefold()
    needs = {"thing_id": name, "link_id": link_id, "subreddit": _optional(body, "subreddit")}
    needs |= {state: "yes" for state in ("locked", "archived") if body.get(state) is True}
    return Item(
        network=NETWORK,
        native_id=name,
        account=handle.account,
        handle=handle.handle,
        conversation_id=f"{link_id}:{author_id}",
        author=Author(author_id=author_id, handle=f"u/{author}"),
        created_at=min(_instant(body, "created_utc"), at),
        kind=told_as or _kind(kind, parent_id),
        text=plain(words),
        change=Change.EDITED if edited_at else Change.SAID,
        version=edited_at,
        visibility=Visibility.PUBLIC
        if _optional(body, "subreddit_type") in _EVERYBODY
        else Visibility.FOLLOWERS,
        parent_id=parent_id,
        permalink=_permalink(body),
        addressed=(handle.handle,) if told_as or named else (),
        attachments=_attachments(kind, body),
        answer_needs=MappingProxyType(needs),
    )


def _lost(author: str, words: str, body: Mapping[str, object]) -> str:
    """Return why there is nothing to read: the author or the words are gone."""
    if words.strip().casefold() in _REMOVED or body.get("removed_by_category") == "moderator":
        return REMOVED
    return GONE if author in {"", _GONE} or words.strip() == _GONE else ""


def _kind(kind: str, parent_id: str) -> Kind:
    if kind == "t3":
        return Kind.POST
    return Kind.COMMENT if parent_id.startswith("t3_") else Kind.REPLY


def _words(kind: str, body: Mapping[str, object]) -> str:
    """Return a comment's Markdown, or a post's title and text; `[deleted]` alone where the text is gone."""
    if kind == "t1":
        if "body" not in body:
            raise _WrongError("body", "missing")
        return _prose(body, "body")
    text = _prose(body, "selftext")
    if text.strip().casefold() in {_GONE, *_REMOVED}:
        return text
    return "\n\n".join(part for part in (_prose(body, "title"), text) if part)


def _link_id(body: Mapping[str, object]) -> str:
    """Return the post a comment stands under: listings name it, the inbox only has it in an address."""
    if body.get("link_id") is not None:
        return _fullname(body, "link_id")
    found = _LINK.search(_optional(body, "context"))
    if found:
        return f"t3_{found[1]}"
    parent = _fullname(body, "parent_id")
    if parent.startswith("t3_"):
        return parent
    raise _WrongError("link_id", "missing, and context names no post")


def _permalink(body: Mapping[str, object]) -> str:
    path = _optional(body, "permalink") or _optional(body, "context").partition("?")[0]
    return f"{SITE}{path}" if path.startswith(("/r/", "/user/")) else ""


def _attachments(kind: str, body: Mapping[str, object]) -> tuple[str, ...]:
    """Return where a link post leads."""
    url = body.get("url")
    if kind != "t3" or body.get("is_self") is True or not isinstance(url, str):
        return ()
    fits = len(url) <= LONGEST_ADDRESS and url.isprintable() and url.startswith(("https://", "http://"))
    return (url,) if fits else ()


def _prose(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongError(name, f"a text was expected, not {type(value).__name__}")
    return value


def _optional(body: Mapping[str, object], name: str) -> str:
    value = _prose(body, name)
    if len(value) > LONGEST_ADDRESS // 2 or not value.isprintable():
        raise _WrongError(name, "too long, or characters that no id or address has")
    return value


def _fullname(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not _FULLNAME.fullmatch(value):
        raise _WrongError(name, "no full name such as t1_abc")
    return value


def _instant(body: Mapping[str, object], name: str) -> datetime:
    """Return seconds since 1970, which Reddit writes as a float."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongError(name, "seconds since 1970 were expected")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):
        raise _WrongError(name, "no instant") from None


def _edited(body: Mapping[str, object]) -> int:
    """Return when it was last edited, in whole seconds; `false`, or true of very old ones, is 0."""
    if body.get("edited") is None or isinstance(body["edited"], bool):
        return 0
    return int(_instant(body, "edited").timestamp())


def fullname_of(thing: object) -> str:
    """Return the full name of a thing, or nothing."""
    body = thing.get("data") if isinstance(thing, dict) else None
    name = body.get("name") if isinstance(body, dict) else None
    return name if isinstance(name, str) and _FULLNAME.fullmatch(name) else ""


def created_of(thing: object) -> int | None:
    """Return the second in which a thing was said, if it tells legibly."""
    body = thing.get("data") if isinstance(thing, dict) else None
    try:
        return int(_instant(body, "created_utc").timestamp()) if isinstance(body, dict) else None
    except _WrongError:
        return None


def field_of(thing: object, name: str) -> str:
    """Return a text field of a thing, or nothing."""
    body = thing.get("data") if isinstance(thing, dict) else None
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""


def became(kept: Item, thing: object, handle: Handle, at: datetime) -> Heard | None:
    """Return what changed since a post was kept: an edit, its deletion, or nothing."""
    heard = heard_thing(thing, handle, at)
    if isinstance(heard, Skipped) and heard.reason in {GONE, REMOVED}:
        return gone(kept, at)
    if isinstance(heard, Unreadable):
        return heard
    if isinstance(heard, Item) and heard.version > kept.version:
        return replace(
            heard,
            kind=kept.kind,
            conversation_id=kept.conversation_id,
            author=kept.author,
            addressed=kept.addressed,
        )
    return None


def gone(kept: Item, at: datetime) -> Item:
    """Return the deletion of a kept post, newer than any edit of it."""
    version = max(int(at.timestamp()), kept.version + 1)
    return replace(kept, change=Change.DELETED, version=version, text="", attachments=())


def things(answer: object) -> Iterator[object]:
    """Yield every thing in an answer: listings, comment trees, what a write made; no recursion."""
    waiting: list[object] = [answer]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, list):
            waiting = [*each, *waiting]
        elif not isinstance(each, dict):
            continue
        elif isinstance(each.get("json"), dict):
            made = each["json"].get("data")
            waiting = [made.get("things") if isinstance(made, dict) else None, *waiting]
        elif each.get("kind") == "Listing":
            inside = each.get("data")
            waiting = [inside.get("children") if isinstance(inside, dict) else None, *waiting]
        elif "kind" in each:
            yield each
            body = each.get("data")
            below = body.get("replies") if isinstance(body, dict) else None
            waiting = [below, *waiting] if isinstance(below, dict) else waiting


def loads(body: bytes) -> object:
    """Return the JSON in a body; `ValueError` for anything else, a tower of brackets included."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything said in an answer of Reddit's; `Malformed` for what is no JSON object or list."""
    try:
        answer = loads(body)
    except ValueError:
        raise Malformed(NETWORK, "the body is not JSON", handle=handle.handle) from None
    if not isinstance(answer, dict | list):
        raise Malformed(NETWORK, "the body is no answer of Reddit's", handle=handle.handle)
    return tuple(heard_thing(thing, handle, at) for thing in things(answer))
