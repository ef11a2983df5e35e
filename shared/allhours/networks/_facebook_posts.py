"""Facebook's JSON in our terms: one pure function per shape; foreign JSON stops here.

Webhook and poll give one post the same native id: a comment's is the last part of `{post}_{comment}`
(Facebook sends both forms), a post's is `{owner}_{post}`, a message's its `mid`. A Messenger id (PSID) means
one Page only and says nothing about a commenter's id, so it is kept apart as `psid:<id>`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from allhours.domain.handle import Handle

NETWORK = "facebook"
PSID = "psid:"
UNKNOWN = "unknown:"
NAMELESS = "Facebook user"  # what to show when `from` is missing (networks/facebook.md §4)

OWN_POST = "own post"
RECOMMENDATION = "recommendation: a later issue"
REACTION = "reaction: a like or an emoji, no words"
MODERATION = "moderation: hidden, shown or blocked by one of us"
NO_WORDS = "feed entry without a customer's words: an album, an event and the like"
UNPUBLISHED = "not published"
TOLD_BY_FEED = "mention on our own Page: its feed entry names the author"
POSTBACK = "postback: a tapped button; its payload is the bot's word, not the customer's"
RECEIPT = "receipt: read or delivered"
ARRIVAL = "arrival: a link or a plug-in opened the conversation, nothing was said"
HANDOVER = "handover of a conversation between apps"
POLICY = "policy notice from Facebook to the app"
OTHER_EVENT = "Messenger event of a kind without words"
OTHER_FIELD = "subscribed field that brings no posts"
OTHER_PAGE = "another Page than ours"
NO_VALUE = "change without a value"
NOT_VISIBLE = "not visible to our app"

_FEED_ITEMS = frozenset({"comment", "post", "status", "photo", "video", "share", "link", "note"})
_EDITS = frozenset({"edit", "edited", "update"})
_EVENTS = {
    "reaction": REACTION,
    "postback": POSTBACK,
    "read": RECEIPT,
    "delivery": RECEIPT,
    "referral": ARRIVAL,
    "optin": ARRIVAL,
    "pass_thread_control": HANDOVER,
    "take_thread_control": HANDOVER,
    "request_thread_control": HANDOVER,
    "app_roles": HANDOVER,
    "policy-enforcement": POLICY,
}
_POST_SIGNS = frozenset({"created_time", "message", "from", "permalink_url"})
_COMMENT_SIGNS = frozenset({"comment_count", "can_comment", "can_hide", "parent"})
_MODERATION = frozenset({"hide", "unhide", "block", "unblock", "mute", "unmute", "follow", "unlike"})
_ID = re.compile(r"[A-Za-z0-9_.:=+-]{1,512}")  # no slash: ids go into URLs


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we listen: our handle, the Page's id and the instant of hearing."""

    handle: Handle
    page: str
    at: datetime

    def is_ours(self, author_id: str) -> bool:
        """Return whether the Page itself said it."""
        return author_id in {self.page, self.handle.native_id}


class _WrongError(Exception):
    """Say which field is missing or mistyped; it never leaves this file."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(field)
        self.field = field
        self.detail = detail


# Bodies


def webhook(body: bytes, place_of: Callable[[str], Place | None]) -> tuple[Heard, ...]:
    """Return everything in a webhook body; `place_of` finds an entry's Page among ours, else None."""
    told = decoded(body)
    if not isinstance(told, dict) or told.get("object") != "page" or not isinstance(told.get("entry"), list):
        raise Malformed(NETWORK, "no Page's webhook body; subscribe the object `page` only", field="object")
    return tuple(heard for n, entry in enumerate(told["entry"]) for heard in _entry(n, entry, place_of))


