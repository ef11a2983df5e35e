"""The desk's page in a real browser, on the real template: a shift from the sign-in to the last answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.conftest import PATIENCE
from tests.end_to_end.seen import say, waited_for, word
from tests.end_to_end.test_desk import CARD, PROMISE, claim, people_of, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from infra.local.desk import Door
    from infra.local.scene import Scene

SEND = "Control+Enter"
AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"  # looks at once, not with its next beat


class AtPage:
    """Somebody at the desk's page, in a browser of their own."""

    def __init__(self, browser: Browser, door: Door, member: str) -> None:
        """Sign in through the form."""
        self.noise: list[str] = []
        self.outside: list[str] = []
        self._known = (door.address, door.sign_in.issuer)
        self._context = browser.new_context(locale="en-GB", timezone_id="Europe/London")
        self._context.set_default_timeout(PATIENCE)
        self.page: Page = self._context.new_page()
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("request", lambda asked: self._heard(asked.url))
        self.page.goto(f"{door.address}/desk")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_label("Member").fill(member)
        self.page.get_by_label("Password").fill(door.sign_in.people[member].password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.locator(".rows a").first.wait_for()
        self.page.locator("select[name=unit] option").nth(1).wait_for(state="attached")

    def _heard(self, url: str) -> None:
        if not url.startswith(self._known):
            self.outside.append(url)

    def open(self, case_id: str) -> None:
        """Open a case by its address."""
        self.page.evaluate("where => { location.hash = where }", f"#/case/{case_id}")
        self.page.locator(".talk li").first.wait_for()

    def write(self, text: str) -> None:
        """Begin to answer."""
        self.page.keyboard.press("r")
        expect(self.page.locator("#words")).to_be_focused()
        self.page.keyboard.insert_text(text)

    def close(self) -> None:
        """Leave, with nothing to complain of."""
        self._context.close()
        assert not self.noise
        assert not self.outside


@pytest.fixture
def come(browser: Browser, door: Door) -> Iterator[Callable[[str], AtPage]]:
    """Let members come to the page, and see them off."""
    there: list[AtPage] = []

    def comes(member: str) -> AtPage:
        there.append(AtPage(browser, door, member))
        return there[-1]

    yield comes
    for one in there:
        one.close()


def test_a_shift_at_the_page(scene: Scene, door: Door, come: Callable[[str], AtPage]) -> None:
    first = told(scene, "x", "acmecards", f"how do i get a virtual card? {word()}")
    second = told(scene, "mastodon", "acmebank", f"my card does not work at the supermarket {word()}")
    third = told(scene, "x", "acmecards", f"my card was declined {word()}")
    assert {each.unit for each in (first, second, third)} == {"cards"}
    ben = come("ben")
    page = ben.page

    # in due order, as the API lists them
    read = door.enter("ben").get("/api/cases", limit=50).body["cases"]
    due = [each["next_due_at"] for each in read]
    assert due == sorted(due)
    expect(page.locator(".rows .who").first).to_have_text(
        read[0]["author"]["name"] or read[0]["author"]["handle"]
    )

    # a card, sent with a key, seen as posted, and there on the network once
    ben.open(first.case_id)
    page.keyboard.press("1")
    expect(page.locator("#words")).not_to_have_value("")
    expect(page.locator(".send")).to_contain_text("Send publicly")
    page.keyboard.press(SEND)
    page.evaluate(AGAIN)
    expect(page.locator(".reply-state")).to_contain_text("posted")
    (shown,) = scene.town.answers(first.key)
    assert (shown.handle.handle, shown.text.endswith("^BK")) == ("@acmecards", True)

    # a card number stays here
    ben.open(second.case_id)
    ben.write(f"Is it {CARD}?")
    expect(page.locator(".findings")).to_contain_text("leave the number out")
    expect(page.locator(".send")).to_contain_text("Cannot go out")
    page.keyboard.press(SEND)
    assert scene.town.answers(second.key) == []
    page.locator("#words").fill("")

    # handed over in two keys
    ben.open(third.case_id)
    page.keyboard.press("h")
    page.get_by_role("button", name="Online banking").click()
    expect(page.locator(".toast", has_text="Handed over to Online banking.")).to_be_visible()
    its = door.enter(people_of(scene, "online_banking")[0]).get(f"/api/cases/{third.case_id}")
    assert its.body["unit"] == "online_banking"


def test_a_page_is_taken_at_the_page(scene: Scene, come: Callable[[str], AtPage]) -> None:
    it = told(scene, "x", "acmeapp", f"there is an outage, your app is down for everybody {word()}")
    page = come(people_of(scene, it.unit)[0]).page
    page.keyboard.press("g")
    about = page.locator(".card-item", has_text=it.case_id)
    about.get_by_role("button", name="I have it").click()
    expect(page.locator(".toast", has_text="You have it")).to_be_visible()
    expect(about).to_have_count(0)


def test_a_second_person_lets_an_answer_go_at_the_page(scene: Scene, come: Callable[[str], AtPage]) -> None:
    it = claim(scene)
    writer, second = map(come, people_of(scene, it.unit)[:2])
    writer.open(it.case_id)
    writer.write(PROMISE)
    expect(writer.page.locator(".send")).to_contain_text("Ask for approval")
    writer.page.keyboard.press(SEND)
    expect(writer.page.locator(".who-writes")).to_contain_text("waits for a second person")
    expect(writer.page.get_by_role("button", name="Approve and send")).to_have_count(0)
    assert scene.town.answers(it.key) == []

    second.open(it.case_id)
    expect(second.page.locator(".draft-box")).to_contain_text(PROMISE)
    second.page.keyboard.press("a")
    second.page.evaluate(AGAIN)
    expect(second.page.locator(".reply-state")).to_contain_text("posted")
    assert waited_for(lambda: len(scene.town.answers(it.key)) == 1)


def test_a_hostile_post_is_text_at_the_page(scene: Scene, door: Door, come: Callable[[str], AtPage]) -> None:
    nasty = f"<img src=x onerror=alert(1)> my card {word()}"
    key = say(scene, "x", "acmecards", nasty)
    assert key
    ben = come("ben")
    found = waited_for(
        lambda: [
            each["case_id"]
            for each in door.enter("ben").get("/api/cases", limit=50).body["cases"]
            if "onerror" in each["excerpt"]
        ]
    )
    ben.open(found[0])
    expect(ben.page.locator(".talk")).to_contain_text("<img src=x onerror=alert(1)>")
    assert ben.page.locator(".talk img").count() == 0
