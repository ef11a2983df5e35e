"""Erasing: what of an author is to be found in a row, and what a row is without it.

Names and handles are removed where they stand as values of their own, or in a form that is nobody else's
(`@leela`, two words, eight characters of an id); a common word in other people's sentences is no trace.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from allhours.domain.case import ERASED, NONE_DUE, NOTHING, State
from allhours.domain.errors import BadInput
from allhours.domain.event import unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.case import Case
    from allhours.domain.page import Page

GONE = "[erased]"
_OWN_WORDS = 12  # characters; a shorter text is anybody's
_OWN_ID = 8  # characters; a shorter id is a number like others
_AUTHORS = frozenset({"author_id", "author"})
_CONVERSATIONS = frozenset({"conversation_id", "conversation_key", "conversation"})
_PLAIN_QUOTES = re.compile(r'"[^"]*"?')


def page_without_words(page: Page) -> Page:
    """Return the page without what it quotes of a post; whom it calls to what stays."""
    lines = (
        "Why: its words were taken back." if line.startswith("Why: ") else unquoted(line)
        for line in page.story.split("\n")
    )
    sms = _PLAIN_QUOTES.sub('"..."', unquoted(page.sms))
    return replace(page, sms=sms, subject=unquoted(page.subject), story="\n".join(lines))


def erased_case(case: Case, traces: Traces, at: datetime) -> Case:
    """Return an author's case as the record keeps it: counts, instants and unit; nobody's, and closed."""
    bare = replace(
        case.bare(),
        author_id=ERASED,
        conversation_key=traces.scrubbed(case.conversation_key, key="conversation_key"),
        external=NOTHING,
        live=0,
        version=case.version + 1,
        hold="",
        veto="",
    )
    if case.state is State.CLOSED:
        return bare
    return replace(bare, state=State.CLOSED, closed_at=at, closed_because="erased on request", due=NONE_DUE)


@dataclass(frozen=True)
class Traces:
    """What names an author on one network: the id, and what was found beside it.

    `items` are the keys of their posts; a network's id of a post may contain its author's and stays, for by
    it alone a later copy of the post is kept out. Of a single item only `texts` are looked for.
    """

    network: str
    author_id: str = ""
    handles: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    cases: frozenset[str] = field(default=frozenset())

    @cached_property
    def _posts(self) -> re.Pattern[str] | None:
        ids = {each for key in self.items for each in (key, key.partition("#")[2])}
        return _any_of(each for each in ids if len(each) >= _OWN_ID)

    @cached_property
    def _anywhere(self) -> re.Pattern[str] | None:
        """Match what is this author's wherever it stands."""
        parts = [re.escape(text) for text in self.texts if len(text) >= _OWN_WORDS]
        if len(self.author_id) >= _OWN_ID:
            parts.append(_bounded(self.author_id))
        parts += [_bounded(name) for name in self.names if len(name.split()) > 1]
        for handle in self.handles:
            bare = handle.lstrip("@")
            parts.append(rf"(?<![\w@])@{re.escape(bare)}(?![\w-]|\.\w)")
            parts.append(rf"(?<=/){re.escape(bare)}(?=[/?#]|$)")
            if "." in bare or "@" in bare:
                parts.append(_bounded(bare))
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None

    @cached_property
    def _own(self) -> re.Pattern[str] | None:
        """Match what is this author's in rows about their own cases."""
        return _any_of({*self.names, *(handle.lstrip("@") for handle in self.handles)}, bounded=True)

    @cached_property
    def _values(self) -> frozenset[str]:
        bare = (handle.lstrip("@") for handle in self.handles)
        return frozenset({*self.handles, *bare, *self.names, *self.texts} - {""})

    @cached_property
    def _segment(self) -> re.Pattern[str] | None:
        """Match the id as a part of a conversation's, which may name the author."""
        return (
            re.compile(rf"(?<![^:#_/|]){re.escape(self.author_id)}(?![^:#_/|])") if self.author_id else None
        )

    def scrubbed(self, value: Any, *, key: str = "", own: bool = False) -> Any:  # noqa: ANN401 - JSON
        """Return a JSON value without the traces; `own` in rows about the author's own cases."""
        if isinstance(value, dict):
            return {
                name: ERASED
                if key == "author" and name == "id" and each == self.author_id
                else self.scrubbed(each, key=name, own=own)
                for name, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.scrubbed(each, key=key, own=own) for each in value]
        return self._text(value, key, own=own) if isinstance(value, str) else value

    def _text(self, text: str, key: str, *, own: bool) -> str:
        if key in _AUTHORS and self.author_id and text == self.author_id:
            return ERASED
        if text in self._values:
            return GONE
        kept: list[str] = []

        def keep(found: re.Match[str]) -> str:
            kept.append(found[0])
            return f"\0{len(kept) - 1}\0"

        text = self._posts.sub(keep, text) if self._posts else text
        if key in _CONVERSATIONS and self._segment:
            text = self._segment.sub(ERASED, text)
        for pattern in (self._anywhere, self._own if own else None):
            text = pattern.sub(GONE, text) if pattern else text
        return re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], text)

    def left_in(self, value: Any, *, own: bool = False) -> bool:  # noqa: ANN401 - JSON
        """Return whether a trace stands in a JSON value, read on its own: each string and each name."""
        return any(self._found(text, key, own=own) for key, text in _strings(value))

    def _found(self, text: str, key: str, *, own: bool) -> bool:
        if text in self._values or (key in _AUTHORS and self.author_id and text == self.author_id):
            return True
        rest = self._posts.sub("", text) if self._posts else text
        if key in _CONVERSATIONS and self._segment and self._segment.search(rest):
            return True
        folded = rest.casefold()
        if len(self.author_id) >= _OWN_ID and self.author_id.casefold() in folded:
            return True
        if any(words.casefold() in folded for words in self.texts if len(words) >= _OWN_WORDS):
            return True
        return any(
            pattern is not None and pattern.search(rest) is not None
            for pattern in (self._anywhere, self._own if own else None)
        )


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Yield every text in a JSON value with the name it stands under; an author's id as `author`."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield "", name
            yield from _strings(each, key if key == "author" and name == "id" else name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each, key)
    elif isinstance(value, str):
        yield key, value


def _bounded(text: str) -> str:
    return rf"(?<!\w){re.escape(text)}(?!\w)"


def _any_of(texts: Any, *, bounded: bool = False) -> re.Pattern[str] | None:  # noqa: ANN401 - an iterable of texts
    parts = [
        _bounded(text) if bounded else re.escape(text)
        for text in sorted(texts, key=len, reverse=True)
        if text
    ]
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def erased_item(item: Mapping[str, Any], traces: Traces) -> dict[str, Any]:
    """Return an item's JSON as a tombstone of nobody: what, where and when, and no word."""
    stays = ("network", "id", "account", "handle", "created_at", "kind", "visibility", "language", "rating")
    skeleton = {name: item[name] for name in (*stays, "addressed") if name in item}
    conversation = traces.scrubbed(item["conversation_id"], key="conversation_id")
    return {**skeleton, "conversation_id": conversation, "author": {"id": ERASED}}


def wanted(network_and_id: str, item: str) -> Traces:
    """Return what a command asks for; `BadInput` says how it is written."""
    if item:
        network, _, native_id = item.partition("#")
        if not native_id:
            raise BadInput(f"--item {item}: write network#id, as an event's item says")
        return Traces(network=network, items=frozenset({item}))
    network, _, author_id = network_and_id.partition(":")
    if not author_id:
        raise BadInput(f"--author {network_and_id}: write network:id, as an event's item.author says")
    return Traces(network=network, author_id=author_id)
