"""LinkedIn's JSON in our terms: one pure function per shape; foreign JSON stops here.

A comment's native id is its full URN, the same from webhook, notification list and comment list. One post has
several URNs (share, ugcPost, activity): whichever a notification names are kept in `answer_needs["posts"]`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import Malformed
from allhours.domain.item import Change, Heard, Item, Kind, Skipped, Unreadable
from allhours.domain.plain_text import plain
from allhours.networks._linkedin.fields import (
    NETWORK,
    WrongError,
    author_in,
    comment_urn,
    instant_in,
    look,
    milliseconds,
    needs,
    page_urn,
    permalink,
    rows_in,
    text_in,
    texts_below,
    thread_of,
    urn_in,
)
from allhours.networks.contract import LONGEST_ADDRESS, MOST_LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from allhours.domain.handle import Handle

TYPE = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"

OWN_POST = "own post"
LIKE = "like: no words"
SHARE = "share of our own post: said to the sharer's own network"
OTHER_PAGE = "another page than ours"
OTHER_ACTION = "action that we do not know"
OTHER_TYPE = "delivery of another type than social actions"
REASONS = (OWN_POST, LIKE, SHARE, OTHER_PAGE, OTHER_ACTION, OTHER_TYPE)

COMMENTS = {"COMMENT": Change.SAID, "COMMENT_EDIT": Change.EDITED, "COMMENT_DELETE": Change.DELETED}
SKIPPED = {"LIKE": LIKE, "SHARE": SHARE, "ADMIN_COMMENT": OWN_POST}
MENTION = "SHARE_MENTION"
_ADDRESS = re.compile(r"https://[^\s\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we listen: our handle and the instant of hearing."""

    handle: Handle
    at: datetime

    @property
    def page(self) -> str:
        """Return our page's URN."""
        return page_urn(self.handle)


def decoded(body: bytes) -> object:
    """Return the JSON in `body`; `Malformed` when it is none."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed(NETWORK, "the body is no JSON") from None
    return value


def delivery(told: object, place_of: Callable[[str], Place | None]) -> Iterator[Heard]:
    """Yield everything in a webhook's body; `place_of` finds a page among ours by its URN, else None."""
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        raise Malformed(NETWORK, "no delivery of LinkedIn's", field="type")
    if told["type"] != TYPE:
        yield Skipped(network=NETWORK, native_id="", reason=OTHER_TYPE)
        return
    if not isinstance(told.get("notifications"), list):
        raise Malformed(NETWORK, "a delivery without a list of notifications", field="notifications")
    found = [(row, urn_in(look(row, "organizationalEntity"))) for row in told["notifications"]]
    known = next(filter(None, (place_of(page) for _row, page in found if page)), None)
    for number, (row, page) in enumerate(found):
        if not page:  # told under the name of the delivery's other pages, so that somebody is called once
            name = known.handle.handle if known else ""
            yield _unreadable(name, _name(row), f"notifications[{number}].organizationalEntity")
        elif place := place_of(page):
            yield notification(row, place)
        else:
            yield Skipped(network=NETWORK, native_id=_name(row), reason=OTHER_PAGE)


def listed(rows: Sequence[object], place: Place) -> Iterator[Heard]:
    """Yield everything in an answer's `elements`: notifications, or comments of a post."""
    for row in rows:
        if isinstance(row, dict) and ("action" in row or "notificationId" in row):
            yield notification(row, place)
        else:
            yield comment(row, place)


def notification(row: object, place: Place) -> Heard:
    """Return what one notification says; comments and mentions are words to us."""
    action = look(row, "action")
    if not isinstance(action, str):
        return _unreadable(place.handle.handle, _name(row), "action")
    if action in SKIPPED:
        return Skipped(network=NETWORK, native_id=_name(row), reason=SKIPPED[action])
    try:
        if action in COMMENTS:
            return _commented(row, place, COMMENTS[action])
        if action == MENTION:
            return _mentioned(row, place)
    except WrongError as wrong:
        return _unreadable(place.handle.handle, _name(row), wrong.field)
    return Skipped(network=NETWORK, native_id=_name(row), reason=OTHER_ACTION)


