"""A Facebook on loopback: one Page with its posts, comments, mentions and Messenger, and its webhook."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from infra.local.standins.base import Asked, Pusher, StandIn, Told, now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

BUSY_FROM = 10  # percent; below that the usage headers are absent
_NEVER = datetime.min.replace(tzinfo=UTC)
_CODES = {"pages": 80001, "messenger": 80006}


@dataclass(kw_only=True)
class Said:
    """One post, comment or message, with all that Facebook knows of it."""

    id: str
    author: str
    text: str
    said_at: datetime
    kind: str  # post, comment, mention, message
    root: str = ""
    parent: str = ""
    full_id: str = ""
    updated_at: datetime = _NEVER
    edits: int = 0
    deleted: bool = False
    nameless: bool = False


@dataclass(kw_only=True)
class Bucket:
    """Calls within the last hour; calling while it is full makes the block longer."""

    size: int
    calls: list[datetime] = field(default_factory=list)
    shut_until: datetime = _NEVER

    def take(self, at: datetime) -> bool:
        """Return whether one more call is let through."""
        self.calls = [call for call in self.calls if call > at - timedelta(hours=1)]
        if self.shut_until > at or len(self.calls) >= self.size:
            self.shut_until = max(self.shut_until, at) + timedelta(minutes=1)
            return False
        self.calls.append(at)
        return True

    def percent(self) -> int:
        """Return how much is used."""
        return min(100, 100 * len(self.calls) // self.size)


class FacebookStandIn(StandIn):
    """Graph API and webhook of one Page.

    Its quirks, as in networks/facebook.md: feeds are ranked, not sorted; a page may be empty and still have
    `paging.next`, whose address carries the token; comments hide replies unless `filter=stream`; a user
    token gets 200 and empty lists; throttling is HTTP 400 with a code, and minutes in a header that is
    absent at low use; `GET /?ids=` is gone; what was deleted is 100/33; comment ids come long or short;
    `from` may be missing; PSIDs are no commenter ids; a mention's webhook names nobody; webhooks escape
    what is not ASCII; deliveries start only when app and Page are both subscribed; a deleted message keeps
    only its `mid`.
    """

    name = "facebook"
    page_id = "1002003004005"
    page_name = "Example Bank"
    first_number = 900_000_000_000
    """Of posts, comments and messages; Pages that run side by side each begin elsewhere."""
    app_id = "700800900"

    def __init__(self, port: int = 0, *, page_size: int = 100, calls_an_hour: int = 100_000) -> None:
        """Serve pages of at most `page_size`, and so many calls an hour of each kind."""
        super().__init__(port)
        self.page_size = page_size
        self.clock: Callable[[], datetime] = now
        self.buckets = {name: Bucket(size=calls_an_hour) for name in _CODES}
        self.app_secret = {"app_secret": "stand-in-app-secret", "verify_token": "stand-in-verify-token"}
        self._tokens = 1
        self._subscribed_fields: list[str] = []
        self._said: dict[str, Said] = {}
        self._people: dict[str, int] = {}

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret."""
        return {"page_token": f"EAApage{self._tokens}", "user_token": "EAAsystemuser"}

    @property
    def handle_settings(self) -> dict[str, str]:
        """Return what the organisation file must say to reach this Page."""
        return {"base_url": self.base_url, "native_id": self.page_id, "handle": self.page_name}

    @property
    def posts(self) -> list[Said]:
        """Return everything that customers ever said, deleted or not."""
        with self.lock:
            return [said for said in self._said.values() if said.author]

    # What people do

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        private: bool = False,
        mention: bool = False,
        nameless: bool = False,
    ) -> str:
        """Post on the Page, comment below `reply_to`, mention it elsewhere, or write in Messenger."""
        return self._add(author, text, reply_to, private=private, mention=mention, nameless=nameless).id

    def brand_says(self, text: str, reply_to: str = "") -> str:
        """Post, comment, or answer a message as the Page."""
        target = self._said.get(reply_to)
        private = target is not None and target.kind == "message"
        return self._add("", text, reply_to, private=private).id

    def edit(self, native_id: str, text: str) -> None:
        """Change a text; a comment shows no time of it."""
        with self.lock:
            said = self._said[native_id]
            said.text, said.edits = text, said.edits + 1
            self._push(said, "edit" if said.kind == "post" else "edited")

    def delete(self, native_id: str) -> None:
        """Take it away."""
        with self.lock:
            said = self._said[native_id]
            said.deleted = True
            self._push(said, "remove")

    def subscribe(self, url: str) -> None:
        """Register the webhook at both levels, after the verification that Facebook makes."""
        self._subscribe_app(url)
        self._subscribed_fields = ["feed", "mention", "messages", "message_echoes", "message_edits"]

    def sign(self, raw: bytes) -> dict[str, str]:
        """Return the headers of a delivery: the signature, and the old one that proves nothing."""
        secret = self.app_secret["app_secret"].encode()
        return {
            "X-Hub-Signature-256": f"sha256={hmac.new(secret, raw, hashlib.sha256).hexdigest()}",
            "X-Hub-Signature": f"sha1={hmac.new(secret, raw, hashlib.sha1).hexdigest()}",
        }

    def person(self, author: str, *, psid: bool = False) -> str:
        """Return an author's id among comments, or in Messenger: two numbers that have nothing in common."""
        number = self._people.setdefault(author, len(self._people) + 1)
        return str((98_000_000_000 if psid else 7_463_000_000) + number * 7)

    def _add(
        self,
        author: str,
        text: str,
        reply_to: str,
        *,
        private: bool,
        mention: bool = False,
        nameless: bool = False,
    ) -> Said:
        with self.lock:
            at, number = self.clock(), self.first_number + len(self._said)
            said = Said(
                id="", author=author, text=text, said_at=at, kind="post", updated_at=at, nameless=nameless
            )
            target = self._said.get(reply_to)
            if private:
                said.kind, said.id, said.parent = "message", f"m_{number}AbC-_", reply_to
                said.root = target.root if target else f"t_{self.person(author, psid=True)}"
            elif target:
                root = self._said[target.root or target.id]
                root.updated_at = at
                said.kind, said.id, said.root = "comment", str(number), root.id
                said.full_id = f"{root.id.partition('_')[2]}_{number}"
                said.parent = target.full_id if target.kind == "comment" else ""
            else:
                said.kind = "mention" if mention else "post"
                said.id = f"{self.person(author) if mention else self.page_id}_{number}"
            self._said[said.id] = said
            self._push(said, "add")
            return said

    # The webhook

    def _subscribe_app(self, url: str) -> None:
        challenge = "1158201444"
        query = {"hub.mode": "subscribe", "hub.challenge": challenge}
        query["hub.verify_token"] = self.app_secret["verify_token"]
        with urllib.request.urlopen(f"{url}?{urlencode(query)}", timeout=10) as answer:
            if answer.read().decode() != challenge:
                message = "the webhook did not give the challenge back"
                raise ValueError(message)
        self.pushes = Pusher(url, self.sign)

    def _push(self, said: Said, verb: str) -> None:
        if self.pushes and self._subscribed_fields:
            self.pushes.push({"object": "page", "entry": [self._entry(said, verb)]})

    def _entry(self, said: Said, verb: str) -> dict[str, Any]:
        at = self.clock()
        entry: dict[str, Any] = {"id": self.page_id, "time": int(at.timestamp())}
        if said.kind == "message":
            return {**entry, "time": _milliseconds(at), "messaging": [self._event(said, verb, at)]}
        comment = bool(said.full_id)
        value: dict[str, Any] = {"item": "comment" if comment else "status", "verb": verb}
        value |= {"post_id": said.root or said.id, "created_time": int(said.said_at.timestamp())}
        if comment:
            value |= {"comment_id": said.full_id, "parent_id": said.parent or said.root}
        if said.kind != "mention" and not said.nameless:
            value["from"] = self._from(said)
        if verb != "remove":
            value["message"] = said.text
        field_name = "mention" if said.kind == "mention" else "feed"
        return {**entry, "changes": [{"field": field_name, "value": value}]}

    def _event(self, said: Said, verb: str, at: datetime) -> dict[str, Any]:
        psid = said.root.removeprefix("t_")
        ends = [{"id": psid}, {"id": self.page_id}] if said.author else [{"id": self.page_id}, {"id": psid}]
        event: dict[str, Any] = {"sender": ends[0], "recipient": ends[1], "timestamp": _milliseconds(at)}
        if verb == "remove":
            return {**event, "message": {"mid": said.id, "is_deleted": True}}
        if verb == "edited":
            return {**event, "message_edit": {"mid": said.id, "text": said.text, "num_edit": said.edits}}
        message: dict[str, Any] = {"mid": said.id, "text": said.text}
        if said.parent:
            message["reply_to"] = {"mid": said.parent}
        return {**event, "message": message if said.author else {**message, "is_echo": True, "app_id": 1}}

    # The Graph API

    def may_fail(self, asked: Asked) -> bool:
        """Keep the registration of webhooks up."""
        return "subscri" not in asked.path

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as Facebook does: by code, in HTTP 400."""
        if fault == "rate_limited":
            return self._throttled("messenger" if "conversation" in asked.path else "pages", minutes=1)
        if fault == "server_error":
            return _error(500, 2, "An unexpected error has occurred.", is_transient=True)
        if fault in {"expired_token", "refused_token"}:
            # an expired one stays refused and the user token makes the next; a removed app gets none
            self._tokens += fault == "expired_token"
            subcode = 463 if fault == "expired_token" else 458
            return _error(400, 190, "Error validating access token.", subcode=subcode)
        told = self.answer(asked)
        if fault == "malformed":
            return Told(body=told.raw()[: len(told.raw()) // 2])
        if isinstance(told.body, dict) and isinstance(rows := told.body.get("data"), list):
            told.body["data"] = (
                [*rows, *rows] if fault == "duplicate" else rows[1:] if fault == "late" else rows
            )
        return told

    def answer(self, asked: Asked) -> Told:
        """Answer one call, or each call of a batch."""
        form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True)) if asked.body else {}
        params = {**dict(asked.query), **form}
        token = asked.headers.get("authorization", "").removeprefix("Bearer ") or params.get(
            "access_token", ""
        )
        found = re.fullmatch(r"/v(2[1-6])\.0/?(.*)", asked.path)
        if not found:
            return _error(400, 2635, "You are calling a deprecated version of the Ads API.")
        if refusal := self._refusal(token, params.get("appsecret_proof", "")):
            return refusal
        if "batch" in params:
            return Told(body=[self._operation(each, asked, token) for each in json.loads(params["batch"])])
        return self._call(asked.method, found[2], params, token)

    def _refusal(self, token: str, proof: str) -> Told | None:
        app_token = f"{self.app_id}|{self.app_secret['app_secret']}"
        if token not in {*self.secret.values(), app_token}:
            return _error(400, 190, "Error validating access token: Session has expired.", subcode=463)
        right = hmac.new(self.app_secret["app_secret"].encode(), token.encode(), hashlib.sha256).hexdigest()
        if token != app_token and not hmac.compare_digest(proof, right):
            text = "Invalid appsecret_proof provided in the API argument"
            return _error(400, 100, text, kind="GraphMethodException")
        return None

    def _operation(self, operation: Mapping[str, str], asked: Asked, token: str) -> dict[str, Any]:
        path, _, query = operation["relative_url"].partition("?")
        told = self._call(
            "GET", path, {**dict(parse_qsl(query)), "host": asked.headers.get("host", "")}, token
        )
        return {"code": told.status, "body": json.dumps(told.body)}

    def _call(self, method: str, path: str, params: Mapping[str, str], token: str) -> Told:
        if path == f"{self.app_id}/subscriptions" and method == "POST":
            self._subscribe_app(params["callback_url"])
            return Told(body={"success": True})
        if path == f"{self.page_id}/subscribed_apps":
            if method == "POST":
                self._subscribed_fields = params["subscribed_fields"].split(",")
                return Told(body={"success": True})
            rows = [{"id": self.app_id, "subscribed_fields": self._subscribed_fields}]
            return Told(body={"data": rows if self._subscribed_fields else []})
        quota = "messenger" if "conversations" in path or path.startswith(("t_", "98")) else "pages"
        bucket = self.buckets[quota]
        if not bucket.take(self.clock()):
            wait = bucket.shut_until - self.clock()
            return self._throttled(quota, minutes=max(1, round(wait.total_seconds() / 60)))
        told = self._object(path, params) if "/" not in path else self._edge(path, params, token)
        return Told(status=told.status, body=told.body, headers=self._usage(quota))

    def _object(self, path: str, params: Mapping[str, str]) -> Told:
        if not path:
            return _error(400, 100, "The ids parameter is not supported in this version.")
        wanted = _fields(params.get("fields", "id"))
        if path == self.page_id:
            page = {"id": path, "name": "Example Bank", "access_token": self.secret["page_token"]}
            return Told(body={name: value for name, value in page.items() if name in {"id", *wanted}})
        for author in self._people:
            if path == self.person(author, psid=True):
                return Told(body={"first_name": author.title(), "last_name": "Example", "id": path})
        said = self._said.get(path.rpartition("_")[2]) or self._said.get(path)
        if said is None or said.deleted:
            text = f"Unsupported get request. Object with ID '{path}' does not exist"
            return _error(400, 100, text, subcode=33, kind="GraphMethodException")
        return Told(body=self._row(said, wanted))

    def _edge(self, path: str, params: Mapping[str, str], token: str) -> Told:
        node, _, edge = path.partition("/")
        everything = list(self._said.values())
        rows: Iterable[Said]
        if token != self.secret["page_token"]:
            return Told(body={"data": []})
        if edge in {"feed", "published_posts", "visitor_posts", "tagged"}:
            wanted = {
                "feed": "post",
                "published_posts": "post",
                "visitor_posts": "post",
                "tagged": "mention",
            }[edge]
            rows = (said for said in everything if said.kind == wanted)
            rows = (said for said in rows if edge != "published_posts" or not said.author)
            rows = sorted(rows, key=lambda said: hashlib.sha256(said.id.encode()).digest())  # ranked
        elif edge == "comments":
            rows = [said for said in everything if said.kind == "comment" and said.root == node]
            if params.get("filter") != "stream":
                rows = [said for said in rows if not said.parent]
            rows = sorted(rows, key=lambda said: said.said_at, reverse="reverse" in params.get("order", ""))
        elif edge == "messages":
            rows = self._thread(node)
        elif edge == "conversations":
            roots = {said.root: said.said_at for said in everything if said.kind == "message"}
            threads = [
                self._conversation(root, params) for root in sorted(roots, key=roots.__getitem__)[::-1]
            ]
            return self._paged(path, params, token, threads)
        else:
            return _error(400, 2500, f"Unknown path components: /{edge}")
        since = int(params.get("since", 0))
        rows = [said for said in rows if said.said_at.timestamp() >= since]
        wanted_fields = _fields(params.get("fields", "id,message,created_time"))
        shown = [None if said.deleted else self._row(said, wanted_fields) for said in rows]
        return self._paged(path, params, token, shown)

    def _paged(
        self, path: str, params: Mapping[str, str], token: str, rows: Sequence[dict[str, Any] | None]
    ) -> Told:
        """Cut a page and only then leave out what is hidden: a page may be empty and still have a next."""
        limit = min(int(params.get("limit", 25)), self.page_size)
        start = int(base64.b64decode(params["after"])) if "after" in params else 0
        body: dict[str, Any] = {"data": [row for row in rows[start : start + limit] if row is not None]}
        if start + limit < len(rows):
            after = base64.b64encode(str(start + limit).encode()).decode()
            query = urlencode({**params, "access_token": token, "after": after})
            address = f"{self.base_url}/v26.0/{path}?{query}"
            body["paging"] = {"cursors": {"before": "MAZDZD", "after": after}, "next": address}
        return Told(body=body)

    def _thread(self, root: str) -> list[Said]:
        return [said for said in self._said.values() if said.root == root and said.kind == "message"][::-1]

    def _conversation(self, root: str, params: Mapping[str, str]) -> dict[str, Any]:
        inner = re.search(r"messages\.limit\((\d+)\)\{(.*)\}", params.get("fields", ""))
        most = min(int(inner[1]) if inner else 25, self.page_size)
        thread = self._thread(root)
        shown = [self._row(said, _fields(inner[2] if inner else "id")) for said in thread if not said.deleted]
        messages: dict[str, Any] = {"data": shown[:most]}
        if len(shown) > most:
            messages["paging"] = {"next": f"{self.base_url}/v26.0/{root}/messages?after=MAZDZD"}
        link = f"/{self.page_id}/inbox/{root.removeprefix('t_')}/"
        return {"id": root, "updated_time": _iso(thread[0].said_at), "link": link, "messages": messages}

    def _row(self, said: Said, wanted: set[str]) -> dict[str, Any]:
        comment = bool(said.full_id)
        native_id = said.full_id if comment and int(said.id) % 2 else said.id  # long or short, as it comes
        row: dict[str, Any] = {"id": native_id, "message": said.text, "created_time": _iso(said.said_at)}
        if not said.nameless:
            row["from"] = self._from(said)
        if said.kind == "message":
            return {name: value for name, value in row.items() if name in {"id", *wanted}}
        row["permalink_url"] = f"https://www.facebook.com/{self.page_id}/posts/{said.id}/"
        if comment:
            row |= {"can_reply_privately": bool(said.author), "is_private": False, "comment_count": 0}
            row |= {"parent": {"id": said.parent}} if said.parent else {}
        else:
            row |= {"updated_time": _iso(said.updated_at), "is_published": True}
        return {name: value for name, value in row.items() if name in {"id", *wanted}}

    def _from(self, said: Said) -> dict[str, str]:
        if not said.author:
            return {"id": self.page_id, "name": self.page_name}
        return {"id": self.person(said.author, psid=said.kind == "message"), "name": said.author.title()}

    # Limits

    def _usage(self, quota: str, minutes: int = 0) -> dict[str, str]:
        percent = 100 if minutes else self.buckets[quota].percent()
        if percent < BUSY_FROM:
            return {}
        usage = {"type": quota, "call_count": percent, "total_cputime": 1, "total_time": 1}
        usage["estimated_time_to_regain_access"] = minutes
        return {"X-Business-Use-Case-Usage": json.dumps({self.page_id: [usage]})}

    def _throttled(self, quota: str, *, minutes: int) -> Told:
        text = "There have been too many calls to this Page account. Wait a bit and try again."
        told = _error(400, _CODES[quota], f"(#{_CODES[quota]}) {text}")
        return Told(status=told.status, body=told.body, headers=self._usage(quota, minutes))


def _error(
    status: int,
    code: int,
    text: str,
    *,
    subcode: int = 0,
    kind: str = "OAuthException",
    is_transient: bool = False,
) -> Told:
    error: dict[str, Any] = {"message": text, "type": kind, "code": code, "fbtrace_id": "AstandIn"}
    if subcode:
        error["error_subcode"] = subcode
    if is_transient:
        error["is_transient"] = True
    return Told(status=status, body={"error": error})


def _fields(text: str) -> set[str]:
    """Return the outermost names of a `fields` parameter."""
    while "{" in text:
        text = re.sub(r"\{[^{}]*\}", "", text)
    return {name.partition(".")[0].strip() for name in text.split(",")}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
