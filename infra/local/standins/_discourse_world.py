"""The people behind the Discourse stand-in: topics, posts, private messages, and how a forum shows them."""

from __future__ import annotations

import html
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
OPEN, RESTRICTED = 5, 9  # categories: everybody's, and one for members of a group
STEP = 1_000_000  # numbers that one place has to itself
_AVATAR = "/letter_avatar_proxy/v4/letter/a/aaaaaa/{size}.png"


@dataclass(slots=True, kw_only=True)
class Topic:
    """A topic, public or private; `external_id` is what its creator called it."""

    id: int
    title: str
    category_id: int
    archetype: str
    author: str
    invited: set[str] = field(default_factory=set)
    external_id: str = ""
    closed: bool = False
    archived: bool = False

    @property
    def slug(self) -> str:
        """Return the title as it stands in addresses."""
        return re.sub("[^a-z0-9]+", "-", self.title.casefold()).strip("-") or "topic"


@dataclass(slots=True, kw_only=True)
class Said:
    """One post and what became of it."""

    native_id: str
    id: int
    author: str
    text: str
    topic: Topic
    number: int
    said_at: datetime
    to: int = 0
    version: int = 1
    post_type: int = 1
    deleted: bool = False
    hidden: bool = False
    updated_at: datetime | None = None


