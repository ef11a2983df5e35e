"""A stand-in for Bluesky: a PDS with its AppView and chat service behind it, on loopback."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from infra.local.standins._bluesky_http import Bucket, doubled, error, instant_in, limit_in
from infra.local.standins._bluesky_writes import BlueskyWrites
from infra.local.standins.base import Asked, StandIn, Told, now
from infra.local.standins.bluesky_world import BRAND, JSON, Notification, Said, cid_of, did_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from allhours.domain.handle import Handle

PASSWORD = "abcd-efgh-ijkl-mnop"
EMAIL = "desk@acme.example"
LOG_PAGE = 50  # events of the chat log at a time
CHAT_PROXY = "did:web:api.bsky.chat#bsky_chat"
_BLOCK_PAGE = b"<!doctype html><title>Forbidden</title><h1>403</h1>"


class BlueskyStandIn(BlueskyWrites, StandIn):
    """Bluesky as a client meets it.

    Quirks kept: an expired access token is 400 ExpiredToken and a bad one 400 InvalidToken, 401 only without
    a token or with a wrong password; refresh tokens rotate and want no body; createSession has a small bucket
    of its own and refuses `@name`; RateLimit-* in epoch seconds. Notifications are newest first by the
    earlier of createdAt and arrival (a backdated post lands below), `reasons` filters after the page was cut
    (short and empty pages with a cursor), the cursor is an instant (ties are lost between pages), a bad one
    is 502, `seenAt` is 400; a mention needs a facet, mention and reply are one notification, replies notify
    up to five levels up, `isRead` is false for the newest only. Who blocks the brand vanishes. Edits change
    the cid and nothing else; deleted posts are left out. Search wants a login (403 in HTML without) and pages
    by offset. Chat wants the proxy header and an app password with that right ("Bad token method"); its log
    has no beginning: without a cursor it tells only where it ends. A put of the same record is a no-op, one
    with `swapRecord` that does not fit is InvalidSwap; the server checks no reference; a message sent twice
    is there twice. Not kept: the two hours of grace of a rotated refresh token, search's lag.
    """

    name = "bluesky"
    private_sayable = True

    def __init__(
        self,
        port: int = 0,
        *,
        brand: str = BRAND,
        place: int = 0,
        calls: int = 3_000,
        logins: int = 30,
        window: timedelta = timedelta(minutes=5),
        tokens_last: timedelta = timedelta(hours=2),
        direct_messages: bool = True,
    ) -> None:
        """Open a network on which the brand has an account and nobody has spoken."""
        StandIn.__init__(self, port)
        BlueskyWrites.__init__(self, brand, place)
        self._calls = Bucket(calls, window)
        self._logins = Bucket(logins, window)
        self._tokens_last = tokens_last
        self.direct_messages = direct_messages
        self.account: JSON = {"emailConfirmed": True}
        """What getSession says of the account beside its names; an override for tests."""
        self._access: dict[str, datetime] = {}
        self._refresh: set[str] = set()
        self._turned_down = 0
        self._withheld = 0

    # what a deployment needs to know

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return Bluesky as the handle meets it, with room for any number of calls."""
        name = handle.handle.removeprefix("@").lower()
        brand = name if "." in name else f"{_letters_in(name)}.bsky.social"
        return cls(port, brand=brand, place=place, calls=10_000_000, logins=10_000)

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer of any name mention the brand, or write to it."""
        name = author if author.endswith(".bsky.social") else f"{_letters_in(author)}.bsky.social"
        public = not private and not (reply_to in self._said and self._said[reply_to].private)
        names_us = f"@{self.brand}" in text.lower()
        told = f"@{self.brand} {text}" if public and not names_us else text
        return self.say(name, told, reply_to=reply_to, private=private)

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields that the handle's secret starts with."""
        return {"identifier": EMAIL, "app_password": PASSWORD}

    @property
    def handle_settings(self) -> dict[str, str]:
        """Return what the organisation file says of the brand's handle."""
        return {"base_url": self.base_url, "native_id": self.did, "handle": f"@{self.brand}"}

    def expire(self, *, refresh_too: bool = False) -> None:
        """Let every access token run out now, and the refresh tokens as well if asked."""
        with self.lock:
            self._access = dict.fromkeys(self._access, datetime.min.replace(tzinfo=UTC))
            if refresh_too:
                self._refresh.clear()

    # what the network does

    def may_fail(self, asked: Asked) -> bool:
        """Spare sessions: their troubles are `expired_token` and `refused_token`."""
        return not asked.path.startswith("/xrpc/com.atproto.server.")

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail in Bluesky's own way; what publishes has taken effect before the answer gets lost."""
        if fault == "rate_limited":
            return self._calls.spent()
        if fault in {"server_error", "malformed"}:
            if asked.method == "POST":  # it took effect, and the answer got lost
                self.answer(asked)
            if fault == "server_error":
                return error(502, "UpstreamFailure", "Upstream Failure")
            return Told(body=_BLOCK_PAGE, content_type="text/html")
        if fault == "expired_token":
            self.expire()
        if (
            fault == "refused_token"
        ):  # revoked: neither a refresh nor the password helps, until somebody mends it
            self._turned_down = 2
            return error(400, "InvalidToken", "Token could not be verified")
        self._withheld = 1 if fault == "late" else 0
        told = self.answer(asked)
        self._withheld = 0
        return doubled(told) if fault == "duplicate" else told

    def answer(self, asked: Asked) -> Told:
        """Answer as the PDS does, with the window's headers."""
        method = asked.path.removeprefix("/xrpc/")
        if method == "com.atproto.server.createSession":
            return self._create_session(asked)
        if not self._calls.take():
            return self._calls.spent()
        told = (
            self._refresh_session(asked)
            if method == "com.atproto.server.refreshSession"
            else self._query(method, asked)
        )
        return replace(told, headers={**self._calls.headers(), **told.headers})

    def _query(self, method: str, asked: Asked) -> Told:
        queries: dict[str, Callable[[Asked], Told]] = {
            "app.bsky.notification.listNotifications": self._list_notifications,
            "app.bsky.feed.searchPosts": self._search_posts,
            "app.bsky.feed.getPosts": self._get_posts,
            "app.bsky.feed.getPostThread": self._get_post_thread,
            "chat.bsky.convo.getLog": self._get_log,
            "com.atproto.server.getSession": self._get_session,
            **self.writes(),
        }
        chat = method.startswith("chat.")
        if method not in queries or (chat and asked.headers.get("atproto-proxy") != CHAT_PROXY):
            return error(404, "XRPCNotSupported", "XRPCNotSupported")
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if not token and method == "app.bsky.feed.searchPosts":
            return Told(status=403, body=_BLOCK_PAGE, content_type="text/html")
        if method in {"com.atproto.repo.getRecord", "com.atproto.identity.resolveHandle"}:  # open to anybody
            return queries[method](asked)
        return self._denied(token, chat=chat) or queries[method](asked)

    def _denied(self, token: str, *, chat: bool) -> Told | None:
        if not token:
            return error(401, "AuthMissing", "Authentication Required")
        if token not in self._access:
            return error(400, "InvalidToken", "Token could not be verified")
        if self._access[token] <= now():
            return error(400, "ExpiredToken", "Token has expired")
        if chat and not self.direct_messages:
            return error(400, "InvalidToken", "Bad token method")
        return None

    def _create_session(self, asked: Asked) -> Told:
        if not self._logins.take():
            return self._logins.spent()
        try:
            body = json.loads(asked.body)
            given = (body["identifier"], body["password"])
        except (ValueError, KeyError, TypeError):
            return error(400, "InvalidRequest", "Input must have the property identifier")
        known = {(name, PASSWORD) for name in (self.brand, self.did, EMAIL)}
        if given not in known or self._is_turned_down():
            return replace(
                error(401, "AuthenticationRequired", "Invalid identifier or password"),
                headers=self._logins.headers(),
            )
        return replace(self._session(), headers=self._logins.headers())

    def _refresh_session(self, asked: Asked) -> Told:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if asked.body:
            return error(400, "InvalidRequest", "A request body was provided when none was expected")
        if not token:
            return error(401, "AuthMissing", "Authentication Required")
        if token not in self._refresh or self._is_turned_down():
            return error(400, "ExpiredToken", "Token has been revoked")
        self._refresh.discard(token)  # rotates; the real one keeps the old for two hours of grace
        return self._session()

    def _is_turned_down(self) -> bool:
        self._turned_down -= 1
        return self._turned_down >= 0

    def _session(self) -> Told:
        access, refresh = f"access.{secrets.token_urlsafe(24)}", f"refresh.{secrets.token_urlsafe(24)}"
        self._access[access] = now() + self._tokens_last
        self._refresh.add(refresh)
        return Told(body={"accessJwt": access, "refreshJwt": refresh, **self._account()})

    def _get_session(self, _asked: Asked) -> Told:
        return Told(body={**self._account(), "email": EMAIL, **self.account})

    def _account(self) -> JSON:
        service = {
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": self.base_url,
        }
        document = {"@context": ["https://www.w3.org/ns/did/v1"], "id": self.did, "service": [service]}
        return {"handle": self.brand, "did": self.did, "didDoc": document, "active": True}

    def _list_notifications(self, asked: Asked) -> Told:
        if asked.first("seenAt"):
            return error(400, "InvalidRequest", "The seenAt parameter is unsupported")
        limit = limit_in(asked, 50)
        before = instant_in(asked.first("cursor")) if asked.first("cursor") else None
        if limit is None:
            return error(400, "InvalidRequest", "Error: limit must be between 1 and 100")
        if asked.first("cursor") and not before:
            return error(502, "UpstreamFailure", "Upstream Failure")
        there = self._notifications[: len(self._notifications) - self._withheld]
        visible = [each for each in there if self._is_shown(each)]
        newest = sorted(visible, key=lambda each: each.at, reverse=True)
        page = [each for each in newest if before is None or each.at < before][:limit]
        reasons = asked.every("reasons")
        told = [
            self._notification(each, is_read=each is not newest[0])
            for each in page
            if not reasons or each.reason in reasons
        ]
        body: JSON = {"notifications": told, "priority": asked.first("priority") == "true"}
        return Told(body={**body, "cursor": text_of(page[-1].at)} if page else body)

    def _is_shown(self, each: Notification) -> bool:
        said = self._said.get(each.uri)
        return each.did not in self._blockers and not (said and said.deleted)

    def _notification(self, each: Notification, *, is_read: bool) -> JSON:
        said = self._said.get(each.uri)
        record = said.record if said else each.record
        return {
            "uri": each.uri,
            "cid": cid_of(record or {}),
            "author": self._profile(each.did),
            "reason": each.reason,
            "record": record,
            "isRead": is_read,
            "indexedAt": text_of(each.at),
            "labels": [],
        }

    def _search_posts(self, asked: Asked) -> Told:
        words, limit = asked.first("q").strip('"').casefold(), limit_in(asked, 25)
        if not words or limit is None:
            return error(400, "InvalidRequest", "Error: Params must have the property q")
        since, until = instant_in(asked.first("since")), instant_in(asked.first("until"))
        there = self._views()
        hits = [
            said
            for said in there[: len(there) - self._withheld]
            if words in said.text.casefold()
            and (not since or said.sort_at >= since)
            and (not until or said.sort_at < until)
        ]
        hits.sort(key=lambda said: said.sort_at, reverse=True)
        start = int(asked.first("cursor", "0"))
        body: JSON = {
            "posts": [self._view(said) for said in hits[start : start + limit]],
            "hitsTotal": len(hits),
        }
        return Told(body={**body, "cursor": str(start + limit)} if start + limit < len(hits) else body)

    def _get_posts(self, asked: Asked) -> Told:
        uris = asked.every("uris")
        if not uris or len(uris) > 25:  # noqa: PLR2004 - the lexicon's most
            return error(400, "InvalidRequest", "Error: uris must not have more than 25 elements")
        return Told(body={"posts": [self._view(said) for said in self._views() if said.native_id in uris]})

    def _get_post_thread(self, asked: Asked) -> Told:
        said = self._said.get(asked.first("uri"))
        if said is None or said.deleted:
            return error(400, "NotFound", f"Post not found: {asked.first('uri')}")
        return Told(body={"thread": self._node(said, int(asked.first("depth", "6")))})

    def _node(self, said: Said, depth: int) -> JSON:
        if said.did in self._blockers:
            return {
                "$type": "app.bsky.feed.defs#blockedPost",
                "uri": said.native_id,
                "blocked": True,
                "author": {"did": said.did},
            }
        replies = [self._node(each, depth - 1) for each in self._replies(said.native_id)] if depth else []
        return {"$type": "app.bsky.feed.defs#threadViewPost", "post": self._view(said), "replies": replies}

    def _get_log(self, asked: Asked) -> Told:
        cursor = asked.first("cursor")
        end = str(self._log[-1]["rev"]) if self._log else "2222222222222"
        later = [event for event in self._log if cursor and str(event["rev"]) > cursor][:LOG_PAGE]
        return Told(body={"cursor": str(later[-1]["rev"]) if later else cursor or end, "logs": later})


def _letters_in(author: str) -> str:
    return re.sub("[^a-z0-9]", "", author.lower()) or did_of(author)[-8:]
