"""What the brand writes on the Bluesky stand-in: records of its repository, and direct messages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import regex

from infra.local.standins._bluesky_http import error, instant_in, limit_in
from infra.local.standins.base import Asked, Shown, Told
from infra.local.standins.bluesky_world import JSON, BlueskyWorld, Said, cid_of, parent_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

POSTS, GATES = "app.bsky.feed.post", "app.bsky.feed.threadgate"
_TID = re.compile("[234567a-j][234567a-z]{12}")
_LIMITS = {POSTS: (300, 3_000), "message": (1_000, 10_000)}  # graphemes and bytes


class BlueskyWrites(BlueskyWorld):
    """The procedures of the PDS and the chat service, and the look-ups that go with them."""

    shown: list[Shown]
    hidden: set[str]

    def __init__(self, brand: str, place: int) -> None:
        """Begin with an empty repository and no conversations."""
        super().__init__(brand, place)
        self.records: dict[tuple[str, str], JSON] = {}
        """The brand's records that are no posts, by collection and key."""
        self._convos: dict[str, str] = {}
        self._groups: set[str] = set()

    def writes(self) -> dict[str, Callable[[Asked], Told]]:
        """Return the methods by name."""
        return {
            "com.atproto.repo.putRecord": self._put_record,
            "com.atproto.repo.getRecord": self._get_record,
            "com.atproto.repo.deleteRecord": self._delete_record,
            "com.atproto.identity.resolveHandle": self._resolve_handle,
            "chat.bsky.convo.getConvo": self._get_convo,
            "chat.bsky.convo.getConvoAvailability": self._get_availability,
            "chat.bsky.convo.getConvoForMembers": self._get_convo_for_members,
            "chat.bsky.convo.getMessages": self._get_messages,
            "chat.bsky.convo.sendMessage": self._send_message,
        }

    def make_group(self, native_id: str) -> None:
        """Let the conversation of a message be a group's."""
        with self.lock:
            self._groups.add(self._said[native_id].conversation)

    # the repository

    def _put_record(self, asked: Asked) -> Told:
        body = json.loads(asked.body)
        collection, rkey, record = body["collection"], body["rkey"], body["record"]
        if body["repo"] not in {self.did, self.brand}:
            return error(401, "AuthenticationRequired", "Authentication Required")
        if collection == POSTS and (wrong := _wrong(record, rkey)):
            return error(400, "InvalidRequest", wrong)
        uri, cid = f"at://{self.did}/{collection}/{rkey}", cid_of(record)
        before = self._value(collection, rkey)
        if before is None or cid_of(before) != cid:
            there = cid_of(before) if before is not None else None
            if "swapRecord" in body and body["swapRecord"] != there:
                return error(400, "InvalidSwap", f"Record was at {there}")
            self._put(collection, rkey, record)
        return Told(body={"uri": uri, "cid": cid, "validationStatus": "valid"})

    def _put(self, collection: str, rkey: str, record: JSON) -> None:
        if collection != POSTS:
            self.records[collection, rkey] = record
            return self._count_hidden()
        at = self._moment()
        uri = f"at://{self.did}/{POSTS}/{rkey}"
        created_at = instant_in(str(record["createdAt"])) or at
        self._keep(uri, record, at, min(created_at, at))
        if parent := parent_of(self._said[uri]):
            self.shown.append(Shown(native_id=uri, to=parent, text=str(record["text"]), by=self.brand))
        return None

    def _count_hidden(self) -> None:
        gates = [record for (collection, _), record in self.records.items() if collection == GATES]
        listed = [gate.get("hiddenReplies", []) for gate in gates]
        self.hidden.clear()
        self.hidden.update(uri for replies in listed if isinstance(replies, list) for uri in replies)

    def _value(self, collection: str, rkey: str) -> JSON | None:
        if collection != POSTS:
            return self.records.get((collection, rkey))
        said = self._said.get(f"at://{self.did}/{POSTS}/{rkey}")
        return said.record if said and not said.deleted else None

    def _get_record(self, asked: Asked) -> Told:
        collection, rkey = asked.first("collection"), asked.first("rkey")
        uri = f"at://{asked.first('repo')}/{collection}/{rkey}"
        value = self._value(collection, rkey) if asked.first("repo") in {self.did, self.brand} else None
        if value is None:
            return error(400, "RecordNotFound", f"Could not locate record: {uri}")
        return Told(body={"uri": uri, "cid": cid_of(value), "value": value})

    def _delete_record(self, asked: Asked) -> Told:
        body = json.loads(asked.body)
        uri = f"at://{self.did}/{body['collection']}/{body['rkey']}"
        if body["repo"] not in {self.did, self.brand}:
            return error(401, "AuthenticationRequired", "Authentication Required")
        self.records.pop((body["collection"], body["rkey"]), None)
        self._count_hidden()
        if uri in self._said:
            self._said[uri] = replace(self._said[uri], deleted=True)
        for shown in self.shown:
            shown.deleted = shown.deleted or shown.native_id == uri
        return Told(body={})

    def _resolve_handle(self, asked: Asked) -> Told:
        did = next((did for did, name in self._names.items() if name == asked.first("handle")), "")
        return Told(body={"did": did}) if did else error(400, "InvalidRequest", "Unable to resolve handle")

    # the chat

    def _get_convo(self, asked: Asked) -> Told:
        convo_id = asked.first("convoId")
        did = self._partner(convo_id)
        return Told(body={"convo": self._convo(convo_id, did)}) if did else _no_convo()

    def _partner(self, convo_id: str) -> str:
        spoken = {said.conversation: said.did for said in self._said.values() if said.did != self.did}
        return self._convos.get(convo_id) or spoken.get(convo_id, "")

    def _convo(self, convo_id: str, did: str) -> JSON:
        kind: JSON = {"$type": "chat.bsky.convo.defs#directConvo"}
        if convo_id in self._groups:
            kind = {
                "$type": "chat.bsky.convo.defs#groupConvo",
                "createdAt": "2026-01-01T00:00:00.000Z",
                "lockStatus": "unlocked",
                "lockStatusModerationOverride": False,
                "memberCount": 3,
                "memberLimit": 50,
                "name": "Cards",
            }
        members = [self._profile(self.did), self._profile(did)]
        return {
            "id": convo_id,
            "rev": self._key(self._moment()),
            "members": members,
            "muted": False,
            "unreadCount": 0,
            "kind": kind,
        }

    def _refusal(self, did: str) -> tuple[str, str] | None:
        """Return why the brand may not write; people take messages from all unless they say otherwise."""
        whose = self._messages_from.get(did, "all")
        if did in self._blockers:
            return "BlockedActor", "block between recipient and sender"
        if whose == "none":
            return "MessagesDisabled", "recipient has disabled incoming messages"
        if whose == "following" and did not in self._following:
            return (
                "NotFollowedBySender",
                "recipient requires incoming messages to come from someone they follow",
            )
        return None

    def _get_availability(self, asked: Asked) -> Told:
        did = _other(asked.every("members"), self.did)
        convo_id = self._conversation(did)
        if self._partner(convo_id) and did not in self._blockers:
            return Told(body={"canChat": True, "convo": self._convo(convo_id, did)})
        return Told(body={"canChat": did in self._names and self._refusal(did) is None})

    def _get_convo_for_members(self, asked: Asked) -> Told:
        did = _other(asked.every("members"), self.did)
        if did not in self._names:
            return error(400, "RecipientNotFound", "recipient not found")
        if refusal := self._refusal(did):
            return error(400, *refusal)
        self._convos[self._conversation(did)] = did
        return Told(body={"convo": self._convo(self._conversation(did), did)})

    def _get_messages(self, asked: Asked) -> Told:
        convo_id, limit, before = asked.first("convoId"), limit_in(asked, 50), asked.first("cursor")
        if not self._partner(convo_id):
            return _no_convo()
        if limit is None:
            return error(400, "InvalidRequest", "Error: limit must be between 1 and 100")
        there = [said for said in self._said.values() if said.private and said.conversation == convo_id]
        older = [said for said in reversed(there) if not before or said.native_id < before]
        page = older[:limit]
        body: JSON = {"messages": [self._message_view(said) for said in page]}
        return Told(body={**body, "cursor": page[-1].native_id} if len(older) > limit else body)

    def _send_message(self, asked: Asked) -> Told:
        body = json.loads(asked.body)
        convo_id, text = body["convoId"], body["message"]["text"]
        did = self._partner(convo_id)
        if not did:
            return _no_convo()
        if wrong := _too_long(text, "message"):
            return error(400, "InvalidRequest", wrong)
        if did in self._blockers:
            return error(400, "BlockedActor", "block between recipient and sender")
        answered = self._last_of(did, convo_id)
        native_id = self._message(self.did, text, convo_id)
        self.shown.append(Shown(native_id=native_id, to=answered, text=text, by=self.brand, private=True))
        return Told(body=self._message_view(self._said[native_id]))

    def _last_of(self, did: str, convo_id: str) -> str:
        """Return what a message answers: the customer's last message there, else their last post."""
        theirs = [said for said in self._said.values() if said.did == did]
        messages = [said.native_id for said in theirs if said.conversation == convo_id]
        posts = [said.native_id for said in theirs if not said.private]
        return next(reversed(messages or posts), "")

    def _message_view(self, said: Said) -> JSON:
        view: JSON = {
            "id": said.native_id,
            "rev": said.native_id,
            "sender": {"did": said.did},
            "sentAt": text_of(said.said_at),
        }
        if said.deleted:
            return {"$type": "chat.bsky.convo.defs#deletedMessageView", **view}
        return {"$type": "chat.bsky.convo.defs#messageView", **view, "text": said.text, "reactions": []}


def _other(members: tuple[str, ...], us: str) -> str:
    return next((did for did in members if did != us), "")


def _no_convo() -> Told:
    return error(400, "InvalidConvo", "Conversation not found")


def _wrong(record: JSON, rkey: str) -> str:
    """Return what the PDS finds wrong with a post; it checks no reference."""
    created_at = instant_in(str(record.get("createdAt")))
    if not _TID.fullmatch(rkey):
        return "Invalid record key for collection app.bsky.feed.post: not a tid"
    if created_at is None or created_at.tzinfo is None:
        return "Invalid app.bsky.feed.post record: Record/createdAt must be an valid atproto datetime"
    return _too_long(str(record.get("text")), POSTS)


def _too_long(text: str, what: str) -> str:
    most, most_bytes = _LIMITS[what]
    if len(text.encode()) > most_bytes:
        return f"Invalid {what} record: Record/text must not be longer than {most_bytes} characters"
    if len(regex.findall(r"\X", text)) > most:
        return f"Invalid {what} record: Record/text must not be longer than {most} graphemes"
    return ""
