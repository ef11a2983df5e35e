"""Say in a clerk's words why a file is no YAML, on which line, and how to mend it.

The parser tells where it could not go on, which is often below the mistake: a quote that is never closed is
found at the end of the file. Here the line is the one to mend.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from yaml import Mark

_LONGEST = 30  # letters quoted from the file
_CLOSES = {"[": "]", "{": "}"}
_PARTS = re.compile(r"""(?<=[\s\[{:,])"(?:[^"\\]|\\[\s\S])*"|(?<=[\s\[{:,])'[^']*'|(?<=\s)\#.*|[\[\]{}]""")
_COLON = re.compile(r":(?=\s|$)")
_DASHES = re.compile(r" *(?:- +)*")
_IN_BLOCK, _IN_FLOW = re.compile(r"\s#"), re.compile(r"[,\]}]|\s#|:\s")  # what ends a value
_STRAY = {  # what the parser met where something else goes on
    "]": "this ] closes nothing: take it out, or open it before",
    "}": "this } closes nothing: take it out, or open it before",
    ",": "a comma stands behind the value: give each `key: value` a line of its own",
    "-": "a - begins a list where `key: value` goes on: take the - out, or indent it below its key",
    "?": "`key: value` stands where a list goes on: begin it with -, or indent it as its neighbours are",
    "<scalar>": "text goes on behind the closing quote: put all of it in quotes; in '…' an apostrophe is ''",
}
_NO_COLON = "no colon and space stand here: write `key: value`"
_PLAIN = (  # what the parser says, and how to mend it where it says so
    ("unknown escape character", 'a \\ between "…" begins a special letter: write \'…\' around it, or \\\\'),
    ("sequence entries are not", "a list begins behind its key: begin it on the next line, or write [a, b]"),
    ("mapping keys are not allowed", 'a value begins with ?: quote it, "…"'),
    ("expected a comment or a line break", "text stands behind | or >: begin it on the next line, indented"),
    ("but found another document", "--- begins a second document: take that line out"),
    ("expected '<document start>'", "the file ends above this line: look there for `...`"),
    ("expected the node content", "a value is missing before this: write it, or take out a comma"),
    ("found duplicate anchor", "a value may not begin with &: put it in quotes"),
)  # fmt: skip


