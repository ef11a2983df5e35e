"""The common queue and the topics: whole batches or `Busy`, whatever the words are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from allhours.aws import settings, wiring
from allhours.aws.item_queue import item_of
from allhours.aws.topics import SnsPager
from allhours.domain import page
from allhours.domain.errors import BadInput, Busy
from allhours.domain.event import case_event
from allhours.domain.item import item_to_json
from tests.builders import NOON, a_general_item, an_item
from tests.crash.faults import F
from tests.crash.seen import events, pages, topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allhours.domain.item import Item
    from tests.crash.harness import World

HOSTILE = (
    "\u202eevil\u202c",
    "\x00\x07\x1b[31m",
    "<script>alert(1)</script>",
    "\uffff\ufffe",
    "\ud83d",
    "🙂" * 20_000,
    "x" * 100_000,
    "",
)


def queued(world: World, items: Sequence[Item]) -> list[Item]:
    wiring.item_queue().put(items)
    world._fetch()
    return [item_of(message.record()) for message in world.waiting]


def test_items_come_off_the_queue_as_they_went_on_in_batches_of_ten(world: World) -> None:
    items = [an_item(str(number)) for number in range(23)]
    F.begin()
    assert queued(world, items) == items
    assert F.log == ["SendMessageBatch"] * 3
    F.end()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_pass_through(world: World, text: str) -> None:
    (item,) = queued(world, [an_item(text=text)])
    assert len(item.text) == len(text)
    world.settle()
    assert world.early == []
    assert len(events()) == 1


def test_large_items_go_in_batches_that_sqs_takes(world: World) -> None:
    items = [an_item(str(number), text="x" * 100_000) for number in range(5)]
    assert len(queued(world, items)) == 5


def test_one_entry_that_is_not_taken_is_busy(world: World) -> None:
    del world
    F.begin({1: "partial"})
    with pytest.raises(Busy, match="1 of 2 not taken"):
        wiring.item_queue().put([an_item("1"), an_item("2")])
    F.end()


def test_a_throttled_queue_is_busy(world: World) -> None:
    del world
    F.begin({1: "throttled"})
    with pytest.raises(Busy, match="ThrottlingException"):
        wiring.item_queue().put([an_item()])
    F.end()


@pytest.mark.parametrize("body", ["", "no JSON", "[1", "[" * 100_000, '"text"', '{"network": "x"}'])
def test_a_message_that_is_no_item_is_bad_input(body: str) -> None:
    with pytest.raises(BadInput):
        item_of({"messageId": "m1", "body": body})


def an_event(number: int = 1, **more: object) -> dict[str, object]:
    told = {"event": "case.opened", "unit": "cards", "account": "acmecards", **more}
    return case_event(told, item_to_json(an_item(str(number))), "c")


def attributes() -> dict[str, object]:
    return {name: one["Value"] for name, one in topic("events").sent_notifications[-1][3].items()}


def test_events_carry_what_inboxes_filter_by(world: World) -> None:
    del world
    wiring.topic().publish([an_event(moved_from="payments", priority=1)])
    told = attributes()
    assert json.loads(str(told["unit"])) == ["cards", "payments"]
    assert (told["event"], told["network"], told["author_known"]) == ("case.opened", "x", "true")
    assert float(str(told["priority"])) == 1


def test_a_unit_without_an_account_stops_no_batch(world: World) -> None:
    del world
    event = an_event()
    del event["account"]
    wiring.topic().publish([event])
    assert attributes()["account"] == '["none"]'


def test_events_go_in_batches_of_ten_and_one_not_taken_is_busy(world: World) -> None:
    del world
    F.begin({3: "partial"})
    with pytest.raises(Busy, match="1 of 5 not taken"):
        wiring.topic().publish([an_event(number) for number in range(25)])
    assert F.log == ["PublishBatch"] * 3
    F.end()
    assert len(events()) == 24


def test_a_page_goes_out_as_sms_e_mail_and_json(world: World) -> None:
    del world
    one = page.dead_letter("Página über", "no time", NOON)
    wiring.pager().send(one, member=one.member, link="")
    _, message, subject, told, _ = topic("pages").sent_notifications[-1]
    forms = json.loads(message)
    assert (forms["sms"], forms["email"]) == (one.sms, one.story)
    assert pages()[0]["page_id"] == one.page_id
    assert subject.isascii()
    assert {name: value["Value"] for name, value in told.items()} == {
        "unit": "operations",
        "severity": "warning",
        "member": "operations",
        "kind": "dead_letter",
    }


def test_a_queue_gets_the_link_that_takes_the_page_and_the_one_that_only_asks(world: World) -> None:
    del world
    one = page.dead_letter("here", "no time", NOON)
    wiring.pager().send(one, member="ana", link="https://oncall.test/pages/t")
    forms = json.loads(topic("pages").sent_notifications[-1][1])
    told = json.loads(forms["default"])
    assert (told["link"], told["ask_link"]) == (
        "https://oncall.test/pages/t",
        "https://oncall.test/pages/t?ask",
    )
    assert forms["email"].endswith("https://oncall.test/pages/t?ask")
    wiring.pager().send(one, member="ana", link="")
    told = json.loads(json.loads(topic("pages").sent_notifications[-1][1])["default"])
    assert {"link", "ask_link"}.isdisjoint(told)


def test_a_page_is_addressed_by_the_name_under_which_its_member_subscribes(world: World) -> None:
    del world
    pager = SnsPager(settings.pages_topic_arn(), {"ana": "ana-m-0044"})
    for member in ("ana", "ben"):
        pager.send(page.dead_letter("here", "no time", NOON), member=member, link="")
    sent = topic("pages").sent_notifications[-2:]
    assert [told["member"]["Value"] for *_, told, _ in sent] == ["ana-m-0044", "ben"]


def test_general_items_have_a_group_of_their_own(world: World) -> None:
    assert len(queued(world, [an_item("1"), a_general_item("2")])) == 2
