"""Train the models that the layer carries: `python -m infra.triage.train [--labels FILE]` writes both.

The same material gives the same bytes. Rows of dev files and real posts are never looked at here.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.triage import cards_fit
from infra.triage.cards import MODEL as CARDS
from infra.triage.fit import TEACHERS, Fitted, blob, fitted, targets, temperature
from infra.triage.material import MODEL, MaterialError, word_lists
from infra.triage.origin import origin
from infra.triage.samples import Sample, material, samples

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 6  # of the nets
ROUNDS = 12  # over all samples
FOLDS = 3  # one of them is held out to find the temperature


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
    written = blob(learned(made), degrees, origin())
    arguments.to.write_bytes(written)
    sys.stdout.write(
        f"train: {len(made):,} samples of {len({each.row.group for each in made}):,} texts, temperature "
        f"{degrees:.2f}, {len(written):,} bytes\n"
    )
    sys.stdout.write(f"{cards_fit.write(arguments.to.with_name(CARDS.name))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
