"""An account's videos and what is said below them, as the TikTok stand-in keeps and shows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

INLINE = 3  # replies that come along with a comment, at most
BY_TIME = 500  # comments that are sorted by time; behind them come the most liked, some of them again


@dataclass(kw_only=True)
class Said:
    """One comment or reply with all that TikTok knows of it."""

    native_id: str
    author: str
    text: str
    video: str
    said_at: datetime
    parent: str = ""
    status: str = "PUBLIC"
    by_brand: bool = False
    pinned: bool = False
    deleted: bool = False

    @property
    def root(self) -> str:
        """Return the comment that began the thread."""
        return self.parent or self.native_id


class World:
    """One account: videos by id with their time, comments in the order of writing."""

    def __init__(self, brand: str, place: int) -> None:
        """Take the account's @username; `place` keeps ids of several accounts apart."""
        self.brand = brand
        self.place = place
        self.videos: dict[str, datetime] = {}
        self.said: dict[str, Said] = {}

    def next_id(self) -> str:
        """Return an id of 19 digits, which no float holds."""
        return str(7_437_000_000_000_000_001 + self.place * 10**9 + len(self.said) + len(self.videos))

    def hash_of(self, author: str) -> str:
        """Return an author's hash, which means this account only."""
        return hashlib.sha256(f"{self.brand}/{author}".encode()).hexdigest()

    def comments(self, video: str) -> list[Said]:
        """Return the comments of a video, pinned ones first, else newest first."""
        found = [each for each in self.said.values() if each.video == video and not each.parent]
        there = [each for each in found if not each.deleted]
        return sorted(there, key=lambda each: (each.pinned, each.said_at, each.native_id), reverse=True)

    def replies(self, root: str) -> list[Said]:
        """Return the replies of a comment, newest first."""
        found = [each for each in self.said.values() if each.parent == root and not each.deleted]
        return sorted(found, key=lambda each: (each.said_at, each.native_id), reverse=True)

    def there(self, native_id: str) -> Said | None:
        """Return a comment that is not deleted."""
        said = self.said.get(native_id)
        return said if said and not said.deleted else None

    def row(self, said: Said, *, inline: bool = False) -> dict[str, Any]:
        """Return a comment as lists show it: times are texts there."""
        row: dict[str, Any] = {
            "comment_id": said.native_id,
            "video_id": said.video,
            "user_id": self.hash_of(said.author),
            "unique_identifier": f"+{self.hash_of(said.author)[:40]}",
            "username": said.author.removeprefix("@"),
            "display_name": said.author.removeprefix("@").title(),
            "profile_image": "https://p16.example/face.jpeg?x-expires=1656831600",
            "text": said.text,
            "create_time": str(int(said.said_at.timestamp())),
            "likes": 0,
            "owner": said.by_brand,
            "liked": False,
            "pinned": said.pinned,
            "status": said.status,
        }
        if said.parent:
            return {**row, "parent_comment_id": said.parent}
        replies = self.replies(said.native_id)
        row["replies"] = len(replies)
        if inline and replies:
            row["reply_list"] = [self.row(each) for each in replies[::-1][:INLINE]]
        return row
