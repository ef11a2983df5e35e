"""An item: one thing an author said on a network, in our terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN_AUDIENCE = -1  # of an author whose network tells nobody, or tells it only when asked
NO_ANSWER_NEEDS: Mapping[str, str] = MappingProxyType({})


class Change(StrEnum):
    """What the network told us about the post."""

    SAID = "said"
    EDITED = "edited"
    DELETED = "deleted"
    EXPIRED = "expired"  # the network lets nobody keep its words any longer; the post itself is still there


class Visibility(StrEnum):
    """Who can read the post; an answer is never more public than what it answers."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    FOLLOWERS = "followers"
    PRIVATE = "private"


class Kind(StrEnum):
    """What sort of post it is, across networks."""

    POST = "post"
    COMMENT = "comment"
    MENTION = "mention"
    REPLY = "reply"
    QUOTE = "quote"
    MESSAGE = "message"
    ENTRY = "entry"
    REVIEW = "review"
    PROFILE = "profile"  # what a look-up found out about an author; never opens a case


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who said it. Followers, badge and picture are left out on purpose: they never enter priority."""

    author_id: str
    handle: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing an author said, an edit of it, or its deletion.

    `native_id` is the network's id of the post as text, the same from webhook, poll and re-read; with
    `network` it is the key everywhere. `version` orders the states of one post (0 when it was first said,
    larger is newer; the unit is the network's own). `conversation_id` groups what belongs to one case: under
    the brand's own post it names the customer as well, so that two customers never share a case. `handle` is
    the organisation's handle that heard it, `addressed` those of ours that the post names. `answer_needs` is
    what the network's reply call will ask for beyond the id (Bluesky: root and parent with their cids).
    `rating` is that of a review, 1 (worst) to 5 stars, and 0 for anything else. `heard_by` is `webhook` or
    `poll` where the network has both, for counting what one of them misses; it is on the way only, not kept.

    `audience` is how many followers the network says the author has, where it says so unasked. It is for one
    report, which shows that it makes no difference; what judges a post is not given it (judgement.py).
    """

    network: str
    native_id: str
    account: str
    handle: str
    conversation_id: str
    author: Author
    created_at: datetime
    kind: Kind
    text: str = ""
    change: Change = Change.SAID
    version: int = 0
    visibility: Visibility = Visibility.PUBLIC
    language: str = ""
    parent_id: str = ""
    permalink: str = ""
    addressed: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    rating: int = 0
    answer_needs: Mapping[str, str] = field(default_factory=lambda: NO_ANSWER_NEEDS)
    masked: tuple[str, ...] = ()
    heard_by: str = ""
    audience: int = UNKNOWN_AUDIENCE

    @property
    def key(self) -> str:
        """Return the one key under which webhook, poll and replay meet."""
        return f"{self.network}#{self.native_id}"

    @property
    def conversation_key(self) -> str:
        """Return the key of the conversation across networks."""
        return f"{self.network}#{self.conversation_id}"


NEEDS_A_PERSON = "needs a person: "
"""How the reason begins of what a network tells of our own account, and only a person can mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A post that is none of our business, and why: `reason` is one of the network's documented reasons."""

    network: str
    native_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A post that is not what its network documents: where to find it again, never what it said."""

    network: str
    handle: str
    native_id: str
    field: str
    detail: str


Heard = Item | Skipped | Unreadable
"""What one post of a network's answer becomes."""


_OPTIONAL = ("text", "language", "parent_id", "permalink", "heard_by")


def item_to_json(item: Item) -> dict[str, Any]:
    """Return the item as the common queue carries it.

    What is empty or usual (said, public, version 0) is left out.
    """
    body: dict[str, Any] = {
        "network": item.network,
        "id": item.native_id,
        "account": item.account,
        "handle": item.handle,
        "conversation_id": item.conversation_id,
        "author": {"id": item.author.author_id},
        "created_at": item.created_at.astimezone(UTC).isoformat(),
        "kind": item.kind.value,
    }
    body["author"].update(
        {name: value for name in ("handle", "name") if (value := getattr(item.author, name))}
    )
    if item.change is not Change.SAID:
        body["change"] = item.change.value
    if item.version:
        body["version"] = item.version
    if item.rating:
        body["rating"] = item.rating
    if item.audience >= 0:
        body["audience"] = item.audience
    if item.visibility is not Visibility.PUBLIC:
        body["visibility"] = item.visibility.value
    body.update({name: value for name in _OPTIONAL if (value := getattr(item, name))})
    for name in ("addressed", "attachments", "masked"):
        if value := getattr(item, name):
            body[name] = list(value)
    if item.answer_needs:
        body["answer_needs"] = dict(item.answer_needs)
    return body


def item_from_json(body: object) -> Item:
    """Return the item that `item_to_json` wrote; `BadInput` names the field that is missing or wrong."""
    if not isinstance(body, dict):
        message = f"an item is a JSON object, not {type(body).__name__}"
        raise BadInput(message)
    try:
        author = body["author"]
        return Item(
            network=_text(body, "network"),
            native_id=_text(body, "id"),
            account=_text(body, "account"),
            handle=_text(body, "handle"),
            conversation_id=_text(body, "conversation_id"),
            author=Author(
                author_id=_text(author, "id"),
                handle=str(author.get("handle", "")),
                name=str(author.get("name", "")),
            ),
            created_at=_instant(body["created_at"]),
            kind=Kind(body["kind"]),
            change=Change(body.get("change", Change.SAID)),
            version=int(body.get("version", 0)),
            rating=int(body.get("rating", 0)),
            audience=int(body.get("audience", UNKNOWN_AUDIENCE)),
            visibility=Visibility(body.get("visibility", Visibility.PUBLIC)),
            text=str(body.get("text", "")),
            language=str(body.get("language", "")),
            parent_id=str(body.get("parent_id", "")),
            permalink=str(body.get("permalink", "")),
            heard_by=str(body.get("heard_by", "")),
            addressed=tuple(map(str, body.get("addressed", ()))),
            attachments=tuple(map(str, body.get("attachments", ()))),
            masked=tuple(map(str, body.get("masked", ()))),
            answer_needs=MappingProxyType({str(k): str(v) for k, v in body.get("answer_needs", {}).items()}),
        )
    except KeyError as missing:
        message = f"item {_name(body)}: field {missing} is missing"
        raise BadInput(message) from None
    except (ArithmeticError, AttributeError, TypeError, ValueError) as wrong:
        message = f"item {_name(body)}: a field is wrong ({type(wrong).__name__})"
        raise BadInput(message) from None


def _name(body: Mapping[str, Any]) -> str:
    """Return what a person can look for; short, for it may be anything."""
    return f"{body.get('network', '?')}#{body.get('id', '?')}"[:100]


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body[name]
    if not isinstance(value, str) or not value:
        message = f"{name} must be a text"
        raise ValueError(message)
    return value


def _instant(value: object) -> datetime:
    at = datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        message = "created_at has no zone"
        raise ValueError(message)
    return at.astimezone(UTC)
