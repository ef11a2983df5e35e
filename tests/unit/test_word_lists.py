"""A clerk's phrases are found in what people write, and only there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import BadInput
from allhours.domain.word_lists import WordLists, check_phrase, words_of


def found(phrase: str, text: str) -> list[str]:
    return WordLists({"list": (phrase,)}).hits(words_of(text)).get("list", [])


@pytest.mark.parametrize(
    ("phrase", "text", "said"),
    [
        ("stolen", "My card was STOLEN!!", "stolen"),
        ("can't log in", "I can\u2019t log in since noon", "cant log in"),
        ("fraud*", "#Fraudsters everywhere", "fraudsters"),
        ("lost|lose my|our card", "did we lose our card?", "lose our card"),
        (
            "someone ... emptied ... account",
            "someone has just emptied my account",
            "someone has just emptied my account",
        ),
        ("robado", "Me han R\u00d3BADO la tarjeta", "robado"),
        ("pin", "\U0001d4f9\U0001d4f2\U0001d4f7 please", "pin"),
    ],
)
def test_a_phrase_is_found_as_people_write_it(phrase: str, text: str, said: str) -> None:
    assert found(phrase, text) == [said]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("card", "my cardigan is blue"),
        ("card", "a postcard"),
        ("someone ... account", "someone rang and then went on and on about an account"),
        ("someone ... account", "I saw someone. My account is fine"),
        ("lost my card", "I lost. My card is here"),
        ("stolen", ""),
    ],
)
def test_a_phrase_is_not_found_elsewhere(phrase: str, text: str) -> None:
    assert found(phrase, text) == []


def test_every_list_says_what_hit_it_once_and_in_order() -> None:
    lists = WordLists({"theft": ("stolen", "robbed"), "loss": ("lost",)})
    assert lists.hits(words_of("robbed and stolen and robbed; all lost")) == {
        "theft": ["robbed", "stolen"],
        "loss": ["lost"],
    }


@pytest.mark.parametrize("phrase", ["", "... card", "card ...", "ab*", "c(ard", "car*d", "one||two"])
def test_what_is_no_phrase_is_named(phrase: str) -> None:
    with pytest.raises(BadInput, match="phrase"):
        check_phrase(phrase)


@given(st.text(max_size=200))
def test_no_text_breaks_the_search(text: str) -> None:
    lists = WordLists({"one": ("a ... b", "them*", "x|y z"), "two": ("b",)})
    for said in lists.hits(words_of(text)).values():
        assert all(each in " ".join(words_of(text)) for each in said)
