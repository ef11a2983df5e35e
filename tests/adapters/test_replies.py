"""The ledger on the table: each arrow is one conditional write, and a lost answer changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from allhours.aws import settings, wiring
from allhours.aws.reply_queue import told_in
from allhours.aws.respond import respond_batch
from allhours.domain import notice, page
from allhours.domain.audit import Audit
from allhours.domain.case import State
from allhours.domain.errors import BadInput, Busy
from allhours.domain.item import Change
from allhours.domain.reply import Reply, ReplyState
from allhours.domain.router import Router
from allhours.flows.reply_ports import Go, LetGo, Saved, Settling, Step, Visit
from allhours.flows.route import route
from allhours.networks.contract import Receipt
from tests.builders import NOON, an_item, an_organisation
from tests.crash.faults import F
from tests.crash.seen import notices, rows
from tests.replies import a_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allhours.domain.case import Case
    from allhours.domain.item import Item
    from tests.crash.harness import World

BANK = an_organisation()
DUTY = BANK.on_duty("cards", NOON)
REPLY, ANSWER = "REPLY#r1", "ANSWER#x#1#1"


@pytest.fixture(autouse=True)
def _leela_wrote(world: World) -> None:
    del world
    heard(an_item())


def heard(*items: Item) -> None:
    assert not route(list(enumerate(items)), router=Router(BANK), records=wiring.records(), at=NOON).again


def the_case() -> Case:
    return wiring.records().read((), ("x#1",), consistent=True).cases["x#1"]


def let_go(reply: Reply | None = None, *, draft: int | None = None, case: Case | None = None) -> LetGo:
    reply = reply or a_reply()
    was = case or the_case()
    audit = Audit(
        audit_id=f"{reply.reply_id}#1", at=NOON, by="ben", did="sent", subject=was.case_id, unit="cards"
    )
    after = was.reply_approved(by_person=True)
    return wiring.replies().approve(reply, case=after, case_was=was, draft=draft, audit=audit)


def saved(was: Reply, after: Reply, **more: Any) -> Saved:
    return wiring.replies().save(Step(was=was, reply=after, **more), at=NOON)


def claimed() -> Reply:
    let_go()
    mine = a_reply().claimed("mine", NOON)
    assert saved(a_reply(), mine) is Saved.DONE
    return mine


# W0


def test_a_reply_is_let_go_with_its_slot_its_case_and_its_audit_row() -> None:
    assert let_go().word is Go.DONE
    there = rows()
    assert {name: there[REPLY][name] for name in ("st", "own", "v")} == {
        "st": {"S": "ready"},
        "own": {"S": ""},
        "v": {"N": "1"},
    }
    assert there[REPLY]["due"] == {"S": "REPLIES"}
    assert there[ANSWER]["reply_id"] == {"S": "r1"}
    assert json.loads(there["AUDIT#r1#1"]["audit"]["S"])["did"] == "sent"
    assert (the_case().replies, the_case().touched) == (1, True)
    assert wiring.replies().reply("r1") == a_reply()
    assert all("expires_at" in there[key] for key in (REPLY, ANSWER, "AUDIT#r1#1"))


def test_a_repeated_click_is_the_same_reply() -> None:
    let_go()
    again = let_go(replace(a_reply(), approved_at=NOON + timedelta(seconds=3)))
    assert (again.word, again.reply) == (Go.ALREADY, a_reply())
    assert the_case().replies == 1


def test_a_slot_has_one_reply_and_the_next_slot_another() -> None:
    let_go()
    taken = let_go(a_reply("r2"))
    assert (taken.word, taken.reply_id) == (Go.TAKEN, "r1")
    assert let_go(a_reply("r2", slot=2)).word is Go.DONE
    assert [one.reply_id for one in wiring.replies().of_case(the_case().case_id)] == ["r1", "r2"]


def test_a_conversation_that_went_on_lets_nothing_go() -> None:
    before = the_case()
    heard(an_item("2"))
    assert let_go(case=before).word is Go.CASE_CHANGED
    assert REPLY not in rows()


def test_a_draft_is_deleted_with_its_answer_and_only_as_it_was_read() -> None:
    key = {"key": {"S": f"DRAFT#{a_reply().case_id}"}}
    boto3.client("dynamodb").put_item(TableName="records", Item={**key, "v": {"N": "4"}})
    assert let_go(draft=3).word is Go.DRAFT_CHANGED
    assert let_go(draft=4).word is Go.DONE
    assert key["key"]["S"] not in rows()


@pytest.mark.parametrize("fault", ["lost", "throttled_once", "conflict"])
def test_letting_go_once_is_enough_whatever_happens_on_the_way(fault: str) -> None:
    case = the_case()
    F.begin({1: fault})
    assert let_go(case=case).word is Go.DONE
    F.end()
    assert the_case().replies == 1


def test_a_closed_case_that_is_answered_stays_closed_and_out_of_the_clocks_sight() -> None:
    was = the_case()
    wiring.open_cases().save(was.closed_by_hand("by phone", NOON), was, at=NOON)
    assert let_go(case=the_case()).word is Go.DONE
    assert the_case().state is State.CLOSED
    assert rows()[f"CASE#{was.case_id}"]["due"] != {"S": "CASES#cards"}


# The arrows


def test_a_claim_belongs_to_one() -> None:
    let_go()
    assert saved(a_reply(), a_reply().claimed("mine", NOON)) is Saved.DONE
    assert saved(a_reply(), a_reply().claimed("yours", NOON)) is Saved.LOST
    assert rows()[REPLY]["own"] == {"S": "mine"}


@pytest.mark.parametrize("fault", ["lost", "throttled_once"])
def test_a_claim_whose_answer_was_lost_is_ours(fault: str) -> None:
    let_go()
    F.begin({1: fault})
    assert saved(a_reply(), a_reply().claimed("mine", NOON)) is Saved.DONE
    F.end()
    assert rows()[REPLY]["own"] == {"S": "mine"}


def test_keys_whose_answer_was_lost_are_stored() -> None:
    mine = claimed()
    F.begin({1: "lost"})
    assert saved(mine, mine.with_keys({"rkey": "3k"})) is Saved.DONE
    F.end()
    assert wiring.replies().reply("r1") == mine.with_keys({"rkey": "3k"})


def test_a_late_owner_writes_nothing() -> None:
    mine = claimed()
    yours = mine.again(NOON, "absent").claimed("yours", NOON)
    saved(mine, mine.again(NOON, "absent"))
    saved(mine.again(NOON, "absent"), yours)
    assert saved(mine, mine.posted("p1", "", NOON)) is Saved.LOST
    assert "POST#x#p1" not in rows()


def test_another_transaction_at_the_row_means_read_again_and_nothing_is_written() -> None:
    let_go()
    F.begin({1: "conflict", 2: "conflict", 3: "conflict", 4: "conflict"})
    assert saved(a_reply(), a_reply().claimed("mine", NOON)) is Saved.STALE
    F.end()
    assert rows()[REPLY]["st"] == {"S": "ready"}


def test_a_throttled_table_is_busy() -> None:
    let_go()
    F.begin({1: "throttled"})
    with pytest.raises(Busy):
        saved(a_reply(), a_reply().claimed("mine", NOON))
    F.end()


def test_what_its_author_took_back_is_not_claimed() -> None:
    let_go()
    heard(an_item(change=Change.DELETED, version=1))
    assert saved(a_reply(), a_reply().claimed("mine", NOON)) is Saved.DELETED
    told = wiring.replies().item("x#1")
    assert told is not None
    assert told.gone


def test_what_only_lost_its_words_is_claimed_all_the_same() -> None:
    let_go()
    heard(an_item(change=Change.EXPIRED, version=1))
    assert rows()["ITEM#x#1"]["expired"] == {"BOOL": True}
    assert saved(a_reply(), a_reply().claimed("mine", NOON)) is Saved.DONE
    told = wiring.replies().item("x#1")
    assert told is not None
    assert not told.gone


def test_what_is_on_record_no_longer_is_not_claimed() -> None:
    let_go()
    boto3.client("dynamodb").delete_item(TableName="records", Key={"key": {"S": "ITEM#x#1"}})
    assert saved(a_reply(), a_reply().claimed("mine", NOON)) is Saved.DELETED
    assert wiring.replies().item("x#1") is None


def told(after: Reply) -> dict[str, Any]:
    return {
        "notices": (notice.reply_told(BANK, after, "cards", NOON),),
        "audit": Audit(
            audit_id=f"r1#{after.version}", at=NOON, by="allhours", did="x", subject="c", unit="cards"
        ),
    }


def test_posted_is_one_write_with_the_case_the_audit_row_the_notice_and_the_networks_id() -> None:
    mine = claimed()
    after, was = mine.posted("p1", "https://x.test/p1", NOON), the_case()
    done = saved(mine, after, case=was.answered(NOON), case_was=was, **told(after))
    assert done is Saved.DONE
    there = rows()
    assert there["POST#x#p1"]["reply_id"] == {"S": "r1"}
    assert the_case().answered_at == NOON
    assert {f"AUDIT#r1#{after.version}", f"NOTICE#case.reply_posted#r1#{after.version}"} <= there.keys()
    assert wiring.replies().by_post("x", "p1") == after
    assert wiring.replies().by_post("x", "p2") is None


def test_a_case_that_moved_on_keeps_all_of_it_back() -> None:
    mine, was = claimed(), the_case()
    heard(an_item("2"))
    after = mine.posted("p1", "", NOON)
    assert saved(mine, after, case=was.answered(NOON), case_was=was, **told(after)) is Saved.STALE
    assert rows()[REPLY]["st"] == {"S": "claimed"}
    assert "POST#x#p1" not in rows()


def test_posted_with_a_lost_answer_is_posted_once() -> None:
    mine, was = claimed(), the_case()
    after = mine.posted("p1", "", NOON)
    F.begin({1: "lost"})
    assert saved(mine, after, case=was.answered(NOON), case_was=was, **told(after)) is Saved.DONE
    F.end()
    assert the_case().version == was.version + 1


def test_rejected_frees_the_slot_for_another_and_calls() -> None:
    mine = claimed()
    after = mine.rejected("blocked")
    calls = (page.reply_rejected(after, DUTY, NOON),)
    assert saved(mine, after, pages=calls, **told(after)) is Saved.DONE
    assert ANSWER not in rows()
    assert f"PAGE#{calls[0].page_id}" in rows()
    assert "due" not in rows()[REPLY]
    assert let_go(a_reply("r2")).word is Go.DONE


def test_a_page_that_was_told_before_holds_nothing_up() -> None:
    mine = claimed()
    after = mine.needs_human("look")
    call = page.reply_stuck(after, DUTY, NOON)
    wiring.pages().call(call)
    assert saved(mine, after, pages=(call,), **told(after)) is Saved.DONE


def test_what_is_due_is_found_by_the_index_as_late_as_its_network_needs() -> None:
    let_go()
    assert [one.reply_id for one in wiring.replies().due(NOON, most=9)] == ["r1"]
    slow = Settling(settles_within=timedelta(minutes=5), seen_within=timedelta(minutes=1))
    mine = a_reply().claimed("mine", NOON)
    saved(a_reply(), mine, settling=slow)
    assert wiring.replies().due(NOON + timedelta(minutes=6, seconds=59), most=9) == []
    (visit,) = wiring.replies().due(NOON + timedelta(minutes=7), most=9)
    assert visit == Visit(reply_id="r1", case_id=a_reply().case_id, stamp="r1#2#12:07")


# The queue


def received() -> list[dict[str, Any]]:
    queue = boto3.client("sqs")
    address, found = settings.replies_queue_url(), list[dict[str, Any]]()
    while messages := queue.receive_message(QueueUrl=address, MaxNumberOfMessages=10).get("Messages"):
        for one in messages:
            found.append({"messageId": one["MessageId"], "body": one["Body"]})
            queue.delete_message(QueueUrl=address, ReceiptHandle=one["ReceiptHandle"])
    return found


RECEIPT = Receipt(network="whatsapp", native_id="wamid.1", state="read", reply_id="r 1", detail="é")


def test_visits_and_receipts_come_off_the_queue_as_they_went_on() -> None:
    visits = [Visit(reply_id=f"r{n}", case_id="a case", stamp=f"r{n}#1") for n in range(12)]
    wiring.reply_queue().visit([*visits, visits[0]])
    wiring.reply_queue().hear([RECEIPT])
    assert [told_in(record) for record in received()] == [*(one.reply_id for one in visits), RECEIPT]


def test_a_batch_that_is_taken_in_part_is_not_taken() -> None:
    visits = [Visit(reply_id=f"r{n}", case_id="c", stamp=f"r{n}#1") for n in range(3)]
    F.begin({1: "partial"})
    with pytest.raises(Busy, match="not taken"):
        wiring.reply_queue().visit(visits)
    F.end()


@pytest.mark.parametrize("body", ["", "[]", "{}", '"r1"', '{"state": "read"}', '{"reply_id": "r1", "x": 1}'])
def test_a_message_that_asks_for_nothing_is_named(body: str) -> None:
    with pytest.raises(BadInput, match="m1"):
        told_in({"messageId": "m1", "body": body})


# The whole way


def respond(world: World, plan: Mapping[int, str] | None = None) -> list[str]:
    """See to what is on the queue, as Lambda does, one record a call; return the calls of the last."""
    calls: list[str] = []
    for record in received():
        world.run(partial(respond_batch, {"Records": [record]}), plan)
        calls = F.log
    world.forward()
    return calls


def an_answer_to_the_bank(world: World) -> Reply:
    """Let Leela mention the bank on the stand-in for X, and Ben let an answer go."""
    said = world.x.say("leela", "@AcmeBank my card is late")
    world.poll("x")
    world.settle()
    case = wiring.records().case(rows()[f"ITEM#x#{said}"]["in_case"]["S"])
    assert case is not None
    reply = a_reply(
        case_id=case.case_id,
        item_key=f"x#{said}",
        unit=case.unit,
        account="acmebank",
        handle="@acmebank",
        approved_at=datetime.now(UTC),
    )
    assert let_go(reply, case=case).word is Go.DONE
    world.forward()
    return reply


def ours_below(world: World, reply: Reply) -> list[str]:
    """Return the ids of what stands on X below the item."""
    said = reply.item_key.partition("#")[2]
    return [one.post_id for one in world.x.world.posts.values() if one.parent and one.parent.post_id == said]


def on_record() -> Reply:
    reply = wiring.replies().reply("r1")
    assert reply is not None
    return reply


CALLS = [
    "BatchGetItem",  # the reply
    "BatchGetItem",  # the item
    "BatchGetItem",  # the case
    "TransactWriteItems",  # W1
    "PutItem",  # its keys
    "UpdateItem",  # what it costs
    "HTTP POST /2/tweets",
    "BatchGetItem",  # the case, as it is now
    "TransactWriteItems",  # W2
]


def test_an_approved_answer_is_on_the_network_once_and_on_record_with_its_id(world: World) -> None:
    reply = an_answer_to_the_bank(world)
    assert respond(world) == CALLS
    assert on_record().state is ReplyState.POSTED
    assert ours_below(world, reply) == [on_record().post_id]
    assert [told["event"] for told in notices()] == ["case.reply_posted"]
    case = wiring.records().case(reply.case_id)
    assert case is not None
    assert case.answered_at
    assert reply.text not in world.out.getvalue()


def test_an_answer_in_doubt_is_found_when_the_clock_comes_again_and_not_sent_again(world: World) -> None:
    reply = an_answer_to_the_bank(world)
    respond(world, {CALLS.index("HTTP POST /2/tweets") + 1: "read_timeout"})
    assert on_record().state is ReplyState.CLAIMED
    for _ in range(6):
        world.clock.shift(timedelta(minutes=1))
        world.tick()
        respond(world)
    assert on_record().state is ReplyState.POSTED
    assert ours_below(world, reply) == [on_record().post_id]


def test_an_answer_that_is_held_back_is_left_to_the_clock(world: World) -> None:
    an_answer_to_the_bank(world)
    received()
    later = on_record().held_back(datetime.now(UTC) + timedelta(minutes=10), "vetoed")
    assert saved(on_record(), later) is Saved.DONE
    world.forward()
    assert received() == []
    world.clock.shift(timedelta(minutes=10))
    world.tick()
    assert [told_in(record) for record in received()] == ["r1"]


def test_what_respond_cannot_do_now_comes_again_by_itself(world: World) -> None:
    an_answer_to_the_bank(world)
    (record,) = received()
    answer = world.run(
        partial(respond_batch, {"Records": [record]}), {CALLS.index("TransactWriteItems") + 1: "throttled"}
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    world.run(partial(respond_batch, {"Records": [{"messageId": "m1", "body": "{}"}]}))
    assert world.ended["done"]
    assert respond_batch({"Records": [record]}) == {"batchItemFailures": []}


def test_a_receipt_is_put_on_record_with_its_answer(world: World) -> None:
    an_answer_to_the_bank(world)
    respond(world)
    receipt = Receipt(network="x", native_id=on_record().post_id, state="failed", detail="hidden by X")
    wiring.reply_queue().hear([receipt])
    respond(world)
    assert on_record().receipt == "failed"
    assert [key for key in rows() if key.startswith("PAGE#reply_rejected")]
