"""What Bluesky wants of a text: its length in graphemes and bytes, and facets over its UTF-8 bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

from allhours.networks.contract import Length

if TYPE_CHECKING:
    from collections.abc import Callable

POST, MESSAGE = (300, 3_000), (1_000, 10_000)  # graphemes and bytes, by the lexicons
LONGEST_TAG = (64, 640)  # graphemes and bytes (app.bsky.richtext.facet)

_BEGINS = r"(?<![^\s\p{Ps}\p{Pi}\"'])"  # after white space, an opening bracket or a quotation mark
_LINK = regex.compile(_BEGINS + r"https?://[^\s<>\"\p{Pi}\p{Pf}]+")
_MENTION = regex.compile(_BEGINS + r"@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_TAG = regex.compile(r"(?<!\S)[#\uff03](?!\ufe0f)([^\s\p{Cf}\u20e2]+)")
_END_OF_SENTENCE = regex.compile(r"[.,;:!?'\p{Pe}]")


def graphemes(text: str) -> int:
    """Return how many characters a reader sees (Unicode's extended grapheme clusters)."""
    return len(regex.findall(r"\X", text))


def lengths(text: str, *, private: bool) -> tuple[Length, ...]:
    """Return both measures; nobody is sent an empty text."""
    most, most_bytes = MESSAGE if private else POST
    return (
        Length(used=graphemes(text), allowed=most, unit="characters as a reader sees them", least=1),
        Length(used=len(text.encode("utf-8", "replace")), allowed=most_bytes, unit="bytes in UTF-8"),
    )


def mentions(text: str) -> tuple[str, ...]:
    """Return the handles that a text names, each once, in lower case and without `@`."""
    return tuple(dict.fromkeys(found[1].lower() for found in _MENTION.finditer(text)))


def facets(text: str, did_of: Callable[[str], str]) -> list[dict[str, object]]:
    """Return the text's links, mentions and tags; a handle without a DID stays plain text.

    Offsets count UTF-8 bytes, the end is exclusive; counted in characters, an emoji before would shift them.
    """
    found: list[tuple[int, int, dict[str, str]]] = []
    for link in _LINK.finditer(text):
        uri = _without_sentence(link[0])
        found.append((link.start(), link.start() + len(uri), {"$type": _kind("link"), "uri": uri}))
    found += [
        (mention.start(), mention.end(), {"$type": _kind("mention"), "did": did})
        for mention in _MENTION.finditer(text)
        if (did := did_of(mention[1].lower()))
    ]
    for tag in _TAG.finditer(text):
        name = regex.sub(r"\p{P}+$", "", tag[1])
        fits = graphemes(name) <= LONGEST_TAG[0] and len(name.encode()) <= LONGEST_TAG[1]
        if name and not name.isdecimal() and fits:
            found.append((tag.start(), tag.start(1) + len(name), {"$type": _kind("tag"), "tag": name}))
    return [
        {
            "index": {"byteStart": len(text[:start].encode()), "byteEnd": len(text[:end].encode())},
            "features": [feature],
        }
        for start, end, feature in sorted(found, key=lambda each: each[:2])
    ]


def _kind(name: str) -> str:
    return f"app.bsky.richtext.facet#{name}"


def _without_sentence(link: str) -> str:
    """Return a link without the marks that end the sentence around it."""
    while _END_OF_SENTENCE.fullmatch(link[-1]):
        if link[-1] == ")" and link.count("(") >= link.count(")"):
            break  # it closes what was opened inside the link
        link = link[:-1]
    return link
