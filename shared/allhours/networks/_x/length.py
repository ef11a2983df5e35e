"""How long a text is to X: scripts weigh 1 or 2, an address 23, an emoji 2, however long its sequence is.

Written from docs.x.com (fundamentals/counting-characters) and from the configuration and conformance cases
that twitter-text publishes; `X_RULES` are the figures of its third configuration.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import regex

from allhours.networks._links import links

_NOWHERE = frozenset("\ufffe\ufeff\uffff")  # characters that X takes in no text
_EMOJI = regex.compile(
    r"""
      \p{Regional_Indicator}{2}
    | [0-9#*]\ufe0f?\u20e3
    | \U0001f3f4[\U000e0020-\U000e007e]+\U000e007f
    | (?:[\p{Emoji}--[0-9#*\p{Regional_Indicator}]](?:\p{Emoji_Modifier}|\ufe0f)?)
      (?:\u200d[\p{Emoji}--[0-9#*\p{Regional_Indicator}]](?:\p{Emoji_Modifier}|\ufe0f)?)+
    | [\xa9\xae\u2122\u265f]\ufe0f
    | [\p{Emoji}--[0-9#*\xa9\xae\u2122\u265f\p{Regional_Indicator}]](?:\p{Emoji_Modifier}|\ufe0f)?(?!\ufe0e)
    """,
    regex.VERBOSE | regex.VERSION1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The figures of one configuration of twitter-text; weights in hundredths of a character."""

    longest: int = 280
    weight: int = 200
    light: tuple[tuple[int, int], ...] = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
    light_weight: int = 100
    scale: int = 100
    link: int = 23
    whole_emoji: bool = True


X_RULES = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A text's weighted length, and how far into it (UTF-16 units, as browsers count) X's limit reaches."""

    length: int
    valid: bool
    permillage: int
    fits_until: int


def weighed(text: str, rules: Rules = X_RULES) -> Weighed:
    """Return what a text weighs; it is valid from 1 to `longest`, without characters that X takes nowhere."""
    longest = rules.longest * rules.scale
    total, fits_until, place, whole = 0, 0, 0, True
    for part, weight in _parts(text, rules):
        total += weight
        place += len(part.encode("utf-16-le", errors="surrogatepass")) // 2
        whole = whole and not _NOWHERE.intersection(part)
        if whole and total <= longest:
            fits_until = place
    length = total // rules.scale
    return Weighed(
        length=length,
        valid=whole and 0 < total <= longest,
        permillage=length * 1000 // rules.longest,
        fits_until=fits_until,
    )


def weighted_length(text: str) -> int:
    """Return how long X counts the text; a post may have 280."""
    return weighed(text).length


def _parts(text: str, rules: Rules) -> list[tuple[str, int]]:
    """Return the text in pieces that count as one, with what each weighs."""
    parts: list[tuple[str, int]] = []
    at = 0
    for link in links(text):
        parts += _characters(text[at : link.start], rules)
        parts.append((text[link.start : link.end], rules.link * rules.scale))
        at = link.end
    return parts + _characters(text[at:], rules)


def _characters(text: str, rules: Rules) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    at = 0
    for emoji in _EMOJI.finditer(text) if rules.whole_emoji else ():
        parts += [(each, _weight(each, rules)) for each in _composed(text[at : emoji.start()])]
        parts.append((emoji.group(), rules.weight))
        at = emoji.end()
    return parts + [(each, _weight(each, rules)) for each in _composed(text[at:])]


def _composed(text: str) -> list[str]:
    """Return the text in the smallest pieces whose normal forms do not depend on one another."""
    if text.isascii():
        return list(text)
    pieces: list[str] = []
    for each in text:
        if pieces and _normal(pieces[-1] + each) != _normal(pieces[-1]) + _normal(each):
            pieces[-1] += each
        else:
            pieces.append(each)
    return pieces


def _weight(piece: str, rules: Rules) -> int:
    return sum(
        rules.light_weight if any(low <= ord(each) <= high for low, high in rules.light) else rules.weight
        for each in _normal(piece)
    )


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)
