"""The arithmetic of training: a sparse matrix, networks of one hidden layer, calibration, the blob.

Everything is deterministic: no chance but what a seed decides, one thread, one order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, diags

from allhours.domain.classifier import HIDDEN, MAGIC, MIDDLE
from allhours.domain.features import BUCKETS
from allhours.domain.judgement import TOPICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from allhours.domain.features import Features

    Numbers: TypeAlias = npt.NDArray[np.floating[Any]]
    _Parts: TypeAlias = tuple[Numbers, Numbers, Numbers, Numbers]

MARK = 0.4  # what a mark counts beside the pieces of a post, whose squares sum to about 1
RARE = 3.0  # a piece counts log(posts / posts with it) / RARE while its weight is learned
WIDTH = 20  # hidden numbers of a net; the model has `HIDDEN // WIDTH` of them side by side
TEACHERS = 4  # nets that the model's own are taught by, besides the labels: more than fit into it,
WIDER = 40  # and each of so many hidden numbers
MOST = (
    0.98  # of the weights lie within the steps that half a byte can count: fewest scores are changed by that
)
SPREAD = 0.3  # of the weights that learning starts from
BATCH = 1024
PACE = 1e-2
FORGOTTEN = 0.5  # of the features of a post, by chance, each time it is looked at
MEMORY, MEMORY_OF_SQUARES = 0.9, 0.99  # as Adam calls them beta 1 and 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What each feature adds to the hidden numbers, and what these add to topics and urgency."""

    features: Numbers
    marks: tuple[str, ...]
    hidden: Numbers
    out: Numbers
    biases: Numbers

    def scores(self, features: Sequence[Features]) -> Numbers:
        """Return the scores of posts: a column for each topic, then urgent."""
        return _forward(matrix(features, self.marks), self.features, self.hidden, self.out, self.biases)


def _forward(rows: csr_matrix, features: Numbers, hidden: Numbers, out: Numbers, biases: Numbers) -> Numbers:
    """Return the scores of rows."""
    scores: Numbers = np.maximum(rows @ features + hidden, 0) @ out + biases
    return scores


def marks_of(features: Sequence[Features]) -> tuple[str, ...]:
    """Return every mark that occurs, in alphabetical order."""
    return tuple(sorted({mark for each in features for mark in each.marks}))


def matrix(features: Sequence[Features], marks: Sequence[str]) -> csr_matrix:
    """Return a row for each post: pieces divided by the root of their number, then marks."""
    column = {mark: BUCKETS + at for at, mark in enumerate(marks)}
    columns: list[npt.NDArray[np.int32]] = []
    values: list[Numbers] = []
    ends = [0]
    for each in features:
        pieces = each.pieces
        known = [column[mark] for mark in each.marks if mark in column]
        columns.append(np.array(pieces + known, np.int32))
        values.append(np.full(len(pieces), 1 / max(1, len(pieces)) ** 0.5, np.float32))
        values.append(np.full(len(known), MARK, np.float32))
        ends.append(ends[-1] + len(pieces) + len(known))
    shape = (len(features), BUCKETS + len(marks))
    made = csr_matrix((np.concatenate(values), np.concatenate(columns), np.array(ends)), shape=shape)
    made.sum_duplicates()
    return made


