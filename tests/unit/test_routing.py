"""The ladder: which rung decides, and the reason in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from allhours.domain.item import Change, Item, Kind
from allhours.domain.judgement import Judge, Opinion, Said, no_judge
from allhours.domain.organisation import AnswerCard
from allhours.domain.router import Router
from allhours.domain.rules import Rules
from tests.builders import NOON, RULES, a_case, a_general_item, an_item, an_organisation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.case import Case
    from allhours.domain.organisation import Organisation
    from allhours.domain.routing import Route

BANK = an_organisation()


def routed(item: Item, case: Case | None = None, judge: Judge = no_judge, bank: Organisation = BANK) -> Route:
    return Router(bank, judge=judge).way(item, case)


def thinks(urgent: float = 0.0, suggests: tuple[str, ...] = (), **odds: float) -> Judge:
    """Make a model that thinks the same of every post."""

    def judge(_said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion:
        return Opinion(
            odds=odds,
            urgent=urgent,
            cards=lambda: tuple((card, 0.9) for card in suggests),
            model="0123456789",
        )

    return judge


def test_the_addressed_handle_comes_first() -> None:
    way = routed(an_item(text="my transfer is late"))
    assert (way.unit, way.account, way.step, way.reason) == (
        "cards",
        "acmecards",
        "addressed",
        "addressed @acmecards",
    )


def test_handles_are_found_however_they_are_capitalised() -> None:
    assert routed(an_item(addressed=("@AcmePay",))).unit == "payments"


def test_a_handle_that_only_overheard_a_post_decides_nothing() -> None:
    assert routed(an_item(addressed=(), kind=Kind.POST, text="a card")).step == "rule"


def test_a_general_account_decides_nothing() -> None:
    way = routed(a_general_item(text="my card is gone"))
    assert (way.unit, way.step) == ("cards", "rule")


def test_an_open_case_keeps_its_unit() -> None:
    way = routed(an_item("2", text="my transfer"), a_case())
    assert (way.unit, way.step, way.reason) == ("cards", "case", "the case is with cards")


def test_a_newly_addressed_handle_moves_the_case() -> None:
    way = routed(an_item("2", addressed=("@acmecards", "@acmepay")), a_case())
    assert (way.unit, way.reason) == ("payments", "addressed @acmepay")


def test_the_first_rule_with_a_unit_decides_and_tells_its_word() -> None:
    way = routed(a_general_item(text="Stolen card"))
    assert (way.unit, way.account, way.reason) == ("fraud", "acmesafe", "rule stolen, “stolen”")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("see #AcmeCards", "rule cards, #acmecards"),
        ("my transfer", "rule transfers, pattern 1"),
        ("the CASH   machine", "rule cards, “cash   machine”"),
        ("my cárd", "rule cards, “card”"),
    ],
)
def test_hashtags_patterns_and_phrases_give_reasons(text: str, reason: str) -> None:
    assert routed(a_general_item(text=text)).reason == reason


def test_a_language_alone_can_be_a_rule() -> None:
    way = routed(a_general_item(text="bonjour", language="fr-CA"))
    assert (way.unit, way.reason) == ("payments", "rule french, language")


def test_words_are_whole_words() -> None:
    assert routed(a_general_item(text="a discard pile")).step == "fallback"


def test_a_rule_that_does_not_hold_for_the_network_is_passed_over() -> None:
    card = next(rule for rule in RULES if rule.rule_id == "cards")
    only_there = Rules((replace(card, networks=("mastodon",)),))
    assert list(only_there.matching(Said(text="card", network="x"))) == []


def test_the_fallback_says_so() -> None:
    way = routed(a_general_item())
    assert (way.unit, way.account) == ("customer_care", "acmebank")
    assert way.reason == "no rule matched, so the fallback unit decides"


# The model


def test_a_rule_outranks_the_model() -> None:
    assert routed(a_general_item(text="a card"), judge=thinks(payments=1.0)).step == "rule"


def test_the_model_names_the_unit_how_sure_it_is_and_the_clerks_words() -> None:
    bank = an_organisation(word_lists={"payments": ("wire", "sent money")})
    way = routed(a_general_item(text="I sent money by wire"), judge=thinks(payments=0.912), bank=bank)
    assert (way.unit, way.step) == ("payments", "classifier")
    assert way.reason == "reads like payments, 91%, “sent money”, “wire”"


def test_in_doubt_people_decide_and_the_reason_names_the_two_likeliest() -> None:
    way = routed(a_general_item(), judge=thinks(cards=0.3, payments=0.28, none=0.2, accounts=0.22))
    assert (way.unit, way.step) == ("customer_care", "doubt")
    assert way.reason == "unsure: cards 30%, payments 28%; people of the fallback unit decide"


def test_what_is_nobodys_business_but_opens_a_case_all_the_same_is_doubt() -> None:
    item = a_general_item(kind=Kind.REVIEW, rating=1, text="so so")
    way = routed(item, judge=thinks(none=0.98, cards=0.02))
    assert (way.unit, way.step, way.verdict.lane) == ("customer_care", "doubt", "case")
    assert "nobody's business 98%" in way.reason


def test_a_topic_that_no_unit_takes_is_doubt() -> None:
    assert routed(a_general_item(), judge=thinks(insurance=0.97)).step == "doubt"


def test_a_unit_takes_the_topics_that_it_lists() -> None:
    units = {
        name: replace(unit, topics=("lending", "insurance")) if name == "payments" else unit
        for name, unit in BANK.units.items()
    }
    way = routed(
        a_general_item(), judge=thinks(lending=0.4, insurance=0.3), bank=an_organisation(units=units)
    )
    assert (way.unit, way.reason) == ("payments", "reads like lending, 70%")


# What is urgent


LISTS = {
    "theft": ("stole my ... card",),
    "self_harm": ("kill myself",),
    "outage": ("is your app down",),
    "blocked": ("locked out",),
}


def pressing(text: str, case: Case | None = None, **more: object) -> Route:
    kinds = {kind: replace(asks, unit=UNITS.get(kind, "")) for kind, asks in BANK.urgent.items()}
    bank = an_organisation(word_lists=LISTS, urgent=kinds)
    return routed(an_item("2", text=text, **more), case, bank=bank)


UNITS = {"theft": "fraud", "self_harm": "customer_care"}


def test_urgent_words_stand_above_the_handle_and_above_the_case() -> None:
    for case in (None, a_case()):
        way = pressing("They STOLE my debit card!", case)
        assert (way.unit, way.step, way.priority) == ("fraud", "urgent", 1)
        assert way.reason == "theft, “stole my debit card”"


def test_a_kind_without_a_unit_leaves_the_ladder_as_it_is() -> None:
    way = pressing("is your app down?")
    assert (way.unit, way.step, way.priority) == ("cards", "addressed", 1)
    assert way.urgent is not None
    assert way.urgent.because == "outage, “is your app down”"


def test_of_several_kinds_the_gravest_counts() -> None:
    way = pressing("is your app down? they stole my card and I will kill myself")
    assert way.urgent is not None
    assert way.urgent.kind == "self_harm"


def test_what_stops_money_is_high_and_nobody_is_paged_for_it() -> None:
    way = pressing("I am locked out")
    assert (way.priority, way.urgent) == (2, None)


def test_a_rule_without_a_unit_only_raises_the_priority() -> None:
    way = routed(a_general_item(text="I am desperate, my card"))
    assert (way.unit, way.priority) == ("cards", 1)
    assert way.urgent is not None
    assert way.urgent.because == "rule distress, “desperate”"


def test_the_model_alone_can_call_a_person_and_leaves_the_unit_to_the_ladder() -> None:
    way = routed(a_general_item(), judge=thinks(payments=0.9, urgent=0.99))
    assert (way.unit, way.step, way.priority) == ("payments", "classifier", 1)
    assert way.urgent is not None
    assert (way.urgent.kind, way.urgent.words) == ("judged", ())


def test_the_model_calls_nobody_for_what_is_casual() -> None:
    way = routed(a_general_item(), judge=thinks(none=0.99, urgent=0.99))
    assert (way.verdict.lane, way.urgent) == ("light", None)


def test_cards_are_asked_for_when_a_case_opens_or_its_words_change_and_for_no_further_word() -> None:
    card = AnswerCard(card_id="block_card", unit="cards", title="Block", url="https://acme.example/block")
    bank = replace(BANK, answers={"block_card": card})
    asked: list[str] = []

    def judge(said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion:
        def cards() -> tuple[tuple[str, float], ...]:
            asked.append(said.text)
            return (("block_card", 0.9), ("of_another_bank", 0.8))

        return Opinion(odds={"cards": 0.9}, cards=cards)

    router = Router(bank, judge=judge)
    first = router.decide(a_general_item(text="one"), None, None, "x#1", NOON)
    assert first.entry
    assert first.entry.event
    assert first.entry.event["answers"] == ["block_card"]
    second = router.decide(a_general_item("2", text="two"), None, first.case, "x#1", NOON)
    assert second.entry
    assert second.entry.event
    assert "answers" not in second.entry.event
    edit = a_general_item(text="three", change=Change.EDITED, version=5)
    third = router.decide(edit, first.entry.as_known(), second.case, "x#1", NOON)
    assert third.entry
    assert third.entry.event
    assert third.entry.event["answers"] == ["block_card"]
    assert asked == ["one", "three"]
