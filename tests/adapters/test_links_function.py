"""What happens when somebody opens a link: as API Gateway calls us, with tokens that are really signed."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from allhours.aws import links, member_page, wiring
from allhours.aws import organisation as deployed
from allhours.aws.clients import secretsmanager
from allhours.aws.links import open_link
from allhours.aws.page_links import Reply
from allhours.domain.links import calendar_link, member_link, signed
from allhours.domain.organisation import Member
from allhours.domain.page import urgent
from tests.builders import NOON, a_case
from tests.crash.faults import F
from tests.crash.seen import rows
from tests.rotas import a_covered_bank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.harness import World

KEY = "k" * 64
BANK = a_covered_bank()
BANK = a_covered_bank(
    members={
        **BANK.members,
        "ana": Member(member_id="ana", name="Ana <b>", zone="UTC", contact={"sns": "ana"}),
    }
)
JSON = {"accept": "application/json", "content-type": "application/json"}


@pytest.fixture(autouse=True)
def _links(monkeypatch: pytest.MonkeyPatch, world: World) -> Iterator[None]:
    world.clock.move_to(NOON)
    bank = cache(lambda: BANK)
    for module in (deployed, member_page, links):
        monkeypatch.setattr(module, "organisation", bank)
    monkeypatch.setenv("PUBLIC_URL", "https://api.test")
    secretsmanager().put_secret_value(SecretId="allhours/test/links", SecretString=json.dumps({"key": KEY}))
    yield
    deployed._warm.cache_clear()


def opened(
    path: str,
    method: str = "GET",
    query: str = "",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    event: dict[str, Any] = {
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers or {},
        "requestContext": {"http": {"method": method}},
    }
    if body is not None:
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return open_link(event)


def member(name: str = "ana", serial: int = 0) -> str:
    return f"/members/{signed(member_link(name, serial, NOON), KEY.encode())}"


def calendar(owner: str = "member:ana", serial: int = 0) -> str:
    return f"/calendars/{signed(calendar_link(owner, serial, NOON), KEY.encode())}"


def tapped(path: str, **fields: str) -> dict[str, Any]:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return opened(path, "POST", body=urlencode(fields).encode(), headers=headers)


def told(path: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    answer = opened(path, "POST", body=json.dumps(fields).encode(), headers=JSON)
    return answer["statusCode"], json.loads(answer["body"])


def seen(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(opened(path, headers=JSON)["body"])
    return found


class Buttons(HTMLParser):
    """Collects what each form would send, and what the page would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.foreign: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append({})
        if tag == "input" and given.get("type") == "hidden":
            self.forms[-1][given["name"] or ""] = given["value"] or ""
        if tag in {"script", "img", "link", "iframe"} or "src" in given or "style" in given:
            self.foreign.append(tag)


# Every page


def test_a_page_loads_nothing_is_kept_nowhere_and_says_whom_it_is_for() -> None:
    answer = opened(member())
    headers = answer["headers"]
    assert answer["statusCode"] == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert headers["x-robots-tag"].startswith("noindex")
    assert "Ana &lt;b&gt;" in answer["body"]
    assert "<b>" not in answer["body"]
    assert Buttons(answer["body"]).foreign == []
    assert 'name="viewport"' in answer["body"]


@pytest.mark.parametrize("kind", ["pages", "members", "calendars"])
def test_links_that_do_not_hold_are_all_answered_alike(kind: str) -> None:
    forged = signed(member_link("ana", 0, NOON), b"another key")
    expired = signed(member_link("ana", 0, NOON - timedelta(days=91)), KEY.encode())
    another = calendar().rpartition("/")[2] if kind == "members" else member().rpartition("/")[2]
    answers = [opened(f"/{kind}/{token}") for token in (forged, expired, another, "x", "")]
    assert {answer["statusCode"] for answer in answers} == {403}
    assert len({answer["body"] for answer in answers}) == 1
    assert "does not work" in answers[0]["body"]


def test_links_that_were_taken_back_are_gone_and_new_ones_hold() -> None:
    serial = wiring.link_serials().revoke("member:ana", NOON)
    assert [opened(path)["statusCode"] for path in (member(), calendar())] == [410, 410]
    assert [
        opened(path)["statusCode"] for path in (member("ana", serial), calendar("member:ana", serial))
    ] == [
        200,
        200,
    ]
    assert opened(member("ben"))["statusCode"] == 200


