"""The trained model: bytes that give each feature of a post its say, added up in plain Python.

A post's features (`features.py`) are added up to `HIDDEN` numbers, those below nothing count as nothing,
and each topic is a weighted sum of them: a small neural network of one layer. The blob is `MAGIC`, the
length of a JSON header (four bytes, little-endian), the header, and a row for each of the `BUCKETS` ids:
half a byte for each hidden number, the low halves being the even ones. A half is a step from -7.5 to 7.5;
the header has the size of a step by column, and everything else as it is. The trainer has folded its
calibration into the last weights, so that softmax gives honest odds.

Rows are added as one integer, a lane of bits for each column: one addition instead of `HIDDEN`. What a word
comes to is remembered.
"""

from __future__ import annotations

import json
import sys
from copy import copy
from functools import partial
from hashlib import sha256
from math import exp, sqrt
from struct import Struct
from typing import TYPE_CHECKING, TypedDict

from allhours.domain.errors import BadInput
from allhours.domain.features import BUCKETS, features_of
from allhours.domain.judgement import TOPICS, Opinion, no_cards
from allhours.domain.language import is_english

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.answer_cards import AnswerCards
    from allhours.domain.features import Features
    from allhours.domain.judgement import Said

if sys.version_info >= (3, 12):
    from math import sumprod
else:
    from operator import mul

    def sumprod(one: Sequence[float], other: Sequence[float]) -> float:
        """Return the sum of the products."""
        return sum(map(mul, one, other))


CASUAL = 0.7
"""P(none) from which a post is no case: fewer cases are lost than at even odds (docs/triage.md)."""
UNSURE = 0.35
"""Odds of the likeliest unit below which the fallback unit's humans decide: three times a blind guess."""
URGENT = 0.03
"""P(urgent) from which a case cannot wait; with the lists 96 % of dev's urgent rows, 1.7 % of the others."""
URGENT_IF_BLOCKED = 0.5
"""The same where somebody says that they are locked out or money is stuck: that is high, not yet urgent."""

MAGIC = b"AHT3"
HIDDEN = 40
ROW = HIDDEN // 2  # bytes
MIDDLE = 7.5
_LANE = 4  # bytes of a lane: more than the longest post that is read can fill
_COLUMNS = Struct(f"<{HIDDEN}I")
_AT_ONCE = 17  # halves fill a byte: 17 * 15 = 255
_LOW = int.from_bytes(b"\x0f" * ROW, "little")
_START = len(MAGIC) + 4
_REMEMBERED = 4096  # words; about 1 MB


class Header(TypedDict):
    """What stands before the rows: sizes of steps, and weights by name."""

    topics: list[str]
    steps: list[float]
    marks: dict[str, list[float]]
    hidden: list[float]
    topic_weights: list[list[float]]
    topic_biases: list[float]
    urgent_weights: list[float]
    urgent_bias: float


class Classifier:
    """A `Judge` out of a blob that `infra/triage/train.py` wrote; its `version` is the blob's digest."""

    def __init__(self, blob: bytes) -> None:
        """Read the blob; `BadInput` says what is wrong with one that is damaged."""
        self._rows, self._header = _opened(blob)
        self._lanes: dict[tuple[int, ...], int] = {}
        self._cards: AnswerCards | None = None
        self.version = sha256(blob).hexdigest()[:8]

    def suggesting(self, cards: AnswerCards) -> Classifier:
        """Return the same judge, which suggests an organisation's cards too."""
        other = copy(self)
        other._cards = cards  # noqa: SLF001  # a copy of ourselves
        return other

    def __call__(
        self, said: Said, words: Sequence[str], hits: Mapping[str, Sequence[str]], /
    ) -> Opinion | None:
        """Return the odds of each topic and of urgent, or None on a text that is not English."""
        if not is_english(said.language, words):
            return None
        features = features_of(said.text, words, hits)
        scores, urgent = self.scores(features)
        top = max(scores)
        parts = [exp(score - top) for score in scores]
        whole = sum(parts)
        odds = {topic: part / whole for topic, part in zip(TOPICS, parts, strict=True)}
        return Opinion(
            odds=odds,
            urgent=1 / (1 + exp(-max(-50.0, min(50.0, urgent)))),
            cards=partial(self._cards.suggest, features, words, odds) if self._cards else no_cards,
            model=self.version,
        )

    def scores(self, features: Features) -> tuple[list[float], float]:
        """Return the score of each topic, and that of urgent."""
        header = self._header
        sums = self._sums(features)
        pieces = sum(map(len, features.words)) + len(features.pairs)
        middle, root = MIDDLE * pieces, sqrt(pieces or 1)
        known = header["marks"]
        marks = [known[mark] for mark in features.marks if mark in known]
        biases = map(sum, zip(header["hidden"], *marks, strict=True))
        hidden = [
            value if (value := bias + step * (lane - middle) / root) > 0 else 0.0
            for bias, step, lane in zip(biases, header["steps"], sums, strict=True)
        ]
        scores = [
            bias + sumprod(weights, hidden)
            for weights, bias in zip(header["topic_weights"], header["topic_biases"], strict=True)
        ]
        return scores, header["urgent_bias"] + sumprod(header["urgent_weights"], hidden)

    def _sums(self, features: Features) -> list[int]:
        """Return the sum of the rows of all ids, by column."""
        total = self._added(features.pairs)
        for word in features.words:
            lanes = self._lanes.get(word)
            if lanes is None:
                if len(self._lanes) >= _REMEMBERED:
                    self._lanes.clear()
                lanes = self._lanes[word] = self._added(word)
            total += lanes
        return list(_COLUMNS.unpack(total.to_bytes(HIDDEN * _LANE, "little")))

    def _added(self, ids: Sequence[int]) -> int:
        """Return the sum of the rows of some ids, each column in its lane."""
        rows, total, wide = self._rows, 0, bytearray(HIDDEN * _LANE)
        for start in range(0, len(ids), _AT_ONCE):
            even = odd = 0
            for each in ids[start : start + _AT_ONCE]:
                row = int.from_bytes(rows[each * ROW : each * ROW + ROW], "little")
                even += row & _LOW
                odd += row >> 4 & _LOW
            wide[:: 2 * _LANE] = even.to_bytes(ROW, "little")
            wide[_LANE :: 2 * _LANE] = odd.to_bytes(ROW, "little")
            total += int.from_bytes(wide, "little")
        return total


def _opened(blob: bytes) -> tuple[bytes, Header]:
    """Return a blob's rows and its header."""
    if blob[: len(MAGIC)] != MAGIC:
        raise BadInput("the model does not begin as one: make it again with `make train`")
    end = _START + int.from_bytes(blob[len(MAGIC) : _START], "little")
    try:
        header: Header = json.loads(blob[_START:end])
    except ValueError:
        raise BadInput("the model's header is damaged: make it again with `make train`") from None
    if len(blob) - end != BUCKETS * ROW or header.get("topics") != list(TOPICS):
        raise BadInput(
            f"the model has {len(blob) - end:,} bytes of weights for the topics {header.get('topics')}, and "
            f"{BUCKETS * ROW:,} are needed for {list(TOPICS)}: make it again with `make train`"
        )
    return blob[end:], header
