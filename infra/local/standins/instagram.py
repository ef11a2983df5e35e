"""An Instagram on loopback: one professional account, by either login, and its webhook."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from infra.local.standins._instagram_world import DAY, MOST_COMMENTS, MOST_MESSAGES, InstagramWorld
from infra.local.standins._meta import iso
from infra.local.standins._sixty_days import chosen
from infra.local.standins.base import Told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from infra.local.standins._sixty_days import Said

_LONGEST_COMMENT = 2_200  # characters
_LONGEST_MESSAGE = 1_000  # bytes
_FIELDS = ("comments", "live_comments", "mentions", "messages", "message_edit")


class InstagramStandIn(InstagramWorld):
    """Graph API and webhook of one account.

    Its quirks, as in networks/instagram.md: `id` of `/me` is not the id of webhooks, `user_id` is; comments
    come 50 at most, newest first, top level only, with a cursor or (`comment_cursors = False`) without; a
    conversation shows its 20 newest messages; mentions have no list, and their webhook only ids; comments
    are pushed without their time; deleted comments are not told, unsent messages are, by `mid` alone; the
    number of a person who writes is not that of their comments; an answer to an answer stands below the first
    comment; hidden and live comments take no answer; one private reply for a comment, within 7 days; messages
    within 24 hours, with HUMAN_AGENT within 7 days, and 1,000 bytes; echoes come with `messages`; errors are
    `IGApiException` with Instagram Login, `OAuthException` with Facebook Login, which also asks for proofs.
    """

    name = "instagram"
    private_sayable = True
    prefix = "ig"
    error_type = "IGApiException"
    throttle_code = 80002
    version = r"v26\.0"
    page_id = "1002003004005"
    comment_cursors = True
    login = "instagram"

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the account of this handle; ids begin elsewhere for each place."""
        made = cls(port)
        made.place = place
        made.username = handle.handle.lstrip("@")
        made.account_id = handle.native_id or f"{17_841_400_000_000_001 + place}"
        made.page_id = handle.settings.get("page_id", f"{1_002_003_004_005 + place}")
        made.first_number += place * 10_000_000_000
        if handle.settings.get("login") == "facebook":
            made.by_facebook()
        return made

    def by_facebook(self) -> None:
        """Let the account be connected by Facebook Login: a Page token, proofs, other errors."""
        self.login, self.error_type, self.proven = "facebook", "OAuthException", True

    @property
    def handle_settings(self) -> dict[str, Any]:
        """Return what the organisation file must say to reach this account."""
        settings = {"login": "facebook", "page_id": self.page_id} if self.login == "facebook" else {}
        told = {"base_url": self.base_url, "native_id": self.account_id, "handle": f"@{self.username}"}
        return {**told, "settings": settings} if settings else told

    @property
    def secret(self) -> dict[str, str]:
        """Return the fields of the handle's secret."""
        if self.login == "facebook":
            return {"access_token": f"EAApage{len(self._tokens)}", "user_token": "EAAuser"}
        return super().secret

    def good_tokens(self) -> set[str]:
        """Return every token that is accepted now."""
        app = f"{self.app_secret['app_id']}|{self.app_secret['app_secret']}"
        return {*self.secret.values(), app} if self.login == "facebook" else super().good_tokens()

    def proven_tokens(self) -> set[str]:
        """Return the tokens that need a proof."""
        return set(self.secret.values())

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Comment below a media of ours, or write to us."""
        return self.say(author, text, reply_to=reply_to, private=private)

    def register(self, url: str) -> None:
        """Register the webhook and subscribe the account."""
        super().register(url)
        self.subscribed = _FIELDS

    def failed(self, fault: str, asked: Any) -> Told:  # noqa: ANN401 - as in the base
        """Let a Page token run out for good: the user token makes the next."""
        if fault == "expired_token" and self.login == "facebook":
            self._long()
        return super().failed(fault, asked)

    def grant(self, path: str, params: Mapping[str, Any]) -> Told | None:
        """Answer a call about tokens; by Facebook Login all of them are the Graph API's own."""
        if self.login != "facebook" or not path.endswith("/oauth/access_token"):
            return super().grant(path, params)
        if params.get("grant_type") == "fb_exchange_token":
            return Told(body={"access_token": "EAAuser", "token_type": "bearer"})
        told = self._short(params)
        return Told(body={"access_token": "EAAshort"}) if told.status == 200 else told  # noqa: PLR2004 - HTTP's own

    # The Graph API

    def call(self, method: str, path: str, params: Mapping[str, Any]) -> Told:
        """Answer one call."""
        node, _, edge = path.partition("/")
        owner = node in {"me", self.account_id, self.page_id}
        if edge in {"subscribed_apps", "subscriptions"}:
            return self._subscriptions(method, edge, params)
        if edge == "messages" and method == "POST" and owner:
            return self._messaged(params)
        if method != "GET":
            return self._written(method, node, edge, params)
        if edge:
            return self._edge(node, edge, params, path)
        return self._owner(params) if owner else self._object(node, params)

    def _owner(self, params: Mapping[str, Any]) -> Told:
        mention = re.search(
            r"mentioned_(comment|media)\.(?:comment|media)_id\((\d+)\)", params.get("fields", "")
        )
        if mention:
            said = self._said.get(mention[2])
            if said is None or said.deleted or said.kind != "mention":
                return self.error(400, 10, "The comment cannot be read.")
            row = self.comment_row(said, {"fields": "text,timestamp,username,media"})
            return Told(body={f"mentioned_{mention[1]}": row, "id": self.account_id})
        account = {"id": self.account_id, "username": self.username}
        row = {**account, "user_id": self.account_id, "access_token": self.secret["access_token"]}
        if self.login == "facebook":
            return Told(
                body=chosen({**row, "id": self.page_id, "instagram_business_account": account}, params)
            )
        return Told(body=chosen({**row, "id": "99900011"}, params))

    def _object(self, node: str, params: Mapping[str, Any]) -> Told:
        for author in self._people():
            if node == self.person(author, writes=True):
                return Told(body={"name": author.title(), "username": author, "id": node})
        thread = self._thread(node)
        if thread:
            rows = [self.message_row(said) for said in thread[:MOST_MESSAGES]]
            return Told(body={"id": node, "messages": {"data": rows}})
        said = self._said.get(node)
        if said is None or said.deleted or said.kind in {"mention", "tag"}:
            return self.gone(node)
        return Told(body=(self.comment_row if said.kind == "comment" else self.media_row)(said, params))

    def _edge(self, node: str, edge: str, params: Mapping[str, Any], path: str) -> Told:
        standing = [said for said in self._said.values() if not said.deleted][::-1]
        if edge in {"media", "tags"}:
            kind = "media" if edge == "media" else "tag"
            rows = [self.media_row(said, params) for said in standing if said.kind == kind]
            return self.paged(rows, params, path=f"v26.0/{path}")
        if edge in {"comments", "replies"}:
            if (target := self._said.get(node)) is None or target.deleted:
                return self.gone(node)
            comments = [said for said in standing if said.kind == "comment"]
            whose = "root" if edge == "comments" else "parent"
            below = [said for said in comments if getattr(said, whose) == node]
            below = [said for said in below if edge == "replies" or not said.parent]
            rows = [self.comment_row(said, params) for said in below]
            told = self.paged(rows, {**params, "limit": min(int(params.get("limit", 50)), MOST_COMMENTS)})
            if not self.comment_cursors:
                told.body.pop("paging", None)
            return told
        if edge == "conversations":
            return self._conversations(params, path)
        return (
            self.accounts() if (node, edge) == ("me", "accounts") else self.error(400, 2500, "Unknown path")
        )

    def accounts(self) -> Told:
        """Return the Pages of who consented."""
        account = {"id": self.account_id, "username": self.username}
        page = {"id": self.page_id, "name": self.username, "access_token": self.secret["access_token"]}
        return Told(body={"data": [{**page, "instagram_business_account": account}]})

    def _thread(self, conversation_id: str) -> list[Said]:
        said = [each for each in self._said.values() if each.kind == "message" and not each.deleted]
        return [each for each in said if each.root == conversation_id][::-1]

    def _conversations(self, params: Mapping[str, Any], path: str) -> Told:
        if params.get("platform") != "instagram":
            return Told(body={"data": []})
        moved = {said.root: said for said in self._said.values() if said.kind == "message"}
        rows = []
        for root, said in sorted(moved.items(), key=lambda pair: pair[1].said_at, reverse=True):
            person = {"id": self.person(said.more["person"], writes=True), "username": said.more["person"]}
            people = [person, {"id": self.account_id, "username": self.username}]
            if params.get("user_id", person["id"]) == person["id"]:
                row = {"id": root, "updated_time": iso(said.said_at), "participants": {"data": people}}
                rows.append(chosen(row, params))
        return self.paged(rows, params, path=f"v26.0/{path}")

    def _subscriptions(self, method: str, edge: str, params: Mapping[str, Any]) -> Told:
        if method == "GET":
            told = [{"app_id": self.app_secret["app_id"], "subscribed_fields": list(self.subscribed)}]
            return Told(body={"data": told if self.subscribed else []})
        if edge == "subscriptions":
            super().register(params["callback_url"])
        else:
            self.subscribed = tuple(params["subscribed_fields"].split(","))
            if self.login == "facebook":
                self.subscribed = (*self.subscribed, *_FIELDS)  # the Page carries the app's own fields
        return Told(body={"success": True})

    # Writing

    def _written(self, method: str, node: str, edge: str, params: Mapping[str, Any]) -> Told:
        said = self._said.get(str(params.get("comment_id", "")) if edge == "mentions" else node)
        if said is None or said.deleted:
            return self.gone(node)
        if method == "DELETE":
            return self._removed(said)
        if not edge and said.kind == "comment":
            (self.hidden.add if params.get("hide") == "true" else self.hidden.discard)(node)
            return Told(body={"success": True})
        text = str(params.get("message", ""))
        if len(text) > _LONGEST_COMMENT:
            return self.error(400, 100, "The comment is too long.")
        if said.id in self.hidden or said.more.get("live"):
            return self.error(400, 10, "This comment cannot be replied to.")
        answer = self._add("", text, "comment" if edge == "replies" else "answer", said.id)
        self.show(answer, to=said.id)
        return Told(body={"id": answer.id})

    def _removed(self, said: Said) -> Told:
        if said.author:
            return self.error(400, 10, "Only your own comments are deleted here.")
        said.deleted = True
        for shown in self.shown:
            shown.deleted = shown.deleted or shown.native_id == said.id
        return Told(body={"success": True})

    def _messaged(self, params: Mapping[str, Any]) -> Told:
        text = str(params["message"]["text"])
        if len(text.encode()) > _LONGEST_MESSAGE:
            return self.error(400, 100, "The message is longer than 1000 bytes.")
        if comment_id := params["recipient"].get("comment_id"):
            return self._private_reply(str(comment_id), text)
        person = next(
            (one for one in self._people() if self.person(one, writes=True) == params["recipient"].get("id")),
            "",
        )
        written = [each for each in self._said.values() if each.kind == "message" and each.author == person]
        if not person or not written:
            return self.error(400, 551, "This person isn't available right now.")
        by_person = (params.get("messaging_type"), params.get("tag")) == ("MESSAGE_TAG", "HUMAN_AGENT")
        if self.clock() >= written[-1].said_at + (timedelta(days=7) if by_person else DAY):
            return self.error(403, 10, "This message is sent outside of allowed window.", subcode=2534022)
        said = self._add("", text, "message", written[-1].id)
        self.show(said, to=written[-1].id, private=True)
        return Told(body={"recipient_id": params["recipient"]["id"], "message_id": said.id})

    def _private_reply(self, comment_id: str, text: str) -> Told:
        comment = self._said.get(comment_id)
        if comment is None or comment.deleted or comment.kind != "comment":
            return self.gone(comment_id)
        if comment.more.get("replied"):
            return self.error(400, 10900, "(#10900) Activity already replied to")
        if self.clock() >= comment.said_at + timedelta(days=7):
            return self.error(400, 10, "This message is sent outside of allowed window.", subcode=2534022)
        comment.more["replied"] = True
        said = self._add("", text, "message", person=comment.author)
        self.show(said, to=comment_id, private=True)
        return Told(body={"recipient_id": self.person(comment.author, writes=True), "message_id": said.id})
