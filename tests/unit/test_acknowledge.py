"""Acknowledging and handing back: twice is once, an old link does nothing, and everything is told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from allhours.domain import page
from allhours.domain.organisation import OnDuty
from allhours.flows.acknowledge import Acknowledged, acknowledge, release
from allhours.flows.forward import send_pages
from tests.builders import NOON, FakePages, FakeReaches, a_case, a_switchboard, an_organisation

BANK = an_organisation()
DUTY = OnDuty(unit="cards", desk="london", members=("ana",), because="day", since=0, until=1)
URGENT = page.urgent(a_case(), DUTY, "rule stolen", NOON)
TEST = page.trial("ana", "cards", "2027-W11", 28_800, NOON)
LATER = NOON + timedelta(minutes=3)


def taken(
    pages: FakePages,
    serial: int | None = 0,
    by: str = "ana",
    page_id: str = URGENT.page_id,
    reaches: FakeReaches | None = None,
) -> Acknowledged:
    return acknowledge(
        page_id,
        serial,
        by,
        pages=pages,
        reaches=reaches or FakeReaches(),
        organisation=BANK,
        at=LATER,
    )


def back(pages: FakePages, serial: int | None = 0) -> Acknowledged:
    return release(URGENT.page_id, serial, "ana", pages=pages, organisation=BANK, at=LATER)


def events(pages: FakePages) -> list[str]:
    return [one.event for one in pages.notices]


def test_the_first_tap_takes_the_page_and_the_second_says_who_has_it() -> None:
    pages = FakePages(written=[URGENT])
    assert taken(pages).outcome == "acknowledged"
    again = taken(pages, by="ben")
    assert again.outcome == "already"
    assert again.called
    assert again.called.climb
    assert (again.called.climb.acknowledged_by, again.called.climb.acknowledged_at) == ("ana", LATER)
    assert events(pages) == ["page.acknowledged"]
    assert pages.notices[0].accounts == ("acmecards",)
    assert pages.notices[0].body["by"] == "ana"


def test_a_link_from_before_a_release_is_used_up_and_the_new_one_works() -> None:
    pages = FakePages(written=[URGENT])
    taken(pages)
    assert back(pages).outcome == "released"
    assert (taken(pages).outcome, back(pages).outcome) == ("used", "used")
    assert taken(pages, serial=1, by="ben").outcome == "acknowledged"
    assert events(pages) == ["page.acknowledged", "page.released", "page.acknowledged"]
    assert len({one.notice_id for one in pages.notices}) == 3


def test_only_a_page_that_somebody_has_is_handed_back() -> None:
    pages = FakePages(written=[URGENT])
    assert back(pages).outcome == "already"
    assert back(FakePages()).outcome == "gone"
    assert events(pages) == []


def test_a_page_that_is_gone_is_gone() -> None:
    assert taken(FakePages()) == Acknowledged(outcome="gone")


def test_an_acknowledgement_that_meets_another_write_looks_again() -> None:
    pages = FakePages(written=[URGENT])
    pages.meanwhile.append(lambda: taken(pages, by="ben"))
    assert taken(pages).outcome == "already"
    assert pages.climb(URGENT.page_id).acknowledged_by == "ben"
    assert events(pages) == ["page.acknowledged"]


def test_an_acknowledged_test_page_tells_that_its_member_is_reached() -> None:
    pages, reaches = FakePages(written=[TEST]), FakeReaches()
    assert taken(pages, page_id=TEST.page_id, reaches=reaches).outcome == "acknowledged"
    assert reaches.known["ana"].reached_at == LATER


def test_who_takes_a_bundle_takes_every_page_that_it_names_and_nobody_has() -> None:
    others = [replace(URGENT, page_id=f"urgent#{name}") for name in ("first", "second")]
    both = replace(
        URGENT, page_id="bundle#ana#1", severity="warning", about=("urgent#first", "urgent#second")
    )
    pages = FakePages(written=[*others, both])
    taken(pages, by="ben", page_id="urgent#first")
    assert taken(pages, page_id="bundle#ana#1").outcome == "acknowledged"
    assert taken(pages, page_id="bundle#ana#1").outcome == "already"
    climbs = {one: called.climb for one in ("urgent#first", "urgent#second") if (called := pages.load(one))}
    assert {one: climb.acknowledged_by for one, climb in climbs.items() if climb} == {
        "urgent#first": "ben",
        "urgent#second": "ana",
    }


def test_a_test_page_carries_a_link_and_does_not_climb() -> None:
    pages = FakePages(written=[TEST])
    send_pages([TEST.page_id], board=a_switchboard(pages, organisation=BANK), at=NOON).check()
    assert pages.rows[TEST.page_id].climb is None


def test_by_command_any_serial_is_the_present_one() -> None:
    pages = FakePages(written=[URGENT])
    assert taken(pages, serial=None).outcome == "acknowledged"
    assert back(pages, serial=None).outcome == "released"
    assert taken(pages, serial=None).outcome == "acknowledged"
