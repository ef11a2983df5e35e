"""The handler that every `ingest_<network>` shares: poll, re-read, webhook, author look-up."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aws_lambda_powertools import Logger

from allhours.aws import settings, wiring
from allhours.aws.meters import meter_of
from allhours.aws.metrics import emit
from allhours.aws.organisation import organisation
from allhours.domain.errors import BadInput, Busy, Refused
from allhours.domain.life import may_read
from allhours.flows.care import care
from allhours.flows.expire import expire
from allhours.flows.ingest import Intake, ingest
from allhours.flows.look_up import look_up
from allhours.flows.receive import Receipts, Response, receive
from allhours.flows.reread import reread
from allhours.networks import network_module
from allhours.networks.contract import AuthorBook, Delivery, Push, ReceiptReader, Rereader, Source
from allhours.networks.http import Http

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Connector

logger = Logger()

TIME_TO_LEAVE_MS = (
    12_000  # a handle begun with less than this left waits for the next poll; one call may take 10 s
)

FOR_WHAT_IS_NEW = 0.6  # of a day's budget; reading kept posts again must not keep new ones from being heard

Handler = Callable[[dict[str, Any], "LambdaContext"], dict[str, Any] | None]


def intake(name: str) -> Handler:
    """Return the Lambda handler of one network."""
    return _NetworkFunction(name).handle


class _NetworkFunction:
    """One network's function, warm."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module = network_module(name)
        self._network: object = None
        self._rereading: object = None
        self._connector: Connector | None = None

    def handle(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
        """Do what woke the function: a schedule, a webhook, or a case that has just opened."""
        at = datetime.now(UTC)
        if "requestContext" in event:
            return self._webhook(event, at)
        if "Records" in event:
            self._look_up(event, at)
            return None
        return self._schedule(event, context, at)

    def _connected(self) -> object:
        if self._network is None:
            self._network = self._module.connect(
                wiring.credentials(), Http(), app_secret=f"{self._name}/app", meter=meter_of(self._name)
            )
        return self._network

    def _for_rereading(self) -> object:
        """Return the network with a meter that leaves most of the day's budget to what is new."""
        if self._module.capabilities.budget is None:
            return self._connected()
        if self._rereading is None:
            meter = meter_of(self._name, reserve=FOR_WHAT_IS_NEW)
            self._rereading = self._module.connect(
                wiring.credentials(), Http(), app_secret=f"{self._name}/app", meter=meter
            )
        return self._rereading

    def _schedule(self, event: Mapping[str, Any], context: LambdaContext, at: datetime) -> dict[str, Any]:
        """Poll or re-read every handle; the next tick is the retry of one that could not be.

        A bug with one handle raises after the others have had their turn.
        """
        handles = organisation().handles_on(self._name)
        turn = int(at.timestamp() // 60) % len(handles) if handles else 0
        doing = {"reread": self._reread, "care": self._care}.get(event.get("do", ""), self._poll)
        counted, bugs = Intake(), list[Exception]()
        for handle in (*handles[turn:], *handles[:turn]):  # another first each minute, so none always waits
            if context.get_remaining_time_in_millis() < TIME_TO_LEAVE_MS:
                logger.warning("no time left, the next tick goes on", handle=handle.handle)
                break
            try:
                doing(handle, counted, at)
            except Busy as error:
                counted.busy += 1
                logger.warning("left for the next tick", handle=handle.handle, reason=str(error))
            except Exception as error:  # noqa: BLE001 - raised below; the other handles must be heard first
                error.add_note(f"while reading {handle.key}")
                bugs.append(error)
        self._tell(counted, event.get("do", "poll"))
        if bugs:
            message = f"{self._name}: {len(bugs)} handles met a bug or a missing right"
            raise ExceptionGroup(message, bugs)
        return {"queued": counted.queued, "troubles": len(counted.troubles)}

    def _poll(self, handle: Handle, counted: Intake, at: datetime) -> None:
        source = self._connected()
        if isinstance(source, Source):
            ingest(
                handle,
                source=source,
                cursors=wiring.cursors(),
                queue=wiring.item_queue(),
                dead_letters=wiring.dead_letters(),
                pages=wiring.pages(),
                intake=counted,
                ours=organisation().ours(self._name),
                at=at,
                life=organisation().life_of(self._name),
                heard_by="poll" if isinstance(source, Push) and _is_pushed(handle) else "",
            )

    def _reread(self, handle: Handle, counted: Intake, at: datetime) -> None:
        self._expire(handle, at)  # also on a frozen network, for what may not be kept may never be kept
        if not may_read(organisation().life_of(self._name)).allowed:
            return
        rereader = self._for_rereading()
        if isinstance(rereader, Rereader):
            reread(
                handle,
                rereader=rereader,
                kept=wiring.records(),
                cursors=wiring.cursors(),
                queue=wiring.item_queue(),
                dead_letters=wiring.dead_letters(),
                pages=wiring.pages(),
                intake=counted,
                ours=organisation().ours(self._name),
                at=at,
            )

    def _care(self, handle: Handle, counted: Intake, at: datetime) -> None:
        if not (handle.secret or self._module.capabilities.pushes):
            return  # nothing that could run out
        if not may_read(organisation().life_of(self._name)).allowed:
            return
        if self._connector is None:
            self._connector = self._module.setting_up(
                wiring.credentials(), Http(), app_secret=f"{self._name}/app"
            )
        pushed = bool(self._module.capabilities.pushes) and _is_pushed(handle)
        care(
            handle,
            connector=self._connector,
            callback=f"{settings.public_url()}/webhooks/{self._name}" if pushed else "",
            connections=wiring.connections(),
            pages=wiring.pages(),
            intake=counted,
            at=at,
        )

    def _expire(self, handle: Handle, at: datetime) -> None:
        """Take back what the network lets us keep no longer."""
        if within := self._module.capabilities.storage_within:
            expire(
                handle,
                within=within,
                kept=wiring.records(),
                cursors=wiring.cursors(),
                queue=wiring.item_queue(),
                at=at,
            )

    def _webhook(self, event: Mapping[str, Any], at: datetime) -> dict[str, Any]:
        counted = Intake()
        try:
            response = self._receive(_delivery(event, at), counted, at)
        except (Busy, Refused) as error:
            counted.busy += 1
            logger.warning("webhook not queued, the network will send it again", reason=str(error))
            response = Response(status=503, body="try again")
        self._tell(counted, "webhook")
        return {
            "statusCode": response.status,
            "body": response.body,
            "headers": {"content-type": response.content_type},
        }

    def _receive(self, delivery: Delivery, counted: Intake, at: datetime) -> Response:
        push = self._connected()
        if not isinstance(push, Push):
            return Response(status=404, body=f"{self._name} does not call webhooks")
        return receive(
            delivery,
            network=self._name,
            push=push,
            handles=organisation().handles_on(self._name),
            queue=wiring.item_queue(),
            dead_letters=wiring.dead_letters(),
            pages=wiring.pages(),
            intake=counted,
            ours=organisation().ours(self._name),
            at=at,
            life=organisation().life_of(self._name),
            heard_by="webhook" if isinstance(push, Source) else "",
            receipts=self._receipts,
        )

    @cached_property
    def _receipts(self) -> Receipts | None:
        """Return who reads receipts, where the network sends any."""
        reader: object = wiring.repliers().replier(self._name)
        return (
            Receipts(reader=reader, replies=wiring.reply_queue())
            if isinstance(reader, ReceiptReader)
            else None
        )

    def _look_up(self, event: Mapping[str, Any], at: datetime) -> None:
        """Name the authors of cases that have just opened, one call to the network a handle."""
        book = self._connected()
        if not isinstance(book, AuthorBook):
            message = f"{self._name} has no look-up for authors: its subscription in template.yaml should go"
            raise BadInput(message)
        counted = Intake()
        asked: dict[str, dict[str, list[str]]] = {}
        for record in event["Records"]:
            item = json.loads(record["Sns"]["Message"])["item"]
            asked.setdefault(item["handle"], {}).setdefault(item["author"]["id"], []).append(
                item["conversation_id"]
            )
        for handle in organisation().handles_on(self._name):
            if authors := asked.get(handle.handle):
                look_up(
                    authors,
                    handle=handle,
                    book=book,
                    authors=wiring.authors(),
                    queue=wiring.item_queue(),
                    dead_letters=wiring.dead_letters(),
                    pages=wiring.pages(),
                    intake=counted,
                    ours=organisation().ours(self._name),
                    at=at,
                )
        self._tell(counted, "look_up")

    def _tell(self, counted: Intake, doing: str) -> None:
        """Print one line of counters, and one line a trouble."""
        for error in counted.troubles:
            logger.warning(
                "network trouble",
                network=self._name,
                doing=doing,
                kind=type(error).__name__,
                reason=str(error),
            )
        emit(
            {
                "Queued": counted.queued,
                "Masked": counted.masked,
                "Skipped": counted.skipped.total(),
                "Unreadable": counted.unreadable,
                "Troubles": len(counted.troubles),
                "Unsigned": counted.unsigned,
                "Busy": counted.busy,
            },
            network=self._name,
        )


def _is_pushed(handle: Handle) -> bool:
    """Return whether the network is to call us for the handle; not so by `settings.updates: poll`."""
    return handle.settings.get("updates", "webhook") != "poll"


def _delivery(event: Mapping[str, Any], at: datetime) -> Delivery:
    """Return the request as the network sent it: the body as the bytes that were signed."""
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    return Delivery(
        method=event["requestContext"]["http"]["method"],
        query=dict(parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True)),
        headers={name.lower(): value for name, value in event.get("headers", {}).items()},
        body=raw,
        came_at=at,
    )
