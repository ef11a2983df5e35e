"""Read again what we keep of TikTok: deletions, comments shown again, replies that nothing told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Change, Item, Kind, Unreadable, Visibility
from allhours.networks._tiktok import posts
from allhours.networks._tiktok.api import Gone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks._tiktok.api import Api

IDS = 30  # comments asked for by id in one call, and rows of one page
AT_ONCE = 15  # kept comments a call: each may bring the id of its thread along
CALLS = 30  # a re-read; third parties tell of 40 calls a minute, endpoint and account
TURN = 900  # seconds after which a re-read begins with another video, so that none always waits
REPLY_PAGES = 10


def reread(api: Api, handle: Handle, kept: Sequence[Item], at: datetime) -> Iterator[Heard]:
    """Yield what became of the kept comments, video by video, while the calls last."""
    videos: dict[str, list[Item]] = {}
    for item in kept:
        needs = item.answer_needs
        if (
            item.handle == handle.handle
            and item.change in {Change.SAID, Change.EDITED}
            and "thread_id" in needs
        ):
            videos.setdefault(needs["video_id"], []).append(item)
    turn = int(at.timestamp()) // TURN % len(videos) if videos else 0
    for video_id in [*videos][turn:] + [*videos][:turn]:
        there, told = videos[video_id], set[str]()
        for start in range(0, len(there), AT_ONCE):
            if api.calls >= CALLS:
                return
            for each in _again(api, there, there[start : start + AT_ONCE], handle, at):
                if each.native_id not in told:
                    told.add(each.native_id)
                    yield each


def rows_by_id(api: Api, video_id: str, ids: Iterable[str]) -> list[object]:
    """Return what is there of these comments."""
    data = api.get(
        "business/comment/list/",
        video_id=video_id,
        comment_ids=json.dumps(list(ids)),
        status="ALL",  # a hidden comment is not a deleted one
        include_replies="true",
        max_count=str(IDS),
    )
    return rows_of(data.get("comments"))


def reply_rows(api: Api, video_id: str, comment_id: str) -> list[Any]:
    """Return all replies of a comment, hidden ones too, newest first."""
    return all_replies(api, video_id, comment_id)[0]


def all_replies(api: Api, video_id: str, comment_id: str) -> tuple[list[Any], bool]:
    """Return the replies of a comment, hidden ones too, newest first, and whether these are all of them."""
    asked = {"video_id": video_id, "comment_id": comment_id, "status": "ALL", "max_count": str(IDS)}
    asked |= {"sort_field": "create_time", "sort_order": "desc"}
    rows: list[object] = []
    cursor = "0"
    for _ in range(REPLY_PAGES):
        data = api.get("business/comment/reply/list/", **asked, cursor=cursor)
        rows += rows_of(data.get("comments"))
        before, cursor = cursor, posts.id_or_nothing(data.get("cursor"))
        if data.get("has_more") is not True:
            return rows, True
        if cursor in {"", before}:
            break
    return rows, False


def rows_of(value: object) -> list[object]:
    """Return the rows of a page; one without any may lack the list."""
    return value if isinstance(value, list) else []


def _again(
    api: Api, there: Sequence[Item], part: Sequence[Item], handle: Handle, at: datetime
) -> Iterator[Heard]:
    """Yield what became of a part of the kept comments that are there below one video."""
    video_id = part[0].answer_needs["video_id"]
    asked = dict.fromkeys(name for item in part for name in (item.native_id, item.answer_needs["thread_id"]))
    try:
        rows = rows_by_id(api, video_id, asked)
    except Gone:
        return  # the whole video is gone, or not ours any more: nothing is known of the single comments
    heard = [each for row in rows for each in _heard(api, row, there, handle, at)]
    kept = {item.native_id: item for item in there}
    for each in heard:
        yield from _became(each, kept.get(each.native_id), at)
    # when another comment came than was asked for, the ids were not heeded, and a missing one proves nothing
    heeded = {_id(row) for row in rows} <= asked.keys()
    gone = _missing(part, heard)
    if gone and heeded:
        once_more = rows_by_id(api, video_id, [item.native_id for item in gone])
        heeded = {_id(row) for row in once_more} <= asked.keys()
        gone = _missing(gone, [each for row in once_more for each in posts.with_replies(row, handle, at)])
    if gone and heeded and _there(api, video_id):
        now = int(at.timestamp() * 1000)
        yield from (
            replace(item, change=Change.DELETED, version=now, text="", attachments=()) for item in gone
        )


def _missing(items: Sequence[Item], heard: Sequence[Heard]) -> list[Item]:
    told = {each.native_id for each in heard}
    return [item for item in items if item.native_id not in told]


def _heard(api: Api, row: object, kept: Sequence[Item], handle: Handle, at: datetime) -> Iterator[Heard]:
    """Yield a comment with the replies that came along, or all of them where there are more than we heard."""
    yield from posts.with_replies(row, handle, at)
    root, total = _id(row), row.get("replies") if isinstance(row, dict) else None
    if not isinstance(total, int) or total <= len(posts.replies_in(row)) or api.calls >= CALLS:
        return
    thread = [item.answer_needs for item in kept if item.answer_needs["thread_id"] == root]
    if total > max((int(needs.get("replies", "0")) for needs in thread), default=0):
        rows = reply_rows(api, kept[0].answer_needs["video_id"], root)
        for each in rows:
            yield posts.comment(each, handle, at, replies=len(rows))


def _became(heard: Heard, was: Item | None, at: datetime) -> Iterator[Heard]:
    """Yield what is news: a reply that nobody told, or a hidden comment that is shown now."""
    if was is None:
        if isinstance(heard, Unreadable) or (isinstance(heard, Item) and heard.kind is Kind.REPLY):
            yield heard
        return
    shown = isinstance(heard, Item) and heard.visibility is Visibility.PUBLIC
    if shown and was.visibility is Visibility.PRIVATE:
        needs = {name: value for name, value in was.answer_needs.items() if name != "hidden"}
        now = int(at.timestamp() * 1000)
        yield replace(
            was, change=Change.EDITED, version=now, visibility=Visibility.PUBLIC, answer_needs=needs
        )


def _there(api: Api, video_id: str) -> bool:
    """Return whether the video is still ours and there: else its comments are out of sight, not deleted."""
    filters = json.dumps({"video_ids": [video_id]})
    data = api.get("business/video/list/", fields='["item_id"]', filters=filters)
    videos = rows_of(data.get("videos"))
    return any(
        isinstance(each, dict) and posts.id_or_nothing(each.get("item_id")) == video_id for each in videos
    )


def _id(row: object) -> str:
    return posts.id_or_nothing(row.get("comment_id")) if isinstance(row, dict) else ""
