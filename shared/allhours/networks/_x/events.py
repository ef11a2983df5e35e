"""X's direct messages and activity events in our terms, and any recorded answer by its shape.

Written from docs.x.com/x-api/activity (event payloads) and x-api/direct-messages. Polled messages have X's
new shape, pushed ones kept that of version 1.1. Reasons for leaving something alone: those of `_x.posts`, and

* `ENCRYPTED`: an XChat message, which only X's own apps can read.
* `MEMBERSHIP`: somebody joined or left a group conversation.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from allhours.domain.errors import Malformed
from allhours.domain.item import (
    UNKNOWN_AUDIENCE,
    Change,
    Heard,
    Item,
    Kind,
    Skipped,
    Unreadable,
    Visibility,
)
from allhours.domain.plain_text import plain
from allhours.networks._x.posts import (
    GONE,
    NAME,
    NOT_A_POST,
    OWN_POST,
    FieldError,
    Json,
    attachments_of,
    author_of,
    created_at_of,
    entries_of,
    gone_ids,
    hear_post,
    id_of,
    includes_of,
    is_id,
    is_ours,
    object_of,
    snowflake,
    text_of,
    told_by_id,
    unescaped,
    unreadable_if_wrong,
    unwrapped,
    users_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.handle import Handle
    from allhours.domain.item import Author

ENCRYPTED = "encrypted message"
MEMBERSHIP = "joined or left a conversation"

_POST_EVENTS = (
    "post.create",
    "post.mention.create",
    "post.reply.create",
    "post.quote.create",
    "post.repost.create",
)
_NO_POST = {"chat.received": ENCRYPTED, "chat.sent": ENCRYPTED, "chat.conversation_join": MEMBERSHIP}
_NO_POST_KINDS = (
    "profile.",
    "follow.",
    "like.",
    "mute.",
    "block.",
    "spaces.",
    "news.",
    "dm.read",
    "dm.indicate",
)
_MARKS_OF_OTHERS = ("username", "upload_url", "deleted", "hidden", "dm_event_id")  # each stands in no post
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def hear_message(value: object, handle: Handle, at: datetime, *, users: Mapping[str, Author]) -> Heard:
    """Return what one event of `GET /2/dm_events` is to us."""
    return unreadable_if_wrong(value, handle, lambda event: _message(event, handle, at, users))


def hear_event(document: Json, handles: Sequence[Handle], at: datetime) -> tuple[Heard, ...]:
    """Return everything in one event; it is heard by the handle that its filter names, else by the first."""
    event = unwrapped(document)
    kind = event.get("event_type")
    condition = event.get("filter")
    user_id = cast("Json", condition).get("user_id") if isinstance(condition, dict) else None
    handle = next((each for each in handles if each.native_id and each.native_id == user_id), *handles[:1])
    payload = unwrapped(event.get("payload"))
    if kind in _POST_EVENTS:
        quotes_us = kind == "post.quote.create"
        users = includes_of(event)
        heard = hear_post(payload, handle, at, users=users, ours=handles, quotes_us=quotes_us)
        return (replace(heard, audience=_audience_of(heard, event)) if isinstance(heard, Item) else heard,)
    if kind == "post.delete":
        return (unreadable_if_wrong(payload, handle, lambda post: _deletion(post, handle, handles, at)),)
    if kind in ("dm.received", "dm.sent"):
        return _messages(payload, handle, at)
    return (_without_post(event, handle),)


def _audience_of(item: Item, event: Json) -> int:
    """Return how many followers the author has, where the event brings it along."""
    includes = event.get("includes")
    users = cast("Json", includes).get("users") if isinstance(includes, dict) else None
    for user in map(unwrapped, users if isinstance(users, list) else ()):
        metrics = user.get("public_metrics")
        count = cast("Json", metrics).get("followers_count") if isinstance(metrics, dict) else None
        if user.get("id") == item.author.author_id and type(count) is int and count >= 0:
            return count
    return UNKNOWN_AUDIENCE


def hear_answer(document: Json, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every post in a recorded answer of any endpoint; `Malformed` when X answers nothing like it."""
    if not document.keys() & {"data", "meta", "errors"} and not {"title", "type"} <= document.keys():
        raise Malformed(NAME, "this is neither an answer nor an event of X", handle=handle.handle)
    users = includes_of(document)
    heard = tuple(
        _any_entry(entry, handle, at, users) for entry in entries_of(document, handle=handle.handle)
    )
    return heard + tuple(Skipped(network=NAME, native_id=gone, reason=GONE) for gone in gone_ids(document))