def decoded(body: bytes) -> object:
    """Return the JSON in `body`; `Malformed` when it is none."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(NETWORK, "the body is no JSON") from None
    return value


def graph(value: object, place: Place) -> Iterator[Heard]:
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


def _object(value: Mapping[str, Any], place: Place) -> Iterator[Heard]:
    native_id = value.get("id")
    if isinstance(native_id, str) and native_id.startswith("t_"):
        yield from conversation(value, place)
    elif isinstance(native_id, str) and native_id.startswith(("m_", "mid.")):
        yield graph_message(value, place)
    elif value.keys() & _COMMENT_SIGNS or "comment_id=" in str(value.get("permalink_url")):
        yield graph_comment(value, place)
    elif value.keys() & _POST_SIGNS:
        yield graph_post(value, place)
        for comment in listed(value, "comments"):
            yield graph_comment(comment, place, post_id=_id_or_nothing(native_id))


def _entry(number: int, entry: object, place_of: Callable[[str], Place | None]) -> Iterator[Heard]:
    """Read one entry: `changes`, `messaging`, `standby`, or a flat `field` and `value`."""
    if not isinstance(entry, dict) or not (page := _id_or_nothing(entry.get("id"))):
        yield Unreadable(
            network=NETWORK, handle="", native_id="", field=f"entry[{number}].id", detail="no Page is named"
        )
        return
    place = place_of(page)
    if place is None:
        yield Skipped(network=NETWORK, native_id=page, reason=OTHER_PAGE)
        return
    told_at = _told_at(entry.get("time"), place)
    for change in (*_rows(entry, "changes"), *([entry] if "field" in entry else [])):
        yield _change(change, place, told_at)
    for name in ("messaging", "standby"):
        for event in _rows(entry, name):
            yield messaging(event, place, standby=name == "standby")


def _rows(entry: Mapping[str, Any], name: str) -> list[object]:
    """Return the entry's updates; one that is no list is kept as one row, so that it is reported."""
    rows = entry.get(name, [])
    return rows if isinstance(rows, list) else [rows]


# Webhook shapes


def _change(change: object, place: Place, told_at: datetime) -> Heard:
    if not isinstance(change, dict):
        return _unreadable(place, "", "changes", "a change must be an object")
    field, value = _word(change.get("field")), change.get("value")
    if value is None:
        return _skipped(place.page, NO_VALUE)
    if not isinstance(value, dict):
        return _unreadable(place, "", "value", "must be an object")
    if field == "ratings":
        return _skipped(_native_id(value) or _id_or_nothing(value.get("open_graph_story_id")), RECOMMENDATION)
    if field not in {"feed", "mention"}:
        return _skipped(_native_id(value), OTHER_FIELD)
    return feed_change(value, place, told_at, mention=field == "mention")


def feed_change(value: Mapping[str, Any], place: Place, told_at: datetime, *, mention: bool = False) -> Heard:
    """Return what a `feed` or `mention` change says."""
    native_id = _native_id(value)
    what, verb = _word(value.get("item")), _word(value.get("verb"))

    def item() -> Heard:
        if reason := _wordless(value, what, verb):
            return _skipped(native_id, reason)
        if not what or verb not in _EDITS | {"add", "remove"}:
            raise _WrongError("verb" if what else "item", "is not one that Facebook documents")
        comment = what == "comment"
        full_id = _id(value.get("comment_id"), "comment_id") if comment else ""
        post_id = _id(value.get("post_id"), "post_id")
        change = Change.DELETED if verb == "remove" else Change.EDITED if verb in _EDITS else Change.SAID
        author = _author(value, native_id or post_id)
        if place.is_ours(author.author_id) and change is not Change.DELETED:
            return _skipped(native_id, OWN_POST)
        if mention and author.name == NAMELESS and _on_our_page(post_id, place):
            return _skipped(native_id, TOLD_BY_FEED)
        parent = _last(_id_or_nothing(value.get("parent_id")))
        return _item(
            place,
            native_id=_last(full_id) if comment else post_id,
            root=post_id,
            author=author,
            created_at=_clamped(value.get("created_time"), "created_time", place, otherwise=told_at),
            kind=_kind(mention=mention, comment=comment, reply=parent not in {"", _last(post_id)}),
            change=change,
            version=_version(told_at) if change is not Change.SAID else 0,
            text="" if change is Change.DELETED else _text(value.get("message"), "message"),
            parent_id=_parent(parent, post_id) if comment else "",
            permalink=_https(value.get("permalink_url") or _dict(value.get("post")).get("permalink_url")),
            attachments=_links(value),
            needs={"page_id": place.page, "post_id": post_id, **({"comment_id": full_id} if comment else {})},
        )

    return _guarded(place, native_id, item)


