"""What must not go out in public in our own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.detectors import NAMES
from allhours.domain.outgoing import findings
from allhours.domain.personal_data import mask

OURS = ("+44 20 7946 0958", "help@acme.example", "GB82 WEST 1234 5698 7654 32")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Dear Leela, card 4111 1111 1111 1111 is blocked.", "card"),
        ("We paid it to account 12345678.", "account"),
        ("It went to DE89 3704 0044 0532 0130 00.", "iban"),
        ("We called +44 7700 900123 twice.", "phone"),
        ("We wrote to leela@example.com.", "e-mail"),
        ("Your PIN is 4821.", "pin"),
        ("Your tax file number 123 456 782 is missing.", "tfn"),
    ],
)
def test_somebodys_number_cannot_go_out_in_public(answer: str, name: str) -> None:
    (finding,) = findings(answer, published=OURS)
    assert finding.name == name


def test_the_place_is_the_value_and_the_advice_never_has_it() -> None:
    answer = "Please call +44 7700 900123."
    (finding,) = findings(answer)
    assert answer[finding.start : finding.end] == "+44 7700 900123"
    assert not any(character.isdigit() for character in finding.advice)
    assert finding.advice.startswith("leave the telephone number out")


@pytest.mark.parametrize(
    "answer",
    [
        "Call us on 020 7946 0958 or +44 (0)20 7946 0958.",
        "Write to Help@acme.example, we are there all night.",
        "Donations: GB82WEST12345698765432.",
        "Please call the number on the back of your card; we never ask for your PIN.",
        "We replaced the card ending 1111 on 21/11/2026.",
    ],
)
def test_what_the_organisation_publishes_may_go_out(answer: str) -> None:
    assert findings(answer, published=OURS) == ()


def test_what_is_published_lets_nothing_else_out() -> None:
    assert [each.name for each in findings("020 7946 0959, leela@acme.example", published=OURS)] == [
        "phone",
        "e-mail",
    ]


@given(st.text(max_size=40), st.sampled_from(["4111 1111 1111 1111", "+44 7700 900123", "leela@example.com"]))
def test_findings_are_exactly_what_the_guard_would_mask(around: str, value: str) -> None:
    answer = f"{around} {value}"
    assert tuple(each.name for each in findings(answer)) == mask(answer).found
    assert {each.name for each in findings(answer)} <= set(NAMES)
