"""Make items of a feed's entries: their ids, authors, conversations, and the reasons to skip one."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Author, Heard, Item, Kind, Skipped, Unreadable, Visibility
from allhours.domain.plain_text import plain
from allhours.networks._feeds.entries import NETWORK, Entry, Misread
from allhours.networks._feeds.window import Shown, digest, mark_of, was_item
from allhours.networks.contract import MOST_LISTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.handle import Handle

OWN_POST = "own post"
NAMES_NONE = "names none of the words"
NO_WORDS = "no words"
SHOWN_TWICE = "shown twice"

EXTRACT = 2_000  # characters; the rest is the author's, behind the link (copyright)
DEEPEST_THREAD = 50  # answers to answers in one document
MOST_THREADS = 300  # conversations kept, each up to 250 bytes of a row's 400 kB
OLDEST = datetime(1995, 1, 1, tzinfo=UTC)  # before there were feeds; an earlier date is a mistake


def without_scheme(address: str) -> str:
    """Return an address or id as it compares: a change from http to https makes nothing new."""
    found = re.match(r"https?://", address, re.IGNORECASE)
    return address[found.end() :] if found else address


_PLAIN_ID = re.compile(r"(?!.*\d{12})[A-Za-z0-9._~:/?#=&+,;%!()-]{1,200}")


def native_id(handle: Handle, entry_id: str) -> str:
    """Return the id of an entry in this feed; hashed when it is long or may hold personal data.

    That is an @ (in tag: ids), and twelve digits in a row, which may be a card's.
    """
    scope = digest(without_scheme(handle.base_url), length=10)
    bare = without_scheme(entry_id)
    return f"{scope}:{bare if _PLAIN_ID.fullmatch(bare) else digest(bare, length=40)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """An entry with the ids it has for us, and whether its author is one of ours."""

    native_id: str
    author_id: str
    own: bool
    entry: Entry


def shown_in(
    entries: Sequence[Entry | Misread],
    handle: Handle,
    marks: Mapping[str, Any],
    *,
    at: datetime,
    undated: datetime,
) -> list[Shown]:
    """Return what the document shows, in its order; an entry without a date was said when `undated` says."""
    named = _named([entry for entry in entries if isinstance(entry, Entry)], handle)
    latest: dict[str, _Named] = {}
    for each in named:
        rival = latest.get(each.native_id)
        if rival is None or _later(each.entry, rival.entry):
            latest[each.native_id] = each
    waiting = iter(named)
    shown: list[Shown] = []
    for place, entry in enumerate(entries):
        if isinstance(entry, Misread):
            shown.append(_misread(entry, place, handle))
            continue
        each = next(waiting)
        if latest[each.native_id] is not each:
            twice = Skipped(network=NETWORK, native_id=each.native_id, reason=SHOWN_TWICE)
            shown.append(Shown(mark=f"{mark_of(each.native_id)}+", words="", updated=0, heard=twice))
            continue
        shown.append(
            Shown(
                mark=mark_of(each.native_id),
                words=digest(entry.title, entry.body, length=10),
                updated=_milliseconds(_believed(entry.updated_at, at)),
                heard=_heard(each, latest, handle, marks, at=at, undated=undated),
            )
        )
    return shown


def _named(entries: Sequence[Entry], handle: Handle) -> list[_Named]:
    """Return the entries with ids: guid or id, else link, else a hash; a guid that entries share is none."""
    sharing: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        apart = without_scheme(entry.link) or ("" if entry.updated_at else digest(entry.body, length=10))
        sharing[entry.native].add(apart)
    ours = {name.strip().casefold() for name in handle.settings.get("own_authors", "").split(",")} - {""}
    named = []
    for entry in entries:
        said = entry.published_at.isoformat() if entry.published_at else ""
        unique = entry.native if len(sharing[entry.native]) == 1 else ""
        own_id = native_id(handle, unique or entry.link or digest(entry.title, said, entry.body, length=40))
        by = (
            digest(handle.base_url, entry.author_mark, length=20) if entry.author_mark else f"{own_id}:author"
        )
        own = entry.author.casefold() in ours
        named.append(_Named(native_id=own_id, author_id=by, own=own, entry=entry))
    return named


def _later(entry: Entry, rival: Entry) -> bool:
    """Return whether the entry is the later state of the two (RFC 4287 §4.1.1 lets a feed show several)."""
    return _milliseconds(entry.updated_at) > _milliseconds(rival.updated_at)


def _milliseconds(instant: datetime | None) -> int:
    return int(instant.timestamp() * 1_000) if instant else 0


def _misread(entry: Misread, place: int, handle: Handle) -> Shown:
    where = native_id(handle, entry.native) if entry.native else f"entry {place + 1}"
    unreadable = Unreadable(
        network=NETWORK, handle=handle.handle, native_id=where, field=entry.field, detail=entry.detail
    )
    return Shown(mark=mark_of(entry.trace), words="", updated=0, heard=unreadable)


def _heard(
    each: _Named,
    latest: Mapping[str, _Named],
    handle: Handle,
    marks: Mapping[str, Any],
    *,
    at: datetime,
    undated: datetime,
) -> Heard:
    entry = each.entry
    reason = _reason_to_skip(each, handle)
    if reason:
        return Skipped(network=NETWORK, native_id=each.native_id, reason=reason)
    published, updated = entry.published_at, _believed(entry.updated_at, at)
    said = next(when for when in (published, updated, undated, at) if when and when > OLDEST)
    return Item(
        network=NETWORK,
        native_id=each.native_id,
        account=handle.account,
        handle=handle.handle,
        conversation_id=_conversation(each, latest, handle, marks),
        author=Author(author_id=each.author_id, name=entry.author),
        created_at=min(said, at),
        kind=Kind.ENTRY,
        text=plain(entry.text, limit=EXTRACT),
        version=_milliseconds(updated) if published and updated and updated > published else 0,
        visibility=Visibility.FOLLOWERS if handle.secret else Visibility.PUBLIC,
        language=entry.language,
        parent_id=native_id(handle, entry.answers) if entry.answers else "",
        permalink=entry.link,
        attachments=entry.attachments[:MOST_LISTED],
    )


def _reason_to_skip(each: _Named, handle: Handle) -> str:
    text = each.entry.text
    if each.own:
        return OWN_POST
    if not text.strip():
        return NO_WORDS
    if handle.listen and not any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in handle.listen
    ):
        return NAMES_NONE
    return ""


def _believed(updated: datetime | None, at: datetime) -> datetime | None:
    """Return the instant unless it is a day or more ahead: such a version would outrank every later edit."""
    return updated if updated and updated <= at + timedelta(days=1) else None


def _conversation(
    each: _Named, latest: Mapping[str, _Named], handle: Handle, marks: Mapping[str, Any], depth: int = 0
) -> str:
    """Return the thread's root; below a post that is no customer's, each author has a conversation apart."""
    if not each.entry.answers:
        return each.native_id
    parent_id = native_id(handle, each.entry.answers)
    known = marks.get("threads", {}).get(mark_of(parent_id))
    if known:
        return str(known)
    parent = latest.get(parent_id)
    if parent and not parent.own and depth < DEEPEST_THREAD:
        return _conversation(parent, latest, handle, marks, depth + 1)
    if was_item(marks.get("seen", {}).get(mark_of(parent_id))):
        return parent_id
    return f"{parent_id}:{each.author_id}"


def threads(shown: Sequence[Shown], marks: Mapping[str, Any], seen: Mapping[str, str]) -> dict[str, str]:
    """Return the conversations of the latest answers, so that answers to them find it too."""
    now = {
        each.mark: each.heard.conversation_id
        for each in shown
        if isinstance(each.heard, Item) and each.heard.parent_id
    }
    gone = {mark: root for mark, root in marks.get("threads", {}).items() if mark not in now}
    return dict([(mark, root) for mark, root in (gone | now).items() if mark in seen][-MOST_THREADS:])


def oldest_first(shown: list[Shown], entries: Sequence[Entry | Misread]) -> list[Shown]:
    """Return the entries as they will drop out: from the end, unless the dates say that newest come last."""
    dates = [
        date
        for entry in entries
        if isinstance(entry, Entry) and (date := entry.published_at or entry.updated_at)
    ]
    return shown if dates and dates[0] < dates[-1] else shown[::-1]
