"""Discourse's JSON in our terms: posts from the webhook, the sweep, a topic or one by one.

Reasons for a `Skipped`: `OWN_POST`, `STAFF_POST`, `SYSTEM_POST` (the forum's robots), `SMALL_ACTION` ("closed
this topic"), `WHISPER` (staff among themselves: never quoted), `HIDDEN` (flagged by the community),
`EXCERPT` (a search hit without its author's id), `OTHER_CATEGORY`, `NOT_ABOUT_US`, `PING`, `NO_POST`
(topics, users, categories), `FORGET` (the forum forgot somebody: a person has to do the same here).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import from_html, plain
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle

NETWORK = "discourse"

OWN_POST = "own post"
STAFF_POST = "post by the forum's staff"
SYSTEM_POST = "post by the forum's robots"
SMALL_ACTION = "small action, nobody's words"
WHISPER = "whisper among staff"
HIDDEN = "hidden by the forum"
EXCERPT = "excerpt in a search"
OTHER_CATEGORY = "in a category that we do not listen to"
NOT_ABOUT_US = "not about us"
PING = "ping"
NO_POST = "not a post"
FORGET = "needs a person: the forum deleted or anonymised an account, forget its author"
REASONS = (
    OWN_POST,
    STAFF_POST,
    SYSTEM_POST,
    SMALL_ACTION,
    WHISPER,
    HIDDEN,
    EXCERPT,
    OTHER_CATEGORY,
    NOT_ABOUT_US,
    PING,
    NO_POST,
    FORGET,
)

PRIVATE_MESSAGE = "private_message"
LIMITS = ("min_post_length", "min_private_message_length", "max_post_length")
_NOT_SAID = MappingProxyType({3: SMALL_ACTION, 4: WHISPER})
_STAFF = ("staff", "admin", "moderator")
_LISTS = MappingProxyType({"latest_posts": "regular", "private_posts": PRIVATE_MESSAGE, "posts": ""})
_EVENTS = frozenset({"topic", "user", "group", "category", "tag", "reviewable", "notification", "like"})
_LONGEST_ID = 2**53
_NAME = re.compile(r"[\w.-]{1,100}")
_SLUG = re.compile(r"[\w%-]{1,300}")
_IMAGE = re.compile(r'<img[^<>]{0,2000}?\ssrc="(https?://[^"\s<>]{1,1990})"')
_WORD_END = r"(?![\w-])"


class _WrongError(Exception):
    """A field is missing or not what the forum documents."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field, detail)
        self.field = field
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a post was found: what its list or topic tells of all posts in it.

    `archetype` is empty where nothing tells; such a post is taken for private, for one may not guess wide.
    """

    handle: Handle
    at: datetime
    archetype: str = ""
    category_id: int = 0
    title: str = ""

    @property
    def forum(self) -> str:
        """Return the forum's host, which makes its numbers unique."""
        return self.handle.base_url.partition("://")[2]


def our_name(handle: Handle) -> str:
    """Return the account's bare name in small letters."""
    return handle.handle.lstrip("@").casefold()


def listed(handle: Handle, setting: str) -> frozenset[str]:
    """Return the words of a setting that names several, with commas."""
    return frozenset(
        word.strip().lstrip("@").casefold()
        for word in handle.settings.get(setting, "").split(",")
        if word.strip()
    )


def native_id_of(handle: Handle, post_id: int) -> str:
    """Return a post's id everywhere: its short address, for numbers repeat from forum to forum."""
    return f"{handle.base_url}/p/{post_id}"


def heard_post(body: object, place: Place) -> Heard:
    """Return what one post says."""
    handle = place.handle
    if not isinstance(body, dict):
        return Unreadable(
            network=NETWORK, handle=handle.handle, native_id="", field="post", detail="an object was expected"
        )
    number = post_id_of(body)
    name = native_id_of(handle, number) if number else ""
    try:
        return _post(body, place)
    except _WrongError as wrong:
        return Unreadable(
            network=NETWORK, handle=handle.handle, native_id=name, field=wrong.field, detail=wrong.detail
        )


