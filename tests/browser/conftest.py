"""One fake desk for all browser tests; each test has a fresh desk, and a page that was left and wiped.

Tests that look alike share a tab: the page's files are loaded and compiled once, by one process.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.browser.fake_api import FakeApi
from tests.conftest import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, ViewportSize

    from tests.browser.fake_desk import Desk

HERE = Path(__file__).parent
WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
SESSION = {"token": "a.quick.z", "refresh": "refresh-ana", "until": 4e12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a tab looks like, and whether one signs in by opening it."""

    signed_in: bool
    phone: bool
    dark: bool
    new: bool


class OpenDesk(Protocol):
    """Open the page, signed in unless told otherwise; `new` has a profile that has never been there."""

    def __call__(
        self,
        at: str = "",
        *,
        signed_in: bool = True,
        phone: bool = False,
        dark: bool = False,
        new: bool = False,
    ) -> Page: ...


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook, before a conftest's turn
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares the browser on one worker."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeApi]:
    """Serve the fake desk and issuer."""
    with FakeApi() as fake:
        yield fake


@pytest.fixture
def desk(fake: FakeApi) -> Desk:
    """Start a new night at the desk."""
    return fake.again()


@pytest.fixture
def expected_noise() -> list[str]:
    """Name parts of console lines that a test provokes: a refused request is one."""
    return []


class Tabs:
    """Tabs by what they look like; one that was left is had again, empty."""

    def __init__(self, browser: Browser, address: str) -> None:
        """Remember the browser, and where the desk is."""
        self._browser, self._address = browser, address
        self._left: dict[Kind, list[Page]] = {}

    def open(self, kind: Kind) -> Page:
        """Return an empty tab."""
        left = self._left.get(kind)
        return left.pop() if left else self._tab(kind)

    def leave(self, kind: Kind, page: Page) -> None:
        """Wipe a tab, and keep it for the next test."""
        if kind.new:
            page.context.close()
            return
        page.context.set_offline(False)
        page.goto(
            f"{self._address}/desk/icon.svg"
        )  # of the same site, which keeps the process, and asks nothing
        page.evaluate("sessionStorage.clear(); localStorage.clear()")
        self._left.setdefault(kind, []).append(page)

    def _tab(self, kind: Kind) -> Page:
        context = self._browser.new_context(
            viewport=PHONE if kind.phone else WIDE,
            color_scheme="dark" if kind.dark else "light",
            has_touch=kind.phone,
            locale="en-GB",
            timezone_id="Europe/London",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        if kind.signed_in:
            context.add_init_script(f"sessionStorage.setItem('allhours.session', '{json.dumps(SESSION)}')")
        return context.new_page()


@pytest.fixture(scope="session")
def tabs(browser: Browser, fake: FakeApi) -> Iterator[Tabs]:
    """Return the browser's tabs."""
    yield Tabs(browser, fake.address)
    for context in browser.contexts:
        context.close()


class Watch:
    """What pages complained of, and what they asked of the outside."""

    def __init__(self, fake: FakeApi) -> None:
        """Remember what is inside."""
        self._inside = (fake.address, fake.issuer)
        self.noise: list[str] = []
        self.outside: list[str] = []

    def begin(self, page: Page) -> None:
        """Listen to a page."""
        page.on("console", self._heard)
        page.on("pageerror", self._failed)
        page.on("request", self._asked)

    def end(self, page: Page) -> None:
        """Listen no more."""
        page.remove_listener("console", self._heard)
        page.remove_listener("pageerror", self._failed)
        page.remove_listener("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.noise.append(message.text)

    def _failed(self, error: Error) -> None:
        self.noise.append(str(error))

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self._inside):
            self.outside.append(request.url)


@pytest.fixture
def open_desk(tabs: Tabs, fake: FakeApi, desk: Desk, expected_noise: list[str]) -> Iterator[OpenDesk]:
    """Open the page; afterwards nothing was complained of, and nothing was asked of the outside."""
    assert desk is fake.desk
    used, watch = list[tuple["Kind", "Page"]](), Watch(fake)

    def opened(
        at: str = "",
        *,
        signed_in: bool = True,
        phone: bool = False,
        dark: bool = False,
        new: bool = False,
    ) -> Page:
        kind = Kind(signed_in=signed_in, phone=phone, dark=dark, new=new)
        page = tabs.open(kind)
        used.append((kind, page))
        watch.begin(page)
        if signed_in:
            desk.tokens["a.quick.z"] = desk.signing_in
        page.goto(f"{fake.address}/desk{at}")
        if signed_in:
            page.locator(".rows a").first.wait_for()
            page.locator("select[name=unit] option").nth(1).wait_for(state="attached")  # who we are is known
        return page

    yield opened
    for kind, page in used:
        watch.end(page)
        tabs.leave(kind, page)
    assert not watch.outside
    assert not [each for each in watch.noise if not any(part in each for part in expected_noise)]


@pytest.fixture
def fake_address(fake: FakeApi) -> str:
    """Return where the fake desk is."""
    return fake.address
