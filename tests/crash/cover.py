"""The stages of cover: the clock's parts, the pager, acknowledgements, changes by the hour."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from allhours.aws import wiring
from allhours.domain.budget import Budget, Counted
from allhours.domain.escalation import Step
from allhours.domain.item import Kind, Visibility
from allhours.domain.links import member_link, signed
from allhours.domain.organisation import Member, Organisation, TestPages, Unit
from allhours.domain.people import Leave
from allhours.domain.rota import Desk, Rotation, Shift, UnitRota
from allhours.domain.service_level import ServiceLevel
from allhours.flows.cover_ports import Spent
from tests.builders import NOON, RULES, a_general_item, an_organisation
from tests.crash.harness import WORD_LISTS, World
from tests.crash.scenario import Plan, Scenario
from tests.crash.seen import pages, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from allhours.domain.item import Item

DAY = date(2027, 3, 15)  # NOON's
EVENING = NOON.replace(hour=20)  # duty changes hands in both units
HOLE = EVENING + timedelta(days=20)  # Fay is away for that night, and fraud has nobody else
TAPS = 4  # of somebody who waits for an answer
TRIAL = NOON.replace(hour=10) + timedelta(days=1)


def cover_bank() -> Organisation:
    """Found a bank of two units, both with days and nights; Dee is always away, Petra heads all."""
    bank = an_organisation()
    names = ("Ana", "Ben", "Cleo", "Dee", "Eve", "Fay", "Gus", "Petra")
    away = {
        "dee": Leave(start=0, end=int((NOON + timedelta(days=400)).timestamp())),
        "fay": Leave(start=int(HOLE.timestamp()), end=int((HOLE + timedelta(hours=12)).timestamp())),
    }
    members = {
        name.lower(): Member(
            member_id=name.lower(),
            name=name,
            zone="UTC",
            contact={"sns": name.lower()},
            leave=(away[name.lower()],) if name.lower() in away else (),
        )
        for name in names
    }
    units = {
        "cards": _unit("cards", ("acmebank", "acmecards"), ("ana",), "ben", more=("gus",), handover="move"),
        "fraud": _unit("fraud", ("acmesafe",), ("cleo", "eve"), "fay", handover="queue"),
    }
    steps = (
        Step(after=0, notify="on_shift"),
        Step(after=300, notify="member:dee"),
        Step(after=600, notify="member:petra", repeat=600, times=2, alarm=True),
    )
    handles = {("acmebank", "x"), ("acmecards", "mastodon")}
    accounts = {
        name: replace(
            bank.accounts[name],
            unit=unit.unit_id,
            handles=tuple(
                replace(one, unit=unit.unit_id)
                for one in bank.accounts[name].handles
                if (name, one.network) in handles
            ),
        )
        for unit in units.values()
        for name in unit.accounts
    }
    return replace(
        bank,
        revision="the bank of the cover stages",
        fallback_unit="cards",
        members=members,
        units=units,
        accounts=accounts,
        rules=tuple(rule for rule in RULES if rule.unit in {"", *units}),
        silent_after={},
        word_lists=WORD_LISTS,
        escalation={
            "cards": steps,
            "fraud": (steps[0], Step(after=300, notify="member:petra", alarm=True)),
            "operations": steps[2:],
        },
        company_duty="petra",
        test_pages=TestPages(weekday=1, minute=600),
    )


def _unit(
    name: str,
    accounts: tuple[str, ...],
    days: tuple[str, ...],
    night: str,
    *,
    more: tuple[str, ...] = (),
    handover: str,
) -> Unit:
    return Unit(
        unit_id=name,
        title=name.title(),
        accounts=accounts,
        rota=UnitRota(
            unit=name,
            desks={
                "days": Desk(desk_id="days", zone="UTC", members=(*days, *more)),
                "nights": Desk(desk_id="nights", zone="UTC", members=(night,)),
            },
            shifts=(_shift("day", "days", 480, 1200, days), _shift("night", "nights", 1200, 480, (night,))),
            needs=(),
            fallback="petra",
            choose="order",
        ),
        reopen_within=timedelta(days=7),
        members=(*days, night, *more),
        head="petra",
        handover=handover,  # type: ignore[arg-type] # one of the two words
        service_levels=tuple(
            ServiceLevel(priority=priority, first_answer=3600, resolution=36_000, clock="wall")
            for priority in (1, 2, 3)
        ),
    )


def _shift(name: str, desk: str, start: int, end: int, members: tuple[str, ...]) -> Shift:
    turns = Rotation(members=members, every=1, unit="week", anchor=DAY, size=len(members))
    return Shift(shift_id=name, desk=desk, days=frozenset(range(7)), start=start, end=end, rotation=turns)


# What happens before


def _said(world: World, number: str, text: str, **more: object) -> Item:
    item = a_general_item(number, conversation_id=number, created_at=world.clock_now, text=text, **more)
    world.queue_items(item)
    world.route()
    return item


def _said_more(world: World, *, number: str) -> None:
    item = a_general_item(
        f"{number}+", conversation_id=number, created_at=world.clock_now, text="hello?", parent_id=number
    )
    world.queue_items(item)
    world.route()


def _an_evening(world: World) -> None:
    """Let Ana have two cases and the day's desk of fraud one."""
    _said(world, "1", "hello")
    _said(world, "2", "hello again")
    _stolen(world, ("3",))
    _minutes(world, 9)


