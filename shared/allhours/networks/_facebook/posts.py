"""Facebook's JSON in our terms: one pure function per shape; foreign JSON stops here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Change, Heard, Skipped, Unreadable, Visibility
from allhours.networks._facebook import items
from allhours.networks._facebook.messages import conversation, graph_message, messaging
from allhours.networks._facebook.reviews import rating_change, review
from allhours.networks._meta import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

_FEED_ITEMS = frozenset({"comment", "post", "status", "photo", "video", "share", "link", "note"})
_EDITS = frozenset({"edit", "edited", "update"})
_POST_SIGNS = frozenset({"created_time", "message", "from", "permalink_url"})
_REVIEW_SIGNS = frozenset({"reviewer", "recommendation_type", "review_text", "open_graph_story"})
_COMMENT_SIGNS = frozenset({"comment_count", "can_comment", "can_hide", "parent"})
_MODERATION = frozenset({"hide", "unhide", "block", "unblock", "mute", "unmute", "follow", "unlike"})


# Bodies


def webhook(body: bytes, place_of: Callable[[str], fields.Place | None]) -> tuple[Heard, ...]:
    """Return everything in a webhook body; `place_of` finds an entry's Page among ours, else None."""
    told = fields.decoded(items.NETWORK, body)
    if not isinstance(told, dict) or told.get("object") != "page" or not isinstance(told.get("entry"), list):
        raise Malformed(
            items.NETWORK, "no Page's webhook body; subscribe the object `page` only", field="object"
        )
    entries = enumerate(told["entry"])
    return fields.attributed(heard for number, entry in entries for heard in _entry(number, entry, place_of))


def graph(value: object, place: fields.Place) -> Iterator[Heard]:
    """Yield every post in an answer of the Graph API: an object, a list, a map by id, a batch's answers."""
    if isinstance(value, list):
        for each in value:
            yield from graph(_operation(each), place)
    elif isinstance(value, dict) and "error" not in value:
        if isinstance(value.get("data"), list):
            yield from graph(value["data"], place)
        elif value and all(isinstance(each, dict) and each.get("id") == key for key, each in value.items()):
            yield from graph(list(value.values()), place)
        else:
            yield from _object(value, place)


def _operation(each: object) -> object:
    """Return what one operation of a batch answered, any other value as it is."""
    if isinstance(each, dict) and "code" in each and isinstance(each.get("body"), str):
        try:
            value: object = json.loads(each["body"])
        except (ValueError, RecursionError):
            return None
        return value
    return each


def _object(value: Mapping[str, Any], place: fields.Place) -> Iterator[Heard]:
    native_id = value.get("id")
    if isinstance(native_id, str) and native_id.startswith("t_"):
        yield from conversation(value, place)
    elif isinstance(native_id, str) and native_id.startswith(("m_", "mid.")):
        yield graph_message(value, place)
    elif value.keys() & _REVIEW_SIGNS:
        yield review(value, place)
    elif value.keys() & _COMMENT_SIGNS or "comment_id=" in str(value.get("permalink_url")):
        yield graph_comment(value, place)
    elif value.keys() & _POST_SIGNS:
        yield graph_post(value, place)
        for comment in fields.listed(value, "comments"):
            yield graph_comment(comment, place, post_id=fields.id_or_nothing(native_id))


def _entry(number: int, entry: object, place_of: Callable[[str], fields.Place | None]) -> Iterator[Heard]:
    """Read one entry: `changes`, `messaging`, `standby`, or a flat `field` and `value`."""
    if not isinstance(entry, dict) or not (page := fields.id_or_nothing(entry.get("id"))):
        yield Unreadable(
            network=items.NETWORK,
            handle="",
            native_id="",
            field=f"entry[{number}].id",
            detail="no Page is named",
        )
        return
    place = place_of(page)
    if place is None:
        yield Skipped(network=items.NETWORK, native_id=page, reason=items.OTHER_PAGE)
        return
    told_at = fields.told_at(entry.get("time"), place)
    for change in (*fields.rows(entry, "changes"), *([entry] if "field" in entry else [])):
        yield _change(change, place, told_at)
    for name in ("messaging", "standby"):
        for event in fields.rows(entry, name):
            yield messaging(event, place, standby=name == "standby")


# Webhook shapes


def _change(change: object, place: fields.Place, told_at: datetime) -> Heard:
    if not isinstance(change, dict):
        return fields.unreadable(place, "", "changes", "a change must be an object")
    field, value = fields.word(change.get("field")), change.get("value")
    if value is None:
        return fields.skipped(place, place.page, items.NO_VALUE)
    if not isinstance(value, dict):
        return fields.unreadable(place, "", "value", "must be an object")
    if field == "ratings":
        return rating_change(value, place, told_at)
    if field not in {"feed", "mention"}:
        return fields.skipped(place, items.native_id_of(value), items.OTHER_FIELD)
    return feed_change(value, place, told_at, mention=field == "mention")