def _wordless(value: Mapping[str, Any], what: str, verb: str) -> str:
    if what in {"like", "reaction"}:
        return REACTION
    if what and what not in _FEED_ITEMS:
        return NO_WORDS
    if verb in _MODERATION:
        return MODERATION
    return UNPUBLISHED if value.get("published") == 0 else ""


def messaging(event: object, place: Place, *, standby: bool = False) -> Heard:
    """Return what a Messenger event says; `standby` means that another app owns the conversation for now."""
    if not isinstance(event, dict):
        return _unreadable(place, "", "messaging", "an event must be an object")
    body = event.get("message", event.get("message_edit"))
    if body is None:
        reason = next((reason for name, reason in _EVENTS.items() if name in event), OTHER_EVENT)
        return _skipped(_id_or_nothing(_dict(event.get("reaction")).get("mid")), reason)
    native_id = _id_or_nothing(_dict(body).get("mid"))

    def item() -> Heard:
        if not isinstance(body, dict):
            raise _WrongError("message", "must be an object")
        mid = _id(body.get("mid"), "mid")
        psid = _id(_dict(event.get("sender")).get("id"), "sender")
        if body.get("is_echo") is True or place.is_ours(psid):
            return _skipped(mid, OWN_POST)
        told_at = _clamped(event.get("timestamp"), "timestamp", place)
        deleted, edited = body.get("is_deleted") is True, "message" not in event
        files = tuple(
            _attachment(file.get("type"), _dict(file.get("payload")).get("url"))
            for file in _dicts(body.get("attachments"))
        )
        return _message(
            place,
            mid=mid,
            author=Author(author_id=f"{PSID}{psid}"),
            created_at=told_at,
            change=Change.DELETED if deleted else Change.EDITED if edited else Change.SAID,
            text="" if deleted else _text(body.get("text"), "text"),
            files=files,
            parent_id=_id_or_nothing(_dict(body.get("reply_to")).get("mid")),
            needs={"standby": "true"} if standby else {},
        )

    return _guarded(place, native_id, item)


# Graph API shapes


def graph_post(value: Mapping[str, Any], place: Place, *, mention: bool = False) -> Heard:
    """Return what a post on our Page, or one that tags it, says."""
    native_id = _id_or_nothing(value.get("id"))

    def item() -> Heard:
        post_id = _id(value.get("id"), "id")
        author = _author(value, post_id)
        if place.is_ours(author.author_id):
            return _skipped(post_id, OWN_POST)
        if value.get("is_published") is False:
            return _skipped(post_id, UNPUBLISHED)
        return _item(
            place,
            native_id=post_id,
            root=post_id,
            author=author,
            created_at=_clamped(value.get("created_time"), "created_time", place),
            kind=_kind(mention=mention, comment=False, reply=False),
            text=_text(value.get("message"), "message"),
            permalink=_https(value.get("permalink_url")),
            attachments=tuple(
                _attachment(each.get("media_type"), each.get("unshimmed_url", each.get("url")))
                for each in listed(value, "attachments")
            ),
            needs={"page_id": place.page, "post_id": post_id},
        )

    return _guarded(place, native_id, item)


