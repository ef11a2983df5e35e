"""Answer cards by night: links that lead nowhere, cards that run out, and how often a card was used."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from allhours.domain import cards
from allhours.domain.cards import Health, Used, health_from_json, health_to_json, offered, used
from allhours.domain.errors import BadInput, Busy
from allhours.domain.organisation import AnswerCard
from allhours.flows.check_cards import CardsChecked, check_cards
from allhours.networks.links import Found, Links
from tests.builders import NOON, an_organisation
from tests.replies import a_reply

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.notice import Notice

DAY = timedelta(days=1)
ON = date(2027, 3, 15)
CARD = AnswerCard(
    card_id="visa",
    unit="cards",
    title="Visa or Mastercard",
    url="https://acmebank.test/visa",
    owner="ana",
    expires="2027-06-30",
    approved_by="ben",
)
WELL = Found(ok=True, found="status 200")
BAD = Found(ok=False, found="status 404")
BROKEN = Health(url=CARD.url, ok=False, since=NOON - DAY, found="status 404", checked_at=NOON)


# Whether a card is offered


def test_a_card_is_offered_until_its_last_day_is_over() -> None:
    assert offered(replace(CARD, expires="2027-03-16"), None, ON).allowed
    over = offered(replace(CARD, expires="2027-03-15"), None, ON)
    assert (over.allowed, over.reason) == (False, "it expired on 2027-03-15")
    assert offered(replace(CARD, expires=""), None, ON).allowed


def test_a_card_whose_link_is_broken_is_not_offered_and_says_since_when() -> None:
    told = offered(CARD, BROKEN, ON)
    assert (told.allowed, told.reason) == (False, "its link is broken since 2027-03-14: status 404")
    assert offered(CARD, replace(BROKEN, ok=True), ON).allowed


def test_what_was_found_of_another_link_says_nothing() -> None:
    assert offered(replace(CARD, url="https://acmebank.test/new"), BROKEN, ON).allowed


def test_health_reads_back_as_it_was_written() -> None:
    assert health_from_json(health_to_json(BROKEN)) == BROKEN
    with pytest.raises(BadInput):
        health_from_json({"url": CARD.url})


# The night


@dataclass
class FakeLinks:
    """Finds what it is told; `looks` lists what it was asked."""

    found: dict[str, list[Found]]
    looks: list[set[str]] = field(default_factory=list)

    def look(self, urls: Collection[str], domains: Sequence[str]) -> Mapping[str, Found]:
        assert domains == ("acmebank.test",)
        self.looks.append(set(urls))
        return {url: each.pop(0) if len(each := self.found[url]) > 1 else each[0] for url in urls}


@dataclass
class FakeStates:
    """Keeps the health of cards; a notice is kept once."""

    kept: dict[str, Health] = field(default_factory=dict)
    notices: dict[str, Notice] = field(default_factory=dict)
    busy: int = 0

    def healths(self, card_ids: Collection[str]) -> Mapping[str, Health]:
        return {card: self.kept[card] for card in card_ids if card in self.kept}

    def put(self, card_id: str, health: Health, told: Notice | None, *, at: datetime) -> None:
        del at
        if self.busy:
            self.busy -= 1
            raise Busy("recording a card's health: Throttled")
        self.kept[card_id] = health
        if told:
            self.tell(told)

    def tell(self, notice: Notice) -> bool:
        new = notice.notice_id not in self.notices
        self.notices.setdefault(notice.notice_id, notice)
        return new


def night(
    states: FakeStates,
    *found: Found,
    card: AnswerCard = CARD,
    at: datetime = NOON,
    others: Sequence[AnswerCard] = (),
) -> CardsChecked:
    everything = {each.url: [WELL] for each in others} | {card.url: list(found)}
    bank = an_organisation(
        answers={each.card_id: each for each in (card, *others)}, domains=("acmebank.test",)
    )
    return check_cards(bank, links=FakeLinks(everything), states=states, at=at)


def test_a_link_that_is_well_is_put_on_record_and_nobody_is_told() -> None:
    states = FakeStates()
    done = night(states, WELL)
    assert states.kept == {
        "visa": Health(url=CARD.url, ok=True, since=NOON, found="status 200", checked_at=NOON)
    }
    assert (done.checked, done.broken, states.notices) == (1, (), {})


def test_a_link_that_breaks_is_told_to_the_unit_with_the_cards_owner_and_once() -> None:
    states = FakeStates()
    for nights in range(3):
        assert night(states, BAD, at=NOON + nights * DAY).broken == ("visa",)
    (told,) = states.notices.values()
    assert (told.event, told.unit, told.accounts) == ("card.broken", "cards", ("acmecards",))
    assert (told.body["owner"], told.body["reason"]) == ("ana", "status 404")
    assert (states.kept["visa"].since, states.kept["visa"].checked_at) == (NOON, NOON + 2 * DAY)


def test_a_link_that_breaks_again_is_told_again() -> None:
    states = FakeStates()
    for nights, found in enumerate((BAD, WELL, BAD)):
        night(states, found, at=NOON + nights * DAY)
    assert len(states.notices) == 2


def test_trouble_that_is_over_at_the_second_look_is_none() -> None:
    states = FakeStates()
    assert night(states, BAD, WELL).broken == ()
    assert states.kept["visa"].ok


def test_another_link_of_a_card_begins_anew() -> None:
    states = FakeStates(kept={"visa": BROKEN})
    night(states, WELL, card=replace(CARD, url="https://acmebank.test/new"))
    assert states.kept["visa"].since == NOON


def test_one_card_that_cannot_be_written_keeps_no_other_from_it() -> None:
    states = FakeStates(busy=1)
    other = replace(CARD, card_id="fees", url="https://acmebank.test/fees")
    done = night(states, WELL, others=[other])
    assert list(states.kept) == ["fees"]
    assert "visa" in done.troubles[0]


def test_the_pages_of_an_example_are_nowhere_and_not_asked_for() -> None:
    done = night(FakeStates(), card=replace(CARD, url="https://acmebank.example/visa"))
    assert (done.checked, done.broken) == (0, ())


@pytest.mark.parametrize(
    ("expires", "told"),
    [("2027-03-29", True), ("2027-03-30", False), ("2027-03-16", True), ("2027-03-15", False), ("", False)],
)
def test_a_card_that_runs_out_within_two_weeks_is_told_of_once(expires: str, *, told: bool) -> None:
    states, card = FakeStates(), replace(CARD, expires=expires)
    for nights in range(2):
        night(states, WELL, card=card, at=NOON + nights * timedelta(hours=1))
    assert [each.event for each in states.notices.values()] == (["card.expires"] if told else [])
    for each in states.notices.values():
        assert each.body == {"card_id": "visa", "title": CARD.title, "owner": "ana", "expires": expires}


# Links


@pytest.fixture
def site() -> Iterator[str]:
    """Serve a small site of ours, and count nothing."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            status, location = PAGES.get(self.path, (404, ""))
            if self.command == "HEAD" and self.path == "/no-head":
                status = 405
            self.send_response(status)
            if location:
                self.send_header("location", location.replace("SITE", f"http://{self.headers['host']}"))
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_HEAD = _answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


