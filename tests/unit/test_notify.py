"""Telling webhooks: signed, each by itself, again when it may help, and only out into the world."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allhours.domain.delivery import (
    TRIES,
    WAITS,
    Delivery,
    Meaning,
    delivery_from_json,
    delivery_of,
    delivery_to_json,
    meaning,
    wait_after,
    wanted,
)
from allhours.domain.errors import BadInput, Refused, Unreachable
from allhours.domain.page import Why
from allhours.domain.signature import keys_of, message_id, signed
from allhours.domain.voice import Webhook
from allhours.flows.notify import Looked, Office, Told, deliver, split
from allhours.networks.receiver import Answered, Receiver, is_public
from tests.builders import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from allhours.domain.page import Page

KEY, BEFORE = b"k" * 24, b"b" * 32
SECRET = {"key": f"whsec_{base64.b64encode(KEY).decode()}"}
ROTATED = {**SECRET, "key_before": f"whsec_{base64.b64encode(BEFORE).decode()}"}
CRM = Webhook(webhook_id="crm", url="https://crm.example/allhours", secret="webhooks/crm")
DESK = Webhook(webhook_id="desk", url="https://desk.example/", secret="webhooks/desk", units=("cards",))
EVENT: dict[str, Any] = {
    "schema": "allhours.case-event/1",
    "event_id": "x#1@0:case.opened",
    "event": "case.opened",
    "at": "2027-03-15T12:00:00.000+00:00",
    "unit": "cards",
    "item": {"network": "x", "id": "1", "text": "where is my card"},
}
NOTICE: dict[str, Any] = {"notice_id": "n1", "event": "case.overdue", "unit": "cards", "at": EVENT["at"]}


def verified(headers: Mapping[str, str], body: bytes, key: bytes) -> bool:
    """Verify as a receiver does, by the specification and nothing of ours."""
    named = {name.lower(): value for name, value in headers.items()}
    content = f"{named['webhook-id']}.{named['webhook-timestamp']}.".encode() + body
    wanted_one = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(one, f"v1,{wanted_one}") for one in named["webhook-signature"].split(" "))


# The signature


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    """The example of the reference libraries: key, id, instant, body and signature are published."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    content = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    known = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert base64.b64encode(hmac.digest(key, content, "sha256")).decode() == known
    fields = {"key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    at = NOON.fromtimestamp(1614265330, NOON.tzinfo)
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', keys_of(fields), at)
    assert headers["webhook-signature"] == f"v1,{known}"


@given(st.binary(max_size=200), st.text(min_size=1, max_size=80))
def test_whatever_is_sent_can_be_verified_and_nothing_else(body: bytes, cause: str) -> None:
    headers = signed(message_id(cause), body, [KEY], NOON)
    assert verified(headers, body, KEY)
    assert not verified(headers, body + b" ", KEY)
    assert not verified({**headers, "webhook-timestamp": "1"}, body, KEY)
    assert "." not in headers["webhook-id"]
    assert headers["webhook-id"].isascii()


def test_while_keys_change_a_receiver_verifies_with_either() -> None:
    headers = signed("evt_1", b"{}", keys_of(ROTATED), NOON)
    assert verified(headers, b"{}", KEY)
    assert verified(headers, b"{}", BEFORE)
    assert len(headers["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize(
    "fields",
    [{}, {"key": ""}, {"key": "hunter2hunter2"}, {"key": "whsec_c2hvcnQ="}, {**SECRET, "key_before": "x"}],
)
def test_what_is_no_key_is_refused_without_showing_it(fields: dict[str, str]) -> None:
    with pytest.raises(BadInput) as refused:
        keys_of(fields)
    assert not any(value in str(refused.value) for value in fields.values() if value and value != "x")


# What is told to whom


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({}, ["crm", "desk"]),
        ({"unit": "fraud"}, ["crm"]),
        ({"unit": "fraud", "moved_from": "cards"}, ["crm", "desk"]),
    ],
)
def test_a_webhook_hears_of_its_units(event: dict[str, str], told: list[str]) -> None:
    assert [one.webhook_id for one in wanted([CRM, DESK], EVENT | event)] == told


def test_whoever_wants_few_events_still_hears_that_words_have_to_go() -> None:
    few = replace(CRM, events=("case.opened",))
    names = ("case.opened", "item.added", "item.deleted", "item.expired")
    told = [name for name in names if list(wanted([few], {**EVENT, "event": name}))]
    assert told == ["case.opened", "item.deleted", "item.expired"]


@pytest.mark.parametrize("event", [EVENT, NOTICE], ids=["event", "notice"])
def test_a_delivery_survives_its_queue_and_names_the_event_without_its_words(event: dict[str, Any]) -> None:
    delivery = delivery_of(CRM, event)
    carried = json.dumps(delivery_to_json(delivery))
    assert delivery_from_json(json.loads(carried)) == delivery
    assert "where is my card" not in carried
    assert delivery.message_id == delivery_of(DESK, event).message_id, "copies are known by it"


