"""Turn Mastodon's JSON into items; foreign JSON stops here.

Reasons for a `Skipped`: `OWN_POST`, `NO_STATUS` (the post was deleted and the server kept the notification),
`NOT_SPEECH` (follows, favourites, polls), `BOOST`, `WITHDRAWN` (a server's answer to our own deletion) and
`TO_OTHERS` (a stranger talks to strangers below a customer's post).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allhours.domain.errors import Malformed
from allhours.domain.item import Author, Change, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import from_html, plain
from allhours.networks._mastodon.fields import Fields, WrongError, is_id
from allhours.networks.contract import MOST_LISTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from allhours.domain.handle import Handle

NETWORK = "mastodon"

OWN_POST = "own post"
NO_STATUS = "notification without a status"
NOT_SPEECH = "notification of something that is no post"
BOOST = "boost of somebody's post"
WITHDRAWN = "answer to our own deletion"
TO_OTHERS = "said to others in the thread"
REASONS = (OWN_POST, NO_STATUS, NOT_SPEECH, BOOST, WITHDRAWN, TO_OTHERS)

SPEECH = ("mention", "update", "quote")
"""The notification types that carry something an author said to us."""

_VISIBILITIES = {
    "public": Visibility.PUBLIC,
    "unlisted": Visibility.UNLISTED,
    "private": Visibility.FOLLOWERS,
    "direct": Visibility.PRIVATE,
}
_LONGEST_NAME = 200  # characters; servers allow 30 to 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knot:
    """What a thread tells about one post in it: its global id, whether we wrote it, and the thread's root."""

    native_id: str
    ours: bool
    root: str
    root_is_ours: bool


def milliseconds(at: datetime) -> int:
    """Return the whole milliseconds since 1970, the unit of an item's version here."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def heard_status(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what one status says; the conversation of an answer is provisional until `placed`."""
    try:
        return _status(Fields(body, ""), handle, at)
    except WrongError as wrong:
        return _unreadable(body, handle, wrong)


