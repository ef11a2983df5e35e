"""Instagram's JSON in our terms: one pure function per shape; foreign JSON stops here.

Comments and media have ids of their own, the same ones from webhook, poll and re-read. A webhook names
neither the time of a comment (the delivery's is taken) nor, for a mention, its author and words: those come
when the mention is read again. Direct messages are in `_instagram.messages`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Heard, Item, Kind, Skipped, Unreadable
from allhours.networks._instagram.messages import (
    NAMELESS,
    NETWORK,
    OPEN_THERE,
    OWN_POST,
    is_our_name,
    message,
    messages,
    messaging,
    named,
)
from allhours.networks._meta.fields import (
    LONGEST_NAME,
    Place,
    attributed,
    clamped,
    decoded,
    dict_of,
    guarded,
    https,
    id_of,
    id_or_nothing,
    listed,
    moment,
    rows,
    skipped,
    text_of,
    told_at,
    unreadable,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

UNKNOWN = "unknown:"

OTHER_FIELD = "subscribed field that brings no posts"
OTHER_ACCOUNT = "another account than ours"
NO_VALUE = "change without a value"

_COMMENT_SIGNS = frozenset({"text", "from", "hidden", "parent_id", "like_count"})
_MEDIA_SIGNS = frozenset({"caption", "media_type", "comments_count", "media_url", "shortcode"})


# Bodies


def webhook(body: bytes, place_of: Callable[[str], Place | None]) -> tuple[Heard, ...]:
    """Return everything in a webhook body; `place_of` finds an entry's account among ours, else None."""
    told = decoded(NETWORK, body)
    entries = told.get("entry") if isinstance(told, dict) and told.get("object") == NETWORK else None
    if not isinstance(entries, list):
        raise Malformed(NETWORK, "no webhook body of the object `instagram`", field="object")
    numbered = enumerate(entries)
    return attributed(heard for number, entry in numbered for heard in _entry(number, entry, place_of))


def graph(value: object, place: Place) -> Iterator[Heard]:
    """Yield every post in an answer of the Graph API: an object, a list, a look-up of mentions."""
    if isinstance(value, list):
        for each in value:
            yield from graph(each, place)
    elif isinstance(value, dict) and "error" not in value:
        if isinstance(value.get("data"), list):
            yield from graph(value["data"], place)
        elif "mentioned_comment" in value or "mentioned_media" in value:
            yield from mentioned(value, place)
        elif "messages" in value:
            yield from messages(value, place)
        elif "message" in value or "created_time" in value:
            yield message(value, place)
        elif value.keys() & _MEDIA_SIGNS and "comment_id" not in value:
            yield tagged(value, place)
        elif value.keys() & _COMMENT_SIGNS:
            yield from comments(value, place)


def _entry(number: int, entry: object, place_of: Callable[[str], Place | None]) -> Iterator[Heard]:
    """Read one entry: `changes`, `messaging`, `standby`, or a flat `field` and `value`."""
    if not isinstance(entry, dict) or not (account := id_or_nothing(entry.get("id"))):
        where = f"entry[{number}].id"
        yield Unreadable(network=NETWORK, handle="", native_id="", field=where, detail="no account is named")
        return
    place = place_of(account)
    if place is None:
        yield Skipped(network=NETWORK, native_id=account, reason=OTHER_ACCOUNT)
        return
    heard_at = told_at(entry.get("time"), place)
    for change in (*rows(entry, "changes"), *([entry] if "field" in entry else [])):
        yield _change(change, place, heard_at)
    for name in ("messaging", "standby"):
        for event in rows(entry, name):
            yield messaging(event, place, standby=name == "standby")


# Webhook shapes


def _change(change: object, place: Place, heard_at: datetime) -> Heard:
    if not isinstance(change, dict):
        return unreadable(place, "", "changes", "a change must be an object")
    field, value = word(change.get("field")), change.get("value")
    if value is None:
        return skipped(place, place.page, NO_VALUE)
    if not isinstance(value, dict):
        return unreadable(place, "", "value", "must be an object")
    if field == "mentions":
        return _mention(value, place, heard_at)
    if field in {"comments", "live_comments"}:
        return comment(value, place, heard_at=heard_at, live=field == "live_comments")
    return skipped(place, id_or_nothing(value.get("id")), OTHER_FIELD)


def _mention(value: Mapping[str, Any], place: Place, heard_at: datetime) -> Heard:
    """Return a mention that the webhook only points to; a re-read finds its author and words."""
    native_id = id_or_nothing(value.get("comment_id")) or id_or_nothing(value.get("media_id"))

    def item() -> Heard:
        media_id = id_of(value.get("media_id"), "media_id")
        comment_id = id_or_nothing(value.get("comment_id"))
        return _public(
            place,
            native_id=comment_id or media_id,
            media_id=media_id,
            author=Author(author_id=f"{UNKNOWN}{comment_id or media_id}", name=NAMELESS),
            created_at=heard_at,
            kind=Kind.MENTION,
            attachments=(f"mention: {OPEN_THERE}",),
            needs={"mention": "true", **({"comment_id": comment_id} if comment_id else {})},
        )

    return guarded(place, native_id, item)


# Graph API shapes


def comments(value: Mapping[str, Any], place: Place, *, permalink: object = None) -> Iterator[Heard]:
    """Yield a comment and the answers that came with it; `permalink` is that of its media, if known."""
    yield comment(value, place, permalink=permalink)
    top, media = value.get("id"), value.get("media")
    for reply in listed(value, "replies"):
        yield comment({"parent_id": top, "media": media, **reply}, place, permalink=permalink)


