"""Telegram's updates in our terms: one pure function per shape; foreign JSON stops here.

Message ids count up per bot in private chats and small groups and per chat elsewhere, so a native id names
the bot (or the business connection) where two bots could meet: `<bot or connection>:<chat>:<message>`, and
`<chat>:<message>` in supergroups and channels, where two bots that hear one message shall meet.
What each kind of update and each field of a message means to us stands in `_telegram.kinds`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import plain
from allhours.networks._telegram import kinds
from allhours.networks._telegram.fields import (
    NETWORK,
    WrongError,
    an_object,
    frozen,
    id_in,
    instant_in,
    is_whole,
    marked,
    named_author,
    native_id_of,
    object_in,
    optional_text,
    permalink,
    text_in,
    topic_of,
    visibility_of,
)
from allhours.networks.contract import LONGEST_ADDRESS, MOST_LISTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle

_TYPES = ("private", "group", "supergroup", "channel")
_ADDRESS = re.compile(r"https://[^\s\x00-\x1f\x7f\ud800-\udfff]+")
_COMMAND = re.compile(r"/(?:start|privacy)(?:@\w+)?(?:\s.*)?", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we listen: our handle and the instant of hearing."""

    handle: Handle
    at: datetime

    @property
    def bot(self) -> str:
        """Return the bot's id."""
        return self.handle.native_id or self.handle.handle.lstrip("@")

    def is_ours(self, author_id: int) -> bool:
        """Return whether the bot, one of our own chats or one of our own people said it."""
        own = self.handle.settings.get("own", "")
        return str(author_id) == self.handle.native_id or str(author_id) in own.replace(",", " ").split()


def decoded(body: bytes) -> object:
    """Return the JSON in `body`; `Malformed` when it is none."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(NETWORK, "the body is no JSON") from None
    return value


def updates(told: object) -> Sequence[object]:
    """Return the updates in a webhook's body or an answer of the Bot API; `Malformed` for anything else."""
    if isinstance(told, dict) and "ok" in told:
        result = told.get("result")
        if isinstance(result, list):
            return result
        return [{"update_id": 0, "message": result}] if _is_message(result) else []
    if isinstance(told, dict) and ("update_id" in told or told.keys() & kinds.KINDS.keys()):
        return [told]
    if isinstance(told, list):
        return told
    raise Malformed(NETWORK, "neither an update nor an answer of the Bot API")


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and "message_id" in value


def update(value: object, place: Place) -> Iterator[Heard]:
    """Yield what one update says; it carries one kind, and whatever else it carries is named too."""
    if not isinstance(value, dict):
        yield _unreadable(place, "", "update")
        return
    name = f"update {value['update_id']}" if is_whole(value.get("update_id")) else "update"
    told = {kind: body for kind, body in value.items() if kind != "update_id" and body is not None}
    if not told:
        yield _skipped(name, kinds.OTHER_KIND)
    for kind, body in told.items():
        if kind in kinds.MESSAGES:
            yield message(body, place, edited=kind.startswith("edited_"))
        elif kind == "deleted_business_messages":
            yield from _deleted(body, place)
        elif kind == "my_chat_member":
            yield _skipped(name, _membership(body))
        elif kind == "business_connection":
            yield _skipped(name, _business(body))
        else:
            yield _skipped(name, kinds.KINDS.get(kind, kinds.OTHER_KIND))


def message(value: object, place: Place, *, edited: bool = False) -> Heard:
    """Return what one message says, be it of a private chat, a group, a channel or a business account."""
    native_id = ""
    try:
        native_id = _native_id(value, place)
        return _message(an_object(value), place, native_id, edited=edited)
    except WrongError as wrong:
        return _unreadable(place, native_id, wrong.field)


