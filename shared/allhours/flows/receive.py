"""Receive a webhook: verify the raw body, unpack, guard, queue, and only then answer 200."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from allhours.domain import page
from allhours.domain.errors import BadSignature, Busy, Malformed, RateLimited, Refused, Unreachable
from allhours.domain.life import Life, may_read
from allhours.flows.ingest import Intake, take_in
from allhours.flows.ports import DeadLetter
from allhours.networks.contract import Addressed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.flows.cover_ports import Pages
    from allhours.flows.ports import DeadLetters, ItemQueue
    from allhours.flows.reply_ports import Replies
    from allhours.networks.contract import Delivery, Push, ReceiptReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What our webhook answers."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """Who reads what a network tells of our answers, and where that goes."""

    reader: ReceiptReader
    replies: Replies


def receive(
    delivery: Delivery,
    *,
    network: str,
    push: Push,
    handles: Sequence[Handle],
    queue: ItemQueue,
    dead_letters: DeadLetters,
    pages: Pages,
    intake: Intake,
    ours: frozenset[str],
    at: datetime,
    heard_by: str = "",
    life: Life = Life.LIVE,
    receipts: Receipts | None = None,
) -> Response:
    """Return 200 once everything is queued, 403 for a delivery that the network did not sign.

    Anything raised is retried by it. A network whose `life` allows no reading is told 410, and greeted still:
    who does not answer its challenge could not come back.
    """
    try:
        if delivery.method == "GET":
            greeting = push.greet(delivery)
            return Response(status=200, body=greeting.body, content_type=greeting.content_type)
        push.verify(delivery)
    except Refused as error:  # our app's secret is missing: without it nothing can be told from a forgery
        pages.call(page.token_refused(error, at))
        raise
    except BadSignature:
        intake.unsigned += 1  # anybody can send us anything: counted, no trouble of the network's
        return Response(status=403, body="not signed by the network")
    if not may_read(life).allowed:
        return Response(status=410, body="we listen here no more")
    if issubclass(type(push), Addressed):  # asked of its class, for that is remembered
        handles = cast("Addressed", push).addressed(delivery, handles)
    try:
        heard = push.unpack(delivery.body, handles, at=at)
    except Refused as error:  # our token, which is needed to fetch it: the network delivers again
        intake.troubles.append(error)
        pages.call(page.token_refused(error, at))
        raise
    except (RateLimited, Unreachable) as error:  # what the delivery points to could not be fetched
        intake.troubles.append(error)
        raise Busy(str(error)) from error
    except Malformed as error:
        intake.troubles.append(error)
        intake.unreadable += 1
        letter = DeadLetter(
            letter_id=f"{network}#delivery#{hashlib.sha256(delivery.body).hexdigest()[:16]}",
            where=f"{network} webhook",
            reason=error.detail,
        )
        dead_letters.park([letter], at=at)
        return Response(status=200, body="kept for a person")  # sending it again will not make it readable
    take_in(
        heard,
        queue=queue,
        dead_letters=dead_letters,
        pages=pages,
        intake=intake,
        ours=ours,
        at=at,
        heard_by=heard_by,
    )
    if receipts and (told := receipts.reader.receipts(delivery.body)):
        receipts.replies.hear(told)
    return Response(status=200)
