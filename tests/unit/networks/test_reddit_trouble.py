"""What Reddit's many ways of saying no mean for a poll."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Expired, Malformed, RateLimited, Refused, Unreachable
from allhours.networks._reddit.api import Session
from allhours.networks.http import Http, Reply
from allhours.networks.reddit import connect
from infra.local.standins.base import now
from infra.local.standins.reddit import RedditStandIn
from tests.unit.standins.forum_wire import FakeCredentials, FreeMeter, Poller, credentials_for, handle_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allhours.networks.contract import Fetched
    from allhours.networks.reddit import Reddit

SECOND = timedelta(seconds=1)


@pytest.fixture
def stand_in() -> Iterator[RedditStandIn]:
    with RedditStandIn() as stand_in:
        yield stand_in


def network_of(stand_in: RedditStandIn) -> Reddit:
    return connect(credentials_for(stand_in), Http(), app_secret="reddit/app", meter=FreeMeter())


def poller_of(stand_in: RedditStandIn, *, listen: tuple[str, ...] = ()) -> Poller:
    poller = Poller(network_of(stand_in), handle_for(stand_in, listen=listen))
    poller.poll(now() - SECOND)
    return poller


def troubles(steps: list[Fetched]) -> list[type[Exception]]:
    return [type(step.trouble) for step in steps if step.trouble]


def test_a_token_is_made_once_and_renewed_once_when_it_runs_out(stand_in: RedditStandIn) -> None:
    credentials = credentials_for(stand_in)
    network = connect(credentials, Http(), app_secret="reddit/app", meter=FreeMeter())
    poller = Poller(network, handle_for(stand_in))
    poller.poll(now())
    assert credentials.renewals == 1
    poller.poll(now())
    assert credentials.renewals == 1
    stand_in.expire()
    assert troubles(poller.poll(now())) == []
    assert credentials.renewals == 2
    assert credentials.secrets["reddit/cards"].keys() == {"refresh_token", "access_token", "expires_at"}
    poller.poll(now() + timedelta(hours=24))
    assert credentials.renewals == 3


def test_a_token_that_never_works_is_asked_for_once_a_poll(stand_in: RedditStandIn) -> None:
    class Forgetful(dict[str, str]):
        def __contains__(self, token: object) -> bool:
            return False

    poller = poller_of(stand_in)
    stand_in._tokens = Forgetful()
    before = len(stand_in.asked)
    assert set(troubles(poller.poll(now()))) == {Refused}
    asked = [each.path for each in stand_in.asked[before:]]
    assert asked.count("/api/v1/access_token") == 1


def test_a_consent_that_was_taken_back_names_the_secret_to_mend(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in.revoke()
    steps = poller.poll(now())
    assert set(troubles(steps)) == {Refused}
    assert "reddit/cards" in str(steps[0].trouble)
    assert stand_in.secret["refresh_token"] not in str(steps[0].trouble)


def test_token_errors_with_http_200_are_refusals(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    credentials = credentials_for(stand_in)
    session = _session(stand_in, credentials)
    with pytest.raises(Refused, match="invalid_grant"):
        session.token({"grant_type": "authorization_code", "code": "old"}, stand_in.app_secret)
    with pytest.raises(Refused, match="HTTP 401"):
        session.token({"grant_type": "refresh_token"}, {"client_id": "x", "client_secret": "y"})
    assert poller.cursor


def _session(stand_in: RedditStandIn, credentials: FakeCredentials) -> Session:
    return Session(credentials, Http(), handle_for(stand_in), now(), app_secret="reddit/app")


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
def test_one_streams_trouble_leaves_the_others_and_the_cursor(
    stand_in: RedditStandIn, fault: str, trouble: type[Exception]
) -> None:
    poller = poller_of(stand_in)
    said = stand_in.speak("leela", "hello")
    stand_in.fail(fault)
    at = now() + SECOND
    steps = poller.poll(at)
    assert troubles(steps) == [trouble]
    assert said in poller.heard
    if trouble is RateLimited:
        assert poller.cursor["mentions"]["not_before"] == (at + timedelta(seconds=4)).timestamp()


def test_an_expired_token_is_no_trouble(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in.fail("expired_token")
    assert troubles(poller.poll(now())) == []


@pytest.mark.parametrize("fault", ["duplicate", "late"])
def test_what_comes_twice_or_late_is_heard_at_least_once(stand_in: RedditStandIn, fault: str) -> None:
    poller = poller_of(stand_in)
    expected = {stand_in.speak("leela", f"hello {n}") for n in range(3)}
    stand_in.fail(fault, 5)
    poller.poll(now() + SECOND)
    poller.poll(now() + SECOND)
    assert poller.heard == expected


def test_a_spent_budget_rests_the_stream_until_reddit_says(stand_in: RedditStandIn) -> None:
    poller = poller_of(stand_in)
    stand_in._calls = stand_in._used + 1
    at = now() + SECOND
    steps = poller.poll(at)
    assert set(troubles(steps)) == {RateLimited}
    assert poller.cursor["mentions"]["not_before"] > at.timestamp() + 500
    asked = len(stand_in.asked)
    poller.poll(at + SECOND)
    assert len(stand_in.asked) == asked


@pytest.mark.parametrize(
    ("status", "headers", "body", "trouble", "words"),
    [
        (302, {"location": "https://www.reddit.com/login?dest=x"}, b"", Refused, "login page"),
        (302, {"location": "/subreddits/search?q=x"}, b"", Refused, "does not exist"),
        (403, {}, b"<html>whoa there, pardner!</html>", Refused, "User-Agent"),
        (403, {}, b'{"reason": "private", "error": 403}', Refused, "private"),
        (403, {}, b'{"reason": "quarantined", "error": 403}', Refused, "quarantined"),
        (403, {}, b'{"error": 403}', Refused, "banned"),
        (404, {}, b'{"error": 404}', Refused, "no such thing"),
        (400, {}, b'{"fields": ["q"], "reason": "BAD_QUERY"}', Refused, "BAD_QUERY"),
        (451, {}, b"", Refused, "451"),
        (401, {}, b'{"error": 401}', Expired, "token"),
        (429, {}, b"<html>Too Many Requests</html>", RateLimited, "too many"),
        (522, {}, b"<html>", Unreachable, "522"),
        (200, {}, b"<!doctype html><html>Blocked</html>", Unreachable, "web page"),
        (200, {}, b"{", Malformed, "not JSON"),
    ],
)
def test_every_way_of_saying_no_is_told_apart(  # noqa: PLR0917 - pytest names them
    stand_in: RedditStandIn,
    status: int,
    headers: dict[str, str],
    body: bytes,
    trouble: type[Exception],
    words: str,
) -> None:
    session = _session(stand_in, credentials_for(stand_in))
    with pytest.raises(trouble, match=words):
        session.read(Reply(status=status, headers=headers, body=body, url=""), "it")
