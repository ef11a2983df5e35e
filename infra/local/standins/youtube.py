"""YouTube on loopback: one channel's comments, the quota of its project, and Google's tokens."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from infra.local.standins._youtube_world import Said, World, later
from infra.local.standins.base import Asked, Shown, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime
    from typing import Self

    from allhours.domain.handle import Handle

CHANNEL_ID = "UCstandinbank0000000000A"
LONGEST = 10_000
STATUSES = ("published", "heldForReview", "likelySpam", "rejected")


class YouTubeStandIn(StandIn):
    """The YouTube Data API v3 and Google's OAuth endpoints, for one channel.

    Its quirks, as in networks/youtube.md: threads are listed newest first, and a new reply does not lift its
    thread; only five replies come along with a thread; held comments are told apart by `moderationStatus`;
    texts are HTML unless `textFormat=plainText` is asked for; `textOriginal` only of our own comments; an
    author's channel may be missing; what was deleted is missing from `items`; an answer goes to a thread's
    id and never to a reply's; sending twice shows twice; there are no rate headers, and every call costs
    units of a quota that returns at midnight Pacific; errors are told by `errors[0].reason`; refresh tokens
    may be dead (`invalid_grant`).
    """

    name = "youtube"

    def __init__(
        self,
        port: int = 0,
        *,
        place: int = 0,
        channel_id: str = CHANNEL_ID,
        brand: str = "@examplebank",
        units_a_day: int = 1_000_000,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the channel's id and @handle, and the size of the project's quota."""
        super().__init__(port)
        self.world = World(channel_id, brand, place)
        self.units_a_day = units_a_day
        self.units = 0
        self.clock = clock
        self.consent_holds = True
        self.testing = False
        """Whether the consent screen is in Testing, so that a consent ends after seven days."""
        self._day: date | None = None
        self._tokens = 1

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the channel as this handle meets it."""
        channel_id = handle.native_id or f"UCstandin{place:015d}"
        return cls(port, place=place, channel_id=channel_id, brand=handle.handle)

    @property
    def secret(self) -> Mapping[str, str]:
        """Return the fields of the handle's secret."""
        return {"refresh_token": "1//stand-in-refresh", "access_token": f"ya29.stand-in-{self._tokens}"}

    @property
    def app_secret(self) -> Mapping[str, str]:
        """Return the OAuth client."""
        return {"client_id": "stand-in.apps.example", "client_secret": "GOCSPX-stand-in"}

    @property
    def handle_settings(self) -> Mapping[str, Any]:
        """Return what the organisation file says of the handle."""
        return {
            "handle": self.world.brand,
            "base_url": self.base_url,
            "native_id": self.world.channel_id,
        }

    # What people do

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Comment below a video, or in the thread of `reply_to`; `private` is held for review."""
        return self.say(author, text, reply_to=reply_to, status=STATUSES[1] if private else STATUSES[0])

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        status: str = "published",
        video: str = "",
        nameless: bool = False,
    ) -> str:
        """Comment as a customer, with what YouTube thinks of it."""
        name = "@" + author.removeprefix("@").replace(" ", "-").lower()
        said = self._add(name, text, reply_to, video)
        said.status, said.nameless = status, nameless
        return said.native_id

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Comment as the channel, by hand."""
        said = self._add(self.world.brand, text, reply_to, "")
        said.by_brand = True
        return said.native_id

    @property
    def posts(self) -> Sequence[Said]:
        """Return every customer's comment ever said, with its state."""
        with self.lock:
            return [said for said in self.world.said.values() if not said.by_brand]

    def edit(self, native_id: str, text: str) -> None:
        """Change a comment."""
        with self.lock:
            said = self.world.said[native_id]
            said.text, said.edited_at = text, later(self.clock(), said.edited_at or said.said_at)

    def delete(self, native_id: str) -> None:
        """Take a comment away, its replies too if it began a thread."""
        with self.lock:
            for said in self.world.said.values():
                if native_id in {said.native_id, said.thread}:
                    said.deleted = True

    def _add(self, author: str, text: str, reply_to: str, video: str) -> Said:
        with self.lock:
            target = self.world.said.get(reply_to)
            thread = target.thread if target else ""
            native_id = self.world.next_id(thread)
            video = target.video if target else video or f"vid{self.world.place:03d}dlUQ"
            said = Said(
                native_id=native_id,
                author=author,
                text=text,
                thread=thread or native_id,
                video=video,
                said_at=self.clock(),
            )
            return self.world.add(said)

    # What the API answers

    def may_fail(self, asked: Asked) -> bool:
        """Keep Google's consent and token endpoints up."""
        return asked.path.startswith("/youtube/")

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as YouTube does; a write that is cut or meets a 5xx has had its effect."""
        match fault:
            case "rate_limited":
                return _error(403, "rateLimitExceeded", "usageLimits")
            case "refused_token":
                return _error(403, "insufficientPermissions", "global")
            case "expired_token":
                self._tokens += 1
                return _error(401, "authError", "global")
        told = self.answer(asked)
        if fault == "server_error":
            return _error(503, "backendError", "global")
        if fault == "malformed":
            return Told(status=told.status, body=told.raw()[: len(told.raw()) // 2] or b"{")
        if isinstance(told.body, dict) and isinstance(items := told.body.get("items"), list):
            told.body["items"] = {"duplicate": [*items, *items], "late": items[1:]}.get(fault, items)
        return told

    def answer(self, asked: Asked) -> Told:
        """Answer as Google does."""
        if asked.path == "/token":
            return self._token(dict(parse_qsl(asked.body.decode())))
        if asked.path == "/o/oauth2/v2/auth":
            back = urlencode({"code": "4/stand-in-code", "state": asked.first("state")})
            return Told(status=302, headers={"Location": f"{asked.first('redirect_uri')}?{back}"})
        return self._api(asked)

    def _api(self, asked: Asked) -> Told:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if token != self.secret["access_token"]:
            return _error(401, "authError", "global")
        if not self._paid(1 if asked.method == "GET" else 50):
            return _error(403, "quotaExceeded", "youtube.quota")
        calls = {
            ("GET", "commentThreads"): self._threads,
            ("GET", "comments"): self._comments,
            ("GET", "channels"): self._channels,
            ("POST", "comments"): self._insert,
            ("DELETE", "comments"): self._delete,
            ("POST", "comments/setModerationStatus"): self._moderate,
        }
        call = calls.get((asked.method, asked.path.removeprefix("/youtube/v3/")))
        return call(asked) if call else _error(404, "notFound", "global")

    def _threads(self, asked: Asked) -> Told:
        part, text_format = asked.first("part"), asked.first("textFormat", "html")
        if asked.first("id"):
            found = [self.world.there(each) for each in asked.first("id").split(",")]
            there = [said for said in found if said and said.first]
            if any(said.video in self.world.closed for said in there):
                return _error(403, "commentsDisabled", "youtube.commentThread")
            return _list("commentThread", [self.world.thread_json(each, part, text_format) for each in there])
        if asked.first("allThreadsRelatedToChannelId") != self.world.channel_id:
            return _error(404, "channelNotFound", "youtube.commentThread")
        threads = self.world.threads(asked.first("moderationStatus", "published"))
        rows = [self.world.thread_json(each, part, text_format) for each in threads]
        return _paged("commentThread", rows, asked)

    def _comments(self, asked: Asked) -> Told:
        text_format = asked.first("textFormat", "html")
        if asked.first("id"):
            found = [self.world.there(each) for each in asked.first("id").split(",")]
            there = [said for said in found if said and said.video not in self.world.closed]
            return _list("comment", [self.world.comment_json(each, text_format) for each in there])
        if self.world.there(asked.first("parentId")) is None:
            return _error(404, "commentNotFound", "youtube.comment")
        replies = self.world.replies(asked.first("parentId"))[::-1]
        return _paged("comment", [self.world.comment_json(each, text_format) for each in replies], asked)

    def _insert(self, asked: Asked) -> Told:
        snippet = json.loads(asked.body)["snippet"]
        text, parent = snippet.get("textOriginal", ""), self.world.there(snippet.get("parentId", ""))
        if not text.strip():
            return _error(400, "commentTextRequired", "youtube.comment")
        if len(text) > LONGEST:
            return _error(400, "commentTextTooLong", "youtube.comment")
        if parent is None or not parent.first:
            return _error(404, "parentCommentNotFound", "youtube.comment")
        if parent.status != "published":
            return _error(400, "parentCommentIsPrivate", "youtube.comment")
        if parent.video in self.world.closed:
            return _error(403, "commentsDisabled", "youtube.comment")
        said = self._add(self.world.brand, text, parent.native_id, "")
        said.by_brand = True
        shown = Shown(native_id=said.native_id, to=self._meant(parent, text), text=text, by=self.world.brand)
        self.shown.append(shown)
        return Told(body=self.world.comment_json(said, "plainText"))

    def _meant(self, parent: Said, text: str) -> str:
        """Return what an answer in a thread is meant for: the newest reply of the one it begins with."""
        replies = [each for each in self.world.replies(parent.native_id) if not each.by_brand]
        named = [each.native_id for each in replies if text.startswith(f"{each.author} ")]
        return named[-1] if named else parent.native_id

    def _delete(self, asked: Asked) -> Told:
        native_id = asked.first("id")
        said = self.world.there(native_id)
        if said is None:
            return _error(404, "commentNotFound", "youtube.comment")
        if not said.by_brand:
            return _error(403, "forbidden", "youtube.comment")
        self.delete(native_id)
        for shown in self.shown:
            shown.deleted = shown.deleted or shown.native_id == native_id
        return Told(status=204)

    def _moderate(self, asked: Asked) -> Told:
        said, status = self.world.said.get(asked.first("id")), asked.first("moderationStatus")
        if said is None or said.deleted:
            return _error(404, "commentNotFound", "youtube.comment")
        if said.by_brand:
            return _error(400, "operationNotSupported", "youtube.comment")
        said.status = status
        (self.hidden.add if status == "rejected" else self.hidden.discard)(said.native_id)
        return Told(status=204)

    def _channels(self, _asked: Asked) -> Told:
        snippet = {"title": "Example Bank", "customUrl": self.world.brand}
        return _list(
            "channel", [{"kind": "youtube#channel", "id": self.world.channel_id, "snippet": snippet}]
        )

    def _token(self, form: Mapping[str, str]) -> Told:
        if {name: form.get(name) for name in self.app_secret} != self.app_secret:
            return Told(status=401, body={"error": "invalid_client"})
        code = form.get("grant_type") == "authorization_code"
        if code:
            right = form.get("code") == "4/stand-in-code" and bool(form.get("code_verifier"))
        else:
            right = form.get("refresh_token") == self.secret["refresh_token"]
        if not right or not self.consent_holds:
            return Told(
                status=400, body={"error": "invalid_grant", "error_description": "Expired or revoked."}
            )
        body = {"access_token": self.secret["access_token"], "expires_in": 3599, "token_type": "Bearer"}
        body |= {"refresh_token": self.secret["refresh_token"]} if code else {}
        body |= {"refresh_token_expires_in": 604_799} if self.testing else {}
        return Told(body=body)

    def _paid(self, units: int) -> bool:
        day = self.clock().astimezone(ZoneInfo("America/Los_Angeles")).date()
        if day != self._day:
            self._day, self.units = day, 0
        self.units += units
        return self.units <= self.units_a_day


def _paged(kind: str, rows: Sequence[Mapping[str, Any]], asked: Asked) -> Told:
    token, most = asked.first("pageToken"), int(asked.first("maxResults", "20"))
    try:
        start = int(base64.b64decode(token)) if token else 0
    except ValueError:
        return _error(400, "invalidPageToken", "youtube.commentThread")
    told = _list(kind, rows[start : start + most])
    if start + most < len(rows):
        told.body["nextPageToken"] = base64.b64encode(str(start + most).encode()).decode()
    return told


def _list(kind: str, rows: Sequence[Mapping[str, Any]]) -> Told:
    info = {"totalResults": len(rows), "resultsPerPage": len(rows)}
    body = {"kind": f"youtube#{kind}ListResponse", "etag": "etag", "pageInfo": info, "items": list(rows)}
    return Told(body=body)


def _error(status: int, reason: str, domain: str) -> Told:
    first = {"domain": domain, "reason": reason, "message": "said by the stand-in"}
    error = {"code": status, "message": "said by the stand-in", "errors": [first]}
    return Told(status=status, body={"error": error})
