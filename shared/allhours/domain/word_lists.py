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
from functools import cache
from itertools import filterfalse
from typing import TYPE_CHECKING

from allhours.domain.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GAP = "..."
SHORTEST_STEM = 4  # letters before a star; a shorter one begins half the dictionary
_GAP_WORDS = 3
_WORD = re.compile(r"\w+|[.!?]+(?=\s|\Z)|\n+")
_APOSTROPHES = str.maketrans("", "", "'\u2019\u02bc\u2018`")
_PART = re.compile(r"\w+\*?(?:\|\w+\*?)*")
_IS_PLAIN = re.compile(r"[a-z0-9|*.]+(?: [a-z0-9|*.]+)*")
_END = "."
_Beside = frozenset[str]
_ANYTHING: _Beside = frozenset()
_EVERYDAY = frozenset(
    _WORD.findall(
        """
    a about account all an and any are as at bank be been but by can card cant did didnt do does dont
    for from get got had has have how i if im in is it its ive just me money my no not now of off on one
    or our out over please so some someone somebody somone still that the their them there they this to
    up us was we were what when who why will with wont you your app phone back number new wallet credit
    debit payment
        """
    )
)
"""Words that so many posts have that it does not pay to look for a phrase because of them."""


def folded(text: str) -> str:
    """Return the text as words are compared: without case and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize(
        "NFKD", text
    ).casefold()  # in this order: a mathematical F becomes F, and then f
    return "".join(filterfalse(unicodedata.combining, plain)).replace("\u2019", "'")


def words_of(text: str) -> list[str]:
    """Return the folded words of a text, without apostrophes; the end of a sentence is a word `.`."""
    found: list[str] = _WORD.findall(folded(text).translate(_APOSTROPHES))
    return [each if each[0] not in ".!?\n" else _END for each in found]


class WordLists:
    """Every list of an organisation, ready to be looked for together.

    A phrase is filed under its rarest word, and looked for only in a text that has it and the second rarest.
    There are thousands of phrases and a post meets a few: each is compiled when it is first looked for, so
    that a cold start does not wait for all. `check_phrase` says beforehand whether it can be.
    """

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        """File each phrase under the words, one of which a text must have, with those it must have beside."""
        self._by_word: dict[str, dict[tuple[str, str], _Beside]] = {}
        self._by_stem: dict[str, dict[tuple[str, str], _Beside]] = {}
        for name, phrases in lists.items():
            for phrase in phrases:
                plain = _plain(phrase)
                filed = (name, plain)
                rarest, beside = _two_rarest(plain) if " " in plain else (plain, _ANYTHING)
                for word in rarest.split("|"):
                    if word[-1:] == "*":
                        self._by_stem.setdefault(word[:SHORTEST_STEM], {})[filed] = beside
                    else:
                        self._by_word.setdefault(word, {})[filed] = beside

    def hits(self, words: Sequence[str]) -> dict[str, list[str]]:
        """Return for each list that is hit what of the `words_of` a text hit it, in its order."""
        by_word, by_stem = self._by_word, self._by_stem
        wanted = dict[tuple[str, str], _Beside]()
        for word in dict.fromkeys(words):
            if word in by_word:
                wanted.update(by_word[word])
            if word[:SHORTEST_STEM] in by_stem:
                wanted.update(by_stem[word[:SHORTEST_STEM]])
        if not wanted:
            return {}
        line, present = f" {' '.join(words)} ", frozenset(words)
        places = dict[str, dict[str, int]]()
        for (name, phrase), beside in wanted.items():
            if beside and beside.isdisjoint(present):
                continue
            if phrase in present:
                places.setdefault(name, {})[phrase] = line.find(f" {phrase} ")
            elif match := _pattern(phrase)(line):
                places.setdefault(name, {}).setdefault(match.group()[1:], match.start())
        return {name: sorted(said, key=said.__getitem__) for name, said in places.items()}


def _two_rarest(phrase: str) -> tuple[str, _Beside]:
    """Return the part of a phrase that fewest texts have, and the words of the next, if all are whole words.

    Rare is what is no everyday word, has few choices and is long.
    """
    rarest, *others = sorted(
        (part for part in phrase.split(" ") if part != GAP),
        key=lambda part: (not _EVERYDAY.isdisjoint(part.split("|")), -len(part) / (1 + part.count("|"))),
    )
    beside = next((part for part in others if "*" not in part), "")
    return rarest, frozenset(beside.split("|")) if beside else _ANYTHING


def check_phrase(phrase: str) -> None:
    """Raise `BadInput` with the reason if the phrase is none."""
    parts = _plain(phrase).split(" ")
    if parts == [""] or GAP in (parts[0], parts[-1]):
        raise BadInput(f"the phrase {phrase!r} begins or ends with {GAP}, or is empty: write words around it")
    for part in parts:
        if part != GAP and not _PART.fullmatch(part):
            raise BadInput(f"the phrase {phrase!r} has {part!r}: write words, one|another, begin* and {GAP}")
        if any(each.endswith("*") and len(each) <= SHORTEST_STEM for each in part.split("|")):
            raise BadInput(f"the phrase {phrase!r} has {part!r}: {SHORTEST_STEM} letters at least before a *")


def _plain(phrase: str) -> str:
    return phrase if _IS_PLAIN.fullmatch(phrase) else " ".join(folded(phrase).translate(_APOSTROPHES).split())


@cache
def _pattern(phrase: str) -> Callable[[str], re.Match[str] | None]:
    """Return what finds the whole phrase between blanks."""
    expression, between = "", " "
    for part in phrase.split(" "):
        if part == GAP:
            between = rf" (?:\w+ ){{0,{_GAP_WORDS}}}"
            continue
        choices = part.replace("*", r"\w*")
        expression += f"{between}(?:{choices})" if part != choices or "|" in part else between + part
        between = " "
    return re.compile(rf"{expression}(?= )").search
