"""What the four review sites promise alike: nothing lost, edits and deletions found, trouble told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.errors import Malformed, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Item, Kind, Skipped, Unreadable, item_to_json
from allhours.networks import _reviews, network_module
from allhours.networks.contract import Rereader, Source
from allhours.networks.paging import FetchedPosts
from infra.local.standins.appstore import AppStoreStandIn
from infra.local.standins.googlebusiness import GoogleBusinessStandIn
from infra.local.standins.googleplay import GooglePlayStandIn
from infra.local.standins.trustpilot import TrustpilotStandIn
from tests.unit.standins.reviews_wire import AT, Clock, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.networks.paging import Marks
    from infra.local.standins._reviews_world import ReviewSite

SITES = (GooglePlayStandIn, AppStoreStandIn, GoogleBusinessStandIn, TrustpilotStandIn)
FIXTURES = Path(__file__).parents[2] / "fixtures"
BODIES = sorted(
    path
    for site in SITES
    for path in (FIXTURES / site.name).glob("*.json")
    if not path.name.endswith(".item.json")
)


@pytest.fixture(params=SITES, ids=lambda site: site.name)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A handle at a site on which nobody has written, read once."""
    site: ReviewSite = request.param(clock=Clock())
    with site:
        desk = Desk(site)
        assert desk.heard() == []
        yield desk


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_fixture_becomes_the_items_beside_it(path: Path) -> None:
    module = network_module(path.parent.name)
    site = next(each for each in SITES if each.name == path.parent.name)
    handle = Handle(
        network=site.name,
        account="acme",
        unit="cards",
        handle="Acme",
        base_url=module.capabilities.base_url,
        native_id=site.usual_id,
    )
    items = [each for each in module.parse(path.read_bytes(), handle, AT) if isinstance(each, Item)]
    assert [item_to_json(item) for item in items] == json.loads(path.with_suffix(".item.json").read_bytes())


NO_ITEMS = {  # id, and reason or field, in the order of the body; ("", field) where there is no id to read
    "googleplay": [
        ("gp:AOqpTOE0007", "lastModified"),
        ("gp:AOqpTOE0008", "starRating"),
        ("gp:AOqpTOE0009", "comments"),
        ("", "reviewId"),
    ],
    "appstore": [
        ("00000054-aab0", "rating"),
        ("00000054-aab1", "createdDate"),
        ("00000054-aab2", "attributes"),
        ("", "id"),
    ],
    "googlebusiness": [
        ("AbFv0012", "starRating"),
        ("AbFv0013", "createTime"),
        ("AbFv0014", "neither words nor stars"),
        ("", "reviewId"),
    ],
    "trustpilot": [("655b000a", "stars"), ("655b000b", "text"), ("655b000c", "createdAt"), ("", "id")],
}


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_what_becomes_no_item_is_named_by_its_id_and_field(site: type[ReviewSite]) -> None:
    handle = Handle(network=site.name, account="a", unit="u", handle="h", base_url="https://x.example")
    body = (FIXTURES / site.name / "out_of_shape.json").read_bytes()
    heard = network_module(site.name).parse(body, handle, AT)
    named = [(each.native_id, each.field) for each in heard if isinstance(each, Unreadable)]
    named += [(each.native_id, each.reason) for each in heard if isinstance(each, Skipped)]
    assert sorted(named) == sorted(NO_ITEMS[site.name])


def test_what_trustpilot_pushes_of_other_things_is_skipped_with_its_reason() -> None:
    handle = Handle(network="trustpilot", account="a", unit="u", handle="h", base_url="https://x.example")
    heard = network_module("trustpilot").parse(
        (FIXTURES / "trustpilot" / "pushed.json").read_bytes(), handle, AT
    )
    skipped = [(each.native_id, each.reason) for each in heard if isinstance(each, Skipped)]
    assert skipped == [("77aa", "review of a product"), ("655b0004", "event of another kind")]


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'"text"', b'{"else": 1}', b"[" * 100_000])
def test_a_body_of_something_else_is_malformed(site: type[ReviewSite], body: bytes) -> None:
    handle = Handle(network=site.name, account="a", unit="u", handle="h", base_url="https://x.example")
    with pytest.raises(Malformed):
        network_module(site.name).parse(body, handle, AT)


def test_the_module_offers_what_the_contract_asks(desk: Desk) -> None:
    assert isinstance(desk.network, Source)
    assert isinstance(desk.network, Rereader)
    assert desk.module.capabilities.name == desk.site.name
    assert not desk.module.capabilities.authors_by_look_up