def _message(value: Mapping[str, Any], place: Place, native_id: str, *, edited: bool) -> Heard:
    chat, connection = object_in(value, "chat"), optional_text(value, "business_connection_id")
    private = visibility_of(chat) is Visibility.PRIVATE
    author = _author(value)
    if reason := _not_theirs(value, chat, author, place):
        return _skipped(native_id, reason)
    text, entities = _words(value)
    if _COMMAND.fullmatch(text.strip()):
        return _skipped(native_id, kinds.COMMAND)
    attached = [name for name in kinds.ATTACHED if value.get(name) is not None]
    if not text.strip() and not attached:
        return _skipped(native_id, _wordless(value))
    replied = value.get("reply_to_message")
    parent = replied if _is_message(replied) and isinstance(replied, dict) else {}
    named = _named(text, entities, place)
    version = instant_in(value, "edit_date") if value.get("edit_date") is not None else None
    if edited and version is None:
        raise WrongError("edit_date")
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=_conversation(value, chat, place, author),
        author=author,
        created_at=min(instant_in(value, "date"), place.at),
        kind=_kind(private=private, parent=bool(parent), named=named, author=author, chat=chat),
        text=plain(text),
        change=Change.EDITED if edited else Change.SAID,
        version=int(version.timestamp()) if version else 0,
        visibility=visibility_of(chat),
        parent_id=_parent(parent, chat, connection, place),
        permalink=permalink(chat, value["message_id"]),
        addressed=(place.handle.handle,) if named else (),
        attachments=(*(f"telegram:{name}" for name in attached), *_links(entities))[:MOST_LISTED],
        answer_needs=_needs(value, chat, connection),
    )


def _deleted(value: object, place: Place) -> Iterator[Heard]:
    """Yield a deletion for each message that a customer, or the bank's own account, took back."""
    try:
        body = an_object(value, "deleted_business_messages")
        connection, chat = text_in(body, "business_connection_id"), object_in(body, "chat")
        chat_id = id_in(chat, "id")
    except WrongError as wrong:
        yield _unreadable(place, "", wrong.field)
        return
    gone = body.get("message_ids")
    for each in gone if isinstance(gone, list) else [None]:
        if not is_whole(each):
            yield _unreadable(place, "", "message_ids")
            continue
        yield Item(
            network=NETWORK,
            native_id=f"{connection}:{chat_id}:{each}",
            account=place.handle.account,
            handle=place.handle.handle,
            conversation_id=f"{connection}:{chat_id}",
            author=named_author(chat, chat_id),
            created_at=place.at,
            kind=Kind.MESSAGE,
            change=Change.DELETED,
            version=int(place.at.timestamp()),
            visibility=Visibility.PRIVATE,
            answer_needs=frozen(chat_id=str(chat_id), business_connection_id=connection),
        )


# What is none of our business


def _not_theirs(value: Mapping[str, Any], chat: Mapping[str, Any], author: Author, place: Place) -> str:
    """Return why a message is not a customer's, or nothing."""
    sender = an_object(value.get("from") or {}, "from")
    by = int(author.author_id)
    ours = place.is_ours(by)
    if optional_text(value, "business_connection_id") and chat.get("type") == "private":
        ours = (
            ours or by != chat["id"]
        )  # in a business chat who is not the customer is the bank's own account
    if ours or value.get("sender_business_bot") is not None:
        return kinds.OWN_POST
    if value.get("is_automatic_forward") is True:
        return kinds.FORWARDED
    if sender.get("is_bot") is True and value.get("sender_chat") is None:
        return kinds.OTHER_BOT
    if value.get("migrate_to_chat_id") is not None:
        return kinds.MOVED
    return ""


def _wordless(value: Mapping[str, Any]) -> str:
    if any(value.get(name) is not None for name in kinds.WORDLESS):
        return kinds.NO_WORDS
    if any(value.get(name) is not None for name in kinds.SERVICE):
        return kinds.SERVICE_MESSAGE
    return kinds.OTHER_MESSAGE


def _membership(value: object) -> str:
    """Return what became of the bot in a chat; to be thrown out of a group is for a person to look at."""
    body = value if isinstance(value, dict) else {}
    chat, now = body.get("chat"), body.get("new_chat_member")
    status = now.get("status") if isinstance(now, dict) else None
    private = isinstance(chat, dict) and chat.get("type") == "private"
    if private:
        return kinds.BLOCKED if status == "kicked" else kinds.OPENED
    return kinds.THROWN_OUT if status in ("kicked", "left") else kinds.JOINED


def _business(value: object) -> str:
    """Return what became of a business connection; one that may not answer is for a person to mend."""
    body = value if isinstance(value, dict) else {}
    rights = body.get("rights")
    may = body.get("is_enabled") is True and isinstance(rights, dict) and rights.get("can_reply") is True
    return kinds.BUSINESS if may else kinds.BUSINESS_CUT


