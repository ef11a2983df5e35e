"""A stand-in for X: API v2 reads, OAuth 2.0 refresh, and the X Activity API's signed webhook."""

from __future__ import annotations

import base64
import urllib.parse
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from infra.local.standins._x_webhooks import PROBLEMS, Webhooks, invalid, problem
from infra.local.standins._x_world import Message, Post, World, matches, mentioned, snowflake
from infra.local.standins.base import Asked, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_REACH = 800  # mentions that X shows at all
_WINDOW = timedelta(minutes=15)
_POSTS_NAMES = {
    "referenced_tweets": "referenced_posts",
    "note_tweet": "note_post",
    "edit_history_tweet_ids": "edit_history_post_ids",
}
_FIELDS = (
    *("attachments", "author_id", "conversation_id", "created_at", "display_text_range", "edit_controls"),
    *("edit_history_tweet_ids", "entities", "id", "in_reply_to_user_id", "lang", "note_tweet", "withheld"),
    *("possibly_sensitive", "public_metrics", "referenced_tweets", "reply_settings", "text"),
)
_ONLY_EXPANDED = ("author_id", "in_reply_to_user_id", "referenced_tweets", "edit_history_tweet_ids")
_LIMITS = {"mentions": 300, "search": 300, "tweets": 5_000, "users": 900, "dm_events": 15, "webhooks": 450}
_LEAST = {"mentions": 5, "search": 10, "dm_events": 1}
_EVENTS = ("post.mention.create", "post.reply.create", "post.quote.create", "dm.received", "post.delete")


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
    It lets a webhook be plain HTTP with a port, which X does not.
    """

    name = "x"

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
        self.vocabulary = vocabulary
        self.usage_capped = False
        self.out_of_credit = False
        self.billed: set[tuple[str, str]] = set()
        self.handle = handle
        self._limits = {**_LIMITS, **(limits or {})}
        self._buckets: dict[str, _Bucket] = {}
        self._numbers = count(1)
        self.world = world or World()
        if native_id:
            self.world.ids[handle] = native_id
        self._said: dict[str, Said] = {}
        self._hooks = Webhooks(self.world, self.app_secret["consumer_secret"])
        self._old_refresh: set[str] = set()
        self._bodies_of_429 = count()
        self._access, self._refresh = "access-0", "refresh-0"
        self.brand_id = self.world.id_of(handle)

    # What the organisation file and its secrets must say.

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret as they are valid now."""
        return {
            "access_token": self._access,
            "refresh_token": self._refresh,
            "client_id": "stand-in-client",
            "client_secret": "stand-in-client-secret",
            "scope": "tweet.read users.read dm.read offline.access",
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

    def edit(self, native_id: str, text: str) -> str:
        """Let the author edit a post; return the new version's id."""
        with self.lock:
            post = self.world.edited(native_id, text)
            self._said[native_id].text = text
            self._tell(post)
            return post.post_id

    def delete(self, native_id: str) -> None:
        """Let the author delete a post with all its versions."""
        with self.lock:
            post = self.world.delete(native_id)
            self._said[native_id].deleted = True
            users = [{"data": self.world.user(post.author_id)}]
            payload = {"id": post.chain[-1], "author_id": post.author_id}
            self._hooks.push("post.delete", payload, {"users": users}, about=post.author_id)

    def expire_token(self) -> None:
        """Let the access token run out, as it does after two hours."""
        with self.lock:
            self._access = ""

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
            self._access = self._refresh = ""
            self._hooks.push(
                "oauth.revoke", {"user_id": self.brand_id}, None, about=self.brand_id, subscribed=False
            )

    # HTTP.

    def may_fail(self, asked: Asked) -> bool:
        """Spare the token endpoint and the webhook's management."""
        return asked.method == "GET" and asked.path != "/2/webhooks"

    def answer(self, asked: Asked) -> Told:
        """Answer as X does."""
        if (asked.method, asked.path) == ("POST", "/2/oauth2/token"):
            return self._token(asked)
        who = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not who or who not in (self._access, self.secret["bearer_token"]):
            body = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
            return Told(status=401, body=body)
        if self.out_of_credit:
            detail = "Your account has no credits left."
            return problem(402, "about:blank", "CreditsDepleted", detail)
        endpoint = self._endpoint(asked.path)
        bucket = self._buckets.get(endpoint)
        if not bucket or bucket.ends_at <= now():
            bucket = _Bucket(self._limits.get(endpoint, 100), now() + _WINDOW)
            self._buckets[endpoint] = bucket
        if self.usage_capped:
            return self._with_headers(endpoint, bucket, _USAGE_CAP)
        if bucket.left <= 0:
            return self._too_many(endpoint, bucket)
        bucket.left -= 1
        return self._with_headers(endpoint, bucket, self._answered(endpoint, asked))

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as X does."""
        if fault == "rate_limited":
            return self._too_many(self._endpoint(asked.path), _Bucket(0, now() + timedelta(seconds=2)))
        if fault == "server_error":
            return problem(503, "about:blank", "Service Unavailable", "Service Unavailable")
        if fault == "refused_token":
            return problem(403, f"{PROBLEMS}client-forbidden", "Client Forbidden", "Not enrolled.")
        if fault == "expired_token":
            self._access = ""
        told = self.answer(asked)
        if fault == "malformed":
            return Told(status=told.status, body=told.raw()[:-20], headers=told.headers)
        entries = told.body.get("data") if isinstance(told.body, dict) else None
        if fault == "duplicate" and isinstance(entries, list):
            entries.extend(entries[:])
        if fault == "late" and isinstance(entries, list) and len(entries) > 1:
            entries.pop()  # indexed late: an older post shows up behind a newer one, with the next poll
        return told

    def _answered(self, endpoint: str, asked: Asked) -> Told:
        if endpoint == "webhooks":
            return self._hooks.answer(asked)
        wrong = self._wrong_parameter(endpoint, asked)
        if wrong:
            return invalid(wrong, asked.first(wrong), f"The query parameter [{wrong}] is not valid.")
        if endpoint in ("tweets", "users"):
            ids = asked.first("ids").split(",")
            return self._looked_up(asked, ids) if endpoint == "tweets" else self._users(ids)
        if endpoint == "dm_events":
            wanted = {*asked.first("dm_event.fields").split(","), *_expanded(asked)}
            return self._page(asked, [self.world.polled(each, wanted) for each in self._messages()])
        user_id = asked.path.split("/")[3]
        if endpoint == "mentions" and user_id != self.brand_id:
            return Told(body={"errors": [_missing(user_id, "user", "id")]})
        if endpoint == "mentions":
            shown = [post for post in self.world.newest() if self._named_by(post)][:_REACH]
        else:
            query = asked.first("query")
            shown = [post for post in self.world.newest() if matches(post, query, self.brand_id)]
        return self._page(asked, [self._rendered(post, asked) for post in shown])

    def _messages(self) -> list[Message]:
        """Return the brand's messages, newest first."""
        messages = self.world.messages[::-1]
        return [each for each in messages if self.brand_id in (each.sender_id, each.recipient_id)]

    def _named_by(self, post: Post) -> bool:
        named = self.handle.lower() in mentioned(post.text)
        return named or bool(post.parent and post.parent.author_id == self.brand_id != post.author_id)

    def _rendered(self, post: Post, asked: Asked) -> dict[str, Any]:
        """Return what was asked for, in the vocabulary that is spoken; id, text and history come unasked."""
        names = _POSTS_NAMES if self.vocabulary == "posts" else {}
        full = {names.get(name, name): value for name, value in self.world.shown(post).items()}
        wanted = {"id", "text", "edit_history_tweet_ids", "edit_history_post_ids", *_expanded(asked)}
        wanted |= {*asked.first("tweet.fields").split(","), *asked.first("post.fields").split(",")}
        return {name: value for name, value in full.items() if name in wanted}

    def _users(self, ids: list[str]) -> Told:
        known = [each for each in ids if each in self.world.ids.values()]
        self.billed |= {("user", each) for each in known}
        missing = [_missing(each, "user", "ids") for each in ids if each not in known]
        return _partial([self.world.user(each) for each in known], missing)

    def _page(self, asked: Asked, entries: list[dict[str, Any]]) -> Told:
        size = int(asked.first("max_results", "10"))
        until = int(asked.first("until_id") or "9" * 19)
        if token := asked.first("pagination_token") or asked.first("next_token"):
            try:
                until = int(base64.b32hexdecode(token.upper() + "=" * (-len(token) % 8)))
            except ValueError:
                return invalid("pagination_token", token, "The pagination_token is not valid.")
        since = int(asked.first("since_id") or 0)
        shown = [each for each in entries if since < int(each["id"]) < until]
        page, more = shown[:size], shown[size:]
        self.billed |= {("dm" if "dm_" in asked.path else "post", each["id"]) for each in page}
        meta: dict[str, Any] = {"result_count": len(page)}
        if not page:
            return Told(body={"meta": meta})
        if more:
            token = base64.b32hexencode(page[-1]["id"].encode()).decode().lower().rstrip("=")
            meta["next_token"] = token
        if "dm_" not in asked.path:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        authors = dict.fromkeys(each.get("author_id") or each.get("sender_id") for each in page)
        return Told(body={"data": page, **self._includes(asked, authors), "meta": meta})

    def _looked_up(self, asked: Asked, ids: list[str]) -> Told:
        there = [post for each in ids if (post := self.world.posts.get(each)) and not post.gone]
        missing = [each for each in ids if each not in {post.post_id for post in there}]
        self.billed |= {("post", post.post_id) for post in there}
        told = _partial(
            [self._rendered(post, asked) for post in there],
            [_missing(each, "tweet" if self.vocabulary == "tweets" else "post", "ids") for each in missing],
        )
        told.body.update(self._includes(asked, dict.fromkeys(post.author_id for post in there)))
        return told

    def _includes(self, asked: Asked, authors: Mapping[str | None, None]) -> dict[str, Any]:
        wanted = set(asked.first("expansions").split(",")) & {"author_id", "sender_id"}
        users = [self.world.user(each) for each in authors if each and wanted]
        self.billed |= {("user", user["id"]) for user in users}
        return {"includes": {"users": users}} if users else {}

    def _wrong_parameter(self, endpoint: str, asked: Asked) -> str:
        allowed = {"since_id", "until_id", "start_time", "end_time", "max_results", "pagination_token", "ids"}
        allowed |= {"query", "next_token", "sort_order", "event_types", "dm_event.fields", "user.fields"}
        allowed |= {"expansions", "tweet.fields" if self.vocabulary == "tweets" else "post.fields"}
        for name, value in asked.query:
            known = name in allowed
            if name in ("tweet.fields", "post.fields") and known:
                known = set(value.split(",")) <= set(self._field_names())
            if name == "max_results":
                known = _LEAST.get(endpoint, 1) <= int(value) <= 100  # noqa: PLR2004 - X's largest page
            if name == "since_id" and endpoint == "search":
                known = int(value) > snowflake(now() - timedelta(days=7))
            if not known:
                return name
        return ""

    def _field_names(self) -> Sequence[str]:
        if self.vocabulary == "tweets":
            return _FIELDS
        return [_POSTS_NAMES.get(each, each) for each in _FIELDS if each not in _ONLY_EXPANDED]

    # OAuth 2.0 and limits.

    def _token(self, asked: Asked) -> Told:
        form = dict(urllib.parse.parse_qsl(asked.body.decode()))
        ours = f"{self.secret['client_id']}:{self.secret['client_secret']}".encode()
        told = asked.headers.get("authorization", "")
        if told != f"Basic {base64.b64encode(ours).decode()}":
            body = {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
            return Told(status=401, body=body)
        refresh = form.get("refresh_token", "")
        if refresh in self._old_refresh:
            self._access = self._refresh = ""  # used twice: somebody stole it, so the whole family ends
        if form.get("grant_type") != "refresh_token" or not refresh or refresh != self._refresh:
            description = "Value passed for the token was invalid."
            return Told(status=400, body={"error": "invalid_request", "error_description": description})
        self._old_refresh.add(refresh)
        number = next(self._numbers)
        self._access, self._refresh = f"access-{number}", f"refresh-{number}"
        body = {name: self.secret[name] for name in ("access_token", "refresh_token", "scope")}
        return Told(body={"token_type": "bearer", "expires_in": 7_200, **body})

    def _endpoint(self, path: str) -> str:
        parts = path.strip("/").split("/")
        if path.startswith(("/2/webhooks", "/2/activity/subscriptions")):
            return "webhooks"
        return parts[-1] if parts[-1] in ("mentions", "tweets", "users", "dm_events") else "search"

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


def _expanded(asked: Asked) -> Collection[str]:
    """Return the expansions asked for, which bring the fields of the same names along."""
    return asked.first("expansions").split(",")


def _partial(found: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Told:
    """Return what was found beside what was not; X answers 200 to both."""
    return Told(body={**({"data": found} if found else {}), **({"errors": errors} if errors else {})})


def _missing(value: str, kind: str, parameter: str) -> dict[str, Any]:
    return {
        "value": value,
        "resource_id": value,
        "parameter": parameter,
        "resource_type": kind,
        "title": "Not Found Error",
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "type": f"{PROBLEMS}resource-not-found",
    }


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
