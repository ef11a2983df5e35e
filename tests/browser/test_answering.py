from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.fake_desk import Refusal
from tests.browser.invented_cases import CARDS, instant
from tests.browser.seen import begin_to_write, go_to, look_again, until

if TYPE_CHECKING:
    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk

SEND = "Control+Enter"


def test_an_answer_is_shown_on_its_way_until_the_network_has_it(open_desk: OpenDesk, desk: Desk) -> None:
    desk.posting = False
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page, "Sorry, Mei. Please try the chip.")
    page.keyboard.press(SEND)
    state = page.locator(".reply-state")
    expect(state).to_contain_text("on its way")
    desk.posting = True
    look_again(page)
    expect(state).to_contain_text("posted")
    expect(state.get_by_role("link")).to_have_attribute("rel", "noopener noreferrer")
    [sent] = desk.sent
    assert (sent["text"], sent["handle"], sent["private"]) == (
        "Sorry, Mei. Please try the chip. ^AN",
        "@acmecards",
        False,
    )
    assert sent["item_key"] == "x#7004-0"
    expect(page.locator("#words")).to_be_hidden()


def test_a_click_repeated_while_it_is_sent_is_one_reply(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "We look into it.")
    expect(page.locator(".lengths")).to_contain_text("of 280")
    page.evaluate("document.querySelector('.send').click(); document.querySelector('.send').click()")
    page.keyboard.press(SEND)
    until(page, lambda: desk.sent)
    expect(page.locator(".entry.ours")).to_have_count(1)
    assert len(desk.sent) == 1


def test_a_send_whose_answer_is_lost_is_repeated_with_its_key(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("ERR_EMPTY_RESPONSE")
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "We look into it.")
    desk.lost_answers += ["POST cases/x%3A7004/replies"] * 2
    page.keyboard.press(SEND)
    expect(page.locator(".toast")).to_contain_text("on its way")
    assert len(desk.sent) == 1
    asked = [each for each in desk.asked if each[1].endswith("/replies")]
    assert len(asked) == 3


def test_a_card_number_is_refused_before_it_leaves(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "Is it 4111 1111 1111 1111?")
    finding = page.locator(".findings button")
    expect(finding).to_have_text(
        "Blocked: a card number: ask for the last four digits at most, show the place"
    )
    expect(page.locator(".send")).to_contain_text("Cannot go out")
    page.keyboard.press(SEND)
    expect(finding).to_be_focused()
    page.keyboard.press("Enter")
    area = page.locator("#words")
    expect(area).to_be_focused()
    picked = area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert picked == "4111 1111 1111 1111"
    page.keyboard.insert_text("the one ending in 1111")
    expect(page.locator(".send")).to_contain_text("Send publicly")
    assert desk.sent == []


def test_length_cost_and_signature_follow_the_typing(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "See https://acme.example/chip")
    expect(page.locator(".lengths")).to_contain_text("33 of 280 weighted characters")
    expect(page.locator(".lengths")).to_contain_text("costs $0.200: a link makes it dear")
    expect(page.locator(".preview")).to_contain_text("See https://acme.example/chip")
    expect(page.locator(".preview .said")).to_contain_text("^AN")
    page.keyboard.insert_text("x" * 300)
    expect(page.locator(".lengths .over")).to_contain_text("53 too many")


