"""The stand-in for Google Play against Google's own description of the API, and our client against both."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.errors import OverBudget, RateLimited
from allhours.networks import _reviews, googleplay
from allhours.networks.contract import Rereader
from allhours.networks.http import Http
from infra.local.standins.googleplay import GooglePlayStandIn
from tests.shared_material import specs
from tests.unit.standins.discovery import Discovery
from tests.unit.standins.reviews_wire import AT, Clock, CountedCalls, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST, GET, REPLY = (f"androidpublisher.reviews.{name}" for name in ("list", "get", "reply"))


@pytest.fixture
def discovery() -> Discovery:
    return Discovery(specs("reviews", "androidpublisher.v3.json"))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with GooglePlayStandIn(clock=Clock()) as site:
        yield Desk(site)


def test_what_the_stand_in_answers_is_what_google_describes(desk: Desk, discovery: Discovery) -> None:
    site = desk.site
    assert isinstance(site, GooglePlayStandIn)
    native_id = site.say("Leela", "Since the update I cannot log in", title="Login broken", stars=1)
    site.brand_says("Thank you", reply_to=native_id)
    listed = _asked(desk, "/reviews?maxResults=1")
    assert listed["reviews"][0]["comments"][0]["userComment"]["text"].partition("\t")[0] == "Login broken"
    assert isinstance(listed["reviews"][0]["comments"][0]["userComment"]["lastModified"]["seconds"], str)
    assert discovery.wrong("ReviewsListResponse", listed) == []
    assert discovery.wrong("Review", _asked(desk, f"/reviews/{native_id}")) == []
    assert discovery.wrong("Review", {"reviewId": 7, "else": 1}) != []


def test_what_our_client_sends_is_what_google_describes(
    desk: Desk, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(googleplay, "PAGE", 1)
    desk.poll()
    desk.site.say("Fry", "One")
    desk.site.say("Leela", "Two")
    items = desk.heard()
    answer = desk.answer(items[0], "Thank you")
    desk.replier.send(desk.handle, answer, at=desk.now())
    desk.replier.find(desk.handle, answer, at=desk.now())
    asked = [each for each in desk.site.asked if "/androidpublisher/" in each.path]
    assert [discovery.wrong_request(LIST, each) for each in asked[1:3]] == [[], []]
    assert dict(asked[2].query)["token"]
    assert discovery.wrong_request(REPLY, asked[3]) == []
    assert discovery.wrong_request(GET, asked[4]) == []
    assert discovery.wrong_request(GET, asked[3]) != []


def test_the_assertion_is_a_service_accounts_for_the_right_scope(desk: Desk) -> None:
    desk.poll()
    site = desk.site
    assert isinstance(site, GooglePlayStandIn)
    assert site.sign_in.scopes == ["https://www.googleapis.com/auth/androidpublisher"]


def test_one_token_serves_many_polls_and_is_replaced_before_it_ends(desk: Desk) -> None:
    for _ in range(3):
        desk.poll()
    assert len(_grants(desk)) == 1
    desk.site.clock.moves(minutes=59)  # type: ignore[attr-defined]
    desk.poll()
    assert len(_grants(desk)) == 2


def test_another_secret_gets_another_token(desk: Desk) -> None:
    desk.poll()
    desk.secrets.stored[desk.handle.secret]["client_email"] = "somebody@else.example"
    (step,) = desk.poll()
    assert "no access token" in str(step.trouble)


@pytest.mark.parametrize(
    "key", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_key_that_is_none_is_refused_in_words(desk: Desk, key: str) -> None:
    desk.secrets.stored[desk.handle.secret]["private_key"] = key
    (step,) = desk.poll()
    assert "private_key is no RSA key" in str(step.trouble)
    assert "googleplay/acme" in str(step.trouble)


def test_a_key_with_its_line_ends_written_out_is_taken(desk: Desk) -> None:
    fields = desk.secrets.stored[desk.handle.secret]
    fields["private_key"] = fields["private_key"].replace("\n", "\\n")
    assert [step.trouble for step in desk.poll()] == [None]


def test_the_hours_quota_ends_the_poll_and_is_told_by_its_reason() -> None:
    with GooglePlayStandIn(clock=Clock(), calls=1) as site:
        desk = Desk(site)
        desk.poll()
        (step,) = desk.poll()
    assert isinstance(step.trouble, RateLimited)
    assert step.cursor["reviews"]["not_before"] > AT.timestamp()


def test_every_read_is_counted_and_the_ceiling_stops_before_the_call() -> None:
    with GooglePlayStandIn(clock=Clock()) as site:
        meter = CountedCalls(room_for=2)
        desk = Desk(site, meter=meter)
        desk.poll()
        desk.poll()
        reads = len(_reads(desk))
        (step,) = desk.poll()
        assert isinstance(step.trouble, OverBudget)
        assert len(_reads(desk)) == reads == len(meter.spent) == 2


def test_a_day_of_reads_stays_under_four_fifths_of_the_budget() -> None:
    """Kept reviews older than the list are asked for one by one, and there are always more of them."""
    with GooglePlayStandIn(clock=Clock()) as site:
        meter = CountedCalls(room_for=10_000)
        desk = Desk(site, meter=meter)
        for number in range(60):
            site.say("Leela", f"Slow {number}")
        kept = desk.heard()
        site.clock.moves(days=30)  # type: ignore[attr-defined]
        meter.spent.clear()
        assert isinstance(desk.network, Rereader)
        list(desk.network.reread(desk.handle, kept, at=desk.now()))
        a_reread = sum(meter.spent) + _reviews.LISTED_PAGES - 1
    budget = googleplay.capabilities.budget
    assert budget is not None
    quarters = timedelta(days=1) // timedelta(minutes=15)
    polls, care = 3 * quarters, 24  # a busy app's three days fill three pages
    assert quarters * a_reread + polls + care < 0.8 * budget.a_day


def test_html_is_taken_out_of_a_reply_and_it_is_found_all_the_same(desk: Desk) -> None:
    desk.site.say("Leela", "Slow")
    answer = desk.answer(desk.heard()[0], "Update to <b>4.12.1</b>, please")
    desk.replier.send(desk.handle, answer, at=desk.now())
    assert desk.site.shown[0].text == "Update to 4.12.1, please"
    assert desk.replier.find(desk.handle, answer, at=desk.now()) is not None


def test_an_overwritten_review_comes_back_newer_and_is_called_an_edit_when_we_replied_before(
    desk: Desk,
) -> None:
    native_id = desk.site.say("Leela", "Slow")
    (first,) = desk.heard()
    desk.site.brand_says("Thank you", reply_to=native_id)
    desk.site.clock.moves(minutes=1)  # type: ignore[attr-defined]
    desk.site.edit(native_id, "Slower")
    (again,) = desk.heard()
    assert (again.native_id, again.text, again.change.value) == (native_id, "Slower", "edited")
    assert again.version > first.version


def test_a_review_older_than_the_week_is_asked_for_by_its_id(desk: Desk) -> None:
    native_id = desk.site.say("Leela", "Slow")
    (kept,) = desk.heard()
    desk.site.clock.moves(days=8)  # type: ignore[attr-defined]
    assert desk.reread(kept) == []
    assert desk.site.asked[-1].path.endswith(f"/reviews/{native_id}")
    desk.site.delete(native_id)
    assert [item.change.value for item in desk.reread(kept)] == ["deleted"]


def test_the_permalink_needs_the_consoles_own_ids(desk: Desk) -> None:
    desk.site.say("Leela", "Slow")
    assert desk.heard()[0].permalink == ""


def _grants(desk: Desk) -> list[object]:
    return [each for each in desk.site.asked if each.path == "/token"]


def _reads(desk: Desk) -> list[object]:
    return [each for each in desk.site.asked if "/reviews" in each.path]


def _asked(desk: Desk, path: str) -> Any:
    headers = desk.network._google.headers(desk.handle, at=desk.now())  # type: ignore[attr-defined]
    url = f"{desk.handle.base_url}/androidpublisher/v3/applications/{desk.handle.native_id}{path}"
    return Http().call("googleplay", "GET", url, headers=headers).json()
