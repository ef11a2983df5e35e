"""What a model sees of a post: the same everywhere, names never, and no more than a post can hold."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.features import BUCKETS, Features, features_of
from allhours.domain.word_lists import WordLists, words_of

LISTS = WordLists({"cards": ["card"], "banks": ["acmebank"], "companies": ["northair"]})


def _features(text: str) -> Features:
    words = words_of(text)
    return features_of(text, words, LISTS.hits(words))


def test_a_handle_is_somebody_and_never_a_name() -> None:
    leela, ana = _features("@leela_b my card is gone"), _features("@ana.from.lagos my card is gone")
    assert leela == ana
    assert "to someone" in leela.marks


def test_a_link_and_a_mask_are_the_same_whatever_they_hide() -> None:
    assert _features("see https://a.example/x1 now") == _features("see https://b.example/other/2 now")
    assert _features("card [card …1111] gone").pieces == _features("card [iban …4321] gone").pieces


@pytest.mark.parametrize(
    "reference",
    [
        "q4f91b6a842ce",
        "A1B2C3",
        "INV20931",
        "12345678ab",
        "svaxgg09oq",
        "550E8400",
        "x1234567890123456789012345",
    ],
)
def test_a_reference_says_nothing(reference: str) -> None:
    assert _features(f"My card {reference} fails, why?") == _features("My card  fails, why?")
    assert _features(reference) == _features("")


@pytest.mark.parametrize(
    "word",
    ["2fa", "401k", "p2p", "mp3", "24h", "24hours", "covid19", "iphone14", "5000naira", "2nd", "abcdefgh"],
)
def test_a_word_with_a_digit_is_a_word(word: str) -> None:
    assert len(_features(f"my {word} fails").words) == 3


def test_digits_count_by_their_number() -> None:
    assert _features("paid 1234567 to him 24hours ago") == _features("paid 7654321 to him 48hours ago")
    assert _features("24hours").pieces != _features("3hours").pieces


def test_a_reference_in_a_handle_a_hashtag_or_a_link_leaves_them_what_they_are() -> None:
    marks = _features("@a1b2c3d4 ref A1B2C3D4 #a1b2c3d4 https://t.co/a1b2c3d4").marks
    assert {"to someone", "handles:1", "hashtags:1", "links:1", "link last"} <= set(marks)


def test_only_the_brand_lists_see_whom_a_post_is_addressed_to() -> None:
    bank, airline = _features("@AcmeBank no answer for days"), _features("@NorthAir no answer for days")
    assert bank.pieces == airline.pieces
    assert set(bank.marks) - set(airline.marks) == {"list:banks", "nobody's matter, bank"}
    assert set(airline.marks) - set(bank.marks) == {"list:companies", "nobody's matter, company"}


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("My card was declined", "my money"),
        ("Has anyone been paid?", "?"),
        ("how do I open an account", "asks"),
        ("Play some jazz", "orders"),
        ("RT @ana the bank is down", "via"),
        ("Central Bank Raises Rates To Nine Percent", "headline"),
        ("THIS IS A DISGRACE", "all capitals"),
        ("gone: £40", "sum"),
        ("Rates up https://t.co/a1", "link last"),
        ("card 😡😡", "emoji:2"),
        ("where is my card", "list:cards"),
        ("i never got it", "own matter, trouble"),
    ],
)
def test_structure_is_marked(text: str, mark: str) -> None:
    assert mark in _features(text).marks


def test_case_accents_and_fancy_letters_change_no_piece() -> None:
    assert _features("My cárd is GONE").pieces == _features("my card is gone").pieces
    assert _features("\U0001d5e0\U0001d606 card is gone").pieces == _features("my card is gone").pieces


def test_features_are_the_same_in_every_process() -> None:
    code = (
        "from allhours.domain.features import features_of\n"
        "from allhours.domain.word_lists import words_of\n"
        "text = 'My card was declined at the till, 2nd time'\n"
        "found = features_of(text, words_of(text), {})\n"
        "print(found.pieces, found.marks)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": "shared", "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a" * 20_000,
        "@" * 20_000,
        "a@" * 10_000,
        "[" * 20_000,
        "#" * 20_000,
        "." * 20_000,
        "http://" * 3_000,
        "www." * 5_000,
        "my " * 7_000,
        "-_." * 7_000,
        "\n" * 20_000,
        "é" * 20_000,
        "ﷺ" * 2_000,
        " ".join(f"w{number}" for number in range(4_000)),
    ],
)
def test_no_text_makes_more_features_than_a_long_post(text: str) -> None:
    found = _features(text)
    assert len(found.pieces) < 12_000
    assert len(found.marks) < 80


@given(st.text(st.characters(), max_size=400))
def test_any_text_has_features(text: str) -> None:
    found = _features(text)
    assert all(0 <= each < BUCKETS for each in found.pieces)
    assert len(set(found.marks)) == len(found.marks)
