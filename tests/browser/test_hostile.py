from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from allhours.aws.desk_api.page_files import PACKAGE, policy
from tests.browser.invented_cases import a_case
from tests.browser.seen import go_to

if TYPE_CHECKING:
    from tests.browser.conftest import OpenDesk
    from tests.browser.fake_desk import Desk

HOSTILE = [
    "<script>window.hurt = 1</script>",
    "<img src=x onerror=window.hurt=1>",
    "<svg/onload=window.hurt=1>",
    "'\"><iframe srcdoc='<script>parent.hurt=1</script>'>",
    "</textarea></p><base href=https://evil.example/><style>*{display:none}</style>",
    "<a href=javascript:window.hurt=1>click</a> javascript:window.hurt=1",
    "{{constructor.constructor('window.hurt=1')()}} ${window.hurt=1}",
    "&lt;script&gt;window.hurt=1&lt;/script&gt; \u2028\u2029 <!-- -->",
    "<math><mtext></p><style><img src=x onerror=window.hurt=1>",
    "data:text/html,<script>window.hurt=1</script>",
]
ADDRESS = re.compile(r"https?://\w[\w./-]*")
MADE = "#main script, #main img, #main iframe, #main style, base, a[href^=javascript]"
ZALGO = "Z" + "\u0300\u0316\u0351\u0489" * 80 + "algo"
OVERRIDE = "\u202epay here: https://evil.example/\u2066 moc.knab"
LONG = "Donaudampfschifffahrt" * 60


def test_whatever_an_author_writes_is_text_everywhere(open_desk: OpenDesk, desk: Desk) -> None:
    for number, text in enumerate(HOSTILE, 50):
        case = a_case(
            number,
            text,
            text,
            due_in=1,
            urgent=text,
            reason=text,
            protocol=text,
            why=[text],
        )
        case |= {"owner_name": text, "similar": {"count": 2, "cases": [{"case_id": text, "excerpt": text}]}}
        case["ways"][0] |= {"handle": text, "reason": text}
        case["author"]["handle"] = text
        desk.arrives(case)
    page = open_desk()
    for number, text in enumerate(HOSTILE, 50):
        page.evaluate("where => { location.hash = where }", f"#/case/x%3A{number + 7000}")
        expect(page.locator(".talk .said").first).to_contain_text(text.split("\u2028")[0][:20].strip())
        page.keyboard.press("r")
        page.keyboard.insert_text(text)
        expect(page.locator(".preview .said")).to_contain_text(text.split("\u2028")[0][:20].strip())
        assert page.evaluate("window.hurt") is None
        assert page.evaluate("wrong => document.querySelectorAll(wrong).length", MADE) == 0


def test_a_link_in_a_post_stays_text_and_leads_out_only_on_purpose(open_desk: OpenDesk, desk: Desk) -> None:
    page = open_desk()
    go_to(page, desk.case("Leela Marsh"))
    out = page.locator(".talk .said a")
    expect(out).to_have_count(1)
    expect(out).to_have_attribute("href", "https://shop.example/night?basket=9")
    expect(out).to_have_attribute("rel", "noopener noreferrer")
    expect(out).to_have_attribute("target", "_blank")
    expect(out).to_contain_text("leaves the desk")


def test_directions_zalgo_and_endless_words_stay_in_their_own_box(open_desk: OpenDesk, desk: Desk) -> None:
    odd = a_case(51, ZALGO, f"{ZALGO} {OVERRIDE} {LONG}", due_in=1)
    desk.arrives(odd)
    page = open_desk(phone=True)
    page.evaluate("location.hash = '#/case/x%3A7051'")
    expect(page.locator(".entry")).to_have_count(1)
    measured = page.evaluate(
        """() => {
          const box = document.querySelector(".entry");
          const said = getComputedStyle(box.querySelector(".said"));
          return [document.documentElement.scrollWidth, said.unicodeBidi, getComputedStyle(box).overflow];
        }"""
    )
    assert measured == [390, "isolate", "clip"]
    expect(page.locator(".said .leave")).to_contain_text("open evil.example")


def test_a_very_long_post_is_shown_in_part_until_asked_for(open_desk: OpenDesk, desk: Desk) -> None:
    desk.arrives(a_case(52, "Lena Long", "word " * 4000, due_in=1))
    page = open_desk()
    page.evaluate("location.hash = '#/case/x%3A7052'")
    said = page.locator(".talk .said")
    expect(said).to_have_count(1)
    assert len(said.text_content() or "") < 2600
    page.get_by_role("button", name="Show all 20000 characters").click()
    assert len(said.text_content() or "") == 20_000


def test_the_page_makes_no_html_of_text_and_asks_nobody_outside() -> None:
    forbidden = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        'setAttribute("style"',
    )
    for each in resources.files(PACKAGE).iterdir():
        if each.is_file() and not each.name.endswith(".py"):
            text = each.read_text(encoding="utf-8")
            assert not [word for word in forbidden if word in text], each.name
            assert set(ADDRESS.findall(text)) <= {"http://www.w3.org/2000/svg"}, each.name
    rules = policy(["https://issuer.example/pool"])
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    assert "require-trusted-types-for 'script'; trusted-types 'none'" in rules
    assert "connect-src 'self' https://issuer.example;" in rules
