"""A question that many ask gets the page that answers it, and chatter gets none."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allhours import models
from allhours.domain.answer_cards import (
    BUCKETS,
    CARD,
    LANES,
    LEVELS,
    MAGIC,
    MIDDLE,
    SUGGESTED,
    AnswerCards,
    CardModel,
    ids_of,
)
from allhours.domain.answer_concepts import CONCEPTS, concepts_of
from allhours.domain.errors import BadInput
from allhours.domain.features import features_of
from allhours.domain.judgement import TOPICS, Said
from allhours.domain.organisation import AnswerCard
from allhours.domain.word_lists import WordLists, words_of
from infra.triage.cards import answers, score
from infra.triage.material import word_lists
from tests.builders import an_organisation
from tests.shared_material import data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LISTS = WordLists(word_lists())
EVEN = dict.fromkeys(TOPICS, 1 / len(TOPICS))
NOBODYS = dict.fromkeys(TOPICS, 0.0005) | {"none": 0.996}


@dataclass(frozen=True, kw_only=True)
class ACard:
    card_id: str
    title: str
    says: Sequence[str] = ()
    topics: Sequence[str] = ()


BEES = ACard(
    card_id="bee_loan",
    title="Borrow for beehives",
    says=[
        "can I get a loan for my beehives",
        "financing an apiary",
        "my apiary?",
        "hives queens smokers suits harvest",
    ],
)


@pytest.fixture(scope="module")
def example() -> AnswerCards:
    return AnswerCards(models.cards(), answers())


def suggested(cards: AnswerCards, text: str, topics: Mapping[str, float] = EVEN) -> list[str]:
    words = words_of(text)
    return [card for card, _ in cards.suggest(features_of(text, words, {}), words, topics)]


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("@acmebank cash machine swallowed my card, how do I get it back??", "card_swallowed"),
        ("my card was declined at the till again", "declined_card_payment"),
        ("CHARGED TWICE FOR THE SAME COFFEE", "transaction_charged_twice"),
        (
            "i sent a transfer to my landlord on monday and he still hasnt got it",
            "transfer_not_received_by_recipient",
        ),
        ("I forgot the passcode of the app pls help", "passcode_forgotten"),
        ("how do I set up a standing order for the rent", "standing_order"),
        ("hi what is your routing number", "routing"),
        ("what time does the branch open on saturday", "branch_hours"),
        ("is the app down?", "app_outage"),
        ("I need proof of insurance for the dealer", "ins_proof"),
    ],
)
def test_a_question_gets_the_card_that_answers_it(example: AnswerCards, text: str, card: str) -> None:
    assert suggested(example, text)[0] == card


def test_no_more_cards_are_suggested_than_a_clerk_reads_at_a_glance(example: AnswerCards) -> None:
    words = words_of("there is a fee on my payment, or is it the transfer?")
    found = example.suggest(features_of(" ".join(words), words, {}), words, EVEN)
    assert 0 < len(found) <= SUGGESTED
    assert found[0][1] >= CARD
    assert list(found) == sorted(found, key=lambda each: -each[1])


def test_what_is_nobodys_business_gets_no_card(example: AnswerCards) -> None:
    assert suggested(example, "how do I set up a standing order", NOBODYS) == []


@pytest.mark.parametrize(
    "text", ["", "lovely sunset in the park tonight", "\U0001f600", "bank shares fall by 3 %"]
)
def test_chatter_gets_no_card_even_where_the_topics_are_open(example: AnswerCards, text: str) -> None:
    assert suggested(example, text) == []


def test_a_card_that_the_organisation_lacks_is_never_suggested() -> None:
    without = {name: card for name, card in answers().items() if name != "card_swallowed"}
    cards = AnswerCards(models.cards(), without)
    words = words_of("the cash machine swallowed my card")
    ranked = cards.ranked(features_of(" ".join(words), words, {}), words, EVEN)
    assert len(ranked) == len(without)
    assert "card_swallowed" not in dict(ranked)
    assert suggested(cards, " ".join(words)) == []


def test_an_organisation_without_cards_gets_none() -> None:
    assert suggested(AnswerCards(models.cards(), {}), "how do I set up a standing order") == []


def test_a_card_is_no_likelier_than_that_the_post_is_a_units_business(example: AnswerCards) -> None:
    words = words_of("what is your routing number")
    topics = dict.fromkeys(TOPICS, 0.05) | {"none": 0.6}
    ((_, odds), *_) = example.suggest(features_of(" ".join(words), words, {}), words, topics)
    assert 0.3 < odds <= 0.4


@pytest.mark.parametrize(
    "text",
    ["Can I get a loan for my beehive, please?", "we are financing an apiary", "borrowing for beehives"],
)
def test_a_card_of_its_own_is_found_by_its_words_without_training(text: str) -> None:
    cards = AnswerCards(models.cards(), {"bee_loan": BEES})
    assert suggested(cards, text) == ["bee_loan"]
    assert suggested(cards, text, NOBODYS) == []


@pytest.mark.parametrize("text", ["my bees are gone", "an apiary!", "the harvest of queens was good"])
def test_a_card_of_its_own_is_not_suggested_for_a_few_words_in_common(text: str) -> None:
    assert suggested(AnswerCards(models.cards(), {"bee_loan": BEES}), text) == []


def test_a_card_narrowed_to_topics_is_suggested_for_them_only() -> None:
    narrowed = ACard(card_id="bee_loan", title=BEES.title, says=BEES.says, topics=["lending"])
    cards = AnswerCards(models.cards(), {"bee_loan": narrowed})
    text = "can I get a loan for my beehives"
    assert suggested(cards, text, EVEN | {"lending": 0.5}) == ["bee_loan"]
    assert suggested(cards, text, EVEN | {"payments": 0.5}) == []


@settings(deadline=None)
@given(st.text(max_size=400))
def test_probabilities_are_such_whatever_is_written(text: str) -> None:
    words = words_of(text)
    odds = models.cards().odds(features_of(text, words, {}), words, EVEN)
    assert all(0 <= each <= 1 for each in odds)
    assert sum(odds) <= 1 - EVEN["none"] + 1e-9


def test_a_post_of_thousands_of_words_is_judged_like_any_other(example: AnswerCards) -> None:
    text = " ".join(f"word{number} transfer{number} pending{number}" for number in range(3000))
    assert len(suggested(example, text)) <= SUGGESTED


def test_the_judge_of_an_organisation_suggests_its_cards_with_its_opinion() -> None:
    card = AnswerCard(card_id="routing", unit="cards", title="Routing numbers", url="https://acme.example/rn")
    said = Said(text="hi, what is your routing number please")
    words = words_of(said.text)
    opinion = models.judge(an_organisation(answers={"routing": card}))(said, words, {})
    assert opinion
    assert [name for name, _ in opinion.cards()] == ["routing"]
    without = models.judge(an_organisation())(said, words, {})
    assert without
    assert without.cards() == ()
    assert without.odds == opinion.odds


REFERENCES = st.from_regex(
    r"q[a-f]{0,4}[0-9]{1,6}[a-f]{1,4}[0-9a-f]{3,12}|QX[0-9]{4,14}|[0-9]{8,12}[a-f]{1,4}", fullmatch=True
)


@settings(deadline=None)
@given(one=REFERENCES, other=REFERENCES)
@pytest.mark.parametrize(
    "text",
    [
        "acme bank, my card [card …1111] fails {}",
        "@acmebank {}: where is my refund?",
        "Order {} HAS NOT COME and nobody answers. what a joke",
        "lovely sunset {} tonight",
    ],
)
def test_whichever_reference_a_post_has_it_is_judged_the_same(
    example: AnswerCards, text: str, one: str, other: str
) -> None:
    def opinion(reference: str) -> tuple[Mapping[str, float], float, Sequence[tuple[str, float]]]:
        said = Said(text=text.format(reference))
        words = words_of(said.text)
        hits = LISTS.hits(words)
        found = models.triage()(said, words, hits)
        assert found
        cards = example.suggest(features_of(said.text, words, hits), words, found.odds)
        return found.odds, found.urgent, cards

    assert opinion(one) == opinion(other)


def a_blob(header: bytes, rows: bytes) -> bytes:
    return MAGIC + len(header).to_bytes(4, "little") + header + rows


def test_a_score_is_the_sum_that_the_module_describes() -> None:
    blob = models.HOME.joinpath("cards.bin").read_bytes()
    model = CardModel(blob)
    rows = blob[-BUCKETS * LANES // 2 :]
    text = "why is there a fee on my transfer? why, and what is the fee"
    words = words_of(text)
    features = features_of(text, words, {})
    ids = ids_of(features, words)

    def level(place: int, lane: int) -> int:
        half = rows[place * LANES // 2 + lane // 2]
        return LEVELS[half >> 4 if lane % 2 else half & 15] - MIDDLE

    for lane, (said, scale, bias) in enumerate(
        zip(model.scores(features, words), model.scales, model.biases, strict=True)
    ):
        assert said == pytest.approx(bias + scale / sqrt(len(ids)) * sum(level(place, lane) for place in ids))


@pytest.mark.parametrize(
    ("blob", "says"),
    [
        (b"nothing", "does not begin as one"),
        (a_blob(b"{", b""), "header"),
        (a_blob(b'{"concepts": "00000000"}', bytes(BUCKETS * LANES // 2)), "concepts 00000000"),
        (a_blob(b"{}", b"short"), "5 bytes"),
    ],
)
def test_a_damaged_model_is_refused_with_what_to_do(blob: bytes, says: str) -> None:
    with pytest.raises(BadInput, match=f"{says}.*make train"):
        CardModel(blob)


def test_words_name_concepts_whole_or_by_their_beginning() -> None:
    assert len(concepts_of(["cashpoint", "fees"], 9)) == 2
    assert concepts_of(["atm"], 9) == concepts_of(["cashpoint"], 9)
    assert concepts_of(["zebra", "."], 9) == []
    assert all(0 <= each < CONCEPTS for each in concepts_of(words_of("my card was declined abroad"), 9))
    assert len(concepts_of(words_of("my card was declined abroad and the fee"), 2)) == 2


def test_the_example_has_a_card_for_every_entry_of_the_help_and_the_model_knows_them() -> None:
    with data("faq", "faq.csv").open(encoding="utf-8", newline="") as file:
        entries = {row["faq_id"]: row["unit"] for row in csv.DictReader(file)}
    assert {name: card.unit for name, card in answers().items()} == entries
    assert sorted(models.cards().cards) == sorted(entries)


def test_every_card_says_enough_to_be_found() -> None:
    for name, card in answers().items():
        assert card.url.startswith("https://acmebank.example/help/"), name
        assert len({says.lower() for says in card.says}) == len(card.says) >= 3, name


def test_the_right_card_comes_first_and_chatter_is_hardly_ever_given_a_link() -> None:
    data("routing", "dev.csv")
    assert [target.cells for target in score() if not target.met] == []
