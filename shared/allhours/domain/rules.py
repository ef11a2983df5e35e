"""The organisation's own rules: words, patterns, hashtags and circumstances, found in what was said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.domain.word_lists import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.judgement import Said
    from allhours.domain.organisation import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule that fired, and what of the rule's own words fired it."""

    rule: Rule
    by: str

    @property
    def because(self) -> str:
        """Return the reason in words."""
        return f"rule {self.rule.rule_id}, {self.by}"


_HASHTAG = re.compile(r"#(\w+)")
_RUN = re.compile(r"\w+")


class Rules:
    """The organisation's rules, compiled once per organisation."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        """Compile words to one expression a rule, tried on texts in which one of them could begin."""
        self._rules = [
            (
                rule,
                _words(rule.words),
                _beginnings(rule.words),
                tuple(re.compile(pattern, re.IGNORECASE) for pattern in rule.patterns),
            )
            for rule in rules
        ]

    def matching(self, said: Said) -> Iterator[Match]:
        """Yield the rules that hold for what was said, in the file's order."""
        if not self._rules:
            return
        text = folded(said.text)
        there = frozenset(_RUN.findall(text)) | {""}
        tags = frozenset(_HASHTAG.findall(text)) if "#" in text else frozenset[str]()
        for rule, words, beginnings, patterns in self._rules:
            begun = not there.isdisjoint(beginnings)
            if words is not None and not (begun or patterns or tags):
                continue
            if rule.languages and said.language.split("-")[0].casefold() not in rule.languages:
                continue
            if rule.networks and said.network not in rule.networks:
                continue
            if by := _fired(rule, words if begun else None, patterns, text, tags):
                yield Match(rule=rule, by=by)


def _fired(
    rule: Rule,
    words: re.Pattern[str] | None,
    patterns: tuple[re.Pattern[str], ...],
    text: str,
    tags: frozenset[str],
) -> str:
    if words is not None and (found := words.search(text)):
        return f"“{found.group()}”"
    if tag := next((tag for tag in rule.hashtags if tag in tags), ""):
        return f"#{tag}"
    if place := next((place for place, pattern in enumerate(patterns, 1) if pattern.search(text)), 0):
        return f"pattern {place}"
    if not (rule.words or rule.hashtags or rule.patterns):
        return "language" if rule.languages else "network"
    return ""


def _words(words: tuple[str, ...]) -> re.Pattern[str] | None:
    if not words:
        return None
    longest_first = sorted({folded(word) for word in words}, key=len, reverse=True)
    return re.compile(
        r"(?<!\w)(?:"
        + "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in longest_first)
        + r")(?!\w)"
    )


def _beginnings(words: tuple[str, ...]) -> frozenset[str]:
    """Return each phrase's first run of letters, without which no text has it; "" for one that has none."""
    runs = (_RUN.search(folded(word)) for word in words)
    return frozenset(run.group() if run else "" for run in runs)
