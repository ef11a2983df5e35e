"""Reddit on loopback: listings, the inbox, search, comments and tokens, with the quirks that bite."""

from __future__ import annotations

import base64
import re
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode

from infra.local.standins._reddit_world import BRAND, ELSEWHERE, JSON, OWN, RedditWorld, Said
from infra.local.standins.base import Asked, Shown, StandIn, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

HTML = "text/html; charset=UTF-8"
SITE = "https://www.reddit.com"
LONGEST = 10_000
_INBOX = {"mentions": "username_mention", "comments": "comment_reply", "selfreply": "post_reply"}
_LISTING = re.compile(r"/r/([\w+]+)/(comments|new)")
_SEARCH = re.compile(r"(?:/r/([\w+]+))?/search")
_COMMENTS_OF = re.compile(r"/user/([^/]+)/comments")


class RedditStandIn(RedditWorld, StandIn):
    """Reddit with one approved app and the brand's account.

    Quirks: listings are newest first, at most 100; `before` or `after` a deleted name answers with nothing;
    without `raw_json=1` text has entities; `created_utc` is a float, `edited` false or a float; mentions are
    told of comments only and lack `link_id`; search finds posts only; private messages lead to the login page
    (302); a deleted comment stays as [deleted] in /api/info; token errors come with HTTP 200, a bad refresh
    token as 400 `{"error": 400}`; a default User-Agent gets a web page (403); x-ratelimit-* are float text
    and seconds until reset; a 429 is HTML; a write that comes too fast is HTTP 200 with RATELIMIT inside;
    errors of writes hide in `json.errors`; `forget_things` answers a write with an empty list;
    `remove_quietly` lets a reply be seen by its author alone; /api/del says yes to everything.
    """

    name = "reddit"

    def __init__(self, port: int = 0, *, brand: str = BRAND, calls: int = 1_000, place: int = 0) -> None:
        """Take the account's name and the calls in a window of ten minutes."""
        StandIn.__init__(self, port)
        RedditWorld.__init__(self, brand, place)
        self._calls, self._used, self._window = calls, 0, time.monotonic()
        self._tokens: dict[str, str] = {}
        self._codes: set[str] = set()
        self._refresh = secrets.token_hex(8)
        self.writes_too_fast = 0
        self.forget_things = 0

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return Reddit as this handle meets it, with a budget for a busy day."""
        return cls(port, brand=handle.handle.removeprefix("u/"), calls=100_000, place=place)

    @property
    def secret(self) -> Mapping[str, str]:
        """Return the handle's secret: a consent that lasts."""
        return {"refresh_token": self._refresh}

    @property
    def app_secret(self) -> Mapping[str, str]:
        """Return the app's secret."""
        return {"client_id": "stand-in-app", "client_secret": "stand-in-secret"}

    @property
    def handle_settings(self) -> Mapping[str, Any]:
        """Return what the organisation file says of the handle."""
        return {
            "handle": f"u/{self.brand}",
            "base_url": self.base_url,
            "native_id": self.native_id,
            "settings": {"subreddits": OWN, "search_in": ELSEWHERE},
        }

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer post in our subreddit, or comment below what is there."""
        del private  # nothing is private here
        return self.say(re.sub(r"[^\w-]+", "_", author)[:20], text, reply_to=reply_to, subreddit=OWN)

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Let our account say something by hand."""
        return self.say(self.brand, text, reply_to=reply_to, subreddit=OWN)

    def expire(self) -> None:
        """Let every access token run out."""
        self._tokens.clear()

    def revoke(self) -> None:
        """Let the owner take the consent back."""
        self._refresh = secrets.token_hex(8)
        self._tokens.clear()

    def remove_quietly(self, native_id: str) -> None:
        """Let a moderator's rule hide a reply: its author still sees it."""
        self.said[native_id].quietly = True

    def answer(self, asked: Asked) -> Told:
        """Answer as Reddit does."""
        path = asked.path.rstrip("/")
        if path == "/api/v1/authorize":  # a person's browser, not ours
            return self._authorize(asked)
        if asked.headers.get("user-agent", "").startswith(("python-requests", "Allhours/")):
            return Told(status=403, body=b"<html><body>whoa there, pardner!</body></html>", content_type=HTML)
        if path == "/api/v1/access_token":
            return self._token(asked)
        token = asked.headers.get("authorization", "").removeprefix("bearer ")
        if token not in self._tokens:
            return _unauthorized()
        headers = self._counted()
        if self._used > self._calls:
            return replace(_too_many(), headers=headers)
        told = self._told(path, asked, us=self._tokens[token] == self.brand)
        if asked.first("raw_json") != "1" and b"raw_json=1" not in asked.body:
            escaped = told.raw().replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
            told = replace(told, body=escaped)
        return replace(told, headers={**headers, **told.headers})

    def failed(self, fault: str, asked: Asked) -> Told:  # noqa: PLR0911 - one answer a fault
        """Fail as Reddit does; a write whose answer is lost has happened."""
        match fault:
            case "rate_limited":
                return _error_in_200("RATELIMIT") if asked.path == "/api/comment" else _too_many()
            case "expired_token":
                self.expire()
                return _unauthorized()
            case "refused_token":
                return Told(status=403, body={"message": "Forbidden", "error": 403})
        told = self.answer(asked)
        if fault == "server_error":
            page = b"<html><head><title>oauth.reddit.com | 520</title></head></html>"
            return Told(status=520, body=page, content_type=HTML)
        if fault == "malformed":
            return Told(body=told.raw()[:-1] or b"{")
        inside = told.body.get("data") if isinstance(told.body, dict) else None
        if isinstance(inside, dict) and isinstance(inside.get("children"), list):
            found = inside["children"]
            changed = [each for each in found for _ in range(2)] if fault == "duplicate" else found[1:]
            if fault in {"duplicate", "late"}:
                return replace(told, body={"kind": "Listing", "data": {**inside, "children": changed}})
        return told

    def _told(self, path: str, asked: Asked, *, us: bool) -> Told:  # noqa: PLR0911 - one answer a path
        if path.startswith("/message/"):
            kind = _INBOX.get(path.removeprefix("/message/"))
            if not kind or not us:
                return Told(status=302, headers={"Location": f"{SITE}/login"}, content_type=HTML)
            return self._listing(asked, self.newest(kind), inbox_type=kind)
        if found := _LISTING.fullmatch(path):
            if found[1] in self.private_subreddits:
                return Told(status=403, body={"reason": "private", "message": "Forbidden", "error": 403})
            what = "comments" if found[2] == "comments" else "posts"
            return self._listing(asked, self.newest(f"{what} {found[1]}"))
        if found := _SEARCH.fullmatch(path):
            return self._listing(asked, self.found(asked.first("q"), found[1] or ""))
        if found := _COMMENTS_OF.fullmatch(path):
            return self._listing(asked, self.newest(f"by {found[1]}"))
        return self._api(path, asked, us=us)

    def _api(self, path: str, asked: Asked, *, us: bool) -> Told:
        form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
        if path == "/api/info":
            there = [self.said[name] for name in asked.first("id").split(",") if name in self.said]
            return _listed([self.thing(said, to_us=us) for said in there], None)
        if path == "/api/v1/me" and us:
            return Told(body={"name": self.brand, "id": self.native_id[3:], "is_suspended": False})
        if path == "/api/comment" and us:
            return self._comment(form)
        if path == "/api/del" and us:
            if form.get("id") in self.said:
                self.delete(form["id"])
            return Told(body={})
        return Told(status=404, body={"message": "Not Found", "error": 404})

    def _listing(self, asked: Asked, entries: list[Said], *, inbox_type: str = "") -> Told:
        limit = min(int(asked.first("limit", "25")), 100)
        names = [said.native_id for said in entries]
        if before := asked.first("before"):
            entries = entries[: names.index(before)] if before in names else []
        elif after := asked.first("after"):
            entries = entries[names.index(after) + 1 :] if after in names else []
        page = entries[:limit]
        older = page[-1].native_id if len(entries) > limit else None
        return _listed([self.thing(said, inbox_type=inbox_type) for said in page], older)

    def _comment(self, form: Mapping[str, str]) -> Told:
        parent = self.said.get(form.get("thing_id", ""))
        if self.writes_too_fast:
            self.writes_too_fast -= 1
            return _error_in_200("RATELIMIT")
        if parent is None or parent.deleted:
            return _error_in_200("DELETED_COMMENT")
        if parent.archived or parent.locked or not form.get("text"):
            name = "TOO_OLD" if parent.archived else "THREAD_LOCKED" if parent.locked else "NO_TEXT"
            return _error_in_200(name)
        if len(form["text"]) > LONGEST:
            body = {"fields": ["text"], "explanation": "this is too long (max: 10000)"}
            return Told(status=400, body={**body, "message": "Bad Request", "reason": "TOO_LONG"})
        name = self.say(self.brand, form["text"], reply_to=parent.native_id)
        self.shown.append(Shown(native_id=name, to=parent.native_id, text=form["text"], by=self.brand))
        things = [self.thing(self.said[name])]
        if self.forget_things:
            self.forget_things -= 1
            things = []
        return Told(body={"json": {"errors": [], "data": {"things": things}}})

    def _token(self, asked: Asked) -> Told:
        app = self.app_secret
        basic = base64.b64encode(f"{app['client_id']}:{app['client_secret']}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {basic}":
            return Told(status=401, body={"message": "Unauthorized", "error": 401})
        form = dict(parse_qsl(asked.body.decode()))
        body: JSON = {"token_type": "bearer", "expires_in": 86_400, "scope": "*"}
        who = self.brand
        match form.get("grant_type"):
            case "refresh_token":
                if form.get("refresh_token") != self._refresh:
                    return Told(status=400, body={"message": "Bad Request", "error": 400})
                body["refresh_token"] = self._refresh
            case "authorization_code":
                if form.get("code") not in self._codes:
                    return Told(body={"error": "invalid_grant"})  # HTTP 200, as recorded
                self._codes.discard(form["code"])
                body["refresh_token"] = self._refresh
            case "client_credentials":
                who = "nobody"
            case _:
                return Told(body={"error": "unsupported_grant_type"})
        token = secrets.token_hex(12)
        self._tokens[token] = who
        return Told(body={**body, "access_token": token})

    def _authorize(self, asked: Asked) -> Told:
        if asked.first("client_id") != self.app_secret["client_id"] or asked.first("duration") != "permanent":
            return Told(status=400, body=b"<html>invalid request to Oauth API</html>", content_type=HTML)
        code = secrets.token_hex(8)
        self._codes.add(code)
        query = urlencode({"state": asked.first("state"), "code": code})
        return Told(
            status=302, headers={"Location": f"{asked.first('redirect_uri')}?{query}"}, content_type=HTML
        )

    def _counted(self) -> dict[str, str]:
        if time.monotonic() - self._window > 600:  # noqa: PLR2004 - ten minutes
            self._used, self._window = 0, time.monotonic()
        self._used += 1
        left = max(self._calls - self._used, 0)
        reset = 600 - int(time.monotonic() - self._window)
        return {
            "x-ratelimit-used": str(self._used),
            "x-ratelimit-remaining": f"{float(left)}",
            "x-ratelimit-reset": str(reset),
        }


def _listed(children: list[JSON], after: str | None) -> Told:
    inside = {"modhash": None, "dist": len(children), "children": children, "after": after, "before": None}
    return Told(body={"kind": "Listing", "data": inside})


def _unauthorized() -> Told:
    why = 'Bearer realm="reddit", error="invalid_token"'
    return Told(status=401, body={"message": "Unauthorized", "error": 401}, headers={"www-authenticate": why})


def _too_many() -> Told:
    page = b"<!doctype html><html><head><title>Too Many Requests</title></head></html>"
    return Told(status=429, body=page, headers={"retry-after": "4"}, content_type=HTML)


def _error_in_200(name: str) -> Told:
    sentences = {"RATELIMIT": "you are doing that too much. try again in 3 minutes."}
    error = [
        name,
        sentences.get(name, "that is not possible"),
        "ratelimit" if name == "RATELIMIT" else "parent",
    ]
    return Told(body={"json": {"errors": [error]}})
