"""The one table: items, cases, pages, dead letters and cursors, and the conditions that guard each write."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allhours.aws import wiring
from allhours.aws.clients import CONFIG, dynamodb
from allhours.aws.table import compact, reasons_of
from allhours.domain import page
from allhours.domain.case import State, case_key_of
from allhours.domain.errors import Busy, StaleCursor
from allhours.domain.item import Change, Item, item_from_json, item_to_json
from allhours.domain.judgement import Opinion
from allhours.domain.router import Router
from allhours.flows.ports import Committed, DeadLetter
from tests.builders import LEELA, NIGHT, NOON, a_case, a_general_item, a_handle, an_item, an_organisation
from tests.case_events import assert_published
from tests.crash.faults import F
from tests.crash.seen import events, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from botocore.awsrequest import AWSPreparedRequest

    from allhours.domain.decision import Decision
    from allhours.domain.judgement import Said
    from tests.crash.harness import World

pytestmark = pytest.mark.usefixtures("world")
ROUTER = Router(an_organisation())


def nobodys(_said: Said, _words: Sequence[str], _hits: Mapping[str, Sequence[str]], /) -> Opinion:
    return Opinion(odds={"none": 1.0})


def decided(item: Item, at: datetime = NOON) -> Decision:
    world = wiring.records().read((item.key,), (item.conversation_key,), consistent=True)
    known, case = world.known.get(item.key), world.cases.get(item.conversation_key)
    return ROUTER.decide(item, known, case, item.conversation_key, at)


def committed(item: Item, at: datetime = NOON) -> str:
    return wiring.records().commit(decided(item, at), at=at)


def test_what_was_committed_is_read_again() -> None:
    assert committed(an_item()) == Committed.DONE
    world = wiring.records().read(("x#1", "x#none"), ("x#1", "x#none"))
    assert world.known["x#1"].case_id == world.cases["x#1"].case_id
    assert list(world.known) == list(world.cases) == ["x#1"]


def test_a_second_writer_is_told_whether_item_or_case_moved() -> None:
    first, second = decided(an_item("1")), decided(an_item("2"))
    assert wiring.records().commit(first, at=NOON) == Committed.DONE
    assert wiring.records().commit(first, at=NOON) == Committed.KNOWN
    assert wiring.records().commit(second, at=NOON) == Committed.STALE


def test_words_of_one_conversation_are_one_write_of_their_case() -> None:
    first = decided(an_item("1"))
    second = ROUTER.decide(an_item("2"), None, first.case, "x#1", NOON)
    assert wiring.records().commit(first, second, at=NOON) == Committed.DONE
    world = wiring.records().read(("x#1", "x#2"), ("x#1",))
    assert (world.cases["x#1"], sorted(world.known)) == (second.case, ["x#1", "x#2"])
    third, fourth = decided(an_item("3")), decided(an_item("4"))
    assert third.case
    assert wiring.records().commit(third, at=NOON) == Committed.DONE
    fifth = ROUTER.decide(an_item("5"), None, fourth.case, "x#1", NOON)
    assert wiring.records().commit(fourth, fifth, at=NOON) == Committed.STALE
    assert wiring.records().read(("x#4", "x#5"), ("x#1",)).cases["x#1"] == third.case


def test_the_table_is_called_where_botocore_would_call_it_and_signed_alike() -> None:
    sent: list[tuple[str, str]] = []

    def note(request: AWSPreparedRequest, **_: object) -> None:
        scope = str(request.headers["Authorization"]).partition(", Signature=")[0]
        sent.append((str(request.url), scope))

    for client in (dynamodb(), boto3.client("dynamodb", config=CONFIG)):
        client.meta.events.register_first("before-send.dynamodb.ListTables", note, "note")
        client.list_tables()
        client.meta.events.unregister("before-send.dynamodb.ListTables", note, "note")
    assert len(sent) == len("12")
    assert sent[0] == sent[1]


def test_an_edit_replaces_only_the_version_that_was_read() -> None:
    committed(an_item())
    slow = decided(an_item(version=5, change=Change.EDITED))
    assert committed(an_item(version=7, change=Change.EDITED)) == Committed.DONE
    assert wiring.records().commit(slow, at=NOON) == Committed.KNOWN


def test_a_page_whose_cause_has_paged_is_left_out_and_the_others_are_written() -> None:
    committed(a_general_item("1", conversation_id="1", text="stolen"), NIGHT)
    assert committed(a_general_item("2", conversation_id="2", text="stolen"), NIGHT) == Committed.DONE
    paged = sorted(key.split("#")[1] for key in rows() if key.startswith("PAGE#"))
    assert paged == ["nobody", "urgent", "urgent"]


def test_a_transaction_conflict_is_settled_by_looking_again() -> None:
    decision = decided(an_item())
    F.begin({1: "conflict"})
    assert wiring.records().commit(decision, at=NOON) == Committed.STALE
    F.end()
    assert wiring.records().commit(decision, at=NOON) == Committed.DONE


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(st.permutations(["None", "TransactionConflict", "ThrottlingError"]))
def test_any_other_reason_outweighs_a_failed_condition(codes: list[str]) -> None:
    reasons: list[dict[str, str]] = [{"Code": code} for code in [*codes, "ConditionalCheckFailed"]]
    answer: Any = {"Error": {}, "CancellationReasons": reasons}
    error = ClientError(answer, "TransactWriteItems")
    with pytest.raises(Busy):
        reasons_of(error, "writing records")


def test_a_tombstone_holds_no_words() -> None:
    committed(an_item(text="words that she takes back"))
    committed(an_item(change=Change.DELETED, version=9))
    assert rows()["ITEM#x#1"]["deleted"]["BOOL"]
    assert "takes back" not in str(rows())


def test_what_opens_no_case_keeps_its_reason_and_is_told_to_nobody() -> None:
    assert committed(a_general_item(text="giveaway")) == Committed.DONE
    row = wiring.records().item("x#1")
    assert row is not None
    assert (row["why"]["reason"], row["why"]["lane"]) == ("rule giveaway, “giveaway”", "none")
    assert (row["case_id"], row["events"]) == ("", [])
    known = wiring.records().read(("x#1",), ()).known["x#1"]
    assert (known.case_id, known.conversation_key, known.told) == ("", "x#1", ())


def test_a_light_item_leaves_through_the_outbox_to_its_inbox_and_can_be_told_again(world: World) -> None:
    light = Router(ROUTER.organisation, judge=nobodys)
    decision = light.decide(a_general_item(text="what a match"), None, None, "x#1", NOON)
    assert wiring.records().commit(decision, at=NOON) == Committed.DONE
    world.forward()
    (event,) = events()
    assert (event["event"], event["unit"], event["lane"]) == ("item.light", "customer_care", "light")
    assert "case_id" not in event
    assert_published(event)
    row = wiring.records().item("x#1")
    assert row is not None
    assert row["events"][0]["reason"] == event["reason"]


def test_a_case_that_a_later_one_replaces_is_kept_and_found_by_its_id() -> None:
    committed(an_item("1"))
    read = wiring.records().read((), ("x#1",)).cases["x#1"]
    closed = a_case(**{name: getattr(read, name) for name in ("case_id", "first_item")}, version=2)
    closed = replace(closed, state=State.CLOSED, closed_at=NOON - timedelta(days=30))
    decision = replace(decided(an_item("9")), case=closed, case_was=read)
    assert wiring.records().commit(decision, at=NOON) == Committed.DONE
    assert committed(an_item("2")) == Committed.DONE
    old = wiring.records().case(read.case_id)
    new = wiring.records().case(f"{read.case_id}.2")
    assert old is not None
    assert new is not None
    assert (old.generation, new.generation) == (1, 2)


def test_what_is_kept_of_a_handle_is_read_again_without_tombstones() -> None:
    for number in ("1", "2", "3"):
        committed(an_item(number))
    committed(an_item("2", change=Change.DELETED, version=9))
    days = timedelta(days=2)
    kept = wiring.records().opened(a_handle(), since=NOON - days, until=NOON, most=10)
    assert sorted(item.native_id for item in kept.items) == ["1", "3"]
    assert wiring.records().opened(a_handle(), since=NOON, until=NOON + days, most=10).items == ()


def test_what_opened_no_case_is_read_again_until_it_is_deleted() -> None:
    light = Router(ROUTER.organisation, judge=nobodys)
    said = a_general_item(text="what a match")
    first = light.decide(said, None, None, "x#1", NOON)
    assert wiring.records().commit(first, at=NOON) == Committed.DONE
    days = timedelta(days=2)
    handle = replace(a_handle(), network=said.network, handle=said.handle)
    kept = wiring.records().opened(handle, since=NOON - days, until=NOON + days, most=10)
    assert [item.text for item in kept.items] == ["what a match"]
    known = wiring.records().read((said.key,), ()).known[said.key]
    gone = light.decide(replace(said, change=Change.DELETED, version=9), known, None, "x#1", NOON)
    assert wiring.records().commit(gone, at=NOON) == Committed.DONE
    assert not wiring.records().opened(handle, since=NOON - days, until=NOON + days, most=10).items


def test_pages_leave_the_list_when_they_were_sent_and_twice_is_once() -> None:
    one = page.dead_letter("x", "no time", NOON)
    assert wiring.pages().call(one)
    assert not wiring.pages().call(one)
    assert list(wiring.pages().unsent(NOON)) == []
    assert list(wiring.pages().unsent(NOON + timedelta(minutes=1))) == [one.page_id]
    called = wiring.pages().load(one.page_id)
    assert called is not None
    assert wiring.pages().save(called, None, waiting=False, at=NOON)
    assert wiring.pages().save(called, None, waiting=False, at=NOON)
    assert list(wiring.pages().unsent(NOON + timedelta(minutes=1))) == []


def test_a_dead_letter_is_kept_once_with_its_item_and_one_page_a_day() -> None:
    letters = [
        DeadLetter(
            letter_id=f"x#{number}",
            where="x @acmecards",
            reason="no time",
            body=item_to_json(an_item(str(number))),
        )
        for number in (1, 2)
    ]
    assert wiring.dead_letters().park(letters, at=NOON) == 2
    assert wiring.dead_letters().park(letters, at=NOON) == 0
    assert sum(key.startswith("PAGE#dead") for key in rows()) == 1
    kept = dict(wiring.dead_letters().kept())
    assert [letter.body for letter in kept.values()] == [item_to_json(an_item(number)) for number in "12"]
    wiring.dead_letters().forget("DEAD#x#1")
    assert list(dict(wiring.dead_letters().kept())) == ["DEAD#x#2"]


def test_words_that_may_not_stay_go_with_their_row_when_nobody_takes_them_off_it() -> None:
    """A handle that left the organisation file is walked by nobody any more."""
    said = an_item("1", network="linkedin", text="my card", version=1)
    committed(said)
    assert rows()["ITEM#linkedin#1"]["expires_at"]["N"] == str(int((NOON + timedelta(hours=48)).timestamp()))
    later = NOON + timedelta(hours=44)
    committed(replace(said, change=Change.EXPIRED), later)
    bare = int(rows()["ITEM#linkedin#1"]["expires_at"]["N"])
    assert (
        bare
        == int(rows()["CASE#" + key_of(said)]["expires_at"]["N"])
        > (later + timedelta(days=80)).timestamp()
    )


def key_of(item: Item) -> str:
    return case_key_of(item.conversation_key)


def letter_of(network: str) -> dict[str, Any]:
    """Return the row of a dead letter of that network, parked at noon."""
    body = item_to_json(
        an_item(network, network=network, text="my card", attachments=("image",), author=LEELA)
    )
    letter = DeadLetter(letter_id=network, where=f"{network} @acmecards", reason="no time", body=body)
    wiring.dead_letters().park([letter], at=NOON)
    return rows()[f"DEAD#{network}"]


def test_a_dead_letter_is_kept_no_longer_than_its_network_allows_and_the_table_is_late() -> None:
    days = {name: letter_of(name)["expires_at"]["N"] for name in ("x", "youtube", "reddit")}
    expected = {"x": 90, "youtube": 27, "reddit": 27}
    assert days == {
        name: str(int((NOON + timedelta(days=count)).timestamp())) for name, count in expected.items()
    }


def test_a_dead_letter_of_which_nothing_may_stay_keeps_its_ids_only_and_is_redriven_all_the_same() -> None:
    row = letter_of("linkedin")
    assert not {"my card", "image", LEELA.handle} & set(re.findall(r'[^"]+', str(row["body"])))
    (letter,) = dict(wiring.dead_letters().kept()).values()
    item = item_from_json(letter.body)
    assert (item.native_id, item.author.author_id, item.text) == ("linkedin", LEELA.author_id, "")


def test_a_replaced_case_keeps_no_name_where_names_may_not_stay() -> None:
    for network, kept in (("x", True), ("linkedin", False)):
        said = an_item("1", network=network, conversation_id="1", author=LEELA)
        first = replace(decided(said).case or a_case(), network=network)
        later = replace(first, generation=2, case_id=f"{first.case_id}.2", version=2)
        wiring.records().commit(replace(decided(said), case=first), at=NOON)
        again = replace(said, native_id="2")
        wiring.records().commit(replace(decided(again), case=later, case_was=first), at=NOON)
        assert (LEELA.handle in str(rows()[f"OLD#{first.case_id}"])) is kept


def test_a_cursor_moves_only_from_where_it_was_read() -> None:
    cursors, handle = wiring.cursors(), a_handle()
    never = cursors.load(handle)
    first = cursors.save(handle, never, {"mentions": {"low": "1"}}, at=NOON, heard=True)
    second = cursors.save(handle, first, {"mentions": {"low": "2"}}, at=NIGHT, heard=False)
    assert cursors.load(handle) == second
    assert second.heard_at == NOON
    for stale in (never, first):
        with pytest.raises(StaleCursor):
            cursors.save(handle, stale, {"mentions": {"low": "3"}}, at=NOON, heard=True)


def test_a_save_whose_answer_was_lost_counts_as_saved() -> None:
    cursors, handle = wiring.cursors(), a_handle()
    F.begin({2: "lost"})
    bookmark = cursors.save(handle, cursors.load(handle), {"mentions": {}}, at=NOON, heard=True)
    F.end()
    assert cursors.load(handle) == bookmark


def test_characters_that_aws_does_not_carry_are_replaced() -> None:
    assert compact({"text": "a\uffff\ufffe\ud800b ü 🙂"}) == '{"text":"a���b ü 🙂"}'


def test_reading_more_rows_than_one_call_takes(world: World) -> None:
    del world
    committed(an_item())
    keys = [f"x#{number}" for number in range(2, 250)]
    assert list(wiring.records().read((*keys, "x#1"), ()).known) == ["x#1"]


def test_a_dead_letter_that_meets_another_router_is_not_taken_for_kept() -> None:
    letter = DeadLetter(letter_id="x#1", where="x @acmecards", reason="no time")
    F.begin({1: "conflict"})
    with pytest.raises(Busy, match="try again"):
        wiring.dead_letters().park([letter], at=NOON)
    F.end()
    assert wiring.dead_letters().park([letter], at=NOON) == 1


# Rows that are packed.


def test_a_long_post_is_packed_told_with_all_its_words_and_shown_to_who_asks(world: World) -> None:
    words = "They took my card and nobody answers. " * 40
    said = an_item(text=words, author=LEELA)
    assert committed(said) == Committed.DONE
    row = dynamodb().get_item(TableName="records", Key={"key": {"S": "ITEM#x#1"}})["Item"]
    assert set(row["item"]) == {"B"}
    assert words not in str(row)
    world.forward()
    assert events()[0]["item"]["text"] == words
    shown = wiring.records().item("x#1")
    assert shown is not None
    assert shown["item"]["text"] == words
    assert committed(replace(said, version=3, text="never mind", change=Change.EDITED)) == Committed.DONE
    assert wiring.records().read(("x#1",), ()).known["x#1"].version == 3


def test_an_item_that_opens_no_case_is_a_plain_put_and_a_second_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def met(**_: object) -> None:
        raise ClientError({"Error": {"Code": "TransactionConflictException"}}, "PutItem")

    ignored = decided(a_general_item("7", text="giveaway"))
    with monkeypatch.context() as another:
        another.setattr(dynamodb(), "put_item", met)
        assert wiring.records().commit(ignored, at=NOON) == Committed.STALE
    F.begin({})
    assert wiring.records().commit(ignored, at=NOON) == Committed.DONE
    F.end()
    assert F.log == ["PutItem"]
    assert wiring.records().commit(ignored, at=NOON) == Committed.KNOWN


def test_items_that_are_written_together_share_the_page_of_their_common_cause() -> None:
    stories = [a_general_item(number, conversation_id=number, text="stolen") for number in "123"]
    decisions = [decided(story, NIGHT) for story in stories]
    F.begin({})
    assert wiring.records().commit(*decisions, at=NIGHT) == Committed.DONE
    F.end()
    assert F.log == ["TransactWriteItems"]
    paged = sorted(key.split("#")[1] for key in rows() if key.startswith("PAGE#"))
    assert paged == ["nobody", "urgent", "urgent", "urgent"]
    assert wiring.records().commit(*decisions, at=NIGHT) == Committed.KNOWN


def test_what_one_row_spoils_is_for_each_to_find_out_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def invalid(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ValidationException"}}, "TransactWriteItems")

    decisions = [decided(an_item(number, conversation_id=number)) for number in "12"]
    monkeypatch.setattr(dynamodb(), "transact_write_items", invalid)
    with pytest.raises(Busy):
        wiring.records().commit(*decisions, at=NOON)
    with pytest.raises(ClientError):
        wiring.records().commit(decisions[0], at=NOON)


# Which items a case has.


def of_the_index() -> list[str]:
    listed = (key for key, row in rows().items() if row.get("list", {}).get("S", "").startswith("CASE#"))
    return sorted(key[:8] for key in listed)


def found() -> tuple[list[str], list[str]]:
    """Return what re-reading and what a trail finds of the one case, by the first letter of its id."""
    records = wiring.records()
    kept = records.opened(a_handle(), since=NOON - timedelta(days=2), until=NOON + timedelta(days=1), most=99)
    case = records.read((), ("x#1",)).cases["x#1"]
    trail = [one["item"]["id"][0] for one in records.trail(case)]
    return sorted(item.native_id[0] for item in kept.items), sorted(trail)


def test_a_case_names_its_items_and_only_those_that_have_no_room_are_in_the_index() -> None:
    for number in "123456":
        committed(an_item(number + "0" * 190, conversation_id="1"))
    assert of_the_index() == ["ITEM#x#6"]
    assert found() == (list("123456"), list("123456"))
    committed(an_item("3" + "0" * 190, conversation_id="1", version=4, change=Change.EDITED, text="anew"))
    committed(an_item("6" + "0" * 190, conversation_id="1", version=4, change=Change.EDITED, text="anew"))
    assert of_the_index() == ["ITEM#x#6"]
    assert found() == (list("123456"), list("123456"))


def test_what_came_into_a_case_before_it_named_its_items_is_found_in_the_index() -> None:
    for number in "123":
        committed(an_item(number))
    case = rows()["CASE#" + key_of(an_item())]
    body = json.loads(case["case"]["S"])
    assert body.pop("added") == ["2", "3"]
    dynamodb().put_item(TableName="records", Item={**case, "case": {"S": compact(body)}})
    for number in "23":
        listed = {"list": {"S": f"CASE#{body['case_id']}"}, "list_at": {"S": NOON.isoformat()}}
        dynamodb().put_item(TableName="records", Item=rows()[f"ITEM#x#{number}"] | listed)
    committed(an_item("4"))
    assert of_the_index() == ["ITEM#x#2", "ITEM#x#3"]
    assert found() == (list("1234"), list("1234"))
