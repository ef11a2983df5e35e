"""What the answering side of every network shares: one POST, and what its outcome means."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import NotSent, Unreachable
from allhours.networks.contract import CannotTell, DefiniteNo, Permission
from allhours.networks.http import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Answer
    from allhours.networks.http import Http, Reply

DEFINITE = frozenset({400, 401, 403, 404, 410, 413, 422, 429})
"""Statuses that mean the request had no effect (reliability.md §3); every other one but 2xx is a doubt."""
SOON = timedelta(minutes=1)


def post_once(
    http: Http,
    network: str,
    method: str,
    url: str,
    *,
    handle: str,
    at: datetime,
    **more: Any,  # noqa: ANN401 - handed on to Http.call, which names each
) -> Reply:
    """Make one request that publishes; `DefiniteNo` when it never left, any other failure is a doubt."""
    try:
        return http.call(network, method, url, handle=handle, **more)
    except NotSent as error:
        raise DefiniteNo(network, error.detail, handle=handle, again_at=at + SOON) from None


def judged(
    reply: Reply,
    network: str,
    *,
    handle: str,
    at: datetime,
    words: Mapping[int, str],
    again: frozenset[int] = frozenset(),
) -> None:
    """Return when the status is 2xx; raise what any other one means.

    `words` tells the person at the desk, by status, what to do; the statuses in `again` and 429 may be tried
    again. A network that hides its errors in the body looks there first.
    """
    status = reply.status
    if status in range(200, 300):
        return
    if status not in DEFINITE:
        raise Unreachable(network, f"HTTP {status}: whether the answer is out is not known", handle=handle)
    again_at = None
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        again_at = retry_after(reply.headers.get("retry-after", ""), at, otherwise=SOON)
    elif status in again:
        again_at = at + SOON
    detail = words.get(status, f"turned down with HTTP {status}")
    raise DefiniteNo(network, detail, handle=handle, again_at=again_at)


def refused(reason: str) -> Permission:
    """Return that the item may not be answered so, and why."""
    return Permission(allowed=False, reason=reason)


def look_into_thread(network: str, answer: Answer, handle: Handle, why: str) -> CannotTell:
    """Return that a person has to look in the item's thread whether the answer is out."""
    thread = answer.item.answer_needs["thread_id"]
    detail = f"{why}: look into thread {thread} for answer {answer.reply_id}"
    return CannotTell(network, detail, handle=handle.handle)


def within(said: datetime, window: timedelta, *, at: datetime, reason: str, over: str) -> Permission:
    """Return whether a window that began when the customer wrote is still open, and until when."""
    until = said + window
    if at < until:
        return Permission(allowed=True, reason=reason, until=until)
    return Permission(allowed=False, reason=over, until=until)


def same_words(one: str, other: str) -> bool:
    """Return whether two texts are the same to a reader: networks change white space and normal form."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
