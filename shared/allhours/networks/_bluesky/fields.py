"""The fields of Bluesky's JSON: read without trust, checked by shape, and named when they are missing."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from allhours.domain.item import Author, Unreadable
from allhours.domain.plain_text import plain
from allhours.networks.contract import LONGEST_ADDRESS, MOST_LISTED
from allhours.networks.paging import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.handle import Handle

NETWORK = "bluesky"
LONGEST_NAME = 640  # bytes by the lexicon; more is not a name
DID = re.compile(r"did:[a-z]{1,20}:[A-Za-z0-9._:%-]{1,240}")
ADDRESS = re.compile(
    rf"at://(?P<did>{DID.pattern})/(?P<kind>[A-Za-z0-9.-]{{1,317}})/(?P<rkey>[A-Za-z0-9._:~-]{{1,512}})"
)
CID = re.compile(r"[A-Za-z0-9]{0,256}")
_HANDLE = re.compile(r"[A-Za-z0-9.-]{1,253}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
KEY = re.compile(r"[A-Za-z0-9._:~-]{1,512}")
_WEB = ("https://", "http://")
_SIGNED_IN_ONLY = "!no-unauthenticated"


class Missing(Exception):
    """A field that the lexicon requires is missing or of another type."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def entries(answer: object, name: str) -> list[object]:
    """Return a list of the answer, empty when it is missing or is none."""
    found = look(answer, name)
    return found if isinstance(found, list) else []


def permalink(uri: str) -> str:
    """Return where a person sees the post; handles change, so the DID names the author."""
    where = ADDRESS.fullmatch(uri)
    return f"https://bsky.app/profile/{where['did']}/post/{where['rkey']}" if where else ""


def look(body: object, path: str) -> object:
    """Return what stands at a dotted path, None where the path ends early."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def need(body: object, path: str) -> str:
    """Return the text at a dotted path; `Missing` when there is none."""
    found = look(body, path)
    if not isinstance(found, str):
        raise Missing(path)
    return found


def matching(body: object, path: str, shape: re.Pattern[str]) -> str:
    """Return the text at a dotted path if it has the shape; otherwise it is as good as `Missing`."""
    found = need(body, path)
    if not shape.fullmatch(found):
        raise Missing(path)
    return found


def uri_in(body: object) -> str:
    """Return the record's address, "" when it has none."""
    found = look(body, "uri")
    return found if isinstance(found, str) and ADDRESS.fullmatch(found) else ""


def key_in(body: object, path: str) -> str:
    """Return the key at a dotted path, "" when it is none."""
    found = look(body, path)
    return found if isinstance(found, str) and KEY.fullmatch(found) else ""


def did_in(uri: str) -> str:
    """Return whose repository an address is in."""
    where = ADDRESS.fullmatch(uri)
    return where["did"] if where else ""


def unreadable(body: object, handle: Handle, field: str, *, native_id: str = "") -> Unreadable:
    return Unreadable(
        network=NETWORK,
        handle=handle.handle,
        native_id=native_id or uri_in(body) or _fingerprint(body),
        field=field,
        detail=f"{field} is missing or not what the lexicon says",
    )


def _fingerprint(body: object) -> str:
    """Name what has no address, so that two of them are not taken for one; no words can be read from it."""
    return f"unnamed {hashlib.sha256(repr(body).encode(errors='replace')).hexdigest()[:16]}"


def profile_in(body: object) -> Author:
    did = look(body, "did")
    return author_in(body, did if isinstance(did, str) else "")


def author_in(profile: object, did: str) -> Author:
    handle, name = look(profile, "handle"), look(profile, "displayName")
    return Author(
        author_id=did,
        handle=handle if isinstance(handle, str) and _HANDLE.fullmatch(handle) else "",
        name=plain(name, limit=LONGEST_NAME) if isinstance(name, str) else "",
    )


def created_at_of(body: object, record: str, at: datetime) -> datetime:
    """Return the earliest of the author's claim (if it has a zone), the arrival and `at`."""
    claims = (instant_in(look(body, f"{record}.createdAt")), instant_in(look(body, "indexedAt")))
    known = [claim for claim in claims if claim]
    if not known:
        raise Missing(f"{record}.createdAt")
    return min(*known, at)


def instant_in(value: object) -> datetime | None:
    try:
        return instant_of(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def indexed_at(body: object) -> datetime | None:
    """Return when the network says that it saw the post, by which it orders its lists."""
    return instant_in(look(body, "indexedAt"))


def stamp(instant: datetime) -> str:
    """Return an instant as Bluesky writes it, so that instants compare as text."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def limits_in(view: object) -> dict[str, str]:
    """Return who may see it, answer it and write to its author, as far as that limits us."""
    author, limits = look(view, "author"), dict[str, str]()
    if any(look(label, "val") == _SIGNED_IN_ONLY for label in entries(author, "labels")):
        limits["show_to"] = "signed-in"
    if blocks_in(author):
        limits["blocked"] = "yes"
    if look(view, "viewer.replyDisabled") is True:
        limits["reply"] = "disabled"
    match look(author, "associated.chat.allowIncoming"):
        case "none":
            limits["messages"] = "none"
        case "following" if not isinstance(look(author, "viewer.followedBy"), str):
            limits["messages"] = "following"
        case _:
            pass
    return limits


def blocks_in(author: object) -> bool:
    """Return whether a block stands between the author and us, in either direction."""
    return look(author, "viewer.blockedBy") is True or any(
        look(author, f"viewer.{name}") is not None for name in ("blocking", "blockingByList")
    )


def language_in(langs: object) -> str:
    first = langs[0] if isinstance(langs, list) and langs else ""
    return first if isinstance(first, str) and _LANGUAGE.fullmatch(first) else ""


def facets_in(facets: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the DIDs that the text mentions and, in full, the first addresses that it links to."""
    dids: dict[str, None] = {}
    links: dict[str, None] = {}
    for facet in facets if isinstance(facets, list) else ():
        for feature in entries(facet, "features"):
            did, uri = look(feature, "did"), look(feature, "uri")
            if isinstance(did, str) and DID.fullmatch(did):
                dids[did] = None
            if link := _address(uri):
                links[link] = None
    return tuple(dids), tuple(islice(links, MOST_LISTED))


def _address(value: object) -> str:
    """Return a web address, "" when it is none or too long: one that is cut leads nowhere."""
    if not isinstance(value, str) or not value.startswith(_WEB) or len(value) > LONGEST_ADDRESS:
        return ""
    return plain(value, limit=LONGEST_ADDRESS)


def quoted_in(embed: object) -> str:
    """Return the at:// address of the post that this one quotes."""
    for path in ("record.uri", "record.record.uri"):
        found = look(embed, path)
        if isinstance(found, str) and ADDRESS.fullmatch(found):
            return found
    return ""


def attached_in(did: str, embed: object) -> Iterator[str]:
    """Yield the addresses of pictures, of the film, of the link card and of the quoted post."""
    media = look(embed, "media") if look(embed, "media") is not None else embed
    for picture in (*entries(media, "images"), *entries(media, "items")):
        if cid := key_in(picture, "image.ref.$link"):
            yield f"https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{cid}@jpeg"
    if cid := key_in(media, "video.ref.$link"):
        yield f"https://video.bsky.app/watch/{did}/{cid}/playlist.m3u8"
    if card := _address(look(media, "external.uri")):
        yield card
    if quoted := permalink(quoted_in(embed)):
        yield quoted