def test_whoever_is_in_the_file_no_more_has_no_page() -> None:
    assert opened(member("gone"))["statusCode"] == 410
    told_so = opened(member("gone"), headers=JSON)
    assert (told_so["statusCode"], "error" in json.loads(told_so["body"])) == (410, True)
    assert opened(calendar("member:gone"))["statusCode"] == 410
    assert opened(calendar("unit:gone"))["statusCode"] == 410


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return str([vars(one) for one in caplog.records])


def test_neither_links_nor_key_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    paths = [member(), calendar(), "/pages/forged"]
    for path in paths:
        opened(path)
    tapped(paths[0], do="sick")
    out = logged(caplog)
    assert "'kind': 'members', 'owner': 'member:ana', 'method': 'POST', 'outcome': 303" in out
    assert not any(path.rpartition("/")[2][:20] in out for path in paths[:2])
    assert KEY not in out


def test_trouble_with_the_table_asks_to_come_again_and_changes_nothing() -> None:
    path = member("cleo")
    opened(path)
    before = rows()
    F.begin({1: "throttled"})
    answer = tapped(path, do="take", unit="cards")
    F.end()
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "60")
    assert rows() == before


def test_a_missing_key_asks_to_come_again_and_is_loud_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    secretsmanager().delete_secret(SecretId="allhours/test/links", ForceDeleteWithoutRecovery=True)
    assert opened(member())["statusCode"] == 503
    assert "allhours/test/links" in logged(caplog)


# Pages


