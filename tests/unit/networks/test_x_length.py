"""How X counts: every conformance case that twitter-text publishes, and what they leave out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from allhours.networks._links import links
from allhours.networks._x.length import X_RULES, Rules, weighed, weighted_length
from tests.shared_material import specs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIRST = Rules(longest=140, scale=1, weight=1, light=(), whole_emoji=False)
"""twitter-text's first configuration, by which the oldest cases were written."""
SECOND = Rules(whole_emoji=False)
GROUPS = {
    "tweets": FIRST,
    "WeightedTweetsCounterTest": SECOND,
    "WeightedTweetsWithDiscountedEmojiCounterTest": X_RULES,
    "UnicodeDirectionalMarkerCounterTest": X_RULES,
}
URL_GROUPS = ("urls", "urls_with_indices", "urls_with_directional_markers", "tco_urls_with_params")


@pytest.fixture(scope="module")
def lengths() -> Mapping[str, list[dict[str, Any]]]:
    body: Mapping[str, list[dict[str, Any]]] = json.loads(
        specs("x", "twitter-text", "validate-even.json").read_text(encoding="utf-8")
    )
    return body


@pytest.fixture(scope="module")
def addresses() -> Mapping[str, list[dict[str, Any]]]:
    text = specs("x", "twitter-text", "extract.yml").read_text(encoding="utf-8")
    body: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(text)["tests"]
    return body


def test_the_figures_are_those_of_the_third_configuration() -> None:
    told = json.loads(specs("x", "twitter-text", "config-v3.json").read_text(encoding="utf-8"))
    assert told == {
        "version": 3,
        "maxWeightedTweetLength": X_RULES.longest,
        "scale": X_RULES.scale,
        "defaultWeight": X_RULES.weight,
        "emojiParsingEnabled": X_RULES.whole_emoji,
        "transformedURLLength": X_RULES.link,
        "ranges": [
            {"start": low, "end": high, "weight": X_RULES.light_weight} for low, high in X_RULES.light
        ],
    }


def test_every_length_is_as_the_conformance_cases_have_it(
    lengths: Mapping[str, list[dict[str, Any]]],
) -> None:
    assert lengths.keys() == GROUPS.keys()
    wrong = []
    for group, rules in GROUPS.items():
        for case in lengths[group]:
            found, expected = weighed(case["text"], rules), case["expected"]
            if isinstance(expected, bool):
                right = found.valid == expected
            else:
                told = (found.length, found.valid, found.permillage, found.fits_until - 1)
                right = told == tuple(
                    expected[name] for name in ("weightedLength", "valid", "permillage", "validRangeEnd")
                )
            wrong += [] if right else [f"{group}: {case['description']}: {found}"]
    assert wrong == []
    assert sum(map(len, lengths.values())) >= 26


def found_in(text: str) -> Iterator[tuple[str, list[int]]]:
    for link in links(text):
        yield text[link.start : link.end], [link.start, link.end]


def test_every_address_is_where_the_conformance_cases_have_it(
    addresses: Mapping[str, list[dict[str, Any]]],
) -> None:
    wrong, tried = [], 0
    for group in URL_GROUPS:
        for case in addresses[group]:
            tried += 1
            found = list(found_in(case["text"]))
            expected = case["expected"]
            right = (
                [text for text, _ in found] == expected
                if not expected or isinstance(expected[0], str)
                else found == [(each["url"], each["indices"]) for each in expected]
            )
            wrong += [] if right else [f"{group}: {case['description']}: {found}"]
    assert wrong == []
    assert tried == 108


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("https://acmebank.example/help is no address: example is no domain", 65),
        ("see acmebank.com/help", 27),
        ("Grüße", 5),
        ("e\u0301", 1),
        ("你好", 4),
        ("\U0001f1e9\U0001f1ea", 2),
        ("1\ufe0f\u20e3", 2),
        ("\u2764\ufe0f\u200d\U0001f525", 2),
        ("©", 1),
        ("\u201cquoted\u201d", 8),
    ],
)
def test_a_text_weighs_what_x_counts(text: str, length: int) -> None:
    assert weighted_length(text) == length


@given(st.text())
def test_any_text_is_weighed(text: str) -> None:
    found = weighed(text)
    assert found.length >= 0
    assert 0 <= found.fits_until <= len(text.encode("utf-16-le", errors="surrogatepass")) // 2
    assert all(0 <= link.start < link.end <= len(text) for link in links(text))


@given(st.text(alphabet=".あ-/@:h", max_size=300))
def test_a_text_of_nothing_but_dots_and_letters_ends(text: str) -> None:
    assert links(text) == []