def _post(body: Mapping[str, object], place: Place) -> Heard:
    handle = place.handle
    native_id = native_id_of(handle, _number(body, "id"))
    if "blurb" in body:
        return Skipped(network=NETWORK, native_id=native_id, reason=EXCERPT)
    private = _is_private(body, place)
    if reason := _reason(body, handle, private=private):
        return Skipped(network=NETWORK, native_id=native_id, reason=reason)
    gone = body.get("deleted_at") is not None or body.get("user_deleted") is True
    topic_id, post_number, version = (_number(body, name) for name in ("topic_id", "post_number", "version"))
    user_id = _number(body, "user_id") if not gone else _number_or(body, "user_id", 0)
    username = _text(body, "username") if not gone else _optional(body, "username")
    if username and not _NAME.fullmatch(username):
        raise _WrongError("username", "no name of an account")
    slug = _optional(body, "topic_slug")
    topic = f"{handle.base_url}/t/{topic_id}"
    below = _number_or(body, "reply_to_post_number", 0)
    title = plain(_optional(body, "topic_title") or place.title, limit=300) if post_number == 1 else ""
    cooked = _optional(body, "cooked")
    words = from_html(cooked) if cooked else plain(_optional(body, "raw"))
    if not words and not gone and "cooked" not in body:
        raise _WrongError("cooked", "missing")
    item = Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=topic if _archetype(body, place) == PRIVATE_MESSAGE else f"{topic}:{user_id}",
        author=Author(
            author_id=f"{place.forum}#{user_id}",
            handle=f"@{username}" if username else "",
            name=plain(_optional(body, "name"), limit=200),
        ),
        created_at=min(_instant(body, "created_at"), place.at),
        kind=_kind(post_number, private=private),
        text="" if gone else plain("\n\n".join(part for part in (title, words) if part)),
        change=Change.DELETED if gone else Change.EDITED if version > 1 else Change.SAID,
        version=_version(version, gone=gone),
        visibility=Visibility.PRIVATE if private else Visibility.PUBLIC,
        parent_id=f"{topic}/{below}" if below else "",
        permalink=f"{handle.base_url}/t/{slug if _SLUG.fullmatch(slug) else '-'}/{topic_id}/{post_number}",
        addressed=(handle.handle,) if _names_us(body, handle) else (),
        attachments=() if gone else tuple(dict.fromkeys(_IMAGE.findall(cooked[:200_000])))[:20],
        answer_needs=MappingProxyType(_needs(body, place, username)),
    )
    if not gone and not private and not _concerns_us(item, handle):
        return Skipped(network=NETWORK, native_id=native_id, reason=NOT_ABOUT_US)
    return _heard_by(item, handle)


def _heard_by(item: Item, handle: Handle) -> Heard:
    """Return the item unless the handle listens to other categories only."""
    ours = listed(handle, "categories")
    if ours and item.kind is not Kind.MESSAGE and item.answer_needs.get("category_id", "") not in ours:
        return Skipped(network=NETWORK, native_id=item.native_id, reason=OTHER_CATEGORY)
    return item


def _reason(body: Mapping[str, object], handle: Handle, *, private: bool) -> str:
    """Return why a post is nobody's question, if so."""
    user_id, name = body.get("user_id"), _optional(body, "username").casefold()
    if reason := _NOT_SAID.get(_number_or(body, "post_type", 1)):
        return reason
    ours = name in {our_name(handle), *listed(handle, "own_usernames")} - {""}
    if ours or (handle.native_id and str(user_id) == handle.native_id):
        return OWN_POST
    if isinstance(user_id, int) and user_id < 0:
        return SYSTEM_POST
    if handle.settings.get("staff") != "heard" and any(body.get(role) is True for role in _STAFF):
        return STAFF_POST
    return HIDDEN if body.get("hidden") is True and not private else ""


def _needs(body: Mapping[str, object], place: Place, username: str) -> dict[str, str]:
    """Return what answering will ask for; the forum's own limits travel along."""
    settings = place.handle.settings
    needs = {name: str(_number(body, name)) for name in ("topic_id", "post_number")}
    needs |= {"post_id": str(_number(body, "id")), "username": username}
    if category := _number_or(body, "category_id", place.category_id):
        needs["category_id"] = str(category)
    if _archetype(body, place) == PRIVATE_MESSAGE:
        needs["archetype"] = PRIVATE_MESSAGE
    needs |= {name: settings[name] for name in LIMITS if settings.get(name)}
    return needs


def _is_private(body: Mapping[str, object], place: Place) -> bool:
    """Return whether not everybody can read it, or nothing tells that everybody can."""
    category = str(_number_or(body, "category_id", place.category_id))
    return _archetype(body, place) != "regular" or category in listed(place.handle, "private_categories")


def _archetype(body: Mapping[str, object], place: Place) -> str:
    return _optional(body, "topic_archetype") or place.archetype


def _kind(post_number: int, *, private: bool) -> Kind:
    if private:
        return Kind.MESSAGE
    return Kind.POST if post_number == 1 else Kind.REPLY


