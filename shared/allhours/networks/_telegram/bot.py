"""The Bot API: one method call, its errors in our terms, and the secret token of a bot's webhook.

A bot's token stands in the path of every call. `Http` keeps addresses out of its errors; urllib3's log of
requests is masked here.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.networks._telegram.fields import NETWORK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http, Reply

BASE_URL = "https://api.telegram.org"
WAIT = timedelta(minutes=1)  # where a 429 names no time
LONGEST_WAIT = timedelta(days=1)
TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{10,100}", re.ASCII)
_IN_PATH = re.compile(r"/bot[^/\s\"]+")


class _NoTokens(logging.Filter):
    """Mask the token in urllib3's lines about requests, should anybody turn them on."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass, without tokens."""
        message = record.getMessage()
        if "/bot" in message:
            record.msg, record.args = _IN_PATH.sub("/bot<token>", message), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_NoTokens())


class Bot:
    """One bot for the length of one turn."""

    def __init__(self, http: Http, credentials: Credentials, handle: Handle, *, at: datetime) -> None:
        """Take the line out and the clock; the token is read with the first call."""
        self._http = http
        self._credentials = credentials
        self._handle = handle
        self._at = at

    def address(self, method: str) -> str:
        """Return where a method is called; `Refused` when the secret holds no bot token."""
        token = self._credentials.read(self._handle.secret).get("bot_token", "")
        if not TOKEN.fullmatch(token):
            raise self._refused("bot_token is not what @BotFather gives out")
        return f"{self._handle.base_url}/bot{token}/{method}"

    def ask(self, method: str, **body: object) -> Any:  # noqa: ANN401 - foreign JSON, checked by who asked
        """Call a method that publishes nothing and return its `result`."""
        reply = self._http.call(
            NETWORK, "POST", self.address(method), handle=self._handle.handle, json_body=body
        )
        answer = told(reply)
        if answer.get("ok") is True:
            return answer.get("result")
        self._raise(reply.status, answer, method)
        raise AssertionError  # pragma: no cover - the line above always raises

    def _raise(self, status: int, answer: Mapping[str, Any], method: str) -> None:
        """Raise what a refusal means."""
        code = answer.get("error_code", status)
        name = self._handle.handle
        if code == 429:  # noqa: PLR2004 - Too Many Requests
            raise RateLimited(NETWORK, "too many requests", handle=name, retry_at=retry_at(answer, self._at))
        if code in {401, 404}:  # an unknown method and a malformed token are both 404
            raise self._refused("the token is not accepted: ask @BotFather for it (/token) and store it")
        if code == 409:  # noqa: PLR2004 - Conflict
            raise self._refused(
                "polling and a webhook exclude each other: either say `updates: webhook` in settings, or run"
                " `allhours connect` again with `updates: poll`, and let no other program poll this bot"
            )
        if isinstance(code, int) and 400 <= code < 500:  # noqa: PLR2004 - HTTP's own border
            raise self._refused(f"{method} was turned down (HTTP {code}: {_reason(answer)})")
        if status >= 500 or isinstance(code, int):  # noqa: PLR2004 - HTTP's own border
            raise Unreachable(NETWORK, f"Telegram's own failure (HTTP {status})", handle=name)
        raise Malformed(NETWORK, f"HTTP {status} without the Bot API's answer", handle=name, field="ok")

    def _refused(self, detail: str) -> Refused:
        where = f"bot {self._handle.native_id}, secret {self._handle.secret}"
        return Refused(NETWORK, f"{detail} ({where})", handle=self._handle.handle)


def told(reply: Reply) -> Mapping[str, Any]:
    """Return the answer's object; empty when it is none, a block page in HTML, say."""
    try:
        answer = reply.json()
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def described(answer: Mapping[str, Any]) -> str:
    """Return Telegram's own word for an error, in lower case, to compare with."""
    description = answer.get("description")
    return description.lower() if isinstance(description, str) else ""


def _reason(answer: Mapping[str, Any]) -> str:
    return re.sub(r"[^a-z0-9 ,.:_'-]", "", described(answer))[:120] or "no reason given"


def retry_at(answer: Mapping[str, Any], at: datetime) -> datetime:
    """Return when Telegram will listen again: `parameters.retry_after`, in seconds."""
    parameters = answer.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        return at + WAIT
    return at + min(timedelta(seconds=min(seconds, 10**9)), LONGEST_WAIT)


def webhook_token(secret: str, bot: str) -> str:
    """Return the secret token of a bot's webhook: its id, and a proof that only we could have made.

    One secret of the app serves every bot, and a delivery tells by itself to which bot it belongs.
    """
    proof = hmac.new(secret.encode(), f"telegram webhook of {bot}".encode(), hashlib.sha256).hexdigest()
    return f"{bot}-{proof}"
