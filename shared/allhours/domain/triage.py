"""Judge one post: how urgent, whether it is a case at all, what it is about. Who wrote it is not known here.

`Triage.judged` is given a `Said`, and nothing else of a post: no field of it tells of the author
(DESIGN.md, promise 7). Names of people in the text are taken out first, so that none can matter either.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from allhours.domain import classifier
from allhours.domain.engagement import BLOCKED, CASE, MUST, NONE, Engagement, always_heard, engaged
from allhours.domain.judgement import AT_NAME, Judge, Opinion, Said, no_judge
from allhours.domain.priority import HIGH, NORMAL, URGENT
from allhours.domain.rules import Match, Rules
from allhours.domain.urgency import JUDGED, RULED, Urgent, told_by_words
from allhours.domain.word_lists import WordLists, folded, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.item import Item
    from allhours.domain.organisation import Organisation

_SOMEBODY = "@_"  # still a handle, for what looks at a post's structure
_BRANDS = ("banks", "companies", "other_brand")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found about a post on its own, before anybody asks where it belongs.

    `ignored` is a rule of the organisation that wants no case of it, `claimed` the first that names a unit.
    `shadow` is the verdict with the rules that only run in shadow, None where none of them fired.
    """

    priority: int = NORMAL
    urgent: Urgent | None = None
    engagement: Engagement | None = None
    ignored: Match | None = None
    claimed: Match | None = None
    opinion: Opinion | None = None
    hits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shadow: Verdict | None = None
    shadow_rules: tuple[Match, ...] = ()

    @property
    def lane(self) -> str:
        """Return whether it is a case, a light thing or nothing."""
        if self.ignored:
            return NONE
        return self.engagement.lane if self.engagement else CASE

    @property
    def stance(self) -> str:
        """Return whether it must, may or must not be answered."""
        return self.engagement.stance if self.engagement else MUST


class Triage:
    """An organisation's rules, word lists and model, ready for many posts."""

    def __init__(self, organisation: Organisation, judge: Judge = no_judge) -> None:
        """Compile rules and lists once."""
        self._rules = Rules(organisation.rules)
        self._lists = WordLists(organisation.word_lists)
        self._urgent = organisation.urgent
        self._policies = organisation.engagement
        self._judge = judge
        self._brands = frozenset(
            folded(word)
            for name in _BRANDS
            for phrase in organisation.word_lists.get(name, ())
            for word in phrase.split("|")
            if " " not in phrase
        )

    def heard(self, item: Item) -> Said:
        """Return what of an item may be judged: its words, without the handles of other people in them."""
        if "@" not in item.text:
            return Said.of(item)
        ours = frozenset(name.lstrip("@").casefold() for name in item.addressed)
        return Said.of(item, AT_NAME.sub(lambda found: self._known(found.group(), ours), item.text))

    def _known(self, name: str, ours: frozenset[str]) -> str:
        """Return a handle that is ours or a well-known brand's as it is, and nobody's for any other."""
        bare = name[1:].casefold()
        return name if bare in ours or folded(bare) in self._brands else _SOMEBODY

    def judged(self, said: Said) -> Verdict:
        """Return the verdict on what was said; a rule in shadow changes only its `shadow`."""
        words = words_of(said.text)
        hits = self._lists.hits(words)
        opinion = self._judge(said, words, hits)
        matches = tuple(self._rules.matching(said))
        live = tuple(match for match in matches if not match.rule.shadow)
        verdict = self._weighed(said, words, hits, opinion, live)
        if live == matches:
            return verdict
        return replace(
            verdict,
            shadow=self._weighed(said, words, hits, opinion, matches),
            shadow_rules=tuple(match for match in matches if match.rule.shadow),
        )

    def _weighed(
        self,
        said: Said,
        words: Sequence[str],
        hits: Mapping[str, Sequence[str]],
        opinion: Opinion | None,
        matches: tuple[Match, ...],
    ) -> Verdict:
        claimed = next((match for match in matches if match.rule.unit), None)
        ruled = next((match for match in matches if match.rule.priority == URGENT), None)
        urgent = told_by_words(hits, self._urgent)
        if urgent is None and ruled:
            urgent = Urgent(kind=RULED, words=(ruled.because,))
        ignored = None
        if matches and matches[0].rule.ignore and not always_heard(said):
            ignored = None if urgent and urgent.is_self_harm else matches[0]
        engagement = None
        if not (ignored or (urgent and urgent.is_self_harm)):
            engagement = engaged(
                said,
                words,
                hits,
                opinion,
                self._policies,
                wanted=bool(urgent or claimed),
                casual=classifier.CASUAL,
            )
        casual = ignored or (engagement and engagement.lane != CASE)
        sure = classifier.URGENT_IF_BLOCKED if BLOCKED in hits else classifier.URGENT
        if urgent is None and not casual and opinion and opinion.urgent >= sure:
            urgent = Urgent(kind=JUDGED)
        return Verdict(
            priority=_priority(urgent, matches, hits),
            urgent=urgent,
            engagement=engagement,
            ignored=ignored,
            claimed=claimed,
            opinion=opinion,
            hits=hits,
        )


def _priority(urgent: Urgent | None, matches: tuple[Match, ...], hits: Mapping[str, Sequence[str]]) -> int:
    """Return the most urgent that words, rules and model say."""
    if urgent:
        return URGENT
    ruled = min((match.rule.priority for match in matches if match.rule.priority), default=NORMAL)
    return min(ruled, HIGH) if BLOCKED in hits else ruled
