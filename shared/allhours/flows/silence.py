"""Learn how often each handle is spoken to, and call somebody when it is quiet beyond chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from allhours.domain import page
from allhours.domain.errors import AllhoursError, BadInput
from allhours.domain.expected import CATCH_UP, HOUR, Rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.flows.cover_ports import Pages
    from allhours.flows.ports import Cursors

LATE = timedelta(minutes=15)  # an hour is learnt when what was said in it has come, by poll at the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A handle's rate as stored; `version` guards the next save."""

    rate: Rate
    version: int


class Rates(Protocol):
    """How often each handle is spoken to."""

    def load(self, handles: Iterable[Handle]) -> Mapping[str, Learnt]:
        """Return what is known, by the handle's key; a handle of which nothing is known is left out."""
        ...

    def save(self, handle: Handle, was: Learnt | None, rate: Rate) -> None:
        """Write the rate, unless somebody else has since it was read: then theirs is as good."""
        ...


class Conversations(Protocol):
    """When conversations began."""

    def begun(self, handle: Handle, *, since: datetime, until: datetime) -> Sequence[datetime]:
        """Return when each conversation with a handle began, in [since, until)."""
        ...

    def newest(self, handle: Handle) -> datetime | None:
        """Return when the newest one began."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """How many handles are quiet beyond chance, and which could not be looked at."""

    silent: int
    troubles: tuple[str, ...]


def listen(
    handles: Sequence[Handle],
    *,
    rates: Rates,
    conversations: Conversations,
    cursors: Cursors,
    pages: Pages,
    at: datetime,
) -> Listened:
    """Look once at each handle; one that cannot be looked at does not keep the others waiting."""
    silent, troubles = 0, list[str]()
    try:
        known = rates.load(handles)
    except BadInput:  # a row of another release: whose it is, each finds out by itself
        known = None
    for handle in handles:
        try:
            was = (rates.load([handle]) if known is None else known).get(handle.key)
            quiet = False
            if was:
                since = _heard_at(handle, was.rate, cursors, conversations, at)
                quiet = since is not None
                if since:
                    awaited = was.rate.awaited(since, at)
                    pages.call(page.network_silent(handle.network, handle.handle, since, at, awaited=awaited))
            rate = _learn(handle, was.rate if was else Rate(), conversations, at, quiet=quiet)
            if was is None or rate != was.rate:
                rates.save(handle, was, rate)
            silent += quiet
        except AllhoursError as error:
            troubles.append(f"{handle.network} {handle.handle}: {error}")
    return Listened(silent=silent, troubles=tuple(troubles))


def _heard_at(
    handle: Handle, rate: Rate, cursors: Cursors, conversations: Conversations, at: datetime
) -> datetime | None:
    """Return since when it has been quiet beyond chance; `None` when it has not.

    Two signs of life count, whichever is later: something new by poll, and a conversation by any way.
    """
    long_ago = at - CATCH_UP
    if not rate.is_silent(long_ago, at):
        return None  # so rarely spoken to, or so little known, that no silence would be told
    heard_at = cursors.load(handle).heard_at or long_ago
    if not rate.is_silent(max(heard_at, long_ago), at):
        return None
    since = max(heard_at, conversations.newest(handle) or long_ago, long_ago)
    return since if rate.is_silent(since, at) else None


def _learn(handle: Handle, rate: Rate, conversations: Conversations, at: datetime, *, quiet: bool) -> Rate:
    """Return what is known after the full hours since the last one that was learnt.

    The hours of a silence that was called teach nothing: it is the channel that is broken.
    """
    full = (at - LATE).replace(minute=0, second=0, microsecond=0)
    if rate.until is None or quiet or rate.until < full - CATCH_UP:
        return replace(rate, until=full) if rate.until != full else rate
    if rate.until >= full:
        return rate
    begun = conversations.begun(handle, since=rate.until, until=full)
    hour = rate.until
    while hour < full:
        rate = rate.learnt(hour, sum(hour <= one < hour + HOUR for one in begun))
        hour += HOUR
    return rate