def graph_comment(value: Mapping[str, Any], place: Place, *, post_id: str = "") -> Heard:
    """Return what a comment says; `post_id` is the post it was listed under, else its own id tells."""
    native_id = _last(_id_or_nothing(value.get("id")))

    def item() -> Heard:
        full_id = _id(value.get("id"), "id")
        author = _author(value, native_id)
        if place.is_ours(author.author_id):
            return _skipped(native_id, OWN_POST)
        parent_id = _id_or_nothing(_dict(value.get("parent")).get("id"))
        parent = _last(parent_id)
        post = full_id.rpartition("_")[0] or parent_id.rpartition("_")[0]
        root = post_id or (f"{place.page}_{post}" if post else native_id)
        private = value.get("can_reply_privately")
        return _item(
            place,
            native_id=native_id,
            root=root,
            author=author,
            created_at=_clamped(value.get("created_time"), "created_time", place),
            kind=_kind(mention=False, comment=True, reply=bool(parent)),
            text=_text(value.get("message"), "message"),
            visibility=Visibility.PRIVATE if value.get("is_private") is True else Visibility.PUBLIC,
            parent_id=parent or root,
            permalink=_https(value.get("permalink_url")),
            attachments=tuple(
                _attachment(each.get("type"), each.get("url")) for each in _dicts([value.get("attachment")])
            ),
            needs={"page_id": place.page, "post_id": root, "comment_id": full_id}
            | ({"can_reply_privately": str(private).lower()} if isinstance(private, bool) else {}),
        )

    return _guarded(place, native_id, item)


def conversation(value: Mapping[str, Any], place: Place) -> Iterator[Heard]:
    """Yield the messages that came with a conversation."""
    for message in listed(value, "messages"):
        yield graph_message(message, place, link=value.get("link"))


def graph_message(value: Mapping[str, Any], place: Place, *, link: object = None) -> Heard:
    """Return what a Messenger message says; `link` leads to its conversation and may be a path only."""
    native_id = _id_or_nothing(value.get("id"))

    def item() -> Heard:
        mid = _id(value.get("id"), "id")
        sender = _dict(value.get("from"))
        psid = _id(sender.get("id"), "from")
        if place.is_ours(psid):
            return _skipped(mid, OWN_POST)
        files = tuple(
            _attachment(file.get("mime_type"), _dict(file.get("image_data")).get("url", file.get("file_url")))
            for file in listed(value, "attachments")
        )
        if isinstance(link, str) and link.startswith("/"):
            address = _https(f"https://www.facebook.com{link}")
        else:
            address = _https(link)
        return _message(
            place,
            mid=mid,
            author=Author(author_id=f"{PSID}{psid}", name=_text(sender.get("name"), "from.name", limit=200)),
            created_at=_clamped(value.get("created_time"), "created_time", place),
            text=_text(value.get("message"), "message"),
            files=files,
            permalink=address,
        )

    return _guarded(place, native_id, item)


# What every shape shares


def listed(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects of an edge: `{"data": [...]}` or a bare list, as older recordings have it."""
    edge = value.get(name)
    return _dicts(edge.get("data") if isinstance(edge, dict) else edge)


def path(value: object) -> str:
    """Return an id that may stand in a URL's path, else nothing."""
    return _id_or_nothing(value)


def moment(value: object) -> datetime | None:
    """Return one of Facebook's times: ISO with `+0000`, Unix seconds or milliseconds; else None."""
    if isinstance(value, str) and not value.isdecimal():
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        return at.astimezone(UTC) if at.tzinfo and 1970 < at.year < 9999 else None  # noqa: PLR2004 - a zone may move it
    if isinstance(value, str) and len(value) < len("1763547198627") + 1:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**14:
        return None
    return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)


def _item(
    place: Place,
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
    needs: Mapping[str, str],
) -> Item:
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
        answer_needs=MappingProxyType(dict(needs)),
    )


def _conversation_id(root: str, author: Author, visibility: Visibility, place: Place) -> str:
    """Return a case per customer on our wall (webhooks say whose wall, not whose post), else the thread."""
    whole = f"{root}:{author.author_id}" if _on_our_page(root, place) else root
    return f"{whole}:private" if visibility is Visibility.PRIVATE else whole


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
    permalink: str = "",
    needs: Mapping[str, str] = MappingProxyType({}),
) -> Item:
    said = change is not Change.DELETED
    return Item(
        network=NETWORK,
        native_id=mid,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=f"messenger:{place.page}:{author.author_id.removeprefix(PSID)}",
        author=author,
        created_at=created_at,
        kind=Kind.MESSAGE,
        change=change,
        version=_version(created_at) if change is not Change.SAID else 0,
        text=text,
        visibility=Visibility.PRIVATE,
        parent_id=parent_id,
        permalink=permalink,
        addressed=(place.handle.handle,),
        # a sticker or a shared story may come without anything we can read; a person can, at facebook.com
        attachments=files or (() if text or not said else ("unsupported message",)),
        answer_needs=MappingProxyType(
            {"page_id": place.page, "psid": author.author_id.removeprefix(PSID), "mid": mid, **needs}
        ),
    )