def test_one_key_inserts_an_answer_card(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Leela Marsh"))
    page.keyboard.press("1")
    expect(page.locator("#words")).to_have_value(CARDS[0]["text"])
    until(page, lambda: (desk.case("Leela Marsh")["draft"] or {}).get("card") == "block_card")


def test_a_private_post_is_answered_in_private_and_never_in_public(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Tomás Rivera"))
    begin_to_write(page)
    expect(page.locator("#way-words")).to_contain_text("Private · only they can read it")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(page.locator(".toast")).to_contain_text("a public answer would tell everybody")
    page.locator(".ways summary").click()
    expect(page.get_by_role("radio", name="Public as @acmecards")).to_be_disabled()
    expect(page.locator(".way").nth(1)).to_contain_text("Not allowed: They wrote in private")


def test_one_key_moves_an_answer_to_private(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "Which shop was it?")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(page.locator(".send")).to_contain_text("Send privately")
    until(page, lambda: (desk.case("Mei Tanaka")["draft"] or {}).get("private") is True)


def test_what_is_typed_is_kept_on_the_desk_and_comes_back(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page, "Sorry, Mei.")
    expect(page.locator(".save-state")).to_have_text("Saved")
    page.reload()
    expect(page.locator("#words")).to_have_value("Sorry, Mei.")
    assert mei["draft"]["by"] == "ana"


def test_a_discarded_draft_can_be_had_back(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page, "Sorry, Mei.")
    expect(page.locator(".save-state")).to_have_text("Saved")
    page.get_by_role("button", name="Discard").click()
    until(page, lambda: mei["draft"] is None)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#words")).to_have_value("Sorry, Mei.")
    until(page, lambda: mei["draft"])


def test_a_changed_conversation_is_listed_and_must_be_seen(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("409")
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page, "Please try the chip.")
    desk.says(mei, "Never mind, it works again")
    page.keyboard.press(SEND)
    trouble = page.locator("#trouble")
    expect(trouble).to_contain_text("Mei Tanaka wrote: Never mind, it works again")
    assert desk.sent == []
    expect(page.locator("#words")).to_have_value("Please try the chip.")
    expect(page.locator(".talk")).to_contain_text("Never mind, it works again")
    page.get_by_role("button", name="I have seen it").click()
    page.keyboard.press(SEND)
    until(page, lambda: desk.sent)


def test_a_second_answer_to_a_post_is_a_deliberate_one(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("409")
    page = open_desk()
    go_to(page, desk.case("Priya Nair"))
    page.get_by_role("button", name="Answer this one").first.click()
    page.keyboard.insert_text("One more thing, Priya.")
    page.keyboard.press(SEND)
    expect(page.locator("#trouble")).to_contain_text("Ana has answered this post")
    assert desk.sent == []
    page.get_by_role("button", name="Send a second answer").click()
    until(page, lambda: desk.sent)
    assert desk.sent[0]["second"] is True


def test_two_cannot_write_at_once_and_taking_over_asks_for_a_word(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    jonas = desk.case("Jonas Weiß")
    go_to(page, jonas)
    expect(page.locator(".who-writes")).to_contain_text("ben has been writing since", ignore_case=True)
    page.keyboard.press("r")
    expect(page.locator("#words")).to_be_hidden()
    page.get_by_role("button", name="Take over…").click()
    page.keyboard.type("Ben asked me to")
    page.keyboard.press("Enter")
    expect(page.locator("#words")).to_have_value("Hallo Jonas, wir sehen nach und")
    assert jonas["draft"]["by"] == "ana"
    [(_, _, body)] = [each for each in desk.writes if each[0] == "PUT"]
    assert body["take_over"] == "Ben asked me to"


def test_a_draft_whose_writer_stopped_needs_no_word(open_desk: OpenDesk, desk: Desk) -> None:
    jonas = desk.case("Jonas Weiß")
    jonas["draft"]["lease_until"] = instant(minutes=-1)
    page = open_desk()
    go_to(page, jonas)
    page.get_by_role("button", name="Go on with it").click()
    expect(page.locator("#words")).to_be_focused()
    until(page, lambda: jonas["draft"]["by"] == "ana")


def test_somebody_elses_draft_does_not_cost_what_one_typed(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise += ["409", "412"]
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page)
    jonas = desk.case("Jonas Weiß")
    mei["draft"] = {**jonas["draft"], "item_key": "x#7004-0"}
    page.keyboard.insert_text("Sorry, Mei.")
    expect(page.locator(".who-writes")).to_contain_text("has been writing since")
    expect(page.locator(".note-box")).to_contain_text("Sorry, Mei.")


def test_a_case_that_must_not_be_answered_offers_no_composer(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Anonymous reader"))
    expect(page.locator(".notice")).to_contain_text("the press office answers this one")
    page.keyboard.press("r")
    expect(page.locator("#words")).to_be_hidden()


def test_what_only_leads_answer_asks_them_why(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    mei |= {"stance": "must_not", "reason": "legal_threat, “my lawyer”: nobody but the press office answers"}
    go_to(page, mei)
    expect(page.locator(".notice", has_text="Only a lead answers this")).to_contain_text(
        "and says why. legal threat, “my lawyer”"
    )
    begin_to_write(page, "We write to your lawyer.")
    page.keyboard.press(SEND)
    page.get_by_label("Why it is answered").fill("agreed with the lawyers")
    page.keyboard.press("Enter")
    until(page, lambda: desk.sent)
    assert desk.sent[0]["because"] == "agreed with the lawyers"


def test_what_only_leads_answer_waits_for_one_and_the_step_back_sends_nothing(
    open_desk: OpenDesk, desk: Desk
) -> None:
    ngozi = desk.case("Ngozi Obi")
    ngozi["stance"] = "must_not"
    page = open_desk()
    go_to(page, ngozi)
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_contain_text("Answer it all the same?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert desk.sent == []
    page.keyboard.press("a")
    page.get_by_label("Why it is answered").fill("agreed with the lawyers")
    page.keyboard.press("Enter")
    until(page, lambda: desk.sent)
    desk.leads = False
    mei = desk.case("Mei Tanaka")
    mei["stance"] = "must_not"
    go_to(page, mei)
    begin_to_write(page, "We look into it.")
    expect(page.locator(".send")).to_contain_text("Ask for approval")
    page.keyboard.press(SEND)
    expect(page.locator(".who-writes")).to_contain_text("nobody answers this but a lead who says why")


def test_a_refused_answer_keeps_the_words(open_desk: OpenDesk, desk: Desk, expected_noise: list[str]) -> None:
    expected_noise.append("422")
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "Please try the chip.")
    desk.refuse(
        "POST cases/x%3A7004/replies",
        Refusal(422, "window", "The window for private answers closed at 03:00."),
    )
    page.keyboard.press(SEND)
    expect(page.locator("#trouble")).to_contain_text("The window for private answers closed")
    expect(page.locator("#words")).to_have_value("Please try the chip.")
    page.keyboard.press(SEND)
    until(page, lambda: desk.sent)


def test_a_change_that_is_only_shown_is_not_yet_seen(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("409")
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page, "Please try the chip.")
    desk.says(mei, "Never mind, it works again")
    look_again(page)
    expect(page.locator("#trouble li")).to_have_text("Mei Tanaka wrote: Never mind, it works again")
    page.keyboard.press(SEND)
    expect(page.locator("#trouble")).to_contain_text("The conversation is not as you saw it.")
    assert desk.sent == []