def _any_entry(entry: object, handle: Handle, at: datetime, users: Mapping[str, Author]) -> Heard:
    fields = unwrapped({"data": entry})
    if "event_type" in fields:
        return hear_message(fields, handle, at, users=users)
    if "text" not in fields and any(mark in fields for mark in _MARKS_OF_OTHERS):
        native_id = fields["id"] if is_id(fields.get("id")) else ""
        return Skipped(network=NAME, native_id=native_id, reason=NOT_A_POST)
    return hear_post(entry, handle, at, users=users)


def _without_post(event: Json, handle: Handle) -> Heard:
    kind = event.get("event_type")
    event_id = (
        event["event_uuid"] if isinstance(event.get("event_uuid"), str) else ""
    )  # a number, at times negative
    if isinstance(kind, str):
        reason = _NO_POST.get(kind) or (NOT_A_POST if kind.startswith(_NO_POST_KINDS) else "")
        if reason:
            return Skipped(network=NAME, native_id=event_id, reason=reason)
    detail = "X told an event that we do not know"
    if kind == "oauth.revoke":
        detail = "somebody withdrew our access to this account: connect it again and store its new tokens"
    return Unreadable(
        network=NAME, handle=handle.handle, native_id=event_id, field="event_type", detail=detail
    )


def _deletion(post: Json, handle: Handle, ours: Sequence[Handle], at: datetime) -> Heard:
    post_id = id_of(post, "id")
    author = author_of(post, "author_id", post_id, {})
    if is_ours(author, ours):
        return Skipped(network=NAME, native_id=post_id, reason=OWN_POST)
    return Item(
        network=NAME,
        native_id=post_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=f"{post_id}:{author.author_id}",
        author=author,
        created_at=min(told_by_id(post_id) or at, at),
        kind=Kind.POST,
        change=Change.DELETED,
        version=snowflake(at),  # later than any edit there can have been
    )


def _message(event: Json, handle: Handle, at: datetime, users: Mapping[str, Author]) -> Heard:
    event_id = id_of(event, "id")
    kind = event.get("event_type")
    if kind in ("ParticipantsJoin", "ParticipantsLeave"):
        return Skipped(network=NAME, native_id=event_id, reason=MEMBERSHIP)
    if kind != "MessageCreate":
        raise FieldError("event_type", "is not one that we know")
    conversation = event.get("dm_conversation_id", f"with-{event_id}")
    if not isinstance(conversation, str) or not all(
        map(is_id, conversation.removeprefix("with-").split("-"))
    ):
        raise FieldError("dm_conversation_id", "is no id of a conversation")
    return _private(
        event,
        handle,
        conversation=conversation,
        author=author_of(event, "sender_id", event_id, users),
        text=text_of(event, "text"),
        said_at=created_at_of(event, at),
        attachments=attachments_of(event),
    )


def _messages(payload: Json, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    events = payload.get("direct_message_events")
    users = users_of(payload.get("users"))
    if not isinstance(events, list):
        detail = "is no list"
        return (
            Unreadable(
                network=NAME, handle=handle.handle, native_id="", field="direct_message_events", detail=detail
            ),
        )
    return tuple(
        unreadable_if_wrong(event, handle, lambda each: _old_message(each, handle, at, users))
        for event in cast("list[object]", events)
    )


def _old_message(event: Json, handle: Handle, at: datetime, users: Mapping[str, Author]) -> Heard:
    event_id = id_of(event, "id")
    if event.get("type") != "message_create":
        return Skipped(network=NAME, native_id=event_id, reason=NOT_A_POST)
    created = object_of(event, "message_create")
    message = object_of(created, "message_data")
    author = author_of(created, "sender_id", event_id, users)
    pair = [id_of(created, "sender_id", otherwise="0"), id_of(object_of(created, "target"), "recipient_id")]
    stamp = int(id_of(event, "created_timestamp"))  # milliseconds, as a text of digits
    last = (at - _EPOCH) // timedelta(milliseconds=1)
    return _private(
        event,
        handle,
        conversation="-".join(sorted(pair, key=int)),
        author=author,
        text=text_of(message, "text"),
        said_at=_EPOCH + timedelta(milliseconds=min(stamp, last)),
        attachments=attachments_of(message),
    )


def _private(
    event: Json,
    handle: Handle,
    *,
    conversation: str,
    author: Author,
    text: str,
    said_at: datetime,
    attachments: tuple[str, ...],
) -> Heard:
    event_id = id_of(event, "id")
    if is_ours(author, (handle,)):
        return Skipped(network=NAME, native_id=event_id, reason=OWN_POST)
    return Item(
        network=NAME,
        native_id=event_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=f"dm:{conversation}",
        author=author,
        created_at=said_at,
        kind=Kind.MESSAGE,
        text=plain(unescaped(text)),
        visibility=Visibility.PRIVATE,
        addressed=(handle.handle,),
        attachments=attachments,
        answer_needs=MappingProxyType(
            {"participant_id": author.author_id, "dm_conversation_id": conversation}
        ),
    )
