"""Facebook's items: what posts, comments, reviews and messages share, and the reasons to skip one.

Webhook and poll give one post the same native id: a comment's is the last part of `{post}_{comment}`
(Facebook sends both forms), a post's is `{owner}_{post}`, a message's its `mid`. A Messenger id (PSID) means
one Page only and says nothing about a commenter's id, so it is kept apart as `psid:<id>`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Author, Change, Item, Kind, Visibility
from allhours.networks._meta import fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

NETWORK = "facebook"
PSID = "psid:"
UNKNOWN = "unknown:"
NAMELESS = "Facebook user"  # what to show when `from` is missing (networks/facebook.md §4)

OWN_POST = "own post"
REACTION = "reaction: a like or an emoji, no words"
MODERATION = "moderation: hidden, shown or blocked by one of us"
NO_WORDS = "feed entry without a customer's words: an album, an event and the like"
UNPUBLISHED = "not published"
TOLD_BY_FEED = "mention on our own Page: its feed entry names the author"
POSTBACK = "postback: a tapped button; its payload is the bot's word, not the customer's"
RECEIPT = "receipt: read or delivered"
ARRIVAL = "arrival: a link or a plug-in opened the conversation, nothing was said"
HANDOVER = "handover of a conversation between apps"
POLICY = "needs a person: Facebook warns or blocks the Page for its policies"
UNBLOCKED = "policy: Facebook lets the Page write again"
OTHER_EVENT = "Messenger event of a kind without words"
OTHER_FIELD = "subscribed field that brings no posts"
OTHER_PAGE = "another Page than ours"
NO_VALUE = "change without a value"
NOT_VISIBLE = "not visible to our app"


def facebook_item(
    place: fields.Place,
    *,
    native_id: str,
    root: str,
    author: Author,
    created_at: datetime,
    kind: Kind,
    change: Change = Change.SAID,
    version: int = 0,
    text: str = "",
    visibility: Visibility = Visibility.PUBLIC,
    parent_id: str = "",
    permalink: str = "",
    attachments: tuple[str, ...] = (),
    rating: int = 0,
    needs: Mapping[str, str],
) -> Item:
    """Return an item with what all of Facebook's have in common."""
    return Item(
        network=NETWORK,
        native_id=native_id,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=_conversation_id(root, author, visibility, place),
        author=author,
        created_at=created_at,
        kind=kind,
        change=change,
        version=version,
        text=text,
        visibility=visibility,
        parent_id=parent_id,
        permalink=permalink,
        addressed=(place.handle.handle,),
        attachments=attachments,
        rating=rating,
        answer_needs=MappingProxyType(dict(needs)),
    )


def _conversation_id(root: str, author: Author, visibility: Visibility, place: fields.Place) -> str:
    """Return a case per customer on our wall (webhooks say whose wall, not whose post), else the thread."""
    whole = f"{root}:{author.author_id}" if on_our_page(root, place) else root
    return f"{whole}:private" if visibility is Visibility.PRIVATE else whole


def author_of(value: Mapping[str, Any], native_id: str) -> Author:
    """Return who said it: `from`, in older versions `sender_id`, or somebody Facebook does not name."""
    sender = value.get("from")
    if sender is None and value.get("sender_id") is not None:
        sender = {"id": value["sender_id"], "name": value.get("sender_name")}
    if sender is None:
        return Author(author_id=f"{UNKNOWN}{native_id}", name=NAMELESS)
    if not isinstance(sender, dict):
        raise fields.WrongError("from", "must be an object")
    return Author(
        author_id=fields.id_of(sender.get("id"), "from.id"),
        name=fields.text_of(sender.get("name"), "from.name", limit=200),
    )


def native_id_of(value: Mapping[str, Any]) -> str:
    """Return the id by which to find a change again, whatever its kind."""
    return last_of(fields.id_or_nothing(value.get("comment_id"))) or fields.id_or_nothing(
        value.get("post_id")
    )


def on_our_page(post_id: str, place: fields.Place) -> bool:
    """Return whether the post stands on our wall; a bare id is taken for ours, lest two customers meet."""
    return post_id.partition("_")[0] in {place.page, place.handle.native_id} or "_" not in post_id


def kind_of(*, mention: bool, comment: bool, reply: bool) -> Kind:
    """Return what sort of post it is."""
    if mention:
        return Kind.MENTION
    return Kind.REPLY if comment and reply else Kind.COMMENT if comment else Kind.POST


def parent_of(parent: str, post_id: str) -> str:
    """Return what a comment answers: a comment, else the post."""
    return post_id if parent in {"", last_of(post_id)} else parent


def last_of(native_id: str) -> str:
    """Return the last part of an id, by which Facebook's long and short forms are one."""
    return native_id.rpartition("_")[2]


def links_of(value: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the addresses that came with a feed entry."""
    return tuple(link for name in ("photo", "video", "link") if (link := fields.https(value.get(name))))
