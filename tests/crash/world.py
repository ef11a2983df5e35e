"""A small world for crash tests: moto for AWS, stand-ins without sockets, a clock that only we move.

`World.run` invokes one handler under a plan of faults, `World.drain` redelivers until all is quiet, and
`violations` looks whether the invariants of docs/reliability.md hold. `harness.py` makes one.
"""

from __future__ import annotations

import contextlib
import copy
import copyreg
import io
import json
import urllib.error
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import Message as Headers
from itertools import count
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends

from allhours.aws import clock, consumers, intake, links, minute, organisation, outbox, prove, respond, wiring
from allhours.domain.errors import Busy
from allhours.domain.item import Item, item_to_json
from allhours.flows.sweep_replies import sweep_replies
from tests.crash.answering_oracles import Watch
from tests.crash.faults import Crash, F
from tests.crash.messages import Message, Pushed, request_event
from tests.crash.oracles import unsent_but_marked
from tests.crash.seen import DEFAULT_ACCOUNT_ID, REGION, rows, table, topic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.organisation import Organisation
    from infra.local.standins.base import StandIn
    from infra.local.standins.mastodon import MastodonStandIn
    from infra.local.standins.x import XStandIn

OK = 200  # HTTP's
_BANK = [one for one in vars(organisation).values() if hasattr(one, "cache_clear")]
_CACHES = [one for one in vars(wiring).values() if hasattr(one, "cache_clear")]
NEVER = datetime.max.replace(tzinfo=UTC)
LATE = timedelta(minutes=4)  # the minute that a fault took, the next tick, the sweep's minute after it
MOST_TRIES = 5  # deliveries of a message before it is a dead letter, as in template.yaml
MOST_VISITS = 3  # the same for the queue of replies
SAME = 300.0  # seconds in which a FIFO queue takes a message of the same stamp for the same one


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 50_000


@dataclass
class Snapshot:
    """The durable state of a world."""

    rows: dict[str, Any]
    stream: list[Any]
    queue: list[Any]
    events: list[Any]
    pages: list[Any]
    called: list[datetime]
    stand_ins: dict[str, StandIn]
    webhooks: list[Pushed]
    secrets: dict[str, Any]
    said: dict[str, datetime]
    answers: list[Message]
    stamps: dict[str, float]


