"""A Discourse forum on loopback: posts, messages, keys, limits, webhooks, with the quirks that bite."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from infra.local.standins._discourse_world import BRAND, JSON, OPEN, RESTRICTED, DiscourseWorld, Said
from infra.local.standins.base import Asked, Pusher, Shown, StandIn, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

LEAST, LEAST_PRIVATE, MOST = 20, 10, 32_000
SAME_WITHIN = 300  # seconds in which the same text is refused
REPLIES = 20
FIRST_POSTS = 20
_ABOUT = re.compile(r"/t/[\w%-]+/(\d+)/(\d+)\s*$")
_POST = re.compile(r"/posts/(\d+)\.json")
_REPLIES = re.compile(r"/posts/(\d+)/replies\.json")
_TOPIC = re.compile(r"/t/(\d+)\.json")
_TOPIC_POSTS = re.compile(r"/t/(\d+)/posts\.json")
_EXTERNAL = re.compile(r"/t/external_id/([\w-]+)\.json")
_REVIEW = re.compile(r"/review/(\d+)\.json")
_USER = re.compile(r"/u/([\w.-]+)\.json")
_PENDING = re.compile(r"/posts/([\w.-]+)/pending\.json")


class DiscourseStandIn(DiscourseWorld, StandIn):
    """A forum with an open and a restricted category and the brand's account.

    Quirks: posts come newest first, fifty a page, `before` a number; a topic shows its first twenty posts
    and the numbers of all; bodies in topics have no `raw`; keys go in headers only, a wrong one is 403; 429
    comes as JSON with `wait_seconds` or as plain text with Retry-After (in turn); what is not for us is 404;
    texts have 20 to 32,000 characters, 10 in private messages (422); the same text within five minutes is
    422; `external_id` is taken once (422) and led to by a redirect; a closed topic is 422; `approve_first`
    puts posts into a queue; the webhook signs its raw body, pings when it is set up, and tells the first edit
    of a first post twice; an edit in grace has no version; what is deleted is told by `deleted_at`, shown to
    nobody.
    """

    name = "discourse"
    private_sayable = True

    def __init__(self, port: int = 0, *, brand: str = BRAND, calls: int = 60, place: int = 0) -> None:
        """Take the account's name and the key's calls a minute."""
        StandIn.__init__(self, port)
        DiscourseWorld.__init__(self, brand, place)
        self._calls, self._used, self._window = calls, 0, time.monotonic()
        self._events: dict[bytes, str] = {}
        self._edited_first: set[int] = set()
        self._limited_as_text = False
        self.key = "stand-in-key"
        self.webhook_secret = "stand-in-webhook"
        self.approve_first = False

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the forum as this handle meets it, with a generous key."""
        return cls(port, brand=handle.handle.lstrip("@"), calls=100_000, place=place)

    @property
    def secret(self) -> Mapping[str, str]:
        """Return the handle's secret."""
        return {"api_key": self.key}

    @property
    def app_secret(self) -> Mapping[str, str]:
        """Return the secret of the webhook."""
        return {"webhook_secret": self.webhook_secret}

    @property
    def handle_settings(self) -> Mapping[str, Any]:
        """Return what the organisation file says of the handle."""
        return {
            "handle": f"@{self.brand}",
            "base_url": self.base_url,
            "native_id": str(self.user_id(self.brand)),
            "settings": {"private_categories": str(RESTRICTED)},
        }

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer open a topic, reply, or write to us."""
        return self.say(re.sub(r"[^\w.-]+", "_", author)[:20], text, reply_to=reply_to, private=private)

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Let our account post by hand."""
        return self.say(self.brand, text, reply_to=reply_to)

    def register(self, url: str) -> None:
        """Add the webhook, as an administrator does, and ping it."""
        self.pushes = Pusher(url, self.sign)
        self.pushes.push({"ping": "OK"})

    def sign(self, raw: bytes) -> dict[str, str]:
        """Return the headers of a delivery."""
        digest = hmac.new(self.webhook_secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {
            "X-Discourse-Instance": self.base_url,
            "X-Discourse-Event-Id": str(int.from_bytes(hashlib.sha256(raw).digest()[:4], "big")),
            "X-Discourse-Event-Type": "post" if raw in self._events else "ping",
            "X-Discourse-Event-Signature": f"sha256={digest}",
        }
        return headers | ({"X-Discourse-Event": self._events[raw]} if raw in self._events else {})

    def told(self, event: str, said: Said) -> None:
        """Tell the webhook; the first edit of a first post twice."""
        raw = json.dumps({"post": self.hooked(said)}, ensure_ascii=False).encode()
        self._events[raw] = event
        twice = event == "post_edited" and said.number == 1 and said.id not in self._edited_first
        self._edited_first |= {said.id} if twice else set()
        if self.pushes:
            self.pushes.push(raw, copies=2 if twice else 1)

    def answer(self, asked: Asked) -> Told:  # noqa: PLR0911 - one answer a case
        """Answer as the forum does."""
        key, us = asked.headers.get("api-key"), asked.headers.get("api-username", "").casefold()
        if key is not None and (key != self.key or us != self.brand.casefold()):
            return _refused(403, "invalid_access")
        if time.monotonic() - self._window > 60:  # noqa: PLR2004 - a minute
            self._used, self._window = 0, time.monotonic()
        self._used += 1
        if self._used > self._calls:
            return self._too_many()
        if asked.method == "GET":
            return self._shown(asked, us=key is not None)
        if key is None:
            return _refused(403, "not_logged_in")
        if asked.path == "/posts.json" and asked.method == "POST":
            return self._create(json.loads(asked.body))
        if asked.method == "DELETE":
            return self._destroy(asked.path)
        return _refused(404, "not_found")

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as the forum does; a write whose answer is lost has happened."""
        match fault:
            case "rate_limited":
                return self._too_many()
            case "expired_token" | "refused_token":  # keys do not expire; a revoked one is refused
                return _refused(403, "invalid_access")
        told = self.answer(asked)
        if fault == "server_error":
            return Told(status=502, body=b"<html><center>nginx</center></html>", content_type="text/html")
        if fault == "malformed":
            return Told(body=told.raw()[:-1] or b"{")
        for root in ("latest_posts", "private_posts"):
            if isinstance(told.body, dict) and root in told.body and fault in {"duplicate", "late"}:
                posts = told.body[root]
                changed = [each for each in posts for _ in range(2)] if fault == "duplicate" else posts[1:]
                return replace(told, body={root: changed})
        return told

    def _too_many(self) -> Told:
        self._limited_as_text = not self._limited_as_text
        if self._limited_as_text:
            headers = {"Retry-After": "39", "Discourse-Rate-Limit-Error-Code": "ip_10_secs_limit"}
            return Told(
                status=429, body=b"Slow down, too many requests.", headers=headers, content_type="text/plain"
            )
        sentence = "You've performed this action too many times. Please wait 39 seconds before trying again."
        extras = {"wait_seconds": 39, "time_left": "39 seconds"}
        return Told(status=429, body={"errors": [sentence], "error_type": "rate_limit", "extras": extras})

    def _shown(self, asked: Asked, *, us: bool) -> Told:  # noqa: PLR0911 - one answer a path
        path, before = asked.path, asked.first("before")
        number = int(before) if before.isdigit() else 0
        if path == "/posts.json":
            return Told(
                body={
                    "latest_posts": [self.latest(each) for each in self.newest(private=False, before=number)]
                }
            )
        if path == "/private-posts.json" and us:
            return Told(
                body={
                    "private_posts": [self.latest(each) for each in self.newest(private=True, before=number)]
                }
            )
        if path == "/site.json":
            return Told(body={"categories": [_category(OPEN, "Help"), _category(RESTRICTED, "Members")]})
        if found := _REPLIES.fullmatch(path):
            return self._replies(int(found[1]), int(asked.first("after", "1")))
        if found := _TOPIC_POSTS.fullmatch(path):
            number, ids = int(found[1]), {int(each) for each in asked.every("post_ids[]")}
            there = [each for each in self.said.values() if each.id in ids and each.topic.id == number]
            told = self._topic(number, there)
            if isinstance(told.body, dict) and "post_stream" in told.body:
                posts = {"posts": told.body["post_stream"]["posts"]}
                return replace(told, body={"post_stream": posts, "id": int(found[1])})
            return told
        if found := _TOPIC.fullmatch(path):
            number = int(found[1])
            return self._topic(
                number, [each for each in self.said.values() if each.topic.id == number][:FIRST_POSTS]
            )
        return self._other(path)

    def _other(self, path: str) -> Told:
        if found := _EXTERNAL.fullmatch(path):
            topic = next((each for each in self.topics.values() if each.external_id == found[1]), None)
            address = f"{self.base_url}/t/{topic.slug}/{topic.id}.json" if topic else ""
            return Told(status=301, headers={"Location": address}) if topic else _refused(404, "not_found")
        if found := _USER.fullmatch(path):
            user = {"id": self.user_id(found[1]), "username": found[1], "name": found[1].title()}
            return Told(body={"user_badges": [], "user": user})
        if found := _POST.fullmatch(path):
            said = self.said.get(int(found[1]))
            there = said is not None and self.visible(said) and said.topic.id in self.topics
            body = self.post(said) | {"raw": said.text} if said and there else None
            return Told(body=body) if body else _refused(404, "not_found")
        if _PENDING.fullmatch(path):
            return Told(body={"pending_posts": list(self.queued.values())})
        return _refused(404, "not_found")

    def _topic(self, topic_id: int, posts: list[Said]) -> Told:
        topic = self.topics.get(topic_id)
        if topic is None or (topic.invited and self.brand not in topic.invited):
            return _refused(404, "not_found")
        return Told(body=self.topic(topic, posts))

    def _replies(self, post_id: int, after: int) -> Told:
        parent = self.said.get(post_id)
        if parent is None or not self.visible(parent):
            return _refused(404, "not_found")
        below = [
            each
            for each in self.said.values()
            if each.topic is parent.topic and each.to == parent.number and self.visible(each)
        ]
        shown = [each for each in below if each.number > after][:REPLIES]
        who = {"username": parent.author, "avatar_template": "/a/{size}.png"}
        return Told(body=[self.post(each) | {"reply_to_user": who} for each in shown])

    def _create(self, wanted: JSON) -> Told:
        private = wanted.get("archetype") == "private_message"
        topic = self.topics.get(wanted.get("topic_id", 0))
        raw = str(wanted.get("raw", ""))
        if error := self._wrong(wanted, raw, private=private or bool(topic and topic.invited)):
            return Told(status=422, body={"action": "create_post", "errors": [error]})
        if topic is None and not private:
            return _refused(404, "not_found")
        if self.approve_first:
            number = 1 + len(self.queued)
            pending = {
                "id": number,
                "raw_text": raw,
                "topic_id": wanted.get("topic_id"),
                "title": wanted.get("title"),
            }
            self.queued[number] = pending
            return Told(
                body={"success": True, "action": "enqueued", "pending_post": pending, "pending_count": 1}
            )
        to = int(wanted.get("reply_to_post_number") or 0)
        if topic is None:
            invited = set(str(wanted["target_recipients"]).split(","))
            external = str(wanted.get("external_id", ""))
            topic = self.begin(
                self.brand, str(wanted["title"]), OPEN, private=True, invited=invited, external_id=external
            )
        said = self.put(self.brand, raw, topic, to=to)
        self.told("post_created", said)
        about = _ABOUT.search(raw) if not to else None
        place = (int(about[1]), int(about[2])) if about else (topic.id, to)
        above = (each for each in self.said.values() if (each.topic.id, each.number) == place)
        target = next((each.native_id for each in above), "")
        private = bool(topic.invited) or topic.category_id == RESTRICTED
        self.shown.append(
            Shown(native_id=said.native_id, to=target, text=raw, by=self.brand, private=private)
        )
        left_out = {"can_see_hidden_post"}
        made = {name: value for name, value in self.post(said).items() if name not in left_out}
        return Told(body=made | {"raw": raw, "draft_sequence": 0})

    def _wrong(self, wanted: JSON, raw: str, *, private: bool) -> str:
        """Return the forum's own sentence when it does not take a post."""
        topic = self.topics.get(wanted.get("topic_id", 0))
        least = LEAST_PRIVATE if private else LEAST
        recent = [each for each in self.said.values() if each.author == self.brand and not each.deleted]
        external = wanted.get("external_id")
        if topic and (topic.closed or topic.archived):
            return "You are not permitted to view the requested resource."
        if len(raw) < least:
            return f"Body is too short (minimum is {least} characters)"
        if len(raw) > MOST:
            return f"Body is too long (maximum is {MOST} characters)"
        if external and any(each.external_id == external for each in self.topics.values()):
            return "External has already been taken"
        same = any(
            each.text == raw and time.time() - each.said_at.timestamp() < SAME_WITHIN for each in recent
        )
        return "Body is too similar to what you recently posted" if same else ""

    def _destroy(self, path: str) -> Told:
        if found := _REVIEW.fullmatch(path):
            return (
                Told(body={"success": "OK"})
                if self.queued.pop(int(found[1]), None)
                else _refused(404, "not_found")
            )
        found = _POST.fullmatch(path)
        said = self.said.get(int(found[1])) if found else None
        if said is None or said.deleted:
            return _refused(404, "not_found")
        if said.author != self.brand:
            return _refused(403, "invalid_access")
        self.delete(said.native_id)
        return Told()


def _category(number: int, name: str) -> JSON:
    return {"id": number, "name": name, "slug": name.casefold(), "read_restricted": number == RESTRICTED}


def _refused(status: int, kind: str) -> Told:
    sentence = "You are not permitted to view the requested resource."
    return Told(status=status, body={"errors": [sentence], "error_type": kind})
