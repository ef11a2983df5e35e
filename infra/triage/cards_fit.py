"""Train the model of answer cards: `python -m infra.triage.cards_fit` writes cards.bin, as train.py does.

It is a softmax regression over hashed ids, written in half bytes. The same material gives the same bytes.
"""

from __future__ import annotations

import json
import random
import sys
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.sparse import csr_matrix, diags

from allhours.domain.answer_cards import BUCKETS, LANES, LEVELS, MAGIC, MIDDLE
from allhours.domain.answer_concepts import TABLE
from infra.triage.cards import MODEL, NO_CARD, answers, material, with_variants
from infra.triage.origin import origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Numbers: TypeAlias = npt.NDArray[np.float32]
    Labels: TypeAlias = npt.NDArray[np.int64]

FOLDS = 4
EASE = 30.0  # a greater one lets weights grow further
ROUNDS = 60
DOUBT = 0.1  # of a label: about so many of the shared questions could have another
RARE = 4.0  # an id's weight is learned as if it counted log(texts / texts with it) / RARE
_REACH = 0.9998  # the share of a card's weights that the outermost level reaches; the others are cut to it


def matrix(rows: Sequence[Sequence[int]]) -> csr_matrix:
    """Return a row for each text: its ids, divided by the root of their number."""
    ends = np.cumsum([0, *map(len, rows)])
    values = np.concatenate([np.full(len(ids), max(1, len(ids)) ** -0.5, np.float32) for ids in rows])
    columns = np.array([each for ids in rows for each in ids], np.int32)
    made = csr_matrix((values, columns, ends), shape=(len(rows), BUCKETS))
    made.sum_duplicates()
    return made


def learned(rows: csr_matrix, labels: Labels, counts: Numbers, classes: int) -> Numbers:
    """Return weights by id and class, and as the last row the biases."""
    found = np.bincount(rows.indices, minlength=BUCKETS)
    rarity = np.maximum(np.log(rows.shape[0] / (1 + found)), 0.5).astype(np.float32) / RARE
    targets = np.eye(classes, dtype=np.float32)[labels] * (1 - DOUBT) + DOUBT / classes
    made = _regression((rows @ diags(rarity)).tocsr(), targets.astype(np.float32), counts)
    made[:-1] *= rarity[:, None]
    return made


def _regression(rows: csr_matrix, targets: Numbers, counts: Numbers) -> Numbers:
    """Return the weights and biases that make the targets likeliest, by L-BFGS."""
    shape = (rows.shape[1] + 1, targets.shape[1])
    turned = rows.T.tocsr()

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        """Return the loss of some weights and how it changes with each."""
        weights = flat.astype(np.float32).reshape(shape)
        scores = rows @ weights[:-1] + weights[-1]
        scores -= scores.max(axis=1, keepdims=True)
        parts = np.exp(scores)
        sums = parts.sum(axis=1, keepdims=True)
        missed = (parts / sums - targets) * counts[:, None]
        slope = np.vstack([turned @ missed + weights[:-1] / EASE, missed.sum(axis=0)[None]])
        surprise = counts @ (np.log(sums[:, 0]) - (targets * scores).sum(axis=1))
        size = 0.5 / EASE * np.square(weights[:-1], dtype=np.float64).sum()
        return float(surprise) + float(size), slope.ravel().astype(np.float64)

    options = {"maxiter": ROUNDS, "maxcor": 6, "ftol": 1e-7}
    done = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(done.x.reshape(shape), np.float32)


def halved(weights: Numbers) -> tuple[npt.NDArray[np.uint8], Numbers]:
    """Return weights as half bytes, each at the nearest level, and what a level of each class is worth."""
    scales = np.maximum(np.quantile(np.abs(weights), _REACH, axis=0), 1e-6) / (MIDDLE - 1)
    levels = np.array(LEVELS[1:], np.float32) - MIDDLE
    found = np.searchsorted((levels[1:] + levels[:-1]) / 2, weights / scales) + 1
    return found.astype(np.uint8), scales


def as_asked(weights: Numbers) -> Numbers:
    """Return weights as they are once they have been written and read again."""
    halves, scales = halved(weights[:-1])
    return np.vstack([(np.array(LEVELS, np.float32)[halves] - MIDDLE) * scales, weights[-1:]])


def temperature(scores: Numbers, labels: Labels, counts: Numbers) -> float:
    """Return what to divide scores by so that the odds of texts that were held out are honest."""

    def surprise(heat: float) -> float:
        """Return the mean surprise at a temperature."""
        hot = (scores - scores.max(axis=1, keepdims=True)) / heat
        odds = np.exp(hot) / np.exp(hot).sum(axis=1, keepdims=True)
        return float(-(counts * np.log(odds[range(len(labels)), labels] + 1e-9)).sum() / counts.sum())

    return float(minimize_scalar(surprise, bounds=(0.3, 3), method="bounded").x)


def blob(weights: Numbers, heat: float, cards: Sequence[str], topics: Sequence[str]) -> bytes:
    """Return the bytes that `allhours.domain.answer_cards` reads, with the temperature folded in."""
    halves, scales = halved(weights[:-1] / heat)
    lanes = np.zeros((BUCKETS, LANES), np.uint8)
    lanes[:, : halves.shape[1]] = halves
    header = {
        "origin": origin(),
        "cards": list(cards),
        "topics": list(topics),
        "scales": [float(f"{scale:.5g}") for scale in scales],
        "biases": [round(float(bias / heat), 4) for bias in weights[-1]],
        "concepts": TABLE,
    }
    written = json.dumps(header, separators=(",", ":")).encode()
    return (
        MAGIC + len(written).to_bytes(4, "little") + written + (lanes[:, ::2] | lanes[:, 1::2] << 4).tobytes()
    )


def trained() -> tuple[bytes, str]:
    """Return the model's bytes and a line about how it was made."""
    made = with_variants(material())
    cards = sorted(answers())
    place = {card: at for at, card in enumerate([*cards, NO_CARD])}
    rows = matrix([each.ids for each in made])
    labels = np.array([place[each.card] for each in made])
    counts = np.array([each.weight for each in made], np.float32)
    fold = np.array([random.Random(f"fold {each.group}").randrange(FOLDS) for each in made])
    inner = as_asked(learned(rows[fold > 0], labels[fold > 0], counts[fold > 0], len(place)))
    held = (fold == 0) & np.array([each.original for each in made])
    heat = temperature(rows[held] @ inner[:-1] + inner[-1], labels[held], counts[held])
    weights = learned(rows, labels, counts, len(place))
    written = blob(weights, heat, cards, [answers()[card].unit for card in cards])
    return written, f"{len(cards)} cards, {len(made):,} texts, temperature {heat:.2f}, {len(written):,} bytes"


def write(path: Path = MODEL) -> str:
    """Train, write the model and return a line about it."""
    written, made = trained()
    path.write_bytes(written)
    return f"cards: {made}"


if __name__ == "__main__":
    sys.stdout.write(f"{write()}\n")
