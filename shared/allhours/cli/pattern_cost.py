"""What a regular expression costs on the worst text: counted on its tree, never measured.

Python's `re` tries every way to cut a text. Where two gaps without a limit can hold the same characters, and
nothing must stand between them that one of them cannot hold, the ways multiply: `.*card.*stolen` takes the
cube of the length. One such gap is fast enough on the longest text that a network lets through, and so are
short gaps while their ways are few. In doubt a pattern counts as slow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import combinations
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_parser: Any = import_module("re._parser")  # the only tree that reads a pattern exactly as `re` will
_compiler: Any = import_module("re._compiler")

_SHORT = 50  # characters: a gap that may be longer counts as one without a limit
_WAYS = 2_000  # two gaps of 40 characters, tried at each of 20,000 places: a second
_WAYS_BESIDE = 2  # beside a gap without a limit, which alone may try 200,000,000 times
_NODES = 2_000  # of a tree with its repeated groups written out twice; more is no word in a post

_ALPHABET = frozenset(map(chr, range(0x180))) | frozenset("ж中٣—€\u2009\U0001f600")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """One character of a kind, or one of several sequences, each `least` to `most` times."""

    chars: frozenset[str]
    least: float = 1
    most: float = 1
    choices: tuple[tuple[_Node, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """A place where the text can be cut in several ways, with what stands around it in its group."""

    chars: frozenset[str]
    ways: float
    before: tuple[_Node, ...] = ()
    after: tuple[_Node, ...] = ()


def is_slow(pattern: str) -> bool:
    """Tell whether a pattern that compiles may take more than seconds on some text of 20,000 characters."""
    parsed = _parser.parse(pattern, re.IGNORECASE)
    alphabet = _ALPHABET | {chr(code) for code in _codes(parsed)}
    nodes = tuple(_read(parsed, partial(_chars, parsed.state, "".join(sorted(alphabet)))))
    if nodes and not nodes[-1].choices:  # behind the last there is nothing to try another cut for
        nodes = (*nodes[:-1], replace(nodes[-1], most=nodes[-1].least))
    if _size(nodes) > _NODES or _ways(nodes) * _echo(nodes) > _WAYS:
        return True
    beside: dict[_Gap, float] = {}
    for first, second in _meetings(nodes):
        if first.ways == second.ways == inf:
            return True
        if inf in {first.ways, second.ways}:
            long, short = (first, second) if first.ways == inf else (second, first)
            beside[long] = beside.get(long, 1) * short.ways
    has_long = any(gap.ways == inf for node in nodes for gap in _gaps(node))
    return has_long and max(beside.values(), default=1) * _echo(nodes) > _WAYS_BESIDE


def _read(parsed: Any, chars: Callable[[Any], frozenset[str]]) -> Iterator[_Node]:  # noqa: ANN401 - re's own tree
    """Yield the nodes of re's tree; what consumes nothing is no wall."""
    for node in parsed:
        name, argument = str(node[0]), node[1]
        if name in {"LITERAL", "NOT_LITERAL", "ANY", "IN"}:
            yield _Node(chars=chars(node))
        elif name.endswith("_REPEAT"):
            least, most, body = argument
            times = inf if most == _parser.MAXREPEAT else int(most)
            inner = tuple(_read(body, chars))
            if len(inner) == 1 and not inner[0].choices and inner[0].least == inner[0].most == 1:
                yield replace(inner[0], least=least, most=times)
            else:
                yield _group((inner,), least, times)
        elif name == "BRANCH":
            yield _group(tuple(tuple(_read(each, chars)) for each in argument[1]))
        elif name in {"SUBPATTERN", "ATOMIC_GROUP"}:
            yield _group((tuple(_read(argument[-1] if name == "SUBPATTERN" else argument, chars)),))
        elif name == "AT":
            yield _Node(chars=frozenset(), least=0, most=0)
        elif name in {"ASSERT", "ASSERT_NOT"}:
            yield _group((tuple(_read(argument[1], chars)),), least=0)


def _group(choices: tuple[tuple[_Node, ...], ...], least: float = 1, most: float = 1) -> _Node:
    held = frozenset[str]().union(*(node.chars for choice in choices for node in choice))
    return _Node(chars=held, least=least, most=most, choices=choices)


def _codes(parsed: Any) -> Iterator[int]:  # noqa: ANN401 - re's own tree
    """Yield every number in the tree that may be a character, lest the alphabet lack it."""
    if isinstance(parsed, int):
        if 0 <= parsed <= 0x10FFFF and not 0xD800 <= parsed <= 0xDFFF:  # noqa: PLR2004 - Unicode's borders
            yield int(parsed)
    elif isinstance(parsed, (tuple, list, _parser.SubPattern)):
        for each in parsed:
            yield from _codes(each)


