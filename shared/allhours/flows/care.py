"""Care for a handle's connection: renew its token, keep its webhook, and call somebody before it dies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from allhours.domain import page
from allhours.domain.errors import NetworkError
from allhours.flows.ingest import Intake, report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allhours.domain.handle import Handle
    from allhours.flows.cover_ports import Pages
    from allhours.networks.contract import Connector, Health

AHEAD = (timedelta(days=14), timedelta(days=7), timedelta(days=3), timedelta(days=1))
"""A page each, so long before a token runs out that only a person can renew."""
SOON = timedelta(days=3)  # from here on it wakes somebody


@dataclass(frozen=True, slots=True, kw_only=True)
class Cared:
    """How a handle's connection was when it was last looked at."""

    health: Health
    at: datetime


class Connections(Protocol):
    """How each handle's connection was."""

    def save(self, handle: Handle, health: Health, *, at: datetime) -> None:
        """Keep what was seen, over what was seen before."""
        ...

    def load(self, handles: Iterable[Handle]) -> Mapping[str, Cared]:
        """Return what was seen last, by the handle's key."""
        ...


def care(
    handle: Handle,
    *,
    connector: Connector,
    callback: str,
    connections: Connections,
    pages: Pages,
    intake: Intake,
    at: datetime,
) -> None:
    """Renew what is due, look, subscribe a lost webhook again, and page what only a person can mend.

    `callback` is the address of our webhook, empty for a network that calls nobody. A token that could not be
    renewed runs out, and one that nobody can look at does: the countdown goes on through any trouble.
    """
    health: Health | None = None
    try:
        connector.renew(handle, at=at)
    except NetworkError as error:
        report(error, handle=handle, pages=pages, intake=intake, at=at)
    try:
        health = connector.health(handle, callback=callback, at=at)
        if callback and health.webhook_ok is False:
            connector.register(handle, callback=callback, at=at)
            health = connector.health(handle, callback=callback, at=at)
    except NetworkError as error:
        report(error, handle=handle, pages=pages, intake=intake, at=at)
    if health is None:
        last = connections.load([handle]).get(handle.key)
        if last and last.health.token_expires:
            _countdown(handle, last.health.token_expires, pages, at)
        return
    connections.save(handle, health, at=at)
    if callback and health.webhook_ok is False:
        what = f"its webhook is not called ({health.webhook})"
        mend = f"allhours connect {handle.network} {handle.account} --webhook"
        pages.call(_page(handle, what, mend, f"webhook#{at:%Y-%m-%d}", at, soon=False))
    if health.token_expires:
        _countdown(handle, health.token_expires, pages, at)


def _countdown(handle: Handle, expires: datetime, pages: Pages, at: datetime) -> None:
    left = expires - at
    passed = [ahead for ahead in AHEAD if left <= ahead]
    if not passed:
        return
    days = max(0, left // timedelta(days=1))
    what = f"its token runs out on {expires:%Y-%m-%d} ({days} days)"
    mend = f"allhours connect {handle.network} {handle.account}"
    stamp = f"token#{expires:%Y-%m-%d}#{passed[-1].days}"
    pages.call(_page(handle, what, mend, stamp, at, soon=left <= SOON))


def _page(handle: Handle, what: str, mend: str, stamp: str, at: datetime, *, soon: bool) -> page.Page:
    return page.connection(handle.network, handle.handle, what, mend=mend, stamp=stamp, at=at, soon=soon)