@pytest.mark.parametrize("headers", [{}, {"accept": "application/json"}])
def test_a_page_shows_one_button_for_what_can_be_done(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    asked: list[Any] = []

    def open_page(token: str, **given: Any) -> Reply:
        asked.append((token, given["method"], given["form"]))
        return Reply(status=200, title="Ana has it", lines=("Urgent <case>",), can_release=True)

    monkeypatch.setattr(links, "open_page", open_page)
    answer = opened("/pages/abc", headers=headers)
    assert "Urgent" in answer["body"]
    if not headers:
        assert "Urgent &lt;case&gt;" in answer["body"]
        assert Buttons(answer["body"]).forms == [{"do": "release"}]
    head = opened("/pages/abc", "HEAD", headers=headers)
    assert (head["statusCode"], head["body"]) == (200, "")
    tapped("/pages/abc", do="release")
    assert asked == [("abc", "GET", {}), ("abc", "HEAD", {}), ("abc", "POST", {"do": "release"})]


def test_a_page_is_acknowledged_by_opening_its_link_and_handed_back_by_its_button() -> None:
    page = urgent(a_case(), BANK.on_duty("cards", NOON), "it is stolen", NOON)
    wiring.pages().call(page)
    path = wiring.page_links().link(page.page_id, 0, "ana", NOON).removeprefix("https://api.test")
    opened(path, "HEAD")
    opened(path, headers={"Sec-Purpose": "prefetch"})
    assert "Nobody has it yet" in opened(path, query="ask")["body"]
    taken = opened(path)
    assert (taken["statusCode"], "has it" in taken["body"]) == (200, True)
    assert Buttons(taken["body"]).forms == [{"do": "release"}]
    assert tapped(path, do="release")["statusCode"] == 200
    assert opened(path)["statusCode"] == 410


# Members


def test_a_shift_is_taken_in_two_taps_and_the_first_changes_nothing() -> None:
    path = member("cleo")
    assert "Take this shift now" in opened(path)["body"]
    first = opened(path, query="take=cards")
    assert "Ana &lt;b&gt; is on duty now" in first["body"]
    assert "ROTA" not in rows()
    (fields,) = Buttons(first["body"]).forms
    second = tapped(path, **fields)
    assert second["statusCode"] == 303
    shown = opened(path, query=second["headers"]["location"].removeprefix("?"))
    assert "Done: Cards: you instead of Ana &lt;b&gt;" in shown["body"]
    assert seen(path)["on_duty"][0]["members"] == ["cleo"]
    assert seen(path)["shifts"][0]["until"] == "2027-03-15T20:00:00+00:00"


def test_nothing_changes_by_opening_a_page(world: World) -> None:
    for query in ("take=cards", "swap=cards/day/2027-03-16", "do=sick", "done=x", "take=none", "swap=none"):
        assert opened(member("ana"), query=query)["statusCode"] == 200
    assert not [key for key in rows() if key.startswith(("ROTA", "CHANGE"))]
    assert world.early == []


def test_being_sick_is_never_refused_and_is_recorded_with_the_hole() -> None:
    assert tapped(member(), do="sick", until="")["statusCode"] == 303
    (change,) = wiring.rota_changes().read().changes
    assert (change.kind, change.remove, change.reason, change.forced) == ("leave", "ana", "sick", True)
    assert [key for key in rows() if key.startswith("GAP#cards#gap#")]
    assert seen(member("cleo"))["on_duty"][0]["gap"] is True


def test_leave_that_leaves_a_hole_is_refused_with_reasons_until_one_insists() -> None:
    days = {"do": "leave", "from": "2027-03-17", "until": "2027-03-18"}
    refused = tapped(member(), **days)
    assert refused["statusCode"] == 409
    assert "nobody is on duty" in refused["body"]
    assert wiring.rota_changes().read().changes == ()
    (fields,) = Buttons(refused["body"]).forms
    assert tapped(member(), **fields)["statusCode"] == 303
    assert wiring.rota_changes().read().changes[0].forced


def test_a_member_cannot_force_what_only_the_head_may() -> None:
    tapped(member(), do="sick")
    _, taken = told(member("cleo"), do="take", unit="cards")
    back = {"do": "withdraw", "change": taken["change"]["change_id"], "force": True}
    status, refused = told(member("cleo"), **back)
    assert (status, refused["may_force"]) == (409, False)
    page = tapped(member("cleo"), do="withdraw", change=back["change"], force="yes")
    assert "Only" in page["body"]
    assert Buttons(page["body"]).forms == []
    assert told(member("petra"), **back)[0] == 200


def test_a_swap_is_asked_for_by_one_and_counts_when_the_other_agrees() -> None:
    ask = Buttons(opened(member(), query="swap=cards/day/2027-03-16")["body"]).forms[0]
    assert (ask["do"], ask["with"]) == ("swap", "cleo")
    assert tapped(member(), **ask)["statusCode"] == 303
    waiting = opened(member("cleo"))["body"]
    assert "asks: you instead of Ana" in waiting
    assert seen(member("dee"))["waiting"] == []
    agree = next(form for form in Buttons(waiting).forms if form["do"] == "agree")
    assert tapped(member("cleo"), **agree)["statusCode"] == 303
    assert [shift["date"] for shift in seen(member("cleo"))["shifts"]] == [None]
    assert told(member("dee"), **agree)[0] == 400


def test_the_api_speaks_json_both_ways() -> None:
    view = seen(member())
    assert (view["schema"], view["member"]["id"]) == ("allhours.member/1", "ana")
    assert view["shifts"][0] == {
        "unit": "cards",
        "because": "day",
        "from": "2027-03-15T08:00:00+00:00",
        "until": "2027-03-15T20:00:00+00:00",
        "date": "2027-03-15",
    }
    status, done = told(member("cleo"), do="take", unit="cards")
    assert (status, done["change"]["add"], done["change"]["state"]) == (200, "cleo", "in_force")
    assert told(member("cleo"), do="dance") == (
        400,
        {"error": "do is 'dance': say take, sick, leave, swap, swap_back, agree or withdraw"},
    )
    status, refused = told(member(), do="leave", **{"from": "2027-03-17", "until": "2027-03-17"})
    assert (status, refused["may_force"]) == (409, True)
    assert "nobody is on duty" in refused["refused"][0]
    assert json.loads(opened("/members/x", headers=JSON)["body"])["error"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b"\xff", b'{"do": 1}', b'{"do": ["take"]}', b"[" * 9000],
    ids=["list", "cut off", "no text", "number", "list inside", "deep"],
)
def test_a_body_that_is_no_object_of_words_is_refused(body: bytes) -> None:
    assert opened(member(), "POST", body=body, headers=JSON)["statusCode"] == 400


def test_a_body_that_is_too_long_is_not_read() -> None:
    for path in (member(), "/pages/abc"):
        refused = opened(path, "POST", body=b"do=sick&" * 2000)
        assert refused["statusCode"] == 413
        assert "Nothing has been changed" in refused["body"]
        refused = opened(path, "POST", body=b"do=sick&" * 2000, headers=JSON)
        assert (refused["statusCode"], "longer than" in json.loads(refused["body"])["error"]) == (413, True)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_in_another_age_is_refused_in_words(day: str) -> None:
    swap = {"do": "swap", "unit": "cards", "shift": "day", "date": day, "with": "cleo"}
    for wanted in (swap, {"do": "leave", "from": day, "until": day}, {"do": "sick", "until": day}):
        status, answer = told(member(), **wanted)
        assert (status, "400 days" in answer["error"]) == (400, True)


