"""Word lists, urgency, engagement and answer cards of the organisation file, and every mistake in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from allhours.cli.organisation_file import Loaded, load
from allhours.cli.words import LISTS, shipped
from allhours.domain.engagement import POLICIES
from allhours.domain.item import Author, Item, Kind
from allhours.domain.organisation_json import organisation_from_json, organisation_to_json
from allhours.domain.router import Router
from allhours.domain.urgency import KINDS
from allhours.domain.word_lists import check_phrase

if TYPE_CHECKING:
    from allhours.domain.organisation import Organisation

SMALL = (Path(__file__).resolve().parents[2] / "organisations" / "small.yaml").read_text()
AT = datetime(2026, 11, 21, tzinfo=UTC)


def bank(folder: Path, more: str = "") -> Organisation:
    path = folder / "bank.yaml"
    path.write_text(SMALL + more, encoding="utf-8")
    loaded = load([path], AT)
    assert loaded.mistakes == ()
    assert loaded.organisation is not None
    return loaded.organisation


def mistakes(folder: Path, more: str, text: str = SMALL) -> list[str]:
    path = folder / "bank.yaml"
    path.write_text(text + more, encoding="utf-8")
    return [f"{mistake.path}: {mistake.text}" for mistake in load([path], AT).mistakes]


def laid_over(folder: Path, text: str) -> Loaded:
    for name, each in (("bank.yaml", SMALL), ("more.yaml", text)):
        (folder / name).write_text(each, encoding="utf-8")
    return load([folder / "bank.yaml", folder / "more.yaml"], AT)


# What is shipped


def test_every_shipped_list_has_a_name_that_is_known_and_phrases_that_can_be_found() -> None:
    lists, _ = shipped()
    assert set(lists) == set(LISTS)
    for name, phrases in lists.items():
        assert phrases, name
        assert len(set(phrases)) == len(phrases), name
        for phrase in phrases:
            check_phrase(phrase)


def test_a_file_that_says_nothing_has_the_shipped_words_kinds_and_policies(tmp_path: Path) -> None:
    plain = bank(tmp_path)
    assert plain.word_lists == shipped()[0]
    assert set(plain.urgent) == set(KINDS)
    assert all(kind.answer_within for kind in plain.urgent.values())
    assert plain.urgent["self_harm"].protocol
    assert plain.urgent["self_harm"].page == ("on_shift", "company_duty")
    assert {kind.unit for kind in plain.urgent.values()} == {""}, "the small bank has none of these topics"
    assert plain.engagement == POLICIES
    assert dict(plain.answers) == {}


def test_the_revision_tells_of_shipped_words_as_of_the_files_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bank(tmp_path).revision
    monkeypatch.setattr("allhours.cli.organisation_file.shipped", lambda: (shipped()[0], b"others"))
    assert bank(tmp_path).revision != before


# What a file says


WRITTEN = """
word_lists:
  theft: [swiped my bike, -just got|been mugged]
urgent:
  theft: {unit: cards, answer_within: 90s, protocol: Freeze first., page: [company_duty]}
  outage: {unit: payments}
engagement:
  press: {unit: payments}
  praise: {stance: must}
  other_brand: {names: ["M&S Bank", AcmeBricks]}
answers:
  Lost_card:
    {unit: cards, title: Lost card, url: "https://b.example/lost", says: [where is my card], topics: [cards]}
rules:
  - {id: one, unit: cards, words: [card], shadow: true}