PAGES = {
    "/well": (200, ""),
    "/no-head": (200, ""),
    "/moved": (301, "/well"),
    "/moved-whole": (308, "SITE/well"),
    "/round": (302, "/round"),
    "/out": (302, "http://elsewhere.test/"),
    "/file": (302, "file:///etc/passwd"),
    "/gone": (410, ""),
    "/broken": (500, ""),
    "/nowhere": (301, ""),
}


@pytest.mark.parametrize(
    ("path", "ok", "found"),
    [
        ("/well", True, "status 200"),
        ("/no-head", True, "status 200"),
        ("/moved", True, "status 200"),
        ("/moved-whole", True, "status 200"),
        ("/round", False, "more than 5 redirects"),
        ("/out", False, "it leads to elsewhere.test, which is none of our own sites"),
        ("/file", False, "it leads to an address that is not http"),
        ("/gone", False, "status 410"),
        ("/broken", False, "status 500"),
        ("/nowhere", False, "status 301"),
    ],
)
def test_a_link_leads_somewhere_or_says_why_not(site: str, path: str, found: str, *, ok: bool) -> None:
    told = Links(scheme="http").look([site + path], ["127.0.0.1"])
    assert told == {site + path: Found(ok=ok, found=found)}


def test_a_link_of_plain_http_or_of_others_is_not_asked_at_all(site: str) -> None:
    told = Links().look([f"{site}/well"], ["127.0.0.1"])
    assert told[f"{site}/well"].found == "it leads to an address that is not https"
    told = Links(scheme="http").look([f"{site}/well"], ["acmebank.test"])
    assert told[f"{site}/well"].found == "it leads to 127.0.0.1, which is none of our own sites"


def test_a_server_that_says_nothing_is_no_page() -> None:
    told = Links(scheme="http", within=0.2).look(["http://127.0.0.1:9/"], ["127.0.0.1"])
    assert told["http://127.0.0.1:9/"].found == "no answer (ConnectionError)"


def test_several_links_are_each_told_of(site: str) -> None:
    urls = [f"{site}{path}" for path in PAGES]
    told = Links(scheme="http").look(urls, ["127.0.0.1"])
    assert {url for url, each in told.items() if each.ok} == set(urls[:4])


# How often cards are used


def test_the_most_used_card_comes_first_and_no_card_last() -> None:
    replies = [
        *(a_reply(f"a{n}") for n in range(3)),
        a_reply("b1", card="visa"),
        a_reply("b2", card="visa", automatic=True),
        a_reply("c1", card="fees"),
    ]
    assert used(replies) == (
        Used(card_id="visa", answers=2, automatic=1),
        Used(card_id="fees", answers=1, automatic=0),
        Used(card_id="", answers=3, automatic=0),
    )
    assert cards.used([]) == ()
