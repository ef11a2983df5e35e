from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.seen import go_to, until

if TYPE_CHECKING:
    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk


def test_one_key_takes_a_case(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    page.keyboard.press("t")
    expect(page.locator(".toast")).to_contain_text("You have it now.")
    expect(page.locator(".title")).to_contain_text("Ana has it")
    assert mei["owner"] == "ana"


def test_a_key_in_the_list_acts_on_the_row_one_stands_on(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    expect(page.locator(".rows a").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("t")
    until(page, lambda: desk.case("Omar Haddad")["owner"] == "ana")


def test_a_case_is_handed_over_with_one_tap_and_had_back_with_one_key(
    open_desk: OpenDesk, desk: Desk
) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    page.keyboard.press("h")
    expect(page.get_by_role("button", name="Cards")).to_have_count(0)
    page.keyboard.press("2")
    until(page, lambda: mei["unit"] == "fraud_security")
    expect(page.locator(".toast")).to_contain_text("Handed over to Fraud and security.")
    page.keyboard.press("z")
    until(page, lambda: mei["unit"] == "cards")


def test_a_case_is_closed_with_its_cause_and_reopened_by_undo(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    page.keyboard.press("e")
    page.get_by_label("In your words").fill("fixed at the till")
    page.get_by_role("button", name="no answer needed").click()
    until(page, lambda: mei["state"] == "closed")
    assert desk.writes[-1][2] == {"version": 1, "cause": "no answer needed", "because": "fixed at the till"}
    page.get_by_role("button", name="Undo").click()
    until(page, lambda: mei["state"] == "open")


def test_a_note_stands_in_the_conversation_for_the_desk_alone(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    page.keyboard.press("n")
    page.keyboard.insert_text("Same shop as yesterday")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".entry.note")).to_contain_text("Note by Ana")
    expect(page.locator(".entry.note")).to_contain_text("Same shop as yesterday")


def test_answers_are_stopped_with_a_reason(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    page.keyboard.press("m")
    page.keyboard.press("1")
    page.get_by_label("Why").fill("the press office answers")
    page.keyboard.press("Enter")
    expect(page.locator(".notice", has_text="Must not be answered")).to_contain_text(
        "the press office answers"
    )
    assert mei["veto"] == "the press office answers"


def test_a_page_is_taken_and_the_badge_goes(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    expect(page.locator(".count")).to_have_text("1 waiting")
    page.keyboard.press("g")
    expect(page.locator("#case h1")).to_have_text("Pages")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    until(page, lambda: desk.pages[0]["state"] == "taken")
    expect(page.locator(".card-item").first).to_contain_text("Ana has it")
    expect(page.locator(".count")).to_have_count(0)
    page.get_by_role("button", name="Hand back").first.click()
    until(page, lambda: desk.pages[0]["state"] == "open")


def test_what_the_light_lane_missed_becomes_a_case(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    page.keyboard.press("l")
    page.get_by_role("button", name="Make it a case").last.click()
    page.keyboard.type("he is waiting for a card")
    page.keyboard.press("Enter")
    expect(page.locator(".card-item")).to_have_count(1)
    assert desk.writes[-1][1:] == ("items/x%23902/promote", {"because": "he is waiting for a card"})


def test_a_person_says_whether_a_doubtful_answer_is_out(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Omar Haddad"))
    expect(page.locator(".reply-state")).to_contain_text("a person must look")
    page.get_by_role("button", name="It is there…").click()
    page.get_by_label("Its address there").fill("https://x.example/acmecards/status/99")
    page.get_by_label("How you know").fill("I see it")
    page.keyboard.press("Enter")
    expect(page.locator(".reply-state")).to_contain_text("posted")
    assert desk.writes[-1][1:] == (
        "replies/x%237007-1/verdict",
        {"posted": "https://x.example/acmecards/status/99", "again": False, "because": "I see it"},
    )


def test_the_trail_is_read_when_it_is_opened(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    page.get_by_text("Step by step").click()
    expect(page.locator(".trail")).to_contain_text("machine case opened")


def test_colours_follow_the_device_or_the_switch(open_desk: OpenDesk) -> None:
    page = open_desk(dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Colours: as the device").click()
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    expect(page.get_by_role("button", name="Colours: light")).to_be_visible()
    assert page.evaluate(ground) == light


def test_what_is_handed_over_out_of_sight_leads_back_to_the_inbox(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    page.keyboard.press("h")
    page.get_by_role("button", name="Customer care").click()
    expect(page.locator(".toast")).to_contain_text("Handed over to Customer care.")
    expect(page.locator("#case")).to_contain_text("Choose a case.")
    expect(page.locator(".toast")).to_have_count(1)
