"""Reviews of Trustpilot, from its lists and its webhooks, as JSON into items; pure.

The e-mail address and the reference id of the private list are never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped
from allhours.domain.plain_text import plain
from allhours.networks import _reviews
from allhours.networks._reviews import Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle

NETWORK = "trustpilot"
PRODUCT_REVIEW = "review of a product"
OTHER_EVENT = "event of another kind"
SERVICE, PRODUCT = "service-review-", "product-review-"
WRITTEN, DELETED = frozenset({"created", "updated", "revised"}), "deleted"


def page(body: Mapping[str, object], handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return the reviews of a list."""
    return tuple(review(each, handle, at) for each in _reviews.listed(body, "reviews"))


def review(body: object, handle: Handle, at: datetime) -> Heard:
    """Return one review as it stands now."""
    return _reviews.as_heard(NETWORK, handle, _reviews.some_id(body, "id"), lambda: _item(body, handle, at))


def event(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what one event of a webhook body says, as far as it is believed (`parse` shows it)."""
    told = body.get("eventData") if isinstance(body, dict) else None
    named = kind_of(body)
    if isinstance(named, Skipped):
        return named
    if named == DELETED:
        native_id = _reviews.some_id(told, "id")
        return _reviews.as_heard(NETWORK, handle, native_id, lambda: _deleted(told, handle, at))
    return review(told, handle, at)


def kind_of(body: object) -> str | Skipped:
    """Return what happened to a service review: one of `WRITTEN`, or `DELETED`; anything else is skipped."""
    name = _reviews.some_id(body, "eventName")
    told = body.get("eventData") if isinstance(body, dict) else None
    native_id = _reviews.some_id(told, "id")
    if name.startswith(PRODUCT):
        return Skipped(network=NETWORK, native_id=native_id, reason=PRODUCT_REVIEW)
    kind = name.removeprefix(SERVICE)
    if not name.startswith(SERVICE) or (kind not in WRITTEN and kind != DELETED):
        return Skipped(network=NETWORK, native_id=native_id, reason=OTHER_EVENT)
    return kind


def reply_in(body: object) -> Mapping[str, object] | None:
    """Return our reply below a review, if there is one."""
    found = body.get("companyReply") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def _item(body: object, handle: Handle, at: datetime) -> Item:
    native_id = _reviews.ident(body, "id")
    if not isinstance(body, dict):
        raise Wrong("review", "is no object")
    changed = body.get("updatedAt") is not None
    reply = reply_in(body)
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=native_id,
        author=_author(body, native_id),
        created_at=min(_reviews.instant(body, "createdAt"), at),
        kind=Kind.REVIEW,
        text=_reviews.titled(_reviews.words(body, "title"), _reviews.words(body, "text")),
        change=Change.EDITED if changed else Change.SAID,
        version=_reviews.milliseconds(_reviews.instant(body, "updatedAt")) if changed else 0,
        language=plain(_reviews.words(body, "language"), limit=20),
        permalink=f"https://www.trustpilot.com/reviews/{native_id}" if native_id.isalnum() else "",
        rating=_reviews.stars(body, "stars"),
        answer_needs=_reply_needs(reply),
    )


def _author(body: object, native_id: str) -> Author:
    """Return the consumer: `displayName` in lists, `name` in webhooks."""
    consumer = body.get("consumer") if isinstance(body, dict) else None
    if consumer is None:
        return _reviews.nameless(native_id, "")
    name = _reviews.words(consumer, "displayName") or _reviews.words(consumer, "name")
    unknown = _reviews.nameless(native_id, name)
    return Author(author_id=_reviews.words(consumer, "id") or unknown.author_id, name=unknown.name)


def _deleted(told: object, handle: Handle, at: datetime) -> Item:
    native_id = _reviews.ident(told, "id")
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=native_id,
        author=_author(told, native_id),
        created_at=at,
        kind=Kind.REVIEW,
        change=Change.DELETED,
        version=_reviews.milliseconds(at),
    )


def _reply_needs(reply: Mapping[str, object] | None) -> dict[str, str]:
    if reply is None:
        return {}
    return _reviews.our_reply(
        _reviews.words(reply, "text"), plain(_reviews.words(reply, "createdAt"), limit=40)
    )