class DiscourseWorld:
    """Everything that was said, and to whom the forum shows it; no HTTP."""

    lock: threading.RLock
    shown: list[Shown]
    base_url: str

    def __init__(self, brand: str, place: int) -> None:
        """Begin with the brand's account and silence."""
        self.brand = brand
        self.said: dict[int, Said] = {}
        self.topics: dict[int, Topic] = {}
        self.staff: set[str] = set()
        self._users: dict[str, int] = {brand: 7}
        self._count = place * STEP
        self.queued: dict[int, JSON] = {}
        self.shows_before_itself = False  # as releases before 2026 did

    @property
    def posts(self) -> tuple[Said, ...]:
        """Return everything that customers said."""
        with self.lock:
            return tuple(said for said in self.said.values() if said.author != self.brand)

    def user_id(self, author: str) -> int:
        """Return an account's number, making one for a newcomer."""
        return self._users.setdefault(author, 70 + len(self._users))

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        private: bool = False,
        title: str = "",
        category_id: int = OPEN,
        post_type: int = 1,
    ) -> str:
        """Let somebody post: in a topic, a new one, or one that only they and the brand see."""
        with self.lock:
            above = next((said for said in self.said.values() if said.native_id == reply_to), None)
            topic = (
                above.topic if above else self.begin(author, title or text[:60], category_id, private=private)
            )
            said = self.put(author, text, topic, to=above.number if above else 0, post_type=post_type)
            self.told("post_created", said)
            return said.native_id

    def begin(
        self,
        author: str,
        title: str,
        category_id: int,
        *,
        private: bool,
        invited: set[str] | None = None,
        external_id: str = "",
    ) -> Topic:
        """Open a topic."""
        self._count += 1
        topic = Topic(
            id=self._count,
            title=title,
            category_id=category_id,
            archetype="private_message" if private else "regular",
            author=author,
            invited={author, *(invited or {self.brand})} if private else set(),
            external_id=external_id,
        )
        self.topics[topic.id] = topic
        return topic

    def put(self, author: str, text: str, topic: Topic, *, to: int = 0, post_type: int = 1) -> Said:
        """Add a post to a topic."""
        self._count += 1
        self.user_id(author)
        number = max((said.number for said in self.said.values() if said.topic is topic), default=0) + 1
        self.said[self._count] = Said(
            native_id=f"{self.base_url}/p/{self._count}",
            id=self._count,
            author=author,
            text=text,
            topic=topic,
            number=number,
            said_at=now(),
            to=to,
            post_type=post_type,
        )
        return self.said[self._count]

    def edit(self, native_id: str, text: str, *, in_grace: bool = False) -> None:
        """Change a post; within the grace period its version stays."""
        with self.lock:
            said = self.by_address(native_id)
            said.text, said.updated_at = text, now()
            said.version += not in_grace
            self.told("post_edited", said)

    def delete(self, native_id: str) -> None:
        """Delete a post."""
        with self.lock:
            said = self.by_address(native_id)
            said.deleted = True
            self.shown[:] = [
                replace(each, deleted=True) if each.native_id == native_id else each for each in self.shown
            ]
            self.told("post_destroyed", said)

    def recover(self, native_id: str) -> None:
        """Bring a deleted post back."""
        with self.lock:
            said = self.by_address(native_id)
            said.deleted = False
            self.told("post_recovered", said)

    def by_address(self, native_id: str) -> Said:
        """Return a post by its short address."""
        return next(said for said in self.said.values() if said.native_id == native_id)

    def told(self, event: str, said: Said) -> None:
        """Tell the webhook."""
        raise NotImplementedError

    def visible(self, said: Said) -> bool:
        """Return whether the brand's account may read a post."""
        there = not said.deleted and not said.hidden and said.post_type != 4  # noqa: PLR2004 - whispers
        return there and (not said.topic.invited or self.brand in said.topic.invited)

    def newest(self, *, private: bool, before: int) -> list[Said]:
        """Return fifty posts below a number, newest first; small actions and whispers are left out."""
        kept = [
            said
            for said in self.said.values()
            if self.visible(said)
            and said.post_type == 1
            and bool(said.topic.invited) is private
            and (not before or said.id < before + self.shows_before_itself)
        ]
        return sorted(kept, key=lambda said: -said.id)[:50]

    def post(self, said: Said) -> JSON:
        """Return a post as every answer shows it."""
        staff = said.author in self.staff
        at = iso(said.said_at)
        return {
            "id": said.id,
            "name": said.author.title(),
            "username": said.author,
            "avatar_template": _AVATAR,
            "created_at": at,
            "cooked": cooked(said.text),
            "post_number": said.number,
            "post_type": said.post_type,
            "posts_count": self._posts_in(said.topic),
            "updated_at": iso(said.updated_at) if said.updated_at else at,
            "reply_count": 0,
            "reply_to_post_number": said.to or None,
            "quote_count": 0,
            "incoming_link_count": 0,
            "reads": 1,
            "readers_count": 0,
            "score": 0.2,
            "yours": said.author == self.brand,
            "topic_id": said.topic.id,
            "topic_slug": said.topic.slug,
            "display_username": said.author.title(),
            "primary_group_name": None,
            "flair_name": None,
            "flair_url": None,
            "flair_bg_color": None,
            "flair_color": None,
            "flair_group_id": None,
            "badges_granted": [],
            "version": said.version,
            "can_edit": False,
            "can_delete": False,
            "can_recover": False,
            "can_see_hidden_post": False,
            "can_wiki": False,
            "user_title": None,
            "bookmarked": False,
            "actions_summary": [],
            "moderator": staff,
            "admin": False,
            "staff": staff,
            "user_id": self.user_id(said.author),
            "hidden": said.hidden,
            "trust_level": 1,
            "deleted_at": iso(now()) if said.deleted else None,
            "user_deleted": False,
            "edit_reason": None,
            "can_view_edit_history": True,
            "wiki": False,
            "reviewable_id": None,
            "reviewable_score_count": 0,
            "reviewable_score_pending_count": 0,
            "post_url": f"/t/{said.topic.slug}/{said.topic.id}/{said.number}",
        }

    def latest(self, said: Said) -> JSON:
        """Return a post as the lists of newest posts show it."""
        listed = self.post(said) | {"raw": said.text, "excerpt": said.text[:100], "truncated": False}
        if not said.topic.invited:
            listed["category_id"] = said.topic.category_id
        return listed | {"topic_title": said.topic.title, "topic_html_title": html.escape(said.topic.title)}

    def hooked(self, said: Said) -> JSON:
        """Return a post as the webhook shows it: serialised for the system, less what depends on a reader."""
        left_out = ("can_", "flair_", "actions_", "yours", "badges_", "readers_")
        body = {name: value for name, value in self.latest(said).items() if not name.startswith(left_out)}
        body |= {"topic_archetype": said.topic.archetype, "topic_posts_count": self._posts_in(said.topic)}
        return {name: value for name, value in body.items() if name not in {"excerpt", "truncated"}}

    def topic(self, topic: Topic, posts: list[Said]) -> JSON:
        """Return a topic with some of its posts, and the numbers of all."""
        ids = [said.id for said in self.said.values() if said.topic is topic and self.visible(said)]
        shown = [self.in_topic(said) for said in posts if self.visible(said)]
        return {
            "post_stream": {"posts": shown, "stream": ids},
            "id": topic.id,
            "title": topic.title,
            "slug": topic.slug,
            "category_id": None if topic.invited else topic.category_id,
            "archetype": topic.archetype,
            "closed": topic.closed,
            "archived": topic.archived,
            "posts_count": len(ids),
            "deleted_at": None,
        }

    def in_topic(self, said: Said) -> JSON:
        """Return a post as its topic shows it."""
        left_out = {"posts_count", "badges_granted", "can_see_hidden_post", "post_url", "flair_group_id"}
        body = {name: value for name, value in self.post(said).items() if name not in left_out}
        return body | {"link_counts": [], "read": True, "reviewable_id": 0}

    def _posts_in(self, topic: Topic) -> int:
        return sum(1 for said in self.said.values() if said.topic is topic)


def cooked(text: str) -> str:
    """Return Markdown as the forum cooks it: paragraphs, and mentions as links."""
    safe = re.sub(r"@([\w.-]+)", r'<a class="mention" href="/u/\1">@\1</a>', html.escape(text, quote=False))
    return "".join(f"<p>{part}</p>" for part in safe.split("\n\n"))


def iso(at: datetime) -> str:
    """Return an instant as the forum writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