@dataclass
class World:
    """Everything that outlives a function; `ended` counts how invocations did.

    `called` says when each page was sent, `taken` what somebody was told to be done; `late` is by how much
    what is due may be done after it; `said` is when customers said what, by the item's key. `answers` are
    what the queue of replies holds, `stamps` when it took which; `ahead` are faults that are planned beyond
    the invocation that runs, `watch_answers` looks after
    each whether anybody was answered twice. `undisturbed` says that nothing was planned, `arrives_at` until
    when a request that was given up may be on its way.
    """

    clock: Any  # time_machine's traveller, which it does not name
    stand_ins: dict[str, StandIn]
    bank: Organisation
    since: datetime
    desks: dict[str, Callable[..., Any]] = field(default_factory=dict)
    waiting: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    webhooks: list[Pushed] = field(default_factory=list)
    out: io.StringIO = field(default_factory=io.StringIO)
    ended: Counter[str] = field(default_factory=Counter)
    most_calls: int = 0
    early: list[str] = field(default_factory=list)
    logs: list[list[str]] = field(default_factory=list)
    called: list[datetime] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    said: dict[str, datetime] = field(default_factory=dict)
    late: timedelta = LATE
    answers: list[Message] = field(default_factory=list)
    stamps: dict[str, float] = field(default_factory=dict)
    ahead: dict[int, str] = field(default_factory=dict)
    watch_answers: Watch = field(default_factory=Watch)
    undisturbed: bool = False
    arrives_at: datetime = NEVER

    @property
    def x(self) -> XStandIn:
        """Return the stand-in for X."""
        return cast("XStandIn", self.stand_ins["x"])

    @property
    def mastodon(self) -> MastodonStandIn:
        """Return the stand-in for Mastodon."""
        return cast("MastodonStandIn", self.stand_ins["mastodon"])

    # One invocation

    def run(self, doing: Callable[[], Any], plan: Mapping[int, str] | None = None) -> Any:
        """Invoke a function once; return its answer, None when it crashed or raised."""
        F.begin(self.ahead if plan is None else plan)
        self.logs.append(F.log)
        try:
            with contextlib.redirect_stdout(self.out):
                answer = doing()
            self.ended["done"] += 1
        except Crash:
            self.ended["crash"] += 1
            self.forget()
            return None
        except Exception as error:  # noqa: BLE001 - what Lambda does with whatever a handler raises
            self.ended[type(error).__name__] += 1
            self.out.write(f"{type(error).__name__}: {error}\n")
            if not isinstance(error, Busy):
                self.early.append(f"bug {type(error).__name__}: {error}")
            return None
        else:
            return answer
        finally:
            self.most_calls = max(self.most_calls, F.k)
            if self.ahead:
                self.ahead = {k - F.k: fault for k, fault in self.ahead.items() if k > F.k}
            F.end()
            sent = len(topic("pages").sent_notifications) - len(self.called)
            self.called += [self.clock_now] * sent
            self.early += unsent_but_marked(self)
            self.early += self.watch_answers.step(self.stand_ins.values(), self.clock_now)

    @property
    def clock_now(self) -> datetime:
        """Return the frozen instant."""
        return datetime.now(UTC)

    def cold(self) -> None:
        """Forget everything that a warm function remembers; its clients remember nothing."""
        for cached in _BANK:
            cached.cache_clear()
        self.forget()

    def forget(self) -> None:
        """Forget what a warm function learns, but not the organisation, which it reads at its start."""
        for cached in _CACHES:
            cached.cache_clear()
        self.desks.clear()

    def desk(self, network: str) -> Callable[..., Any]:
        """Return the handler of a network's function."""
        if network not in self.desks:
            self.desks[network] = intake.intake(network)
        return self.desks[network]

    # The stages

    def poll(self, network: str, plan: Mapping[int, str] | None = None, *, do: str = "poll") -> Any:
        """Let the schedule wake a network's function."""
        return self.run(lambda: self.desk(network)({"do": do}, _Context()), plan)

    def reread(self, network: str, plan: Mapping[int, str] | None = None) -> None:
        """Let a network's function read again what is kept."""
        self.poll(network, plan, do="reread")

    def push(self, plan: Mapping[int, str] | None = None) -> None:
        """Deliver what networks push, the faults counted through all; what is not answered with 200 stays."""
        calls: list[str] = []
        for one in list(self.webhooks):
            network = urlsplit(one.pusher.url).path.rpartition("/")[2]
            left = {k - len(calls): fault for k, fault in (plan or {}).items() if k > len(calls)}
            answer = self.run(lambda: self.desk(network)(one.event(), _Context()), left)  # noqa: B023 - run at once
            calls += self.logs.pop()
            if answer and answer["statusCode"] == OK:
                self.webhooks.remove(one)
        self.logs.append(calls)

    def greeted(self, url: str, timeout: float = 0) -> io.BytesIO:
        """Let a network greet our webhook; a greeting is another invocation, beside the one under faults."""
        del timeout
        with F.paused(), contextlib.redirect_stdout(self.out):
            desk: Any = intake.intake(urlsplit(url).path.rpartition("/")[2])
            answer = desk(request_event("GET", url, {}), _Context())
        if answer["statusCode"] != OK:
            raise urllib.error.HTTPError(url, answer["statusCode"], "refused", Headers(), None)
        return io.BytesIO(answer["body"].encode())

    def route(self, plan: Mapping[int, str] | None = None, *, size: int = 10) -> None:
        """Route one batch from the common queue."""
        self._fetch()
        given_up = self._consume(self.waiting, consumers.route_batch, plan, size, MOST_TRIES)
        self.dead += [replace(one, received=0) for one in given_up]

    def park(self, plan: Mapping[int, str] | None = None) -> None:
        """Park one batch of dead letters."""
        self._consume(self.dead, consumers.park_batch, plan, 10)

    def respond(self, plan: Mapping[int, str] | None = None) -> None:
        """See to the first message in the queue of replies; the clock comes again for what is given up."""
        self.fetch_answers()
        self._consume(self.answers, respond.respond_batch, plan, 1, MOST_VISITS)

    def sweep(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the clock's part for answers run alone."""
        at = self.clock_now
        self.run(lambda: sweep_replies(ledger=wiring.replies(), replies=wiring.reply_queue, at=at), plan)

    def forward(self, plan: Mapping[int, str] | None = None) -> None:
        """Forward what the stream holds; all of it comes again unless the function ended well."""
        shard = table().stream_shard
        assert shard is not None
        records = [one.to_json() for one in shard.items]
        wanted = [one for one in records if _passes_the_filter(one)]
        if wanted:
            before = self.ended["done"]
            self.run(lambda: outbox.forward_batch({"Records": wanted}), plan)
            if self.ended["done"] == before:
                return
        shard = table().stream_shard
        assert shard is not None
        shard.items[:] = [one for one in shard.items if one.to_json() not in records]

    def watch(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the minute's tick wake the watch."""
        self.run(minute.watch_minute, plan)

    def tick(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the clock tick."""
        self.run(clock.clock_minute, plan)

    def prove(self, plan: Mapping[int, str] | None = None) -> None:
        """Let the night prove the rota."""
        self.run(prove.prove_tonight, plan)

    def ask(
        self, path: str, method: str = "GET", plan: Mapping[int, str] | None = None, **asked: str
    ) -> tuple[int, str]:
        """Open a link as a program does; return status and body, 500 when the function is gone."""
        event = {
            "rawPath": path,
            "requestContext": {"http": {"method": method}},
            "headers": {"accept": "application/json", "content-type": "application/json"},
            "body": json.dumps(asked) if asked else "",
        }
        answer = self.run(lambda: links.open_link(event), plan)
        return (answer["statusCode"], answer["body"]) if answer else (500, "")

    def minute(self) -> None:
        """Let a minute pass, with all that happens in it."""
        self.clock.shift(timedelta(minutes=1))
        self.tick()
        self.watch()
        self.forward()
        for _ in range(MOST_TRIES):
            self.respond()

    def minute_under(self, plan: Mapping[int, str]) -> None:
        """Let a tick and what it calls for happen, the faults counted through both."""
        before = len(self.logs)
        self.tick(plan)
        ticked = self.logs[before]
        self.forward({k - len(ticked): fault for k, fault in plan.items() if k > len(ticked)})
        ticked += self.logs[-1]

    def until(self, end: datetime) -> None:
        """Let minutes pass until nothing is due before the end; those in which nothing is due are skipped."""
        while self.waiting:
            self.route()
        self.forward()
        for _ in range(2):
            self.minute()
        due = ""
        for _ in range(60):
            waits = (row for row in rows().values() if "due" in row and row["due"]["S"][:7] != "CLOSED#")
            due = min((row["due_at"]["S"] for row in waits), default="9999")
            if due > end.isoformat():
                break
            self.clock.move_to(max(self.clock_now, datetime.fromisoformat(due).replace(second=0)))
            self.minute()
        else:
            self.early.append(f"I11 something has been due since {due}")
        self.minute()

    def _consume(
        self,
        messages: list[Message],
        handler: Callable[[Any], dict[str, Any]],
        plan: Mapping[int, str] | None,
        size: int,
        tries: int = 1_000,
    ) -> list[Message]:
        """Hand over the first messages; return which have come too often to come again."""
        batch = messages[:size]
        if not batch:
            return []
        for one in batch:
            one.received += 1
        answer = self.run(lambda: handler({"Records": [one.record() for one in batch]}), plan)
        again = {one.message_id for one in batch}
        if answer is not None:
            again = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        done = [one for one in batch if one.message_id not in again]
        given_up = [one for one in batch if one.message_id in again and one.received >= tries]
        messages[:] = [one for one in messages if one not in done and one not in given_up]
        return given_up

    def fetch_answers(self) -> None:
        """Take what the FIFO queue has got; a stamp that it has seen lately is the same message."""
        queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["replies.fifo"]
        now = self.clock_now.timestamp()
        for one in queue._messages:
            stamp = str(one.deduplication_id)
            if now - self.stamps.get(stamp, 0.0) >= SAME:
                self.stamps[stamp] = now
                self.answers.append(Message(one.id, one.body))
        queue._messages.clear()

    def _fetch(self) -> None:
        queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["common"]
        self.waiting += [Message(one.id, one.body) for one in queue._messages]
        queue._messages.clear()

    # Until quiet

    def drain(self, *networks: str) -> None:
        """Poll until the faults are over, past every rate limit; then settle."""
        for minutes in (16, 2):
            self.clock.shift(timedelta(minutes=minutes))
            for network in networks:
                self.poll(network)
            self.push()
        self.settle()

    def settle(self) -> None:
        """Redeliver until nothing moves: router, dead letters, outbox, watch."""
        self.clock.shift(timedelta(minutes=2))
        self._fetch()
        for _ in range(MOST_TRIES * 4):
            if not self.waiting:
                break
            self.route()
        self.park()
        self.forward()
        self.watch()
        self.forward()

    # Snapshots

    def snapshot(self) -> Snapshot:
        """Keep the durable state."""
        self._fetch()
        self.fetch_answers()
        shard = table().stream_shard
        assert shard is not None
        return Snapshot(
            rows=copy.deepcopy(dict(table().items)),
            stream=list(shard.items),
            queue=[(one.message_id, one.body) for one in self.waiting],
            events=list(topic("events").sent_notifications),
            pages=list(topic("pages").sent_notifications),
            called=list(self.called),
            stand_ins={name: copied(one) for name, one in self.stand_ins.items()},
            webhooks=list(self.webhooks),
            secrets=copy.deepcopy(dict(_secrets())),
            said=dict(self.said),
            answers=[Message(one.message_id, one.body) for one in self.answers],
            stamps=dict(self.stamps),
        )

    def restore(self, kept: Snapshot) -> None:
        """Return to a snapshot."""
        records = table()
        records.items.clear()
        records.items.update(copy.deepcopy(kept.rows))  # an update over the wire changes a row in place
        assert records.stream_shard is not None
        records.stream_shard.items = list(kept.stream)
        sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["common"]._messages.clear()
        self.waiting = [Message(*one) for one in kept.queue]
        topic("events").sent_notifications[:] = kept.events
        topic("pages").sent_notifications[:] = kept.pages
        sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues["replies.fifo"]._messages.clear()
        self.answers = [Message(one.message_id, one.body) for one in kept.answers]
        self.stamps, self.ahead, F.late = dict(kept.stamps), {}, []
        self.dead, self.early, self.taken = [], [], []
        self.called, self.webhooks, self.said = list(kept.called), list(kept.webhooks), dict(kept.said)
        self.stand_ins = {name: copied(one) for name, one in kept.stand_ins.items()}
        _secrets().clear()
        _secrets().update(copy.deepcopy(kept.secrets))
        self.watch_answers = Watch()
        self.watch_answers.begin(self.stand_ins.values())
        self.out.seek(0)
        self.out.truncate()

    def queue_items(self, *items: Item) -> None:
        """Put items on the common queue, as an ingest function would."""
        for item in items:
            self.waiting.append(Message(f"m{len(self.waiting)}", json.dumps(item_to_json(item))))


copyreg.pickle(count, lambda one: (count, (int(repr(one)[6:-1]),)))  # Python 3.14 copies no count by itself


def copied(stand_in: StandIn) -> StandIn:
    """Return a network's double: its world is its own, its lock and what it pushes are not."""
    kept = {id(stand_in.lock): stand_in.lock, id(stand_in.asked): list(stand_in.asked)}
    return copy.deepcopy(stand_in, kept)


def _secrets() -> dict[str, Any]:
    kept: dict[str, Any] = secretsmanager_backends[DEFAULT_ACCOUNT_ID][REGION].secrets
    return kept


def _passes_the_filter(record: Mapping[str, Any]) -> bool:
    image = record["dynamodb"].get("NewImage", {})
    told = "event" in image or "notice" in image or ("page" in image and "list" in image)
    told = told or image.get("st") == {"S": "ready"}
    return record["eventName"] != "REMOVE" and told
