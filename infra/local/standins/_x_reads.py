"""What the stand-in for X answers to reading: pages, look-ups, fields only when asked for, and the bill."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from infra.local.standins._x_webhooks import PROBLEMS, invalid
from infra.local.standins._x_world import Post, World, matches, mentioned, snowflake
from infra.local.standins.base import Asked, Told, now

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_REACH = 800  # mentions that X shows at all
_LARGEST = 100  # entries of a page
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
_LEAST = {"mentions": 5, "timeline": 5, "search": 10, "dm_events": 1}
_NAMES = frozenset(
    {
        *("since_id", "until_id", "start_time", "end_time", "max_results", "pagination_token", "ids"),
        *("query", "next_token", "sort_order", "event_types", "dm_event.fields", "user.fields", "expansions"),
    }
)


class Reads:
    """X's reading endpoints, for one brand in one vocabulary."""

    def __init__(self, world: World, handle: str, vocabulary: str) -> None:
        """Begin with an empty bill: (day, kind, id) of everything that X would charge for."""
        self._world = world
        self._handle = handle
        self.vocabulary = vocabulary
        self.billed: set[tuple[str, str, str]] = set()

    def answer(self, endpoint: str, asked: Asked) -> Told:  # noqa: PLR0911 - one answer an endpoint
        """Answer one reading call."""
        if wrong := self._wrong_parameter(endpoint, asked):
            return invalid(wrong, asked.first(wrong), f"The query parameter [{wrong}] is not valid.")
        match endpoint:
            case "tweets":
                return self._looked_up(asked, asked.first("ids").split(","))
            case "users":
                return self._users(asked.first("ids").split(","))
            case "me":
                self._bill("user", [self._brand_id])
                return Told(body={"data": self._world.user(self._brand_id)})
            case "dm_events":
                return self._messages(asked)
        shown = self._shown(endpoint, asked)
        if shown is None:
            return Told(body={"errors": [_missing(asked.path.split("/")[3], "user", "id")]})
        return self._page(asked, [self._rendered(post, asked) for post in shown])

    @property
    def _brand_id(self) -> str:
        return self._world.id_of(self._handle)

    def _shown(self, endpoint: str, asked: Asked) -> list[Post] | None:
        """Return the posts of a list, newest first."""
        if endpoint == "search":
            query = asked.first("query")
            return [post for post in self._world.newest() if matches(post, query, self._brand_id)]
        if asked.path.split("/")[3] != self._brand_id:
            return None
        if endpoint == "mentions":
            return [post for post in self._world.newest() if self._named_by(post)][:_REACH]
        return [post for post in self._world.newest() if post.author_id == self._brand_id]

    def _named_by(self, post: Post) -> bool:
        named = self._handle.lower() in mentioned(post.text)
        return named or bool(post.parent and post.parent.author_id == self._brand_id != post.author_id)

    def _messages(self, asked: Asked) -> Told:
        wanted = {*asked.first("dm_event.fields").split(","), *_expanded(asked)}
        parts = asked.path.split("/")
        messages = self._world.messages[::-1]
        if "with" in parts:
            messages = self._world.between(self._brand_id, parts[4])
        ours = [each for each in messages if self._brand_id in (each.sender_id, each.recipient_id)]
        return self._page(asked, [self._world.polled(each, wanted) for each in ours])

    def _rendered(self, post: Post, asked: Asked) -> dict[str, Any]:
        """Return what was asked for, in the vocabulary that is spoken; id, text and history come unasked."""
        names = _POSTS_NAMES if self.vocabulary == "posts" else {}
        full = {names.get(name, name): value for name, value in self._world.shown(post).items()}
        wanted = {"id", "text", "edit_history_tweet_ids", "edit_history_post_ids", *_expanded(asked)}
        wanted |= {*asked.first("tweet.fields").split(","), *asked.first("post.fields").split(",")}
        return {name: value for name, value in full.items() if name in wanted}

    def _users(self, ids: list[str]) -> Told:
        known = [each for each in ids if each in self._world.ids.values()]
        self._bill("user", known)
        missing = [_missing(each, "user", "ids") for each in ids if each not in known]
        return _partial([self._world.user(each) for each in known], missing)

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
        self._bill("dm" if "dm_" in asked.path else "post", [each["id"] for each in page])
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
        there = [post for each in ids if (post := self._world.posts.get(each)) and not post.gone]
        missing = [each for each in ids if each not in {post.post_id for post in there}]
        self._bill("post", [post.post_id for post in there])
        told = _partial(
            [self._rendered(post, asked) for post in there],
            [_missing(each, "tweet" if self.vocabulary == "tweets" else "post", "ids") for each in missing],
        )
        told.body.update(self._includes(asked, dict.fromkeys(post.author_id for post in there)))
        return told

    def _includes(self, asked: Asked, authors: Mapping[str | None, None]) -> dict[str, Any]:
        wanted = set(asked.first("expansions").split(",")) & {"author_id", "sender_id"}
        users = [self._world.user(each) for each in authors if each and wanted]
        self._bill("user", [user["id"] for user in users])
        return {"includes": {"users": users}} if users else {}

    def _bill(self, kind: str, ids: Sequence[str]) -> None:
        """Charge for each resource once a day (UTC)."""
        day = f"{now():%Y-%m-%d}"
        self.billed |= {(day, kind, each) for each in ids}

    def _wrong_parameter(self, endpoint: str, asked: Asked) -> str:
        allowed = {*_NAMES, "tweet.fields" if self.vocabulary == "tweets" else "post.fields"}
        for name, value in asked.query:
            known = name in allowed
            if name in ("tweet.fields", "post.fields") and known:
                known = set(value.split(",")) <= set(self._field_names())
            if name == "max_results":
                known = _LEAST.get(endpoint, 1) <= int(value) <= _LARGEST
            if name == "since_id" and endpoint == "search":
                known = int(value) > snowflake(now() - timedelta(days=7))
            if not known:
                return name
        return ""

    def _field_names(self) -> Sequence[str]:
        if self.vocabulary == "tweets":
            return _FIELDS
        return [_POSTS_NAMES.get(each, each) for each in _FIELDS if each not in _ONLY_EXPANDED]


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