def comment(
    value: Mapping[str, Any],
    place: Place,
    *,
    heard_at: datetime | None = None,
    live: bool = False,
    permalink: object = None,
    mention: bool = False,
) -> Heard:
    """Return what a comment says, pushed (its time is `heard_at`) or polled."""
    told_id = value.get("id", value.get("comment_id"))

    def item() -> Heard:
        native_id = id_of(told_id, "id")
        author = _author(value, native_id, place)
        if author is None:
            return skipped(place, native_id, OWN_POST)
        media, parent = dict_of(value.get("media")), id_or_nothing(value.get("parent_id"))
        known = {"comment_id": native_id, "top_id": parent or native_id}
        marks = {"live": live, "hidden": value.get("hidden") is True, "mention": mention}
        return _public(
            place,
            native_id=native_id,
            media_id=id_or_nothing(media.get("id")),
            root=parent or native_id,
            author=author,
            created_at=clamped(value.get("timestamp"), "timestamp", place, otherwise=heard_at),
            kind=Kind.MENTION if mention else Kind.REPLY if parent else Kind.COMMENT,
            text=text_of(value.get("text"), "text"),
            parent_id=parent or id_or_nothing(media.get("id")),
            permalink=https(media.get("permalink")) or https(permalink),
            needs=known | {name: "true" for name, is_so in marks.items() if is_so},
        )

    return guarded(place, id_or_nothing(told_id), item)


def tagged(value: Mapping[str, Any], place: Place, *, mention: bool = False) -> Heard:
    """Return a media of somebody else's in which we are tagged, or which names us in its caption."""
    native_id = id_or_nothing(value.get("id"))

    def item() -> Heard:
        media_id = id_of(value.get("id"), "id")
        author = _author(value, media_id, place)
        if author is None or place.is_ours(id_or_nothing(dict_of(value.get("owner")).get("id"))):
            return skipped(place, media_id, OWN_POST)
        kind = word(value.get("media_type")).casefold() or "media"
        return _public(
            place,
            native_id=media_id,
            media_id=media_id,
            author=author,
            created_at=clamped(
                value.get("timestamp"), "timestamp", place, otherwise=place.at if mention else None
            ),
            kind=Kind.MENTION,
            text=text_of(value.get("caption"), "caption"),
            permalink=https(value.get("permalink")),
            attachments=(f"{text_of(kind, 'media_type', limit=50)}: {OPEN_THERE}",),
            needs={"mention" if mention else "tagged": "true"},
        )

    return guarded(place, native_id, item)


def mentioned(value: Mapping[str, Any], place: Place) -> Iterator[Heard]:
    """Yield what a look-up of a mention tells: the comment, or the media whose caption names us."""
    if "mentioned_comment" in value:
        yield comment(dict_of(value["mentioned_comment"]), place, heard_at=place.at, mention=True)
    if "mentioned_media" in value:
        yield tagged(dict_of(value["mentioned_media"]), place, mention=True)


# What every shape shares


def seconds(value: object) -> int:
    """Return a time in Unix seconds, 0 for what is none."""
    at = moment(value)
    return int(at.timestamp()) if at else 0


def is_own(value: Mapping[str, Any], place: Place) -> bool:
    """Return whether a comment is by our own account."""
    sender = dict_of(value.get("from"))
    names = (value.get("username"), sender.get("username"))
    ids = (sender.get("id"), dict_of(value.get("user")).get("id"))
    return any(is_our_name(name, place) for name in names) or any(
        place.is_ours(id_or_nothing(each)) for each in ids
    )


def _author(value: Mapping[str, Any], native_id: str, place: Place) -> Author | None:
    """Return who said it, None when we did; older deliveries and polled answers may name nobody."""
    if is_own(value, place):
        return None
    sender = value.get("from")
    if sender is not None and not isinstance(sender, dict):
        return named(id_of(sender, "from"), value.get("username"))
    username = dict_of(sender).get("username", value.get("username"))
    if sender is not None:
        return named(id_of(sender.get("id"), "from.id"), username)
    if isinstance(username, str) and username:
        return named(f"username:{username[:LONGEST_NAME].casefold()}", username)
    if id_or_nothing(dict_of(value.get("user")).get("id")):
        return None  # `user` is told of comments by the account itself only
    return Author(author_id=f"{UNKNOWN}{native_id}", name=NAMELESS)


def _public(
    place: Place,
    *,
    native_id: str,
    media_id: str,
    author: Author,
    created_at: datetime,
    kind: Kind,
    root: str = "",
    text: str = "",
    parent_id: str = "",
    permalink: str = "",
    attachments: tuple[str, ...] = (),
    needs: Mapping[str, str],
) -> Item:
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=place.handle.account,
        handle=place.handle.handle,
        # the author always: Instagram does not tell with a comment whose media it stands below
        conversation_id=f"{media_id or root or native_id}:{author.author_id}",
        author=author,
        created_at=created_at,
        kind=kind,
        text=text,
        parent_id=parent_id,
        permalink=permalink,
        addressed=(place.handle.handle,),
        attachments=attachments,
        answer_needs=MappingProxyType(
            {"ig_id": place.page, **({"media_id": media_id} if media_id else {}), **needs}
        ),
    )
