from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.fake_desk import Refusal
from tests.browser.seen import begin_to_write, go_to, look_again, until

if TYPE_CHECKING:
    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk


def test_without_a_connection_what_is_typed_waits_and_is_saved_later(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("ERR_INTERNET_DISCONNECTED")
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page)
    page.context.set_offline(True)
    page.keyboard.insert_text("Sorry, Mei.")
    expect(page.locator("#banner")).to_contain_text("No connection. What you typed is kept")
    expect(page.locator("#words")).to_have_value("Sorry, Mei.")
    page.context.set_offline(False)
    expect(page.locator("#banner")).to_be_hidden()
    page.keyboard.insert_text(" We look.")
    until(page, lambda: (mei["draft"] or {}).get("text") == "Sorry, Mei. We look.")


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_desk_is_asked_again_by_itself(
    status: int, open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append(str(status))
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    desk.refuse("POST cases/x%3A7004/take", Refusal(status, "busy", again=1))
    page.keyboard.press("t")
    expect(page.locator(".toast")).to_contain_text("You have it now.")


def test_what_one_may_not_do_is_said_in_a_sentence(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("403")
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    desk.refuse(
        "POST cases/x%3A7004/take", Refusal(403, "not_allowed", "Auditors read; they do not take cases.")
    )
    page.keyboard.press("t")
    expect(page.locator(".toast")).to_contain_text("Auditors read; they do not take cases.")


def test_a_case_that_changed_meanwhile_is_read_again(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("409")
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    mei |= {"owner": "ben", "owner_name": "Ben", "version": 2}
    desk.refuse("POST cases/x%3A7004/take", Refusal(409, "stale"))
    page.keyboard.press("t")
    expect(page.locator(".toast")).to_contain_text("Somebody changed this in the meantime")
    expect(page.locator(".title")).to_contain_text("Ben has it")


def test_a_case_that_left_ones_sight_leaves_what_one_typed(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("404")
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    begin_to_write(page)
    del desk.cases[mei["case_id"]]
    page.keyboard.insert_text("Sorry, Mei.")
    look_again(page)
    expect(page.locator("#case")).to_contain_text("This case cannot be shown")
    expect(page.locator("#case")).to_contain_text("Sorry, Mei.")


def test_a_note_that_was_not_kept_is_not_lost(
    open_desk: OpenDesk, desk: Desk, expected_noise: list[str]
) -> None:
    expected_noise.append("422")
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    desk.refuse("POST cases/x%3A7004/notes", Refusal(422, "bad_input", "A note has at most 2000 characters."))
    page.keyboard.press("n")
    page.keyboard.insert_text("Same shop as yesterday")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_contain_text("A note has at most 2000 characters.")
    expect(page.get_by_label("Note", exact=True)).to_have_value("Same shop as yesterday")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".entry.note")).to_contain_text("Same shop as yesterday")