def test_a_head_of_one_unit_cannot_force_a_change_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = BANK.units["cards"]
    loans = replace(cards, unit_id="loans", head="cleo", rota=replace(cards.rota, unit="loans", shifts=()))
    two = replace(BANK, units={"cards": cards, "loans": loans})
    for module in (deployed, member_page, links):
        monkeypatch.setattr(module, "organisation", cache(lambda: two))
    told(member(), do="sick")
    _, taken = told(member("cleo"), do="take", unit="cards")
    back = {"do": "withdraw", "change": taken["change"]["change_id"], "unit": "loans", "force": True}
    assert told(member("cleo"), **back)[0] == 409
    assert told(member("petra"), **back)[0] == 200


def test_one_side_takes_no_swap_back_alone_but_asks_for_the_reverse(world: World) -> None:
    ask = Buttons(opened(member(), query="swap=cards/day/2027-03-16")["body"]).forms[0]
    tapped(member(), **ask)
    agree = next(form for form in Buttons(opened(member("cleo"))["body"]).forms if form["do"] == "agree")
    tapped(member("cleo"), **agree)
    for side in ("ana", "cleo"):
        status, answer = told(member(side), do="withdraw", change=agree["change"])
        assert (status, "propose the reverse swap" in answer["error"]) == (400, True)
    world.clock.shift(timedelta(minutes=1))
    forms = Buttons(opened(member())["body"]).forms
    back = next(form for form in forms if form["do"] == "swap_back")
    assert tapped(member(), **back)["statusCode"] == 303
    agree = next(form for form in Buttons(opened(member("cleo"))["body"]).forms if form["do"] == "agree")
    tapped(member("cleo"), **agree)
    assert "2027-03-16" in {shift["from"][:10] for shift in seen(member())["shifts"]}
    assert seen(member("cleo"))["shifts"] == []


def test_what_is_taken_back_in_its_midst_is_said_to_be_taken_back(world: World) -> None:
    _, taken = told(member("cleo"), do="take", unit="cards")
    world.clock.shift(timedelta(hours=1))
    done = tapped(member("cleo"), do="withdraw", change=taken["change"]["change_id"])
    assert done["statusCode"] == 303
    shown = opened(member("cleo"), query=done["headers"]["location"].removeprefix("?"))
    assert "Done: it is taken back." in shown["body"]
    assert seen(member())["on_duty"][0]["members"] == ["ana"]
    assert seen(member("cleo"))["changes"] == []


# Calendars


def test_a_calendar_shows_the_live_rota_and_the_same_tag_while_it_stays() -> None:
    first = opened(calendar())
    assert first["headers"]["content-type"] == "text/calendar; charset=utf-8"
    assert first["headers"]["cache-control"] == "private, max-age=900"
    assert first["body"].startswith("BEGIN:VCALENDAR")
    assert first["body"].count("BEGIN:VEVENT") == 400
    assert "DTSTART:20270315T080000Z" in first["body"]
    tag = first["headers"]["etag"]
    again = opened(calendar(), headers={"If-None-Match": f"W/{tag}"})
    assert (again["statusCode"], again["body"], again["headers"]["etag"]) == (304, "", tag)
    told(member("cleo"), do="take", unit="cards")
    changed = opened(calendar(), headers={"if-none-match": tag})
    assert changed["statusCode"] == 200
    assert "DTEND:20270315T120000Z" in changed["body"]


def test_a_tag_outlives_the_minutes_of_a_day(world: World) -> None:
    tag = opened(calendar("unit:cards"))["headers"]["etag"]
    world.clock.shift(timedelta(hours=3))
    assert opened(calendar("unit:cards"))["headers"]["etag"] == tag


def test_a_units_calendar_names_everybody() -> None:
    body = re.sub(r"\r\n ", "", opened(calendar("unit:cards"))["body"])
    assert {"Ana <b>", "Ben"} <= set(re.findall(r"SUMMARY:Cards: (.+) \(", body))


def test_the_page_names_the_calendars_address_which_works() -> None:
    address = seen(member())["calendar"]
    assert address in opened(member())["body"]
    assert opened(address.removeprefix("https://api.test"))["statusCode"] == 200
