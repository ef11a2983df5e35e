"""Random schedules: posts, polls, webhook copies, shuffled and repeated deliveries, clock jumps, faults."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.builders import NOON
from tests.crash.answering import case_ids, click
from tests.crash.answering_oracles import answers_that_did_not_end
from tests.crash.cover import ask, cover_bank
from tests.crash.faults import AWS_FAULTS, HTTP_FAULTS, F
from tests.crash.harness import a_world
from tests.crash.oracles import CANARIES, violations
from tests.crash.scenarios import subscribe
from tests.crash.seen import pages, rows

if TYPE_CHECKING:
    from datetime import datetime

TEXTS = st.sampled_from(
    [
        "hello",
        "my card was stolen",
        f"my card {CANARIES[0]}",
        "giveaway",
        "my transfer",
        "thank you",
        "giveaway, and I will kill myself",
        f"write to {CANARIES[1]}",
    ]
)
AUTHORS = st.sampled_from(["leela", "amy"])
FAULTS = st.dictionaries(
    st.integers(1, 8),
    st.sampled_from(
        sorted(
            {*AWS_FAULTS, *HTTP_FAULTS, "partial", "conflict"} - {"late", "expired_token", "refused_token"}
        )
    ),
    max_size=2,
)


class Schedule(RuleBasedStateMachine):
    """One world and whatever may happen in it; the invariants are asked for when all has drained."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.world = self.stack.enter_context(a_world(NOON, cover_bank()))
        self.world.late = timedelta(days=30)  # nobody sees to it that the clock ticks each minute
        F.quick = True
        self.stack.callback(setattr, F, "quick", False)
        self.said: dict[str, datetime | None] = {}
        self.gone: set[str] = set()
        self.clicks = 0

    @initialize()
    def subscribed(self) -> None:
        subscribe(self.world)
        self.world.tick()  # as it does from the first minute after a deployment

    @rule(author=AUTHORS, text=TEXTS, answers=st.booleans())
    def somebody_posts_on_x(self, author: str, text: str, answers: bool) -> None:  # noqa: FBT001 - a strategy's value
        there = [one for one in self.world.x.posts if not one.deleted]
        reply_to = there[-1].native_id if answers and there else ""
        post = self.world.x.say(author, f"@AcmeBank {text}", reply_to=reply_to)
        self.said[f"x#{post}"] = self.world.clock_now

    @rule(author=AUTHORS, text=TEXTS)
    def somebody_posts_on_mastodon(self, author: str, text: str) -> None:
        self.said[f"mastodon#{self.world.mastodon.say(author, text)}"] = self.world.clock_now

    @rule(text=TEXTS)
    def the_last_post_is_edited(self, text: str) -> None:
        if there := [one for one in self.world.x.posts if not one.deleted]:
            self.world.x.edit(there[-1].native_id, f"@AcmeBank {text}, edited")
            self.said[f"x#{there[-1].native_id}"] = None  # X tells the time of the edit

    @rule()
    def the_last_post_is_deleted(self) -> None:
        if there := [one for one in self.world.x.posts if not one.deleted]:
            self.world.x.delete(there[-1].native_id)
            self.gone.add(f"x#{there[-1].native_id}")

    @rule(network=st.sampled_from(["x", "mastodon"]), plan=FAULTS)
    def a_poll(self, network: str, plan: dict[int, str]) -> None:
        self.world.poll(network, plan)

    @rule(plan=FAULTS, copies=st.integers(1, 2), seed=st.integers(0, 9))
    def webhooks(self, plan: dict[int, str], copies: int, seed: int) -> None:
        self.world.webhooks *= copies
        random.Random(seed).shuffle(self.world.webhooks)
        self.world.push(plan)

    @rule(plan=FAULTS, size=st.integers(1, 10), seed=st.integers(0, 9), repeated=st.booleans())
    def a_batch(self, plan: dict[int, str], size: int, seed: int, repeated: bool) -> None:  # noqa: FBT001 - a strategy's value
        self.world._fetch()
        if repeated:
            self.world.waiting += [
                replace(one, message_id=f"{one.message_id}+", received=0) for one in self.world.waiting[:2]
            ]
        random.Random(seed).shuffle(self.world.waiting)
        self.world.route(plan, size=size)

    @rule(plan=FAULTS)
    def the_stream(self, plan: dict[int, str]) -> None:
        self.world.forward(plan)

    @rule(plan=FAULTS)
    def the_watch_and_the_dead_letters(self, plan: dict[int, str]) -> None:
        self.world.watch(plan)
        self.world.park(plan)

    @rule(plan=FAULTS, doubled=st.booleans())
    def the_clock(self, plan: dict[int, str], doubled: bool) -> None:  # noqa: FBT001 - a strategy's value
        self.world.tick(plan)
        if doubled:
            self.world.tick()

    @rule(plan=FAULTS, which=st.integers(0, 3), do=st.sampled_from(["", "release"]))
    def a_tap(self, plan: dict[int, str], which: int, do: str) -> None:
        if links := [one["link"] for one in pages() if "link" in one]:
            path = links[which % len(links)].removeprefix("https://oncall.test")
            self.world.ask(path, "POST" if do else "GET", plan, **({"do": do} if do else {}))

    @rule(
        plan=FAULTS, member=st.sampled_from(["ana", "gus", "eve"]), unit=st.sampled_from(["cards", "fraud"])
    )
    def a_shift_is_taken(self, plan: dict[int, str], member: str, unit: str) -> None:
        ask(self.world, member, plan, do="take", unit=unit)

    @rule(plan=FAULTS)
    def gus_is_asked_for_anas_day(self, plan: dict[int, str]) -> None:
        day = str(self.world.clock_now.date() + timedelta(days=1))
        asked = {"do": "swap", "unit": "cards", "shift": "day", "date": day, "with": "gus"}
        ask(self.world, "ana", plan, **asked)
        for key in [key for key in rows() if key.startswith("CHANGE#swap")]:
            ask(self.world, "gus", do="agree", change=key.removeprefix("CHANGE#"))

    @rule(hour=st.sampled_from([8, 20]))
    def duty_changes_hands(self, hour: int) -> None:
        """Minutes pass in which nothing is due; then it is the hour at which a shift begins."""
        now = self.world.clock_now
        then = now.replace(hour=hour, minute=0, second=30, microsecond=0)
        self.world.until(now + timedelta(minutes=5))
        self.world.clock.move_to(max(then + timedelta(days=then <= now), self.world.clock_now))
        self.world.tick()

    @rule(plan=FAULTS, which=st.integers(0, 3), beside=st.booleans(), second=st.booleans())
    def somebody_answers(self, plan: dict[int, str], which: int, beside: bool, second: bool) -> None:  # noqa: FBT001 - a strategy's value
        """Ana answers, and maybe Ben at the same time; where nobody has said anything yet, Amy does."""
        if not case_ids():
            self.somebody_posts_on_x("amy", "my transfer", answers=False)
            self.world.clock.shift(timedelta(minutes=2))
            self.world.poll("x")
            self.world.route()
        if not (cases := case_ids()):
            return
        for member in ("ana", "ben")[: 1 + beside]:
            self.clicks += 1
            click(
                self.world,
                plan,
                case_id=cases[which % len(cases)],
                reply_id=f"answer-{self.clicks:03}",
                member=member,
                second=second,
            )

    @rule(plan=FAULTS, seed=st.integers(0, 9), repeated=st.booleans())
    def a_visit(self, plan: dict[int, str], seed: int, repeated: bool) -> None:  # noqa: FBT001 - a strategy's value
        self.world.forward()
        self.world.fetch_answers()
        if repeated:
            self.world.answers += [replace(one, received=0) for one in self.world.answers[:1]]
        random.Random(seed).shuffle(self.world.answers)
        self.world.respond(plan)

    @rule(seconds=st.sampled_from([1, 61, 600, 3_700]), cold=st.booleans())
    def time_passes(self, seconds: int, cold: bool) -> None:  # noqa: FBT001 - a strategy's value
        self.world.clock.shift(timedelta(seconds=seconds))
        if cold:
            self.world.cold()

    def teardown(self) -> None:
        with self.stack:
            self.world.drain("x", "mastodon")
            for network in ("x", "mastodon"):  # a deletion that named the edit's id is found by reading again
                self.world.reread(network)
            self.world.settle()
            self.world.until(self.world.clock_now + timedelta(minutes=30))
            broken = violations(self.world, expected=self.said, gone=frozenset(self.gone))
            assert broken + answers_that_did_not_end(self.world) == []


TestSchedules = Schedule.TestCase
TestSchedules.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
