"""Mask personal data before anything durable: the guard at the door.

`mask` folds what a reader's eye folds (fullwidth and Arabic-Indic digits, typographic dashes and spaces,
invisible characters, digits in words), asks every detector in `detectors.DETECTORS`, and puts a short mask
in place of each span. Masks are walls: no detector reads one or looks across one, so masking twice is masking
once. docs/guard.md tells what is masked, and why.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

from allhours.domain.detectors import DETECTORS, NAMES, Hit
from allhours.domain.detectors.spoken import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A text that may be stored, and the name of each span masked in it, in order, never its value."""

    text: str
    found: tuple[str, ...]


_ROUNDS = 4  # people's posts need two; a text in which each mask uncovers another hit goes as one piece
_MASK = re.compile(rf"\[(?:{'|'.join(map(re.escape, NAMES))})(?: …[0-9A-Z]{{2,4}})?\]")
_SURENESS = {name: place for place, name in enumerate(NAMES)}


def mask(text: str) -> Masked:
    """Replace personal data by masks such as `[card …1111]`; every other character stays as it is."""
    hits = spans(text)
    if not hits:
        return Masked(text=text, found=())
    pieces, done = [], 0
    for hit in hits:
        pieces += [text[done : hit.start], f"[{hit.name} …{hit.shown}]" if hit.shown else f"[{hit.name}]"]
        done = hit.end
    return Masked(text="".join([*pieces, text[done:]]), found=tuple(hit.name for hit in hits))


def spans(text: str) -> list[Hit]:
    """Return what `mask` masks, in order, without overlaps, by its places in `text`."""
    if not text:
        return []
    folded, offsets = _fold(text)
    hits = _hits(folded)
    if not offsets:
        return hits
    return [replace(hit, start=offsets[hit.start], end=_end(text, offsets[hit.end - 1] + 1)) for hit in hits]


def _end(text: str, end: int) -> int:
    """Return the end with the marks that belong to the last character, as a keycap's frame does."""
    while end < len(text) and unicodedata.category(text[end]) in {"Mn", "Me"}:
        end += 1
    return end


def _hits(folded: str) -> list[Hit]:
    """Search between the masks that are there, then between what was found, until nothing is found."""
    hits: list[Hit] = []
    walls = [match.span() for match in _MASK.finditer(folded)] if "[" in folded else []
    stretches = _between(walls, 0, len(folded))
    for rounds_left in range(_ROUNDS, -1, -1):
        searched, stretches = stretches, []
        for start, end in searched:
            found = _found(folded[start:end])
            if found and not rounds_left:
                found = [replace(found[0], start=0, end=end - start)]
            if found:
                moved = [replace(hit, start=hit.start + start, end=hit.end + start) for hit in found]
                hits += moved
                stretches += _between([(hit.start, hit.end) for hit in moved], start, end)
        if not stretches:
            break
    return sorted(hits, key=lambda hit: hit.start)


def _found(stretch: str) -> list[Hit]:
    """Ask the detectors about one stretch without masks."""
    lower = _lower(stretch)
    hits = _asked(lower)
    if reading := read(lower):
        text, starts, ends = reading
        hits += [replace(hit, start=starts[hit.start], end=ends[hit.end - 1]) for hit in _asked(text)]
    return _merged(hits)


def _asked(text: str) -> list[Hit]:
    detectors = DETECTORS if _DIGIT.search(text) else _WITHOUT_DIGITS
    return [hit for detector in detectors if _hinted(detector.hints, text) for hit in detector.find(text)]


_DIGIT = re.compile("[0-9]")
_WITHOUT_DIGITS = tuple(detector for detector in DETECTORS if not detector.digits)


def _hinted(hints: tuple[str, ...], text: str) -> bool:
    for hint in hints:
        if hint in text:
            return True
    return not hints


def _lower(text: str) -> str:
    """Return `text` in lower case, every character in its place."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)


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
            name_giver = min(merged[-1], hit, key=lambda each: _SURENESS[each.name])
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


_DOTS = dict.fromkeys("·•∙。｡\u2024\u2027", ".")


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """Return the one character that a reader takes this for, nothing if it is invisible."""
    category = unicodedata.category(character)
    if category in {"Cf", "Mn", "Me", "Cc"}:
        return ""
    if category == "Pd":
        return "-"
    plain = unicodedata.normalize("NFKC", character)
    digit = unicodedata.digit(plain[0], None) if len(plain) == 1 else None
    if digit is not None:
        return str(digit)
    return _DOTS.get(plain, plain if len(plain) == 1 else character)
