"""What comes to a function from outside: a message of a queue, and what a network pushes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.standins.base import Pusher


@dataclass
class Message:
    """A message on a queue, as the function sees it."""

    message_id: str
    body: str
    received: int = 0

    def record(self) -> dict[str, Any]:
        """Return the SQS record."""
        attributes = {"ApproximateReceiveCount": str(self.received)}
        return {"messageId": self.message_id, "body": self.body, "attributes": attributes}


@dataclass(frozen=True)
class Pushed:
    """What a network has for our webhook; it is signed at each delivery, as networks do."""

    pusher: Pusher
    raw: bytes

    def event(self) -> dict[str, Any]:
        """Return the request as the function sees it."""
        headers = {"Content-Type": "application/json", **self.pusher._sign(self.raw)}
        return request_event("POST", self.pusher.url, headers, self.raw.decode())


def request_event(method: str, url: str, headers: Mapping[str, str], body: str = "") -> dict[str, Any]:
    """Return a request to our webhook as the function sees it."""
    return {
        "requestContext": {"http": {"method": method}},
        "rawPath": urlsplit(url).path,
        "rawQueryString": urlsplit(url).query,
        "headers": dict(headers),
        "body": body,
    }