def _all_are_tried(_world: World) -> list[str]:
    tried = sorted(one["member"] for one in pages() if one["why"] == "test")
    wanted = {"ana", "ben", "cleo", "eve", "fay", "gus", "petra"}
    return [] if set(tried) == wanted else [f"I4 only {tried} were tried"]


def _stolen(world: World, numbers: tuple[str, ...]) -> None:
    for number in numbers:
        _said(world, number, "my card was stolen")


def _minutes(world: World, count: int) -> None:
    for _ in range(count):
        world.minute()


def _at(at: datetime, *doing: Callable[[World], object]) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.clock.move_to(at)
        for one in doing:
            one(world)

    return prepare


def _busy(world: World) -> None:
    """Let Eve have been called five times of late, so that only the first of a kind goes through."""
    at = world.clock_now
    counted = tuple(Counted(call_id=f"before {n}", kind=f"before#{n}", at=at) for n in range(5))
    assert wiring.budgets().save(
        Spent(member="eve", budget=Budget(), version=0), Budget(counted=counted), at=at
    )


def _two_pages(world: World) -> None:
    """Let a page in fraud come to its end in the minute in which one in cards meets an empty step."""
    _stolen(world, ("1",))
    _minutes(world, 10)
    _said(world, "2", "I am desperate")
    _minutes(world, 5)


def _link_of(name: str, *, member: str = "") -> str:
    links = [one["link"] for one in pages() if one["page_id"].startswith(name) and member in one["member"]]
    link: str = links[-1]
    return link.removeprefix("https://oncall.test")


def _tap(world: World, plan: Plan | None = None, *, do: str = "", member: str = "cleo") -> None:
    path = _link_of("urgent#", member=member)
    status, _ = world.ask(path, "POST" if do else "GET", plan, **({"do": do} if do else {}))
    if status == 200:
        world.taken.append(do or "acknowledge")


def _until_taken(world: World, *, do: str = "") -> None:
    """Tap again until it is said to be done, then let time pass."""
    for _ in range(TAPS):
        if not world.taken:
            world.clock.shift(timedelta(seconds=20))
            _tap(world, do=do)
    world.until(world.clock_now + timedelta(minutes=40))


def _is_taken(_world: World) -> list[str]:
    told = [one for key, one in rows().items() if key.startswith("NOTICE#page.acknowledged#")]
    climbs = [json.loads(one["climb"]["S"]) for one in rows().values() if "climb" in one]
    if len(told) != 1 or not any(one["acknowledged_by"] for one in climbs):
        return [f"I4 somebody was told to have the page; {len(told)} notices say so"]
    return []


def _is_released(_world: World) -> list[str]:
    climbs = [json.loads(one["climb"]["S"]) for one in rows().values() if "climb" in one]
    again = [one for one in climbs if one["released"] == 1]
    return [] if again and len(again[0]["told"]) > 3 else ["I4 a page that was handed back called nobody"]


