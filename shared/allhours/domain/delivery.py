"""A delivery: one event on its way to one webhook, and what an answer means.

It names the event and holds none of a customer's words: what is sent is read from the record at the moment
of sending, so that nothing which its author took back meanwhile lies in a queue or is told again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput
from allhours.domain.signature import message_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from allhours.domain.voice import Webhook

ENDINGS = frozenset({"item.deleted", "item.expired"})
"""Events that a webhook is told whatever its `events` say: who was told the words has to let go of them."""

WAITS = (10, 60, 300, 1_800, 7_200, 18_000, 36_000, 43_000)  # seconds; the last is what SQS can hide at most
TRIES = len(WAITS) + 1  # over 30 hours: a receiver may be down for a day
_LATER = frozenset({408, 425, 429})
GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one webhook: a case event by where it stands on record, a notice (no words) as it is.

    `cause` is the event's or notice's id, `told` and `at` find the case event in its item's row.
    """

    webhook_id: str
    cause: str
    item_key: str = ""
    told: str = ""
    at: str = ""
    notice: Mapping[str, Any] | None = None

    @property
    def message_id(self) -> str:
        """Return the id that a receiver drops repeats by."""
        return message_id(self.cause)


class Meaning(StrEnum):
    """What is to be done after an attempt."""

    DONE = "done"
    AGAIN = "again"
    DEAD = "dead"  # no other try helps: a person mends it and redrives
    OFF = "off"  # the receiver wants nothing any more


def wanted(webhooks: Iterable[Webhook], event: Mapping[str, Any]) -> Iterator[Webhook]:
    """Yield the webhooks that are told of the event: by unit, and by name but for endings."""
    units = {event.get("unit"), event.get("moved_from")}
    for webhook in webhooks:
        here = not webhook.units or not units.isdisjoint(webhook.units)
        if here and (not webhook.events or event["event"] in ENDINGS or event["event"] in webhook.events):
            yield webhook


def delivery_of(webhook: Webhook, event: Mapping[str, Any]) -> Delivery:
    """Return the delivery of an event or notice, as the topic brought it; `BadInput` for anything else."""
    try:
        if "notice_id" in event:
            return Delivery(webhook_id=webhook.webhook_id, cause=event["notice_id"], notice=event)
        return Delivery(
            webhook_id=webhook.webhook_id,
            cause=event["event_id"],
            item_key=f"{event['item']['network']}#{event['item']['id']}",
            told=event["event"],
            at=event["at"],
        )
    except (KeyError, TypeError) as missing:
        raise BadInput(f"an event for webhooks has no {missing}") from None


def delivery_to_json(delivery: Delivery) -> dict[str, Any]:
    """Return the delivery as its queue carries it."""
    body = {"webhook": delivery.webhook_id, "cause": delivery.cause}
    if delivery.notice is not None:
        return {**body, "notice": dict(delivery.notice)}
    return {**body, "item": delivery.item_key, "told": delivery.told, "at": delivery.at}


def delivery_from_json(body: Mapping[str, Any]) -> Delivery:
    """Return the delivery that `delivery_to_json` wrote; `BadInput` for anything else."""
    try:
        return Delivery(
            webhook_id=body["webhook"],
            cause=body["cause"],
            item_key=body.get("item", ""),
            told=body.get("told", ""),
            at=body.get("at", ""),
            notice=body.get("notice"),
        )
    except (AttributeError, KeyError, TypeError):
        raise BadInput("a message in the webhooks' queue is no delivery") from None


def meaning(status: int) -> Meaning:
    """Return what an answer's status means; a redirect is not followed, for it may lead anywhere."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return Meaning.DONE
    if status == GONE:
        return Meaning.OFF
    return Meaning.AGAIN if status in _LATER or status >= 500 else Meaning.DEAD  # noqa: PLR2004 - as above


def wait_after(tries: int, cause: str, asked: float = 0.0) -> int:
    """Return the seconds until the next try; `asked` is what the receiver wants, a tenth is spread by cause.

    Otherwise all that failed together would come again together.
    """
    base = WAITS[min(tries, len(WAITS)) - 1]
    spread = int.from_bytes(hashlib.sha256(f"{cause}{tries}".encode()).digest()[:2]) / 65_535
    return min(WAITS[-1], max(int(base * (0.9 + 0.1 * spread)), int(asked)))
