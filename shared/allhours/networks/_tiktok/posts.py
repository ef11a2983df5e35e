"""TikTok's JSON in our terms: comments of a list, events of the webhook; foreign JSON stops here.

Ids have more digits than a float holds and come as text or number; they are text here. A reply names the
comment that began its thread as `parent_comment_id`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from allhours.domain.handle import Handle

NETWORK = "tiktok"
UNKNOWN = "unknown:"

OWN_POST = "own post"
TOLD = "comment told by the webhook, which has no words: it is fetched from its video"
NOT_THERE = "comment told by the webhook, but not there any more"
MODERATION = "moderation: hidden, or shown to friends only"
OTHER_ACTION = "comment event of a kind that says nothing new"
REVOKED = "needs a person: the account took its consent back; connect TikTok again"
DIRECT_MESSAGE = "direct message: not for accounts in the EEA, Switzerland and the UK"
MENTION = "mention in somebody else's video: left alone"
OTHER_EVENT = "event without a customer's words"
OTHER_ACCOUNT = "another account than ours"
REPLAY = "older than TikTok's own last try: somebody replays it"

_ID = re.compile(r"\d{1,30}")
_NAME = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """A comment that the webhook tells of: where it is, not what it says."""

    handle: Handle
    video_id: str
    comment_id: str
    parent_id: str


class _WrongError(Exception):
    """Say which field is missing or mistyped; it never leaves this file."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field)
        self.field = field
        self.detail = detail


# Bodies


