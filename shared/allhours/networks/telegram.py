"""Telegram: what people write to a bot, to a bank's own account through it, and in groups where it is.

Written from core.telegram.org/bots/api (Bot API 10.1), its pages on webhooks and on business accounts, and
tdlib/telegram-bot-api.

A webhook brings updates within seconds; polling is for installations without one, and the two exclude each
other, so `settings.updates` says which (`webhook`, the usual, or `poll`). There is no history and no search:
what Telegram has kept for 24 hours without reaching us is gone. Deliveries are not signed. Each carries the
secret token of its webhook, which names the bot and proves that we made it (`_telegram.bot.webhook_token`).

What is skipped, and why, stands in `_telegram.kinds`. Files are not fetched: their address holds the token.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from allhours.domain.errors import BadSignature, Malformed
from allhours.networks._telegram import kinds, posts
from allhours.networks._telegram.bot import BASE_URL, Bot, webhook_token
from allhours.networks._telegram.fields import NETWORK
from allhours.networks.contract import Capabilities, no, yes
from allhours.networks.paging import read_streams
from allhours.networks.windows import ANSWER_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard
    from allhours.networks.contract import (
        Connector,
        Credentials,
        Cursor,
        Delivery,
        Fetched,
        Greeting,
        Meter,
        Replier,
    )
    from allhours.networks.http import Http
    from allhours.networks.paging import Marks

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
LIMIT = 100  # updates a call, the most that Telegram gives
CALLS = 10  # calls that one poll makes; Telegram keeps the rest for the next
QUIET = timedelta(days=6)  # after a quiet week update ids begin anywhere, below the mark too

capabilities = Capabilities(
    name="telegram",
    title="Telegram bots",
    base_url=BASE_URL,
    native_id="the bot's id, the digits before the colon of its token",
    reads=("updates",),
    pushes=("message", "channel_post", "business_message", "deleted_business_messages", "my_chat_member"),
    polls_every=timedelta(minutes=1),
    edits=yes("told as edited messages, with the instant of the edit"),
    deletes=no("told in business chats, where it is heard, and nowhere else"),
    private_items=yes("chats with the bot, business chats, a channel's direct messages"),
    replies=yes("in groups, as a reply to the message"),
    private_replies=yes("in private chats; in business chats within 24 hours and where the bot may reply"),
    moves_to_private=yes("to a group's member who has opened the bot; anybody else is a definite no"),
    hides=no("a bot can delete what others say in groups, which is not hiding"),
    withdraws=yes("within 48 hours"),
    length="1 to 4,096 characters (counted in UTF-16 code units, the narrower reading)",
    answer_within="business chats: 24 hours after the customer's last message",
    answer_windows=ANSWER_WINDOWS.get("telegram", ()),
    found_again=no("no history and no key: after a doubt a person has to look into the chat"),
    idempotent_replies=False,
    needs=(
        "a bot by @BotFather",
        "for groups: privacy mode off (/setprivacy), or only commands, mentions and replies are heard",
        "for business chats: the bank's account has Telegram Business and connects the bot, with can_reply",
    ),
    secret_fields=("bot_token",),
    app_secret_fields=("webhook_secret",),
    leaves_alone=(
        "guest messages, reactions, votes, payments, buttons, boosts: no customer's words to answer",
        "rich messages and checklists: shapes younger than this file, counted and left",
        "stickers, dice, games and polls: nothing that a case could be made of",
        "files: their address holds the bot's token, so the item says only that there is one",
        "language_code: the language of the app, not of the words",
        "answers in the webhook's response: they give no message id",
        "a channel's posts are heard, not answered: an answer would be a new post to all its subscribers",
        "filtering by source address: the published ranges change, the secret token decides",
        "editMessageText: an answer is taken back and given anew",
    ),
    api_pages=(
        "https://core.telegram.org/bots/api",
        "https://core.telegram.org/bots/webhooks",
        "https://core.telegram.org/bots/features#bots-for-business",
    ),
)


def connect(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Telegram:
    """Return Telegram, ready to read; nothing is asked of it or of the secrets yet."""
    del meter  # nothing costs anything here
    return Telegram(credentials, http, app_secret=app_secret)


def answering(credentials: Credentials, http: Http, *, app_secret: str, meter: Meter) -> Replier:
    """Return Telegram, ready to answer; nothing is asked of it or of the secrets yet."""
    from allhours.networks._telegram.answers import Answers

    del app_secret, meter  # a bot's own token is all it takes, and nothing costs anything
    return Answers(credentials, http)


def setting_up(credentials: Credentials, http: Http, *, app_secret: str) -> Connector:
    """Return what leads through Telegram's setup; nothing is asked of it or of the secrets yet."""
    from allhours.networks._telegram.setup import Setup

    return Setup(credentials, http, app_secret=app_secret)


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return everything in an update, a list of them, or an answer of the Bot API."""
    place = posts.Place(handle=handle, at=at)
    return tuple(heard for each in posts.updates(posts.decoded(body)) for heard in posts.update(each, place))


class Telegram:
    """Hear bots by webhook, or by poll where there is none."""

    capabilities: ClassVar[Capabilities] = capabilities

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out; `app_secret` names the app's secret."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    # Push

    def greet(self, delivery: Delivery) -> Greeting:
        """Refuse: Telegram never asks whether a webhook is ours."""
        raise BadSignature(NETWORK, f"Telegram calls no webhook with {delivery.method}")

    def verify(self, delivery: Delivery) -> None:
        """Raise `BadSignature` unless the delivery carries the secret token of one of our bots' webhooks."""
        secret = self._credentials.read(self._app_secret).get("webhook_secret", "")
        theirs = delivery.headers.get(SECRET_HEADER, "")
        ours = webhook_token(secret, _bot_of(theirs))
        if not secret or not hmac.compare_digest(theirs.encode(errors="replace"), ours.encode()):
            raise BadSignature(NETWORK, f"not our secret token (webhook_secret in secret {self._app_secret})")

    def addressed(self, delivery: Delivery, handles: Sequence[Handle]) -> tuple[Handle, ...]:
        """Return the handle whose bot a verified delivery is for: the secret token begins with its id."""
        bot = _bot_of(delivery.headers.get(SECRET_HEADER, ""))
        return tuple(handle for handle in handles if handle.native_id == bot)

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        """Return everything in a verified body.

        `handles` are those of `addressed`. Given several, the update itself must name one of their bots or
        its business connection; `Malformed` when it does not.
        """
        told = posts.decoded(body)
        place = posts.Place(handle=_handle_for(told, handles), at=at)
        return tuple(heard for each in posts.updates(told) for heard in posts.update(each, place))

    # Source

    def fetch(self, handle: Handle, cursor: Cursor, *, at: datetime) -> Iterator[Fetched]:
        """Yield what waits for a bot that is polled; nothing where a webhook brings it."""
        if handle.settings.get("updates", "webhook") != "poll":
            return iter(())
        bot = Bot(self._http, self._credentials, handle, at=at)
        return read_streams(
            cursor, {"updates": partial(_waiting, bot, posts.Place(handle=handle, at=at))}, at=at
        )