def test_a_review_is_a_public_item_with_stars_and_a_case_of_its_own(desk: Desk) -> None:
    native_id = desk.site.say("Leela", "Nobody answers the phone", title="Silence", stars=1)
    desk.site.say("Leela", "And nobody answers letters", stars=2)
    first = next(item for item in desk.heard() if item.native_id == native_id)
    assert (first.kind, first.rating, first.author.name) == (Kind.REVIEW, 1, "Leela")
    assert first.conversation_id == native_id
    assert "Nobody answers the phone" in first.text


def test_two_people_of_one_name_are_two_authors(desk: Desk) -> None:
    if desk.site.name == "trustpilot":
        pytest.skip("Trustpilot tells who somebody is")
    desk.site.say("Maria", "One")
    desk.site.say("Maria", "Two")
    assert len({item.author.author_id for item in desk.heard()}) == 2


def test_an_idle_poll_writes_nothing(desk: Desk) -> None:
    desk.site.say("Leela", "Once")
    desk.poll()
    before = desk.cursor
    assert all(step.cursor is before and step.heard == () for step in desk.poll())


def test_a_burst_beyond_the_page_budget_is_heard_with_the_next_polls(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.module, "PAGES", 2)
    monkeypatch.setattr(desk.module, "PAGE", 20)
    said = {desk.site.say("Leela", f"Number {number}") for number in range(70)}
    heard = {item.native_id for item in desk.heard()}
    assert len(heard) == 40
    said.add(desk.site.say("Fry", "While they were still reading"))
    for _ in range(4):
        heard |= {item.native_id for item in desk.heard()}
    assert heard == said


def test_a_page_token_that_no_longer_holds_costs_the_walk_and_no_review(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    if desk.site.name == "trustpilot":
        pytest.skip("Trustpilot's pages have numbers")
    monkeypatch.setattr(desk.module, "PAGES", 2)
    monkeypatch.setattr(desk.module, "PAGE", 20)
    said = {desk.site.say("Leela", f"Number {number}") for number in range(50)}
    heard = {item.native_id for item in desk.heard()}
    assert heard < said
    desk.site.end_pages()
    for _ in range(3):
        heard |= {item.native_id for item in desk.heard()}
    assert heard == said


def test_a_review_that_the_site_held_back_is_heard_when_it_appears(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.module, "PAGE", 1)
    held = desk.site.say("Leela", "Held back for a look")
    desk.site.hold(held)
    for name in ("Amy", "Fry"):
        desk.site.clock.moves(days=1)  # type: ignore[attr-defined]
        desk.site.say(name, "Newer")
    assert {item.author.name for item in desk.heard()} == {"Amy", "Fry"}
    desk.site.hold(held, held=False)
    assert [item.native_id for item in desk.heard()] == [held]


def test_the_first_poll_leaves_the_years_before_it_alone() -> None:
    with GoogleBusinessStandIn(clock=Clock()) as site:
        desk = Desk(site)
        site.say("Fry", "Years ago", at=AT - timedelta(days=700))
        site.say("Leela", "Yesterday", at=AT - timedelta(days=1))
        answered = site.say("Amy", "Answered yesterday", at=AT - timedelta(days=1))
        site.brand_says("Thank you", reply_to=answered)
        edited = site.say("Zapp", "Answered, and then", at=AT - timedelta(days=1))
        site.brand_says("Thank you", reply_to=edited)
        site.edit(edited, "Answered, and then worse")
        heard = [each for step in desk.poll() for each in step.heard]
    assert {each.author.name for each in heard if isinstance(each, Item)} == {"Leela", "Zapp"}
    skipped = {each.reason for each in heard if isinstance(each, Skipped)}
    assert skipped == {_reviews.BEFORE_US, _reviews.ANSWERED}


def test_an_edit_is_found_and_keeps_the_day_it_was_first_said(desk: Desk) -> None:
    native_id = desk.site.say("Leela", "Slow")
    (kept,) = desk.heard()
    desk.site.clock.moves(hours=1)  # type: ignore[attr-defined]
    desk.site.edit(native_id, "Slower")
    (again,) = desk.reread(kept)
    assert again.change is Change.EDITED
    assert again.version > kept.version
    assert again.created_at == kept.created_at
    assert "Slower" in again.text
    assert desk.reread(again) == []


def test_a_review_that_is_gone_is_a_deletion_and_carries_no_words(desk: Desk) -> None:
    native_id = desk.site.say("Leela", "Forget this")
    desk.site.say("Fry", "Keep this")
    kept = desk.heard()
    desk.site.delete(native_id)
    (gone,) = desk.reread(*kept)
    assert (gone.native_id, gone.change, gone.text) == (native_id, Change.DELETED, "")


@pytest.mark.parametrize("fault", ["rate_limited", "server_error", "cut", "malformed", "refused_token"])
def test_trouble_of_the_site_deletes_nothing(desk: Desk, fault: str) -> None:
    native_id = desk.site.say("Leela", "Forget this")
    kept = desk.heard()
    desk.site.delete(native_id)
    desk.site.fail(fault, 2)
    with pytest.raises((RateLimited, Unreachable, Malformed, Refused)):
        desk.reread(*kept)


def test_a_re_read_asks_for_few_single_reviews_and_gets_round_to_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reviews, "MOST_SINGLY", 3)
    ids = [desk.site.say("Leela", f"Number {number}") for number in range(8)]
    kept = desk.heard()
    for native_id in ids:
        desk.site.delete(native_id)
    gone: set[str] = set()
    for _ in range(8):
        desk.site.clock.moves(minutes=15)  # type: ignore[attr-defined]
        found = desk.reread(*kept)
        assert len(found) == 3
        gone |= {item.native_id for item in found}
    assert gone == set(ids)


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("refused_token", Refused),
    ],
)
def test_a_fault_is_told_as_what_it_is_and_loses_nothing(
    desk: Desk, fault: str, trouble: type[Exception]
) -> None:
    desk.site.say("Leela", "Still there")
    desk.site.fail(fault)
    steps = desk.poll()
    assert [type(step.trouble) for step in steps] == [trouble]
    desk.site.clock.moves(hours=2)  # type: ignore[attr-defined]
    assert len(desk.heard()) == 1


