"""Pages: short enough for an SMS, whole enough for an e-mail, once per cause, nobody's words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain import page
from allhours.domain.budget import Budget, Call
from allhours.domain.errors import Refused
from allhours.domain.organisation import OnDuty
from allhours.domain.page import (
    SMS_PART,
    SMS_TWO_PARTS,
    Page,
    page_from_json,
    page_to_json,
    with_link,
)
from tests.builders import NOON, a_case
from tests.replies import a_reply

words = st.text(max_size=200)


def duty(person: str = "ana") -> OnDuty:
    return OnDuty(unit="cards", desk="london", members=(person,), because="day", since=0, until=1_900_000_000)


def all_pages(unit: str, network: str, text: str) -> list[Page]:
    case = a_case(unit=unit, network=network)
    reply = a_reply(unit=unit, network=network, reason=text)
    return [
        page.urgent(case, duty(unit), text, NOON),
        page.nobody_on_duty(case, duty(unit), NOON),
        page.dead_letter(network, text, NOON),
        page.token_refused(Refused(network, text, handle=unit), NOON),
        page.network_silent(network, text, NOON - timedelta(hours=3), NOON),
        page.reply_stuck(reply, duty(unit), NOON),
        page.reply_rejected(reply, duty(unit), NOON),
        page.reply_lost(reply, duty(unit), text, NOON),
        page.answered_twice(reply, duty(unit), text, NOON),
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


@pytest.mark.parametrize("number", range(9))
def test_a_story_says_what_to_whom_and_what_to_do(number: int) -> None:
    one = all_pages("cards", "x", "rule stolen, “stolen”")[number]
    assert "Do: " in one.story
    assert one.severity in {"critical", "warning"}
    assert one.unit
    assert one.member
    assert one.subject


def test_a_page_about_an_answer_never_says_what_the_answer_says() -> None:
    for one in all_pages("cards", "x", "the author has blocked us")[5:]:
        assert a_reply().text not in str(page_to_json(one))
        assert a_reply().reply_id in one.story
        assert a_reply().case_id in one.sms


LINK = (
    "https://abcdefghij.execute-api.eu-central-1.amazonaws.com/pages/page.Y2N1emxzcmlyZmtt.6b992440."
    + "s" * 22
)


@given(words, words, st.sampled_from((LINK, "https://oncall.test/p/x", "https://" + "l" * 280)))
def test_a_page_never_loses_its_link_and_takes_two_parts_of_an_sms_at_most(
    unit: str, text: str, link: str
) -> None:
    for one in all_pages(unit, "mastodon", text):
        told = with_link(one, link)
        assert f": {link}" in told
        assert len(told) <= SMS_TWO_PARTS + len(unit)


def test_usual_pages_with_a_link_of_aws_are_one_part_of_an_sms() -> None:
    case = a_case(unit="online_banking", case_id="mastodon-abcdefghijklmnop")
    who = duty("anastasia")
    for one in (page.urgent(case, who, "rule stolen", NOON), page.nobody_on_duty(case, who, NOON)):
        told = with_link(one, LINK)
        assert len(told) <= SMS_PART
        assert told.startswith(f"{one.sms.partition(': ')[0]}: {LINK}")


def test_a_short_link_leaves_room_for_why_and_what_to_do() -> None:
    one = page.urgent(a_case(), duty("ana"), "rule stolen", NOON)
    case = a_case().case_id
    assert with_link(one, "https://oncall.test/p/abc") == (
        f"URGENT cards, ana: https://oncall.test/p/abc rule stolen. Answer now: case {case} on x"
    )


def test_characters_that_gsm_escapes_count_twice() -> None:
    one = replace(page.urgent(a_case(), duty(), "x", NOON), sms=f"URGENT: {'[' * 200}")
    assert with_link(one, "https://a.test") == f"URGENT: https://a.test {'[' * 67}..."


def test_a_page_without_a_link_is_as_it_was() -> None:
    one = page.dead_letter("x", "no time", NOON)
    assert with_link(one, "") == one.sms


def test_a_test_page_and_a_bundle_come_out_of_their_rows_as_they_went_in() -> None:
    call = Call(call_id="c", page_id="p", kind="urgent#cards", sentence="Urgent case for cards")
    budget = Budget(waiting=(call,), waiting_since=NOON)
    for one in (page.trial("ana", "cards", "2027-W11", 60, NOON), page.bundle("ana", budget, NOON)):
        assert page_from_json(json.loads(json.dumps(page_to_json(one)))) == one
        assert len(one.sms) < 140
        assert "Do: " in one.story


def test_the_same_cause_has_the_same_page() -> None:
    later = NOON + timedelta(minutes=59)
    case = a_case()
    assert page.urgent(case, duty(), "a", NOON).page_id == page.urgent(case, duty(), "b", later).page_id
    assert page.nobody_on_duty(case, duty(), NOON).page_id == page.nobody_on_duty(case, duty(), later).page_id
    assert page.dead_letter("x", "a", NOON).page_id == page.dead_letter("x", "b", later).page_id


def test_a_case_that_was_opened_again_pages_again() -> None:
    case = a_case()
    again = case.reopened_again(NOON)
    assert page.urgent(case, duty(), "", NOON).page_id != page.urgent(again, duty(), "", NOON).page_id
