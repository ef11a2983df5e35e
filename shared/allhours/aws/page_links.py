"""The links in pages: short enough for an SMS, and what happens when somebody opens one.

The token's subject is the key of a row `TAP#…` that says which page, serial and member it is for, because a
page's own id would make the address too long for one SMS.
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from allhours.aws import settings, wiring
from allhours.aws.clients import dynamodb, passing_trouble
from allhours.aws.organisation import live_organisation, organisation
from allhours.domain.errors import AllhoursError, BadInput
from allhours.domain.links import Link, signed, verified
from allhours.flows.acknowledge import Acknowledged, acknowledge, release

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.flows.cover_ports import Called

logger = Logger()

KIND = "page"
LINK_FOR = timedelta(days=1)
TAP_KEPT = timedelta(days=2)
SUBJECT = 12  # characters of base32, 60 bits: they only have to tell pages apart, the signature guards


class DynamoPageLinks:
    """Makes the links; the key is the secret `links`, the address the setting PUBLIC_URL."""

    def __init__(self, table: str) -> None:
        """Remember the table."""
        self._table = table

    def link(self, page_id: str, serial: int, member: str, at: datetime) -> str:
        """Return the address; "" in any trouble, for a page without a link is better than none."""
        subject = _subject(page_id, serial, member)
        expires = str(int((at + TAP_KEPT).timestamp()))
        try:
            token = signed(Link(kind=KIND, subject=subject, expires_at=at + LINK_FOR), wiring.links_key())
            address = f"{settings.public_url()}/pages/{token}"
            with passing_trouble("writing what a link opens"):
                dynamodb().put_item(
                    TableName=self._table,
                    Item={
                        "key": {"S": f"TAP#{subject}"},
                        "page_id": {"S": page_id},
                        "serial": {"N": str(serial)},
                        "member": {"S": member},
                        "expires_at": {"N": expires},
                    },
                )
        except (AllhoursError, KeyError) as error:  # also a secret without its field
            logger.warning("page without a link", page_id=page_id, reason=repr(error))
            return ""
        return address


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the person who opened a link sees: a title, lines, and which buttons there are."""

    status: int
    title: str
    lines: tuple[str, ...] = ()
    can_acknowledge: bool = False
    can_release: bool = False


def open_page(  # the one thing that the function behind the links calls for pages
    token: str,
    *,
    method: str,
    at: datetime,
    query: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Do what a tap on a page's link asks for, and say how the page stands.

    GET acknowledges; with `ask` in the query (mail scanners open links) it only shows the button. POST does
    what the form's field `do` says, acknowledge or release. HEAD, and a GET that only fetches ahead, change
    nothing. A link that is not ours or void is 403, one whose page is gone 410; `Busy` is for the caller.
    """
    try:
        subject = verified(token, wiring.links_key(), KIND, at).subject
    except BadInput as error:
        return Reply(status=403, title="This link does not work", lines=(_sentence(str(error)),))
    page_id, serial, member = _tapped(subject)
    if method == "POST" and (form or {}).get("do") == "release":
        done = release(
            page_id, serial, member, pages=wiring.pages(), organisation=live_organisation(at), at=at
        )
        return _HANDED_BACK if done.outcome == "released" else _shown(done, serial)
    if method == "POST" or (method == "GET" and "ask" not in (query or {}) and not _ahead(headers or {})):
        return _shown(
            acknowledge(
                page_id,
                serial,
                member,
                pages=wiring.pages(),
                reaches=wiring.reaches(),
                organisation=live_organisation(at),
                at=at,
            ),
            serial,
        )
    called = wiring.pages().load(page_id)
    return _standing(called, serial) if called else _GONE


_HANDED_BACK = Reply(
    status=200,
    title="Handed back",
    lines=("The page climbs again from its first step; whoever takes it now gets a new link.",),
)
_GONE = Reply(status=410, title="This page is gone", lines=("It is too old to be on record.",))


def _subject(page_id: str, serial: int, member: str) -> str:
    return b32encode(sha256(f"{page_id}\n{serial}\n{member}".encode()).digest())[:SUBJECT].decode().lower()


def _tapped(subject: str) -> tuple[str, int, str]:
    """Return page, serial and member of a link; those of no page when its row has expired."""
    with passing_trouble("reading what a link opens"):
        row = (
            dynamodb()
            .get_item(
                TableName=settings.records_table(), Key={"key": {"S": f"TAP#{subject}"}}, ConsistentRead=True
            )
            .get("Item")
        )
    return (row["page_id"]["S"], int(row["serial"]["N"]), row["member"]["S"]) if row else ("", 0, "")


def _ahead(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser or messenger fetches the address before anybody has tapped it."""
    told = {name.lower(): value.lower() for name, value in headers.items()}
    purposes = " ".join(told.get(name, "") for name in ("purpose", "sec-purpose", "x-moz", "x-purpose"))
    return "prefetch" in purposes or "preview" in purposes


def _shown(done: Acknowledged, serial: int) -> Reply:
    return _standing(done.called, serial) if done.called else _GONE


def _standing(called: Called, serial: int) -> Reply:
    """Say how a page stands to the holder of a link with that serial."""
    page, climb = called.page, called.climb
    if serial != (climb.released if climb else 0):
        return Reply(
            status=410,
            title="This link is used up",
            lines=(page.subject, "The page was handed back since: its newest link counts."),
        )
    if climb and climb.acknowledged_by and climb.acknowledged_at:
        since = f"{climb.acknowledged_at:%Y-%m-%d %H:%M} UTC"
        if page.severity == "test":
            return Reply(status=200, title="Pages reach you", lines=(page.subject, f"Acknowledged {since}."))
        return Reply(
            status=200,
            title=f"{_name(climb.acknowledged_by)} has it",
            lines=(page.subject, f"Acknowledged {since}; nobody more is called.", *page.story.splitlines()),
            can_release=page.severity == "critical",
        )
    told = ", ".join(dict.fromkeys(_name(one.member) for one in climb.told)) if climb else _name(page.member)
    lines = (page.subject, f"Called so far: {told or 'nobody'}.", *page.story.splitlines())
    return Reply(status=200, title="Nobody has it yet", lines=lines, can_acknowledge=page.asks)


def _name(member: str) -> str:
    known = organisation().members.get(member)
    return known.name if known else member


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
