"""Read digits that are written in words, or in letters that look like them, as a clerk would read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.detectors.grammar import pattern

if TYPE_CHECKING:
    import re

_DIGITS = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
}  # fmt: skip
_TEENS = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
    "ninety": "9",
}  # fmt: skip
_REPEATED = {"double": 2, "triple": 3, "treble": 3}
_HINTS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero", "ty", "teen",
    "eleven", " o",
)  # fmt: skip
_FEWEST = 3  # words in a row before they are a number being read out; a cvv has three
_TOKEN = pattern(
    rf"""\b(?:(?P<times>{"|".join(_REPEATED)})[\s\-]{{1,2}})?(?:(?P<digit>{"|".join(_DIGITS)})
    |(?P<tens>{"|".join(_TENS)})(?:[\s\-](?P<unit>one|two|three|four|five|six|seven|eight|nine))?
    |(?P<teen>{"|".join(_TEENS)})|(?P<numeral>[0-9]++))\b"""
)
_GAP = pattern(r"[\s,.\-/]{1,3}")
_LETTERS = pattern(r"(?<![a-z0-9])[0-9oil|](?:[ .\-]?[0-9oil|]){11,18}(?![a-z0-9])")
_DIGIT = pattern(r"[0-9]")
_LETTER_NEAR_DIGIT = pattern(r"[0-9][oil|]|[oil|][0-9]")
_LOOKALIKE = str.maketrans("oil|", "0111")
_ENOUGH_DIGITS = 8  # of the at least twelve; the rest are letters typed for digits

Reading = tuple[str, list[int], list[int]]


def read(text: str) -> Reading | None:
    """Return `text` with spoken digits as digits, and where each character starts and ends, if it changes."""
    looked = text
    if _DIGIT().search(text) and _LETTER_NEAR_DIGIT().search(text):
        looked = _LETTERS().sub(_as_digits, text)
    runs = _runs(looked) if sum(map(looked.count, _HINTS)) >= _FEWEST else []
    if not runs:
        return (looked, list(range(len(text))), list(range(1, len(text) + 1))) if looked != text else None
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for run in runs:
        for place, token in enumerate(run):
            before = run[place - 1] if place else None
            if before is None or "numeral" in {before.lastgroup, token.lastgroup}:
                pieces.append(looked[done : token.start()])
                starts += range(done, token.start())
                ends += range(done + 1, token.start() + 1)
            said = _said(token)
            pieces.append(said)
            if token.lastgroup == "numeral":
                starts += range(token.start(), token.end())
                ends += range(token.start() + 1, token.end() + 1)
            else:
                starts += [token.start()] * len(said)
                ends += [token.end()] * len(said)
            done = token.end()
    pieces.append(looked[done:])
    starts += range(done, len(text))
    ends += range(done + 1, len(text) + 1)
    return "".join(pieces), starts, ends


def _as_digits(found: re.Match[str]) -> str:
    """Return the run as digits if most of it is digits, as it is otherwise."""
    enough = sum(map(str.isdecimal, found.group())) >= _ENOUGH_DIGITS
    return found.group().translate(_LOOKALIKE) if enough else found.group()


def _runs(text: str) -> list[list[re.Match[str]]]:
    """Return the runs of tokens, a gap apart, that hold enough words to be a number read out."""
    runs: list[list[re.Match[str]]] = []
    for token in _TOKEN().finditer(text):
        if runs and _GAP().fullmatch(text, runs[-1][-1].end(), token.start()):
            runs[-1].append(token)
        else:
            runs.append([token])
    return [run for run in runs if sum(token.lastgroup != "numeral" for token in run) >= _FEWEST]


def _said(token: re.Match[str]) -> str:
    """Return the digits that one token stands for."""
    if token["numeral"]:
        return token["numeral"]
    if token["digit"]:
        return _DIGITS[token["digit"]] * _REPEATED.get(token["times"] or "", 1)
    if token["tens"]:
        return _TENS[token["tens"]] + (_DIGITS[token["unit"]] if token["unit"] else "0")
    return _TEENS[token["teen"]]
