"""What stands in the table and on the topics, however it came there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.dynamodb.models import dynamodb_backends
from moto.sns.models import sns_backends

from allhours.aws.packed import unpacked
from allhours.domain.event import EVENT_SCHEMA

if TYPE_CHECKING:
    from moto.dynamodb.models.table import Table

REGION = "us-east-1"
DEFAULT_ACCOUNT_ID = "123456789012"  # moto's


def table() -> Table:
    """Return moto's table; a cancelled transaction puts another object in its place."""
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables["records"]


def rows() -> dict[str, dict[str, Any]]:
    """Return every row by key, in DynamoDB's JSON."""
    kept: Any = table().items  # moto's types say otherwise
    return {key.value: unpacked(row.to_json()["Attributes"]) for key, row in kept.items()}


def arn_of(name: str) -> str:
    """Return the address of a topic."""
    return f"arn:aws:sns:{REGION}:{DEFAULT_ACCOUNT_ID}:{name}"


def topic(name: str) -> Any:
    """Return moto's topic."""
    return sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[arn_of(name)]


def events() -> list[dict[str, Any]]:
    """Return every case event that was published, repeats included."""
    return [one for one in _published() if one["schema"] == EVENT_SCHEMA]


def notices() -> list[dict[str, Any]]:
    """Return every notice that was published, repeats included."""
    return [one for one in _published() if one["schema"] != EVENT_SCHEMA]


def published() -> list[str]:
    """Return every message that inboxes were sent."""
    return [one[1] for one in topic("events").sent_notifications]


def _published() -> list[dict[str, Any]]:
    return [json.loads(one) for one in published()]


def pages() -> list[dict[str, Any]]:
    """Return every page that was sent, repeats included."""
    return [
        json.loads(json.loads(one[1])["default"] if "default" in json.loads(one[1]) else one[1])
        for one in topic("pages").sent_notifications
    ]


def reached() -> set[str]:
    """Return the pages that reached somebody, by themselves or in a bundle."""
    sent = {one["page_id"] for one in pages()}
    bundled = (json.loads(row["page"]["S"]) for key, row in rows().items() if key.startswith("PAGE#bundle#"))
    return sent.union(*(one["about"] for one in bundled if one["page_id"] in sent))
