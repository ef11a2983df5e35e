"""Which unit, how urgent, and why: the ladder, written so that it can be read aloud."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from allhours.domain.item import Item, Visibility
from allhours.domain.priority import NORMAL, URGENT
from allhours.domain.word_lists import folded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a classifier thinks: a unit and how sure it is, from 0 to 1."""

    unit: str
    sure: float
    because: str


class Classifier(Protocol):
    """The port for a trained judge; it sees the masked text and its language, never who wrote it."""

    def __call__(self, text: str, language: str, /) -> Guess | None:
        """Return a guess, or None to pass."""
        ...


def no_classifier(_text: str, _language: str, /) -> Guess | None:
    """Pass on every text: rules only."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an item goes and why; `step` is the rung of the ladder, `reason` the sentence for people."""

    unit: str
    account: str
    step: str
    reason: str
    priority: int = NORMAL
    urgent_because: str = ""
    ignore: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule that fired, and what of the rule's own words fired it."""

    rule: Rule
    by: str


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

    def matching(self, item: Item) -> Iterator[Match]:
        """Yield the rules that hold for the item, in the file's order."""
        text = folded(item.text)
        said = frozenset(_RUN.findall(text)) | {""}
        tags = frozenset(_HASHTAG.findall(text)) if "#" in text else frozenset[str]()
        for rule, words, beginnings, patterns in self._rules:
            if rule.languages and item.language.split("-")[0].casefold() not in rule.languages:
                continue
            if rule.networks and item.network not in rule.networks:
                continue
            if by := _fired(rule, None if said.isdisjoint(beginnings) else words, patterns, text, tags):
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


def route(
    organisation: Organisation, rules: Rules, item: Item, case: Case | None, classifier: Classifier
) -> Route:
    """Return the unit, the account and the reason: the first rung that has an answer wins.

    Nothing about the author is read: followers, badge, picture and name cannot matter (DESIGN.md, promise 7).
    """
    matches = tuple(rules.matching(item))
    urgent = next((m for m in matches if m.rule.priority == URGENT), None)
    priority = min((m.rule.priority for m in matches if m.rule.priority), default=NORMAL)
    unit, account, step, reason = (
        _addressed(organisation, item, case)
        or _open_case(organisation, case)
        or _rule(matches)
        or _guessed(organisation, classifier, item)
        or (organisation.fallback_unit, "", "fallback", "no rule matched, so the fallback unit decides")
    )
    return Route(
        unit=unit,
        account=organisation.account_for(unit, item.network, preferred=account),
        step=step,
        reason=reason,
        priority=priority,
        urgent_because=f"rule {urgent.rule.rule_id}, {urgent.by}" if urgent else "",
        ignore=case is None
        and bool(matches)
        and matches[0].rule.ignore
        and item.visibility is not Visibility.PRIVATE,
    )


_Rung = tuple[str, str, str, str]


def _addressed(organisation: Organisation, item: Item, case: Case | None) -> _Rung | None:
    """Name the unit whose own handle the author newly addressed.

    A general handle, or one asked for before, decides nothing.
    """
    before = case.asked_for if case else ()
    for name in item.addressed:
        handle = organisation.addressed(item.network, name)
        if handle and name not in before and not organisation.accounts[handle.account].general:
            return handle.unit, handle.account, "addressed", f"addressed {handle.handle}"
    return None


def _open_case(organisation: Organisation, case: Case | None) -> _Rung | None:
    """Name the case's unit, unless a deployment has removed it."""
    if case is None or case.unit not in organisation.units:
        return None
    return case.unit, case.account, "case", f"the case is with {case.unit}"


def _rule(matches: tuple[Match, ...]) -> _Rung | None:
    match = next((m for m in matches if m.rule.unit), None)
    return (match.rule.unit, "", "rule", f"rule {match.rule.rule_id}, {match.by}") if match else None


def _guessed(organisation: Organisation, classifier: Classifier, item: Item) -> _Rung | None:
    guess = classifier(item.text, item.language)
    if guess is None or guess.unit not in organisation.units:
        return None
    return guess.unit, "", "classifier", guess.because


def triage(organisation: Organisation, item: Item) -> Route:
    """Return the route of an item on its own, by the rules, as `allhours triage` shows it."""
    return route(organisation, Rules(organisation.rules), item, None, no_classifier)
