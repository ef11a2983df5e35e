"""Webhooks: the raw body is verified first, and 200 is said last."""

from __future__ import annotations

import pytest

from allhours.domain.errors import BadSignature, Busy, Malformed
from allhours.domain.item import Author, Unreadable
from allhours.flows.ingest import Intake
from allhours.flows.receive import Response, receive
from allhours.networks.contract import Delivery
from tests.builders import (
    NOON,
    FakeDeadLetters,
    FakeItemQueue,
    FakePages,
    FakePush,
    a_handle,
    an_item,
    an_organisation,
)


class Hook:
    """Our webhook with fakes behind it."""

    def __init__(self, push: FakePush) -> None:
        self.push, self.queue, self.letters, self.intake = push, FakeItemQueue(), FakeDeadLetters(), Intake()
        self.pages = FakePages()

    def post(self, method: str = "POST", **query: str) -> Response:
        return receive(
            Delivery(method=method, query=query, headers={}, body=b"{}"),
            network="x",
            push=self.push,
            handles=(a_handle(),),
            queue=self.queue,
            dead_letters=self.letters,
            pages=self.pages,
            intake=self.intake,
            ours=an_organisation().ours("x"),
            at=NOON,
        )


def test_a_delivery_is_queued_and_then_answered() -> None:
    hook = Hook(FakePush(heard=(an_item(text="leela@example.org"),)))
    assert hook.post().status == 200
    assert hook.queue.items[0].text == "[e-mail]"


def test_a_delivery_that_cannot_be_queued_is_not_answered_with_200() -> None:
    hook = Hook(FakePush(heard=(an_item(),)))
    hook.queue.busy = 1
    with pytest.raises(Busy):
        hook.post()


def test_an_unsigned_delivery_is_refused_and_nothing_of_it_kept() -> None:
    hook = Hook(FakePush(heard=(an_item(),), refuses=BadSignature("x", "does not fit")))
    assert hook.post().status == 403
    assert (hook.queue.items, hook.letters.letters, hook.intake.unsigned) == ([], [], 1)


def test_a_greeting_is_answered_and_a_strange_one_refused() -> None:
    assert Hook(FakePush()).post("GET", challenge="17") == Response(
        status=200, body="17", content_type="text/plain"
    )
    assert Hook(FakePush(refuses=BadSignature("x", "no"))).post("GET").status == 403


def test_a_signed_delivery_that_nobody_can_read_is_kept_once_and_not_asked_for_again() -> None:
    hook = Hook(FakePush(broken=Malformed("x", "no event", field="data")))
    assert hook.post().status == hook.post().status == 200
    assert [letter.where for letter in hook.letters.letters] == ["x webhook"]


def test_a_broken_entry_is_kept_by_its_id_and_the_rest_goes_on() -> None:
    broken = Unreadable(network="x", handle="", native_id="66", field="text", detail="no text")
    ours = an_item("3", author=Author(author_id="1000000000000000107"))
    hook = Hook(FakePush(heard=(broken, an_item(), ours)))
    assert hook.post().status == 200
    assert (len(hook.queue.items), len(hook.letters.letters)) == (1, 1)
