"""Pages: short enough for an SMS, whole enough for an e-mail, once per cause, nobody's words."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain import page
from allhours.domain.errors import Refused
from allhours.domain.organisation import OnDuty
from allhours.domain.page import Page, page_from_json, page_to_json
from tests.builders import NOON, a_case

words = st.text(max_size=200)


def duty(person: str = "ana") -> OnDuty:
    return OnDuty(unit="cards", desk="london", members=(person,), because="day", since=0, until=1_900_000_000)


def all_pages(unit: str, network: str, text: str) -> list[Page]:
    case = a_case(unit=unit, network=network)
    return [
        page.urgent(case, duty(unit), text, NOON),
        page.nobody_on_duty(case, duty(unit), NOON),
        page.dead_letter(network, text, NOON),
        page.token_refused(Refused(network, text, handle=unit), NOON),
        page.network_silent(network, text, NOON - timedelta(hours=3), NOON),
    ]


@given(words, words, words)
def test_every_page_fits_an_sms_and_comes_out_of_its_row_as_it_went_in(a: str, b: str, c: str) -> None:
    for one in all_pages(a, b, c):
        assert len(one.sms) < 140
        assert page_from_json(json.loads(json.dumps(page_to_json(one)))) == one


def test_usual_pages_are_one_part_of_an_sms() -> None:
    # GSM 03.38 has neither typographic quotes nor an ellipsis; one of them halves what a part holds
    for one in all_pages("fraud_security", "mastodon", "rule stolen, “stolen” …"):
        assert one.sms.isascii()


@pytest.mark.parametrize("number", range(5))
def test_a_story_says_what_to_whom_and_what_to_do(number: int) -> None:
    one = all_pages("cards", "x", "rule stolen, “stolen”")[number]
    assert "Do: " in one.story
    assert one.severity in {"critical", "warning"}
    assert one.unit
    assert one.member
    assert one.subject


def test_the_same_cause_has_the_same_page() -> None:
    later = NOON + timedelta(minutes=59)
    case = a_case()
    assert page.urgent(case, duty(), "a", NOON).page_id == page.urgent(case, duty(), "b", later).page_id
    assert page.nobody_on_duty(case, duty(), NOON).page_id == page.nobody_on_duty(case, duty(), later).page_id
    assert page.dead_letter("x", "a", NOON).page_id == page.dead_letter("x", "b", later).page_id


def test_a_case_that_was_opened_again_pages_again() -> None:
    case = a_case()
    again = case.reopened_again()
    assert page.urgent(case, duty(), "", NOON).page_id != page.urgent(again, duty(), "", NOON).page_id
