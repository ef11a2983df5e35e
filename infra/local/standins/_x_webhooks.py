"""Webhooks of the stand-in for X: greeted, subscribed, and told of events with signed bodies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.request
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from infra.local.standins._x_world import World, iso
from infra.local.standins.base import Asked, Pusher, Told, now

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBLEMS = "https://api.x.com/2/problems/"


@dataclass(slots=True, kw_only=True)
class Webhook:
    """One registered address and what it is told: (event, person's id)."""

    webhook_id: str
    url: str
    valid: bool
    created_at: str
    pusher: Pusher
    subscribed: set[tuple[str, str]] = field(default_factory=set)

    def shown(self) -> dict[str, Any]:
        """Return it as X shows it."""
        return {"id": self.webhook_id, "url": self.url, "valid": self.valid, "created_at": self.created_at}


class Webhooks:
    """All webhooks of one app."""

    def __init__(self, world: World, consumer_secret: str) -> None:
        """Begin with none."""
        self._world = world
        self._secret = consumer_secret
        self._greetings = count(1)
        self._hooks: dict[str, Webhook] = {}

    def register(self, url: str) -> Webhook:
        """Keep a webhook, valid if it answered the greeting."""
        webhook = Webhook(
            webhook_id=self._world.new_id(),
            url=url,
            valid=self._greeted(url),
            created_at=iso(now()),
            pusher=Pusher(url, lambda raw: {"x-twitter-webhooks-signature": self._signature(raw)}),
        )
        self._hooks[webhook.webhook_id] = webhook
        return webhook

    def push(
        self, event: str, payload: object, includes: object, *, about: str, subscribed: bool = True
    ) -> None:
        """Tell an event to the webhooks that subscribed to it, or to all where X asks for no subscription."""
        data: dict[str, object] = {
            "event_uuid": str(-int(self._world.new_id())),
            "filter": {"user_id": about},
        }
        data |= {"event_type": event, "tag": "stand-in", "payload": payload}
        if includes is not None:
            data["includes"] = includes
        for webhook in self._hooks.values():
            if webhook.valid and ((event, about) in webhook.subscribed or not subscribed):
                webhook.pusher.push({"data": data})

    def answer(self, asked: Asked) -> Told:
        """Answer the management calls under /2/webhooks and /2/activity/subscriptions."""
        body: Mapping[str, Any] = json.loads(asked.body or b"{}")
        if asked.path == "/2/activity/subscriptions":
            return self._subscriptions(asked.method, body)
        if asked.method == "GET":
            shown = [each.shown() for each in self._hooks.values()]
            return Told(body={**({"data": shown} if shown else {}), "meta": {"result_count": len(shown)}})
        if asked.method == "POST":
            webhook = self.register(body["url"])
            if webhook.valid:
                return Told(body={"data": webhook.shown()})
            self._forget(webhook)
            return invalid("url", webhook.url, "CrcValidationFailed: the greeting was not answered.")
        return self._changed(asked.method, asked.path.rpartition("/")[2])

    def _subscriptions(self, method: str, body: Mapping[str, Any]) -> Told:
        """Add a subscription, or list all of them."""
        if method == "POST":
            self._hooks[body["webhook_id"]].subscribed.add((body["event_type"], body["filter"]["user_id"]))
            made = {
                "subscription_id": self._world.new_id(),
                "created_at": iso(now()),
                "updated_at": iso(now()),
            }
            return Told(body={"data": {"subscription": {**body, **made}}})
        shown = [
            {
                "subscription_id": str(number),
                "event_type": event,
                "filter": {"user_id": about},
                "tag": "stand-in",
                "webhook_id": webhook.webhook_id,
                "created_at": webhook.created_at,
                "updated_at": webhook.created_at,
            }
            for webhook in self._hooks.values()
            for number, (event, about) in enumerate(sorted(webhook.subscribed), start=1)
        ]
        return Told(body={"data": shown} if shown else {"meta": {"result_count": 0}})

    def _changed(self, method: str, webhook_id: str) -> Told:
        webhook = self._hooks.get(webhook_id)
        if not webhook:
            return invalid("webhook_id", webhook_id, "WebhookIdInvalid: there is no such webhook.")
        if method == "PUT":
            webhook.valid = self._greeted(webhook.url)
            return Told(body={"data": {"valid": webhook.valid}})
        self._forget(webhook)
        return Told(body={"data": {"deleted": True}})

    def _forget(self, webhook: Webhook) -> None:
        webhook.pusher.stop()
        del self._hooks[webhook.webhook_id]

    def _greeted(self, url: str) -> bool:
        token = f"greeting-{next(self._greetings)}"
        try:
            with urllib.request.urlopen(f"{url}?crc_token={token}", timeout=10) as answer:
                told = json.load(answer).get("response_token", "")
        except (OSError, ValueError, AttributeError):
            return False
        return hmac.compare_digest(str(told), self._signature(token.encode()))

    def _signature(self, raw: bytes) -> str:
        digest = hmac.new(self._secret.encode(), raw, hashlib.sha256).digest()
        return f"sha256={base64.b64encode(digest).decode()}"


def problem(status: int, kind: str, title: str, detail: str) -> Told:
    """Return a problem document."""
    body = {"title": title, "type": kind, "status": status, "detail": detail}
    return Told(status=status, body=body, content_type="application/problem+json")


def invalid(parameter: str, value: str, message: str) -> Told:
    """Return X's answer to a parameter that it does not take."""
    told = problem(400, f"{PROBLEMS}invalid-request", "Invalid Request", message)
    told.body["errors"] = [{"parameters": {parameter: [value]}, "message": message}]
    return told
