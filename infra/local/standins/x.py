"""A stand-in for X: API v2 for reading and writing, OAuth 2.0, and the X Activity API's signed webhook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Self

from infra.local.standins._x_oauth import CLIENT, Tokens
from infra.local.standins._x_reads import Reads
from infra.local.standins._x_webhooks import PROBLEMS, Webhooks, problem
from infra.local.standins._x_world import Post, World, mentioned
from infra.local.standins._x_writes import Writes
from infra.local.standins.base import Asked, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.handle import Handle

_WINDOW = timedelta(minutes=15)
_LIMITS = {
    "mentions": 300,
    "search": 300,
    "tweets": 5_000,
    "users": 900,
    "timeline": 900,
    "me": 75,
    "dm_events": 15,
    "post": 100,
    "message": 15,
    "delete": 50,
    "hidden": 50,
    "webhooks": 450,
    "subscriptions": 500,
    "usage": 50,
}
_OFTEN = dict.fromkeys(_LIMITS, 100_000)
_MONTHLY = 3_000_000  # posts
_EVENTS = ("post.mention.create", "post.reply.create", "post.quote.create", "dm.received", "post.delete")
_LONGEST_NAME = 15


@dataclass(slots=True, kw_only=True)
class Said:
    """What one customer said, as it stands now."""

    native_id: str
    author: str
    text: str
    private: bool = False
    deleted: bool = False


@dataclass(slots=True)
class _Bucket:
    left: int
    ends_at: datetime


class XStandIn(StandIn):
    """X on loopback, for one brand.

    It has these quirks of the real one: one of two vocabularies (`vocabulary="tweets"` or `"posts"`; the
    other is an invalid request); fields only when asked for; `&amp;` in texts; long texts in a note; no
    `data` when a page is empty; 800 mentions at most; a new id per edit; missing ids as errors of a 200;
    messages without `since_id`; single-use refresh tokens, of which a second use ends the family; two bodies
    for 429, a third for the usage cap, 402 for no credit; events with negative uuids, wrapped users,
    `includes: {}` and the old shape of messages; webhooks that are greeted at registration and at each PUT.
    An answer needs an author who mentioned or quoted the brand (`writes.enterprise` lifts that), begins with
    the author's name, has its links shortened, and is refused when the same text stands there already.
    It lets a webhook be plain HTTP with a port, which X does not.
    """

    name = "x"
    private_sayable = True

    def __init__(
        self,
        port: int = 0,
        *,
        handle: str = "AcmeBank",
        vocabulary: str = "tweets",
        limits: Mapping[str, int] | None = None,
        world: World | None = None,
        native_id: str = "",
    ) -> None:
        """Begin with the brand's account; `limits` are calls per 15 minutes; brands may share a `world`."""
        super().__init__(port)
        self.usage_capped = False
        self.out_of_credit = False
        self.handle = handle
        self._limits = {**_LIMITS, **(limits or {})}
        self._buckets: dict[str, _Bucket] = {}
        self._numbers = count(1)
        self.world = world or World()
        if native_id:
            self.world.ids[handle] = native_id
        self._said: dict[str, Said] = {}
        self._hooks = Webhooks(self.world, self.app_secret["consumer_secret"])
        self._tokens = Tokens()
        self._bodies_of_429 = count()
        self.reads = Reads(self.world, handle, vocabulary)
        self.writes = Writes(
            world=self.world, handle=handle, shown=self.shown, hidden=self.hidden, first_of=self._first_of
        )
        self.brand_id = self.world.id_of(handle)

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return X as this handle meets it."""
        name = handle.handle.lstrip("@")
        return cls(port, handle=name, limits=_OFTEN, world=World(place), native_id=handle.native_id)

    # What the organisation file and its secrets must say.

    @property
    def brand_id(self) -> str:
        """Return the brand's user id."""
        return self.world.id_of(self.handle)

    @brand_id.setter
    def brand_id(self, user_id: str) -> None:
        self.world.ids[self.handle] = user_id

    @property
    def billed(self) -> set[tuple[str, str, str]]:
        """Return (day, kind, id) of every resource that X charged for."""
        return self.reads.billed

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret as they are valid now."""
        return {
            "access_token": self._tokens.access,
            "refresh_token": self._tokens.refresh,
            **CLIENT,
            "scope": self._tokens.scope,
            "bearer_token": "stand-in-app",
        }

    @property
    def app_secret(self) -> dict[str, str]:
        """Return the fields of the app's secret."""
        return {"consumer_secret": "stand-in-consumer-secret"}

    @property
    def handle_settings(self) -> dict[str, str]:
        """Return what the organisation file says about the handle."""
        return {"base_url": self.base_url, "native_id": self.brand_id, "handle": f"@{self.handle}"}

    # What customers and the brand do.

    @property
    def posts(self) -> tuple[Said, ...]:
        """Return everything that customers ever said, as it stands now."""
        return tuple(self._said.values())

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer say something that names the brand, or write to it in private."""
        name = re.sub(r"\W", "_", author, flags=re.ASCII)[:_LONGEST_NAME]
        named = self.handle.lower() in mentioned(text)
        return self.say(
            name, text if private or named else f"@{self.handle} {text}", reply_to=reply_to, private=private
        )

    def say(
        self, author: str, text: str, *, reply_to: str = "", quote: str = "", private: bool = False
    ) -> str:
        """Let a customer post, answer, quote, or write to the brand in private; return the native id."""
        with self.lock:
            author_id = self.world.id_of(author)
            if private:
                message = self.world.write(author_id, self.brand_id, text)
                self._hooks.push("dm.received", self.world.pushed(message), None, about=self.brand_id)
                native_id = message.message_id
            else:
                post = self.world.post(author_id, text, reply_to=reply_to, quote=quote)
                self._tell(post)
                native_id = post.post_id
            self._said[native_id] = Said(native_id=native_id, author=author, text=text, private=private)
            return native_id

    def brand_says(self, text: str, *, reply_to: str = "", private_to: str = "") -> str:
        """Let the brand post, answer, or write to a customer in private; return the native id."""
        with self.lock:
            if private_to:
                return self.world.write(self.brand_id, self.world.id_of(private_to), text).message_id
            return self.world.post(self.brand_id, text, reply_to=reply_to, quote="").post_id

    def edit(self, native_id: str, text: str) -> None:
        """Let the author edit a post; X tells nobody of an edited message."""
        with self.lock:
            if native_id not in self.world.posts:
                raise NotImplementedError
            post = self.world.edited(native_id, text)
            self._said[native_id].text = text
            self._tell(post)

    def delete(self, native_id: str) -> None:
        """Let the author delete a post with all its versions; X tells nobody of a deleted message."""
        with self.lock:
            if native_id not in self.world.posts:
                raise NotImplementedError
            post = self.world.delete(native_id)
            self._said[native_id].deleted = True
            users = [{"data": self.world.user(post.author_id)}]
            payload = {"id": post.chain[-1], "author_id": post.author_id}
            self._hooks.push("post.delete", payload, {"users": users}, about=post.author_id)

    def expire_token(self) -> None:
        """Let the access token run out, as it does after two hours."""
        with self.lock:
            self._tokens.access = ""

    def register(self, url: str) -> None:
        """Register a webhook; `ValueError` when it does not answer the greeting."""
        if not self.register_webhook(url):
            raise ValueError(f"the webhook {url} did not answer X's greeting")

    def register_webhook(self, url: str, *, also_deletes_of: Sequence[str] = ()) -> bool:
        """Register a webhook with the brand's subscriptions; return whether it answered the greeting."""
        with self.lock:
            webhook = self._hooks.register(url)
            self.pushes = webhook.pusher
            webhook.subscribed |= {(event, self.brand_id) for event in _EVENTS}
            webhook.subscribed |= {("post.delete", self.world.id_of(author)) for author in also_deletes_of}
            return webhook.valid

    def revoke(self) -> None:
        """Let the brand's account withdraw the app's access."""
        with self.lock:
            self._tokens.revoke()
            self._hooks.push(
                "oauth.revoke", {"user_id": self.brand_id}, None, about=self.brand_id, subscribed=False
            )

    def _first_of(self, post_id: str) -> str:
        return self.world.posts[post_id].chain[0]

    # HTTP.

    def may_fail(self, asked: Asked) -> bool:
        """Spare the token endpoint and the webhook's management."""
        return not asked.path.startswith(("/2/oauth2", "/i/oauth2", "/2/webhooks", "/2/activity"))

    def answer(self, asked: Asked) -> Told:
        """Answer as X does."""
        if asked.path == "/i/oauth2/authorize":
            return self._tokens.consent(asked)
        if asked.path == "/2/oauth2/token":
            return self._tokens.token(asked)
        return self._for_somebody(asked)

    def _for_somebody(self, asked: Asked) -> Told:
        """Answer who has a token, money, and a call left."""
        who = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not who or who not in (self._tokens.access, self.secret["bearer_token"]):
            body = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
            return Told(status=401, body=body)
        if self.out_of_credit:
            detail = "Your account has no credits left."
            return problem(402, "about:blank", "CreditsDepleted", detail)
        endpoint = _endpoint(asked)
        bucket = self._buckets.get(endpoint)
        if not bucket or bucket.ends_at <= now():
            bucket = _Bucket(self._limits.get(endpoint, 100), now() + _WINDOW)
            self._buckets[endpoint] = bucket
        if self.usage_capped:
            return self._with_headers(endpoint, bucket, _USAGE_CAP)
        if bucket.left <= 0:
            return self._too_many(endpoint, bucket)
        bucket.left -= 1
        return self._with_headers(endpoint, bucket, self._answered(endpoint, asked, who))

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as X does; what is written has had its effect where the answer is lost."""
        if fault == "rate_limited":
            return self._too_many(_endpoint(asked), _Bucket(0, now() + timedelta(seconds=2)))
        if fault == "refused_token":
            return problem(403, f"{PROBLEMS}client-forbidden", "Client Forbidden", "Not enrolled.")
        if fault == "server_error":
            if asked.method != "GET":
                self.answer(asked)
            return problem(503, "about:blank", "Service Unavailable", "Service Unavailable")
        if fault == "expired_token":
            self._tokens.access = ""
        told = self.answer(asked)
        if fault == "malformed":
            return Told(status=told.status, body=told.raw()[:-20], headers=told.headers)
        entries = told.body.get("data") if isinstance(told.body, dict) else None
        if fault == "duplicate" and isinstance(entries, list):
            entries.extend(entries[:])
        if fault == "late" and isinstance(entries, list) and len(entries) > 1:
            entries.pop()  # indexed late: an older post shows up behind a newer one, with the next poll
        return told

    def _answered(self, endpoint: str, asked: Asked, who: str) -> Told:
        app_only = who == self.secret["bearer_token"]
        private = endpoint in ("me", "dm_events") or (asked.method != "GET" and endpoint != "webhooks")
        if app_only and private:
            detail = "Unsupported Authentication: this endpoint needs a user's token."
            return problem(403, f"{PROBLEMS}unsupported-authentication", "Unsupported Authentication", detail)
        if endpoint in ("webhooks", "subscriptions"):
            return self._hooks.answer(asked)
        if endpoint == "usage":
            used = len([each for each in self.billed if each[1] == "post"])
            number = int if self.reads.vocabulary == "tweets" else str
            counted = {"project_cap": number(_MONTHLY), "project_usage": number(used)}
            return Told(body={"data": {**counted, "cap_reset_day": 1}})
        if asked.method == "GET":
            return self.reads.answer(endpoint, asked)
        return self.writes.answer(asked)

    def _too_many(self, endpoint: str, bucket: _Bucket) -> Told:
        bucket.left = 0
        if next(self._bodies_of_429) % 2:
            told = problem(429, f"{PROBLEMS}rate-limit-exceeded", "Too Many Requests", "Too Many Requests")
        else:
            told = Told(status=429, body={"errors": [{"code": 88, "message": "Rate limit exceeded"}]})
        return self._with_headers(endpoint, bucket, told)

    def _with_headers(self, endpoint: str, bucket: _Bucket, told: Told) -> Told:
        headers = {
            "x-rate-limit-limit": str(self._limits.get(endpoint, 100)),
            "x-rate-limit-remaining": str(bucket.left),
            "x-rate-limit-reset": str(int(bucket.ends_at.timestamp()) + 1),
            "x-transaction-id": f"{next(self._numbers):016x}",
            "x-access-level": "read-write-directmessages",
        }
        return Told(status=told.status, body=told.body, headers={**told.headers, **headers})

    # Events.

    def _tell(self, post: Post) -> None:
        """Push the events that a post causes; only a mention brings its author along."""
        if post.author_id == self.brand_id:
            return
        payload = self.world.shown(post)
        if self.handle.lower() in mentioned(post.text):
            users = [self.world.user(post.author_id), self.world.user(self.brand_id)]
            self._hooks.push(
                "post.mention.create", payload, {"users": users, "tweets": [payload]}, about=self.brand_id
            )
        if post.parent and post.parent.author_id == self.brand_id:
            answer = {**payload, "in_reply_to_tweet_id": post.parent.post_id}
            self._hooks.push("post.reply.create", answer, {}, about=self.brand_id)
        if post.quoted and post.quoted.author_id == self.brand_id:
            self._hooks.push("post.quote.create", payload, {}, about=self.brand_id)


def _endpoint(asked: Asked) -> str:
    """Return the name under which a call is counted and answered."""
    parts = asked.path.strip("/").split("/")
    for start, name in (("/2/webhooks", "webhooks"), ("/2/activity", "subscriptions"), ("/2/usage", "usage")):
        if asked.path.startswith(start):
            return name
    if asked.method != "GET":
        names = {"hidden": "hidden", "messages": "message", "tweets": "post"}
        return "delete" if asked.method == "DELETE" else names.get(parts[-1], "post")
    if parts[-1] == "tweets" and parts[1] == "users":
        return "timeline"
    return parts[-1] if parts[-1] in ("mentions", "tweets", "users", "dm_events", "me") else "search"


_USAGE_CAP = Told(
    status=429,
    body={
        "account_id": "1",
        "product_name": "standard-basic",
        "title": "UsageCapExceeded",
        "period": "Monthly",
        "scope": "Product",
        "detail": "Usage cap exceeded: Monthly product cap",
        "type": "https://api.twitter.com/2/problems/usage-capped",
    },
)