# Parts of a message


def _author(value: Mapping[str, Any]) -> Author:
    """Return who said it: a chat that speaks for itself, a person, or the channel it stands in."""
    for name in ("sender_chat", "from"):
        if value.get(name) is not None:
            sender = object_in(value, name)
            return named_author(sender, id_in(sender, "id", f"{name}.id"))
    chat = object_in(value, "chat")
    if chat.get("type") == "channel":
        return named_author(chat, id_in(chat, "id", "chat.id"))
    raise WrongError("from")


def _words(value: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the words, which stand in `text` or in `caption`, and what is marked in them."""
    name, marks = ("text", "entities") if value.get("text") is not None else ("caption", "caption_entities")
    text, entities = value.get(name, ""), value.get(marks)
    if text is None:
        text = ""
    if not isinstance(text, str):
        raise WrongError(name)
    rows = entities if isinstance(entities, list) else []
    return text, [each for each in rows if isinstance(each, dict)]


def _named(text: str, entities: list[Mapping[str, Any]], place: Place) -> bool:
    """Return whether the message names our bot."""
    ours = place.handle.handle.lstrip("@").lower()
    for entity in entities:
        user = entity.get("user")
        if isinstance(user, dict) and str(user.get("id")) == place.handle.native_id:
            return True
        name = marked(text, entity).lower()
        if entity.get("type") in ("mention", "bot_command") and name.partition("@")[2] == ours:
            return True
    return False


def _links(entities: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the addresses that hide behind words."""
    for entity in entities:
        url = entity.get("url")
        if isinstance(url, str) and len(url) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(url):
            yield url


def _kind(*, private: bool, parent: bool, named: bool, author: Author, chat: Mapping[str, Any]) -> Kind:
    if private:
        return Kind.MESSAGE
    if parent:
        return Kind.REPLY
    if named:
        return Kind.MENTION
    return Kind.POST if author.author_id == str(chat["id"]) else Kind.COMMENT


def _conversation(value: Mapping[str, Any], chat: Mapping[str, Any], place: Place, author: Author) -> str:
    """Return a private chat, or what one person says in one topic of a group: nobody shares a case."""
    topic = topic_of(value)
    if chat.get("is_direct_messages") is True:
        return f"{chat['id']}:{topic or author.author_id}"
    if visibility_of(chat) is Visibility.PRIVATE:
        return f"{optional_text(value, 'business_connection_id') or place.bot}:{chat['id']}"
    return f"{chat['id']}{'/' + topic if topic else ''}:{author.author_id}"


def _needs(value: Mapping[str, Any], chat: Mapping[str, Any], connection: str) -> Mapping[str, str]:
    album = value.get("media_group_id")
    return frozen(
        chat_id=str(chat["id"]),
        chat_type=next((known for known in _TYPES if known == chat.get("type")), ""),
        message_id=str(value["message_id"]),
        business_connection_id=connection,
        topic=topic_of(value),
        direct="true" if chat.get("is_direct_messages") is True else "",
        album=album if isinstance(album, str) and re.fullmatch(r"[\w-]{1,64}", album, re.ASCII) else "",
    )


def _parent(parent: Mapping[str, Any], chat: Mapping[str, Any], connection: str, place: Place) -> str:
    """Return the native id of the message that this one answers, which stands in the same chat."""
    if not is_whole(parent.get("message_id")):
        return ""
    return native_id_of(place.bot, connection, chat, parent["message_id"])


def _native_id(value: object, place: Place) -> str:
    body = an_object(value)
    chat = object_in(body, "chat")
    id_in(chat, "id", "chat.id")
    connection = optional_text(body, "business_connection_id")
    return native_id_of(place.bot, connection, chat, id_in(body, "message_id"))


def _unreadable(place: Place, native_id: str, field: str) -> Unreadable:
    return Unreadable(
        network=NETWORK,
        handle=place.handle.handle,
        native_id=native_id,
        field=field,
        detail="missing, or not what the Bot API documents",
    )


def _skipped(native_id: str, reason: str) -> Skipped:
    return Skipped(network=NETWORK, native_id=native_id, reason=reason)
