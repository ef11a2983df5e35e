"""What the model of topics and urgency is learned from: rows, other versions of them, and their features.

Needs no numpy, so that a test can tell whether the shipped model was learned from these very samples.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allhours.domain.features import Features, features_of
from allhours.domain.word_lists import WordLists, words_of
from infra.triage import vary
from infra.triage.material import DESKS, OURS, SHIPPED, Row, desk_labels, our_posts, shared_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

SEED = 5
COPIES = 4  # of one of our posts with slots


def material(sources: Collection[str] = SHIPPED, labels: Path | None = None) -> list[Row]:
    """Return the rows to learn from: the shared ones of some sources, ours, and those of desks."""
    rows = [row for row in shared_rows("train") if row.source in sources]
    return [*rows, *our_posts(COPIES, SEED), *(desk_labels(labels) if labels else ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A row or a variant of it, and how much it counts."""

    row: Row
    features: Features
    weight: float
    original: bool


class Eye:
    """Takes the features of texts, with the word lists that every organisation starts with."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        """Compile the lists once."""
        self._lists = WordLists(lists)

    def __call__(self, text: str) -> Features:
        """Return the features of a text."""
        words = words_of(text)
        return features_of(text, words, self._lists.hits(words))


def samples(rows: Sequence[Row], lists: Mapping[str, Sequence[str]], seed: int = SEED) -> list[Sample]:
    """Return rows and their variants, with the features they are learned from."""
    see = Eye(lists)
    companies, banks = vary.handles(lists, "companies"), vary.handles(lists, "banks")
    made = []
    for row in rows:
        chance = random.Random(f"{seed} {row.group} {row.text}")
        weight = _weight(row)
        made.append(Sample(row=row, features=see(row.text), weight=weight, original=True))
        for variant, counts in _variants(row, chance, companies, banks):
            features = _forgetful(see(variant.text), chance)
            made.append(Sample(row=variant, features=features, weight=weight * counts, original=False))
    return made


def _weight(row: Row) -> float:
    """Return what a row counts: letters stripped of small words little, what desks labelled much."""
    return {"cfpb_stripped": 0.4, DESKS: 3.0}.get(row.source, 1.0 if _is_ours(row) else 1.9)


def _is_ours(row: Row) -> bool:
    """Tell whether it was written for this, in the manner of networks."""
    return row.source.startswith((OURS, "seed"))


def _variants(
    row: Row, chance: random.Random, companies: Sequence[str], banks: Sequence[str]
) -> list[tuple[Row, float]]:
    """Return other versions of a row, and what each counts beside it."""
    if row.source == "cfpb_stripped":
        return []
    ours = _is_ours(row)
    again, counts = (2, 0.5) if ours else (1, 0.25)
    found = [(vary.varied(row, chance, companies, banks), counts) for _ in range(again)]
    if row.unit == "customer_care" and ours and "bank" not in row.text.lower() and "@" not in row.text:
        found.append((vary.misdirected(row, chance, companies), 0.2))
    return found


def _forgetful(features: Features, chance: random.Random) -> Features:
    """Leave out all pieces, or all lists, now and then, so that each learns to stand without the other."""
    dice = chance.random()
    if dice < 0.12:
        return Features(words=[], pairs=[], marks=features.marks)
    if dice < 0.25:
        return Features(
            words=features.words,
            pairs=features.pairs,
            marks=[mark for mark in features.marks if not mark.startswith("list:")],
        )
    return features
