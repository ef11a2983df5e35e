"""Reviews of the App Store (JSON:API of App Store Connect) as JSON into items; pure."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from allhours.domain.item import Change, Heard, Item, Kind
from allhours.domain.personal_data import mask
from allhours.domain.plain_text import plain
from allhours.networks import _reviews

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle

NETWORK = "appstore"
REVIEW, RESPONSE = "customerReviews", "customerReviewResponses"


def page(body: Mapping[str, object], handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return the reviews of an answer, one or many, each with our response to it."""
    found = body.get("data")
    rows = [found] if isinstance(found, dict) else _reviews.listed(body, "data")
    responses = _responses(body)
    reviews = [row for row in rows if not isinstance(row, dict) or row.get("type") != RESPONSE]
    return tuple(_heard(row, responses, handle, at) for row in reviews)


def edited(before: Item, now: Item) -> Item | None:
    """Return the state one version on when its words or stars are not those that we kept.

    Apple tells no time of modification, so states are told apart by a digest and counted. Only a re-read
    knows what was kept, so only a re-read counts: what a poll brings is always version 0.
    """
    if before.answer_needs.get("state") == now.answer_needs["state"]:
        return None
    return replace(now, change=Change.EDITED, version=before.version + 1, created_at=before.created_at)


def response(row: object) -> tuple[str, str]:
    """Return the id and the words of a response of ours."""
    return _reviews.ident(row, "id"), _reviews.words(_reviews.part(row, "attributes"), "responseBody")


def _heard(row: object, responses: Mapping[str, object], handle: Handle, at: datetime) -> Heard:
    native_id = _reviews.some_id(row, "id")
    return _reviews.as_heard(NETWORK, handle, native_id, lambda: _item(row, responses, handle, at))


def _item(row: object, responses: Mapping[str, object], handle: Handle, at: datetime) -> Item:
    native_id = _reviews.ident(row, "id")
    told = _reviews.part(row, "attributes")
    rating = _reviews.stars(told, "rating")
    text = _reviews.titled(_reviews.words(told, "title"), _reviews.words(told, "body"))
    state = hashlib.sha256(f"{rating} {mask(text).text}".encode())  # no digest of personal data is kept
    needs = {
        "state": state.hexdigest()[:16],
        "territory": plain(_reviews.words(told, "territory"), limit=20),
        **_response_needs(row, responses),
    }
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=native_id,
        author=_reviews.nameless(native_id, _reviews.words(told, "reviewerNickname")),
        created_at=min(_reviews.instant(told, "createdDate"), at),
        kind=Kind.REVIEW,
        text=text,
        permalink=f"https://appstoreconnect.apple.com/apps/{handle.native_id}",  # a review has no page there
        rating=rating,
        answer_needs={name: value for name, value in needs.items() if value},
    )


def _response_needs(row: object, responses: Mapping[str, object]) -> dict[str, str]:
    """Return what is known of our response; Apple links it from either side."""
    if not isinstance(row, dict):
        return {}
    found = responses.get(_linked(row, "response")) or responses.get(f"of {row.get('id')}")
    if not isinstance(found, dict):
        return {}
    native_id, text = response(found)
    told = _reviews.part(found, "attributes")
    needs = _reviews.our_reply(
        text,
        _reviews.words(told, "lastModifiedDate")[:40],
        reply_state=plain(_reviews.words(told, "state"), limit=40),
    )
    return {"response_id": native_id, **needs}


def _responses(body: Mapping[str, object]) -> dict[str, object]:
    """Return our responses by their own id, and by that of the review (`of …`)."""
    found: dict[str, object] = {}
    for row in _reviews.listed(body, "included"):
        if isinstance(row, dict) and row.get("type") == RESPONSE:
            found[str(row.get("id"))] = row
            if review_id := _linked(row, "review"):
                found[f"of {review_id}"] = row
    return found


def _linked(row: Mapping[str, object], name: str) -> str:
    """Return the id that a relationship names; empty when it names none."""
    value: object = row
    for step in ("relationships", name, "data", "id"):
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