# Changes


def ask(world: World, member: str, plan: Plan | None = None, **asked: str) -> int:
    """Let a member ask for a change by their own link; keep that there was an answer."""
    token = signed(member_link(member, 0, world.clock_now), wiring.links_key())
    status, body = world.ask(f"/members/{token}", "POST", plan, **asked)
    if status == 200:
        world.taken.append(json.loads(body)["change"]["change_id"])
    elif status == 409:
        world.taken.append("refused")
    return status


_WEDNESDAY = str(DAY + timedelta(days=2))


def _swap_proposed(world: World) -> None:
    asked = {"do": "swap", "unit": "cards", "shift": "day", "date": _WEDNESDAY, "with": "gus"}
    ask(world, "ana", None, **asked)


def _agree(world: World, plan: Plan | None = None) -> None:
    (which,) = (key.removeprefix("CHANGE#") for key in rows() if key.startswith("CHANGE#swap"))
    ask(world, "gus", plan, do="agree", change=which)


def _leave(world: World, plan: Plan | None = None, *, member: str) -> None:
    ask(world, member, plan, do="leave", **{"from": _WEDNESDAY, "until": _WEDNESDAY})


def _until_answered(world: World, *, doing: Callable[[World], object]) -> None:
    for _ in range(TAPS):
        if not world.taken:
            world.clock.shift(timedelta(seconds=20))
            doing(world)
    if not world.taken:
        world.early.append("I10 a member was never answered")
    world.until(world.clock_now + timedelta(minutes=5))


def _is_swapped(_world: World) -> list[str]:
    states = [len(one["states"]["L"]) for key, one in rows().items() if key.startswith("CHANGE#swap")]
    return [] if states == [2] else [f"I10 the swap had {states} states"]


# Gaps


def _hole_is_known(_world: World) -> list[str]:
    known = [key for key in rows() if key.startswith("GAP#fraud#gap#")]
    return [] if len(known) == 1 else [f"I5 the hole is on record as {known}"]


def _prove_again(world: World) -> None:
    world.prove()
    world.until(HOLE - timedelta(days=13))


def _last_half_hour(world: World) -> None:
    world.until(world.clock_now + timedelta(minutes=30))


def _two_late_ticks(world: World, plan: Plan) -> None:
    world.tick(plan)
    world.forward()
    world.tick()
    world.forward()
    world.clock.shift(timedelta(minutes=7))
    world.tick()


def _private(world: World) -> None:
    """Let a message come by whose first day is nearly over, and a post."""
    _said(world, "1", "hello")
    item = a_general_item(
        "fb-1",
        network="facebook",
        conversation_id="fb-1",
        kind=Kind.MESSAGE,
        visibility=Visibility.PRIVATE,
        created_at=world.clock_now - timedelta(hours=21, minutes=30),
        text="hello",
    )
    world.queue_items(item)
    world.route()


