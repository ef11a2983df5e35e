"""The model in plain Python: its arithmetic, its silence on other languages, and the clerk's word lists."""

from __future__ import annotations

import json
import random
from math import sqrt

import pytest

from allhours import models
from allhours.domain.classifier import HIDDEN, MAGIC, MIDDLE, ROW, Classifier
from allhours.domain.errors import BadInput
from allhours.domain.features import BUCKETS, Features, features_of
from allhours.domain.judgement import NOBODY, TOPICS, Opinion, Said
from allhours.domain.language import is_english
from allhours.domain.word_lists import WordLists, words_of


def _ask(text: str, lists: WordLists | None = None, language: str = "") -> Opinion | None:
    words = words_of(text)
    return models.triage()(Said(text=text, language=language), words, (lists or WordLists({})).hits(words))


def _opinion(text: str, lists: WordLists | None = None) -> Opinion:
    opinion = _ask(text, lists)
    assert opinion is not None
    return opinion


def test_odds_of_all_topics_sum_to_one_and_name_the_model() -> None:
    opinion = _opinion("my card was declined at the till again")
    assert list(opinion.odds) == list(TOPICS)
    assert sum(opinion.odds.values()) == pytest.approx(1)
    assert opinion.model == models.triage().version
    assert len(opinion.model) == 8


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("my card was declined at the till and there is money in the account", "cards"),
        ("i sent a transfer on monday and it never arrived", "payments"),
        ("the app will not let me log in since the update", "online_banking"),
        ("how much do i still owe on my mortgage", "lending"),
        ("somebody used my card for payments i did not make", "fraud_security"),
        ("what a goal, best match of the season", NOBODY),
        ("play some jazz in the kitchen", NOBODY),
    ],
)
def test_plain_posts_are_judged_as_anybody_would(text: str, topic: str) -> None:
    opinion = _opinion(text)
    assert max(opinion.odds, key=opinion.odds.__getitem__) == topic


def test_theft_is_more_urgent_than_a_question() -> None:
    assert _opinion("someone stole my wallet with my card in it").urgent > 0.5
    assert _opinion("which documents do i need to open an account?").urgent < 0.1


def test_a_phrase_that_a_clerk_adds_moves_the_odds() -> None:
    text = "trouble with my zorbon again"
    before = _opinion(text)
    after = _opinion(text, WordLists({"insurance": ["zorbon"]}))
    assert after.odds["insurance"] > 1.5 * before.odds["insurance"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("my card was declined", "fr"),
        ("mi tarjeta no funciona desde ayer por la tarde", ""),
        ("ma carte ne marche pas depuis hier soir", "und"),
        ("meine karte ist weg und ich habe angst", ""),
        ("我的卡丢了", ""),
        ("моя карта пропала вчера вечером", ""),
        ("بطاقتي ضاعت امس", ""),
    ],
)
def test_other_languages_are_left_to_humans(text: str, language: str) -> None:
    assert _ask(text, language=language) is None


@pytest.mark.parametrize("language", ["", "en", "en-GB", "EN_us", "und", "qme"])
def test_english_is_judged_whatever_a_network_calls_it(language: str) -> None:
    assert _ask("my card was declined", language=language) is not None


@pytest.mark.parametrize("text", ["", "👍", "lol", "card declined"])
def test_a_few_words_are_taken_for_english(text: str) -> None:
    assert is_english("", words_of(text))


@pytest.mark.parametrize(
    "text",
    ["", "\ud83d", "\x00", "a" * 20_000, "my card " * 2_500, "@" * 20_000, "é" * 20_000, "💳" * 5_000],
)
def test_hostile_text_gets_an_opinion_or_none(text: str) -> None:
    opinion = _ask(text)
    assert opinion is None or sum(opinion.odds.values()) == pytest.approx(1)


def test_a_word_that_was_remembered_counts_the_same_again() -> None:
    fresh = Classifier(_blob())
    features = features_of("my card my card is gone", words_of("my card my card is gone"), {})
    assert fresh.scores(features) == fresh.scores(features)


def test_lanes_add_up_as_plain_numbers_do() -> None:
    blob = _blob()
    rows = blob[-BUCKETS * ROW :]
    model = Classifier(blob)
    chance = random.Random(7)
    for size in (0, 1, 40, 5_000):
        words = [tuple(chance.randrange(BUCKETS) for _ in range(9)) for _ in range(size)]
        pairs = [chance.randrange(BUCKETS) for _ in range(size)]
        features = Features(words=words, pairs=pairs, marks=["my", "unheard of"] if size else [])
        halves = [
            [rows[each * ROW + lane // 2] >> (lane % 2 * 4) & 15 for each in features.pieces]
            for lane in range(HIDDEN)
        ]
        sums = [sum(column) - MIDDLE * len(column) for column in halves]
        root = sqrt(len(features.pieces) or 1)
        hidden = [
            max(0.0, lane / 100 + (0.5 if size else 0) + 0.001 * (lane + 1) * total / root)
            for lane, total in enumerate(sums)
        ]
        scores, urgent = model.scores(features)
        expected = [
            0.1 * topic + sum((topic - lane) / 10 * each for lane, each in enumerate(hidden))
            for topic in range(9)
        ]
        assert scores == pytest.approx(expected)
        assert urgent == pytest.approx(-1 + sum(hidden))


def test_a_full_lane_does_not_spill_into_the_next() -> None:
    blob = _blob(rows=bytes([255]) * (BUCKETS * ROW))
    features = Features(words=[tuple(range(1_000))] * 12, pairs=list(range(400)), marks=[])
    assert Classifier(blob)._sums(features) == [15 * 12_400] * HIDDEN


@pytest.mark.parametrize(
    "broken",
    [b"", b"PK\x03\x04", MAGIC + b"\x05\x00\x00\x00{oops", MAGIC + b"\x02\x00\x00\x00{}", MAGIC],
)
def test_a_damaged_model_says_so(broken: bytes) -> None:
    with pytest.raises(BadInput, match="make train"):
        Classifier(broken)


def test_a_model_cut_short_says_how_much_is_missing() -> None:
    with pytest.raises(BadInput, match=f"{BUCKETS * ROW:,} are needed"):
        Classifier(_blob()[:-1])


def _blob(rows: bytes = b"") -> bytes:
    header = {
        "topics": list(TOPICS),
        "steps": [0.001 * (lane + 1) for lane in range(HIDDEN)],
        "marks": {"my": [0.5] * HIDDEN},
        "hidden": [lane / 100 for lane in range(HIDDEN)],
        "topic_weights": [[(topic - lane) / 10 for lane in range(HIDDEN)] for topic in range(9)],
        "topic_biases": [0.1 * topic for topic in range(9)],
        "urgent_weights": [1.0] * HIDDEN,
        "urgent_bias": -1.0,
    }
    written = json.dumps(header).encode()
    rows = rows or random.Random(3).randbytes(BUCKETS * ROW)
    return MAGIC + len(written).to_bytes(4, "little") + written + rows
