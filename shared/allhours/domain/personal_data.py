"""Mask personal data before anything durable: the guard at the door.

`mask` folds what a reader's eye folds (fullwidth and Arabic-Indic digits, typographic dashes and spaces,
invisible characters), asks every detector in `detectors.DETECTORS`, and puts a short mask in place of each
span. Masks are walls: no detector reads one or looks across one, so masking twice is masking once.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

from allhours.domain.detectors import DETECTORS, Hit


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A text that may be stored, and the name of each span masked in it, in order, never its value."""

    text: str
    found: tuple[str, ...]


_WORTH_A_LOOK = re.compile(r"\d|[^\x00-\x7f]|@|\bat\b|[\[({<] ?at\b", re.IGNORECASE)
_ROUNDS = 4  # people's posts need two; a text in which each mask uncovers another hit goes as one piece
_SUREST_FIRST = ("iban", "card", "e-mail", "phone")
_MASK = re.compile(r"\[(?:card …[0-9]{4}|iban …[0-9A-Z]{4}|phone …[0-9]{2}|e-mail)\]")


def mask(text: str) -> Masked:
    """Replace personal data by masks such as `[card …1111]`; every other character stays as it is."""
    if not _WORTH_A_LOOK.search(text):
        return Masked(text=text, found=())
    folded, offsets = _fold(text)
    hits = _hits(folded)
    pieces, done = [], 0
    for hit in hits:
        start = offsets[hit.start] if offsets else hit.start
        end = offsets[hit.end - 1] + 1 if offsets else hit.end
        pieces += [text[done:start], f"[{hit.name} …{hit.shown}]" if hit.shown else f"[{hit.name}]"]
        done = end
    return Masked(text="".join([*pieces, text[done:]]), found=tuple(hit.name for hit in hits))


def _hits(folded: str) -> list[Hit]:
    """Search between the masks that are there, then between what was found, until nothing is found."""
    hits: list[Hit] = []
    stretches = _between([match.span() for match in _MASK.finditer(folded)], 0, len(folded))
    for rounds_left in range(_ROUNDS, -1, -1):
        searched, stretches = stretches, []
        for start, end in searched:
            stretch = folded[start:end]
            found = _merged([hit for detector in DETECTORS for hit in detector(stretch)])
            if found and not rounds_left:
                found = [replace(found[0], start=0, end=len(stretch))]
            if found:
                moved = [replace(hit, start=hit.start + start, end=hit.end + start) for hit in found]
                hits += moved
                stretches += _between([(hit.start, hit.end) for hit in moved], start, end)
    return sorted(hits, key=lambda hit: hit.start)


def _between(walls: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Return the non-empty stretches of `start:end` that the walls leave."""
    starts = [start, *(wall[1] for wall in walls)]
    ends = [*(wall[0] for wall in walls), end]
    return [(left, right) for left, right in zip(starts, ends, strict=True) if left < right]


def _merged(hits: list[Hit]) -> list[Hit]:
    """Join overlapping hits, so that nothing of any stays uncovered; the surest gives the name."""
    merged: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: hit.start):
        if merged and hit.start < merged[-1].end:
            name_giver = min(merged[-1], hit, key=lambda each: _SUREST_FIRST.index(each.name))
            merged[-1] = replace(name_giver, start=merged[-1].start, end=max(merged[-1].end, hit.end))
        else:
            merged.append(hit)
    return merged


def _fold(text: str) -> tuple[str, list[int]]:
    """Return `text` as a detector reads it, and each character's place in `text`, if they differ."""
    if text.isascii():
        return text, []
    folds = {
        character: fold
        for character in set(text)
        if character > "\x7f" and (fold := _folded(character)) != character
    }
    folded = text.translate({ord(character): fold for character, fold in folds.items()}) if folds else text
    if "" not in folds.values():
        return folded, []
    return folded, [place for place, character in enumerate(text) if folds.get(character, character)]


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """Return the one character that a reader takes this for, nothing if it is invisible."""
    category = unicodedata.category(character)
    if category in {"Cf", "Mn", "Me", "Cc"}:
        return ""
    if category == "Pd":
        return "-"
    plain = unicodedata.normalize("NFKC", character)
    decimal = unicodedata.decimal(plain, None) if len(plain) == 1 else None
    if decimal is not None:
        return str(decimal)
    return {"·": ".", "•": ".", "∙": "."}.get(plain, plain if len(plain) == 1 else character)