COVER: dict[str, Scenario] = {
    "pager": Scenario(  # two people are called; for Eve it is over her budget
        at=NOON + timedelta(minutes=1),
        bank=cover_bank,
        prepare=_at(NOON, _busy, partial(_stolen, numbers=("1", "2"))),
        act=World.forward,
        meanwhile=World.forward,
        drain=lambda world: world.until(NOON + timedelta(minutes=50)),
    ),
    "escalation": Scenario(
        at=NOON + timedelta(minutes=15),
        bank=cover_bank,
        prepare=_at(NOON, _two_pages),
        act=World.tick,
        meanwhile=World.tick,
        drain=lambda world: world.until(NOON + timedelta(minutes=50)),
    ),
    "late ticks": Scenario(
        at=NOON + timedelta(minutes=15),
        bank=cover_bank,
        prepare=_at(NOON, _two_pages),
        act=_two_late_ticks,
        drain=lambda world: world.until(NOON + timedelta(minutes=55)),
    ),
    "overtaken": Scenario(  # somebody takes the page while the clock, or the pager, is at it
        at=NOON + timedelta(minutes=6),
        bank=cover_bank,
        prepare=_at(NOON, partial(_stolen, numbers=("1",)), partial(_minutes, count=4)),
        act=World.minute_under,
        meanwhile=_tap,
        drain=lambda world: world.until(NOON + timedelta(minutes=30)),
        also=lambda world: _is_taken(world) if world.taken else [],
    ),
    "acknowledge": Scenario(
        at=NOON + timedelta(minutes=2),
        bank=cover_bank,
        prepare=_at(NOON, partial(_stolen, numbers=("1",)), partial(_minutes, count=1)),
        act=_tap,
        meanwhile=partial(_tap, member="eve"),
        drain=_until_taken,
        also=_is_taken,
    ),
    "release": Scenario(
        at=NOON + timedelta(minutes=4),
        bank=cover_bank,
        prepare=_at(NOON, partial(_stolen, numbers=("1",)), partial(_minutes, count=1), _tap),
        act=partial(_tap, do="release"),
        meanwhile=World.tick,
        drain=partial(_until_taken, do="release"),
        also=_is_released,
    ),
    "deadlines": Scenario(
        at=NOON + timedelta(hours=1),
        bank=cover_bank,
        prepare=_at(NOON, _private, lambda world: world.until(NOON + timedelta(minutes=55))),
        act=World.tick,
        meanwhile=partial(_said_more, number="1"),
        drain=lambda world: world.until(NOON + timedelta(minutes=90)),
    ),
    "handover": Scenario(
        at=EVENING,
        bank=cover_bank,
        prepare=_at(EVENING - timedelta(minutes=10), _an_evening),
        act=World.tick,
        meanwhile=partial(_said_more, number="1"),
        drain=lambda world: world.until(EVENING + timedelta(minutes=30)),
    ),
    "prove": Scenario(
        at=NOON,
        bank=cover_bank,
        act=World.prove,
        meanwhile=World.prove,
        drain=_prove_again,
        also=_hole_is_known,
    ),
    "gaps": Scenario(
        at=HOLE - timedelta(days=14, minutes=1),
        bank=cover_bank,
        prepare=_at(NOON, World.prove, World.forward),
        act=World.tick,
        meanwhile=World.tick,
        drain=lambda world: world.until(HOLE - timedelta(hours=71)),
        also=_hole_is_known,
    ),
    "gap begins": Scenario(
        at=HOLE - timedelta(days=1, minutes=1),
        bank=cover_bank,
        prepare=_at(HOLE - timedelta(days=1, minutes=5), World.prove, partial(_minutes, count=3)),
        act=World.tick,
        meanwhile=World.tick,
        drain=lambda world: world.until(HOLE + timedelta(minutes=30)),
        also=_hole_is_known,
    ),
    "bundles": Scenario(
        at=NOON + timedelta(minutes=15),
        bank=cover_bank,
        prepare=_at(NOON, _busy, partial(_stolen, numbers=("1", "2", "3")), partial(_minutes, count=14)),
        act=World.tick,
        meanwhile=World.tick,
        drain=lambda world: world.until(NOON + timedelta(minutes=50)),
    ),
    "test pages": Scenario(
        at=TRIAL,
        bank=cover_bank,
        prepare=_at(TRIAL - timedelta(minutes=3), World.tick),
        act=World.tick,
        meanwhile=World.tick,
        drain=lambda world: world.until(TRIAL + timedelta(minutes=30)),
        also=_all_are_tried,
    ),
    "swap": Scenario(  # meanwhile the rota changes under it
        at=NOON + timedelta(minutes=2),
        bank=cover_bank,
        prepare=_at(NOON, _swap_proposed),
        act=_agree,
        meanwhile=partial(_leave, member="cleo"),
        drain=partial(_until_answered, doing=_agree),
        also=_is_swapped,
    ),
    "leave": Scenario(  # each may go, but not both
        at=NOON + timedelta(minutes=2),
        bank=cover_bank,
        act=partial(_leave, member="cleo"),
        meanwhile=partial(_leave, member="eve"),
        drain=partial(_until_answered, doing=partial(_leave, member="cleo")),
    ),
}
