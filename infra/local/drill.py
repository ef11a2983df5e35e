"""Drill: a year of the example bank's rota and one bad day, in simulated time, with a report.

    make drill            # the usual day; SEED=7 draws another

Exit code 0 when what must hold held: every post routed once, every page acknowledged or at the end of its
ladder, every handover told once, no case without an owner who is there, no minute of the year uncovered.
Broken promises to customers are reported, not judged: it is a bad day.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from allhours.cli.organisation_file import load
from allhours.domain.fairness import fairness
from allhours.domain.page import Why
from allhours.domain.proof import prove
from infra.local.deploy import FOLDER, LOCAL
from infra.local.drill_day import BEGINS, LASTS, OUTAGE, SNS_DOWN, BadDay

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from allhours.domain.organisation import Organisation
    from allhours.flows.cover_ports import Called

EXAMPLE = FOLDER / "infra" / "organisation" / "acme.yaml"
REPORT = LOCAL / "drill.md"
YEAR = timedelta(days=365)
SEED = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, in lines of Markdown, and what did not hold that must."""

    lines: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the whole report."""
        return "\n".join(self.lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the drill and print its report; 1 when something did not hold."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="of the bad day")
    parser.add_argument("--report", type=Path, default=REPORT, help="where every page is listed")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    report = drill(asked.seed)
    asked.report.parent.mkdir(parents=True, exist_ok=True)
    asked.report.write_text(report.text, encoding="utf-8")
    print(report.text)
    print(f"{time.monotonic() - began:.1f} s; also in {asked.report}", file=sys.stderr)
    return 1 if report.broken else 0


def drill(seed: int) -> Report:
    """Prove the year, live through the day, and tell; the same seed tells the same."""
    loaded = load([EXAMPLE], BEGINS)
    if loaded.organisation is None:
        return Report(("the example bank has mistakes: run `allhours check` on it",), ("no organisation",))
    day = BadDay(loaded.organisation, seed)
    day.play()
    year, holes = _year(loaded.organisation)
    broken = [*holes, *day.broken, *_must_hold(day)]
    lines = [f"# Drill of {BEGINS:%Y-%m-%d}, seed {seed}", ""]
    lines += [*year, *_what_went_wrong(day), *_cover(day), *_promises(day), *_pages(day)]
    lines += ["", "## What must hold", ""]
    lines += [f"- BROKEN: {each}" for each in broken] or ["- all of it did"]
    return Report(tuple(lines), tuple(broken))


def _year(bank: Organisation) -> tuple[list[str], list[str]]:
    """Prove the year from the day on, and say how duty is shared in it."""
    start, end = int(BEGINS.timestamp()), int((BEGINS + YEAR).timestamp())
    holes = [one for one in prove(bank, start, end) if one.severity == "hole"]
    shares = {one.unit: one for one in fairness(bank, start, end)}
    rows = []
    for unit in bank.units.values():
        segments = list(_segments(bank, unit.unit_id, BEGINS, BEGINS + YEAR))
        covered = sum(until - at for at, until, people, _ in segments if people) / 3_600
        moved = len({(at, why) for at, _, _, whys in segments for why in whys if "holiday" in why})
        index = shares[unit.unit_id]
        rows.append(
            (
                unit.title,
                f"{covered:,.0f} of {YEAR / timedelta(hours=1):,.0f}",
                f"{len(segments) - 1:,}",
                f"{moved}",
                f"{sum(one.unit == unit.unit_id for one in holes)}",
                f"{index.index('hours'):.2f} / {index.index('unsocial'):.2f}",
            )
        )
    heads = (
        "unit",
        "hours covered",
        "changes of duty",
        "moved by holidays",
        "holes",
        "Jain hours / unsocial",
    )
    title = f"## The year from {BEGINS:%Y-%m-%d}, tzdata {bank.tzdata}"
    return [title, "", *_table(heads, rows), ""], [f"{one.unit}: {one.sentence}" for one in holes]


def _what_went_wrong(day: BadDay) -> Iterator[str]:
    yield from ("## What went wrong that day", "")
    events = [
        (BEGINS, "All Saints' Day in Manila: shifts there are covered from elsewhere"),
        (datetime(2026, 11, 1, 6, tzinfo=UTC), "New York puts its clocks back: 01:00 to 02:00 comes twice"),
        *(
            (BEGINS + at, what)
            for at, what in zip(OUTAGE, ("the app is out of order", "the app works again"), strict=True)
        ),
        *(
            (BEGINS + at, what)
            for at, what in zip(SNS_DOWN, ("SNS takes no page", "SNS works again"), strict=True)
        ),
        *(
            (one.at, f"{day.plan.members[one.member].name} ({one.unit}) falls ill on duty")
            for one in day.illnesses
        ),
        *day.story,
    ]
    for at, what in sorted(events, key=lambda event: event[0]):
        yield f"- {at:%d %H:%M} {what}"
    yield f"- {day.phones.refused} calls met SNS out of order, and were made when it worked again"
    yield ""


def _cover(day: BadDay) -> Iterator[str]:
    """Say who was there, with the changes of the day; a gap is named."""
    yield from ("## Who covered what (UTC)", "")
    for unit in day.plan.units.values():
        stretches = []
        for at, until, people, _ in _segments(day.organisation, unit.unit_id, BEGINS, BEGINS + LASTS):
            names = ", ".join(dict.fromkeys(day.plan.members[name].name for name in people)) or "NOBODY"
            stretches.append(f"{_clock(at)}-{_clock(until)} {names}")
        yield f"- {unit.title}: {'; '.join(stretches)}"
    told = [one for one in day.notices.told.values() if one.event == "handover"]
    moved = sum(one.event == "case.assigned" for one in day.notices.told.values())
    yield f"- {len(told)} handovers were told, and {moved} cases changed hands"
    yield ""


def _promises(day: BadDay) -> Iterator[str]:
    """Count every promise as kept or broken, by unit."""
    rows = []
    for unit in day.plan.units.values():
        cases = [case for case in day.records.cases.values() if case.unit == unit.unit_id]
        first = [case for case in cases if case.case_id in day.answered_at]
        late = sum("first_answer" in case.missed for case in cases)
        unresolved = sum("resolution" in case.missed for case in cases)
        waits = sorted(
            (day.answered_at[case.case_id] - case.opened_at) / timedelta(minutes=1) for case in first
        )
        half, most = (waits[len(waits) // 2], waits[-1]) if waits else (0.0, 0.0)
        rows.append(
            (
                unit.title,
                f"{len(cases)}",
                f"{len(cases) - late}",
                f"{late}",
                f"{len(cases) - unresolved}",
                f"{unresolved}",
                f"{half:.0f} / {most:.0f}",
            )
        )
    heads = (
        "unit",
        "cases",
        "answered in time",
        "late",
        "resolved in time",
        "late",
        "minutes: half / longest",
    )
    yield from ("## Promises", "", *_table(heads, rows), "", "Broken were:", "")
    for case in sorted(day.records.cases.values(), key=lambda case: (case.opened_at, case.case_id)):
        for kind, due_at in case.missed.items():
            done_at = (day.answered_at if kind == "first_answer" else day.resolved_at).get(case.case_id)
            done = f"it was at {done_at:%H:%M}" if done_at else "it never was"
            what = f"{kind.replace('_', ' ')} by {due_at:%d %H:%M}"
            yield f"- {case.case_id} of {case.unit}, priority {case.priority}: {what}, {done}"
    yield ""


def _pages(day: BadDay) -> Iterator[str]:
    """List every page and how far it climbed."""
    rows = sorted(day.pages.rows.values(), key=lambda one: (one.page.at, one.page.page_id))
    climbing = [one for one in rows if one.page.severity == "critical"]
    steps = Counter(max((told.step for told in one.climb.told), default=0) for one in climbing if one.climb)
    kinds = Counter(one.page.why.value for one in rows)
    bundled = sum(len(one.page.about) for one in rows if one.page.why is Why.BUNDLE)
    told = [f"{count} on step {step + 1}" for step, count in sorted(steps.items())]
    yield from (
        "## Pages",
        "",
        f"- {len(rows)} pages: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}",
    )
    calls = len(day.phones.calls)
    yield f"- {calls} calls to people; {bundled} calls waited for a budget and went out in bundles"
    yield f"- {len(climbing)} had to be taken by somebody: {', '.join(told)} at the highest"
    yield from (
        "",
        *_table(("at", "page", "unit", "called", "taken"), [_page_row(day, one) for one in rows]),
        "",
    )


def _page_row(day: BadDay, one: Called) -> tuple[str, ...]:
    page, climb = one.page, one.climb
    called = [(call.at, call.member) for call in day.phones.calls if call.page.page_id == page.page_id]
    names = [f"{_name(day, member)} {at:%H:%M}" for at, member in called]
    told = Counter(told.member for told in climb.told) if climb else Counter[str]()
    waited = (told or Counter([page.member])) - Counter(member for _, member in called)
    names += [f"({_name(day, member)} {count} in a bundle)" for member, count in waited.items()]
    taken = ""
    if climb and climb.acknowledged_at:
        taken = f"{_name(day, climb.acknowledged_by)} {climb.acknowledged_at:%d %H:%M}"
    elif climb and climb.exhausted:
        taken = "nobody: the alarm"
    elif page.severity == "warning":
        taken = "asks for nobody"
    return f"{page.at:%d %H:%M}", page.page_id, page.unit, " > ".join(names), taken


def _must_hold(day: BadDay) -> Iterator[str]:
    """Look whether what is promised whatever happens was kept."""
    posts = {item.key for item in day.items}
    if day.routed != dict.fromkeys(posts, 1) or day.records.entries.keys() != posts:
        yield f"{len(posts)} posts, and {len(day.records.entries)} are on record"
    for name, one in day.pages.rows.items():
        if one.waiting:
            yield f"page {name} was never sent"
        if one.climb and one.climb.next_at:
            yield f"page {name} still climbs after a day"
    for unit in day.plan.units:
        changed = [
            at for at, *_ in _segments(day.organisation, unit, BEGINS + timedelta(minutes=10), day.at)
        ][1:]
        told = {at for name, at in day.handovers.rows if name == unit}
        missing = [at for at in changed if at not in told and at < day.at.timestamp() - 60]
        if missing:
            yield f"{unit}: {len(missing)} handovers were not told, the first at {_clock(missing[0])}"
    left = sum(case.state.value == "open" for case in day.records.cases.values())
    if left:
        yield f"{left} cases are open a day later"


def _segments(
    bank: Organisation, unit: str, start: datetime, end: datetime
) -> Iterator[tuple[int, int, tuple[str, ...], tuple[str, ...]]]:
    """Yield stretches of the same people: from, until, who, by which shifts or changes."""
    at, last = int(start.timestamp()), int(end.timestamp())
    while at < last:
        segment = bank.segment(unit, datetime.fromtimestamp(at, UTC))
        people = tuple(duty.member or duty.desk for duty in segment.duties)
        yield at, min(segment.end, last), people, tuple(duty.because for duty in segment.duties)
        at = segment.end


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _name(day: BadDay, member: str) -> str:
    return day.plan.members[member].name if member in day.plan.members else member


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %H:%M")


if __name__ == "__main__":
    sys.exit(main())
