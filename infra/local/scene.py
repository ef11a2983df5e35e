"""The scene: everything that is to be seen of a running Allhours, gathered from outside by a few threads."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from allhours.domain.alike import grouped
from allhours.domain.case import State, case_from_json
from allhours.domain.changes import change_from_json
from infra.local.answered import Answers, approved, compared
from infra.local.climbs import CalledFor, Held, called_for, held_back
from infra.local.deployed import polled_networks
from infra.local.ledger import Arrival, Balance, Ledger
from infra.local.on_call import OnCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from allhours.domain.alike import Group
    from allhours.domain.case import Case
    from allhours.domain.organisation import OnDuty, Organisation
    from infra.local.deployed import Deployed
    from infra.local.staff import Staff
    from infra.local.town import Town

POLL_SECONDS = 3.0  # rate(1 minute) is EventBridge Scheduler's finest; here we need not wait for it
TICK_SECONDS = 2.0  # the clock's schedule is a minute, a run's ladder has steps of seconds
REREAD_EVERY = 3  # polls
LOOK_SECONDS = 1.5
MOST_TROUBLES = 50


@dataclass(slots=True, kw_only=True)
class Scene:
    """What has been seen so far."""

    deployed: Deployed
    town: Town
    organisation: Organisation
    started_at: float = field(default_factory=time.time)
    phase: str = "starting"
    ledger: Ledger = field(default_factory=Ledger)
    balance: Balance = field(default_factory=Balance)
    questions: Mapping[str, Sequence[Group]] = field(default_factory=dict[str, "Sequence[Group]"])
    pages: list[tuple[float, Mapping[str, Any]]] = field(
        default_factory=list[tuple[float, "Mapping[str, Any]"]]
    )
    calls: list[CalledFor] = field(default_factory=list[CalledFor])
    """Pages as the table has them, with their climbs."""
    held: Mapping[str, Held] = field(default_factory=dict[str, Held])
    on_call: OnCall | None = None
    desk: str = ""
    """Where the desk is and who may sign in there, for whoever looks on."""
    staff: Staff | None = None
    answers: Answers = field(default_factory=Answers)
    queued: Counter[str] = field(default_factory=Counter[str])
    queued_at: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    troubles: Counter[str] = field(default_factory=Counter[str])
    latest_troubles: deque[str] = field(default_factory=lambda: deque[str](maxlen=MOST_TROUBLES))
    errors: list[str] = field(default_factory=list[str])
    dead_letters: int = 0
    waiting: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _lines_seen: set[str] = field(default_factory=set[str])
    _last_line_ms: int = 0

    @property
    def networks(self) -> list[str]:
        """List the networks on which the organisation has handles and which the stack reads."""
        names = dict.fromkeys(handle.network for handle in self.organisation.handles)
        return polled_networks(self.deployed, list(names))

    def open_eyes(self) -> None:
        """Begin to watch: inboxes, pages, log and table, and to poll more often than the schedules."""
        oncall = self.deployed.subscribed_queue(self.deployed.outputs["PagesTopicArn"], "oncall")
        for unit in self.organisation.units:
            self._again_and_again(f"inbox {unit}", self._inbox_reader(unit, self.deployed.inbox(unit)))
        self._again_and_again("pages", lambda: self._read_pages(oncall))
        self._again_and_again("log", self._read_log, pause=LOOK_SECONDS)
        self._again_and_again("table", self.count, pause=LOOK_SECONDS)

    def poll_often(self) -> None:
        """Poll every network every few seconds besides its schedule."""
        for network in self.networks:
            self._again_and_again(f"poll {network}", self._poller(network), pause=POLL_SECONDS)

    def tick_often(self, asleep_in: str) -> None:
        """Let the clock tick every other second besides its schedule, and people answer what calls them."""
        people = self.on_call = OnCall(reachable=self.deployed.reachable, asleep_in=asleep_in)
        self._again_and_again("clock", self._tick, pause=TICK_SECONDS)
        self._again_and_again("on call", lambda: self._answers(people), pause=0.2)

    def poll_once(self) -> None:
        """Wake every function, then poll every network once, which sets the cursors of a fresh deployment."""
        self.ask_why_open()
        polls = [
            threading.Thread(target=self._poll, args=(name, "poll"), daemon=True) for name in self.networks
        ]
        for poll in polls:
            poll.start()
        for poll in polls:
            poll.join()

    def close_eyes(self) -> None:
        """End the threads; those in the middle of a call end with it."""
        self._ended.set()

    def count(self) -> Balance:
        """Count the posts against table and inboxes, and the answers against the table, now."""
        shown = self.town.answers()
        rows = self.deployed.rows()
        waiting = self.deployed.waiting("CommonQueueUrl")
        posts = self.town.posted()
        calls, held, organisation = called_for(rows), held_back(rows), self._with_changes(rows)
        questions = asked(rows)
        answers = compared(
            approved(rows),
            shown,
            self.town.answers(),
            played=[venue.handle.key for venue in self.town.venues],
        )
        with self.lock:
            self.answers = answers
            self.calls, self.held, self.organisation = calls, held, organisation
            self.questions = questions
            self.waiting = waiting
            self.dead_letters = sum(row["key"]["S"].startswith("DEAD#") for row in rows)
            self.balance = self.ledger.balance(posts, rows)
            return self.balance

    def ask_why_open(self) -> None:
        """Call what stands behind the queue with nothing to do: nothing else tells that it cannot begin."""
        for function in ("Route", "Forward", "Park"):
            if failed := self.deployed.invoke(function, {"Records": []}):
                self._trouble(f"{function} fails: {failed}")

    def _with_changes(self, rows: Iterable[Mapping[str, Any]]) -> Organisation:
        """Return the organisation with what was changed by hand, the same one while nothing was."""
        found = next((row["changes"]["S"] for row in rows if row["key"]["S"] == "ROTA"), None)
        changes = tuple(map(change_from_json, json.loads(found)["changes"])) if found else ()
        if changes == self.organisation.changes:
            return self.organisation
        return replace(self.organisation, changes=changes)

    def duty(self, unit: str, at: datetime) -> tuple[OnDuty, OnDuty]:
        """Return who is on duty for a unit, and who is next."""
        now = self.organisation.on_duty(unit, at)
        return now, self.organisation.on_duty(unit, datetime.fromtimestamp(now.until, UTC))

    def _again_and_again(self, name: str, work: Callable[[], object], *, pause: float = 0.0) -> None:
        def body() -> None:
            while not self._ended.is_set():
                try:
                    work()
                except (BotoCoreError, ClientError) as error:
                    if self._ended.is_set():
                        return
                    self._trouble(f"{name}: {type(error).__name__}")
                    self._ended.wait(1)
                self._ended.wait(pause)

        threading.Thread(target=body, name=name, daemon=True).start()

    def _trouble(self, what: str) -> None:
        with self.lock:
            self.errors.append(what)

    def _inbox_reader(self, unit: str, url: str) -> Callable[[], None]:
        def read() -> None:
            for event in self.deployed.received(url, wait=1):
                arrival = Arrival(unit=unit, event=event, at=time.time())
                with self.lock:
                    if "notice_id" in event:
                        self.ledger.note_notice(arrival)
                    else:
                        self.ledger.note(arrival, self.town.said_at.get(arrival.item_key))

        return read

    def _read_pages(self, url: str) -> None:
        for page in self.deployed.received(url, wait=1):
            with self.lock:
                self.pages.append((time.time(), page))
                if self.on_call:
                    self.on_call.called(page, time.time())

    def _answers(self, people: OnCall) -> None:
        for each in people.answer(time.time()):
            if not each.well:
                self._trouble(f"the link in page {each.page_id} of {each.member}: {each.said}")

    def _tick(self) -> None:
        if failed := self.deployed.invoke("Clock", {}):
            self._trouble(f"Clock fails: {failed}")

    def _poller(self, network: str) -> Callable[[], None]:
        turn = 0

        def poll() -> None:
            nonlocal turn
            turn += 1
            self._poll(network, "poll")
            if turn % REREAD_EVERY == 0:
                self._poll(network, "reread")

        return poll

    def _poll(self, network: str, do: str) -> None:
        try:
            failed = self.deployed.poll(network, do)
        except (BotoCoreError, ClientError) as error:
            failed = "" if self._ended.is_set() else type(error).__name__
        if failed:
            self._trouble(f"{do} {network}: {failed}")

    def _read_log(self) -> None:
        """Read what the functions said since last time: counters, troubles, errors."""
        for name, at_ms, line in self.deployed.lines(since_ms=self._last_line_ms):
            if name in self._lines_seen:
                continue
            self._lines_seen.add(name)
            self._last_line_ms = max(self._last_line_ms, at_ms)
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict):
                self._heard_line(told, at_ms / 1000)

    def _heard_line(self, told: Mapping[str, Any], at: float) -> None:
        network = str(told.get("network", ""))
        with self.lock:
            if "_aws" in told and (queued := int(_first(told.get("Queued")))):
                self.queued[network] += queued
                self.queued_at.append((network, at))
            if told.get("message") == "network trouble":
                self.troubles[network] += 1
                self.latest_troubles.append(f"{network}: {told.get('kind')} {told.get('reason')}")
            elif told.get("level") in {"ERROR", "CRITICAL"} or "errorType" in told:
                self.errors.append(str(told.get("message") or told.get("errorMessage"))[:300])


def asked(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Sequence[Group]]:
    """Return each unit's open cases by question."""
    by_unit: dict[str, list[Case]] = {}
    for row in rows:
        if row["key"]["S"].startswith("CASE#"):
            case = case_from_json(json.loads(row["case"]["S"]))
            if case.state is State.OPEN:
                by_unit.setdefault(case.unit, []).append(case)
    return {unit: grouped(cases) for unit, cases in by_unit.items()}


def _first(value: object) -> float:
    """Return a counter's value; Powertools writes it in a list."""
    if isinstance(value, list):
        value = value[0] if value else 0
    return float(value) if isinstance(value, (int, float)) else 0.0
