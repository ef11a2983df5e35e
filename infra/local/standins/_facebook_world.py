"""What the Facebook stand-in keeps: who said what on one Page, and how webhooks and the Graph API tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.local.standins._meta import NEVER, iso, milliseconds
from infra.local.standins.base import now

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta


@dataclass(kw_only=True)
class Said:
    """One post, comment, message or recommendation, with all that Facebook knows of it."""

    native_id: str
    author: str
    text: str
    said_at: datetime
    kind: str  # post, comment, mention, message, review
    root: str = ""
    parent: str = ""
    full_id: str = ""
    updated_at: datetime = NEVER
    edits: int = 0
    deleted: bool = False
    nameless: bool = False
    answered_in_private: str = ""
    """The conversation of the one private answer to a comment or visitor post."""
    metadata: str = ""
    recommends: bool = True


class World:
    """One Page: its people, and everything that was said."""

    def __init__(self, page_id: str, page_name: str, first_number: int) -> None:
        """Begin empty; numbers of posts begin at `first_number`."""
        self.page_id = page_id
        self.page_name = page_name
        self.first_number = first_number
        self.clock: Callable[[], datetime] = now
        self.said: dict[str, Said] = {}
        self._people: dict[str, int] = {}

    def person(self, author: str, *, psid: bool = False) -> str:
        """Return an author's id among comments, or in Messenger: two numbers that have nothing in common."""
        number = self._people.setdefault(author, len(self._people) + 1)
        return str((98_000_000_000 if psid else 7_463_000_000) + number * 7)

    def by_psid(self, psid: str) -> str | None:
        """Return whose Messenger id it is."""
        return next((author for author in self._people if self.person(author, psid=True) == psid), None)

    def found(self, native_id: str) -> Said | None:
        """Return what has this id, long or short; what is deleted is not there."""
        said = self.said.get(native_id) or self.said.get(native_id.rpartition("_")[2])
        return None if said is None or said.deleted else said

    def add(
        self,
        author: str,
        text: str,
        reply_to: str = "",
        *,
        private: bool = False,
        mention: bool = False,
        review: bool = False,
        nameless: bool = False,
        thread: str = "",
    ) -> Said:
        """Keep one more; an empty author is the Page itself, and then `thread` says to whom it writes."""
        at, number = self.clock(), self.first_number + len(self.said)
        said = Said(
            native_id="", author=author, text=text, said_at=at, kind="post", updated_at=at, nameless=nameless
        )
        target = self.said.get(reply_to)
        if private:
            said.kind, said.native_id, said.parent = "message", f"m_{number}AbC-_", reply_to
            said.root = thread or (target.root if target else f"t_{self.person(author, psid=True)}")
        elif target:
            root = self.said[target.root or target.native_id]
            root.updated_at = at
            said.kind, said.native_id, said.root = "comment", str(number), root.native_id
            said.full_id = f"{root.native_id.rpartition('_')[2]}_{number}"
            said.parent = target.full_id if target.kind == "comment" else ""
        elif review:
            said.kind, said.native_id = "review", str(number)
        else:
            said.kind = "mention" if mention else "post"
            said.native_id = f"{self.person(author) if mention else self.page_id}_{number}"
        self.said[said.native_id] = said
        return said

    def window(self, psid: str) -> timedelta | None:
        """Return how long ago this person wrote last; None when they never did."""
        last = [
            each.said_at
            for each in self.said.values()
            if each.kind == "message" and each.author and each.root == f"t_{psid}"
        ]
        return self.clock() - max(last) if last else None

    def thread(self, root: str) -> list[Said]:
        """Return a conversation's messages, newest first."""
        return [each for each in self.said.values() if each.root == root and each.kind == "message"][::-1]

    # What webhooks tell

    def entry(self, said: Said, verb: str) -> dict[str, Any]:
        """Return the entry of a delivery."""
        at = self.clock()
        entry: dict[str, Any] = {"id": self.page_id, "time": int(at.timestamp())}
        if said.kind == "message":
            return {**entry, "time": milliseconds(at), "messaging": [self._event(said, verb, at)]}
        if said.kind == "review":
            return {**entry, "changes": [{"field": "ratings", "value": self._rating(said, verb)}]}
        comment = bool(said.full_id)
        value: dict[str, Any] = {"item": "comment" if comment else "status", "verb": verb}
        value |= {"post_id": said.root or said.native_id, "created_time": int(said.said_at.timestamp())}
        if comment:
            value |= {"comment_id": said.full_id, "parent_id": said.parent or said.root}
        if said.kind != "mention" and not said.nameless:
            value["from"] = self.who(said)
        if verb != "remove":
            value["message"] = said.text
        field_name = "mention" if said.kind == "mention" else "feed"
        return {**entry, "changes": [{"field": field_name, "value": value}]}

    def _rating(self, said: Said, verb: str) -> dict[str, Any]:
        value: dict[str, Any] = {"item": "rating", "verb": "edit" if verb == "edited" else verb}
        value |= {
            "open_graph_story_id": int(said.native_id),
            "reviewer_id": int(self.person(said.author)),
        }
        if verb == "remove":
            return value
        verdict = "POSITIVE" if said.recommends else "NEGATIVE"
        return {
            **value,
            "reviewer_name": said.author.title(),
            "recommendation_type": verdict,
            "review_text": said.text,
        }

    def _event(self, said: Said, verb: str, at: datetime) -> dict[str, Any]:
        psid = said.root.removeprefix("t_")
        ends = [{"id": psid}, {"id": self.page_id}] if said.author else [{"id": self.page_id}, {"id": psid}]
        event: dict[str, Any] = {"sender": ends[0], "recipient": ends[1], "timestamp": milliseconds(at)}
        if verb == "remove":
            return {**event, "message": {"mid": said.native_id, "is_deleted": True}}
        if verb == "edited":
            return {
                **event,
                "message_edit": {"mid": said.native_id, "text": said.text, "num_edit": said.edits},
            }
        message: dict[str, Any] = {"mid": said.native_id, "text": said.text}
        if said.parent:
            message["reply_to"] = {"mid": said.parent}
        if said.author:
            return {**event, "message": message}
        message |= {"is_echo": True, "app_id": 1}
        return {**event, "message": {**message, "metadata": said.metadata} if said.metadata else message}

    # What the Graph API tells

    def row(self, said: Said, wanted: set[str]) -> dict[str, Any]:
        """Return an object with the fields that were asked for."""
        comment = bool(said.full_id)
        # comment ids are long or short, as it comes
        native_id = said.full_id if comment and int(said.native_id) % 2 else said.native_id
        row: dict[str, Any] = {"id": native_id, "message": said.text, "created_time": iso(said.said_at)}
        if said.kind == "review":
            row = {
                "created_time": iso(said.said_at),
                "has_rating": False,
                "has_review": bool(said.text),
                "open_graph_story": {"id": said.native_id},
                "recommendation_type": "positive" if said.recommends else "negative",
                "review_text": said.text,
                "reviewer": self.who(said),
            }
            return {name: value for name, value in row.items() if name in wanted}
        if not said.nameless:
            row["from"] = self.who(said)
        if said.kind == "message":
            return {name: value for name, value in row.items() if name in {"id", *wanted}}
        row["permalink_url"] = f"https://www.facebook.com/{self.page_id}/posts/{said.native_id}/"
        if comment:
            row |= {"can_comment": True, "can_hide": bool(said.author), "is_private": False}
            row |= {"can_reply_privately": bool(said.author) and not said.answered_in_private}
            row |= {"comment_count": 0}
            row |= {"parent": {"id": said.parent}} if said.parent else {}
            if said.answered_in_private:
                row["private_reply_conversation"] = {"id": said.answered_in_private}
        else:
            row |= {"updated_time": iso(said.updated_at), "is_published": True}
        return {name: value for name, value in row.items() if name in {"id", *wanted}}

    def who(self, said: Said) -> dict[str, str]:
        """Return an author as posts and comments name one."""
        if not said.author:
            return {"id": self.page_id, "name": self.page_name}
        return {"id": self.person(said.author, psid=said.kind == "message"), "name": said.author.title()}
