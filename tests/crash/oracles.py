"""What must be true whatever was killed: posts, cases, pages, words (docs/reliability.md)."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.case_events import assert_published
from tests.crash.cover_oracles import broken_cover
from tests.crash.seen import events, notices, pages, published, reached, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.crash.harness import World

CANARIES = ("4111 1111 1111 1111", "leela.canary@example.org")


def unsent_but_marked(world: World) -> list[str]:
    """I4 at every step: a page is marked as sent only after it was, or while it waits for a bundle."""
    del world
    marked = {
        row["key"]["S"].removeprefix("PAGE#")
        for row in rows().values()
        if row["key"]["S"].startswith("PAGE#") and "sent_at" in row
    }
    if not marked:
        return []
    waiting = str([row for key, row in rows().items() if key.startswith(("BUDGET#", "PAGE#bundle#"))])
    unsent = sorted(one for one in marked - reached() if one not in waiting)
    return [f"I4 page {one} is marked as sent and was not" for one in unsent]


def violations(
    world: World,
    *,
    expected: Mapping[str, datetime | None],
    gone: frozenset[str] = frozenset(),
    words: tuple[str, ...] = (),
) -> list[str]:
    """Return what is broken: `expected` items and when they were said, those `gone`, and their words."""
    found = list(world.early)
    all_rows, told = rows(), events()
    items = {k.removeprefix("ITEM#"): r for k, r in all_rows.items() if k.startswith("ITEM#")}
    cases = [json.loads(r["case"]["S"]) for k, r in all_rows.items() if k.startswith(("CASE#", "OLD#"))]
    letters = [k.removeprefix("DEAD#") for k in all_rows if k.startswith("DEAD#")]
    found += [f"schema {mistake}" for said in published() if (mistake := _mistake(said))]
    found += [
        f"I1 {key} is lost"
        for key in expected
        if key not in items and not any(one.startswith((f"{key}#", f"{key}@")) for one in letters)
    ]
    found += [f"I8 {key} has no tombstone" for key in gone if not items.get(key, _NONE)["deleted"]["BOOL"]]
    found += [f"I8 {word!r} is still stored" for word in words for r in items.values() if word in str(r)]
    audits = Counter(
        json.loads(row["audit"]["S"])["subject"] for key, row in all_rows.items() if key.startswith("AUDIT#")
    )
    found += _cases_that_do_not_add_up(cases, items, told, expected, audits)
    found += _silence_without_a_reason(items, told)
    found += _pages_that_are_missing(all_rows, told)
    found += broken_cover(world, all_rows, told)
    sinks = (
        str(all_rows),
        str(told),
        str(notices()),
        str(pages()),
        world.out.getvalue(),
        str(world.waiting),
        str(world.dead),
    )
    found += [
        f"I6 {canary} in sink {n}" for canary in CANARIES for n, sink in enumerate(sinks) if canary in sink
    ]
    if world.waiting or world.dead or world.webhooks:
        left = [len(world.waiting), len(world.dead), len(world.webhooks)]
        found.append(f"I11 messages, dead messages, deliveries that are left: {left}")
    if world.most_calls > 200:
        found.append(f"I11 {world.most_calls} calls in one invocation")
    return found


@cache
def _mistake(said: str) -> str:
    """Say what the published schema has against a message; each is looked at once."""
    try:
        assert_published(json.loads(said))
    except AssertionError as error:
        return str(error)
    return ""


_NONE: dict[str, Any] = {"deleted": {"BOOL": False}}


def _cases_that_do_not_add_up(  # noqa: C901 - one oracle after the other
    cases: list[dict[str, Any]],
    items: Mapping[str, dict[str, Any]],
    told: list[dict[str, Any]],
    expected: Mapping[str, datetime | None],
    audits: Counter[str],
) -> Iterator[str]:
    """I2, I7, I10: each item counted and told once, clocks unmoved, one event or audit row a version."""
    first_told = Counter(
        item
        for _, item in {
            (e["event_id"], f"{e['item']['network']}#{e['item']['id']}")
            for e in told
            if e["event"] in ("case.opened", "case.reopened", "item.added")
        }
    )
    for key, times in first_told.items():
        if times > 1:
            yield f"I2 {key} came into inboxes {times} times"
    for key, row in items.items():
        if "in_case" in row and not row["deleted"]["BOOL"] and not first_told[key] and "#profile:" not in key:
            yield f"I2 {key} is in no inbox"
    for case in cases:
        inside = {key for key, row in items.items() if row.get("in_case", {}).get("S") == case["case_id"]}
        inside = {key for key in inside if "#profile:" not in key}
        if len(inside) != case.get("items", 1):
            yield f"I2 {case['case_id']} counts {case.get('items', 1)} items and has {len(inside)}"
        said = expected.get(case["first_item"])
        if said and datetime.fromisoformat(case["opened_at"]) != said:
            yield f"I7 the clock of {case['case_id']} moved to {case['opened_at']}"
        versions: dict[int, set[str]] = {}
        for event in (*told, *notices()):
            if event.get("case_id") == case["case_id"] and "case_version" in event:
                told_by = event.get("event_id") or event["event"]  # two promises broken at once: one change
                versions.setdefault(event["case_version"], set()).add(told_by)
        wanted = (
            set(range(1, case.get("version", 1) + 1)) if case.get("generation", 1) == 1 else set(versions)
        )
        if set(versions) - wanted or len(wanted - set(versions)) > audits[case["case_id"]]:
            yield f"I10 {case['case_id']} told versions {sorted(versions)} of {sorted(wanted)}"
        yield from (
            f"I10 {case['case_id']} version {n} told by {ids}" for n, ids in versions.items() if len(ids) > 1
        )


def _silence_without_a_reason(
    items: Mapping[str, dict[str, Any]], told: list[dict[str, Any]]
) -> Iterator[str]:
    """I13: what opened no case says why; a light item is told to its inbox, and a promotion tells who."""
    light = {event["event_id"] for event in told if event["event"] == "item.light"}
    for key, row in items.items():
        if "in_case" in row or row["deleted"]["BOOL"] or "#profile:" in key:
            continue
        grounds = json.loads(row.get("why", row.get("event", {"S": "{}"}))["S"])
        if not grounds.get("reason"):
            yield f"I13 {key} opened no case, and no reason is on record"
        if grounds.get("event") == "item.light" and f"{key}@{row['v']['N']}:item.light" not in light:
            yield f"I13 {key} is in no inbox"
    opened = [event for event in told if event["event"] == "case.opened"]
    for event in opened:
        if event["step"] == "promoted" and not event.get("promoted", {}).get("by"):
            yield f"I13 {event['case_id']} was promoted by nobody"


def _pages_that_are_missing(
    all_rows: Mapping[str, dict[str, Any]], told: list[dict[str, Any]]
) -> Iterator[str]:
    """I4: every cause has a page, every page was sent, and is marked."""
    sent = reached()
    outbox = {k.removeprefix("PAGE#"): r for k, r in all_rows.items() if k.startswith("PAGE#")}
    for event in told:
        if event["priority"] == 1 and not any(
            one.startswith(f"urgent#{event['case_id']}#") for one in outbox
        ):
            yield f"I4 urgent {event['case_id']} paged nobody"
        if event.get("on_duty", {}).get("gap") and not any(
            one.startswith(f"nobody#{event['unit']}#") for one in outbox
        ):
            yield f"I4 the gap of {event['unit']} paged nobody"
    if any(key.startswith("DEAD#") for key in all_rows) and not any(
        one.startswith("dead#") for one in outbox
    ):
        yield "I4 a dead letter paged nobody"
    for page_id, row in outbox.items():
        if page_id not in sent:
            yield f"I4 {page_id} was never sent"
        if "list" in row:
            yield f"I4 {page_id} is not marked as sent"