def fitted(
    features: Sequence[Features],
    targets: Numbers,
    weights: Sequence[float],
    *,
    rounds: int,
    seed: int,
    teachers: int = TEACHERS,
) -> Fitted:
    """Learn `targets`, a column for each topic and one for urgent, in so many rounds over all posts.

    The nets that fit into the model learn half from the targets and half from what more nets, averaged, made
    of them: a label that nobody else would have given teaches them less.
    """
    marks = marks_of(features)
    plain = matrix(features, marks)
    rarity = _rarity(plain)
    rows = (plain @ diags(rarity)).tocsr()
    counts = np.array(weights, np.float32)

    def nets(number: int, width: int, aims: Numbers, place: int) -> _Parts:
        """Return so many nets side by side, which together give the mean of their scores."""
        made = [
            _net(
                rows,
                aims,
                counts,
                rounds=rounds,
                width=width,
                chance=np.random.default_rng([seed, place, each]),
            )
            for each in range(number)
        ]
        first, hidden, out, biases = zip(*made, strict=True)
        return np.hstack(first), np.concatenate(hidden), np.vstack(out) / number, np.mean(biases, axis=0)

    taught = _odds(_forward(rows, *nets(teachers, WIDER, targets, 0))) if teachers else targets
    first, hidden, out, biases = nets(HIDDEN // WIDTH, WIDTH, (targets + taught) / 2, 1)
    return Fitted(features=first * rarity[:, None], marks=marks, hidden=hidden, out=out, biases=biases)


def _net(
    rows: csr_matrix,
    targets: Numbers,
    counts: Numbers,
    *,
    rounds: int,
    width: int,
    chance: np.random.Generator,
) -> list[Numbers]:
    """Return the parts of one network, the mean of those of the second half of the rounds."""
    lanes = targets.shape[1]
    learner = _Learner(
        [
            (chance.standard_normal((rows.shape[1], width)) * SPREAD).astype(np.float32),
            np.zeros(width, np.float32),
            (chance.standard_normal((width, lanes)) * SPREAD).astype(np.float32),
            np.zeros(lanes, np.float32),
        ]
    )
    starts = range(0, rows.shape[0], BATCH)
    steps, step = rounds * len(starts), 0
    averaged = learner.parts
    for each in range(rounds):
        order = chance.permutation(rows.shape[0])
        for start in starts:
            chosen = order[start : start + BATCH]
            batch = rows[chosen]
            kept = chance.random(batch.nnz, np.float32) > FORGOTTEN
            batch.data *= kept / np.float32(1 - FORGOTTEN)
            step += 1
            learner.learn(batch, targets[chosen], counts[chosen], PACE * (1 - step / steps + 0.02))
        done = each + 1 - rounds // 2
        if done == 1:
            averaged = [part.copy() for part in learner.parts]
        elif done > 1:
            averaged = [
                mean + (part - mean) / done for mean, part in zip(averaged, learner.parts, strict=True)
            ]
    return averaged


class _Learner:
    """The network's parts while they are learned, each with Adam's two memories."""

    def __init__(self, parts: list[Numbers]) -> None:
        self.parts = parts
        self._slopes = [np.zeros_like(part) for part in parts]
        self._squares = [np.zeros_like(part) for part in parts]

    def learn(self, rows: csr_matrix, targets: Numbers, counts: Numbers, pace: float) -> None:
        """Take one step towards the targets."""
        first, hidden, out, biases = self.parts
        before = rows @ first + hidden
        after = np.maximum(before, 0)
        scores = after @ out + biases
        missed = (_odds(scores) - targets) * (counts / len(counts))[:, None]
        behind = (missed @ out.T) * (before > 0)
        slopes = [rows.T @ behind, behind.sum(axis=0), after.T @ missed, missed.sum(axis=0)]
        for at, slope in enumerate(slopes):
            self._slopes[at] += (1 - MEMORY) * (slope - self._slopes[at])
            self._squares[at] += (1 - MEMORY_OF_SQUARES) * (slope * slope - self._squares[at])
            self.parts[at] -= (
                np.float32(pace) * self._slopes[at] / (np.sqrt(self._squares[at]) + np.float32(1e-6))
            )


def _rarity(plain: csr_matrix) -> Numbers:
    """Return what each column counts: rare pieces more than common ones, marks all the same."""
    posts, columns = plain.shape
    found = np.bincount(plain.indices, minlength=columns)
    rarity = np.maximum(np.log(posts / (1 + found)), 1) / RARE
    rarity[BUCKETS:] = 1
    return np.asarray(rarity, np.float32)


def softmax(scores: Numbers) -> Numbers:
    """Return odds of scores."""
    parts = np.exp(scores - scores.max(axis=1, keepdims=True))
    odds: Numbers = parts / parts.sum(axis=1, keepdims=True)
    return odds


def _odds(scores: Numbers) -> Numbers:
    """Return the odds of each topic, and those of urgent."""
    return np.hstack([softmax(scores[:, :-1]), 1 / (1 + np.exp(-scores[:, -1:].clip(-30, 30)))])


def targets(units: Sequence[str], urgent: Sequence[bool]) -> Numbers:
    """Return labels as odds: one for the unit, and one or nothing for urgent."""
    made = np.zeros((len(units), len(TOPICS) + 1), np.float32)
    made[range(len(units)), [TOPICS.index(unit) for unit in units]] = 1
    made[:, -1] = urgent
    return made


def temperature(scores: Numbers, units: Sequence[str]) -> float:
    """Return what to divide scores by so that the odds of posts that were held out are honest."""
    at = [TOPICS.index(unit) for unit in units]

    def surprise(heat: float) -> float:
        """Return the mean surprise at a temperature."""
        return float(-np.log(softmax(scores / heat)[range(len(at)), at] + 1e-9).mean())

    return float(minimize_scalar(surprise, bounds=(0.3, 3), method="bounded").x)


def blob(model: Fitted, heat: float, origin: str) -> bytes:
    """Return the bytes that `allhours.domain.classifier` reads, with the topics' temperature folded in."""
    pieces, marks = model.features[:BUCKETS], model.features[BUCKETS:] * MARK
    steps = np.maximum(np.quantile(np.abs(pieces), MOST, axis=0), 1e-6) / MIDDLE
    halves = np.clip(np.floor(pieces / steps) + MIDDLE + 0.5, 0, 2 * MIDDLE).astype(np.uint8)
    rows = halves[:, ::2] | halves[:, 1::2] << 4
    header = {
        "origin": origin,
        "topics": list(TOPICS),
        "steps": _short(steps, 8),
        "marks": {name: _short(row, 4) for name, row in zip(model.marks, marks, strict=True)},
        "hidden": _short(model.hidden, 5),
        "topic_weights": [_short(column / heat, 5) for column in model.out[:, :-1].T],
        "topic_biases": _short(model.biases[:-1] / heat, 5),
        "urgent_weights": _short(model.out[:, -1], 5),
        "urgent_bias": round(float(model.biases[-1]), 5),
    }
    written = json.dumps(header, separators=(",", ":")).encode()
    packed: bytes = rows.tobytes()
    return MAGIC + len(written).to_bytes(4, "little") + written + packed


def _short(numbers: Numbers, places: int) -> list[float]:
    """Return numbers as short decimals."""
    return [round(float(number), places) for number in numbers]
