"""Case events and pages on SNS."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.aws.clients import passing_trouble, refused_as_bad_input, sns
from allhours.aws.table import compact
from allhours.domain.errors import Busy
from allhours.domain.page import with_link

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef, PublishBatchRequestEntryTypeDef

    from allhours.domain.page import Page

MOST = 10  # entries in one PublishBatch, SNS's limit
LARGEST = 250_000  # bytes in one PublishBatch; the limit is 256 KiB for all entries together


class SnsTopic:
    """The one topic that every inbox subscribes to, with attributes for their filter policies."""

    def __init__(self, arn: str) -> None:
        """Remember which."""
        self._arn = arn

    def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Publish in batches of ten; one that is not taken raises `Busy`, so the stream comes again."""
        batch: list[PublishBatchRequestEntryTypeDef] = []
        size = 0
        for event in events:
            body = compact(event)
            weight = len(body.encode())
            if batch and (len(batch) == MOST or size + weight > LARGEST):
                self._send(batch)
                batch, size = [], 0
            batch.append({"Id": str(len(batch)), "Message": body, "MessageAttributes": _attributes(event)})
            size += weight
        if batch:
            self._send(batch)

    def _send(self, batch: list[PublishBatchRequestEntryTypeDef]) -> None:
        with passing_trouble("publishing events"):
            answer = sns().publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=batch)
        if failed := answer.get("Failed"):
            message = (
                f"publishing events: {len(failed)} of {len(batch)} not taken ({failed[0].get('Code', '?')})"
            )
            raise Busy(message)


def _attributes(event: Mapping[str, Any]) -> dict[str, MessageAttributeValueTypeDef]:
    """Return what subscribers filter by: a case that moved is for both units, a notice for all accounts."""
    units = [name for name in (event["unit"], event.get("moved_from")) if name]
    accounts = [name for name in (event.get("account"), event.get("moved_from_account")) if name]
    accounts += event.get("accounts", ())
    item: Mapping[str, Any] = event.get("item", {})
    return {
        "unit": {"DataType": "String.Array", "StringValue": json.dumps(units)},
        "account": {"DataType": "String.Array", "StringValue": json.dumps(accounts or ["none"])},
        "event": {"DataType": "String", "StringValue": event["event"]},
        "network": {"DataType": "String", "StringValue": item.get("network", "none")},
        "priority": {"DataType": "Number", "StringValue": str(event.get("priority", 0) if item else 0)},
        "author_known": {
            "DataType": "String",
            "StringValue": "true" if item.get("author", {}).get("handle") else "false",
        },
    }


class SnsPager:
    """The on-call topic.

    People subscribe by SMS, e-mail or a queue, filtered by unit, severity, member and kind.
    """

    def __init__(self, arn: str, subscriptions: Mapping[str, str] = MappingProxyType({})) -> None:
        """Remember which, and by which name a member subscribes; by the member's id where none is told."""
        self._arn = arn
        self._subscriptions = subscriptions

    def send(self, page: Page, *, member: str, link: str) -> None:
        """Publish the page for one member, in a short form for SMS and a whole one for e-mail and queues.

        A program acknowledges with `link`; `ask_link` only asks, for mail and for chats that open what they
        are given.
        """
        ask = f"{link}?ask"
        whole = {
            "page_id": page.page_id,
            "why": page.why.value,
            "severity": page.severity,
            "unit": page.unit,
            "member": member,
            "text": page.sms,
            "story": page.story,
            "at": page.at.isoformat(),
            **({"link": link, "ask_link": ask} if link else {}),
        }
        story = f"{page.story}\n\nTake it: {ask}" if link else page.story
        forms = {"default": compact(whole), "sms": with_link(page, link), "email": story}
        with passing_trouble("sending a page"), refused_as_bad_input("sending a page"):
            sns().publish(
                TopicArn=self._arn,
                Subject=_subject(page.subject),
                MessageStructure="json",
                Message=compact(forms),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value or "none"}
                    for name, value in (
                        ("unit", page.unit),
                        ("severity", page.severity),
                        ("member", self._subscriptions.get(member, member)),
                        ("kind", page.why.value),
                    )
                },
            )


def _subject(text: str) -> str:
    """Return what SNS takes as a subject: one line of ASCII, fewer than a hundred characters."""
    plain = text.encode("ascii", "replace").decode()
    return "".join(char if char.isprintable() else " " for char in plain)[:99]
