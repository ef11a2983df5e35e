"""What is said on an Instagram: media, comments, mentions, tags and messages, and how it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from infra.local.standins._meta import iso, milliseconds
from infra.local.standins._sixty_days import Said, SixtyDayStandIn, chosen
from infra.local.standins.base import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_COMMENTS = 50
MOST_MESSAGES = 20
DAY = timedelta(days=1)


class InstagramWorld(SixtyDayStandIn):
    """One account's state, its customers, and the deliveries to its webhook."""

    account_id = "17841400000000001"
    username = "bank_example"
    first_number = 17_860_000_000_000_000
    place = 0
    subscribed: tuple[str, ...] = ()

    def person(self, author: str, *, writes: bool = False) -> str:
        """Return an author's number among comments, or the one (IGSID) under which they write messages."""
        names = self._people()
        number = names.setdefault(author, len(names) + 1)
        return str((5_614_000_000_000_000 if writes else 1_093_000_000) + self.place * 1_000_000 + number * 7)

    def _people(self) -> dict[str, int]:
        if not hasattr(self, "_known"):
            self._known: dict[str, int] = {}
        return self._known

    # What people do

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        private: bool = False,
        mention: bool = False,
        tagged: bool = False,
        live: bool = False,
    ) -> str:
        """Comment below our newest media or below `reply_to`, write to us, name us elsewhere, or tag us."""
        kind = "message" if private else "mention" if mention else "tag" if tagged else "comment"
        name = "".join(letter if letter.isalnum() else "." for letter in author.casefold()).strip(".")
        return self._add(name or "somebody", text, kind, reply_to, live=live).id

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Publish a media, answer a comment, or write a message in the app."""
        target = self._said.get(reply_to)
        kind = "media" if target is None else "message" if target.kind == "message" else "comment"
        return self._add("", text, kind, reply_to).id

    def edit(self, native_id: str, text: str) -> None:
        """Change a message, which is told, or a comment, which is not."""
        with self.lock:
            said = self._said[native_id]
            said.text, said.edits = text, said.edits + 1
            if said.kind == "message":
                self._push(said, "edit")

    def delete(self, native_id: str) -> None:
        """Unsend a message, which is told, or delete a comment, which is not."""
        with self.lock:
            said = self._said[native_id]
            said.deleted = True
            if said.kind == "message":
                self._push(said, "unsend")

    def _add(
        self, author: str, text: str, kind: str, reply_to: str = "", *, live: bool = False, person: str = ""
    ) -> Said:
        with self.lock:
            target = self._said.get(reply_to)
            if kind == "comment" and target is None:
                target = self._newest_media()
            number = self.first_number + len(self._said)
            said = Said(id=str(number), author=author, text=text, said_at=self.clock(), kind=kind)
            if kind == "message":
                writer = person or author or (target.more["person"] if target else "")
                said.more["person"] = writer
                said.id, said.root, said.parent = f"aWdf{number}", f"aWdfT{self.person(writer)}", reply_to
            elif kind == "comment" and target is not None:
                below = target.kind == "comment"
                said.root = target.root if below else target.id
                said.parent = (target.parent or target.id) if below else ""  # two levels, no more
            elif kind == "mention":
                said.root = f"9{number}"  # a media of somebody else's
            said.more["live"] = live
            self._said[said.id] = said
            self._push(said, "add")
            return said

    def _newest_media(self) -> Said:
        media = [said for said in self._said.values() if said.kind == "media" and not said.deleted]
        return media[-1] if media else self._add("", "We are here for you", "media")

    def show(self, said: Said, *, to: str, private: bool = False) -> None:
        """Keep what our client's answer looks like."""
        shown = Shown(native_id=said.id, to=to, text=said.text, by=self.username, private=private)
        self.shown.append(shown)

    # The webhook

    def _push(self, said: Said, what: str) -> None:
        pushed = {"comment": "comments", "mention": "mentions", "message": "messages"}.get(said.kind)
        pushed = "live_comments" if said.more.get("live") else pushed
        if self.pushes and pushed in self.subscribed:
            self.pushes.push({"object": "instagram", "entry": [self._entry(said, what, str(pushed))]})

    def _entry(self, said: Said, what: str, field: str) -> dict[str, Any]:
        at = self.clock()
        entry: dict[str, Any] = {"id": self.account_id, "time": int(at.timestamp())}
        if said.kind == "message":
            return {**entry, "time": milliseconds(at), "messaging": [self._event(said, what)]}
        if said.kind == "mention":
            value: dict[str, Any] = {"media_id": said.root, "comment_id": said.id}
        else:
            media = {"id": said.root, "media_product_type": "FEED"}
            value = {"id": said.id, "from": self.sender(said), "text": said.text, "media": media}
            value |= {"parent_id": said.parent} if said.parent else {}
        return {**entry, "changes": [{"field": field, "value": value}]}

    def _event(self, said: Said, what: str) -> dict[str, Any]:
        ends = [self.person(said.more["person"], writes=True), self.account_id]
        sender, recipient = ends if said.author else ends[::-1]
        event: dict[str, Any] = {"sender": {"id": sender}, "recipient": {"id": recipient}}
        event["timestamp"] = milliseconds(self.clock())
        if what == "unsend":
            return {**event, "message": {"mid": said.id, "is_deleted": True}}
        if what == "edit":
            edit = {"mid": said.id, "text": said.text, "num_edit": said.edits}
            return {**event, "message_edit": edit}
        message: dict[str, Any] = {"mid": said.id, "text": said.text}
        message |= {"reply_to": {"mid": said.parent}} if said.parent else {}
        return {**event, "message": message if said.author else {**message, "is_echo": True}}

    # Shapes

    def sender(self, said: Said) -> dict[str, str]:
        """Return who said it, as comments name people."""
        if not said.author:
            return {"id": self.account_id, "username": self.username}
        return {"id": self.person(said.author), "username": said.author}

    def comment_row(self, said: Said, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a comment with the answers below it."""
        row = {
            "id": said.id,
            "text": said.text,
            "timestamp": iso(said.said_at),
            "username": said.author or self.username,
            "from": self.sender(said),
            "like_count": 0,
            "hidden": said.id in self.hidden,
            "media": {"id": said.root, "permalink": f"https://www.instagram.com/p/M{said.root}/"},
            "parent_id": said.parent or None,
        }
        if not said.author:
            row["user"] = {"id": self.account_id}
        below = [each for each in self._said.values() if each.parent == said.id and not each.deleted]
        if below and said.kind == "comment":
            shown = [
                self.comment_row(each, {"fields": "text,timestamp,username,from,hidden"}) for each in below
            ]
            row["replies"] = {"data": shown}
        return chosen(row, params)

    def media_row(self, said: Said, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return a media, ours or one that tags us."""
        below = [each for each in self._said.values() if each.root == said.id and not each.deleted]
        row = {
            "id": said.id,
            "caption": said.text,
            "timestamp": iso(said.said_at),
            "permalink": f"https://www.instagram.com/p/M{said.id}/",
            "comments_count": len(below),
            "media_type": "IMAGE",
            "username": said.author or self.username,
        }
        return chosen(row, params)

    def message_row(self, said: Said) -> dict[str, Any]:
        """Return a message as a conversation lists it."""
        person = {"id": self.person(said.more["person"], writes=True), "username": said.more["person"]}
        us = {"id": self.account_id, "username": self.username}
        ends = (person, us) if said.author else (us, person)
        to = {"data": [ends[1]]}
        row: dict[str, Any] = {"id": said.id, "created_time": iso(said.said_at), "message": said.text}
        return {**row, "from": ends[0], "to": to}
