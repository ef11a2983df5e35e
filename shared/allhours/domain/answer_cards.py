"""Which of the organisation's answer cards answers a post, if any does, and how surely.

A card whose id the model was trained for is judged by the model: the blob is `MAGIC`, the length of a JSON
header (four bytes, little-endian), the header, then for each of `BUCKETS` ids a row of `LANES` half bytes: a
lane for each card, then one for "no card", the first in the lower half. A half byte is a place in `LEVELS`. A
card's score is

    bias + scale / sqrt(ids) * sum of its ids' levels

and softmax makes odds of the scores. The ids are the pieces of words that the classifier sees, and the pairs
of concepts (`answer_concepts.py`) in the post. What the classifier thinks of the topics weighs in too: what
is no unit's business gets no card. A row is one great number with some bits for each lane, so that a post's
rows are added up for all cards at once; what a word comes to is remembered.

Any other card is an organisation's own, and found by its words: see `OwnCards`.
"""

from __future__ import annotations

import json
from collections import Counter
from math import exp, log, sqrt
from operator import add
from struct import Struct
from typing import TYPE_CHECKING, Protocol, TypedDict

from allhours.domain.answer_concepts import CONCEPTS, TABLE, concepts_of
from allhours.domain.errors import BadInput
from allhours.domain.judgement import NOBODY, TOPICS
from allhours.domain.word_lists import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.features import Features

CARD = 0.12
"""No card is suggested where the likeliest is less likely than that."""

SUGGESTED = 3  # cards at most, as many as a clerk reads at a glance
AMONG = 0.005  # a second or third card less likely than that is no help

MAGIC = b"AHC1"
PIECES = 1 << 12  # ids that the pieces of words are folded into
PAIRS = 1600  # ids that the pairs of concepts are folded into
BUCKETS = PIECES + PAIRS
LANES = 96
WEIGHT_OF_TOPIC = 0.4  # how much the odds of a card's topic count beside the card's own

LEVELS = (0, *(round(128 + (1 if step > 0 else -1) * 127 * (step / 7) ** 2) for step in range(-7, 8)))
"""What each half byte stands for, above `MIDDLE`: finer steps for small weights, of which there are more."""

MIDDLE = 128
_MOST_CONCEPTS = 24  # of a post: a question names fewer, and a long story is read from its beginning
_FOLD = PIECES - 1
_LANE = 4  # bytes that a card has in a sum: more than the longest post that is read can fill
_SUMS = Struct(f"<{LANES}I")
_REMEMBERED = 4096  # words; about 2 MB
_START = len(MAGIC) + 4
_LOW = bytes(LEVELS[byte & 15] for byte in range(256))
_HIGH = bytes(LEVELS[byte >> 4] for byte in range(256))
_FEWEST = 2  # words of a phrase that a post must have
_FITTING = 0.7
_SURE = 0.8  # how often a phrase that fits in whole is what was meant
_BEGINNING = 5
_SMALL_WORDS = (
    "the an is are was be been am do does did have has had can could will would my me mine your our their its"
    " it this that these those and or but not no of to in on at for from with by as if so we you they he she"
    " im ive dont cant didnt doesnt isnt how what whats which who when where why get got getting want need"
    " please pls help there any some just about up out"
)
_SMALL = frozenset(_SMALL_WORDS.split())
_LEAST_ODDS = 1e-4  # of a topic: a card of a topic that seems out of the question is not quite


class Card(Protocol):
    """What is asked of an organisation's card: its words, and topics it is narrowed to, if any."""

    @property
    def card_id(self) -> str:
        """Return its id."""
        ...

    @property
    def title(self) -> str:
        """Return what it is called, for people."""
        ...

    @property
    def says(self) -> Sequence[str]:
        """Return how people ask for it."""
        ...

    @property
    def topics(self) -> Sequence[str]:
        """Return the topics that it is suggested for."""
        ...


