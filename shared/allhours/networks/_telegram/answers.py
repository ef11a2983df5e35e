"""Answering on Telegram: one `sendMessage`, and what its refusals mean for the person at the desk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, RateLimited
from allhours.domain.item import Change, Visibility
from allhours.networks._telegram.bot import Bot, described, retry_at, told
from allhours.networks._telegram.fields import NETWORK, native_id_of, permalink
from allhours.networks.answering import judged, post_once, within
from allhours.networks.contract import CannotTell, Cost, DefiniteNo, Length, Permission, Posted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Item
    from allhours.networks.contract import Answer, Credentials
    from allhours.networks.http import Http

LONGEST = 4_096
BUSINESS_WINDOW = timedelta(hours=24)  # after the customer's last message (Bot API, BusinessBotRights)
NO_TOKEN = "the bot's token is not accepted: operations must store a new one; then approve the answer again"  # noqa: S105 - words

_REFUSALS = (
    ("bot was blocked", "the customer has blocked the bot: no answer can reach them here"),
    ("user is deactivated", "the customer's account is gone: no answer can reach them here"),
    (
        "can't initiate conversation",
        "the customer has not opened the bot: ask them in the group to write to it",
    ),
    ("have no rights", "the bot may not write in this chat: its administrator has to allow it"),
    ("not enough rights", "the bot may not write in this chat: its administrator has to allow it"),
    ("bot was kicked", "the bot was removed from this chat: its administrator has to add it again"),
    ("bot is not a member", "the bot is no member of this chat: its administrator has to add it again"),
    ("chat not found", "Telegram knows no such chat any more, or the person never opened the bot"),
    ("peer_id_invalid", "Telegram knows no such chat any more, or the person never opened the bot"),
    (
        "to be replied not found",
        "the message was deleted: read the chat, and write anew if it is still wanted",
    ),
    ("message is too long", "the text is too long for Telegram: make it shorter"),
    ("text is empty", "the text has no visible character"),
    ("topic_closed", "the topic is closed: answer elsewhere, or let an administrator open it"),
    ("business_connection", "the business connection has ended: its owner has to connect the bot again"),
    ("business_peer", "the 24 hours after the customer's last message are over: wait until they write again"),
)
"""What Telegram says, in lower case, and what that means for a clerk."""


class Answers:
    """Answer in groups, in private chats and in a business account's chats; take back within 48 hours."""

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Take the secrets and the line out."""
        self._credentials = credentials
        self._http = http

    def permission(self, handle: Handle, item: Item, *, private: bool, at: datetime) -> Permission:
        """Return whether the bot may answer: never in public what was said in private, nor in a channel."""
        del handle  # every bot may do the same
        if item.change is Change.DELETED:
            return Permission(allowed=False, reason="the customer has deleted the message")
        if item.visibility is not Visibility.PRIVATE:
            return _outside(item, private=private)
        if not private:
            return Permission(
                allowed=False, reason="this was said in private: the answer must be private too"
            )
        if item.answer_needs.get("business_connection_id"):
            return within(
                item.created_at,
                BUSINESS_WINDOW,
                at=at,
                reason="business chat: a bot may answer for 24 hours after the customer wrote",
                over="business chat: the 24 hours are over, answer from the bank's own Telegram account",
            )
        return Permission(allowed=True, reason="private chat with the bot: no time limit")

    def length(self, text: str, item: Item, *, private: bool) -> tuple[Length, ...]:
        """Return the length in UTF-16 code units, the narrower reading of Telegram's `characters`."""
        del item, private
        used = len(text.strip().encode("utf-16-le", "surrogatepass")) // 2
        return (Length(used=used, allowed=LONGEST, unit="characters (an emoji counts as two)", least=1),)

    def cost(self, text: str, item: Item, *, private: bool) -> Cost:
        """Return that it is free."""
        del text, item, private
        return Cost(why="Telegram takes nothing for messages")

    def prepare(self, handle: Handle, answer: Answer, *, at: datetime) -> Answer:
        """Fix the chat it goes to; `DefiniteNo` when a business connection does not let the bot answer."""
        needs = answer.item.answer_needs
        if connection := needs.get("business_connection_id", ""):
            told_of = Bot(self._http, self._credentials, handle, at=at).ask(
                "getBusinessConnection", business_connection_id=connection
            )
            rights = told_of.get("rights") if isinstance(told_of, dict) else None
            enabled = isinstance(told_of, dict) and told_of.get("is_enabled") is True
            if not enabled or not isinstance(rights, dict) or rights.get("can_reply") is not True:
                raise DefiniteNo(
                    NETWORK,
                    "the bank's Telegram account does not let the bot answer: its owner has to turn on"
                    " Telegram Business > Chatbots > Reply to messages",
                    handle=handle.handle,
                )
        moves = answer.private and answer.item.visibility is not Visibility.PRIVATE
        chat = answer.item.author.author_id if moves else _moved(handle, needs.get("chat_id", ""))
        return replace(
            answer, fixed=MappingProxyType({"chat_id": chat, "chat_type": _type(answer, moves=moves)})
        )

    def send(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted:
        """Send the message once, as plain text; there is no key, so a doubt stays a doubt."""
        bot = Bot(self._http, self._credentials, handle, at=at)
        try:
            body = _body(answer)
        except ValueError:
            raise DefiniteNo(NETWORK, "the item names no chat to answer in", handle=handle.handle) from None
        reply = post_once(
            self._http,
            NETWORK,
            "POST",
            bot.address("sendMessage"),
            handle=handle.handle,
            at=at,
            json_body=body,
        )
        result = told(reply)
        if reply.status == 429:  # noqa: PLR2004 - Too Many Requests; the time stands in the body
            raise DefiniteNo(
                NETWORK, "too many messages for now", handle=handle.handle, again_at=retry_at(result, at)
            )
        words = {400: _why(result), 403: _why(result), 401: NO_TOKEN, 404: NO_TOKEN}
        judged(reply, NETWORK, handle=handle.handle, at=at, words=words)
        sent = result.get("result")
        message_id = sent.get("message_id") if isinstance(sent, dict) else None
        if result.get("ok") is not True or not isinstance(message_id, int):
            raise Malformed(
                NETWORK, "an answer without message_id", handle=handle.handle, field="result.message_id"
            )
        return _posted(handle, answer, sent, message_id)

    def find(self, handle: Handle, answer: Answer, *, at: datetime) -> Posted | None:
        """Raise `CannotTell`: a bot cannot read what it has sent."""
        del at
        raise CannotTell(
            NETWORK,
            f"a bot cannot read its own messages: look into the chat for answer {answer.reply_id}",
            handle=handle.handle,
        )

    def withdraw(self, handle: Handle, posted: Posted, *, at: datetime) -> None:
        """Delete our message; Telegram allows that for 48 hours."""
        counts, chat, message = (["", *posted.native_id.rsplit(":", 2)])[-3:]
        bot = Bot(self._http, self._credentials, handle, at=at)
        method = "deleteMessage"
        body: dict[str, object] = {"chat_id": int(chat), "message_id": int(message)}
        if counts and counts != handle.native_id:
            method = "deleteBusinessMessages"
            body = {"business_connection_id": counts, "message_ids": [int(message)]}
        reply = self._http.call(NETWORK, "POST", bot.address(method), handle=handle.handle, json_body=body)
        result = told(reply)
        if "to delete not found" in described(result):
            return
        if reply.status == 429:  # noqa: PLR2004 - as above
            raise RateLimited(
                NETWORK, "too many requests", handle=handle.handle, retry_at=retry_at(result, at)
            )
        late = (
            "Telegram does not let the bot delete it: it is older than 48 hours, or the bot lacks the right"
        )
        words = {400: late, 403: _why(result), 401: NO_TOKEN, 404: NO_TOKEN}
        judged(reply, NETWORK, handle=handle.handle, at=at, words=words)
        if result.get("ok") is not True:
            raise Malformed(NETWORK, "deletion not confirmed", handle=handle.handle, field="ok")


def _outside(item: Item, *, private: bool) -> Permission:
    """Return whether something said in a group or channel may be answered."""
    of_person = not item.author.author_id.startswith("-")
    if private and not of_person:
        reason = "it was said by a chat, not by a person: there is nobody to write to in private"
        return Permission(allowed=False, reason=reason)
    if private:
        reason = "works only if the person has opened the bot; Telegram says so at once if not"
        return Permission(allowed=True, reason=reason)
    if item.answer_needs.get("chat_type") == "channel":
        reason = "an answer in a channel would be a new post to all its subscribers"
        return Permission(allowed=False, reason=reason)
    return Permission(allowed=True, reason="a reply in the group")


def _type(answer: Answer, *, moves: bool) -> str:
    return "private" if moves else answer.item.answer_needs.get("chat_type", "")


def _moved(handle: Handle, chat: str) -> str:
    """Return a chat's new id where `settings.moved` names one (`-4001>-1001234567890, …`)."""
    pairs = (pair.partition(">") for pair in handle.settings.get("moved", "").replace(",", " ").split())
    return {old: new for old, _, new in pairs}.get(chat, chat)


def _body(answer: Answer) -> Mapping[str, object]:
    """Return what `sendMessage` takes; `ValueError` when the item names no chat."""
    needs, chat = answer.item.answer_needs, answer.fixed.get("chat_id", "")
    body: dict[str, object] = {"chat_id": int(chat), "text": answer.text}
    if answer.private and answer.item.visibility is not Visibility.PRIVATE:
        return body  # in another chat than the question: there is nothing to reply to
    if chat == needs.get("chat_id"):  # a moved group counts its messages anew
        body["reply_parameters"] = {
            "message_id": int(needs["message_id"]),
            "allow_sending_without_reply": True,
        }
    if connection := needs.get("business_connection_id"):
        body["business_connection_id"] = connection
    if topic := needs.get("topic"):
        body["direct_messages_topic_id" if "direct" in needs else "message_thread_id"] = int(topic)
    return body


def _why(result: Mapping[str, object]) -> str:
    parameters = result.get("parameters")
    if isinstance(parameters, dict) and "migrate_to_chat_id" in parameters:
        return (
            "the group has a new id, being a supergroup now: operations must write it into settings.moved"
            f" (…>{parameters['migrate_to_chat_id']}); then approve the answer again"
        )
    words = described(result)
    return next((ours for theirs, ours in _REFUSALS if theirs in words), "Telegram turned the answer down")


def _posted(handle: Handle, answer: Answer, sent: object, message_id: int) -> Posted:
    told_chat = sent.get("chat") if isinstance(sent, dict) else None
    chat = told_chat if isinstance(told_chat, dict) and isinstance(told_chat.get("id"), int) else None
    chat = chat or {"id": int(answer.fixed["chat_id"]), "type": answer.fixed.get("chat_type", "")}
    connection = answer.item.answer_needs.get("business_connection_id", "")
    native_id = native_id_of(handle.native_id, connection, chat, message_id)
    return Posted(native_id=native_id, permalink=permalink(chat, message_id))
