"""The ladder: which rung decides, and the reason in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from allhours.domain.item import Author, Item, Kind, Visibility
from allhours.domain.routing import Classifier, Guess, Route, Rules, no_classifier, route, triage
from tests.builders import RULES, a_case, a_general_item, an_item, an_organisation

if TYPE_CHECKING:
    from allhours.domain.case import Case

BANK = an_organisation()


def routed(item: Item, case: Case | None = None, classifier: Classifier = no_classifier) -> Route:
    return route(BANK, Rules(BANK.rules), item, case, classifier)


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


def test_the_classifier_is_asked_after_the_rules_and_sees_no_author() -> None:
    asked: list[tuple[str, str]] = []

    def judge(text: str, language: str) -> Guess:
        asked.append((text, language))
        return Guess(unit="payments", sure=0.9, because="sounds like payments")

    assert routed(a_general_item(text="a card"), classifier=judge).step == "rule"
    assert asked == []
    way = routed(a_general_item(text="hm", language="en"), classifier=judge)
    assert (way.unit, way.step, way.reason) == ("payments", "classifier", "sounds like payments")
    assert asked == [("hm", "en")]


def test_a_guess_of_no_unit_of_ours_passes() -> None:
    way = routed(a_general_item(), classifier=lambda _text, _language: Guess(unit="zoo", sure=1, because=""))
    assert way.step == "fallback"


def test_the_fallback_says_so() -> None:
    way = routed(a_general_item())
    assert (way.unit, way.account) == ("customer_care", "acmebank")
    assert way.reason == "no rule matched, so the fallback unit decides"


def test_a_rule_without_a_unit_only_raises_the_priority() -> None:
    way = routed(a_general_item(text="I am desperate, my card"))
    assert (way.unit, way.priority, way.urgent_because) == ("cards", 1, "rule distress, “desperate”")


def test_noise_is_ignored_unless_it_is_private_or_belongs_to_a_case() -> None:
    noise = a_general_item(text="giveaway!")
    assert routed(noise).ignore
    assert not routed(a_general_item(text="giveaway!", visibility=Visibility.PRIVATE)).ignore
    assert not routed(noise, a_case()).ignore


def test_who_wrote_it_does_not_matter() -> None:
    plain = a_general_item(text="my card")
    famous = a_general_item(text="my card", author=Author(author_id="1", handle="@star", name="A Star ✔"))
    assert routed(plain) == routed(famous) == triage(BANK, famous)


def test_a_rule_that_does_not_hold_for_the_network_is_passed_over() -> None:
    rules = tuple(rule for rule in RULES if rule.rule_id == "cards")
    only_there = Rules((type(rules[0])(rule_id="m", unit="cards", words=("card",), networks=("mastodon",)),))
    assert list(only_there.matching(a_general_item(text="card"))) == []
