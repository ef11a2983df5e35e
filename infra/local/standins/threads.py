"""A Threads on loopback: one profile with its posts, answers and mentions, its containers and its webhook."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from infra.local.standins._meta import iso
from infra.local.standins._sixty_days import Said, SixtyDayStandIn, chosen
from infra.local.standins.base import Shown, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

_SCOPES = (
    *("threads_basic", "threads_read_replies", "threads_manage_replies", "threads_manage_mentions"),
    *("threads_content_publish", "threads_delete", "threads_keyword_search"),
)
_LONGEST = 500
_MOST_LINKS = 5
_CONTAINER_LIVES = timedelta(hours=24)


class ThreadsStandIn(SixtyDayStandIn):
    """The Threads API and webhook of one profile.

    Its quirks, as in networks/threads.md: lists have cursors and no `next`; a token without a permission gets
    200 and an empty list; other people have a username and no id; a webhook body has neither `object` nor
    `entry`, and its `values` are an object, or (every other time here) a list; nothing tells of deletions and
    edits by customers; what was deleted is 100/33; a container is not ready at once, and then publishing it
    is code 24/4279009 in HTTP 400; a published container may have no `status` any more; only answers below
    own posts can be hidden.
    """

    name = "threads"
    prefix = "th"
    error_type = "THApiException"
    throttle_code = 4
    version = r"v1\.0"
    profile_id = "24700000000000001"
    username = "bank_example"
    first_number = 17_890_000_000_000_000
    not_ready = 0
    """How often publishing a fresh container is refused before it is ready."""
    forgets_status = False
    """Whether a published container answers that it has no status."""
    scopes: tuple[str, ...] = _SCOPES

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the profile of this handle; ids begin elsewhere for each place."""
        made = cls(port)
        made.username = handle.handle.lstrip("@")
        made.profile_id = handle.native_id or f"{24_700_000_000_000_001 + place}"
        made.first_number += place * 10_000_000_000
        return made

    @property
    def handle_settings(self) -> dict[str, str]:
        """Return what the organisation file must say to reach this profile."""
        return {"base_url": self.base_url, "native_id": self.profile_id, "handle": f"@{self.username}"}

    # What people do

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Answer a post of ours or of somebody's; without one, mention us."""
        if private:
            message = "Threads has no private messages"
            raise NotImplementedError(message)
        return self.say(author, text if reply_to else f"@{self.username} {text}", reply_to=reply_to)

    def say(self, author: str, text: str, *, reply_to: str = "") -> str:
        """Post, or answer `reply_to`; who names us is heard as a mention, who answers us as an answer."""
        name = re.sub(r"[^a-z0-9._]+", ".", author.casefold()).strip(".") or "somebody"
        return self._add(name, text, reply_to).id

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Post or answer as ourselves."""
        return self._add("", text, reply_to).id

    def edit(self, native_id: str, text: str) -> None:
        """Change a text; nothing tells of it."""
        with self.lock:
            self._said[native_id].text = text

    def delete(self, native_id: str) -> None:
        """Take it away; nothing tells of it."""
        with self.lock:
            self._said[native_id].deleted = True

    def _add(self, author: str, text: str, reply_to: str = "") -> Said:
        with self.lock:
            native_id = str(self.first_number + len(self._said))
            target = self._said.get(reply_to)
            said = Said(
                id=native_id,
                author=author,
                text=text,
                said_at=self.clock(),
                kind="post",
                root=(target.root or target.id) if target else "",
                parent=reply_to if target else "",
            )
            self._said[native_id] = said
            self._push(said)
            return said

    # The webhook

    def _push(self, said: Said) -> None:
        root = self._said.get(said.root)
        if not self.pushes or not said.author:
            return
        below_ours = root is not None and not root.author
        if not below_ours and not self._names_us(said):
            return
        names = "id,username,text,media_type,permalink,shortcode,timestamp,replied_to,is_reply,has_replies"
        value = chosen(self._row(said), {"fields": names})
        if root is not None:
            owner = {"owner_id": self.profile_id} if not root.author else {}
            value["root_post"] = {"id": root.id, **owner, "username": root.author or self.username}
        told = {"value": value, "field": "replies" if below_ours else "mentions"}
        self.pushes.push(
            {
                "app_id": "700800900",
                "topic": "moderate" if below_ours else "interaction",
                "target_id": self.profile_id,
                "time": int(self.clock().timestamp()),
                "subscription_id": "234567",
                "has_uid_field": False,
                "values": [told] if int(said.id) % 2 else told,
            }
        )

    def _names_us(self, said: Said) -> bool:
        return f"@{self.username}".casefold() in said.text.casefold()

    # The API

    def call(self, method: str, path: str, params: Mapping[str, Any]) -> Told:
        """Answer one call."""
        node, _, edge = path.strip("/").partition("/")
        ours = node in {"me", self.profile_id}
        if method != "GET":
            written = method == "POST"
            return self._written(node, edge, params, ours=ours) if written else self._removed(node)
        if node == "debug_token":
            return Told(body={"data": {"scopes": list(self.scopes), "is_valid": True}})
        if node == "keyword_search":
            found = [said for said in self._said.values() if params["q"].casefold() in said.text.casefold()]
            return self._listed("threads_keyword_search", found, params)
        if ours:
            return self._own(edge, params)
        return self._below(node, edge, params) if edge else self._one(node, params)

    def _own(self, edge: str, params: Mapping[str, Any]) -> Told:
        if not edge:
            row = {"id": self.profile_id, "username": self.username, "name": self.username.title()}
            return Told(body=chosen(row, params))
        everything = list(self._said.values())
        if edge == "threads_publishing_limit":
            day_ago = self.clock() - timedelta(days=1)
            replies = sum(
                said.said_at > day_ago and bool(said.parent) for said in everything if not said.author
            )
            reply = {"quota_total": 1000, "quota_duration": 86_400}
            return Told(body={"data": [{"reply_quota_usage": replies, "reply_config": reply}]})
        if edge == "mentions":
            named = [said for said in everything if said.author and self._names_us(said)]
            return self._listed("threads_manage_mentions", named, params)
        own = [said for said in everything if said.kind == "post" and not said.author]
        own = [said for said in own if bool(said.parent) == (edge == "replies")]
        return self._listed("threads_basic", own, params)

    def _below(self, node: str, edge: str, params: Mapping[str, Any]) -> Told:
        said = self._said.get(node)
        if said is None or said.deleted:
            return self.gone(node)
        if edge == "conversation" and said.root:
            return self.error(400, 100, "The conversation edge is for root posts only.")
        whose = "root" if edge == "conversation" else "parent"
        rows = [each for each in self._said.values() if getattr(each, whose) == node]
        return self._listed("threads_read_replies", rows, params)

    def _listed(self, scope: str, said: list[Said], params: Mapping[str, Any]) -> Told:
        """Return a page, newest first unless told otherwise; empty without the permission."""
        since = int(params.get("since", 0))
        rows = [each for each in said if not each.deleted and each.said_at.timestamp() >= since]
        if params.get("reverse", "true") == "true":
            rows.reverse()
        shown = [chosen(self._row(each), params) for each in rows]
        return self.paged(shown if scope in self.scopes else [], params)

    def _one(self, node: str, params: Mapping[str, Any]) -> Told:
        said = self._said.get(node)
        if said is None or said.deleted:
            return self.gone(node)
        if said.kind == "container":
            if said.more["status"] == "PUBLISHED" and self.forgets_status:
                return self.error(400, 100, "Tried accessing nonexisting field (status)")
            return Told(body={"id": node, "status": self._status(said)})
        return Told(body=chosen(self._row(said), params))

    def _status(self, container: Said) -> str:
        told: str = container.more["status"]
        expired = self.clock() >= container.said_at + _CONTAINER_LIVES
        return "EXPIRED" if expired and told != "PUBLISHED" else told

    # Writing

    def _written(self, node: str, edge: str, params: Mapping[str, Any], *, ours: bool) -> Told:
        if ours and edge == "threads":
            return self._contained(params)
        if ours and edge == "threads_publish":
            return self._published(str(params.get("creation_id")))
        said = self._said.get(node)
        if edge != "manage_reply" or said is None or said.deleted:
            return self.gone(node)
        if not self._below_ours(said):
            return self.error(400, 10, "Only replies to your own posts can be managed.")
        if params["hide"] == "true":
            self.hidden.add(node)
        else:
            self.hidden.discard(node)
        return Told(body={"success": True})

    def _contained(self, params: Mapping[str, Any]) -> Told:
        text = str(params.get("text", ""))
        if len(text) > _LONGEST:
            return self.error(400, 100, "Param text must be at most 500 characters long.")
        if len(re.findall(r"https?://", text)) > _MOST_LINKS:
            return self.error(400, 100, "THREADS_API__LINK_LIMIT_EXCEEDED")
        target = self._said.get(str(params.get("reply_to_id")))
        if target is None or target.deleted:
            return self.gone(str(params.get("reply_to_id")))
        native_id = f"1{self.first_number + len(self._said)}"
        more = {"status": "FINISHED", "refusals": self.not_ready, "target": target.id}
        self._said[native_id] = Said(
            id=native_id, author="", text=text, said_at=self.clock(), kind="container", more=more
        )
        return Told(body={"id": native_id})

    def _published(self, container_id: str) -> Told:
        container = self._said.get(container_id)
        if container is None or container.kind != "container" or self._status(container) != "FINISHED":
            return self._not_there(container_id)
        if container.more["refusals"]:
            container.more["refusals"] -= 1
            return self._not_there(container_id)
        container.more["status"] = "PUBLISHED"
        said = self._add("", container.text, container.more["target"])
        self.shown.append(Shown(native_id=said.id, to=said.parent, text=said.text, by=self.username))
        return Told(body={"id": said.id})

    def _not_there(self, container_id: str) -> Told:
        told = self.error(400, 24, "The requested resource does not exist", subcode=4279009)
        error = {
            **told.body["error"],
            "type": "OAuthException",
            "is_transient": False,
            "error_user_title": "Media Not Found",
            "error_user_msg": f"The media with id {container_id} cannot be found.",
        }
        return Told(status=told.status, body={"error": error})

    def _removed(self, node: str) -> Told:
        said = self._said.get(node)
        if said is None or said.deleted or said.author:
            return self.gone(node)
        said.deleted = True
        for shown in self.shown:
            shown.deleted = shown.deleted or shown.native_id == node
        return Told(body={"success": True, "deleted_id": node})

    # Shapes

    def _below_ours(self, said: Said) -> bool:
        root = self._said.get(said.root)
        return root is not None and not root.author

    def _row(self, said: Said) -> dict[str, Any]:
        name = said.author or self.username
        row: dict[str, Any] = {
            "id": said.id,
            "text": said.text,
            "username": name,
            "timestamp": iso(said.said_at),
            "media_product_type": "THREADS",
            "media_type": "TEXT_POST",
            "shortcode": f"S{said.id}",
            "permalink": f"https://www.threads.com/@{name}/post/S{said.id}",
            "is_quote_post": False,
            "is_reply": bool(said.parent),
            "has_replies": any(each.parent == said.id and not each.deleted for each in self._said.values()),
            "hide_status": "HIDDEN" if said.id in self.hidden else "NOT_HUSHED",
            "is_reply_owned_by_me": not said.author if said.parent else None,
        }
        if said.parent:
            row |= {"root_post": {"id": said.root}, "replied_to": {"id": said.parent}}
        elif not said.author:
            row["owner"] = {"id": self.profile_id}
        return row
