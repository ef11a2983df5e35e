"""The people behind the Reddit stand-in: what they said where, and what Reddit shows of it to whom."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from infra.local.standins.base import now

if TYPE_CHECKING:
    import threading
    from datetime import datetime

    from infra.local.standins.base import Shown

JSON = dict[str, Any]
BRAND = "acme_bank"
OWN = "acmebank"  # our own subreddit
ELSEWHERE = "personalfinance"
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH_TICK = 60_466_176  # 36^5: ids have six characters


@dataclass(slots=True, kw_only=True)
class Said:
    """One comment (t1) or post (t3) and what became of it."""

    native_id: str
    author: str
    text: str
    subreddit: str
    link_id: str
    parent_id: str
    said_at: datetime
    title: str = ""
    edited_at: float | None = None
    deleted: bool = False
    removed: bool = False
    quietly: bool = False
    locked: bool = False
    archived: bool = False
    told_as: list[str] = field(default_factory=list)


class RedditWorld:
    """Everything that was said, and to whom Reddit tells it; no HTTP."""

    lock: threading.RLock
    shown: list[Shown]

    def __init__(self, brand: str, place: int) -> None:
        """Begin with the brand's account and silence."""
        self.brand = brand
        self.said: dict[str, Said] = {}
        self._count = _EPOCH_TICK * (1 + place)
        self._last = now().timestamp()
        self.private_subreddits: set[str] = set()

    @property
    def posts(self) -> tuple[Said, ...]:
        """Return everything that customers said."""
        with self.lock:
            return tuple(said for said in self.said.values() if said.author != self.brand)

    @property
    def native_id(self) -> str:
        """Return the brand's account id."""
        return account_id(self.brand)

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        subreddit: str = ELSEWHERE,
        title: str = "",
        said_at: datetime | None = None,
    ) -> str:
        """Let somebody comment below `reply_to`, or post; return the full name."""
        with self.lock:
            self._count += 1
            parent = self.said.get(reply_to)
            name = f"{'t1' if parent else 't3'}_{base36(self._count)}"
            said = Said(
                native_id=name,
                author=author,
                text=text,
                subreddit=parent.subreddit if parent else subreddit,
                link_id=parent.link_id if parent else name,
                parent_id=reply_to,
                said_at=said_at or now(),
                title="" if parent else title or text[:80],
            )
            self.said[name] = said
            if author != self.brand:
                said.told_as = self._told_as(said, parent)
            return name

    def _told_as(self, said: Said, parent: Said | None) -> list[str]:
        """Return in which lists of the brand's inbox it shows; mentions are told of comments only."""
        if parent is None:
            return []
        told = []
        if re.search(rf"(?<!\w)/?u/{re.escape(self.brand)}(?!\w)", said.text, re.IGNORECASE):
            told.append("username_mention")
        if parent.author == self.brand:
            told.append("post_reply" if parent.native_id.startswith("t3") else "comment_reply")
        return told

    def edit(self, native_id: str, text: str) -> None:
        """Let the author change the text."""
        with self.lock:
            said = self.said[native_id]
            said.text = text
            said.edited_at = max(float(int(now().timestamp())), (said.edited_at or 0) + 1)

    def delete(self, native_id: str) -> None:
        """Let the author delete it: it stays in its thread as [deleted], and leaves every list."""
        with self.lock:
            self.said[native_id].deleted = True
            self.shown[:] = [
                replace(each, deleted=True) if each.native_id == native_id else each for each in self.shown
            ]

    def newest(self, wanted: str) -> list[Said]:
        """Return a list's entries as they are shown, newest first; deleted and removed ones leave it."""
        there = [said for said in self.said.values() if not said.deleted and not said.removed]
        kept = [said for said in there if self._belongs(said, wanted)]
        order = list(self.said)
        return sorted(kept, key=lambda said: (int(said.said_at.timestamp()), order.index(said.native_id)))[
            ::-1
        ]

    def _belongs(self, said: Said, wanted: str) -> bool:
        what, _, where = wanted.partition(" ")
        if what in {"username_mention", "comment_reply", "post_reply"}:
            return what in said.told_as
        if what == "by":
            return said.author.casefold() == where.casefold() and said.native_id.startswith("t1")
        names = {name.casefold() for name in where.split("+")}
        kind = "t1" if what == "comments" else "t3"
        return said.native_id.startswith(kind) and said.subreddit.casefold() in names and not said.quietly

    def found(self, words: str, where: str) -> list[Said]:
        """Return posts (never comments) with the words, newest first."""
        everywhere = "+".join({said.subreddit for said in self.said.values()})
        needle = words.strip('"').casefold()
        there = self.newest(f"posts {where or everywhere}")
        return [said for said in there if needle in f"{said.title} {said.text}".casefold()]

    def thing(self, said: Said, *, inbox_type: str = "", to_us: bool = True) -> JSON:
        """Return a thing as Reddit shows it in listings, or in the brand's inbox, which tells less."""
        gone = "[deleted]" if said.deleted else "[removed]" if said.removed else ""
        if said.quietly and not to_us:
            gone = "[removed]"
        author = "[deleted]" if gone == "[deleted]" else said.author
        link = self.said[said.link_id]
        path = f"/r/{said.subreddit}/comments/{said.link_id[3:]}/{_slug(link.title)}/"
        body: JSON = {
            "name": said.native_id,
            "id": said.native_id[3:],
            "author": author,
            "subreddit": said.subreddit,
            "subreddit_name_prefixed": f"r/{said.subreddit}",
            "created": float(int(said.said_at.timestamp())),
            "created_utc": float(int(said.said_at.timestamp())),
            "score": 1,
            "distinguished": None,
        }
        if not gone:
            body["author_fullname"] = account_id(said.author)
        if said.native_id.startswith("t1"):
            path = f"{path}{said.native_id[3:]}/"
            body |= {"parent_id": said.parent_id, "body": gone or said.text, "link_title": link.title}
        else:
            text = gone or (said.text if said.text != said.title else "")
            body |= {
                "title": said.title,
                "selftext": text,
                "is_self": True,
                "url": f"https://www.reddit.com{path}",
            }
        if inbox_type:
            subjects = {"username_mention": "username mention", "comment_reply": "comment reply"}
            body |= {"type": inbox_type, "was_comment": True, "new": True, "dest": self.brand}
            body |= {"subject": subjects.get(inbox_type, "post reply"), "context": f"{path}?context=3"}
        else:
            body |= {"edited": said.edited_at or False, "permalink": path, "archived": said.archived}
            body |= {"locked": said.locked, "subreddit_type": "public", "over_18": False}
            body |= {"link_id": said.link_id, "replies": ""} if said.native_id.startswith("t1") else {}
        return {"kind": said.native_id[:2], "data": body}


def account_id(name: str) -> str:
    """Return the id that an account has here: letters of its name as a number, so that it stays."""
    number = int.from_bytes(name.casefold().encode()[:8], "big")
    return f"t2_{base36(number)[:12]}"


def base36(number: int) -> str:
    """Return a number as Reddit writes ids."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _LETTERS[rest] + digits
    return digits or "0"


def _slug(title: str) -> str:
    return re.sub("[^a-z0-9]+", "_", title.casefold()).strip("_")[:40] or "post"
