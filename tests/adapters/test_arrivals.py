"""When cases began, read from the whole table for planning."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from allhours.aws import wiring
from allhours.aws.stack import Stack
from allhours.domain.case import State
from allhours.domain.router import Router
from allhours.flows.ports import Committed
from tests.builders import NOON, a_general_item, an_item, an_organisation

if TYPE_CHECKING:
    from allhours.domain.decision import Decision
    from allhours.domain.item import Item

pytestmark = pytest.mark.usefixtures("world")
STACK = Stack("bank", "test", {"RecordsTable": "records"})
DAY = timedelta(days=1)


def committed(item: Item) -> None:
    world = wiring.records().read((item.key,), (item.conversation_key,), consistent=True)
    case = world.cases.get(item.conversation_key)
    decision: Decision = Router(an_organisation()).decide(item, None, case, item.conversation_key, NOON)
    assert wiring.records().commit(decision, at=NOON) == Committed.DONE


def test_every_case_is_one_arrival_at_the_networks_time_with_its_unit() -> None:
    committed(an_item("1"))
    committed(an_item("2"))  # the same conversation: no new arrival
    committed(a_general_item("9", conversation_id="9", created_at=NOON - timedelta(minutes=7)))
    told = sorted(STACK.arrivals(NOON - DAY, NOON))
    assert told == [
        (NOON - timedelta(minutes=7), "customer_care"),
        (NOON - timedelta(minutes=1), "cards"),
    ]


def test_the_window_is_half_open() -> None:
    committed(an_item("1", created_at=NOON - DAY))
    assert len(list(STACK.arrivals(NOON - DAY, NOON))) == 1
    assert list(STACK.arrivals(NOON - 2 * DAY, NOON - DAY)) == []


def test_a_case_that_a_later_one_replaced_arrived_too() -> None:
    committed(an_item("1"))
    (read,) = wiring.records().read((), ("x#1",), consistent=True).cases.values()
    closed = replace(read, state=State.CLOSED, closed_at=NOON - 30 * DAY, version=read.version + 1)
    later = Router(an_organisation()).decide(an_item("9"), None, closed, "x#1", NOON)
    assert later.case is not None
    assert later.case.generation == 2
    assert wiring.records().commit(replace(later, case_was=read), at=NOON) == Committed.DONE
    assert [unit for _, unit in STACK.arrivals(NOON - DAY, NOON)] == ["cards", "cards"]
