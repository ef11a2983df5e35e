"""The world behind the LinkedIn on loopback: one page, its post, comments, and the notifications of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.request
import uuid
from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from infra.local.standins.base import Pusher, StandIn, now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle


@dataclass(kw_only=True)
class Said:
    """One comment, or one post that mentions the page."""

    native_id: str
    author: str
    text: str
    said_at: datetime
    thread: str = ""
    parent: str = ""
    edited_at: datetime | None = None
    deleted: bool = False
    nameless: bool = False


class LinkedInWorld(StandIn, ABC):
    """A page, what members say below its post and about it, and what LinkedIn notifies of it."""

    def __init__(self, port: int = 0, *, page: str = "1111", place: int = 0) -> None:
        """Make a page with one post; ids of worlds with another `place` never meet."""
        super().__init__(port)
        self.page = page if page.startswith("urn:li:") else f"urn:li:organization:{page}"
        self._next = 7_100_000_000_000_000_000 + place * 1_000_000_000
        self.post = self._urn("activity")
        self.shared_post = self._urn("share")
        self.member = f"urn:li:person:adMin{place}"
        self.role = "ADMINISTRATOR"
        self.tokens = 1
        self.refreshes = True
        self.subscription: dict[str, Any] = {}
        self.clock = now
        self.notifications: list[dict[str, Any]] = []
        self._said: dict[str, Said] = {}
        self._own: dict[str, Said] = {}
        self._people: dict[str, str] = {}

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the page that the handle names."""
        return cls(port, page=handle.native_id or "1111", place=place)

    @property
    def secret(self) -> Mapping[str, str]:
        """Return the fields of the handle's secret."""
        fields = {"access_token": f"standin-access-{self.tokens}"}
        return fields | ({"refresh_token": "standin-refresh"} if self.refreshes else {})

    @property
    def app_secret(self) -> Mapping[str, str]:
        """Return the fields of the app's secret."""
        return {"client_id": "86standin", "client_secret": "standin-client-secret", "application_id": "4242"}

    @property
    def handle_settings(self) -> Mapping[str, Any]:
        """Return what the organisation file says of the handle."""
        number = self.page.rpartition(":")[2]
        return {"handle": "Acme Bank", "base_url": self.base_url, "native_id": number}

    # Members

    @property
    def posts(self) -> Sequence[Said]:
        """List what members said."""
        return tuple(self._said.values())

    def person(self, author: str) -> str:
        """Return a member's URN, which means one app only."""
        digest = hashlib.sha256(f"{self.page} {author}".encode()).hexdigest()[:10]
        return self._people.setdefault(author, f"urn:li:person:{digest}")

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a member comment below the page's post, or below a comment there."""
        del private  # there is no private way
        return self.say(author, text, reply_to=reply_to)

    def say(self, author: str, text: str, *, reply_to: str = "", nameless: bool = False) -> str:
        """Let a member comment; a nameless one is told without its actor."""
        with self.lock:
            said = self._commented(author, text, reply_to=reply_to, nameless=nameless)
            self._said[said.native_id] = said
            self._notify("COMMENT", said)
            return said.native_id

    def mention(self, author: str, text: str) -> str:
        """Let a member write a post that mentions the page."""
        with self.lock:
            said = Said(native_id=self._urn("share"), author=author, text=text, said_at=self.clock())
            self._said[said.native_id] = said
            self._notify("SHARE_MENTION", said)
            return said.native_id

    def react(self, author: str, action: str = "LIKE") -> None:
        """Let a member like or share the page's post."""
        with self.lock:
            said = Said(native_id=self._urn("share"), author=author, text="", said_at=self.clock())
            self._notify(action, said)

    def edit(self, native_id: str, text: str) -> None:
        """Let the author change a comment."""
        with self.lock:
            said = self._said[native_id]
            said.text, said.edited_at = text, self.clock()
            self._notify("COMMENT_EDIT", said)

    def delete(self, native_id: str) -> None:
        """Let the author delete a comment."""
        with self.lock:
            said = self._said[native_id]
            said.deleted = True
            self._notify("COMMENT_DELETE", said)

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Comment as the page by hand."""
        with self.lock:
            said = self._commented("", text, reply_to=reply_to)
            self._own[said.native_id] = said
            self._notify("ADMIN_COMMENT", said)
            return said.native_id

    def _commented(
        self, author: str, text: str, *, reply_to: str = "", nameless: bool = False, thread: str = ""
    ) -> Said:
        above = {**self._said, **self._own}.get(reply_to)
        thread = thread or (above.thread if above and above.thread else reply_to or self.post)
        number = self._urn("x").rpartition(":")[2]
        parent = (above.parent or above.native_id) if above and above.thread else ""
        return Said(
            native_id=f"urn:li:comment:({thread},{number})",
            author=author,
            text=text,
            said_at=self.clock(),
            thread=thread,
            parent=parent,
            nameless=nameless,
        )

    def _urn(self, kind: str) -> str:
        self._next += 1
        return f"urn:li:{kind}:{self._next}"

    def _actor(self, said: Said) -> str:
        return self.person(said.author) if said.author else self.page

    # Notifications

    def _notify(self, action: str, said: Said) -> None:
        """Add a notification, in the shapes that LinkedIn writes: the short form of a comment's URN too."""
        told: dict[str, Any] = {"text": said.text, "entity": said.native_id, "owner": self._actor(said)}
        if said.nameless:
            del told["owner"]
        if said.thread:
            told["object"] = said.thread
        row: dict[str, Any] = {"notificationId": 1_900_000_000 + len(self.notifications), "action": action}
        row |= {"organizationalEntity": self.page, "subscriber": self.member, "sourcePost": self.post}
        row["lastModifiedAt"] = milliseconds(self.clock())
        row["generatedActivity"] = said.native_id.replace("(urn:li:activity:", "(activity:")
        row["decoratedGeneratedActivity"] = {"comment" if said.thread else "share": told}
        own = {"entity": self.shared_post, "owner": self.page, "text": "New rates", "mediaCategory": "NONE"}
        row["decoratedSourcePost"] = own
        self.notifications.append(row)
        if self.pushes:
            kind = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"
            self.pushes.push({"type": kind, "notifications": [row]})

    def register(self, url: str) -> None:
        """Check the webhook as LinkedIn does, and deliver to it from now on."""
        challenge = str(uuid.uuid4())
        with urllib.request.urlopen(f"{url}?{urlencode({'challengeCode': challenge})}", timeout=3) as answer:
            told = json.loads(answer.read())
        if told != {"challengeCode": challenge, "challengeResponse": self._proof(challenge.encode())}:
            message = "the webhook did not answer the challenge"
            raise ValueError(message)
        if self.pushes:
            self.pushes.stop()
        self.pushes = Pusher(url, lambda raw: {"X-LI-Signature": self._proof(b"hmacsha256=" + raw)})

    def _proof(self, text: bytes) -> str:
        return hmac.new(self.app_secret["client_secret"].encode(), text, hashlib.sha256).hexdigest()


def milliseconds(at: datetime) -> int:
    """Return an instant as LinkedIn tells it."""
    return int(at.timestamp() * 1_000)
