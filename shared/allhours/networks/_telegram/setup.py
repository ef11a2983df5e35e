"""Setting a Telegram bot up: its token, its webhook with a secret token of its own, and how both are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, Refused
from allhours.domain.plain_text import plain
from allhours.networks._telegram import kinds
from allhours.networks._telegram.bot import TOKEN, Bot, webhook_token
from allhours.networks._telegram.fields import NETWORK
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

SHORTEST_SECRET = 32  # characters; what a proof by HMAC-SHA-256 deserves
TROUBLE_LASTS = timedelta(hours=1)  # a failed delivery that is older has been made good since
MANY_WAIT = 100  # updates; a healthy webhook has none waiting


class Setup:
    """Lead through the setup of one bot; Telegram has no page of consent."""

    questions: tuple[Question, ...] = (
        Question(
            field="bot_token", prompt="The bot's token", where="@BotFather in Telegram: /newbot, or /token"
        ),
        Question(
            field="webhook_secret",
            prompt="A secret for all our bots' webhooks, 32 characters or more",
            where="make one: openssl rand -hex 32",
            of_app=True,
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return nothing: who has the token has the bot."""
        del handle, given, redirect, state, verifier
        return ""

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return the token as it was typed; it is valid until somebody revokes it."""
        del code, redirect, verifier, at
        token = given.get("bot_token", "").strip()
        if not TOKEN.fullmatch(token):
            raise Refused(NETWORK, "that is no bot token: digits, a colon, letters", handle=handle.handle)
        return MappingProxyType({"bot_token": token})

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Return whose bot the token is."""
        told = self._bot(handle, at).ask("getMe")
        if not isinstance(told, dict) or not isinstance(told.get("id"), int):
            raise Malformed(NETWORK, "getMe names no bot", handle=handle.handle, field="result.id")
        blind = told.get("can_read_all_group_messages") is not True
        note = (
            "privacy mode is on: in groups the bot hears commands, mentions and replies only" if blind else ""
        )
        username = plain(str(told.get("username", "")), limit=64)
        return Identity(native_id=str(told["id"]), name=f"@{username}", note=note)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Set the webhook with the bot's own secret token, or take it away from a bot that is polled."""
        bot = self._bot(handle, at)
        if _polled(handle) or not callback:
            bot.ask("deleteWebhook", drop_pending_updates=False)
            return ("no webhook: this bot is polled (settings.updates: poll), nothing waiting was dropped",)
        bot.ask(
            "setWebhook",
            url=callback,
            secret_token=webhook_token(self._secret(handle), handle.native_id),
            allowed_updates=kinds.LISTENED,
            drop_pending_updates=False,
        )
        left = "left for a person, in @BotFather: /setprivacy (Disable) if groups shall be heard in full"
        return (
            "webhook set, with a secret token of its own",
            f"{left}, and the address of your privacy policy",
        )

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look how the webhook is; a bot's token never runs out."""
        told = self._bot(handle, at).ask("getWebhookInfo")
        if not isinstance(told, dict):
            raise Malformed(NETWORK, "getWebhookInfo gave no object", handle=handle.handle, field="result")
        notes = tuple(_notes(told))
        if _polled(handle) or not callback:
            stray = bool(told.get("url"))
            words = "a webhook is set, so polling is refused: run `allhours connect` again" if stray else ""
            return Health(
                webhook=words or "none: this bot is polled", webhook_ok=not stray and None, notes=notes
            )
        if told.get("url") != callback:
            return Health(webhook="not ours: run `allhours connect` again", webhook_ok=False, notes=notes)
        missing = set(kinds.LISTENED) - set(_texts(told.get("allowed_updates")))
        if trouble := _trouble(told, at):
            return Health(webhook=trouble, webhook_ok=False, notes=notes)
        if missing:
            words = f"not asked for: {', '.join(sorted(missing))}; run `allhours connect` again"
            return Health(webhook=words, webhook_ok=False, notes=notes)
        return Health(webhook="set, no trouble in the last hour", webhook_ok=True, notes=notes)

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Return false: a bot's token is valid until somebody revokes it."""
        del handle, at
        return False

    def _bot(self, handle: Handle, at: datetime) -> Bot:
        return Bot(self._http, self._credentials, handle, at=at)

    def _secret(self, handle: Handle) -> str:
        secret = self._credentials.read(self._app_secret).get("webhook_secret", "")
        if len(secret) < SHORTEST_SECRET:
            detail = (
                f"webhook_secret in secret {self._app_secret} is missing or shorter than {SHORTEST_SECRET}"
            )
            raise Refused(NETWORK, detail, handle=handle.handle)
        if not handle.native_id:
            raise Refused(NETWORK, "native_id, the bot's id, is missing", handle=handle.handle)
        return secret


def _polled(handle: Handle) -> bool:
    return handle.settings.get("updates", "webhook") == "poll"


def _notes(told: Mapping[str, object]) -> Iterator[str]:
    waiting = told.get("pending_update_count")
    if isinstance(waiting, int) and waiting >= MANY_WAIT:
        yield f"{waiting} updates are waiting; Telegram drops them after 24 hours"


def _trouble(told: Mapping[str, object], at: datetime) -> str:
    """Return what went wrong within the last hour, and what a 403 means."""
    when, what = told.get("last_error_date"), told.get("last_error_message")
    if not isinstance(when, int) or at - datetime.fromtimestamp(when, UTC) > TROUBLE_LASTS:
        return ""
    words = plain(what, limit=200) if isinstance(what, str) else "no reason given"
    mend = "; the secret token differs: run `allhours connect` again" if "403" in words else ""
    return f"Telegram could not deliver: {words}{mend}"


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
