"""Answer on Bluesky: posts under a record key of our own, direct messages, hiding by threadgate, deleting.

Written from the lexicons com.atproto.repo.putRecord, getRecord and deleteRecord, app.bsky.feed.post and
threadgate, chat.bsky.convo.getConvoAvailability, getConvoForMembers, sendMessage and getMessages.

* **Sent twice is there once.** The record, its key and its `createdAt` are fixed by `prepare`; the same put
  again changes nothing. `swapRecord: null` keeps a put from overwriting another record.
* **A server takes any reply**, also one below a deleted post, to somebody who blocks us, or in a closed
  thread: then nobody sees it. So `prepare` looks at the post first, and says no in words.
* **A direct message has no key.** After a doubt it is looked for in the conversation, by its sender, the time
  and then its words.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, Refused
from allhours.domain.item import Change, Kind, Visibility
from allhours.networks._bluesky.fields import (
    ADDRESS,
    NETWORK,
    blocks_in,
    entries,
    instant_in,
    look,
    permalink,
    stamp,
)
from allhours.networks._bluesky.session import NotThere, Session, TurnedDown
from allhours.networks._bluesky.text import facets, lengths, mentions
from allhours.networks.answering import SOON, same_words
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Permission, Posted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials, Length
    from allhours.networks.http import Http

POSTS, GATES = "app.bsky.feed.post", "app.bsky.feed.threadgate"
MOST_HIDDEN = 300  # replies in one thread (app.bsky.feed.threadgate)
MESSAGES, PAGES = 100, 5  # of a conversation, when we look for an answer
CLOCKS_DIFFER = timedelta(minutes=2)  # ours and the chat service's, at most
TRIES = 3  # at a threadgate that somebody else changes at the same time
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"

_GONE = "the post is deleted, or its author blocks us: nobody would see an answer"
_BLOCKED = "a block stands between the author and us: nobody would see an answer"
_CLOSED = "the author has limited who may reply, and not to us"
_NO_MESSAGES = "the customer takes no direct messages from us: answer publicly and ask for one"
_GROUP = "the conversation is a group's: others than the customer would read the answer"
_UNREAD = "the conversation does not show all that was said since then: look there yourself"
_EVENT = "chat.bsky.convo.defs#systemMessageView"  # nobody said it
_REASONS = {
    "MessagesDisabled": _NO_MESSAGES,
    "NotFollowedBySender": "the customer takes messages only from people they follow: answer publicly",
    "BlockedActor": _BLOCKED,
    "BlockedSubject": _BLOCKED,
    "RecipientNotFound": "the customer's account is gone",
    "AccountSuspended": "our account is suspended in the chat: write to Bluesky's support",
    "InvalidConvo": "the conversation is gone",
    "ConvoLocked": "the conversation is locked",
    "InvalidSwap": "another post of ours has this answer's record key: approve the answer again",
}
"""The words for what is turned down, by the name of the error."""


class BlueskyAnswers:
    """The answering side of Bluesky."""

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Keep the ports."""
        self._credentials = credentials
        self._http = http

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Decide by what reading found out; there is no window."""
        del at
        return _refusal(handle, item, private=private) or Permission(
            allowed=True, reason="a direct message" if private else "a public reply"
        )

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return graphemes and bytes: both must fit."""
        del item
        return lengths(text, private=private)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return nothing."""
        del text, item, private
        return Cost(why="Bluesky takes no money")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Fix the record and its key, or the conversation; `DefiniteNo` when nobody would see the answer."""
        if refusal := _refusal(handle, answer.item, private=answer.private):
            raise DefiniteNo(NETWORK, refusal.reason, handle=handle.handle)
        session = self._session(handle, at)
        try:
            fixed = self._message(session, answer) if answer.private else self._post(session, answer)
        except TurnedDown as error:
            raise _no(handle, error) from None
        return replace(answer, fixed=MappingProxyType(fixed))

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Put the record, or send the message."""
        if never := _never(handle, answer.item, private=answer.private):
            raise DefiniteNo(NETWORK, never, handle=handle.handle)
        session, fixed = self._session(handle, at), answer.fixed
        try:
            if answer.private:
                body = {"convoId": fixed["convo_id"], "message": json.loads(fixed["message"])}
                told = session.post_once("chat.bsky.convo.sendMessage", body, chat=True)
                native_id = told.get("id")
                if not isinstance(native_id, str) or not native_id:
                    raise Malformed(NETWORK, "the sent message has no id", handle=handle.handle, field="id")
                return Posted(native_id=native_id)
            record = json.loads(fixed["record"])
            session.post_once(
                "com.atproto.repo.putRecord",
                {**_key(POSTS, fixed["rkey"], repo=fixed["repo"]), "record": record, "swapRecord": None},
            )
        except Refused as error:
            if _name_of(error) == "InvalidSwap" and (there := self.find(handle, answer, at=at)):
                return there
            raise _no(handle, error) from None
        return _posted(fixed)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Look up our record by its key; a message in its conversation."""
        session, fixed = self._session(handle, at), answer.fixed
        if answer.private:
            return self._sent(session, handle, answer)
        there = _record(session, POSTS, fixed["rkey"], repo=fixed["repo"])
        if there is None:
            return None
        text, target = look(there, "value.text"), look(there, "value.reply.parent.uri")
        if not isinstance(text, str) or not isinstance(target, str):
            detail = "there is a record under the answer's key, and it cannot be read: see which one it is"
            raise CannotTell(NETWORK, detail, handle=handle.handle)
        ours = text == answer.text and target == answer.item.answer_needs["parent_uri"]
        return _posted(fixed) if ours else None

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete a post of ours; nobody can take back a direct message."""
        session = self._session(handle, at)
        where = ADDRESS.fullmatch(posted.native_id)
        if not where:
            detail = "a direct message can be deleted for oneself only: the customer keeps it"
            raise DefiniteNo(NETWORK, detail, handle=handle.handle)
        us = session.us().native_id
        if (where["did"], where["kind"]) != (us, POSTS):
            raise DefiniteNo(NETWORK, "it is no post of ours", handle=handle.handle)
        session.post("com.atproto.repo.deleteRecord", _key(POSTS, where["rkey"], repo=us))

    def hide(self, handle: Handle, item: Item, *, hidden: bool, at: datetime) -> None:
        """List the reply in the threadgate of our own post, or take it off the list."""
        session = self._session(handle, at)
        us, root = session.us().native_id, ADDRESS.fullmatch(item.answer_needs.get("root_uri", ""))
        if not root or root["did"] != us or item.native_id == root[0]:
            raise DefiniteNo(NETWORK, "only replies below a post of ours can be hidden", handle=handle.handle)
        for _ in range(TRIES):
            there = _record(session, GATES, root["rkey"], repo=us)
            new = {"$type": GATES, "post": root[0], "createdAt": stamp(at)}
            gate = new if there is None else there.get("value")
            if not isinstance(gate, dict):
                raise Malformed(NETWORK, "the threadgate is none", handle=handle.handle, field="value")
            listed = entries(gate, "hiddenReplies")
            if (item.native_id in listed) is hidden:
                return
            if len(listed) >= MOST_HIDDEN and hidden:
                detail = f"{MOST_HIDDEN} replies are hidden in this thread, and Bluesky takes no more"
                raise DefiniteNo(NETWORK, detail, handle=handle.handle)
            others = [uri for uri in listed if uri != item.native_id]
            body = {
                **_key(GATES, root["rkey"], repo=us),
                "record": {**gate, "hiddenReplies": [*others, item.native_id] if hidden else others},
                "swapRecord": there and look(there, "cid"),
            }
            try:
                session.post("com.atproto.repo.putRecord", body)
            except TurnedDown as error:
                if error.error != "InvalidSwap":  # somebody changed it meanwhile: read it again
                    raise _no(handle, error) from None
            else:
                return
        detail = "somebody else changes who may reply to this post at the same time"
        raise DefiniteNo(NETWORK, detail, handle=handle.handle, again_at=at + SOON)

    def _session(self, handle: Handle, at: datetime) -> Session:
        return Session(self._credentials, self._http, handle, at)

    def _post(self, session: Session, answer: Answer) -> dict[str, str]:
        """Return our repository, the record's key and the record, in the same bytes whenever it is made."""
        needs, us = answer.item.answer_needs, session.us()
        _look_first(session, needs["parent_uri"], us)
        root, parent = (
            {part: needs[f"{name}_{part}"] for part in ("uri", "cid")} for name in ("root", "parent")
        )
        record: dict[str, object] = {
            "$type": POSTS,
            "text": answer.text,
            "createdAt": stamp(answer.approved_at),
            "reply": {"root": root, "parent": parent},
        }
        if answer.item.language:
            record["langs"] = [answer.item.language]
        record |= _facets(session, answer.text)
        return {"repo": us.native_id, "rkey": record_key(answer), "record": json.dumps(record)}

    def _message(self, session: Session, answer: Answer) -> dict[str, str]:
        """Return the conversation and the message."""
        known, us = answer.item.answer_needs.get("convo_id", ""), session.us()
        if known:
            convo = session.get("chat.bsky.convo.getConvo", [("convoId", known)], chat=True).get("convo")
        else:
            asked = [("members", answer.item.author.author_id)]
            open_to_us = session.get("chat.bsky.convo.getConvoAvailability", asked, chat=True)
            if open_to_us.get("canChat") is not True:
                raise DefiniteNo(NETWORK, _NO_MESSAGES, handle=us.handle)
            convo = open_to_us.get("convo")
            if convo is None:  # an empty one is made, which shows nobody anything
                convo = session.get("chat.bsky.convo.getConvoForMembers", asked, chat=True).get("convo")
        convo_id, kind = look(convo, "id"), look(convo, "kind.$type")
        if not isinstance(convo_id, str):
            raise Malformed(NETWORK, "the conversation has no id", handle=us.handle, field="convo.id")
        if isinstance(kind, str) and kind.endswith("#groupConvo"):
            raise DefiniteNo(NETWORK, _GROUP, handle=us.handle)
        members = {look(each, "did") for each in entries(convo, "members")}
        if members - {us.native_id, answer.item.author.author_id}:
            raise DefiniteNo(NETWORK, _GROUP, handle=us.handle)
        message = {"text": answer.text, **_facets(session, answer.text)}
        return {"repo": us.native_id, "convo_id": convo_id, "message": json.dumps(message)}

    def _sent(self, session: Session, handle: Handle, answer: Answer) -> Posted | None:
        """Return the one message of ours with these words; absent only if all since then could be read."""
        us, since, cursor = answer.fixed["repo"], answer.approved_at - CLOCKS_DIFFER, ""
        same: list[str] = []
        doubt = f"{PAGES * MESSAGES} messages were sent since in this conversation: look there yourself"
        for _ in range(PAGES):
            query = [("convoId", answer.fixed["convo_id"]), ("limit", str(MESSAGES))]
            query += [("cursor", cursor)] if cursor else []
            page = session.get("chat.bsky.convo.getMessages", query, chat=True)
            listed, after = page.get("messages"), page.get("cursor", "")
            newer, older = _newer(listed, since)
            for message in newer:
                text, native_id = look(message, "text"), look(message, "id")
                ours = look(message, "sender.did") == us and isinstance(native_id, str)
                if ours and same_words(str(text), answer.text):
                    same.append(str(native_id))
            if not isinstance(listed, list) or not all(_legible(message, us) for message in newer):
                doubt = _UNREAD
                break
            if older or after == "":
                doubt = ""
                break
            if not isinstance(after, str) or after == cursor:
                doubt = _UNREAD
                break
            cursor = after
        if len(same) > 1:
            doubt = f"{len(same)} messages of ours have these words: see which one it is"
        elif same:
            return Posted(native_id=same[0])
        if doubt:
            raise CannotTell(NETWORK, doubt, handle=handle.handle)
        return None


