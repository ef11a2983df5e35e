from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, TypedDict

import pytest
from playwright.sync_api import expect

from tests.browser.seen import at_case, begin_to_write, go_to

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk


class Look(TypedDict, total=False):
    dark: bool
    phone: bool


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
DARK: Look = {"dark": True}
PHONE: Look = {"dark": True, "phone": True}
EVERYTHING = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_ITS_OWN = ["wcag2aa", "wcag22aa"]  # contrast, and how big what one touches is
TALK = ["Leela Marsh", "Ngozi Obi", "Omar Haddad", "Jonas Weiß", "Priya Nair"]
SEEN_FOCUS = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [one.tagName, outlined, box.width > 0 && box.height > 0];
}"""
RUN = """async (rules) => {
  const told = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  return told.violations;
}"""
TABBED = """() => {
  const all = document.querySelectorAll("a[href],button,input,select,textarea,summary,[tabindex='0']");
  return [...all].filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility()).length;
}"""
HERE = "() => [...document.querySelectorAll('*')].indexOf(document.activeElement)"
SIZES = """() => [...document.querySelectorAll(".bar button")].map((one) => {
  const box = one.getBoundingClientRect();
  return [box.width, box.height];
})"""
LANDMARKS = ("header", "nav[aria-label]", "main", "aside[aria-label]")


def faults(page: Page, rules: list[str]) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 AA, contrast measured, and where."""
    page.evaluate(f"if (!window.axe) {{ {AXE} }}")
    found = page.evaluate(RUN, rules)
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize(
    ("look", "rules"),
    [({}, EVERYTHING), (DARK, OF_ITS_OWN), (PHONE, OF_ITS_OWN)],
    ids=["light", "dark", "phone"],
)
def test_every_view_meets_wcag_aa(look: Look, rules: list[str], open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk(**look)
    wrong = {"inbox": faults(page, rules)}
    for name in TALK:
        go_to(page, desk.case(name))
        wrong[name] = faults(page, rules)
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "I guarantee it, 4111 1111 1111 1111, https://acme.example")
    expect(page.locator(".findings li")).to_have_count(2)
    wrong["composer"] = faults(page, rules)
    page.locator(".ways summary").click()
    page.locator("#words").fill("Which shop was it?")
    page.locator(".way", has_text="Private").click()
    expect(page.locator(".send")).to_contain_text("Send privately")
    wrong["private"] = faults(page, rules)
    page.evaluate("location.hash = '#/pages'")
    expect(page.locator(".card-item")).to_have_count(2)
    wrong["pages"] = faults(page, rules)
    page.keyboard.press("?")
    wrong["keys"] = faults(page, rules)
    page.keyboard.press("Escape")
    page.evaluate("location.hash = '#/light'")
    page.get_by_role("button", name="Make it a case").first.click()
    wrong["dialog"] = faults(page, rules)
    assert {view: each for view, each in wrong.items() if each} == {}


def test_the_start_meets_wcag_aa(open_desk: OpenDesk) -> None:
    page = open_desk(signed_in=False)
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    assert faults(page, EVERYTHING) == []


def test_the_tab_key_reaches_everything_and_the_focus_is_always_seen(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page, "Sorry, Mei.")
    expect(page.locator(".save-state")).to_have_text("Saved")
    wanted = page.evaluate(TABBED)
    reached = set()
    page.evaluate("document.activeElement.blur(); document.body.tabIndex = -1; document.body.focus()")
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        where = page.evaluate(HERE)
        tag, outlined, visible = page.evaluate(SEEN_FOCUS)
        if tag in {"BODY", "HTML"}:
            break
        reached.add(where)
        assert outlined, tag
        assert visible, tag
    assert len(reached) == wanted


def test_whoever_reads_by_ear_hears_of_the_other_side(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    desk.says(mei, "Hello? Anybody there?")
    expect(page.locator("#status")).to_have_text("Mei Tanaka wrote again")
    for landmark in LANDMARKS:
        assert page.locator(landmark).count() > 0, landmark


def test_single_letters_can_be_switched_off(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    mei = desk.case("Mei Tanaka")
    go_to(page, mei)
    page.keyboard.press("?")
    page.get_by_label("Single letters").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.press("r")
    expect(page.locator("#words")).to_be_hidden()
    assert mei["owner"] == ""


def test_on_a_phone_nothing_is_wider_than_the_screen_and_targets_are_big(
    open_desk: OpenDesk, desk: Desk
) -> None:
    page = open_desk(phone=True, dark=True)
    for address in ("#/", at_case(desk.case("Leela Marsh")), "#/pages", "#/light"):
        page.evaluate("where => { location.hash = where }", address)
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    go_to(page, desk.case("Leela Marsh"))
    sizes = page.evaluate(SIZES)
    assert len(sizes) == 6
    assert all(width >= 44 and height >= 44 for width, height in sizes)
    page.get_by_role("toolbar").get_by_role("button", name="Answer").click()
    send = page.locator(".send")
    expect(send).to_be_in_viewport(ratio=1)
