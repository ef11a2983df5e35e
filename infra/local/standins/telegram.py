"""A Telegram on loopback: the Bot API in front of one bot's world, and its webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from infra.local.standins._telegram_world import TelegramWorld
from infra.local.standins.base import Asked, Pusher, Shown, Told, now

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET = 1_000  # calls that a bot may make here; the real one is 30 a second
PORTS = (80, 88, 443, 8443)


class TelegramStandIn(TelegramWorld):
    """The Bot API with state.

    Quirks kept: the token stands in the path, a wrong one is 401 and a malformed one 404; webhook and polling
    exclude each other (409); `getUpdates` with an offset forgets what is below it; no deletion is told but in
    business chats; names are optional; messages of a private chat are counted per bot, those of a supergroup
    per chat; a bot cannot write first (403) nor to who blocked it (403); a blocked customer is told by
    `my_chat_member`; a group that became a supergroup answers 400 with its new id; business chats take an
    answer for 24 hours after the customer's last message; there is no idempotency key, so a repeated
    `sendMessage` is a second message; deletion ends after 48 hours; the webhook's secret token is what the
    last `setWebhook` said; a webhook must use HTTPS on four ports unless it is on loopback.
    """

    name = "telegram"

    def register(self, url: str) -> None:
        """Set the webhook as `allhours connect` would, through the real call."""
        secret, label = self.app_secret["webhook_secret"], f"telegram webhook of {self.bot_id}"
        token = f"{self.bot_id}-{hmac.new(secret.encode(), label.encode(), hashlib.sha256).hexdigest()}"
        with self.lock:
            told = self._set_webhook({"url": url, "secret_token": token})
        if told.status != 200:  # noqa: PLR2004 - OK
            raise ValueError(told.body["description"])

    # The Bot API

    def failed(self, fault: str, asked: Asked) -> Told:
        """Fail as Telegram does; on `sendMessage` a cut or a server error comes after the effect."""
        if fault == "rate_limited":
            return _error(429, "Too Many Requests: retry after 12", retry_after=12)
        if fault in {"expired_token", "refused_token"}:
            return _error(401, "Unauthorized")
        told = self.answer(asked)
        if fault == "server_error":
            return _error(502, "Bad Gateway")
        if fault == "malformed":
            return Told(body=told.raw()[: len(told.raw()) // 2])
        rows = told.body.get("result") if isinstance(told.body, dict) else None
        if isinstance(rows, list):
            told.body["result"] = {"duplicate": [*rows, *rows], "late": []}.get(fault, rows)
        return told

    def answer(self, asked: Asked) -> Told:
        """Answer one method call."""
        _, _, rest = asked.path.partition("/bot")
        token, _, method = rest.partition("/")
        if ":" not in token:
            return _error(404, "Not Found")
        if token != self.token:
            return _error(401, "Unauthorized")
        self._calls += 1
        if self._calls > BUCKET:
            return _error(429, "Too Many Requests: retry after 5", retry_after=5)
        body = json.loads(asked.body) if asked.body else dict(asked.query)
        methods = {
            "getMe": lambda _: _ok(self._bot() | {"can_read_all_group_messages": not self.privacy_mode}),
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": lambda _: _ok(self._webhook_info()),
            "getBusinessConnection": self._business,
            "sendMessage": self._send,
            "deleteMessage": self._take_back,
            "deleteBusinessMessages": self._take_back,
        }
        return methods[method](body) if method in methods else _error(404, "Not Found: method not found")

    def _get_updates(self, body: Mapping[str, Any]) -> Told:
        if self.webhook:
            text = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first"
            return _error(409, text)
        if "offset" in body:
            self.waiting = [each for each in self.waiting if each["update_id"] >= body["offset"]]
        return _ok(self.waiting[: body.get("limit", 100)])

    def _set_webhook(self, body: Mapping[str, Any]) -> Told:
        url = body["url"]
        local = url.startswith(("http://127.0.0.1:", "http://localhost:"))
        if not local and not url.startswith("https://"):
            return _error(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        port = url.split("/")[2].partition(":")[2]
        if not local and port and int(port) not in PORTS:
            text = "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"
            return _error(400, text)
        if self.pushes:
            self.pushes.stop()
        self.webhook, self.polled = dict(body), False
        headers = {"X-Telegram-Bot-Api-Secret-Token": body.get("secret_token", "")}
        self.pushes = Pusher(url, lambda _raw: headers)
        for update in self.waiting:
            self.pushes.push(update)
        self.waiting = []
        return _ok(result=True)

    def _delete_webhook(self, body: Mapping[str, Any]) -> Told:
        del body
        if self.pushes:
            self.pushes.stop()
        self.pushes, self.webhook, self.polled = None, {}, True
        return _ok(result=True)

    def _webhook_info(self) -> dict[str, Any]:
        waiting = len(self.waiting) if not self.pushes or self.pushes.idle else 1
        info = {"url": self.webhook.get("url", ""), "has_custom_certificate": False}
        info["pending_update_count"] = waiting
        if self.webhook.get("allowed_updates"):
            info["allowed_updates"] = self.webhook["allowed_updates"]
        if self.pushes and self.pushes.refused:
            self.last_error = (
                int(now().timestamp()),
                f"Wrong response from the webhook: {self.pushes.refused[-1]}",
            )
        if self.last_error:
            info |= {"last_error_date": self.last_error[0], "last_error_message": self.last_error[1]}
        return info

    def _business(self, body: Mapping[str, Any]) -> Told:
        if body["business_connection_id"] != self.connection:
            return _error(400, "Bad Request: BUSINESS_CONNECTION_INVALID")
        owner = {"id": self.owner_id, "is_bot": False, "first_name": "Acme Bank"}
        connection = {"id": self.connection, "user": owner, "user_chat_id": self.owner_id, "date": 1}
        return _ok(connection | {"is_enabled": True, "rights": {"can_reply": True} if self.can_reply else {}})

    def _send(self, body: Mapping[str, Any]) -> Told:
        chat_id, text = body["chat_id"], str(body["text"]).strip()
        if chat_id in self.moved:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            return _error(400, text, migrate_to_chat_id=self.moved[chat_id])
        if not text:
            return _error(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4_096:  # noqa: PLR2004 - the Bot API's own limit
            return _error(400, "Bad Request: message is too long")
        chats = (self.group, self.small_group, *(said.chat for said in self._said.values()))
        chat = next((each for each in chats if each["id"] == chat_id), None)
        connection = body.get("business_connection_id", "")
        if refusal := self._unreachable(chat_id, chat, connection):
            return refusal
        chat = chat or {"id": chat_id, "type": "private"}
        replied = body.get("reply_parameters", {}).get("message_id", 0)
        message_id = self._count()
        shown = Shown(
            native_id=self.native_id(chat, message_id, connection),
            to=self.native_id(chat, replied, connection) if replied else "",
            text=text,
            by=self.username,
            private=chat["type"] == "private",
        )
        self.shown.append(shown)
        self._sent[chat_id, message_id] = (shown, self.clock())
        sent = {"message_id": message_id, "date": int(self.clock().timestamp()), "chat": chat}
        return _ok(sent | {"from": self._bot(), "text": text})

    def _unreachable(self, chat_id: int, chat: Mapping[str, Any] | None, connection: str) -> Told | None:
        if chat_id in self.blocked:
            return _error(403, "Forbidden: bot was blocked by the user")
        if connection:
            latest = max((said.date for said in self._said.values() if said.chat["id"] == chat_id), default=0)
            late = self.clock().timestamp() - latest >= timedelta(hours=24).total_seconds()
            return _error(400, "Bad Request: BUSINESS_PEER_USAGE_MISSING") if late else None
        if chat_id > 0 and chat_id in self._people.values() and chat_id not in self.opened:
            return _error(403, "Forbidden: bot can't initiate conversation with a user")
        return None if chat or chat_id in self.opened else _error(400, "Bad Request: chat not found")

    def _take_back(self, body: Mapping[str, Any]) -> Told:
        ids = body.get("message_ids") or [body["message_id"]]
        found = [key for key in self._sent if key[1] in ids and key[0] == body.get("chat_id", key[0])]
        if not found or all(self._sent[key][0].deleted for key in found):
            return _error(400, "Bad Request: message to delete not found")
        for key in found:
            shown, sent_at = self._sent[key]
            if self.clock() - sent_at >= timedelta(hours=48):
                return _error(400, "Bad Request: message can't be deleted for everyone")
            shown.deleted = True
        return _ok(result=True)


def _ok(result: object) -> Told:
    return Told(body={"ok": True, "result": result})


def _error(code: int, description: str, **parameters: int) -> Told:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return Told(status=code, body=body | ({"parameters": parameters} if parameters else {}))