def record_key(answer: Answer) -> str:
    """Return a TID of when it was approved, with ten bits of the reply's id where a clock's id would be."""
    micros = int(answer.approved_at.timestamp() * 1_000_000)
    salt = int.from_bytes(hashlib.sha256(answer.reply_id.encode()).digest()[:2], "big") & 0x3FF
    number = micros << 10 | salt
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))


def _newer(listed: object, since: datetime) -> tuple[list[object], bool]:
    """Return the messages since then, which come newest first, and whether an older one ended them."""
    newer: list[object] = []
    for message in listed if isinstance(listed, list) else ():
        sent_at = instant_in(look(message, "sentAt"))
        if sent_at and sent_at < since:
            return newer, True
        newer.append(message)
    return newer, False


def _legible(message: object, us: str) -> bool:
    """Return whether it can be told if a message is our answer; one that we deleted has no words left."""
    sender = look(message, "sender.did")
    if not isinstance(sender, str):
        return look(message, "$type") == _EVENT
    return sender != us or (isinstance(look(message, "text"), str) and isinstance(look(message, "id"), str))


def _never(handle: Handle, item: Item, *, private: bool) -> str:
    """Return why the item must not be answered so, whoever asks; "" when it may."""
    secret = item.visibility is Visibility.PRIVATE
    if item.network != NETWORK:
        return "it was not said on Bluesky"
    if secret and not private:
        return "a private message is answered in private"
    return f"it was said to {item.handle} in private" if secret and item.handle != handle.handle else ""