class Header(TypedDict):
    """What stands before the rows; a bias and a scale for each card, and last for "no card"."""

    cards: list[str]
    topics: list[str]
    scales: list[float]
    biases: list[float]
    concepts: str


def ids_of(features: Features, words: Sequence[str]) -> list[int]:
    """Return all rows that a post has, given what the classifier sees of it and its words."""
    return [*(piece & _FOLD for word in features.words for piece in word), *_others(features, words)]


def _others(features: Features, words: Sequence[str]) -> list[int]:
    """Return the rows of the pairs of neighbours, and of the pairs of concepts."""
    found = concepts_of(words, _MOST_CONCEPTS)
    pairs = {
        PIECES + (one * CONCEPTS + other) % PAIRS for at, one in enumerate(found) for other in found[at:]
    }
    return [*(pair & _FOLD for pair in features.pairs), *pairs]


class _Rows(dict[int, int]):
    """The rows that were needed so far, each as one number."""

    def __init__(self, packed: bytes) -> None:
        super().__init__()
        self._packed = packed

    def __missing__(self, place: int) -> int:
        """Spread a row's half bytes over its lanes."""
        packed = self._packed[place * LANES // 2 : (place + 1) * LANES // 2]
        spread = bytearray(_SUMS.size)
        spread[:: 2 * _LANE] = packed.translate(_LOW)
        spread[_LANE :: 2 * _LANE] = packed.translate(_HIGH)
        row = self[place] = int.from_bytes(spread, "little")
        return row


class CardModel:
    """The trained part out of a blob that `infra/triage/cards_fit.py` wrote; it knows no organisation."""

    def __init__(self, blob: bytes) -> None:
        """Read the blob; `BadInput` says what is wrong with one that is damaged or of other features."""
        packed, header = _opened(blob)
        self.cards: tuple[str, ...] = tuple(header["cards"])
        self._topics: list[str] = header["topics"]
        self.scales: list[float] = header["scales"]
        self.biases: list[float] = header["biases"]
        self._rows = _Rows(packed)
        self._words: dict[tuple[int, ...], int] = {}

    def odds(self, features: Features, words: Sequence[str], topics: Mapping[str, float]) -> list[float]:
        """Return the probability of each of `cards`, given a post's features, words and topics' odds."""
        *scores, nothing = self.scores(features, words)
        heard = max(_LEAST_ODDS, 1 - topics.get(NOBODY, 0.0))
        leans = dict.fromkeys(TOPICS, 0.0) | {
            topic: WEIGHT_OF_TOPIC * log(max(_LEAST_ODDS, odds / heard)) for topic, odds in topics.items()
        }
        parts = list(map(exp, map(add, scores, map(leans.__getitem__, self._topics))))
        share = heard / (sum(parts) + exp(nothing))
        return [share * part for part in parts]

    def scores(self, features: Features, words: Sequence[str]) -> list[float]:
        """Return the score of each of `cards`, and last that of no card."""
        others = _others(features, words)
        count = sum(map(len, features.words)) + len(others)
        middle, root = MIDDLE * count, sqrt(count or 1)
        lanes = _SUMS.unpack(self._sum(features, others).to_bytes(_SUMS.size, "little"))
        return [
            bias + scale * (lane - middle) / root
            for bias, scale, lane in zip(self.biases, self.scales, lanes, strict=False)  # lanes to spare
        ]

    def _sum(self, features: Features, others: Sequence[int]) -> int:
        """Return the sum of a post's rows; what a word comes to is remembered."""
        total = sum(map(self._rows.__getitem__, others))
        for word in features.words:
            lanes = self._words.get(word)
            if lanes is None:
                if len(self._words) >= _REMEMBERED:
                    self._words.clear()
                lanes = self._words[word] = sum(self._rows[piece & _FOLD] for piece in word)
            total += lanes
        return total


class OwnCards:
    """Cards that the model does not know, found by the words of their title and `says`.

    A phrase fits a post by the share of its words that the post has, each weighed by how few of the
    organisation's cards have it in their titles. Small words do not count, and words are compared by their
    first letters, so that endings do not matter. Below `_FITTING`, or with one word in common, none fits.
    """

    def __init__(self, own: Sequence[Card], every: Sequence[Card]) -> None:
        """Read the phrases of its own cards, and weigh words by the titles of every card."""
        common = Counter(word for card in every for word in _plain(words_of(card.title)))
        self._phrases = [
            (card.card_id, {word: 1 / (1 + common[word]) for word in plain})
            for card in own
            for phrase in (card.title, *card.says)
            if (plain := _plain(words_of(phrase)))
        ]

    def odds(self, words: Sequence[str], topics: Mapping[str, float]) -> dict[str, float]:
        """Return how surely each card that fits answers a post of these words."""
        found: dict[str, float] = {}
        if self._phrases:
            said = _plain(words)
            heard = 1 - topics.get(NOBODY, 0.0)
            for card, phrase in self._phrases:
                shared = said & phrase.keys()
                if len(shared) >= _FEWEST:
                    fit = sum(phrase[word] for word in shared) / sum(phrase.values())
                    if fit >= _FITTING:
                        found[card] = max(found.get(card, 0.0), heard * fit * _SURE)
        return found


class AnswerCards:
    """An organisation's cards, ready to be suggested; one that it lacks never is."""

    def __init__(self, model: CardModel, answers: Mapping[str, Card]) -> None:
        """Find each card's place in the model, or take it as the organisation's own."""
        self._model = model
        self._answers = answers
        self._known = [(place, card) for place, card in enumerate(model.cards) if card in answers]
        own = [card for name, card in answers.items() if name not in model.cards]
        self._own = OwnCards(own, list(answers.values()))

    def suggest(
        self, features: Features, words: Sequence[str], topics: Mapping[str, float]
    ) -> tuple[tuple[str, float], ...]:
        """Return the cards that answer a post, the likeliest first."""
        if topics.get(NOBODY, 0.0) > 1 - CARD:
            return ()  # whatever it says, no card could be likely enough
        found = self.ranked(features, words, topics, least=AMONG)
        return tuple(found[:SUGGESTED]) if found and found[0][1] >= CARD else ()

    def ranked(
        self, features: Features, words: Sequence[str], topics: Mapping[str, float], *, least: float = 0.0
    ) -> list[tuple[str, float]]:
        """Return every card that is at least so likely with its probability, the likeliest first."""
        odds = self._model.odds(features, words, topics)
        found = [(card, odds[place]) for place, card in self._known if odds[place] >= least]
        found += [each for each in self._own.odds(words, topics).items() if each[1] >= least]
        likeliest = max(topics, key=topics.__getitem__, default="")
        return sorted(
            (each for each in found if likeliest in (self._answers[each[0]].topics or (likeliest,))),
            key=lambda each: -each[1],
        )


def _plain(words: Sequence[str]) -> frozenset[str]:
    """Return the beginnings of the words that say something."""
    return frozenset(word[:_BEGINNING] for word in words if word not in _SMALL and len(word) > 1)


def _opened(blob: bytes) -> tuple[bytes, Header]:
    """Return a blob's rows and its header."""
    if blob[: len(MAGIC)] != MAGIC:
        raise BadInput("the model of answer cards does not begin as one: make it again with `make train`")
    end = _START + int.from_bytes(blob[len(MAGIC) : _START], "little")
    try:
        header: Header = json.loads(blob[_START:end])
    except ValueError:
        raise BadInput(
            "the header of the answer cards' model is damaged: `make train` makes it again"
        ) from None
    rows = blob[end:]
    if len(rows) != BUCKETS * LANES // 2 or header.get("concepts") != TABLE:
        raise BadInput(
            f"the model of answer cards has {len(rows):,} bytes of weights for the concepts "
            f"{header.get('concepts')}, and {BUCKETS * LANES // 2:,} are needed for {TABLE}: make it again "
            "with `make train`"
        )
    return rows, header
