from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.seen import begin_to_write, go_to, until

if TYPE_CHECKING:
    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk


def test_a_risky_answer_asks_for_a_second_person(open_desk: OpenDesk, desk: Desk) -> None:
    mei = desk.case("Mei Tanaka")
    mei["risk"] = "legal hold"
    page = open_desk()
    go_to(page, mei)
    begin_to_write(page, "We look into it.")
    expect(page.locator(".send")).to_contain_text("Ask for approval")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".who-writes")).to_have_text("Your answer waits for a second person: legal hold")
    expect(page.get_by_role("button", name="Approve and send")).to_have_count(0)
    assert desk.sent == []


def test_the_second_person_approves_with_one_key(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Ngozi Obi"))
    expect(page.locator(".draft-box")).to_contain_text("Public, as @acmecards")
    expect(page.locator(".draft-box .said")).to_contain_text("in private. ^BE")
    page.keyboard.press("a")
    until(page, lambda: desk.sent)
    assert (desk.sent[0]["by"], desk.sent[0]["approved_by"]) == ("ben", "ana")
    expect(page.locator(".reply-state")).to_be_visible()


def test_approval_is_given_again_when_the_conversation_changed(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("409")
    ngozi = desk.case("Ngozi Obi")
    ngozi["draft"]["seen"] = "5ee.1"
    desk.says(ngozi, "And I want it today")
    page = open_desk()
    go_to(page, ngozi)
    page.keyboard.press("a")
    expect(page.locator(".panel .trouble")).to_contain_text("Another post came.")
    assert desk.sent == []
    page.get_by_role("button", name="I have seen it").click()
    page.keyboard.press("a")
    until(page, lambda: desk.sent)


def test_a_draft_is_given_back_with_a_comment_that_its_writer_reads(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    ngozi = desk.case("Ngozi Obi")
    go_to(page, ngozi)
    page.get_by_role("button", name="Give back…").click()
    page.get_by_label("What should change").fill("Say who will write, and when")
    page.get_by_role("button", name="Give back", exact=True).click()
    until(page, lambda: ngozi["draft"]["state"] == "returned")
    desk.signing_in = "ben"
    his = open_desk()
    go_to(his, ngozi)
    expect(his.locator(".note-box")).to_have_text("Given back: Say who will write, and when")
    expect(his.locator("#words")).to_have_value(ngozi["draft"]["text"])
