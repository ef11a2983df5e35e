"""Sweep an account's videos for new comments: one call a video, so each age has its own pace.

Marks: `videos` holds for each of the newest videos when it was published, up to which instant its comments
are heard (`low`), and when it was last read if that is not at every poll; `listed` is when all videos were
listed last; `seen` are the ids of comments that the overlap behind `low` would bring again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.networks._tiktok import posts
from allhours.networks._tiktok.api import NETWORK, Gone
from allhours.networks._tiktok.reread import IDS, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks._tiktok.api import Api
    from allhours.networks.paging import Marks

    Steps = Iterator[tuple[tuple[Heard, ...], Marks]]

VIDEOS_A_PAGE = 20
VIDEO_PAGES = 15
MOST_VIDEOS = VIDEOS_A_PAGE * VIDEO_PAGES  # whose marks the cursor keeps: 60 bytes each
LIST_ALL_EVERY = 86_400  # seconds; the newest page is listed at every poll
CALLS = 30  # after so many no other video is begun; third parties tell of 40 a minute, endpoint and account
COMMENT_PAGES = 17  # 510 comments; TikTok sorts by time no further than 500
OVERLAP = 600  # seconds
MOST_SEEN = 1_000
PACES = ((3 * 86_400, 0), (30 * 86_400, 3_600))  # age of a video and how often it is read, in seconds
OLD_PACE = 86_400
FIRST_BACK = 86_400  # seconds


def sweep(api: Api, handle: Handle, at: datetime, marks: Marks) -> Steps:
    """Yield (comments, marks) a page at a time; a video's `low` moves when its walk is whole.

    The very first sweep goes back a day in young videos, and not at all in older ones: history is nobody's
    case.
    """
    first = not marks.get("videos") and not marks.get("listed")
    videos: dict[str, list[int]] = {name: list(each) for name, each in marks.get("videos", {}).items()}
    now = int(at.timestamp())
    listed = int(marks.get("listed", 0))
    everything = now - listed >= LIST_ALL_EVERY
    videos = _merged(videos, _videos(api, pages=VIDEO_PAGES if everything else 1), now, first=first)
    marks = {**marks, "videos": videos, "listed": now if everything else listed}
    yield (), marks
    for video_id in _in_turn(videos, now):
        if api.calls >= CALLS:
            return
        for heard, after in _walk(api, handle, at, video_id, marks):
            marks = after
            yield heard, marks


def _videos(api: Api, *, pages: int) -> list[tuple[str, int]]:
    """Return id and time of the account's videos, newest first."""
    found: list[tuple[str, int]] = []
    cursor = ""
    for _ in range(pages):
        asked = {"fields": '["item_id","create_time"]', "max_count": str(VIDEOS_A_PAGE)}
        data = api.get("business/video/list/", **asked, **({"cursor": cursor} if cursor else {}))
        for row in rows_of(data.get("videos")):
            video_id = posts.id_or_nothing(row.get("item_id")) if isinstance(row, dict) else ""
            said_at = posts.moment(row.get("create_time")) if isinstance(row, dict) else None
            if video_id:
                found.append((video_id, int(said_at.timestamp()) if said_at else 0))
        before, cursor = cursor, posts.id_or_nothing(data.get("cursor"))
        if data.get("has_more") is not True or cursor in {"", before}:
            break
    return found


def _merged(
    known: Mapping[str, list[int]], found: list[tuple[str, int]], now: int, *, first: bool
) -> dict[str, list[int]]:
    """Return the marks of the newest videos, with those that are new to us."""
    merged = dict(known)
    for video_id, published in found:
        young = now - published <= PACES[-1][0]
        low = (now - FIRST_BACK if young else now) if first else 0
        merged.setdefault(video_id, [published, low, 0])
    newest = sorted(merged, key=lambda each: merged[each][0], reverse=True)[:MOST_VIDEOS]
    return {video_id: merged[video_id] for video_id in newest}


def _pace(video: list[int], now: int) -> int:
    return next((pace for age, pace in PACES if now - video[0] <= age), OLD_PACE)


def _in_turn(videos: Mapping[str, list[int]], now: int) -> list[str]:
    """Return the videos that are due: the young, another first each minute, then who has waited longest."""
    due = [each for each in videos if now - videos[each][2] >= _pace(videos[each], now)]
    young = [each for each in due if not _pace(videos[each], now)]
    turn = now // 60 % len(young) if young else 0
    older = sorted((each for each in due if each not in young), key=lambda each: videos[each][2])
    return [*young[turn:], *young[:turn], *older]


def _walk(api: Api, handle: Handle, at: datetime, video_id: str, marks: Marks) -> Steps:
    """Walk a video's comments newest first, down to a little behind `low`."""
    published, low, _read = marks["videos"][video_id]
    floor = max(low - OVERLAP, 0)
    seen: list[str] = list(marks.get("seen", ()))
    top = low
    for rows, last in _pages(api, video_id):
        fresh: list[Heard] = []
        for row in rows:
            for key, said_at, each in _heard(row, handle, at):
                top = max(top, said_at)
                if (said_at > floor or not said_at) and key not in seen:
                    seen.append(key)
                    fresh.append(each)
        reached = any(0 < _said_at(row) <= floor for row in rows if not _pinned(row))
        marks = {**marks, "seen": seen[-MOST_SEEN:]}
        if reached or last:
            break
        yield tuple(fresh), marks
    else:
        fresh = []
    pace = _pace([published], int(at.timestamp()))
    mark = [published, min(top, int(at.timestamp())), int(at.timestamp()) if pace else 0]
    yield tuple(fresh), {**marks, "videos": {**marks["videos"], video_id: mark}}


def _pages(api: Api, video_id: str) -> Iterator[tuple[list[object], bool]]:
    """Yield pages of comments, newest first, and whether it was the last that we want."""
    asked = {"video_id": video_id, "status": "ALL", "include_replies": "true", "max_count": str(IDS)}
    asked |= {"sort_field": "create_time", "sort_order": "desc"}
    cursor = "0"
    for number in range(COMMENT_PAGES):
        try:
            data = api.get("business/comment/list/", **asked, cursor=cursor)
        except Gone:
            yield [], True
            return
        rows = data.get("comments", [])
        if not isinstance(rows, list):
            raise Malformed(NETWORK, "no list of comments came", field="comments", native_id=video_id)
        before, cursor = cursor, posts.id_or_nothing(data.get("cursor"))
        last = data.get("has_more") is not True or cursor in {"", before} or number + 1 == COMMENT_PAGES
        yield rows, last
        if last:
            return


def _heard(row: object, handle: Handle, at: datetime) -> Iterator[tuple[str, int, Heard]]:
    """Yield key, time and meaning of a comment and of the replies that came along."""
    rows = (row, *posts.replies_in(row))
    for body, each in zip(rows, posts.with_replies(row, handle, at), strict=True):
        digest = hashlib.sha256(repr(body).encode(errors="replace")).hexdigest()[:16]
        yield each.native_id or digest, _said_at(body), each


def _said_at(row: object) -> int:
    """Return when a comment was said; 0 when it does not tell."""
    said_at: Any = posts.moment(row.get("create_time")) if isinstance(row, dict) else None
    return int(said_at.timestamp()) if said_at else 0


def _pinned(row: object) -> bool:
    """Return whether a comment stands on top whatever the order."""
    return isinstance(row, dict) and row.get("pinned") is True
