"""Instagram's direct messages in our terms, pushed and read.

The number of a person who writes a message (IGSID) is not that of the same person's comments, so it is kept
apart as `igsid:<id>`. Media of stories may not be kept, and other kinds open nowhere else.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Author, Change, Heard, Item, Kind, Visibility
from allhours.networks._meta.fields import (
    LONGEST_NAME,
    Place,
    clamped,
    dict_of,
    dicts,
    guarded,
    https,
    id_of,
    id_or_nothing,
    listed,
    skipped,
    text_of,
    unreadable,
    version,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

NETWORK = "instagram"
IGSID = "igsid:"
NAMELESS = "Instagram user"
OPEN_THERE = "open in Instagram"

OWN_POST = "own post"
REACTION = "reaction: an emoji, no words"
POSTBACK = "postback: a tapped button; its payload is the bot's word, not the customer's"
RECEIPT = "receipt: seen"
ARRIVAL = "arrival: a link or an opt-in opened the conversation, nothing was said"
HANDOVER = "handover of a conversation between apps"
OTHER_EVENT = "event of a kind without words"

_EVENTS = {
    "reaction": REACTION,
    "postback": POSTBACK,
    "read": RECEIPT,
    "referral": ARRIVAL,
    "optin": ARRIVAL,
    "pass_thread_control": HANDOVER,
    "take_thread_control": HANDOVER,
    "request_thread_control": HANDOVER,
}
# others may not be kept, or cannot be opened elsewhere
_FILES = frozenset({"image", "video", "audio", "file"})


def messaging(event: object, place: Place, *, standby: bool = False) -> Heard:
    """Return what a message event says; `standby` means that another app owns the conversation for now."""
    if not isinstance(event, dict):
        return unreadable(place, "", "messaging", "an event must be an object")
    body = event.get("message", event.get("message_edit"))
    if body is None:
        reason = next((reason for name, reason in _EVENTS.items() if name in event), OTHER_EVENT)
        return skipped(place, id_or_nothing(dict_of(event.get("reaction")).get("mid")), reason)
    native_id = id_or_nothing(dict_of(body).get("mid"))

    def item() -> Heard:
        mid = id_of(dict_of(body).get("mid"), "mid")
        igsid = id_of(dict_of(event.get("sender")).get("id"), "sender")
        if body.get("is_echo") is True or body.get("is_self") is True or place.is_ours(igsid):
            return skipped(place, mid, OWN_POST)
        deleted, edited = body.get("is_deleted") is True, "message" not in event
        said_to = dict_of(body.get("reply_to"))
        return _message(
            place,
            mid=mid,
            author=Author(author_id=f"{IGSID}{igsid}"),
            created_at=clamped(event.get("timestamp"), "timestamp", place),
            change=Change.DELETED if deleted else Change.EDITED if edited else Change.SAID,
            text="" if deleted else text_of(body.get("text"), "text"),
            files=() if deleted else (*_story(said_to), *_pushed_files(body)),
            parent_id=id_or_nothing(said_to.get("mid")),
            needs={"standby": "true"} if standby else {},
        )

    return guarded(place, native_id, item)


def _story(said_to: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the story that was answered, by its id only: its media may not be kept."""
    story = said_to.get("story")
    if not isinstance(story, dict):
        return ()
    return (" ".join(part for part in ("story", id_or_nothing(story.get("id"))) if part) + f": {OPEN_THERE}",)


def _pushed_files(body: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        _file(word(each.get("type")), dict_of(each.get("payload")).get("url"))
        for each in dicts(body.get("attachments"))
    )


def messages(value: Mapping[str, Any], place: Place) -> Iterator[Heard]:
    """Yield the messages that came with a conversation."""
    for each in listed(value, "messages"):
        yield message(each, place)


def message(value: Mapping[str, Any], place: Place) -> Heard:
    """Return what a message says that was read, not pushed."""

    def item() -> Heard:
        mid = id_of(value.get("id"), "id")
        sender = dict_of(value.get("from"))
        igsid = id_of(sender.get("id"), "from")
        if place.is_ours(igsid) or is_our_name(sender.get("username"), place):
            return skipped(place, mid, OWN_POST)
        files = tuple(
            _file(
                word(each.get("mime_type")).partition("/")[0],
                dict_of(each.get("image_data", each.get("video_data"))).get("url", each.get("file_url")),
            )
            for each in listed(value, "attachments")
        )
        return _message(
            place,
            mid=mid,
            author=named(f"{IGSID}{igsid}", sender.get("username")),
            created_at=clamped(value.get("created_time"), "created_time", place),
            text=text_of(value.get("message"), "message"),
            files=files,
        )

    return guarded(place, id_or_nothing(value.get("id")), item)


def named(author_id: str, username: object) -> Author:
    """Return an author by username, a nameless one where there is none."""
    name = text_of(username, "username", limit=LONGEST_NAME).lstrip("@")
    return Author(author_id=author_id, handle=f"@{name}" if name else "", name="" if name else NAMELESS)


def is_our_name(username: object, place: Place) -> bool:
    """Return whether a username is that of our own account."""
    ours = place.handle.handle.lstrip("@").casefold()
    return isinstance(username, str) and bool(username) and username.casefold() == ours


def _message(
    place: Place,
    *,
    mid: str,
    author: Author,
    created_at: datetime,
    text: str,
    files: tuple[str, ...],
    change: Change = Change.SAID,
    parent_id: str = "",
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Item:
    igsid = author.author_id.removeprefix(IGSID)
    said = change is not Change.DELETED
    return Item(
        network=NETWORK,
        native_id=mid,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=f"dm:{place.page}:{igsid}",
        author=author,
        created_at=created_at,
        kind=Kind.MESSAGE,
        change=change,
        version=version(created_at) if change is not Change.SAID else 0,
        text=text,
        visibility=Visibility.PRIVATE,
        parent_id=parent_id,
        addressed=(place.handle.handle,),
        # a sticker or a post that was shared may come without anything we can read; a person can
        attachments=files or (() if text or not said else (f"message: {OPEN_THERE}",)),
        answer_needs=MappingProxyType({"ig_id": place.page, "igsid": igsid, "mid": mid, **needs}),
    )


def _file(kind: str, url: object) -> str:
    """Return a file's address where it may be kept, else what it is and where to look at it."""
    if kind in _FILES and (address := https(url)):
        return address
    return f"{text_of(kind, 'type', limit=50) or 'attachment'}: {OPEN_THERE}"
