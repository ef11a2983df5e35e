"""Reviews of Google Play as JSON into items; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from allhours.domain.item import Change, Heard, Item, Kind
from allhours.domain.plain_text import plain
from allhours.networks import _reviews
from allhours.networks._reviews import Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.handle import Handle

NETWORK = "googleplay"
ABOUT_THE_APP = {"app_version": "appVersionName", "device": "device"}


def page(body: Mapping[str, object], handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return the reviews of a list; Google answers an empty object when there are none."""
    return tuple(review(each, handle, at) for each in _reviews.listed(body, "reviews"))


def review(body: object, handle: Handle, at: datetime) -> Heard:
    """Return one review as it stands now."""
    return _reviews.as_heard(
        NETWORK, handle, _reviews.some_id(body, "reviewId"), lambda: _item(body, handle, at)
    )


def modified_at(comment: object) -> datetime:
    """Return when a comment was last changed; its seconds are text."""
    stamp = _reviews.part(comment, "lastModified")
    seconds, nanos = stamp.get("seconds"), stamp.get("nanos", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, str | int) or not str(seconds).isdecimal():
        raise Wrong("lastModified", "has no seconds")
    if isinstance(nanos, bool) or not isinstance(nanos, int) or nanos not in range(1_000_000_000):
        raise Wrong("lastModified", "has no nanoseconds")
    try:
        return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=nanos // 1_000)
    except (ValueError, OverflowError, OSError):
        raise Wrong("lastModified", "is no time") from None


def reply_in(body: object) -> Mapping[str, object] | None:
    """Return our own comment below a review, if there is one."""
    return next(iter(_comments(body, "developerComment")), None)


def _item(body: object, handle: Handle, at: datetime) -> Item:
    native_id = _reviews.ident(body, "reviewId")
    said = next(iter(_comments(body, "userComment")), None)
    if said is None:
        raise Wrong("comments", "hold nothing by the user")
    changed_at = modified_at(said)
    reply = reply_in(body)
    title, _, rest = (_reviews.words(said, "originalText") or _reviews.words(said, "text")).partition("\t")
    about = {ours: plain(_reviews.words(said, theirs), limit=100) for ours, theirs in ABOUT_THE_APP.items()}
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=native_id,
        author=_reviews.nameless(native_id, _reviews.words(body, "authorName")),
        created_at=min(changed_at, at),
        kind=Kind.REVIEW,
        text=_reviews.titled(title, rest) if rest else plain(title).strip(),
        change=Change.EDITED if reply and modified_at(reply) < changed_at else Change.SAID,
        version=_reviews.milliseconds(changed_at),
        language=plain(_reviews.words(said, "reviewerLanguage"), limit=20),
        permalink=_permalink(native_id, handle),
        rating=_reviews.stars(said, "starRating"),
        answer_needs={name: value for name, value in about.items() if value} | _reply_needs(reply),
    )


def _reply_needs(reply: Mapping[str, object] | None) -> dict[str, str]:
    if reply is None:
        return {}
    return _reviews.our_reply(_reviews.words(reply, "text"), modified_at(reply).isoformat())


def _comments(body: object, name: str) -> list[Mapping[str, object]]:
    found = (each.get(name) for each in _reviews.listed(body, "comments") if isinstance(each, dict))
    return [each for each in found if isinstance(each, dict)]


def _permalink(native_id: str, handle: Handle) -> str:
    """Return the review's page in the Play Console; the API does not tell the ids in its address."""
    console = handle.settings.get("console", "").rstrip("/")
    if not console.startswith("https://"):
        return ""
    return f"{console}/user-feedback/review-details?reviewId={quote(native_id, safe='')}"
