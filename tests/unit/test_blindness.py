"""Who wrote a post cannot matter: there is no field to read it from, and swapping it changes nothing."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain import engagement, triage, urgency
from allhours.domain.item import Author, Item, Kind, Visibility
from allhours.domain.judgement import TOPICS, Judge, Opinion, Said
from allhours.domain.router import Router
from tests.builders import a_general_item, an_organisation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ABOUT_THE_AUTHOR = (
    *("author", "author_id", "name", "handle", "followers", "badge", "verified", "picture", "avatar"),
    *("bio", "permalink", "native_id", "conversation_id", "parent_id", "attachments"),
    "audience",
)
LISTS = {
    "theft": ("stole my card",),
    "thanks": ("thank you",),
    "troll": ("get lost",),
    "press": ("journalist",),
    "blocked": ("locked out",),
    "banks": ("bigbank",),
    "companies": ("parcelco",),
}
BANK = an_organisation(word_lists=LISTS)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-.ÄÑ愛", min_size=1, max_size=20).filter(
    lambda name: name[-1] not in "-." and name not in {"bigbank", "parcelco"} and not name.startswith("acme")
)
TEMPTING = st.sampled_from(["stolen", "card", "journalist", "get_lost", "desperate", "thank", "giveaway"])


AUTHORS = st.builds(Author, author_id=NAMES, handle=NAMES, name=st.text(max_size=30))


def judge(said: Said, words: Sequence[str], hits: Mapping[str, Sequence[str]], /) -> Opinion:
    """Judge by every letter that it is given, so that any difference shows."""
    heap = sum(map(ord, said.text + " ".join(words) + said.language)) + 1_000 * len(hits)
    weights = [1 + (heap * (place + 3)) % 17 for place in range(len(TOPICS))]
    weights[-1] += (heap % 5 == 0) * 900
    return Opinion(
        odds={topic: weight / sum(weights) for topic, weight in zip(TOPICS, weights, strict=True)},
        urgent=heap % 7 / 7,
        model="test",
    )


ROUTER = Router(BANK, judge=judge)


def decided(item: Item) -> tuple[object, ...]:
    way = ROUTER.way(ROUTER.for_us(item), None)
    verdict = way.verdict
    route = (way.unit, way.account, way.step, way.reason, way.priority)
    return (*route, verdict.lane, verdict.stance, verdict.urgent)


@pytest.mark.parametrize(
    "asked",
    [
        triage.Triage.judged,
        triage.Triage._weighed,
        triage._priority,
        engagement.engaged,
        urgency.told_by_words,
        Judge.__call__,
    ],
)
def test_nothing_that_judges_a_post_is_given_a_field_about_its_author(
    asked: Callable[..., object],
) -> None:
    assert not {field.name for field in fields(Said)} & set(ABOUT_THE_AUTHOR)
    hints = inspect.getfullargspec(asked).annotations
    told = {str(kind) for name, kind in hints.items() if name != "return"}
    assert told, "it is given something"
    assert not [kind for kind in told if "Item" in kind or "Author" in kind or "Case" in kind], told


def test_an_item_knows_no_badge_or_picture_and_of_followers_only_what_one_report_is_for() -> None:
    known = {field.name for field in fields(Author)} | {field.name for field in fields(Item)}
    assert not known & {"followers", "badge", "verified", "picture", "avatar", "bio"}
    assert Said.of(a_general_item(audience=1_000_000)) == Said.of(a_general_item())


@given(
    said=st.sampled_from(
        [
            "{} they stole my card, and {} saw it",
            "thank you {}",
            "{}: why am I locked out? cc {}",
            "ask {} or a journalist",
            "get lost {}",
            "@acmebank hello {} and @bigbank",
        ]
    ),
    names=st.lists(st.tuples(NAMES | TEMPTING, NAMES | TEMPTING), min_size=2, max_size=2),
    authors=st.lists(AUTHORS, min_size=2, max_size=2),
    audiences=st.lists(st.integers(-1, 10**9), min_size=2, max_size=2),
    place=st.tuples(
        st.sampled_from(Visibility), st.sampled_from([*Kind][:-1])
    ),  # a look-up's answer is no post
)
def test_any_author_and_any_names_in_the_text_give_the_same_route_priority_and_lane(
    said: str,
    names: list[tuple[str, str]],
    authors: list[Author],
    audiences: list[int],
    place: tuple[Visibility, Kind],
) -> None:
    one, other = (
        decided(
            a_general_item(
                native_id=f"{number}",
                text=said.format(*(f"@{name}" for name in pair)),
                author=author,
                audience=audience,
                visibility=place[0],
                kind=place[1],
                permalink=f"https://x.test/{author.handle}/1",
            )
        )
        for number, (pair, author, audience) in enumerate(zip(names, authors, audiences, strict=True))
    )
    assert one == other


def test_a_brand_that_a_clerk_has_listed_is_seen_and_a_persons_name_is_not() -> None:
    def heard(text: str) -> str:
        item = ROUTER.for_us(a_general_item(text=text))
        return ROUTER.triage.heard(item).text

    assert heard("@ParcelCo where is it? @leela_r, @AcmeBank.") == "@ParcelCo where is it? @_, @AcmeBank."
    assert heard("no names, a@b") == "no names, a@_"