def mend(  # noqa: PLR0911 - a ladder: the first that knows the mistake tells it
    text: str, error: yaml.MarkedYAMLError
) -> tuple[int, str]:
    """Return the line to mend, from 0, and what to do there."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return 0, f"{error.problem}"
    context, problem = error.context or "", error.problem or ""
    opened = error.context_mark or mark
    if "cannot start any token" in problem or re.search(
        r"scanning an? (alias|anchor|directive|tag)", context
    ):
        return _first_letter(text, error.context_mark or mark)
    if "quoted scalar" in context and "end of" in problem:
        quote = text[opened.index]
        return opened.line, f"the quote that opens here is never closed: put a second {quote} behind its text"
    if text[opened.index : opened.index + 1] in _CLOSES:
        return _brackets(text, opened, mark)
    if "expected <block end>" in problem:
        return _block(text, opened, mark, problem)
    if "mapping values are not allowed" in problem:
        return _colon(text, mark)
    if "could not find expected ':'" in problem:
        return opened.line, _NO_COLON
    for said, told in _PLAIN:
        if said in f"{context} {problem}":
            return mark.line, told
    return mark.line, f"{problem}: look here and one line above for a missing quote, bracket, comma or colon"


def _first_letter(text: str, mark: Mark) -> tuple[int, str]:
    """Tell a tab, and a letter that YAML keeps for itself."""
    letter = text[mark.index : mark.index + 1]
    if letter == "\t":
        return mark.line, "a tab stands here: write spaces instead, two for each step inwards"
    word = _word(text, mark.index, _IN_FLOW)
    return mark.line, f'a value may not begin with {letter}: put it in quotes, "{word}"'


def _brackets(text: str, opened: Mark, mark: Mark) -> tuple[int, str]:
    """Tell a bracket that is not closed from entries without a comma between them."""
    if broken := _broken_quote(text, mark):
        return broken
    if not _is_closed(text, opened.index):
        bracket = text[opened.index]
        return opened.line, f"the {bracket} is not closed: put a {_CLOSES[bracket]} behind its last entry"
    if text[mark.index - 1] in "\"'":
        return (
            mark.line,
            "a quote is missing or one too many: each text in quotes takes one before and one behind",
        )
    if text[mark.index : mark.index + 1] == ":":
        key = text[: mark.index].rsplit(maxsplit=1)[-1]
        return (
            mark.line,
            f"a comma is missing before {key}: or, where a value holds a colon, quotes around it",
        )
    return mark.line, f"a comma is missing before {_word(text, mark.index, _IN_FLOW)}"


def _block(text: str, opened: Mark, mark: Mark, problem: str) -> tuple[int, str]:
    found = problem.rpartition("found ")[2].strip("'")
    if found == "<scalar>" and (broken := _broken_quote(text, mark)):
        return broken
    if found in _STRAY and (found != "?" or mark.column == opened.column):
        return mark.line, _STRAY[found]
    is_entry = text[mark.index] == "-"
    number, above = _line_above(text, mark, "-" if is_entry else "")
    if not (is_entry or _COLON.search(above)):
        return number, _NO_COLON
    fitting = len(above) - len(above.lstrip(" ")) if is_entry else _indent(above)
    return mark.line, (
        f"the line is indented by {mark.column}, which fits none above it: "
        f"indent it by {fitting}, as above, or by {opened.column}"
    )


def _colon(text: str, mark: Mark) -> tuple[int, str]:
    """Tell a colon within a value, a line indented too far, and one without a colon."""
    here = text[: mark.index].rpartition("\n")[2]
    if found := _COLON.search(here):
        value = _word(text, mark.index - len(here) + found.end(), _IN_BLOCK)
        return mark.line, f'a value may not hold a colon and a space: put it in quotes, "{value}"'
    number, above = _line_above(text, mark)
    if not above:
        return mark.line, "no `key: value` begins here: look for a missing quote"
    if not _COLON.search(above):
        return number, _NO_COLON
    return mark.line, (
        f"the line is indented by {_indent(here)} below one that has its value already: "
        f"indent it by {_indent(above)}, as that one"
    )


def _line_above(text: str, mark: Mark, begin: str = "") -> tuple[int, str]:
    """Return the nearest line above that says something and begins so, with its number; else an empty one."""
    lines = text[: mark.index].split("\n")[:-1]
    said = [
        (number, line)
        for number, line in enumerate(lines)
        if line.strip() and line.strip()[0] != "#" and line.lstrip().startswith(begin)
    ]
    return said[-1] if said else (0, "")


def _broken_quote(text: str, mark: Mark) -> tuple[int, str] | None:
    """Find the quoted text before the mark that runs over several lines, because its end is missing."""
    last: yaml.ScalarToken | None = None
    with suppress(yaml.YAMLError):
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if token.start_mark.index >= mark.index:
                break
            if isinstance(token, yaml.ScalarToken) and token.style in {'"', "'"}:
                last = token
    if last is None or last.start_mark.line == last.end_mark.line or last.end_mark.line != mark.line:
        return None
    return (
        last.start_mark.line,
        f"the quote that opens here is not closed: put a second {last.style} behind its text",
    )


def _is_closed(text: str, opened: int) -> bool:
    """Say whether the bracket has its own end, read as people read it."""
    wanted: list[str] = []
    for part in _PARTS.findall(text, opened):
        if part in _CLOSES:
            wanted.append(_CLOSES[part])
        elif part in _CLOSES.values():
            if part != wanted.pop():
                return False
            if not wanted:
                return True
    return False


def _indent(line: str) -> int:
    """Return the column in which a line's key stands, behind the - of a list."""
    found = _DASHES.match(line)
    return found.end() if found else 0


def _word(text: str, start: int, end: re.Pattern[str]) -> str:
    """Return what stands there, up to where the value or the line ends, without quotes of its own."""
    line = text[start:].partition("\n")[0]
    word = end.split(line, maxsplit=1)[0].strip().replace('"', "")
    return word if len(word) <= _LONGEST else word[: _LONGEST - 1] + "…"
