"""Watch over the whole, each minute: channels that fell silent, and pages that did not get out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from allhours.domain import page
from allhours.flows.forward import Sent, send_pages

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.organisation import Organisation
    from allhours.flows.ports import Cursors, Pager, Pages

PAGE_WITHIN = timedelta(seconds=60)  # the stream forwards a page in a second; after a minute the sweep does


def watch(
    *, organisation: Organisation, networks: tuple[str, ...], cursors: Cursors, pages: Pages, at: datetime
) -> int:
    """Call a person for each handle that has been silent for longer than its network's limit.

    Return how many are.
    """
    silent = 0
    for handle in organisation.handles:
        limit = organisation.silent_after.get(handle.network)
        if limit is None or handle.network not in networks:
            continue
        heard_at = cursors.load(handle).heard_at
        if heard_at is not None and at - heard_at > limit:
            silent += 1
            pages.call(page.network_silent(handle.network, handle.handle, heard_at, at))
    return silent


def sweep(*, pages: Pages, pager: Pager, at: datetime) -> Sent:
    """Send pages that the stream left behind."""
    return send_pages(pages.unsent(at - PAGE_WITHIN), pager=pager, pages=pages, at=at)
