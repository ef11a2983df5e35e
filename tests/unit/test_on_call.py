"""The people of a local run who are called: who sleeps, who opens a link, and what is shown of it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.escalation import Climb, Told, climb_to_json
from allhours.domain.page import Page, Why, page_to_json
from infra.local.climbs import Held, called_for, held_back
from infra.local.on_call import ASLEEP_FOR, OnCall, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AT = datetime(2026, 11, 22, 3, tzinfo=UTC)


class Links(BaseHTTPRequestHandler):
    """Answers as the function behind the links does."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path.startswith("/pages/") else 403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Links) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def sent(member: str, link: str, page_id: str = "urgent#1", unit: str = "fraud_security") -> dict[str, str]:
    return {"page_id": page_id, "member": member, "unit": unit, "link": link}


def on_call() -> OnCall:
    return OnCall(reachable=lambda link: link, asleep_in="fraud_security")


def test_whoever_is_called_first_sleeps_and_the_next_step_opens_the_link(address: str) -> None:
    people, link = on_call(), f"{address}/pages/t"
    people.called(sent("zoe", link), 0.0)
    people.called(sent("abel", link), 0.1)
    people.answer(60.0)
    assert people.opened == []
    people.called(sent("olga", link), ASLEEP_FOR)
    people.answer(60.0)
    people.answer(60.0)
    assert [(each.member, each.said, each.well) for each in people.opened] == [("olga", "200", True)]
    assert people.sleepers == ["zoe", "abel"]


def test_only_one_page_is_slept_through_and_only_in_the_unit_that_sleeps(address: str) -> None:
    people, link = on_call(), f"{address}/pages/t"
    people.called(sent("lars", link, "urgent#2", "online_banking"), 0.0)
    people.called(sent("zoe", link), 0.0)
    people.called(sent("zoe", link, "urgent#3"), 1.0)
    people.answer(60.0)
    assert [each.page_id for each in people.opened] == ["urgent#2", "urgent#3"]


def test_a_page_without_a_link_asks_for_nothing() -> None:
    people = on_call()
    people.called({"page_id": "silent#1", "member": "operations", "unit": "operations"}, 0.0)
    people.answer(60.0)
    assert people.opened == []
    assert not people.slept_through


def test_a_link_that_does_not_work_is_told_by_its_status(address: str) -> None:
    assert opened(f"{address}/elsewhere") == "403"
    assert opened("http://127.0.0.1:9/pages/t") == "URLError"


# What is shown


def page_row(climb: Climb | None, severity: str = "critical") -> Mapping[str, Any]:
    page = Page(
        page_id="urgent#1",
        why=Why.URGENT,
        severity=severity,
        unit="fraud_security",
        member="zoe",
        sms="",
        subject="",
        story="",
        at=AT,
    )
    row: dict[str, Any] = {"key": {"S": "PAGE#urgent#1"}, "page": {"S": json.dumps(page_to_json(page))}}
    return {**row, "climb": {"S": json.dumps(climb_to_json(climb))}} if climb else row


def climbing(*told: tuple[str, int]) -> Climb:
    return Climb(
        started_at=AT,
        next_at=AT + timedelta(minutes=5),
        step=len(told),
        told=tuple(Told(member=member, at=AT, step=step) for member, step in told),
    )


@pytest.mark.parametrize(
    ("climb", "told", "how_it_stands", "is_open"),
    [
        (None, "zoe", "leaves", True),
        (climbing(("zoe", 0), ("abel", 0), ("olga", 1)), "zoe, abel → olga", "climbs on in 5 min", True),
        (climbing(("zoe", 0)).acknowledged("zoe", AT), "zoe", "zoe has it", False),
    ],
)
def test_a_page_is_shown_with_whom_it_told_and_who_has_it(
    climb: Climb | None, told: str, how_it_stands: str, *, is_open: bool
) -> None:
    (shown,) = called_for([page_row(climb), {"key": {"S": "ITEM#x#1"}}])
    assert (shown.told, shown.how_it_stands(AT), shown.open) == (told, how_it_stands, is_open)


def test_a_warning_waits_for_nobody() -> None:
    (shown,) = called_for([page_row(None, "warning")])
    assert not shown.open


def test_what_is_over_a_member_s_budget_is_counted() -> None:
    waiting = [{"page_id": "urgent#1"}, {"page_id": "urgent#2"}]
    budget = {"counted": [], "waiting": waiting, "more": 1, "waiting_since": None}
    rows = [{"key": {"S": "BUDGET#zoe"}, "budget": {"S": json.dumps(budget)}}, page_row(None)]
    assert held_back(rows) == {"zoe": Held(count=3, page_ids=frozenset({"urgent#1", "urgent#2"}))}
