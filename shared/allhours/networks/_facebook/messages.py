"""Messenger's JSON in our terms: events from the webhook, messages from a poll."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Author, Change, Heard, Item, Kind, Visibility
from allhours.networks._facebook import items
from allhours.networks._meta import fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_EVENTS = {
    "reaction": items.REACTION,
    "postback": items.POSTBACK,
    "read": items.RECEIPT,
    "delivery": items.RECEIPT,
    "referral": items.ARRIVAL,
    "optin": items.ARRIVAL,
    "pass_thread_control": items.HANDOVER,
    "take_thread_control": items.HANDOVER,
    "request_thread_control": items.HANDOVER,
    "app_roles": items.HANDOVER,
    "policy-enforcement": items.POLICY,
}


def messaging(event: object, place: fields.Place, *, standby: bool = False) -> Heard:
    """Return what a Messenger event says; `standby` means that another app owns the conversation for now."""
    if not isinstance(event, dict):
        return fields.unreadable(place, "", "messaging", "an event must be an object")
    body = event.get("message", event.get("message_edit"))
    if body is None:
        reason = next((reason for name, reason in _EVENTS.items() if name in event), items.OTHER_EVENT)
        if fields.dict_of(event.get("policy-enforcement")).get("action") == "unblock":
            reason = items.UNBLOCKED
        return fields.skipped(
            place, fields.id_or_nothing(fields.dict_of(event.get("reaction")).get("mid")), reason
        )
    native_id = fields.id_or_nothing(fields.dict_of(body).get("mid"))

    def item() -> Heard:
        if not isinstance(body, dict):
            raise fields.WrongError("message", "must be an object")
        mid = fields.id_of(body.get("mid"), "mid")
        psid = fields.id_of(fields.dict_of(event.get("sender")).get("id"), "sender")
        if body.get("is_echo") is True or place.is_ours(psid):
            return fields.skipped(place, mid, items.OWN_POST)
        told_at = fields.clamped(event.get("timestamp"), "timestamp", place)
        deleted, edited = body.get("is_deleted") is True, "message" not in event
        files = tuple(
            fields.attachment(file.get("type"), fields.dict_of(file.get("payload")).get("url"))
            for file in fields.dicts(body.get("attachments"))
        )
        return _message(
            place,
            mid=mid,
            author=Author(author_id=f"{items.PSID}{psid}"),
            created_at=told_at,
            change=Change.DELETED if deleted else Change.EDITED if edited else Change.SAID,
            text="" if deleted else fields.text_of(body.get("text"), "text"),
            files=files,
            parent_id=fields.id_or_nothing(fields.dict_of(body.get("reply_to")).get("mid")),
            needs={"standby": "true"} if standby else {},
        )

    return fields.guarded(place, native_id, item)


def conversation(value: Mapping[str, Any], place: fields.Place) -> Iterator[Heard]:
    """Yield the messages that came with a conversation."""
    for message in fields.listed(value, "messages"):
        yield graph_message(message, place, link=value.get("link"))


def graph_message(value: Mapping[str, Any], place: fields.Place, *, link: object = None) -> Heard:
    """Return what a Messenger message says; `link` leads to its conversation and may be a path only."""
    native_id = fields.id_or_nothing(value.get("id"))

    def item() -> Heard:
        mid = fields.id_of(value.get("id"), "id")
        sender = fields.dict_of(value.get("from"))
        psid = fields.id_of(sender.get("id"), "from")
        if place.is_ours(psid):
            return fields.skipped(place, mid, items.OWN_POST)
        files = tuple(
            fields.attachment(
                file.get("mime_type"), fields.dict_of(file.get("image_data")).get("url", file.get("file_url"))
            )
            for file in fields.listed(value, "attachments")
        )
        if isinstance(link, str) and link.startswith("/"):
            address = fields.https(f"https://www.facebook.com{link}")
        else:
            address = fields.https(link)
        return _message(
            place,
            mid=mid,
            author=Author(
                author_id=f"{items.PSID}{psid}",
                name=fields.text_of(sender.get("name"), "from.name", limit=200),
            ),
            created_at=fields.clamped(value.get("created_time"), "created_time", place),
            text=fields.text_of(value.get("message"), "message"),
            files=files,
            permalink=address,
        )

    return fields.guarded(place, native_id, item)


def _message(
    place: fields.Place,
    *,
    mid: str,
    author: Author,
    created_at: datetime,
    text: str,
    files: tuple[str, ...],
    change: Change = Change.SAID,
    parent_id: str = "",
    permalink: str = "",
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Item:
    said = change is not Change.DELETED
    return Item(
        network=items.NETWORK,
        native_id=mid,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=f"messenger:{place.page}:{author.author_id.removeprefix(items.PSID)}",
        author=author,
        created_at=created_at,
        kind=Kind.MESSAGE,
        change=change,
        version=fields.version(created_at) if change is not Change.SAID else 0,
        text=text,
        visibility=Visibility.PRIVATE,
        parent_id=parent_id,
        permalink=permalink,
        addressed=(place.handle.handle,),
        # a sticker or a shared story may come without anything we can read; a person can, at facebook.com
        attachments=files or (() if text or not said else ("unsupported message",)),
        answer_needs=MappingProxyType(
            {"page_id": place.page, "psid": author.author_id.removeprefix(items.PSID), "mid": mid, **needs}
        ),
    )