def decoded(raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body; `Malformed` when it is none."""
    try:
        told: object = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed(NETWORK, "the body is no JSON") from None
    if not isinstance(told, dict):
        raise Malformed(NETWORK, "the body is no JSON object")
    return told


def body(raw: bytes, handle: Handle, at: datetime) -> Iterator[Heard]:
    """Yield everything in an answer of the API or in a webhook's body."""
    told = decoded(raw)
    if "event" in told or "content" in told:
        yield event(told, handle, at)
    elif told.keys() & {"code", "data"}:
        data = told.get("data")
        yield from listed(data, handle, at)
    else:
        raise Malformed(NETWORK, "neither an answer of the API nor a webhook's body")


def listed(data: object, handle: Handle, at: datetime) -> Iterator[Heard]:
    """Yield the comments in the `data` of an answer, and the replies that came along."""
    rows = data.get("comments") if isinstance(data, dict) else None
    if rows is not None and not isinstance(rows, list):
        yield _unreadable(handle, "", "comments", "must be a list")
        return
    for row in rows or ():
        yield from with_replies(row, handle, at)


def with_replies(row: object, handle: Handle, at: datetime) -> Iterator[Heard]:
    """Yield a comment and those of its replies that came along, three at most."""
    replies = replies_in(row)
    yield comment(row, handle, at, replies=len(replies))
    for each in replies:
        yield comment(each, handle, at)


def replies_in(row: object) -> Sequence[object]:
    """Return the replies that came along with a comment."""
    replies = row.get("reply_list") if isinstance(row, dict) else None
    return replies if isinstance(replies, list) else ()


def comment(row: object, handle: Handle, at: datetime, *, replies: int | None = None) -> Heard:
    """Return what a comment or a reply says; `replies` is how many of its thread are heard with it."""
    native_id = id_or_nothing(_dict(row).get("comment_id"))
    try:
        return _comment(_dict(row), handle, at, replies)
    except _WrongError as wrong:
        return _unreadable(handle, native_id, wrong.field, wrong.detail)


def _comment(row: Mapping[str, Any], handle: Handle, at: datetime, replies: int | None) -> Heard:
    native_id, video_id = _id(row, "comment_id"), _id(row, "video_id")
    if row.get("owner") is True:
        return _skipped(native_id, OWN_POST)
    said_at = moment(row.get("create_time"))
    if said_at is None:
        raise _WrongError("create_time", "must be Unix seconds, as text or number")
    picture = isinstance(row.get("image_url"), str)
    text = row.get("text")
    if not isinstance(text, str) and not (text is None and picture):
        raise _WrongError("text", "must be a text")
    parent = id_or_nothing(row.get("parent_comment_id")).lstrip("0")
    hidden = row.get("status") == "HIDDEN"
    return _item(
        handle,
        native_id=native_id,
        video_id=video_id,
        root=parent or native_id,
        author=_author(row, native_id),
        created_at=min(said_at, at),
        hidden=hidden,
        text=plain(text or ""),
        attachments=(_picture(row["image_url"]),) if picture else (),
        needs={} if replies is None else {"replies": str(replies)},
    )


def _item(
    handle: Handle,
    *,
    native_id: str,
    video_id: str,
    root: str,
    author: Author,
    created_at: datetime,
    change: Change = Change.SAID,
    version: int = 0,
    hidden: bool = False,
    text: str = "",
    attachments: tuple[str, ...] = (),
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Item:
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=f"{root}:{author.author_id}{':hidden' if hidden else ''}",
        author=author,
        created_at=created_at,
        kind=Kind.COMMENT if root == native_id else Kind.REPLY,
        change=change,
        version=version,
        text=text,
        visibility=Visibility.PRIVATE if hidden else Visibility.PUBLIC,
        parent_id=video_id if root == native_id else root,
        permalink=_video_address(handle, video_id),
        addressed=(handle.handle,),
        attachments=attachments,
        answer_needs=MappingProxyType(
            {"video_id": video_id, "thread_id": root, **needs} | ({"hidden": "true"} if hidden else {})
        ),
    )


def _author(row: Mapping[str, Any], native_id: str) -> Author:
    """Return who said it: by a hash that means this app and account only, and by @username."""
    texts: dict[str, str] = {}
    for field in ("user_id", "unique_identifier", "username", "display_name"):
        value = row.get(field)
        if value is not None and not isinstance(value, str):
            raise _WrongError(field, "must be a text")
        texts[field] = plain(value or "", limit=200)
    name = texts["username"].removeprefix("@")
    return Author(
        author_id=texts["user_id"] or texts["unique_identifier"] or f"{UNKNOWN}{native_id}",
        handle=f"@{name}" if _NAME.fullmatch(name) else "",
        name=texts["display_name"],
    )


# The webhook


def event(told: Mapping[str, Any], handle: Handle, at: datetime) -> Heard:
    """Return what one event of the webhook says, without asking TikTok anything."""
    name = told.get("event")
    if not isinstance(name, str):
        return _unreadable(handle, "", "event", "must be a text")
    if name == "comment.update":
        try:
            return _comment_event(told, handle, at)
        except _WrongError as wrong:
            return _unreadable(handle, "", wrong.field, wrong.detail)
    if name == "authorization.removed":
        return _skipped(handle.native_id, REVOKED)
    if name.startswith("im_"):
        return _skipped("", DIRECT_MESSAGE)
    return _skipped("", MENTION if name == "brand.mention.event" else OTHER_EVENT)


def _comment_event(told: Mapping[str, Any], handle: Handle, at: datetime) -> Heard:
    content = _content(told)
    native_id, action = _id(content, "comment_id"), content.get("comment_action")
    if not isinstance(action, str):
        raise _WrongError("comment_action", "must be a text")
    if action == "delete":
        told_at = moment(told.get("create_time")) or at
        author = content.get("unique_identifier")
        parent = id_or_nothing(content.get("parent_comment_id")).lstrip("0")
        return _item(
            handle,
            native_id=native_id,
            video_id=_id(content, "video_id"),
            root=parent or native_id,
            author=Author(
                author_id=author if isinstance(author, str) and author else f"{UNKNOWN}{native_id}"
            ),
            created_at=min(told_at, at),
            change=Change.DELETED,
            version=int(min(told_at, at).timestamp() * 1000),
        )
    if action in {"insert", "set_to_public"}:
        return _skipped(native_id, TOLD)
    hidden = action in {"set_to_hidden", "set_to_friends_only"}
    return _skipped(native_id, MODERATION if hidden else OTHER_ACTION)


def woken(told: Mapping[str, Any], handle: Handle) -> Woken | None:
    """Return the comment to be fetched, if the event tells of a new or newly public one."""
    if told.get("event") != "comment.update":
        return None
    try:
        content = _content(told)
        if content.get("comment_action") not in {"insert", "set_to_public"}:
            return None
        return Woken(
            handle=handle,
            video_id=_id(content, "video_id"),
            comment_id=_id(content, "comment_id"),
            parent_id=id_or_nothing(content.get("parent_comment_id")).lstrip("0"),
        )
    except _WrongError:
        return None


def _content(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the content, which is JSON written into a text."""
    content = told.get("content")
    try:
        value: object = json.loads(content) if isinstance(content, str) else content
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _WrongError("content", "must be a JSON object, written as a text")
    return value


# What every shape shares


def moment(value: object) -> datetime | None:
    """Return an instant of Unix seconds or milliseconds, as text or number; else None."""
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdecimal()
        and len(value) <= len("1763547198627")
    ):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**14:
        return None
    return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)


def id_or_nothing(value: object) -> str:
    """Return an id as text, else nothing."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
        return str(value)
    return value if isinstance(value, str) and value.isascii() and _ID.fullmatch(value) else ""


def _id(row: Mapping[str, Any], field: str) -> str:
    if native_id := id_or_nothing(row.get(field)):
        return native_id
    raise _WrongError(field, "must be an id of digits")


def _picture(address: str) -> str:
    """Return where a picture is; its address does not run out."""
    return plain(address, limit=2_000) if address.startswith("https://") else "image"


def _video_address(handle: Handle, video_id: str) -> str:
    """Return the address that TikTok shares a video by; comments have none."""
    name = handle.handle.removeprefix("@")
    return f"https://www.tiktok.com/@{name}/video/{video_id}" if _NAME.fullmatch(name) else ""


def _unreadable(handle: Handle, native_id: str, field: str, detail: str) -> Unreadable:
    return Unreadable(network=NETWORK, handle=handle.handle, native_id=native_id, field=field, detail=detail)


def _skipped(native_id: str, reason: str) -> Skipped:
    return Skipped(network=NETWORK, native_id=native_id, reason=reason)


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
