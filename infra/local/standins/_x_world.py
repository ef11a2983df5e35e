"""What was said on the stand-in for X, and how X shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.local.standins.base import now

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_EPOCH_MS = 1_288_834_974_657  # X's ids count milliseconds from here
_CUT = 280  # characters of `text`; the rest is in the note
_EDITABLE = timedelta(hours=1)
_NUMBERED = 12  # bits of an id for what one place says within a millisecond; ten above them name the place
_ADDRESS = re.compile(r"https?://\S+")


@dataclass(slots=True, kw_only=True)
class Post:
    """One version of a post; all versions of one share their `chain`."""

    post_id: str
    author_id: str
    text: str
    at: datetime
    root: str
    chain: list[str]
    parent: Post | None = None
    quoted: Post | None = None
    gone: bool = False
    links: tuple[tuple[str, str], ...] = ()
    """Addresses in the text: as X shortened them, and as they were."""


@dataclass(slots=True, kw_only=True)
class Message:
    """One direct message."""

    message_id: str
    sender_id: str
    recipient_id: str
    text: str
    at: datetime


class World:
    """People, posts and messages, in X's shapes."""

    def __init__(self, place: int = 0) -> None:
        """Begin with nobody and nothing; worlds of different places never give the same id."""
        self._last_id = 0
        self._place = place << _NUMBERED
        self.ids: dict[str, str] = {}
        self.posts: dict[str, Post] = {}
        self.messages: list[Message] = []

    def post(self, author_id: str, text: str, *, reply_to: str, quote: str) -> Post:
        """Keep a new post."""
        parent = self.posts[self.posts[reply_to].chain[-1]] if reply_to else None
        quoted = self.posts[quote] if quote else None
        root = parent.root if parent else ""
        return self._keep(author_id, text, root=root, chain=[], parent=parent, quoted=quoted)

    def edited(self, native_id: str, text: str) -> Post:
        """Keep a new version of a post, under an id of its own."""
        old = self.posts[native_id]
        return self._keep(
            old.author_id, text, root=old.root, chain=old.chain, parent=old.parent, quoted=old.quoted
        )

    def delete(self, native_id: str) -> Post:
        """Take a post away with all its versions."""
        for version in self.posts[native_id].chain:
            self.posts[version].gone = True
        return self.posts[native_id]

    def write(self, sender_id: str, recipient_id: str, text: str) -> Message:
        """Keep a direct message."""
        message = Message(
            message_id=self.new_id(), sender_id=sender_id, recipient_id=recipient_id, text=text, at=now()
        )
        self.messages.append(message)
        return message

    def shortened(self, text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return a text as X stores it, each address behind one of its own, and what they stand for."""
        stand_for = {found: f"https://t.co/{int(self.new_id()):x}" for found in _ADDRESS.findall(text)}
        for address, short in stand_for.items():
            text = text.replace(address, short)
        return text, tuple((short, address) for address, short in stand_for.items())

    def between(self, one: str, other: str) -> list[Message]:
        """Return what two people wrote to each other, newest first."""
        return [each for each in self.messages[::-1] if {each.sender_id, each.recipient_id} == {one, other}]

    def newest(self) -> Iterator[Post]:
        """Yield the newest version of every post that is still there, newest first."""
        for post in reversed(self.posts.values()):
            if not post.gone and post.chain[-1] == post.post_id:
                yield post

    def id_of(self, name: str) -> str:
        """Return a person's id, made when first needed."""
        if name not in self.ids:
            self.ids[name] = self.new_id()
        return self.ids[name]

    def new_id(self) -> str:
        """Return an id that tells the time, larger than any before."""
        self._last_id = max(self._last_id + 1, snowflake(now()) + self._place)
        return str(self._last_id)

    def user(self, user_id: str) -> dict[str, Any]:
        """Return a person as X shows it."""
        name = next(name for name, each in self.ids.items() if each == user_id)
        return {"id": user_id, "username": name, "name": name.replace("_", " ").title()}

    def shown(self, post: Post) -> dict[str, Any]:
        """Return a post with every field that we know of, in the names of `tweet.fields`."""
        text = escaped(post.text)
        mentions = [
            {"start": at, "end": at + len(name) + 1, "username": name, "id": user_id}
            for name, user_id in self.ids.items()
            if name.lower() in mentioned(text) and (at := text.lower().find(f"@{name.lower()}")) >= 0
        ]
        references = [{"type": "replied_to", "id": post.parent.post_id}] if post.parent else []
        references += [{"type": "quoted", "id": post.quoted.post_id}] if post.quoted else []
        counts = ("retweet", "reply", "like", "quote", "bookmark", "impression")
        urls = [
            {
                "start": text.find(short),
                "end": text.find(short) + len(short),
                "url": short,
                "expanded_url": address,
                "display_url": address.partition("://")[2],
            }
            for short, address in post.links
        ]
        entities = {name: found for name, found in (("mentions", mentions), ("urls", urls)) if found}
        editable_until = iso(post.at + _EDITABLE)
        return {
            "id": post.post_id,
            "text": text if len(text) <= _CUT else text[: _CUT - 1] + "\u2026",
            **({"note_tweet": {"text": text}} if len(text) > _CUT else {}),
            "author_id": post.author_id,
            "created_at": iso(post.at),
            "conversation_id": post.root,
            "edit_history_tweet_ids": list(post.chain),
            "edit_controls": {
                "edits_remaining": 5,
                "is_edit_eligible": True,
                "editable_until": editable_until,
            },
            "lang": "en",
            "reply_settings": "everyone",
            "possibly_sensitive": False,
            "public_metrics": {f"{each}_count": 0 for each in counts},
            **({"entities": entities} if entities else {}),
            **({"referenced_tweets": references} if references else {}),
            **({"in_reply_to_user_id": post.parent.author_id} if post.parent else {}),
        }

    def polled(self, message: Message, wanted: Collection[str]) -> dict[str, Any]:
        """Return a message as `GET /2/dm_events` shows it."""
        pair = sorted((message.sender_id, message.recipient_id), key=int)
        full = {
            "id": message.message_id,
            "event_type": "MessageCreate",
            "text": escaped(message.text),
            "sender_id": message.sender_id,
            "created_at": iso(message.at),
            "dm_conversation_id": "-".join(pair),
        }
        return {name: value for name, value in full.items() if name in {"id", "event_type", "text", *wanted}}

    def pushed(self, message: Message) -> dict[str, Any]:
        """Return a message as the webhook tells it, in the shape of version 1.1."""
        created = {
            "target": {"recipient_id": message.recipient_id},
            "sender_id": message.sender_id,
            "message_data": {"text": escaped(message.text), "entities": {"urls": []}},
        }
        event = {
            "type": "message_create",
            "id": message.message_id,
            "created_timestamp": str(int(message.at.timestamp() * 1000)),
            "message_create": created,
        }
        users = {each: {"data": self.user(each)} for each in (message.sender_id, message.recipient_id)}
        return {"direct_message_events": [event], "users": users}

    def _keep(
        self,
        author_id: str,
        text: str,
        *,
        root: str,
        chain: list[str],
        parent: Post | None,
        quoted: Post | None,
    ) -> Post:
        post_id = self.new_id()
        chain.append(post_id)
        post = Post(
            post_id=post_id,
            author_id=author_id,
            text=text,
            at=now(),
            root=root or post_id,
            chain=chain,
            parent=parent,
            quoted=quoted,
        )
        self.posts[post_id] = post
        return post


def snowflake(at: datetime) -> int:
    """Return the smallest id of that instant."""
    return (int(at.timestamp() * 1000) - _EPOCH_MS) << 22


def mentioned(text: str) -> list[str]:
    """Return the names that a text mentions, in lower case."""
    return [name.lower() for name in re.findall(r"@(\w{1,15})", text, re.ASCII)]


def matches(post: Post, query: str, brand_id: str) -> bool:
    """Return whether one of the query's words is in the post; `-from:` can only mean the brand here."""
    terms = re.findall(r'"([^"]+)"|(?<![-\w])([#@$]\w+)', query)
    words = [(phrase or word).lower() for phrase, word in terms]
    by_brand = "-from:" in query and post.author_id == brand_id
    return not by_brand and any(each in post.text.lower() for each in words)


def escaped(text: str) -> str:
    """Return the text with the three characters that X escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def iso(at: datetime) -> str:
    """Return an instant as X writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
