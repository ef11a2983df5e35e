"""The people behind the Bluesky stand-in: what they said, whom it notifies, what the chat log keeps of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.local.standins.base import now

if TYPE_CHECKING:
    import threading

JSON = dict[str, object]
BRAND = "acme.example.com"
ANCESTORS = 5  # levels of parents whose authors a reply notifies
_TID = "234567abcdefghijklmnopqrstuvwxyz"
_MENTION = re.compile(r"@([a-z0-9-]+(?:\.[a-z0-9-]+)+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing somebody said and its state; `record` is the post's, `conversation` is a direct message's."""

    native_id: str
    author: str
    text: str
    deleted: bool
    private: bool
    did: str
    said_at: datetime
    sort_at: datetime
    cid: str = ""
    record: JSON | None = None
    conversation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """That somebody did something that concerns the brand; `record` is kept for what is no post."""

    uri: str
    reason: str
    did: str
    at: datetime
    record: JSON | None = None


class BlueskyWorld:
    """Everything that was said, and to whom Bluesky shows it; no HTTP."""

    lock: threading.RLock

    def __init__(self, brand: str = BRAND, place: int = 0) -> None:
        """Begin with the brand's account and silence; `place` keeps keys apart from another world's."""
        self.brand = brand
        self._place = place
        self.did = did_of(brand)
        self._names = {self.did: brand}
        self._said: dict[str, Said] = {}
        self._notifications: list[Notification] = []
        self._log: list[JSON] = []
        self._blockers: set[str] = set()
        self._closed: set[str] = set()
        self._messages_from: dict[str, str] = {}
        self._following: set[str] = set()
        self._ticks = 0

    @property
    def posts(self) -> tuple[Said, ...]:
        """Return everything that customers said, public and private."""
        with self.lock:
            return tuple(said for said in self._said.values() if said.did != self.did)

    def say(  # the wire's choices, one parameter each
        self,
        author: str,
        text: str,
        *,
        reply_to: str = "",
        quote: str = "",
        private: bool = False,
        facets: bool = True,
        created_at: datetime | None = None,
        langs: tuple[str, ...] = ("en",),
    ) -> str:
        """Let a customer post, or write to the brand directly; return the at:// address or message id."""
        with self.lock:
            did = self._did(author)
            if private or (reply_to in self._said and self._said[reply_to].private):
                return self._message(did, text, self._conversation(did))
            return self._post(did, text, reply_to, quote, facets=facets, created_at=created_at, langs=langs)

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Let the brand itself speak, from its own app, publicly or in a conversation."""
        with self.lock:
            if reply_to in self._said and self._said[reply_to].private:
                return self._message(self.did, text, self._said[reply_to].conversation)
            return self._post(self.did, text, reply_to, "", facets=True, created_at=None, langs=("en",))

    def like(self, author: str, uri: str, *, created_at: datetime | None = None) -> None:
        """Let a customer like a post; it is a notification that says nothing."""
        with self.lock:
            did, arrived = self._did(author), self._moment()
            at = min(created_at or arrived, arrived)
            record: JSON = {
                "$type": "app.bsky.feed.like",
                "subject": {"uri": uri, "cid": self._said[uri].cid},
                "createdAt": text_of(at),
            }
            address = f"at://{did}/app.bsky.feed.like/{self._key(arrived)}"
            self._notifications.append(
                Notification(uri=address, reason="like", did=did, at=at, record=record)
            )

    def block(self, author: str) -> None:
        """Let a customer block the brand."""
        with self.lock:
            self._blockers.add(self._did(author))

    def limit_replies(self, native_id: str) -> None:
        """Let the author of a thread's first post take answers from nobody."""
        with self.lock:
            self._closed.add(native_id)

    def takes_messages(self, author: str, whose: str) -> None:
        """Let a customer take direct messages from `all`, `none` or those they are `following`."""
        with self.lock:
            self._messages_from[self._did(author)] = whose

    def follow(self, author: str) -> None:
        """Let a customer follow the brand."""
        with self.lock:
            self._following.add(self._did(author))

    def edit(self, native_id: str, text: str) -> None:
        """Change a post's record in place: another cid, the same address and order."""
        with self.lock:
            said = self._said[native_id]
            if said.record is None:
                message = f"{native_id} is a direct message, which nobody can edit"
                raise ValueError(message)
            record = {**said.record, "text": text, "facets": self._facets(text)}
            self._said[native_id] = replace(said, text=text, record=record, cid=cid_of(record))

    def delete(self, native_id: str) -> None:
        """Delete a post or a message."""
        with self.lock:
            said = self._said[native_id] = replace(self._said[native_id], deleted=True)
            if said.private:
                self._event("logDeleteMessage", said)

    def _views(self) -> list[Said]:
        shown = [said for said in self._said.values() if said.record is not None and not said.deleted]
        return [said for said in shown if said.did not in self._blockers]

    def _replies(self, uri: str) -> list[Said]:
        return [said for said in self._views() if parent_of(said) == uri]

    def _view(self, said: Said) -> JSON:
        return {
            "uri": said.native_id,
            "cid": said.cid,
            "author": self._profile(said.did),
            "record": said.record,
            "replyCount": len(self._replies(said.native_id)),
            "indexedAt": text_of(said.said_at),
            "labels": [],
            "viewer": {"replyDisabled": True} if root_of(said) in self._closed else {},
        }

    def _profile(self, did: str) -> JSON:
        name = self._names[did]
        told: JSON = {"did": did, "handle": name, "displayName": name.partition(".")[0].title(), "labels": []}
        if whose := self._messages_from.get(did):
            told["associated"] = {"chat": {"allowIncoming": whose}}
        if did in self._following:
            told["viewer"] = {"followedBy": f"at://{did}/app.bsky.graph.follow/{self._key(now())}"}
        return told

    def _key(self, at: datetime) -> str:
        return tid_of(at, self._place)

    def _did(self, author: str) -> str:
        name = (
            author.lower()
            if "." in author
            else f"{re.sub('[^a-z0-9]+', '-', author.lower()).strip('-')}.example.com"
        )
        return next((did for did, known in self._names.items() if known == name), "") or self._newcomer(name)

    def _newcomer(self, name: str) -> str:
        self._names[did_of(name)] = name
        return did_of(name)

    def _moment(self) -> datetime:
        """Return the clock, never twice the same."""
        self._ticks = max(self._ticks + 1, int(now().timestamp() * 1_000))
        return datetime.fromtimestamp(self._ticks / 1_000, UTC)

    def _post(
        self,
        did: str,
        text: str,
        reply_to: str,
        quote: str,
        *,
        facets: bool,
        created_at: datetime | None,
        langs: tuple[str, ...],
    ) -> str:
        at = self._moment()
        record: JSON = {
            "$type": "app.bsky.feed.post",
            "text": text,
            "createdAt": text_of(created_at or at),
            "langs": list(langs),
        }
        if facets and (found := self._facets(text)):
            record["facets"] = found
        if reply_to:
            parent = {"uri": reply_to, "cid": self._said[reply_to].cid}
            above = (self._said[reply_to].record or {}).get("reply")
            record["reply"] = {"root": above["root"] if isinstance(above, dict) else parent, "parent": parent}
        if quote:
            record["embed"] = {
                "$type": "app.bsky.embed.record",
                "record": {"uri": quote, "cid": self._said[quote].cid},
            }
        uri = f"at://{did}/app.bsky.feed.post/{self._key(at)}"
        return self._keep(uri, record, at, min(created_at or at, at), quote)

    def _keep(self, uri: str, record: JSON, at: datetime, sort_at: datetime, quote: str = "") -> str:
        """Keep a post and notify the brand where it concerns it."""
        did = uri.split("/")[2]
        said = self._said[uri] = Said(
            native_id=uri,
            author=self._names[did],
            text=str(record["text"]),
            deleted=False,
            private=False,
            did=did,
            said_at=at,
            sort_at=sort_at,
            cid=cid_of(record),
            record=record,
        )
        if did != self.did and (reason := self._reason(said, quote)):
            self._notifications.append(Notification(uri=uri, reason=reason, did=did, at=sort_at))
        return uri

    def _reason(self, said: Said, quote: str) -> str:
        if self.did in json.dumps((said.record or {}).get("facets", [])):
            return "mention"
        if quote and self._said[quote].did == self.did:
            return "quote"
        above = said
        for _ in range(ANCESTORS):
            if not (parent := parent_of(above)):
                break
            above = self._said[parent]
            if above.did == self.did:
                return "reply"
        return ""

    def _facets(self, text: str) -> list[JSON]:
        facets: list[JSON] = []
        for found in _MENTION.finditer(text):
            did = next((did for did, name in self._names.items() if name == found[1]), "")
            if did:
                start = len(text[: found.start()].encode())
                index = {"byteStart": start, "byteEnd": start + len(found[0].encode())}
                facets.append(
                    {"index": index, "features": [{"$type": "app.bsky.richtext.facet#mention", "did": did}]}
                )
        return facets

    def _conversation(self, did: str) -> str:
        return _letters(hashlib.sha256(f"{self.did} {did}".encode()).digest(), 13)

    def _message(self, did: str, text: str, conversation: str) -> str:
        at = self._moment()
        native_id = self._key(at)
        said = self._said[native_id] = Said(
            native_id=native_id,
            author=self._names[did],
            text=text,
            deleted=False,
            private=True,
            did=did,
            said_at=at,
            sort_at=at,
            conversation=conversation,
        )
        self._event("logCreateMessage", said)
        return said.native_id

    def _event(self, kind: str, said: Said) -> None:
        rev = self._key(self._moment())
        view: JSON = {
            "id": said.native_id,
            "rev": rev,
            "sender": {"did": said.did},
            "sentAt": text_of(said.said_at),
        }
        if said.deleted:
            view["$type"] = "chat.bsky.convo.defs#deletedMessageView"
        else:
            view |= {"$type": "chat.bsky.convo.defs#messageView", "text": said.text, "reactions": []}
        event: JSON = {
            "$type": f"chat.bsky.convo.defs#{kind}",
            "rev": rev,
            "convoId": said.conversation,
            "message": view,
        }
        if kind == "logCreateMessage":
            event["relatedProfiles"] = [self._profile(said.did)]
        self._log.append(event)


