"""What the tests do again and again at the desk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.fake_desk import Body

PATIENCE = 15.0  # seconds


def at_case(case: Body) -> str:
    """Return the address of a case inside the page."""
    return f"#/case/{case['case_id'].replace(':', '%3A')}"


def go_to(page: Page, case: Body) -> None:
    """Open a case and wait for its conversation."""
    page.evaluate("where => { location.hash = where }", at_case(case))
    expect(page.locator("#case h1")).to_have_text(case["author"]["name"])


def look_again(page: Page) -> None:
    """Come back to the page, which then asks at once instead of with its next beat."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def begin_to_write(page: Page, text: str = "") -> None:
    """Open the composer by its key and write."""
    page.keyboard.press("r")
    expect(page.locator("#words")).to_be_focused()
    if text:
        page.keyboard.insert_text(text)


def until(page: Page, holds: Callable[[], object]) -> None:
    """Wait for something that the fake desk knows, with the browser running on."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come about in time"
        page.wait_for_timeout(25)
