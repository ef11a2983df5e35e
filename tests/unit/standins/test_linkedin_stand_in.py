"""Our client against the LinkedIn stand-in, over HTTP: reading, every fault, and the signed webhook."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from allhours.domain.errors import BadSignature, Malformed, NetworkError, RateLimited, Refused, Unreachable
from allhours.domain.handle import Handle
from allhours.domain.item import Change, Heard, Item, Kind, Skipped
from allhours.networks.contract import Cursor, Delivery
from allhours.networks.http import Http
from infra.local.standins.base import FAULTS
from infra.local.standins.linkedin import DAY, LinkedInStandIn
from tests.unit.networks.test_linkedin_answers import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def there() -> Iterator[LinkedInStandIn]:
    with LinkedInStandIn() as stand_in:
        yield stand_in


class Reader:
    """Our client with a cursor that is saved after every step."""

    def __init__(self, there: LinkedInStandIn) -> None:
        self.desk = Desk(there)
        self.cursor: Cursor = {}

    def poll(self, *, at: datetime | None = None) -> tuple[list[Heard], list[NetworkError]]:
        heard: list[Heard] = []
        troubles: list[NetworkError] = []
        for step in self.desk.source.fetch(self.desk.handle, self.cursor, at=at or datetime.now(UTC)):
            heard += step.heard
            troubles += [step.trouble] if step.trouble else []
            self.cursor = step.cursor
        return heard, troubles


def test_what_members_say_is_heard_once(there: LinkedInStandIn) -> None:
    reader = Reader(there)
    comment = there.speak("leela", "My card is blocked")
    mention = there.mention("ben", "Acme Bank kept me waiting")
    there.react("maria")
    there.react("maria", "SHARE")
    there.brand_says("We are on it", reply_to=comment)
    heard, troubles = reader.poll()
    assert troubles == []
    found = {each.native_id: each.kind for each in heard if isinstance(each, Item)}
    assert found == {comment: Kind.COMMENT, mention: Kind.MENTION}
    assert reader.poll() == ([], [])


def test_edits_and_deletions_are_told(there: LinkedInStandIn) -> None:
    reader = Reader(there)
    native_id = there.speak("leela", "hello")
    reader.poll()
    there.edit(native_id, "hello again")
    there.delete(native_id)
    heard, _ = reader.poll()
    changes = {each.change for each in heard if isinstance(each, Item) and each.native_id == native_id}
    assert changes == {Change.EDITED, Change.DELETED}


def test_a_member_without_a_name_is_heard(there: LinkedInStandIn) -> None:
    native_id = there.say("leela", "hello", nameless=True)
    [heard], _ = Reader(there).poll()
    assert isinstance(heard, Item)
    assert heard.author.author_id == f"unknown:{native_id}"


def test_a_burst_is_heard_whole(there: LinkedInStandIn) -> None:
    reader = Reader(there)
    there.speak("zero", "first")
    reader.poll()
    said = {there.speak(f"member {number}", f"no. {number}") for number in range(330)}
    heard = [each for _ in range(3) for each in reader.poll()[0]]
    assert said <= {each.native_id for each in heard}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("rate_limited", RateLimited),
        ("server_error", Unreachable),
        ("cut", Unreachable),
        ("malformed", Malformed),
        ("expired_token", None),
        ("refused_token", Refused),
        ("duplicate", None),
        ("late", None),
    ],
)
def test_after_a_fault_the_next_poll_hears_everything(
    there: LinkedInStandIn, fault: str, kind: type[NetworkError] | None
) -> None:
    reader = Reader(there)
    before = there.speak("zero", "first")
    heard, _ = reader.poll()
    native_id = there.speak("leela", "hello")
    there.fail(fault)
    first, troubles = reader.poll()
    assert [type(trouble) for trouble in troubles] == ([kind] if kind else [])
    second, _ = reader.poll(at=datetime.now(UTC) + timedelta(minutes=2))
    assert {each.native_id for each in (*heard, *first, *second)} == {before, native_id}
    assert reader.desk.secrets.renewals == (fault == "expired_token")


def test_every_fault_is_tried() -> None:
    tried = test_after_a_fault_the_next_poll_hears_everything.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {fault for fault, _ in tried} == set(FAULTS)


def test_the_days_quota_rests_until_midnight(there: LinkedInStandIn) -> None:
    there.calls = DAY
    reader = Reader(there)
    _, [trouble] = reader.poll()
    assert isinstance(trouble, RateLimited)
    assert (trouble.retry_at.hour, trouble.retry_at.minute) == (0, 0)
    assert reader.poll() == ([], [])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"LinkedIn-Version": "202401", "X-Restli-Protocol-Version": "2.0.0"}, 426),
        ({"LinkedIn-Version": "202607"}, 400),
    ],
)
def test_a_call_without_its_headers_is_turned_down(
    there: LinkedInStandIn, headers: dict[str, str], status: int
) -> None:
    token = {"Authorization": f"Bearer {there.secret['access_token']}"} if headers else {}
    url = f"{there.base_url}/rest/organizationAcls?q=roleAssignee"
    assert Http().call("linkedin", "GET", url, headers=headers | token).status == status


def test_a_picture_in_an_answer_is_turned_down(there: LinkedInStandIn) -> None:
    desk = Desk(there)
    body = {"actor": there.page, "object": there.post, "message": {"text": "x"}, "content": [{"entity": "y"}]}
    headers = {"Authorization": f"Bearer {there.secret['access_token']}", "LinkedIn-Version": "202607"}
    headers["X-Restli-Protocol-Version"] = "2.0.0"
    url = f"{there.base_url}/rest/socialActions/{there.post.replace(':', '%3A')}/comments"
    reply = Http().call("linkedin", "POST", url, headers=headers, json_body=body, handle=desk.handle.handle)
    assert reply.status == 403
    assert "Unpermitted fields" in reply.json()["message"]


def test_two_stand_ins_never_share_an_id() -> None:
    handle = Handle(network="linkedin", account="a", unit="u", handle="A", base_url="", native_id="1")
    one, other = LinkedInStandIn.playing(handle, place=0), LinkedInStandIn.playing(handle, place=1)
    assert one.speak("leela", "hello") != other.speak("leela", "hello")


# The webhook


class Hook:
    """Our webhook as the function would run it, on loopback."""

    def __init__(self, there: LinkedInStandIn) -> None:
        desk = Desk(there)
        self.heard: list[Heard] = []
        self.told = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                delivery = Delivery(
                    method=self.command,
                    query=dict(parse_qsl(url.query)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                )
                said = b""
                if delivery.method == "GET":
                    said = desk.source.greet(delivery).body.encode()
                else:
                    desk.source.verify(delivery)
                    with pytest.raises(BadSignature):
                        desk.source.verify(replace(delivery, body=body + b" "))
                    hook.heard += desk.source.unpack(body, [desk.handle], at=datetime.now(UTC))
                    hook.told.set()
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = _serve  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                """Keep quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def hook(there: LinkedInStandIn) -> Iterator[Hook]:
    found = Hook(there)
    yield found
    there.stop()
    found.server.shutdown()
    found.server.server_close()


def test_a_webhook_answers_the_challenge_and_hears_signed_deliveries(
    there: LinkedInStandIn, hook: Hook
) -> None:
    there.register(f"http://127.0.0.1:{hook.server.server_address[1]}/webhooks/linkedin")
    native_id = there.speak("leela", "My card 💳 is blocked")
    assert hook.told.wait(5)
    assert [each.native_id for each in hook.heard] == [native_id]
    polled, _ = Reader(there).poll()
    assert {each.native_id for each in polled} == {native_id}
    assert not [each for each in hook.heard if isinstance(each, Skipped)]
