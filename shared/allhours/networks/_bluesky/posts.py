"""What Bluesky's JSON becomes: one pure function per shape of posts, notifications, threads and chat events.

The author of a post is the repository that holds it (the DID in its at:// address), so that a view
without an author, or with a false one, changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from allhours.domain.errors import Malformed
from allhours.domain.handle import Handle
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Visibility
from allhours.domain.plain_text import plain
from allhours.networks._bluesky.fields import (
    ADDRESS,
    CID,
    DID,
    KEY,
    NETWORK,
    Missing,
    attached_in,
    author_in,
    blocks_in,
    created_at_of,
    did_in,
    entries,
    facets_in,
    instant_in,
    key_in,
    language_in,
    limits_in,
    look,
    matching,
    need,
    permalink,
    profile_in,
    quoted_in,
    unreadable,
    uri_in,
)
from allhours.networks.contract import MOST_LISTED

OWN_POST = "own post"
NOT_A_POST = "not a post"
NOT_FOR_US = "not addressed to us"
BLOCKED = "blocked"
GONE = "deleted before we read it"
CHAT_EVENT = "chat event without new words"
NO_CONVERSATION = "message without its conversation"

REASONS = ("mention", "reply", "quote")
"""The notifications that are somebody's words to us; likes, reposts, follows and the rest ask nothing."""

_POSTS = "app.bsky.feed.post"


def notification(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what one notification becomes; only mention, reply and quote are words to us."""
    reason = look(body, "reason")
    if not isinstance(reason, str):
        return unreadable(body, handle, "reason")
    if reason not in REASONS:
        return Skipped(network=NETWORK, native_id=uri_in(body), reason=NOT_FOR_US)
    return post(body, handle, at, reason=reason)


def found_post(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what one search hit becomes; a block in either direction is respected."""
    if blocks_in(look(body, "author")):
        return Skipped(network=NETWORK, native_id=uri_in(body), reason=BLOCKED)
    return post(body, handle, at)


def thread(node: object, handle: Handle, at: datetime) -> Iterator[Heard]:
    """Yield every post of a thread, the asked one first; no recursion, for a thread may be 1,000 deep."""
    waiting = [node]
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, dict):
            yield unreadable(current, handle, "thread")
        elif current.get("notFound") is True:
            yield Skipped(network=NETWORK, native_id=uri_in(current), reason=GONE)
        elif current.get("blocked") is True:
            yield Skipped(network=NETWORK, native_id=uri_in(current), reason=BLOCKED)
        else:
            yield found_post(current.get("post"), handle, at)
            waiting += [*entries(current, "replies"), *([current["parent"]] if "parent" in current else [])]


def post(
    body: object,
    handle: Handle,
    at: datetime,
    *,
    record: str = "record",
    reason: str = "",
    kept: Item | None = None,
) -> Heard:
    """Return what a view, a notification or a bare record (`value`) becomes; `kept` is its state before."""
    uri = look(body, "uri")
    where = ADDRESS.fullmatch(uri) if isinstance(uri, str) else None
    if not where or not isinstance(uri, str):
        return unreadable(body, handle, "uri")
    if where["kind"] != _POSTS:
        return Skipped(network=NETWORK, native_id=uri, reason=NOT_A_POST)
    author = author_in(look(body, "author"), where["did"])
    if is_ours(author, handle):
        return Skipped(network=NETWORK, native_id=uri, reason=OWN_POST)
    try:
        return _item(body, handle, at, author=author, record=record, reason=reason, kept=kept)
    except Missing as missing:
        return unreadable(body, handle, missing.field)