def _commented(row: object, place: Place, change: Change) -> Heard:
    told = look(row, "decoratedGeneratedActivity.comment")
    urn = comment_urn(look(row, "generatedActivity")) or comment_urn(look(told, "entity"))
    if not urn:
        raise WrongError("generatedActivity")
    author = author_in(look(told, "owner"), urn, "decoratedGeneratedActivity.comment.owner")
    if author.author_id == place.page:
        return Skipped(network=NETWORK, native_id=urn, reason=OWN_POST)
    told_at = instant_in(look(row, "lastModifiedAt"), "lastModifiedAt")
    text = text_in(look(told, "text"), "decoratedGeneratedActivity.comment.text")
    parent = comment_urn(look(told, "parentComment"))
    posts = [look(row, "sourcePost"), look(row, "decoratedSourcePost.entity")]
    posts += [look(told, "object"), look(told, "entity"), thread_of(urn)]
    said = change is Change.SAID
    return Item(
        network=NETWORK,
        native_id=urn,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=f"{thread_of(urn)}:{author.author_id}",
        author=author,
        created_at=min(told_at, place.at),
        kind=Kind.REPLY if parent else Kind.COMMENT,
        text="" if change is Change.DELETED else plain(text),
        change=change,
        version=0 if said else milliseconds(told_at),
        parent_id=parent or thread_of(urn),
        permalink=permalink(urn),
        answer_needs=MappingProxyType(needs(comment=urn, posts=_distinct(posts), parent=parent)),
    )


def _mentioned(row: object, place: Place) -> Heard:
    told = look(row, "decoratedGeneratedActivity.share")
    urn = next(filter(None, map(urn_in, (look(row, "generatedActivity"), look(told, "entity")))), "")
    if not urn:
        raise WrongError("generatedActivity")
    author = author_in(look(told, "owner"), urn, "decoratedGeneratedActivity.share.owner")
    if author.author_id == place.page:
        return Skipped(network=NETWORK, native_id=urn, reason=OWN_POST)
    told_at = instant_in(look(row, "lastModifiedAt"), "lastModifiedAt")
    words = (look(told, "title"), look(told, "text"))
    text = "\n\n".join(text_in(each, "decoratedGeneratedActivity.share.text") for each in words if each)
    return Item(
        network=NETWORK,
        native_id=urn,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=urn,
        author=author,
        created_at=min(told_at, place.at),
        kind=Kind.MENTION,
        text=plain(text),
        permalink=permalink(urn),
        addressed=(place.handle.handle,),
        answer_needs=MappingProxyType(
            needs(posts=_distinct([urn, look(told, "entity"), look(row, "sourcePost")]))
        ),
    )


def comment(row: object, place: Place) -> Heard:
    """Return what a comment in the list of a post says."""
    urn = comment_urn(look(row, "commentUrn")) or comment_urn(look(row, "$URN"))
    try:
        if not urn:
            raise WrongError("commentUrn")  # noqa: TRY301 - the one way out of a shape
        return _listed_comment(row, place, urn)
    except WrongError as wrong:
        return _unreadable(place.handle.handle, urn or str(look(row, "id"))[:100], wrong.field)


def _listed_comment(row: object, place: Place, urn: str) -> Heard:
    author = author_in(look(row, "actor"), urn, "actor")
    if author.author_id == place.page:
        return Skipped(network=NETWORK, native_id=urn, reason=OWN_POST)
    created_at = instant_in(look(row, "created.time"), "created.time")
    modified = look(row, "lastModified.time")
    modified_at = created_at if modified is None else instant_in(modified, "lastModified.time")
    edited = modified_at > created_at
    parent = comment_urn(look(row, "parentComment"))
    named = place.page in texts_below(look(row, "message.attributes"))
    pictures = (look(each, "url") for each in rows_in(row, "content"))
    return Item(
        network=NETWORK,
        native_id=urn,
        account=place.handle.account,
        handle=place.handle.handle,
        conversation_id=f"{thread_of(urn)}:{author.author_id}",
        author=author,
        created_at=min(created_at, place.at),
        kind=Kind.REPLY if parent else Kind.COMMENT,
        text=plain(text_in(look(row, "message.text"), "message.text")),
        change=Change.EDITED if edited else Change.SAID,
        version=milliseconds(modified_at) if edited else 0,
        parent_id=parent or thread_of(urn),
        permalink=permalink(urn),
        addressed=(place.handle.handle,) if named else (),
        attachments=tuple(each for each in pictures if _is_address(each))[:MOST_LISTED],
        answer_needs=MappingProxyType(
            needs(comment=urn, posts=_distinct([look(row, "object"), thread_of(urn)]), parent=parent)
        ),
    )


def _is_address(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_ADDRESS and bool(_ADDRESS.fullmatch(value))


def _distinct(posts: Sequence[Any]) -> str:
    """Return every URN of the post that was named, each once, in the order of meeting them."""
    return " ".join(dict.fromkeys(filter(None, map(urn_in, posts))))


def _name(row: object) -> str:
    """Return where to find a notification again: what it is about, else its own number."""
    activity = look(row, "generatedActivity")
    number = look(row, "notificationId")
    named = comment_urn(activity) or urn_in(activity)
    return named or (f"notification {number}" if isinstance(number, int) and abs(number) < 1 << 63 else "")


def _unreadable(handle: str, native_id: str, field: str) -> Unreadable:
    return Unreadable(
        network=NETWORK,
        handle=handle,
        native_id=native_id,
        field=field,
        detail="missing, or not what LinkedIn documents",
    )
