"""The stand-in for Google Business Profile against Google's descriptions, our client, and its setup."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from allhours.domain.errors import Refused
from allhours.networks import googlebusiness
from allhours.networks.contract import DefiniteNo, ReceiptReader
from allhours.networks.http import Http
from infra.local.standins._google import CLIENT
from infra.local.standins.googlebusiness import GoogleBusinessStandIn
from tests.shared_material import specs
from tests.unit.standins.discovery import Discovery
from tests.unit.standins.reviews_wire import Clock, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.domain.item import Item

NEWER = frozenset({"reviewReplyState", "policyViolation", "reviewReplyUrl", "reviewMediaItems"})
REVIEWS = "mybusiness.accounts.locations.reviews"
REDIRECT = "http://127.0.0.1:49152/"


@pytest.fixture
def discovery() -> Discovery:
    return Discovery(specs("reviews", "google-business-profile", "legacy-v4.json"), newer=NEWER)


@pytest.fixture
def site() -> Iterator[GoogleBusinessStandIn]:
    with GoogleBusinessStandIn(clock=Clock()) as site:
        yield site


@pytest.fixture
def desk(site: GoogleBusinessStandIn) -> Desk:
    return Desk(site)


def said(desk: Desk, text: str = "Queued for an hour") -> Item:
    native_id = desk.site.say("Leela", text)
    return next(item for item in desk.heard() if item.native_id == native_id)


def asked_for(desk: Desk, path: str) -> bytes:
    """Return what the stand-in answers at a path of the location."""
    headers = desk.network._google.headers(desk.handle, at=desk.now())  # type: ignore[attr-defined]
    url = f"{desk.handle.base_url}/v4/{desk.handle.native_id}/{path}"
    return Http().call("googlebusiness", "GET", url, headers=headers).body


def test_what_the_stand_in_answers_is_what_google_describes(
    site: GoogleBusinessStandIn, desk: Desk, discovery: Discovery
) -> None:
    native_id = site.say("anonymous", "Queued", stars=1)
    site.say("Fry", "", stars=5)
    site.brand_says("Thank you", reply_to=native_id)
    for path, schema in (("reviews?pageSize=1", "ListReviewsResponse"), (f"reviews/{native_id}", "Review")):
        assert discovery.wrong(schema, json.loads(asked_for(desk, path))) == []
    assert discovery.wrong("Review", {"starRating": "SIX"}) != []


def test_what_our_client_sends_is_what_google_describes(
    site: GoogleBusinessStandIn, desk: Desk, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(googlebusiness, "PAGE", 1)
    desk.poll()
    site.say("Fry", "One")
    answer = desk.answer(said(desk), "Thank you")
    posted = desk.replier.send(desk.handle, answer, at=desk.now())
    desk.replier.find(desk.handle, answer, at=desk.now())
    desk.replier.withdraw(desk.handle, posted, at=desk.now())  # type: ignore[attr-defined]
    asked = [each for each in site.asked if each.path.startswith("/v4/")]
    kinds = ["list", "list", "list", "updateReply", "get", "deleteReply"]
    assert [
        discovery.wrong_request(f"{REVIEWS}.{kind}", each) for kind, each in zip(kinds, asked, strict=True)
    ] == [[] for _ in kinds]
    assert discovery.wrong_request(f"{REVIEWS}.get", asked[3]) != []


def test_stars_alone_are_an_item_without_words(desk: Desk) -> None:
    desk.site.say("Fry", "", stars=4)
    (item,) = desk.heard()
    assert (item.text, item.rating, item.version) == ("", 4, 0)


def test_who_stays_anonymous_has_no_name(desk: Desk) -> None:
    desk.site.say("anonymous", "Queued")
    (item,) = desk.heard()
    assert item.author.name == ""
    assert item.author.author_id == f"review:{item.native_id}"


def test_the_original_is_kept_and_the_translation_is_not(site: GoogleBusinessStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Der Automat hat meine Karte gefressen")
    site.translated.add(native_id)
    assert desk.heard()[0].text == "Der Automat hat meine Karte gefressen"


def test_a_project_that_was_never_approved_needs_a_person_and_not_patience(
    site: GoogleBusinessStandIn, desk: Desk
) -> None:
    site.approved = False
    (step,) = desk.poll()
    assert isinstance(step.trouble, Refused)
    assert "request form" in str(step.trouble)
    site.approved = True
    answer = desk.answer(said(desk), "Thank you")
    site.approved = False
    with pytest.raises(DefiniteNo, match="request form") as no:
        desk.replier.send(desk.handle, answer, at=desk.now())
    assert no.value.again_at is None


def test_a_reply_that_waits_for_moderation_counts_as_posted_and_its_end_is_told(
    site: GoogleBusinessStandIn, desk: Desk
) -> None:
    site.moderating = True
    good, bad = desk.answer(said(desk), "Thank you"), desk.answer(said(desk), "Take this voucher")
    for answer in (good, bad):
        posted = desk.replier.send(desk.handle, answer, at=desk.now())
        assert desk.replier.find(desk.handle, answer, at=desk.now()) == posted
    assert isinstance(desk.replier, ReceiptReader)
    assert {each.state for each in desk.replier.receipts(asked_for(desk, "reviews"))} == {"sent"}
    site.moderate()
    told = {each.native_id: each for each in desk.replier.receipts(asked_for(desk, "reviews"))}
    assert told[good.item.native_id].state == "delivered"
    assert told[bad.item.native_id].state == "failed"
    assert "promotional content" in told[bad.item.native_id].detail


def test_a_reply_refused_at_once_is_a_no_with_the_reason(desk: Desk) -> None:
    answer = desk.answer(said(desk), "Take this voucher")
    with pytest.raises(DefiniteNo, match="promotional content") as no:
        desk.replier.send(desk.handle, answer, at=desk.now())
    assert no.value.again_at is None


@pytest.mark.parametrize("body", [b"{}", b'{"reviews": 7}', b'{"reviews": [7, {"reviewReply": 7}]}'])
def test_receipts_of_something_else_are_none(desk: Desk, body: bytes) -> None:
    assert isinstance(desk.replier, ReceiptReader)
    assert desk.replier.receipts(body) == ()


def test_a_native_id_that_is_no_location_is_refused_before_a_call(desk: Desk) -> None:
    desk.handle = replace(desk.handle, native_id="locations/202?x=")
    (step,) = desk.poll()
    assert "accounts/…/locations/…" in str(step.trouble)
    assert desk.site.asked == []


# Setting up.


def consented(site: GoogleBusinessStandIn, desk: Desk, *, verifier: str = "v" * 43) -> dict[str, str]:
    """Open the consent page and give its code back."""
    page = desk.setup.consent(desk.handle, CLIENT, redirect=REDIRECT, state="s1", verifier="v" * 43)
    assert page.startswith(site.base_url)
    reply = Http().call("googlebusiness", "GET", page)
    back = dict(parse_qsl(urlsplit(reply.headers["location"]).query))
    assert reply.headers["location"].startswith(REDIRECT)
    assert back["state"] == "s1"
    return dict(
        desk.setup.exchange(
            desk.handle, CLIENT, code=back["code"], redirect=REDIRECT, verifier=verifier, at=desk.now()
        )
    )


def test_consent_brings_a_refresh_token_and_a_read_proves_it(site: GoogleBusinessStandIn, desk: Desk) -> None:
    fields = consented(site, desk)
    assert fields == {"refresh_token": site.sign_in.refresh_token}
    assert site.sign_in.scopes == ["https://www.googleapis.com/auth/business.manage"]
    desk.secrets.stored[desk.handle.secret] = fields
    assert desk.setup.identify(desk.handle, at=desk.now()).native_id == site.native_id
    assert desk.setup.health(desk.handle, callback="", at=desk.now()).token_expires is None
    assert not desk.setup.renew(desk.handle, at=desk.now())
    assert "polled" in desk.setup.register(desk.handle, callback="https://x.example", at=desk.now())[0]


def test_a_code_with_another_verifier_brings_nothing(site: GoogleBusinessStandIn, desk: Desk) -> None:
    with pytest.raises(Refused, match="invalid_grant"):
        consented(site, desk, verifier="w" * 43)


def test_a_consent_of_an_app_in_testing_ends_and_health_says_when() -> None:
    with GoogleBusinessStandIn(clock=Clock(), testing=True) as site:
        desk = Desk(site)
        desk.secrets.stored[desk.handle.secret] = consented(site, desk)
        health = desk.setup.health(desk.handle, callback="", at=desk.now())
    assert health.token_expires is not None
    assert 6 < (health.token_expires - desk.now()).days + 1 <= 7
    assert "publish" in health.notes[0]


def test_a_handle_without_a_location_is_told_those_of_the_manager(desk: Desk) -> None:
    found = desk.setup.identify(replace(desk.handle, native_id=""), at=desk.now())
    assert (found.native_id, found.name) == ("accounts/101/locations/202", "Acme, Main Street")
