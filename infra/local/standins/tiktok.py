"""TikTok on loopback: one business account's videos and comments, its tokens and its app's webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from infra.local.standins._tiktok_world import BY_TIME, Said, World
from infra.local.standins.base import Asked, Pusher, Shown, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from allhours.domain.handle import Handle

LONGEST = 150
API = "/open_api/v1.3/"
APP = {"app_id": "7000000000000000001", "app_secret": "stand-in-app-secret"}


class TikTokStandIn(StandIn):
    """The TikTok API for Business v1.3 and its webhook, for one account.

    Its quirks, as in networks/tiktok.md: every path ends with a slash, else HTTP 404; errors are HTTP 200
    with a code; pinned comments stand on top whatever the order; behind the newest 500 comments come the
    most liked ones, again; at most three replies come along; a new reply moves nothing; ids have 19 digits,
    are texts in lists and numbers in the webhook; times are texts in lists and numbers when something was
    created; `content` of the webhook is JSON in a text and holds no words; each renewal ends both tokens;
    sending twice shows twice; there are no rate headers.
    """

    name = "tiktok"

    def __init__(
        self,
        port: int = 0,
        *,
        place: int = 0,
        open_id: str = "open-stand-in-0001",
        brand: str = "@examplebank",
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Take the account's open_id and @username; it has one video."""
        super().__init__(port)
        self.world = World(brand, place)
        self.open_id = open_id
        self.clock = clock
        self.calls_left = 1_000_000
        self.consent_holds = True
        self.callback = ""
        self.item_list: list[str] = []
        self._tokens = 1
        self.video = self.publish()

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the account as this handle meets it."""
        open_id = handle.native_id or f"open-stand-in-{place:04d}"
        return cls(port, place=place, open_id=open_id, brand=handle.handle)

    @property
    def secret(self) -> Mapping[str, str]:
        """Return the fields of the handle's secret."""
        return {
            "access_token": f"act.stand-in-{self._tokens}",
            "refresh_token": f"rft.stand-in-{self._tokens}",
            "open_id": self.open_id,
        }

    @property
    def app_secret(self) -> Mapping[str, str]:
        """Return the app, and the page at which owners consent."""
        query = urlencode({"client_key": APP["app_id"], "redirect_uri": "https://allhours.example/tiktok/"})
        return {**APP, "authorise_url": f"{self.base_url}/v2/auth/authorize?{query}"}

    @property
    def handle_settings(self) -> Mapping[str, Any]:
        """Return what the organisation file says of the handle."""
        return {"handle": self.world.brand, "base_url": self.base_url, "native_id": self.open_id}

    def register(self, url: str) -> None:
        """Call this webhook from now on."""
        self.callback = url
        self.pushes = Pusher(url, self.sign)

    def sign(self, raw: bytes) -> dict[str, str]:
        """Return the header of a delivery."""
        told = str(int(self.clock().timestamp()))
        mac = hmac.new(APP["app_secret"].encode(), f"{told}.".encode() + raw, hashlib.sha256)
        return {"Tiktok-Signature": f"t={told},s={mac.hexdigest()}"}

    # What people do

    def publish(self, *, ago: timedelta = timedelta(hours=1)) -> str:
        """Publish a video of the account; return its id."""
        with self.lock:
            video = self.world.next_id()
            self.world.videos[video] = self.clock() - ago
            return video

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Comment below our newest video, or in the thread of `reply_to`; `private` is hidden by a filter."""
        return self.say(author, text, reply_to=reply_to, status="HIDDEN" if private else "PUBLIC")

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        status: str = "PUBLIC",
        video: str = "",
        pinned: bool = False,
    ) -> str:
        """Comment as a customer, with what TikTok makes of it."""
        name = "@" + author.removeprefix("@").replace(" ", ".").lower()
        said = self._add(name, text, reply_to, video, status=status)
        said.pinned = pinned
        return said.native_id

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Comment as the account, by hand."""
        return self._add(self.world.brand, text, reply_to, "", by_brand=True).native_id

    @property
    def posts(self) -> Sequence[Said]:
        """Return every customer's comment ever said, with its state."""
        with self.lock:
            return [said for said in self.world.said.values() if not said.by_brand]

    def edit(self, native_id: str, text: str) -> None:
        """Refuse: nobody can edit a comment here."""
        message = f"TikTok has no edits ({native_id}, {len(text)} characters)"
        raise NotImplementedError(message)

    def delete(self, native_id: str) -> None:
        """Take a comment away, its replies too if it began a thread."""
        with self.lock:
            for said in self.world.said.values():
                if native_id in {said.native_id, said.parent} and not said.deleted:
                    said.deleted = True
                    self._push(said, "delete")

    def show(self, native_id: str, *, shown: bool) -> None:
        """Hide a comment, or show it again."""
        with self.lock:
            said = self.world.said[native_id]
            said.status = "PUBLIC" if shown else "HIDDEN"
            (self.hidden.discard if shown else self.hidden.add)(native_id)
            self._push(said, "set_to_public" if shown else "set_to_hidden")

    def _add(
        self,
        author: str,
        text: str,
        reply_to: str,
        video: str,
        *,
        status: str = "PUBLIC",
        by_brand: bool = False,
    ) -> Said:
        with self.lock:
            target = self.world.said.get(reply_to)
            said = Said(
                native_id=self.world.next_id(),
                author=author,
                text=text,
                video=target.video if target else video or self.video,
                said_at=self.clock(),
                parent=target.root if target else "",
                status=status,
                by_brand=by_brand,
            )
            self.world.said[said.native_id] = said
            self._push(said, "insert")
            return said

    def _push(self, said: Said, action: str) -> None:
        if self.pushes:
            self.pushes.push(self.event(said, action))

    def event(self, said: Said, action: str) -> dict[str, Any]:
        """Return what the webhook tells: ids as numbers, no words, JSON written into a text."""
        at = self.clock()
        content: dict[str, Any] = {"comment_id": int(said.native_id), "video_id": int(said.video)}
        if said.parent:
            content["parent_comment_id"] = int(said.parent)
        content |= {"comment_type": "reply" if said.parent else "comment", "comment_action": action}
        content |= {"unique_identifier": f"+{self.world.hash_of(said.author)[:40]}"}
        content["timestamp"] = int(at.timestamp() * 1000)
        return {
            "client_key": APP["app_id"],
            "event": "comment.update",
            "create_time": int(at.timestamp()),
            "user_openid": self.open_id,
            "content": json.dumps(content),
        }

    # What the API answers

    def may_fail(self, asked: Asked) -> bool:
        """Keep consent, tokens and the registration of webhooks up."""
        return asked.path.startswith(f"{API}business/") and "webhook" not in asked.path

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as TikTok does, in HTTP 200; a POST that is cut or meets a 5xxxx has had its effect."""
        match fault:
            case "rate_limited":
                return _told(40100, "Too many requests.")
            case "refused_token":
                return _told(40001, "You don't have permission.")
            case "expired_token":
                self._tokens += 1
                return _told(40102, "Access token expired.")
        told = self.answer(asked)
        if fault == "server_error":
            return _told(50000, "System error.")
        if fault == "malformed":
            return Told(body=told.raw()[: len(told.raw()) // 2])
        data = told.body.get("data") if isinstance(told.body, dict) else None
        if isinstance(data, dict) and isinstance(rows := data.get("comments"), list):
            data["comments"] = {"duplicate": [*rows, *rows], "late": rows[1:]}.get(fault, rows)
        return told

    def answer(self, asked: Asked) -> Told:
        """Answer as TikTok does."""
        if asked.path == "/v2/auth/authorize":
            back = urlencode({"code": "stand-in-code", "state": asked.first("state")})
            return Told(status=302, headers={"Location": f"{asked.first('redirect_uri')}?{back}"})
        if not asked.path.startswith(API) or not asked.path.endswith("/"):
            return Told(status=404, body=b"404 page not found", content_type="text/plain")
        path = asked.path.removeprefix(API)
        form: dict[str, Any] = json.loads(asked.body) if asked.body else dict(asked.query)
        as_app = {
            "tt_user/oauth2/token/": self._token,
            "tt_user/oauth2/refresh_token/": self._token,
            "business/webhook/update/": self._webhook,
        }
        if path in as_app:
            return as_app[path](form)
        return self._business(asked.method, path, asked.headers.get("access-token", ""), form)

    def _business(self, method: str, path: str, token: str, form: Mapping[str, Any]) -> Told:
        if token != self.secret["access_token"]:
            return _told(40105 if token else 40104, "Access token is incorrect or has been revoked.")
        if self.calls_left <= 0:
            return _told(40100, "Too many requests.")
        self.calls_left -= 1
        if form.get("business_id") != self.open_id:
            return _told(40001, "No permission to operate this account.")
        calls = {
            ("GET", "business/video/list/"): self._videos,
            ("GET", "business/comment/list/"): self._comments,
            ("GET", "business/comment/reply/list/"): self._replies,
            ("POST", "business/comment/reply/create/"): self._create,
            ("POST", "business/comment/delete/"): self._delete,
            ("POST", "business/comment/hide/"): self._hide,
        }
        call = calls.get((method, path))
        return call(form) if call else Told(status=404, body=b"404 page not found", content_type="text/plain")

    def _videos(self, form: Mapping[str, Any]) -> Told:
        newest = sorted(self.world.videos, key=lambda each: self.world.videos[each], reverse=True)
        wanted = json.loads(form.get("filters", "{}")).get("video_ids")
        before = int(form.get("cursor", 10**14))
        times = {video: int(said_at.timestamp() * 1000) for video, said_at in self.world.videos.items()}
        found = [each for each in newest if (each in wanted if wanted else times[each] < before)]
        most = min(int(form.get("max_count", 10)), 20)
        fields = json.loads(form.get("fields", '["item_id"]'))
        rows = [{"item_id": each, "create_time": str(times[each] // 1000)} for each in found[:most]]
        shown = [{name: row[name] for name in fields} for row in rows]
        cursor = times[found[:most][-1]] if found else 0
        return _told(0, "OK", {"videos": shown, "cursor": cursor, "has_more": len(found) > most})

    def _comments(self, form: Mapping[str, Any]) -> Told:
        if form.get("video_id") not in self.world.videos:
            return _told(40007, "The video does not exist.")
        inline = form.get("include_replies") == "true"
        if "comment_ids" in form:
            found = [self.world.there(each) for each in json.loads(form["comment_ids"])]
            there = [each for each in found if each and each.video == form["video_id"]]
            return _page([self.world.row(each, inline=inline) for each in there], form)
        listed = self.world.comments(form["video_id"])
        by_likes = sorted(listed, key=lambda each: each.native_id)[: max(len(listed) - BY_TIME, 0)]
        listed = [*listed[:BY_TIME], *by_likes]
        if form.get("status") == "PUBLIC":
            listed = [each for each in listed if each.status == "PUBLIC"]
        return _page([self.world.row(each, inline=inline) for each in listed], form)

    def _replies(self, form: Mapping[str, Any]) -> Told:
        if self.world.there(str(form.get("comment_id"))) is None:
            return _told(40007, "The comment does not exist.")
        return _page([self.world.row(each) for each in self.world.replies(form["comment_id"])], form)

    def _create(self, form: Mapping[str, Any]) -> Told:
        root, text = self.world.there(str(form.get("comment_id"))), form.get("text", "")
        if root is None or root.parent or root.video != form.get("video_id"):
            return _told(40007, "The comment does not exist.")
        if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST:
            return _told(40002, "text: Length must be between 1 and 150.")
        said = self._add(self.world.brand, text, root.native_id, "", by_brand=True)
        shown = Shown(native_id=said.native_id, to=self._meant(root, text), text=text, by=self.world.brand)
        self.shown.append(shown)
        data = {"comment_id": said.native_id, "video_id": said.video, "parent_comment_id": root.native_id}
        return _told(0, "Ok", {**data, "create_time": int(said.said_at.timestamp()), "text": text})

    def _meant(self, root: Said, text: str) -> str:
        """Return what an answer in a thread is meant for: the newest reply of the one it begins with."""
        replies = [each for each in self.world.replies(root.native_id) if not each.by_brand]
        return next((e.native_id for e in replies if text.startswith(f"{e.author} ")), root.native_id)

    def _delete(self, form: Mapping[str, Any]) -> Told:
        said = self.world.there(str(form.get("comment_id")))
        if said is None:
            return _told(40007, "The comment does not exist.")
        if not said.by_brand:
            return _told(40001, "No permission to delete this comment.")
        self.delete(said.native_id)
        for shown in self.shown:
            shown.deleted = shown.deleted or shown.native_id == said.native_id
        return _told(0, "Ok")

    def _hide(self, form: Mapping[str, Any]) -> Told:
        said = self.world.there(str(form.get("comment_id")))
        if said is None or said.video != form.get("video_id"):
            return _told(40007, "The comment does not exist.")
        if form.get("action") not in {"HIDE", "UNHIDE"}:
            return _told(40002, "action: Must be one of HIDE, UNHIDE.")
        self.show(said.native_id, shown=form["action"] == "UNHIDE")
        return _told(0, "Ok")

    def _webhook(self, form: Mapping[str, Any]) -> Told:
        if {"app_id": form.get("app_id"), "app_secret": form.get("secret")} != APP:
            return _told(40001, "The app does not exist.")
        self.register(form["callback_url"])
        data = {name: form[name] for name in ("app_id", "event_type", "callback_url")}
        return _told(0, "OK", {**data, **({"item_list": self.item_list} if self.item_list else {})})

    def _token(self, form: Mapping[str, Any]) -> Told:
        app = {"app_id": form.get("client_id"), "app_secret": form.get("client_secret")}
        if form.get("grant_type") == "authorization_code":
            right = form.get("auth_code") == "stand-in-code" and str(form.get("redirect_uri")).endswith("/")
        else:
            # its own answer with the fault `expired_token` has ended the access token, not the refresh token
            right = str(form.get("refresh_token")).startswith("rft.stand-in-")
            self._tokens += 1
        if app != APP or not right:
            return _told(40002, "A parameter is wrong.")
        if not self.consent_holds:
            return _told(40103, "Refresh token expired.")
        data = {**self.secret, "expires_in": 86_400, "refresh_token_expires_in": 31_536_000}
        scope = "comment.list,comment.list.manage,video.list,user.info.basic"
        return _told(0, "OK", {**data, "scope": scope, "token_type": "Bearer"})


def _page(rows: Sequence[Mapping[str, Any]], form: Mapping[str, Any]) -> Told:
    start, most = int(form.get("cursor", 0)), min(int(form.get("max_count", 20)), 30)
    page = list(rows[start : start + most])
    has_more = start + most < len(rows)
    return _told(0, "OK", {"comments": page, "cursor": start + len(page), "has_more": has_more})


def _told(code: int, message: str, data: Mapping[str, Any] | None = None) -> Told:
    body = {"code": code, "message": message, "request_id": "20261120091502AB", "data": dict(data or {})}
    return Told(body=body)