def _item(
    body: object,
    handle: Handle,
    at: datetime,
    *,
    author: Author,
    record: str,
    reason: str,
    kept: Item | None,
) -> Item:
    uri, cid = need(body, "uri"), matching(body, "cid", CID)
    text = need(body, f"{record}.text")
    parent_uri = root_uri = root_cid = ""
    if look(body, f"{record}.reply") is not None:
        parent_uri = matching(body, f"{record}.reply.parent.uri", ADDRESS)
        root_uri = matching(body, f"{record}.reply.root.uri", ADDRESS)
        root_cid = matching(body, f"{record}.reply.root.cid", CID)
    quoted = quoted_in(look(body, f"{record}.embed"))
    mentioned, links = facets_in(look(body, f"{record}.facets"))
    ours = handle.native_id
    to_us = (
        ours in mentioned
        or ours in {did_in(parent_uri), did_in(quoted)} - {""}
        or reason in {"mention", "quote"}
    )
    others = (did for did in mentioned if did != ours)
    needs = {
        "root_uri": root_uri or uri,
        "root_cid": root_cid if root_uri else cid,
        "parent_uri": uri,
        "parent_cid": cid,
    }
    needs |= limits_in(body)
    root = root_uri or uri
    return Item(
        network=NETWORK,
        native_id=uri,
        account=handle.account,
        handle=handle.handle,
        conversation_id=f"{root}:{author.author_id}" if ours and did_in(root) == ours else root,
        author=author,
        created_at=created_at_of(body, record, at),
        kind=_kind(
            reason,
            mentions=ours in mentioned,
            quotes=bool(ours) and did_in(quoted) == ours,
            replies=bool(parent_uri),
        ),
        text=plain(text),
        change=Change.EDITED if kept else Change.SAID,
        version=kept.version + 1 if kept else 0,
        language=language_in(look(body, f"{record}.langs")),
        parent_id=parent_uri,
        permalink=permalink(uri),
        addressed=(*((handle.handle,) if to_us else ()), *others)[:MOST_LISTED],
        attachments=(*attached_in(did_in(uri), look(body, f"{record}.embed")), *links)[:MOST_LISTED],
        answer_needs=MappingProxyType(needs),
    )


def _kind(reason: str, *, mentions: bool, quotes: bool, replies: bool) -> Kind:
    """Read the kind off the post, so that search, notification and re-read agree; in doubt ask the reason."""
    if quotes:
        return Kind.QUOTE
    if mentions:
        return Kind.MENTION
    if replies:
        return Kind.REPLY
    return Kind(reason) if reason else Kind.POST


def is_ours(author: Author, handle: Handle) -> bool:
    """Return whether the handle itself wrote it: by DID, by name where the organisation file gives none."""
    if handle.native_id:
        return author.author_id == handle.native_id
    return bool(author.handle) and author.handle.casefold() == handle.handle.removeprefix("@").casefold()


