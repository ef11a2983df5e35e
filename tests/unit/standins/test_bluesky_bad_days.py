"""Our client with the Bluesky stand-in: sessions that end, limits, outages, and what a person must mend."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import Expired, Malformed, NotSent, RateLimited, Refused, Unreachable
from allhours.domain.item import Item
from allhours.networks.bluesky import Bluesky
from allhours.networks.http import Http
from infra.local.standins.base import now
from infra.local.standins.bluesky import BlueskyStandIn
from infra.local.standins.bluesky_world import BRAND
from tests.unit.standins.bluesky_wire import (
    SECRET,
    DirectHttp,
    FakeCredentials,
    Poller,
    brands_handle,
    troubles,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


LIST = "app.bsky.notification.listNotifications"
HELLO = f"@{BRAND} hello"
SECOND = timedelta(seconds=1)


@pytest.fixture
def poller() -> Poller:
    """Return a poller that has begun to listen."""
    poller = Poller(BlueskyStandIn(), listen=("acme bank", "#acme"))
    poller.poll(now() - SECOND)
    return poller


# sessions


def test_polls_share_one_session_and_never_log_in_again(poller: Poller) -> None:
    for _ in range(5):
        poller.poll(now())
    assert len(poller.asked_for("com.atproto.server.createSession")) == 1
    assert poller.credentials.fields.keys() >= {
        "accessJwt",
        "refreshJwt",
        "did",
        "pds",
        "identifier",
        "app_password",
    }


def test_an_expired_session_is_refreshed_once_without_a_body_and_without_the_password(poller: Poller) -> None:
    post = poller.stand_in.say("leela", HELLO)
    poller.stand_in.expire()
    assert troubles(poller.poll(now() + SECOND)) == []
    assert poller.heard == {post}
    (asked,) = poller.asked_for("com.atproto.server.refreshSession")
    assert asked.body == b""
    assert len(poller.asked_for("com.atproto.server.createSession")) == 1


def test_where_the_refresh_fails_the_app_password_is_used_once(poller: Poller) -> None:
    poller.stand_in.expire(refresh_too=True)
    assert troubles(poller.poll(now())) == []
    assert len(poller.asked_for("com.atproto.server.createSession")) == 2
    assert poller.credentials.renewals == 2


def test_a_wrong_app_password_fetches_a_person_and_is_tried_once_a_poll() -> None:
    poller = Poller(BlueskyStandIn(), listen=("acme bank",))
    poller.credentials.fields["app_password"] = "wrong-wrong-wrong-wrong"
    steps = poller.poll(now())
    assert set(troubles(steps)) == {Refused}
    assert len(poller.asked_for("com.atproto.server.createSession")) == 1
    said = str(steps[0].trouble)
    assert SECRET in said
    assert "wrong" not in said


def test_a_secret_without_its_fields_names_them() -> None:
    poller = Poller(BlueskyStandIn())
    poller.credentials.fields = {"identifier": BRAND}
    assert "app_password" in str(poller.poll(now())[0].trouble)


def test_too_many_logins_rest_until_the_network_says() -> None:
    stand_in = BlueskyStandIn(logins=0)
    poller = Poller(stand_in)
    steps = poller.poll(now())
    assert set(troubles(steps)) == {RateLimited}
    asked = len(poller.http.asked)
    poller.poll(now() + timedelta(minutes=4))
    assert len(poller.http.asked) == asked == 1


def test_a_leading_at_in_the_identifier_is_taken_off() -> None:
    poller = Poller(BlueskyStandIn())
    poller.credentials.fields["identifier"] = f"@{BRAND}"
    assert troubles(poller.poll(now())) == []


def test_a_secret_of_another_account_is_refused_before_anything_is_read() -> None:
    stand_in = BlueskyStandIn()
    handle = replace(brands_handle(stand_in), native_id="did:plc:somebodyelsesomebodyelse")
    steps = list(Bluesky(FakeCredentials(stand_in.secret), DirectHttp(stand_in)).fetch(handle, {}, at=now()))
    assert {type(step.trouble) for step in steps if step.trouble} == {Refused}


def test_a_password_without_direct_messages_says_so_and_the_rest_is_read() -> None:
    stand_in = BlueskyStandIn(direct_messages=False)
    post = stand_in.say("leela", HELLO)
    poller = Poller(stand_in)
    steps = poller.poll(now() + SECOND)
    assert poller.heard == {post}
    (trouble,) = [step.trouble for step in steps if step.trouble]
    assert isinstance(trouble, Refused)
    assert "direct messages" in str(trouble)
    assert poller.asked_for("com.atproto.server.refreshSession") == []


def test_chat_without_the_proxy_header_is_not_supported() -> None:
    stand_in = BlueskyStandIn()
    http = DirectHttp(stand_in)
    answer = http.call("bluesky", "GET", f"{stand_in.base_url}/xrpc/chat.bsky.convo.getLog", handle="@x")
    assert answer.status == 404


# bad days, over a real socket


@pytest.fixture
def served() -> Iterator[BlueskyStandIn]:
    """Serve the stand-in on loopback."""
    with BlueskyStandIn() as stand_in:
        yield stand_in


class Client:
    """Our client on a socket, with its cursor."""

    def __init__(self, stand_in: BlueskyStandIn) -> None:
        self.handle = brands_handle(stand_in)
        self.credentials = FakeCredentials(stand_in.secret)
        self.network = Bluesky(self.credentials, Http())
        self.cursor: dict[str, object] = {}
        self.queue: list[Item] = []

    def hang_up(self) -> None:
        """Give up kept connections, as a new process would."""
        self.network = Bluesky(self.credentials, Http())

    def poll(self, at: datetime) -> list[type[Exception]]:
        found: list[type[Exception]] = []
        for step in self.network.fetch(self.handle, self.cursor, at=at):
            self.queue += [heard for heard in step.heard if isinstance(heard, Item)]
            self.cursor = dict(step.cursor)
            found += [type(step.trouble)] if step.trouble else []
        return found


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("refused_token", Refused),
        ("expired_token", None),
        ("duplicate", None),
        ("late", None),
    ],
)
def test_a_bad_day_has_its_name_and_loses_nothing(
    served: BlueskyStandIn, fault: str, trouble: type[Exception] | None
) -> None:
    client = Client(served)
    client.poll(now())
    said = {served.say("leela", HELLO), served.say("tomas", HELLO), served.say("maria", "hi", private=True)}
    served.fail(fault)
    found = client.poll(now() + SECOND)
    assert set(found) == ({trouble} if trouble else set())
    assert Expired not in found
    client.poll(now() + timedelta(minutes=6))
    assert {item.native_id for item in client.queue} == said
    assert len(client.queue) == len(said)


def test_when_the_window_is_spent_the_client_stops_before_it_is_told_off() -> None:
    stand_in = BlueskyStandIn(calls=2)
    poller = Poller(stand_in, listen=("acme bank",))
    steps = poller.poll(now())
    assert set(troubles(steps)) == {RateLimited}
    assert 429 not in {reply.status for reply in poller.http.replies}
    asked = len(poller.http.asked)
    poller.poll(now() + timedelta(minutes=1))
    resting = {name for name, marks in poller.cursor.items() if "not_before" in marks}
    assert "messages" in resting
    assert len(poller.http.asked) - asked <= 1


def test_an_outage_in_the_middle_loses_nothing(served: BlueskyStandIn) -> None:
    client = Client(served)
    client.poll(now())
    served.stop()
    client.hang_up()
    assert set(client.poll(now())) == {NotSent}
    said = served.say("leela", HELLO)
    served.start()
    client.poll(now() + SECOND)
    assert {item.native_id for item in client.queue} == {said}
