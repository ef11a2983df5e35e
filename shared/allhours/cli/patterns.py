"""Whether a rule's regular expression compiles, and never takes for ever whatever the text."""

from __future__ import annotations

import re
from math import inf

from allhours.cli.pattern_cost import is_slow
from allhours.domain.word_lists import folded

_FEW = 16  # a repeat of so many at most cannot explode: card numbers are (?:\d{4} ?){4}
_PART = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:[imsxaLu-]+:|P<\w+>|<?[=!]|[:>#])|[()|]|[*+?]|\{\d*,?\d*\}|.",
    re.DOTALL,
)


def fault_of(pattern: str) -> str:
    """Return what is wrong with a pattern and its mend, or nothing."""
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {getattr(error, 'msg', 'too deep')}"
    if compiled.search(""):
        return "matches the empty text, so every post: say what must be there"
    if re.search(r"\\[1-9]|\(\?P=|\(\?\(", pattern):
        return "refers back to a group: write the choices out"
    if folded(pattern) != pattern.casefold():
        return "has an accent, and texts are compared without: write the plain letter"
    return _slowness_of(pattern)


def _slowness_of(pattern: str) -> str:
    if _may_explode(pattern):
        return "repeats a group that repeats or chooses inside, which may take for ever: repeat one of them"
    if is_slow(pattern):
        return (
            "has gaps that can be cut in too many ways, which may take for ever on a long text: "
            "write words, or bound the gap, card.{0,40}stolen"
        )
    return ""


def _may_explode(pattern: str) -> bool:
    """Tell whether a group that can be cut in several ways is itself repeated without a small limit."""
    parts = _PART.findall(pattern)
    variable = [False]  # for each open group: does it hold a repeat or a choice?
    closed_variable = False  # the group that has just been closed
    previous = ""
    for part in parts:
        if part.startswith("(") and part != r"\(":
            variable.append(False)
        elif part == ")":
            closed_variable = variable.pop()
            variable[-1] |= closed_variable
        elif part == "|":
            variable[-1] = True
        elif _is_repeat(part):
            least, most = _bounds(part)
            if previous == ")" and closed_variable and most > _FEW:
                return True
            variable[-1] |= least != most
        previous = part
    return False


def _is_repeat(part: str) -> bool:
    return part in {"*", "+", "?"} or (part.startswith("{") and part[1:2].isdigit()) or part.startswith("{,")


def _bounds(part: str) -> tuple[float, float]:
    """Return how often at least and at most a repeat repeats."""
    if part in "*+?":
        return (1 if part == "+" else 0), (1 if part == "?" else inf)
    least, comma, most = part.strip("{}").partition(",")
    return int(least or 0), (int(most) if most else inf) if comma else int(least)
