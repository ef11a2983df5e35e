"""The fields of Telegram's JSON: each is what the Bot API documents, or `WrongError` names it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Author, Visibility
from allhours.domain.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

NETWORK = "telegram"
SHARED_COUNT = ("supergroup", "channel")  # one count of messages for everybody in the chat
_ID_LIMIT = 1 << 52  # ids have at most 52 significant bits (core.telegram.org/bots/api#chat)
_LAST_SECOND = 253_402_300_799  # the year 9999


class WrongError(Exception):
    """Say which field is missing or mistyped; it never leaves this file."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def an_object(value: object, name: str = "message") -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WrongError(name)
    return value


def object_in(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return an_object(value.get(name), name)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _ID_LIMIT


def id_in(value: Mapping[str, Any], name: str, field: str = "") -> int:
    number = value.get(name)
    if not isinstance(number, int) or not is_whole(number):
        raise WrongError(field or name)
    return number


def text_in(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not re.fullmatch(r"[\w:=+-]{1,200}", text, re.ASCII):
        raise WrongError(name)
    return text


def optional_text(value: Mapping[str, Any], name: str) -> str:
    return text_in(value, name) if value.get(name) is not None else ""


def instant_in(value: Mapping[str, Any], name: str) -> datetime:
    seconds = value.get(name)
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < _LAST_SECOND:
        raise WrongError(name)
    return datetime.fromtimestamp(seconds, UTC)


def named_author(sender: Mapping[str, Any], sender_id: int) -> Author:
    names = [sender.get("title"), sender.get("first_name"), sender.get("last_name")]
    name = plain(" ".join(each for each in names if isinstance(each, str)), limit=200)
    username = sender.get("username")
    handle = f"@{username}" if isinstance(username, str) and re.fullmatch(r"\w{1,64}", username) else ""
    return Author(author_id=str(sender_id), handle=handle, name=name)


def marked(text: str, entity: Mapping[str, Any]) -> str:
    """Return the words that an entity marks: its offset and length count UTF-16 code units."""
    start, length = entity.get("offset"), entity.get("length")
    if not isinstance(start, int) or not isinstance(length, int) or min(start, length) < 0:
        return ""
    units = text.encode("utf-16-le", "surrogatepass")
    return units[2 * start : 2 * (start + length)].decode("utf-16-le", "replace")


def visibility_of(chat: Mapping[str, Any]) -> Visibility:
    """Return who can read it; a chat of a kind that we do not know is treated as private."""
    if chat.get("is_direct_messages") is True or chat.get("type") not in ("group", *SHARED_COUNT):
        return Visibility.PRIVATE
    return Visibility.PUBLIC if username_of(chat) else Visibility.FOLLOWERS


def native_id_of(bot: str, connection: str, chat: Mapping[str, Any], message_id: int) -> str:
    """Return a message's id across bots (see the top of this file)."""
    counts = "" if chat.get("type") in SHARED_COUNT else f"{connection or bot}:"
    return f"{counts}{chat['id']}:{message_id}"


def permalink(chat: Mapping[str, Any], message_id: int) -> str:
    """Return where members, or everybody, can read it; private chats and small groups have no address."""
    if username := username_of(chat):
        return f"https://t.me/{username}/{message_id}"
    inner = str(chat["id"]).removeprefix("-100")
    shared = chat.get("type") in SHARED_COUNT and inner != str(chat["id"])
    return f"https://t.me/c/{inner}/{message_id}" if shared else ""


def username_of(chat: Mapping[str, Any]) -> str:
    name = chat.get("username")
    if chat.get("type") not in SHARED_COUNT or not isinstance(name, str):
        return ""
    return name if re.fullmatch(r"\w{1,64}", name, re.ASCII) else ""


def topic_of(value: Mapping[str, Any]) -> str:
    direct = value.get("direct_messages_topic")
    if isinstance(direct, dict) and is_whole(direct.get("topic_id")):
        return str(direct["topic_id"])
    thread = value.get("message_thread_id")
    return str(thread) if value.get("is_topic_message") is True and is_whole(thread) else ""


def frozen(**needs: str) -> Mapping[str, str]:
    return MappingProxyType({name: value for name, value in needs.items() if value})
