"""What the stand-in for X does with what the brand writes: answers, messages, deletions, hidden answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.local.standins._x_webhooks import invalid, problem
from infra.local.standins._x_world import Post, World, mentioned
from infra.local.standins.base import Asked, Shown, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST = 280
_LINK = 23
_LIGHT = 0x1100  # from here on a character weighs 2; near enough to tell a text that is too long
_KEYS = frozenset({"text", "reply", "quote_tweet_id", "media", "poll", "reply_settings"})
_NOT_ENGAGED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by "
    "the author of the post you are replying to."
)


@dataclass(slots=True, kw_only=True)
class Writes:
    """X's writing endpoints, for one brand.

    `enterprise` lifts the rule that only who mentioned or quoted the brand may be answered; `blocked_by` are
    people (ids) who blocked it, `no_messages_to` those who take none from it.
    """

    world: World
    handle: str
    shown: list[Shown]
    hidden: set[str]
    first_of: Callable[[str], str]
    enterprise: bool = False
    blocked_by: set[str] = field(default_factory=set[str])
    no_messages_to: set[str] = field(default_factory=set[str])

    def answer(self, asked: Asked) -> Told:
        """Answer one writing call."""
        parts = asked.path.strip("/").split("/")
        try:
            body = json.loads(asked.body or b"{}")
        except ValueError:
            return invalid("body", "", "The body is not JSON.")
        match (asked.method, *parts[1:]):
            case ("POST", "tweets"):
                return self._post(body)
            case ("POST", "dm_conversations", "with", participant, "messages"):
                return self._message(participant, body)
            case ("DELETE", "tweets", post_id):
                return self._delete(post_id)
            case ("PUT", "tweets", post_id, "hidden"):
                return self._hide(post_id, body)
        return problem(404, "about:blank", "Not Found", "Not Found")

    def _post(self, body: Mapping[str, Any]) -> Told:  # noqa: PLR0911 - one refusal a rule
        if unknown := sorted(body.keys() - _KEYS):
            return invalid(unknown[0], "", f"$.{unknown[0]}: is not defined in the schema")
        text, target = str(body.get("text", "")), str(body.get("reply", {}).get("in_reply_to_tweet_id", ""))
        parent = self.world.posts.get(target)
        if target and (parent is None or parent.gone):
            return _forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
        if parent and parent.author_id in self.blocked_by:
            return _forbidden("You have been blocked from replying to this post by its author.")
        if parent and not self._engaged(parent):
            return _forbidden(_NOT_ENGAGED)
        if _weight(text) > _LONGEST:
            return _forbidden("Your Tweet text is too long.")
        whole = f"@{self.world.user(parent.author_id)['username']} {text}" if parent else text
        if any(_written(each) == whole for each in self._own()):
            return _forbidden("You are not allowed to create a Tweet with duplicate content.")
        stored, links = self.world.shortened(whole)
        post = self.world.post(self._brand_id, stored, reply_to=target, quote="")
        post.links = links
        to = self.first_of(target) if target else ""
        said = stored.removeprefix(whole.removesuffix(text))  # without the name that X puts before it
        self.shown.append(Shown(native_id=post.post_id, to=to, text=said, by=self.handle))
        return Told(status=201, body={"data": {"id": post.post_id, "text": stored}})

    def _engaged(self, parent: Post) -> bool:
        quoted_us = parent.quoted is not None and parent.quoted.author_id == self._brand_id
        named_us = self.handle.lower() in mentioned(parent.text)
        return self.enterprise or quoted_us or named_us or parent.author_id == self._brand_id

    def _message(self, participant: str, body: Mapping[str, Any]) -> Told:
        if participant not in self.world.ids.values():
            return problem(404, "about:blank", "Not Found", "Could not find the participant.")
        wrote_first = any(
            each.sender_id == participant for each in self.world.between(participant, self._brand_id)
        )
        if participant in self.no_messages_to and not wrote_first:
            return _forbidden("You cannot send messages to this user.")
        message = self.world.write(self._brand_id, participant, str(body.get("text", "")))
        last = next((each for each in self.world.between(participant, self._brand_id)[1:]), None)
        to = last.message_id if last and last.sender_id == participant else ""
        self.shown.append(
            Shown(native_id=message.message_id, to=to, text=message.text, by=self.handle, private=True)
        )
        pair = "-".join(sorted((participant, self._brand_id), key=int))
        return Told(
            status=201, body={"data": {"dm_conversation_id": pair, "dm_event_id": message.message_id}}
        )

    def _delete(self, post_id: str) -> Told:
        post = self.world.posts.get(post_id)
        if post and post.author_id != self._brand_id:
            return _forbidden("You are not authorized to delete this Tweet.")
        if post is None or post.gone:
            return problem(404, "about:blank", "Not Found", "Could not find the post.")
        self.world.delete(post_id)
        for each in self.shown:
            each.deleted = each.deleted or each.native_id == post_id
        return Told(body={"data": {"deleted": True}})

    def _hide(self, post_id: str, body: Mapping[str, Any]) -> Told:
        post = self.world.posts.get(post_id)
        root = self.world.posts.get(post.root) if post else None
        if post is None or post.gone or root is None:
            return problem(404, "about:blank", "Not Found", "Could not find the post.")
        if root.author_id != self._brand_id or post.author_id == self._brand_id:
            return _forbidden("You may only hide replies to your own posts.")
        change = self.hidden.add if body.get("hidden") else self.hidden.discard
        change(self.first_of(post_id))
        return Told(body={"data": {"hidden": bool(body.get("hidden"))}})

    def _own(self) -> list[Post]:
        return [post for post in self.world.newest() if post.author_id == self._brand_id]

    @property
    def _brand_id(self) -> str:
        return self.world.id_of(self.handle)


def _written(post: Post) -> str:
    """Return a post as it was typed."""
    text = post.text
    for short, address in post.links:
        text = text.replace(short, address)
    return text


def _weight(text: str) -> int:
    return sum(2 if ord(each) >= _LIGHT else 1 for each in re.sub(r"https?://\S+", "x" * _LINK, text))


def _forbidden(detail: str) -> Told:
    return problem(403, "about:blank", "Forbidden", detail)
