"""Recommendations of a Page in our terms: what a rating says, by webhook and by poll.

Their id is that of their open graph story, the same from both. Older ones have stars; since then people only
recommend a Page or not, which stands before their words in brackets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.domain.item import Author, Change, Heard, Kind
from allhours.networks._facebook import items
from allhours.networks._meta import fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

FIELDS = (
    "created_time,has_rating,has_review,open_graph_story{id},rating,recommendation_type,review_text,reviewer"
)
MOST_STARS = 5
_VERDICTS = {"positive": "[recommends us]", "negative": "[does not recommend us]"}
_CHANGES = {"add": Change.SAID, "edit": Change.EDITED, "edited": Change.EDITED, "remove": Change.DELETED}
UNTOLD = "the words are at Facebook only"


def rating_change(value: Mapping[str, Any], place: fields.Place, told_at: datetime) -> Heard:
    """Return what a `ratings` change says: a recommendation, or a comment below one."""
    what = fields.word(value.get("item"))
    story = fields.id_or_nothing(value.get("open_graph_story_id"))
    if what in {"like", "reaction"}:
        return fields.skipped(place, story, items.REACTION)
    if what == "comment":
        return _comment(value, place, told_at)

    def item() -> Heard:
        change = _CHANGES.get(fields.word(value.get("verb")))
        if what != "rating" or change is None:
            raise fields.WrongError(
                "item" if what != "rating" else "verb", "is not one that Facebook documents"
            )
        native_id = fields.id_of(value.get("open_graph_story_id"), "open_graph_story_id")
        reviewer = {"id": value.get("reviewer_id"), "name": value.get("reviewer_name")}
        at = fields.clamped(value.get("created_time"), "created_time", place, otherwise=told_at)
        return _review(
            value,
            place,
            native_id=native_id,
            reviewer=reviewer,
            at=at,
            change=change,
            told_at=told_at,
        )

    return fields.guarded(place, story, item)


def review(value: Mapping[str, Any], place: fields.Place) -> Heard:
    """Return what a row of `/{page}/ratings` says."""
    story = fields.dict_of(value.get("open_graph_story"))

    def item() -> Heard:
        native_id = fields.id_of(story.get("id"), "open_graph_story.id")
        at = fields.clamped(value.get("created_time"), "created_time", place)
        return _review(value, place, native_id=native_id, reviewer=value.get("reviewer"), at=at)

    return fields.guarded(place, fields.id_or_nothing(story.get("id")), item)


def _review(
    value: Mapping[str, Any],
    place: fields.Place,
    *,
    native_id: str,
    reviewer: object,
    at: datetime,
    change: Change = Change.SAID,
    told_at: datetime | None = None,
) -> Heard:
    told = fields.dict_of(reviewer)
    author_id = fields.id_or_nothing(told.get("id"))
    name = fields.text_of(told.get("name"), "reviewer.name", limit=fields.LONGEST_NAME)
    deleted = change is Change.DELETED
    stars = value.get("rating")
    rated = isinstance(stars, int) and not isinstance(stars, bool) and 1 <= stars <= MOST_STARS
    verdict = _VERDICTS.get(fields.word(value.get("recommendation_type")).lower(), "") if not rated else ""
    words = fields.text_of(value.get("review_text"), "review_text")
    return items.facebook_item(
        place,
        native_id=native_id,
        root=native_id,
        author=Author(
            author_id=author_id or f"{items.UNKNOWN}{native_id}",
            name=name or ("" if author_id else items.NAMELESS),
        ),
        created_at=at,
        kind=Kind.REVIEW,
        change=change,
        version=fields.version(told_at or at) if change is not Change.SAID else 0,
        text="" if deleted else " ".join(part for part in (verdict, words) if part),
        rating=stars if rated and isinstance(stars, int) and not deleted else 0,
        needs={"page_id": place.page, "story_id": native_id},
    )


def _comment(value: Mapping[str, Any], place: fields.Place, told_at: datetime) -> Heard:
    native_id = items.native_id_of(value)

    def item() -> Heard:
        full_id = fields.id_of(value.get("comment_id"), "comment_id")
        post_id = fields.id_of(value.get("post_id"), "post_id")
        author = items.author_of(value, native_id)
        change = _CHANGES.get(fields.word(value.get("verb")))
        if change is None:
            raise fields.WrongError("verb", "is not one that Facebook documents")
        if place.is_ours(author.author_id) and change is not Change.DELETED:
            return fields.skipped(place, native_id, items.OWN_POST)
        words = fields.text_of(value.get("message"), "message")
        deleted = change is Change.DELETED
        parent = items.last_of(fields.id_or_nothing(value.get("parent_id")))
        return items.facebook_item(
            place,
            native_id=native_id,
            root=post_id,
            author=author,
            created_at=fields.clamped(value.get("created_time"), "created_time", place, otherwise=told_at),
            kind=items.kind_of(mention=False, comment=True, reply=parent not in {"", items.last_of(post_id)}),
            change=change,
            version=fields.version(told_at) if change is not Change.SAID else 0,
            text="" if deleted else words,
            parent_id=items.parent_of(parent, post_id),
            attachments=() if words or deleted else (UNTOLD,),
            needs={"page_id": place.page, "post_id": post_id, "comment_id": full_id},
        )

    return fields.guarded(place, native_id, item)