def _waiting(bot: Bot, place: posts.Place, marks: Marks) -> Iterator[tuple[tuple[Heard, ...], Marks]]:
    """Yield what waits, a call at a time.

    Asking with the next offset makes Telegram forget everything below it, so that happens only once the
    caller has queued and saved. Marks: `offset`, and `at`, when the newest update came.
    """
    quiet = place.at.timestamp() - float(marks.get("at", 0)) > QUIET.total_seconds()
    offset = None if quiet else marks.get("offset")
    for _ in range(CALLS):
        asked = {} if offset is None else {"offset": offset}
        rows = bot.ask("getUpdates", limit=LIMIT, timeout=0, allowed_updates=kinds.LISTENED, **asked)
        if not isinstance(rows, list):
            raise Malformed(NETWORK, "getUpdates gave no list", field="result")
        if not rows:
            yield (), marks
            return
        ids = [row["update_id"] for row in rows if isinstance(row, dict) and _counts(row.get("update_id"))]
        if not ids:
            raise Malformed(NETWORK, "updates without an update_id", field="update_id")
        offset = max(ids) + 1
        marks = {"offset": offset, "at": int(place.at.timestamp())}
        yield tuple(heard for row in rows for heard in posts.update(row, place)), marks
        if len(rows) < LIMIT:
            return


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bot_of(token: str) -> str:
    return token.partition("-")[0]


def _handle_for(told: object, handles: Sequence[Handle]) -> Handle:
    """Return the only handle, or the one of several that the update itself names."""
    found = [handle for handle in handles if len(handles) == 1 or handle.native_id in _bots_in(told)]
    connection = _connection_in(told)
    found = found or [each for each in handles if connection and connection == each.settings.get("business")]
    if len(found) != 1:
        raise Malformed(NETWORK, "the update does not tell for which of our bots it is", field="bot")
    return found[0]


def _bots_in(told: object) -> Iterator[str]:
    """Yield the ids of bots that an update names: who is a member now, and whose words are answered."""
    for body in told.values() if isinstance(told, dict) else ():
        if isinstance(body, dict):
            member: Any = body.get("new_chat_member")
            replied: Any = body.get("reply_to_message")
            yield str(member.get("user", {}).get("id")) if _has_dict(member, "user") else ""
            yield str(replied["from"].get("id")) if _has_dict(replied, "from") else ""


def _has_dict(value: object, name: str) -> bool:
    return isinstance(value, dict) and isinstance(value.get(name), dict)


def _connection_in(told: object) -> str:
    for body in told.values() if isinstance(told, dict) else ():
        if isinstance(body, dict) and isinstance(found := body.get("business_connection_id"), str):
            return found
    return ""
