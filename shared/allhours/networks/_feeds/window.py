"""What is new in a feed that shows only its latest entries: ids, states and versions, kept in the cursor.

A state is kept per entry as `<hash of the words>:<updated, ms>:<version>`; no version means that the entry
was not an item. Entries that drop out of the window are not deletions; the latest of them are remembered, for
feeds bring them back.

An edit's version is its `updated` instant. Where that is missing, in the future or not larger, it is one more
than the last, and then the new state is saved *before* it is heard (`Sifted.pending`): a poll that died in
between finds it, gives the same state the same version again, and a state that came meanwhile the next one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allhours.domain.item import Change, Heard, Item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_AT_ONCE = 200  # new or changed entries a run; a feed re-made at once is heard in several
MOST_GONE = 200  # entries remembered after they dropped out


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One entry as the feed shows it now; `updated` in ms, 0 where there is none to believe."""

    mark: str
    words: str
    updated: int
    heard: Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What to hear, what to save before (`pending`) and after it (`seen`), and whether there is `more`."""

    heard: tuple[Heard, ...]
    pending: Mapping[str, str]
    seen: Mapping[str, str]
    more: bool


def mark_of(native_id: str) -> str:
    """Return the short name under which an entry is remembered."""
    return digest(native_id, length=16)


def digest(*texts: str, length: int) -> str:
    """Return a hash of the texts that does not confuse where one ends; `length` hexadecimal digits."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:length]


def sift(shown: Sequence[Shown], seen: Mapping[str, str], pending: Mapping[str, str]) -> Sifted:
    """Return the new and changed entries of a document, oldest first: those are the next to drop out."""
    remade = _remade(shown, seen)
    heard: list[Heard] = []
    ahead: dict[str, str] = {}
    now: dict[str, str] = {}
    more = False
    for entry in shown:
        before = seen.get(entry.mark)
        if before and (_words(before) == entry.words and (remade or _updated(before) == entry.updated)):
            now[entry.mark] = before
        elif len(heard) >= MOST_AT_ONCE:
            more = True
            now.update({entry.mark: before} if before else {})
        else:
            told, state, unsure = _told(entry, before, pending.get(entry.mark))
            heard.append(told)
            now[entry.mark] = state
            ahead.update({entry.mark: state} if unsure else {})
    gone = [(mark, state) for mark, state in seen.items() if mark not in now][-MOST_GONE:]
    return Sifted(heard=tuple(heard), pending=ahead, seen=dict(gone) | now, more=more)


def _told(entry: Shown, before: str | None, pending: str | None) -> tuple[Heard, str, bool]:
    """Return what is heard, the state to keep, and whether that state must be saved before it is heard."""
    heard = entry.heard
    if not isinstance(heard, Item):
        return heard, f"{entry.words}:{entry.updated}:", False
    last = _version(before)
    if last is None:
        return heard, f"{entry.words}:{entry.updated}:{heard.version}", False
    version, unsure = entry.updated, entry.updated <= last
    if unsure:
        version = last + 1
        if pending:
            same = (_words(pending), _updated(pending)) == (entry.words, entry.updated)
            version = (_version(pending) or 0) + (0 if same else 1)
    edited = replace(heard, change=Change.EDITED, version=version)
    return edited, f"{entry.words}:{entry.updated}:{version}", unsure


def _remade(shown: Sequence[Shown], seen: Mapping[str, str]) -> bool:
    """Return whether the whole feed was dated anew with the same words, as some do with every answer."""
    known = [(entry, seen[entry.mark]) for entry in shown if entry.mark in seen]
    return len(known) > 1 and all(
        entry.updated != _updated(before) and entry.words == _words(before) for entry, before in known
    )


def _words(state: str) -> str:
    return state.split(":", 1)[0]


def _updated(state: str) -> int:
    return int(state.split(":")[1])


def _version(state: str | None) -> int | None:
    version = state.split(":")[2] if state else ""
    return int(version) if version else None


def was_item(state: str | None) -> bool:
    """Return whether a remembered entry was a customer's item."""
    return _version(state) is not None
