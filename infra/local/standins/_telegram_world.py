"""The world behind the Telegram on loopback: one bot, its chats, and what customers say in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from infra.local.standins.base import Shown, StandIn, now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle

LONGEST_BOT = 10  # digits of a bot's id; a longer one would make ids of more than 52 bits


@dataclass(kw_only=True)
class Said:
    """One message of a customer."""

    native_id: str
    author: str
    text: str
    chat: dict[str, Any]
    message_id: int
    date: int
    connection: str = ""
    deleted: bool = False


class TelegramWorld(StandIn):
    """Chats, people and updates; what the Bot API answers is the stand-in's."""

    private_sayable = True

    def __init__(self, port: int = 0, *, bot_id: int = 7_000_001, username: str = "acmebank_bot") -> None:
        """Make a world of one bot; ids of other bots' worlds never meet."""
        super().__init__(port)
        self.bot_id, self.username = bot_id, username
        self._base = bot_id * 10_000
        self.group: dict[str, Any] = {"id": -1_000_000_000_000 - bot_id, "type": "supergroup"}
        self.group |= {"title": "Acme customers", "username": f"acme{bot_id}"}
        self.small_group: dict[str, Any] = {"id": -self._base - 1, "type": "group", "title": "Acme pilots"}
        self.connection = f"bc{bot_id}"
        self.owner_id = self._base + 9_000
        self.can_reply = True
        self.privacy_mode = True
        self.moved: dict[int, int] = {}
        self.opened: set[int] = set()
        self.blocked: set[int] = set()
        self.waiting: list[dict[str, Any]] = []
        self.webhook: dict[str, Any] = {}
        self.last_error: tuple[int, str] | None = None
        self.clock = now
        self._update_id, self._message_id = 329_421_000, 100
        self._said: dict[str, Said] = {}
        self._people: dict[str, int] = {}
        self._sent: dict[tuple[int, int], tuple[Shown, datetime]] = {}
        self._tokens, self._calls = 1, 0

    @classmethod
    def playing(cls, handle: Handle, *, port: int = 0, place: int = 0) -> Self:
        """Return the bot that the handle names."""
        known = handle.native_id.isdigit() and len(handle.native_id) <= LONGEST_BOT
        bot_id = int(handle.native_id) if known else 7_000_001 + place
        bot = cls(port, bot_id=bot_id, username=handle.handle.lstrip("@") or "acmebank_bot")
        bot.polled = handle.settings.get("updates") == "poll"
        return bot

    @property
    def token(self) -> str:
        """Return the bot's token as @BotFather gave it last."""
        return f"{self.bot_id}:standin-token-{self._tokens}"

    @property
    def secret(self) -> Mapping[str, str]:
        """Return the fields of the handle's secret."""
        return {"bot_token": self.token}

    @property
    def app_secret(self) -> Mapping[str, str]:
        """Return the fields of the app's secret."""
        return {"webhook_secret": "loopback-webhook-secret-0123456789"}

    @property
    def handle_settings(self) -> Mapping[str, Any]:
        """Return what the organisation file says of the handle."""
        settings = {"business": self.connection} | ({"updates": "poll"} if self.polled else {})
        return {
            "handle": f"@{self.username}",
            "base_url": self.base_url,
            "native_id": str(self.bot_id),
            "settings": settings,
        }

    # Customers

    @property
    def posts(self) -> Sequence[Said]:
        """List what customers said."""
        return tuple(self._said.values())

    def person(self, author: str) -> int:
        """Return the id of a customer."""
        return self._people.setdefault(author, self._base + len(self._people) + 1)

    def speak(self, author: str, text: str, *, reply_to: str = "", private: bool = False) -> str:
        """Let a customer write to the bot, or name it in the group."""
        if private:
            return self.say(author, text, reply_to=reply_to)
        named = text if f"@{self.username}" in text else f"@{self.username} {text}"
        return self.say(author, named, chat=self.group, reply_to=reply_to)

    def say(
        self,
        author: str,
        text: str,
        *,
        chat: Mapping[str, Any] | None = None,
        business: bool = False,
        reply_to: str = "",
        **more: object,
    ) -> str:
        """Let a customer say something in a chat, or else in private to the bot or the business account."""
        with self.lock:
            person = self.person(author)
            if chat is None:
                chat = {"id": person, "type": "private", "first_name": author.title()}
                self.opened.add(person)
            connection = self.connection if business else ""
            said = Said(
                native_id="",
                author=author,
                text=text,
                chat=dict(chat),
                message_id=self._count(),
                date=int(self.clock().timestamp()),
                connection=connection,
            )
            said.native_id = self.native_id(said.chat, said.message_id, connection)
            self._said[said.native_id] = said
            self._tell("business_message" if business else "message", self._message(said, reply_to) | more)
            return said.native_id

    def edit(self, native_id: str, text: str) -> None:
        """Let the author change a message."""
        with self.lock:
            said = self._said[native_id]
            said.text = text
            kind = "edited_business_message" if said.connection else "edited_message"
            self._tell(kind, self._message(said) | {"edit_date": int(self.clock().timestamp())})

    def delete(self, native_id: str) -> None:
        """Let the author delete a message; Telegram tells that of business chats only."""
        with self.lock:
            said = self._said[native_id]
            said.deleted = True
            if said.connection:
                gone = {"business_connection_id": said.connection, "chat": said.chat}
                self._tell("deleted_business_messages", gone | {"message_ids": [said.message_id]})

    def block(self, author: str) -> None:
        """Let a customer block the bot."""
        with self.lock:
            person = self.person(author)
            self.blocked.add(person)
            who = {"id": person, "is_bot": False, "first_name": author.title()}
            change = {"chat": {"id": person, "type": "private"}, "from": who, "date": 1}
            bot = {"user": self._bot()}
            change |= {"old_chat_member": bot | {"status": "member"}}
            self._tell("my_chat_member", change | {"new_chat_member": bot | {"status": "kicked"}})

    def brand_says(self, text: str, *, reply_to: str = "") -> str:
        """Write as the bank's own account, by hand, in a business chat."""
        with self.lock:
            customer = self.person("walk-in")
            chat = {"id": customer, "type": "private", "first_name": "Walk-In"}
            said = Said(
                native_id="",
                author="",
                text=text,
                chat=chat,
                message_id=self._count(),
                date=int(now().timestamp()),
            )
            said.connection = self.connection
            own = {"id": self.owner_id, "is_bot": False, "first_name": "Acme Bank"}
            self._tell("business_message", self._message(said, reply_to) | {"from": own})
            return self.native_id(chat, said.message_id, self.connection)

    def native_id(self, chat: Mapping[str, Any], message_id: int, connection: str = "") -> str:
        """Return how we call a message."""
        shared = chat["type"] in {"supergroup", "channel"}
        return (
            f"{chat['id']}:{message_id}"
            if shared
            else f"{connection or self.bot_id}:{chat['id']}:{message_id}"
        )

    # Updates

    def _tell(self, kind: str, body: Mapping[str, Any]) -> None:
        allowed = self.webhook.get("allowed_updates")
        if allowed and kind not in allowed:
            return
        self._update_id += 1
        update = {"update_id": self._update_id, kind: dict(body)}
        if self.pushes:
            self.pushes.push(update)
        else:
            self.waiting.append(update)

    def _message(self, said: Said, reply_to: str = "") -> dict[str, Any]:
        author = said.author or "acme"
        message: dict[str, Any] = {"message_id": said.message_id, "date": said.date, "chat": said.chat}
        who = {
            "id": self.person(author),
            "is_bot": False,
            "first_name": author.title(),
            "language_code": "es",
        }
        message |= {"from": who, "text": said.text}
        if said.connection:
            message["business_connection_id"] = said.connection
        start = said.text.find(f"@{self.username}")
        if start >= 0:
            offset = len(said.text[:start].encode("utf-16-le")) // 2
            message["entities"] = [{"type": "mention", "offset": offset, "length": len(self.username) + 1}]
        if reply_to:
            parent = int(reply_to.rpartition(":")[2])
            message["reply_to_message"] = {"message_id": parent, "date": said.date, "chat": said.chat}
        return message

    def _count(self) -> int:
        self._message_id += 1
        return self._message_id

    def _bot(self) -> dict[str, Any]:
        return {"id": self.bot_id, "is_bot": True, "first_name": "Acme", "username": self.username}
