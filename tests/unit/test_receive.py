"""Webhooks: the raw body is verified first, and 200 is said last."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from allhours.domain.errors import BadSignature, Busy, Malformed, RateLimited, Refused, Unreachable
from allhours.domain.item import NEEDS_A_PERSON, Author, Skipped, Unreadable
from allhours.domain.life import Life
from allhours.domain.page import Why
from allhours.flows.ingest import Intake
from allhours.flows.receive import Receipts, Response, receive
from allhours.networks.contract import Delivery, Receipt
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
from tests.replies import FakeReplies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allhours.domain.errors import NetworkError
    from allhours.domain.handle import Handle
    from allhours.domain.item import Heard

CARDS, PAY = a_handle(), a_handle("@acmepay", account="acmepay")


@dataclass
class FakeAddressedPush(FakePush):
    """A network whose deliveries name our handle in a header; keeps whom each was unpacked for."""

    unpacked_for: list[str] = field(default_factory=list)

    def addressed(self, delivery: Delivery, handles: Sequence[Handle]) -> Sequence[Handle]:
        return [each for each in handles if each.handle == delivery.headers["for"]]

    def unpack(self, body: bytes, handles: Sequence[Handle], *, at: datetime) -> tuple[Heard, ...]:
        self.unpacked_for += [each.handle for each in handles]
        return super().unpack(body, handles, at=at)


class Hook:
    """Our webhook with fakes behind it."""

    def __init__(self, push: FakePush) -> None:
        self.push, self.queue, self.letters, self.intake = push, FakeItemQueue(), FakeDeadLetters(), Intake()
        self.pages = FakePages()
        self.replies, self.told = FakeReplies(), list[Receipt]()

    def receipts(self, body: bytes) -> tuple[Receipt, ...]:
        """Read what the network tells of our answers: what the test put there."""
        assert body == b"{}"
        return tuple(self.told)

    def post(
        self,
        method: str = "POST",
        *,
        to: str = "",
        life: Life = Life.LIVE,
        heard_by: str = "",
        at: datetime = NOON,
        **query: str,
    ) -> Response:
        return receive(
            Delivery(method=method, query=query, headers={"for": to}, body=b"{}"),
            network="x",
            push=self.push,
            handles=(CARDS, PAY),
            queue=self.queue,
            dead_letters=self.letters,
            pages=self.pages,
            intake=self.intake,
            ours=an_organisation().ours("x"),
            at=at,
            heard_by=heard_by,
            life=life,
            receipts=Receipts(reader=self, replies=self.replies),
        )


def test_a_delivery_is_queued_and_then_answered() -> None:
    hook = Hook(FakePush(heard=(an_item(text="leela@example.org"),)))
    assert hook.post().status == 200
    assert hook.queue.items[0].text == "[e-mail]"


RECEIPT = Receipt(network="x", native_id="p1", state="delivered")


def test_what_a_network_tells_of_our_answers_is_queued_after_the_items() -> None:
    hook = Hook(FakePush(heard=(an_item(),)))
    hook.told = [RECEIPT]
    hook.queue.busy = 1
    with pytest.raises(Busy):
        hook.post()
    assert hook.replies.receipts == []
    assert hook.post().status == 200
    assert hook.replies.receipts == [RECEIPT]


def test_a_receipt_that_cannot_be_queued_is_not_answered_with_200() -> None:
    hook = Hook(FakePush())
    hook.told, hook.replies.busy = [RECEIPT], 1
    with pytest.raises(Busy):
        hook.post()


def test_a_forged_receipt_is_not_read() -> None:
    hook = Hook(FakePush(refuses=BadSignature("x", "does not match")))
    hook.told = [RECEIPT]
    assert hook.post().status == 403
    assert hook.replies.receipts == []


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


def test_a_delivery_goes_to_the_handle_that_it_is_addressed_to_and_to_no_other() -> None:
    push = FakeAddressedPush(heard=(an_item(),))
    assert Hook(push).post(to="@acmepay").status == 200
    assert push.unpacked_for == ["@acmepay"]


def test_whom_an_unsigned_delivery_is_addressed_to_is_not_believed() -> None:
    push = FakeAddressedPush(heard=(an_item(),), refuses=BadSignature("x", "does not fit"))
    assert Hook(push).post(to="@acmepay").status == 403
    assert push.unpacked_for == []


@pytest.mark.parametrize(
    "error", [Unreachable("x", "no answer"), RateLimited("x", "too many calls", retry_at=NOON)]
)
def test_what_cannot_be_fetched_now_is_asked_for_again(error: NetworkError) -> None:
    hook = Hook(FakePush(broken=error))
    with pytest.raises(Busy):
        hook.post()
    assert hook.intake.troubles == [error]
    assert (hook.letters.letters, hook.pages.written) == ([], [])
    hook.push.broken, hook.push.heard = None, (an_item(),)
    assert hook.post().status == 200
    assert len(hook.queue.items) == 1


def test_a_token_that_may_not_fetch_what_a_delivery_names_calls_a_person() -> None:
    hook = Hook(FakePush(broken=Refused("x", "the token was revoked", handle="@acmecards")))
    for _ in range(2):
        with pytest.raises(Refused):
            hook.post()
    assert [page.why for page in hook.pages.written] == [Why.TOKEN_REFUSED]
    assert hook.letters.letters == []


def test_what_only_a_person_can_mend_pages_once_a_day_and_the_rest_goes_on() -> None:
    told = Skipped(network="x", native_id="17", reason=f"{NEEDS_A_PERSON}the account is restricted")
    hook = Hook(FakePush(heard=(told, an_item())))
    assert hook.post().status == hook.post().status == 200
    (page,) = hook.pages.written
    assert (page.why, page.severity) == (Why.CONNECTION, "warning")
    assert "the account is restricted" in page.story
    assert hook.intake.skipped[told.reason] == 2
    assert len(hook.queue.items) == 2
    hook.post(at=NOON.replace(day=NOON.day + 1))
    assert len(hook.pages.written) == 2


def test_a_page_about_us_has_a_key_that_the_table_takes() -> None:
    told = Skipped(network="x", native_id="9" * 9_000, reason=f"{NEEDS_A_PERSON}the account is restricted")
    hook = Hook(FakePush(heard=(told,)))
    hook.post()
    assert len(hook.pages.written[0].page_id) < 1_000


def test_what_is_none_of_our_business_calls_nobody() -> None:
    hook = Hook(FakePush(heard=(Skipped(network="x", native_id="17", reason="a like"),)))
    hook.post()
    assert hook.pages.written == []


def test_an_item_says_by_which_way_it_came() -> None:
    hook = Hook(FakePush(heard=(an_item(),)))
    hook.post(heard_by="webhook")
    assert hook.queue.items == [replace(an_item(), heard_by="webhook")]


def test_a_frozen_network_is_told_to_stop_and_can_still_prove_that_we_are_we() -> None:
    hook = Hook(FakePush(heard=(an_item(),)))
    assert hook.post(life=Life.FROZEN).status == 410
    assert hook.queue.items == []
    assert hook.post("GET", life=Life.FROZEN, challenge="17").status == 200
