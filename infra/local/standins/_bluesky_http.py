"""How the Bluesky stand-in speaks HTTP: errors, limits, and the buckets behind RateLimit-*."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from infra.local.standins.base import Asked, Told, now

if TYPE_CHECKING:
    from datetime import timedelta


class Bucket:
    """A fixed window of calls, told in RateLimit-* as the PDS tells it."""

    def __init__(self, size: int, window: timedelta) -> None:
        """Begin with a full bucket."""
        self._size = size
        self._window = window
        self._left = size
        self._ends = now() + window

    def take(self) -> bool:
        """Count a call; False when the window has none left."""
        if now() >= self._ends:
            self._left, self._ends = self._size, now() + self._window
        self._left -= 1
        return self._left >= 0

    def headers(self) -> dict[str, str]:
        """Return what every answer says of the window."""
        return {
            "RateLimit-Limit": str(self._size),
            "RateLimit-Remaining": str(max(self._left, 0)),
            "RateLimit-Reset": str(int(self._ends.timestamp()) + 1),
            "RateLimit-Policy": f"{self._size};w={int(self._window.total_seconds())}",
        }

    def spent(self) -> Told:
        """Return the answer to one call too many."""
        wait = {"Retry-After": str(int((self._ends - now()).total_seconds()) + 1), "RateLimit-Remaining": "0"}
        return replace(
            error(429, "RateLimitExceeded", "Rate Limit Exceeded"), headers={**self.headers(), **wait}
        )


def instant_in(value: str) -> datetime | None:
    """Return the instant that a parameter is, None when it is none."""
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def limit_in(asked: Asked, otherwise: int) -> int | None:
    """Return how many the caller wants, None when the lexicon does not allow it."""
    limit = asked.first("limit", str(otherwise))
    return int(limit) if limit.isdecimal() and 1 <= int(limit) <= 100 else None  # noqa: PLR2004 - the lexicon's


def error(status: int, name: str, message: str) -> Told:
    """Return an error as every XRPC method tells it."""
    return Told(status=status, body={"error": name, "message": message})


def doubled(told: Told) -> Told:
    """Return the answer with every entry twice, a notification under a second reason as well."""
    if not isinstance(told.body, dict):
        return told
    body = {
        name: [*value, *({**each, "reason": "reply"} if "reason" in each else each for each in value)]
        if isinstance(value, list)
        else value
        for name, value in told.body.items()
    }
    return replace(told, body=body)
