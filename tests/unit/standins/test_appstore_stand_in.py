"""The stand-in for the App Store, and our client against its tokens, pages, limits and states."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import jwt
import pytest

from allhours.domain.errors import Malformed, RateLimited, Refused
from allhours.networks import appstore
from allhours.networks._appstore import api as _appstore_api
from allhours.networks.http import Reply
from infra.local.standins.appstore import KEY_ID, AppStoreStandIn
from tests.unit.standins.reviews_wire import AT, Clock, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.standins.base import Asked, Told


@pytest.fixture
def site() -> Iterator[AppStoreStandIn]:
    with AppStoreStandIn(clock=Clock()) as site:
        yield site


@pytest.fixture
def desk(site: AppStoreStandIn) -> Desk:
    desk = Desk(site)
    assert desk.heard() == []
    return desk


def test_a_token_is_what_apple_wants(site: AppStoreStandIn, desk: Desk) -> None:
    token = site.asked[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["kid"], header["typ"]) == ("ES256", KEY_ID, "JWT")
    assert claims["aud"] == "appstoreconnect-v1"
    assert claims["iss"] == site.secret["issuer_id"]
    assert 0 < claims["exp"] - claims["iat"] <= 1_200
    assert desk.handle.secret not in token


def test_a_persons_own_key_has_a_subject_and_no_issuer(site: AppStoreStandIn, desk: Desk) -> None:
    desk.secrets.stored[desk.handle.secret].pop("issuer_id")
    desk.poll()
    claims = jwt.decode(
        site.asked[-1].headers["authorization"].removeprefix("Bearer "), options={"verify_signature": False}
    )
    assert claims["sub"] == "user"
    assert "iss" not in claims


@pytest.mark.parametrize(
    "key", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_key_that_is_none_is_refused_in_words(desk: Desk, key: str) -> None:
    desk.secrets.stored[desk.handle.secret]["private_key"] = key
    (step,) = desk.poll()
    assert isinstance(step.trouble, Refused)
    assert ".p8" in str(step.trouble)


def test_our_client_asks_as_apple_documents(
    site: AppStoreStandIn, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appstore, "PAGE", 1)
    site.say("Fry", "One")
    site.say("Leela", "Two")
    items = desk.heard()
    answer = desk.answer(items[0], "Thank you")
    desk.replier.send(desk.handle, answer, at=desk.now())
    first, second, post = site.asked[-3:]
    assert first.path == f"/v1/apps/{site.native_id}/customerReviews"
    assert dict(first.query) == {"sort": "-createdDate", "limit": "1", "include": "response"}
    assert dict(second.query).keys() == {"sort", "limit", "include", "cursor"}
    assert (post.method, post.path) == ("POST", "/v1/customerReviewResponses")


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1/apps/1/customerReviews?cursor=2",
        "http://127.0.0.1:1/v1/x",
        "//evil.example/v1",
        "file:///etc/passwd",
        "/v1/apps/1",
    ],
)
def test_a_next_page_on_another_host_is_not_followed(
    desk: Desk, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.site.say("Leela", "One")
    whole = desk.site.answer

    def elsewhere(asked: Asked) -> Told:
        told = whole(asked)
        told.body["links"]["next"] = link
        return told

    monkeypatch.setattr(desk.site, "answer", elsewhere)
    steps = desk.poll()
    assert [len(step.heard) for step in steps] == [1, 0]
    assert isinstance(steps[-1].trouble, Malformed)
    assert "another host" in str(steps[-1].trouble)


def test_the_hours_last_call_rests_the_next() -> None:
    with AppStoreStandIn(clock=Clock(), calls=2) as site:
        desk = Desk(site)
        desk.poll()
        desk.poll()
        (step,) = desk.poll()
        assert isinstance(step.trouble, RateLimited)
        assert step.trouble.retry_at <= AT + timedelta(hours=1)
        assert len(site.asked) == 2


def test_a_burst_is_too_many_below_the_hourly_number(desk: Desk) -> None:
    desk.site.fail("rate_limited")
    (step,) = desk.poll()
    assert isinstance(step.trouble, RateLimited)
    assert step.trouble.retry_at > AT + timedelta(minutes=5)


def test_a_key_with_another_role_is_refused_with_the_role_it_needs(site: AppStoreStandIn, desk: Desk) -> None:
    site.role = "DEVELOPER"
    (step,) = desk.poll()
    assert "Customer Support" in str(step.trouble)
    assert "FORBIDDEN_ERROR" in str(step.trouble)


def test_edits_are_counted_by_re_reading_and_a_poll_never_brings_one(
    site: AppStoreStandIn, desk: Desk
) -> None:
    native_id = site.say("Leela", "Slow")
    (kept,) = desk.heard()
    site.edit(native_id, "Slower")
    assert desk.heard() == []
    (once,) = desk.reread(kept)
    site.edit(native_id, "Slowest")
    (twice,) = desk.reread(once)
    assert [kept.version, once.version, twice.version] == [0, 1, 2]
    assert desk.reread(kept)[0].version == 1


def test_other_stars_are_an_edit_too(site: AppStoreStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow", stars=1)
    (kept,) = desk.heard()
    site._reviews[native_id].stars = 5
    assert desk.reread(kept)[0].rating == 5


def test_a_response_is_found_while_it_waits_and_when_it_is_published(
    site: AppStoreStandIn, desk: Desk
) -> None:
    site.say("Leela", "Slow")
    (item,) = desk.heard()
    answer = desk.answer(item, "Thank you")
    posted = desk.replier.send(desk.handle, answer, at=desk.now())
    assert site.posts[0].reply is not None
    assert site.posts[0].reply.state == "PENDING_PUBLISH"
    assert desk.replier.find(desk.handle, answer, at=desk.now()) == posted
    site.publish()
    assert desk.replier.find(desk.handle, answer, at=desk.now()) == posted
    ((_, shown),) = desk.network._page(desk.handle, desk.now(), None).posts  # type: ignore[attr-defined]
    known = shown.answer_needs
    assert (known["reply_state"], known["response_id"]) == ("PUBLISHED", posted.native_id)


def test_health_tells_how_much_of_the_hour_is_used() -> None:
    with AppStoreStandIn(clock=Clock(), calls=4) as site:
        health = Desk(site).setup.health(Desk(site).handle, callback="", at=AT)
    assert health.quota_used == 0.25
    assert "3 of 4" in health.quota


def test_a_review_that_apple_lost_between_two_calls_is_gone(site: AppStoreStandIn, desk: Desk) -> None:
    native_id = site.say("Leela", "Slow")
    (kept,) = desk.heard()
    site.delete(native_id)
    assert [item.change.value for item in desk.reread(kept)] == ["deleted"]
    assert desk.reread(replace(kept, version=3))[0].version == 4


def test_what_apple_says_of_its_hour_is_read_or_let_be() -> None:
    told = Reply(
        status=200, headers={"x-rate-limit": "user-hour-lim:3600;user-hour-rem:3571;"}, body=b"", url=""
    )
    assert _appstore_api.hourly(told) == {"lim": 3600, "rem": 3571}
    assert _appstore_api.hourly(replace(told, headers={"x-rate-limit": "gibberish"})) == {}