def heard_notification(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what one notification says."""
    try:
        fields = Fields(body, "")
        if fields.text("type") not in SPEECH:
            return Skipped(network=NETWORK, native_id=fields.text("id"), reason=NOT_SPEECH)
        if not fields.has("status"):
            return Skipped(network=NETWORK, native_id=fields.text("id"), reason=NO_STATUS)
        return _status(fields.object("status"), handle, at)
    except WrongError as wrong:
        return _unreadable(body, handle, wrong)


def heard_last_status(body: object, handle: Handle, at: datetime) -> Heard:
    """Return what a notification request or a conversation shows: its newest status."""
    try:
        fields = Fields(body, "")
        if not fields.has("last_status"):
            return Skipped(network=NETWORK, native_id=fields.text("id"), reason=NO_STATUS)
        return _status(fields.object("last_status"), handle, at)
    except WrongError as wrong:
        return _unreadable(body, handle, wrong)


def _status(fields: Fields, handle: Handle, at: datetime) -> Heard:
    native_id = fields.text("uri")
    account = fields.object("account")
    account_id, acct = account.text("id"), account.text("acct")
    if fields.has("reblog"):
        return Skipped(network=NETWORK, native_id=native_id, reason=BOOST)
    if fields.has("text") and not fields.has("content"):  # only who deletes a post is shown its source
        return Skipped(network=NETWORK, native_id=native_id, reason=WITHDRAWN)
    if _is_ours(account_id, acct, handle):
        return Skipped(network=NETWORK, native_id=native_id, reason=OWN_POST)
    if not fields.has("content"):
        raise WrongError("content", "missing")
    author_id = account.address("uri") or account.address("url") or account_id
    visibility = _VISIBILITIES.get(fields.text("visibility"), Visibility.PRIVATE)  # narrow when unknown
    parent = fields.optional("in_reply_to_id")
    needs = {
        "status_id": fields.text("id"),
        "acct": acct,
        "visibility": next(name for name, known in _VISIBILITIES.items() if known is visibility),
    }
    if parent:
        needs["parent_status_id"] = parent
    root = _on_this_server(handle, parent) if parent else native_id
    named = any(_is_ours(one.text("id"), one.text("acct"), handle) for one in fields.objects("mentions"))
    quoted = _quotes_us(fields, handle)
    words = (plain(fields.prose("spoiler_text")), from_html(fields.prose("content")))
    edited_at = fields.instant("edited_at") if fields.has("edited_at") else None
    media = (one.link("url") or one.link("remote_url") for one in fields.objects("media_attachments"))
    item = Item(
        network=NETWORK,
        native_id=native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=root,
        author=Author(
            author_id=author_id,
            handle=f"@{acct}",
            name=plain(account.prose("display_name"), limit=_LONGEST_NAME),
        ),
        created_at=min(fields.instant("created_at"), at),
        kind=_kind(visibility, quoted=quoted, answers=bool(parent), named=named),
        text=plain("\n\n".join(part for part in words if part), limit=20_000),
        change=Change.EDITED if edited_at else Change.SAID,
        version=milliseconds(edited_at) if edited_at else 0,
        visibility=visibility,
        language=fields.optional("language"),
        parent_id=root if parent else "",
        permalink=fields.address("url") or fields.address("uri"),
        addressed=(handle.handle,) if named or quoted else (),
        attachments=tuple(filter(None, media))[:MOST_LISTED],
        answer_needs=MappingProxyType(needs),
        audience=account.count("followers_count"),
    )
    parent_is_ours = bool(handle.native_id) and fields.optional("in_reply_to_account_id") == handle.native_id
    return replace(item, conversation_id=_conversation(item, root, ours=parent_is_ours))


def _kind(visibility: Visibility, *, quoted: bool, answers: bool, named: bool) -> Kind:
    if visibility is Visibility.PRIVATE:
        return Kind.MESSAGE
    if quoted:
        return Kind.QUOTE
    if answers:
        return Kind.REPLY
    return Kind.MENTION if named else Kind.POST


def _quotes_us(fields: Fields, handle: Handle) -> bool:
    if not fields.has("quote") or not (quote := fields.object("quote")).has("quoted_status"):
        return False
    author = quote.object("quoted_status").object("account")
    return _is_ours(author.text("id"), author.text("acct"), handle)


def _is_ours(account_id: str, acct: str, handle: Handle) -> bool:
    """Return whether an account is the handle, by its id or by its name on our own host."""
    if account_id == handle.native_id:
        return True
    our_name, _, our_host = handle.handle.removeprefix("@").lower().partition("@")
    name, _, host = acct.lower().partition("@")
    return name == our_name and host in {"", our_host, urlsplit(handle.base_url).netloc.lower()}


def _on_this_server(handle: Handle, status_id: str) -> str:
    return f"{handle.base_url}/statuses/{status_id}"


def _conversation(item: Item, root: str, *, ours: bool) -> str:
    if item.visibility is Visibility.PRIVATE:
        return f"{root}:private:{item.author.author_id}"
    return f"{root}:{item.author.author_id}" if ours else root


def _unreadable(body: object, handle: Handle, wrong: WrongError) -> Unreadable:
    native_id = _some_id(body)
    return Unreadable(
        network=NETWORK, handle=handle.handle, native_id=native_id, field=wrong.field, detail=wrong.detail
    )


def _some_id(body: object) -> str:
    """Return the best name there is for a broken post: its own, else that of what carries it."""
    if not isinstance(body, dict):
        return ""
    inner = next((_some_id(body[name]) for name in ("status", "last_status") if name in body), "")
    own = (body.get(name) for name in ("uri", "id"))
    return inner or next((name for name in own if isinstance(name, str) and is_id(name)), "")


def said_at(body: object) -> datetime | None:
    """Return when a status says it was written, if it says so legibly."""
    try:
        return Fields(body, "").instant("created_at")
    except WrongError:
        return None


def thread(context: object, handle: Handle, *, asked: Item | None = None) -> Mapping[str, Knot]:
    """Return the posts of a `/context` answer by status id; `asked` is the post whose context it is.

    Empty when its root is not among them, because it was deleted or never came to this server.
    """
    knots: dict[str, Knot] = {}
    root: Knot | None = None
    if asked and not _list(context, "ancestors") and "parent_status_id" not in asked.answer_needs:
        root = Knot(native_id=asked.native_id, ours=False, root=asked.native_id, root_is_ours=False)
    for name in ("ancestors", "descendants"):
        for body in _list(context, name):
            try:
                fields = Fields(body, name)
                account = fields.object("account")
                uri, ours = fields.text("uri"), _is_ours(account.text("id"), account.text("acct"), handle)
                status_id = fields.text("id")
            except WrongError:
                continue
            if root is None and name == "ancestors":
                root = Knot(native_id=uri, ours=ours, root=uri, root_is_ours=ours)
            if root is not None:
                knots[status_id] = replace(root, native_id=uri, ours=ours)
    if asked and root:
        knots[asked.answer_needs["status_id"]] = replace(root, native_id=asked.native_id, ours=False)
    return MappingProxyType(knots)


def placed(heard: Heard, knots: Mapping[str, Knot]) -> Heard:
    """Return an answer with the conversation and the parent that its thread tells; anything else as it is."""
    if not isinstance(heard, Item):
        return heard
    parent = knots.get(heard.answer_needs.get("parent_status_id", ""))
    if parent is None:
        return heard
    conversation_id = _conversation(heard, parent.root, ours=parent.root_is_ours)
    return replace(heard, conversation_id=conversation_id, parent_id=parent.native_id)


def _list(body: object, name: str) -> list[object]:
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, list) else []


def loads(body: bytes) -> object:
    """Return the JSON in a body; `ValueError` for anything else, a tower of brackets included."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parse(body: bytes, handle: Handle, at: datetime) -> tuple[Heard, ...]:
    """Return every post in an answer of this API; `Malformed` when it is none."""
    try:
        answer = loads(body)
    except ValueError:
        raise Malformed(NETWORK, "the body is not JSON", handle=handle.handle) from None
    if isinstance(answer, list):
        return tuple(heard for each in answer for heard in _any_of(each, handle, at))
    if not isinstance(answer, dict) or not _shape(answer):
        raise Malformed(NETWORK, "the body is no answer of this API", handle=handle.handle)
    return tuple(_any_of(answer, handle, at))


def _shape(body: dict[str, object]) -> str:
    """Return what an object is, by the fields that only it has; empty when it is nothing of this API."""
    return next((shape for shape, signs in _SIGNS.items() if body.keys() & signs), "")


_SIGNS: Mapping[str, frozenset[str]] = {  # the first that fits: accounts and servers have a uri as well
    "thread": frozenset({"ancestors", "descendants"}),
    "search": frozenset({"statuses", "hashtags"}),
    "last": frozenset({"last_status"}),
    "notification": frozenset({"type", "status", "group_key"}),
    "no post": frozenset(
        {
            "error",
            "acct",
            "title",
            "issuer",
            "endpoint",
            "redirect_uri",
            "for_private_mentions",
            "home",
            "count",
        }
    ),
    "status": frozenset({"visibility", "content", "in_reply_to_id", "uri"}),
}


def _any_of(body: object, handle: Handle, at: datetime) -> Iterable[Heard]:
    match _shape(body) if isinstance(body, dict) else "":
        case "thread":
            knots = thread(body, handle)
            statuses = (*_list(body, "ancestors"), *_list(body, "descendants"))
            return (placed(heard_status(status, handle, at), knots) for status in statuses)
        case "search":
            return (heard_status(status, handle, at) for status in _list(body, "statuses"))
        case "last":
            return (heard_last_status(body, handle, at),)
        case "notification":
            return (heard_notification(body, handle, at),)
        case "no post":
            return ()
        case _:
            return (heard_status(body, handle, at),)