def _chars(state: Any, alphabet: str, node: Any) -> frozenset[str]:  # noqa: ANN401 - re's own tree
    """Return the characters that a node matches, as `re` itself sees it."""
    one = _compiler.compile(_parser.SubPattern(state, [node]), re.IGNORECASE | re.DOTALL)
    return frozenset(one.findall(alphabet))


def _inner(node: _Node) -> Iterator[tuple[_Node, ...]]:
    """Yield the sequences in a node; what is repeated meets itself, so it is written out twice."""
    for choice in node.choices:
        yield choice * 2 if node.most > 1 else choice


def _size(nodes: Iterable[_Node]) -> int:
    """Count the nodes as `_inner` writes them out, without writing them out."""
    return sum(
        1 + sum(_size(choice) for choice in node.choices) * (2 if node.most > 1 else 1) for node in nodes
    )


def _ways(nodes: tuple[_Node, ...]) -> float:
    """Return in how many ways the short gaps and the choices of a sequence can be cut from one place."""
    ways: float = 1
    for node, following in zip(nodes, (*nodes[1:], None), strict=False):
        settled = following and not following.choices and _excludes(following, node.chars)
        if not node.choices and settled:
            continue  # what follows says where it ends
        inner = max((_ways(choice) for choice in node.choices), default=1) * _rivals(node)
        ways *= (node.most - node.least + 1 if node.most <= _SHORT else 1) * inner ** min(node.most, _SHORT)
        if ways > _WAYS:
            return inf
    return ways


def _rivals(node: _Node) -> int:
    """Return how many choices of a node can fit the same text."""
    alike = [0] * len(node.choices)
    for (here, one), (there, other) in combinations(enumerate(map(_prefix, node.choices)), 2):
        if not any(mine.isdisjoint(theirs) for mine, theirs in zip(one, other, strict=False)):
            alike[here] += 1
            alike[there] += 1
    return 1 + max(alike, default=0)


def _prefix(nodes: tuple[_Node, ...]) -> list[frozenset[str]]:
    """Return the characters that a sequence begins with, up to its first gap or choice."""
    prefix: list[frozenset[str]] = []
    for node in nodes:
        if node.least != node.most or len(node.choices) > 1:
            break
        prefix += (_prefix(node.choices[0]) if node.choices else [node.chars]) * int(min(node.most, _SHORT))
        if node.choices and len(_prefix(node.choices[0])) < len(node.choices[0]):
            break
    return prefix


def _echo(nodes: tuple[_Node, ...]) -> int:
    """Return how many beginnings of one fixed stretch can overlap in a text: `aaab` is tried thrice."""
    most = 1
    for start in range(len(nodes)):
        stretch = _prefix(nodes[start:])
        for shift in range(1, len(stretch)):
            pairs = zip(stretch, stretch[shift:], strict=False)
            same = next((n for n, (a, b) in enumerate(pairs) if a.isdisjoint(b)), len(stretch) - shift)
            most = max(most, 1 + same // shift)
    inside = (_echo(choice) for node in nodes for choice in node.choices)
    return max(most, *inside, 1)


def _gaps(node: _Node) -> Iterator[_Gap]:
    """Yield the places in a node where a text can be cut in several ways."""
    ways = (node.most - node.least + 1 if node.most <= _SHORT else inf) if node.least != node.most else 1
    if ways * _rivals(node) > 1:
        yield _Gap(chars=node.chars, ways=ways * _rivals(node))
    for sequence in _inner(node):
        for place, each in enumerate(sequence):
            for gap in _gaps(each):
                yield replace(
                    gap,
                    before=(*sequence[:place], *gap.before),
                    after=(*gap.after, *sequence[place + 1 :]),
                )


def _meetings(nodes: tuple[_Node, ...]) -> Iterator[tuple[_Gap, _Gap]]:
    """Yield each two gaps that follow one another and can hold the same text, with no wall between."""
    for (here, one), (there, other) in combinations(enumerate(nodes), 2):
        for first in _gaps(one):
            for second in _gaps(other):
                between = (*first.after, *nodes[here + 1 : there], *second.before)
                walled = any(_excludes(node, gap.chars) for node in between for gap in (first, second))
                if first.chars & second.chars and not walled:
                    yield first, second
    for node in nodes:
        for sequence in _inner(node):
            yield from _meetings(sequence)


def _excludes(node: _Node, chars: frozenset[str]) -> bool:
    """Tell whether a node always takes a character that is none of these."""
    if not node.least:
        return False
    if not node.choices:
        return node.chars.isdisjoint(chars)
    return all(any(_excludes(each, chars) for each in choice) for choice in node.choices)