def test_a_token_that_ran_out_is_replaced_within_the_poll(desk: Desk) -> None:
    desk.site.say("Leela", "Still there")
    desk.site.fail("expired_token")
    assert len(desk.heard()) == 1


def test_what_comes_late_or_twice_is_heard(desk: Desk) -> None:
    desk.site.say("Leela", "One")
    desk.site.fail("late")
    assert desk.heard() == []
    desk.site.fail("duplicate")
    assert {item.author.name for item in desk.heard()} == {"Leela"}


def test_a_secret_or_a_header_is_never_told(desk: Desk) -> None:
    desk.site.fail("refused_token")
    (step,) = desk.poll()
    said = f"{step.trouble!r} {step.trouble}"
    for value in (*desk.site.secret.values(), *desk.site.app_secret.values()):
        assert value not in said
    assert f"{desk.site.name}/acme" in said


def test_our_reply_below_a_review_is_known_and_masked(desk: Desk) -> None:
    native_id = desk.site.say("Leela", "Help")
    desk.site.brand_says("Write to ana@example.org please", reply_to=native_id)
    (item,) = desk.heard()
    assert item.answer_needs["reply"] == "Write to [e-mail] please"
    assert item.answer_needs["replied_at"]


# The walk itself, on a list in memory.


class Listed:
    """A list, newest first, of marks that are also ids."""

    def __init__(self) -> None:
        self.marks: list[int] = []

    def read(self, token: str | None) -> FetchedPosts:
        start = int(token or 0)
        page = sorted(self.marks, reverse=True)[start : start + 3]
        more = start + 3 < len(self.marks)
        found = tuple((str(mark), Skipped(network="n", native_id=str(mark), reason="r")) for mark in page)
        return FetchedPosts(posts=found, older=str(start + 3) if more else None)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_every_review_is_heard_whatever_arrives_and_whenever_a_poll_dies(
    turns: list[tuple[int, int]],
) -> None:
    listed = Listed()
    marks: Marks = {}
    heard: set[str] = set()
    at = datetime(2026, 11, 20, tzinfo=UTC)
    clock = _reviews.milliseconds(at)
    for arrive, dies_after in turns:
        for _ in range(arrive):
            clock += 1
            listed.marks.append(clock)
        for number, (found, after) in enumerate(_reviews.walk(listed.read, marks, pages=2, at=at)):
            heard |= {each.native_id for each in found}
            if number == dies_after:
                break
            marks = after
    for _ in range(20):
        for found, after in _reviews.walk(listed.read, marks, pages=2, at=at):
            heard |= {each.native_id for each in found}
            marks = after
    first_page_only = {str(mark) for mark in listed.marks} - heard
    assert all(int(each) <= int(marks["low"]) for each in first_page_only)
    after_the_start = {str(mark) for mark in listed.marks[turns[0][0] :]}
    assert after_the_start <= heard