def _refusal(handle: Handle, item: Item, *, private: bool) -> Permission | None:
    """Return why not, if what we know of the item says so."""
    needs = item.answer_needs
    takes = needs.get("messages", "")
    first_that_holds = (
        (item.kind is Kind.PROFILE, "a profile is not something said"),
        (item.change is Change.DELETED, "the author deleted it"),
        (bool(never := _never(handle, item, private=private)), never),
        ("blocked" in needs, _BLOCKED),
        (not private and needs.get("reply") == "disabled", _CLOSED),
        (not private and not {"parent_cid", "root_cid"} <= needs.keys(), "it was kept without its cid"),
        (
            private and handle.settings.get("direct_messages") == "off",
            "direct messages are off for this handle, by the organisation file",
        ),
        (private and takes == "none", _NO_MESSAGES),
        (private and takes == "following", _REASONS["NotFollowedBySender"]),
    )
    reason = next((reason for holds, reason in first_that_holds if holds), "")
    return Permission(allowed=False, reason=reason) if reason else None


def _look_first(session: Session, uri: str, us: Handle) -> None:
    """Raise `DefiniteNo` when a reply to the post would be seen by nobody."""
    posts = session.get("app.bsky.feed.getPosts", [("uris", uri)]).get("posts")
    if not isinstance(posts, list):  # which does not mean that it is gone
        raise Malformed(NETWORK, "the post is not told of", handle=us.handle, field="posts")
    view = posts[0] if posts else None
    for holds, reason in (
        (view is None, _GONE),
        (blocks_in(look(view, "author")), _BLOCKED),
        (look(view, "viewer.replyDisabled") is True, _CLOSED),
    ):
        if holds:
            raise DefiniteNo(NETWORK, reason, handle=us.handle)