def feed_change(
    value: Mapping[str, Any], place: fields.Place, told_at: datetime, *, mention: bool = False
) -> Heard:
    """Return what a `feed` or `mention` change says."""
    native_id = items.native_id_of(value)
    what, verb = fields.word(value.get("item")), fields.word(value.get("verb"))

    def item() -> Heard:
        if reason := _wordless(value, what, verb):
            return fields.skipped(place, native_id, reason)
        if not what or verb not in _EDITS | {"add", "remove"}:
            raise fields.WrongError("verb" if what else "item", "is not one that Facebook documents")
        comment = what == "comment"
        full_id = fields.id_of(value.get("comment_id"), "comment_id") if comment else ""
        post_id = fields.id_of(value.get("post_id"), "post_id")
        change = Change.DELETED if verb == "remove" else Change.EDITED if verb in _EDITS else Change.SAID
        author = items.author_of(value, native_id or post_id)
        if place.is_ours(author.author_id) and change is not Change.DELETED:
            return fields.skipped(place, native_id, items.OWN_POST)
        if mention and author.name == items.NAMELESS and items.on_our_page(post_id, place):
            return fields.skipped(place, native_id, items.TOLD_BY_FEED)
        parent = items.last_of(fields.id_or_nothing(value.get("parent_id")))
        return items.facebook_item(
            place,
            native_id=items.last_of(full_id) if comment else post_id,
            root=post_id,
            author=author,
            created_at=fields.clamped(value.get("created_time"), "created_time", place, otherwise=told_at),
            kind=items.kind_of(
                mention=mention, comment=comment, reply=parent not in {"", items.last_of(post_id)}
            ),
            change=change,
            version=fields.version(told_at) if change is not Change.SAID else 0,
            text="" if change is Change.DELETED else fields.text_of(value.get("message"), "message"),
            parent_id=items.parent_of(parent, post_id) if comment else "",
            permalink=fields.https(
                value.get("permalink_url") or fields.dict_of(value.get("post")).get("permalink_url")
            ),
            attachments=items.links_of(value),
            needs={"page_id": place.page, "post_id": post_id, **({"comment_id": full_id} if comment else {})},
        )

    return fields.guarded(place, native_id, item)


def _wordless(value: Mapping[str, Any], what: str, verb: str) -> str:
    if what in {"like", "reaction"}:
        return items.REACTION
    if what and what not in _FEED_ITEMS:
        return items.NO_WORDS
    if verb in _MODERATION:
        return items.MODERATION
    return items.UNPUBLISHED if value.get("published") == 0 else ""


# Graph API shapes


def graph_post(value: Mapping[str, Any], place: fields.Place, *, mention: bool = False) -> Heard:
    """Return what a post on our Page, or one that tags it, says."""
    native_id = fields.id_or_nothing(value.get("id"))

    def item() -> Heard:
        post_id = fields.id_of(value.get("id"), "id")
        author = items.author_of(value, post_id)
        if place.is_ours(author.author_id):
            return fields.skipped(place, post_id, items.OWN_POST)
        if value.get("is_published") is False:
            return fields.skipped(place, post_id, items.UNPUBLISHED)
        return items.facebook_item(
            place,
            native_id=post_id,
            root=post_id,
            author=author,
            created_at=fields.clamped(value.get("created_time"), "created_time", place),
            kind=items.kind_of(mention=mention, comment=False, reply=False),
            text=fields.text_of(value.get("message"), "message"),
            permalink=fields.https(value.get("permalink_url")),
            attachments=tuple(
                fields.attachment(each.get("media_type"), each.get("unshimmed_url", each.get("url")))
                for each in fields.listed(value, "attachments")
            ),
            needs={"page_id": place.page, "post_id": post_id},
        )

    return fields.guarded(place, native_id, item)


def graph_comment(value: Mapping[str, Any], place: fields.Place, *, post_id: str = "") -> Heard:
    """Return what a comment says; `post_id` is the post it was listed under, else its own id tells."""
    native_id = items.last_of(fields.id_or_nothing(value.get("id")))

    def item() -> Heard:
        full_id = fields.id_of(value.get("id"), "id")
        author = items.author_of(value, native_id)
        if place.is_ours(author.author_id):
            return fields.skipped(place, native_id, items.OWN_POST)
        parent_id = fields.id_or_nothing(fields.dict_of(value.get("parent")).get("id"))
        parent = items.last_of(parent_id)
        post = full_id.rpartition("_")[0] or parent_id.rpartition("_")[0]
        root = post_id or (f"{place.page}_{post}" if post else native_id)
        return items.facebook_item(
            place,
            native_id=native_id,
            root=root,
            author=author,
            created_at=fields.clamped(value.get("created_time"), "created_time", place),
            kind=items.kind_of(mention=False, comment=True, reply=bool(parent)),
            text=fields.text_of(value.get("message"), "message"),
            visibility=Visibility.PRIVATE if value.get("is_private") is True else Visibility.PUBLIC,
            parent_id=parent or root,
            permalink=fields.https(value.get("permalink_url")),
            attachments=tuple(
                fields.attachment(each.get("type"), each.get("url"))
                for each in fields.dicts([value.get("attachment")])
            ),
            needs={"page_id": place.page, "post_id": root, "comment_id": full_id} | _needs(value),
        )

    return fields.guarded(place, native_id, item)


def _needs(value: Mapping[str, Any]) -> dict[str, str]:
    """Return what Facebook says of answering a comment."""
    told = {
        name: str(value[name]).lower()
        for name in ("can_comment", "can_hide", "can_reply_privately")
        if isinstance(value.get(name), bool)
    }
    answered = fields.dict_of(value.get("private_reply_conversation")).get("id")
    return {**told, **({"private_reply": "used"} if answered else {})}