def chat_event(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what one event of the chat log becomes; only messages made and deleted say something new."""
    event = look(body, "$type")
    if not isinstance(event, str):
        return unreadable(body, handle, "$type")
    name = event.rpartition("#")[2]
    if name not in {"logCreateMessage", "logDeleteMessage"}:
        return Skipped(network=NETWORK, native_id=key_in(body, "rev"), reason=CHAT_EVENT)
    profiles = {author.author_id: author for author in map(profile_in, entries(body, "relatedProfiles"))}
    return _message(
        body,
        handle,
        at,
        name="message",
        conversation=look(body, "convoId"),
        profiles=profiles,
        deleted=name == "logDeleteMessage",
    )


def last_message(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what the newest message of a listed conversation becomes."""
    kind = look(body, "lastMessage.$type")
    if look(body, "lastMessage") is None or (isinstance(kind, str) and kind.endswith("#systemMessageView")):
        return Skipped(network=NETWORK, native_id=key_in(body, "id"), reason=CHAT_EVENT)
    profiles = {author.author_id: author for author in map(profile_in, entries(body, "members"))}
    return _message(
        body, handle, at, name="lastMessage", conversation=look(body, "id"), profiles=profiles, deleted=False
    )


def _message(
    body: object,
    handle: Handle,
    at: datetime,
    *,
    name: str,
    conversation: object,
    profiles: Mapping[str, Author],
    deleted: bool,
) -> Heard:
    native_id = key_in(body, f"{name}.id")
    try:
        matching(body, f"{name}.id", KEY)
        if not isinstance(conversation, str) or not KEY.fullmatch(conversation):
            return unreadable(body, handle, "convoId", native_id=native_id)
        did = matching(body, f"{name}.sender.did", DID)
        author = profiles.get(did, Author(author_id=did))
        if is_ours(author, handle):
            return Skipped(network=NETWORK, native_id=native_id, reason=OWN_POST)
        kind = look(body, f"{name}.$type")
        gone = deleted or (isinstance(kind, str) and kind.endswith("#deletedMessageView"))
        sent_at = instant_in(look(body, f"{name}.sentAt"))
        if not sent_at:
            return unreadable(body, handle, f"{name}.sentAt", native_id=native_id)
        return Item(
            network=NETWORK,
            native_id=native_id,
            account=handle.account,
            handle=handle.handle,
            conversation_id=conversation,
            author=author,
            created_at=min(sent_at, at),
            kind=Kind.MESSAGE,
            text="" if gone else plain(need(body, f"{name}.text")),
            change=Change.DELETED if gone else Change.SAID,
            version=1 if gone else 0,
            visibility=Visibility.PRIVATE,
            addressed=(handle.handle,),
            attachments=() if gone else facets_in(look(body, f"{name}.facets"))[1],
            answer_needs=MappingProxyType({"convo_id": conversation}),
        )
    except Missing as missing:
        return unreadable(body, handle, missing.field, native_id=native_id)


def _feed_entry(body: object, handle: Handle, at: datetime) -> Heard:
    return post(look(body, "post"), handle, at)


def _record(body: object, handle: Handle, at: datetime) -> Heard:
    return post(body, handle, at, record="value")


def _conversation(body: object, handle: Handle, at: datetime) -> Heard:
    return last_message(look(body, "convo"), handle, at)


def _lone_message(body: object, handle: Handle, at: datetime) -> Heard:
    del handle, at
    return Skipped(network=NETWORK, native_id=key_in(body, "id"), reason=NO_CONVERSATION)


def _not_a_post(body: object, handle: Handle, at: datetime) -> Heard:
    del handle, at
    return Skipped(network=NETWORK, native_id=uri_in(body), reason=NOT_A_POST)


_Turn = Callable[[object, Handle, datetime], Heard]
_LISTS: Mapping[str, _Turn] = {
    "notifications": notification,
    "posts": found_post,
    "feed": _feed_entry,
    "records": _record,
    "logs": chat_event,
    "convos": last_message,
    "messages": _lone_message,
}
_SINGLE: Mapping[str, _Turn] = {
    "convo": _conversation,
    "post": _feed_entry,
    "value": _record,
    "sentAt": _lone_message,
    "$type": _not_a_post,
}
"""What a lone object is, by the first of these fields that it has."""

_WITHOUT_POSTS = frozenset(
    (
        "did",
        "handle",
        "handles",
        "profiles",
        "commit",
        "blob",
        "error",
        "accessJwt",
        "count",
        "priority",
        "preferences",
        "issuer",
        "client_id",
        "id",
    )
)
"""Fields of answers in which nobody speaks: sessions, profiles, receipts, errors, documents of servers."""


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every post and message in a recorded answer; `Malformed` when it is not Bluesky's at all."""
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(NETWORK, "the body is not JSON", handle=handle.handle) from None
    if not isinstance(answer, dict):
        raise Malformed(NETWORK, "the body is not a JSON object", handle=handle.handle)
    lists = [(turn, entries(answer, name)) for name, turn in _LISTS.items() if name in answer]
    single = next((turn for name, turn in _SINGLE.items() if name in answer), None)
    if "thread" in answer:
        return tuple(thread(answer["thread"], handle, at))
    if not lists and single:
        return (single(answer, handle, at),)
    if not lists and not _WITHOUT_POSTS & answer.keys():
        raise Malformed(NETWORK, "the body has no field that we know of Bluesky", handle=handle.handle)
    heard: list[Heard] = []
    for each in (turn(body, handle, at) for turn, found in lists for body in found):
        if each not in heard:  # a mention that is also a reply comes twice
            heard.append(each)
    return tuple(heard)
