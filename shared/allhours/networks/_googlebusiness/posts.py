"""Reviews of Google Business Profile (My Business v4) as JSON into items; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from allhours.domain.item import Change, Heard, Item, Kind, Skipped
from allhours.domain.plain_text import plain
from allhours.networks import _reviews
from allhours.networks._reviews import Wrong

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle

NETWORK = "googlebusiness"
NOTHING_SAID = "neither words nor stars"
RATINGS = {"STAR_RATING_UNSPECIFIED": 0, "ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
_ORIGINAL = re.compile(r"\n\(Original\)\s")
_ORIGINAL_IN_LINE = re.compile(r" \(Original\) ")
_TRANSLATED = re.compile(r"(?:\A|\n)\(Translated by Google\)\s")


def page(body: Mapping[str, object], handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return the reviews of a list."""
    return tuple(review(each, handle, at) for each in _reviews.listed(body, "reviews"))


def batch(body: Mapping[str, object], handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return the reviews of `batchGetReviews`, where each lies beside its location."""
    found = (
        each.get("review") for each in _reviews.listed(body, "locationReviews") if isinstance(each, dict)
    )
    return tuple(review(each, handle, at) for each in found)


def review(body: object, handle: Handle, at: datetime) -> Heard:
    """Return one review as it stands now."""
    native_id = _reviews.some_id(body, "reviewId")
    heard = _reviews.as_heard(NETWORK, handle, native_id, lambda: _item(body, handle, at))
    if isinstance(heard, Item) and not heard.text and not heard.rating and not heard.attachments:
        return Skipped(network=NETWORK, native_id=native_id, reason=NOTHING_SAID)
    return heard


def original(comment: str) -> str:
    """Return what the author wrote, without the translation that Google puts before or behind it."""
    for behind in (_ORIGINAL, _ORIGINAL_IN_LINE) if _TRANSLATED.match(comment) else ():
        if len(parts := behind.split(comment, maxsplit=1)) > 1:
            return parts[1]
    before = _TRANSLATED.split(comment, maxsplit=1)[0]
    return before if before.strip() else comment


def reply_in(body: object) -> Mapping[str, object] | None:
    """Return our reply below a review, in whatever state of moderation, if there is one."""
    found = body.get("reviewReply") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def _item(body: object, handle: Handle, at: datetime) -> Item:
    native_id = _reviews.ident(body, "reviewId")
    if not isinstance(body, dict):
        raise Wrong("review", "is no object")
    reviewer = _reviews.part(body, "reviewer") if body.get("reviewer") is not None else {}
    name = "" if reviewer.get("isAnonymous") is True else _reviews.words(reviewer, "displayName")
    rating = RATINGS.get(_reviews.words(body, "starRating") or "STAR_RATING_UNSPECIFIED")
    if rating is None:
        raise Wrong("starRating", "is none of Google's words")
    created_at = _reviews.instant(body, "createTime")
    updated_at = _reviews.instant(body, "updateTime") if body.get("updateTime") is not None else created_at
    edited = updated_at > created_at
    reply = reply_in(body)
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=native_id,
        author=_reviews.nameless(native_id, name),
        created_at=min(created_at, at),
        kind=Kind.REVIEW,
        text=plain(original(_reviews.words(body, "comment"))).strip(),
        change=Change.EDITED if edited else Change.SAID,
        version=_reviews.milliseconds(updated_at) if edited else 0,
        permalink="".join(_reviews.links([_reviews.words(body, "reviewReplyUrl")])),
        attachments=_reviews.links(_media(body)),
        rating=rating,
        answer_needs=_reply_needs(reply),
    )


def _reply_needs(reply: Mapping[str, object] | None) -> dict[str, str]:
    if reply is None:
        return {}
    return _reviews.our_reply(
        _reviews.words(reply, "comment"),
        plain(_reviews.words(reply, "updateTime"), limit=40),
        reply_state=plain(_reviews.words(reply, "reviewReplyState"), limit=40),
        policy_violation=plain(_reviews.words(reply, "policyViolation"), limit=100),
    )


def _media(body: object) -> Iterator[str]:
    for each in _reviews.listed(body, "reviewMediaItems"):
        for name in ("videoUrl", "thumbnailUrl"):
            if url := _reviews.words(each, name):
                yield url
                break


def path_of(handle: Handle, review_id: str) -> str:
    """Return a review's resource name; its own id is Google's, and goes into an address."""
    return f"{handle.native_id}/reviews/{quote(review_id, safe='')}"
