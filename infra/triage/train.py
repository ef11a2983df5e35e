"""Train the model that the layer carries: `python -m infra.triage.train [--labels FILE]` writes triage.bin.

The same material gives the same bytes. Rows of dev files and real posts are never looked at here.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.domain.features import Features, features_of
from allhours.domain.word_lists import WordLists, words_of
from infra.triage import cards_fit, vary
from infra.triage.cards import MODEL as CARDS
from infra.triage.fit import TEACHERS, Fitted, blob, fitted, targets, temperature
from infra.triage.material import (
    DESKS,
    MODEL,
    OURS,
    SHIPPED,
    MaterialError,
    Row,
    desk_labels,
    our_posts,
    shared_rows,
    word_lists,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

SEED = 5
COPIES = 4  # of one of our posts with slots
ROUNDS = 12  # over all samples
FOLDS = 3  # one of them is held out to find the temperature


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


def learned(made: Sequence[Sample], *, rounds: int = ROUNDS, teachers: int = TEACHERS) -> Fitted:
    """Fit the samples."""
    return fitted(
        [each.features for each in made],
        targets([each.row.unit for each in made], [each.row.urgent for each in made]),
        [each.weight for each in made],
        rounds=rounds,
        seed=SEED,
        teachers=teachers,
    )


def heat(made: Sequence[Sample]) -> float:
    """Return the temperature at which the odds of originals that were held out, by group, are honest."""
    fold = [random.Random(f"fold {each.row.group}").randrange(FOLDS) for each in made]
    inner = learned([each for each, part in zip(made, fold, strict=True) if part])
    held = [each for each, part in zip(made, fold, strict=True) if not part and each.original]
    scores = inner.scores([each.features for each in held])
    return temperature(scores[:, :-1], [each.row.unit for each in held])


def material(sources: Collection[str] = SHIPPED, labels: Path | None = None) -> list[Row]:
    """Return the rows to learn from: the shared ones of some sources, ours, and those of desks."""
    rows = [row for row in shared_rows("train") if row.source in sources]
    return [*rows, *our_posts(COPIES, SEED), *(desk_labels(labels) if labels else ())]


def main() -> int:
    """Train and write; say what it was made of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=Path, help="desks' labels: a JSON object {text, unit} a line")
    parser.add_argument("--to", type=Path, default=MODEL, help="where to write it")
    arguments = parser.parse_args()
    try:
        made = samples(material(labels=arguments.labels), word_lists())
    except MaterialError as error:
        sys.stderr.write(f"train: {error}\n")
        return 1
    degrees = heat(made)
    written = blob(learned(made), degrees)
    arguments.to.write_bytes(written)
    sys.stdout.write(
        f"train: {len(made):,} samples of {len({each.row.group for each in made}):,} texts, temperature "
        f"{degrees:.2f}, {len(written):,} bytes\n"
    )
    sys.stdout.write(f"{cards_fit.write(arguments.to.with_name(CARDS.name))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