def _version(version: int, *, gone: bool) -> int:
    """Return the order of a post's states: twice its edits, and one more once it is deleted."""
    return 2 * max(version - 1, 0) + gone


def _names_us(body: Mapping[str, object], handle: Handle) -> bool:
    """Return whether the post mentions us or replies to us."""
    to = body.get("reply_to_user")
    replied = to.get("username") if isinstance(to, dict) else ""
    if isinstance(replied, str) and replied.casefold() == our_name(handle):
        return True
    words = f"{_optional(body, 'cooked')} {_optional(body, 'raw')}".casefold()
    return re.search(rf"@{re.escape(our_name(handle))}{_WORD_END}", words) is not None


def _concerns_us(item: Item, handle: Handle) -> bool:
    """Return whether a post is heard: without `listen` all are, else what names us or has a word of it."""
    words = item.text.casefold()
    return (
        not handle.listen or bool(item.addressed) or any(each.casefold() in words for each in handle.listen)
    )


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LONGEST_ID


def _number(body: Mapping[str, object], name: str) -> int:
    value = body.get(name)
    if not _is_id(value) or not isinstance(value, int):
        raise _WrongError(name, "a whole number was expected")
    return value


def _number_or(body: Mapping[str, object], name: str, otherwise: int) -> int:
    """Return a number; the official answers write some as text (`reply_to_post_number`), null is none."""
    value = body.get(name)
    if value is None:
        return otherwise
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:  # noqa: PLR2004 - 2^53
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _LONGEST_ID:
        raise _WrongError(name, "a whole number was expected")
    return value


def _optional(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongError(name, f"a text was expected, not {type(value).__name__}")
    return value


def _text(body: Mapping[str, object], name: str) -> str:
    if value := _optional(body, name):
        return value
    raise _WrongError(name, "missing")


def _instant(body: Mapping[str, object], name: str) -> datetime:
    try:
        return instant_of(_text(body, name))
    except (ValueError, OverflowError):
        raise _WrongError(name, "no ISO 8601 time with a zone") from None


def post_id_of(body: object) -> int | None:
    """Return a post's number, if it has one."""
    post_id = body.get("id") if isinstance(body, dict) else None
    return post_id if _is_id(post_id) and isinstance(post_id, int) else None


def heard_event(body: object, place: Place) -> Iterator[Heard]:
    """Yield what one webhook body says; other events than posts are named."""
    if isinstance(body, dict) and "post" in body:
        yield heard_post(body["post"], place)
    elif isinstance(body, dict) and "ping" in body:
        yield Skipped(network=NETWORK, native_id="", reason=PING)
    else:
        yield Skipped(network=NETWORK, native_id="", reason=NO_POST)


def posts_in(answer: object, place: Place) -> list[tuple[object, Place]] | None:
    """Return an answer's posts with what it tells of all of them; None when it has no posts."""
    if isinstance(answer, list):
        return [(each, place) for each in answer]
    if not isinstance(answer, dict):
        return None
    for root, archetype in _LISTS.items():
        if isinstance(answer.get(root), list):
            inside = replace(place, archetype=archetype or place.archetype)
            return [(each, inside) for each in answer[root]]
    stream = answer.get("post_stream")
    if isinstance(stream, dict) and isinstance(stream.get("posts"), list):
        return [(each, _in_topic(answer, place)) for each in stream["posts"]]
    return [(answer, place)] if "post_number" in answer or "cooked" in answer else None


def _in_topic(topic: Mapping[str, object], place: Place) -> Place:
    category, archetype, title = (topic.get(name) for name in ("category_id", "archetype", "title"))
    return replace(
        place,
        archetype=archetype if isinstance(archetype, str) else place.archetype,
        category_id=category if isinstance(category, int) and _is_id(category) else place.category_id,
        title=title if isinstance(title, str) else place.title,
    )


def loads(body: bytes) -> object:
    """Return the JSON in a body; `ValueError` for anything else, a tower of brackets included."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def decoded(body: bytes) -> object:
    """Return the JSON object or list in a body; `Malformed` for anything else."""
    try:
        told = loads(body)
    except ValueError:
        raise Malformed(NETWORK, "the body is not JSON") from None
    if not isinstance(told, dict | list):
        raise Malformed(NETWORK, "the body is no answer of a forum's")
    return told


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything said in an answer or webhook body, as if it came from the handle's forum."""
    told, place = decoded(body), Place(handle=handle, at=at)
    if isinstance(told, dict) and ("post" in told or "ping" in told or told.keys() & _EVENTS):
        return tuple(heard_event(told, place))
    return tuple(heard_post(each, inside) for each, inside in posts_in(told, place) or ())
