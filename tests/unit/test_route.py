"""Routing a batch: each item once, in the order it was said, whoever else is at work."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.item import Author, Change, Item, Kind
from allhours.domain.page import Why
from allhours.domain.router import Router
from allhours.flows.route import TRIES, Routed, route
from tests.builders import NIGHT, NOON, STRANGER, FakeRecords, a_general_item, an_item, an_organisation

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.decision import Decision
    from allhours.flows.ports import World

ROUTER = Router(an_organisation())


def routed(records: FakeRecords, *items: Item, at: object = NOON) -> Routed:
    return route(list(enumerate(items)), router=ROUTER, records=records, at=at)  # type: ignore[arg-type]


def after(minutes: int) -> object:
    return NOON.replace(minute=minutes)


def kinds(records: FakeRecords) -> list[str]:
    return [event["event"] for event in records.events]


def test_copies_in_one_batch_and_in_the_next_are_routed_once() -> None:
    records = FakeRecords()
    assert routed(records, an_item(), an_item()).outcomes == {"routed": 1, "duplicate": 1}
    assert routed(records, an_item()).outcomes == {"duplicate": 1}
    assert kinds(records) == ["case.opened"]


def test_any_order_of_arrival_ends_in_the_same_place() -> None:
    story = [
        an_item("1", created_at=after(1)),
        an_item("2", created_at=after(2), author=STRANGER),
        an_item("1", created_at=after(1), version=5, change=Change.EDITED, text="edited"),
        an_item("3", created_at=after(3), addressed=("@acmepay",)),
        an_item("3", created_at=after(3), version=7, change=Change.DELETED),
    ]
    ends = set()
    for seed in range(20):
        shuffled = story * 2
        random.Random(seed).shuffle(shuffled)
        records = FakeRecords()
        routed(records, *shuffled)
        case = records.cases["x#1"]
        ends.add(
            (
                case.opened_at,
                case.author_id,
                case.live,
                tuple(sorted((k, v.version, v.deleted) for k, v in records.known.items())),
            )
        )
    assert len(ends) == 1


def test_a_late_copy_of_a_deleted_post_stays_out() -> None:
    records = FakeRecords()
    routed(records, an_item(change=Change.DELETED, version=9))
    assert routed(records, an_item()).outcomes == {"duplicate": 1}
    assert records.cases == {}


def test_a_deletion_that_races_with_the_post_itself_still_wins() -> None:
    records = FakeRecords()
    records.meanwhile = [lambda: routed(records, an_item())]
    assert routed(records, an_item(change=Change.DELETED, version=9)).outcomes == {"deleted": 1}
    assert records.known["x#1"].deleted
    assert kinds(records) == ["case.opened", "item.deleted"]


def test_an_edit_that_races_with_the_post_itself_is_applied() -> None:
    records = FakeRecords()
    records.meanwhile = [lambda: routed(records, an_item())]
    assert routed(records, an_item(version=5, change=Change.EDITED)).outcomes == {"edited": 1}
    assert records.known["x#1"].version == 5


def test_two_routers_with_one_conversation_share_one_case() -> None:
    records = FakeRecords()
    records.meanwhile = [lambda: routed(records, an_item("1"))]
    assert routed(records, an_item("2")).outcomes == {"routed": 1}
    assert records.cases["x#1"].items == 2
    assert [event["case_version"] for event in records.events] == [1, 2]


def test_a_case_that_keeps_moving_sends_the_item_back() -> None:
    records = FakeRecords()
    routed(records, an_item("0"))
    others = [lambda number=number: routed(records, an_item(f"other {number}")) for number in range(TRIES)]
    records.meanwhile = [step for other in others for step in (other, lambda: None)]
    assert routed(records, an_item("9")).again == [0]


def test_a_strangers_answer_with_a_conversation_of_its_own_gets_a_case_of_its_own() -> None:
    records = FakeRecords()
    routed(records, an_item("1"))
    routed(records, an_item("2", conversation_id="elsewhere", parent_id="1"))
    assert list(records.cases) == ["x#1", "x#elsewhere"]


def test_the_failed_item_comes_again_and_its_neighbours_are_done() -> None:
    records = FakeRecords(busy=2)  # for both together, then for the first by itself
    done = routed(records, an_item("1", conversation_id="1"), an_item("2", conversation_id="2"))
    assert done.again == [0]
    assert done.outcomes == {"routed": 1}


def test_items_of_different_cases_are_written_together_and_those_of_one_in_their_order() -> None:
    class Counting(FakeRecords):
        def commit(self, *decisions: Decision, at: datetime) -> str:
            together.append([one.entry.item.native_id for one in decisions if one.entry])
            return super().commit(*decisions, at=at)

    together: list[list[str]] = []
    story = [an_item(n, conversation_id=c, created_at=after(int(n))) for n, c in ("1a", "2b", "3a", "4c")]
    assert routed(Counting(), *story, story[0]).outcomes == {"routed": 4, "duplicate": 1}
    assert together == [["1"], ["2", "3", "4"]]


def test_a_conversation_in_one_batch_is_written_together_and_ends_as_if_each_word_had_come_alone() -> None:
    story = [
        an_item("1", conversation_id="a", created_at=after(1)),
        an_item("2", conversation_id="a", created_at=after(2), author=STRANGER),
        an_item("3", conversation_id="b", created_at=after(3)),
        an_item("4", conversation_id="a", created_at=after(4), addressed=("@acmepay",)),
    ]
    together, alone = FakeRecords(), FakeRecords()
    assert routed(together, *story).outcomes == {"routed": 4}
    for item in story:
        routed(alone, item)
    assert (together.cases, together.known, together.events) == (alone.cases, alone.known, alone.events)
    assert [event["case_version"] for event in together.events] == [1, 2, 1, 3]


def test_a_conversation_that_another_router_has_opened_meanwhile_keeps_every_word_of_the_batch() -> None:
    records = FakeRecords()
    records.meanwhile = [lambda: routed(records, an_item("0", conversation_id="a"))]
    story = [an_item(f"{n}", conversation_id="a", created_at=after(n)) for n in (1, 2, 3)]
    assert routed(records, *story).outcomes == {"routed": 3}
    assert records.cases["x#a"].items == 4
    assert [event["case_version"] for event in records.events] == [1, 2, 3, 4]


def test_what_is_put_back_takes_its_case_along_and_the_next_word_is_decided_without_it() -> None:
    records = FakeRecords(busy=2)  # for both together, then for the first by itself
    story = [an_item(f"{n}", conversation_id="a", created_at=after(n)) for n in (1, 2)]
    done = routed(records, *story)
    assert (done.again, done.outcomes) == ([0], {"routed": 1})
    assert [event["event"] for event in records.events] == ["case.opened"]
    assert routed(records, story[0]).outcomes == {"routed": 1}
    assert records.cases["x#a"].items == 2


def test_what_spoils_a_common_write_is_found_alone_and_the_others_are_done() -> None:
    """Another router has opened the case of one of them meanwhile."""
    records = FakeRecords()
    records.meanwhile = [lambda: routed(records, an_item("0", conversation_id="1"))]
    done = routed(records, *(an_item(n, conversation_id=n) for n in ("1", "2", "3")))
    assert (done.outcomes, done.again) == ({"routed": 3}, [])
    assert records.cases["x#1"].items == 2


def test_a_case_that_opens_just_before_its_second_post_is_filtered_gets_it_all_the_same() -> None:
    records = FakeRecords()
    first = an_item("1", conversation_id="1")
    late = a_general_item("2", conversation_id="1", text="giveaway", author=first.author)
    calls: list[bool] = []

    class Late(FakeRecords):
        def read(self, *keys: Any, consistent: bool = False) -> World:
            calls.append(consistent)
            if calls == [False, True]:
                routed(records, first)
            return records.read(*keys, consistent=consistent)

        def commit(self, *decisions: Decision, at: datetime) -> str:
            return records.commit(*decisions, at=at)

    assert routed(Late(), late).outcomes == {"routed": 1}
    assert records.cases["x#1"].items == 2


def test_personal_data_that_slipped_by_the_door_is_masked_here() -> None:
    records = FakeRecords()
    routed(
        records, an_item(text="4111 1111 1111 1111", author=Author(author_id="1", name="leela@example.org"))
    )
    entry = records.decisions[0].entry
    assert entry is not None
    assert "4111 1111" not in repr(records.decisions)
    assert "leela@" not in repr(records.decisions)


def test_an_urgent_page_is_written_though_the_gap_has_paged_already_this_hour() -> None:
    records = FakeRecords()
    routed(records, a_general_item("1", conversation_id="1", text="stolen"), at=NIGHT)
    routed(records, a_general_item("2", conversation_id="2", text="stolen too"), at=NIGHT)
    assert [page.why for page in records.pages] == [Why.URGENT, Why.NOBODY_ON_DUTY, Why.URGENT]


def test_a_case_that_this_release_cannot_read_keeps_no_other_item_of_the_batch() -> None:
    records = FakeRecords(unreadable={"x#9"})
    other = an_item("2", conversation_id="2", created_at=after(2))
    end = routed(records, an_item("9", conversation_id="9", created_at=after(1)), other, other)
    assert (end.again, end.outcomes) == ([0], {"routed": 1, "duplicate": 1})
    assert end.why_again == ["a row holds no case that this release can read"]


# Webhook and poll, reconciled.


def heard(by: str, native_id: str = "1", minutes: int = 0, **changes: object) -> Item:
    """Return an item said so many minutes before noon, and by which way it came."""
    said_at = NOON - timedelta(minutes=minutes)
    return an_item(native_id, conversation_id=native_id, heard_by=by, created_at=said_at, **changes)


def test_each_way_is_counted_for_what_it_brought_first_and_for_what_it_brought_again() -> None:
    records = FakeRecords()
    assert routed(records, heard("webhook")).heard == {("x", "FirstByWebhook"): 1}
    assert routed(records, heard("poll")).heard == {("x", "AgainByPoll"): 1}
    assert routed(records, heard("poll", "2"), heard("webhook", "2")).heard == {
        ("x", "FirstByPoll"): 1,
        ("x", "AgainByWebhook"): 1,
    }


@pytest.mark.parametrize(("seconds", "missed"), [(29, 0), (30, 0), (31, 1), (59, 1)])
def test_a_post_that_the_webhook_should_have_brought_by_now_is_missed_by_it(
    seconds: int, missed: int
) -> None:
    """A poll comes each minute: what the webhook never brings is not older than that when it is heard."""
    done = routed(FakeRecords(), heard("poll"), at=NOON + timedelta(seconds=seconds))
    assert done.heard["x", "MissedByWebhook"] == missed


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({"addressed": (), "kind": Kind.REPLY}, 0),
        ({"addressed": (), "kind": Kind.POST}, 0),
        ({"addressed": (), "kind": Kind.COMMENT}, 1),
        ({"addressed": (), "kind": Kind.REVIEW}, 1),
        ({"kind": Kind.MENTION}, 1),
    ],
)
def test_what_only_a_search_finds_no_webhook_misses(changes: dict[str, Any], missed: int) -> None:
    done = routed(FakeRecords(), heard("poll", minutes=1, **changes))
    assert done.heard["x", "FirstByPoll"] == 1
    assert done.heard["x", "MissedByWebhook"] == missed


def test_what_is_old_and_came_by_webhook_or_had_come_before_is_not_missed() -> None:
    records = FakeRecords()
    assert routed(records, heard("webhook", minutes=60)).heard["x", "MissedByWebhook"] == 0
    assert routed(records, heard("poll", minutes=60)).heard["x", "MissedByWebhook"] == 0


def test_what_opened_no_work_is_reconciled_too() -> None:
    done = routed(FakeRecords(), heard("poll", text="giveaway", addressed=()))
    assert done.outcomes == {"filtered": 1}
    assert done.heard == {("x", "FirstByPoll"): 1}


def test_a_network_with_one_way_only_has_nothing_to_reconcile() -> None:
    assert routed(FakeRecords(), heard("", minutes=60)).heard == {}


def test_an_item_that_is_to_come_again_is_counted_when_it_was_routed() -> None:
    records = FakeRecords(busy=1)
    assert routed(records, heard("poll")).heard == {}
    assert routed(records, heard("poll")).heard == {("x", "FirstByPoll"): 1}


def test_networks_are_reconciled_apart() -> None:
    done = routed(FakeRecords(), heard("poll"), heard("poll", "2", network="facebook"))
    assert done.heard == {("x", "FirstByPoll"): 1, ("facebook", "FirstByPoll"): 1}