def did_of(name: str) -> str:
    """Return the DID that a name has here."""
    return f"did:plc:{_letters(hashlib.sha256(name.encode()).digest(), 24)}"


def _letters(digest: bytes, length: int) -> str:
    return base64.b32encode(digest).decode().lower()[:length]


def cid_of(record: JSON) -> str:
    """Return a CID in the real form (v1, dag-cbor, sha-256), over the record as JSON."""
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).digest()
    return "b" + base64.b32encode(b"\x01\x71\x12\x20" + digest).decode().lower().rstrip("=")


def tid_of(at: datetime, clock: int = 0) -> str:
    """Return a record key: microseconds and a clock's id as 13 sortable characters."""
    number = int(at.timestamp() * 1_000) * 1_000 << 10 | clock
    return "".join(_TID[number >> shift & 31] for shift in range(60, -1, -5))


def parent_of(said: Said) -> str:
    """Return the address of what a post replies to, "" when it begins a thread."""
    reply = (said.record or {}).get("reply")
    return str(reply["parent"]["uri"]) if isinstance(reply, dict) else ""


def root_of(said: Said) -> str:
    """Return the address of the first post of its thread."""
    reply = (said.record or {}).get("reply")
    return str(reply["root"]["uri"]) if isinstance(reply, dict) else said.native_id


def text_of(at: datetime) -> str:
    """Return an instant as Bluesky writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
