"""Notify: tell other systems' webhooks what happened, each by itself; at least once.

`split` makes one delivery of an event for each webhook, so that one receiver's trouble is no other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from allhours.domain import page
from allhours.domain.delivery import GONE, TRIES, Meaning, delivery_of, meaning, wait_after, wanted
from allhours.domain.errors import BadInput, Refused, Unreachable
from allhours.domain.signature import keys_of, signed
from allhours.networks.http import retry_after
from allhours.networks.receiver import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.delivery import Delivery
    from allhours.domain.page import Page
    from allhours.domain.voice import Webhook
    from allhours.networks.receiver import Answered


class Deliveries(Protocol):
    """The queue of deliveries, and their dead letters."""

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Queue every delivery or raise `Busy`."""
        ...

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Keep a delivery, with why it failed, until somebody sends it again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What is on record for a delivery: the event as it reads now, None when it is no longer kept."""

    event: Mapping[str, Any] | None
    off: bool = False


class Webhooks(Protocol):
    """What is on record of webhooks and of the events that they are told."""

    def look(self, delivery: Delivery, webhook: Webhook) -> Looked:
        """Return the event's present words, and whether the webhook was switched off."""
        ...

    def switch_off(self, webhook: Webhook, page: Page, *, at: datetime) -> None:
        """Keep that nothing is sent there any more, and call a person in the same write."""
        ...


class Posts(Protocol):
    """What posts to a receiver."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Make one attempt; `Unreachable` without an answer, `Refused` where we must not call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of an attempt: `wait` is the seconds until the next one, where there is to be one."""

    meaning: Meaning
    reason: str = ""
    wait: int = 0


def split(events: Iterable[Mapping[str, Any]], webhooks: Sequence[Webhook], deliveries: Deliveries) -> int:
    """Queue a delivery for each webhook that wants the event; return how many."""
    found = [delivery_of(webhook, event) for event in events for webhook in wanted(webhooks, event)]
    if found:
        deliveries.put(found)
    return len(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """All that it takes to send a delivery; `written` makes the bytes of a body."""

    webhooks: Mapping[str, Webhook]
    record: Webhooks
    deliveries: Deliveries
    posts: Posts
    secrets: Callable[[str], Mapping[str, str]]
    written: Callable[[Mapping[str, Any]], str]


def deliver(delivery: Delivery, tries: int, office: Office, *, at: datetime) -> Told:
    """Make one attempt, the `tries`-th; what is not to be tried again lies in the dead letters then.

    A webhook that left the organisation file, or an event that is no longer kept, is done.
    """
    webhook = office.webhooks.get(delivery.webhook_id)
    if webhook is None:
        return Told(meaning=Meaning.DONE, reason="the organisation file has no such webhook any more")
    looked = office.record.look(delivery, webhook)
    if looked.event is None:
        return Told(meaning=Meaning.DONE, reason="the event is no longer kept")
    if looked.off:
        told = Told(meaning=Meaning.DEAD, reason=f"switched off: it had answered {GONE}")
    else:
        told = _attempt(delivery, webhook, looked.event, tries, office=office, at=at)
    if told.meaning is Meaning.OFF:
        office.record.switch_off(webhook, page.webhook_off(webhook.webhook_id, told.reason, at), at=at)
    if told.meaning in {Meaning.OFF, Meaning.DEAD}:
        office.deliveries.bury(delivery, told.reason)
    return told


def _attempt(
    delivery: Delivery,
    webhook: Webhook,
    event: Mapping[str, Any],
    tries: int,
    *,
    office: Office,
    at: datetime,
) -> Told:
    asked = 0.0
    try:
        keys = keys_of(office.secrets(webhook.secret))
        body = office.written(event).encode()
        headers = {"Content-Type": "application/json", **signed(delivery.message_id, body, keys, at)}
        answer = office.posts.post(webhook.url, headers, body)
    except Refused as refused:
        if refused.network == NAME:  # where we must not call; a secret is mended within the day
            return Told(meaning=Meaning.DEAD, reason=refused.detail)
        what, reason = Meaning.AGAIN, refused.detail
    except (BadInput, Unreachable) as trouble:
        what, reason = Meaning.AGAIN, str(trouble)
    else:
        what = meaning(answer.status)
        reason = "" if what is Meaning.DONE else f"it answered {answer.status}"
        if answer.retry_after:
            asked = (retry_after(answer.retry_after, at, otherwise=at - at) - at).total_seconds()
    if what is not Meaning.AGAIN:
        return Told(meaning=what, reason=reason)
    if tries >= TRIES:
        return Told(meaning=Meaning.DEAD, reason=f"{reason}, the last of {TRIES} tries")
    return Told(meaning=what, reason=reason, wait=wait_after(tries, delivery.cause, asked))