"""


def test_what_a_file_says_is_laid_over_and_survives_compiling(tmp_path: Path) -> None:
    loaded = laid_over(tmp_path, WRITTEN)
    assert loaded.mistakes == ()
    ours = loaded.organisation
    assert ours is not None
    words = ours.word_lists["theft"]
    assert "swiped my bike" in words
    assert "just got|been mugged" not in words
    assert len(words) == len(shipped()[0]["theft"])
    theft = ours.urgent["theft"]
    assert (theft.unit, theft.answer_within, theft.protocol) == ("cards", 90, "Freeze first.")
    assert theft.page == ("on_shift", "company_duty")
    assert (ours.urgent["outage"].unit, ours.urgent["outage"].answer_within) == ("payments", 900)
    assert ours.engagement["press"].unit == "payments"
    assert (ours.engagement["praise"].stance, ours.engagement["praise"].lane) == ("must", "case")
    assert ours.word_lists["other_brand"] == ("m s bank", "acmebricks")
    assert ours.answers["Lost_card"].says == ("where is my card",)
    assert ours.rules[0].shadow
    again = organisation_from_json(json.loads(json.dumps(organisation_to_json(ours))))
    assert again == ours


def test_a_unit_takes_the_topic_of_its_own_name_or_those_it_lists(tmp_path: Path) -> None:
    plain = bank(tmp_path)
    assert (plain.unit_of("cards"), plain.unit_of("lending")) == ("cards", "")
    text = SMALL.replace("  payments:\n", "  payments:\n    topics: [payments, fraud_security]\n", 1)
    path = tmp_path / "bank.yaml"
    path.write_text(text)
    ours = load([path], AT).organisation
    assert ours is not None
    assert (ours.unit_of("payments"), ours.unit_of("fraud_security")) == ("payments", "payments")
    assert ours.urgent["draining"].unit == "payments"


def test_a_clerk_sees_the_effect_of_a_phrase(tmp_path: Path) -> None:
    def step(organisation: Organisation) -> str:
        item = Item(
            network="x",
            native_id="1",
            account="",
            handle="",
            conversation_id="1",
            author=Author(author_id="leela"),
            created_at=AT,
            kind=Kind.POST,
            text="They swiped my bike!",
        )
        return Router(organisation).way(item, None).reason

    assert "swiped my bike" not in step(bank(tmp_path))
    own = bank(tmp_path, "\nword_lists: {theft: [swiped my bike]}\nurgent: {theft: {unit: cards}}\n")
    assert step(own) == "theft, “swiped my bike”"


# Every mistake has its place and its mend


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            "word_lists: {thefts: [a]}",
            "word_lists.thefts: no word list is called 'thefts'; did you mean 'theft'?",
        ),
        ("word_lists: {theft: [ca*]}", "word_lists.theft[0]: the phrase 'ca*' has 'ca*': 4 letters at least"),
        ('word_lists: {theft: ["... a"]}', "word_lists.theft[0]: the phrase '... a' begins or ends with ..."),
        ("word_lists: {theft: [-zzz]}", "word_lists.theft[0]: '-zzz' takes away what the shipped list does"),
        ("word_lists: {theft: [zzz, zzz]}", "word_lists.theft[1]: 'zzz' is in the list already: delete it"),
        ("urgent: {flood: {}}", "urgent.flood: no kind of urgency is called 'flood'"),
        (
            "urgent: {theft: {unit: card}}",
            "urgent.theft.unit: no unit is called 'card'; did you mean 'cards'?",
        ),
        ("urgent: {theft: {answer_within: 0m}}", "urgent.theft.answer_within: promises nothing"),
        (
            "urgent: {theft: {protocol: call +44 20 7946 0958}}",
            "urgent.theft.protocol: has personal data in it (phone): write where to find it instead",
        ),
        ("engagement: {gossip: {}}", "engagement.gossip: no policy is called 'gossip'"),
        ("engagement: {press: {unit: pr}}", "engagement.press.unit: no unit is called 'pr'"),
        ("engagement: {press: {names: [a]}}", "engagement.press.names: unknown key 'names'"),
        (
            "engagement: {press: {stance: never}}",
            "engagement.press.stance: 'never' is none of must, may, must_not",
        ),
        (
            "engagement: {praise: {stance: must, lane: light}}",
            "engagement.praise.lane: what must be answered is a case: write `lane: case`, not light",
        ),
        ("engagement: {troll: {unit: cards}}", "engagement.troll.unit: no case is opened in lane none"),
        ('engagement: {other_brand: {names: ["!"]}}', "engagement.other_brand.names[0]: '!' is no name"),
        (
            "answers: {a: {unit: loans, title: t, url: 'https://b.example'}}",
            "answers.a.unit: no unit is called 'loans'",
        ),
        (
            "answers: {a: {unit: cards, title: t, url: b.example}}",
            "answers.a.url: 'b.example': write an address",
        ),
        ("answers: {a: {unit: cards, title: t}}", "answers.a.url: is missing"),
    ],
)
def test_a_mistake_is_named_where_it_stands_with_its_mend(tmp_path: Path, more: str, told: str) -> None:
    (found,) = mistakes(tmp_path, f"\n{more}\n")
    assert found.startswith(told)


def test_personal_data_in_a_holding_answer_is_a_mistake(tmp_path: Path) -> None:
    held = '    holding_answer: {en: "Back at {time}, or call +44 20 7946 0958."}\n'
    text = SMALL.replace("  cards:\n", f"  cards:\n{held}", 1)
    (found,) = mistakes(tmp_path, "", text)
    assert found.startswith("units.cards.holding_answer.en: has personal data in it (phone)")


def test_a_topic_belongs_to_one_unit(tmp_path: Path) -> None:
    text = SMALL.replace("  payments:\n", "  payments:\n    topics: [cards]\n", 1)
    (found,) = mistakes(tmp_path, "", text)
    assert found == "units.payments.topics: 'cards' is unit 'cards''s already: keep it in one of the two"


def test_a_kind_that_calls_the_company_duty_wants_one(tmp_path: Path) -> None:
    duty = next(line for line in SMALL.splitlines() if line.startswith("company_duty:"))
    text = SMALL.replace(duty, "operations_escalation: [{after: 0m, notify: 'member:ana', alarm: true}]")
    found = mistakes(tmp_path, "\nurgent: {theft: {page: [company_duty]}}\n", text)
    assert "urgent.theft.page: nobody has company_duty: write `company_duty: <member>` at the top" in found


def test_a_rule_in_shadow_hides_no_other_and_may_be_hidden(tmp_path: Path) -> None:
    rule = "  - {{id: {}, unit: {}, words: [card]{}}}\n"
    for first, second, wrong in ((", shadow: true", "", 0), ("", ", shadow: true", 0), ("", "", 1)):
        rules = rule.format("one", "cards", first) + rule.format("two", "payments", second)
        assert len(laid_over(tmp_path, f"rules:\n{rules}").mistakes) == wrong
