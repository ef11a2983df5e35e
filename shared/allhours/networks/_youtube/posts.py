"""YouTube's JSON in our terms: threads and comments become items; foreign JSON stops here.

A thread has the id of its first comment, and a reply's id is `{thread}.{suffix}`. What is skipped, and why:
`own post`; `rejected`, which one of us has taken away already.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.handle import Handle

NETWORK = "youtube"
UNKNOWN = "unknown:"
WATCH = "https://www.youtube.com/watch"

OWN_POST = "own post"
REJECTED = "rejected: taken away by one of us"

HELD = frozenset({"heldForReview", "likelySpam"})
_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")  # ids go into addresses


class _WrongError(Exception):
    """Say which field is missing or mistyped; it never leaves this file."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field)
        self.field = field
        self.detail = detail


def body(raw: bytes, handle: Handle, at: datetime) -> Iterator[Heard]:
    """Yield every comment in an answer of the API; `Malformed` when it is none of this API's."""
    try:
        told: object = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed(NETWORK, "the body is no JSON") from None
    if not isinstance(told, dict) or not told.keys() & {"kind", "items", "snippet", "error"}:
        raise Malformed(NETWORK, "no answer of the YouTube Data API")
    if "items" not in told:
        yield from resource(told, handle, at)
        return
    if not isinstance(told["items"], list):
        raise Malformed(NETWORK, "items must be a list", field="items")
    for each in told["items"]:
        yield from resource(each, handle, at)


def resource(value: object, handle: Handle, at: datetime, *, held: bool = False) -> Iterator[Heard]:
    """Yield what one resource says: a thread with the replies that came along, a comment, else nothing."""
    if not isinstance(value, dict):
        yield _unreadable(handle, "", "items", "an item must be an object")
        return
    snippet = value.get("snippet")
    kind = value.get("kind")
    if kind == "youtube#commentThread" or (isinstance(snippet, dict) and "topLevelComment" in snippet):
        yield from thread(value, handle, at, held=held)
    elif kind == "youtube#comment" or (isinstance(snippet, dict) and "textDisplay" in snippet):
        yield comment(value, handle, at)


def thread(value: Mapping[str, Any], handle: Handle, at: datetime, *, held: bool = False) -> Iterator[Heard]:
    """Yield a thread's first comment and the replies that came along, which may be only some of them."""
    snippet = _dict(value.get("snippet"))
    replies = replies_in(value)
    needs = {"replies": str(len(replies))}
    if isinstance(can_reply := snippet.get("canReply"), bool):
        needs["can_reply"] = str(can_reply).lower()
    hidden = held or snippet.get("isPublic") is False
    video = _id_or_nothing(snippet.get("videoId"))
    first = snippet.get("topLevelComment")
    if not isinstance(first, dict):
        yield _unreadable(handle, _id_or_nothing(value.get("id")), "topLevelComment", "must be an object")
    for each in (*([first] if isinstance(first, dict) else []), *replies):
        yield comment(each, handle, at, video=video, needs=needs, held=hidden)


def replies_in(value: Mapping[str, Any]) -> list[object]:
    """Return the replies that came along with a thread."""
    replies = _dict(value.get("replies")).get("comments")
    return replies if isinstance(replies, list) else []


def comment(
    value: object,
    handle: Handle,
    at: datetime,
    *,
    video: str = "",
    needs: Mapping[str, str] = MappingProxyType({}),
    held: bool = False,
) -> Heard:
    """Return what a comment says; `video`, `needs` and `held` (not public) are what its thread tells."""
    native_id = _id_or_nothing(_dict(value).get("id"))
    try:
        return _comment(_dict(value), handle, at, video=video, needs=needs, held=held)
    except _WrongError as wrong:
        return _unreadable(handle, native_id, wrong.field, wrong.detail)


def _comment(
    value: Mapping[str, Any],
    handle: Handle,
    at: datetime,
    *,
    video: str,
    needs: Mapping[str, str],
    held: bool,
) -> Heard:
    native_id = _id_or_nothing(value.get("id"))
    if not native_id:
        raise _WrongError("id", "must be an id")
    snippet = value.get("snippet")
    if not isinstance(snippet, dict):
        raise _WrongError("snippet", "must be an object")
    author = _author(snippet, native_id)
    if author.author_id == handle.native_id:
        return _skipped(native_id, OWN_POST)
    status = snippet.get("moderationStatus")
    if status == "rejected":
        return _skipped(native_id, REJECTED)
    said_at = _instant(snippet.get("publishedAt"), "publishedAt")
    changed_at = _instant(snippet.get("updatedAt", snippet.get("publishedAt")), "updatedAt")
    edited = changed_at > said_at
    private = held or (isinstance(status, str) and status in HELD)
    root = _id_or_nothing(snippet.get("parentId")) or native_id.partition(".")[0]
    video = video or _id_or_nothing(snippet.get("videoId"))
    picture = isinstance(snippet.get("imageUrl"), str)
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=f"{root}:{author.author_id}{':held' if private else ''}",
        author=author,
        created_at=min(said_at, at),
        kind=Kind.COMMENT if root == native_id else Kind.REPLY,
        change=Change.EDITED if edited else Change.SAID,
        version=int(changed_at.timestamp() * 1000) if edited else 0,
        text=_text(snippet.get("textDisplay"), picture=picture),
        visibility=Visibility.PRIVATE if private else Visibility.PUBLIC,
        parent_id=video if root == native_id else root,
        permalink=f"{WATCH}?v={video}&lc={native_id}" if video else "",
        addressed=(handle.handle,),
        # its address is signed and dies within six hours, so only the word is worth keeping
        attachments=("image",) if picture else (),
        answer_needs=MappingProxyType(
            {"thread_id": root, **needs, **({"video_id": video} if video else {})}
            | ({"held": "true"} if private else {})
        ),
    )


def _author(snippet: Mapping[str, Any], native_id: str) -> Author:
    """Return who said it; a display name is the @handle today and was a free name once."""
    shown = snippet.get("authorDisplayName")
    if shown is not None and not isinstance(shown, str):
        raise _WrongError("authorDisplayName", "must be a text")
    name = plain(shown or "", limit=200)
    channel = snippet.get("authorChannelId")
    author_id = _id_or_nothing(_dict(channel).get("value"))
    if channel is not None and not author_id:
        raise _WrongError("authorChannelId", "must hold a channel's id")
    return Author(
        author_id=author_id or f"{UNKNOWN}{native_id}",
        handle=name if name.startswith("@") else "",
        name="" if name.startswith("@") else name,
    )


def _text(value: object, *, picture: bool) -> str:
    if value is None and picture:
        return ""
    if not isinstance(value, str):
        raise _WrongError("textDisplay", "must be a text")
    return plain(value)


def _instant(value: object, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 1970 < at.year < 9999:  # noqa: PLR2004 - a zone may move it
        raise _WrongError(field, "must be a time with its zone")
    return at.astimezone(UTC)


def _unreadable(handle: Handle, native_id: str, field: str, detail: str) -> Unreadable:
    return Unreadable(network=NETWORK, handle=handle.handle, native_id=native_id, field=field, detail=detail)


def _skipped(native_id: str, reason: str) -> Skipped:
    return Skipped(network=NETWORK, native_id=native_id, reason=reason)


def _id_or_nothing(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
