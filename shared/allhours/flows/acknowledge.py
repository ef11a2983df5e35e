"""Acknowledge a page, or hand it back: the first stops its climb, the second starts it anew."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from allhours.domain.errors import BadInput, Busy
from allhours.domain.escalation import Climb
from allhours.domain.page import page_notice

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import Called, Pages, Reaches

TRIES = 4  # a row that two of us want changes hands within a write


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """What became of it, and the page as it stands.

    `already` means that it was so before, `used` that the link is of a time before the page was handed back,
    `gone` that there is no such page.
    """

    outcome: Literal["acknowledged", "released", "already", "used", "gone"]
    called: Called | None = None


def acknowledge(
    page_id: str,
    serial: int | None,
    by: str,
    *,
    pages: Pages,
    reaches: Reaches,
    organisation: Organisation,
    at: datetime,
) -> Acknowledged:
    """Stop the climb: `by` has the page. Twice is once; None is whatever serial the page has.

    A test page tells that its member can be reached, which is kept first. Who takes a bundle takes every
    page that it names; those that somebody else has keep their owner.
    """
    for _ in range(TRIES):
        called = pages.load(page_id)
        if called is None:
            return Acknowledged(outcome="gone")
        for named in called.page.about:
            with suppress(BadInput):  # a row of another release, which the clock reports each minute
                acknowledge(named, None, by, pages=pages, reaches=reaches, organisation=organisation, at=at)
        climb = called.climb or Climb(started_at=called.page.at, next_at=None)
        if serial is not None and serial != climb.released:
            return Acknowledged(outcome="used", called=called)
        if climb.acknowledged_by:
            return Acknowledged(outcome="already", called=called)
        if called.page.severity == "test":
            reaches.reached(called.page.member, at)
        after = climb.acknowledged(by, at)
        notice = page_notice("page.acknowledged", called.page, after, organisation, at)
        if pages.save(called, after, waiting=False, at=at, notices=(notice,)):
            return Acknowledged(outcome="acknowledged", called=pages.load(page_id))
    raise _changing(page_id)


def release(
    page_id: str, serial: int | None, by: str, *, pages: Pages, organisation: Organisation, at: datetime
) -> Acknowledged:
    """Hand the page back: it climbs again from its first step, at once, with links of its own."""
    for _ in range(TRIES):
        called = pages.load(page_id)
        if called is None or called.climb is None:
            return Acknowledged(outcome="gone" if called is None else "already", called=called)
        if serial is not None and serial != called.climb.released:
            return Acknowledged(outcome="used", called=called)
        if not called.climb.acknowledged_by or called.page.severity != "critical":
            return Acknowledged(outcome="already", called=called)
        after = called.climb.handed_back(at)
        notice = page_notice("page.released", called.page, after, organisation, at, by=by)
        if pages.save(called, after, waiting=True, at=at, notices=(notice,)):
            return Acknowledged(outcome="released", called=pages.load(page_id))
    raise _changing(page_id)


def _changing(page_id: str) -> Busy:
    return Busy(f"page {page_id}: its row changed {TRIES} times meanwhile")
