from __future__ import annotations

import gzip
from importlib import resources
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from allhours.aws.desk_api.page_files import PACKAGE
from tests.browser.seen import at_case, begin_to_write, go_to, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk

EAGER = {
    "/desk",
    "/desk/icon.svg",
    "/desk/app.css",
    "/desk/app.js",
    "/desk/dom.js",
    "/desk/api.js",
    "/desk/sign_in.js",
    "/desk/inbox.js",
}


def sign_in(page: Page) -> Page:
    page.get_by_role("button", name="Sign in").click()
    page.locator(".rows a").first.wait_for()
    return page


def test_without_a_sign_in_service_the_page_says_whose_turn_it_is(desk: Desk, open_desk: OpenDesk) -> None:
    desk.configured = False
    page = open_desk(signed_in=False)
    expect(page.locator("#start")).to_contain_text("this installation knows no sign-in yet")
    expect(page.get_by_role("button", name="Sign in")).to_have_count(0)


def test_signing_in_proves_itself_and_leaves_no_code_in_the_address(desk: Desk, open_desk: OpenDesk) -> None:
    page = sign_in(open_desk(signed_in=False))
    assert "code" not in page.url
    assert list(desk.tokens.values()) == ["ana"]
    kept = page.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)]")
    assert kept == [[], ["allhours.session"]]


def test_the_first_list_takes_one_request_and_less_than_100_kb(desk: Desk, open_desk: OpenDesk) -> None:
    sign_in(open_desk(signed_in=False, new=True))
    asked = [(path, status) for _, path, status in desk.asked if not path.startswith("/desk")]
    assert asked[0] == ("cases", 200)
    first = desk.asked.index(("GET", "cases", 200))
    loaded = {path for _, path, _ in desk.asked[:first]}
    assert loaded == EAGER
    sizes = {each.name: each.read_bytes() for each in resources.files(PACKAGE).iterdir() if each.is_file()}
    eager = [sizes[path.removeprefix("/desk").strip("/") or "index.html"] for path in EAGER]
    assert sum(map(len, eager)) < 100_000
    packed = [gzip.compress(each) for name, each in sizes.items() if not name.endswith(".py")]
    assert sum(map(len, packed)) < 50_000


def test_an_ended_token_is_renewed_without_a_word(
    desk: Desk, open_desk: OpenDesk, expected_noise: list[str]
) -> None:
    expected_noise.append("401")
    page = sign_in(open_desk(signed_in=False))
    desk.tokens.clear()
    go_to(page, desk.case("Mei Tanaka"))
    expect(page.locator("#banner")).to_be_hidden()
    assert list(desk.tokens.values()) == ["ana"]


def test_what_was_typed_outlives_a_lost_sign_in(
    desk: Desk, open_desk: OpenDesk, expected_noise: list[str]
) -> None:
    expected_noise += ["401", "400"]
    page = sign_in(open_desk(signed_in=False))
    go_to(page, desk.case("Mei Tanaka"))
    begin_to_write(page)
    desk.refreshable = False
    desk.tokens.clear()
    page.keyboard.insert_text("We look into it now")
    expect(page.locator("#banner")).to_contain_text("What you typed is kept")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#words")).to_have_value("We look into it now")
    until(page, lambda: (desk.case("Mei Tanaka")["draft"] or {}).get("text") == "We look into it now")


def test_a_sign_in_that_another_tab_began_is_refused(fake_address: str, open_desk: OpenDesk) -> None:
    page = open_desk(signed_in=False)
    page.goto(f"{fake_address}/desk?code=stolen&state=another")
    expect(page.locator("#start")).to_contain_text("not begun in this tab")
    assert page.evaluate("sessionStorage.length") == 0


def test_an_address_with_a_slash_at_its_end_is_the_page_too(fake_address: str, open_desk: OpenDesk) -> None:
    page = open_desk(signed_in=False)
    page.goto(f"{fake_address}/desk/#/light")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.url == f"{fake_address}/desk#/light"


def test_signing_out_forgets_the_tokens(open_desk: OpenDesk) -> None:
    page = sign_in(open_desk(signed_in=False))
    page.get_by_role("button", name="Sign out Ana").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_link_to_a_case_survives_the_sign_in(desk: Desk, open_desk: OpenDesk) -> None:
    page = sign_in(open_desk(at_case(desk.case("Leela Marsh")), signed_in=False))
    expect(page.locator("#case h1")).to_have_text("Leela Marsh")
