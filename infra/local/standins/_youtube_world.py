"""What is said below a channel's videos, as the YouTube stand-in keeps and shows it."""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

INLINE = 5  # replies that come along with a thread, at most


@dataclass(kw_only=True)
class Said:
    """One comment with all that YouTube knows of it; a thread has its first comment's id."""

    native_id: str
    author: str
    text: str
    thread: str
    video: str
    said_at: datetime
    edited_at: datetime | None = None
    status: str = "published"
    by_brand: bool = False
    nameless: bool = False
    deleted: bool = False

    @property
    def first(self) -> bool:
        """Return whether it began its thread."""
        return self.native_id == self.thread


class World:
    """One channel: its threads in the order of writing, and how they look as JSON."""

    def __init__(self, channel_id: str, brand: str, place: int) -> None:
        """Take the channel's id and @handle; `place` keeps ids of several channels apart."""
        self.channel_id = channel_id
        self.brand = brand
        self.place = place
        self.said: dict[str, Said] = {}
        self.closed: set[str] = set()
        """Videos whose comments are switched off."""

    def add(self, said: Said) -> Said:
        """Keep a comment."""
        self.said[said.native_id] = said
        return said

    def next_id(self, thread: str) -> str:
        """Return an id: a reply's begins with its thread's."""
        number = len(self.said)
        if thread:
            return f"{thread}.9{self.place:03d}iP{number:06d}"
        return f"Ug{self.place:03d}x_{number:06d}4AaABAg"

    def channel_of(self, author: str) -> str:
        """Return the channel id of an author."""
        digest = hashlib.sha256(author.encode()).hexdigest()
        return self.channel_id if author == self.brand else f"UC{digest[:22]}"

    def there(self, native_id: str) -> Said | None:
        """Return a comment that is neither deleted nor rejected."""
        said = self.said.get(native_id)
        return said if said and not said.deleted and said.status != "rejected" else None

    def threads(self, status: str) -> list[Said]:
        """Return first comments of a moderation status, newest first; a reply does not lift its thread."""
        found = [each for each in self.said.values() if each.first and not each.deleted]
        found = [each for each in found if each.status == status and each.video not in self.closed]
        return sorted(found, key=lambda each: (each.said_at, each.native_id), reverse=True)

    def replies(self, thread: str) -> list[Said]:
        """Return the published replies of a thread, oldest first."""
        found = [each for each in self.said.values() if each.thread == thread and not each.first]
        return [each for each in found if not each.deleted and each.status == "published"]

    def thread_json(self, said: Said, part: str, text_format: str) -> dict[str, Any]:
        """Return a thread; only some of its replies come along."""
        if part == "id":
            return {"kind": "youtube#commentThread", "etag": "etag", "id": said.native_id}
        replies = self.replies(said.thread)
        shown: dict[str, Any] = {
            "kind": "youtube#commentThread",
            "etag": f"etag-{said.native_id}",
            "id": said.native_id,
            "snippet": {
                "channelId": self.channel_id,
                "videoId": said.video,
                "topLevelComment": self.comment_json(said, text_format),
                "canReply": True,
                "totalReplyCount": len(replies),
                "isPublic": said.status == "published",
            },
        }
        if replies and "replies" in part.split(","):
            inline = [self.comment_json(each, text_format) for each in replies[:INLINE]]
            shown["replies"] = {"comments": inline}
        return shown

    def comment_json(self, said: Said, text_format: str) -> dict[str, Any]:
        """Return a comment; the original text only when it is our own."""
        author = self.channel_of(said.author)
        plain = text_format == "plainText"
        snippet: dict[str, Any] = {
            "channelId": self.channel_id,
            "videoId": said.video,
            "textDisplay": said.text if plain else html.escape(said.text).replace("\n", "<br>"),
            "authorDisplayName": said.author,
            "authorProfileImageUrl": f"https://yt3.example/{author}",
            "authorChannelUrl": f"http://www.youtube.com/{said.author}",
            "canRate": True,
            "viewerRating": "none",
            "likeCount": 0,
            "publishedAt": iso(said.said_at),
            "updatedAt": iso(said.edited_at or said.said_at),
        }
        if not said.nameless:
            snippet["authorChannelId"] = {"value": author}
        if said.by_brand:
            snippet["textOriginal"] = said.text
        if not said.first:
            snippet["parentId"] = said.thread
        return {
            "kind": "youtube#comment",
            "etag": f"etag-{said.native_id}",
            "id": said.native_id,
            "snippet": snippet,
        }


def iso(at: datetime) -> str:
    """Return a time as YouTube writes it, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def later(at: datetime, than: datetime) -> datetime:
    """Return an instant that is at least a second later, for YouTube tells no fractions."""
    return max(at, than + timedelta(seconds=1))
