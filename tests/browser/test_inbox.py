from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.invented_cases import a_case
from tests.browser.seen import go_to, look_again, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk


def names(page: Page) -> list[str]:
    return page.locator(".rows .who").all_inner_texts()


def test_what_is_urgent_stands_first_with_the_words_that_caused_it(open_desk: OpenDesk) -> None:
    page = open_desk()
    first = page.locator(".rows li").first
    expect(first).to_contain_text("Urgent: fraud in progress")
    expect(first).to_contain_text("“stolen”, “paying with it right now”")
    assert names(page)[:4] == ["Leela Marsh", "Omar Haddad", "Tomás Rivera", "Ngozi Obi"]


def test_a_countdown_says_in_words_what_its_colour_says(open_desk: OpenDesk) -> None:
    page = open_desk()
    told = {
        who: page.locator(".rows li", has_text=who).locator(".due") for who in ("Leela", "Omar", "Mei Tanaka")
    }
    expect(told["Leela"]).to_have_text("answer in 5 min")
    expect(told["Omar"]).to_have_text("answer 4 min late")
    assert [due.get_attribute("data-how") for due in told.values()] == ["soon", "late", "fine"]


def test_searching_narrows_what_is_loaded_as_one_types(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    before = len(desk.asked)
    page.keyboard.press("/")
    page.keyboard.type("ghana")
    expect(page.locator(".rows .who")).to_have_text(["Kwame Boateng"])
    assert not [each for each in desk.asked[before:] if each[1] == "cases" and each[2] == 200]
    page.keyboard.press("Escape")
    expect(page.locator(".rows .who")).to_have_count(10)


def test_a_filter_asks_the_desk_for_one_unit_or_ones_own(open_desk: OpenDesk) -> None:
    page = open_desk()
    page.get_by_label("Unit").select_option("payments")
    expect(page.locator(".rows .who")).to_have_text(["Jonas Weiß", "Kwame Boateng"])
    page.get_by_label("Unit").select_option("")
    page.get_by_label("Owner").select_option("me")
    expect(page.locator(".rows .who")).to_have_text(["Priya Nair"])


def test_the_letters_move_and_enter_opens(open_desk: OpenDesk) -> None:
    page = open_desk()
    expect(page.locator(".rows a").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#case h1")).to_have_text("Omar Haddad")
    page.keyboard.press("Escape")
    expect(page.locator(".rows a").nth(1)).to_be_focused()


def test_a_new_case_is_announced_and_moves_nothing_under_the_pointer(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    before = names(page)
    desk.arrives(a_case(20, "Zara Khan", "Help, my account is empty", urgent="fraud in progress", due_in=1))
    look_again(page)
    expect(page.locator("#status")).to_have_text("1 new in the inbox, urgent: fraud in progress")
    assert names(page) == before
    page.get_by_role("button", name="1 new: show").click()
    expect(page.locator(".rows .who").first).to_have_text("Zara Khan")


def test_a_list_that_nobody_touches_orders_itself(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    desk.arrives(a_case(21, "Zara Khan", "Where is my card?", due_in=1))
    look_again(page)
    expect(page.locator(".rows .who").nth(2)).to_have_text("Zara Khan")


def test_an_unchanged_list_and_case_cost_no_more_than_a_304(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    desk.asked.clear()
    look_again(page)
    until(page, lambda: {path for _, path, _ in desk.asked} >= {"cases", "cases/x%3A7004"})
    assert {status for _, path, status in desk.asked if path.startswith("cases")} == {304}


def test_nothing_is_asked_while_nobody_looks(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    known = -1
    while known != len(desk.asked):  # what was under way ends
        known = len(desk.asked)
        page.wait_for_timeout(500)
    page.wait_for_timeout(3300)  # longer than the beat of an open case
    assert len(desk.asked) == known


def test_a_long_list_is_loaded_page_by_page(open_desk: OpenDesk, desk: Desk) -> None:
    for number in range(100, 160):
        desk.arrives(a_case(number, f"Writer {number}", "When do you open?", due_in=number))
    page = open_desk()
    expect(page.locator(".rows li")).to_have_count(50)
    page.get_by_role("button", name="Load more").click()
    expect(page.locator(".rows li")).to_have_count(70)


def test_the_focus_stays_on_its_row_when_the_order_changes(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    row = page.locator(".rows a", has_text="Kwame Boateng")
    row.focus()
    kwame = desk.case("Kwame Boateng")
    kwame |= {"urgent": "threat", "version": 2}
    page.evaluate(
        "Date.now = ((real) => () => real() + 25000)(Date.now)"
    )  # nobody has touched it for a while
    look_again(page)
    expect(page.locator(".rows .who").nth(1)).to_have_text("Kwame Boateng")
    expect(row).to_be_focused()
