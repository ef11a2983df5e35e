"""A Facebook on loopback: one Page with posts, comments, reviews, mentions, Messenger, and its webhook."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode

from infra.local.standins import _meta as meta
from infra.local.standins._facebook_setup import AppSide
from infra.local.standins._facebook_world import Said, World
from infra.local.standins.base import Asked, Pusher, Shown, StandIn, Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from allhours.domain.handle import Handle

_CODES = {"pages": 80001, "messenger": 80006}
_FIELD_OF = {"mention": "mention", "review": "ratings"}
WINDOW, BY_HAND = timedelta(hours=24), timedelta(days=7)


class FacebookStandIn(StandIn):
    """Graph API and webhook of one Page.

    Its quirks, as in networks/facebook.md: feeds are ranked, not sorted; a page may be empty and still have
    `paging.next`, whose address carries the token; comments hide replies unless `filter=stream`; a user
    token gets 200 and empty lists; throttling is HTTP 400 with a code, and minutes in a header that is
    absent at low use; `GET /?ids=` is gone; what was deleted is 100/33; comment ids come long or short;
    `from` may be missing; PSIDs are no commenter ids; a mention's webhook names nobody; webhooks escape
    what is not ASCII; deliveries start only when app and Page are both subscribed, and the Page's
    subscription succeeds without the app's; a deleted message keeps only its `mid`; `ratings` can be gone
    (code 12); POST to a comment edits it; the same words may be posted twice; our answers come back as feed
    entries and echoes; one private answer for each comment; windows.
    """

    name = "facebook"
    private_sayable = True
    page_id = "1002003004005"
    page_name = "Example Bank"
    first_number = 900_000_000_000

    def __init__(self, port: int = 0, *, page_size: int = 100, calls_an_hour: int = 100_000) -> None:
        """Serve pages of at most `page_size`, and so many calls an hour of each kind."""
        super().__init__(port)
        self.page_size = page_size
        self.world = World(self.page_id, self.page_name, self.first_number)
        self.app = AppSide(self.page_id, self.page_name)
        self.buckets = {name: meta.Bucket(size=calls_an_hour) for name in _CODES}
        self.unreachable: set[str] = set()
        """Authors who take no messages from us."""
        self.without_ratings = False

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the Page of this handle."""
        there = cls(port)
        there.page_id, there.page_name = handle.native_id or cls.page_id, handle.handle
        there.world = World(there.page_id, there.page_name, cls.first_number + place * 1_000_000_000)
        there.app = AppSide(there.page_id, there.page_name)
        return there

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret."""
        return self.app.tokens

    @property
    def app_secret(self) -> dict[str, str]:
        """Return the fields of the app's secret."""
        return self.app.secret

    @property
    def handle_settings(self) -> dict[str, str]:
        """Return what the organisation file must say to reach this Page."""
        return {"base_url": self.base_url, "native_id": self.page_id, "handle": self.page_name}

    @property
    def posts(self) -> list[Said]:
        """Return everything that customers ever said, deleted or not."""
        with self.lock:
            return [said for said in self.world.said.values() if said.author]

    # What people do

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Post on the Page, comment below `reply_to`, or write in Messenger."""
        return self.say(author, text, reply_to=reply_to, private=private)

    def say(
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        private: bool = False,
        mention: bool = False,
        review: bool = False,
        nameless: bool = False,
    ) -> str:
        """Post on the Page, comment below `reply_to`, recommend or mention it, or write in Messenger."""
        how = {"private": private, "mention": mention, "review": review, "nameless": nameless}
        return self._add(author, text, reply_to, **how).native_id

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Post, comment, or answer a message as the Page."""
        target = self.world.said.get(reply_to)
        return self._add(
            "", text, reply_to, private=target is not None and target.kind == "message"
        ).native_id

    def edit(self, native_id: str, text: str) -> None:
        """Change a text; a comment shows no time of it."""
        with self.lock:
            said = self.world.said[native_id]
            said.text, said.edits = text, said.edits + 1
            self._push(said, "edit" if said.kind == "post" else "edited")

    def delete(self, native_id: str) -> None:
        """Take it away."""
        with self.lock:
            said = self.world.said[native_id]
            said.deleted = True
            self._push(said, "remove")

    def register(self, url: str) -> None:
        """Register the webhook at both levels, after the verification that Facebook makes."""
        self._call_back(url)
        self.app.page_fields = ["feed", "mention", "ratings", "messages", "message_echoes", "message_edits"]

    def sign(self, raw: bytes) -> dict[str, str]:
        """Return the headers of a delivery."""
        return meta.signed(self.app_secret["app_secret"], raw)

    def _add(self, author: str, text: str, reply_to: str = "", **how: Any) -> Said:  # noqa: ANN401 - World.add names each
        with self.lock:
            said = self.world.add(author, text, reply_to, **how)
            self._push(said, "add")
            return said

    def _call_back(self, url: str) -> None:
        meta.greet(url, self.app_secret["verify_token"])
        self.app.callback = url
        self.pushes = Pusher(url, self.sign)

    def _push(self, said: Said, verb: str) -> None:
        name = _FIELD_OF.get(said.kind, "messages" if said.kind == "message" else "feed")
        if said.kind == "message" and not said.author:
            name = "message_echoes"
        if self.pushes and name in self.app.page_fields:
            self.pushes.push({"object": "page", "entry": [self.world.entry(said, verb)]})

    # The Graph API

    def may_fail(self, asked: Asked) -> bool:
        """Keep the registration of webhooks and the consent up."""
        return "subscri" not in asked.path and "oauth" not in asked.path

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as Facebook does: by code, in HTTP 400; `server_error` and `cut` come after the effect."""
        if fault == "rate_limited":
            quota = "messenger" if re.search("conversation|messages", asked.path) else "pages"
            return self._throttled(quota, minutes=1)
        if fault in {"expired_token", "refused_token"}:
            # an expired one stays refused and the user token makes the next; a removed app gets none
            self.app.generation += fault == "expired_token"
            subcode = 463 if fault == "expired_token" else 458
            return meta.error(400, 190, "Error validating access token.", subcode=subcode)
        told = self.answer(asked)
        if fault == "server_error":
            return meta.error(500, 2, "An unexpected error has occurred.", is_transient=True)
        if fault == "malformed":
            return Told(body=told.raw()[: len(told.raw()) // 2])
        if isinstance(told.body, dict) and isinstance(rows := told.body.get("data"), list):
            changed = [*rows, *rows] if fault == "duplicate" else rows[1:] if fault == "late" else rows
            told.body["data"] = changed
        return told

    def answer(self, asked: Asked) -> Told:
        """Answer one call, or each call of a batch."""
        found = re.fullmatch(r"/v(2[1-6])\.0/?(.*)", asked.path)
        if not found:
            return meta.error(400, 2635, "You are calling a deprecated version of the Ads API.")
        params, token = _params(asked)
        path = found[2]
        if (told := self.app.without_token(asked.method, path, params)) is not None:
            return told
        if refusal := self.app.refusal(token, params.get("appsecret_proof", "")):
            return refusal
        if "batch" in params:
            operations = json.loads(params["batch"])
            return Told(body=[self._operation(each, token) for each in operations])
        if (told := self.app.answer(asked.method, path, params, token, self._call_back)) is not None:
            return told
        return self._counted(asked.method, path, params, token)

    def _operation(self, operation: Mapping[str, str], token: str) -> dict[str, Any]:
        path, _, query = operation["relative_url"].partition("?")
        told = self._counted("GET", path, dict(parse_qsl(query)), token)
        return {"code": told.status, "body": json.dumps(told.body)}

    def _counted(self, method: str, path: str, params: Mapping[str, str], token: str) -> Told:
        messenger = re.search("conversations|messages", path) or path.startswith(("t_", "98"))
        quota = "messenger" if messenger else "pages"
        bucket, at = self.buckets[quota], self.world.clock()
        if not bucket.take(at):
            wait = bucket.shut_until - at
            return self._throttled(quota, minutes=max(1, round(wait.total_seconds() / 60)))
        if method == "GET":
            told = self._object(path, params) if "/" not in path else self._edge(path, params, token)
        else:
            told = self._change(method, path, params)
        return Told(status=told.status, body=told.body, headers=bucket.usage(self.page_id, quota))

    def _object(self, path: str, params: Mapping[str, str]) -> Told:
        if not path:
            return meta.error(400, 100, "The ids parameter is not supported in this version.")
        wanted = meta.fields_of(params)
        if path == self.page_id:
            page = {"id": path, "name": self.page_name, "access_token": self.secret["page_token"]}
            return Told(body={name: value for name, value in page.items() if name in {"id", *wanted}})
        if author := self.world.by_psid(path):
            return Told(body={"first_name": author.title(), "last_name": "Example", "id": path})
        said = self.world.found(path)
        return meta.gone(path) if said is None else Told(body=self.world.row(said, wanted))

    def _edge(self, path: str, params: Mapping[str, str], token: str) -> Told:
        node, _, edge = path.partition("/")
        everything = list(self.world.said.values())
        rows: Iterable[Said]
        if token != self.secret["page_token"]:
            return Told(body={"data": []})
        kinds = {"feed": "post", "published_posts": "post", "visitor_posts": "post", "tagged": "mention"}
        if edge in kinds:
            rows = (said for said in everything if said.kind == kinds[edge])
            rows = (said for said in rows if edge != "published_posts" or not said.author)
            rows = sorted(rows, key=lambda said: hashlib.sha256(said.native_id.encode()).digest())  # ranked
        elif edge == "comments":
            if self.world.found(node) is None:
                return meta.gone(node)
            rows = self._below(node, params)
        elif edge == "messages":
            rows = self.world.thread(node)
        elif edge == "ratings" and not self.without_ratings:
            rows = [said for said in everything if said.kind == "review"][::-1]
        elif edge == "ratings":
            return meta.error(400, 12, "(#12) singular published story API is deprecated")
        elif edge == "conversations":
            return self._paged(path, params, token, self._conversations(params))
        else:
            return meta.error(400, 2500, f"Unknown path components: /{edge}")
        since = int(params.get("since", 0))
        rows = [said for said in rows if said.said_at.timestamp() >= since]
        wanted = meta.fields_of(params, otherwise="id,message,created_time")
        shown = [None if said.deleted else self.world.row(said, wanted) for said in rows]
        return self._paged(path, params, token, shown)

    def _below(self, node: str, params: Mapping[str, str]) -> list[Said]:
        """Return the comments of a post, or the replies of a comment."""
        rows = [said for said in self.world.said.values() if said.kind == "comment"]
        if (target := self.world.found(node)) is None or target.kind == "comment":
            rows = [said for said in rows if target and said.parent == target.full_id]
        else:
            rows = [said for said in rows if said.root == target.native_id]
            rows = rows if params.get("filter") == "stream" else [said for said in rows if not said.parent]
        return sorted(rows, key=lambda said: said.said_at, reverse="reverse" in params.get("order", ""))

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

    def _conversations(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        roots = {said.root: said.said_at for said in self.world.said.values() if said.kind == "message"}
        newest_first = sorted(roots, key=roots.__getitem__)[::-1]
        wanted = params.get("user_id")
        return [
            self._conversation(root, params)
            for root in newest_first
            if wanted in {None, root.removeprefix("t_")}
        ]

    def _conversation(self, root: str, params: Mapping[str, str]) -> dict[str, Any]:
        inner = re.search(r"messages\.limit\((\d+)\)\{(.*)\}", params.get("fields", ""))
        most = min(int(inner[1]) if inner else 25, self.page_size)
        thread = self.world.thread(root)
        wanted = meta.fields_of({"fields": inner[2]} if inner else {})
        shown = [self.world.row(said, wanted) for said in thread if not said.deleted]
        messages: dict[str, Any] = {"data": shown[:most]}
        if len(shown) > most:
            messages["paging"] = {"next": f"{self.base_url}/v26.0/{root}/messages?after=MAZDZD"}
        link = f"/{self.page_id}/inbox/{root.removeprefix('t_')}/"
        return {"id": root, "updated_time": meta.iso(thread[0].said_at), "link": link, "messages": messages}

    # What we do there

    def _change(self, method: str, path: str, params: Mapping[str, str]) -> Told:
        node, _, edge = path.partition("/")
        if edge == "messages" and node == self.page_id:
            return self._send(params)
        target = self.world.found(node)
        if target is None:
            return meta.gone(node)
        if edge == "comments":
            said = self._add("", params["message"], target.native_id)
            self._show(said, target, private=False)
            return Told(body=self.world.row(said, meta.fields_of(params)))
        if method == "DELETE" and target.author:
            return meta.error(403, 200, "(#200) Permissions error")
        if method == "DELETE":
            for shown in self.shown:
                shown.deleted = shown.deleted or shown.native_id == target.native_id
            self.delete(target.native_id)
        elif "is_hidden" in params:
            (self.hidden.add if params["is_hidden"] == "true" else self.hidden.discard)(target.native_id)
        else:
            self.edit(target.native_id, params["message"])  # the trap: a POST to a comment changes its words
        return Told(body={"success": True})

    def _send(self, params: Mapping[str, str]) -> Told:
        recipient, message = json.loads(params["recipient"]), json.loads(params["message"])
        if commented := recipient.get("comment_id", recipient.get("post_id")):
            target = self.world.found(commented)
            if target is None or not target.author:
                return meta.error(400, 100, "(#100) Invalid comment_id parameter", subcode=2018292)
            if target.answered_in_private:
                return meta.error(400, 10900, "(#10900) Activity already replied to")
            if self.world.clock() - target.said_at > BY_HAND:
                return _outside()
            author = target.author
            target.answered_in_private = f"t_{self.world.person(author, psid=True)}"
        else:
            author = self.world.by_psid(recipient["id"]) or ""
            apart = self.world.window(recipient["id"])
            tagged = params.get("messaging_type") == "MESSAGE_TAG" and params.get("tag") == "HUMAN_AGENT"
            if apart is None or apart > (BY_HAND if tagged else WINDOW):
                return _outside()
            said = self.world.thread(f"t_{recipient['id']}")
            target = next(each for each in said if each.author)
        if author in self.unreachable:
            return meta.error(400, 551, "(#551) This person isn't available right now.", subcode=1545041)
        psid = self.world.person(author, psid=True)
        sent = self.world.add("", message["text"], private=True, thread=f"t_{psid}")
        sent.metadata = message.get("metadata", "")
        self._push(sent, "add")
        self._show(sent, target, private=True)
        return Told(body={"recipient_id": psid, "message_id": sent.native_id})

    def _show(self, said: Said, target: Said, *, private: bool) -> None:
        shown = Shown(
            native_id=said.native_id, to=target.native_id, text=said.text, by=self.page_name, private=private
        )
        self.shown.append(shown)

    def _throttled(self, quota: str, *, minutes: int) -> Told:
        text = "There have been too many calls to this Page account. Wait a bit and try again."
        told = meta.error(400, _CODES[quota], f"(#{_CODES[quota]}) {text}")
        usage = self.buckets[quota].usage(self.page_id, quota, minutes=minutes)
        return Told(status=told.status, body=told.body, headers=usage)


def _outside() -> Told:
    text = "(#10) This message is sent outside of allowed window."
    return meta.error(400, 10, text, subcode=2018278)


def _params(asked: Asked) -> tuple[dict[str, str], str]:
    """Return a call's parameters, from address, form or JSON, and its token."""
    told = dict(asked.query)
    if asked.headers.get("content-type", "").startswith("application/json"):
        body = json.loads(asked.body)
        told |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in body.items()}
    elif asked.body:
        told |= dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
    bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
    return told, bearer or told.get("access_token", "")