@pytest.mark.parametrize("body", [{}, {"webhook": "crm"}, {"webhook": "crm", "cause": "x", "notice": None}])
def test_what_is_no_delivery_is_refused(body: dict[str, Any]) -> None:
    if "notice" in body:
        assert delivery_from_json(body).notice is None
        return
    with pytest.raises(BadInput):
        delivery_from_json(body)


@pytest.mark.parametrize(
    ("status", "is_so"),
    [
        (200, Meaning.DONE),
        (204, Meaning.DONE),
        (301, Meaning.DEAD),
        (400, Meaning.DEAD),
        (401, Meaning.DEAD),
        (408, Meaning.AGAIN),
        (410, Meaning.OFF),
        (429, Meaning.AGAIN),
        (500, Meaning.AGAIN),
        (503, Meaning.AGAIN),
    ],
)
def test_what_an_answer_means(status: int, is_so: Meaning) -> None:
    assert meaning(status) is is_so


@given(st.integers(1, 40), st.text(max_size=20), st.floats(0, 1e6))
def test_a_wait_is_never_longer_than_a_queue_can_hide_nor_shorter_than_was_asked(
    tries: int, cause: str, asked: float
) -> None:
    wait = wait_after(tries, cause, asked)
    assert min(int(asked), WAITS[-1]) <= wait <= WAITS[-1]
    assert wait >= 0.9 * WAITS[min(tries, len(WAITS)) - 1] - 1
    assert wait == wait_after(tries, cause, asked)


# The flow


@dataclass
class FakeDeliveries:
    """The queue as a list, dead letters as another."""

    queued: list[Delivery] = field(default_factory=list)
    buried: list[tuple[Delivery, str]] = field(default_factory=list)

    def put(self, deliveries: Sequence[Delivery]) -> None:
        self.queued.extend(deliveries)

    def bury(self, delivery: Delivery, reason: str) -> None:
        self.buried.append((delivery, reason))


@dataclass
class FakeWebhooks:
    """What is on record."""

    looked: Looked = field(default_factory=lambda: Looked(event=EVENT))
    pages: list[Page] = field(default_factory=list)

    def look(self, delivery: Delivery, webhook: Webhook) -> Looked:
        del delivery, webhook
        return self.looked

    def switch_off(self, webhook: Webhook, page: Page, *, at: datetime) -> None:
        del webhook, at
        self.pages.append(page)


@dataclass
class FakePosts:
    """Answers what it was told to, and remembers what it was sent."""

    says: int | Exception = 200
    retry_after: str = ""
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        self.sent.append((url, dict(headers), body))
        if isinstance(self.says, Exception):
            raise self.says
        return Answered(status=self.says, retry_after=self.retry_after)


DELIVERY = delivery_of(CRM, EVENT)


def an_office(says: int | Exception = 200, **changes: Any) -> Office:
    usual: dict[str, Any] = {
        "webhooks": {"crm": CRM, "desk": DESK},
        "record": FakeWebhooks(),
        "deliveries": FakeDeliveries(),
        "posts": FakePosts(says),
        "secrets": lambda _name: SECRET,
        "written": json.dumps,
    }
    return Office(**(usual | changes))


def told(says: int | Exception, tries: int = 1, **changes: Any) -> tuple[Told, Office]:
    office = an_office(says, **changes)
    return deliver(DELIVERY, tries, office, at=NOON), office


def test_one_event_becomes_a_delivery_for_each_webhook() -> None:
    deliveries = FakeDeliveries()
    assert split([EVENT, NOTICE], [CRM, DESK], deliveries) == 4
    assert [one.webhook_id for one in deliveries.queued] == ["crm", "desk", "crm", "desk"]


def test_what_is_sent_is_the_event_signed_as_it_reads_now() -> None:
    done, office = told(204)
    assert done == Told(meaning=Meaning.DONE)
    ((url, headers, body),) = office.posts.sent  # type: ignore[attr-defined] # the fake
    assert (url, json.loads(body)) == (CRM.url, EVENT)
    assert verified(headers, body, KEY)


@pytest.mark.parametrize("says", [500, 429, Unreachable("webhook", "no answer"), Refused("crm", "no secret")])
def test_what_may_pass_is_tried_again_later_each_time_and_then_buried(says: int | Exception) -> None:
    again, office = told(says)
    assert again.meaning is Meaning.AGAIN
    assert 9 <= again.wait <= 10
    assert office.deliveries.buried == []  # type: ignore[attr-defined] # the fake
    last, office = told(says, tries=TRIES)
    assert last.meaning is Meaning.DEAD
    ((_, reason),) = office.deliveries.buried  # type: ignore[attr-defined] # the fake
    assert "the last of 9 tries" in reason