def _facets(session: Session, text: str) -> dict[str, object]:
    """Return the field `facets`, if the text has any; handles are looked up first."""
    dids: dict[str, str] = {}
    for name in mentions(text):
        try:
            found = session.get("com.atproto.identity.resolveHandle", [("handle", name)]).get("did")
        except (NotThere, TurnedDown):  # nobody's name: it stays plain text
            continue
        dids[name] = found if isinstance(found, str) else ""
    found_in = facets(text, lambda name: dids.get(name, ""))
    return {"facets": found_in} if found_in else {}


def _record(session: Session, collection: str, rkey: str, *, repo: str) -> dict[str, object] | None:
    """Return a record of ours, None when there is none."""
    try:
        return session.get("com.atproto.repo.getRecord", list(_key(collection, rkey, repo=repo).items()))
    except NotThere:
        return None


def _posted(fixed: Mapping[str, str]) -> Posted:
    uri = f"at://{fixed['repo']}/{POSTS}/{fixed['rkey']}"
    return Posted(native_id=uri, permalink=permalink(uri))


def _key(collection: str, rkey: str, *, repo: str) -> dict[str, str]:
    return {"repo": repo, "collection": collection, "rkey": rkey}


def _name_of(error: Refused) -> str:
    return error.error if isinstance(error, TurnedDown) else ""


def _no(handle: Handle, error: Refused) -> DefiniteNo:
    return DefiniteNo(NETWORK, _REASONS.get(_name_of(error), error.detail), handle=handle.handle)
