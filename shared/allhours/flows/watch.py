"""Watch over the whole, each minute: channels that fell silent, and pages that did not get out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.domain import page
from allhours.domain.errors import AllhoursError
from allhours.domain.life import may_read
from allhours.flows.forward import send_pages

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import Pages
    from allhours.flows.forward import Sent, Switchboard
    from allhours.flows.ports import Cursors

PAGE_WITHIN = timedelta(seconds=60)  # the stream forwards a page in a second; after a minute the sweep does


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How many handles are silent, and which could not be looked at."""

    silent: int
    troubles: tuple[str, ...]


def watch(
    *, organisation: Organisation, networks: tuple[str, ...], cursors: Cursors, pages: Pages, at: datetime
) -> Watched:
    """Call a person for each handle that has been silent for longer than its network's limit.

    Nobody expects anything of a network that is not read any more.
    """
    silent, troubles = 0, list[str]()
    for handle in organisation.handles:
        limit = organisation.silent_after.get(handle.network)
        if limit is None or handle.network not in networks:
            continue
        if not may_read(organisation.life_of(handle.network)).allowed:
            continue
        try:
            heard_at = cursors.load(handle).heard_at
            if heard_at is not None and at - heard_at > limit:
                silent += 1
                pages.call(page.network_silent(handle.network, handle.handle, heard_at, at))
        except AllhoursError as error:
            troubles.append(f"{handle.network} {handle.handle}: {error}")
    return Watched(silent=silent, troubles=tuple(troubles))


def sweep(*, board: Switchboard, at: datetime) -> Sent:
    """Send pages that the stream left behind."""
    return send_pages(board.pages.unsent(at - PAGE_WITHIN), board=board, at=at)
