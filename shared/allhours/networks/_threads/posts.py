"""Threads' JSON in our terms: one pure function per shape; foreign JSON stops here.

A webhook body has neither `object` nor `entry`, and its `values` may be an object or a list. Threads gives no
id of other people: the username is all there is, so it is the author's id too, in lower case; somebody who
takes another name is somebody else to us. Which account a delivery is for is told by `target_id` or by the
owner of the root post; which of the two is the id we know is not documented, so both count.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Heard, Item, Kind, Skipped
from allhours.networks._meta.fields import (
    LONGEST_NAME,
    Place,
    clamped,
    decoded,
    dict_of,
    guarded,
    https,
    id_of,
    id_or_nothing,
    rows,
    skipped,
    text_of,
    unreadable,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NETWORK = "threads"
UNKNOWN = "unknown:"
NAMELESS = "Threads user"
OPEN_THERE = "open in Threads"

OWN_POST = "own post"
REPOST = "repost: no words of its own"
OTHER_FIELD = "subscribed field that brings no posts"
NO_VALUE = "delivery without a value"
NOBODYS = "needs a person: no handle has this target_id; put it into settings.target_id of the handle"

_OWN_FIELDS = frozenset({"publish", "delete"})  # told of posts of the authenticated account only
_POST_SIGNS = frozenset({"text", "media_type", "permalink", "shortcode", "username", "timestamp"})
_WITHOUT_FILES = frozenset({"", "TEXT_POST", "TEXT"})


# Bodies


def webhook(body: bytes, place_of: Callable[[Mapping[str, Any]], Place | None]) -> tuple[Heard, ...]:
    """Return everything in a webhook body; `place_of` finds the account that a delivery is for, else None."""
    told = decoded(NETWORK, body)
    if not isinstance(told, dict) or "values" not in told:
        raise Malformed(NETWORK, "no webhook body of Threads", field="values")
    return tuple(_delivery(told, place_of))


def graph(value: object, place: Place) -> Iterator[Heard]:
    """Yield every post in an answer of the Threads API: an object or a list."""
    if isinstance(value, list):
        for each in value:
            yield from graph(each, place)
    elif isinstance(value, dict) and "error" not in value:
        if isinstance(value.get("data"), list):
            yield from graph(value["data"], place)
        elif value.keys() & (_POST_SIGNS - {"username"}):
            yield post(value, place)


def owners(delivery: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what may name the account that a delivery is for, the likeliest first."""
    values = [dict_of(dict_of(each).get("value")) for each in rows(delivery, "values")]
    roots = [dict_of(value.get("root_post")) for value in values]
    told = (
        delivery.get("target_id"),
        *(root.get("owner_id") for root in roots),
        *(dict_of(value.get("owner")).get("owner_id") for value in values),
    )
    names = (word(root.get("username")).casefold() for root in roots)
    return tuple(each for each in (*map(id_or_nothing, told), *names) if each)


def _delivery(
    delivery: Mapping[str, Any], place_of: Callable[[Mapping[str, Any]], Place | None]
) -> Iterator[Heard]:
    place = place_of(delivery)
    if place is None:
        native_id = id_or_nothing(delivery.get("target_id"))
        yield Skipped(network=NETWORK, native_id=native_id, reason=NOBODYS)
        return
    for each in rows(delivery, "values"):
        yield _change(each, place)


def _change(change: object, place: Place) -> Heard:
    if not isinstance(change, dict):
        return unreadable(place, "", "values", "a value must be an object")
    field, value = word(change.get("field")), change.get("value")
    if value is None:
        return skipped(place, place.page, NO_VALUE)
    if not isinstance(value, dict):
        return unreadable(place, "", "value", "must be an object")
    if field in _OWN_FIELDS:
        return skipped(place, id_or_nothing(value.get("id")), OWN_POST)
    if field not in {"replies", "mentions"}:
        return skipped(place, id_or_nothing(value.get("id")), OTHER_FIELD)
    return post(value, place, mention=field == "mentions", below_ours=field == "replies")


# A post


def post(value: Mapping[str, Any], place: Place, *, mention: bool = False, below_ours: bool = False) -> Heard:
    """Return what a post says; `below_ours` means that it was told or listed as an answer to us."""

    def item() -> Heard:
        native_id = id_of(value.get("id"), "id")
        if is_own(value, place):
            return skipped(place, native_id, OWN_POST)
        if value.get("media_type") == "REPOST_FACADE":
            return skipped(place, native_id, REPOST)
        root_post = dict_of(value.get("root_post"))
        root, parent = (
            id_or_nothing(dict_of(each).get("id")) for each in (root_post, value.get("replied_to"))
        )
        author = _author(value, native_id)
        ours = below_ours or _is_our_root(root_post, place)
        needs = {"threads_id": place.page, "media_id": native_id, "below_ours": "true" if ours else ""}
        needs |= {name: word(value.get(name)) for name in ("hide_status", "reply_audience")}
        return Item(
            network=NETWORK,
            native_id=native_id,
            account=place.handle.account,
            handle=place.handle.handle,
            # the author always: an answer does not tell whose post it stands below
            conversation_id=f"{root or parent or native_id}:{author.author_id}",
            author=author,
            created_at=clamped(value.get("timestamp"), "timestamp", place),
            kind=_kind(value, mention=mention, reply=bool(parent or below_ours)),
            text=text_of(value.get("text"), "text"),
            parent_id=parent or (root if root != native_id else ""),
            permalink=https(value.get("permalink")),
            addressed=(place.handle.handle,),
            attachments=_attachments(value),
            answer_needs=MappingProxyType({name: each for name, each in needs.items() if each}),
        )

    return guarded(place, id_or_nothing(value.get("id")), item)


def is_own(value: Mapping[str, Any], place: Place) -> bool:
    """Return whether we said it ourselves."""
    owner = dict_of(value.get("owner"))
    return (
        value.get("is_reply_owned_by_me") is True
        or any(place.is_ours(id_or_nothing(owner.get(name))) for name in ("id", "owner_id"))
        or _is_our_name(value.get("username"), place)
    )


def _is_our_root(root: Mapping[str, Any], place: Place) -> bool:
    return place.is_ours(id_or_nothing(root.get("owner_id"))) or _is_our_name(root.get("username"), place)


def _is_our_name(username: object, place: Place) -> bool:
    ours = place.handle.handle.lstrip("@").casefold()
    return isinstance(username, str) and bool(username) and username.casefold() == ours


def _author(value: Mapping[str, Any], native_id: str) -> Author:
    name = text_of(value.get("username"), "username", limit=LONGEST_NAME).lstrip("@")
    if not name:
        return Author(author_id=f"{UNKNOWN}{native_id}", name=NAMELESS)
    return Author(author_id=name.casefold(), handle=f"@{name}")


def _kind(value: Mapping[str, Any], *, mention: bool, reply: bool) -> Kind:
    if mention:
        return Kind.MENTION
    if reply or value.get("is_reply") is True:
        return Kind.REPLY
    return Kind.QUOTE if value.get("is_quote_post") is True else Kind.POST


def _attachments(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the links in a post, and what else it shows by kind: addresses of media expire."""
    links = (https(value.get(name)) for name in ("link_attachment_url", "gif_url"))
    media = word(value.get("media_type"))
    kinds = [] if media in _WITHOUT_FILES else [text_of(media, "media_type", limit=50).casefold()]
    kinds += ["poll"] if isinstance(value.get("poll_attachment"), dict) else []
    return (*(link for link in links if link), *(f"{kind}: {OPEN_THERE}" for kind in kinds))
