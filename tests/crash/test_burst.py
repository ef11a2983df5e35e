"""A burst of 1,000 posts between two polls, pages of 100, a crash at any call: none lost, none twice.

A sample of the calls in CI; all of them with ALLHOURS_ALL_POINTS=1.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests
import time_machine

from allhours.domain.router import Router
from allhours.flows.ingest import Intake, ingest
from allhours.flows.meter import NoMeter
from allhours.flows.route import route
from allhours.networks.http import Http
from allhours.networks.x import connect
from tests.builders import (
    NOON,
    FakeCursors,
    FakeDeadLetters,
    FakeItemQueue,
    FakePages,
    FakeRecords,
    a_handle,
    an_organisation,
)
from tests.crash.faults import Crash, F, FakeNetwork
from tests.crash.harness import an_x

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

BURST = 1_000
HANDLE = a_handle("@acmebank", native_id="1000000000000000107", listen=("#acme",))


class Secrets:
    """Credentials that never change."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = {**fields, "scope": "tweet.read"}

    def read(self, secret: str) -> Mapping[str, str]:
        del secret
        return self.fields

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[..., Mapping[str, str]]
    ) -> Mapping[str, str]:
        raise NotImplementedError


def crashing(port: Any, *names: str) -> Any:
    """Count each call of the port, and crash before or after it as planned."""
    for name in names:
        whole = getattr(port, name)

        def call(*values: Any, whole: Any = whole, name: str = name, **named: Any) -> Any:
            fault = F.next(name)
            if fault == "crash_before":
                raise Crash
            answer = whole(*values, **named)
            if fault == "crash_after":
                raise Crash
            return answer

        setattr(port, name, call)
    return port


def burst(plan: Mapping[int, str]) -> tuple[list[str], list[str], int]:
    """Return what was said, what came into inboxes, and how many calls the polls made."""
    with time_machine.travel(NOON, tick=False) as clock:
        network = an_x()
        session = requests.Session()
        session.mount("https://", FakeNetwork({"x.test": network}))
        x = connect(Secrets(network.secret), Http(session), app_secret="x/app", meter=NoMeter())
        cursors, queue = crashing(FakeCursors(), "load", "save"), crashing(FakeItemQueue(), "put")

        def poll() -> None:
            clock.shift(timedelta(minutes=1))
            try:
                ingest(
                    HANDLE,
                    source=x,
                    cursors=cursors,
                    queue=queue,
                    dead_letters=FakeDeadLetters(),
                    pages=FakePages(),
                    intake=Intake(),
                    ours=frozenset(),
                    at=datetime.now(UTC),
                )
            except Crash:
                return

        poll()
        said = [network.say("leela", f"number {number} #acme") for number in range(BURST)]
        F.begin(plan)
        poll()
        poll()
        F.end()
        calls = F.k
        for _ in range(4):
            poll()
    records, router = FakeRecords(), Router(an_organisation())
    for start in range(0, len(queue.items), 10):
        assert not route(
            list(enumerate(queue.items[start : start + 10])), router=router, records=records, at=NOON
        ).again
    inbox = [one.entry.item.native_id for one in records.decisions if one.entry and one.entry.event]
    return said, inbox, calls


def test_a_burst_is_heard_whole_and_once_whatever_call_crashes() -> None:
    said, inbox, calls = burst({})
    assert sorted(inbox) == sorted(said)
    everywhere = bool(os.environ.get("ALLHOURS_ALL_POINTS"))
    points = range(1, calls + 1) if everywhere else range(2, calls + 1, max(calls // 5, 1))
    for k in points:
        for fault in ("crash_before", "crash_after") if everywhere else ("crash_after",):
            said, inbox, _ = burst({k: fault})
            assert sorted(inbox) == sorted(said), f"{fault} at call {k}"


def test_a_reader_that_jumps_to_the_newest_post_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_page(marks: Any, *, read: Any, newer: Any, overlap: Any, budget: int) -> Any:
        del newer, overlap, budget
        page = read(marks.get("low", ""), None)
        top = max((mark for mark, _ in page.posts), key=int, default=marks.get("low", ""))
        yield tuple(heard for _, heard in page.posts), {"low": top, "top": "", "resume": None, "seen": []}

    monkeypatch.setattr("allhours.networks._x.api.newest_first", one_page)
    said, inbox, _ = burst({})
    assert len(said) - len(set(inbox)) == BURST - 100
