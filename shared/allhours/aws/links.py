"""The handler behind the links that people open: pages, their own rota, calendars.

A link that is forged, cut off, used up or expired is answered with one page that does not say which. The log
says what was done, by whom, and how it ended; never the address.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from allhours.aws import link_pages as show
from allhours.aws import wiring
from allhours.aws.http import BODY_LIMIT, Answer, Request, in_json, request_of
from allhours.aws.member_page import member_page
from allhours.aws.organisation import organisation
from allhours.aws.page_links import open_page
from allhours.domain.calendar import calendar_of_member, calendar_of_unit
from allhours.domain.errors import BadInput, Busy, Refused
from allhours.domain.links import owner_and_serial, verified

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = Logger()

AHEAD = timedelta(days=400)  # as far as the proof looks
FRESH_FOR = 900  # seconds; phones ask again each hour anyway


def open_link(event: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a link is for; 403 for one that does not hold, 410 for one that was taken back."""
    at = datetime.now(UTC)
    request = request_of(event)
    owner, answer = "", Answer(status=503)
    try:
        owner, answer = ("", _too_long(request)) if len(request.body) > BODY_LIMIT else _opened(request, at)
    except BadInput:
        answer = _void(request, 403)
    except (Busy, Refused) as error:
        logger.warning("a link could not be opened", kind=request.kind, reason=str(error))
        answer = _later(request)
    logger.info("link", kind=request.kind, owner=owner, method=request.method, outcome=answer.status)
    return (replace(answer, body="") if request.method == "HEAD" else answer).to_event()


def _opened(request: Request, at: datetime) -> tuple[str, Answer]:
    """Return whose link it is and the answer; `BadInput` for a link that does not hold."""
    if request.kind == "pages":
        return _page(request, at)
    link = verified(request.token, wiring.links_key(), request.kind.removesuffix("s"), at)
    owner, serial = owner_and_serial(link)
    holder = f"member:{owner}" if request.kind == "members" else owner
    if serial != wiring.link_serials().current(holder):
        return holder, _void(request, 410)
    if request.kind == "calendars":
        return holder, _calendar(request, owner, at)
    if owner not in organisation().members:
        return holder, _void(request, 410)
    return holder, member_page(request, owner, serial, at)


def _page(request: Request, at: datetime) -> tuple[str, Answer]:
    """Return the answer to a tap on a page's link; whose it is stands on the page's own record."""
    asked = request.fields() if request.method == "POST" else {}
    reply = open_page(
        request.token, method=request.method, at=at, query=request.query, form=asked, headers=request.headers
    )
    if reply.status == 403:  # noqa: PLR2004 - HTTP's own number
        return "", _void(request, 403)
    if request.in_json:
        return "", in_json(reply.status, {"title": reply.title, "lines": list(reply.lines)})
    parts = [show.heading(reply.title), show.card(*map(show.paragraph, reply.lines))]
    if reply.can_acknowledge:
        parts.append(show.button("I have it", {"do": "acknowledge"}))
    if reply.can_release:
        parts.append(show.paragraph("Cannot do it after all? Then others are called again.", "soft"))
        parts.append(show.button("Hand it back", {"do": "release"}, "danger"))
    body = show.document(reply.title, show.joined(parts))
    return "", Answer(status=reply.status, body=body, headers=show.HEADERS)


def _calendar(request: Request, owner: str, at: datetime) -> Answer:
    """Return the calendar; its tag is the same while nobody's duty changes, so phones need not read it."""
    live = replace(organisation(), changes=wiring.rota_changes().read().changes)
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = int(today.timestamp()), int((today + AHEAD).timestamp())
    kind, _, name = owner.partition(":")
    if name not in (live.members if kind == "member" else live.units):
        return _void(request, 410)
    calendar_of = calendar_of_member if kind == "member" else calendar_of_unit
    text = calendar_of(live, name, start, end, at)
    lasting = [line for line in text.splitlines() if not line.startswith(("DTSTAMP", "SEQUENCE"))]
    tag = f'"{hashlib.sha256("".join(lasting).encode()).hexdigest()[:32]}"'
    headers = {
        "content-type": "text/calendar; charset=utf-8",
        "cache-control": f"private, max-age={FRESH_FOR}",
        "etag": tag,
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex, nofollow",
    }
    if request.headers.get("if-none-match", "").removeprefix("W/") == tag:
        return Answer(status=304, headers=headers)
    return Answer(status=200, body=text, headers=headers)


def _void(request: Request, status: int) -> Answer:
    if request.in_json:
        return in_json(status, {"error": "this link does not work: ask for a new one"})
    return Answer(status=status, body=show.refusal(), headers=show.HEADERS)


def _too_long(request: Request) -> Answer:
    words = f"the body is longer than {BODY_LIMIT} bytes"
    if request.in_json:
        return in_json(413, {"error": words})
    return Answer(status=413, body=_nothing_changed(f"That is too much: {words}."), headers=show.HEADERS)


def _later(request: Request) -> Answer:
    if request.in_json:
        return in_json(503, {"error": "try again in a minute"})
    body = _nothing_changed("Something is in the way just now: open the link again in a minute.")
    return Answer(status=503, body=body, headers={**show.HEADERS, "retry-after": "60"})


def _nothing_changed(why: str) -> str:
    title = "Nothing has been changed"
    return show.document(title, show.joined([show.heading(title), show.paragraph(why, "soft")]))