def _guarded(place: Place, native_id: str, make: Callable[[], Heard]) -> Heard:
    try:
        return make()
    except _WrongError as wrong:
        return _unreadable(place, native_id, wrong.field, wrong.detail)


def _unreadable(place: Place, native_id: str, field: str, detail: str) -> Unreadable:
    return Unreadable(
        network=NETWORK, handle=place.handle.handle, native_id=native_id, field=field, detail=detail
    )


def _skipped(native_id: str, reason: str) -> Skipped:
    return Skipped(network=NETWORK, native_id=native_id, reason=reason)


def _author(value: Mapping[str, Any], native_id: str) -> Author:
    """Return who said it: `from`, in older versions `sender_id`, or somebody Facebook does not name."""
    sender = value.get("from")
    if sender is None and value.get("sender_id") is not None:
        sender = {"id": value["sender_id"], "name": value.get("sender_name")}
    if sender is None:
        return Author(author_id=f"{UNKNOWN}{native_id}", name=NAMELESS)
    if not isinstance(sender, dict):
        raise _WrongError("from", "must be an object")
    return Author(
        author_id=_id(sender.get("id"), "from.id"), name=_text(sender.get("name"), "from.name", limit=200)
    )


def _native_id(value: Mapping[str, Any]) -> str:
    """Return the id by which to find a change again, whatever its kind."""
    return _last(_id_or_nothing(value.get("comment_id"))) or _id_or_nothing(value.get("post_id"))


def _on_our_page(post_id: str, place: Place) -> bool:
    """Return whether the post stands on our wall; a bare id is taken for ours, lest two customers meet."""
    return post_id.partition("_")[0] in {place.page, place.handle.native_id} or "_" not in post_id


def _kind(*, mention: bool, comment: bool, reply: bool) -> Kind:
    if mention:
        return Kind.MENTION
    return Kind.REPLY if comment and reply else Kind.COMMENT if comment else Kind.POST


def _parent(parent: str, post_id: str) -> str:
    return post_id if parent in {"", _last(post_id)} else parent


def _last(native_id: str) -> str:
    return native_id.rpartition("_")[2]


def _id(value: object, field: str) -> str:
    if native_id := _id_or_nothing(value):
        return native_id
    raise _WrongError(field, "is missing" if value is None else "must be an id, as text or whole number")


def _id_or_nothing(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**30:
        return str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _text(value: object, field: str, *, limit: int = 20_000) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongError(field, "must be a text")
    return plain(value, limit=limit)


def _clamped(value: object, field: str, place: Place, *, otherwise: datetime | None = None) -> datetime:
    """Return the instant, never later than we heard of it."""
    at = otherwise if value is None else moment(value)
    if at is None:
        raise _WrongError(field, "must be a time")
    return min(at, place.at)


def _told_at(value: object, place: Place) -> datetime:
    return min(moment(value) or place.at, place.at)


def _version(at: datetime) -> int:
    return int(at.timestamp() * 1000)  # milliseconds, for Facebook numbers neither edits nor states


def _https(value: object) -> str:
    return plain(value, limit=2_000) if isinstance(value, str) and value.startswith("https://") else ""


def _links(value: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(link for name in ("photo", "video", "link") if (link := _https(value.get(name))))


def _attachment(kind: object, url: object) -> str:
    return _https(url) or (plain(kind, limit=50) if isinstance(kind, str) and kind else "attachment")


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
