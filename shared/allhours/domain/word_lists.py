"""The organisation's own words, in named lists that a clerk can edit: what a post says, found in one pass.

A phrase is words with one blank between them, without regard to case, accents and apostrophes:

* `lost|lose|losing` any of these words;
* `fraud*` a word that begins so (four letters or more);
* `...` up to three words in between, never over the end of a sentence.

So `someone|somebody ... emptied|emptying ... account` is found in "Somebody is emptying my whole account!".
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GAP = "..."
SHORTEST_STEM = 4  # letters before a star; a shorter one begins half the dictionary
_GAP_WORDS = 3
_WORD = re.compile(r"\w+|[.!?]+(?=\s|\Z)|\n+")
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc\u2018`")
_PART = re.compile(r"\w+\*?(?:\|\w+\*?)*")
_END = "."


def folded(text: str) -> str:
    """Return the text as words are compared: without case and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize(
        "NFKD", text
    ).casefold()  # in this order: a mathematical F becomes F, and then f
    return "".join(char for char in plain if not unicodedata.combining(char)).replace("\u2019", "'")


def words_of(text: str) -> list[str]:
    """Return the folded words of a text, without apostrophes; the end of a sentence is a word `.`."""
    found: list[str] = _WORD.findall(folded(text).translate(_APOSTROPHES))
    return [each if each[0] not in ".!?\n" else _END for each in found]


class WordLists:
    """Every list of an organisation, ready to be looked for together."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        """Compile each phrase, filed under the words it can begin with; `BadInput` names one that is none."""
        self._by_word: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        self._by_stem: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
        for name, phrases in lists.items():
            for phrase in phrases:
                first, pattern = _compiled(phrase)
                for word in first:
                    files, key = (
                        (self._by_stem, word[:SHORTEST_STEM]) if word.endswith("*") else (self._by_word, word)
                    )
                    files.setdefault(key, []).append((name, pattern))

    def hits(self, words: Sequence[str]) -> dict[str, list[str]]:
        """Return for each list that is hit what of the `words_of` a text hit it, in its order."""
        found: dict[str, list[str]] = {}
        by_word, by_stem, place = self._by_word, self._by_stem, 0
        line = ""
        for word in words:
            here = by_word.get(word)
            stems = by_stem.get(word[:SHORTEST_STEM]) if by_stem else None
            if here or stems:
                line = line or " ".join(words)
                for name, pattern in (*(here or ()), *(stems or ())):
                    if (match := pattern.match(line, place)) and match.group() not in found.get(name, ()):
                        found.setdefault(name, []).append(match.group())
            place += len(word) + 1
        return found


def _compiled(phrase: str) -> tuple[list[str], re.Pattern[str]]:
    """Return the words a phrase can begin with, and the expression that finds the whole at a word's start."""
    parts = folded(phrase).translate(_APOSTROPHES).split()
    if not parts or GAP in (parts[0], parts[-1]):
        raise BadInput(
            f"the phrase {phrase!r} begins or ends with {GAP}, or is empty: write the words around it"
        )
    expression, between = "", ""
    for part in parts:
        if part == GAP:
            between = rf" (?:\w+ ){{0,{_GAP_WORDS}}}"
            continue
        if not _PART.fullmatch(part):
            raise BadInput(f"the phrase {phrase!r} has {part!r}: write words, one|another, begin* and {GAP}")
        if any(each.endswith("*") and len(each) <= SHORTEST_STEM for each in part.split("|")):
            raise BadInput(f"the phrase {phrase!r} has {part!r}: {SHORTEST_STEM} letters at least before a *")
        choices = "|".join(each.replace("*", r"\w*") for each in part.split("|"))
        expression += (between if expression else "") + f"(?:{choices})"
        between = " "
    return parts[0].split("|"), re.compile(rf"{expression}(?!\w)")