def test_a_receiver_may_say_when() -> None:
    office = an_office(posts=FakePosts(503, retry_after="3600"))
    assert deliver(DELIVERY, 1, office, at=NOON).wait == 3600


@pytest.mark.parametrize("says", [400, 404, 302, Refused("webhook", "crm.example is not public")])
def test_what_no_other_try_mends_is_buried_at_once_with_the_reason(says: int | Exception) -> None:
    dead, office = told(says)
    assert dead.meaning is Meaning.DEAD
    ((_, reason),) = office.deliveries.buried  # type: ignore[attr-defined] # the fake
    assert str(says) in reason or "not public" in reason


def test_gone_switches_it_off_and_calls_a_person_and_keeps_the_event() -> None:
    off, office = told(410)
    assert off.meaning is Meaning.OFF
    (called,) = office.record.pages  # type: ignore[attr-defined] # the fake
    assert (called.why, called.unit) == (Why.WEBHOOK, "operations")
    assert len(office.deliveries.buried) == 1  # type: ignore[attr-defined] # the fake


def test_what_is_off_is_not_called() -> None:
    off, office = told(200, record=FakeWebhooks(Looked(event=EVENT, off=True)))
    assert (off.meaning, office.posts.sent) == (Meaning.DEAD, [])  # type: ignore[attr-defined] # the fake
    assert len(office.deliveries.buried) == 1  # type: ignore[attr-defined] # the fake


@pytest.mark.parametrize(
    "changes", [{"webhooks": {}}, {"record": FakeWebhooks(Looked(event=None))}], ids=["left", "not kept"]
)
def test_what_nobody_can_be_told_any_more_is_done(changes: dict[str, Any]) -> None:
    done, office = told(200, **changes)
    assert (done.meaning, office.posts.sent) == (Meaning.DONE, [])  # type: ignore[attr-defined] # the fake


# The wire


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.9",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - refused
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:a00:1::",
    ],
)
def test_an_address_of_our_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_an_address_of_the_world_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/",
        "ftp://crm.example/",
        "https:///no-host",
        "https://ana:secret@crm.example/",
        "https://crm.example:99999/",
        "https://bänk.example/",
    ],
)
def test_only_https_to_a_host_is_called(url: str) -> None:
    with pytest.raises(Refused):
        Receiver().post(url, {}, b"{}")


def test_a_name_that_leads_into_our_own_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    with pytest.raises(Refused, match=r"crm\.example is at an address that is not public"):
        Receiver().post("https://crm.example/", {}, b"{}")


class _Handler(BaseHTTPRequestHandler):
    """A receiver that says what its path says."""

    seen: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []
    wait: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, dict(self.headers), body))
        if self.path == "/slow":
            self.wait.wait(10)
            return
        if self.path == "/dribble":
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while not self.wait.wait(0.05):
                try:
                    self.wfile.write(b"X-More: 1\r\n")
                    self.wfile.flush()
                except OSError:
                    return
            return
        self.send_response(int(self.path.strip("/").partition("?")[0]))
        self.send_header("Location", "/200")
        self.send_header("Retry-After", "7")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        del format, args


@contextmanager
def a_receiver() -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    _Handler.seen, _Handler.wait = [], threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", _Handler.seen
    finally:
        _Handler.wait.set()
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_receiver_gets_one_signed_post_and_can_verify_it() -> None:
    with a_receiver() as (url, seen):
        headers = signed(DELIVERY.message_id, b'{"a":1}', [KEY], NOON)
        answer = Receiver(local=True).post(f"{url}/204?a=b", headers, b'{"a":1}')
    assert answer == Answered(status=204, retry_after="7")
    ((path, got, body),) = seen
    assert (path, body) == ("/204?a=b", b'{"a":1}')
    assert verified(got, body, KEY)


@pytest.mark.parametrize("status", [302, 307, 410, 500])
def test_no_redirect_is_followed_and_every_status_is_told(status: int) -> None:
    with a_receiver() as (url, seen):
        assert Receiver(local=True).post(f"{url}/{status}", {}, b"{}").status == status
    assert len(seen) == 1


@pytest.mark.parametrize("path", ["/slow", "/dribble"])
def test_whoever_is_slow_is_hung_up_on_however_slowly_they_dribble(path: str) -> None:
    with a_receiver() as (url, _), pytest.raises(Unreachable, match=r"127\.0\.0\.1 did not answer"):
        Receiver(local=True, within=0.3).post(url + path, {}, b"{}")


def test_a_receiver_that_is_down_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unreachable):
            Receiver(local=True).post(f"http://127.0.0.1:{port}/", {}, b"{}")


def test_on_aws_loopback_is_never_called() -> None:
    with a_receiver() as (url, seen):
        with pytest.raises(Refused):
            Receiver().post(url.replace("http:", "https:") + "/200", {}, b"{}")
        assert seen == []
