"""Forwarding: a page is marked as sent only after it was, events leave at least once."""

from __future__ import annotations

import pytest

from allhours.domain import page
from allhours.domain.errors import Busy
from allhours.flows.forward import forward
from tests.builders import NOON, FakePager, FakePages, FakeTopic

PAGE = page.dead_letter("x @acmecards", "no time", NOON)


def test_pages_go_first_and_are_marked_after_they_went() -> None:
    topic, pager, pages = FakeTopic(), FakePager(), FakePages()
    done = forward([{"event": "case.opened"}], [PAGE], topic=topic, pager=pager, pages=pages, at=NOON)
    assert (done.events, done.pages) == (1, 1)
    assert pager.pages == pages.marked == [PAGE]
    assert topic.events == [{"event": "case.opened"}]


def test_a_page_that_did_not_go_is_not_marked() -> None:
    pager, pages = FakePager(busy=1), FakePages()
    with pytest.raises(Busy):
        forward([], [PAGE], topic=FakeTopic(), pager=pager, pages=pages, at=NOON)
    assert pages.marked == []


def test_nothing_to_forward_publishes_nothing() -> None:
    topic = FakeTopic()
    forward([], [], topic=topic, pager=FakePager(), pages=FakePages(), at=NOON)
    assert topic.events == []
